//! Elections (paper, 5.2; dissertation, 4.2.3 and 9.6): timers, pre-votes, votes, changes of role.
//! It never touches the log, but for a new leader's no-op.

use super::disk::Held;
use super::message::Body;
use super::state::HardState;
use super::{Lead, Out, Raft, send_in};
use crate::common::node::not_leader;
use crate::common::options::after;
use crate::common::progress::ReplicationProgress;
use crate::machine::{Command, EntryId, Epoch, NodeId, Output, Role, TraceEvent};

impl Raft {
    pub(super) fn on_timer(&mut self, out: &mut Out) {
        if let Some(lead) = &mut self.parts.lead {
            if self.now >= lead.heartbeat_at {
                lead.heartbeat_at = after(self.now, self.state.options.heartbeat_ns);
                self.on_heartbeat_due(out);
            }
        } else if self.now >= self.parts.election_at {
            self.stand(out);
        }
    }

    pub(super) fn reset_election_timer(&mut self) {
        self.parts.election_at = self.draw_deadline(self.state.options.election_timeout_ns);
    }

    /// The leader is suspected: stand, or with pre-votes first ask whether that could succeed.
    fn stand(&mut self, out: &mut Out) {
        self.set_leader(None, out);
        if !self.state.options.pre_vote || self.state.members.len() == 1 {
            return self.campaign(out);
        }
        self.set_role(Role::PreCandidate, out);
        self.reset_election_timer();
        self.parts.votes = [self.state.id].into();
        let (term, last) = (self.state.hard.term.next(), self.state.last());
        for to in self.others() {
            send_in(term, to, Body::PreVote { last }, out);
        }
    }

    /// A candidate asks for votes once its own is on disk: what it asks for must not be asked for
    /// again by a next incarnation with another log.
    fn campaign(&mut self, out: &mut Out) {
        let term = self.state.hard.term.next();
        self.set_hard(HardState { term, vote: Some(self.state.id) }, out);
        self.set_role(Role::Candidate, out);
        self.reset_election_timer();
        self.parts.votes.clear();
        let mark = self.rules.before_vote(&self.disk);
        self.promise(mark, Held::OwnVote(term), out);
    }

    pub(super) fn on_own_vote(&mut self, term: Epoch, out: &mut Out) {
        let to = self.state.id;
        out.push(Output::Trace(TraceEvent::Promise { epoch: term, to }));
        let last = self.state.last();
        for to in self.others() {
            self.send(to, Body::Vote { last }, out);
        }
        self.count_vote(self.state.id, out);
    }

    /// Granted if this node would vote so and hears no leader. A grant carries the term asked
    /// about; a rejection this node's own, so that one who is behind catches up.
    pub(super) fn on_pre_vote(&mut self, from: NodeId, term: Epoch, last: EntryId, out: &mut Out) {
        let ahead = term > self.state.hard.term;
        let up_to_date = self.rules.log_is_up_to_date(&self.state, last.epoch, last.index);
        let granted = ahead && up_to_date && !self.hears_a_leader();
        let reply_term = if granted { term } else { self.state.hard.term };
        send_in(reply_term, from, Body::PreVoteReply { granted }, out);
    }

    pub(super) fn on_pre_vote_reply(
        &mut self,
        from: NodeId,
        term: Epoch,
        granted: bool,
        out: &mut Out,
    ) {
        if !granted {
            self.see_term(term, out);
        } else if self.state.role == Role::PreCandidate && term == self.state.hard.term.next() {
            self.parts.votes.insert(from);
            if self.elected() {
                self.campaign(out);
            }
        }
    }

    pub(super) fn on_vote(&mut self, from: NodeId, term: Epoch, last: EntryId, out: &mut Out) {
        // One who hears a leader lets nobody depose it (dissertation, 4.2.3); only with
        // CheckQuorum, since a leader without quorum must then give way by itself.
        let sticks = self.state.options.check_quorum && self.hears_a_leader();
        if term > self.state.hard.term && !sticks {
            self.see_term(term, out);
        }
        let granted = term == self.state.hard.term
            && self.rules.may_vote(&self.state, from)
            && self.rules.log_is_up_to_date(&self.state, last.epoch, last.index);
        if !granted {
            return self.send(from, Body::VoteReply { granted }, out);
        }
        if self.state.hard.vote != Some(from) {
            self.set_hard(HardState { term, vote: Some(from) }, out);
        }
        self.reset_election_timer();
        let mark = self.rules.before_vote(&self.disk);
        self.promise(mark, Held::Vote { to: from, term }, out);
    }

    pub(super) fn on_vote_reply(
        &mut self,
        from: NodeId,
        term: Epoch,
        granted: bool,
        out: &mut Out,
    ) {
        self.see_term(term, out);
        if granted && self.rules.answer_counts(&self.state, term) {
            self.count_vote(from, out);
        }
    }

    fn count_vote(&mut self, from: NodeId, out: &mut Out) {
        if self.state.role == Role::Candidate {
            self.parts.votes.insert(from);
            if self.elected() {
                self.become_leader(out);
            }
        }
    }

    fn elected(&self) -> bool {
        self.parts.votes.len() >= self.rules.vote_quorum(self.state.members.len())
    }

    fn become_leader(&mut self, out: &mut Out) {
        assert!(self.parts.lead.is_none(), "a candidate does not lead yet");
        self.set_role(Role::Leader, out);
        self.set_leader(Some(self.state.id), out);
        let next = self.state.ordered.log.last_index().next();
        let now = self.now;
        self.parts.lead = Some(Lead {
            peers: self.others().map(|id| ReplicationProgress::new(id, next, now)).collect(),
            heartbeat_at: after(now, self.state.options.heartbeat_ns),
        });
        // Paper, section 8: without an entry of its own term a leader knows of no commit.
        self.put_own(Command::Noop, out);
    }

    /// Whether a leader is heard: this node itself while it leads, or one heard within T.
    fn hears_a_leader(&self) -> bool {
        let recent = |at| after(at, self.state.options.election_timeout_ns) > self.now;
        self.parts.lead.is_some() || self.state.own.heard.is_some_and(recent)
    }

    /// A greater term was seen: this node's is over.
    pub(super) fn see_term(&mut self, term: Epoch, out: &mut Out) {
        if term > self.state.hard.term {
            self.set_hard(HardState { term, vote: None }, out);
            self.follow(None, out);
        }
    }

    /// Becomes a follower in its present term.
    pub(super) fn follow(&mut self, leader: Option<NodeId>, out: &mut Out) {
        self.set_leader(leader, out);
        if self.parts.lead.take().is_some() {
            self.reset_election_timer();
            self.fail_clients(&not_leader(leader), out);
        }
        self.set_role(Role::Follower, out);
    }

    fn set_hard(&mut self, hard: HardState, out: &mut Out) {
        assert!(hard.term >= self.state.hard.term, "terms never go back");
        if hard.term > self.state.hard.term {
            // Promises of the old term that have not left are void, as if lost on their way: kept
            // now, they would speak in the name of the new term.
            self.disk.drop_held();
            self.state.own.verified = crate::Index(0);
            self.state.own.heard = None;
            self.state.ordered.drop_staging();
        }
        self.state.hard = hard;
        self.disk.persist_hard(hard, out);
    }

    fn set_leader(&mut self, leader: Option<NodeId>, out: &mut Out) {
        if self.state.own.leader != leader {
            self.state.own.leader = leader;
            self.forget_asked_reads(out);
        }
    }
}
