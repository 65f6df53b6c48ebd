//! The states as a picture: boxes, arrows and their words; what was taken in this run is solid and
//! says who took it first, and when.

use super::States;
use super::layout::{BOX_HEIGHT, Bundle, LINE, Lane, Row, Run, bundles, lanes, wrap};
use crate::draw::svg::Svg;

/// How far the two directions between neighbours are apart, from the middle of the boxes.
const APART: f64 = 13.0;
/// How high a loop rises above its box, and how wide it is.
const LOOP: (f64, f64) = (20.0, 34.0);
/// How long the arrow from the start is.
const START: f64 = 132.0;
/// From a box's left edge to what comes from above.
const BESIDE: f64 = 14.0;
/// The corners of lanes.
const CORNER: f64 = 8.0;
/// Between the boxes with the words beside them, and what is above and below.
const BREATH: f64 = 16.0;

/// A line of words at an arrow.
struct Words {
    text: String,
    class: &'static str,
    /// The number of a step before it.
    step: Option<u8>,
}

/// Where lines of words go from their place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grow {
    Up,
    Down,
    UpFromLeft,
    DownFromLeft,
}

/// The picture as an `<svg>` element.
pub fn draw(states: &States, name: &str) -> String {
    let mut svg = Svg::default();
    let row = Row::of(states.boxes.len());
    let bundles = bundles(states);
    let words: Vec<Vec<Words>> = bundles.iter().map(|one| words(states, one, &row)).collect();
    let rows = |runs: &[Run]| {
        let of_runs = bundles.iter().zip(&words).filter(|(bundle, _)| runs.contains(&bundle.run()));
        of_runs.map(|(_, words)| words.len() as f64 * LINE).fold(0.0, f64::max)
    };
    // What comes from above has its words above those of a loop.
    let over = |to: usize, run: Run| {
        let its = bundles.iter().zip(&words);
        let mut its = its.filter(|(bundle, _)| bundle.to == to && bundle.run() == run);
        its.next().map_or(0.0, |(_, words)| words.len() as f64 * LINE + 6.0)
    };
    let boxes = 0..states.boxes.len();
    let loops = boxes.map(|to| over(to, Run::Loop) + over(to, Run::StartAbove)).fold(0.0, f64::max);
    let over_box = if loops > 0.0 { loops + LOOP.0 + 6.0 } else { 0.0 };
    let over_arrow = rows(&[Run::Right, Run::Start]) + APART + 6.0 - BOX_HEIGHT / 2.0;
    let top = over_box.max(over_arrow).max(0.0) + BREATH;
    let centre = top + BOX_HEIGHT / 2.0;
    let under_arrow = rows(&[Run::Left]) + APART + 8.0;
    let under = centre + under_arrow.max(BOX_HEIGHT / 2.0) + BREATH;
    let (lanes, depth) = lanes(&bundles, &row, |place| words[place].len());

    for (at, (bundle, words)) in bundles.iter().zip(&words).enumerate() {
        let lane = lanes.get(&at).map(|lane| Lane { depth: under + lane.depth, ..*lane });
        let lift = if bundle.run() == Run::StartAbove { over(bundle.to, Run::Loop) } else { 0.0 };
        draw_bundle(&mut svg, states, &row, (bundle, words), lane, (top, centre, lift));
    }
    for (at, state) in states.boxes.iter().enumerate() {
        let (x, middle) = (row.x(at), row.middle(at));
        svg.rect((x, top, row.width, BOX_HEIGHT), "state", "");
        let about = wrap(state.about, row.width - 12.0);
        let first = centre + 5.0 - about.len() as f64 * LINE / 2.0;
        svg.text((middle, first), "state-name mid", state.name);
        for (line, about) in about.iter().enumerate() {
            svg.text((middle, first + 15.0 + line as f64 * LINE), "state-about mid", about);
        }
    }
    svg.finish(under + depth + 8.0, "chart states", &format!("the states of a node of {name}"))
}

/// What stands at an arrow, wrapped to the room there.
fn words(states: &States, bundle: &Bundle, row: &Row) -> Vec<Words> {
    let room = match bundle.run() {
        Run::Start => START - 4.0,
        Run::Right | Run::Left => row.gap - 6.0,
        Run::Loop => row.width - 2.0 * BESIDE,
        Run::StartAbove => row.width + row.gap,
        Run::Lane => f64::MAX,
    };
    let mut all = Vec::new();
    for (nth, &at) in bundle.arrows.iter().enumerate() {
        let mark = states.mark(at);
        let class = if mark.is_some() { "on" } else { "on absent" };
        let or = if nth == 0 { "" } else { "or " };
        let lines = wrap(&format!("{or}{}", states.arrows[at].on), room);
        all.extend(lines.into_iter().map(|text| Words { text, class, step: None }));
        all.extend(mark.map(|mark| {
            let step = mark.step.map(|step| step.0);
            Words { text: mark.when, class: "when", step }
        }));
    }
    all
}

fn draw_bundle(
    svg: &mut Svg,
    states: &States,
    row: &Row,
    (bundle, words): (&Bundle, &[Words]),
    lane: Option<Lane>,
    (top, centre, lift): (f64, f64, f64),
) {
    let taken = bundle.arrows.iter().any(|at| states.mark(*at).is_some());
    let (class, tip_class) =
        if taken { ("way", "way-tip") } else { ("way absent", "way-tip absent") };
    let (x, middle) = (row.x(bundle.to), row.middle(bundle.to));
    match bundle.run() {
        Run::Start => {
            let from = x - START;
            svg.rect((from - 4.0, centre - 4.0, 8.0, 8.0), "origin", "");
            svg.line((from, centre), (x - 7.0, centre), class);
            svg.tip((x, centre), (1.0, 0.0), tip_class);
            stack(svg, words, (from + (x - from) / 2.0, centre - 6.0), Grow::Up);
        }
        Run::StartAbove => {
            // Beside a loop and its words, which have the middle.
            let (at, from) = (x + BESIDE, top - LOOP.0 - lift);
            svg.rect((at - 4.0, from - 4.0, 8.0, 8.0), "origin", "");
            svg.line((at, from), (at, top - 7.0), class);
            svg.tip((at, top), (0.0, 1.0), tip_class);
            stack(svg, words, (at + 10.0, from + 4.0), Grow::UpFromLeft);
        }
        Run::Loop => {
            let (height, width) = LOOP;
            let (left, right) = (middle - width / 2.0, middle + width / 2.0);
            let d = format!(
                "M{left:.1} {top:.1}C{left:.1} {0:.1} {right:.1} {0:.1} {right:.1} {1:.1}",
                top - height - 8.0,
                top - 6.0
            );
            svg.path(&d, class, "");
            svg.tip((right, top), (0.0, 1.0), tip_class);
            stack(svg, words, (middle, top - height - 4.0), Grow::Up);
        }
        Run::Right => {
            let from = x - row.gap;
            let y = centre - APART;
            svg.line((from, y), (x - 7.0, y), class);
            svg.tip((x, y), (1.0, 0.0), tip_class);
            stack(svg, words, (from + row.gap / 2.0 - 2.0, y - 5.0), Grow::Up);
        }
        Run::Left => {
            let to = x + row.width;
            let y = centre + APART;
            svg.line((to + row.gap, y), (to + 7.0, y), class);
            svg.tip((to, y), (-1.0, 0.0), tip_class);
            stack(svg, words, (to + row.gap / 2.0 + 2.0, y + 13.0), Grow::Down);
        }
        Run::Lane => {
            let lane = lane.expect("it was given one");
            let bottom = top + BOX_HEIGHT;
            let turn = if lane.to_x < lane.from_x { -CORNER } else { CORNER };
            let (from, to, y) = (lane.from_x, lane.to_x, lane.depth);
            let d = format!(
                "M{from:.1} {bottom:.1}V{:.1}Q{from:.1} {y:.1} {:.1} {y:.1}H{:.1}Q{to:.1} {y:.1} \
                 {to:.1} {:.1}V{:.1}",
                y - CORNER,
                from + turn,
                to - turn,
                y - CORNER,
                bottom + 6.0
            );
            svg.path(&d, class, "");
            svg.tip((to, bottom), (0.0, -1.0), tip_class);
            // Above its lane, from the left end on: what crosses it does so further right.
            let rows = words.len() as f64 - 1.0;
            stack(svg, words, (from.min(to) + 10.0, y - 5.0 - rows * LINE), Grow::DownFromLeft);
        }
    }
}

fn stack(svg: &mut Svg, words: &[Words], (x, y): (f64, f64), grow: Grow) {
    let up = matches!(grow, Grow::Up | Grow::UpFromLeft);
    let first = if up { y - (words.len() as f64 - 1.0) * LINE } else { y };
    let from_left = matches!(grow, Grow::UpFromLeft | Grow::DownFromLeft);
    for (line, one) in words.iter().enumerate() {
        let y = first + line as f64 * LINE;
        let anchor = if from_left { "" } else { " mid" };
        let mut x = x;
        if let Some(step) = one.step {
            // The badge stands before the words: half a character of bold 10 px text is 2.85 px.
            let half = one.text.chars().count() as f64 * 2.85;
            let badge = if from_left { x + 6.0 } else { x - half - 3.0 };
            svg.rect((badge - 6.0, y - 9.5, 12.0, 12.0), "step", "");
            svg.text((badge, y), "step-number mid", &step.to_string());
            x += if from_left { 17.0 } else { 6.0 };
        }
        svg.text((x, y), &format!("{}{anchor}", one.class), &one.text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::toy;
    use super::*;

    #[test]
    fn what_was_taken_is_solid_and_told() {
        let svg = draw(&toy(), "<toy>");
        for words in ["wakes up", "is asked", "is bored", "n2 at 1.5 ms, 3×", "n1 at 7.0 ms"] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        assert_eq!(svg.matches(r#"class="way absent""#).count(), 1, "one was not taken");
        assert_eq!(svg.matches(r#"class="way""#).count(), 2);
        assert!(svg.contains("&lt;toy&gt;"));
    }
}
