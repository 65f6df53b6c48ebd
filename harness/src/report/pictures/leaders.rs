//! A lane per node: its roles and epochs as colour; where it was down, paused or cut off.
//! It never guesses: without traces only what statuses named is drawn, and the note says so.

use std::fmt::Write as _;

use schism_verify::verdict::Anomaly;

use super::super::facts::Facts;
use super::super::facts::evidence;
use super::super::facts::strikes::{Sides, Strike};
use super::Drawing;
use super::axis::{Axis, STRIKES_MAX};
use crate::action::NodeShape;
use crate::draw::svg::{LEFT, RIGHT, Svg, WIDTH, fit};
use crate::faults;

/// Height of a lane, and of the bar in it.
const LANE: f64 = 28.0;
const BAR: f64 = 18.0;

/// Six hues tell neighbouring epochs apart.
const EPOCH_COLOURS: u64 = 6;

/// A run has four; a history from elsewhere may have any number.
const PHASES_MAX: usize = 20;

/// Round an anomaly: long enough for an election before it, at the default timeouts.
const BEFORE_NS: u64 = 1_500_000_000;
const AFTER_NS: u64 = 1_000_000_000;

pub fn draw(facts: &Facts<'_>, _: Option<&Anomaly>) -> Option<Drawing> {
    lanes(facts, Axis::of_run(facts), None)
}

/// Draws the moments before and after an anomaly.
pub fn draw_around(facts: &Facts<'_>, anomaly: Option<&Anomaly>) -> Option<Drawing> {
    let anomaly = anomaly?;
    let settled = evidence::of(facts, anomaly).remark.map(|remark| remark.0);
    let first = settled.or(anomaly.time_ns)?;
    let from_ns = first.saturating_sub(BEFORE_NS);
    let to_ns = first.saturating_add(AFTER_NS).min(facts.end_ns).max(from_ns + 1);
    lanes(facts, Axis { from_ns, to_ns }, Some(first))
}

fn lanes(facts: &Facts<'_>, axis: Axis, mark: Option<u64>) -> Option<Drawing> {
    if facts.nodes.is_empty() || (facts.leaderships.is_empty() && facts.strikes.is_empty()) {
        return None;
    }
    let mut svg = Svg::default();
    let begin = if mark.is_none() { phases(&mut svg, facts, axis) } else { 6.0 };
    let rows = axis.fault_rows(&mut svg, facts, begin);
    let top = rows + 6.0;
    let bottom = top + facts.nodes.len() as f64 * LANE + 4.0;
    axis.draw(&mut svg, facts, top, bottom);
    let visible: Vec<&Strike> = facts
        .strikes
        .iter()
        .take(STRIKES_MAX)
        .filter(|strike| axis.sees(strike.from_ns, strike.to_ns.unwrap_or(facts.end_ns)))
        .collect();
    for (lane, name) in facts.nodes.iter().enumerate() {
        let y = top + 3.0 + lane as f64 * LANE;
        let middle = y + LANE / 2.0;
        svg.text((LEFT - 8.0, middle + 4.0), "name end", &fit(name, LEFT));
        svg.line((LEFT, middle), (WIDTH - RIGHT, middle), "lane");
        for strike in &visible {
            cut_off(&mut svg, facts, axis, strike, lane as u8 + 1, y);
        }
        roles(&mut svg, facts, axis, name, middle);
        for strike in &visible {
            stopped(&mut svg, facts, axis, strike, lane as u8 + 1, middle);
        }
        for (at, _, how) in
            facts.deaths.iter().take(STRIKES_MAX).filter(|(_, node, _)| node == name)
        {
            if axis.sees(*at, *at) {
                let x = axis.x(*at);
                let cross = format!("M{} {}l10 10m0 -10l-10 10", x - 5.0, middle - 5.0);
                svg.path(&cross, "death", &format!("{name} died: {how}"));
            }
        }
    }
    stalls(&mut svg, facts, axis, (top, bottom));
    if let Some(at) = mark {
        svg.line((axis.x(at), top - 4.0), (axis.x(at), bottom), "mark");
    }
    let mut note = if facts.traced {
        "Roles and epochs as the nodes' own traces tell them.".to_owned()
    } else {
        "Leaders as the nodes' statuses named them: no trace tells of one.".to_owned()
    };
    if facts.strikes.len() > STRIKES_MAX {
        let _ = write!(note, " The first {STRIKES_MAX} of {} strikes.", facts.strikes.len());
    }
    let name = "Leaders and faults over time, one lane per node";
    Some(Drawing { svg: svg.finish(bottom + 22.0, "chart", name), note })
}

/// The phases by name along the top. Returns where the rest may begin.
fn phases(svg: &mut Svg, facts: &Facts<'_>, axis: Axis) -> f64 {
    for (place, (phase, from)) in facts.phases.iter().take(PHASES_MAX).enumerate() {
        let name = phase.name();
        let to = facts.phases.get(place + 1).map_or(facts.end_ns, |next| next.1);
        let (x, end) = (axis.x(*from), axis.x(to));
        svg.line((x, 4.0), (x, 16.0), "base");
        if fit(name, end - x - 6.0) == name {
            svg.text((x + 5.0, 14.0), "tick", name);
        }
    }
    if facts.phases.is_empty() { 6.0 } else { 24.0 }
}

/// When the machine itself stood still: a strip along the lane of the node, or along the bottom.
fn stalls(svg: &mut Svg, facts: &Facts<'_>, axis: Axis, (top, bottom): (f64, f64)) {
    for (from, to, what) in facts.stalls.iter().take(STRIKES_MAX) {
        if !axis.sees(*from, *to) {
            continue;
        }
        let lane = facts.nodes.iter().position(|node| **node == **what);
        let y = lane.map_or(bottom - 4.0, |lane| top + (lane + 1) as f64 * LANE);
        let (x, end) = (axis.x(*from), axis.x(*to));
        let title = format!("the machine held up {what} from {} on", facts.show(*from));
        svg.rect((x, y, (end - x).max(2.0), 4.0), "stall", &title);
    }
}

fn roles(svg: &mut Svg, facts: &Facts<'_>, axis: Axis, name: &str, middle: f64) {
    let own = facts.leaderships.iter().filter(|leadership| *leadership.node == *name);
    let mut drawn_to = f64::MIN;
    for leadership in own.filter(|leadership| axis.sees(leadership.from_ns, leadership.to_ns)) {
        let (x, end) = (axis.x(leadership.from_ns), axis.x(leadership.to_ns));
        // a storm of elections has thousands of roles: those that share a pixel are one
        if &*leadership.role == "follower" || end < drawn_to + 0.5 {
            continue;
        }
        drawn_to = end;
        let title = format!(
            "{name}: {} of epoch {}, {} to {}",
            leadership.role,
            leadership.epoch,
            facts.show(leadership.from_ns),
            facts.show(leadership.to_ns)
        );
        match &*leadership.role {
            "leader" => {
                let shape = (x, middle - BAR / 2.0, (end - x).max(3.0), BAR);
                let class = format!("leadership e{}", leadership.epoch % EPOCH_COLOURS);
                svg.rect(shape, &class, &title);
                let long = format!("epoch {}", leadership.epoch);
                let short = format!("{}", leadership.epoch);
                let words = if fit(&long, end - x - 8.0) == long { long } else { short };
                if fit(&words, end - x - 4.0) == words {
                    svg.text((x + 5.0, middle + 4.0), "on-leadership", &words);
                }
            }
            _ => svg.rect((x, middle - 3.0, (end - x).max(2.0), 6.0), "seeks", &title),
        }
    }
}

/// A tint where a partition keeps this node from others: strong for the smaller side.
fn cut_off(svg: &mut Svg, facts: &Facts<'_>, axis: Axis, strike: &Strike, node: u8, y: f64) {
    let class = match strike.sides(facts.nodes.len() as u8) {
        Some(Sides::Groups(groups)) if groups[0].contains(&node) => "side wide",
        Some(Sides::Groups(_)) => "side apart",
        Some(Sides::Touched(nodes)) if nodes.contains(&node) => "side touched",
        None if strike.slows(node) => "side touched",
        _ => return,
    };
    let (x, end) = (axis.x(strike.from_ns), axis.x(strike.to_ns.unwrap_or(facts.end_ns)));
    let class = format!("{class} {}", faults::class(&strike.fault));
    svg.rect((x, y, (end - x).max(2.0), LANE), &class, &strike.title());
}

/// Hatching where this node was down or paused.
fn stopped(svg: &mut Svg, facts: &Facts<'_>, axis: Axis, strike: &Strike, node: u8, middle: f64) {
    let word = match strike.shape(node) {
        NodeShape { down: true, .. } => "down",
        NodeShape { paused: true, .. } => "paused",
        _ => return,
    };
    let (x, end) = (axis.x(strike.from_ns), axis.x(strike.to_ns.unwrap_or(facts.end_ns)));
    let width = (end - x).max(2.0);
    svg.rect((x, middle - BAR / 2.0, width, BAR), word, &strike.title());
    let shown = fit(word, width - 10.0);
    if shown == word {
        svg.text((x + width / 2.0, middle + 4.0), "on-stop mid", word);
    }
}
