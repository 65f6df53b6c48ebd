//! What every monitor keeps of operations that have not returned, and how it speaks of keys.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::history::Value;
use crate::verdict::{Anomaly, Verdict};

/// Open operations of each process, in the order of invocation. More than one only for the moment
/// in which one returns and the next is invoked at the same time.
pub(super) struct Open<T>(HashMap<u64, Vec<T>, FixedState>);

impl<T> Default for Open<T> {
    fn default() -> Self {
        Open(HashMap::default())
    }
}

impl<T> Open<T> {
    pub fn invoke(&mut self, process: u64, op: T) {
        self.0.entry(process).or_default().push(op);
    }

    pub fn first(&self, process: u64) -> Option<&T> {
        self.0.get(&process)?.first()
    }

    pub fn ret(&mut self, process: u64) -> Result<T, String> {
        let open = self.0.get_mut(&process).filter(|open| !open.is_empty());
        let open = open.ok_or_else(|| format!("process {process} returns but asked nothing"))?;
        Ok(open.remove(0))
    }

    /// Those of this process that are still open, in the order of invocation.
    pub fn rest(&mut self, process: u64) -> impl Iterator<Item = &mut T> {
        self.0.get_mut(&process).into_iter().flatten()
    }

    pub fn into_all(self) -> impl Iterator<Item = T> {
        self.0.into_values().flatten()
    }
}

/// `key 7: `, to stand before what is said of it.
pub(super) fn of_key(key: Option<&Value>) -> String {
    key.map(|key| format!("key {key}: ")).unwrap_or_default()
}

/// An anomaly that says which key it is about.
pub(super) fn named(mut anomaly: Anomaly, key: Option<&Value>) -> Anomaly {
    anomaly.explanation.insert_str(0, &of_key(key));
    anomaly
}

/// What a monitor says at the end, of anomalies and of the first event it could not understand.
pub(super) fn verdict(anomalies: Vec<Anomaly>, malformed: Option<String>) -> Verdict {
    match (anomalies.is_empty(), malformed) {
        (false, _) => Verdict::Violated(anomalies),
        (true, Some(reason)) => Verdict::Unknown { reason },
        (true, None) => Verdict::Valid,
    }
}
