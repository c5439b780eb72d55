//! Pipes for splicing, lent from a per-thread list and never more than allowed.

use std::cell::RefCell;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};

use sys::splice::Pipe;

/// How many idle pipes a thread keeps.
const KEPT: usize = 16;

/// Pipes that exist (`PipesUsed` and `PipesFree` together).
static EXISTING: AtomicUsize = AtomicUsize::new(0);
/// Pipes that wait in a thread's list.
static IDLE: AtomicUsize = AtomicUsize::new(0);
/// How many may exist (`maxpipes`).
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
/// The size to ask for (`tune.pipesize`); 0 leaves the system's.
static SIZE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static FREE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A pipe on loan. Dropping it gives it back, or closes it when bytes are left in it.
#[derive(Debug)]
pub struct PipeLease(Option<Pipe>);

/// How many pipes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipeCount {
    /// On loan.
    pub used: usize,
    /// Waiting for a use.
    pub free: usize,
}

/// Sets how many pipes may exist, and their size (0: the system's).
pub fn configure(limit: usize, size: usize) {
    LIMIT.store(limit, Ordering::Relaxed);
    SIZE.store(size, Ordering::Relaxed);
}

/// How many pipes there are now.
pub fn count() -> PipeCount {
    let free = IDLE.load(Ordering::Relaxed);
    PipeCount { used: EXISTING.load(Ordering::Relaxed).saturating_sub(free), free }
}

impl PipeLease {
    /// Borrows a pipe; `None` when as many exist as may, or the system gives none: then bytes are copied.
    pub fn take() -> Option<Self> {
        if let Some(pipe) = FREE.with_borrow_mut(Vec::pop) {
            IDLE.fetch_sub(1, Ordering::Relaxed);
            return Some(Self(Some(pipe)));
        }
        let limit = LIMIT.load(Ordering::Relaxed);
        let more = |n: usize| (n < limit).then_some(n + 1);
        EXISTING.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        let pipe = make().ok();
        if pipe.is_none() {
            EXISTING.fetch_sub(1, Ordering::Relaxed);
        }
        pipe.map(|pipe| Self(Some(pipe)))
    }
}

fn make() -> io::Result<Pipe> {
    let pipe = Pipe::new()?;
    match SIZE.load(Ordering::Relaxed) {
        0 => {}
        // Users have a budget of pipe pages: what is beyond it comes in the usual size.
        size => drop(pipe.resize(size)),
    }
    Ok(pipe)
}

impl Deref for PipeLease {
    type Target = Pipe;
    fn deref(&self) -> &Pipe {
        self.0.as_ref().expect("invariant: a lease holds its pipe until it is dropped")
    }
}

impl DerefMut for PipeLease {
    fn deref_mut(&mut self) -> &mut Pipe {
        self.0.as_mut().expect("invariant: a lease holds its pipe until it is dropped")
    }
}

impl Drop for PipeLease {
    fn drop(&mut self) {
        let Some(pipe) = self.0.take() else { return };
        // During thread shutdown the list may be gone; the pipe then closes.
        let kept = pipe.held() == 0
            && FREE
                .try_with(|free| match free.try_borrow_mut() {
                    Ok(mut free) if free.len() < KEPT => {
                        free.push(pipe);
                        true
                    }
                    _ => false,
                })
                .unwrap_or(false);
        if kept {
            IDLE.fetch_add(1, Ordering::Relaxed);
        } else {
            EXISTING.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use sys::socket::{More, send, socket_pair};

    use super::*;

    /// One test, since the counters belong to the process.
    #[test]
    fn pipes_are_lent_counted_and_limited() {
        configure(2, 1 << 16);
        let (one, two) = (PipeLease::take().unwrap(), PipeLease::take().unwrap());
        assert!(PipeLease::take().is_none());
        assert_eq!(count(), PipeCount { used: 2, free: 0 });
        drop(one);
        assert_eq!(count(), PipeCount { used: 1, free: 1 });
        let mut again = PipeLease::take().unwrap();
        let (a, b) = socket_pair().unwrap();
        send(a.as_fd(), b"left over", More::No).unwrap();
        again.fill(b.as_fd(), 9).unwrap();
        drop((again, two));
        assert_eq!(count(), PipeCount { used: 0, free: 1 }, "a pipe with bytes in it is not lent again");
    }
}
