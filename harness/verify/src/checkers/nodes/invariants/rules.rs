//! How the invariants read on the traces of a system: which do not apply, and who must hold what
//! is committed. It never names a system: its row says it (docs/internals/protocols.md).

use crate::verdict::Kind;

/// How the invariants read on a system's traces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traces {
    /// The numbers of the invariants that do not apply: 2 for I2.
    pub without: Vec<u8>,
    /// Who must hold an entry when a leader commits it (I7).
    pub commit_quorum: CommitQuorum,
    /// Epochs grow for ever on a node (I8), or only within an incarnation of it.
    pub epoch_outlives_crashes: bool,
}

/// Who must hold an entry when a leader commits it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommitQuorum {
    /// A majority, on disk.
    Majority,
    /// A majority, in the memory of nodes that have not stopped since.
    MajorityInMemory,
    /// The leader alone, on disk.
    Leader,
    /// A majority accepted one value in one ballot.
    Acceptors,
}

impl Default for Traces {
    /// All invariants, a majority on disk.
    fn default() -> Self {
        Traces {
            without: Vec::new(),
            commit_quorum: CommitQuorum::Majority,
            epoch_outlives_crashes: true,
        }
    }
}

impl Traces {
    /// Whether what a log's trace says against this invariant counts.
    pub(super) fn applies(&self, kind: Kind) -> bool {
        number(kind).is_none_or(|number| !self.without.contains(&number))
    }

    /// The same for the rules of slots and ballots, where one hash for each (slot, ballot) stands
    /// in for I3 and holds even where the rules of logs do not.
    pub(super) fn applies_to_slots(&self, kind: Kind) -> bool {
        kind == Kind::LogMatching || self.applies(kind)
    }

    /// Whether what counts is what acceptors accepted, and not what logs hold.
    pub(super) fn of_acceptors(&self) -> bool {
        self.commit_quorum == CommitQuorum::Acceptors
    }
}

/// The number of an invariant in docs/internals/protocols.md.
fn number(kind: Kind) -> Option<u8> {
    const ORDER: [Kind; 11] = [
        Kind::ElectionSafety,
        Kind::LeaderAppendOnly,
        Kind::LogMatching,
        Kind::LeaderCompleteness,
        Kind::StateMachineSafety,
        Kind::AckedDurability,
        Kind::CommitQuorum,
        Kind::NonMonotone,
        Kind::Session,
        Kind::Configuration,
        Kind::ReadIndex,
    ];
    let place = ORDER.iter().position(|known| *known == kind)?;
    Some(place as u8 + 1)
}
