//! Relaxed counters: they never order anything, they only add up.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// An event counter shared by all threads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more event.
    pub fn inc(&self) {
        self.add(1);
    }

    /// `n` more events (or bytes).
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Raises the counter to `value` if it is lower (for maxima).
    pub fn raise(&self, value: u64) {
        if self.get() < value {
            self.0.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// The current value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the value (for `clear counters` and restored ones).
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// A number of things that exist now, shared by all threads.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// One more; returns the new number.
    pub fn inc(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1).max(0) as u64
    }

    /// One less; returns the new number.
    pub fn dec(&self) -> u64 {
        self.0.fetch_sub(1, Ordering::Relaxed).saturating_sub(1).max(0) as u64
    }

    /// One more, unless there are already `limit` (0: no limit); tells whether it was taken.
    #[must_use]
    pub fn try_inc(&self, limit: u64) -> Option<u64> {
        if limit == 0 {
            return Some(self.inc());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1))
            .ok()
            .map(|n| (n + 1).max(0) as u64)
    }

    /// The current number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed).max(0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_stops_at_its_limit() {
        let g = Gauge::default();
        assert_eq!(g.try_inc(2), Some(1));
        assert_eq!(g.try_inc(2), Some(2));
        assert_eq!(g.try_inc(2), None);
        assert_eq!(g.dec(), 1);
        assert_eq!(g.try_inc(2), Some(2));
        assert_eq!(g.try_inc(0), Some(3));
    }

    #[test]
    fn a_counter_raises_only_upwards() {
        let c = Counter::default();
        c.raise(5);
        c.raise(3);
        assert_eq!(c.get(), 5);
    }
}
