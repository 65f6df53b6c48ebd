//! What wakes each planted bug of single decisions, and which findings name it.

use schism_protocol::paxos::ROW;

use crate::world::Profile;
use crate::world::Strike::{Halves, Isolate};
use crate::world::profile::{Fate, Filter};
use crate::world::trial::every_bug_is_caught;

#[test]
#[rustfmt::skip] // a table
fn every_planted_bug_is_caught_and_its_control_is_clean() {
    // Every link is equally slow: who begins anew when it is overtaken is in time to overtake.
    let slow: Filter = |_, _, _, _, _, _| Fate::Delay(20);
    every_bug_is_caught(&ROW, &[
        ("D01", Profile { filter: Some(slow), lasting: Some(slow), strike_ms: 0, ..Profile::under(3, &[]) },
            &["progress", "termination"]),
        ("D02", Profile::under(3, &[Isolate, Halves]),
            &["agreement", "commit-quorum", "state-machine-safety", "leader-completeness"]),
    ]);
}
