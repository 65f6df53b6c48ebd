//! The options of manual failover: what they are called, what they mean, what holds without them.

use crate::OptionRow;
use crate::common::options::{Given, option};
use crate::machine::BootError;

/// The options as text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    option("mode", "sync: a majority holds what is acknowledged; async: the leader alone", "sync"),
    option("reopen", "a restarted leader asks for a new epoch by itself", "true"),
    option("promote-timeout", "how long a promotion may take before it is given up", "5s"),
    option("heartbeat", "how often a leader makes itself heard", "50ms"),
    option("snapshot-every", "entries applied between two snapshots; 0: never", "50000"),
    option("window", "messages with entries under way to one follower", "4"),
    option("pending-max", "uncommitted entries of a leader before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];

/// When an append is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// When a majority holds it: a promotion loses nothing.
    Sync,
    /// When the leader holds it: a promotion may lose it.
    Async,
}

/// What only this protocol has, as numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Promotes {
    /// When an append is acknowledged.
    pub mode: Mode,
    /// Whether a restarted leader asks for a new epoch.
    pub reopen: bool,
    /// How long a promotion may take.
    pub promote_timeout_ns: u64,
}

impl Promotes {
    /// Reads them; what is not given has its default.
    pub fn read(given: &Given<'_>) -> Result<Self, BootError> {
        Ok(Promotes {
            mode: given.word("mode", &[("sync", Mode::Sync), ("async", Mode::Async)])?,
            reopen: given.boolean("reopen")?,
            promote_timeout_ns: given.duration_ns("promote-timeout")?,
        })
    }
}
