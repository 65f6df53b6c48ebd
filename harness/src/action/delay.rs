//! How slow a link is.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A delay per segment, in order, per direction.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delay {
    /// The fixed part, or the mean of the distribution.
    pub delay: Duration,
    /// The spread.
    pub jitter: Duration,
    /// How the spread is drawn.
    pub distribution: Distribution,
}

/// How a delay is drawn from (delay, jitter).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Always `delay`.
    Fixed,
    /// `delay` plus or minus up to `jitter`, evenly.
    #[default]
    Uniform,
    /// Normal with mean `delay` and standard deviation `jitter`, cut off at 0.
    Normal,
    /// Exponential with mean `delay`; `jitter` is not used.
    Exponential,
    /// Pareto with minimum `delay` and shape 3, scaled by `jitter`.
    Pareto,
}
