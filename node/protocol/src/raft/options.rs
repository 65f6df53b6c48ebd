//! Raft's options: what they are called, what they mean, what holds without them.
//! It never guesses: an unknown name or an unusable value is an error that says why.

use std::collections::BTreeMap;

use crate::OptionRow;
pub use crate::common::options::Elected as Options;
use crate::common::options::{Given, option};
use crate::machine::BootError;

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

/// Reads options; what is not given has its default.
pub fn parse(given: &BTreeMap<String, String>) -> Result<Options, BootError> {
    Options::parse(&Given::new("raft", OPTIONS, given)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Options, BootError> {
        super::parse(&pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
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
