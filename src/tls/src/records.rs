//! How much content stands in a record at most (`tune.ssl.hard-maxrecord`, `tune.ssl.maxrecord`): a peer can read
//! nothing of a record before all of it has come.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What a process wants of all records, and of those that are not sent in a hurry; 0 for no limit.
#[derive(Debug)]
pub(crate) struct Records {
    all: AtomicUsize,
    slow: AtomicUsize,
}

/// Those of this process.
pub(crate) static RECORDS: Records = Records::new();

/// More than this is sent at once only where much more follows.
const FAST: usize = 16 * 1024;

impl Records {
    const fn new() -> Self {
        Self { all: AtomicUsize::new(0), slow: AtomicUsize::new(0) }
    }

    /// Says what is wanted from now on.
    pub(crate) fn settle(&self, all: usize, slow: usize) {
        self.all.store(all, Ordering::Relaxed);
        self.slow.store(slow, Ordering::Relaxed);
    }

    /// How much of so much content belongs into one record.
    pub(crate) fn limit(&self, content: usize) -> usize {
        let slow = if content <= FAST { self.slow.load(Ordering::Relaxed) } else { 0 };
        let limits = [self.all.load(Ordering::Relaxed), slow];
        limits.into_iter().filter(|limit| *limit > 0).min().unwrap_or(content).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_limit_counts_and_only_slow_content_has_both() {
        let records = Records::new();
        assert_eq!((records.limit(0), records.limit(100_000)), (1, 100_000));
        records.settle(0, 1400);
        assert_eq!((records.limit(5000), records.limit(100_000)), (1400, 100_000));
        records.settle(4000, 1400);
        assert_eq!((records.limit(5000), records.limit(100_000)), (1400, 4000));
        records.settle(1000, 1400);
        assert_eq!(records.limit(5000), 1000);
    }
}
