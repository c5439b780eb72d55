//! How long something has been as it is, and how long it was down in all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::clock::Tick;

/// Whether something carries traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// The times of one server or backend.
#[derive(Debug, Default)]
pub struct Uptime {
    /// The tick of the last change; `Tick::NEVER` for the start of the process.
    since: AtomicU64,
    /// Microseconds of the down times that are over.
    down: AtomicU64,
}

/// Ticks count from here.
const START: Tick = Tick(1_000_000);

impl Uptime {
    /// When it last changed; the start of the process if it never did.
    pub fn since(&self) -> Tick {
        Tick(self.since.load(Ordering::Relaxed)).max(START)
    }

    /// It changes now; `before` tells what it was.
    pub(crate) fn change(&self, before: Running, now: Tick) {
        if before == Running::No {
            let micros = now.since(self.since()).as_micros();
            self.down.fetch_add(u64::try_from(micros).unwrap_or(0), Ordering::Relaxed);
        }
        self.since.store(now.0, Ordering::Relaxed);
    }

    /// How long it was down in all, the present time included.
    pub fn down_time(&self, running: Running, now: Tick) -> Duration {
        let past = Duration::from_micros(self.down.load(Ordering::Relaxed));
        match running {
            Running::Yes => past,
            Running::No => past + now.since(self.since()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_times_add_up() {
        let at = |seconds: u64| Tick(START.0 + seconds * 1_000_000);
        let down = |u: &Uptime, running, now| u.down_time(running, at(now)).as_secs();
        let u = Uptime::default();
        assert_eq!((u.since(), down(&u, Running::Yes, 5)), (START, 0));
        u.change(Running::Yes, at(10));
        assert_eq!((u.since(), down(&u, Running::No, 13)), (at(10), 3));
        u.change(Running::No, at(14));
        assert_eq!(down(&u, Running::Yes, 100), 4);
        u.change(Running::Yes, at(100));
        assert_eq!(down(&u, Running::No, 101), 5);
    }
}
