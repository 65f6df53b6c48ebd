//! Reading typed values out of the tree; each mistake says what was found and what was meant.
//! It never knows a workload's keys.

use std::ops::RangeInclusive;
use std::time::Duration;

use schism_facts::foreign::excerpt;

use super::error::{Mistake, meant};
use super::tree::{Key, Node, Tree};
use crate::units;

/// A map whose keys are all known.
pub(super) struct Section<'a> {
    pub entries: &'a [(Key, Node)],
}

impl<'a> Section<'a> {
    /// `what` names a key in errors.
    pub(super) fn new(what: &str, node: &'a Node, known: &[&str]) -> Result<Self, Mistake> {
        let entries = map(node)?;
        for (key, value) in entries {
            if !known.contains(&key.text.as_str()) {
                let plural = format!("{what}s");
                let hint = meant(&key.text, known.iter().copied(), &plural);
                let name = excerpt(&key.text);
                return Err(key.at.mistake(format!("unknown {what} `{name}`{hint}")));
            }
            if value.tree == Tree::Null {
                return Err(key.at.mistake(format!(
                    "nothing stands after `{}:`; write a value or take the key out",
                    key.text
                )));
            }
        }
        Ok(Section { entries })
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// The value of a key, if it is there.
    pub(super) fn option<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a Node) -> Result<T, Mistake>,
    ) -> Result<Option<T>, Mistake> {
        self.get(name).map(read).transpose()
    }

    /// The value of a key, or a default.
    pub(super) fn or<T>(
        &self,
        name: &str,
        default: T,
        read: impl FnOnce(&'a Node) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        Ok(self.option(name, read)?.unwrap_or(default))
    }

    /// The value of a key, or a default that is made only when needed.
    pub(super) fn or_else<T>(
        &self,
        name: &str,
        default: impl FnOnce() -> T,
        read: impl FnOnce(&'a Node) -> Result<T, Mistake>,
    ) -> Result<T, Mistake> {
        Ok(self.option(name, read)?.unwrap_or_else(default))
    }
}

pub(super) fn map(node: &Node) -> Result<&[(Key, Node)], Mistake> {
    match &node.tree {
        Tree::Map(entries) => Ok(entries),
        _ => Err(node.at.mistake(format!("found {}; a map of keys is needed here", node.found()))),
    }
}

/// The items of a list; anything else is a list of itself.
pub(super) fn list(node: &Node) -> &[Node] {
    match &node.tree {
        Tree::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}

pub(super) fn word(node: &Node) -> Result<&str, Mistake> {
    match &node.tree {
        Tree::Scalar { text, .. } => Ok(text),
        _ => Err(node.at.mistake(format!("found {}; a single value is needed here", node.found()))),
    }
}

/// A whole number within bounds.
pub(super) fn number(node: &Node, range: RangeInclusive<u64>) -> Result<u64, Mistake> {
    let (low, high) = (range.start(), range.end());
    let wanted = match *high {
        u64::MAX => format!("a whole number from {low} on"),
        _ => format!("a whole number from {low} to {high}"),
    };
    let text = word(node)?;
    // `+5` and `0x10` are numbers to some readers of YAML and words to others.
    let written = text.chars().all(|c| c.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(number) if written && range.contains(&number) => Ok(number),
        _ => Err(node.at.mistake(format!("found {}; {wanted} is needed here", node.found()))),
    }
}

pub(super) fn duration(node: &Node) -> Result<Duration, Mistake> {
    units::parse_duration(word(node)?).map_err(|message| node.at.mistake(message))
}

/// A duration above zero.
pub(super) fn positive(node: &Node) -> Result<Duration, Mistake> {
    // Faults, timeouts and phases are driven by timers of this grain.
    const DURATION_MIN: Duration = Duration::from_millis(1);
    let duration = duration(node)?;
    if duration < DURATION_MIN {
        return Err(node.at.mistake(format!("{} is too short; at least 1ms", node.found())));
    }
    Ok(duration)
}
