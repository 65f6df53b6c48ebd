//! What wakes each planted bug of Viewstamped Replication, and which findings name it.

use schism_protocol::vsr;
use schism_protocol::vsr::message::Body;

use crate::world::Profile;
use crate::world::Strike::{
    CrashAll, CrashLeader, CrashOne, Isolate, IsolateLeader, PauseLeader, PauseOne,
};
use crate::world::profile::{Fate, Filter};
use crate::world::trial::every_bug_is_caught;

/// Every backup hears of a new view by a Prepare, and waits for its log.
const LATE_STATE: Filter = |_, _, _, kind, _, _| match kind {
    Body::START_VIEW => Fate::Drop,
    Body::NEW_STATE => Fate::Delay(100),
    _ => Fate::Deliver,
};

/// Every second answer to a recovery is for the next one, one backup lags in each view, and what
/// it lacks is long in coming.
const LATE_RESPONSES: Filter = |cluster, _, to, kind, view, dice| match kind {
    Body::RECOVERY_RESPONSE => Fate::Delay(dice.below(2) * 150),
    Body::NEW_STATE => Fate::Delay(150),
    Body::PREPARE if to as u64 == (view + 1) % cluster.nodes.len() as u64 => {
        Fate::Delay(dice.below(10) * 15)
    }
    _ => Fate::Deliver,
};

#[test]
#[rustfmt::skip] // a table
fn every_planted_bug_is_caught_and_its_control_is_clean() {
    let on = Profile::under;
    every_bug_is_caught(&vsr::ROW, &[
        ("V01", Profile { strike_ms: 150, ..on(3, &[IsolateLeader, CrashLeader]) },
            &["leader-completeness", "state-machine-safety", "acked-durability", "divergence"]),
        ("V04", Profile { filter: Some(LATE_STATE), strike_ms: 120, strike_lasts_ms: 200,
                ..on(3, &[CrashLeader]) },
            &["leader-completeness", "state-machine-safety", "divergence", "commit-quorum"]),
        ("V05", Profile { drop: 50, ..on(3, &[Isolate, CrashOne, CrashLeader]) },
            &["commit-quorum", "leader-completeness"]),
        ("V06", on(3, &[PauseLeader, PauseOne, IsolateLeader]),
            &["acked-durability", "commit-quorum", "leader-append-only", "log-matching",
                "state-machine-safety"]),
        ("V07", Profile { lost_answers: 100, ..on(3, &[CrashOne, Isolate, CrashLeader, CrashAll]) }
            .with("snapshot-every", "7"), &["session", "duplicate", "divergence", "stale-read"]),
    ]);
}

#[test]
#[rustfmt::skip] // a table
fn every_planted_bug_in_memory_is_caught_and_its_control_is_clean() {
    let on = Profile::under;
    let two = |profile| Profile { down_most: 1, ..profile };
    every_bug_is_caught(&vsr::MEMORY_ROW, &[
        ("V02", two(Profile { filter: Some(LATE_RESPONSES), strike_ms: 40, strike_lasts_ms: 60,
                ..on(3, &[CrashOne]) }),
            &["leader-completeness", "state-machine-safety", "divergence", "commit-quorum"]),
        ("V03", two(Profile { strike_ms: 150, ..on(3, &[CrashOne, IsolateLeader, PauseLeader]) }),
            &["leader-completeness", "state-machine-safety", "divergence"]),
    ]);
}
