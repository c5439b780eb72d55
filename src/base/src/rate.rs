//! Event rates over a sliding period, shared by all threads.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Tick;

/// Counts events over a sliding period of one second by keeping the current and the previous
/// second's figures, the previous one weighted by the part of it that is still inside the window.
#[derive(Debug, Default)]
pub struct Rate {
    /// The second of the current period in the upper half, its count in the lower.
    current: AtomicU64,
    previous: AtomicU64,
}

const HALF: u32 = 32;
const LOW: u64 = u32::MAX as u64;

impl Rate {
    /// Counts one event; returns the events counted in the current second.
    pub fn hit(&self, now: Tick) -> u32 {
        self.add(now, 1)
    }

    /// Counts `n` events; returns the events counted in the current second.
    pub fn add(&self, now: Tick, n: u32) -> u32 {
        let second = second_of(now);
        let mut seen = self.current.load(Ordering::Relaxed);
        loop {
            let next = if seen >> HALF == second {
                seen.saturating_add(u64::from(n))
            } else {
                (second << HALF) | u64::from(n)
            };
            match self.current.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    if seen >> HALF != second {
                        self.previous.store(seen, Ordering::Relaxed);
                    }
                    return (next & LOW) as u32;
                }
                Err(now_there) => seen = now_there,
            }
        }
    }

    /// Events over the last second.
    pub fn per_second(&self, now: Tick) -> u32 {
        let second = second_of(now);
        let (current, previous) = self.periods(second);
        let remaining = 1_000_000 - now.0 % 1_000_000;
        (current + previous * remaining / 1_000_000) as u32
    }

    /// Milliseconds to wait before one more event fits under `limit` events a second; 0 when it fits now.
    pub fn delay_for(&self, now: Tick, limit: u32) -> u64 {
        if limit == 0 || self.per_second(now) < limit {
            return 0;
        }
        let (current, _) = self.periods(second_of(now));
        if current >= u64::from(limit) {
            return 1000 - now.0 / 1000 % 1000;
        }
        (1000 / u64::from(limit)).max(1)
    }

    /// Events that still fit under `limit` a second.
    pub fn remaining(&self, now: Tick, limit: u32) -> u32 {
        limit.saturating_sub(self.per_second(now))
    }

    fn periods(&self, second: u64) -> (u64, u64) {
        let current = self.current.load(Ordering::Relaxed);
        let previous = self.previous.load(Ordering::Relaxed);
        if current >> HALF == second {
            let p = if (previous >> HALF) + 1 == second { previous & LOW } else { 0 };
            (current & LOW, p)
        } else if (current >> HALF) + 1 == second {
            (0, current & LOW)
        } else {
            (0, 0)
        }
    }
}

fn second_of(now: Tick) -> u64 {
    (now.0 / 1_000_000) & LOW
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    #[test]
    fn the_previous_second_fades_out() {
        let r = Rate::default();
        for _ in 0..10 {
            r.hit(Tick(5 * S));
        }
        assert_eq!(r.per_second(Tick(5 * S + S / 2)), 10);
        assert_eq!(r.per_second(Tick(6 * S)), 10);
        assert_eq!(r.per_second(Tick(6 * S + S / 2)), 5);
        assert_eq!(r.per_second(Tick(7 * S)), 0);
    }

    #[test]
    fn delay_tells_when_the_next_event_fits() {
        let r = Rate::default();
        assert_eq!(r.delay_for(Tick(S), 2), 0);
        r.add(Tick(S), 2);
        assert_eq!(r.delay_for(Tick(S + 400_000), 2), 600);
        assert_eq!(r.remaining(Tick(S), 3), 1);
    }

    #[test]
    fn a_gap_forgets_everything() {
        let r = Rate::default();
        r.add(Tick(S), 100);
        r.hit(Tick(9 * S));
        assert_eq!(r.per_second(Tick(9 * S + 1)), 1);
    }
}
