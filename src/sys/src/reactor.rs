//! Descriptors in the event loop of a thread.
//!
//! The loop must never hold a descriptor that has been closed. Here the owner of the descriptor and
//! its registration are one value, so that this holds by construction.

use std::cell::OnceCell;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// Owners that always answer with the same, open descriptor.
pub trait Owner: AsFd + sealed::Sealed {}

impl Owner for OwnedFd {}
impl Owner for Arc<OwnedFd> {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for std::os::fd::OwnedFd {}
    impl Sealed for std::sync::Arc<std::os::fd::OwnedFd> {}
}

/// A descriptor that the event loop of the current thread watches from the first wait on.
pub struct Watched<F: Owner = OwnedFd> {
    // Declared before the owner, since it must leave the event loop before the descriptor closes.
    registration: OnceCell<AsyncFd<Number>>,
    owner: F,
    counted: Counted,
}

/// The descriptors that there are to be watched, of all threads.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// How many descriptors the process has open for connections and listeners.
pub fn open_descriptors() -> usize {
    OPEN.load(Ordering::Relaxed)
}

/// Counts one descriptor.
struct Counted;

impl Counted {
    fn new() -> Self {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A direction of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the descriptor.
    Read,
    /// To the descriptor.
    Write,
}

/// The news that a direction may be ready.
pub struct Readiness<'a>(AsyncFdReadyGuard<'a, Number>);

struct Number(RawFd);

impl AsRawFd for Number {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl<F: Owner> Watched<F> {
    /// Takes a non-blocking descriptor; no event loop is needed yet.
    pub fn new(owner: F) -> Self {
        Self { registration: OnceCell::new(), owner, counted: Counted::new() }
    }

    /// Whether an event loop has it.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.registration.get().is_some()
    }

    /// Takes it out of the event loop.
    pub fn unwatch(&mut self) {
        drop(self.registration.take());
    }

    /// Takes it out of the event loop and gives the owner back.
    pub fn into_owner(self) -> F {
        drop(self.registration);
        drop(self.counted);
        self.owner
    }

    /// The owner.
    pub fn owner(&self) -> &F {
        &self.owner
    }

    /// Waits until a direction may be ready; each direction has one waiter.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[inline]
    pub fn poll_ready(&self, cx: &mut Context<'_>, way: Direction) -> Poll<io::Result<Readiness<'_>>> {
        let registration = self.registration()?;
        let ready = match way {
            Direction::Read => registration.poll_read_ready(cx),
            Direction::Write => registration.poll_write_ready(cx),
        };
        ready.map_ok(Readiness)
    }

    /// Makes a call unless it is known to be in vain, and remembers when it was.
    pub fn try_io<R>(&self, way: Direction, mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        let interest = match way {
            Direction::Read => Interest::READABLE,
            Direction::Write => Interest::WRITABLE,
        };
        match self.registration.get() {
            Some(registration) => registration.try_io(interest, |_| call()),
            None => call(),
        }
    }

    #[inline]
    fn registration(&self) -> io::Result<&AsyncFd<Number>> {
        match self.registration.get() {
            Some(registration) => Ok(registration),
            None => self.register(),
        }
    }

    #[cold]
    fn register(&self) -> io::Result<&AsyncFd<Number>> {
        let number = Number(self.owner.as_fd().as_raw_fd());
        let both = Interest::READABLE.add(Interest::WRITABLE);
        // SAFETY: the owner, which nothing replaces and which answers with one open descriptor, is
        // dropped or given away after the registration, and `Number` always tells the same number.
        let registration = unsafe { AsyncFd::register_with_interest(number, both) }?;
        Ok(self.registration.get_or_init(|| registration))
    }
}

impl Readiness<'_> {
    /// The direction turned out not to be ready: wait for the next event.
    #[inline]
    pub fn clear(&mut self) {
        self.0.clear_ready();
    }

    /// Whether the direction has been closed or has failed; that stays so.
    #[inline]
    pub fn is_closed(&self) -> bool {
        let ready = self.0.ready();
        ready.is_write_closed() || ready.is_read_closed()
    }
}

impl<F: Owner> AsFd for Watched<F> {
    #[inline]
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.owner.as_fd()
    }
}

impl<F: Owner> fmt::Debug for Watched<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("fd", &self.owner.as_fd().as_raw_fd())
            .field("watched", &self.is_watched())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::socket::{self, More, socket_pair};

    #[test]
    fn readiness_comes_and_goes() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let (a, b) = socket_pair().unwrap();
            let mut watched = Watched::new(a);
            assert!(!watched.is_watched());
            let mut byte = [0];
            poll_fn(|cx| watched.poll_ready(cx, Direction::Write).map_ok(drop)).await.unwrap();
            assert!(watched.is_watched());
            let read =
                |w: &Watched, byte: &mut [u8]| w.try_io(Direction::Read, || socket::recv(w.as_fd(), byte));
            assert_eq!(read(&watched, &mut byte).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            socket::send(b.as_fd(), b"x", More::No).unwrap();
            poll_fn(|cx| watched.poll_ready(cx, Direction::Read).map_ok(drop)).await.unwrap();
            assert_eq!(read(&watched, &mut byte).unwrap(), 1);
            watched.unwatch();
            assert!(!watched.is_watched());
            drop(b);
            poll_fn(|cx| watched.poll_ready(cx, Direction::Read).map_ok(|ready| assert!(ready.is_closed())))
                .await
                .unwrap();
        });
    }
}
