//! What the nemesis did, as typed facts read from its remarks. It never judges them, and a remark
//! it cannot read is an error, not a guess.

use serde::Deserialize;

use super::{Event, History, Name, Value};

/// One fault that held for a while.
#[derive(Clone, PartialEq, Debug)]
pub struct Strike {
    /// The fault's key: `partition`, `crash`, ...
    pub fault: Name,
    /// Its overlay; it is healed by this number.
    pub overlay: u64,
    /// The plan's number of it.
    pub strike: Option<u64>,
    /// When it was applied, on the history's clock.
    pub started_ns: u64,
    /// When its heal was confirmed. None: it never was.
    pub healed_ns: Option<u64>,
    /// What it hit.
    pub targets: Vec<String>,
    /// In words.
    pub describe: String,
    /// Whether it had an effect, as said at its heal.
    pub effective: Option<bool>,
}

/// A time in which the machine itself stood still.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct Stall {
    /// From here, on the history's clock ...
    pub from_ns: u64,
    /// ... to here.
    pub to_ns: u64,
}

/// A node that died though nobody killed it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Death {
    /// Which.
    pub node: String,
    /// `signal 11`, `exit 74`.
    pub how: String,
    /// A fault on it may kill, or its disk refused.
    #[serde(default)]
    pub excused: bool,
    /// Why it is excused.
    pub why: Option<String>,
    /// The end of what it wrote to stderr.
    #[serde(default)]
    pub last_lines: Vec<String>,
}

/// What became of reading one node to the end.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct FinalRead {
    /// Which node.
    pub node: String,
    /// It was read to its end.
    pub complete: bool,
    /// The length it said it has.
    pub length: Option<u64>,
    /// Why it is not complete.
    pub why: Option<String>,
}

/// The end of settling.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Settled {
    /// All nodes said they delivered the same number of entries.
    pub converged: bool,
    /// How long that took, in milliseconds.
    #[serde(default)]
    pub waited_ms: u64,
    /// How many entries each node said it delivered.
    #[serde(default)]
    pub delivered: std::collections::BTreeMap<String, u64>,
}

/// Whether so many nodes have forgotten what they knew that no majority can tell them.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct MemoryLost {
    /// Why the system cannot go on; None: it can, somebody was back in time.
    pub why: Option<String>,
}

#[derive(Deserialize)]
struct Remark {
    phase: String,
    overlay: Option<u64>,
    strike: Option<u64>,
    #[serde(default)]
    targets: Vec<String>,
    #[serde(default)]
    describe: String,
    effective: Option<bool>,
}

/// Every strike, in the order they were applied.
pub fn strikes(history: &History) -> Vec<Strike> {
    let mut strikes: Vec<Strike> = Vec::new();
    let remarks =
        history.events().iter().filter(|event| event.process() == super::Process::Nemesis);
    for event in remarks {
        let Some(remark) = read::<Remark>(event) else { continue };
        let Some(overlay) = remark.overlay else { continue };
        let at = event.time().unwrap_or(0);
        match remark.phase.as_str() {
            "start" => strikes.push(Strike {
                fault: event.f.clone(),
                overlay,
                strike: remark.strike,
                started_ns: at,
                healed_ns: None,
                targets: remark.targets,
                describe: remark.describe,
                effective: None,
            }),
            "heal" => {
                if let Some(strike) = strikes.iter_mut().rfind(|s| s.overlay == overlay) {
                    strike.healed_ns = Some(at);
                    strike.effective = remark.effective;
                }
            }
            _ => {}
        }
    }
    strikes
}

/// Since when, and why, the system cannot go on whatever is healed, as known at this time.
pub fn memory_lost(history: &History, at_ns: u64) -> Option<(u64, String)> {
    let known = |event: &&Event| event.time().is_none_or(|time| time <= at_ns);
    let last = history.nemesis("memory-lost").filter(known).last()?;
    Some((last.time().unwrap_or(0), read::<MemoryLost>(last)?.why?))
}

/// When each phase began, in order.
pub fn phases(history: &History) -> Vec<(String, u64)> {
    let phase = |event: &Event| match &event.value {
        Some(Value::Str(name)) => Some((name.to_string(), event.time().unwrap_or(0))),
        _ => None,
    };
    history.nemesis("phase").filter_map(phase).collect()
}

/// The value of a remark, as a type of its own.
pub fn read<T: serde::de::DeserializeOwned>(event: &Event) -> Option<T> {
    let Some(Value::Other(json)) = &event.value else { return None };
    serde_json::from_str(json).ok()
}

/// The values of every remark of this kind. An error names one that cannot be read.
pub fn all<T: serde::de::DeserializeOwned>(history: &History, f: &str) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    for event in history.nemesis(f) {
        let json = event.value.as_ref().map(Value::to_string).unwrap_or_default();
        found.push(serde_json::from_str(&json).map_err(|error| {
            format!("event {}: the nemesis's `{f}` cannot be read: {error}", event.index)
        })?);
    }
    Ok(found)
}

/// How much of a window the machine itself stood still.
pub fn stalled_ns(stalls: &[Stall], from_ns: u64, to_ns: u64) -> u64 {
    let mut parts: Vec<(u64, u64)> = stalls
        .iter()
        .map(|stall| (stall.from_ns.max(from_ns), stall.to_ns.min(to_ns)))
        .filter(|(from, to)| from < to)
        .collect();
    parts.sort_unstable();
    let mut covered = from_ns;
    let mut total = 0;
    for (from, to) in parts {
        total += to.saturating_sub(from.max(covered));
        covered = covered.max(to);
    }
    total
}
