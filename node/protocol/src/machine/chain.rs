//! Rolling hashes: two logs with one chain at an index agree up to there.
//! They are evidence, computed where an entry is put; no protocol decides by them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::named_for_people;
use super::log::{Command, LogEntry};

/// A rolling hash: each link over the one before. Shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Chain(pub u64);

impl LogEntry {
    /// The chain up to and with this entry: FNV-1a-64 over the chain before it (8 bytes, little
    /// endian), then kind, client, seq, payload and birth epoch.
    #[must_use]
    pub fn chain(&self, before: Chain) -> Chain {
        let hash = Fnv::new().bytes(&before.0.to_le_bytes());
        let hash = match &self.command {
            Command::Noop => hash.bytes(&[0]),
            Command::Open => hash.bytes(&[1]),
            Command::Append { value, session, expect } => {
                let (client, seq) = session.map_or((0, 0), |s| (s.client.0, s.seq));
                hash.bytes(&[2, u8::from(session.is_some()), u8::from(expect.is_some())])
                    .bytes(&client.to_le_bytes())
                    .bytes(&seq.to_le_bytes())
                    .bytes(&expect.map_or(0, |o| o.0).to_le_bytes())
                    .bytes(value)
            }
        };
        Chain(hash.bytes(&self.birth.0.to_le_bytes()).0)
    }
}

/// The chain over delivered values: `chain(k + 1) = FNV-1a-64(chain(k) as 8 bytes little endian,
/// then the value as compact JSON)`; `chain(0) = 0`.
#[must_use]
pub fn chain_value(before: Chain, value: &[u8]) -> Chain {
    Chain(Fnv::new().bytes(&before.0.to_le_bytes()).bytes(value).0)
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; offset basis and prime as published).
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

named_for_people!(Chain, u64);
