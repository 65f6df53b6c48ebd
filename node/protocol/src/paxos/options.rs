//! The options of single-decree Paxos: what they are called, what they mean, what holds without
//! them. It never guesses: an unknown name or an unusable value is an error that says why.

use std::collections::BTreeMap;

use crate::OptionRow;
use crate::common::options::{Given, option};
use crate::machine::BootError;

/// As text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    option(
        "election-timeout",
        "T: without answers for T to 2T (drawn) a ballot is begun anew",
        "150ms",
    ),
    option("fixed-timeout", "wait exactly T, drawing nothing", "false"),
    option("backoff", "how long a refused proposer waits: random, or none: they duel", "random"),
    option("doublings", "how often T doubles at most, for patience and waits of who failed", "4"),
    option("snapshot-every", "records between two snapshots; 0: never", "50000"),
    option("pending-max", "requests of clients under way before a node is overloaded", "20000"),
];

/// More would be longer than any run: a thousand T is minutes.
const DOUBLINGS_MAX: u32 = 10;

/// How long a proposer whose ballot was refused waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backoff {
    /// A random time.
    Random,
    /// Not at all: proposers may refuse each other for ever.
    None,
}

/// Options as numbers. Durations in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// T.
    pub retry_ns: u64,
    pub fixed_timeout: bool,
    /// After a refusal.
    pub backoff: Backoff,
    /// How often T doubles at most, for whoever failed so often.
    pub doublings: u32,
    /// Records between snapshots; 0: never.
    pub snapshot_every: u64,
    /// Requests under way.
    pub pending_max: usize,
}

impl Options {
    /// T for who has failed so often: longer each time, up to a limit.
    #[must_use]
    pub fn grown_ns(&self, failed: u32) -> u64 {
        self.retry_ns << failed.min(self.doublings)
    }

    /// Reads options; what is not given has its default.
    pub fn parse_as(
        protocol: &'static str,
        given: &BTreeMap<String, String>,
    ) -> Result<Self, BootError> {
        let given = Given::new(protocol, OPTIONS, given)?;
        let backoffs = [("random", Backoff::Random), ("none", Backoff::None)];
        Ok(Options {
            retry_ns: given.duration_ns("election-timeout")?,
            fixed_timeout: given.boolean("fixed-timeout")?,
            backoff: given.word("backoff", &backoffs)?,
            doublings: given.small("doublings", DOUBLINGS_MAX)?,
            snapshot_every: given.integer("snapshot-every")?,
            pending_max: given.integer("pending-max")? as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_parse_and_errors_name_the_protocol() {
        let options = Options::parse_as("paxos", &BTreeMap::new()).unwrap();
        assert_eq!((options.retry_ns, options.backoff), (150_000_000, Backoff::Random));
        let check = |name: &str, value: &str, part: &str| {
            let wrong = [(name.to_owned(), value.to_owned())].into();
            let error = Options::parse_as("paxos", &wrong).unwrap_err().to_string();
            assert!(error.contains("paxos's option") && error.contains(part), "{error}");
        };
        check("backoff", "some", "random or none");
        check("doublings", "11", "a whole number up to 10");
        check("doublings", "-1", "a whole number up to 10");
    }
}
