//! What clients may ask of a system: the words under `operations`, and what is asked where nothing
//! stands there. It never knows a system.

use schism_verify::models::{consensus, log};

use super::error::Mistake;
use super::overrides;
use super::tree::{Node, Tree};
use super::{Registry, SystemSpec, Workload};

/// What clients may ask of a system.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Serves {
    /// One totally ordered log.
    #[default]
    Log,
    /// One value decided for each key.
    Consensus,
}

/// Both.
const ALL: [Serves; 2] = [Serves::Log, Serves::Consensus];

impl Serves {
    /// Its operations, in the words of the client protocol.
    pub fn operations(self) -> &'static [&'static str] {
        match self {
            Serves::Log => log::OPERATIONS,
            Serves::Consensus => consensus::OPERATIONS,
        }
    }

    /// What clients do when the file does not say.
    pub(super) fn usual(self) -> &'static [(&'static str, u32)] {
        match self {
            Serves::Log => &[("append", 50), ("read", 40), ("append-if", 5), ("tail", 5)],
            Serves::Consensus => &[("propose", 100)],
        }
    }

    /// In words: `keeps a log: append, append-if, read, tail`.
    pub fn in_words(self) -> String {
        let what = match self {
            Serves::Log => "keeps a log",
            Serves::Consensus => "decides single values",
        };
        format!("{what}: {}", self.operations().join(", "))
    }
}

impl Workload {
    /// What its clients ask.
    pub fn serves(&self) -> Serves {
        let (first, _) = self.operations.first().expect("a workload has operations");
        asks(first).expect("a workload has known operations")
    }
}

/// Everything that may stand under `operations`.
pub(super) fn words() -> Vec<&'static str> {
    ALL.iter().flat_map(|serves| serves.operations()).copied().collect()
}

/// Whose operation this is.
pub(super) fn asks(operation: &str) -> Option<Serves> {
    ALL.into_iter().find(|serves| serves.operations().contains(&operation))
}

/// What the system that the file names serves: a system given on the command line is asked the
/// file's own question. A system of one's own is asked what the file says, by default a log.
pub(super) fn of_file(
    root: &Node,
    changes: &super::Overrides,
    registry: &Registry,
) -> Option<Serves> {
    let own = overrides::find(root, "system").and_then(|node| match &node.tree {
        Tree::Scalar { text, .. } => Some(text.as_str()),
        _ => match &overrides::find(node, "name")?.tree {
            Tree::Scalar { text, .. } => Some(text.as_str()),
            _ => None,
        },
    });
    let name = own.or(changes.system.as_deref())?;
    registry.systems.iter().find(|row| row.name == name).map(|row| row.serves)
}

/// Refuses a system that does not serve what is asked.
pub(super) fn check(
    system: &Node,
    workload: &Workload,
    registry: &Registry,
) -> Result<(), Mistake> {
    let SystemSpec::Named { name, .. } = &workload.system else { return Ok(()) };
    let row = registry.systems.iter().find(|row| row.name == *name).expect("looked up before");
    if row.serves == workload.serves() {
        return Ok(());
    }
    let asked: Vec<&str> = workload.operations.iter().map(|(name, _)| name.as_str()).collect();
    Err(system.at.mistake(format!(
        "{name} {}; this workload asks for {}, so choose another system or another workload",
        row.serves.in_words(),
        asked.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{registry, workload};
    use super::super::{Overrides, builtin::Source, from_text, parse};
    use super::*;

    #[test]
    fn a_system_is_asked_what_it_serves() {
        let asks = |text: &str| {
            let workload = workload(text);
            let names: Vec<String> = workload.operations.iter().map(|row| row.0.clone()).collect();
            (workload.serves(), names.join(" "))
        };
        let log = (Serves::Log, "append read append-if tail".to_owned());
        let consensus = (Serves::Consensus, "propose".to_owned());
        assert_eq!(asks("system: raft"), log);
        assert_eq!(asks("system: paxos"), consensus);
        assert_eq!(asks("system: {name: paxos}"), consensus);
        let own = "system: {command: [./n, \"{client}\"]}\n";
        assert_eq!(asks(own), log);
        assert_eq!(asks(&format!("{own}operations: {{propose: 1}}")), consensus);
        let seven = vec!["operations.propose=7".to_owned()];
        let seven = Overrides { set: seven, ..Overrides::default() };
        let seven = from_text("w.yaml", "system: paxos", &seven, &registry()).unwrap();
        assert_eq!(seven.operations, [("propose".to_owned(), 7)]);
    }

    #[test]
    fn what_system_drops_of_the_file_is_told() {
        let check = |file: &str, system: Option<&str>, told: &[&str]| {
            let overrides = Overrides { system: system.map(str::to_owned), ..Overrides::default() };
            let source = Source::named("w.yaml", file.to_owned());
            let read = parse::parse(&source, &overrides, &registry()).unwrap();
            assert_eq!(read.remarks, told, "{file} {system:?}");
        };
        let fixed = "system: {name: raft, fixed-timeout: true, heartbeat: 9ms}";
        let told = "--system frail drops what the file sets of raft: fixed-timeout, heartbeat";
        check(fixed, Some("frail"), &[told]);
        check(fixed, None, &[]);
        check("system: {name: raft}", Some("frail"), &[]);
        check("system: raft", Some("frail"), &[]);
        check("system: {command: [./n, '{client}']}", Some("frail"), &[]);
    }

    #[test]
    fn a_system_is_not_asked_what_it_does_not_serve() {
        let system =
            |name: &str| Overrides { system: Some(name.to_owned()), ..Overrides::default() };
        let error = |text: &str, overrides: &Overrides| {
            from_text("w.yaml", text, overrides, &registry()).unwrap_err().to_string()
        };
        assert_eq!(
            error("system: raft", &system("paxos")),
            "--system paxos: paxos decides single values: propose; this workload asks for append, \
             read, append-if, tail, so choose another system or another workload"
        );
        let told = error("system: paxos", &system("raft"));
        assert!(told.contains("raft keeps a log: append, append-if, read, tail; "), "{told}");
        let told = error("system: raft\noperations: {propose: 1}", &Overrides::default());
        assert!(told.starts_with("w.yaml:1:9: raft keeps a log"), "{told}");
        let told = error("system: paxos\noperations: {propose: 1, read: 1}", &Overrides::default());
        assert!(told.starts_with("w.yaml:2:26: `read` beside `propose`"), "{told}");
        let told = error("system: paxos\nretry: true", &Overrides::default());
        assert!(told.starts_with("w.yaml:2:8: `retry` repeats appends"), "{told}");
    }
}
