//! Committed entries take effect: the commit index, the state machine, answers to appends.
//! It never decides what is committed.

use super::{Lead, Out, Raft, reply_to};
use crate::log::weight;
use crate::machine::{Command, Delivery, Index, Output, TraceEvent};
use crate::replica::Applied;
use crate::session::Lookup;

impl Raft {
    /// Raises the commit index and applies what that commits. It never goes back.
    pub(super) fn advance_commit(&mut self, to: Index, out: &mut Out) {
        if to <= self.state.commit {
            return;
        }
        let Some(chain) = self.state.log.chain(to) else { return };
        self.state.commit = to;
        let (epoch, as_leader) = (self.state.hard.term, self.lead.is_some());
        out.push(Output::Trace(TraceEvent::Commit { i: to, chain, epoch, as_leader }));
        while self.state.replica.applied < to && self.apply_next(out) {}
    }

    fn apply_next(&mut self, out: &mut Out) -> bool {
        let index = self.state.replica.applied.next();
        let Some(entry) = self.state.log.entry(index).cloned() else { return false };
        let chain = self.state.log.chain(index).expect("an entry that is here has a chain");
        let session = match &entry.command {
            Command::Append { session, .. } => *session,
            Command::Noop | Command::Open | Command::Note(_) => None,
        };
        let lookup = session.map_or(Lookup::Fresh, |session| {
            self.rules.deduplicate(&self.state.replica.sessions, session)
        });
        let weight = weight(&entry);
        let Applied { reply, offset, fresh } = self.state.replica.apply(&entry, lookup);
        out.push(Output::Trace(TraceEvent::Apply {
            i: index,
            chain,
            client: session.map(|s| s.client),
            seq: session.map(|s| s.seq),
            result: offset,
            fresh,
        }));
        if let (Command::Append { value, .. }, Some(offset), true) = (entry.command, offset, fresh)
        {
            out.push(Output::Deliver(Delivery { offset, value, session, epoch: entry.birth }));
        }
        if let Some(lead) = &mut self.lead {
            if entry.birth == self.state.hard.term {
                lead.uncommitted_bytes = lead.uncommitted_bytes.saturating_sub(weight);
            }
            if lead.pending.front().is_some_and(|(pending, _)| *pending == index) {
                let (_, ticket) = lead.pending.pop_front().expect("it has a front");
                let reply = reply.expect("what a client asked for has an answer");
                reply_to(ticket, reply, out);
            }
        }
        true
    }

    /// This node leads no longer.
    pub(super) fn answer_all_pending(&mut self, lead: Lead, out: &mut Out) {
        for (_, ticket) in &lead.pending {
            let reply = self.rules.answer_pending(&self.state);
            reply_to(*ticket, reply, out);
        }
        self.refuse_rounds(lead.rounds, out);
    }
}
