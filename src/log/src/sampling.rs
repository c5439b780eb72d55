//! `sample`: which of the messages go to a logger.

use std::sync::atomic::{AtomicU64, Ordering};

/// Ranges of positions within a period.
#[derive(Debug)]
pub(crate) struct Sampling {
    /// First and last position, from 1, sorted.
    ranges: Vec<(u64, u64)>,
    period: u64,
    next: AtomicU64,
}

impl Sampling {
    /// Reads `<ranges>:<size>`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((ranges, size)) = text.split_once(':') else { return Err("missing sample size".into()) };
        let mut list = Vec::new();
        for range in ranges.split(',') {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            match (position(low), position(high)) {
                (Some(low), Some(high)) if low <= high => list.push((low, high)),
                _ => return Err(format!("wrong sample range '{range}'")),
            }
        }
        list.sort_unstable();
        if list.windows(2).any(|pair| pair[0].1 >= pair[1].0) {
            return Err("ranges are overlapping".into());
        }
        let period = position(size)
            .ok_or_else(|| format!("wrong sample size '{size}' for sample range '{ranges}'"))?;
        match list.last() {
            Some((_, highest)) if *highest > period => Err(format!(
                "sample size {period} should be greater or equal to {highest} the maximum of the high ranges limits"
            )),
            _ => Ok(Self { ranges: list, period, next: AtomicU64::new(0) }),
        }
    }

    /// Counts a message; whether it is one of the sample.
    pub(crate) fn admits(&self) -> bool {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.period + 1;
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&at))
    }
}

fn position(text: &str) -> Option<u64> {
    text.parse().ok().filter(|n| (1..=u64::from(u32::MAX)).contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_within_the_period_are_admitted() {
        let sampling = Sampling::parse("4,1-2:5").unwrap();
        let admitted: Vec<bool> = (0..10).map(|_| sampling.admits()).collect();
        let one = [true, true, false, true, false];
        assert_eq!(admitted, [one, one].concat());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("1-2", "missing sample size"),
            ("a:4", "wrong sample range 'a'"),
            ("0:4", "wrong sample range '0'"),
            ("3-1:4", "wrong sample range '3-1'"),
            ("1,,2:3", "wrong sample range ''"),
            ("1-3,2:4", "ranges are overlapping"),
            ("1:0", "wrong sample size '0' for sample range '1'"),
            ("1:2x", "wrong sample size '2x' for sample range '1'"),
            ("5:4", "sample size 4 should be greater or equal to 5 the maximum of the high ranges limits"),
        ] {
            assert_eq!(Sampling::parse(text).unwrap_err(), expected, "{text}");
        }
    }
}
