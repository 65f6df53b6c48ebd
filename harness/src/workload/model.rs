//! Which model a workload asks for: the words under `operations`, and what is asked where nothing
//! stands there. It never knows a system.

use std::collections::BTreeSet;

use schism_facts::Catalogue;
use schism_facts::foreign::excerpt;
use schism_verify::models::{self, Model, Proves};

use super::builtin::Source;
use super::error::{Mistake, Place, meant};
use super::section::{Section, map, number, word};
use super::system::system_spec;
use super::tree::{Node, Tree};
use super::{ClientSpec, Overrides, SystemFile, SystemSpec, Text, Workload};
use crate::generate::{self, Keys};

impl Workload {
    /// The model that its clients ask for.
    pub fn model(&self) -> &'static Model {
        self.model
    }

    /// What its operations are drawn from.
    pub fn mix(&self) -> generate::Mix {
        let Workload { operations, value_bytes, read_level, keys, .. } = self;
        let (operations, keys) = (operations.clone(), *keys);
        generate::Mix { operations, value_bytes: *value_bytes, level: *read_level, keys }
    }
}

/// The models that a run can drive and that have all these operations.
fn knowing(operations: &[&str]) -> impl Iterator<Item = &'static Model> {
    generate::models().filter(|model| operations.iter().all(|name| model.operation(name).is_some()))
}

/// Everything that may stand under `operations`.
fn words() -> Vec<&'static str> {
    let mut words: Vec<&str> = generate::models().flat_map(Model::names).collect();
    let mut seen = BTreeSet::new();
    words.retain(|word| seen.insert(*word));
    words
}

/// What clients do when the file does not say.
pub(super) fn usual(model: &Model) -> Vec<(String, u32)> {
    model.operations.iter().map(|row| (row.name.to_owned(), row.usual)).collect()
}

/// The model that the file, or the command line, names.
fn written(root: &Node, changes: &Overrides) -> Option<&'static Model> {
    let set = changes.set.iter().rev().find_map(|text| text.strip_prefix("model="));
    let in_file = root.under("model").and_then(|node| match &node.tree {
        Tree::Scalar { text, .. } => Some(text.as_str()),
        _ => None,
    });
    set.or(in_file).and_then(driven)
}

/// The model of this name, if a run can drive it.
fn driven(name: &str) -> Option<&'static Model> {
    let named = models::named(name)?;
    generate::models().find(|model| *model == named)
}

/// Reads `model`.
pub(super) fn named(node: &Node) -> Result<&'static Model, Mistake> {
    let name = word(node)?;
    let known: Vec<&str> = generate::models().map(|model| model.name).collect();
    driven(name).ok_or_else(|| {
        let told = if let Some(model) = models::named(name) {
            let known = known.join(", ");
            format!("a run cannot drive the model {}; it can drive {known}", model.name)
        } else {
            let hint = meant(name, known, "models");
            format!("unknown model `{}`{hint}", excerpt(name))
        };
        node.at.mistake(told)
    })
}

/// Before there were others, these were told by their operations alone, the first first.
const TOLD_BY_OPERATIONS: [&str; 3] = ["log", "consensus", "register"];

/// The models that this system serves, the first it serves first. None at all: nobody says.
pub(super) fn served_by(system: &SystemSpec, catalogue: &Catalogue) -> Vec<&'static Model> {
    let by_name = |names: &[&str]| names.iter().filter_map(|name| driven(name)).collect();
    let by_client = |client: &ClientSpec| match client {
        ClientSpec::Named { name, .. } => catalogue.client(name).map(|row| by_name(row.models)),
        ClientSpec::Program { .. } => None,
    };
    match system {
        SystemSpec::Named { name, .. } => catalogue.system(name).map(|row| by_name(row.models)),
        SystemSpec::File(file) => {
            let names: Vec<&str> = file.serves.iter().map(String::as_str).collect();
            Some(by_name(&names))
        }
        SystemSpec::Command { client, .. } => by_client(client),
    }
    .unwrap_or_default()
}

/// Operations by name, with their weights.
type Weights = Vec<(String, u32)>;

/// Reads `operations`: of the model that is named, or the one that they tell. `served` are the
/// models that the system serves, the first it serves first; none, where nobody says.
pub(super) fn operations(
    node: &Node,
    named: Option<&'static Model>,
    served: &[&'static Model],
) -> Result<(&'static Model, Weights), Mistake> {
    let words = named.map_or_else(words, Model::names);
    let section = Section::new("operation", node, &words);
    let section = named.and_then(|model| stranger(node, model)).map_or(section, Err)?;
    let mut names: Vec<&str> = Vec::new();
    for (key, _) in section.entries {
        names.push(&key.text);
        if knowing(&names).next().is_none() {
            return Err(key.at.mistake(format!(
                "`{}` beside `{}`: these are operations of different models, and a run drives one",
                key.text, names[0]
            )));
        }
    }
    let mut weights = Vec::new();
    for (key, value) in section.entries {
        weights.push((key.text.clone(), number(value, 0..=WEIGHT_MAX)? as u32));
    }
    const NOTHING_ASKED: &str = "no operation has a weight above 0; weights say how often each is \
                                 asked: `append: 2, read: 1`";
    if weights.iter().all(|(_, weight)| *weight == 0) {
        return Err(node.at.mistake(NOTHING_ASKED));
    }
    let model = named.map_or_else(|| told(node, &names, served), Ok)?;
    Ok((model, weights))
}

/// More would say no more: the finest mix is one in a million.
const WEIGHT_MAX: u64 = 1_000_000;

/// The model that these operations tell: of those that the system serves the first, else the only
/// one that there is.
fn told(node: &Node, names: &[&str], served: &[&'static Model]) -> Result<&'static Model, Mistake> {
    let all: Vec<&'static Model> = knowing(names).collect();
    if let Some(model) = served.iter().find(|model| all.contains(model)) {
        return Ok(model);
    }
    match &all[..] {
        [only] => Ok(only),
        [first, ..] if TOLD_BY_OPERATIONS.contains(&first.name) => Ok(first),
        several => {
            let models: Vec<&str> = several.iter().map(|model| model.name).collect();
            let write: Vec<String> = models.iter().map(|name| format!("`model: {name}`")).collect();
            Err(node.at.mistake(format!(
                "{} may be of {}; write {} above",
                names.join(", "),
                models.join(" or "),
                write.join(" or ")
            )))
        }
    }
}

/// What is wrong with operations of which one is not the named model's.
fn stranger(node: &Node, model: &Model) -> Option<Mistake> {
    let entries = map(node).ok()?;
    let (key, _) = entries.iter().find(|(key, _)| model.operation(&key.text).is_none())?;
    let others: Vec<&str> = knowing(&[&key.text]).map(|other| other.name).collect();
    let whose = match &others[..] {
        [] => String::new(),
        [only] => format!(" (`model: {only}` has it)"),
        several => format!(" (the models {} have it)", several.join(", ")),
    };
    Some(key.at.mistake(format!(
        "`{}` is no operation of the model {}{whose}; its operations are {}",
        excerpt(&key.text),
        model.name,
        model.names().join(", ")
    )))
}

/// Every key is read at every node in the end; more would take longer than the run.
const KEYS_MAX: u64 = 10_000;

/// Reads `keys`: a number, `none`, or `{count: 5, operations: 300}`.
pub(super) fn keys(node: &Node, model: &Model) -> Result<Option<Keys>, Mistake> {
    if !model.has_keys() {
        return Err(node.at.mistake(format!(
            "`keys` limits how many keys there are, and no operation of {} has one; take it out",
            model.name
        )));
    }
    let once = model.operations.iter().any(|row| row.proves == Proves::ProgressOnce);
    match &node.tree {
        Tree::Scalar { text, .. } if text == "none" && !once => Ok(None),
        Tree::Map(_) => {
            let section = Section::new("key", node, &["count", "operations"])?;
            let Some(count) = section.get("count") else {
                return Err(node.at.mistake("no `count`; write {count: 5, operations: 300}"));
            };
            let count = number(count, 1..=KEYS_MAX)?;
            if let Some(operations) = section.get("operations").filter(|_| once) {
                return Err(operations.at.mistake(format!(
                    "a key of {} is decided once, so none is used up; write `keys: {count}`",
                    model.name
                )));
            }
            let operations = section.option("operations", |node| number(node, 1..=u64::MAX))?;
            Ok(Some(Keys { count, operations }))
        }
        _ => number(node, 1..=KEYS_MAX).map(|count| Some(Keys::fixed(count))),
    }
}

/// What is asked of the system that the file names, unless it names a model: a system given on the
/// command line is asked the file's own question. A system of one's own is asked what the file
/// says, by default a log.
pub(super) fn of_file(
    root: &Node,
    changes: &Overrides,
    source: &Source,
    catalogue: &Catalogue,
) -> &'static Model {
    let asked = root.under("system").cloned().or_else(|| {
        let system = changes.system.as_ref()?;
        Some(Node::word(&Place::Flag("--system".into()), system.clone()))
    });
    let first = || {
        let spec = system_spec(&asked?, source, catalogue).ok()?;
        served_by(&spec, catalogue).first().copied()
    };
    let log = || generate::models().next().expect("a run can drive a model");
    written(root, changes).or_else(first).unwrap_or_else(log)
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
    use super::super::{Overrides, Workload, builtin::Source, from_text, parse};
    use crate::generate::Keys;

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
        let asks_kv = ("kv", "get put append delete cas".to_owned());
        assert_eq!(asks(&format!("{own}model: kv")), asks_kv);
        assert_eq!(asks(&format!("{own}operations: {{get: 1, put: 1}}")).0, "kv");
        for (model, operations) in [
            ("counter", "{add: 1, read: 1}"),
            ("set", "{add: 1, read: 1}"),
            ("queue", "{enqueue: 1, dequeue: 1}"),
            ("total-queue", "{enqueue: 1, dequeue: 1}"),
            ("register", "{read: 1, write: 1}"),
            ("mutex", "{acquire: 1, release: 1}"),
        ] {
            let named = format!("{own}model: {model}\noperations: {operations}");
            assert_eq!(asks(&named).0, model);
        }
        let seven = vec!["operations.propose=7".to_owned()];
        let seven = Overrides { set: seven, ..Overrides::default() };
        let seven = from_text("w.yaml", "system: paxos", &seven, &catalogue()).unwrap();
        assert_eq!(seven.operations, [("propose".to_owned(), 7)]);
    }

    #[test]
    fn operations_that_may_be_of_several_models_are_asked_about() {
        let own = "system: {command: [./n, '{client}']}\n";
        let check = |text: &str, expected: &str| {
            let read =
                from_text("w.yaml", &format!("{own}{text}"), &Overrides::default(), &catalogue());
            let told = read.unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        };
        check(
            "operations: {add: 1, read: 1}",
            "w.yaml:2:13: add, read may be of counter or set; write `model: counter` or `model: set`",
        );
        check(
            "operations: {enqueue: 1, dequeue: 1}",
            "may be of queue or total-queue; write `model: queue` or `model: total-queue` above",
        );
        check("model: kvs", "w.yaml:2:8: unknown model `kvs`; did you mean `kv`?");
        check("model: stack", "w.yaml:2:8: a run cannot drive the model stack; it can drive log, ");
        check(
            "model: kv\noperations: {get: 1, write: 1}",
            "w.yaml:3:22: `write` is no operation of the model kv (`model: register` has it); its \
             operations are get, put, append, delete, cas",
        );
        check(
            "model: kv\noperations: {gett: 1}",
            "w.yaml:3:14: `gett` is no operation of the model kv;",
        );
    }

    #[test]
    fn keys_are_so_many_in_all_or_replaced_after_so_many_operations() {
        let own = "system: {command: [./n, '{client}']}\n";
        let keys = |text: &str| workload(&format!("{own}{text}")).keys;
        let rotating = Some(Keys { count: 5, operations: Some(300) });
        assert_eq!(keys("model: kv"), rotating);
        assert_eq!(keys("model: set\nkeys: 7"), Some(Keys::fixed(7)));
        assert_eq!(keys("model: set\nkeys: none"), None);
        assert_eq!(keys("model: mutex"), None);
        assert_eq!(keys("model: register\nkeys: {count: 5, operations: 300}"), rotating);
        for text in ["model: set\nkeys: none", "model: kv", "model: counter\nkeys: {count: 2}"] {
            let read = workload(&format!("{own}{text}"));
            assert_eq!(workload(&read.to_yaml()), Workload { ..read });
        }
        let check = |text: &str, expected: &str| {
            let read = from_text("w.yaml", text, &Overrides::default(), &catalogue());
            let told = read.unwrap_err().to_string();
            assert!(told.starts_with(expected), "{told}");
        };
        check(
            "system: paxos\nkeys: {count: 5, operations: 3}",
            "w.yaml:2:30: a key of consensus is",
        );
        check("system: paxos\nkeys: none", "w.yaml:2:7: found `none`; a whole number from 1");
        check("system: paxos\nkeys: {operations: 3}", "w.yaml:2:7: no `count`; write {count: 5");
        let set = format!("{own}model: set\nkeys: {{count: 5, operations: 0}}");
        check(&set, "w.yaml:3:30: found `0`; a whole number from 1 on");
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
        let told = error("system: paxos\nretry: true", &Overrides::default());
        assert!(
            told.starts_with("w.yaml:2:8: `retry` repeats what is asked in a session"),
            "{told}"
        );
    }
}
