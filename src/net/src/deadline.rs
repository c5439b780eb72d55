//! The one timer of a connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use base::clock::{Clock, Tick};
use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that is moved at every event and rarely met.
///
/// Moving it later costs a store: the runtime's timer stays where it is, and is armed anew only when
/// it fires before its time. Moving it earlier than the timer arms it at the next poll.
#[derive(Debug)]
pub struct Deadline {
    clock: Clock,
    due: Tick,
    /// When the runtime's timer fires; `Tick::NEVER` while there is none.
    armed: Tick,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// A deadline that never comes, on this clock. With a manual clock nothing wakes the task; a test
    /// moves the clock and polls.
    pub fn new(clock: Clock) -> Self {
        Self { clock, due: Tick::NEVER, armed: Tick::NEVER, timer: None }
    }

    /// Moves the deadline; `Tick::NEVER` lifts it. It takes effect at the next poll.
    #[inline]
    pub fn set(&mut self, due: Tick) {
        self.due = due;
    }

    /// When it comes.
    pub fn due(&self) -> Tick {
        self.due
    }

    /// Whether it has come.
    pub fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.due.is_set() {
            return Poll::Pending;
        }
        loop {
            if !self.armed.is_set() || self.due < self.armed {
                if self.clock.now() >= self.due {
                    return Poll::Ready(());
                }
                if !self.arm() {
                    return Poll::Pending;
                }
            }
            let Some(timer) = self.timer.as_mut() else { return Poll::Pending };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.armed = Tick::NEVER;
        }
    }

    /// Sets the runtime's timer to the deadline, unless the clock is a manual one.
    fn arm(&mut self) -> bool {
        let Some(at) = self.clock.instant_of(self.due) else { return false };
        let at = Instant::from_std(at);
        match self.timer.as_mut() {
            Some(timer) => timer.as_mut().reset(at),
            None => self.timer = Some(Box::pin(sleep_until(at))),
        }
        self.armed = self.due;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;
    use std::time::Duration;

    use base::clock::WallTime;

    use super::*;

    fn poll(d: &mut Deadline) -> Poll<()> {
        d.poll_expired(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn it_follows_a_manual_clock() {
        let clock = Clock::manual(WallTime(0));
        let mut d = Deadline::new(clock.clone());
        assert!(poll(&mut d).is_pending());
        d.set(clock.now() + Duration::from_secs(5));
        assert!(poll(&mut d).is_pending());
        clock.advance(Duration::from_secs(5));
        assert!(poll(&mut d).is_ready());
        d.set(clock.now() + Duration::from_secs(1));
        assert!(poll(&mut d).is_pending());
        d.set(Tick::NEVER);
        clock.advance(Duration::from_secs(9));
        assert!(poll(&mut d).is_pending());
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[test]
    fn the_timer_is_armed_anew_when_it_fires_early() {
        runtime().block_on(async {
            let clock = Clock::system();
            let mut d = Deadline::new(clock.clone());
            let first = clock.now() + Duration::from_millis(2);
            d.set(first);
            assert!(poll(&mut d).is_pending());
            let later = first + Duration::from_millis(8);
            d.set(later);
            assert_eq!(d.armed, first, "moving it later must not touch the timer");
            poll_fn(|cx| d.poll_expired(cx)).await;
            assert!(clock.now() >= later);
        });
    }

    #[test]
    fn an_earlier_deadline_takes_over() {
        runtime().block_on(async {
            let clock = Clock::system();
            let mut d = Deadline::new(clock.clone());
            d.set(clock.now() + Duration::from_hours(1));
            assert!(poll(&mut d).is_pending());
            d.set(clock.now() + Duration::from_millis(1));
            poll_fn(|cx| d.poll_expired(cx)).await;
        });
    }
}
