//! The models: what operations mean. This is their table.

pub mod log;
