//! How messages become bytes. One message is one frame: `kind u8 | epoch u64 LE | body`, so that a
//! proxy that understands frames can read kind and epoch without knowing the protocol. The body is
//! the message's fields in the order of their list: integers little endian; byte strings and lists
//! after their length (u32); an option after a byte that says whether there is something.
//!
//! It never adds the frame's own length: the transport does. Nothing that is read can panic, and a
//! length that is only claimed makes no room in memory.

use bytes::{BufMut, Bytes, BytesMut};

use crate::machine::{Command, Epoch, Index, LogEntry};
pub use crate::machine::{Wire, WireError};

mod fields;
mod messages;

pub(crate) use fields::{fields, get, put};
pub(crate) use messages::{check, joined, messages, no_such};

/// What a frame's header says beside the kind.
pub trait Header: Copy {
    /// As it stands there.
    fn epoch(self) -> Epoch;
    /// The reverse, of a frame that anybody may have sent.
    fn read(epoch: Epoch) -> Result<Self, WireError>;
}

/// What messages can say: an enum whose variants are kinds of frames, as `messages!` writes it.
pub trait Body: Sized {
    /// Whether this kind of frame is one of these.
    fn has(kind: u8) -> bool;
    /// The kind of its frame.
    fn kind(&self) -> u8;
    /// About how many bytes it takes.
    fn size(&self) -> usize;
    /// Writes its fields.
    fn put(&self, w: &mut Writer);
    /// The reverse, of a frame of this kind.
    fn get(kind: u8, r: &mut Reader) -> Result<Self, WireError>;
}

/// What a message is made of.
pub trait Field: Sized {
    /// The least it takes in a frame, in bytes. A list of so many things that claims to be longer
    /// than what is left is refused before any of it is read.
    const LEAST: usize;

    /// About how many bytes it takes.
    fn size(&self) -> usize {
        Self::LEAST
    }

    /// Writes it.
    fn put(&self, w: &mut Writer);
    /// The reverse.
    fn get(r: &mut Reader) -> Result<Self, WireError>;
}

/// Writes a frame.
pub struct Writer(BytesMut);

impl Writer {
    /// Starts a frame with its header.
    #[must_use]
    pub fn frame(kind: u8, epoch: Epoch, body_bytes: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(9 + body_bytes);
        bytes.put_u8(kind);
        bytes.put_u64_le(epoch.0);
        Writer(bytes)
    }

    /// The finished frame.
    #[must_use]
    pub fn finish(self) -> Bytes {
        self.0.freeze()
    }

    fn count(&mut self, count: usize) {
        self.0.put_u32_le(u32::try_from(count).expect("a frame holds far fewer than 2^32 things"));
    }

    /// A run of entries, without their indices: whoever reads it knows the first from elsewhere.
    pub fn run(&mut self, entries: &[LogEntry]) {
        self.count(entries.len());
        for entry in entries {
            entry.epoch.put(self);
            entry.command.put(self);
        }
    }
}

/// Reads a frame. Byte strings are slices of the frame, not copies.
pub struct Reader(Bytes);

impl Reader {
    /// Takes the header off: kind and epoch.
    pub fn frame(bytes: Bytes) -> Result<(u8, Epoch, Self), WireError> {
        let mut reader = Reader(bytes);
        let kind = u8::get(&mut reader)?;
        let epoch = Epoch::get(&mut reader)?;
        Ok((kind, epoch, reader))
    }

    fn count(&mut self, least: usize) -> Result<usize, WireError> {
        let count = u32::get(self)? as usize;
        self.need(count.saturating_mul(least))?;
        Ok(count)
    }

    /// A run of entries, after the one at `before`.
    pub fn run(&mut self, before: Index) -> Result<Vec<LogEntry>, WireError> {
        let count = self.count(Epoch::LEAST + Command::LEAST)? as u64;
        let past = before.0.checked_add(count + 1);
        past.ok_or_else(|| WireError("indices run over".into()))?;
        let mut entry = |k| {
            let (epoch, command) = (Epoch::get(self)?, Command::get(self)?);
            Ok(LogEntry { index: Index(before.0 + 1 + k), epoch, command })
        };
        (0..count).map(&mut entry).collect()
    }

    /// Says that nothing may follow.
    pub fn end(self) -> Result<(), WireError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(WireError(format!("{} bytes are left over", self.0.len())))
        }
    }

    fn need(&self, bytes: usize) -> Result<(), WireError> {
        if self.0.len() >= bytes {
            Ok(())
        } else {
            Err(WireError(format!("{bytes} bytes are wanted, {} are left", self.0.len())))
        }
    }
}

/// A message as a frame.
pub fn encode(header: impl Header, body: &impl Body) -> Bytes {
    let mut w = Writer::frame(body.kind(), header.epoch(), body.size());
    body.put(&mut w);
    w.finish()
}

/// The reverse; any bytes may be offered.
pub fn decode<H: Header, B: Body>(frame: Bytes) -> Result<(H, B), WireError> {
    let (kind, epoch, mut r) = Reader::frame(frame)?;
    let (header, body) = (H::read(epoch)?, B::get(kind, &mut r)?);
    r.end()?;
    Ok((header, body))
}

impl Header for Epoch {
    fn epoch(self) -> Epoch {
        self
    }

    fn read(epoch: Epoch) -> Result<Self, WireError> {
        Ok(epoch)
    }
}
