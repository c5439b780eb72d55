//! Accepting connections, as far as limits allow.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use base::clock::Tick;
use net::{AcceptError, Accepted, Deadline, Listener};

use crate::session;
use crate::site::{ListenerFacts, Site};
use crate::worker::Worker;

/// Accepts connections for as long as the listener and the worker go on.
pub(crate) async fn accept(worker: Rc<Worker>, listener: Listener, facts: Arc<ListenerFacts>) {
    let mut door = Door { deadline: Deadline::new(worker.clock.clone()), worker, listener, facts };
    loop {
        match poll_fn(|cx| door.poll(cx)).await {
            None => return,
            Some(Ok((accepted, permit))) => {
                tokio::task::spawn_local(session::serve(door.worker.clone(), permit, accepted));
                if door.counts_rates() {
                    // The connection counts only once its task has begun.
                    tokio::task::yield_now().await;
                }
            }
            // The listener pauses by itself when the system is short of something.
            Some(Err(_)) => {}
        }
    }
}

/// A listener with the limits before it.
struct Door {
    worker: Rc<Worker>,
    listener: Listener,
    facts: Arc<ListenerFacts>,
    deadline: Deadline,
}

impl Door {
    /// The next connection with its place, `None` once nothing more will come.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(Accepted, Permit), AcceptError>>> {
        let place = self.poll_rates(cx);
        // A place is held only while the system is asked, so that no idle listener keeps others out.
        let place = place.map(|()| Permit::poll(&self.worker.site, &self.facts, cx));
        let Poll::Ready(Poll::Ready(permit)) = place else {
            // Who cannot be served now will find another process.
            return self.listener.poll_stopped(cx).map(|()| None);
        };
        match self.listener.poll_accept(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(accepted)) => Poll::Ready(Some(Ok((accepted, permit)))),
            Poll::Ready(Err(AcceptError::Stopped)) => Poll::Ready(None),
            Poll::Ready(Err(e)) => Poll::Ready(Some(Err(e))),
        }
    }

    /// Waits while there were too many connections or sessions within the last second.
    fn poll_rates(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.counts_rates() {
            let now = self.worker.clock.now();
            let delay = self.delay(now);
            if delay == 0 {
                break;
            }
            self.deadline.set(now + std::time::Duration::from_millis(delay));
            ready!(self.deadline.poll_expired(cx));
        }
        Poll::Ready(())
    }

    fn counts_rates(&self) -> bool {
        let site = &self.worker.site;
        site.rates.any() || site.frontends[self.facts.frontend].limits.session_rate > 0
    }

    /// How many milliseconds the next connection has to wait.
    fn delay(&self, now: Tick) -> u64 {
        let site = &self.worker.site;
        let frontend = &site.frontends[self.facts.frontend];
        let delays = [
            site.counters.connection_rate.delay_for(now, site.rates.connections()),
            site.counters.session_rate.delay_for(now, site.rates.sessions()),
            frontend.counters.session_rate.delay_for(now, frontend.limits.session_rate),
            match &self.facts.tls {
                Some(_) => site.counters.tls.rate.delay_for(now, site.rates.handshakes()),
                None => 0,
            },
        ];
        delays.into_iter().max().unwrap_or(0)
    }
}

/// A connection's place in its listener, its frontend and the process.
#[derive(Debug)]
pub(crate) struct Permit {
    site: Arc<Site>,
    pub(crate) listener: Arc<ListenerFacts>,
}

impl Permit {
    fn poll(site: &Arc<Site>, listener: &Arc<ListenerFacts>, cx: &mut Context<'_>) -> Poll<Self> {
        let (own, frontend) = (&listener.gate, &site.frontends[listener.frontend].gate);
        ready!(own.poll_enter(cx));
        if frontend.poll_enter(cx).is_pending() {
            own.leave();
            return Poll::Pending;
        }
        if site.gate.poll_enter(cx).is_pending() {
            frontend.leave();
            own.leave();
            return Poll::Pending;
        }
        Poll::Ready(Self { site: site.clone(), listener: listener.clone() })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.site.gate.leave();
        self.site.frontends[self.listener.frontend].gate.leave();
        self.listener.gate.leave();
    }
}
