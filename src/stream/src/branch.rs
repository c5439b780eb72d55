//! The streams of connections that carry many, and the tasks that serve them.
//!
//! A stream may be over within microseconds, and what its task needs is large: making one for each stream would cost more
//! than some requests do. Those that are done wait for another stream, of whatever connection of the thread.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use lang::facts::SessionFacts;
use net::Deadline;

use crate::conn::Conn;
use crate::events::Events;
use crate::reserve::OwnConnections;
use crate::session::Progress;
use crate::site::ListenerFacts;
use crate::story::{Parts, Story};
use crate::worker::Worker;

/// How many tasks of a thread wait for streams at most.
const WAITING: usize = 256;

/// Begins to serve a stream.
pub(crate) fn begin(branch: Branch, conn: Conn) {
    match branch.worker.hands.take() {
        Some(hand) => hand.give((branch, conn)),
        None => drop(tokio::task::spawn_local(work((branch, conn)))),
    }
}

pub(crate) type Job = (Branch, Conn);

/// Serves one stream after the other, as long as not too many wait to do so.
async fn work(mut job: Job) {
    let hand = Rc::new(Hand::default());
    loop {
        let worker = job.0.worker.clone();
        job.0.serve(job.1).await;
        if !worker.hands.keep(&hand) {
            return;
        }
        drop(worker);
        job = poll_fn(|cx| hand.poll_job(cx)).await;
    }
}

/// The tasks of a thread that wait for something to do, such as streams to serve.
pub(crate) struct Hands<J = Job>(RefCell<Vec<Rc<Hand<J>>>>);

impl<J> Default for Hands<J> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<J> fmt::Debug for Hands<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waiting", self.0.borrow().len())
    }
}

impl<J> Hands<J> {
    /// The one that has begun to wait last: what it needs is the nearest to the processor.
    fn take(&self) -> Option<Rc<Hand<J>>> {
        self.0.borrow_mut().pop()
    }

    /// Whether one more may wait.
    fn keep(&self, hand: &Rc<Hand<J>>) -> bool {
        let mut waiting = self.0.borrow_mut();
        let kept = waiting.len() < WAITING;
        if kept {
            waiting.push(hand.clone());
        }
        kept
    }
}

/// How a task that waits is given something to do.
struct Hand<J> {
    job: Cell<Option<J>>,
    waker: Cell<Option<Waker>>,
}

impl<J> Default for Hand<J> {
    fn default() -> Self {
        Self { job: Cell::new(None), waker: Cell::new(None) }
    }
}

impl<J> Hand<J> {
    fn give(&self, job: J) {
        self.job.set(Some(job));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll_job(&self, cx: &Context<'_>) -> Poll<J> {
        let Some(job) = self.job.take() else {
            self.waker.set(Some(cx.waker().clone()));
            return Poll::Pending;
        };
        Poll::Ready(job)
    }
}

/// What is kept of one stream of a session that may have many.
pub(crate) struct Branch {
    pub(crate) worker: Rc<Worker>,
    pub(crate) listener: Arc<ListenerFacts>,
    pub(crate) facts: SessionFacts,
    pub(crate) deadline: Deadline,
    pub(crate) progress: Progress,
    pub(crate) own: Rc<RefCell<OwnConnections>>,
    pub(crate) events: Option<Events>,
}

impl Branch {
    async fn serve(mut self, conn: Conn) {
        let worker = self.worker.clone();
        let mut own = std::mem::take(&mut *self.own.borrow_mut());
        {
            let mut work = pin!(self.carry(&mut own, conn));
            poll_fn(|cx| {
                worker.begin_run();
                work.as_mut().poll(cx)
            })
            .await;
        }
        if self.own.borrow().is_empty() {
            *self.own.borrow_mut() = own;
        }
    }

    async fn carry(&mut self, own: &mut OwnConnections, conn: Conn) {
        let Self { worker, listener, facts, deadline, progress, events, .. } = self;
        let exchanges = &worker.site.frontends[listener.frontend].counters.h2.here().exchanges;
        let (exchanges, progress, events) = (Some(exchanges), *progress, *events);
        let parts = Parts { worker, listener, exchanges, facts, deadline, progress, own, events };
        let mut story = Story::of(parts);
        story.live.open(story.frontend.common.facts.id, story.session, conn.number());
        story.begin();
        crate::http::serve_stream(&mut story, conn).await;
        let _ = story.pause();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::tests::Bell;

    #[test]
    fn whoever_waits_is_woken_with_what_to_do() {
        let (hands, hand, bell) = (Hands::<u32>::default(), Rc::default(), Arc::<Bell>::default());
        let waker = Waker::from(bell.clone());
        let cx = Context::from_waker(&waker);
        assert!(hands.take().is_none());
        assert!(hands.keep(&hand) && hand.poll_job(&cx).is_pending());
        hands.take().unwrap().give(5);
        assert!(hands.take().is_none());
        assert_eq!(bell.rung(), 1);
        assert_eq!(hand.poll_job(&cx), Poll::Ready(5));
        // Between being kept and being polled for the first time.
        assert!(hands.keep(&hand));
        hands.take().unwrap().give(6);
        assert_eq!(hand.poll_job(&cx), Poll::Ready(6));
    }

    #[test]
    fn the_last_to_wait_is_the_first_to_work_and_not_all_wait() {
        let hands = Hands::<u32>::default();
        let all: Vec<Rc<Hand<u32>>> = (0..=WAITING).map(|_| Rc::default()).collect();
        let kept = all.iter().filter(|hand| hands.keep(hand)).count();
        assert_eq!(kept, WAITING);
        assert!(Rc::ptr_eq(&hands.take().unwrap(), &all[WAITING - 1]));
    }
}
