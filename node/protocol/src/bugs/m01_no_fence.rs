//! M01 no-fence. An old leader lives on beside the new one.

use super::{Bug, BugRow};
use crate::failover::{Failover, HardState, Rules};
use crate::machine::{Epoch, build};

struct NoFence;

impl Rules for NoFence {
    fn is_fenced(&self, _hard: &HardState, _epoch: Epoch) -> bool {
        false
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "M01",
        name: "no-fence",
        system: "manual-failover",
        about: "an old leader lives on beside the new one",
        stands_for: "every failover script that promotes a replica and leaves the old primary running",
        sees: "two leaders, two logs: one offset given twice",
        woken_by: "a promotion while the old leader still reaches its clients",
        class: "e",
        waits_for: None,
    },
    build: |boot, out| build::<Failover>(boot, &NoFence, out),
};
