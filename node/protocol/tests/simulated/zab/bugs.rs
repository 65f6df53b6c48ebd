//! What wakes each of Zab's planted bugs, and which findings name it.

use schism_protocol::zab;

use schism_protocol::zab::message::Order;

use crate::world::Profile;
use crate::world::Strike::{CrashAll, CrashLeader, CrashOne, Isolate, IsolateLeader};
use crate::world::profile::{Fate, Filter};
use crate::world::trial::every_bug_is_caught;

/// Most attempts to synchronise fail: between NEWEPOCH and NEWLEADER there is time for a fault.
const SLOW_TO_SYNCHRONISE: Filter = |_, _, _, kind, _, dice| match kind {
    Order::DIFF | Order::TRUNC | Order::NEW_LEADER if dice.below(3) > 0 => Fate::Drop,
    _ => Fate::Deliver,
};

#[test]
#[rustfmt::skip] // a table
fn every_planted_bug_is_caught_and_its_control_is_clean() {
    let on = Profile::under;
    every_bug_is_caught(&zab::ROW, &[
        ("Z01", on(3, &[CrashOne, Isolate]), &["acked-durability"]),
        ("Z02", Profile { strike_ms: 150, filter: Some(SLOW_TO_SYNCHRONISE),
            ..on(3, &[Isolate, IsolateLeader, CrashOne, CrashLeader]) },
            &["leader-completeness", "acked-durability"]),
        // Slow disks: a new leader has not committed much when the old one is back.
        ("Z03", Profile { strike_ms: 200, flush_us: 60_000, clients: 15, ..on(3, &[IsolateLeader]) },
            &["leader-completeness", "acked-durability"]),
        ("Z04", on(3, &[IsolateLeader, CrashLeader]), &["log-matching", "state-machine-safety"]),
        ("Z05", on(3, &[CrashOne, Isolate]), &["log-matching", "commit-quorum"]),
        ("Z06", on(3, &[CrashAll, CrashLeader]), &["election-safety", "acked-durability", "log-matching"]),
    ]);
}
