//! The `system` of a workload: a row of the catalogue, a program of one's own, or a system file.

use std::collections::BTreeMap;
use std::time::Duration;

use schism_facts::Catalogue;

use super::argv::{command, options};
use super::builtin::Source;
use super::error::{Mistake, meant};
use super::section::{Section, duration, list, map, word};
use super::system_file::{find, inline};
use super::tree::{Key, Node, Tree};
use super::{ClientSpec, Network, SystemSpec, client};

pub(super) fn system_spec(
    node: &Node,
    source: &Source,
    catalogue: &Catalogue,
) -> Result<SystemSpec, Mistake> {
    if let Tree::Scalar { .. } = node.tree {
        return known_system(node, &[], source, catalogue);
    }
    if inline(node) {
        return Ok(SystemSpec::File(Box::new(find::here(node, source, catalogue)?)));
    }
    let entries = map(node)?;
    let get =
        |wanted: &str| entries.iter().find(|(key, _)| key.text == wanted).map(|entry| &entry.1);
    match (get("name"), get("command")) {
        (Some(_), Some(command)) => Err(command
            .at
            .mistake("a system has a `name` (built in) or a `command` (your own), not both")),
        (Some(name), None) => known_system(name, entries, source, catalogue),
        (None, Some(command)) => own(node, command, catalogue),
        (None, None) => Err(node.at.mistake(
            "the system has no `name`; write `system: raft`, `{name: raft, ...}`, `{command: \
             [...]}`, or `{node: {command: [...]}, ...}`",
        )),
    }
}

/// A row of the catalogue, or a system file; `entries` are its options.
fn known_system(
    node: &Node,
    entries: &[(Key, Node)],
    source: &Source,
    catalogue: &Catalogue,
) -> Result<SystemSpec, Mistake> {
    let name = word(node)?;
    if catalogue.system(name).is_some() {
        return named(name, entries, catalogue);
    }
    if let Some(file) = find::named(node, source, catalogue)? {
        return Ok(SystemSpec::File(Box::new(find::with_options(file, entries)?)));
    }
    let files = find::names();
    let known: Vec<&str> = catalogue.systems.iter().map(|row| row.name).collect();
    let known = known.into_iter().chain(files.iter().map(String::as_str));
    let hint = meant(name, known, "systems");
    Err(node.at.mistake(format!("unknown system `{name}`{hint}")))
}

fn named(
    name: &str,
    entries: &[(Key, Node)],
    catalogue: &Catalogue,
) -> Result<SystemSpec, Mistake> {
    let row = catalogue.system(name).expect("looked up before");
    let options = options(name, entries, row.options)?;
    Ok(SystemSpec::Named { name: name.to_owned(), options })
}

/// `{check-quorum: [true, false]}`.
pub(super) fn options_drawn(
    node: &Node,
    system: &SystemSpec,
    catalogue: &Catalogue,
) -> Result<BTreeMap<String, Vec<String>>, Mistake> {
    let none = BTreeMap::new();
    let (known, options): (Vec<&str>, _) = match system {
        SystemSpec::Named { name, options } => {
            let row = catalogue.system(name).expect("looked up before");
            (row.options.iter().map(|option| option.name).collect(), options)
        }
        // Those that are given are the file's own words, with other values.
        SystemSpec::File(file) => (file.options.keys().map(String::as_str).collect(), &none),
        SystemSpec::Command { .. } => {
            let own = "a system of your own has no options; its `command` says all";
            return Err(node.at.mistake(own));
        }
    };
    let section = Section::new("option", node, &known)?;
    let mut drawn = BTreeMap::new();
    for (key, values) in section.entries {
        if options.contains_key(&key.text) {
            return Err(key.at.mistake(format!(
                "`{}` stands under `system` as well; it is set or drawn, not both",
                key.text
            )));
        }
        let words: Result<Vec<String>, Mistake> =
            list(values).iter().map(|item| word(item).map(str::to_owned)).collect();
        let words = words?;
        if words.is_empty() {
            return Err(values.at.mistake("there is nothing to draw from"));
        }
        drawn.insert(key.text.clone(), words);
    }
    Ok(drawn)
}

fn own(node: &Node, argv: &Node, catalogue: &Catalogue) -> Result<SystemSpec, Mistake> {
    const PLACES: &[&str] =
        &["id", "peer", "client", "peers", "clients", "ip", "ips", "data", "trace", "delivered"];
    let section = Section::new("key", node, &["command", "client", "ready", "network"])?;
    let place = &argv.at;
    let argv = command(argv, PLACES)?;
    let network = section.or("network", Network::default(), network)?;
    let tells = |hole: &str| argv.iter().any(|argument| argument.contains(hole));
    if network != Network::Pairs && tells("{peers}") {
        return Err(place.mistake(format!(
            "`{{peers}}` are addresses of links, and `network: {}` has none; write the nodes' own \
             addresses, `{{ip}}` and `{{ips}}`",
            network.word()
        )));
    }
    if !tells("{client}") && (network == Network::Pairs || !tells("{ip}")) {
        return Err(place.mistake(
            "no argument contains `{client}`, so the node cannot learn where to serve clients",
        ));
    }
    let client = section.or("client", ClientSpec::lines(), |node| client::spec(node, catalogue))?;
    // A node that opens a socket needs milliseconds; this leaves room for slow languages.
    let ready = section.or("ready", Duration::from_secs(10), duration)?;
    Ok(SystemSpec::Command { command: argv, client, ready, network })
}

fn network(node: &Node) -> Result<Network, Mistake> {
    let all = [Network::Pairs, Network::Interposed, Network::None];
    let wanted = word(node)?;
    all.into_iter().find(|network| network.word() == wanted).ok_or_else(|| {
        let hint = meant(wanted, all.map(Network::word), "networks");
        node.at.mistake(format!("unknown network `{wanted}`{hint}"))
    })
}
