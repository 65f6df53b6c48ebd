//! A time scale on which a few stretches can be read though they differ a thousandfold in length.
//! It never changes an order, and says where it is not to scale.

/// A piecewise linear scale.
#[derive(Clone, PartialEq, Debug)]
pub struct Elastic {
    /// (time, place), both growing.
    knots: Vec<(u64, f64)>,
    /// Stretches of time drawn as a break.
    breaks: Vec<(u64, u64)>,
    linear: bool,
}

/// A stretch without any operation becomes a break when it is longer than all others together.
/// The width leaves room for a label on either side.
const BREAK_WIDTH: f64 = 130.0;

/// No step between two moments is narrower: they would look like one.
const STEP_MIN: f64 = 9.0;

impl Elastic {
    /// For these spans (from, to, wanted width), between two places. Beyond them the scale goes on
    /// as in the span beside. Needs one span at least.
    pub fn new(spans: &[(u64, u64, f64)], left: f64, right: f64) -> Elastic {
        assert!(!spans.is_empty() && left < right, "a scale needs something to show");
        let mut points: Vec<u64> = spans.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
        points.sort_unstable();
        points.dedup();
        if points.len() == 1 {
            points.push(points[0].saturating_add(1_000).max(1));
            points[0] = points[0].min(points[1] - 1);
        }
        let steps: Vec<(u64, u64)> = points.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let covered = |step: &(u64, u64)| spans.iter().any(|s| s.0 <= step.0 && step.1 <= s.1);
        let busy: u64 = steps.iter().filter(|step| covered(step)).map(|step| step.1 - step.0).sum();
        let breaks: Vec<(u64, u64)> = steps
            .iter()
            .copied()
            .filter(|step| !covered(step) && step.1 - step.0 > busy.max(1_000))
            .collect();
        let room = right - left - BREAK_WIDTH * breaks.len() as f64;
        let open: Vec<(u64, u64)> =
            steps.iter().copied().filter(|step| !breaks.contains(step)).collect();
        let least: Vec<f64> = open
            .iter()
            .map(|step| {
                let inside = |span: &&(u64, u64, f64)| span.0 <= step.0 && step.1 <= span.1;
                let share = |span: &(u64, u64, f64)| {
                    let parts = open.iter().filter(|s| span.0 <= s.0 && s.1 <= span.1).count();
                    span.2 / parts.max(1) as f64
                };
                spans.iter().filter(inside).map(share).fold(STEP_MIN, f64::max)
            })
            .collect();
        let widths = share_out(&open, &least, room.max(STEP_MIN));
        let linear = breaks.is_empty() && is_even(&open, &widths);
        let mut x = left;
        let mut knots = vec![(points[0], x)];
        let mut widths = widths.into_iter();
        for step in &steps {
            let is_break = breaks.contains(step);
            x += if is_break { BREAK_WIDTH } else { widths.next().unwrap_or(0.0) };
            knots.push((step.1, x));
        }
        Elastic { knots, breaks, linear }
    }

    /// Where a moment is; up to 40 px beyond the spans, then it stays.
    pub fn x(&self, at: u64) -> f64 {
        let place = self.knots.partition_point(|knot| knot.0 <= at);
        let pair = place.clamp(1, self.knots.len() - 1);
        let ((from, x), (to, end)) = (self.knots[pair - 1], self.knots[pair]);
        let slope = (end - x) / (to - from) as f64;
        let along = x + (at as f64 - from as f64) * slope;
        along.clamp(self.knots[0].1 - MARGIN, self.knots[self.knots.len() - 1].1 + MARGIN)
    }

    /// The time between the places at which `x` stays.
    pub fn range(&self) -> (u64, u64) {
        let (first, second) = (self.knots[0], self.knots[1]);
        let (last, before) = (self.knots[self.knots.len() - 1], self.knots[self.knots.len() - 2]);
        let beyond = |a: (u64, f64), b: (u64, f64)| {
            (MARGIN * a.0.abs_diff(b.0) as f64 / (a.1 - b.1).abs()) as u64
        };
        (first.0.saturating_sub(beyond(first, second)), last.0.saturating_add(beyond(last, before)))
    }

    /// The stretches drawn as a break.
    pub fn breaks(&self) -> impl Iterator<Item = (u64, u64)> {
        self.breaks.iter().copied()
    }

    /// Whether a span lies within a break.
    pub fn is_in_break(&self, from: u64, to: u64) -> bool {
        self.breaks.iter().any(|gap| gap.0 <= from && to <= gap.1)
    }

    /// Whether equal times have equal widths all over.
    pub fn is_linear(&self) -> bool {
        self.linear
    }
}

/// How far the scale goes on beyond its spans.
const MARGIN: f64 = 40.0;

/// Every step gets its least width, and the rest is shared by length.
fn share_out(steps: &[(u64, u64)], least: &[f64], room: f64) -> Vec<f64> {
    let total: f64 = steps.iter().map(|step| (step.1 - step.0) as f64).sum();
    let proportional: Vec<f64> =
        steps.iter().map(|step| (step.1 - step.0) as f64 / total * room).collect();
    if proportional.iter().zip(least).all(|(width, least)| width >= least) {
        return proportional;
    }
    let needed: f64 = least.iter().sum();
    if needed >= room {
        return least.iter().map(|width| width * room / needed).collect();
    }
    let wish: Vec<f64> =
        proportional.iter().zip(least).map(|(width, least)| (width - least).max(0.0)).collect();
    let wishes: f64 = wish.iter().sum();
    let spare = room - needed;
    least.iter().zip(&wish).map(|(least, wish)| least + wish / wishes.max(1e-9) * spare).collect()
}

fn is_even(steps: &[(u64, u64)], widths: &[f64]) -> bool {
    let slopes = steps.iter().zip(widths).map(|(step, width)| width / (step.1 - step.0) as f64);
    let (least, most) = slopes.fold((f64::MAX, 0.0_f64), |(a, b), s| (a.min(s), b.max(s)));
    most <= least * 1.5 // below that nobody is misled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_spans_are_drawn_to_scale() {
        let scale = Elastic::new(&[(0, 100, 10.0), (100, 200, 10.0)], 0.0, 1000.0);
        assert!(scale.is_linear());
        assert_eq!((scale.x(0), scale.x(100), scale.x(150)), (0.0, 500.0, 750.0));
        assert_eq!(scale.range(), (0, 208));
    }

    #[test]
    fn a_long_nothing_becomes_a_break_and_order_stays() {
        let second = 1_000_000_000;
        let spans = [(0, 2_000_000, 200.0), (52 * second, 52 * second + 500_000, 200.0)];
        let scale = Elastic::new(&spans, 0.0, 1000.0);
        assert_eq!(scale.breaks().collect::<Vec<_>>(), [(2_000_000, 52 * second)]);
        assert!(!scale.is_linear() && scale.is_in_break(second, 2 * second));
        let places: Vec<f64> = [0, 1_000_000, 2_000_000, second, 52 * second, 53 * second]
            .into_iter()
            .map(|at| scale.x(at))
            .collect();
        assert!(places.is_sorted() && places[5] <= 1_040.0, "{places:?}");
        assert!(places[2] - places[0] >= 200.0, "{places:?}");
    }

    #[test]
    fn a_single_moment_has_a_place() {
        let scale = Elastic::new(&[(5, 5, 100.0)], 0.0, 100.0);
        assert_eq!(format!("{:.1} {:.1}", scale.x(5), scale.x(6)), "0.0 0.1");
    }
}
