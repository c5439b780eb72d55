//! From an accepted connection to its streams.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::termination::{Cause, Phase, Termination};
use config::Mode;
use config::draft::Showing;
use lang::facts::{Encryption, LocalAddr, SessionFacts};
use net::{Accepted, Deadline, Socket};
use rule::set::Outcome;
use rule::{Ending, Requests, RuleList, Rules};

use crate::accept::Permit;
use crate::conn::{Closing, Conn};
use crate::connect::{Reuse, lease};
use crate::continuous;
use crate::events::Events;
use crate::finish;
use crate::http::Served;
use crate::inspect::{self, Arriving, Head, Inspection, Stop};
use crate::introduction;
use crate::live::unless_condemned;
use crate::many;
use crate::meter::Meter;
use crate::reserve::OwnConnections;
use crate::rest::Rest;
use crate::secure;
use crate::site::{BackendSide, Frontend, ListenerFacts, Site, Upgrading};
use crate::story::{Asked, Awaited, Failure, Stage, Story};
use crate::switching;
use crate::tcp::Relay;
use crate::worker::Worker;
use log::Step;

/// What is kept of a connection from its beginning to its end, also while it waits for a request: little.
///
/// It is counted as long as it lives.
pub(crate) struct Session {
    pub(crate) worker: Rc<Worker>,
    pub(crate) permit: Permit,
    pub(crate) facts: SessionFacts,
    pub(crate) deadline: Deadline,
    pub(crate) progress: Progress,
    /// Server connections that wait for its next request.
    pub(crate) own: OwnConnections,
    /// Whether the events of its streams are shown.
    pub(crate) events: Option<Events>,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// When it was ready to carry requests, if it had to begin with something else.
    pub(crate) handshake: Tick,
    /// Requests that came on it.
    pub(crate) served: u32,
    /// The stream that waits for its request.
    pub(crate) awaited: Awaited,
    /// Whether a server asked the client to prove who it is.
    pub(crate) asked: Asked,
}

/// Serves one connection until it ends.
pub(crate) fn serve(worker: Rc<Worker>, permit: Permit, accepted: Accepted) -> impl Future<Output = ()> {
    let mut start = Start::Accepted(permit.listener.clone());
    let (mut session, conn) = Session::open(worker, permit, accepted);
    // Nothing of it is moved, so that the future has room for it once only.
    let mut held = Some(conn);
    async move {
        loop {
            let Some(conn) = held.take() else { return };
            // What a request needs is in a future of its own, so that a silent connection does not hold it.
            held = match Box::pin(busy(&mut session, conn, start)).await {
                Served::Over => return,
                Served::Silent(conn) => Some(conn),
                Served::Http2(conn) => return Box::pin(many::serve(&mut session, conn)).await,
            };
            let Some(silent) = &held else { return };
            Rest::new(&mut session, silent).await;
            start = Start::Woken;
        }
    }
}

/// Why something is to be done about a connection.
#[derive(Debug)]
enum Start {
    /// It is new, and came to this listener.
    Accepted(Arc<ListenerFacts>),
    /// It was silent, and now there is something to read, or it has been silent for too long.
    Woken,
}

/// Serves a connection until it ends, falls silent, or goes on in another way.
async fn busy(session: &mut Session, conn: Conn, start: Start) -> Served {
    let worker = session.worker.clone();
    let mut work = pin!(serve_streams(session, conn, start));
    poll_fn(|cx| {
        worker.begin_run();
        work.as_mut().poll(cx)
    })
    .await
}

async fn serve_streams(session: &mut Session, mut conn: Conn, start: Start) -> Served {
    let mut story = Story::new(session);
    let frontend = story.frontend;
    if let Start::Accepted(listener) = &start
        && !begin(&mut story, &mut conn, listener).await
    {
        return Served::Over;
    }
    story.live.open(frontend.common.facts.id, story.session, conn.number());
    if let Start::Accepted(_) = start {
        count(&story);
    }
    // Only what turned out to be requests falls silent in between.
    let (conn, beginning) = if let Start::Accepted(listener) = &start
        && frontend.common.mode != Mode::Http
    {
        let Some(conn) = tcp(&mut story, conn, listener.upgrading).await else { return Served::Over };
        let Some(upgraded) = crate::http::upgrade(&mut story, conn) else { return Served::Over };
        if story.requests == Requests::Http2 {
            session.progress = story.pause();
            return Served::Http2(upgraded.0);
        }
        upgraded
    } else if let Start::Accepted(listener) = &start
        && many::begins(listener, story.session)
    {
        session.progress = story.pause();
        return Served::Http2(conn);
    } else {
        let beginning = story.begin();
        (conn, beginning)
    };
    let silent = crate::http::serve(&mut story, conn, beginning).await;
    session.progress = story.pause();
    silent
}

/// Counts the session.
fn count(story: &Story<'_>) {
    let (now, front, site) = (story.now(), &story.frontend.counters, story.site);
    story.count(|events| events.sessions.inc());
    front.session_rate_max.raise(u64::from(front.session_rate.hit(now)));
    site.counters.session_rate_max.raise(u64::from(site.counters.session_rate.hit(now)));
}

/// From the connection to the session; false when it ends on the way.
async fn begin(story: &mut Story<'_>, conn: &mut Conn, listener: &ListenerFacts) -> bool {
    let frontend = story.frontend;
    if refuses(story, &frontend.common.rules.tcp_connection) {
        story.count(|front| front.denied_connections.inc());
        return false;
    }
    let expected = story.session.expected;
    if (expected.proxy || expected.client_ip)
        && let Err(fault) = Box::pin(introduction::read(story, conn, listener.client_ip_magic)).await
    {
        story.session.fault = Some(Box::new(fault));
        finish::embryo(story, fault);
        return false;
    }
    if let Some(acceptor) = &listener.tls
        && let Err(fault) = Box::pin(secure::with_client(story, conn, acceptor)).await
    {
        story.session.fault = Some(Box::new(fault.conn));
        story.session.tls = Encryption::Tls(Arc::new(fault.facts()));
        finish::embryo(story, fault.conn);
        return false;
    }
    let h2 = many::begins(listener, story.session);
    if frontend.common.facts.http && conn.tls().is_some() && !h2 {
        conn.meter = Some(Meter::new(frontend.counters.h1.here()));
    }
    if refuses(story, &frontend.common.rules.tcp_session) {
        story.count(|front| front.denied_sessions.inc());
        return false;
    }
    true
}

fn facts(
    site: &Site,
    listener: &Arc<ListenerFacts>,
    socket: &Socket,
    source: Addr,
    now: (Tick, WallTime),
) -> SessionFacts {
    let destination = if listener.address.is_unspecified() {
        LocalAddr::of_socket(socket.number(), net::destination_of)
    } else {
        LocalAddr::known(listener.address.clone())
    };
    SessionFacts {
        id: site.next_session_id(),
        source: Some(source.unmapped()),
        destination,
        socket: Some(socket.number()),
        entrance: Some(listener.clone()),
        listener_id: listener.id,
        expected: listener.expected,
        accepted: now,
        ..SessionFacts::default()
    }
}

/// Runs rules that may refuse a connection before a stream begins.
fn refuses(story: &mut Story<'_>, rules: &RuleList) -> bool {
    !rules.is_empty() && matches!(rules.run(0, &mut story.txn(Stage::Connection, None)), Outcome::Stopped(..))
}

impl Session {
    fn open(worker: Rc<Worker>, permit: Permit, accepted: Accepted) -> (Self, Conn) {
        worker.begin_run();
        let (site, listener) = (&*worker.site, &permit.listener);
        let (socket, source) = (accepted.socket.attach(), accepted.source);
        let facts = facts(site, listener, &socket, source, (worker.now(), worker.date()));
        let mut conn = Conn::new(socket);
        if site.frontends[listener.frontend].common.sockets.no_linger.is_on() {
            conn.closing = Closing::Reset;
        }
        let front = &site.frontends[listener.frontend];
        // Who has to agree on encryption first does not yet speak HTTP.
        let h2 = listener.protocol == Some(net::Protocol::Http2);
        if front.common.facts.http && listener.tls.is_none() && !h2 {
            conn.meter = Some(Meter::new(front.counters.h1.here()));
        }
        let events = (site.events == Showing::Events).then_some(Events { listener: listener.socket });
        let deadline = Deadline::new(site.clock.clone());
        let session = Self {
            worker,
            permit,
            facts,
            deadline,
            progress: Progress::default(),
            own: OwnConnections::new(),
            events,
        };
        session.enter();
        (session, conn)
    }

    fn frontend(&self) -> &Frontend {
        &self.worker.site.frontends[self.permit.listener.frontend]
    }

    /// Counts the connection.
    fn enter(&self) {
        let (now, site, front) = (self.worker.now(), &self.worker.site, &self.frontend().counters);
        site.counters.connections.inc();
        site.counters.connections_total.inc();
        site.counters.connection_rate_max.raise(u64::from(site.counters.connection_rate.hit(now)));
        front.current_max.raise(front.current.inc());
        front.connection_rate_max.raise(u64::from(front.connection_rate.hit(now)));
        front.events.here().connections.inc();
        if let Some(listener) = &self.permit.listener.counters {
            listener.current_max.raise(listener.current.inc());
            listener.events.here().connections.inc();
        }
        self.worker.enter();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.worker.site.counters.connections.dec();
        self.frontend().counters.current.dec();
        if let Some(listener) = &self.permit.listener.counters {
            listener.current.dec();
        }
        self.worker.leave();
    }
}

/// What became of a session in TCP mode.
enum Ended {
    /// Its bytes were relayed to a server.
    Relayed(Arc<backend::Server>),
    /// What comes are requests.
    Upgraded,
}

/// A session in TCP mode; gives the connection back if it goes on as one in HTTP mode.
async fn tcp(story: &mut Story<'_>, mut client: Conn, upgrading: Upgrading) -> Option<Conn> {
    story.begin();
    story.prepare_captures();
    story.identify(Stage::Connection);
    story.enlist();
    finish::step(story, None, Stage::Connection, Step::Accept);
    let live = story.live.share();
    let accounts = story.accounts();
    let outcome = {
        let work = pin!(run_tcp(story, &mut client, upgrading));
        let work = unless_condemned(&live, work);
        match accounts {
            Some(accounts) => Box::pin(continuous::counting(accounts, &live, work)).await,
            None => work.await,
        }
    };
    let server = match outcome {
        None => finish::killed_tcp(story),
        Some(Ok(Ended::Upgraded)) => return Some(client),
        Some(Ok(Ended::Relayed(server))) => Some(server),
        Some(Err((failure, server))) => {
            story.facts.termination = failure.termination;
            // What nobody has passed on is still there.
            story.facts.bytes_in += client.input.data().len() as u64;
            server
        }
    };
    finish::tcp(story, server.as_deref());
    None
}

/// A failure, and the server that it happened at.
type Failed = (Failure, Option<Arc<backend::Server>>);

async fn run_tcp(story: &mut Story<'_>, client: &mut Conn, upgrading: Upgrading) -> Result<Ended, Failed> {
    if let Bytes::Requests(requests) = content(story, client, &story.frontend.common.rules).await? {
        story.requests = requests;
        return upgrading.end(Cause::Proxy);
    }
    let no_backend = Failure::silent(Termination::new(Cause::ServerAbort, Phase::Connect));
    let backend: &BackendSide = route(story, client).ok_or((no_backend, None))?;
    story.enter_backend(backend);
    if backend.common.mode == Mode::Http {
        return upgrading.end(Cause::Resource);
    }
    if backend.common.facts.id != story.frontend.common.facts.id {
        content(story, client, &backend.common.rules).await?;
    }
    assign(story, client, backend);
    let mut lease = lease(story, client, backend, Reuse::No, None).await?;
    finish::step(story, Some(&*lease.held.0), Stage::Connection, Step::Connect);
    let timeouts = story.relay_timeouts(backend);
    let limit = story.site.tuning.buffer_size;
    story.live.reach(crate::live::Stage::Relaying);
    let (clock, live) = (&story.site.clock, story.live.share());
    let mut relay = Relay::new(client, &mut lease.side.conn, (clock, &live), timeouts, limit);
    let relayed = match inspect::answer(story, &mut relay, backend, &lease.held.0).await {
        Ok(()) => relay.finish(story.deadline).await,
        Err(termination) => relay.ended(termination),
    };
    story.facts.bytes_in += relayed.bytes_in;
    story.facts.bytes_out += relayed.bytes_out;
    story.sent += relayed.bytes_out;
    story.part_from_server();
    story.facts.termination = relayed.termination;
    Ok(Ended::Relayed(lease.held.0.clone()))
}

impl Upgrading {
    /// Goes on in HTTP mode, if the listener lets it; the cause is whose fault it is otherwise.
    fn end(self, cause: Cause) -> Result<Ended, Failed> {
        match self {
            Self::Allowed => Ok(Ended::Upgraded),
            Self::Forbidden => Err((Failure::silent(Termination::new(cause, Phase::Request)), None)),
        }
    }
}

/// What the bytes of a session are, by its content rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    Any,
    /// Of HTTP (`switch-mode http`).
    Requests(Requests),
}

/// Runs the content rules of a proxy on a TCP session; a rule may end it.
async fn content(story: &mut Story<'_>, client: &mut Conn, rules: &Rules) -> Result<Bytes, Failed> {
    let inspection = Inspection::of_request(rules, story.client_timeout());
    match inspection.run(story, Arriving::Session(client)).await {
        Ok(()) => Ok(Bytes::Any),
        Err(Stop::Rule(Ending::Http(requests))) => Ok(Bytes::Requests(requests)),
        Err(stop) => Err((inspect::refused(story, &stop), None)),
    }
}

/// Chooses the backend by what is there by now.
fn route<'s>(story: &mut Story<'s>, client: &Conn) -> Option<&'s BackendSide> {
    let looks = !story.frontend.routes.is_empty() || !story.frontend.switching.force.is_empty();
    let stage = if looks { recognise(story, client) } else { Stage::Connection };
    switching::backend(story, || story.raw_scene(stage, client))
}

/// Chooses the server, where rules do that.
fn assign(story: &mut Story<'_>, client: &Conn, backend: &BackendSide) {
    if !backend.assignment.is_empty() {
        let stage = recognise(story, client);
        let assigned = switching::server(backend, &story.raw_scene(stage, client));
        story.take_assignment(assigned);
    }
    if backend.rdp_cookie.0.is_some() && story.assigned.is_none() {
        story.assigned = switching::by_rdp_cookie(backend, &story.raw_scene(Stage::Connection, client));
    }
}

/// Whether what has come is a request.
fn recognise(story: &mut Story<'_>, client: &Conn) -> Stage {
    match inspect::sniff(story, client.input.data()) {
        Head::Complete => Stage::Request,
        Head::Partial | Head::None => Stage::Connection,
    }
}
