//! Evidence: what a node says of its own steps, for a judge that trusts no node.

use serde::Serialize;

use super::{Chain, ClientId, Epoch, Index, NodeId, Offset, Time};

/// What a node does in its protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks whether it could win, without disturbing anyone.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Orders.
    Leader,
    /// Takes no part until it has the state again.
    Recovering,
}

/// Evidence for the judge of invariants (docs/internals/protocols.md). Written as one JSON line
/// each; the writer adds node, incarnation and time. `chain` is the log's chain at that index,
/// computed where the entry was put into the log, never taken from a message (but for a restored
/// snapshot, which brings it).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "e", rename_all = "kebab-case")]
#[allow(missing_docs)] // docs/reference/run-directory.md has the fields
pub enum TraceEvent {
    /// First line of an incarnation: what its disk gave back.
    Boot { epoch: Epoch, promise: Option<NodeId>, first: Index, last: Index, chain: Chain },
    /// A vote, one's own included.
    Promise { epoch: Epoch, to: NodeId },
    /// A change of role. For a leader: after its log is chosen. `length` is there only for a leader
    /// that acknowledges what only it holds: the length of its log, as clients count, when it
    /// opened its epoch.
    Role {
        role: Role,
        epoch: Epoch,
        last: Index,
        chain: Chain,
        #[serde(skip_serializing_if = "Option::is_none")]
        length: Option<Offset>,
    },
    /// An entry was put into the log in memory.
    Append { i: Index, epoch: Epoch, chain: Chain },
    /// Entries from `from` on were removed by authority of `epoch`.
    Truncate { from: Index, epoch: Epoch },
    /// The disk holds the log up to `upto` and this epoch and promise. After the fsync, before any
    /// acknowledgement that rests on it.
    Persist { upto: Index, chain: Chain, epoch: Epoch, promise: Option<NodeId> },
    /// An acknowledgement to the leader is released; with an `offset`, the leader's own to a client
    /// that the value is there, although no majority may hold it yet. `i` is the entry that asked.
    AckSent {
        kind: &'static str,
        i: Index,
        chain: Chain,
        epoch: Epoch,
        #[serde(skip_serializing_if = "Option::is_none")]
        offset: Option<Offset>,
    },
    /// The commit index reached `i`.
    Commit { i: Index, chain: Chain, epoch: Epoch, as_leader: bool },
    /// Entry `i` was applied. `result` is its offset, null for internal or refused entries;
    /// `fresh` is false for a repeated (client, seq) that was not executed again.
    Apply {
        i: Index,
        chain: Chain,
        client: Option<ClientId>,
        seq: Option<u64>,
        result: Option<Offset>,
        fresh: bool,
    },
    /// A snapshot was taken here.
    Snap { i: Index, chain: Chain },
    /// A snapshot was installed: everything up to `i` is now as it says.
    Restore { i: Index, chain: Chain, epoch: Epoch },
    /// The configuration in force from entry `i` on.
    Config { i: Index, set: Vec<NodeId> },
    /// A linearizable read was answered at `index`; it was asked at `request_at` (same clock).
    Read { index: Index, request_at: Time },
    /// A node that had lost its state has it again, as of this epoch.
    Recovered { epoch: Epoch },
    /// Paxos, phase 2: this value was proposed for the slot in this ballot.
    Proposed { slot: u64, ballot: Epoch, hash: Chain },
    /// Paxos: this acceptor accepted it, durably.
    Accepted { slot: u64, ballot: Epoch, hash: Chain },
    /// Paxos: this node learned that it is chosen.
    Chosen { slot: u64, ballot: Epoch, hash: Chain },
}
