//! What wakes each of Multi-Paxos' planted bugs, and which findings name it.

use schism_protocol::multi_paxos::ROW;

use crate::world::Profile;
use crate::world::Strike::{
    Bridge, CrashAll, CrashLeader, CrashOne, Halves, Isolate, IsolateLeader, PauseLeader, Ring,
};
use crate::world::trial::every_bug_is_caught;

/// Values that differ where they must not, by whoever says so first.
const TWO_VALUES: &[&str] =
    &["state-machine-safety", "leader-completeness", "divergence", "lost-append"];

#[test]
#[rustfmt::skip] // a table
fn every_planted_bug_is_caught_and_its_control_is_clean() {
    let on = Profile::under;
    let plain = |profile: Profile| profile.with("pre-vote", "false").with("check-quorum", "false");
    every_bug_is_caught(&ROW, &[
        ("P01", plain(on(3, &[IsolateLeader, Ring, Bridge])),
            &["acked-durability", "state-machine-safety", "leader-completeness"]),
        ("P02", on(3, &[CrashLeader, CrashOne]), &["acked-durability"]),
        ("P03", on(3, &[CrashLeader, IsolateLeader]), TWO_VALUES),
        ("P04", on(5, &[IsolateLeader, CrashLeader, Halves, CrashAll]), TWO_VALUES),
        ("P05", Profile { late: 400, late_ms: 600, ..plain(on(3, &[IsolateLeader, PauseLeader])) },
            TWO_VALUES),
        ("P06", on(3, &[CrashLeader, IsolateLeader])
            .with("fixed-timeout", "true").with("pre-vote", "false"),
            &["election-safety", "acked-durability"]),
        ("P07", Profile { drop: 50, ..on(3, &[CrashOne, Isolate]) },
            &["state-machine-safety", "divergence"]),
        ("P08", on(5, &[Isolate, Halves, CrashLeader, IsolateLeader]),
            // Its barrier is too low as well: a read may come before what was chosen.
            &["state-machine-safety", "leader-completeness", "divergence", "lost-append", "read-index"]),
    ]);
}
