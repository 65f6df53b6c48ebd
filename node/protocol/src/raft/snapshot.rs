//! InstallSnapshot (paper, section 7): what a follower lacks is offered, sent and installed.
//! It never copies what was delivered, and never replaces anything newer.

use bytes::Bytes;

use super::disk::Held;
use super::message::Body;
use super::replication::Mode;
use super::{Out, Raft};
use crate::machine::{Epoch, Index, NodeId, Offset, Snapshot};
use crate::pending::MESSAGE_BYTES_MAX;
use crate::transfer::Transfer;

impl Raft {
    pub(super) fn take_snapshot_if_due(&mut self, out: &mut Out) {
        let every = self.state.options.snapshot_every;
        let members = &self.state.members;
        self.state.ordered.take_snapshot_if_due(every, members, &mut self.disk, out);
    }

    // The leader's side.

    /// Offers the latest snapshot; the follower answers how much of it it has.
    pub(super) fn offer_snapshot(&mut self, at: usize, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let peer = &mut lead.peers[at];
        if !matches!(peer.mode, Mode::Snapshot(_)) {
            peer.mode = Mode::Snapshot(Transfer::new(self.state.ordered.snapshot.clone()));
        }
        let Mode::Snapshot(transfer) = &peer.mode else { return };
        let (to, round) = (peer.id, lead.rounds.latest());
        let snapshot = transfer.snapshot().clone();
        let from = snapshot.length;
        self.send(to, Body::Snapshot { snapshot, round, from, values: Vec::new() }, out);
    }

    pub(super) fn restart_stalled_transfers(&mut self) {
        let Some(lead) = &mut self.lead else { return };
        for peer in &mut lead.peers {
            if let Mode::Snapshot(transfer) = &mut peer.mode {
                transfer.on_heartbeat();
            }
        }
    }

    pub(super) fn on_snapshot_have(
        &mut self,
        at: usize,
        index: Index,
        have: Offset,
        out: &mut Out,
    ) {
        let Some(lead) = &mut self.lead else { return };
        let peer = &mut lead.peers[at];
        let Mode::Snapshot(transfer) = &mut peer.mode else { return };
        let replica = &self.state.ordered.replica;
        let next = transfer.next(index, have, replica, MESSAGE_BYTES_MAX);
        let Some((from, values)) = next else { return };
        let (to, round) = (peer.id, lead.rounds.latest());
        let snapshot = transfer.snapshot().clone();
        self.send(to, Body::Snapshot { snapshot, round, from, values }, out);
    }

    // The follower's side.

    #[allow(clippy::too_many_arguments)] // the fields of one InstallSnapshot
    pub(super) fn on_snapshot(
        &mut self,
        from: NodeId,
        term: Epoch,
        snapshot: Snapshot,
        round: u64,
        offset: Offset,
        values: Vec<Bytes>,
        out: &mut Out,
    ) {
        if !self.rules.snapshot_is_newer(&self.state, snapshot.index) {
            // What it sums up is committed here: as good as the acknowledgement of an entry.
            let matched = snapshot.index.min(self.disk.upto());
            let ack = Held::Ack { to: from, matched, round };
            return self.promise(self.disk.hard_mark(), ack, out);
        }
        let index = snapshot.index;
        let Some(have) = self.state.ordered.stage(&snapshot, offset, values) else { return };
        if have < snapshot.length {
            return self.answer_leader(from, Body::SnapshotHave { index, have, round }, out);
        }
        self.state.ordered.install(term, snapshot, &mut self.disk, out);
        self.state.verified = self.state.verified.max(index);
        let ack = Held::Ack { to: from, matched: index, round };
        let mark = self.rules.before_ack(&self.disk);
        self.promise(mark, ack, out);
    }
}
