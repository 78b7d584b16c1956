//! Times in, figures out. Pure.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How many came to their end in a minute, from the beginning to the last of the ends.
pub(super) fn a_minute(
    count: usize,
    began: Instant,
    ends: impl Iterator<Item = Instant>,
) -> Result<f64> {
    let took = ends.max().context("none has ended")?.duration_since(began);
    Ok(f64::from(u32::try_from(count)?) * 60.0 / took.as_secs_f64())
}

/// The seconds that 99 in 100 stay within.
pub(super) fn percentile_99(mut times: Vec<Duration>) -> Result<f64> {
    times.sort_unstable();
    let rank = (times.len() * 99).div_ceil(100);
    let time = times.get(rank.saturating_sub(1)).context("nothing was measured")?;
    Ok(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_may_take_longer() {
        let seconds = |count: u64| (1..=count).map(Duration::from_secs).collect::<Vec<_>>();
        assert!((percentile_99(seconds(100)).unwrap() - 99.0).abs() < 1e-9);
        assert!((percentile_99(seconds(10)).unwrap() - 10.0).abs() < 1e-9);
        assert!(percentile_99(Vec::new()).is_err());
    }

    #[test]
    fn a_rate_counts_to_the_last_end() {
        let began = Instant::now();
        let ends = [30, 10, 20].map(|second| began + Duration::from_secs(second));
        assert!((a_minute(3, began, ends.into_iter()).unwrap() - 6.0).abs() < 1e-9);
    }
}
