//! Histories as text: read for tests, drawn for people.
//! It never judges.

use crate::history::History;

/// Draws the operations that these events belong to, one line each, time from left to right.
pub fn draw(history: &History, events: &[u64]) -> String {
    let _ = (history, events);
    String::new()
}
