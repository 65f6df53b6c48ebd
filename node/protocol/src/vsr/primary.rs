//! The primary in its view (paper, 4.1): requests become entries, entries go to the backups, and
//! what f + 1 replicas hold is committed, answered and said to everyone.
//!
//! It never waits for its own disk before sending, and never has more than a window of Prepares
//! under way: entries that come meanwhile go together in the next one.

use std::collections::VecDeque;

use super::message::Body;
use super::{Out, Vsr};
use crate::common::options::{Options, after};
use crate::common::pending::MESSAGE_BYTES_MAX;
use crate::common::quorum::reached_by;
use crate::machine::{Epoch, Index, NodeId, Time};

/// What only a primary has.
pub(super) struct Lead {
    pub(super) backups: Vec<Backup>,
    pub(super) heartbeat_at: Time,
    /// Entries up to here were sent.
    sent: Index,
    /// Where the Prepares end that are not committed yet.
    under_way: VecDeque<Index>,
}

/// What a primary knows of a backup.
pub(super) struct Backup {
    id: NodeId,
    acknowledged: Index,
    pub(super) round: u64,
    heard: Time,
}

impl Lead {
    /// The whole log is sent, with StartView.
    pub(super) fn new(
        others: impl Iterator<Item = NodeId>,
        last: Index,
        now: Time,
        options: &Options,
    ) -> Self {
        let backup = |id| Backup { id, acknowledged: Index(0), round: 0, heard: now };
        Lead {
            backups: others.map(backup).collect(),
            heartbeat_at: after(now, options.heartbeat_ns),
            sent: last,
            under_way: VecDeque::new(),
        }
    }
}

impl Vsr {
    /// Sends what is not sent yet to every backup, as far as the window allows.
    pub(super) fn send_prepares(&mut self, out: &mut Out) {
        let (commit, last) = (self.state.ordered.commit, self.state.last());
        loop {
            let Some(lead) = &mut self.parts.lead else { return };
            while lead.under_way.front().is_some_and(|end| *end <= commit) {
                lead.under_way.pop_front();
            }
            if lead.sent >= last || lead.under_way.len() >= self.state.options.window {
                return;
            }
            let (prev, round) = (lead.sent, self.rounds.latest());
            let entries = self.state.ordered.log.slice(prev.next(), MESSAGE_BYTES_MAX);
            lead.sent = Index(prev.0 + entries.len() as u64);
            lead.under_way.push_back(lead.sent);
            self.send_all(&Body::Prepare { prev, commit, round, entries }, out);
        }
    }

    /// A Prepare without entries: a heartbeat, or the start of a read round.
    pub(super) fn send_heartbeat(&self, out: &mut Out) {
        let Some(lead) = &self.parts.lead else { return };
        let (prev, round) = (lead.sent, self.rounds.latest());
        let commit = self.state.ordered.commit;
        self.send_all(&Body::Prepare { prev, commit, round, entries: Vec::new() }, out);
    }

    pub(super) fn on_heartbeat_due(&mut self, out: &mut Out) {
        let oldest = self.now.0.saturating_sub(self.patience_ns());
        let Some(lead) = &mut self.parts.lead else { return };
        lead.heartbeat_at = after(self.now, self.state.options.heartbeat_ns);
        let heard = 1 + lead.backups.iter().filter(|backup| backup.heard.0 >= oldest).count();
        if heard < self.rules.view_change_quorum(self.state.members.len()) {
            // Nothing can be committed here; the others are in the next view, or will be.
            let view = self.state.hard.view.next();
            return self.move_to(view, out);
        }
        self.view_goes_on();
        self.send_heartbeat(out);
    }

    pub(super) fn on_prepare_ok(
        &mut self,
        from: NodeId,
        view: Epoch,
        upto: Index,
        round: u64,
        out: &mut Out,
    ) {
        let last = self.state.last();
        let Some(lead) = &mut self.parts.lead else { return };
        let backup = lead.backups.iter_mut().find(|backup| backup.id == from);
        let Some(backup) = backup.filter(|_| self.rules.answer_counts(&self.state, view)) else {
            return;
        };
        backup.acknowledged = backup.acknowledged.max(upto.min(last));
        backup.round = backup.round.max(round);
        backup.heard = self.now;
        self.answer_confirmed_reads(out);
        self.advance_primary_commit(out);
    }

    /// A backup that asks for the log is with its primary, though it acknowledges nothing yet.
    pub(super) fn heard_backup(&mut self, from: NodeId) {
        let Some(lead) = &mut self.parts.lead else { return };
        if let Some(backup) = lead.backups.iter_mut().find(|backup| backup.id == from) {
            backup.heard = self.now;
        }
    }

    /// Commits what a quorum holds (paper, 4.1, step 5).
    pub(super) fn advance_primary_commit(&mut self, out: &mut Out) {
        let Some(lead) = &self.parts.lead else { return };
        let mut held: Vec<Index> = lead.backups.iter().map(|b| b.acknowledged).collect();
        held.push(self.rules.held(&self.state, &self.disk));
        let index = reached_by(&mut held, self.rules.commit_quorum(self.state.members.len()));
        self.advance_commit(index, out);
    }

    /// Raises the commit number and applies what that commits. It never goes back.
    pub(super) fn advance_commit(&mut self, to: Index, out: &mut Out) {
        self.commit_to(to, self.state.hard.view, out);
        self.view_goes_on();
    }
}
