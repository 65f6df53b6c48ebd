//! What a replica's disk keeps, and what waits for it: leaving a view, acknowledgements.
//! It never writes and never sends: [`crate::common::disk`] says when a promise may leave.

use super::state::{HardState, Mode};
use super::{Out, Vsr};
use crate::machine::{Epoch, Index, Mark, NodeId};

/// The disk as seen from a replica.
pub type Disk = crate::common::disk::Disk<HardState, Held>;

/// A promise that waits for the disk.
#[derive(Clone, Debug)]
pub enum Held {
    /// This replica has started for the first time.
    Born,
    /// It has moved to this view.
    Left(Epoch),
    /// An acknowledgement to the primary.
    Ack {
        /// The primary.
        to: NodeId,
        /// Of everything up to here.
        upto: Index,
        /// The round of the message it answers.
        round: u64,
    },
}

impl Vsr {
    /// The disk holds more: say so, then release what waited for it.
    pub(super) fn on_disk_progress(&mut self, out: &mut Out) {
        let view = self.disk.hard().view;
        let durable = self.state.mode == Mode::Durable;
        let upto = if durable { self.disk.upto() } else { Index(0) };
        let promise = Some(self.state.primary(view));
        self.state.ordered.trace_persist(upto, view, promise, out);
        let mut acks: Option<(NodeId, Index, u64)> = None;
        while let Some(held) = self.disk.release() {
            match held {
                // All are of one view, so to one primary: the greatest of each says it all.
                Held::Ack { to, upto, round } => {
                    let (_, index, latest) = acks.unwrap_or((to, upto, round));
                    acks = Some((to, index.max(upto), latest.max(round)));
                }
                other => self.keep_promise(other, out),
            }
        }
        if let Some((to, upto, round)) = acks {
            self.keep_promise(Held::Ack { to, upto, round }, out);
        }
        self.advance_primary_commit(out);
    }

    /// Makes a promise now if the disk has what it rests on, and else when it has.
    pub(super) fn promise(&mut self, mark: Mark, held: Held, out: &mut Out) {
        if self.disk.has(mark) {
            self.keep_promise(held, out);
        } else {
            self.disk.hold(mark, held);
        }
    }

    fn keep_promise(&mut self, held: Held, out: &mut Out) {
        match held {
            Held::Born => self.resume(out),
            Held::Left(view) => self.on_left(view, out),
            Held::Ack { to, upto, round } => self.send_ack(to, upto, round, out),
        }
    }

    /// Takes a new hard state, and writes of it what the mode keeps.
    pub(super) fn set_hard(&mut self, hard: HardState, out: &mut Out) {
        let moved = hard.view > self.state.hard.view;
        self.state.hard = hard;
        match self.state.mode {
            Mode::Durable => self.disk.persist_hard(hard, out),
            Mode::Memory if moved => {
                self.disk.persist_hard(HardState { normal: Epoch(0), ..hard }, out);
            }
            Mode::Memory | Mode::Paper => {}
        }
    }
}
