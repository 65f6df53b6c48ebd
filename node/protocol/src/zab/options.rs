//! Zab's options: what they are called, what they mean, what holds without them.
//! It never guesses: an unknown name or an unusable value is an error that says why.

use std::collections::BTreeMap;

use crate::OptionRow;
use crate::common::options::{Given, option};
use crate::common::pending::Limits;
use crate::machine::BootError;

/// Zab's options as text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    option(
        "election-timeout",
        "T: without a leader for T to 2T (drawn) a node looks for one",
        "150ms",
    ),
    option("heartbeat", "how often a leader makes itself heard", "50ms"),
    option("fixed-timeout", "wait exactly T, drawing nothing", "false"),
    option("snapshot-every", "entries delivered between two snapshots; 0: never", "50000"),
    option("window", "messages with proposals under way to one follower", "4"),
    option("pending-max", "uncommitted proposals of a leader before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];

/// Options as numbers. Durations in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// T.
    pub election_timeout_ns: u64,
    /// Between two pings of a leader, two votes of a node that looks for one.
    pub heartbeat_ns: u64,
    /// No jitter.
    pub fixed_timeout: bool,
    /// Entries between snapshots; 0: never.
    pub snapshot_every: u64,
    /// Messages with proposals under way to one follower.
    pub window: usize,
    /// What may be uncommitted.
    pub limits: Limits,
}

impl Options {
    /// Reads options; what is not given has its default.
    pub fn parse(given: &BTreeMap<String, String>) -> Result<Self, BootError> {
        let given = Given::new("zab", OPTIONS, given)?;
        let (election_timeout_ns, heartbeat_ns) = given.timing_ns()?;
        Ok(Options {
            election_timeout_ns,
            heartbeat_ns,
            fixed_timeout: given.boolean("fixed-timeout")?,
            snapshot_every: given.integer("snapshot-every")?,
            window: given.window()?,
            limits: given.limits()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Options, BootError> {
        Options::parse(&pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
    }

    #[test]
    fn defaults_parse() {
        let options = parse(&[]).unwrap();
        assert_eq!(options.election_timeout_ns, 150_000_000);
        assert_eq!((options.window, options.fixed_timeout), (4, false));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let check = |name: &str, value: &str, part: &str| {
            let error = parse(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(part), "{name}={value}: {error}");
        };
        check("pre-vote", "true", "no option `pre-vote`");
        check("election-timeout", "150", "a duration");
        check("election-timeout", "40ms", "shorter than election-timeout");
        check("fixed-timeout", "yes", "true or false");
        check("window", "0", "at least 1");
    }
}
