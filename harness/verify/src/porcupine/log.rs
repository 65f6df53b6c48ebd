//! The log as a sequential object, for drawing an order of its operations. It never judges:
//! `checkers::log` does, without a search.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::history::{List, Type, Value};
use crate::models::log::{Answered, Asked, answered, asked, is_conflict, is_local};
use crate::models::spec::{Call, Spec};

#[derive(Clone)]
pub(super) struct Log;

/// The entries, the last first: logs that share a beginning share its memory.
#[derive(Clone, Debug)]
pub(super) struct Entries(Option<Arc<Entry>>);

#[derive(Debug)]
struct Entry {
    value: Value,
    before: Entries,
    length: u64,
    /// Of all entries up to here.
    hash: u64,
}

/// An operation with what is known of its answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Op {
    /// To this offset, where it is known; only at this length, where it has a condition.
    Append(Value, Option<u64>, Option<u64>),
    /// Entries from an offset, what limited them, and the length.
    Read(List, u64, Option<u64>, Option<u64>),
    Tail(u64),
    /// Refused although the length is not this.
    Refused(u64),
}

impl Spec for Log {
    type State = Entries;
    type Op = Op;

    fn initial(&self) -> Entries {
        Entries(None)
    }

    fn read(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        let question = asked(call.asked)?;
        let Some(ret) = call.answered else {
            return Ok(match question {
                Asked::Append { value, expect } => Some(Op::Append(value, None, expect)),
                _ => None,
            });
        };
        if is_local(&question, ret) {
            return Ok(None);
        }
        if ret.kind == Type::Fail {
            let conflict = is_conflict(&question, ret);
            return Ok(ret.tail().filter(|_| conflict).map(Op::Refused));
        }
        Ok(Some(match (answered(&question, ret)?, question) {
            (Answered::Appended(at), Asked::Append { value, expect }) => {
                Op::Append(value, Some(at), expect)
            }
            (Answered::Read(values, tail), Asked::Read { from, limit, .. }) => {
                Op::Read(values, from, limit, tail)
            }
            (Answered::No, _) => return Ok(None),
            (Answered::Tail(tail), _) => Op::Tail(tail),
            _ => unreachable!("an answer has the type of its question"),
        }))
    }

    fn step(&self, log: &Entries, op: &Op) -> Option<Entries> {
        let length = log.length();
        match op {
            Op::Append(value, at, expect) => {
                let fits = |wanted: &Option<u64>| wanted.is_none_or(|wanted| wanted == length);
                (fits(at) && fits(expect)).then(|| log.with(value.clone()))
            }
            Op::Read(values, from, limit, tail) => {
                let count = values.len() as u64;
                let there = length.saturating_sub(*from);
                // As far as the limit lets it see; a node that gives the length may stop earlier.
                let whole = count == there.min(limit.unwrap_or(u64::MAX));
                let short = tail.is_some() && count <= there;
                let told = tail.is_none_or(|tail| tail == length);
                let fits = told && (whole || short) && log.shows(*from, values);
                fits.then(|| log.clone())
            }
            Op::Tail(tail) | Op::Refused(tail) => (*tail == length).then(|| log.clone()),
        }
    }

    fn only_reads(&self, op: &Op) -> bool {
        !matches!(op, Op::Append(..))
    }

    fn show(&self, log: &Entries) -> String {
        match &log.0 {
            None => "empty".into(),
            Some(entry) => format!("length {}, ends with {}", entry.length, entry.value),
        }
    }
}

impl Entries {
    fn length(&self) -> u64 {
        self.0.as_ref().map_or(0, |entry| entry.length)
    }

    fn with(&self, value: Value) -> Entries {
        let mut hasher = std::hash::DefaultHasher::new();
        (self.0.as_ref().map_or(0, |entry| entry.hash), &value).hash(&mut hasher);
        let (before, length, hash) = (self.clone(), self.length() + 1, hasher.finish());
        Entries(Some(Arc::new(Entry { value, before, length, hash })))
    }

    /// Whether these stand from this offset on.
    fn shows(&self, from: u64, values: &[Value]) -> bool {
        let end = from + values.len() as u64;
        let mut at = &self.0;
        while let Some(entry) = at.as_ref().filter(|entry| entry.length > from) {
            if entry.length <= end && values[(entry.length - from - 1) as usize] != entry.value {
                return false;
            }
            at = &entry.before.0;
        }
        true
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Entries) -> bool {
        let (mut one, mut two) = (&self.0, &other.0);
        while let (Some(a), Some(b)) = (one, two) {
            if Arc::ptr_eq(a, b) {
                return true;
            }
            if a.hash != b.hash || a.length != b.length || a.value != b.value {
                return false;
            }
            (one, two) = (&a.before.0, &b.before.0);
        }
        one.is_none() && two.is_none()
    }
}

impl Eq for Entries {}

impl Hash for Entries {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ref().map_or(0, |entry| entry.hash).hash(state);
    }
}
