//! M02 promote-laggard. Whoever is promoted keeps its own log, however short.

use super::{Bug, BugRow};
use crate::failover::{Failover, Rules, Standing};
use crate::machine::{NodeId, build};

struct PromoteLaggard;

impl Rules for PromoteLaggard {
    fn choose(&self, own: (NodeId, Standing), _others: &[(NodeId, Standing)]) -> NodeId {
        own.0
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "M02",
        name: "promote-laggard",
        system: "manual-failover",
        about: "whoever is promoted keeps its own log, however short",
        stands_for: "Kafka KIP-101 and KIP-279 (a follower elected that lacked what was acknowledged)",
        sees: "acknowledged entries that are gone",
        woken_by: "a promotion of a node that was behind",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Failover>(boot, &PromoteLaggard, out),
};
