//! Many checks at once: whole runs, and evidence that someone tampered with.

mod fuzz;
pub(crate) mod runs;
