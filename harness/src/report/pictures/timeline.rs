//! The operations that prove an anomaly, among their neighbours: processes as rows, operations as
//! bars. What counts is order, so the time axis stretches where much happens and is cut where
//! nothing of the proof does. It never changes an order.

use std::collections::BTreeMap;

use schism_verify::verdict::Anomaly;

use super::super::facts::Facts;
use super::super::facts::evidence::{self, Evidence};
use super::super::facts::operations::Operation;
use super::Drawing;
use super::axis::STRIKES_MAX;
use super::elastic::Elastic;
use crate::draw::svg::{CHAR_WIDTH, LEFT, RIGHT, Svg, WIDTH, fit};
use crate::faults;

/// Rows of neighbours under those of the proof: ten clients is the default.
const NEIGHBOUR_ROWS_MAX: usize = 10;
/// Bars of neighbours. It bounds the page: 20 cards of 150 bars are half a megabyte.
const NEIGHBOURS_MAX: usize = 150;

/// Height of a row of the proof, and of a neighbour's.
const ROW: f64 = 30.0;
const NEIGHBOUR_ROW: f64 = 17.0;

/// Draws the proof of an anomaly; None where it names no operation.
pub fn draw(facts: &Facts<'_>, anomaly: Option<&Anomaly>) -> Option<Drawing> {
    let proof = evidence::of(facts, anomaly?);
    let last = proof.operations.last()?;
    // one without an answer reaches as far as the others
    let known = proof.operations.iter().map(|op| op.to_ns.unwrap_or(op.from_ns)).max()?;
    let need = |(op, label): (&&Operation<'_>, &String)| {
        let width = label.chars().count() as f64 * CHAR_WIDTH + 18.0;
        (op.from_ns, op.to_ns.unwrap_or(known), width)
    };
    let needs: Vec<(u64, u64, f64)> =
        proof.operations.iter().zip(&proof.labels).map(need).collect();
    let scale = Elastic::new(&needs, LEFT + 40.0, WIDTH - RIGHT - 40.0);
    let mut svg = Svg::default();

    let mut rows: Vec<u64> = Vec::new();
    for operation in &proof.operations {
        if !rows.contains(&operation.process) {
            rows.push(operation.process);
        }
    }
    let (neighbours, left_out) = neighbours(facts, &proof, &scale);
    let band_top = 6.0;
    let top = band_top + 18.0;
    let proof_bottom = top + rows.len() as f64 * ROW + 24.0;
    let bottom = proof_bottom + neighbours.len() as f64 * NEIGHBOUR_ROW + 4.0;

    bands(&mut svg, facts, &scale, band_top, bottom);
    ticks(&mut svg, facts, &scale, &needs, top, bottom);
    for (row, process) in rows.iter().enumerate() {
        let y = top + row as f64 * ROW;
        svg.text((LEFT - 8.0, y + 19.0), "name end strong", &format!("p{process}"));
        svg.line((LEFT, y + ROW / 2.0), (WIDTH - RIGHT, y + ROW / 2.0), "lane");
        let labelled = proof.operations.iter().zip(&proof.labels);
        for (operation, label) in labelled.filter(|(op, _)| op.process == *process) {
            let role = if std::ptr::eq(*operation, *last) { "offender" } else { "witness" };
            bar(&mut svg, facts, &scale, (operation, label), (y + 3.0, ROW - 7.0), role);
        }
    }
    if let Some((at, text)) = &proof.remark {
        remark(&mut svg, scale.x(*at), proof_bottom, top, text);
    }
    for (row, (process, operations)) in neighbours.iter().enumerate() {
        let y = proof_bottom + row as f64 * NEIGHBOUR_ROW;
        svg.text((LEFT - 8.0, y + 12.0), "name end faint", &format!("p{process}"));
        for operation in operations {
            let place = (y + 2.0, NEIGHBOUR_ROW - 5.0);
            bar(&mut svg, facts, &scale, (operation, &operation.label()), place, "neighbour");
        }
    }
    for (from, to) in scale.breaks() {
        broken(&mut svg, facts, &scale, (from, to), top, bottom);
    }
    let svg =
        svg.finish(bottom + 22.0, "chart timeline", "Operations over time, a row per process");
    Some(Drawing { svg, note: note(&proof, &scale, left_out) })
}

fn end(operation: &Operation<'_>, facts: &Facts<'_>) -> u64 {
    operation.to_ns.unwrap_or(facts.end_ns)
}

fn note(proof: &Evidence<'_, '_>, scale: &Elastic, left_out: usize) -> String {
    let mut notes = Vec::new();
    if proof.more > 0 {
        notes.push(format!("{} more operations of the proof are not drawn.", proof.more));
    }
    if !scale.is_linear() {
        notes.push("The order is exact; the time axis is stretched where much happens.".to_owned());
    }
    if left_out > 0 {
        notes.push(format!("{left_out} neighbouring operations are left out."));
    }
    notes.join(" ")
}

/// Operations of others at the same time, by process, and how many did not fit.
fn neighbours<'f, 'a>(
    facts: &'f Facts<'a>,
    proof: &Evidence<'f, 'a>,
    scale: &Elastic,
) -> (BTreeMap<u64, Vec<&'f Operation<'a>>>, usize) {
    let mut rows: BTreeMap<u64, Vec<&Operation<'_>>> = BTreeMap::new();
    let (from, to) = scale.range();
    let (mut taken, mut left_out) = (0, 0);
    let near = facts.operations.iter().filter(|operation| {
        let ends = end(operation, facts);
        operation.from_ns <= to && ends >= from && !scale.is_in_break(operation.from_ns, ends)
    });
    for operation in near {
        if proof.operations.iter().any(|shown| shown.process == operation.process) {
            continue;
        }
        let width = scale.x(end(operation, facts)) - scale.x(operation.from_ns);
        let row_is_new = !rows.contains_key(&operation.process);
        if width < 1.5
            || taken == NEIGHBOURS_MAX
            || (row_is_new && rows.len() == NEIGHBOUR_ROWS_MAX)
        {
            left_out += 1;
            continue;
        }
        taken += 1;
        rows.entry(operation.process).or_default().push(operation);
    }
    (rows, left_out)
}

fn bar(
    svg: &mut Svg,
    facts: &Facts<'_>,
    scale: &Elastic,
    (operation, label): (&Operation<'_>, &str),
    (y, height): (f64, f64),
    role: &str,
) {
    let (x, to) = (scale.x(operation.from_ns), scale.x(end(operation, facts)));
    let width = (to - x).max(3.0);
    let ending = operation.ending().word();
    let title = format!(
        "p{} on {}: {label}, {} to {}",
        operation.process,
        operation.node(),
        facts.show(operation.from_ns),
        operation.to_ns.map_or("no answer".into(), |to| facts.show(to)),
    );
    svg.rect((x, y, width, height), &format!("op {ending} {role}"), &title);
    if role == "neighbour" {
        svg.text((x + 4.0, y + height - 2.5), "on-op faint", &fit(label, (width - 6.0) * 1.1));
        return;
    }
    let with_node = format!("{label}  {}", operation.node());
    let words =
        if fit(&with_node, width - 10.0) == with_node { with_node } else { label.to_owned() };
    let shown = fit(&words, width - 10.0);
    svg.text((x + width / 2.0, y + height / 2.0 + 4.0), "on-op mid", &shown);
}

/// A line down from the moment that settles it, with the remark on the side where there is room.
fn remark(svg: &mut Svg, x: f64, bottom: f64, top: f64, text: &str) {
    svg.line((x, top), (x, bottom - 8.0), "mark");
    let long = text.chars().count() as f64 * CHAR_WIDTH * 1.15; // bold, 12 px
    let (at, class) = if x - long > LEFT {
        (x - 6.0, "remark end")
    } else if x + long + 8.0 < WIDTH {
        (x + 6.0, "remark")
    } else {
        (f64::midpoint(LEFT, WIDTH), "remark mid")
    };
    svg.text((at, bottom - 9.0), class, text);
}

fn bands(svg: &mut Svg, facts: &Facts<'_>, scale: &Elastic, top: f64, bottom: f64) {
    let (from, to) = scale.range();
    let mut free = LEFT;
    for strike in facts.strikes.iter().take(STRIKES_MAX) {
        let ends = strike.to_ns.unwrap_or(facts.end_ns);
        if strike.from_ns > to || ends < from || scale.is_in_break(strike.from_ns, ends) {
            continue;
        }
        let (x, x_end) = (scale.x(strike.from_ns.max(from)), scale.x(ends.min(to)));
        let class = faults::class(&strike.fault);
        let shape = (x, top, (x_end - x).max(2.0), bottom - top);
        svg.rect(shape, &format!("band {class}"), &strike.title());
        let start = x.max(free);
        let words = fit(&strike.title(), x_end - start - 8.0);
        if !words.is_empty() {
            svg.text((start + 4.0, top + 12.0), "on-band", &words);
            free = start + words.chars().count() as f64 * CHAR_WIDTH + 16.0;
        }
    }
}

/// The ends of the proof's operations: the first, also after a break, in full, others from there.
fn ticks(
    svg: &mut Svg,
    facts: &Facts<'_>,
    scale: &Elastic,
    needs: &[(u64, u64, f64)],
    top: f64,
    bottom: f64,
) {
    let mut points: Vec<u64> = needs.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
    points.sort_unstable();
    points.dedup();
    let after_break = |at: u64| scale.breaks().any(|gap| gap.1 == at);
    let mut first = points[0];
    let mut free = 0.0;
    for at in points {
        let x = scale.x(at);
        svg.line((x, top), (x, bottom), "hair");
        let words = if at == first || after_break(at) || !facts.timed {
            first = at;
            facts.show(at)
        } else {
            format!("+{}", short(at - first))
        };
        let half = words.chars().count() as f64 * CHAR_WIDTH / 2.0;
        if x - half > free {
            svg.text((x, bottom + 14.0), "tick mid", &words);
            free = x + half + 6.0;
        }
    }
    svg.base(bottom);
}

/// Where the axis leaves out time: a white gap with two zigzags and how long it was.
fn broken(
    svg: &mut Svg,
    facts: &Facts<'_>,
    scale: &Elastic,
    (from, to): (u64, u64),
    top: f64,
    bottom: f64,
) {
    let middle = f64::midpoint(scale.x(from), scale.x(to));
    for x in [middle - 5.0, middle + 5.0] {
        let teeth = ((bottom - top) / 8.0) as usize;
        let zigzag: String =
            (0..teeth).map(|tooth| if tooth % 2 == 0 { "l3 8" } else { "l-3 8" }).collect();
        svg.path(&format!("M{x:.1} {top:.1}{zigzag}"), "zigzag", "");
    }
    if facts.timed {
        svg.text((middle, top - 6.0), "tick mid strong", &format!("{} later", short(to - from)));
    }
}

/// `1.3 ms`.
fn short(span_ns: u64) -> String {
    match span_ns {
        0..1_000_000 => format!("{:.0} µs", span_ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", span_ns as f64 / 1e6),
        _ => format!("{:.2} s", span_ns as f64 / 1e9),
    }
}
