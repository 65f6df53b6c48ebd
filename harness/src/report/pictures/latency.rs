//! The latency of every operation on a log scale, by outcome.
//! It never drops an outlier: operations are merged only where their dots would cover each other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schism_facts::remark::Phase;
use schism_verify::verdict::Anomaly;

use super::super::facts::Facts;
use super::super::facts::operations::{ENDINGS, Ending};
use super::super::words::grouped;
use super::Drawing;
use super::axis::Axis;
use crate::draw::svg::{LEFT, Svg, num};

const HEIGHT: f64 = 230.0;

/// Dots closer than this cover each other. It bounds the page: 960 x 200 px hold 48,000 cells.
const CELL: f64 = 2.0;

/// So many operations in a cell make its dot darker.
const DENSE: u32 = 4;

/// Medians are taken over stretches this wide: a dozen pixels, a few hundred operations.
const QUANTILE_PX: f64 = 12.0;

pub fn draw(facts: &Facts<'_>, _: Option<&Anomaly>) -> Option<Drawing> {
    let timed = || facts.operations.iter().filter_map(|op| Some((op, op.latency_ns()?)));
    if !facts.timed {
        return None;
    }
    let (least, most) = timed()
        .fold((u64::MAX, 0), |(least, most), (_, latency)| (least.min(latency), most.max(latency)));
    if most == 0 {
        return None;
    }
    // whole powers of ten of nanoseconds, two at least; below 10 us nothing is told apart
    let low = (least.max(10_000) as f64).log10().floor();
    let high = ((most as f64).log10() + 0.12).max(low + 2.0); // room above the slowest
    let axis = Axis::of_run(facts);
    let (top, bottom) = (12.0, HEIGHT - 22.0);
    let y =
        |latency: f64| bottom - (latency.log10() - low).max(0.0) / (high - low) * (bottom - top);
    let mut svg = Svg::default();
    axis.bands(&mut svg, facts, top, bottom);
    axis.draw(&mut svg, facts, top, bottom);
    for power in low as u32..=high as u32 {
        svg.level(y(10_f64.powf(f64::from(power))), POWERS[power.min(12) as usize]);
    }
    let (mut dots, mut shown) = (0, 0);
    for (ending, class) in ENDINGS {
        let mut cells: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for (operation, latency) in timed().filter(|(operation, _)| operation.ending() == ending) {
            let at = operation.to_ns.unwrap_or(operation.from_ns);
            let cell = ((axis.x(at) / CELL) as u32, (y(latency as f64) / CELL) as u32);
            *cells.entry(cell).or_default() += 1;
            shown += 1;
        }
        dots += cells.len();
        for (dense, weight) in [(false, ""), (true, " dense")] {
            let own = cells.iter().filter(|(_, count)| (**count >= DENSE) == dense);
            let mut d = String::new();
            for ((column, row), _) in own {
                let (x, y) = (f64::from(*column) + 0.5, f64::from(*row) + 0.5);
                let _ = write!(d, "M{} {}h0", num(x * CELL), num(y * CELL));
            }
            if !d.is_empty() {
                svg.path(&d, &format!("dot {class}{weight}"), "");
            }
        }
    }
    quantiles(&mut svg, facts, axis, &y);
    let open = facts.operations.len() - shown;
    let mut note = format!(
        "{} operations in {} dots, at the time of the answer: those closer than {CELL} px share \
         one.",
        grouped(shown as u64),
        grouped(dots as u64),
    );
    if open > 0 {
        let _ = write!(note, " {open} without any answer are not drawn.");
    }
    Some(Drawing { svg: svg.finish(HEIGHT, "chart", "Latency of operations over time"), note })
}

/// Median and 99th percentile of ok operations over time, broken where there were none.
fn quantiles(svg: &mut Svg, facts: &Facts<'_>, axis: Axis, y: &dyn Fn(f64) -> f64) {
    let mut columns: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let last = facts.phases.iter().find(|phase| phase.0 == Phase::FinalReads);
    let until = last.map_or(u64::MAX, |phase| phase.1); // final reads are long, and few
    let ok = facts.operations.iter().filter(|op| op.ending() == Ending::Ok && op.from_ns < until);
    for operation in ok {
        if let (Some(at), Some(latency)) = (operation.to_ns, operation.latency_ns()) {
            columns.entry((axis.x(at) / QUANTILE_PX) as u32).or_default().push(latency.max(1));
        }
    }
    for latencies in columns.values_mut() {
        latencies.sort_unstable();
    }
    for (share, class) in [(0.5, "quantile p50"), (0.99, "quantile p99")] {
        let (mut d, mut before) = (String::new(), None);
        for (column, sorted) in &columns {
            let at = y(sorted[((sorted.len() - 1) as f64 * share) as usize] as f64);
            let joined = before == Some(column.wrapping_sub(1));
            let x = (f64::from(*column) + 0.5) * QUANTILE_PX;
            let x = if joined { x } else { (x - QUANTILE_PX / 2.0).max(LEFT) };
            let _ = write!(d, "{}{} {}", if joined { 'L' } else { 'M' }, num(x), num(at));
            if !joined {
                let _ = write!(d, "h{}", num(QUANTILE_PX / 2.0)); // a lone stretch is seen too
            }
            before = Some(*column);
        }
        svg.path(&d, class, "");
    }
}

/// Powers of ten of nanoseconds in words.
const POWERS: [&str; 13] = [
    "1 ns", "10 ns", "100 ns", "1 µs", "10 µs", "0.1 ms", "1 ms", "10 ms", "0.1 s", "1 s", "10 s",
    "100 s", "1000 s",
];
