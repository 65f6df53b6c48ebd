//! Multi-Paxos' options: Raft's, since they mean the same here.

use crate::OptionRow;
use crate::common::options::option;

/// Multi-Paxos' options as text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    option("election-timeout", "T: without a leader for T to 2T (drawn) a node proposes", "150ms"),
    option("heartbeat", "how often a leader makes itself heard", "50ms"),
    option("fixed-timeout", "wait exactly T, drawing nothing", "false"),
    option("pre-vote", "ask whether anyone misses a leader before disturbing it", "true"),
    option("check-quorum", "a leader that hears no majority for T gives up its ballot", "true"),
    option("snapshot-every", "slots executed between two snapshots; 0: never", "50000"),
    option("window", "messages with proposals under way to one acceptor", "4"),
    option("pending-max", "alpha: open slots of a leader before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];
