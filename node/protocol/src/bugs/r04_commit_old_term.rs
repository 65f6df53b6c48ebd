//! R04 commit-old-term. A leader counts the copies of an older term's entry as a decision.

use super::{Bug, BugRow};
use crate::machine::{Index, build};
use crate::raft::{Raft, Rules, State};

struct CommitOldTerm;

impl Rules for CommitOldTerm {
    fn may_commit(&self, _: &State, _: Index) -> bool {
        true
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R04",
        name: "commit-old-term",
        system: "raft",
        about: "an entry of an older term is committed by counting its copies",
        stands_for: "Raft paper, figure 8; the check of the term is what implementations leave out",
        sees: "an entry that was committed is replaced by a later leader's; as a rule only the traces tell",
        woken_by: "crash of the leader with a tail of large entries that nobody has committed",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &CommitOldTerm, out),
};
