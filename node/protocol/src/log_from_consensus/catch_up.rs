//! One who is behind asks, and everyone asks somebody now and then: who missed the last decision
//! hears of it even when nothing new comes.
//! It never takes anything for decided that its sender has not applied.

use super::ask::Asked;
use super::{LogFromConsensus, Out, encode};
use crate::common::options::after;
use crate::machine::{Epoch, Index, NodeId, Offset, send_to};
use crate::paxos::catch_up::{Behind, CatchUp};

impl LogFromConsensus {
    /// Everything up to `upto` is decided, and `node` may know it.
    pub(super) fn fall_behind(&mut self, node: NodeId, upto: Index, out: &mut Out) {
        if Behind::note(&mut self.behind, node, upto, self.now, self.options.retry_ns) {
            send_to(node, CatchUp::ask(&self.ordered).into(), out);
        }
    }

    /// Asks one of the others, each in turn, whether there is more.
    pub(super) fn look_if_due(&mut self, out: &mut Out) {
        if self.now < self.look_at {
            return;
        }
        self.look_at = after(self.now, self.options.retry_ns);
        let others: Vec<NodeId> =
            self.synod.members().iter().copied().filter(|node| *node != self.id).collect();
        if others.is_empty() {
            return;
        }
        self.looked = (self.looked + 1) % others.len();
        send_to(others[self.looked], CatchUp::ask(&self.ordered).into(), out);
    }

    /// What is decided from this slot on; of a snapshot, that there is one.
    pub(super) fn tell(&self, to: NodeId, slot: Index, out: &mut Out) {
        if let Some(answer) = CatchUp::answer(&self.ordered, slot, Offset(u64::MAX)) {
            send_to(to, answer.into(), out);
        }
    }

    pub(super) fn on_catch_up(&mut self, from: NodeId, catch_up: CatchUp, out: &mut Out) {
        match catch_up {
            CatchUp::Fetch { from: slot, have } => {
                if let Some(answer) = CatchUp::answer(&self.ordered, slot, have) {
                    send_to(from, answer.into(), out);
                }
                return;
            }
            CatchUp::Chosen { entries, .. } => {
                for entry in entries.into_iter().filter(|e| e.index > self.ordered.commit) {
                    self.synod.learn(&entry.index, encode(entry.epoch, &entry.command), out);
                }
                self.take_decisions(out);
            }
            CatchUp::Snapshot { snapshot, from: offset, values } => {
                if snapshot.index <= self.ordered.commit {
                    return;
                }
                let (index, length) = (snapshot.index, snapshot.length);
                let Some(have) = self.ordered.stage(&snapshot, offset, values) else { return };
                if have < length {
                    // The answer says what to ask for next: no other question is under way.
                    return send_to(from, CatchUp::ask(&self.ordered).into(), out);
                }
                self.ordered.install(Epoch(0), snapshot, &mut self.synod.disk, out);
                self.synod.forget_before(&index.next());
                // Only the oldest was ever proposed.
                if self.asked.front().is_some_and(Asked::is_in_doubt) {
                    let asked = self.asked.pop_front().expect("it has a front");
                    asked.give_up(out);
                }
            }
        }
        self.behind.take_if(|behind| behind.upto <= self.ordered.commit);
        if let Some(behind) = self.behind.take_if(|behind| behind.of == from) {
            self.fall_behind(from, behind.upto, out);
        }
    }
}
