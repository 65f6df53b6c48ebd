//! Snapshots, compaction and their transfer (paper, section 7). The delivered log is a file of its
//! own, so a snapshot is small, and what travels is the suffix of values that the receiver lacks.
//!
//! It never copies what was delivered, and never replaces anything newer.

use bytes::Bytes;

use super::message::Body;
use super::replication::{MESSAGE_BYTES_MAX, Mode};
use super::{Out, Raft};
use crate::log::{Log, Position};
use crate::machine::{Epoch, Index, NodeId, Offset, Output, Record, Snapshot, TraceEvent};
use crate::replica::Replica;
use crate::session::Sessions;

/// A snapshot on its way to a follower.
pub(super) struct Transfer {
    snapshot: Snapshot,
    /// Values up to here are sent; None until the follower says how many it has.
    sent: Option<Offset>,
    /// Whether an answer came since the last heartbeat.
    moved: bool,
}

impl Transfer {
    pub(super) fn index(&self) -> Index {
        self.snapshot.index
    }
}

/// A snapshot that is arriving: the values so far, from `from` on.
pub(super) struct Staging {
    index: Index,
    from: Offset,
    values: Vec<Bytes>,
}

impl Staging {
    fn end(&self) -> Offset {
        Offset(self.from.0 + self.values.len() as u64)
    }
}

impl Raft {
    /// Sums up what is applied when enough was applied since the last time. The log keeps what
    /// came after the snapshot before, so that a follower a little behind needs no transfer.
    pub(super) fn take_snapshot_if_due(&mut self, out: &mut Out) {
        let every = self.state.options.snapshot_every;
        let applied = self.state.replica.applied;
        if every == 0 || applied.0 < self.snapshot.index.0 + every {
            return;
        }
        let Some(Position { index, birth, chain }) = self.state.log.position(applied) else {
            return;
        };
        let replica = &self.state.replica;
        let snapshot = Snapshot {
            index,
            birth,
            chain,
            length: replica.length(),
            delivered_chain: replica.chain,
            state: replica.encode_state(&self.state.members),
        };
        out.push(Output::Trace(TraceEvent::Snap { i: index, chain }));
        self.state.log.compact(self.snapshot.index);
        self.snapshot = snapshot.clone();
        let from = snapshot.length;
        self.disk.persist(Record::Snapshot { snapshot, from, values: Vec::new() }, out);
    }

    // The leader's side.

    /// Offers the latest snapshot; the follower answers how much of it it has.
    pub(super) fn offer_snapshot(&mut self, at: usize, out: &mut Out) {
        let Some(lead) = &mut self.lead else { return };
        let peer = &mut lead.peers[at];
        if !matches!(peer.mode, Mode::Snapshot(_)) {
            let snapshot = self.snapshot.clone();
            peer.mode = Mode::Snapshot(Transfer { snapshot, sent: None, moved: true });
        }
        let Mode::Snapshot(transfer) = &peer.mode else { return };
        let (to, round) = (peer.id, lead.rounds.latest());
        let snapshot = transfer.snapshot.clone();
        let from = snapshot.length;
        self.send(to, Body::Snapshot { snapshot, round, from, values: Vec::new() }, out);
    }

    /// A transfer that did not move for a heartbeat lost a message: its next answer starts again.
    pub(super) fn restart_stalled_transfers(&mut self) {
        let Some(lead) = &mut self.lead else { return };
        for peer in &mut lead.peers {
            if let Mode::Snapshot(transfer) = &mut peer.mode {
                if !transfer.moved {
                    transfer.sent = None;
                }
                transfer.moved = false;
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
        if index != transfer.snapshot.index || transfer.sent.is_some_and(|sent| have < sent) {
            return;
        }
        let have = have.min(transfer.snapshot.length);
        let room = MESSAGE_BYTES_MAX.saturating_sub(transfer.snapshot.state.len());
        let left = transfer.snapshot.length.0 - have.0;
        let values = self.state.replica.read(have, Some(left), room);
        if values.is_empty() {
            return;
        }
        transfer.sent = Some(Offset(have.0 + values.len() as u64));
        transfer.moved = true;
        let (to, round) = (peer.id, lead.rounds.latest());
        let snapshot = transfer.snapshot.clone();
        self.send(to, Body::Snapshot { snapshot, round, from: have, values }, out);
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
            let ack = super::Held::Ack { to: from, matched, round };
            return self.promise(self.disk.hard_mark(), ack, out);
        }
        let Ok(sessions) = Replica::decode_state(&snapshot.state) else { return };
        let length = self.state.replica.length();
        let index = snapshot.index;
        let staging = match &mut self.staging {
            Some(staging) if staging.index == index && staging.end() >= length => staging,
            other => other.insert(Staging { index, from: length, values: Vec::new() }),
        };
        if offset == staging.end() {
            staging.values.extend(values);
        }
        let have = staging.end();
        if have < snapshot.length {
            return self.answer_leader(from, Body::SnapshotHave { index, have, round }, out);
        }
        self.install(term, snapshot, sessions, out);
        let ack = super::Held::Ack { to: from, matched: index, round };
        let mark = self.rules.before_ack(&self.disk);
        self.promise(mark, ack, out);
    }

    /// Everything up to the snapshot is as it says. What follows in the log stays if the log holds
    /// the snapshot's last entry, and goes otherwise; it goes first, so that a crash in between
    /// leaves no tail behind a prefix that it does not belong to.
    fn install(&mut self, term: Epoch, snapshot: Snapshot, sessions: Sessions, out: &mut Out) {
        let index = snapshot.index;
        let agrees = self.state.log.birth(index) == Some(snapshot.birth);
        if !agrees && self.state.log.last_index() > index {
            self.cut(index.next(), term, out);
        }
        let staging = self.staging.take().expect("a snapshot is installed from its staging");
        let length = self.state.replica.length();
        let missing = (length.0 - staging.from.0) as usize;
        let arrived = staging.values.get(missing..).unwrap_or_default().to_vec();
        let mut values = std::mem::take(&mut self.state.replica.values);
        values.extend(arrived.iter().cloned());
        values.truncate(snapshot.length.0 as usize);
        let chain = snapshot.delivered_chain;
        self.state.replica = Replica { applied: index, values, chain, sessions };
        if agrees {
            self.state.log.compact(index);
        } else {
            let (birth, chain) = (snapshot.birth, snapshot.chain);
            self.state.log = Log::after(Position { index, birth, chain });
        }
        self.state.commit = index;
        self.state.verified = self.state.verified.max(index);
        self.snapshot = snapshot.clone();
        let (chain, restored) = (snapshot.chain, (snapshot.length, snapshot.delivered_chain));
        out.push(Output::Trace(TraceEvent::Restore { i: index, chain, epoch: term }));
        let from = length;
        self.disk.persist(Record::Snapshot { snapshot, from, values: arrived }, out);
        out.push(Output::Restored { length: restored.0, chain: restored.1 });
    }
}
