//! A server's connection slots (`maxconn`) and the queue before them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use base::counter::Counter;

/// The slots of one server. Without a limit only the number in use is kept.
#[derive(Debug)]
pub struct Slots {
    limit: AtomicU64,
    queue_limit: u64,
    served: AtomicU64,
    waiting: AtomicU64,
    /// The largest number that waited at once.
    pub waiting_max: Counter,
    queue: Mutex<VecDeque<oneshot::Sender<()>>>,
}

/// Why no slot is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotError {
    /// The queue is full (`maxqueue`).
    QueueFull,
}

/// What asking for a slot gives.
pub enum Slot {
    /// A slot, at once.
    Taken,
    /// A place in the queue: the receiver is told when the slot is there. With the number ahead.
    Waiting(oneshot::Receiver<()>, u64),
}

impl Slots {
    /// Slots with these limits, 0 for none.
    pub fn new(limit: u64, queue_limit: u64) -> Self {
        Self {
            limit: AtomicU64::new(limit),
            queue_limit,
            served: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            waiting_max: Counter::default(),
            queue: Mutex::new(VecDeque::new()),
        }
    }

    /// Streams that hold a slot.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Streams that wait for one.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The limit, 0 for none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Whether a stream would get a slot at once.
    pub fn has_room(&self) -> bool {
        let limit = self.limit();
        limit == 0 || (self.waiting() == 0 && self.served() < limit)
    }

    /// Takes a slot, or a place in the queue for one.
    pub fn take(&self) -> Result<Slot, SlotError> {
        let limit = self.limit();
        if limit == 0 {
            self.served.fetch_add(1, Ordering::Relaxed);
            return Ok(Slot::Taken);
        }
        let mut queue = self.queue();
        if self.served.load(Ordering::Relaxed) < limit && queue.is_empty() {
            self.served.fetch_add(1, Ordering::Relaxed);
            return Ok(Slot::Taken);
        }
        let ahead = queue.len() as u64;
        if self.queue_limit > 0 && ahead >= self.queue_limit {
            return Err(SlotError::QueueFull);
        }
        let (sender, receiver) = oneshot::channel();
        queue.push_back(sender);
        self.waiting.store(ahead + 1, Ordering::Relaxed);
        self.waiting_max.raise(ahead + 1);
        Ok(Slot::Waiting(receiver, ahead))
    }

    /// Gives a slot back: the first in the queue that still waits gets it.
    pub fn give_back(&self) {
        if self.limit() == 0 && self.waiting() == 0 {
            self.served.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let mut queue = self.queue();
        while let Some(next) = queue.pop_front() {
            self.waiting.store(queue.len() as u64, Ordering::Relaxed);
            if next.send(()).is_ok() {
                return;
            }
        }
        self.served.fetch_sub(1, Ordering::Relaxed);
    }

    /// Forgets those who gave up waiting.
    pub fn forget_gone(&self) {
        let mut queue = self.queue();
        queue.retain(|s| !s.is_closed());
        self.waiting.store(queue.len() as u64, Ordering::Relaxed);
    }

    /// Changes the limit (`set maxconn server`); those who now fit are let in.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
        let mut queue = self.queue();
        while (limit == 0 || self.served() < limit)
            && let Some(next) = queue.pop_front()
        {
            if next.send(()).is_ok() {
                self.served.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.waiting.store(queue.len() as u64, Ordering::Relaxed);
    }

    /// A panic elsewhere leaves the queue as it was between two whole operations.
    fn queue(&self) -> MutexGuard<'_, VecDeque<oneshot::Sender<()>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_given_back_goes_to_the_first_in_the_queue() {
        let s = Slots::new(1, 0);
        assert!(matches!(s.take(), Ok(Slot::Taken)));
        let Ok(Slot::Waiting(mut first, 0)) = s.take() else { panic!("queued") };
        let Ok(Slot::Waiting(mut second, 1)) = s.take() else { panic!("queued") };
        s.give_back();
        assert!(first.try_recv().is_ok() && second.try_recv().is_err());
        assert_eq!((s.served(), s.waiting()), (1, 1));
    }

    #[test]
    fn those_who_left_are_passed_over() {
        let s = Slots::new(1, 0);
        assert!(matches!(s.take(), Ok(Slot::Taken)));
        drop(s.take());
        s.give_back();
        assert_eq!((s.served(), s.waiting()), (0, 0));
    }

    #[test]
    fn a_full_queue_refuses() {
        let s = Slots::new(1, 1);
        let _a = s.take();
        let _b = s.take();
        assert!(matches!(s.take(), Err(SlotError::QueueFull)));
    }

    #[test]
    fn a_raised_limit_lets_the_queue_in() {
        let s = Slots::new(1, 0);
        let _a = s.take();
        let Ok(Slot::Waiting(mut w, _)) = s.take() else { panic!("queued") };
        s.set_limit(2);
        assert!(w.try_recv().is_ok());
        assert_eq!((s.served(), s.has_room()), (2, false));
    }
}
