//! Q01 deliver-on-arrival. A receiver delivers whatever arrives, as it arrives.

use super::{Bug, BugRow};
use crate::machine::{Index, build};
use crate::sequencer::{Place, Rules, Sequencer};

struct DeliverOnArrival;

impl Rules for DeliverOnArrival {
    fn place(&self, _last: Index, _index: Index) -> Place {
        Place::Next
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Q01",
        name: "deliver-on-arrival",
        system: "sequencer",
        about: "a receiver does not look at the numbers",
        stands_for: "every broadcast that takes its transport's order for its own",
        sees: "entries delivered twice, or in another order than elsewhere",
        woken_by: "a connection that is reset and made again: what was under way is sent again",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Sequencer>(boot, &DeliverOnArrival, out),
};
