//! `synced.json`: what is durable, published for whoever wants to cut the power without cutting
//! it: one line, replaced in place after each fsync. It is itself never synced, so after a real
//! power cut it may be old or gone; what it says is true all the same, as a lower bound.

use super::files::{File, Folder};
use super::{Fault, entries, refused, segment};

pub const NAME: &str = "synced.json";
/// Longer than the line ever gets; the rest is spaces, which JSON does not mind.
const LINE_BYTES: usize = 128;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Synced {
    /// The newest file of the log. Older ones are wholly durable, newer ones not at all.
    pub segment: u64,
    /// So many bytes of it.
    pub log_bytes: u64,
    /// So many bytes of the delivered values.
    pub entries_bytes: u64,
}

impl Synced {
    /// Puts it in the place of what was said before.
    pub fn write(&self, file: &mut dyn File) -> Result<(), Fault> {
        file.write_at(0, &self.encode()).map_err(refused("write", NAME))
    }

    /// What is said; None if nothing, or nothing credible.
    pub fn read(folder: &dyn Folder) -> Result<Option<Self>, Fault> {
        Ok(folder.read(NAME).map_err(refused("read", NAME))?.and_then(|bytes| decode(&bytes)))
    }

    fn encode(&self) -> Vec<u8> {
        let body = format!(
            "{{\"{}\":{},\"{}\":{},\"crc32c\":",
            segment::name(self.segment),
            self.log_bytes,
            entries::NAME,
            self.entries_bytes
        );
        let mut line = format!("{body}{}}}", crc32c::crc32c(body.as_bytes())).into_bytes();
        assert!(line.len() < LINE_BYTES, "the line fits into its place");
        line.resize(LINE_BYTES - 1, b' ');
        line.push(b'\n');
        line
    }
}

fn decode(bytes: &[u8]) -> Option<Synced> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (name, rest) = text.strip_prefix("{\"")?.split_once("\":")?;
    let (log_bytes, rest) = rest.split_once(",\"")?;
    let entries_bytes = rest.strip_prefix(entries::NAME)?.strip_prefix("\":")?.split(',').next()?;
    let synced = Synced {
        segment: segment::number(name)?,
        log_bytes: log_bytes.parse().ok()?,
        entries_bytes: entries_bytes.parse().ok()?,
    };
    (synced.encode() == bytes).then_some(synced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_said_is_read(segment: u64, log_bytes: u64, entries_bytes: u64) {
            let synced = Synced { segment, log_bytes, entries_bytes };
            prop_assert_eq!(decode(&synced.encode()), Some(synced));
        }

        #[test]
        fn a_damaged_line_says_nothing(segment: u64, log_bytes: u64, at: prop::sample::Index) {
            let mut line = Synced { segment, log_bytes, entries_bytes: 0 }.encode();
            let bit = at.index(line.len() * 8);
            line[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(decode(&line), None);
        }
    }
}
