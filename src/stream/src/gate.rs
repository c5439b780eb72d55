//! Limits on concurrent connections: those that do not fit wait in the system's backlog.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// So many may be inside at once. 0 is no limit.
#[derive(Debug, Default)]
pub struct Gate {
    limit: AtomicU64,
    inside: AtomicU64,
    /// How many wakers there are, so that leaving takes no lock while nobody waits.
    waiting: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
}

impl Gate {
    /// A gate with a limit, 0 for none.
    pub fn new(limit: u64) -> Self {
        Self { limit: AtomicU64::new(limit), ..Self::default() }
    }

    /// The limit, 0 for none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Changes the limit. Those who are inside stay.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::SeqCst);
        self.wake();
    }

    /// How many are inside.
    pub fn inside(&self) -> u64 {
        self.inside.load(Ordering::Relaxed)
    }

    /// Enters; whoever gets in must leave.
    pub(crate) fn poll_enter(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.try_enter() {
            return Poll::Ready(());
        }
        self.wait(cx.waker());
        // One who left between the two did not see the waker.
        if self.try_enter() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn try_enter(&self) -> bool {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst);
        let limit = self.limit.load(Ordering::SeqCst);
        if limit == 0 || inside < limit {
            return true;
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        false
    }

    /// Makes room.
    pub(crate) fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.wake();
        }
    }

    fn wait(&self, waker: &Waker) {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        self.waiting.store(wakers.len(), Ordering::SeqCst);
    }

    fn wake(&self) {
        let woken = {
            let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            self.waiting.store(0, Ordering::SeqCst);
            std::mem::take(&mut *wakers)
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Bell(AtomicBool);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_does_not_fit_waits_until_somebody_leaves() {
        let gate = Gate::new(1);
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(gate.poll_enter(&mut cx).is_ready());
        assert!(gate.poll_enter(&mut cx).is_pending());
        assert_eq!(gate.inside(), 1);
        assert!(!bell.0.load(Ordering::SeqCst));
        gate.leave();
        assert!(bell.0.load(Ordering::SeqCst));
        assert!(gate.poll_enter(&mut cx).is_ready());
    }

    #[test]
    fn a_wider_gate_lets_in_who_waits() {
        let gate = Gate::new(1);
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(gate.poll_enter(&mut cx).is_ready());
        assert!(gate.poll_enter(&mut cx).is_pending());
        gate.set_limit(0);
        assert!(bell.0.load(Ordering::SeqCst));
        assert!(gate.poll_enter(&mut cx).is_ready() && gate.poll_enter(&mut cx).is_ready());
    }

    #[test]
    fn threads_never_exceed_the_limit_nor_lose_a_wake_up() {
        let (gate, peak) = (Gate::new(3), AtomicU64::new(0));
        let within = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(async {
                        for _ in 0..500 {
                            std::future::poll_fn(|cx| gate.poll_enter(cx)).await;
                            peak.fetch_max(within.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            within.fetch_sub(1, Ordering::SeqCst);
                            gate.leave();
                        }
                    });
                });
            }
        });
        assert_eq!(gate.inside(), 0);
        assert!(peak.load(Ordering::SeqCst) <= 3);
    }
}
