//! What a strike was confirmed to do: counters by name. What they mean, how they add up and how
//! they are told is said by the faults that have them.

pub use schism_facts::remark::Effect;

/// Processes reaped after SIGKILL.
pub const KILLED: &str = "killed";
/// Processes seen in state T in every thread.
pub const STOPPED: &str = "stopped";
/// Bytes held back, to go on after the heal.
pub const HELD_BYTES: &str = "held-bytes";
/// Bytes swallowed.
pub const DROPPED_BYTES: &str = "dropped-bytes";
/// Connections reset.
pub const RESET_CONNECTIONS: &str = "reset-connections";
/// Connection attempts refused or left hanging.
pub const REFUSED_CONNECTIONS: &str = "refused-connections";
/// Segments delayed.
pub const DELAYED_SEGMENTS: &str = "delayed-segments";
/// Frames that were made to wait; those behind them are not counted.
pub const HELD_FRAMES: &str = "held-frames";
/// How many different epochs they had.
pub const HELD_EPOCHS: &str = "held-epochs";
/// The median of their waits, those that the heal ended included.
pub const MEDIAN_HOLD_MS: &str = "median-hold-ms";
/// The longest of them.
pub const LONGEST_HOLD_MS: &str = "longest-hold-ms";
/// Frames dropped.
pub const DROPPED_FRAMES: &str = "dropped-frames";
/// Frames that came twice.
pub const DUPLICATED_FRAMES: &str = "duplicated-frames";
/// Frames that a later one went before.
pub const REORDERED_FRAMES: &str = "reordered-frames";
/// Nodes made leader by hand.
pub const PROMOTED: &str = "promoted";
/// The epoch in which the last of them leads.
pub const EPOCH: &str = "epoch";
