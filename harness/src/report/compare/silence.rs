//! How long nobody was served, strike by strike: a row for each system, a dot for each strike, on a
//! log scale, so that an election and an operator fit on one picture.
//! It never averages: the median is marked, and every strike is seen.

use std::fmt::Write as _;

use super::super::pictures::Drawing;
use super::{Row, millis};
use crate::draw::svg::{RIGHT, Svg, WIDTH, num};

/// Room for `consensus-from-log`, the longest name.
const LEFT: f64 = 132.0;

/// Height of a row: a dot, and air for the labels.
const ROW: f64 = 30.0;

/// Below this, in ms, nobody notices: whatever is shorter stands at the left end.
const LEAST_MS: f64 = 10.0;

/// Draws all rows. None: nothing struck anywhere.
pub fn draw<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<Drawing> {
    let rows: Vec<&Row> = rows.filter(|row| !row.silent_ms.is_empty()).collect();
    let worst = rows.iter().filter_map(|row| row.silent_ms.last()).fold(0.0, |a, b| b.max(a));
    if rows.is_empty() {
        return None;
    }
    let low = LEAST_MS.log10();
    let high = worst.max(1_000.0).log10() + 0.15; // room for the label of the slowest
    let x = |ms: f64| {
        let share = (ms.max(LEAST_MS).log10() - low) / (high - low);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    };
    let (top, bottom) = (8.0, 8.0 + rows.len() as f64 * ROW);
    let mut svg = Svg::default();
    for (ms, name) in TICKS.iter().filter(|(ms, _)| ms.log10() <= high) {
        svg.line((x(*ms), top), (x(*ms), bottom), "hair");
        svg.text((x(*ms), bottom + 14.0), "tick mid", name);
    }
    svg.line((LEFT, bottom), (WIDTH - RIGHT, bottom), "base");
    for (place, row) in rows.iter().enumerate() {
        let y = top + (place as f64 + 0.62) * ROW;
        svg.text((LEFT - 8.0, y + 4.0), "name end", &row.system);
        let mut dots = String::new();
        for ms in &row.silent_ms {
            let _ = write!(dots, "M{} {}h0", num(x(*ms)), num(y));
        }
        let (median, worst) = row.silence().expect("something struck");
        let said = format!("{}: median {}, worst {}", row.system, millis(median), millis(worst));
        svg.path(&dots, "dot silence", &said);
        let (from, to) = (num(y - 9.0), num(y + 9.0));
        svg.path(&format!("M{} {from}V{to}", num(x(median))), "quantile p50", "");
        svg.text((x(median), y - 11.0), "tick mid", &millis(median));
    }
    let note =
        "Each dot is a strike: the longest time without an acknowledgement that it touched. \
                The mark is the median."
            .to_owned();
    Some(Drawing { svg: svg.finish(bottom + 22.0, "chart", "Silence round each strike"), note })
}

const TICKS: &[(f64, &str)] = &[
    (10.0, "10 ms"),
    (30.0, "30 ms"),
    (100.0, "100 ms"),
    (300.0, "300 ms"),
    (1_000.0, "1 s"),
    (3_000.0, "3 s"),
    (10_000.0, "10 s"),
    (30_000.0, "30 s"),
    (100_000.0, "100 s"),
];

#[cfg(test)]
mod tests {
    use super::super::tests::row;
    use super::*;

    #[test]
    fn every_strike_of_every_system_is_a_dot_in_its_place() {
        let rows = [row("raft", &[180.0, 200.0, 9_000.0]), row("quiet", &[]), row("zab", &[1.0])];
        let svg = draw(rows.iter()).expect("something struck").svg;
        assert!(svg.contains("raft: median 200 ms, worst 9.0 s") && svg.contains("zab"), "{svg}");
        assert!(!svg.contains("quiet"), "nothing struck there");
        assert_eq!(svg.matches("h0").count(), 4, "{svg}");
        assert!(svg.contains(&format!("M{} ", num(LEFT))), "1 ms stands at the left end");
        assert!(svg.contains(">3 s<") && !svg.contains(">30 s<"), "ticks up to the worst");
        assert_eq!(draw([row("quiet", &[])].iter()), None);
    }
}
