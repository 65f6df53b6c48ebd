//! What clients want: commands, and linearizable reads, which are markers in the log.
//! It never answers before what was asked for is in the log; local reads apart.

use super::{LogFromConsensus, Out};
use crate::common::options::after;
use crate::common::pending::too_large;
use crate::common::replica::Replica;
use crate::common::rounds::{Reader, answer};
use crate::machine::{Command, Doubt, Epoch, Level, Refusal, Reply, Ticket, Time, Want, reply_to};

/// What was asked for and not proposed for so many T is refused: half of what clients wait by
/// default, so that what is proposed then can still be answered.
const PATIENCE_TIMEOUTS: u64 = 4;

/// Something asked for here that is not yet in the log.
pub(super) struct Asked {
    /// Unique for ever.
    pub(super) name: Epoch,
    pub(super) command: Command,
    /// Whether anybody may have heard of it.
    pub(super) proposed: bool,
    /// When it was asked for.
    at: Time,
    who: Who,
}

enum Who {
    Client(Ticket),
    /// They share a marker.
    Readers(Vec<Reader>),
}

impl Asked {
    /// It is in the log.
    pub(super) fn done(self, reply: Option<Reply>, replica: &Replica, out: &mut Out) {
        match self.who {
            Who::Client(ticket) => {
                reply_to(ticket, reply.expect("what a client asked for has an answer"), out);
            }
            Who::Readers(readers) => {
                for reader in readers {
                    answer(reader, Level::Linearizable, replica, out);
                }
            }
        }
    }

    /// A snapshot took the place of slots it may have been decided in. Asking again must not make
    /// it happen twice: markers and sessions' requests cannot, anything else could.
    pub(super) fn is_in_doubt(&self) -> bool {
        let repeatable = match &self.command {
            Command::Append { session, .. } => session.is_some(),
            _ => true,
        };
        self.proposed && !repeatable
    }

    /// Nobody has heard of it, and it has waited for so long that its client may have gone: where
    /// slots are decided more slowly than clients ask, a queue of such would leave no slot to
    /// anybody who still waits.
    pub(super) fn is_stale(&self, now: Time, patience_ns: u64) -> bool {
        !self.proposed && after(self.at, patience_ns) <= now
    }

    /// Nobody has heard of it, and nobody will.
    pub(super) fn refuse(self, out: &mut Out) {
        assert!(!self.proposed, "what was proposed may be decided");
        let tickets: Vec<Ticket> = match self.who {
            Who::Client(ticket) => vec![ticket],
            Who::Readers(readers) => readers.into_iter().map(|reader| reader.ticket).collect(),
        };
        for ticket in tickets {
            reply_to(ticket, Reply::Fail(Refusal::Overloaded), out);
        }
    }

    /// Nobody knows what became of it.
    pub(super) fn give_up(self, out: &mut Out) {
        if let Who::Client(ticket) = self.who {
            reply_to(ticket, Reply::Info(Doubt::LeadershipLost), out);
        }
    }
}

impl LogFromConsensus {
    pub(super) fn on_append(&mut self, ticket: Ticket, command: Command, out: &mut Out) {
        let full =
            self.asked.len() >= self.options.pending_max || self.ordered.replica.values.is_full();
        let refusal = too_large(&command).or(full.then_some(Refusal::Overloaded));
        if let Some(refusal) = refusal {
            return reply_to(ticket, Reply::Fail(refusal), out);
        }
        self.ask(command, Who::Client(ticket));
    }

    pub(super) fn on_read(&mut self, ticket: Ticket, level: Level, want: Want, out: &mut Out) {
        let reader = Reader { ticket, want, at: self.now };
        if level == Level::Local {
            return answer(reader, level, &self.ordered.replica, out);
        }
        match self.asked.back_mut() {
            // A marker that nobody has heard of comes after this read too.
            Some(Asked { proposed: false, who: Who::Readers(readers), .. }) => readers.push(reader),
            _ => self.ask(Command::Noop, Who::Readers(vec![reader])),
        }
    }

    /// Refuses what has waited too long. Only the oldest is ever proposed: the next is the first of
    /// those that nobody has heard of.
    pub(super) fn refuse_stale(&mut self, out: &mut Out) {
        let patience_ns = PATIENCE_TIMEOUTS * self.options.retry_ns;
        let first = usize::from(self.asked.front().is_some_and(|asked| asked.proposed));
        while self.asked.get(first).is_some_and(|asked| asked.is_stale(self.now, patience_ns)) {
            self.asked.remove(first).expect("it is there").refuse(out);
        }
    }

    fn ask(&mut self, command: Command, who: Who) {
        let name = Epoch(self.next_name);
        self.next_name += 1;
        self.asked.push_back(Asked { name, command, proposed: false, at: self.now, who });
    }
}
