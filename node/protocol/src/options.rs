//! Options as people give them, by name and as text, and how they are read.
//! It never guesses: an unknown name or an unusable value is an error that says why.

use std::collections::BTreeMap;

use crate::OptionRow;
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

    /// The error of an option whose value cannot be used.
    #[must_use]
    pub fn unusable(&self, name: &'static str, wanted: &str) -> BootError {
        let (protocol, text) = (self.protocol, self.text(name));
        BootError::Option(format!("{protocol}'s option `{name}` is `{text}`; it must be {wanted}"))
    }
}

/// Moves a moment by a duration in nanoseconds.
#[must_use]
pub fn after(now: Time, ns: u64) -> Time {
    Time(now.0.saturating_add(ns))
}
