//! The delivered values, in a file of their own: `length u32 | crc32c u32 | value`, one after
//! another. It need not be durable but where a snapshot relies on it: what comes after the
//! snapshot is delivered again from the log. So it never syncs on its own.

use bytes::Bytes;
use schism_protocol::{Chain, Offset, Snapshot, chain_value};

use super::files::{File, Folder};
use super::{Fault, refused};

pub const NAME: &str = "entries";
/// Collected before a write: one write then carries about a thousand values of 100 bytes.
const BUFFER_BYTES: usize = 128 << 10;
const PREFIX_BYTES: usize = 8;

pub struct Entries {
    file: Box<dyn File>,
    /// Where each value starts; one more than there are values, the last being the end.
    starts: Vec<u64>,
    /// What is not yet written: the bytes from `written` on.
    buffer: Vec<u8>,
    written: u64,
}

impl Entries {
    /// Opens it and gives the values that `snapshot` stands for; anything after them is dropped.
    pub fn open(
        folder: &dyn Folder,
        snapshot: Option<&Snapshot>,
    ) -> Result<(Self, Vec<Bytes>), Fault> {
        let whole =
            Bytes::from(folder.read(NAME).map_err(refused("read", NAME))?.unwrap_or_default());
        let length = snapshot.map_or(0, |snapshot| snapshot.length.0);
        let (mut starts, mut values, mut chain) = (vec![0], Vec::new(), Chain(0));
        for offset in 0..length {
            let at = starts[offset as usize] as usize;
            let corrupt = |what: &str| Fault::Corrupt {
                file: NAME.to_owned(),
                at,
                what: format!("the value of offset {offset} {what}, and the snapshot relies on it"),
            };
            let value =
                decode(&whole, at, offset).ok_or_else(|| corrupt("is damaged or missing"))?;
            chain = chain_value(chain, &value);
            starts.push((at + PREFIX_BYTES + value.len()) as u64);
            values.push(value);
        }
        let end = *starts.last().expect("the first start is 0");
        if let Some(snapshot) = snapshot
            && snapshot.delivered_chain != chain
        {
            return Err(Fault::Corrupt {
                file: NAME.to_owned(),
                at: end as usize,
                what: format!("the first {length} values are not those of the snapshot"),
            });
        }
        let mut file = folder.open(NAME).map_err(refused("open", NAME))?;
        if whole.len() as u64 > end {
            file.set_len(end).map_err(refused("cut", NAME))?;
        }
        Ok((Self { file, starts, buffer: Vec::new(), written: end }, values))
    }

    pub fn len(&self) -> u64 {
        self.starts.len() as u64 - 1
    }

    /// How many bytes were handed to the file.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Puts a value at its offset. What is there already and differs goes, with all after it; what
    /// is missing before it (a protocol that leaves a gap is broken) is filled with nothing.
    pub fn put(&mut self, offset: Offset, value: &[u8]) -> Result<(), Fault> {
        if offset.0 < self.len() {
            if self.get(offset)? == value {
                return Ok(());
            }
            self.cut(offset)?;
        }
        while self.len() < offset.0 {
            self.push(&[]);
        }
        self.push(value);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    pub fn flush(&mut self) -> Result<(), Fault> {
        if !self.buffer.is_empty() {
            self.file.write_at(self.written, &self.buffer).map_err(refused("write", NAME))?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Writes what was collected and makes everything durable.
    pub fn sync(&mut self) -> Result<(), Fault> {
        self.flush()?;
        self.file.sync_data().map_err(refused("sync", NAME))
    }

    fn push(&mut self, value: &[u8]) {
        let offset = self.len();
        self.buffer.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(&checksum(offset, value).to_le_bytes());
        self.buffer.extend_from_slice(value);
        self.starts.push(self.written + self.buffer.len() as u64);
    }

    fn get(&mut self, offset: Offset) -> Result<Vec<u8>, Fault> {
        self.flush()?;
        let (start, end) = (self.starts[offset.0 as usize], self.starts[offset.0 as usize + 1]);
        let mut value = vec![0; (end - start) as usize - PREFIX_BYTES];
        self.file
            .read_at(start + PREFIX_BYTES as u64, &mut value)
            .map_err(refused("read", NAME))?;
        Ok(value)
    }

    fn cut(&mut self, offset: Offset) -> Result<(), Fault> {
        self.starts.truncate(offset.0 as usize + 1);
        self.written = self.starts[offset.0 as usize];
        self.file.set_len(self.written).map_err(refused("cut", NAME))
    }
}

fn decode(whole: &Bytes, at: usize, offset: u64) -> Option<Bytes> {
    let prefix = whole.get(at..at + PREFIX_BYTES)?;
    let length = u32::from_le_bytes(prefix[..4].try_into().expect("four bytes")) as usize;
    let crc = u32::from_le_bytes(prefix[4..].try_into().expect("four bytes"));
    let start = at + PREFIX_BYTES;
    let value = whole.get(start..start.checked_add(length)?)?;
    (checksum(offset, value) == crc).then(|| whole.slice(start..start + length))
}

fn checksum(offset: u64, value: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&offset.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &(value.len() as u32).to_le_bytes());
    crc32c::crc32c_append(crc, value)
}
