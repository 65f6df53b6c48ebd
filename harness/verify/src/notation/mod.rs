//! Histories as text: read for tests, drawn for people.

mod draw;
mod read;

pub use draw::draw;
pub(crate) use draw::label;
pub use read::{NotationError, read};
