//! Raft's options: what they are called, what they mean, what holds without them.
//! It never guesses: an unknown name or an unusable value is an error that says why.

use std::collections::BTreeMap;

use crate::OptionRow;
use crate::machine::BootError;
use crate::options::{Given, option};
use crate::pending::Limits;

/// Raft's options as text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    option("election-timeout", "T: without a leader for T to 2T (drawn) a node stands", "150ms"),
    option("heartbeat", "how often a leader makes itself heard", "50ms"),
    option("fixed-timeout", "wait exactly T, drawing nothing", "false"),
    option("pre-vote", "ask whether one could win before disturbing anyone", "true"),
    option("check-quorum", "a leader that hears no majority for T steps down", "true"),
    option("snapshot-every", "entries applied between two snapshots; 0: never", "50000"),
    option("window", "messages with entries under way to one follower", "4"),
    option("pending-max", "uncommitted entries of a leader before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];

/// Options as numbers. Durations in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// T.
    pub election_timeout_ns: u64,
    /// Between two heartbeats.
    pub heartbeat_ns: u64,
    /// No jitter.
    pub fixed_timeout: bool,
    /// Dissertation, section 9.6.
    pub pre_vote: bool,
    /// Dissertation, section 6.2, and with it section 4.2.3: a follower sticks to its leader.
    pub check_quorum: bool,
    /// Entries between snapshots; 0: never.
    pub snapshot_every: u64,
    /// Messages with entries under way to one follower.
    pub window: usize,
    /// What may be uncommitted.
    pub limits: Limits,
}

impl Options {
    /// Reads options; what is not given has its default.
    pub fn parse(given: &BTreeMap<String, String>) -> Result<Self, BootError> {
        Self::parse_as("raft", OPTIONS, given)
    }

    /// The same for another protocol with these options by these names.
    pub fn parse_as(
        protocol: &'static str,
        rows: &'static [OptionRow],
        given: &BTreeMap<String, String>,
    ) -> Result<Self, BootError> {
        let given = Given::new(protocol, rows, given)?;
        let options = Options {
            election_timeout_ns: given.duration_ns("election-timeout")?,
            heartbeat_ns: given.duration_ns("heartbeat")?,
            fixed_timeout: given.boolean("fixed-timeout")?,
            pre_vote: given.boolean("pre-vote")?,
            check_quorum: given.boolean("check-quorum")?,
            snapshot_every: given.integer("snapshot-every")?,
            window: given.integer("window")? as usize,
            limits: Limits {
                entries_max: given.integer("pending-max")?,
                bytes_max: given.integer("uncommitted-bytes-max")? as usize,
            },
        };
        if options.heartbeat_ns >= options.election_timeout_ns {
            return Err(BootError::Option(
                "heartbeat must be shorter than election-timeout, or followers give up on a \
                 healthy leader"
                    .into(),
            ));
        }
        if options.window == 0 || options.limits.entries_max == 0 {
            return Err(BootError::Option("window and pending-max must be at least 1".into()));
        }
        Ok(options)
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
        assert!(options.pre_vote && options.check_quorum && !options.fixed_timeout);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let check = |name: &str, value: &str, part: &str| {
            let error = parse(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(part), "{name}={value}: {error}");
        };
        check("elction-timeout", "150ms", "no option `elction-timeout`");
        check("election-timeout", "150", "a duration");
        check("election-timeout", "0ms", "a duration");
        check("election-timeout", "40ms", "shorter than election-timeout");
        check("pre-vote", "yes", "true or false");
        check("snapshot-every", "-1", "a whole number");
        check("window", "0", "at least 1");
    }
}
