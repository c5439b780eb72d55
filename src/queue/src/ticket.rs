//! A place in a line, as its holder has it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::lines::{Line, Place};
use crate::sync::{Mutex, lock};
use crate::{Desk, Queue};

/// What came of waiting.
#[derive(Clone, Debug)]
pub enum Outcome<S> {
    /// A slot of this server is the stream's.
    Admitted(Arc<S>),
    /// The stream must choose again.
    SentAway,
}

/// What a line and the holder of a place share.
#[derive(Debug)]
pub(crate) struct Shared<S>(Mutex<State<S>>);

#[derive(Debug)]
enum State<S> {
    Waiting(Option<Waker>),
    Called(Outcome<S>),
    /// The holder knows.
    Told,
}

impl<S> Default for Shared<S> {
    fn default() -> Self {
        Self(Mutex::new(State::Waiting(None)))
    }
}

impl<S> Shared<S> {
    /// Calls the holder, who has left the line.
    pub(crate) fn call(&self, outcome: Outcome<S>) {
        let before = std::mem::replace(&mut *lock(&self.0), State::Called(outcome));
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Outcome<S>> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Told) {
            State::Called(outcome) => Poll::Ready(outcome),
            State::Waiting(_) | State::Told => {
                *state = State::Waiting(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }

    fn take(&self) -> Option<Outcome<S>> {
        match std::mem::replace(&mut *lock(&self.0), State::Told) {
            State::Called(outcome) => Some(outcome),
            State::Waiting(_) | State::Told => None,
        }
    }
}

/// A place in a line. Dropping it leaves the line; a slot that has come meanwhile goes to the next.
#[derive(Debug)]
pub struct Ticket<S: Desk> {
    queue: Arc<Queue<S>>,
    line: Line<S>,
    shared: Arc<Shared<S>>,
    place: Place,
}

impl<S: Desk> Ticket<S> {
    pub(crate) fn new(queue: Arc<Queue<S>>, line: Line<S>, shared: Arc<Shared<S>>, place: Place) -> Self {
        Self { queue, line, shared, place }
    }

    /// How many were ahead when it was taken.
    pub fn ahead(&self) -> u64 {
        self.place.ahead
    }

    /// Ready once the wait is over. The slot is the caller's then, to be given back with [`Queue::leave`].
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<Outcome<S>> {
        self.shared.poll(cx)
    }
}

impl<S: Desk> Drop for Ticket<S> {
    fn drop(&mut self) {
        // Whoever still stands in the line has not been called, and whoever has been called stands there no more.
        if self.queue.forget(&self.line, self.place.spot) {
            return;
        }
        if let Some(Outcome::Admitted(server)) = self.shared.take() {
            self.queue.leave(&server);
        }
    }
}
