//! From a backend to a connection: the choice of a server, its queue, an idle connection or a new one, retries.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use backend::settings::Preferred;
use backend::{Choice, RetryOn, Server, ServerQueue, Waiting, Wish};
use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use config::Mode;

use lang::facts::{Outgoing, Persistence, Priority, ServerConnection};
use net::Protocol;
use pool::Turn;
use queue::{Order, Outcome};

use crate::conn::{Conn, Filled, Line, Receiving};
use crate::dial::{DialError, Traits, dial};
use crate::finish;
use crate::live::Stage;
use crate::meter::{Exchange, Meter};
use crate::reserve::Owned;
use crate::secure;
use crate::side::HttpSide;
use crate::site::{BackendSide, Site};
use crate::story::{Asked, Failure, Story};
use crate::tenancy::{self, Company};
use crate::trunk::{Terms, Trunk};

/// A connection to a server, with the server's slot.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) side: Owned,
    pub(crate) held: Held,
    pub(crate) origin: Origin,
}

/// Where a leased connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    New,
    Reused,
}

/// A slot of a server, given back when dropped, and the exchange that it is used for.
#[derive(Debug)]
pub(crate) struct Held(pub(crate) Arc<Server>, Arc<ServerQueue>, Option<Exchange>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.counters.common.current.dec();
        self.1.leave(&self.0);
    }
}

impl Lease {
    /// The connection belongs to the session from now on.
    pub(crate) fn into_private(self) -> Self {
        Self { side: self.side.into_private(), ..self }
    }
}

/// Which connections may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// A new one only.
    No,
    /// An idle one too, where `http-reuse` allows that.
    Yes,
}

/// An attempt that brought no connection.
struct Missed {
    failure: Failure,
    pause: Pause,
}

/// Whether the next attempt at the same server waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    No,
    Short,
}

/// The delay before another attempt at a server that just failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The server that failed before, and at what.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// There was no connection to it.
    Connecting(Arc<Server>),
    /// It did not answer.
    Answering(Arc<Server>),
}

impl Failed {
    fn server(&self) -> &Arc<Server> {
        match self {
            Self::Connecting(server) | Self::Answering(server) => server,
        }
    }

    /// Whether the next attempt goes to another server.
    fn redispatches(&self, story: &Story<'_>, backend: &BackendSide) -> bool {
        match self {
            Self::Connecting(_) => redispatches(story, backend),
            // Another attempt at an answer does not count up to an interval.
            Self::Answering(_) => backend.core.settings.redispatch != 0,
        }
    }
}

/// Gets a connection for the story's stream, unless the client goes away first.
pub(crate) async fn lease(
    story: &mut Story<'_>,
    client: &mut Conn,
    backend: &BackendSide,
    reuse: Reuse,
    failed: Option<Failed>,
) -> Result<Lease, (Failure, Option<Arc<Server>>)> {
    let limit = story.site.tuning.buffer_size;
    // A TCP session that comes here with its end gives it to the server, too.
    let watches = backend.common.mode == Mode::Http || client.receiving == Receiving::Open;
    let departure = {
        let mut work = pin!(acquire(story, backend, reuse, failed));
        let leased = poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(leased) => Poll::Ready(Ok(leased)),
            Poll::Pending if watches => departure(cx, client, backend, limit).map(Err),
            Poll::Pending => Poll::Pending,
        });
        match leased.await {
            Ok(leased) => return leased,
            Err(departure) => departure,
        }
    };
    let (phase, server) = if story.facts.timers.queued.is_set() {
        let phase = if departure == Departure::Broken { Phase::Data } else { Phase::Connect };
        (phase, finish::server_of(story))
    } else {
        story.facts.timers.queued = story.now();
        (Phase::Queue, None)
    };
    Err((Failure::silent(Termination::new(Cause::ClientAbort, phase)), server))
}

/// How a client gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Departure {
    /// It has ended what it sends.
    Ended,
    /// Its connection broke.
    Broken,
}

/// Waits for the client to give up. What it sends meanwhile is kept as far as there is room.
fn departure(
    cx: &mut Context<'_>,
    client: &mut Conn,
    backend: &BackendSide,
    limit: usize,
) -> Poll<Departure> {
    let http = backend.common.mode == Mode::Http;
    if http && !backend.common.http.abort_on_close.is_on() {
        return Poll::Pending;
    }
    if let Some(carrier) = client.carrier() {
        return carrier.poll_gone(cx).map(|_| Departure::Ended);
    }
    while client.input.len() < limit {
        let departure = match ready!(client.poll_fill(cx, limit)) {
            Ok(Filled::Bytes(_)) => continue,
            Ok(Filled::End) => Departure::Ended,
            Err(_) if http => Departure::Ended,
            Err(_) => Departure::Broken,
        };
        // A TCP session that has sent something may be waiting for the answer.
        return if http || client.input.is_empty() { Poll::Ready(departure) } else { Poll::Pending };
    }
    Poll::Pending
}

async fn acquire(
    story: &mut Story<'_>,
    backend: &BackendSide,
    reuse: Reuse,
    mut failed: Option<Failed>,
) -> Result<Lease, (Failure, Option<Arc<Server>>)> {
    loop {
        let mut held = slot(story, backend, failed.as_ref())
            .await
            .map_err(|f| (f, failed.as_ref().map(|failed| failed.server().clone())))?;
        // What later attempts take is no time in a queue.
        if !story.facts.timers.queued.is_set() {
            story.facts.timers.queued = story.now();
        }
        story.live.reach(Stage::Connecting);
        story.live.assign(held.0.facts.id, story.facts.retries);
        let traits = Traits::of(story, backend, &held.0);
        if reuse == Reuse::Yes
            && let Some(side) = waiting(story, backend, &held.0, &traits)
        {
            held.0.counters.common.events.here().reuses.inc();
            story.facts.timers.connected = story.facts.timers.queued;
            story.live.connect(side.conn.number());
            story.facts.server_connection = ServerConnection::Reused;
            story.note_server(&side.conn, None);
            held.2 = exchange(backend, &side);
            story.facts.server_multiplex = side.multiplex();
            return Ok(Lease { side, held, origin: Origin::Reused });
        }
        match connect(story, backend, &held.0, traits).await {
            Ok(side) => {
                story.facts.timers.connected = story.now();
                story.live.connect(side.conn.number());
                held.2 = exchange(backend, &side);
                story.facts.server_multiplex = side.multiplex();
                return Ok(Lease { side, held, origin: Origin::New });
            }
            Err(missed) => {
                let server = held.0.clone();
                let retried = retry(story, backend, held, missed).await.map_err(|f| (f, Some(server)))?;
                failed = Some(Failed::Connecting(retried));
            }
        }
    }
}

/// A connection that waits for this session, or else for anybody.
fn waiting(
    story: &mut Story<'_>,
    backend: &BackendSide,
    server: &Arc<Server>,
    traits: &Traits,
) -> Option<Owned> {
    let worker = story.worker;
    if let Some(own) = worker.take_own(story.own, server, traits) {
        return Some(tenancy::begin(worker, server, own, story.session.id));
    }
    let settings = &backend.core.settings;
    let company = Company::of(settings.reuse);
    if let Some(found) = worker.tenancies.find(server, traits, (company, story.session.id)) {
        return Some(found);
    }
    // Clients that have many requests under way know how to send one again.
    let later = story.served > 0 || story.comes_over_h2() || settings.retry_on.covers_dead_connections();
    let turn = if later { Turn::Later } else { Turn::First };
    let idle = worker.take_idle(server, traits, settings.reuse.order(turn)?)?;
    Some(tenancy::begin(worker, server, idle, story.session.id))
}

/// The server to which the session has a connection of its own, if the next request had better go there.
fn last_server(story: &Story<'_>, backend: &BackendSide) -> Option<Arc<Server>> {
    let sticks = story.asked == Asked::Yes || backend.core.settings.preferred == Preferred::Last;
    if story.own.is_empty() || !sticks {
        return None;
    }
    let servers = backend.core.servers.load();
    let is_here = |server: &Arc<Server>| servers.iter().any(|s| Arc::ptr_eq(s, server));
    let last = story.own.servers().map(|home| &home.server).find(|s| s.is_usable() && is_here(s))?;
    (story.asked == Asked::Yes || is_near(backend, last)).then(|| last.clone())
}

/// Whether the queue for a server is short enough that waiting there is better than another one.
fn is_near(backend: &BackendSide, server: &Arc<Server>) -> bool {
    let most = backend.core.settings.keep_alive_queue;
    most.is_none_or(|most| backend.core.queue.has_room(server) || server.slots.waiting() < most)
}

/// Counts an exchange with a server, where that is counted.
fn exchange(backend: &BackendSide, side: &Owned) -> Option<Exchange> {
    let counters = match side {
        Owned::Stream(..) => &backend.core.h2.here().exchanges,
        Owned::Shared(_) | Owned::Private(_) => backend.core.h1.here(),
    };
    backend.common.facts.http.then(|| Exchange::new(counters))
}

/// How a stream stands with the servers.
enum Standing {
    /// It has a slot.
    Served(Arc<Server>),
    /// It waits for one.
    InLine(Waiting),
}

/// No server can be had.
const UNAVAILABLE: Failure = Failure::new(503, Termination::new(Cause::ServerAbort, Phase::Connect));

/// A slot of a server that is chosen for the stream.
async fn slot(
    story: &mut Story<'_>,
    backend: &BackendSide,
    failed: Option<&Failed>,
) -> Result<Held, Failure> {
    let avoid = failed.filter(|f| f.redispatches(story, backend)).map(Failed::server);
    let last = if failed.is_none() { last_server(story, backend) } else { None };
    let assigned = story.assigned.clone().filter(|_| failed.is_none());
    let insists = story.facts.overrides.persistence == Persistence::Forced;
    let again = failed.map(Failed::server).filter(|s| avoid.is_none() && (insists || s.is_usable()));
    let mut again = again.or(assigned.as_ref()).or(last.as_ref());
    let server = loop {
        match stand(story, backend, again, avoid)? {
            Standing::Served(server) => break server,
            Standing::InLine(waiting) => match wait(story, backend, waiting).await? {
                Outcome::Admitted(server) => break server,
                Outcome::SentAway => again = None,
            },
        }
    };
    if let Some(left) = avoid.filter(|a| !Arc::ptr_eq(a, &server)) {
        story.facts.redispatch = lang::facts::Redispatch::Done;
        story.facts.cookies.redispatch();
        story.assigned = None;
        backend.core.counters.events.here().redispatches.inc();
        left.counters.common.events.here().redispatches.inc();
    }
    if let Some(Failed::Connecting(same)) = failed.filter(|f| Arc::ptr_eq(f.server(), &server)) {
        backend.core.counters.events.here().retries.inc();
        same.counters.common.events.here().retries.inc();
    }
    let balanced = failed.is_none() || avoid.is_some();
    if balanced && story.assigned.is_none() {
        backend.core.counters.events.here().balanced.inc();
        server.counters.common.events.here().balanced.inc();
    }
    let now = story.now().0;
    backend.core.counters.last_session.set(now);
    server.counters.common.last_session.set(now);
    let current = server.counters.common.current.inc();
    server.counters.common.current_max.raise(current);
    Ok(Held(server, backend.core.queue.clone(), None))
}

/// Chooses a server, the same again if that is given, and takes a slot or a place in a line.
fn stand(
    story: &mut Story<'_>,
    backend: &BackendSide,
    again: Option<&Arc<Server>>,
    avoid: Option<&Arc<Server>>,
) -> Result<Standing, Failure> {
    let queue = &backend.core.queue;
    if let Some(server) = again {
        if queue.enter(server) {
            return Ok(Standing::Served(server.clone()));
        }
        let waiting = queue.wait_for(server, server.settings.maxqueue, order(story));
        let full = Failure::new(503, Termination::new(Cause::ServerAbort, Phase::Queue));
        let waiting = waiting.map_err(|queue::Full| full)?;
        story.facts.server_queue = waiting.ahead() + 1;
        return Ok(Standing::InLine(waiting));
    }
    let wish = Wish { avoid, hash: story.hash, now: story.now() };
    match backend.core.balancer.choose(queue, wish) {
        Choice::Bound(server) => return stand(story, backend, Some(&server), avoid),
        Choice::Nobody => return Err(UNAVAILABLE),
        Choice::Server(server) if queue.enter(&server) => return Ok(Standing::Served(server)),
        // Somebody else may have been quicker.
        Choice::Server(_) | Choice::AllFull => {}
    }
    let waiting = backend.core.wait(order(story));
    story.facts.backend_queue = waiting.ahead() + 1;
    Ok(Standing::InLine(waiting))
}

/// Where the stream stands in a line.
fn order(story: &Story<'_>) -> Order {
    let Priority { class, offset } = story.facts.overrides.priority;
    let now = i64::try_from(story.now().0 / 1000).unwrap_or(i64::MAX);
    Order { class, at: now.saturating_add(offset.into()) }
}

/// Waits for as long as a stream may stand in a line.
async fn wait(
    story: &mut Story<'_>,
    backend: &BackendSide,
    mut waiting: Waiting,
) -> Result<Outcome<Server>, Failure> {
    story.live.reach(Stage::Queued);
    let now = story.now();
    story.expire(now, story.queue_timeout(backend));
    poll_fn(|cx| match waiting.poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
        Poll::Pending => story
            .deadline
            .poll_expired(cx)
            .map(|()| Err(Failure::new(503, Termination::new(Cause::ServerTimeout, Phase::Queue)))),
    })
    .await
}

/// `retry-on` has a meaning in HTTP only.
fn retries_connections(backend: &BackendSide) -> bool {
    backend.common.mode != Mode::Http || backend.core.settings.retry_on.contains(RetryOn::CONN_FAILURE)
}

/// Whether the next attempt goes to another server.
fn redispatches(story: &Story<'_>, backend: &BackendSide) -> bool {
    if story.facts.overrides.persistence == Persistence::Forced {
        return false;
    }
    let retries = story.facts.retries as i32;
    let core = &backend.core;
    // Where nothing speaks for this server, any other is as good.
    let any = story.assigned.is_none() && core.settings.algorithm.is_free() && core.balancer.usable().0 > 1;
    match backend.core.settings.redispatch {
        0 => false,
        _ if any => true,
        n if n < 0 => retries >= story.retries(backend) as i32 + 1 + n,
        n => retries % n == 0,
    }
}

async fn connect(
    story: &mut Story<'_>,
    backend: &BackendSide,
    server: &Arc<Server>,
    traits: Traits,
) -> Result<Owned, Missed> {
    let refused = Failure::new(503, Termination::new(Cause::ServerAbort, Phase::Connect));
    let seat = story.worker.seat(server).ok_or(Missed { failure: refused, pause: Pause::No })?;
    server.counters.common.events.here().connects.inc();
    backend.core.counters.events.here().connects.inc();
    let now = story.now();
    story.expire(now, story.connect_timeout(backend));
    let conn = dial(story, backend, server, traits).await.map_err(|e| {
        let cause = match e {
            DialError::Refused(fault) => {
                story.facts.outgoing = Outgoing::Failed(fault);
                Cause::ServerAbort
            }
            DialError::Late => Cause::ServerTimeout,
        };
        // A server that refuses at once is given a moment.
        let pause = if matches!(e, DialError::Refused(_)) { Pause::Short } else { Pause::No };
        Missed { failure: Failure::new(503, Termination::new(cause, Phase::Connect)), pause }
    })?;
    let only_http1 = conn.traits.as_deref().is_some_and(Traits::is_for_http1);
    let conn = if !only_http1 && speaks_h2(backend, server, &conn) {
        into_trunk(story.site, backend, conn)
    } else {
        metered(backend, conn)
    };
    let side = Owned::new(seat, HttpSide::new(conn, story.site.tuning.buffer_size, h1::Side::Response));
    let shared = backend.common.mode == Mode::Http && backend.core.settings.reuse != pool::Reuse::Never;
    let side = if shared { side } else { side.into_private() };
    Ok(tenancy::begin(story.worker, server, side, story.session.id))
}

/// Whether HTTP/2 is spoken on a new connection: the server's line says so, or both sides have agreed on it.
fn speaks_h2(backend: &BackendSide, server: &Server, conn: &Conn) -> bool {
    backend.common.mode == Mode::Http
        && match server.dial.protocol {
            Some(protocol) => protocol == Protocol::Http2,
            None => secure::facts(conn).tls().is_some_and(|tls| tls.protocol.as_deref() == Some(b"h2")),
        }
}

/// A connection of HTTP/1, where it is one of HTTP, counts as such.
fn metered(backend: &BackendSide, mut conn: Conn) -> Conn {
    if backend.common.facts.http {
        conn.meter = Some(Meter::new(backend.core.h1.here()));
    }
    conn
}

/// A connection that carries many streams over this one.
fn into_trunk(site: &Site, backend: &BackendSide, mut conn: Conn) -> Conn {
    let (traits, port, moves) = (conn.traits.take(), conn.port.take(), conn.moves);
    let h2 = h2::Connection::new(h2::Role::Client, site.h2.back(&site.tuning));
    let counters = backend.core.h2.here().clone();
    let trunk = Trunk::new(
        conn,
        h2,
        Terms { limit: site.tuning.buffer_size, counters, most_glitches: site.h2.glitches().1 },
    );
    let mut conn = Conn::over(Line::Trunk(Arc::new(Mutex::new(trunk))));
    (conn.traits, conn.port, conn.moves) = (traits, port, moves);
    conn
}

/// After a failed attempt: gives up, or says which server failed, once the time for another attempt has come.
async fn retry(
    story: &mut Story<'_>,
    backend: &BackendSide,
    held: Held,
    missed: Missed,
) -> Result<Arc<Server>, Failure> {
    let Missed { failure, pause } = missed;
    let server = held.0.clone();
    drop(held);
    if story.facts.retries >= story.retries(backend) || !retries_connections(backend) {
        backend.core.counters.events.here().failed_connections.inc();
        server.counters.common.events.here().failed_connections.inc();
        return Err(failure);
    }
    story.facts.retries += 1;
    // What is counted at the end is the last attempt.
    server.counters.common.events.here().sessions.inc();
    // Another server need not wait.
    if pause == Pause::Short && !redispatches(story, backend) {
        let delay = story.connect_timeout(backend).map_or(RETRY_DELAY, |t| t.min(RETRY_DELAY));
        let due: Tick = story.now() + delay;
        story.deadline.set(due);
        poll_fn(|cx| story.deadline.poll_expired(cx)).await;
    }
    Ok(server)
}
