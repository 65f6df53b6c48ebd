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

/// Makes the enum and its table of one list.
macro_rules! kinds {
    ($($kind:ident $name:literal $about:literal;)*) => {
        /// The closed list of anomalies (`schism list anomalies`).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Kind {
            $(#[doc = $about] $kind,)*
        }

        /// Every kind with its name and what it means.
        pub const KINDS: &[(Kind, &str, &str)] = &[$((Kind::$kind, $name, $about),)*];
    };
}

kinds! {
    LostAppend "lost-append" "acknowledged, then absent";
    LostWrite "lost-write" "a write that was acknowledged, and that nothing at the end explains";
    LostElement "lost-element" "added and acknowledged, never removed, and not in the set";
    LostMessage "lost-message" "put in and acknowledged, and nobody received it";
    UnexpectedMessage "unexpected-message" "received, and nobody had put it in";
    DuplicatedMessage "duplicated-message" "received more often than it was put in";
    Phantom "phantom" "an entry or a value that nobody ever asked for";
    FailedYetVisible "failed-yet-visible" "refused for certain, yet in the log";
    Duplicate "duplicate" "asked for once, in the log twice";
    OffsetConflict "offset-conflict" "two values at one offset, or one offset given out twice";
    StaleRead "stale-read" "a read missed what had been seen before it was asked";
    FutureRead "future-read" "a read showed what was only asked for after it returned";
    NonPrefix "non-prefix" "two readers disagree on the content of the log";
    Gap "gap" "an entry is missing between two that were seen";
    RealTimeOrder "real-time-order" "an append took a place before one that had returned";
    NonLinearizable "non-linearizable" "no order explains the answers; no finer name";
    Divergence "divergence" "nodes delivered different logs";
    FifoOrder "fifo-order" "a session's appends are out of order";
    LostAfterCrash "lost-after-crash" "delivered by a node, gone after its restart";
    ElectionSafety "election-safety" "two leaders in one epoch";
    LeaderAppendOnly "leader-append-only" "a leader removed entries of its own log";
    LogMatching "log-matching" "one (index, epoch), two histories before it";
    LeaderCompleteness "leader-completeness" "a leader lacks a committed entry";
    StateMachineSafety "state-machine-safety" "two entries committed at one index";
    AckedDurability "acked-durability" "acknowledged before, or without, being on disk";
    CommitQuorum "commit-quorum" "committed without a quorum that holds it on disk";
    CommitEpoch "commit-epoch" "a leader took copies of an older epoch's entry for decided";
    ReadIndex "read-index" "a linearizable read below what was committed before it";
    NonMonotone "non-monotone" "an epoch, commit or apply position went back";
    Session "session" "one request of a session was executed twice";
    Configuration "configuration" "memberships changed in an unsafe way";
    Agreement "agreement" "two different values were decided";
    Validity "validity" "decided or delivered differs from what was asked for";
    Integrity "integrity" "delivered twice, or never asked for";
    Termination "termination" "no decision though messages arrive in time";
    NoProgress "no-progress" "nothing acknowledged though a quorum could";
    Unserved "unserved" "a node, or every node, answered no operation of a kind though it could";
    Unsteady "unsteady" "nothing was broken, and operations timed out or the leader changed";
    SlowRecovery "slow-recovery" "recovery took longer than the workload allows";
    NotConverged "not-converged" "nodes still differ after everything was healed";
    MalformedAnswer "malformed-answer" "an answer that the client protocol does not have";
    Bypass "bypass" "nodes talked past the proxy, so partitions had no meaning";
    UnexplainedDeath "unexplained-death" "a node died though nobody killed it";
    Leftover "leftover" "a process or fault outlived the run";
}

impl Kind {
    /// Whether something that was acknowledged is gone.
    pub fn is_loss(self) -> bool {
        use Kind::{LostAppend, LostElement, LostMessage, LostWrite};
        matches!(self, LostAppend | LostWrite | LostElement | LostMessage)
    }

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
            // Several may have the same reason.
            (Verdict::Unknown { reason: first }, Verdict::Unknown { reason: second })
                if first.contains(&second) =>
            {
                Verdict::Unknown { reason: first }
            }
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

    /// As tests write it: `valid`, `unknown: REASON`, or the kinds of the anomalies in their order.
    #[cfg(test)]
    pub(crate) fn in_short(&self) -> String {
        match self {
            Verdict::Valid => "valid".into(),
            Verdict::Unknown { reason } => format!("unknown: {reason}"),
            Verdict::Violated(anomalies) => {
                let kinds: Vec<&str> = anomalies.iter().map(|one| one.kind.name()).collect();
                kinds.join(" ")
            }
        }
    }
}
