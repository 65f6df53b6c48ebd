//! One file of the log: a header, then batches of records. It tells a torn end, which a crash
//! leaves, from corruption in the middle, which nothing honest leaves.
//!
//! The rule: each batch starts with the position up to which the file was durable when the batch
//! was written. A bad record below that position of any later batch had been durable, so it is
//! corruption. Otherwise it belongs to a batch that nobody had been told was durable: a torn end.
//! A damaged bit in the very last batch cannot be told from a torn write.

use schism_protocol::{Index, NodeId};

use super::Fault;
use super::record::{self, Item};

/// Bytes of a file's header.
pub const HEADER_BYTES: usize = 64;
/// A file is this long from the start, as a hole, so that an fdatasync need not write its length:
/// a third faster on ext4. 4 MiB is about a second of a busy log.
pub const SEGMENT_BYTES: u64 = 4 << 20;

const MAGIC: [u8; 8] = *b"schismL1";
const VERSION: u32 = 1;

/// What a file of the log begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    pub node: NodeId,
    /// 1, 2, 3, ... without a gap; also in the file's name.
    pub number: u64,
    /// The incarnation that writes it. Every incarnation begins a file of its own, so no byte of
    /// an older one, legally cut off, is ever read as a record again.
    pub incarnation: u64,
    /// The index that the next appended entry would have.
    pub first: Index,
    /// The chain over the checksums of all records before this file.
    pub chain: u64,
    /// How long the file was when it was created, header and hard state: nothing shorter was ever
    /// relied on.
    pub created: u64,
}

/// The name of the file with this number.
pub fn name(number: u64) -> String {
    format!("log-{number:010}")
}

/// The number in the name of a file of the log.
pub fn number(name: &str) -> Option<u64> {
    let number = name.strip_prefix("log-")?.parse().ok()?;
    (name == self::name(number)).then_some(number)
}

impl Header {
    /// As the file's first bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.node.0).to_le_bytes());
        for word in [self.number, self.incarnation, self.first.0, self.chain, self.created] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&u64::from(crc).to_le_bytes());
        assert_eq!(bytes.len(), HEADER_BYTES, "the header has its fixed size");
        bytes
    }

    /// The reverse; None if these are not the bytes of a header.
    pub fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let word =
            |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let crc = crc32c::crc32c(&bytes[..HEADER_BYTES - 8]);
        let version = word(8) as u32;
        if bytes[..8] != MAGIC || version != VERSION || word(HEADER_BYTES - 8) != u64::from(crc) {
            return None;
        }
        Some(Header {
            node: NodeId(u8::try_from(word(8) >> 32).ok()?),
            number: word(16),
            incarnation: word(24),
            first: Index(word(32)),
            chain: word(40),
            created: word(48),
        })
    }
}

/// What a file held.
#[derive(Debug)]
pub struct Content {
    pub header: Header,
    /// Its records but for the batch headers, in order.
    pub items: Vec<schism_protocol::Record>,
    /// Where the last valid record ends; what comes after is to be cut off.
    pub end: u64,
    pub chain: u64,
}

/// Reads file `number`. `sealed`: a later file exists, so all of this one had been durable. None:
/// the file was never completely created, so nothing in it was ever durable.
pub fn read(number: u64, bytes: &[u8], sealed: bool) -> Result<Option<Content>, Fault> {
    let corrupt =
        |at: usize, what: &str| Fault::Corrupt { file: name(number), at, what: what.to_owned() };
    let Some(header) = Header::decode(bytes).filter(|header| header.number == number) else {
        if sealed || durable_later(bytes, number, 0) {
            return Err(corrupt(0, "the file's header is damaged, and the log goes on after it"));
        }
        return Ok(None);
    };
    let (mut at, mut chain, mut items) = (HEADER_BYTES, header.chain, Vec::new());
    while let Some((item, size, crc)) = record::decode(&bytes[at..], number, Some(chain)) {
        chain = record::advance(chain, crc);
        at += size;
        if let Item::Kept(record) = item {
            items.push(record);
        }
    }
    let rest = &bytes[at..];
    if sealed && !rest.is_empty() {
        return Err(corrupt(at, "a record is damaged, and the log goes on in a later file"));
    }
    if durable_later(bytes, number, at) {
        return Err(corrupt(at, "a record is damaged, and a later one says that it was durable"));
    }
    if (at as u64) < header.created {
        return Ok(None);
    }
    Ok(Some(Content { header, items, end: at as u64, chain }))
}

/// Whether some valid batch at or after byte `from` says that the file was durable beyond `from`.
fn durable_later(bytes: &[u8], number: u64, from: usize) -> bool {
    let start = from.next_multiple_of(8).min(bytes.len());
    bytes[start..].chunks_exact(8).enumerate().any(|(word, chunk)| {
        // A batch header has no payload, and its checksum is hardly ever 0: look closer only then.
        if chunk[..4] != [0; 4] || chunk[4..] == [0; 4] {
            return false;
        }
        let at = start + word * 8;
        matches!(
            record::decode(&bytes[at..], number, None),
            Some((Item::Batch { segment, durable }, _, _))
                if segment == number && durable > from as u64
        )
    })
}
