//! The primary in its view (paper, 4.1): requests become entries, entries go to the backups, and
//! what f + 1 replicas hold is committed, answered and said to everyone. Linearizable reads.
//!
//! It never waits for its own disk before sending, and never has more than a window of Prepares
//! under way: entries that come meanwhile go together in the next one.

use std::collections::VecDeque;

use super::message::Body;
use super::options::Options;
use super::{Out, Vsr, not_leader};
use crate::common::asking::Waiter;
use crate::common::options::after;
use crate::common::pending::{MESSAGE_BYTES_MAX, Pending, too_large};
use crate::common::quorum::reached_by;
use crate::common::reads::Rounds;
use crate::machine::{Command, Epoch, Index, LogEntry, NodeId, Reply, Ticket, Time, reply_to};

/// What only a primary has.
pub(super) struct Lead {
    pub(super) backups: Vec<Backup>,
    pub(super) heartbeat_at: Time,
    /// Entries up to here were sent.
    sent: Index,
    /// Where the Prepares end that are not committed yet.
    under_way: VecDeque<Index>,
    pending: Pending,
    pub(super) rounds: Rounds<Waiter>,
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
            pending: Pending::default(),
            rounds: Rounds::default(),
        }
    }
}

impl Vsr {
    pub(super) fn on_append_request(&mut self, ticket: Ticket, command: Command, out: &mut Out) {
        let Some(lead) = &mut self.lead else {
            let reply = too_large(&command).map(Reply::Fail);
            return reply_to(ticket, reply.unwrap_or(not_leader(self.leader())), out);
        };
        let ordered = &mut self.state.ordered;
        let last = ordered.log.last_index();
        let uncommitted = last.0.saturating_sub(ordered.commit.0);
        let limits = self.state.options.limits;
        if let Some(refusal) = lead.pending.refusal(&command, uncommitted, limits) {
            return reply_to(ticket, Reply::Fail(refusal), out);
        }
        let entry = LogEntry { index: last.next(), birth: self.state.hard.view, command };
        lead.pending.weigh(&entry);
        lead.pending.wait(entry.index, ticket);
        ordered.put(entry, &mut self.disk, out);
    }

    /// Sends what is not sent yet to every backup, as far as the window allows.
    pub(super) fn send_prepares(&mut self, out: &mut Out) {
        let (commit, last) = (self.state.ordered.commit, self.state.last());
        loop {
            let Some(lead) = &mut self.lead else { return };
            while lead.under_way.front().is_some_and(|end| *end <= commit) {
                lead.under_way.pop_front();
            }
            if lead.sent >= last || lead.under_way.len() >= self.state.options.window {
                return;
            }
            let (prev, round) = (lead.sent, lead.rounds.latest());
            let entries = self.state.ordered.log.slice(prev.next(), MESSAGE_BYTES_MAX);
            lead.sent = Index(prev.0 + entries.len() as u64);
            lead.under_way.push_back(lead.sent);
            self.send_all(&Body::Prepare { prev, commit, round, entries }, out);
        }
    }

    /// A Prepare without entries: a heartbeat, or the start of a read round.
    pub(super) fn send_heartbeat(&self, out: &mut Out) {
        let Some(lead) = &self.lead else { return };
        let (prev, round) = (lead.sent, lead.rounds.latest());
        let commit = self.state.ordered.commit;
        self.send_all(&Body::Prepare { prev, commit, round, entries: Vec::new() }, out);
    }

    pub(super) fn on_heartbeat_due(&mut self, out: &mut Out) {
        let oldest = self.now.0.saturating_sub(self.patience_ns());
        let Some(lead) = &mut self.lead else { return };
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
        let Some(lead) = &mut self.lead else { return };
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
        let Some(lead) = &mut self.lead else { return };
        if let Some(backup) = lead.backups.iter_mut().find(|backup| backup.id == from) {
            backup.heard = self.now;
        }
    }

    /// Commits what a quorum holds (paper, 4.1, step 5).
    pub(super) fn advance_primary_commit(&mut self, out: &mut Out) {
        let Some(lead) = &self.lead else { return };
        let mut held: Vec<Index> = lead.backups.iter().map(|b| b.acknowledged).collect();
        held.push(self.rules.held(&self.state, &self.disk));
        let index = reached_by(&mut held, self.rules.commit_quorum(self.state.members.len()));
        self.advance_commit(index, out);
    }

    /// Raises the commit number and applies what that commits. It never goes back.
    pub(super) fn advance_commit(&mut self, to: Index, out: &mut Out) {
        let (rules, view) = (self.rules, self.state.hard.view);
        let done = self.state.ordered.commit_to(
            to,
            view,
            self.lead.is_some(),
            |sessions, session| rules.deduplicate(sessions, session),
            out,
        );
        self.view_goes_on();
        let Some(lead) = &mut self.lead else { return };
        for done in done {
            let own = done.birth == view;
            if let Some((ticket, reply)) = lead.pending.applied(done, own) {
                reply_to(ticket, reply, out);
            }
        }
    }

    /// This replica is primary no longer.
    pub(super) fn answer_all_pending(&mut self, lead: Lead, out: &mut Out) {
        for ticket in lead.pending.into_tickets() {
            reply_to(ticket, self.rules.answer_pending(&self.state), out);
        }
        self.refuse_rounds(lead.rounds, out);
    }
}
