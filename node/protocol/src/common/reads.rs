//! Linearizable reads of a protocol whose leader asks a quorum whether it still leads: [`rounds`]
//! at the leader, [`asking`] elsewhere, and what travels between them.
//!
//! It never answers from a round that started before the read came, and a read that cannot be
//! answered fails: it has no effect, so a definite no is true.
//!
//! [`rounds`]: super::rounds
//! [`asking`]: super::asking

use super::node::{LogProtocol, Node, Out, not_leader};
use super::quorum::reached_by;
use super::rounds::{Reader, Waiter, answer, refuse};
use crate::machine::{Index, Level, NodeId, Reply, reply_to};

/// What a protocol says of its read rounds.
pub trait ReadRounds: LogProtocol {
    /// Whether the leader knows what is committed, and that nothing else is.
    fn may_start_round(node: &Node<Self>) -> bool;
    /// A message to everyone now, with the latest round.
    fn start_round(node: &mut Node<Self>, out: &mut Out<Self>);
    /// Whether a quorum has answered this round, or a later one.
    fn is_confirmed(node: &Node<Self>, round: u64) -> bool;

    /// The leader elsewhere who can be asked; nobody where only a leader answers.
    fn whom_to_ask(node: &Node<Self>) -> Option<NodeId> {
        Self::leader(node).filter(|leader| *leader != node.state.id)
    }

    /// A question without an answer is asked again after this long, and only the last one's answer
    /// counts. Two heartbeats: long enough for any answer that is still coming.
    fn asks_again_after(node: &Node<Self>) -> u64 {
        2 * node.state.options.heartbeat_ns
    }

    /// Asks it from which index on a read may be answered.
    fn ask_index(_node: &Node<Self>, _leader: NodeId, _token: u64, _out: &mut Out<Self>) {}

    /// The answer to that; None: this node does not lead.
    fn tell_index(
        _node: &mut Node<Self>,
        _to: NodeId,
        _token: u64,
        _index: Option<Index>,
        _out: &mut Out<Self>,
    ) {
    }
}

impl<P: ReadRounds> Node<P> {
    /// A linearizable read waits for a round here, or for a leader elsewhere.
    pub(crate) fn wait_for_round(&mut self, reader: Reader, out: &mut Out<P>) {
        if P::leads(self) {
            self.rounds.wait(Waiter::Here(reader));
        } else if P::whom_to_ask(self).is_some() {
            self.asking.wait(reader);
        } else {
            reply_to(reader.ticket, P::not_leader(self), out);
        }
    }

    /// After every input: asks whom there is to ask, and answers whom it can.
    pub(crate) fn serve_reads(&mut self, out: &mut Out<P>) {
        self.start_read_round(out);
        let patience = P::asks_again_after(self);
        if let Some(leader) = P::whom_to_ask(self)
            && let Some(token) = self.asking.ask(self.now, patience)
        {
            P::ask_index(self, leader, token, out);
        }
        self.asking.answer_ready(&self.state.ordered.replica, out);
    }

    /// Starts a round for everyone who waits, unless one is under way.
    fn start_read_round(&mut self, out: &mut Out<P>) {
        if P::leads(self) && self.rounds.is_due() && P::may_start_round(self) {
            self.rounds.start(self.state.ordered.commit);
            P::start_round(self, out);
            self.answer_confirmed_reads(out);
        }
    }

    /// The latest round that a quorum has answered, this node among them.
    pub(crate) fn round_heard(&self, others: impl Iterator<Item = u64>, quorum: usize) -> u64 {
        let mut heard: Vec<u64> = others.collect();
        heard.push(self.rounds.latest());
        reached_by(&mut heard, quorum)
    }

    pub(crate) fn answer_confirmed_reads(&mut self, out: &mut Out<P>) {
        let Some(round) = self.rounds.under_way() else { return };
        if !P::is_confirmed(self, round) {
            return;
        }
        let Some((index, waiters)) = self.rounds.end() else { return };
        for waiter in waiters {
            match waiter {
                Waiter::Here(reader) => {
                    answer(reader, Level::Linearizable, &self.state.ordered.replica, out);
                }
                Waiter::At { node, token } => P::tell_index(self, node, token, Some(index), out),
            }
        }
    }

    /// Another node asks for an index.
    pub(crate) fn on_read_index(&mut self, node: NodeId, token: u64, out: &mut Out<P>) {
        if P::leads(self) {
            self.rounds.wait(Waiter::At { node, token });
        } else {
            P::tell_index(self, node, token, None, out);
        }
    }

    /// The answer came. Returns whether it is the one waited for, and an index.
    pub(crate) fn on_read_index_reply(
        &mut self,
        token: u64,
        index: Option<Index>,
        out: &mut Out<P>,
    ) -> bool {
        if index.is_none() {
            refuse(self.asking.refuse(token), &not_leader(None), out);
        }
        index.is_some_and(|index| self.asking.grant(token, index))
    }

    /// This node leads no longer, and somebody else may: those who wait hear it.
    pub(crate) fn fail_clients(&mut self, not_leader: &Reply, out: &mut Out<P>) {
        for ticket in std::mem::take(&mut self.pending).into_tickets() {
            reply_to(ticket, P::answer_pending(self), out);
        }
        for waiter in std::mem::take(&mut self.rounds).into_waiters() {
            match waiter {
                Waiter::Here(reader) => reply_to(reader.ticket, not_leader.clone(), out),
                Waiter::At { node, token } => P::tell_index(self, node, token, None, out),
            }
        }
    }

    /// The leader changed: what was asked of the old one fails.
    pub(crate) fn forget_asked_reads(&mut self, out: &mut Out<P>) {
        refuse(self.asking.forget(), &not_leader(P::leader(self)), out);
    }

    /// Reads wait at most 2T, as long as a change of leader takes; a question without an answer is
    /// asked again before.
    pub(crate) fn give_up_on_old_reads(&mut self, out: &mut Out<P>) {
        let (now, patience) = (self.now, 2 * self.state.options.election_timeout_ns);
        let mut old = self.asking.give_up(now, patience);
        old.extend(self.rounds.give_up(now, patience));
        refuse(old, &not_leader(P::whom_to_ask(self)), out);
    }
}
