//! Histories as text, read for tests. Drawing them is the reports' part.
//! It never judges.

mod read;

pub use read::{NotationError, read};
