//! What every node held at the end, put together from the final local reads.

use std::collections::BTreeMap;

use super::Settings;
use crate::history::nemesis::{Said, final_reads_at};
use crate::history::{History, Level, Type, Value};
use crate::models::Ending;
use crate::models::log::{self, Answered, Asked};

/// The log of one node at the end.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct FinalLog {
    /// The entries, from offset 0.
    pub entries: Vec<Value>,
    /// The index of the answer that showed the entries from this offset on, by offset.
    pub pages: BTreeMap<u64, u64>,
    /// Why it is not the whole log. None: it is.
    pub missing: Option<String>,
}

/// Whether nodes were read at the end, as the model's row says.
pub(crate) fn of_logs(history: &History, settings: &Settings) -> bool {
    final_reads_at(history).is_some() && settings.ends(history, Ending::ReadEveryNode)
}

/// The log of every node that should have been read. `nodes` may name more than were.
pub(crate) fn logs(history: &History, nodes: &[String]) -> BTreeMap<String, FinalLog> {
    let mut logs: BTreeMap<String, FinalLog> = BTreeMap::new();
    for node in nodes {
        logs.entry(node.clone()).or_default().missing = Some("nobody read it".into());
    }
    let mut pages: BTreeMap<String, BTreeMap<u64, (u64, Vec<Value>)>> = BTreeMap::new();
    let start = final_reads_at(history).unwrap_or(usize::MAX);
    for op in history.operations().iter().filter(|op| op.invoke() > start) {
        let (invoke, Some(ret)) = (history.invoke(op), history.ret(op)) else { continue };
        let local = invoke.level() == Some(Level::Local) || ret.level() == Some(Level::Local);
        let Some(node) = ret.node.as_ref().or(invoke.node.as_ref()) else { continue };
        if ret.kind != Type::Ok || !local {
            continue;
        }
        let Ok(Asked::Read { from, .. }) = log::asked(invoke) else { continue };
        let question = Asked::Read { from, limit: invoke.limit(), local };
        if let Ok(Answered::Read(values, _)) = log::answered(&question, ret) {
            let page = (ret.index, values.to_vec());
            pages.entry(node.to_string()).or_default().insert(from, page);
        }
    }
    for read in Said::of(history.events()).final_reads {
        let node = read.node.to_string();
        let log = logs.entry(node.clone()).or_default();
        *log = FinalLog::default();
        for (from, (event, values)) in pages.remove(&node).unwrap_or_default() {
            // Pages of a first try that was broken off may overlap those of the second.
            let known = (log.entries.len() as u64).saturating_sub(from) as usize;
            if from <= log.entries.len() as u64 && known < values.len() {
                log.pages.insert(log.entries.len() as u64, event);
                log.entries.extend_from_slice(&values[known..]);
            }
        }
        let there = log.entries.len() as u64;
        if !read.complete {
            log.missing = Some(read.why.unwrap_or_else(|| "it was not read to its end".into()));
        } else if read.length.is_none_or(|length| length != there) {
            let length = read.length.map_or("no length".into(), |length| length.to_string());
            log.missing = Some(format!("its answers show {there} entries, but it said {length}"));
        }
    }
    logs
}

/// The doubt that follows where a node was not read to its end.
pub(crate) fn unread(node: &str, why: &str) -> String {
    format!("{node} could not be read to its end: {why}")
}

impl FinalLog {
    /// Whether it holds this value there.
    pub fn holds(&self, offset: u64, value: &Value) -> bool {
        self.entries.get(offset as usize) == Some(value)
    }

    /// The event that showed this offset, or else the end of the log.
    pub fn shown_by(&self, offset: u64) -> Option<u64> {
        self.pages.range(..=offset).next_back().map(|(_, event)| *event)
    }
}
