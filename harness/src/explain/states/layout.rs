//! Where the boxes and arrows are: boxes in a row; arrows between neighbours straight, loops above,
//! all others in lanes below, none through a box and none along another.

use std::collections::BTreeMap;

use super::{Arrow, States};
use crate::draw::svg::WIDTH;
use crate::draw::text;

/// The room a box has: the name, and what a node does there in two lines.
pub(super) const BOX_HEIGHT: f64 = 62.0;
/// Left of the first box, for the arrow from the start.
const LEFT: f64 = 142.0;
const RIGHT: f64 = 10.0;
/// Wider gaps would only make arrows longer.
const GAP_MAX: f64 = 240.0;
/// Between lines of words.
pub(super) const LINE: f64 = 13.0;
/// Beyond a lane's own words.
const LANE: f64 = 12.0;

/// All arrows between the same two boxes in the same direction: drawn as one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bundle {
    pub(super) from: Option<usize>,
    pub(super) to: usize,
    /// Places in [`States::arrows`].
    pub(super) arrows: Vec<usize>,
}

/// How a bundle runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Run {
    /// Into the first box from the left.
    Start,
    /// Into another box from above.
    StartAbove,
    /// To the right neighbour.
    Right,
    /// To the left neighbour.
    Left,
    Loop,
    /// Below the boxes.
    Lane,
}

pub(super) struct Row {
    pub(super) left: f64,
    pub(super) width: f64,
    pub(super) gap: f64,
}

/// A lane: from port to port, at a depth.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Lane {
    pub(super) from_x: f64,
    pub(super) to_x: f64,
    /// Below the end of whatever is above all lanes.
    pub(super) depth: f64,
}

impl Row {
    pub(super) fn of(boxes: usize) -> Row {
        // Names of 15 letters fit the narrower.
        let width = if boxes > 3 { 140.0 } else { 160.0 };
        let gaps = boxes.saturating_sub(1).max(1) as f64;
        let room = WIDTH - LEFT - RIGHT - width * boxes as f64;
        let gap = (room / gaps).min(GAP_MAX);
        let used = LEFT + width * boxes as f64 + gap * (boxes.max(1) - 1) as f64 + RIGHT;
        Row { left: LEFT + (WIDTH - used).max(0.0) / 2.0, width, gap }
    }

    pub(super) fn x(&self, at: usize) -> f64 {
        self.left + at as f64 * (self.width + self.gap)
    }

    pub(super) fn middle(&self, at: usize) -> f64 {
        self.x(at) + self.width / 2.0
    }
}

impl Bundle {
    pub(super) fn run(&self) -> Run {
        match self.from {
            None if self.to == 0 => Run::Start,
            None => Run::StartAbove,
            Some(from) if from == self.to => Run::Loop,
            Some(from) if from + 1 == self.to => Run::Right,
            Some(from) if self.to + 1 == from => Run::Left,
            Some(_) => Run::Lane,
        }
    }

    fn ends(&self) -> (usize, usize) {
        let from = self.from.unwrap_or(self.to);
        (from.min(self.to), from.max(self.to))
    }
}

/// Arrows between the same boxes together, in the order of the first of each.
pub(super) fn bundles(states: &States) -> Vec<Bundle> {
    let mut bundles: Vec<Bundle> = Vec::new();
    for (at, Arrow { from, to, .. }) in states.arrows.iter().enumerate() {
        match bundles.iter_mut().find(|bundle| (bundle.from, bundle.to) == (*from, *to)) {
            Some(bundle) => bundle.arrows.push(at),
            None => bundles.push(Bundle { from: *from, to: *to, arrows: vec![at] }),
        }
    }
    bundles
}

/// The lanes of those bundles that need one, by their place; and how deep they are in all.
/// `lines`: how many lines of words stand above a bundle's, by its place.
pub(super) fn lanes(
    bundles: &[Bundle],
    row: &Row,
    lines: impl Fn(usize) -> usize,
) -> (BTreeMap<usize, Lane>, f64) {
    let mut long: Vec<usize> =
        (0..bundles.len()).filter(|at| bundles[*at].run() == Run::Lane).collect();
    // The short ones above: then a long one's ends are outside them.
    long.sort_by_key(|at| {
        let (low, high) = bundles[*at].ends();
        (high - low, low)
    });
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for at in &long {
        let (low, high) = bundles[*at].ends();
        let free = levels.iter_mut().find(|level| {
            level.iter().all(|other| {
                let (other_low, other_high) = bundles[*other].ends();
                high <= other_low || other_high <= low
            })
        });
        match free {
            Some(level) => level.push(*at),
            None => levels.push(vec![*at]),
        }
    }
    let mut lanes = BTreeMap::new();
    let mut depth = 0.0;
    for level in &levels {
        let lines = level.iter().map(|at| lines(*at)).max().unwrap_or(0);
        depth += lines as f64 * LINE + LANE;
        for at in level {
            let bundle = &bundles[*at];
            let from = bundle.from.expect("a lane leaves a box");
            let from_x = port(bundles, row, from, *at);
            lanes.insert(*at, Lane { from_x, to_x: port(bundles, row, bundle.to, *at), depth });
        }
    }
    (lanes, depth)
}

/// Where a lane meets the bottom of a box. Those that go left are left of those that go right, and
/// of two that go the same way the shorter is the outer one: so none crosses another there.
fn port(bundles: &[Bundle], row: &Row, at: usize, lane: usize) -> f64 {
    let mut here: Vec<usize> = (0..bundles.len())
        .filter(|place| bundles[*place].run() == Run::Lane)
        .filter(|place| {
            let (low, high) = bundles[*place].ends();
            low == at || high == at
        })
        .collect();
    here.sort_by_key(|place| {
        let (low, high) = bundles[*place].ends();
        let length = high - low;
        if high == at { (0, length, *place) } else { (1, usize::MAX - length, *place) }
    });
    let place = here.iter().position(|place| *place == lane).expect("it ends here");
    row.x(at) + row.width * (place + 1) as f64 / (here.len() + 1) as f64
}

/// Words in lines of at most so many pixels, at the mean width of a character.
pub(super) fn wrap(words: &str, width: f64) -> Vec<String> {
    /// Of the 11 px words here: narrower than the labels of charts, which must not touch.
    const CHAR: f64 = 5.7;
    text::wrap(words, (width / CHAR).max(8.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine;
    use super::*;

    fn lanes_of(boxes: usize, arrows: &[(usize, usize)]) -> Vec<Lane> {
        let bundles = bundles(&machine(boxes, arrows));
        lanes(&bundles, &Row::of(boxes), |_| 1).0.into_values().collect()
    }

    #[test]
    fn arrows_run_as_their_ends_ask() {
        let runs = |arrows: &[(usize, usize)]| -> Vec<Run> {
            bundles(&machine(4, arrows)).iter().map(Bundle::run).collect()
        };
        assert_eq!(runs(&[(0, 1), (1, 0), (1, 1)]), [Run::Right, Run::Left, Run::Loop]);
        assert_eq!(runs(&[(0, 2), (3, 1)]), [Run::Lane, Run::Lane]);
        assert_eq!(bundles(&machine(2, &[(0, 1), (1, 0), (0, 1)])).len(), 2, "two are one");
    }

    #[test]
    fn lanes_that_overlap_are_at_different_depths_and_leave_a_box_at_different_places() {
        let lanes = lanes_of(4, &[(2, 0), (3, 1), (1, 3), (3, 0), (0, 2)]);
        assert_eq!(lanes.len(), 5);
        let span = |lane: &Lane| (lane.from_x.min(lane.to_x), lane.from_x.max(lane.to_x));
        for (at, one) in lanes.iter().enumerate() {
            for other in &lanes[at + 1..] {
                let (a, b) = (span(one), span(other));
                let apart = a.1 <= b.0 || b.1 <= a.0;
                assert!(apart || (one.depth - other.depth).abs() > 1.0, "{one:?} {other:?}");
                for (x, y) in [(one.from_x, other.from_x), (one.to_x, other.to_x)] {
                    assert!((x - y).abs() > 1.0, "{one:?} and {other:?} share a place");
                }
            }
        }
        let length = |lane: &&Lane| span(lane).1 - span(lane).0;
        let longest = lanes.iter().max_by(|a, b| length(a).total_cmp(&length(b))).unwrap();
        assert!(lanes.iter().all(|lane| lane.depth <= longest.depth), "the longest is the deepest");
        assert!(lanes.iter().all(|lane| span(longest).0 <= span(lane).0), "and outside all others");
    }

    #[test]
    fn rows_of_any_length_fit_the_width() {
        for boxes in 1..=5 {
            let row = Row::of(boxes);
            assert!(row.x(boxes - 1) + row.width <= WIDTH, "{boxes}");
            assert!(row.x(0) >= LEFT && (boxes < 2 || row.gap > 40.0), "{boxes}");
        }
    }

    #[test]
    fn words_are_wrapped_and_none_is_lost() {
        let lines = wrap("a quorum has the new epoch", 100.0);
        assert_eq!(lines, ["a quorum has the", "new epoch"]);
        assert_eq!(wrap("unbreakablewordofmanyletters x", 50.0).len(), 2);
    }
}
