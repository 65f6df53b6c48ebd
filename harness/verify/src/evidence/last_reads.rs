//! What every node held of each key at the end of a run whose model's row says that keys are read:
//! each answer with who gave it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Settings, finals};
use crate::history::nemesis::{Said, final_reads_at};
use crate::history::{History, Type, Value};
use crate::models::{Ending, Operation};

/// The reads of a run's end.
pub(crate) struct LastReads<'a> {
    /// The answers about each key, in the order in which they came. Without a key there is one.
    pub by_key: BTreeMap<Option<&'a Value>, Vec<LastRead<'a>>>,
    /// Why not all was read of every node that there is; empty: it was.
    pub unread: Vec<String>,
    /// The operation that read.
    pub operation: &'static Operation,
}

/// What a node answered about a key.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct LastRead<'a> {
    pub node: &'a str,
    pub value: &'a Value,
    /// The events of the question and the answer.
    pub events: [u64; 2],
}

impl<'a> LastReads<'a> {
    /// None: this history has no such end.
    pub fn of(history: &'a History, settings: &Settings) -> Option<Self> {
        let start = final_reads_at(history)?;
        let model = settings.model_of(history)?;
        let Ending::ReadEveryKey(read) = model.ending else { return None };
        let operation = model.operation(read)?;
        // Before keys were read, runs of these models had an end without any reads.
        history.nemesis("final-read").next()?;
        let mut by_key: BTreeMap<_, Vec<LastRead<'_>>> = BTreeMap::new();
        for op in history.operations() {
            let (invoke, ret) = (history.invoke(op), history.ret(op));
            // What nobody read at the end is known to be missing there.
            let answers = by_key.entry(invoke.key()).or_default();
            let Some(ret) = ret.filter(|ret| ret.kind == Type::Ok && op.invoke() > start) else {
                continue;
            };
            let node = ret.node.as_deref().or(invoke.node.as_deref());
            if let (true, Some(node)) = (&*invoke.f == read, node) {
                let value = ret.value.as_ref().unwrap_or(&Value::Null);
                answers.push(LastRead { node, value, events: [invoke.index, ret.index] });
            }
        }
        let mut unread = unread(history, settings);
        if unread.is_empty() {
            let missing = by_key.iter().find(|(_, answers)| answers.is_empty());
            unread.extend(missing.map(|(key, _)| {
                let what = key.map_or("nothing".to_owned(), |key| format!("not the key {key}"));
                format!("{what} was read at the end")
            }));
        }
        Some(LastReads { by_key, unread, operation })
    }
}

/// Of which nodes it is not known that they were asked to the end, in sentences.
pub(crate) fn unread(history: &History, settings: &Settings) -> Vec<String> {
    let mut unread = Vec::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    for read in Said::of(history.events()).final_reads {
        let node = read.node.to_string();
        if !read.complete {
            let why = read.why.as_deref().unwrap_or("it did not say why");
            unread.push(finals::unread(&node, why));
        }
        asked.insert(node);
    }
    let nobody = settings.nodes.iter().filter(|node| !asked.contains(*node));
    unread.extend(nobody.map(|node| finals::unread(node, "nobody read it")));
    if asked.is_empty() && settings.nodes.is_empty() {
        unread.push("no node was read to its end".into());
    }
    unread
}
