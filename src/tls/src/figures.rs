//! Figures of the whole process.

use std::sync::atomic::{AtomicU64, Ordering};

/// Sessions now, and sessions that others have begun with and that were looked for.
#[derive(Debug)]
pub struct Figures {
    current: AtomicU64,
    total: AtomicU64,
    lookups: AtomicU64,
    misses: AtomicU64,
}

static FIGURES: Figures = Figures {
    current: AtomicU64::new(0),
    total: AtomicU64::new(0),
    lookups: AtomicU64::new(0),
    misses: AtomicU64::new(0),
};

/// The figures of this process.
pub fn figures() -> &'static Figures {
    &FIGURES
}

impl Figures {
    /// Sessions on both sides now.
    pub fn current(&self) -> u64 {
        self.current.load(Ordering::Relaxed)
    }

    /// Sessions on both sides so far.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// How often a client's earlier session was looked for.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::Relaxed)
    }

    /// How often it was not found.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    pub(crate) fn looked_up<T>(&self, found: Option<&T>) {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        if found.is_none() {
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One session that is counted as long as it exists.
#[derive(Debug)]
pub(crate) struct Counted;

impl Counted {
    pub(crate) fn new() -> Self {
        FIGURES.current.fetch_add(1, Ordering::Relaxed);
        FIGURES.total.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        FIGURES.current.fetch_sub(1, Ordering::Relaxed);
    }
}
