//! Which model a workload asks for: the words under `operations`, and what is asked where nothing
//! stands there. It never knows a system.

use schism_facts::Catalogue;
use schism_verify::models::Model;

use super::builtin::Source;
use super::error::Mistake;
use super::system::system_spec;
use super::tree::{Node, Tree};
use super::{ClientSpec, SystemFile, SystemSpec, Text, Workload};
use crate::generate;

impl Workload {
    /// The model that its clients ask for.
    pub fn model(&self) -> &'static Model {
        let names: Vec<&str> = self.operations.iter().map(|(name, _)| name.as_str()).collect();
        knowing(&names).expect("a workload has known operations of one model")
    }

    /// What its operations are drawn from.
    pub fn mix(&self) -> generate::Mix {
        let Workload { operations, value_bytes, read_level, keys, .. } = self;
        let (operations, keys) = (operations.clone(), *keys);
        generate::Mix { operations, value_bytes: *value_bytes, level: *read_level, keys }
    }
}

/// The first model that a run can drive and that has all these operations.
pub(super) fn knowing(operations: &[&str]) -> Option<&'static Model> {
    generate::models().find(|model| operations.iter().all(|name| model.operation(name).is_some()))
}

/// Everything that may stand under `operations`.
pub(super) fn words() -> Vec<&'static str> {
    let mut words: Vec<&str> = generate::models().flat_map(Model::names).collect();
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(*word));
    words
}

/// What clients do when the file does not say.
pub(super) fn usual(model: &Model) -> Vec<(String, u32)> {
    model.operations.iter().map(|row| (row.name.to_owned(), row.usual)).collect()
}

/// What is asked of the system that the file names: a system given on the command line is asked
/// the file's own question. A system of one's own is asked what the file says, by default a log.
pub(super) fn of_file(
    root: &Node,
    changes: &super::Overrides,
    source: &Source,
    catalogue: &Catalogue,
) -> &'static Model {
    let own = root.under("system").and_then(|node| match &node.tree {
        Tree::Scalar { text, .. } => Some(text.as_str()),
        _ => match &node.under("name")?.tree {
            Tree::Scalar { text, .. } => Some(text.as_str()),
            _ => None,
        },
    });
    let row = own.or(changes.system.as_deref()).and_then(|name| catalogue.system(name));
    if let Some(model) = row.and_then(|row| generate::models().find(|m| row.serves(m.name))) {
        return model;
    }
    // Of a file, what it names first.
    let asked = root.under("system").cloned().or_else(|| {
        let system = changes.system.as_ref()?;
        Some(Node::word(&super::error::Place::Flag("--system".into()), system.clone()))
    });
    if let Some(asked) = asked.filter(|_| row.is_none())
        && let Ok(SystemSpec::File(file)) = system_spec(&asked, source, catalogue)
    {
        let model = |name: &String| generate::models().find(|model| model.name == name);
        return file.serves.iter().find_map(model).expect("a run can ask for one of them");
    }
    generate::models().next().expect("a run can drive a model")
}

/// Refuses a cluster that lacks a node which the system file names.
pub(super) fn nodes(system: &Node, file: &SystemFile, nodes: u8) -> Result<(), Mistake> {
    let named = file.texts().into_iter().map(Text::highest).max().unwrap_or(0);
    let highest = file.once.iter().map(|once| once.on.0).chain([named]).max().unwrap_or(0);
    if highest <= nodes {
        return Ok(());
    }
    let name = &file.name;
    Err(system.at.mistake(format!("{name} names n{highest}; the cluster has {nodes} nodes")))
}

/// In words: `serves log: append, read, append-if, tail`.
pub fn served(models: &[&str]) -> String {
    let known = generate::models().filter(|model| models.contains(&model.name));
    let each: Vec<String> =
        known.map(|model| format!("{}: {}", model.name, model.names().join(", "))).collect();
    format!("serves {}", each.join("; "))
}

/// Refuses a system that does not serve what is asked.
pub(super) fn check(
    system: &Node,
    workload: &Workload,
    catalogue: &Catalogue,
) -> Result<(), Mistake> {
    let asked = workload.model().name;
    let client = |client: &ClientSpec| {
        // What a program cannot say, it says when it is asked.
        let ClientSpec::Named { name, .. } = client else { return None };
        // The default needs no row.
        let row = catalogue.client(name).filter(|row| !row.says(asked));
        row.map(|row| (name.clone(), row.models.to_vec()))
    };
    let refused = match &workload.system {
        SystemSpec::Named { name, .. } => {
            let row = catalogue.system(name).expect("looked up before");
            (!row.serves(asked)).then(|| (name.clone(), row.models.to_vec()))
        }
        SystemSpec::File(file) if !file.serves(asked) => {
            Some((file.name.clone(), file.serves.iter().map(String::as_str).collect()))
        }
        SystemSpec::File(file) => {
            if let Some(missing) = file.missing_client(catalogue) {
                let known: Vec<&str> = catalogue.clients.iter().map(|row| row.name).collect();
                return Err(system.at.mistake(format!(
                    "{} is asked by the client `{missing}`, which this program does not have; it \
                     has {}",
                    file.name,
                    known.join(", ")
                )));
            }
            client(&file.client)
        }
        SystemSpec::Command { client: spoken, .. } => client(spoken),
    };
    let Some((name, models)) = refused else { return Ok(()) };
    let asked: Vec<&str> = workload.operations.iter().map(|(name, _)| name.as_str()).collect();
    Err(system.at.mistake(format!(
        "{name} {}; this workload asks for {}, so choose another system or another workload",
        served(&models),
        asked.join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalogue, workload};
    use super::super::{Overrides, builtin::Source, from_text, parse};

    #[test]
    fn a_system_is_asked_what_it_serves() {
        let asks = |text: &str| {
            let workload = workload(text);
            let names: Vec<String> = workload.operations.iter().map(|row| row.0.clone()).collect();
            (workload.model().name, names.join(" "))
        };
        let log = ("log", "append read append-if tail".to_owned());
        let consensus = ("consensus", "propose".to_owned());
        assert_eq!(asks("system: raft"), log);
        assert_eq!(asks("system: paxos"), consensus);
        assert_eq!(asks("system: {name: paxos}"), consensus);
        let own = "system: {command: [./n, \"{client}\"]}\n";
        assert_eq!(asks(own), log);
        assert_eq!(asks(&format!("{own}operations: {{propose: 1}}")), consensus);
        let register = ("register", "write read cas".to_owned());
        assert_eq!(asks(&format!("{own}operations: {{write: 1, read: 2, cas: 1}}")), register);
        let seven = vec!["operations.propose=7".to_owned()];
        let seven = Overrides { set: seven, ..Overrides::default() };
        let seven = from_text("w.yaml", "system: paxos", &seven, &catalogue()).unwrap();
        assert_eq!(seven.operations, [("propose".to_owned(), 7)]);
    }

    #[test]
    fn what_system_drops_of_the_file_is_told() {
        let check = |file: &str, system: Option<&str>, told: &[&str]| {
            let overrides = Overrides { system: system.map(str::to_owned), ..Overrides::default() };
            let source = Source::named("w.yaml", file.to_owned());
            let read = parse::parse(&source, &overrides, &catalogue()).unwrap();
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
            from_text("w.yaml", text, overrides, &catalogue()).unwrap_err().to_string()
        };
        assert_eq!(
            error("system: raft", &system("paxos")),
            "--system paxos: paxos serves consensus: propose; this workload asks for append, \
             read, append-if, tail, so choose another system or another workload"
        );
        let told = error("system: paxos", &system("raft"));
        assert!(told.contains("raft serves log: append, read, append-if, tail; "), "{told}");
        let told = error("system: raft\noperations: {propose: 1}", &Overrides::default());
        assert!(told.starts_with("w.yaml:1:9: raft serves log: "), "{told}");
        let told = error("system: paxos\noperations: {propose: 1, read: 1}", &Overrides::default());
        assert!(told.starts_with("w.yaml:2:26: `read` beside `propose`"), "{told}");
        let own = "system: {client: redis, command: [./n, '{client}']}\noperations: {append: 1}";
        let told = error(own, &Overrides::default());
        assert!(told.contains("redis serves register: read, write, cas; this workload"), "{told}");
        let told = error(&own.replace("redis", "redsi"), &Overrides::default());
        assert!(told.contains("unknown client protocol `redsi`; did you mean `redis`?"), "{told}");
        let told = error("system: paxos\nretry: true", &Overrides::default());
        assert!(
            told.starts_with("w.yaml:2:8: `retry` repeats what is asked in a session"),
            "{told}"
        );
    }
}
