//! When checks are made, so that they do not all come at once.

use std::time::Duration;

use config::Setting;

/// What `global` says of the times of checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// `spread-checks`: by how much an interval may differ, in percent.
    pub percent: u32,
    /// `max-spread-checks`: the longest time between the first check of the first server and that of the last.
    pub longest: Option<Duration>,
}

impl Setting for Spread {}

/// Intervals below this do not say how far the beginnings are apart.
const THRESHOLD: Duration = Duration::from_secs(1);

/// A number between 0 and one less than `below`.
fn chance(below: u64) -> u64 {
    let bytes = sys::random::bytes::<8>().unwrap_or_default();
    u64::from_ne_bytes(bytes) % below.max(1)
}

impl Spread {
    /// An interval, as it is this time.
    pub(crate) fn vary(&self, interval: Duration) -> Duration {
        let most = interval.as_micros() as u64 * u64::from(self.percent) / 100;
        if most == 0 {
            return interval;
        }
        let by = Duration::from_micros(chance(2 * most + 1));
        (interval + by).saturating_sub(Duration::from_micros(most))
    }

    /// When each of these intervals begins for the first time.
    pub fn starts(&self, intervals: &[Duration]) -> Vec<Duration> {
        let least = intervals.iter().filter(|i| **i >= THRESHOLD).min().copied().unwrap_or_default();
        let count = intervals.len() as u32;
        let start = |(place, interval): (usize, &Duration)| {
            let all = (*interval).max(least);
            self.longest.map_or(all, |longest| all.min(longest)) * place as u32 / count
        };
        intervals.iter().enumerate().map(start).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn beginnings_are_apart() {
        let spread = Spread::default();
        assert_eq!(spread.starts(&[seconds(2), seconds(2)]), [seconds(0), seconds(1)]);
        let short = Spread { longest: Some(seconds(4)), ..Spread::default() };
        assert_eq!(short.starts(&[seconds(100), seconds(100)]), [seconds(0), seconds(2)]);
        assert!(spread.starts(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn intervals_stay_within_their_bounds(percent in 0u32..=50, millis in 1u64..100_000) {
            let spread = Spread { percent, longest: None };
            let got = spread.vary(Duration::from_millis(millis)).as_micros() as u64;
            let by = millis * 1000 * u64::from(percent) / 100;
            prop_assert!((millis * 1000 - by..=millis * 1000 + by).contains(&got));
        }
    }
}
