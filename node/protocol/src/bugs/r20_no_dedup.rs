//! R20 no-dedup. A repeated request is executed again.

use super::{Bug, BugRow};
use crate::common::session::{Lookup, Sessions};
use crate::machine::{Session, build};
use crate::raft::Raft;
use crate::raft::Rules;

struct NoDedup;

impl Rules for NoDedup {
    fn deduplicate(&self, sessions: &Sessions, session: Session) -> Lookup {
        match sessions.look_up(session) {
            Lookup::Known(_) | Lookup::TooOld => Lookup::Fresh,
            other => other,
        }
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "R20",
        name: "no-dedup",
        system: "raft",
        about: "sessions are opened but never consulted",
        stands_for: "redisraft #13 (proxied commands executed twice)",
        sees: "duplicates of retried appends",
        woken_by: "anything that loses an answer, with `retry: true`",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Raft>(boot, &NoDedup, out),
};
