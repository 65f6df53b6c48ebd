//! How messages become bytes. One message is one frame: `kind u8 | epoch u64 LE | body`, so that a
//! proxy that understands frames can read kind and epoch without knowing the protocol.
//! It never adds a length: the transport frames.

use bytes::Bytes;
use std::fmt;

/// A message that can travel.
pub trait Wire: Sized {
    /// The whole frame body, header included.
    fn encode(&self) -> Bytes;
    /// The reverse; any bytes may be offered, so it never panics.
    fn decode(bytes: Bytes) -> Result<Self, WireError>;
}

/// Bytes that are no message of this protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireError(pub String);

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a message of this protocol: {}", self.0)
    }
}

impl std::error::Error for WireError {}
