//! Operations completed per bucket of time, by outcome, stacked.
//! It never smooths: a bucket in which nothing was acknowledged is a hole.

use std::fmt::Write as _;

use schism_verify::verdict::Anomaly;

use super::super::facts::Facts;
use super::Drawing;
use super::axis::Axis;
use crate::draw::svg::{Svg, num};

const HEIGHT: f64 = 150.0;

/// As many buckets as a screen shows apart: two pixels each.
const BUCKETS_MAX: u64 = 480;

pub fn draw(facts: &Facts<'_>, _: Option<&Anomaly>) -> Option<Drawing> {
    if facts.operations.is_empty() {
        return None;
    }
    let axis = Axis::of_run(facts);
    let bucket_ns = bucket(facts.end_ns);
    let mut counts = vec![[0_u64; 3]; (facts.end_ns / bucket_ns + 1) as usize];
    for operation in &facts.operations {
        let at = operation.to_ns.unwrap_or(operation.from_ns);
        counts[(at / bucket_ns) as usize][operation.ending() as usize] += 1;
    }
    let per_s = |count: u64| count as f64 * 1e9 / bucket_ns as f64;
    let most = counts.iter().map(|count| count.iter().sum()).max().unwrap_or(1);
    let (top, bottom) = (12.0, HEIGHT - 22.0);
    let (step, ceiling) = round_up(per_s(most));
    let y = |rate: f64| bottom - rate / ceiling * (bottom - top);
    let mut svg = Svg::default();
    axis.bands(&mut svg, facts, top, bottom);
    axis.draw(&mut svg, facts, top, bottom);
    for tick in 0..=(ceiling / step).round() as u64 {
        let rate = tick as f64 * step;
        svg.level(y(rate), &format!("{rate:.0}/s"));
    }
    let mut below = vec![0_u64; counts.len()];
    for (place, class) in ["area ok", "area fail", "area info"].into_iter().enumerate() {
        let mut d = String::new();
        for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| count[place] > 0) {
            let from = axis.x(bucket as u64 * bucket_ns);
            let to = axis.x((bucket as u64 + 1).saturating_mul(bucket_ns));
            let (low, high) = (y(per_s(below[bucket])), y(per_s(below[bucket] + count[place])));
            let (from, to, low, high) = (num(from), num(to), num(low), num(high));
            let _ = write!(d, "M{from} {low}V{high}H{to}V{low}Z");
            below[bucket] += count[place];
        }
        if !d.is_empty() {
            svg.path(&d, class, "");
        }
    }
    let note = if facts.timed {
        format!("Completed operations per {} ms, stacked by outcome.", bucket_ns / 1_000_000)
    } else {
        "The history has no times: events stand a step apart.".into()
    };
    Some(Drawing { svg: svg.finish(HEIGHT, "chart", "Throughput over time"), note })
}

/// The shortest of a few round widths that keeps the buckets apart on a screen.
fn bucket(span_ns: u64) -> u64 {
    let widths = [100, 125, 200, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];
    let wide_enough = widths.into_iter().find(|ms| span_ns / (ms * 1_000_000) < BUCKETS_MAX);
    // a longer history is cut into as many pieces as there is room for
    wide_enough.map_or(span_ns / BUCKETS_MAX + 1, |ms| ms * 1_000_000)
}

/// A step and a ceiling of 2 to 5 such steps, both round.
pub(super) fn round_up(most: f64) -> (f64, f64) {
    let most = most.max(1.0);
    let power = 10_f64.powf(most.log10().floor());
    let steps = [0.2, 0.5, 1.0, 2.0, 5.0].into_iter().map(|factor| factor * power);
    let step = steps.into_iter().find(|step| most / step <= 4.5).unwrap_or(power);
    (step, (most / step).ceil() * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_ceilings_are_round() {
        assert_eq!(bucket(30_000_000_000), 100_000_000);
        assert_eq!(bucket(100_000_000_000), 250_000_000);
        assert!(u64::MAX / bucket(u64::MAX) <= BUCKETS_MAX);
        assert_eq!(round_up(900.0), (200.0, 1_000.0));
        assert_eq!(round_up(1_230.0), (500.0, 1_500.0));
        assert_eq!(round_up(0.0), (0.5, 1.0));
    }
}
