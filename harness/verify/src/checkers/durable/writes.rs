//! Registers and keys: what is read at the end explains every acknowledged write.
//!
//! A final read of `u` explains a write `w` to its key if `u` is what `w` wrote, or if something
//! that can have left `u` there had not returned when `w` was asked: it may have come after `w`.
//! If no final read does, `w` is lost. For every order that keeps real time has all that can have
//! left `u` there before `w`, so that `u` was gone after `w`, and nobody can have brought it back.
//! It counts writes one by one, so also those that a later lost write had overwritten.

use std::collections::BTreeMap;

use super::note;
use crate::checkers::CheckResult;
use crate::checkers::told::Told;
use crate::evidence::last_reads::{LastRead, LastReads};
use crate::evidence::{Evidence, Settings};
use crate::history::{Event, History, Type, Value};
use crate::models::spec::Call;
use crate::verdict::{Anomaly, Kind};

/// Something that can have changed what a key holds.
struct Write<'a> {
    invoke: &'a Event,
    ret: Option<&'a Event>,
    /// Positions of the two; `usize::MAX`: it may take effect at any later time.
    from: usize,
    to: usize,
    /// What it left there, or put at the end of what was there. Null: nothing.
    left: &'a Value,
    appends: bool,
    acknowledged: bool,
}

pub(super) fn find(evidence: &Evidence, settings: &Settings) -> CheckResult {
    let history = &evidence.history;
    let reads = LastReads::of(history, settings).expect("the model's row says that keys are read");
    let writes = writes(history);
    let acknowledged = || writes.values().flatten().filter(|write| write.acknowledged);
    let all = acknowledged().count() as u64;
    let (mut told, mut lost) = (Told::default(), 0);
    for (key, reads) in reads.by_key.iter().filter(|_| reads.unread.is_empty()) {
        let none = Vec::new();
        let writes = writes.get(key).unwrap_or(&none);
        let appends = writes.iter().any(|write| write.appends);
        let mut shown: Vec<(&LastRead<'_>, Reach)> = Vec::new();
        for read in reads {
            if shown.iter().any(|(known, _)| known.value == read.value) {
                continue;
            }
            let reach = Reach::of(read.value, writes, appends);
            if reach.is_phantom {
                told.add(phantom(read, *key));
            }
            shown.push((read, reach));
        }
        // What nobody wrote says nothing about what was written.
        if shown.iter().any(|(_, reach)| reach.is_phantom) {
            continue;
        }
        for write in writes.iter().filter(|write| write.acknowledged) {
            let is_explained = |(read, reach): &(&LastRead<'_>, Reach)| {
                write.is_in(read.value, appends) || reach.until > write.from
            };
            if !shown.iter().any(is_explained) {
                lost += 1;
                told.add(anomaly(write, shown.last().map(|(read, _)| *read)));
            }
        }
    }
    let notes = note(lost, all, "writes");
    let found = CheckResult::weigh(all, told.into_anomalies(), reads.unread);
    CheckResult { lost: Some(lost), notes, ..found }
}

/// Until when a value can have come about.
struct Reach {
    /// The position at which the last that can have left it there returned; 0: it was there.
    until: usize,
    /// Nobody can have left it there.
    is_phantom: bool,
}

impl Reach {
    fn of(value: &Value, writes: &[Write<'_>], appends: bool) -> Reach {
        // A string that begins with what somebody put there began with that.
        let has_base = writes.iter().any(|write| write.begins(value, appends));
        let can_leave = |write: &&Write<'_>| {
            write.begins(value, appends)
                || write.ends(value)
                || *write.left == Value::Null && (*value == Value::Null || appends && !has_base)
        };
        let until = writes.iter().filter(can_leave).map(|write| write.to).max();
        let is_initial = *value == Value::Null;
        Reach { until: until.unwrap_or(0), is_phantom: until.is_none() && !is_initial }
    }
}

impl Write<'_> {
    /// Whether the key can hold this right after it, or after appends that came then.
    fn begins(&self, value: &Value, appends: bool) -> bool {
        match (self.left, value) {
            _ if self.appends || *self.left == Value::Null => false,
            (Value::Str(left), Value::Str(value)) if appends => value.starts_with(&**left),
            (left, value) => left == value,
        }
    }

    /// Whether it is what was appended last.
    fn ends(&self, value: &Value) -> bool {
        match (self.left, value) {
            (Value::Str(left), Value::Str(value)) => self.appends && value.ends_with(&**left),
            _ => false,
        }
    }

    /// Whether what it wrote is there.
    fn is_in(&self, value: &Value, appends: bool) -> bool {
        match (self.left, value) {
            (Value::Str(left), Value::Str(value)) if appends => value.contains(&**left),
            (left, value) => left == value,
        }
    }
}

/// What may have changed each key, in the order in which it was asked.
fn writes(history: &History) -> BTreeMap<Option<&Value>, Vec<Write<'_>>> {
    let mut writes: BTreeMap<_, Vec<Write<'_>>> = BTreeMap::new();
    for op in history.operations() {
        let (invoke, ret) = (history.invoke(op), history.ret(op));
        let answered = ret.filter(|ret| matches!(ret.kind, Type::Ok | Type::Fail));
        let call = Call { asked: invoke, answered };
        let left = match &*invoke.f {
            "write" | "put" | "append" => call.done(),
            "delete" => Some(&Value::Null),
            "cas" => call.pair().ok().filter(|(from, to)| from != to).map(|(_, to)| to),
            _ => None,
        };
        let Some(left) = left.filter(|_| !call.did_not_happen()) else { continue };
        let acknowledged = answered.is_some();
        writes.entry(invoke.key()).or_default().push(Write {
            invoke,
            ret,
            from: op.invoke(),
            to: op.ret().filter(|_| acknowledged).unwrap_or(usize::MAX),
            left,
            appends: &*invoke.f == "append",
            acknowledged,
        });
    }
    writes
}

fn phantom(read: &LastRead<'_>, key: Option<&Value>) -> Anomaly {
    let of = key.map(|key| format!(" of {key}")).unwrap_or_default();
    let explanation =
        format!("at the end {} holds {}{of}, which nobody ever wrote", read.node, read.value);
    Anomaly { kind: Kind::Phantom, explanation, events: read.events.to_vec(), time_ns: None }
}

fn anomaly(write: &Write<'_>, read: Option<&LastRead<'_>>) -> Anomaly {
    let ret = write.ret.expect("what was acknowledged returned");
    let to = write.invoke.key().map(|key| format!(" to {key}")).unwrap_or_default();
    let by = ret.node.as_ref().map(|node| format!(" by {node}")).unwrap_or_default();
    let what = match (&*write.invoke.f, write.left) {
        (f, Value::Null) => f.to_owned(),
        (f, left) => format!("{f} of {left}"),
    };
    let instead = read.map_or(String::new(), |read| {
        format!(
            "; at the end {} holds {}, and nothing that can have left that came later",
            read.node, read.value
        )
    });
    let mut events = vec![write.invoke.index, ret.index];
    events.extend(read.into_iter().flat_map(|read| read.events));
    let who = write.invoke.process();
    let explanation = format!("the {what}{to} by {who} was acknowledged{by}{instead}");
    Anomaly { kind: Kind::LostWrite, explanation, events, time_ns: ret.time() }
}
