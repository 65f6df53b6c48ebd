//! The options of Viewstamped Replication: their names, their meaning, what holds without them.

use std::collections::BTreeMap;

use super::state::Mode;
use crate::OptionRow;
use crate::common::options::{Options, option};
use crate::machine::BootError;

const TIMEOUT: OptionRow =
    option("election-timeout", "T: without a primary for T to 2T (drawn) one is given up", "150ms");
const HEARTBEAT: OptionRow = option("heartbeat", "how often a primary makes itself heard", "50ms");
const FIXED: OptionRow = option("fixed-timeout", "wait exactly T, drawing nothing", "false");
const EXIT_QUORUM: OptionRow =
    option("exit-quorum", "leave a view only when a majority wants to", "true");
const SNAPSHOTS: OptionRow =
    option("snapshot-every", "entries applied between two snapshots; 0: never", "50000");
const WINDOW: OptionRow = option("window", "Prepares with entries under way at once", "4");
const PENDING: OptionRow =
    option("pending-max", "uncommitted entries of a primary before it is overloaded", "20000");
const BYTES: OptionRow =
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432");

/// With a disk.
pub const DURABLE: &[OptionRow] =
    &[TIMEOUT, HEARTBEAT, FIXED, EXIT_QUORUM, SNAPSHOTS, WINDOW, PENDING, BYTES];

/// Without one the log stays whole: a snapshot would be as volatile as what it sums up.
pub const MEMORY: &[OptionRow] = &[TIMEOUT, HEARTBEAT, FIXED, EXIT_QUORUM, WINDOW, PENDING, BYTES];

/// As published: whoever hears of a view change joins it.
pub const PAPER: &[OptionRow] = &[TIMEOUT, HEARTBEAT, FIXED, WINDOW, PENDING, BYTES];

/// Reads options; what is not given has its default.
pub fn parse(mode: Mode, given: &BTreeMap<String, String>) -> Result<Options, BootError> {
    match mode {
        Mode::Durable => Options::parse("vsr", DURABLE, given),
        Mode::Memory => Options::parse("vsr-memory", MEMORY, given),
        Mode::Paper => Options::parse("vsr-paper", PAPER, given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(mode: Mode, pairs: &[(&str, &str)]) -> Result<Options, BootError> {
        super::parse(mode, &pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
    }

    #[test]
    fn defaults_parse_in_every_mode() {
        let exits = |mode| parse(mode, &[]).unwrap().exit_quorum;
        assert_eq!([Mode::Durable, Mode::Memory, Mode::Paper].map(exits), [true, true, false]);
        assert_eq!(parse(Mode::Memory, &[]).unwrap().snapshot_every, 0);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let check = |mode, name: &str, value: &str, part: &str| {
            let error = parse(mode, &[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(part), "{name}={value}: {error}");
        };
        check(Mode::Durable, "mode", "memory", "no option `mode`");
        check(Mode::Durable, "election-timeout", "40ms", "shorter than election-timeout");
        check(Mode::Durable, "window", "0", "at least 1");
        check(Mode::Memory, "snapshot-every", "7", "vsr-memory has no option `snapshot-every`");
        check(Mode::Paper, "exit-quorum", "true", "vsr-paper has no option `exit-quorum`");
    }
}
