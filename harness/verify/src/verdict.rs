//! What a judge may say: valid, violated, unknown; worst wins, and giving up is not passing.

use serde::{Deserialize, Serialize};

use crate::history::Event;

#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// The check ran to its end and found nothing wrong.
    Valid,
    /// Something promised was broken; each anomaly carries its proof. Never empty.
    Violated(Vec<Anomaly>),
    Unknown {
        reason: String,
    },
}

/// One broken promise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Anomaly {
    pub kind: Kind,
    /// One sentence in plain words that names the operations.
    pub explanation: String,
    /// The events of the history that prove it, in order.
    pub events: Vec<u64>,
    /// When it became certain: nanoseconds on the history's clock, where it has one.
    pub time_ns: Option<u64>,
}

/// The closed list of anomalies (`schism list anomalies`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[allow(missing_docs)] // KINDS says what each means
pub enum Kind {
    LostAppend,
    Phantom,
    FailedYetVisible,
    Duplicate,
    OffsetConflict,
    StaleRead,
    FutureRead,
    NonPrefix,
    Gap,
    RealTimeOrder,
    NonLinearizable,
    Divergence,
    FifoOrder,
    LostAfterCrash,
    ElectionSafety,
    LeaderAppendOnly,
    LogMatching,
    LeaderCompleteness,
    StateMachineSafety,
    AckedDurability,
    CommitQuorum,
    ReadIndex,
    NonMonotone,
    Session,
    Configuration,
    Agreement,
    Validity,
    Integrity,
    Termination,
    NoProgress,
    SlowRecovery,
    NotConverged,
    Bypass,
    UnexplainedDeath,
    Leftover,
}

/// Every kind with its name and what it means.
pub const KINDS: &[(Kind, &str, &str)] = &[
    (Kind::LostAppend, "lost-append", "acknowledged, then absent"),
    (Kind::Phantom, "phantom", "an entry nobody ever asked for"),
    (Kind::FailedYetVisible, "failed-yet-visible", "refused for certain, yet in the log"),
    (Kind::Duplicate, "duplicate", "asked for once, in the log twice"),
    (
        Kind::OffsetConflict,
        "offset-conflict",
        "two values at one offset, or one offset given out twice",
    ),
    (Kind::StaleRead, "stale-read", "a read missed what had been seen before it was asked"),
    (Kind::FutureRead, "future-read", "a read showed what was only asked for after it returned"),
    (Kind::NonPrefix, "non-prefix", "two readers disagree on the content of the log"),
    (Kind::Gap, "gap", "an entry is missing between two that were seen"),
    (Kind::RealTimeOrder, "real-time-order", "an append took a place before one that had returned"),
    (Kind::NonLinearizable, "non-linearizable", "no order explains the answers; no finer name"),
    (Kind::Divergence, "divergence", "nodes delivered different logs"),
    (Kind::FifoOrder, "fifo-order", "a session's appends are out of order"),
    (Kind::LostAfterCrash, "lost-after-crash", "delivered by a node, gone after its restart"),
    (Kind::ElectionSafety, "election-safety", "two leaders in one epoch"),
    (Kind::LeaderAppendOnly, "leader-append-only", "a leader removed entries of its own log"),
    (Kind::LogMatching, "log-matching", "one (index, epoch), two histories before it"),
    (Kind::LeaderCompleteness, "leader-completeness", "a leader lacks a committed entry"),
    (Kind::StateMachineSafety, "state-machine-safety", "two entries committed at one index"),
    (Kind::AckedDurability, "acked-durability", "acknowledged before, or without, being on disk"),
    (Kind::CommitQuorum, "commit-quorum", "committed without a quorum that holds it on disk"),
    (Kind::ReadIndex, "read-index", "a linearizable read below what was committed before it"),
    (Kind::NonMonotone, "non-monotone", "an epoch, commit or apply position went back"),
    (Kind::Session, "session", "one request of a session was executed twice"),
    (Kind::Configuration, "configuration", "memberships changed in an unsafe way"),
    (Kind::Agreement, "agreement", "two different values were decided"),
    (Kind::Validity, "validity", "decided or delivered differs from what was asked for"),
    (Kind::Integrity, "integrity", "delivered twice, or never asked for"),
    (Kind::Termination, "termination", "no decision though messages arrive in time"),
    (Kind::NoProgress, "no-progress", "nothing acknowledged though a quorum could"),
    (Kind::SlowRecovery, "slow-recovery", "recovery took longer than the workload allows"),
    (Kind::NotConverged, "not-converged", "nodes still differ after everything was healed"),
    (Kind::Bypass, "bypass", "nodes talked past the proxy, so partitions had no meaning"),
    (Kind::UnexplainedDeath, "unexplained-death", "a node died though nobody killed it"),
    (Kind::Leftover, "leftover", "a process or fault outlived the run"),
];

impl Kind {
    /// Its name as in verdict.json.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|row| row.0 == self).expect("KINDS lists every kind").1
    }

    pub fn parse(name: &str) -> Option<Self> {
        KINDS.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

impl Anomaly {
    /// One that this event alone proves.
    pub(crate) fn at(event: &Event, kind: Kind, explanation: String) -> Self {
        let events = vec![event.index];
        Anomaly { kind, explanation, events, time_ns: event.time() }
    }
}

impl Verdict {
    /// Both together: a violation beats unknown, unknown beats valid; anomalies add up.
    #[must_use]
    pub fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::Violated(mut first), Verdict::Violated(second)) => {
                first.extend(second);
                Verdict::Violated(first)
            }
            (violated @ Verdict::Violated(_), _) | (_, violated @ Verdict::Violated(_)) => violated,
            (Verdict::Unknown { reason: first }, Verdict::Unknown { reason: second }) => {
                Verdict::Unknown { reason: format!("{first}; {second}") }
            }
            (unknown @ Verdict::Unknown { .. }, _) | (_, unknown @ Verdict::Unknown { .. }) => {
                unknown
            }
            (Verdict::Valid, Verdict::Valid) => Verdict::Valid,
        }
    }

    /// `valid`, `violated` or `unknown`.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Valid => "valid",
            Verdict::Violated(_) => "violated",
            Verdict::Unknown { .. } => "unknown",
        }
    }
}
