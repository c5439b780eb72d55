//! Clients' connections that carry many streams at a time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use base::clock::Tick;
use h2::{Connection, Key, Role};
use lang::facts::SessionFacts;
use net::{Deadline, Protocol};

use crate::branch::{self, Branch};
use crate::carrier::{Carrier, SharedTrunk, lock};
use crate::conn::{Conn, Line};
use crate::finish;
use crate::h2_settings::LogErrors;
use crate::reserve::OwnConnections;
use crate::session::{Progress, Session};
use crate::site::ListenerFacts;
use crate::story::{Asked, Awaited, Story};
use crate::trunk::{Faults, Terms, Trunk, Turn};

/// Whether what comes on a new connection is HTTP/2 from the start.
pub(crate) fn begins(listener: &ListenerFacts, session: &SessionFacts) -> bool {
    match listener.protocol {
        Some(protocol) => protocol == Protocol::Http2,
        None => session.tls.tls().is_some_and(|tls| tls.protocol.as_deref() == Some(b"h2")),
    }
}

/// Serves a connection with many streams until it ends.
pub(crate) async fn serve(session: &mut Session, mut conn: Conn) {
    conn.meter = None;
    let site = session.worker.site.clone();
    let frontend = &site.frontends[session.permit.listener.frontend];
    let settings = site.h2.front(&site.tuning, frontend.common.http.request_violations);
    let limit = site.tuning.buffer_size;
    let counters = frontend.counters.h2.here().clone();
    frontend.counters.events.here().h2_sessions.inc();
    let h2 = Connection::new(Role::Server, settings);
    let trunk: SharedTrunk = Arc::new(Mutex::new(Trunk::new(
        conn,
        h2,
        Terms { limit, counters, most_glitches: site.h2.glitches().0 },
    )));
    let mut server = Server {
        trunk: trunk.clone(),
        served: session.progress.served,
        own: Rc::new(RefCell::new(std::mem::take(&mut session.own))),
        waiting: Waiting::Nothing,
        over: Tick::NEVER,
    };
    let worker = session.worker.clone();
    let mut closing = pin!(worker.closing.notified());
    poll_fn(|cx| {
        worker.begin_run();
        while closing.as_mut().poll(cx).is_ready() {
            closing.set(worker.closing.notified());
        }
        server.poll(cx, session)
    })
    .await;
    end(session, &trunk).await;
}

/// Logs what was wrong with what came, where nothing else tells of it.
fn report(session: &mut Session, faults: Faults) {
    let level = session.worker.site.h2.log_errors;
    let streams = if level >= LogErrors::OfStreams { faults.requests } else { 0 };
    let connections = if level >= LogErrors::OfConnections { faults.connections } else { 0 };
    for _ in 0..streams + connections {
        let mut story = Story::new(session);
        story.begin();
        finish::malformed(&mut story);
        session.progress = story.pause();
        session.progress.awaited = Awaited::default();
    }
}

/// Closes in order what has come to its end in order.
async fn end(session: &mut Session, trunk: &SharedTrunk) {
    if lock(trunk).h2.is_lost() || lock(trunk).conn.shutdown_write().is_err() {
        return;
    }
    session.deadline.set(session.worker.now() + LINGER);
    poll_fn(|cx| match lock(trunk).poll_drain(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => session.deadline.poll_expired(cx),
    })
    .await;
}

/// How long a client that was told that nothing more comes is waited for.
const LINGER: Duration = Duration::from_secs(1);

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// Nothing that takes time.
    Nothing,
    /// A stream.
    Idle,
    /// That the client reads.
    Reader,
}

/// A connection that is served.
struct Server {
    trunk: SharedTrunk,
    /// Streams that were begun.
    served: u32,
    /// Server connections that wait for the session's next request.
    own: Rc<RefCell<OwnConnections>>,
    waiting: Waiting,
    /// When it has waited long enough.
    over: Tick,
}

impl Server {
    fn poll(&mut self, cx: &mut Context<'_>, session: &mut Session) -> Poll<()> {
        let trunk = self.trunk.clone();
        loop {
            let mut held = lock(&trunk);
            if session.worker.closes_idle_client() {
                held.h2.leave();
            }
            let turn = held.turn(cx);
            let newcomers: Vec<Key> = std::iter::from_fn(|| held.h2.accept()).collect();
            let faults = held.take_faults();
            drop(held);
            if faults != Faults::default() {
                report(session, faults);
            }
            for key in newcomers {
                self.begin(session, key);
            }
            let mut held = lock(&trunk);
            if turn == Turn::Over {
                // Those who serve its streams see that it is.
                held.h2.call_when_needed(cx);
                return if held.h2.streams() == 0 { Poll::Ready(()) } else { Poll::Pending };
            }
            self.expect(session, &mut held, turn);
            drop(held);
            if session.deadline.poll_expired(cx).is_pending() {
                return Poll::Pending;
            }
            let mut held = lock(&trunk);
            let waiting = self.waiting;
            match waiting {
                Waiting::Idle if self.pings(session, &mut held) => continue,
                Waiting::Idle => held.h2.leave(),
                Waiting::Reader | Waiting::Nothing => held.h2.lose(),
            }
            self.waiting = Waiting::Nothing;
            session.deadline.set(session.worker.now() + LINGER);
        }
    }

    /// Sets the time until which something has to happen.
    fn expect(&mut self, session: &mut Session, trunk: &mut Trunk, turn: Turn) {
        let waiting = if !trunk.h2.output().is_empty() {
            Waiting::Reader
        } else if trunk.h2.streams() == 0 {
            Waiting::Idle
        } else {
            Waiting::Nothing
        };
        if waiting == self.waiting && (turn == Turn::Idle || waiting == Waiting::Nothing) {
            return;
        }
        self.waiting = waiting;
        let timeouts = session.worker.site.frontends[session.permit.listener.frontend].common.timeouts;
        let limit = match waiting {
            Waiting::Nothing => None,
            Waiting::Reader => timeouts.client,
            Waiting::Idle if self.served > 0 => timeouts.http_keep_alive.or(timeouts.client),
            Waiting::Idle => timeouts.http_request.or(timeouts.client),
        };
        let now = session.worker.now();
        self.over = limit.map_or(Tick::NEVER, |limit| now + limit);
        let ping = session.permit.listener.idle_ping.filter(|_| waiting == Waiting::Idle);
        session.deadline.set(ping.map_or(self.over, |every| self.first(now + every)));
    }

    /// Asks an idle client whether it is still there, where that is wanted and its time is not over yet; one that has
    /// not answered by the next time is not.
    fn pings(&mut self, session: &mut Session, trunk: &mut Trunk) -> bool {
        let now = session.worker.now();
        let Some(every) =
            session.permit.listener.idle_ping.filter(|_| !self.over.is_set() || now < self.over)
        else {
            return false;
        };
        if trunk.h2.awaits_answer() {
            trunk.h2.lose();
            return true;
        }
        trunk.h2.ping();
        let timeouts = session.worker.site.frontends[session.permit.listener.frontend].common.timeouts;
        // A client that answers is not silent; that it asks for nothing is another matter.
        if timeouts.http_keep_alive.is_none()
            && let Some(client) = timeouts.client
        {
            self.over = now + client;
        }
        session.deadline.set(self.first(now + every));
        true
    }

    /// The earlier of a time and the end of waiting.
    fn first(&self, other: Tick) -> Tick {
        if self.over.is_set() { self.over.min(other) } else { other }
    }

    /// Begins to serve a stream.
    fn begin(&mut self, session: &mut Session, key: Key) {
        let mut facts = session.facts.branch();
        facts.multiplex = Some(Box::new(lock(&self.trunk).facts()));
        let progress = Progress {
            served: self.served,
            awaited: Awaited::default(),
            asked: Asked::No,
            handshake: session.progress.handshake,
        };
        self.served = self.served.saturating_add(1);
        let branch = Branch {
            worker: session.worker.clone(),
            listener: session.permit.listener.clone(),
            facts,
            deadline: Deadline::new(session.worker.site.clock.clone()),
            progress,
            own: self.own.clone(),
            events: session.events,
        };
        let conn = Conn::over(Line::Stream(Carrier::new(self.trunk.clone(), key)));
        branch::begin(branch, conn);
    }
}
