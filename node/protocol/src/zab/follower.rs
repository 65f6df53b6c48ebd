//! The follower's side of phases 1 to 3 (paper, V.A; Zab1.0): what it takes from its leader, one
//! numbered message after the other, and what it answers.
//!
//! It never takes anything behind a gap: it joins anew. It never acknowledges what its disk does
//! not hold, and commits nothing before it acknowledged NEWLEADER.

use bytes::Bytes;

use super::disk::Held;
use super::message::{Body, Order, Place, Report};
use super::rules::Promise;
use super::state::{Standing, Zxid};
use super::{Out, Part, Zab};
use crate::common::options::after;
use crate::machine::{Epoch, Index, LogEntry, NodeId, Offset, Output, Snapshot, Time, TraceEvent};

/// What a node has that follows another.
pub(super) struct Following {
    pub(super) leader: NodeId,
    /// The session asked for.
    session: u64,
    /// The number of the last message taken.
    taken: u64,
    pub(super) stage: Stage,
    /// When the leader last made itself heard.
    pub(super) heard: Time,
    /// When this node looks for another.
    pub(super) leave_at: Time,
    /// When to ask for the session again.
    pub(super) retry_at: Time,
    /// What the leader says is committed.
    told: Index,
    /// The round of its last ping.
    round: u64,
    /// The last index acknowledged.
    acked: Index,
    /// What was answered last while synchronising; said again with every ping.
    report: Option<Report>,
}

/// How far a follower is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It asked for a session.
    Joining,
    /// It took NEWEPOCH; its history is its own.
    Accepted,
    /// Its history is a beginning of the leader's.
    Syncing,
    /// It took NEWLEADER, which is on its way to the disk.
    Synced,
    /// It acknowledged NEWLEADER.
    Following,
}

impl Following {
    pub(super) fn new(leader: NodeId, session: u64, heard: Time, retry_at: Time) -> Self {
        Following {
            leader,
            session,
            taken: 0,
            stage: Stage::Joining,
            heard,
            leave_at: heard,
            retry_at,
            told: Index(0),
            round: 0,
            acked: Index(0),
            report: None,
        }
    }

    /// When something is to be done if nothing comes.
    pub(super) fn due(&self) -> Time {
        match self.stage {
            Stage::Joining => self.retry_at.min(self.leave_at),
            _ => self.leave_at,
        }
    }
}

impl Zab {
    pub(super) fn on_follower_due(&mut self, out: &mut Out) {
        let Part::Following(following) = &mut self.parts.part else { return };
        if self.now >= following.leave_at {
            return self.look(out);
        }
        if following.stage == Stage::Joining && self.now >= following.retry_at {
            following.retry_at = after(self.now, self.state.options.heartbeat_ns);
            self.ask_for_session(out);
        }
    }

    pub(super) fn ask_for_session(&self, out: &mut Out) {
        let Part::Following(following) = &self.parts.part else { return };
        self.send(following.leader, Body::FollowerInfo { session: following.session }, out);
    }

    pub(super) fn report(&self, report: Report, out: &mut Out) {
        let Part::Following(following) = &self.parts.part else { return };
        self.send(following.leader, Body::Report { session: following.session, report }, out);
    }

    /// Reports what the leader waits for, and remembers it in case it is lost.
    fn report_kept(&mut self, report: Report, out: &mut Out) {
        if let Part::Following(following) = &mut self.parts.part {
            following.report = Some(report.clone());
        }
        self.report(report, out);
    }

    pub(super) fn on_order(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        at: Place,
        order: Order,
        out: &mut Out,
    ) {
        let Part::Following(following) = &mut self.parts.part else { return };
        if following.leader != from || following.session != at.session {
            return;
        }
        let other = following.stage != Stage::Joining && epoch != self.state.hard.accepted;
        if other || !self.rules.is_next(following.taken, at.number) {
            if other || at.number > following.taken {
                self.follow(from, out);
            }
            return;
        }
        following.taken = at.number;
        following.heard = self.now;
        let stage = following.stage;
        self.reset_patience();
        match (stage, order) {
            (Stage::Joining, Order::NewEpoch) => self.on_new_epoch(from, epoch, out),
            (_, Order::Ping { round }) => self.on_ping(round, out),
            (Stage::Accepted, Order::Diff { from: zxid }) => {
                self.on_cut(at.number, zxid, false, out);
            }
            (Stage::Accepted, Order::Trunc { to }) => self.on_cut(at.number, to, true, out),
            (Stage::Accepted, Order::Snap { snapshot, from, values }) => {
                self.on_snap(at.number, snapshot, from, values, out);
            }
            (Stage::Syncing | Stage::Following, Order::Propose { commit, entries }) => {
                self.on_propose(commit, entries, out);
            }
            (Stage::Syncing, Order::NewLeader) => self.on_new_leader(epoch, out),
            (Stage::Following, Order::UpToDate { commit } | Order::Commit { commit }) => {
                self.on_commit(commit, out);
            }
            // It also says how far the leader has committed: no need to wait for a COMMIT.
            (Stage::Following, Order::ReadAt { token, index })
                if self.on_read_index_reply(token, Some(index), out) =>
            {
                self.on_commit(index, out);
            }
            // The rest of a synchronisation that this node could not follow.
            _ => {}
        }
    }

    fn on_new_epoch(&mut self, from: NodeId, epoch: Epoch, out: &mut Out) {
        let promise = self.rules.promise(&self.state, epoch, from);
        let standing = self.state.standing();
        if promise == Promise::Refused {
            return self.look(out);
        }
        if promise == Promise::Given {
            let hard = self.rules.accept(self.state.hard, epoch, from);
            self.set_hard(hard, out);
        }
        if let Part::Following(following) = &mut self.parts.part {
            following.stage = Stage::Accepted;
        }
        let mark = self.rules.before_ack_epoch(&self.disk);
        let counted = promise == Promise::Given;
        self.promise(mark, Held::AckEpoch { standing, counted }, out);
    }

    pub(super) fn ack_epoch(&mut self, standing: Standing, counted: bool, out: &mut Out) {
        let Part::Following(following) = &self.parts.part else { return };
        let (epoch, to) = (self.state.hard.accepted, following.leader);
        if counted {
            out.push(Output::Trace(TraceEvent::Promise { epoch, to }));
        }
        self.report_kept(Report::AckEpoch { standing, counted }, out);
    }

    /// DIFF and TRUNC: up to `zxid` the histories are one, if this node has it.
    fn on_cut(&mut self, number: u64, zxid: Zxid, trunc: bool, out: &mut Out) {
        let log = &self.state.ordered.log;
        let holds = log.position(zxid.index).is_some_and(|position| position.id() == zxid);
        if !holds || (!trunc && log.last().id() != zxid) {
            let last = log.at_most(zxid).unwrap_or(log.base()).id();
            return self.report_kept(Report::Last { about: number, last }, out);
        }
        if let Some(from) = self.rules.cut_from(&self.state, zxid).filter(|_| trunc) {
            let epoch = self.state.hard.accepted;
            self.state.ordered.cut(from, epoch, true, &mut self.disk, out);
        }
        if let Part::Following(following) = &mut self.parts.part {
            following.stage = Stage::Syncing;
            following.report = None;
        }
    }

    /// A snapshot replaces what is older than it, and nothing else. It is installed when it is
    /// whole, in one record; then the leader is told where the history ends.
    fn on_snap(
        &mut self,
        number: u64,
        snapshot: Snapshot,
        from: Offset,
        values: Vec<Bytes>,
        out: &mut Out,
    ) {
        if snapshot.index > self.state.ordered.commit {
            let index = snapshot.index;
            let Some(have) = self.state.ordered.stage(&snapshot, from, values) else { return };
            if have < snapshot.length {
                return self.report_kept(Report::SnapHave { index, have }, out);
            }
            let epoch = self.state.hard.accepted;
            self.state.ordered.install(epoch, snapshot, &mut self.disk, out);
        }
        let last = self.state.ordered.log.last().id();
        self.report_kept(Report::Last { about: number, last }, out);
    }

    fn on_propose(&mut self, commit: Index, entries: Vec<LogEntry>, out: &mut Out) {
        for entry in entries {
            let index = self.state.ordered.log.last_index().next();
            self.state.ordered.put(LogEntry { index, ..entry }, &mut self.disk, out);
        }
        self.on_commit(commit, out);
    }

    fn on_new_leader(&mut self, epoch: Epoch, out: &mut Out) {
        let hard = self.rules.accept_leader(self.state.hard, epoch);
        self.set_hard(hard, out);
        if let Part::Following(following) = &mut self.parts.part {
            following.stage = Stage::Synced;
        }
        let mark = self.rules.before_ack_leader(&self.disk);
        self.promise(mark, Held::AckLeader, out);
    }

    pub(super) fn ack_leader(&mut self, out: &mut Out) {
        let Part::Following(following) = &mut self.parts.part else { return };
        let upto = self.state.ordered.log.last_index();
        following.stage = Stage::Following;
        following.acked = upto;
        let round = following.round;
        self.state.ordered.trace_ack("new-leader", upto, self.state.hard.accepted, out);
        self.report(Report::Ack { upto, synced: true, round }, out);
    }

    pub(super) fn on_commit(&mut self, commit: Index, out: &mut Out) {
        let Part::Following(following) = &mut self.parts.part else { return };
        following.told = following.told.max(commit);
        if following.stage == Stage::Following {
            let commit = self.rules.follower_commit(&self.state, following.told);
            self.advance_commit(commit, out);
        }
    }

    /// The disk holds more: what is new is acknowledged, all at once.
    pub(super) fn ack_progress(&mut self, out: &mut Out) {
        let upto = self.disk.upto();
        let Part::Following(following) = &mut self.parts.part else { return };
        let synced = following.stage == Stage::Following;
        if upto <= following.acked || !(synced || following.stage == Stage::Syncing) {
            return;
        }
        following.acked = upto;
        self.ack(upto, synced, out);
    }

    /// A ping is answered at once: with what waits for an answer, and what is durable by now.
    fn on_ping(&mut self, round: u64, out: &mut Out) {
        let upto = self.disk.upto();
        let Part::Following(following) = &mut self.parts.part else { return };
        following.round = round;
        let stage = following.stage;
        if let Some(report) = following.report.clone() {
            self.report(report, out);
        }
        // Before it is synchronised its disk holds a history of its own.
        let ours = matches!(stage, Stage::Syncing | Stage::Following);
        self.ack(if ours { upto } else { Index(0) }, stage == Stage::Following, out);
    }

    fn ack(&mut self, upto: Index, synced: bool, out: &mut Out) {
        let Part::Following(following) = &self.parts.part else { return };
        let round = following.round;
        if synced {
            self.state.ordered.trace_ack("proposal", upto, self.state.hard.accepted, out);
        }
        self.report(Report::Ack { upto, synced, round }, out);
    }
}
