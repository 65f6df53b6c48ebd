//! Histories as text: read for tests, drawn for people.
//! It never judges.

mod draw;
mod read;

pub use draw::draw;
pub use read::{NotationError, read};
