//! A limit on the buffers of the process (`tune.buffers.limit`).
//!
//! Without one nothing is counted. With one, whoever is about to read waits for its turn before it takes a buffer;
//! the last ones are reserved for answers, so that requests that wait cannot keep those from ending that hold
//! buffers already. Writing never waits: what is to be written holds a buffer of a reader who did.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// What a buffer is wanted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Claim {
    /// Something that may well wait: what a client sends.
    #[default]
    Usual,
    /// Something that lets others end: what a server answers.
    Reserved,
}

/// The limit and who waits for it.
#[derive(Debug)]
pub(crate) struct Ration {
    /// 0 for none.
    limit: AtomicUsize,
    /// How many of them are kept for answers.
    reserve: AtomicUsize,
    used: AtomicUsize,
    waiting: Mutex<VecDeque<Waker>>,
}

/// The process's.
pub(crate) static RATION: Ration = Ration::new();

/// How many are woken for one buffer. Some may have given up meanwhile, and only one needs to take it.
const WOKEN: usize = 4;

/// Sets the limit, and how many of its buffers are kept for answers. It is called before any buffer is taken.
pub fn limit(buffers: usize, reserve: usize) {
    RATION.configure(buffers, reserve);
}

/// Ready once a buffer may be taken.
pub fn poll_room(cx: &Context<'_>, claim: Claim) -> Poll<()> {
    RATION.poll(cx, claim)
}

impl Ration {
    const fn new() -> Self {
        Self {
            limit: AtomicUsize::new(0),
            reserve: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            waiting: Mutex::new(VecDeque::new()),
        }
    }

    fn configure(&self, limit: usize, reserve: usize) {
        self.reserve.store(reserve, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn is_limited(&self) -> bool {
        self.limit.load(Ordering::Relaxed) > 0
    }

    /// A buffer is taken; whether it counts, so that it must be given back.
    pub(crate) fn take(&self) -> bool {
        let limited = self.is_limited();
        if limited {
            self.used.fetch_add(1, Ordering::SeqCst);
        }
        limited
    }

    /// A buffer that counted is given back.
    pub(crate) fn give(&self) {
        let left = self.used.fetch_sub(1, Ordering::SeqCst) - 1;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // With nothing in use nobody else would ever wake those who are left.
        let count = if left == 0 { waiting.len() } else { WOKEN.min(waiting.len()) };
        let woken: Vec<Waker> = waiting.drain(..count).collect();
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
    }

    fn has_room(&self, claim: Claim) -> bool {
        let kept = if claim == Claim::Usual { self.reserve.load(Ordering::Relaxed) } else { 0 };
        let limit = self.limit.load(Ordering::Relaxed).saturating_sub(kept);
        self.used.load(Ordering::SeqCst) < limit
    }

    fn poll(&self, cx: &Context<'_>, claim: Claim) -> Poll<()> {
        if !self.is_limited() || self.has_room(claim) {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // One may have been given back before the list was ours.
        if self.has_room(claim) {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|w| w.will_wake(cx.waker())) {
            waiting.push_back(cx.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let ration = Ration::new();
        assert!(!ration.take());
        assert_eq!(ration.poll(&Context::from_waker(Waker::noop()), Claim::Usual), Poll::Ready(()));
        assert_eq!(ration.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_reserve_is_for_answers_and_those_who_wait_are_woken() {
        let (ration, woken) = (Ration::new(), Arc::new(Woken::default()));
        let waker = Waker::from(woken.clone());
        let cx = Context::from_waker(&waker);
        ration.configure(3, 1);
        assert!(ration.take());
        assert_eq!(ration.poll(&cx, Claim::Usual), Poll::Ready(()));
        assert!(ration.take());
        assert_eq!(ration.poll(&cx, Claim::Usual), Poll::Pending);
        assert_eq!(ration.poll(&cx, Claim::Usual), Poll::Pending);
        assert_eq!(ration.poll(&cx, Claim::Reserved), Poll::Ready(()));
        assert!(ration.take());
        assert_eq!(ration.poll(&cx, Claim::Reserved), Poll::Pending);
        ration.give();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "a task waits once, however often it asks");
        ration.give();
        assert_eq!(ration.poll(&cx, Claim::Usual), Poll::Ready(()));
    }

    #[test]
    fn the_last_buffer_wakes_everybody() {
        let ration = Ration::new();
        ration.configure(1, 0);
        assert!(ration.take());
        let tasks: Vec<Arc<Woken>> = (0..10).map(|_| Arc::default()).collect();
        for task in &tasks {
            let waker = Waker::from(task.clone());
            assert_eq!(ration.poll(&Context::from_waker(&waker), Claim::Usual), Poll::Pending);
        }
        ration.give();
        assert!(tasks.iter().all(|task| task.0.load(Ordering::Relaxed) == 1));
    }
}
