//! How long a check took: the one place that looks at the clock. It never decides anything.
#![allow(clippy::disallowed_methods)] // the reported time of a check is not part of its verdict

use std::time::{Duration, Instant};

/// Runs `work` and says how long it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}
