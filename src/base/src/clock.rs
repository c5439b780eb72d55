//! Time as an argument: a monotonic tick for durations, a wall time for dates, and the handle that gives both.

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point of the monotonic clock, in microseconds since the process started. 0 is "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// A mark for an event that did not happen.
    pub const NEVER: Self = Self(0);

    /// Whether the event happened.
    pub fn is_set(self) -> bool {
        self.0 != 0
    }

    /// The time since `earlier`, zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Whole milliseconds since `earlier`, as timers in logs count them.
    pub fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}

impl Add<Duration> for Tick {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Tick {
    type Output = Duration;
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// A date, in microseconds since the UNIX epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub u64);

impl WallTime {
    /// Whole seconds since the UNIX epoch.
    pub fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Milliseconds within the second.
    pub fn subsec_millis(self) -> u32 {
        (self.0 / 1000 % 1000) as u32
    }

    /// Microseconds within the second.
    pub fn subsec_micros(self) -> u32 {
        (self.0 % 1_000_000) as u32
    }
}

/// The source of time. Cloning it is cheap; a manual one lets tests move time by hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    Manual(Arc<ManualTime>),
}

#[derive(Debug)]
struct ManualTime {
    tick: AtomicU64,
    wall_offset: u64,
}

impl Clock {
    /// The system's clocks; ticks count from now on, starting at one second so that none is `NEVER`.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient clock")]
    pub fn system() -> Self {
        Self(Source::System(Instant::now()))
    }

    /// A clock that stands still until `advance` moves it; its date starts at `wall`.
    pub fn manual(wall: WallTime) -> Self {
        let start = 1_000_000;
        let wall_offset = wall.0.saturating_sub(start);
        Self(Source::Manual(Arc::new(ManualTime { tick: AtomicU64::new(start), wall_offset })))
    }

    /// Moves a manual clock forward; the system's clocks are left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(m) = &self.0 {
            m.tick.fetch_add(u64::try_from(by.as_micros()).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// The monotonic time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient clock")]
    pub fn now(&self) -> Tick {
        match &self.0 {
            Source::System(origin) => Tick(
                1_000_000 + u64::try_from(Instant::now().duration_since(*origin).as_micros()).unwrap_or(0),
            ),
            Source::Manual(m) => Tick(m.tick.load(Ordering::Relaxed)),
        }
    }

    /// The date.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the ambient clock")]
    pub fn wall(&self) -> WallTime {
        match &self.0 {
            Source::System(_) => {
                let d = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                WallTime(u64::try_from(d.as_micros()).unwrap_or(0))
            }
            Source::Manual(m) => WallTime(m.wall_offset + m.tick.load(Ordering::Relaxed)),
        }
    }

    /// The runtime's deadline that corresponds to a tick; `None` for a manual clock.
    pub fn instant_of(&self, tick: Tick) -> Option<Instant> {
        match &self.0 {
            Source::System(origin) => Some(*origin + Duration::from_micros(tick.0.saturating_sub(1_000_000))),
            Source::Manual(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_moves_only_by_hand() {
        let clock = Clock::manual(WallTime(1_700_000_000_000_000));
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_millis(15));
        assert_eq!(clock.now().millis_since(start), 15);
        assert_eq!(clock.wall().subsec_millis(), 15);
    }

    #[test]
    fn system_clock_is_monotonic_and_never_unset() {
        let clock = Clock::system();
        let a = clock.now();
        let b = clock.now();
        assert!(a.is_set() && b >= a);
    }

    #[test]
    fn earlier_minus_later_is_zero() {
        assert_eq!(Tick(5).since(Tick(9)), Duration::ZERO);
    }
}
