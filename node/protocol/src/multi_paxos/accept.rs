//! Phase 2b, the acceptor's side: what is accepted, and what that says.
//! It never acknowledges what its disk does not hold.

use super::disk::Held;
use super::message::Body;
use super::{MultiPaxos, Out, send};
use crate::machine::{Chain, Command, Index, LogEntry, NodeId, Output, Record, Role, TraceEvent};
use crate::paxos::ballot::Ballot;

impl MultiPaxos {
    #[allow(clippy::too_many_arguments)] // the fields of one Accept
    pub(super) fn on_accept(
        &mut self,
        from: NodeId,
        ballot: Ballot,
        first: Index,
        commit: Index,
        round: u64,
        commands: Vec<Command>,
        out: &mut Out,
    ) {
        if !self.rules.may_accept(&self.state, ballot) {
            return send(from, self.state.hard.promised, Body::Nack, out);
        }
        if ballot >= self.state.hard.promised {
            self.obey(from, ballot, out);
        }
        if commands.is_empty() {
            send(from, ballot, Body::Heard { round }, out);
        } else {
            let hashes = self.accept(ballot, first, commands, out);
            let mark = self.rules.before_accepted(&self.disk);
            self.promise(mark, Held::Accepted { to: from, ballot, first, hashes }, out);
        }
        self.learn_from_leader(from, ballot, commit, out);
    }

    /// Its proposer leads: it is followed, and accepting in its ballot is promising it.
    fn obey(&mut self, leader: NodeId, ballot: Ballot, out: &mut Out) {
        let news = ballot > self.state.hard.promised;
        if news {
            self.set_promised(ballot, leader, true, out);
        }
        if news || self.state.role != Role::Follower || self.state.own.leader != Some(leader) {
            self.follow(Some(leader), out);
        }
        self.state.own.heard = Some(self.now);
        self.reset_election_timer();
    }

    /// Accepts a run of slots. What is known to be chosen stays as it is: no ballot can have
    /// another value for it.
    fn accept(
        &mut self,
        ballot: Ballot,
        first: Index,
        commands: Vec<Command>,
        out: &mut Out,
    ) -> Vec<Chain> {
        let mut hashes = Vec::with_capacity(commands.len());
        for (slot, command) in (first.0..).zip(commands) {
            hashes.push(command.hash());
            let (index, epoch) = (Index(slot), ballot.epoch());
            let held = self.state.own.open.get(&index).is_some_and(|entry| entry.epoch == epoch);
            if index > self.state.ordered.commit && !held {
                let entry = LogEntry { index, epoch, command };
                self.state.own.open.insert(index, entry.clone());
                self.disk.persist(Record::Append(entry), out);
            }
        }
        hashes
    }

    /// The disk holds it: the proposer may count it.
    pub(super) fn acknowledge(
        &mut self,
        (to, ballot, first, count): (NodeId, Ballot, Index, u64),
        out: &mut Out,
    ) {
        if to == self.state.id {
            self.on_accepted(to, ballot, first, count, out);
        } else {
            send(to, ballot, Body::Accepted { first, count }, out);
        }
    }
}

/// The evidence that a run of slots was accepted, durably.
pub(super) fn trace_accepted(ballot: Ballot, first: Index, hashes: &[Chain], out: &mut Out) {
    let ballot = ballot.epoch();
    for (slot, hash) in (first.0..).zip(hashes.iter().copied()) {
        out.push(Output::Trace(TraceEvent::Accepted { slot, ballot, hash }));
    }
}
