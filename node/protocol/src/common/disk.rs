//! What a node knows of its own disk: which marks are durable, what that makes durable, and which
//! promises wait for it. Acknowledgements and votes are kept here until the disk has what they
//! promise, so that their evidence comes after the disk's.
//!
//! It never writes: it makes records into outputs and listens to `Durable`. It never knows what a
//! promise says.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::machine::{Index, Mark, Output, Outputs, Record};

/// A protocol's hard state: small, written as a whole, the last one wins.
pub trait Hard: Clone + Default + Serialize + DeserializeOwned {
    /// The payload of a [`Record::State`].
    #[must_use]
    fn encode(&self) -> Bytes {
        postcard::to_stdvec(self).expect("plain data always encodes").into()
    }

    /// The reverse; no payload means a first start.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        postcard::from_bytes(bytes).map_err(|e| format!("the hard state cannot be decoded: {e}"))
    }
}

/// The disk as seen from a protocol with hard state `H` and promises `P`.
#[derive(Clone, Debug, Default)]
pub struct Disk<H, P> {
    last: Mark,
    hard_mark: Mark,
    durable: Mark,
    under_way: VecDeque<(Mark, Wrote<H>)>,
    upto: Index,
    hard: H,
    held: VecDeque<(Mark, P)>,
    /// The log is kept in memory only: it is held as soon as it is there.
    without_log: bool,
}

#[derive(Clone, Debug)]
enum Wrote<H> {
    Hard(H),
    Upto(Index),
    Removal,
}

impl<H: Hard, P> Disk<H, P> {
    /// What a recovered node finds on its disk.
    #[must_use]
    pub fn recovered(hard: H, upto: Index) -> Self {
        Disk {
            last: Mark(0),
            hard_mark: Mark(0),
            durable: Mark(0),
            under_way: VecDeque::new(),
            upto,
            hard,
            held: VecDeque::new(),
            without_log: false,
        }
    }

    /// Keeps the hard state and never the log, which is lost in a crash.
    #[must_use]
    pub fn without_log(self) -> Self {
        Disk { without_log: true, ..self }
    }

    /// Asks for a record to be written.
    pub fn persist<M>(&mut self, record: Record, out: &mut Outputs<M>) {
        let wrote = match &record {
            Record::Append(entry) => Wrote::Upto(entry.index),
            Record::Snapshot { snapshot, .. } => Wrote::Upto(snapshot.index),
            Record::Truncate { .. } | Record::State(_) => Wrote::Removal,
        };
        if self.without_log {
            if let Wrote::Upto(index) = wrote {
                self.upto = self.upto.max(index);
            }
            return;
        }
        self.write(record, wrote, out);
    }

    /// Asks for the hard state to be written.
    pub fn persist_hard<M>(&mut self, hard: H, out: &mut Outputs<M>) {
        self.write(Record::State(hard.encode()), Wrote::Hard(hard), out);
        self.hard_mark = self.last;
    }

    fn write<M>(&mut self, record: Record, wrote: Wrote<H>, out: &mut Outputs<M>) {
        self.last = Mark(self.last.0 + 1);
        self.under_way.push_back((self.last, wrote));
        out.push(Output::Persist { mark: self.last, record });
    }

    /// From `from` on the log in memory is another one than what was written so far, so that none
    /// of it vouches for anything there: entries were removed or replaced, or a snapshot has taken
    /// their place.
    pub(in crate::common) fn vouches_only_before(&mut self, from: Index) {
        let before = Index(from.0.saturating_sub(1));
        self.upto = self.upto.min(before);
        for (_, wrote) in &mut self.under_way {
            if let Wrote::Upto(index) = wrote {
                *index = (*index).min(before);
            }
        }
    }

    /// Keeps a promise until `mark` is durable.
    pub fn hold(&mut self, mark: Mark, promise: P) {
        self.held.push_back((mark, promise));
    }

    /// Drops every promise kept: a newer epoch made them void, as if the network had lost them.
    pub fn drop_held(&mut self) {
        self.held.clear();
    }

    /// Takes note that all up to `mark` is durable; returns whether that is news.
    pub fn on_durable(&mut self, mark: Mark) -> bool {
        if mark <= self.durable {
            return false;
        }
        assert!(mark <= self.last, "only what was asked for can be durable");
        self.durable = mark;
        let done = self.under_way.partition_point(|(written, _)| *written <= mark);
        for (_, wrote) in self.under_way.drain(..done) {
            match wrote {
                Wrote::Hard(hard) => self.hard = hard,
                Wrote::Upto(index) => self.upto = self.upto.max(index),
                Wrote::Removal => {}
            }
        }
        true
    }

    /// The next promise that may leave.
    pub fn release(&mut self) -> Option<P> {
        // In order of asking: a promise behind one that waits waits too, which only delays it.
        let (mark, _) = self.held.front()?;
        if *mark > self.durable {
            return None;
        }
        self.held.pop_front().map(|(_, promise)| promise)
    }

    /// Whether all up to `mark` is durable.
    #[must_use]
    pub fn has(&self, mark: Mark) -> bool {
        mark <= self.durable
    }

    /// The last mark asked for.
    #[must_use]
    pub fn last_mark(&self) -> Mark {
        self.last
    }

    /// The mark of the latest hard state.
    #[must_use]
    pub fn hard_mark(&self) -> Mark {
        self.hard_mark
    }

    /// The last durable index of the log as it is in memory: up to there the disk holds that log,
    /// and no other, whatever a crash leaves of what is under way. Where memory and disk part,
    /// [`Ordered`](super::ordered::Ordered) says so with every change that it makes.
    #[must_use]
    pub fn upto(&self) -> Index {
        self.upto
    }

    /// The durable hard state.
    #[must_use]
    pub fn hard(&self) -> &H {
        &self.hard
    }
}
