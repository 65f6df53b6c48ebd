//! What nodes delivered, wrote of themselves, and held at the end.

pub(super) mod convergence;
pub(super) mod durable;
pub(super) mod invariants;
pub(super) mod total_order;
