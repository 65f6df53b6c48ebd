//! Raft's options: what they are called, what they mean, what holds without them.

use crate::OptionRow;
use crate::common::options::option;

/// Raft's options as text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    option("election-timeout", "T: without a leader for T to 2T (drawn) a node stands", "150ms"),
    option("heartbeat", "how often a leader makes itself heard", "50ms"),
    option("fixed-timeout", "wait exactly T, drawing nothing", "false"),
    option("pre-vote", "ask whether one could win before disturbing anyone", "true"),
    option("check-quorum", "a leader that hears no majority for T steps down", "true"),
    option("snapshot-every", "entries applied between two snapshots; 0: never", "50000"),
    option("window", "messages with entries under way to one follower", "4"),
    option("pending-max", "uncommitted entries of a leader before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];
