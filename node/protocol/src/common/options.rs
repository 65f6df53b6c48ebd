//! Options as people give them, by name and as text, and how they are read.
//! It never guesses: an unknown name or an unusable value is an error that says why.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::OptionRow;
use crate::common::pending::Limits;
use crate::machine::{BootError, Time};

/// A row of a protocol's table of options.
#[must_use]
pub const fn option(name: &'static str, about: &'static str, default: &'static str) -> OptionRow {
    OptionRow { name, about, default }
}

/// What was given, beside the table of what there is.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    protocol: &'static str,
    rows: &'static [OptionRow],
    texts: &'a BTreeMap<String, String>,
}

impl<'a> Given<'a> {
    /// Refuses names that are not in the table.
    pub fn new(
        protocol: &'static str,
        rows: &'static [OptionRow],
        given: &'a BTreeMap<String, String>,
    ) -> Result<Self, BootError> {
        for name in given.keys() {
            if !rows.iter().any(|row| row.name == name) {
                let known: Vec<_> = rows.iter().map(|row| row.name).collect();
                let known = known.join(", ");
                return Err(BootError::Option(format!(
                    "{protocol} has no option `{name}`; it has {known}"
                )));
            }
        }
        Ok(Given { protocol, rows, texts: given })
    }

    /// Whether it is in the table.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == name)
    }

    /// The text of an option, given or default.
    #[must_use]
    pub fn text(&self, name: &'static str) -> &'a str {
        let row = self.rows.iter().find(|row| row.name == name).expect("a row of the table");
        self.texts.get(name).map_or(row.default, String::as_str)
    }

    /// A duration, in nanoseconds.
    pub fn duration_ns(&self, name: &'static str) -> Result<u64, BootError> {
        let units = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];
        let text = self.text(name);
        let parsed = units.iter().find_map(|(unit, ns)| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(*ns).filter(|ns| *ns > 0)
        });
        parsed.ok_or_else(|| self.unusable(name, "a duration such as 150ms or 2s"))
    }

    /// true or false.
    pub fn boolean(&self, name: &'static str) -> Result<bool, BootError> {
        self.text(name).parse().map_err(|_| self.unusable(name, "true or false"))
    }

    /// A whole number.
    pub fn integer(&self, name: &'static str) -> Result<u64, BootError> {
        self.text(name).parse().map_err(|_| self.unusable(name, "a whole number such as 100"))
    }

    /// A whole number no greater than this.
    pub fn small(&self, name: &'static str, most: u32) -> Result<u32, BootError> {
        let given = self.text(name).parse().ok().filter(|number| *number <= most);
        given.ok_or_else(|| self.unusable(name, &format!("a whole number up to {most}")))
    }

    /// One of these words.
    pub fn word<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<T, BootError> {
        let text = self.text(name);
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.unusable(name, &words.join(" or "))
        })
    }

    /// `election-timeout` and `heartbeat`, in nanoseconds: a healthy leader is heard in time.
    pub fn timing_ns(&self) -> Result<(u64, u64), BootError> {
        let (timeout, heartbeat) =
            (self.duration_ns("election-timeout")?, self.duration_ns("heartbeat")?);
        if heartbeat >= timeout {
            return Err(self.unusable(
                "heartbeat",
                "shorter than election-timeout, or a healthy leader is given up",
            ));
        }
        Ok((timeout, heartbeat))
    }

    /// `window`: messages under way.
    pub fn window(&self) -> Result<usize, BootError> {
        match self.integer("window")? {
            0 => Err(self.unusable("window", "at least 1")),
            window => Ok(window as usize),
        }
    }

    /// `pending-max` and `uncommitted-bytes-max`: what may be uncommitted.
    pub fn limits(&self) -> Result<Limits, BootError> {
        let entries_max = self.integer("pending-max")?;
        if entries_max == 0 {
            return Err(self.unusable("pending-max", "at least 1"));
        }
        let bytes_max = self.integer("uncommitted-bytes-max")? as usize;
        Ok(Limits { entries_max, bytes_max })
    }

    /// The error of an option whose value cannot be used.
    #[must_use]
    pub fn unusable(&self, name: &'static str, wanted: &str) -> BootError {
        let (protocol, text) = (self.protocol, self.text(name));
        BootError::Option(format!("{protocol}'s option `{name}` is `{text}`; it must be {wanted}"))
    }
}

/// A duration between T and 2T, or exactly T without jitter (Ongaro and Ousterhout 2014, 5.2).
pub fn draw_timeout(t_ns: u64, fixed: bool, rng: &mut ChaCha8Rng) -> u64 {
    if fixed { t_ns } else { t_ns + rng.next_u64() % (t_ns + 1) }
}

/// The options that most protocols with a log have, as numbers. Durations in nanoseconds. One that
/// is not in a protocol's table is 0, or false.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// T: without a leader for so long, or up to twice that, something is done about it.
    pub election_timeout_ns: u64,
    /// Between two heartbeats of a leader.
    pub heartbeat_ns: u64,
    /// Wait exactly T, without jitter.
    pub fixed_timeout: bool,
    /// Ask before anyone is disturbed (Ongaro's dissertation, section 9.6).
    pub pre_vote: bool,
    /// A leader without a majority gives way (section 6.2), and with it section 4.2.3: a follower
    /// sticks to its leader.
    pub check_quorum: bool,
    /// Leave a view only when a majority wants to.
    pub exit_quorum: bool,
    /// Entries between snapshots; 0: never.
    pub snapshot_every: u64,
    /// Messages with entries under way at once.
    pub window: usize,
    /// What may be uncommitted.
    pub limits: Limits,
}

impl Options {
    /// Reads them; what is not given has its default.
    pub fn parse(
        protocol: &'static str,
        rows: &'static [OptionRow],
        given: &BTreeMap<String, String>,
    ) -> Result<Self, BootError> {
        Self::read(&Given::new(protocol, rows, given)?)
    }

    /// The same, of a protocol that reads more than these.
    pub fn read(given: &Given<'_>) -> Result<Self, BootError> {
        let (election_timeout_ns, heartbeat_ns) = if given.has("election-timeout") {
            given.timing_ns()?
        } else {
            (0, given.duration_ns("heartbeat")?)
        };
        let flag = |name| if given.has(name) { given.boolean(name) } else { Ok(false) };
        let snapshots = given.has("snapshot-every");
        Ok(Options {
            election_timeout_ns,
            heartbeat_ns,
            fixed_timeout: flag("fixed-timeout")?,
            pre_vote: flag("pre-vote")?,
            check_quorum: flag("check-quorum")?,
            exit_quorum: flag("exit-quorum")?,
            snapshot_every: if snapshots { given.integer("snapshot-every")? } else { 0 },
            window: given.window()?,
            limits: given.limits()?,
        })
    }
}

/// Moves a moment by a duration in nanoseconds.
#[must_use]
pub fn after(now: Time, ns: u64) -> Time {
    Time(now.0.saturating_add(ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Boot, PROTOCOLS};

    /// Why a system does not start with this option. The error, or nothing.
    fn starts(system: &str, name: &str, value: &str) -> Result<(), String> {
        let row =
            PROTOCOLS.iter().find(|row| row.facts.name == system).expect("a system of the table");
        let options = [(name.to_owned(), value.to_owned())].into();
        let boot = Boot { members: vec![crate::NodeId(1)], options, ..Boot::default() };
        (row.build)(boot, &mut Vec::new()).map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn every_system_takes_its_defaults_and_names_what_it_does_not_have() {
        for row in PROTOCOLS {
            for option in row.facts.options {
                assert_eq!(
                    starts(row.facts.name, option.name, option.default),
                    Ok(()),
                    "{}",
                    row.facts.name
                );
            }
            let error = starts(row.facts.name, "elction-timeout", "150ms").expect_err("a typo");
            assert!(error.contains("has no option `elction-timeout`; it has "), "{error}");
        }
    }

    #[test]
    fn what_is_not_in_a_table_is_off() {
        let parse = |system: &str| {
            let row = PROTOCOLS.iter().find(|row| row.facts.name == system).unwrap();
            Options::parse(row.facts.name, row.facts.options, &BTreeMap::new()).unwrap()
        };
        let (raft, zab) = (parse("raft"), parse("zab"));
        assert_eq!((raft.election_timeout_ns, zab.election_timeout_ns), (150_000_000, 150_000_000));
        assert_eq!((raft.window, zab.window), (4, 4));
        assert!(raft.pre_vote && raft.check_quorum && !raft.fixed_timeout);
        assert!(!zab.pre_vote && !zab.check_quorum && !zab.fixed_timeout);
        assert_eq!(parse("vsr-memory").snapshot_every, 0);
        assert_eq!(parse("sequencer").election_timeout_ns, 0);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let check = |system: &str, name: &str, value: &str, part: &str| {
            let error = starts(system, name, value).expect_err(part);
            assert!(error.contains(part), "{system}, {name}={value}: {error}");
        };
        check("raft", "election-timeout", "150", "a duration");
        check("raft", "election-timeout", "0ms", "a duration");
        check("raft", "election-timeout", "40ms", "shorter than election-timeout");
        check("raft", "pre-vote", "yes", "true or false");
        check("raft", "snapshot-every", "-1", "a whole number");
        check("raft", "window", "0", "at least 1");
        check("multi-paxos", "alpha", "3", "multi-paxos has no option `alpha`");
        check("zab", "pre-vote", "true", "zab has no option `pre-vote`");
        check("zab", "fixed-timeout", "yes", "true or false");
        check("manual-failover", "mode", "fast", "sync or async");
    }
}
