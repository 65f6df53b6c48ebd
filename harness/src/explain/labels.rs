//! Where a label goes: of the places it could have, the first where it covers no other words.
//! It never moves what is already placed, and never leaves a label out.

use crate::draw::svg::CHAR_WIDTH;

/// The height of a line of 11 px text, less the air that neighbours may share.
const HEIGHT: f64 = 10.0;

/// The words placed so far, each as left, top, right, bottom.
#[derive(Default)]
pub struct Labels(Vec<[f64; 4]>);

impl Labels {
    /// These words begin here; `y` is their baseline.
    pub fn taken(&mut self, (x, y): (f64, f64), text: &str) {
        self.0.push([x, y - HEIGHT, x + width(text), y]);
    }

    /// Where to centre the text: the first of the places that is free, or if none is, the first.
    pub fn place(&mut self, places: &[(f64, f64)], text: &str) -> (f64, f64) {
        let left = |x: f64| x - width(text) / 2.0;
        let free = |(x, y): &&(f64, f64)| {
            let [l, t, r, b] = [left(*x), y - HEIGHT, left(*x) + width(text), *y];
            self.0.iter().all(|[l2, t2, r2, b2]| r <= *l2 || *r2 <= l || b <= *t2 || *b2 <= t)
        };
        let chosen = *places.iter().find(free).unwrap_or(&places[0]);
        self.taken((left(chosen.0), chosen.1), text);
        chosen
    }
}

fn width(text: &str) -> f64 {
    text.chars().count() as f64 * CHAR_WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_goes_where_it_covers_nothing() {
        let mut labels = Labels::default();
        labels.taken((0.0, 100.0), "words");
        let places = [(20.0, 104.0), (20.0, 120.0), (200.0, 104.0)];
        assert_eq!(labels.place(&places, "ack"), (20.0, 120.0), "the first covers the words");
        assert_eq!(labels.place(&places, "ack"), (200.0, 104.0));
        assert_eq!(labels.place(&places, "ack"), (20.0, 104.0), "all taken: the first");
        assert_eq!(labels.place(&[(20.0, 90.0)], "above"), (20.0, 90.0), "they may touch");
    }
}
