//! The disk as seen from manual failover. It never writes: see [`crate::common::disk`].

use super::state::{HardState, Held};

/// With its hard state and its promises.
pub type Disk = crate::common::disk::Disk<HardState, Held>;
