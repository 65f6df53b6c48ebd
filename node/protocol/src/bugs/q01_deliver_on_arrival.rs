//! Q01 deliver-on-arrival. A receiver delivers whatever arrives, as it arrives.

use super::Bug;
use crate::machine::{Index, build};
use crate::sequencer::{Place, Rules, Sequencer};

struct DeliverOnArrival;

impl Rules for DeliverOnArrival {
    fn place(&self, _last: Index, _index: Index) -> Place {
        Place::Next
    }
}

pub const BUG: Bug = Bug {
    id: "Q01",
    name: "deliver-on-arrival",
    protocol: "sequencer",
    about: "a receiver does not look at the numbers",
    stands_for: "every broadcast that takes its transport's order for its own",
    sees: "entries delivered twice, or in another order than elsewhere",
    woken_by: "a connection that is reset and made again: what was under way is sent again",
    class: "e",
    build: |boot, out| build::<Sequencer>(boot, &DeliverOnArrival, out),
};
