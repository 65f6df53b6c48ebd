//! How the invariants read on the traces of a system: which do not apply, and who must hold what
//! is committed. It never names a system: its row says it (docs/internals/protocols.md).

use schism_facts::{CommitQuorum, Traces};

use crate::verdict::Kind;

/// Whether what a log's trace says against this invariant counts.
pub(super) fn applies(traces: &Traces, kind: Kind) -> bool {
    number(kind).is_none_or(|number| !traces.without.contains(&number))
}

/// The same for the rules of slots and ballots, where one hash for each (slot, ballot) stands in
/// for I3 and holds even where the rules of logs do not.
pub(super) fn applies_to_slots(traces: &Traces, kind: Kind) -> bool {
    kind == Kind::LogMatching || applies(traces, kind)
}

/// Whether what counts is what acceptors accepted, and not what logs hold.
pub(super) fn of_acceptors(traces: &Traces) -> bool {
    traces.commit_quorum == CommitQuorum::Acceptors
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
