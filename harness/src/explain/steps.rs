//! The nine steps of Raft in M. Kleppmann's lecture notes *Distributed Systems* (University of
//! Cambridge), 6.2 (1-3: electing a leader; 4-9: processing a request). Other protocols go through
//! the same steps as far as they have them.

/// One of the nine, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Step(pub u8);

/// Initialisation: what is stable and what is volatile, recovery from a crash, suspecting the
/// leader.
pub const INITIALISATION: Step = Step(1);
pub const VOTING: Step = Step(2);
pub const COLLECTING: Step = Step(3);
/// Broadcasting messages: a client's message goes to the leader.
pub const BROADCASTING: Step = Step(4);
pub const REPLICATING: Step = Step(5);
pub const RECEIVING: Step = Step(6);
pub const UPDATING: Step = Step(7);
pub const ACKNOWLEDGING: Step = Step(8);
pub const COMMITTING: Step = Step(9);

/// The steps, each with a name and what to look for.
pub const STEPS: [(Step, &str, &str); 9] = [
    (
        INITIALISATION,
        "initialisation",
        "a node starts from what its disk kept, or suspects the leader and seeks a new epoch",
    ),
    (VOTING, "voting on a new leader", "a node promises an epoch to one candidate, on disk first"),
    (COLLECTING, "collecting votes", "a candidate has a majority, and leads"),
    (BROADCASTING, "broadcasting messages", "a client's message reaches the leader"),
    (
        REPLICATING,
        "replicating from leader to followers",
        "the leader puts it into its log and sends it on",
    ),
    (RECEIVING, "followers receiving messages", "the leader's message arrives and is compared"),
    (UPDATING, "updating followers' logs", "a follower puts the entry into its own log"),
    (
        ACKNOWLEDGING,
        "leader receiving log acknowledgements",
        "the follower's disk has the entry, and the leader hears of it",
    ),
    (COMMITTING, "leader committing log entries", "a majority has it: it is delivered, for good"),
];
