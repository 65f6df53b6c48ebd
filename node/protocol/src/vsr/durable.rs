//! What a replica's disk keeps, and what waits for it: leaving a view, acknowledgements.
//! It never writes and never sends: [`crate::common::disk`] says when a promise may leave.

use super::state::{HardState, Mode};
use super::{Out, Parts, Vsr};
use crate::common::node::LogProtocol;
use crate::machine::{Epoch, Index, NodeId};

/// The disk as seen from a replica.
pub type Disk = crate::common::disk::Disk<HardState, Held>;

/// A promise that waits for the disk.
#[derive(Clone, Debug)]
pub enum Held {
    /// This replica has started for the first time.
    FirstBoot,
    /// It has moved to this view.
    Left(Epoch),
    /// An acknowledgement to the primary.
    Ack {
        to: NodeId,
        /// Of everything up to here.
        upto: Index,
        /// The round of the message it answers.
        round: u64,
    },
}

impl Vsr {
    /// Says how far the disk is, then releases what waited for it.
    pub(super) fn release_held(&mut self, out: &mut Out) {
        let view = self.disk.hard().view;
        let durable = self.state.own.mode == Mode::Durable;
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
                other => Parts::keep_promise(self, other, out),
            }
        }
        if let Some((to, upto, round)) = acks {
            Parts::keep_promise(self, Held::Ack { to, upto, round }, out);
        }
    }

    /// Takes a new hard state, and writes of it what the mode keeps.
    pub(super) fn set_hard(&mut self, hard: HardState, out: &mut Out) {
        let moved = hard.view > self.state.hard.view;
        self.state.hard = hard;
        match self.state.own.mode {
            Mode::Durable => self.disk.persist_hard(hard, out),
            Mode::Memory if moved => {
                self.disk.persist_hard(HardState { normal: Epoch(0), ..hard }, out);
            }
            Mode::Memory | Mode::Paper => {}
        }
    }
}
