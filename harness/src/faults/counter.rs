//! What a fault can be confirmed to have done: how it is told, and how it adds up over strikes.

use super::FAULTS;
use crate::action::Effect;

/// A counter of an [`Effect`].
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// Its name.
    pub name: &'static str,
    /// What several strikes did together.
    pub adds_up: AddsUp,
    /// In words: `killed 2 processes`.
    pub told: fn(u64) -> String,
}

/// How a counter adds up over strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddsUp {
    Sum,
    Max,
    Never,
}

impl Counter {
    /// Strikes add up.
    pub(super) const fn sum(name: &'static str, told: fn(u64) -> String) -> Counter {
        Counter { name, adds_up: AddsUp::Sum, told }
    }

    /// The greatest of all strikes counts.
    pub(super) const fn max(name: &'static str, told: fn(u64) -> String) -> Counter {
        Counter { name, adds_up: AddsUp::Max, told }
    }

    /// It says something of one strike only, as a median does.
    pub(super) const fn single(name: &'static str, told: fn(u64) -> String) -> Counter {
        Counter { name, adds_up: AddsUp::Never, told }
    }
}

/// What all of these did together.
pub fn add_up<'a>(effects: impl IntoIterator<Item = &'a Effect>) -> Effect {
    let mut total = Effect::default();
    for (name, count) in effects.into_iter().flat_map(|effect| &effect.0) {
        let so_far = total.0.entry(name.clone()).or_default();
        match find(name).map_or(AddsUp::Sum, |counter| counter.adds_up) {
            AddsUp::Sum => *so_far += count,
            AddsUp::Max => *so_far = *count.max(so_far),
            AddsUp::Never => {}
        }
    }
    total
}

/// An effect in words: `held 1.2 MB, refused 3 connections`. What no fault of the table has, as in
/// a run of another version, is told by its name.
pub fn tell(effect: &Effect) -> String {
    let known = counters().map(|counter| (effect.count(counter.name), counter));
    let known = known.filter(|(count, _)| *count > 0);
    let known = known.map(|(count, counter)| (counter.told)(count));
    let strange = effect.0.iter().filter(|(name, count)| **count > 0 && find(name).is_none());
    let strange = strange.map(|(name, count)| format!("{name} {count}"));
    let said: Vec<String> = known.chain(strange).collect();
    if said.is_empty() { "no effect".to_owned() } else { said.join(", ") }
}

fn counters() -> impl Iterator<Item = &'static Counter> {
    FAULTS.iter().flat_map(|fault| fault.counters)
}

fn find(name: &str) -> Option<&'static Counter> {
    counters().find(|counter| counter.name == name)
}

/// `1 process`, `2 processes`.
pub(super) fn count(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `1.2 MB`.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}
