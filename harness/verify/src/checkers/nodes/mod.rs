//! What nodes delivered, wrote of themselves, and held at the end.

pub(super) mod convergence;
pub(super) mod invariants;
mod keyed;
pub(super) mod total_order;
