//! Zab's options: what they are called, what they mean, what holds without them.

use crate::OptionRow;
use crate::common::options::option;

/// Zab's options as text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    option(
        "election-timeout",
        "T: without a leader for T to 2T (drawn) a node looks for one",
        "150ms",
    ),
    option("heartbeat", "how often a leader makes itself heard", "50ms"),
    option("fixed-timeout", "wait exactly T, drawing nothing", "false"),
    option("snapshot-every", "entries delivered between two snapshots; 0: never", "50000"),
    option("window", "messages with proposals under way to one follower", "4"),
    option("pending-max", "uncommitted proposals of a leader before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];
