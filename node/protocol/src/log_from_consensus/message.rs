//! What the nodes tell each other: the messages of single decisions, one for each slot, and those
//! of one who is behind. It never looks at what a message means.

use crate::machine::Index;
use crate::paxos::ballot::Ballot;
use crate::paxos::catch_up::CatchUp;
use crate::paxos::message::{Body as Says, Message as Single};
use crate::wire::messages;

messages! {
    pub struct Message {
        /// The ballot it speaks of; 0 where it speaks of none.
        ballot: Ballot
    }

    /// What it says.
    pub enum Body {}

    nested {
        /// About the decision of one slot.
        Slot {
            /// What it says.
            says: Says,
        } after {
            slot: Index,
        },
        /// A question of one who is behind, or the answer.
        CatchUp {
            /// What it says.
            catch_up: CatchUp,
        },
    }
}

impl From<Single<Index>> for Message {
    fn from(Single { ballot, key: slot, body: says }: Single<Index>) -> Self {
        Message { ballot, body: Body::Slot { slot, says } }
    }
}

impl From<CatchUp> for Message {
    fn from(catch_up: CatchUp) -> Self {
        Message { ballot: Ballot::default(), body: Body::CatchUp { catch_up } }
    }
}
