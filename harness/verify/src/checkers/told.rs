//! Anomalies told one by one, but only so many of a kind: a broken run repeats itself by the
//! thousand, and nobody reads more. It never drops a kind.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::verdict::{Anomaly, Kind};

/// So many of one kind are told; the last of them says how many more there were.
const TOLD_MAX: u64 = 10;

#[derive(Default)]
pub(crate) struct Told {
    anomalies: Vec<Anomaly>,
    counts: BTreeMap<Kind, u64>,
}

impl Told {
    /// One more. Returns its place if it is told.
    pub fn add(&mut self, anomaly: Anomaly) -> Option<usize> {
        let count = self.counts.entry(anomaly.kind).or_default();
        *count += 1;
        if *count > TOLD_MAX {
            return None;
        }
        self.anomalies.push(anomaly);
        Some(self.anomalies.len() - 1)
    }

    /// One more that no single event of the history shows.
    pub fn say(&mut self, kind: Kind, explanation: String) {
        self.add(Anomaly { kind, explanation, events: Vec::new(), time_ns: None });
    }

    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// A finer kind for one that was told, and why.
    pub fn refine(&mut self, at: usize, kind: Kind, why: &str) {
        let anomaly = &mut self.anomalies[at];
        *self.counts.entry(anomaly.kind).or_default() -= 1;
        *self.counts.entry(kind).or_default() += 1;
        anomaly.kind = kind;
        anomaly.explanation.push_str(why);
    }

    /// Everything told; the last of a kind says how many more there were.
    pub fn into_anomalies(mut self) -> Vec<Anomaly> {
        for (kind, count) in self.counts {
            let told = self.anomalies.iter().filter(|anomaly| anomaly.kind == kind).count() as u64;
            if count > told {
                let last = self.anomalies.iter_mut().rfind(|anomaly| anomaly.kind == kind);
                let last = last.expect("the first of each kind is told");
                let more = write!(last.explanation, " (and {} more like it)", count - told);
                more.expect("writing to memory does not fail");
            }
        }
        self.anomalies
    }
}
