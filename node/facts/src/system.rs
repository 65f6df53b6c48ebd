//! What is known of a system without asking it: what it serves, when it owes progress, what its
//! acknowledgements promise, how its traces and its frames read. Whoever breaks or judges a cluster
//! goes by this and names no system.
//!
//! Rows are `'static` and `Copy`: those of the built-in protocols are constants. A row that is read
//! from a file is leaked, once for each program.

use std::collections::BTreeMap;

/// A system under test, as `schism list systems` prints it and as workloads name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SystemRow {
    /// The name workloads say.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// The options it takes.
    pub options: &'static [OptionRow],
    /// What clients may ask of it: names of the judge's models that a run knows how to ask.
    pub models: &'static [&'static str],
    /// When it owes progress.
    pub progress: Progress,
    /// Which nodes answer linearizable reads themselves.
    pub reads: Reads,
    /// No node ever leads, or says that another does: a fault that means the leader means a node
    /// drawn from the seed.
    pub leaderless: bool,
    /// When a failover may lose what it acknowledged. None: never.
    pub may_lose: Option<OptionIs>,
    /// With all of these a leader that reaches no majority goes on leading, and whoever hears it
    /// elects no other (Ongaro 2014, 6.2 and 9.6). Empty: there are no such options.
    pub leader_stays: &'static [OptionIs],
    /// How the invariants read on its traces.
    pub traces: Traces,
    /// The frames on the links between its nodes; none where nobody knows them.
    pub frames: &'static [FrameRow],
    /// What the epochs in their headers count.
    pub epochs: Epochs,
}

impl SystemRow {
    /// What most systems are, and what is assumed of a system that nobody described: a log in which
    /// whatever was acknowledged stays, ordered by a leader that a majority follows, and progress
    /// while there is such a majority. A row says where it is something else.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        SystemRow {
            name,
            about,
            options: &[],
            models: &["log"],
            progress: Progress::Majority,
            reads: Reads::Unknown,
            leaderless: false,
            may_lose: None,
            leader_stays: &[],
            traces: Traces::ALL,
            frames: &[],
            epochs: Epochs::OfAll,
        }
    }

    /// Whether clients may ask it for what this model says.
    pub fn serves(&self, model: &str) -> bool {
        self.models.contains(&model)
    }

    /// What it promises of an append that it acknowledged, with these options given.
    pub fn acks(&self, given: &BTreeMap<String, String>) -> Acks {
        let may_lose = self.may_lose.is_some_and(|is| self.is(is, given));
        if may_lose { Acks::UntilFailover } else { Acks::Stay }
    }

    /// Whether a leader that reaches no majority is kept by whoever hears it, with these options
    /// given.
    pub fn keeps_its_leader(&self, given: &BTreeMap<String, String>) -> bool {
        !self.leader_stays.is_empty() && self.leader_stays.iter().all(|is| self.is(*is, given))
    }

    /// Whether an option has this value, given or by default.
    fn is(&self, is: OptionIs, given: &BTreeMap<String, String>) -> bool {
        let row = self.options.iter().find(|row| row.name == is.option);
        given.get(is.option).map(String::as_str).or(row.map(|row| row.default)) == Some(is.value)
    }
}

/// An option of a system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionRow {
    /// The name workloads say.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// What holds when it is not given, as text.
    pub default: &'static str,
}

/// An option with this value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OptionIs {
    /// The option's name.
    pub option: &'static str,
    /// Its value.
    pub value: &'static str,
}

/// When a system owes progress once messages arrive in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Progress {
    /// While a majority is up and mutually connected.
    #[default]
    Majority,
    /// While a majority is up, mutually connected and not recovering: who was stopped has forgotten
    /// everything, and takes part again once such a majority has told it (Liskov and Cowling 2012,
    /// 4.3). Once no majority remembers, never again.
    MajorityInMemory,
    /// While the one node that leads for ever, n1, is up.
    FirstNode,
    /// While any node is up.
    Any,
    /// While the node that leads the highest epoch is up, and where `majority`, together with a
    /// majority it is mutually connected to. Nobody leads before an operator promotes a node.
    Promoted {
        /// Whether its acknowledgements need a majority.
        majority: bool,
    },
}

impl Progress {
    /// Whether an operator chooses who leads.
    #[must_use]
    pub fn is_by_hand(self) -> bool {
        matches!(self, Progress::Promoted { .. })
    }

    /// Whether a node that does not hear of its leader leaves the epoch by itself.
    #[must_use]
    pub fn moves_on(self) -> bool {
        matches!(self, Progress::Majority | Progress::MajorityInMemory)
    }
}

/// Which nodes of a system answer linearizable reads. A read for what a node has delivered is
/// answered by each, where anything is known of the system.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reads {
    /// Nobody knows: somebody must.
    #[default]
    Unknown,
    /// Every node that reaches the others, whoever leads.
    EveryNode,
    /// The leader alone.
    Leader,
}

impl Reads {
    /// Whether each node must answer a read, or one for what it has delivered itself (`local`).
    #[must_use]
    pub fn are_owed_by_each(self, local: bool) -> bool {
        match self {
            Reads::EveryNode => true,
            Reads::Leader => local,
            Reads::Unknown => false,
        }
    }
}

/// What a system promises of an append that it acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Acks {
    /// It stays, and whoever asks later sees it.
    #[default]
    Stay,
    /// It stays until a later epoch opens with a log that ends before it: its leader acknowledges
    /// what nobody else may hold yet. What is delivered, and what a read shows, is held by a
    /// majority even so, and stays. The traces tell of it: a leader's `Role` says with what length
    /// it opened, and an `AckSent` with an offset precedes each such acknowledgement.
    UntilFailover,
}

/// How the invariants (docs/internals/protocols.md) read on a system's traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Traces {
    /// The numbers of the invariants that do not apply: 2 for I2.
    pub without: &'static [u8],
    /// Who must hold an entry when a leader commits it (I7).
    pub commit_quorum: CommitQuorum,
    /// Epochs grow for ever on a node (I8), or only within an incarnation of it.
    pub epoch_outlives_crashes: bool,
    /// What a leader commits ends in an entry of its own epoch (I12): the copies of older ones that
    /// it counts may still be overwritten (Raft, 5.4.2). Others know by other means what was
    /// decided before them.
    pub commits_own_epoch: bool,
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

impl Traces {
    /// All that every log has, a majority on disk: Zab, Viewstamped Replication with a disk.
    pub const ALL: Traces = Traces {
        without: &[],
        commit_quorum: CommitQuorum::Majority,
        epoch_outlives_crashes: true,
        commits_own_epoch: false,
    };

    /// Counting copies decides only where the epoch is the leader's own.
    pub const OF_COUNTED_COPIES: Traces = Traces { commits_own_epoch: true, ..Traces::ALL };

    /// Acceptors hold slot by slot: nothing is ever truncated (no I2), and one value for a slot and
    /// a ballot takes the place of matching logs (I3).
    pub const OF_ACCEPTORS: Traces =
        Traces { without: &[2, 3], commit_quorum: CommitQuorum::Acceptors, ..Traces::ALL };
}

impl Default for Traces {
    fn default() -> Self {
        Traces::ALL
    }
}

/// A kind of frame on the links between the nodes of a system. A frame is a length (u32, little
/// endian), its kind (u8), its epoch (u64, little endian) and a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameRow {
    /// Its first byte.
    pub kind: u8,
    /// What people call it: `append-entries`.
    pub name: &'static str,
    /// What it can do to a decision.
    pub part: FramePart,
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

/// What the epoch in a frame's header counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Epochs {
    /// All of the cluster's: a node that moved beyond an epoch left it for good.
    #[default]
    OfAll,
    /// Those of one decision (the ballots of single-decree Paxos); each decision has its own, so
    /// that headers compare only where there is one decision.
    OfEachDecision,
}

/// A planted bug, as `schism list bugs` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BugRow {
    /// Its identifier, for good: `R13`.
    pub id: &'static str,
    /// Its name, for people: `ack-on-append`.
    pub name: &'static str,
    /// The system it is planted in.
    pub system: &'static str,
    /// What is done wrong, in one line.
    pub about: &'static str,
    /// The real bug it stands for.
    pub stands_for: &'static str,
    /// What a client, or a reader of the traces, sees.
    pub sees: &'static str,
    /// The faults that wake it.
    pub woken_by: &'static str,
    /// How long it takes to find with all faults on: e under 1 minute, m 1-10 minutes, h 10-60
    /// minutes, d wants a directed workload.
    pub class: &'static str,
    /// The fault that it waits for: no fault of real processes can wake it yet, only the simulated
    /// cluster finds it. A directed workload is owed when the fault is there.
    pub waits_for: Option<&'static str>,
}

/// A client protocol, as `schism list clients` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientRow {
    /// Its name, as in a workload's `client`.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// The models whose operations it can say. Empty: all.
    pub models: &'static [&'static str],
    /// What can be chosen.
    pub options: &'static [OptionRow],
}

impl ClientRow {
    /// Whether it can say the operations of this model.
    pub fn says(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.contains(&model)
    }
}

/// The systems, planted bugs and client protocols there are, in the order they are shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Catalogue {
    /// The systems that have a name.
    pub systems: Vec<SystemRow>,
    /// The bugs that can be planted in them.
    pub bugs: Vec<BugRow>,
    /// How clients can talk to a system of one's own.
    pub clients: Vec<ClientRow>,
}

impl Catalogue {
    /// The system of this name.
    pub fn system(&self, name: &str) -> Option<&SystemRow> {
        self.systems.iter().find(|row| row.name == name)
    }

    /// The client protocol of this name.
    pub fn client(&self, name: &str) -> Option<&ClientRow> {
        self.clients.iter().find(|row| row.name == name)
    }

    /// The bug with this id.
    pub fn bug(&self, id: &str) -> Option<&BugRow> {
        self.bugs.iter().find(|row| row.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_stays_only_with_all_of_the_options_that_make_it_stay() {
        let option = |name, default| OptionRow { name, about: "", default };
        let is = |option, value| OptionIs { option, value };
        let options = [option("check-quorum", "true"), option("pre-vote", "true")];
        let stays = [is("check-quorum", "false"), is("pre-vote", "true")];
        let row = SystemRow {
            options: Box::leak(Box::new(options)),
            leader_stays: Box::leak(Box::new(stays)),
            ..SystemRow::new("x", "")
        };
        let given = |all: &[(&str, &str)]| {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert!(!row.keeps_its_leader(&given(&[])));
        assert!(row.keeps_its_leader(&given(&[("check-quorum", "false")])));
        assert!(!row.keeps_its_leader(&given(&[("check-quorum", "false"), ("pre-vote", "false")])));
        assert!(!SystemRow::new("x", "").keeps_its_leader(&given(&[("check-quorum", "false")])));
    }

    #[test]
    fn an_option_has_the_value_given_or_its_default() {
        let check = |default: &'static str, given: &[(&str, &str)], expected: Acks| {
            let mode = OptionRow { name: "mode", about: "", default };
            let row = SystemRow {
                options: Box::leak(Box::new([mode])),
                may_lose: Some(OptionIs { option: "mode", value: "async" }),
                ..SystemRow::new("s", "")
            };
            let text = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
            assert_eq!(row.acks(&given.iter().map(text).collect()), expected, "{given:?}");
        };
        check("sync", &[], Acks::Stay);
        check("async", &[], Acks::UntilFailover);
        check("sync", &[("mode", "async")], Acks::UntilFailover);
        check("async", &[("mode", "sync")], Acks::Stay);
        check("sync", &[("other", "async")], Acks::Stay);
    }
}
