//! InstallSnapshot (paper, section 7): what a follower lacks is offered, sent and installed.
//! It never copies what was delivered, and never replaces anything newer.

use bytes::Bytes;

use super::disk::Held;
use super::message::Body;
use super::replication::body;
use super::{Out, Raft, send_in};
use crate::machine::{Epoch, Index, NodeId, Offset, Snapshot};

impl Raft {
    // The leader's side.

    pub(super) fn on_snapshot_have(
        &mut self,
        at: usize,
        index: Index,
        have: Offset,
        out: &mut Out,
    ) {
        let Some(lead) = &mut self.parts.lead else { return };
        let peer = &mut lead.peers[at];
        if let Some(piece) = peer.on_have(index, have, &self.state.ordered.replica) {
            let body = body(piece, self.state.ordered.commit, self.rounds.latest());
            send_in(self.state.hard.term, peer.id, body, out);
        }
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
        self.state.own.verified = self.state.own.verified.max(index);
        let ack = Held::Ack { to: from, matched: index, round };
        let mark = self.rules.before_ack(&self.disk);
        self.promise(mark, ack, out);
    }
}
