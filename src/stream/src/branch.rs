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

type Job = (Branch, Conn);

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

/// The tasks of a thread that wait for streams.
#[derive(Default)]
pub(crate) struct Hands(RefCell<Vec<Rc<Hand>>>);

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waiting", self.0.borrow().len())
    }
}

impl Hands {
    fn take(&self) -> Option<Rc<Hand>> {
        self.0.borrow_mut().pop()
    }

    fn keep(&self, hand: &Rc<Hand>) -> bool {
        let mut waiting = self.0.borrow_mut();
        let kept = waiting.len() < WAITING;
        if kept {
            waiting.push(hand.clone());
        }
        kept
    }
}

/// How a task that waits is given a stream.
#[derive(Default)]
struct Hand {
    job: Cell<Option<Job>>,
    waker: Cell<Option<Waker>>,
}

impl Hand {
    fn give(&self, job: Job) {
        self.job.set(Some(job));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll_job(&self, cx: &Context<'_>) -> Poll<Job> {
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
