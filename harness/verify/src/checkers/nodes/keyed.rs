//! Registers, keys, counters and sets: at the end all nodes come to hold the same of each key.
//!
//! Every node is read again until the nodes agree on a key. So the nodes agreed if some value of it
//! was read of each of them; an answer that came late may have changed it meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkers::told::Told;
use crate::evidence::last_reads::{LastRead, LastReads};
use crate::history::Value;
use crate::verdict::{Anomaly, Kind};

/// The keys on which nodes never agreed, and what each node held last.
pub(super) fn differences(reads: &LastReads<'_>, waited_ms: u64) -> Vec<Anomaly> {
    let mut told = Told::default();
    for (key, answers) in &reads.by_key {
        let mut held: BTreeMap<&str, BTreeSet<Value>> = BTreeMap::new();
        for read in answers {
            held.entry(read.node).or_default().insert(reads.operation.said(read.value));
        }
        let mut nodes = held.values();
        let Some(first) = nodes.next() else { continue };
        let in_common = first.iter().any(|value| nodes.clone().all(|held| held.contains(value)));
        if in_common {
            continue;
        }
        let mut last: BTreeMap<&str, &LastRead<'_>> = BTreeMap::new();
        last.extend(answers.iter().map(|read| (read.node, read)));
        let holds: Vec<String> =
            last.iter().map(|(node, read)| format!("{node} holds {}", read.value)).collect();
        let of = key.map(|key| format!(" of {key}")).unwrap_or_default();
        let explanation = format!(
            "{waited_ms} ms after everything was healed the nodes still differ{of}: {}",
            holds.join(", ")
        );
        let mut events: Vec<u64> = last.values().flat_map(|read| read.events).collect();
        events.sort_unstable();
        told.add(Anomaly { kind: Kind::NotConverged, explanation, events, time_ns: None });
    }
    told.into_anomalies()
}
