//! What a Raft node knows of its own disk: which marks are durable, what that makes durable, and
//! which messages wait for it. Acknowledgements and votes are kept here until the disk has what
//! they promise, so that their evidence comes after the disk's.
//!
//! It never writes: it makes records into outputs and listens to `Durable`.

use std::collections::VecDeque;

use super::message::Message;
use super::state::HardState;
use crate::machine::{Epoch, Index, Mark, NodeId, Output, Outputs, Record};

/// The disk as seen from the protocol.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    last: Mark,
    hard_mark: Mark,
    durable: Mark,
    under_way: VecDeque<(Mark, Wrote)>,
    upto: Index,
    hard: HardState,
    held: VecDeque<(Mark, Held)>,
}

#[derive(Clone, Copy, Debug)]
enum Wrote {
    Hard(HardState),
    Upto(Index),
    Removal,
}

/// A promise that waits for the disk.
#[derive(Clone, Debug)]
pub enum Held {
    /// This node's vote for itself, in this term.
    OwnVote(Epoch),
    /// Its vote for another.
    Vote {
        /// Whom.
        to: NodeId,
        /// In which term.
        term: Epoch,
    },
    /// An acknowledgement to the leader, of the log up to `matched`.
    Ack {
        /// The leader.
        to: NodeId,
        /// What is acknowledged.
        matched: Index,
        /// The round of the message it answers.
        round: u64,
    },
    /// Anything else that rests on the term.
    Other {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
}

impl Disk {
    /// What a recovered node finds on its disk.
    #[must_use]
    pub fn recovered(hard: HardState, upto: Index) -> Self {
        Disk { upto, hard, ..Disk::default() }
    }

    /// Asks for a record to be written.
    pub fn persist(&mut self, record: Record, out: &mut Outputs<Message>) {
        self.last = Mark(self.last.0 + 1);
        let wrote = match &record {
            Record::Append(entry) => Wrote::Upto(entry.index),
            Record::Snapshot { snapshot, .. } => Wrote::Upto(snapshot.index),
            Record::Truncate { .. } | Record::State(_) => Wrote::Removal,
        };
        self.under_way.push_back((self.last, wrote));
        out.push(Output::Persist { mark: self.last, record });
    }

    /// Asks for term and vote to be written.
    pub fn persist_hard(&mut self, hard: HardState, out: &mut Outputs<Message>) {
        self.persist(Record::State(hard.encode()), out);
        self.hard_mark = self.last;
        let written = self.under_way.back_mut().expect("it was just asked for");
        written.1 = Wrote::Hard(hard);
    }

    /// Forgets that entries from `from` on are, or will be, durable: they were removed.
    pub fn removed(&mut self, from: Index) {
        let before = Index(from.0.saturating_sub(1));
        self.upto = self.upto.min(before);
        for (_, wrote) in &mut self.under_way {
            if let Wrote::Upto(index) = wrote {
                *index = (*index).min(before);
            }
        }
    }

    /// Keeps a promise until `mark` is durable.
    pub fn hold(&mut self, mark: Mark, held: Held) {
        self.held.push_back((mark, held));
    }

    /// Drops every promise kept: a newer term made them void, as if the network had lost them.
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
    pub fn release(&mut self) -> Option<Held> {
        // In order of asking: a promise behind one that waits waits too, which only delays it.
        let (mark, _) = self.held.front()?;
        if *mark > self.durable {
            return None;
        }
        self.held.pop_front().map(|(_, held)| held)
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

    /// The mark of the latest term and vote.
    #[must_use]
    pub fn hard_mark(&self) -> Mark {
        self.hard_mark
    }

    /// The last durable index of the log as it is in memory.
    #[must_use]
    pub fn upto(&self) -> Index {
        self.upto
    }

    /// The durable term and vote.
    #[must_use]
    pub fn hard(&self) -> HardState {
        self.hard
    }
}
