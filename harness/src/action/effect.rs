//! What a strike was confirmed to do.

use serde::{Deserialize, Serialize};

/// What an overlay did while it lasted. A fault whose bite is empty had no effect.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Bite {
    /// Processes reaped after SIGKILL.
    pub killed: u64,
    /// Processes seen in state T in every thread.
    pub stopped: u64,
    /// Bytes held back, to go on after the heal.
    pub held_bytes: u64,
    /// Bytes swallowed.
    pub dropped_bytes: u64,
    /// Connections reset.
    pub reset_connections: u64,
    /// Connection attempts refused or left hanging.
    pub refused_connections: u64,
    /// Segments delayed.
    pub delayed_segments: u64,
    /// Frames that were made to wait; those behind them are not counted.
    pub held_frames: u64,
    /// The median of their waits, those that the heal ended included.
    pub median_hold_ms: u64,
    /// The longest of them.
    pub longest_hold_ms: u64,
    /// How many different epochs they had.
    pub held_epochs: u64,
    /// Frames dropped.
    pub dropped_frames: u64,
    /// Frames that came twice.
    pub duplicated_frames: u64,
    /// Frames that a later one went before.
    pub reordered_frames: u64,
    /// Nodes made leader by hand.
    pub promoted: u64,
    /// The epoch in which the last of them leads.
    pub epoch: u64,
}

impl Bite {
    /// Whether anything at all happened.
    pub fn is_effective(&self) -> bool {
        *self != Bite::default()
    }
}
