//! The slots of one server.

use base::counter::Counter;

use crate::sync::{AtomicU64, Ordering};

/// The streams that a server serves, and those that wait for it alone.
#[derive(Debug)]
pub struct Slots {
    served: AtomicU64,
    waiting: AtomicU64,
    /// The most that ever waited at once.
    pub waiting_max: Counter,
}

impl Default for Slots {
    fn default() -> Self {
        Self { served: AtomicU64::new(0), waiting: AtomicU64::new(0), waiting_max: Counter::default() }
    }
}

impl Slots {
    /// Streams that hold a slot.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Streams that wait for this server alone.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Lets the maximum start anew.
    pub fn clear_maximum(&self) {
        self.waiting_max.set(self.waiting());
    }

    /// Takes a slot if there is one; 0 is no limit.
    pub(crate) fn take(&self, limit: u64) -> bool {
        if limit == 0 {
            self.served.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let mut served = self.served.load(Ordering::Relaxed);
        while served < limit {
            match self.served.compare_exchange(served, served + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => served = now,
            }
        }
        false
    }

    pub(crate) fn give_back(&self) {
        self.served.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn join(&self) {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting_max.raise(waiting);
    }

    pub(crate) fn part(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
