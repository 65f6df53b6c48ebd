//! V03 recovering-votes. A replica that has forgotten everything takes part in view changes.

use super::{Bug, BugRow};
use crate::vsr::{Mode, Rules, State, start};

struct RecoveringVotes;

impl Rules for RecoveringVotes {
    fn takes_part(&self, _state: &State) -> bool {
        true
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "V03",
        name: "recovering-votes",
        system: "vsr-memory",
        about: "a recovering replica takes part in view changes",
        stands_for: "atlasdb #1504 (a wiped node took part as if it had never known anything), and \
            the unsafe interleavings of recovery in Michael et al., DISC 2017",
        sees: "a primary without what was committed; lost appends",
        woken_by: "crashing a holder and cutting off the primary while another backup lags",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| start(Mode::Memory, boot, &RecoveringVotes, out),
};
