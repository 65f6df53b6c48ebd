//! How records become bytes of a log file, and back.
//!
//! ```text
//! record: payload length u32 | crc32c u32 | kind u64 | term u64 | index u64 | prev_chain u64 |
//!         payload | zeros up to a multiple of 8
//! ```
//!
//! All numbers are little endian. The checksum covers the file's number and everything but itself,
//! the zeros included. `prev_chain` is the chain over the checksums of all records before this one
//! since the log began, so a record that is missing or out of place shows.
//! Nothing here touches a file.

use schism_protocol::{Chain, Index, LogEntry, Record, chain_value};

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 40;
/// A payload is never larger: an entry is at most a client's line (1 MiB), the hard state less.
const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// What a record of a log file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// First record of every batch: when it was written, the log was durable up to this position
    /// of this file, and every file before it wholly.
    Batch { segment: u64, durable: u64 },
    /// What a protocol asked to keep; never a snapshot, which has a file of its own.
    Kept(Record),
}

const KIND_BATCH: u64 = 1;
const KIND_STATE: u64 = 2;
const KIND_APPEND: u64 = 3;
const KIND_TRUNCATE: u64 = 4;

/// Appends the record to `out` and moves the chain on.
pub fn encode(item: &Item, segment: u64, chain: &mut u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + HEADER_BYTES, 0);
    let (kind, term, index) = match item {
        Item::Batch { segment, durable } => (KIND_BATCH, *segment, *durable),
        Item::Kept(Record::State(state)) => {
            out.extend_from_slice(state);
            (KIND_STATE, 0, 0)
        }
        Item::Kept(Record::Append(entry)) => {
            // Appends to `out` in place: no buffer of its own for every entry.
            let whole = postcard::to_extend(&entry.command, std::mem::take(out));
            *out = whole.expect("a command of plain data always has an encoding");
            (KIND_APPEND, entry.epoch.0, entry.index.0)
        }
        Item::Kept(Record::Truncate { from }) => (KIND_TRUNCATE, 0, from.0),
        Item::Kept(Record::Snapshot { .. }) => unreachable!("a snapshot has a file of its own"),
    };
    let length = out.len() - start - HEADER_BYTES;
    assert!(length <= PAYLOAD_BYTES_MAX, "a record's payload fits into its bound");
    out.resize(start + padded(length), 0);
    let record = &mut out[start..];
    record[..4].copy_from_slice(&(length as u32).to_le_bytes());
    for (at, number) in [(8, kind), (16, term), (24, index), (32, *chain)] {
        record[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    let crc = checksum(segment, record);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
    *chain = advance(*chain, crc);
}

/// The record at the start of `bytes`, its size, and its checksum; None if there is no whole and
/// valid one. `chain` is what its `prev_chain` must be, or None to accept any.
pub fn decode(bytes: &[u8], segment: u64, chain: Option<u64>) -> Option<(Item, usize, u32)> {
    let header = bytes.get(..HEADER_BYTES)?;
    let number =
        |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes are 8"));
    let length = (number(0) & 0xffff_ffff) as usize;
    let crc = (number(0) >> 32) as u32;
    if length > PAYLOAD_BYTES_MAX || chain.is_some_and(|chain| chain != number(32)) {
        return None;
    }
    let record = bytes.get(..padded(length))?;
    if checksum(segment, record) != crc {
        return None;
    }
    let payload = &record[HEADER_BYTES..HEADER_BYTES + length];
    let item = match number(8) {
        KIND_BATCH => Item::Batch { segment: number(16), durable: number(24) },
        KIND_STATE => Item::Kept(Record::State(payload.to_vec().into())),
        KIND_APPEND => Item::Kept(Record::Append(LogEntry {
            index: Index(number(24)),
            epoch: schism_protocol::Epoch(number(16)),
            command: postcard::from_bytes(payload).ok()?,
        })),
        KIND_TRUNCATE => Item::Kept(Record::Truncate { from: Index(number(24)) }),
        _ => return None,
    };
    Some((item, padded(length), crc))
}

/// The chain after a record with this checksum.
pub fn advance(chain: u64, crc: u32) -> u64 {
    chain_value(Chain(chain), &crc.to_le_bytes()).0
}

fn padded(length: usize) -> usize {
    HEADER_BYTES + length.next_multiple_of(8)
}

fn checksum(segment: u64, record: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&segment.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &record[..4]);
    crc32c::crc32c_append(crc, &record[8..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use schism_protocol::{ClientId, Command, Epoch, Offset, Session};

    fn command() -> impl Strategy<Value = Command> {
        let session = proptest::option::of((any::<u64>(), any::<u64>()));
        let expect = proptest::option::of(any::<u64>());
        let append = (any::<Vec<u8>>(), session, expect).prop_map(|(value, session, expect)| {
            Command::Append {
                value: value.into(),
                session: session.map(|(client, seq)| Session { client: ClientId(client), seq }),
                expect: expect.map(Offset),
            }
        });
        let note = proptest::collection::vec(any::<u8>(), 0..64);
        let note = note.prop_map(|note| Command::Note(note.into()));
        prop_oneof![Just(Command::Noop), Just(Command::Open), append, note]
    }

    fn item() -> impl Strategy<Value = Item> {
        prop_oneof![
            any::<(u64, u64)>().prop_map(|(segment, durable)| Item::Batch { segment, durable }),
            any::<Vec<u8>>().prop_map(|state| Item::Kept(Record::State(state.into()))),
            any::<u64>().prop_map(|from| Item::Kept(Record::Truncate { from: Index(from) })),
            (any::<u64>(), any::<u64>(), command()).prop_map(|(index, epoch, command)| {
                let (index, epoch) = (Index(index), Epoch(epoch));
                Item::Kept(Record::Append(LogEntry { index, epoch, command }))
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(items in proptest::collection::vec(item(), 0..8), start: u64) {
            let (mut bytes, mut chain) = (Vec::new(), start);
            for item in &items {
                encode(item, 3, &mut chain, &mut bytes);
            }
            let (mut rest, mut seen, mut expected) = (&bytes[..], Vec::new(), start);
            while let Some((item, size, crc)) = decode(rest, 3, Some(expected)) {
                seen.push(item);
                expected = advance(expected, crc);
                rest = &rest[size..];
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(seen, items);
            prop_assert_eq!(expected, chain);
        }

        #[test]
        fn one_flipped_bit_is_always_seen(item in item(), at: prop::sample::Index) {
            let (mut bytes, mut chain) = (Vec::new(), 7);
            encode(&item, 3, &mut chain, &mut bytes);
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(&bytes, 3, Some(7)), None);
        }

        #[test]
        fn garbage_never_panics(bytes: Vec<u8>, segment: u64) {
            let _ = decode(&bytes, segment, None);
        }
    }

    #[test]
    fn a_record_of_another_file_or_place_is_refused() {
        let (mut bytes, mut chain) = (Vec::new(), 7);
        encode(&Item::Kept(Record::Truncate { from: Index(3) }), 3, &mut chain, &mut bytes);
        assert!(decode(&bytes, 3, Some(7)).is_some());
        assert!(decode(&bytes, 4, Some(7)).is_none());
        assert!(decode(&bytes, 3, Some(8)).is_none());
    }
}
