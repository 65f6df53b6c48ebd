//! What is started on a node: the keys under `node` and `processes`, and commands that end by
//! themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use schism_facts::NodeId;

use super::super::error::{Mistake, meant};
use super::super::section::{Section, map, positive, word};
use super::super::tree::{Node, Tree};
use super::holes::{self, Known, Text};
use super::merge::{merged, pruned};
use super::{FileText, Process, Step};

/// The keys of a process.
const KEYS: &[&str] =
    &["command", "again", "env", "files", "setup", "before-start", "rejoin", "stop"];

/// The signals by which a program can be asked to end.
const STOPS: &[&str] = &["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"];

/// Maps in a process are merged key by key: `env`, `files`.
const LEVELS: usize = 2;

/// How each kind of node is started.
pub(super) struct Kinds {
    pub first: Vec<Process>,
    pub rest: Vec<Process>,
    pub nodes: BTreeMap<NodeId, Vec<Process>>,
}

/// Reads nodes' keys; steps take at most `within` where they do not say.
pub(super) fn kinds(
    top: &Section<'_>,
    known: Known<'_>,
    within: Duration,
) -> Result<Kinds, Mistake> {
    let (base, several) = match (top.get("node"), top.get("processes")) {
        (Some(_), Some(both)) => {
            return Err(both.at.mistake("`processes` beside `node`; a file has one of them"));
        }
        (Some(node), None) => (node, false),
        (None, Some(processes)) => (processes, true),
        (None, None) => unreachable!("a file has one of them, or it is none"),
    };
    let levels = if several { LEVELS + 1 } else { LEVELS };
    let over = |below: &Node, name: &str| match top.get(name) {
        Some(above) => map(above).map(|_| merged(below, above, levels)),
        None => Ok(below.clone()),
    };
    let (first, rest) = (over(base, "first")?, over(base, "rest")?);
    let read = |node: &Node| processes(&pruned(node), several, known, within);
    let mut nodes = BTreeMap::new();
    for (key, value) in top.get("nodes").map(map).transpose()?.unwrap_or_default() {
        let node: NodeId = key.text.parse().map_err(|_| {
            key.at.mistake(format!("`{}` is no node; nodes are n1, n2, ...", key.text))
        })?;
        map(value)?;
        let below = if node == NodeId(1) { &first } else { &rest };
        nodes.insert(node, read(&merged(below, value, levels))?);
    }
    Ok(Kinds { first: read(&first)?, rest: read(&rest)?, nodes })
}

fn processes(
    node: &Node,
    several: bool,
    known: Known<'_>,
    within: Duration,
) -> Result<Vec<Process>, Mistake> {
    if !several {
        return Ok(vec![process("", node, known, within)?]);
    }
    let entries = map(node)?;
    if entries.is_empty() {
        return Err(node.at.mistake("no process is named; write {NAME: {command: [...]}}"));
    }
    entries.iter().map(|(key, value)| process(&key.text, value, known, within)).collect()
}

fn process(
    name: &str,
    node: &Node,
    known: Known<'_>,
    within: Duration,
) -> Result<Process, Mistake> {
    let section = Section::new("key", node, KEYS)?;
    let Some(argv) = section.get("command") else {
        return Err(node.at.mistake("no `command`; write [\"{program}\", ...]"));
    };
    let mut env = BTreeMap::new();
    for (key, value) in section.get("env").map(map).transpose()?.unwrap_or_default() {
        env.insert(key.text.clone(), holes::text(value, known)?);
    }
    let files = section.get("files").map(map).transpose()?.unwrap_or_default();
    let again = Known { leader: true, ..known };
    let list = |key: &str, known| section.or(key, Vec::new(), |node| steps(node, known, within));
    Ok(Process {
        name: name.to_owned(),
        command: command(argv, known)?,
        again: section.option("again", |node| command(node, known))?,
        env,
        files: files
            .iter()
            .map(|(key, value)| {
                if key.text.starts_with('/') || key.text.split('/').any(|part| part == "..") {
                    let wrong = "files of a node are below its folder; write a path without / at \
                                 its beginning and without `..`";
                    return Err(key.at.mistake(wrong));
                }
                let path = Node::word(&key.at, key.text.clone());
                file(holes::text(&path, known)?, value, known)
            })
            .collect::<Result<_, _>>()?,
        setup: list("setup", known)?,
        before_start: list("before-start", known)?,
        rejoin: list("rejoin", again)?,
        stop: section.or("stop", "SIGTERM".to_owned(), stop)?,
    })
}

fn stop(node: &Node) -> Result<String, Mistake> {
    let name = word(node)?;
    if STOPS.contains(&name) {
        return Ok(name.to_owned());
    }
    let hint = meant(name, STOPS.iter().copied(), "signals that ask a program to end");
    Err(node.at.mistake(format!("unknown signal `{name}`{hint}")))
}

/// A text, or `{text: ..., mode: "0400"}`.
fn file(path: Text, node: &Node, known: Known<'_>) -> Result<FileText, Mistake> {
    let Tree::Map(_) = node.tree else {
        return Ok(FileText { path, text: holes::text(node, known)?, mode: None });
    };
    let section = Section::new("key", node, &["text", "from", "mode"])?;
    let Some(text) = section.get("text") else {
        return Err(node.at.mistake("no `text` and no `from`; write what stands in the file"));
    };
    let mode = section.option("mode", |node| {
        let digits = word(node)?;
        let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777);
        mode.ok_or_else(|| {
            node.at.mistake(format!("found {}; write octal digits: \"0400\"", node.found()))
        })
    })?;
    Ok(FileText { path, text: holes::text(text, known)?, mode })
}

/// A program and its arguments.
pub(super) fn command(node: &Node, known: Known<'_>) -> Result<Vec<Text>, Mistake> {
    let Tree::List(items) = &node.tree else {
        return Err(node.at.mistake(format!(
            "found {}; a command is a list: [\"{{program}}\", \"--id\", \"{{id}}\"]",
            node.found()
        )));
    };
    if let Some(inner) = items.iter().find(|item| matches!(item.tree, Tree::List(_))) {
        return Err(inner.at.mistake("found a list; one command is needed here"));
    }
    let texts: Vec<Text> =
        items.iter().map(|item| holes::text(item, known)).collect::<Result<_, _>>()?;
    if texts.first().is_none_or(|text| text.0.is_empty()) {
        return Err(node.at.mistake("the command is empty; write [\"{program}\", ...]"));
    }
    Ok(texts)
}

/// A list of commands.
pub(super) fn steps(node: &Node, known: Known<'_>, within: Duration) -> Result<Vec<Step>, Mistake> {
    let Tree::List(items) = &node.tree else {
        return Err(node.at.mistake(format!(
            "found {}; commands are a list of lists: [[mkdir, -p, x], [cp, a, b]]",
            node.found()
        )));
    };
    items.iter().map(|item| step(item, known, within)).collect()
}

/// A command, or `{command: [...], within: 60s}`.
pub(super) fn step(node: &Node, known: Known<'_>, within: Duration) -> Result<Step, Mistake> {
    match &node.tree {
        Tree::List(_) => Ok(Step { command: command(node, known)?, within }),
        Tree::Scalar { .. } => Err(node.at.mistake(format!(
            "found {}; each command is a list of its own: [[mkdir, -p, x], [cp, a, b]]",
            node.found()
        ))),
        _ => {
            let section = Section::new("key", node, &["command", "within"])?;
            let Some(argv) = section.get("command") else {
                return Err(node.at.mistake("no `command`"));
            };
            let within = section.or("within", within, positive)?;
            Ok(Step { command: command(argv, known)?, within })
        }
    }
}
