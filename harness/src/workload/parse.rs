//! The tree of a workload file to a [`Workload`]: every key checked, every default filled in.
//! It never accepts what it does not understand.

use std::time::Duration;

use schism_facts::Catalogue;
use schism_verify::checkers::CHECKERS;
use schism_verify::evidence::Reach;
use schism_verify::evidence::shapes::{self, SHAPES};
use schism_verify::history::Level;
use schism_verify::verdict::{KINDS, Kind};

use super::builtin::Source;
use super::error::{Mistake, Place, meant};
use super::section::{Section, list, number, positive, word};
use super::system::{options_drawn, system_spec};
use super::system_file::inline;
use super::tree::{Node, Tree, read};
use super::when::End;
use super::{
    Expect, Loaded, Overrides, SystemSpec, Workload, WorkloadError, faults, model, overrides,
};
use crate::generate::{Large, Sizes, usual_keys};
use crate::units;

/// How long a run lasts where the file does not say.
const DURATION: Duration = Duration::from_secs(30);
/// Node addresses are 127.R.0.i with i up to 99; from 100 on they are clients'.
const NODES_MAX: u64 = 99;
/// A client's port is 20,000 + its number and must stay below the ephemeral range at 32,768.
const CLIENTS_MAX: u64 = 10_000;
/// A line of the client protocol is at most 1 MiB, quotes, keys and escapes included.
const VALUE_BYTES_MAX: u64 = 512 << 10;

pub(super) fn parse(
    source: &Source,
    changes: &Overrides,
    catalogue: &Catalogue,
) -> Result<Loaded, WorkloadError> {
    workload(source, changes, catalogue)
        .map_err(|mistake| mistake.in_file(&source.file, &source.text))
}

fn workload(
    source: &Source,
    changes: &Overrides,
    catalogue: &Catalogue,
) -> Result<Loaded, Mistake> {
    let mut root = read(&source.text, None)?;
    if root.tree == Tree::Null {
        return Err(Place::start()
            .mistake("the file is empty; a workload is a map of keys such as `system: raft`"));
    }
    if !matches!(root.tree, Tree::Map(_)) {
        return Err(root.at.mistake(format!(
            "{} stands where a map of keys such as `system: raft` should",
            root.found()
        )));
    }
    if root.under("system").is_none() && inline(&root) {
        return Err(root.at.mistake(
            "this says how a system is started, and asks nothing of it; a workload names it: \
             `system: ./FILE`",
        ));
    }
    let unsaid = model::of_file(&root, changes, source, catalogue);
    let usual = model::usual(unsaid);
    let own_duration = root.under("duration").and_then(|node| positive(node).ok());
    let mut remarks: Vec<String> = overrides::dropped(&root, changes).into_iter().collect();
    overrides::apply(&mut root, changes, &usual)?;
    let top = Section::new("key", &root, Workload::KEYS)?;

    let Some(system) = top.get("system") else {
        return Err(Place::start().mistake("no `system`; write one, such as `system: raft`"));
    };
    let asked = system;
    let system = system_spec(asked, source, catalogue)?;
    let nodes = top.or("nodes", 5, |node| number(node, 1..=NODES_MAX))? as u8;
    let clients = top.or("clients", 10, |node| number(node, 1..=CLIENTS_MAX))? as u16;
    let duration_all = top.or("duration", DURATION, positive)?;
    let named = top.option("model", model::named)?;
    let served = model::served_by(&system, catalogue);
    let read = |node| model::operations(node, named, &served);
    let (model, operations) = top.or_else("operations", || (unsaid, usual), read)?;
    let drawn = top.option("options-drawn", |node| options_drawn(node, &system, catalogue))?;
    let mut workload = Workload {
        name: top.or("name", source.name.clone(), |node| word(node).map(str::to_owned))?,
        about: top.or("about", String::new(), |node| word(node).map(str::to_owned))?,
        system,
        options_drawn: drawn.unwrap_or_default(),
        nodes,
        nodes_drawn: top.or("nodes-drawn", Vec::new(), |node| nodes_drawn(node, nodes))?,
        clients,
        duration: duration_all,
        rate: top.option("rate", |node| {
            units::parse_rate(word(node)?).map_err(|message| node.at.mistake(message))
        })?,
        seed: top.option("seed", |node| number(node, 0..=u64::MAX))?,
        model,
        operations,
        retry: top.or("retry", false, boolean)?,
        read_level: top.or("read-level", Level::Linearizable, read_level)?,
        timeout: top.or("timeout", Duration::from_secs(1), positive)?,
        faults: Vec::new(),
        checks: top.or("checks", Vec::new(), checks)?,
        bug: None,
        value_bytes: top.or("value-bytes", Sizes::from(8), value_sizes)?,
        keys: top.or("keys", usual_keys(model), |node| model::keys(node, model))?,
        recovery: Duration::from_secs(10),
        silence_is_told: false,
        recovery_max: top.option("recovery-max", positive)?,
        reach: top.or("reach", Reach::default(), reach)?,
        steady: top.or("steady", false, boolean)?,
        min_operations: top.or("min-operations", 100, |node| number(node, 0..=u64::MAX))?,
        expect: top.or("expect", Expect::Valid, expect)?,
    };
    let recovery = top.option("recovery", positive)?;
    if let SystemSpec::File(file) = &workload.system {
        for nodes in workload.nodes_drawn.iter().copied().chain([nodes]) {
            model::nodes(asked, file, nodes)?;
        }
        workload.silence_is_told = recovery.or(file.recovery).is_none();
        workload.recovery = file.recovery.unwrap_or(workload.recovery);
    }
    workload.recovery = recovery.unwrap_or(workload.recovery);
    model::check(asked, &workload, catalogue)?;
    if let Some(node) = top.get("retry").filter(|_| workload.retry)
        && !workload.model().has_sessions()
    {
        return Err(node.at.mistake(format!(
            "`retry` repeats what is asked in a session, and no operation of {} has one; take it \
             out",
            workload.model().name
        )));
    }
    if let (Some(node), Some(faults)) =
        (top.get("steady").filter(|_| workload.steady), top.get("faults"))
        && !list(faults).is_empty()
    {
        return Err(node.at.mistake(
            "`steady` says that nothing may time out; with `faults` something will, so take one of \
             them out",
        ));
    }
    let is_shorter = workload.duration < own_duration.unwrap_or(DURATION);
    workload.reach.is_hoped |=
        !workload.reach.shapes.is_empty() && (is_shorter || overrides::change_the_course(changes));
    workload.bug = top.option("bug", |node| bug(node, &workload.system, catalogue))?;
    if let Some(node) = top.get("faults") {
        let cut = top.get("duration").map(|node| &node.at);
        let mut end = End::new(&workload, own_duration.unwrap_or(DURATION), cut);
        workload.faults = faults::specs(node, &workload, catalogue, &mut end)?;
        remarks.extend(end.left_out());
        // Each count that may be drawn must do for all of them.
        for &nodes in &workload.nodes_drawn {
            let drawn = Workload { nodes, ..workload.clone() };
            let mut end = End::new(&drawn, own_duration.unwrap_or(DURATION), cut);
            faults::specs(node, &drawn, catalogue, &mut end)?;
        }
    }
    Ok(Loaded { workload, remarks })
}

/// Numbers of nodes of which the seed draws one.
fn nodes_drawn(node: &Node, least: u8) -> Result<Vec<u8>, Mistake> {
    let items = list(node);
    if items.len() < 2 {
        return Err(node.at.mistake("nothing to draw from; write two numbers at least, [3, 5]"));
    }
    items.iter().map(|item| Ok(number(item, u64::from(least)..=NODES_MAX)? as u8)).collect()
}

fn boolean(node: &Node) -> Result<bool, Mistake> {
    match &node.tree {
        Tree::Scalar { text, plain: true } if text == "true" => Ok(true),
        Tree::Scalar { text, plain: true } if text == "false" => Ok(false),
        _ => Err(node.at.mistake(format!("found {}; write true or false", node.found()))),
    }
}

fn read_level(node: &Node) -> Result<Level, Mistake> {
    match word(node)? {
        "linearizable" => Ok(Level::Linearizable),
        "local" => Ok(Level::Local),
        other => {
            let hint = meant(other, ["linearizable", "local"], "read levels");
            Err(node.at.mistake(format!("unknown read level `{other}`{hint}")))
        }
    }
}

/// A size, or `{usual: 8, large: 64KiB, share: 1%}`.
fn value_sizes(node: &Node) -> Result<Sizes, Mistake> {
    let Tree::Map(_) = node.tree else { return value_bytes(node).map(Sizes::from) };
    let section = Section::new("key", node, &["usual", "large", "share"])?;
    let usual = section.or("usual", 8, value_bytes)?;
    let Some(large) = section.get("large") else {
        return Err(node
            .at
            .mistake("no `large`; write one size, or {usual: 8, large: 64KiB, share: 1%}"));
    };
    let bytes = value_bytes(large)?;
    let percent = section.or("share", 1.0, percent)?;
    Ok(Sizes { usual, large: Some(Large { bytes, percent }) })
}

/// `1%`, `0.5%`.
fn percent(node: &Node) -> Result<f64, Mistake> {
    let number = word(node)?.strip_suffix('%').and_then(|text| text.trim().parse::<f64>().ok());
    number.filter(|percent| *percent > 0.0 && *percent <= 100.0).ok_or_else(|| {
        node.at.mistake(format!("found {}; write a share above 0% and up to 100%", node.found()))
    })
}

fn value_bytes(node: &Node) -> Result<usize, Mistake> {
    let bytes = units::parse_size(word(node)?).map_err(|message| node.at.mistake(message))?;
    if (1..=VALUE_BYTES_MAX).contains(&bytes) {
        return Ok(bytes as usize);
    }
    Err(node.at.mistake(format!("{bytes} bytes; a value has between 1 and {VALUE_BYTES_MAX}")))
}

/// A list of shapes; or `{hoped: [...]}`, as it is written for a run that somebody changed.
fn reach(node: &Node) -> Result<Reach, Mistake> {
    let (shapes, is_hoped) = match node.tree {
        Tree::Map(_) => {
            let section = Section::new("key", node, &["hoped"])?;
            let Some(hoped) = section.get("hoped") else {
                return Err(node.at.mistake("nothing is named; write a list, or `{hoped: [...]}`"));
            };
            (hoped, true)
        }
        _ => (node, false),
    };
    let mut names: Vec<String> = Vec::new();
    for item in list(shapes) {
        let name = word(item)?;
        if shapes::named(name).is_none() {
            let hint = meant(name, SHAPES.iter().map(|shape| shape.name), "shapes");
            return Err(item.at.mistake(format!("a run comes to no `{name}`{hint}")));
        }
        if names.iter().any(|earlier| earlier == name) {
            return Err(item.at.mistake(format!("`{name}` is listed twice")));
        }
        names.push(name.to_owned());
    }
    Ok(Reach { shapes: names, is_hoped })
}

fn checks(node: &Node) -> Result<Vec<String>, Mistake> {
    let mut checks: Vec<String> = Vec::new();
    for item in list(node) {
        let check = word(item)?;
        if !CHECKERS.iter().any(|known| known.name == check) {
            let hint = meant(check, CHECKERS.iter().map(|known| known.name), "checks");
            return Err(item.at.mistake(format!("unknown check `{check}`{hint}")));
        }
        if checks.iter().any(|earlier| earlier == check) {
            return Err(item.at.mistake(format!("check `{check}` is listed twice")));
        }
        checks.push(check.to_owned());
    }
    if checks.is_empty() {
        return Err(node.at.mistake("no check is listed; without `checks` all that apply are run"));
    }
    Ok(checks)
}

fn bug(node: &Node, system: &SystemSpec, catalogue: &Catalogue) -> Result<String, Mistake> {
    let id = word(node)?;
    let Some(home) = catalogue.bug(id).map(|bug| bug.system) else {
        let hint = meant(id, catalogue.bugs.iter().map(|bug| bug.id), "bugs");
        return Err(node.at.mistake(format!("unknown bug `{id}`{hint}")));
    };
    match system {
        SystemSpec::Named { name, .. } if name == home => Ok(id.to_owned()),
        SystemSpec::Named { name, .. } => Err(node
            .at
            .mistake(format!("bug {id} is one of {home}'s; the system under test is {name}"))),
        SystemSpec::Command { .. } | SystemSpec::File(_) => Err(node.at.mistake(format!(
            "bug {id} is one of {home}'s; a system of your own has its own bugs"
        ))),
    }
}

fn expect(node: &Node) -> Result<Expect, Mistake> {
    const HOW: &str = "write `valid`, or `{violation: KIND}`";
    match &node.tree {
        Tree::Scalar { text, .. } if text == "valid" => Ok(Expect::Valid),
        Tree::Scalar { .. } => {
            Err(node.at.mistake(format!("unknown expectation {}; {HOW}", node.found())))
        }
        _ => {
            let section = Section::new("key", node, &["violation"])?;
            let Some(kinds) = section.get("violation") else {
                return Err(node.at.mistake(format!("nothing is expected; {HOW}")));
            };
            let mut expected = Vec::new();
            for item in list(kinds) {
                let name = word(item)?;
                let Some(kind) = Kind::parse(name) else {
                    let hint = meant(name, KINDS.iter().map(|row| row.1), "anomalies");
                    return Err(item.at.mistake(format!("unknown anomaly `{name}`{hint}")));
                };
                if !expected.contains(&kind) {
                    expected.push(kind);
                }
            }
            if expected.is_empty() {
                return Err(kinds.at.mistake(format!("no anomaly is listed; {HOW}")));
            }
            Ok(Expect::Violation(expected))
        }
    }
}
