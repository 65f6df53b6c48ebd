//! How the cluster came back after each heal, and when nothing was acknowledged at all.

use schism_verify::models::Proves;
use schism_verify::recovery::{self, Acknowledged};

use super::Facts;
use super::operations::{Ending, Operation};

#[derive(Clone, PartialEq, Debug)]
pub struct Recovery {
    /// Its place in `Facts::strikes`.
    pub strike: usize,
    /// The longest time without an ok while it lasted.
    pub quiet_ns: u64,
    /// From the confirmed heal to the first ok of an operation asked after it.
    pub first_ok_ns: Option<u64>,
    /// From the confirmed heal until throughput was back at nine tenths of the median before the
    /// first strike.
    pub throughput_ns: Option<u64>,
}

/// A stretch in which nothing was acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Silence {
    /// The last ok before it; the next question, when nobody was waiting then.
    pub from_ns: u64,
    /// The first ok after, or the end.
    pub to_ns: u64,
}

/// Throughput is counted in buckets of this width: short against an election, long enough to hold
/// dozens of operations at 1,000 a second.
const BUCKET_NS: u64 = 100_000_000;

/// Ten minutes before the first strike say what is normal.
const BUCKETS_MAX: u64 = 6_000;

/// Shorter silences are ordinary: an election takes 150 to 300 ms at the default timeouts.
const SILENCE_NS_MIN: u64 = 250_000_000;

/// Recovery after every strike, in order.
pub fn recoveries(facts: &Facts<'_>) -> Vec<Recovery> {
    let oks = acknowledged(facts);
    let acks = &oks.returns;
    let normal = normal_per_bucket(facts, acks);
    let recovery = |(place, strike): (usize, &super::Strike)| {
        let until = strike.to_ns.unwrap_or(facts.end_ns);
        let after = |heal: u64| oks.first_invoked_after(heal).map(|to| to - heal);
        Recovery {
            strike: place,
            quiet_ns: longest_gap(acks, strike.from_ns, until),
            first_ok_ns: strike.to_ns.and_then(after),
            throughput_ns: strike.to_ns.and_then(|heal| back_to(normal?, acks, heal)),
        }
    };
    facts.strikes.iter().enumerate().map(recovery).collect()
}

/// Every silence worth naming. One begins when somebody waits, not when clients have stopped.
pub fn silences(facts: &Facts<'_>) -> Vec<Silence> {
    let acks = acknowledged(facts).returns;
    // by the time they were asked: from, and the last answer to any asked so far
    let mut answered = 0;
    let asked: Vec<(u64, u64)> = facts
        .operations
        .iter()
        .filter(|operation| proves(facts, operation))
        .map(|operation| {
            answered = answered.max(operation.to_ns.unwrap_or(0));
            (operation.from_ns, answered)
        })
        .collect();
    let waited = |pair: &[u64]| {
        let next = asked.partition_point(|&(from, _)| from <= pair[0]);
        let open = next > 0 && asked[next - 1].1 > pair[0];
        let first = if open { pair[0] } else { asked.get(next).map_or(u64::MAX, |row| row.0) };
        Silence { from_ns: first.min(pair[1]), to_ns: pair[1] }
    };
    let pairs = acks.windows(2).map(waited);
    pairs.filter(|silence| silence.to_ns - silence.from_ns >= SILENCE_NS_MIN).collect()
}

/// What was acknowledged and proves progress, as the model's row says.
fn acknowledged(facts: &Facts<'_>) -> Acknowledged {
    let ok = facts.operations.iter().filter(|operation| operation.ending() == Ending::Ok);
    let ok = ok.filter(|ok| proves(facts, ok));
    Acknowledged::new(ok.filter_map(|ok| ok.to_ns.map(|to| (ok.from_ns, to))).collect())
}

fn proves(facts: &Facts<'_>, operation: &Operation<'_>) -> bool {
    recovery::proves(facts.model, operation.invoke) != Proves::Nothing
}

fn longest_gap(acks: &[u64], from: u64, to: u64) -> u64 {
    let inside = &acks[acks.partition_point(|&at| at < from)..acks.partition_point(|&at| at <= to)];
    let mut last = from;
    let mut longest = 0;
    for &at in inside.iter().chain([&to]) {
        longest = longest.max(at.saturating_sub(last));
        last = at;
    }
    longest
}

/// The median bucket before the first strike, from the first acknowledgement on.
fn normal_per_bucket(facts: &Facts<'_>, acks: &[u64]) -> Option<usize> {
    let end = facts.strikes.iter().map(|strike| strike.from_ns).min()?;
    let start = *acks.first()?;
    let buckets = (end.saturating_sub(start) / BUCKET_NS).min(BUCKETS_MAX);
    let mut counts: Vec<usize> =
        (0..buckets).map(|bucket| count(acks, start + bucket * BUCKET_NS)).collect();
    counts.sort_unstable();
    counts.get(counts.len() / 2).copied().filter(|&median| median > 0)
}

/// The first moment from which a bucket holds enough: the heal itself, or some acknowledgement.
fn back_to(normal: usize, acks: &[u64], heal: u64) -> Option<u64> {
    let after = &acks[acks.partition_point(|&at| at < heal)..];
    let enough = |at: &u64| count(acks, *at) * 10 >= normal * 9;
    [heal].iter().chain(after).find(|at| enough(at)).map(|at| at - heal + BUCKET_NS)
}

fn count(acks: &[u64], from: u64) -> usize {
    acks.partition_point(|&at| at < from.saturating_add(BUCKET_NS))
        - acks.partition_point(|&at| at < from)
}
