//! The disk as seen from manual failover. It never writes: see [`crate::disk`].

use super::state::{HardState, Held};

/// With its hard state and its promises.
pub type Disk = crate::disk::Disk<HardState, Held>;
