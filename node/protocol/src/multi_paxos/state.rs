//! What a Multi-Paxos node is: the part that its rules look at.
//! It never sends, writes or answers anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::common::disk::Hard;
use crate::common::node;
use crate::machine::{BootError, Chain, Index, LogEntry, NodeId, Time};
use crate::paxos::ballot::Ballot;

/// Persistent beside the slots: survives every crash, and is on disk before anything rests on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardState {
    /// The highest ballot promised, for all slots at once.
    pub promised: Ballot,
    /// To whom it was promised.
    pub to: Option<NodeId>,
    /// All slots up to here were known to be chosen; the disk holds what is chosen in them.
    pub decided: Index,
    /// The chain there.
    pub chain: Chain,
}

impl Hard for HardState {}

/// A node's state, persistent and volatile.
pub type State = node::State<HardState, Own>;

/// What only a Multi-Paxos node has of it.
#[derive(Clone, Debug)]
pub struct Own {
    /// The acceptor's slots after the chosen prefix: what was accepted last in each, its epoch the
    /// ballot. There may be holes. The chosen prefix is the log.
    pub open: BTreeMap<Index, LogEntry>,
    /// Whom it believes to lead in the promised ballot.
    pub leader: Option<NodeId>,
    /// When it last heard that leader.
    pub heard: Option<Time>,
}

impl State {
    /// The greatest slot in which this node accepted anything, or knows what is chosen.
    #[must_use]
    pub fn last(&self) -> Index {
        let open = self.own.open.last_key_value().map(|(slot, _)| *slot);
        open.unwrap_or_default().max(self.ordered.commit)
    }
}

/// The log of the disk in two: what was known to be chosen, fit for an ordered log (its entries
/// have no epoch), and the open slots. A value noted as chosen makes the first part longer.
pub(super) fn divide(
    hard: &HardState,
    summed_up: Index,
    log: Vec<LogEntry>,
) -> Result<(Vec<LogEntry>, BTreeMap<Index, LogEntry>), BootError> {
    let mut open: BTreeMap<Index, LogEntry> = log.into_iter().map(|e| (e.index, e)).collect();
    let mut chosen: Vec<LogEntry> = Vec::new();
    for i in summed_up.0 + 1.. {
        let index = Index(i);
        let noted = open.get(&index).is_some_and(|e| e.epoch == Ballot::CHOSEN.epoch());
        if index > hard.decided && !noted {
            break;
        }
        let Some(entry) = open.remove(&index) else {
            let decided = hard.decided.0;
            return Err(BootError::Disk(format!(
                "slot {i} is missing, though all up to {decided} were known to be chosen"
            )));
        };
        chosen.push(LogEntry { epoch: crate::Epoch(0), ..entry });
    }
    open.retain(|index, _| *index > summed_up);
    Ok((chosen, open))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Command, Epoch};

    fn check(decided: u64, summed_up: u64, log: &[(u64, u64)], chosen: &[u64], open: &[u64]) {
        let entry = |(index, epoch): &(u64, u64)| LogEntry {
            index: Index(*index),
            epoch: Epoch(*epoch),
            command: Command::Noop,
        };
        let hard = HardState { decided: Index(decided), ..HardState::default() };
        let log = log.iter().map(entry).collect();
        let (found, left) = divide(&hard, Index(summed_up), log).unwrap();
        assert_eq!(found.iter().map(|e| e.index.0).collect::<Vec<_>>(), chosen);
        assert_eq!(left.keys().map(|i| i.0).collect::<Vec<_>>(), open);
    }

    #[test]
    fn a_disk_is_a_chosen_prefix_and_open_slots_with_holes() {
        let chosen = Ballot::CHOSEN.0;
        check(0, 0, &[], &[], &[]);
        check(2, 0, &[(1, 5), (2, 5), (3, 5), (6, 9)], &[1, 2], &[3, 6]);
        check(2, 0, &[(1, 5), (2, 5), (3, chosen), (4, chosen), (6, chosen)], &[1, 2, 3, 4], &[6]);
        check(2, 7, &[(8, 5), (9, chosen)], &[], &[8, 9]);
    }

    #[test]
    fn a_hole_in_what_was_chosen_is_refused() {
        let hard = HardState { decided: Index(2), ..HardState::default() };
        assert!(divide(&hard, Index(0), Vec::new()).is_err());
    }
}
