//! What waits for a Zab node's disk.

use super::state::{HardState, Standing};

/// The disk as seen from Zab.
pub type Disk = crate::common::disk::Disk<HardState, Held>;

/// A promise that waits for the disk.
#[derive(Clone, Debug)]
pub enum Held {
    /// This node's promise to itself: its epoch may be offered.
    OwnEpoch,
    /// ACKEPOCH.
    AckEpoch {
        /// What this node had when it promised.
        standing: Standing,
        /// Whether it counts.
        counted: bool,
    },
    /// The acknowledgement of NEWLEADER.
    AckLeader,
}
