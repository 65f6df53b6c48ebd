//! A protocol as a row of a table: what is known of it as a system, and what only this crate knows.

use schism_facts::SystemRow;

use crate::machine::Build;
use crate::states::States;

/// What `schism list systems` prints, `schism node` starts and the judge goes by.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolRow {
    /// What whoever breaks or judges a cluster of it goes by.
    pub facts: SystemRow,
    /// Starts the correct protocol.
    pub build: Build,
    /// A node as a state machine, as a lecture draws it.
    pub states: States,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::{PROTOCOLS, Progress};

    fn all_differ<T: Ord>(what: impl Iterator<Item = T>) -> bool {
        let all: Vec<T> = what.collect();
        let count = all.len();
        all.into_iter().collect::<BTreeSet<T>>().len() == count
    }

    #[test]
    fn rows_do_not_contradict_themselves() {
        assert!(all_differ(PROTOCOLS.iter().map(|row| row.facts.name)));
        for row in PROTOCOLS.iter().map(|row| row.facts) {
            let name = row.name;
            assert!(!name.is_empty() && !row.about.is_empty(), "{name} has a blank");
            assert!(!row.models.is_empty(), "{name} serves nothing");
            assert!(all_differ(row.options.iter().map(|option| option.name)), "{name}'s options");
            assert!(all_differ(row.frames.iter().map(|frame| frame.kind)), "{name}'s frames");
            assert!(all_differ(row.frames.iter().map(|frame| frame.name)), "{name}'s frames");
            assert!(row.traces.without.iter().all(|number| (1..=11).contains(number)), "{name}");
            let known = |option: &str| row.options.iter().any(|row| row.name == option);
            assert!(row.may_lose.is_none_or(|is| known(is.option)), "{name} has no such option");
            let stays = row.leader_stays.iter().all(|is| known(is.option));
            assert!(stays, "{name} has no such option");
            assert!(!(row.leaderless && row.progress.is_by_hand()), "{name}: who is promoted?");
            assert!(!row.leaderless || row.progress != Progress::FirstNode, "{name}: who leads?");
        }
    }
}
