//! Raft's options: what they are called, what they mean, what holds without them.
//! It never guesses: an unknown name or an unusable value is an error that says why.

use std::collections::BTreeMap;

use crate::OptionRow;
use crate::machine::{BootError, Time};

/// Raft's options as text, for help and lists.
pub const OPTIONS: &[OptionRow] = &[
    row("election-timeout", "T: without a leader for T to 2T (drawn) a node stands", "150ms"),
    row("heartbeat", "how often a leader makes itself heard", "50ms"),
    row("fixed-timeout", "wait exactly T, drawing nothing", "false"),
    row("pre-vote", "ask whether one could win before disturbing anyone", "true"),
    row("check-quorum", "a leader that hears no majority for T steps down", "true"),
    row("snapshot-every", "entries applied between two snapshots; 0: never", "50000"),
    row("window", "messages with entries under way to one follower", "4"),
    row("pending-max", "uncommitted entries of a leader before it is overloaded", "20000"),
    row("uncommitted-bytes-max", "their bytes before it is overloaded", "33554432"),
];

const fn row(name: &'static str, about: &'static str, default: &'static str) -> OptionRow {
    OptionRow { name, about, default }
}

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
    /// Uncommitted entries.
    pub pending_max: u64,
    /// Uncommitted bytes.
    pub uncommitted_bytes_max: usize,
}

impl Options {
    /// Reads options; what is not given has its default.
    pub fn parse(given: &BTreeMap<String, String>) -> Result<Self, BootError> {
        for name in given.keys() {
            if !OPTIONS.iter().any(|row| row.name == name) {
                let known: Vec<_> = OPTIONS.iter().map(|row| row.name).collect();
                return Err(BootError::Option(format!(
                    "raft has no option `{name}`; it has {}",
                    known.join(", ")
                )));
            }
        }
        let text = |name: &'static str| -> (&'static str, &str) {
            let row = OPTIONS.iter().find(|row| row.name == name).expect("a row of the table");
            (name, given.get(name).map_or(row.default, String::as_str))
        };
        let options = Options {
            election_timeout_ns: duration(text("election-timeout"))?,
            heartbeat_ns: duration(text("heartbeat"))?,
            fixed_timeout: boolean(text("fixed-timeout"))?,
            pre_vote: boolean(text("pre-vote"))?,
            check_quorum: boolean(text("check-quorum"))?,
            snapshot_every: integer(text("snapshot-every"))?,
            window: integer(text("window"))? as usize,
            pending_max: integer(text("pending-max"))?,
            uncommitted_bytes_max: integer(text("uncommitted-bytes-max"))? as usize,
        };
        if options.heartbeat_ns >= options.election_timeout_ns {
            return Err(BootError::Option(
                "heartbeat must be shorter than election-timeout, or followers give up on a \
                 healthy leader"
                    .into(),
            ));
        }
        if options.window == 0 || options.pending_max == 0 {
            return Err(BootError::Option("window and pending-max must be at least 1".into()));
        }
        Ok(options)
    }

    /// Moves a moment by a duration in nanoseconds.
    #[must_use]
    pub fn after(now: Time, ns: u64) -> Time {
        Time(now.0.saturating_add(ns))
    }
}

fn duration((name, text): (&str, &str)) -> Result<u64, BootError> {
    let units = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
    let parsed = units.iter().find_map(|(unit, ns)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*ns).filter(|ns| *ns > 0)
    });
    parsed.ok_or_else(|| unusable(name, text, "a duration such as 150ms or 2s"))
}

fn boolean((name, text): (&str, &str)) -> Result<bool, BootError> {
    text.parse().map_err(|_| unusable(name, text, "true or false"))
}

fn integer((name, text): (&str, &str)) -> Result<u64, BootError> {
    text.parse().map_err(|_| unusable(name, text, "a whole number such as 100"))
}

fn unusable(name: &str, text: &str, wanted: &str) -> BootError {
    BootError::Option(format!("raft's option `{name}` is `{text}`; it must be {wanted}"))
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
