//! Why the sequencer is safe: each decision that safety rests on, by name.
//! Défago, Schiper and Urbán, "Total order broadcast and multicast algorithms", ACM Computing
//! Surveys 2004, section 4.1 (fixed sequencer); first in, first out order: Hadzilacos and Toueg
//! 1994, section 3.3.
//!
//! A planted bug overrides exactly one of them.

use super::Disk;
use crate::common::ordered::Ordered;
use crate::common::session::{Lookup, Sessions};
use crate::machine::{Index, Mark, Session};

/// Where an entry that arrives belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// It comes next: deliver it.
    Next,
    /// It was delivered before.
    Known,
    /// Something before it is missing: ask for that again.
    Gap,
}

pub trait Rules: Sync {
    /// A restarted sequencer goes on where its disk ends: a number is given once.
    fn resume(&self, kept: Ordered) -> Ordered {
        kept
    }

    /// A sequencer numbers entries when it is on its disk that this incarnation began: otherwise
    /// the next one would take the same epoch, and what both numbered could not be told apart.
    fn before_numbering(&self, disk: &Disk) -> Mark {
        disk.hard_mark()
    }

    /// An entry is part of the order, and may leave the sequencer, when its disk holds it: the
    /// sequencer's disk is the only copy that the order rests on.
    fn may_leave(&self, durable: Index, _last: Index) -> Index {
        durable
    }

    /// A receiver delivers in the order of the numbers, each once (first in, first out).
    fn place(&self, last: Index, index: Index) -> Place {
        match index.0.cmp(&(last.0 + 1)) {
            std::cmp::Ordering::Less => Place::Known,
            std::cmp::Ordering::Equal => Place::Next,
            std::cmp::Ordering::Greater => Place::Gap,
        }
    }

    /// A request of a session takes effect once.
    fn deduplicate(&self, sessions: &Sessions, session: Session) -> Lookup {
        sessions.look_up(session)
    }

    /// Only the sequencer knows what is ordered; there is no other, so it need not ask.
    fn may_read(&self, is_sequencer: bool) -> bool {
        is_sequencer
    }
}

/// The rules as published.
pub struct FixedSequencer;

impl Rules for FixedSequencer {}
