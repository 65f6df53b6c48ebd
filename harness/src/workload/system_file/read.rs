//! The tree of a system file to a [`SystemFile`]: every key checked, every default filled in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schism_facts::{Catalogue, NodeId, Reads};
use schism_verify::models;

use super::super::ClientSpec;
use super::super::client as clients;
use super::super::error::{Mistake, meant, nearest};
use super::super::section::{Section, list, map, number, positive, word};
use super::super::tree::{Key, Node, Tree};
use super::holes::{self, Hole, Known, Text};
use super::merge::{json, pruned, settled};
use super::node::{command, kinds, step};
use super::{Leader, MayLose, Network, Once, Order, Owes, Program, Promote, Ready, SystemFile};
use crate::faults::{self, FAULTS};
use crate::generate;

/// Every key of a system file, in the order of the documentation.
const KEYS: &[&str] = &[
    "name",
    "about",
    "version",
    "program",
    "programs",
    "install",
    "serves",
    "options",
    "node",
    "processes",
    "first",
    "rest",
    "nodes",
    "start",
    "once",
    "user",
    "data",
    "ports",
    "ready",
    "network",
    "client",
    "leader",
    "promote",
    "progress",
    "acks",
    "serves-reads",
    "recovery",
    "refuses",
    "hash",
];

/// A server that has much to set up needs seconds; this leaves room for a busy machine.
const WITHIN: Duration = Duration::from_secs(30);
/// Often enough to see a leadership that lasts, seldom enough to cost nothing.
const LEADER_EVERY: Duration = Duration::from_millis(500);
/// From here on ports are handed out by the kernel, and links of the proxy lie below.
const PORT_MAX: u64 = 65_535;

/// Whether a map is a system file, or stands in place of one.
pub(in super::super) fn inline(node: &Node) -> bool {
    node.under("node").is_some() || node.under("processes").is_some()
}

/// Reads the keys. `name` is what it is called if it does not say; relative paths are of `folder`.
pub(super) fn file(
    root: &Node,
    name: &str,
    folder: Option<&Path>,
    catalogue: &Catalogue,
) -> Result<SystemFile, Mistake> {
    if let Some(command) = root.under("command") {
        return Err(command.at.mistake(
            "`command` beside `node`: it stands inside `node`, or without `node` and what comes \
             with it",
        ));
    }
    let whole = settled(root, folder)?;
    let pruned = pruned(&whole);
    let top = Section::new("key", &pruned, KEYS)?;
    if top.get("node").or_else(|| top.get("processes")).is_none() {
        return Err(pruned.at.mistake(
            "no `node`; a system file says how a node is started: node: {command: [...]}",
        ));
    }
    let programs = programs(&top)?;
    let names: Vec<&str> = programs.iter().map(|program| &*program.name).collect();
    let ports = top.or("ports", Vec::new(), ports)?;
    let options = top.or("options", BTreeMap::new(), options)?;
    let option_names: Vec<&str> = options.keys().map(String::as_str).collect();
    let known = Known { programs: &names, ports: &ports, options: &option_names, leader: false };
    let (ready, within) =
        top.or_else("ready", || (Ready::Status, WITHIN), |node| self::ready(node, known))?;
    let nodes = kinds(&top, known, within)?;
    let text = |node: &Node| word(node).map(str::to_owned);
    let mut file = SystemFile {
        name: top.or("name", name.to_owned(), name_of)?,
        about: top.or("about", String::new(), text)?,
        version: top.or("version", Vec::new(), |node| command(node, known))?,
        install: top.option("install", text)?,
        serves: top.or_else("serves", || vec!["log".to_owned()], serves)?,
        first: nodes.first,
        rest: nodes.rest,
        nodes: nodes.nodes,
        start: top.or("start", Order::Together, |node| {
            one_of(node, &[("together", Order::Together), ("in-order", Order::InOrder)])
        })?,
        once: top.or("once", Vec::new(), |node| once(node, known, within))?,
        user: top.option("user", text)?,
        data: top.option("data", data)?,
        ready,
        within,
        network: Network::Interposed,
        client: top.or_else("client", ClientSpec::lines, |node| client(node, known, catalogue))?,
        leader: top.or("leader", Leader::Client, |node| leader(node, known))?,
        promote: top.option("promote", |node| promote(node, known, within))?,
        progress: top.or("progress", Owes::Majority, progress)?,
        may_lose: top.option("acks", |node| acks(node, &options))?.flatten(),
        serves_reads: top.or("serves-reads", Reads::Unknown, |node| {
            one_of(
                node,
                &[
                    ("unknown", Reads::Unknown),
                    ("every-node", Reads::EveryNode),
                    ("leader", Reads::Leader),
                ],
            )
        })?,
        recovery: top.option("recovery", positive)?,
        refuses: top.or("refuses", BTreeMap::new(), refuses)?,
        hash: top.option("hash", text)?,
        programs,
        options: options.clone(),
        ports: ports.clone(),
        source: serde_json::Value::Null,
    };
    file.network = network(&top, &file)?;
    reachable(&pruned, &file)?;
    let mut source = json(&pruned);
    source["name"] = file.name.clone().into();
    file.source = source;
    Ok(file)
}

/// One of these words.
fn one_of<T: Copy>(node: &Node, known: &[(&str, T)]) -> Result<T, Mistake> {
    let found = word(node)?;
    known.iter().find(|(name, _)| *name == found).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let hint = meant(found, names.iter().copied(), "words here");
        node.at.mistake(format!("found {}{hint}", node.found()))
    })
}

fn name_of(node: &Node) -> Result<String, Mistake> {
    let name = word(node)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits) {
        return Ok(name.to_owned());
    }
    Err(node
        .at
        .mistake(format!("found {}; a name has lower-case letters, digits, dashes", node.found())))
}

fn programs(top: &Section<'_>) -> Result<Vec<Program>, Mistake> {
    let candidates = |node: &Node| -> Result<Vec<String>, Mistake> {
        let names: Result<Vec<String>, Mistake> =
            list(node).iter().map(|item| word(item).map(str::to_owned)).collect();
        match names {
            Ok(names) if names.is_empty() => Err(node.at.mistake("no program is named")),
            names => names,
        }
    };
    match (top.get("program"), top.get("programs")) {
        (Some(_), Some(both)) => {
            Err(both.at.mistake("`programs` beside `program`; a file has one of them"))
        }
        (Some(one), None) => {
            Ok(vec![Program { name: String::new(), candidates: candidates(one)? }])
        }
        (None, Some(several)) => map(several)?
            .iter()
            .map(|(key, value)| {
                Ok(Program { name: key.text.clone(), candidates: candidates(value)? })
            })
            .collect(),
        (None, None) => Ok(Vec::new()),
    }
}

/// `{peer: 2380, client: 2379}`.
fn ports(node: &Node) -> Result<Vec<(String, u16)>, Mistake> {
    let mut ports: Vec<(String, u16)> = Vec::new();
    for (key, value) in map(node)? {
        let port = number(value, 1..=PORT_MAX)? as u16;
        if let Some((other, _)) = ports.iter().find(|(_, known)| *known == port) {
            return Err(value.at.mistake(format!(
                "port {port} is `{other}` already; each port of a node has one name"
            )));
        }
        ports.push((key.text.clone(), port));
    }
    Ok(ports)
}

/// Options with their defaults. A workload says them beside `name`, and what else may stand there.
fn options(node: &Node) -> Result<BTreeMap<String, String>, Mistake> {
    let keys = ["name", "node", "processes", "command"];
    let taken = |key: &str| keys.contains(&key) || MOVED.contains(&key);
    match map(node)?.iter().find(|(key, _)| taken(&key.text)) {
        Some((key, _)) => Err(key.at.mistake(format!(
            "no option may be called `{}`: a workload writes that beside options",
            key.text
        ))),
        None => words_by_name(node),
    }
}

fn words_by_name(node: &Node) -> Result<BTreeMap<String, String>, Mistake> {
    let one = |(key, value): &(Key, Node)| Ok((key.text.clone(), word(value)?.to_owned()));
    map(node)?.iter().map(one).collect()
}

/// Models that a run can ask for come to be the usual one only where they are there.
fn serves(node: &Node) -> Result<Vec<String>, Mistake> {
    let mut served: Vec<String> = Vec::new();
    for item in list(node) {
        let name = word(item)?;
        if models::named(name).is_none() {
            let names = models::MODELS.iter().map(|model| model.name);
            let hint = meant(name, names, "models");
            return Err(item.at.mistake(format!("unknown model `{name}`{hint}")));
        }
        if !served.iter().any(|known| known == name) {
            served.push(name.to_owned());
        }
    }
    if generate::models().any(|model| served.iter().any(|name| name == model.name)) {
        return Ok(served);
    }
    let driven: Vec<&str> = generate::models().map(|model| model.name).collect();
    Err(node
        .at
        .mistake(format!("a run can ask for none of these; it can for {}", driven.join(", "))))
}

fn data(node: &Node) -> Result<PathBuf, Mistake> {
    let path = PathBuf::from(word(node)?);
    if path.is_absolute() {
        return Ok(path);
    }
    Err(node.at.mistake(format!("found {}; write a folder from / on: /dev/shm", node.found())))
}

fn ready(node: &Node, known: Known<'_>) -> Result<(Ready, Duration), Mistake> {
    let section =
        Section::new("key", node, &["client", "tcp", "http", "log", "command", "within"])?;
    let within = section.or("within", WITHIN, positive)?;
    let mut ways = section.entries.iter().filter(|(key, _)| key.text != "within");
    let Some((way, value)) = ways.next() else { return Ok((Ready::Status, within)) };
    if let Some((second, _)) = ways.next() {
        return Err(second.at.mistake(format!(
            "`{}` beside `{}`; a node is ready in one way",
            second.text, way.text
        )));
    }
    let ready = match &*way.text {
        "client" => one_of(value, &[("status", ())]).map(|()| Ready::Status)?,
        "tcp" => Ready::Tcp(port(value, known)?),
        "http" => {
            let url = holes::text(value, known)?;
            if !matches!(word(value)?, url if url.starts_with("http://")) {
                return Err(value.at.mistake("write a URL that begins with http://"));
            }
            Ready::Http(url)
        }
        "log" => Ready::Log(holes::text(value, known)?),
        _ => Ready::Command(command(value, known)?),
    };
    Ok((ready, within))
}

/// A port by its name or number.
fn port(node: &Node, known: Known<'_>) -> Result<u16, Mistake> {
    let found = word(node)?;
    if let Some((_, port)) = known.ports.iter().find(|(name, _)| name == found) {
        return Ok(*port);
    }
    if found.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(number(node, 1..=PORT_MAX)? as u16);
    }
    let names = known.ports.iter().map(|(name, _)| &**name);
    let hint = meant(found, names, "ports");
    Err(node.at.mistake(format!("unknown port `{found}`{hint}")))
}

/// Whether it names a client protocol that is not there, and is no slip of the finger.
fn is_strange(node: &Node, catalogue: &Catalogue) -> bool {
    let named = node.under("name").unwrap_or(node);
    let names = catalogue.clients.iter().map(|row| row.name).chain(["lines"]);
    word(named).is_ok_and(|name| nearest(name, names).is_none())
}

fn unknown(node: &Node) -> ClientSpec {
    let name = word(node.under("name").unwrap_or(node)).unwrap_or_default().to_owned();
    ClientSpec::Named { name, options: BTreeMap::new() }
}

/// A client protocol; the values of its options may hold `{option:NAME}`.
fn client(node: &Node, known: Known<'_>, catalogue: &Catalogue) -> Result<ClientSpec, Mistake> {
    let client = match clients::spec(node, catalogue) {
        // The file may be older or newer than the program; a workload that needs it is refused.
        Err(_) if is_strange(node, catalogue) => return Ok(unknown(node)),
        client => client?,
    };
    let Tree::Map(entries) = &node.tree else { return Ok(client) };
    for (_, value) in entries {
        let other = |hole: &Hole| !matches!(hole, Hole::Option(_));
        if matches!(value.tree, Tree::Scalar { .. }) && holes::text(value, known)?.has(&other) {
            return Err(value.at.mistake("only `{option:NAME}` can be filled in for a client"));
        }
    }
    Ok(client)
}

fn leader(node: &Node, known: Known<'_>) -> Result<Leader, Mistake> {
    let Tree::Map(_) = node.tree else {
        return match word(node)? {
            "client" => Ok(Leader::Client),
            "none" => Ok(Leader::None),
            _ => Err(node.at.mistake(format!(
                "found {}; write client, none, or {{command: [...], every: 500ms}}",
                node.found()
            ))),
        };
    };
    let section = Section::new("key", node, &["command", "every"])?;
    let Some(argv) = section.get("command") else {
        return Err(node.at.mistake("no `command`; write {command: [...], every: 500ms}"));
    };
    let every = section.or("every", LEADER_EVERY, positive)?;
    Ok(Leader::Command { command: command(argv, known)?, every })
}

fn promote(node: &Node, known: Known<'_>, within: Duration) -> Result<Promote, Mistake> {
    let section = Section::new("key", node, &["fence", "command", "others", "within"])?;
    let known = Known { leader: true, ..known };
    let Some(argv) = section.get("command") else {
        return Err(node.at.mistake("no `command`; write what makes a node lead"));
    };
    let others = section.or("others", Vec::new(), |node| match &node.tree {
        Tree::List(items) => items.iter().map(|item| command(item, known)).collect(),
        _ => Err(node.at.mistake(format!("found {}; write a list of commands", node.found()))),
    })?;
    Ok(Promote {
        fence: section.or("fence", true, fence)?,
        command: command(argv, known)?,
        others,
        within: section.or("within", within, positive)?,
    })
}

fn once(node: &Node, known: Known<'_>, within: Duration) -> Result<Vec<Once>, Mistake> {
    let one = |item: &Node| {
        let section = Section::new("key", item, &["on", "command", "within"])?;
        if section.get("command").is_none() {
            return Err(item.at.mistake("no `command`; write {on: n1, command: [...]}"));
        }
        let on = section.or("on", NodeId(1), |node| {
            word(node)?.parse().map_err(|_| {
                node.at.mistake(format!("found {}; write a node, such as n1", node.found()))
            })
        })?;
        let Tree::Map(entries) = &item.tree else { unreachable!("it has keys") };
        let told = entries.iter().filter(|(key, _)| key.text != "on").cloned();
        let command = Node { at: item.at.clone(), tree: Tree::Map(told.collect()) };
        Ok(Once { on, step: step(&command, known, within)? })
    };
    match &node.tree {
        Tree::List(items) => items.iter().map(one).collect(),
        _ => Err(node.at.mistake(format!(
            "found {}; write a list: - {{on: n1, command: [...], within: 30s}}",
            node.found()
        ))),
    }
}

/// `{}`: nothing is ever lost.
fn acks(node: &Node, options: &BTreeMap<String, String>) -> Result<Option<MayLose>, Mistake> {
    let section = Section::new("key", node, &["may-lose", "unless"])?;
    let Some(lose) = section.get("may-lose") else {
        return match section.get("unless") {
            Some(unless) => Err(unless.at.mistake("`unless` without `may-lose: failover`")),
            None => Ok(None),
        };
    };
    one_of(lose, &[("failover", ())])?;
    let unless = section.option("unless", |node| {
        let unless = Section::new("key", node, &["option", "is"])?;
        let (Some(option), Some(is)) = (unless.get("option"), unless.get("is")) else {
            return Err(node.at.mistake("write {option: NAME, is: VALUE}"));
        };
        let name = word(option)?;
        if !options.contains_key(name) {
            let hint = meant(name, options.keys().map(String::as_str), "options");
            return Err(option.at.mistake(format!("unknown option `{name}`{hint}")));
        }
        Ok((name.to_owned(), word(is)?.to_owned()))
    })?;
    Ok(Some(MayLose { unless }))
}

fn refuses(node: &Node) -> Result<BTreeMap<String, String>, Mistake> {
    for (key, _) in map(node)? {
        if faults::find(&key.text).is_none() {
            let hint = meant(&key.text, FAULTS.iter().map(|fault| fault.name), "faults");
            return Err(key.at.mistake(format!("unknown fault `{}`{hint}", key.text)));
        }
    }
    words_by_name(node)
}

/// Keys that a workload may set beside the name, whatever the file says: how nodes reach each
/// other, where their folders are, when progress is owed, and whether an operator ends the old
/// leader.
pub(super) const MOVED: [&str; 4] = ["network", "data", "progress", "fence"];

/// Takes such a key.
pub(super) fn moved(file: &mut SystemFile, key: &str, node: &Node) -> Result<bool, Mistake> {
    match key {
        "network" => file.network = network_of(node, file)?,
        "data" => file.data = Some(data(node)?),
        "progress" => file.progress = progress(node)?,
        "fence" => {
            let Some(promote) = &mut file.promote else {
                let why =
                    format!("no operator promotes nodes of {}: it has no `promote`", file.name);
                return Err(node.at.mistake(why));
            };
            promote.fence = fence(node)?;
            file.source["promote"]["fence"] = word(node)?.into();
            return Ok(true);
        }
        _ => return Ok(false),
    }
    file.source[key] = word(node)?.into();
    Ok(true)
}

/// When it owes progress.
fn progress(node: &Node) -> Result<Owes, Mistake> {
    one_of(
        node,
        &[
            ("majority", Owes::Majority),
            ("leader", Owes::Leader),
            ("first-node", Owes::FirstNode),
            ("any", Owes::Any),
        ],
    )
}

/// Whether whoever led is killed before another node is promoted.
fn fence(node: &Node) -> Result<bool, Mistake> {
    one_of(node, &[("crash", true), ("none", false)])
}

/// What the file says, else `pairs` where nodes are told each other's addresses.
fn network(top: &Section<'_>, file: &SystemFile) -> Result<Network, Mistake> {
    let is_told = |hole: &Hole| matches!(hole, Hole::Peer | Hole::Peers);
    match top.get("network") {
        Some(node) => network_of(node, file),
        None if file.texts().iter().any(|text| text.has(&is_told)) => Ok(Network::Pairs),
        None => Ok(Network::Interposed),
    }
}

fn network_of(node: &Node, file: &SystemFile) -> Result<Network, Mistake> {
    let peers = |hole: &Hole| matches!(hole, Hole::Peers);
    let told = file.texts().iter().any(|text| text.has(&peers));
    let network = one_of(
        node,
        &[("pairs", Network::Pairs), ("interposed", Network::Interposed), ("none", Network::None)],
    )?;
    match network {
        Network::Pairs if !told => Err(node.at.mistake(
            "`pairs` tells each node where it reaches the others, and nothing here holds \
             `{peers}`; put it into the command, or write `interposed` or `none`",
        )),
        Network::None | Network::Interposed if told => Err(node.at.mistake(format!(
            "`{{peers}}` are the addresses of links, which only `pairs` has; write \
             `{{others:{{id}}={{ip}}:PORT}}` with `{}`",
            network.word()
        ))),
        network => Ok(network),
    }
}

/// Somebody must know where clients are served.
fn reachable(root: &Node, file: &SystemFile) -> Result<(), Mistake> {
    let client = |hole: &Hole| matches!(hole, Hole::Client);
    let has = file.first.iter().chain(&file.rest).any(|process| {
        process
            .command
            .iter()
            .chain(process.files.iter().map(|file| &file.text))
            .any(|text: &Text| text.has(&client))
            || process.env.values().any(|text| text.has(&client))
    });
    if file.client_port().is_some() || has {
        return Ok(());
    }
    Err(root.at.mistake(
        "nobody knows where clients are served; write `ports: {client: 2379}`, or tell the node by \
         `{client}`",
    ))
}
