//! Limits that the runtime API changes while traffic flows.

use std::sync::atomic::{AtomicU64, Ordering};

/// One limit; 0 is none.
#[derive(Debug, Default)]
pub struct Limit(AtomicU64);

impl Limit {
    /// A limit.
    pub const fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Changes it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// The limits of the process.
#[derive(Debug, Default)]
pub struct ProcessLimits {
    /// Client connections (`maxconn`).
    pub maxconn: Limit,
    /// What `maxconn` was at first, and the most that it may become.
    pub hard_maxconn: Limit,
    /// Connections a second (`maxconnrate`).
    pub connection_rate: Limit,
    /// Sessions a second (`maxsessrate`).
    pub session_rate: Limit,
}

/// `maxconn` was given a value beyond the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeyondHardLimit;

impl ProcessLimits {
    /// Sets the `maxconn` that the process starts with.
    pub fn begin_maxconn(&self, value: u64) {
        self.hard_maxconn.set(value);
        self.maxconn.set(value);
    }

    /// Changes `maxconn`; 0 stands for the first value.
    ///
    /// # Errors
    /// When it exceeds the first value.
    pub fn change_maxconn(&self, value: u64) -> Result<(), BeyondHardLimit> {
        let hard = self.hard_maxconn.get();
        match value {
            0 => self.maxconn.set(hard),
            value if hard > 0 && value > hard => return Err(BeyondHardLimit),
            value => self.maxconn.set(value),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maxconn_stays_under_what_it_was_at_first() {
        let limits = ProcessLimits::default();
        limits.begin_maxconn(500);
        assert_eq!((limits.change_maxconn(100), limits.maxconn.get()), (Ok(()), 100));
        assert_eq!((limits.change_maxconn(501), limits.maxconn.get()), (Err(BeyondHardLimit), 100));
        assert_eq!((limits.change_maxconn(0), limits.maxconn.get()), (Ok(()), 500));
    }
}
