//! What wakes each of Raft's planted bugs, and which findings name it.

use schism_protocol::raft;

use crate::world::Profile;
use crate::world::Strike::{
    CrashAll, CrashLeader, CrashOne, Halves, Isolate, IsolateLeader, PauseLeader,
};
use crate::world::trial::every_bug_is_caught;

#[test]
#[rustfmt::skip] // a table
fn every_planted_bug_is_caught_and_its_control_is_clean() {
    let on = Profile::under;
    every_bug_is_caught(&raft::ROW, &[
        ("R02", on(3, &[CrashOne]), &["acked-durability", "non-monotone"]),
        ("R04", on(5, &[IsolateLeader, Halves, CrashLeader]), &["commit-epoch"]),
        ("R05", on(5, &[IsolateLeader, CrashLeader, Halves]),
            &["leader-completeness", "state-machine-safety", "acked-durability", "divergence"]),
        ("R07", on(3, &[CrashLeader, IsolateLeader])
            .with("fixed-timeout", "true").with("pre-vote", "false"),
            &["election-safety", "acked-durability"]),
        ("R08", on(5, &[IsolateLeader, Halves, CrashLeader]),
            &["log-matching", "leader-completeness", "acked-durability"]),
        ("R11", on(3, &[PauseLeader, IsolateLeader]),
            &["acked-durability", "leader-append-only", "log-matching", "state-machine-safety"]),
        ("R12", on(5, &[Isolate, IsolateLeader, Halves]), &["commit-quorum"]),
        ("R13", on(3, &[CrashLeader, IsolateLeader]),
            &["stale-read", "lost-append", "offset-conflict", "real-time-order"]),
        ("R14", on(5, &[PauseLeader, IsolateLeader]), &["read-index", "stale-read"]),
        ("R19", on(3, &[Isolate, Halves]), &["read-index", "stale-read"]),
        ("R20", Profile { lost_answers: 100, ..on(3, &[CrashOne]) }, &["session", "duplicate"]),
        ("R22", on(3, &[IsolateLeader, PauseLeader]), &["failed-yet-visible"]),
        ("R34", on(5, &[CrashAll, IsolateLeader, CrashLeader, Halves]),
            &["log-matching", "leader-completeness"]),
    ]);
}
