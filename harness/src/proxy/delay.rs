//! How long a segment is delayed: drawn from the link's own seeded stream.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::action::{Delay, Distribution};

/// Pareto's shape: 3 has a finite variance, and one segment in a thousand waits ten times the
/// jitter.
const PARETO_SHAPE: f64 = 3.0;
/// No tail is longer than this: past it a delay would be a partition in disguise.
const DELAY_SECONDS_MAX: f64 = 60.0;

pub fn draw(delay: &Delay, random: &mut impl Rng) -> Duration {
    let mean = delay.delay.as_secs_f64();
    let jitter = delay.jitter.as_secs_f64();
    let seconds = match delay.distribution {
        Distribution::Fixed => mean,
        Distribution::Uniform => mean + jitter * (2.0 * random.random::<f64>() - 1.0),
        Distribution::Normal => mean + jitter * standard_normal(random),
        Distribution::Exponential => -mean * open_unit(random).ln(),
        Distribution::Pareto => mean + jitter * (open_unit(random).powf(-1.0 / PARETO_SHAPE) - 1.0),
    };
    Duration::from_secs_f64(seconds.clamp(0.0, DELAY_SECONDS_MAX))
}

/// In (0, 1]: its logarithm is finite.
fn open_unit(random: &mut impl Rng) -> f64 {
    1.0 - random.random::<f64>()
}

/// Box and Muller's transform, of which one of the two results is enough here.
fn standard_normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * open_unit(random).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// (smallest, mean, largest) of many draws with delay 100 ms and jitter 20 ms, in ms.
    fn sample(distribution: Distribution) -> (f64, f64, f64) {
        let [delay, jitter] = [100, 20].map(Duration::from_millis);
        let delay = Delay { delay, jitter, distribution };
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<f64> =
            (0..20_000).map(|_| draw(&delay, &mut random).as_secs_f64() * 1e3).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        (
            draws.iter().copied().fold(f64::MAX, f64::min),
            mean,
            draws.into_iter().fold(0.0, f64::max),
        )
    }

    #[test]
    fn each_distribution_has_its_mean_and_range() {
        use Distribution::{Exponential, Fixed, Normal, Pareto, Uniform};
        // Pareto: delay + jitter * (mean of the standard one, 1.5, less 1).
        let cases = [
            (Fixed, 100.0..=100.0, 100.0, 100.0..=100.0),
            (Uniform, 80.0..=80.1, 100.0, 119.9..=120.0),
            (Normal, 0.0..=40.0, 100.0, 160.0..=220.0),
            (Exponential, 0.0..=0.1, 100.0, 700.0..=2_500.0),
            (Pareto, 100.0..=100.1, 110.0, 400.0..=4_000.0),
        ];
        for (distribution, smallest, mean, largest) in cases {
            let (low, middle, high) = sample(distribution);
            assert!(smallest.contains(&low), "{distribution:?}: smallest {low}");
            assert!((middle - mean).abs() < 2.0, "{distribution:?}: mean {middle}");
            assert!(largest.contains(&high), "{distribution:?}: largest {high}");
        }
    }

    #[test]
    fn jitter_larger_than_the_delay_never_goes_back_in_time() {
        let [delay, jitter] = [1, 50].map(Duration::from_millis);
        let mut random = ChaCha8Rng::seed_from_u64(2);
        for distribution in [Distribution::Uniform, Distribution::Normal] {
            let delay = Delay { delay, jitter, distribution };
            let zeros = (0..1_000).filter(|_| draw(&delay, &mut random).is_zero()).count();
            assert!((300..700).contains(&zeros), "about half the draws are cut off: {zeros}");
        }
    }
}
