//! How often a peer may change its keys (`tune.ssl.keyupdate-rate-limit`): new ones cost more to make than to ask for.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use base::clock::{Clock, Tick};

/// What a process takes of each peer in a second; 0 for no limit.
#[derive(Debug)]
pub(crate) struct Limit(AtomicU32);

/// The one of this process.
pub(crate) static LIMIT: Limit = Limit::new(USUAL);

/// What is taken unless a configuration says otherwise.
pub(crate) const USUAL: u32 = 100;

/// How often one peer has changed its keys: a bucket that holds what is taken in a second, and leaks as much.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    level: u64,
    /// When something leaked, in milliseconds. Only whole updates do.
    leaked: u64,
}

impl Limit {
    const fn new(limit: u32) -> Self {
        Self(AtomicU32::new(limit))
    }

    /// Says what is taken from now on.
    pub(crate) fn settle(&self, limit: u32) {
        self.0.store(limit, Ordering::Relaxed);
    }

    /// Whether so many more are too many.
    pub(crate) fn is_passed_by(&self, updates: &mut Updates, more: u32) -> bool {
        self.is_passed_at(now(), updates, more)
    }

    fn is_passed_at(&self, now: Tick, updates: &mut Updates, more: u32) -> bool {
        let limit = u64::from(self.0.load(Ordering::Relaxed));
        let now = now.0 / 1000;
        let leak = now.saturating_sub(updates.leaked).saturating_mul(limit) / 1000;
        if leak > 0 {
            updates.leaked = now;
        }
        updates.level = updates.level.saturating_sub(leak) + u64::from(more);
        limit > 0 && updates.level > limit
    }
}

fn now() -> Tick {
    // A session may go on on another thread.
    static CLOCK: LazyLock<Clock> = LazyLock::new(Clock::system);
    CLOCK.now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes so many milliseconds after what was before, and whether it passes a limit of 5.
    fn check(steps: &[(u64, u32, bool)]) {
        let (limit, mut updates, mut now) = (Limit::new(5), Updates::default(), 70_000);
        for (at, (pause, more, passes)) in steps.iter().enumerate() {
            now += pause;
            assert_eq!(limit.is_passed_at(Tick(now * 1000), &mut updates, *more), *passes, "{at}: {steps:?}");
        }
    }

    #[test]
    fn who_changes_keys_too_often_in_a_second_passes_the_limit() {
        check(&[(0, 5, false), (0, 1, true)]);
        check(&[(0, 5, false), (199, 1, true)]);
        check(&[(0, 5, false), (200, 1, false), (199, 1, true)]);
        check(&[(0, 5, false), (600, 3, false), (600, 4, true)]);
        check(&[(0, 5, false), (5000, 5, false), (0, 1, true)]);
    }

    #[test]
    fn no_part_of_an_update_leaks() {
        // Of the 350 milliseconds, 150 are lost.
        check(&[(0, 5, false), (350, 1, false), (60, 1, true)]);
        check(&[(0, 5, false), (100, 0, false), (100, 1, false)]);
    }

    #[test]
    fn no_limit_is_never_passed() {
        let (limit, mut updates) = (Limit::new(0), Updates::default());
        assert!(!limit.is_passed_at(Tick(1), &mut updates, 1000));
    }
}
