//! A protocol as a row of a table: how it is started, and what the rest of the world may expect of
//! it. Everything here is data: whoever breaks or judges a cluster reads it and names no protocol.

use crate::machine::Build;
use crate::states::States;

/// What `schism list systems` prints, `schism node` starts and the judge goes by.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolRow {
    /// The name workloads say.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Starts the correct protocol.
    pub build: Build,
    /// The options it knows.
    pub options: &'static [OptionRow],
    /// What clients may ask of it.
    pub serves: Serves,
    /// When it owes progress.
    pub progress: Progress,
    /// No node ever leads, or says that another does: all order, or propose, alike.
    pub leaderless: bool,
    /// What it promises of an append that it acknowledged.
    pub acks: Acks,
    /// How the invariants read on its traces.
    pub traces: Traces,
    /// Its frames by kind, for whoever looks at them on their way.
    pub frames: &'static [FrameRow],
    /// What the epochs in their headers count.
    pub epochs: Epochs,
    /// A node as a state machine, as a lecture draws it.
    pub states: States,
}

impl ProtocolRow {
    /// What most protocols are: a log in which whatever was acknowledged stays, ordered by a leader
    /// that a majority follows, and progress while there is such a majority. A row says where it is
    /// something else.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str, build: Build) -> Self {
        ProtocolRow {
            name,
            about,
            build,
            options: &[],
            serves: Serves::Log,
            progress: Progress::Majority,
            leaderless: false,
            acks: Acks::Stay,
            traces: Traces::ALL,
            frames: &[],
            epochs: Epochs::OfAll,
            states: States::NONE,
        }
    }
}

/// An option of a protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionRow {
    /// The name workloads say.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// What holds when it is not given, as text.
    pub default: &'static str,
}

/// What clients may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Serves {
    /// append, append-if, read, tail: one totally ordered log.
    Log,
    /// propose: one value decided for each key.
    Consensus,
}

/// When a protocol owes progress once messages arrive in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// While a majority is up and mutually connected.
    Majority,
    /// While a majority is up, mutually connected and not recovering: who was stopped has forgotten
    /// everything, and takes part again once such a majority has told it (Liskov and Cowling 2012,
    /// 4.3). Once no majority remembers, never again.
    MajorityInMemory,
    /// While the one node that leads for ever, n1, is up.
    FirstNode,
    /// While the node that was last made leader by hand is up; where `majority`, only together
    /// with a majority it is connected to.
    Promoted {
        /// Whether its acknowledgements need a majority.
        majority: bool,
    },
}

/// What a protocol promises of an append that it acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acks {
    /// It stays, whatever happens.
    Stay,
    /// The same, but where this option has this value: there the leader acknowledges what only it
    /// holds, and an append stays until a later epoch opens without it. What is delivered and what
    /// is read is held by a majority even so. The traces tell of it: a leader's `Role` says with
    /// what length it opened, and an `AckSent` with an offset precedes each such acknowledgement.
    UntilFailover {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: &'static str,
    },
}

/// How the invariants (docs/internals/protocols.md) read on a protocol's traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Traces {
    /// The numbers of the invariants that do not apply: 2 for I2.
    pub without: &'static [u8],
    /// Who must hold an entry when a leader commits it (I7).
    pub commit_quorum: CommitQuorum,
    /// Epochs grow for ever on a node (I8), or only within an incarnation of it.
    pub epoch_outlives_crashes: bool,
}

/// Who must hold an entry durably when a leader commits it.
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

impl Traces {
    /// All invariants, a majority on disk: Raft, Zab, Viewstamped Replication with a disk.
    pub const ALL: Traces = Traces {
        without: &[],
        commit_quorum: CommitQuorum::Majority,
        epoch_outlives_crashes: true,
    };

    /// Acceptors hold slot by slot: nothing is ever truncated (no I2), and one value for a slot and
    /// a ballot takes the place of matching logs (I3).
    pub const OF_ACCEPTORS: Traces =
        Traces { without: &[2, 3], commit_quorum: CommitQuorum::Acceptors, ..Traces::ALL };
}

/// A kind of frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameRow {
    /// The first byte of the frame.
    pub kind: u8,
    /// What people call it: `append-entries`.
    pub name: &'static str,
    /// What it can do to a decision.
    pub part: FramePart,
}

/// What the epoch in a frame's header counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Epochs {
    /// All of the cluster's: one that moved beyond an epoch left it for good.
    OfAll,
    /// Those of one decision (the ballots of single-decree Paxos); each decision has its own, so
    /// that headers compare only where there is one decision.
    OfEachDecision,
}

/// What a frame can do to a decision, as an adaptive adversary sees it
/// (docs/internals/protocols.md, "The adversary").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FramePart {
    /// It carries what would decide: sent by the leader or proposer of the frame's epoch.
    Decides,
    /// It shows that its sender has moved to the frame's epoch.
    Moves,
    /// Its epoch is only asked about (a pre-vote and its grant): it shows nothing.
    Asks,
}
