//! The learner: chosen slots are executed in order, whoever asked is answered, and what is lacking
//! is asked for.
//! It never takes a value for chosen that no quorum of one ballot accepted.

use super::message::Body;
use super::rules::Learned;
use super::{MultiPaxos, Out, send};
use crate::machine::{Command, Epoch, Index, LogEntry, NodeId, Offset, Record, Snapshot};
use crate::paxos::ballot::Ballot;
use crate::paxos::catch_up::{Behind, CatchUp};

/// The disk is told how far the chosen prefix goes once it is so many slots longer: after a
/// restart at most as many come back as open, which a new leader proposes again in one message.
const NOTED_EVERY: u64 = 256;

impl MultiPaxos {
    /// The leader of `ballot` says that all slots up to `commit` are chosen.
    pub(super) fn learn_from_leader(
        &mut self,
        leader: NodeId,
        ballot: Ballot,
        commit: Index,
        out: &mut Out,
    ) {
        let mut slot = self.state.ordered.log.last_index().next();
        while slot <= commit {
            match self.rules.learn(self.state.own.open.get(&slot), ballot) {
                Learned::Accepted => {
                    let entry = self.state.own.open.remove(&slot).expect("it was looked at");
                    self.state.ordered.learn(Epoch(0), entry.command, out);
                }
                Learned::Skipped => self.take_chosen(slot, Command::Noop, out),
                Learned::Unknown => break,
            }
            slot = slot.next();
        }
        self.execute(out);
        if self.state.ordered.commit < commit {
            self.fall_behind(leader, commit, out);
        }
    }

    /// Executes what is known to be chosen, and answers whoever asked for it.
    pub(super) fn execute(&mut self, out: &mut Out) {
        let epoch = self.state.hard.promised.epoch();
        self.commit_to(self.state.ordered.log.last_index(), epoch, out);
        self.note_decided(out);
    }

    fn note_decided(&mut self, out: &mut Out) {
        let end = self.state.ordered.log.last();
        let hard = &mut self.state.hard;
        (hard.decided, hard.chain) = (end.index, end.chain);
        if end.index.0 >= self.parts.noted.0 + NOTED_EVERY {
            self.parts.noted = end.index;
            self.disk.persist_hard(*hard, out);
        }
    }

    /// A value that others know to be chosen. The disk keeps it as accepted above every ballot.
    fn take_chosen(&mut self, index: Index, command: Command, out: &mut Out) {
        self.state.own.open.remove(&index);
        let epoch = Ballot::CHOSEN.epoch();
        let entry = LogEntry { index, epoch, command: command.clone() };
        self.disk.persist(Record::Append(entry), out);
        self.state.ordered.learn(Epoch(0), command, out);
    }

    // Catching up.

    /// Everything up to `upto` is chosen, and `node` has it.
    pub(super) fn fall_behind(&mut self, node: NodeId, upto: Index, out: &mut Out) {
        // Two heartbeats: long enough for any answer that is still coming.
        let patience = 2 * self.state.options.heartbeat_ns;
        if Behind::note(&mut self.parts.behind, node, upto, self.now, patience) {
            self.ask_what_is_chosen(node, out);
        }
    }

    pub(super) fn ask_again_if_due(&mut self, out: &mut Out) {
        if self.parts.lead.is_some() {
            return;
        }
        self.parts.behind.take_if(|behind| behind.upto <= self.state.ordered.commit);
        let Some(Behind { of, upto, again_at }) = self.parts.behind else { return };
        if again_at <= self.now {
            self.fall_behind(of, upto, out);
        }
    }

    fn ask_what_is_chosen(&self, of: NodeId, out: &mut Out) {
        let question = Body::CatchUp { catch_up: CatchUp::ask(&self.state.ordered) };
        send(of, self.state.hard.promised, question, out);
    }

    pub(super) fn on_catch_up(&mut self, from: NodeId, catch_up: CatchUp, out: &mut Out) {
        match catch_up {
            CatchUp::Fetch { from: slot, have } => {
                if let Some(answer) = CatchUp::answer(&self.state.ordered, slot, have) {
                    send(from, self.state.hard.promised, Body::CatchUp { catch_up: answer }, out);
                }
                return;
            }
            // A leader learns from its acceptors alone: its open slots are its own.
            _ if self.parts.lead.is_some() => return,
            CatchUp::Chosen { entries, .. } => self.on_chosen(entries, out),
            CatchUp::Snapshot { snapshot, from: offset, values } => {
                self.on_snapshot(snapshot, offset, values, out);
            }
        }
        self.parts.behind.take_if(|behind| behind.upto <= self.state.ordered.commit);
        if let Some(behind) = self.parts.behind.take_if(|behind| behind.of == from) {
            self.fall_behind(from, behind.upto, out);
        }
    }

    fn on_chosen(&mut self, entries: Vec<LogEntry>, out: &mut Out) {
        for LogEntry { index, command, .. } in entries {
            if index == self.state.ordered.log.last_index().next() {
                self.take_chosen(index, command, out);
            }
        }
        self.execute(out);
    }

    fn on_snapshot(
        &mut self,
        snapshot: Snapshot,
        offset: Offset,
        values: Vec<bytes::Bytes>,
        out: &mut Out,
    ) {
        if !self.rules.snapshot_is_newer(&self.state, snapshot.index) {
            return;
        }
        let (index, length) = (snapshot.index, snapshot.length);
        let have = self.state.ordered.stage(&snapshot, offset, values);
        if have.is_none_or(|have| have < length) {
            return;
        }
        let epoch = self.state.hard.promised.epoch();
        self.state.ordered.install(epoch, snapshot, &mut self.disk, out);
        self.state.own.open = self.state.own.open.split_off(&index.next());
        self.note_decided(out);
    }
}
