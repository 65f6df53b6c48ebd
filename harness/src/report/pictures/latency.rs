//! The latency of every operation on a log scale, by outcome.
//! It never drops an outlier: operations are merged only where their dots would cover each other.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use schism_verify::verdict::Anomaly;

use super::super::facts::Facts;
use super::super::facts::operations::Ending;
use super::Drawing;
use super::axis::Axis;
use super::svg::{LEFT, RIGHT, Svg, WIDTH, num};

const HEIGHT: f64 = 230.0;

/// Dots closer than this cover each other. It bounds the page: 960 x 200 px hold 24,000 cells.
const CELL: f64 = 2.8;

/// Draws the whole run.
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
    let high = (most as f64).log10().ceil().max(low + 2.0);
    let axis = Axis::of_run(facts);
    let (top, bottom) = (12.0, HEIGHT - 22.0);
    let y =
        |latency: f64| bottom - (latency.log10() - low).max(0.0) / (high - low) * (bottom - top);
    let mut svg = Svg::default();
    axis.bands(&mut svg, facts, top, bottom);
    axis.draw(&mut svg, facts, top, bottom);
    for power in low as u32..=high as u32 {
        let at = y(10_f64.powi(power as i32));
        svg.line((LEFT, at), (WIDTH - RIGHT, at), "hair");
        svg.text((LEFT - 8.0, at + 4.0), "tick end", POWERS[power.min(12) as usize]);
    }
    let (mut dots, mut shown) = (0, 0);
    for (ending, class) in
        [(Ending::Ok, "dot ok"), (Ending::Fail, "dot fail"), (Ending::Info, "dot info")]
    {
        let mut cells: BTreeSet<(u32, u32)> = BTreeSet::new();
        for (operation, latency) in timed().filter(|(operation, _)| operation.ending() == ending) {
            let at = operation.to_ns.unwrap_or(operation.from_ns);
            let cell = ((axis.x(at) / CELL) as u32, (y(latency as f64) / CELL) as u32);
            cells.insert(cell);
            shown += 1;
        }
        dots += cells.len();
        let mut d = String::new();
        for (column, row) in cells {
            let x = (f64::from(column) + 0.5) * CELL;
            let _ = write!(d, "M{} {}h0", num(x), num((f64::from(row) + 0.5) * CELL));
        }
        if !d.is_empty() {
            svg.path(&d, class, "");
        }
    }
    let open = facts.operations.len() - shown;
    let mut note = format!(
        "{shown} operations in {dots} dots: those closer than {CELL} px share one. By the time \
         of the answer."
    );
    if open > 0 {
        let _ = write!(note, " {open} without any answer are not drawn.");
    }
    Some(Drawing { svg: svg.finish(HEIGHT, "chart", "Latency of operations over time"), note })
}

/// Powers of ten of nanoseconds in words.
const POWERS: [&str; 13] = [
    "1 ns", "10 ns", "100 ns", "1 µs", "10 µs", "0.1 ms", "1 ms", "10 ms", "0.1 s", "1 s", "10 s",
    "100 s", "1000 s",
];
