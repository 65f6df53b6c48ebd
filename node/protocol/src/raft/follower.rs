//! The follower's side of replication (paper, 5.3): taking over the leader's entries.
//! It never acknowledges what its disk does not hold.

use super::disk::Held;
use super::message::Body;
use super::{Out, Raft};
use crate::common::log::Reconciled;
use crate::machine::{EntryId, Epoch, Index, LogEntry, NodeId};

impl Raft {
    #[allow(clippy::too_many_arguments)] // the fields of one AppendEntries
    pub(super) fn on_append(
        &mut self,
        from: NodeId,
        term: Epoch,
        prev: EntryId,
        commit: Index,
        round: u64,
        entries: Vec<LogEntry>,
        out: &mut Out,
    ) {
        let (keep, truncate) = match self.rules.reconcile(&self.state, prev, &entries) {
            Reconciled::Refused { conflict, first } => {
                let body = Body::Mismatch { prev: prev.index, conflict, first, round };
                return self.answer_leader(from, body, out);
            }
            Reconciled::Accepted { keep, truncate } => (keep, truncate),
        };
        let covered = Index(prev.index.0 + entries.len() as u64);
        let heartbeat = entries.is_empty();
        if let Some(cut) = truncate {
            self.cut(cut, term, out);
        }
        for entry in entries.into_iter().skip(keep) {
            self.state.ordered.put(entry, &mut self.disk, out);
        }
        self.state.own.verified = self.state.own.verified.max(covered);
        let commit = self.rules.follower_commit(commit, self.state.own.verified);
        self.commit_to(commit, self.state.hard.term, out);

        let upto = self.disk.upto();
        if heartbeat || covered <= upto {
            // A heartbeat waits for no write of entries: it says what is durable by now.
            let ack = Held::Ack { to: from, matched: covered.min(upto), round };
            self.promise(self.disk.hard_mark(), ack, out);
        } else {
            let mark = self.rules.before_ack(&self.disk);
            self.promise(mark, Held::Ack { to: from, matched: covered, round }, out);
        }
    }

    /// Removes entries by authority of a leader of `epoch`, in memory and on disk.
    pub(super) fn cut(&mut self, from: Index, epoch: Epoch, out: &mut Out) {
        let durably = self.rules.truncation_is_durable();
        self.state.ordered.cut(from, epoch, durably, &mut self.disk, out);
        let before = Index(from.0.saturating_sub(1));
        self.state.own.verified = self.state.own.verified.min(before);
    }
}
