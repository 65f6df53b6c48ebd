//! Multi-Paxos' options: Raft's, since they mean the same here.
//! It never guesses: an unknown name or an unusable value is an error that says why.

use std::collections::BTreeMap;

use crate::OptionRow;
pub use crate::common::options::Elected as Options;
use crate::common::options::{Given, option};
use crate::machine::BootError;

/// Multi-Paxos' options as text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    option("election-timeout", "T: without a leader for T to 2T (drawn) a node proposes", "150ms"),
    option("heartbeat", "how often a leader makes itself heard", "50ms"),
    option("fixed-timeout", "wait exactly T, drawing nothing", "false"),
    option("pre-vote", "ask whether anyone misses a leader before disturbing it", "true"),
    option("check-quorum", "a leader that hears no majority for T gives up its ballot", "true"),
    option("snapshot-every", "slots executed between two snapshots; 0: never", "50000"),
    option("window", "messages with proposals under way to one acceptor", "4"),
    option("pending-max", "alpha: open slots of a leader before it is overloaded", "20000"),
    option("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];

/// Reads options; what is not given has its default.
pub fn parse(given: &BTreeMap<String, String>) -> Result<Options, BootError> {
    Options::parse(&Given::new("multi-paxos", OPTIONS, given)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_parse_and_errors_name_the_protocol() {
        assert_eq!(parse(&BTreeMap::new()).unwrap().election_timeout_ns, 150_000_000);
        let wrong = [("alpha".to_owned(), "3".to_owned())].into();
        let error = parse(&wrong).unwrap_err().to_string();
        assert!(error.starts_with("multi-paxos has no option `alpha`"), "{error}");
    }
}
