//! Z01 ack-before-log. The acknowledgement of NEWLEADER does not wait for the disk.

use super::{Bug, BugRow};
use crate::machine::{Mark, build};
use crate::zab::{Disk, Rules, Zab};

struct AckBeforeLog;

impl Rules for AckBeforeLog {
    fn before_ack_leader(&self, _disk: &Disk) -> Mark {
        Mark(0)
    }
}

pub const BUG: Bug = Bug {
    facts: BugRow {
        id: "Z01",
        name: "ack-before-log",
        system: "zab",
        about: "a follower acknowledges NEWLEADER before the history is on its disk",
        stands_for: "ZOOKEEPER-3911, 4646 and 4685 (NEWLEADER acknowledged while the transactions of the DIFF \
            were still to be written)",
        sees: "acknowledgements of what is on no disk; in time, lost appends",
        woken_by: "a follower that joins under load, seen in the traces; for clients, a loss of power \
            right after",
        class: "m",
        waits_for: None,
    },
    build: |boot, out| build::<Zab>(boot, &AckBeforeLog, out),
};
