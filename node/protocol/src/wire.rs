//! How messages become bytes. One message is one frame: `kind u8 | epoch u64 LE | body`, so that a
//! proxy that understands frames can read kind and epoch without knowing the protocol.
//! It never adds a length: the transport frames.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::machine::{
    Chain, ClientId, Command, EntryId, Epoch, Index, LogEntry, Offset, Session, Snapshot,
};
pub use crate::machine::{Wire, WireError};

/// The least an entry takes in a frame: birth and kind.
pub const ENTRY_BYTES_MIN: usize = 9;

/// Writes a frame: integers little endian, byte strings after their length (u32).
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

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.put_u8(value);
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.0.put_u64_le(value);
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        self.0.put_u32_le(u32::try_from(value.len()).expect("values are far below 4 GiB"));
        self.0.put_slice(value);
    }

    /// How many things follow.
    pub fn count(&mut self, count: usize) {
        self.0.put_u32_le(u32::try_from(count).expect("a frame holds far fewer than 2^32 things"));
    }

    /// An entry without its index: entries travel in runs, and a run has one first index.
    pub fn entry(&mut self, entry: &LogEntry) {
        self.u64(entry.birth.0);
        self.command(&entry.command);
    }

    /// A run of commands.
    pub fn commands(&mut self, commands: &[Command]) {
        self.count(commands.len());
        for command in commands {
            self.command(command);
        }
    }

    /// What an entry says.
    pub fn command(&mut self, command: &Command) {
        match command {
            Command::Noop => self.u8(0),
            Command::Open => self.u8(1),
            Command::Note(note) => {
                self.u8(3);
                self.bytes(note);
            }
            Command::Append { value, session, expect } => {
                self.u8(2 | u8::from(session.is_some()) << 2 | u8::from(expect.is_some()) << 3);
                if let Some(session) = session {
                    self.u64(session.client.0);
                    self.u64(session.seq);
                }
                if let Some(expect) = expect {
                    self.u64(expect.0);
                }
                self.bytes(value);
            }
        }
    }

    /// A run of entries; its first index is known from elsewhere.
    pub fn entries(&mut self, entries: &[LogEntry]) {
        self.count(entries.len());
        for entry in entries {
            self.entry(entry);
        }
    }

    /// Delivered values.
    pub fn values(&mut self, values: &[Bytes]) {
        self.count(values.len());
        for value in values {
            self.bytes(value);
        }
    }

    /// What identifies an entry.
    pub fn id(&mut self, id: EntryId) {
        self.u64(id.index.0);
        self.u64(id.birth.0);
    }

    /// Eight bytes, or none.
    pub fn option(&mut self, value: Option<u64>) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            self.u64(value);
        }
    }

    /// The sum of a prefix.
    pub fn snapshot(&mut self, snapshot: &Snapshot) {
        self.u64(snapshot.index.0);
        self.u64(snapshot.birth.0);
        self.u64(snapshot.chain.0);
        self.u64(snapshot.length.0);
        self.u64(snapshot.delivered_chain.0);
        self.bytes(&snapshot.state);
    }
}

/// Reads a frame. Byte strings are slices of the frame, not copies.
pub struct Reader(Bytes);

impl Reader {
    /// Takes the header off: kind and epoch.
    pub fn frame(bytes: Bytes) -> Result<(u8, Epoch, Self), WireError> {
        let mut reader = Reader(bytes);
        let kind = reader.u8()?;
        let epoch = Epoch(reader.u64()?);
        Ok((kind, epoch, reader))
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.need(1)?;
        Ok(self.0.get_u8())
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.need(8)?;
        Ok(self.0.get_u64_le())
    }

    /// A yes or a no.
    pub fn boolean(&mut self) -> Result<bool, WireError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(WireError(format!("{other} is neither yes nor no"))),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<Bytes, WireError> {
        self.need(4)?;
        let length = self.0.get_u32_le() as usize;
        self.need(length)?;
        Ok(self.0.split_to(length))
    }

    /// How many things follow, each of at least `least` bytes.
    pub fn count(&mut self, least: usize) -> Result<usize, WireError> {
        self.need(4)?;
        let count = self.0.get_u32_le() as usize;
        self.need(count.saturating_mul(least))?;
        Ok(count)
    }

    /// The entry of a run at `index`.
    pub fn entry(&mut self, index: Index) -> Result<LogEntry, WireError> {
        Ok(LogEntry { index, birth: Epoch(self.u64()?), command: self.command()? })
    }

    /// A run of commands at indices from `first` on.
    pub fn commands(&mut self, first: u64) -> Result<Vec<Command>, WireError> {
        let count = self.count(1)?;
        let past = first.checked_add(count as u64);
        past.ok_or_else(|| WireError("indices run over".into()))?;
        (0..count).map(|_| self.command()).collect()
    }

    /// What an entry says.
    pub fn command(&mut self) -> Result<Command, WireError> {
        let kind = self.u8()?;
        Ok(match kind {
            0 => Command::Noop,
            1 => Command::Open,
            3 => Command::Note(self.bytes()?),
            2 | 6 | 10 | 14 => {
                let session = if kind & 4 == 0 {
                    None
                } else {
                    Some(Session { client: ClientId(self.u64()?), seq: self.u64()? })
                };
                let expect = if kind & 8 == 0 { None } else { Some(Offset(self.u64()?)) };
                Command::Append { value: self.bytes()?, session, expect }
            }
            other => return Err(WireError(format!("no entry is of kind {other}"))),
        })
    }

    /// A run of entries, after the one at `before`.
    pub fn entries(&mut self, before: Index) -> Result<Vec<LogEntry>, WireError> {
        let count = self.count(ENTRY_BYTES_MIN)?;
        let past = before.0.checked_add(count as u64 + 1);
        past.ok_or_else(|| WireError("indices run over".into()))?;
        (0..count as u64).map(|k| self.entry(Index(before.0 + 1 + k))).collect()
    }

    /// Delivered values.
    pub fn values(&mut self) -> Result<Vec<Bytes>, WireError> {
        let count = self.count(4)?;
        (0..count).map(|_| self.bytes()).collect()
    }

    /// What identifies an entry.
    pub fn id(&mut self) -> Result<EntryId, WireError> {
        Ok(EntryId { index: Index(self.u64()?), birth: Epoch(self.u64()?) })
    }

    /// Eight bytes, or none.
    pub fn option(&mut self) -> Result<Option<u64>, WireError> {
        Ok(if self.boolean()? { Some(self.u64()?) } else { None })
    }

    /// The sum of a prefix.
    pub fn snapshot(&mut self) -> Result<Snapshot, WireError> {
        Ok(Snapshot {
            index: Index(self.u64()?),
            birth: Epoch(self.u64()?),
            chain: Chain(self.u64()?),
            length: Offset(self.u64()?),
            delivered_chain: Chain(self.u64()?),
            state: self.bytes()?,
        })
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
