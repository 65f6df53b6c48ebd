//! Committed entries take effect, and whoever asked for them is answered.
//! It never decides what is committed.

use super::{Lead, Out, Raft, reply_to};
use crate::machine::Index;

impl Raft {
    /// Raises the commit index and applies what that commits. It never goes back.
    pub(super) fn advance_commit(&mut self, to: Index, out: &mut Out) {
        let (rules, term) = (self.rules, self.state.hard.term);
        let done = self.state.ordered.commit_to(
            to,
            term,
            self.lead.is_some(),
            |sessions, session| rules.deduplicate(sessions, session),
            out,
        );
        let Some(lead) = &mut self.lead else { return };
        for done in done {
            let own = done.birth == term;
            if let Some((ticket, reply)) = lead.pending.applied(done, own) {
                reply_to(ticket, reply, out);
            }
        }
    }

    /// This node leads no longer.
    pub(super) fn answer_all_pending(&mut self, lead: Lead, out: &mut Out) {
        for ticket in lead.pending.into_tickets() {
            reply_to(ticket, self.rules.answer_pending(&self.state), out);
        }
        self.refuse_rounds(lead.rounds, out);
    }
}
