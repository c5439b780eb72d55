//! What the phases of one session share.

use std::sync::Arc;
use std::time::Duration;

use backend::Server;
use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::termination::Termination;
use h1::Upgrade;
use http::{RequestHead, ResponseHead};
use lang::Wishes;
use lang::facts::{Buffered, Hope, Outgoing, Payload, Scene, SessionFacts, StreamFacts, Timers};
use lang::logformat::Needs;
use net::Deadline;
use rule::{Requests, Txn};
use stats::ListenerCounters;
use stats::counters::{FrontendEvents, HttpCounters};

use crate::conn::Conn;
use crate::continuous::Accounts;
use crate::events::{self, Events};
use crate::live::{Begun, Seat};
use crate::reserve::OwnConnections;
use crate::secure;
use crate::session::{Progress, Session};
use crate::site::{BackendSide, Frontend, ListenerFacts, Site};
use crate::switching::{self, Assigned};
use crate::tcp::RelayTimeouts;
use crate::worker::Worker;

/// Everything that is known of a session and of its current stream.
pub(crate) struct Story<'s> {
    pub(crate) site: &'s Site,
    pub(crate) worker: &'s Worker,
    pub(crate) frontend: &'s Frontend,
    pub(crate) backend: Option<&'s BackendSide>,
    /// Counts the stream in its backend, until it is finished.
    occupies: Option<Occupies<'s>>,
    pub(crate) session: &'s mut SessionFacts,
    pub(crate) facts: StreamFacts,
    pub(crate) request: RequestHead,
    pub(crate) response: ResponseHead,
    /// A copy of what had come of the message's body when its rules were run.
    pub(crate) body: Vec<u8>,
    pub(crate) deadline: &'s mut Deadline,
    /// When the connection was ready to carry requests, if it had to begin with something else.
    pub(crate) handshake: Tick,
    /// Requests that came on this connection before.
    pub(crate) served: u32,
    /// The stream that an earlier story of the session has begun, and of which nothing has come yet.
    awaited: Option<Awaited>,
    /// Whether the current stream's line has been written.
    pub(crate) logged: Logged,
    /// Bytes that the current stream sent to the client, whoever made them.
    pub(crate) sent: u64,
    /// The counters of its listener, if it is counted apart.
    pub(crate) listener: Option<&'s ListenerCounters>,
    /// The session's place in the list of live streams.
    pub(crate) live: Seat<'s>,
    /// Server connections that wait for the session's next request.
    pub(crate) own: &'s mut OwnConnections,
    /// Whether a server asked the client to prove who it is: what follows goes to the same one.
    pub(crate) asked: Asked,
    /// Shows what happens, where that is wanted.
    pub(crate) events: Option<Events>,
    /// How much of the response the client wants.
    pub(crate) wants: Answer,
    /// How the request came.
    pub(crate) carriage: Carriage,
    /// The protocol that the request is to switch to.
    pub(crate) upgrade: Upgrade,
    /// What requests come in.
    pub(crate) requests: Requests,
    /// The server that rules or a cookie have chosen.
    pub(crate) assigned: Option<Arc<Server>>,
    /// The hash of what balancing goes by, where it goes by one.
    pub(crate) hash: Option<u32>,
    /// The dates of the client's cookie.
    pub(crate) presented: crate::http::Dates,
}

/// What a story is told of: a session with one stream after the other, or one stream of a session with many.
pub(crate) struct Parts<'s> {
    pub(crate) worker: &'s Worker,
    pub(crate) listener: &'s ListenerFacts,
    /// Where its exchanges are counted, if they are ones of HTTP.
    pub(crate) exchanges: Option<&'s Arc<HttpCounters>>,
    pub(crate) facts: &'s mut SessionFacts,
    pub(crate) deadline: &'s mut Deadline,
    pub(crate) progress: Progress,
    pub(crate) own: &'s mut OwnConnections,
    pub(crate) events: Option<Events>,
}

/// How requests come on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// One after the other.
    Alone,
    /// Several at a time, over HTTP/2.
    Shared,
}

/// Whether a server asked the client to prove who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asked {
    #[default]
    No,
    Yes,
}

/// A stream that waits for its request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Awaited {
    id: u32,
    /// Never, when there is none.
    since: (Tick, WallTime),
}

/// Whether a stream begins or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    New,
    Resumed,
    /// It began with other bytes in mind.
    Upgraded,
}

/// Whether the line of a stream has been written before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logged {
    No,
    Yes,
}

/// How much of a response the client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Whole,
    /// It asked with `HEAD`, whatever rules made of that.
    HeadOnly,
}

/// One stream of a backend.
struct Occupies<'s>(&'s BackendSide);

impl<'s> Occupies<'s> {
    fn new(backend: &'s BackendSide) -> Self {
        backend.core.occupy();
        Self(backend)
    }
}

impl Drop for Occupies<'_> {
    fn drop(&mut self) {
        self.0.core.vacate();
    }
}

/// Which messages are there for rules and expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Neither.
    Connection,
    /// The request.
    Request,
    /// The response; the request still is, as it was sent.
    Response,
}

/// A stream that could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The status for the client; none when there is nobody to tell, or no way to.
    pub(crate) status: Option<u16>,
    /// How it ends.
    pub(crate) termination: Termination,
}

impl Failure {
    pub(crate) const fn new(status: u16, termination: Termination) -> Self {
        Self { status: Some(status), termination }
    }

    pub(crate) const fn silent(termination: Termination) -> Self {
        Self { status: None, termination }
    }
}

impl<'s> Story<'s> {
    pub(crate) fn new(session: &'s mut Session) -> Self {
        let Session { worker, permit, facts, deadline, progress, own, events } = session;
        let (progress, events) = (*progress, *events);
        let listener = &*permit.listener;
        let frontend = &worker.site.frontends[listener.frontend];
        let exchanges = frontend.common.facts.http.then(|| frontend.counters.h1.here());
        Self::of(Parts { worker, listener, exchanges, facts, deadline, progress, own, events })
    }

    /// The story of what these belong to.
    pub(crate) fn of(parts: Parts<'s>) -> Self {
        let Parts { worker, listener, exchanges, facts, deadline, progress, own, events } = parts;
        let site = &*worker.site;
        let frontend = &site.frontends[listener.frontend];
        let (request, response) = worker.take_heads();
        Self {
            site,
            worker,
            frontend,
            backend: None,
            occupies: None,
            session: facts,
            facts: StreamFacts::default(),
            request,
            response,
            body: Vec::new(),
            deadline,
            handshake: progress.handshake,
            served: progress.served,
            awaited: Some(progress.awaited).filter(|a| a.since.0.is_set()),
            logged: Logged::No,
            sent: 0,
            wants: Answer::Whole,
            carriage: Carriage::Alone,
            upgrade: Upgrade::None,
            requests: match listener.protocol {
                Some(net::Protocol::Http1) => Requests::Http1,
                _ => Requests::Any,
            },
            assigned: None,
            hash: None,
            presented: crate::http::Dates::default(),
            listener: listener.counters.as_deref(),
            live: Seat::take(&site.live).counting(exchanges),
            own,
            asked: progress.asked,
            events,
        }
    }

    /// Gives the stream its unique id, where the frontend has a format for it.
    pub(crate) fn identify(&mut self, stage: Stage) {
        let frontend = self.frontend;
        let Some(format) = &frontend.unique_id.format else { return };
        let mut id = Vec::new();
        format.render(&self.scene(stage, None), &mut id);
        self.facts.unique_id = Some(id.into());
    }

    /// The stream belongs to this backend from here on.
    pub(crate) fn enter_backend(&mut self, backend: &'s BackendSide) {
        if backend.common.facts.id != self.frontend.common.facts.id {
            self.facts.overrides = self.facts.overrides.elsewhere();
        }
        self.backend = Some(backend);
        self.facts.cookies = crate::http::letters(backend);
        self.occupies = Some(Occupies::new(backend));
        self.live.route(backend.common.facts.id);
    }

    /// Lets the rules of the backend choose a server, where there are any.
    pub(crate) fn assign(&mut self, backend: &BackendSide, stage: Stage) {
        if !backend.assignment.is_empty() {
            let assigned = switching::server(backend, &self.scene(stage, None));
            self.take_assignment(assigned);
        }
    }

    pub(crate) fn take_assignment(&mut self, assigned: Assigned) {
        self.assigned = assigned.server;
        self.facts.overrides.persistence = assigned.persistence;
    }

    /// The scene of a session that carries no HTTP, with what its client has sent.
    pub(crate) fn raw_scene<'a>(&'a self, stage: Stage, client: &'a Conn) -> Scene<'a> {
        let buffered = Buffered { data: client.input.data(), hope: Hope::Nothing };
        Scene { payload: Payload::Request(buffered), ..self.scene(stage, None) }
    }

    /// The stream no longer counts in its backend; its log line still names it.
    pub(crate) fn leave_backend(&mut self) {
        self.occupies = None;
    }

    /// Whether the request came over HTTP/2.
    pub(crate) fn comes_over_h2(&self) -> bool {
        self.carriage == Carriage::Shared
    }

    /// Starts the next stream of the session. Memory is kept.
    pub(crate) fn begin(&mut self) -> Beginning {
        let first = self.served == 0;
        let awaited = self.awaited.take();
        let (begin, begin_date) = match awaited {
            _ if first => self.session.accepted,
            Some(awaited) => awaited.since,
            None => (self.now(), self.worker.date()),
        };
        let handshake = if first { self.handshake } else { Tick::NEVER };
        let mut request_line = std::mem::take(&mut self.facts.request_line);
        request_line.clear();
        self.backend = None;
        self.occupies = None;
        // An idle session holds no room for bodies.
        self.body = Vec::new();
        self.sent = 0;
        self.wants = Answer::Whole;
        self.assigned = None;
        self.hash = None;
        self.presented = crate::http::Dates::default();
        self.logged = Logged::No;
        self.facts = StreamFacts {
            id: awaited.map_or_else(|| self.site.next_stream_id(), |a| a.id),
            earlier_requests: self.served,
            request_line,
            cookies: self.frontend.letters,
            timers: Timers { begin, begin_date, request_date: begin_date, handshake, ..Timers::default() },
            ..StreamFacts::default()
        };
        if awaited.is_some() { Beginning::Resumed } else { Beginning::New }
    }

    /// Ends the story where nothing of the current stream's request has come; tells how far the connection is.
    pub(crate) fn pause(self) -> Progress {
        let timers = &self.facts.timers;
        self.worker.keep_heads((self.request, self.response));
        let awaited = Awaited { id: self.facts.id, since: (timers.begin, timers.begin_date) };
        Progress { handshake: self.handshake, served: self.served, awaited, asked: self.asked }
    }

    /// Counts something for the frontend, and for the listener if it is counted apart.
    pub(crate) fn count(&self, what: impl Fn(&FrontendEvents)) {
        what(self.frontend.counters.events.here());
        if let Some(listener) = self.listener {
            what(listener.events.here());
        }
    }

    /// Whom the stream's bytes are counted for while it runs, where they are.
    pub(crate) fn accounts(&self) -> Option<Accounts<'s>> {
        let Self { site, frontend, listener, .. } = *self;
        frontend.counts_continuously().then_some(Accounts { site, frontend, listener })
    }

    /// Puts the current stream on the list of those that live.
    pub(crate) fn enlist(&self) {
        let timers = &self.facts.timers;
        let (since, date) = match timers.first_byte {
            Tick::NEVER => (timers.begin, timers.begin_date),
            first => (first, timers.request_date),
        };
        self.live.enter(Begun { id: self.facts.id, since, date }, &self.facts.request_line);
        events::begun(self);
    }

    pub(crate) fn now(&self) -> Tick {
        self.worker.now()
    }

    /// How long the client may be silent.
    pub(crate) fn client_timeout(&self) -> Option<Duration> {
        self.facts.overrides.client.or(self.frontend.common.timeouts.client)
    }

    /// How long a server of the backend may be silent.
    pub(crate) fn server_timeout(&self, backend: &BackendSide) -> Option<Duration> {
        self.facts.overrides.server.or(backend.common.timeouts.server)
    }

    /// How long a connection to a server may take.
    pub(crate) fn connect_timeout(&self, backend: &BackendSide) -> Option<Duration> {
        self.facts.overrides.connect.or(backend.common.timeouts.connect)
    }

    /// How long the stream may wait for a server.
    pub(crate) fn queue_timeout(&self, backend: &BackendSide) -> Option<Duration> {
        let configured = backend.common.timeouts.queue.or(backend.common.timeouts.connect);
        self.facts.overrides.queue.or(configured)
    }

    /// How often a connection may be tried again.
    pub(crate) fn retries(&self, backend: &BackendSide) -> u32 {
        self.facts.overrides.retries.unwrap_or(backend.core.settings.retries)
    }

    /// The timeouts of bytes that go both ways.
    pub(crate) fn relay_timeouts(&self, backend: &BackendSide) -> RelayTimeouts {
        let configured = RelayTimeouts::of(&self.frontend.common, &backend.common);
        RelayTimeouts {
            client: self.client_timeout(),
            server: self.server_timeout(backend),
            tunnel: self.facts.overrides.tunnel.or(configured.tunnel),
            ..configured
        }
    }

    /// Sets the deadline so far from `from`; none at all lifts it.
    pub(crate) fn expire(&mut self, from: Tick, after: Option<Duration>) {
        let due = after.map_or(Tick::NEVER, |d| from + d);
        self.deadline.set(due);
        self.live.expire(due);
    }

    /// The scene for log lines and expressions outside of rule sets.
    pub(crate) fn scene<'a>(&'a self, stage: Stage, server: Option<&'a Server>) -> Scene<'a> {
        Scene {
            now: (self.now(), self.worker.date()),
            process: &self.site.process,
            frontend: &self.frontend.common.facts,
            backend: self.backend.map(|b| &b.common.facts),
            server: server.map(|s| &s.facts),
            session: self.session,
            stream: Some(&self.facts),
            request: (stage != Stage::Connection).then_some(&self.request),
            response: (stage == Stage::Response).then_some(&self.response),
            payload: payload(&self.body, stage),
        }
    }

    /// The scene of a connection that never came to carry a stream.
    pub(crate) fn bare_scene(&self) -> Scene<'_> {
        Scene { stream: None, ..self.scene(Stage::Connection, None) }
    }

    /// Remembers where the connection to the server is to go, which it may never reach.
    pub(crate) fn note_target(&mut self, to: &Addr) {
        self.facts.outgoing = Outgoing::Open;
        if self.site.wishes.contains(Wishes::SERVER_ADDRESSES) {
            self.facts.server_addr = Some(to.clone());
            self.facts.server_source = Some(Addr::any(to.family()));
        }
    }

    /// Remembers the two ends of the connection to the server, where somebody logs them.
    #[inline]
    pub(crate) fn note_server(&mut self, conn: &Conn, to: Option<Addr>) {
        self.facts.server_tls = secure::facts(conn);
        self.facts.outgoing = Outgoing::Open;
        if self.site.wishes.contains(Wishes::ROUND_TRIPS) {
            self.facts.server_socket = Some(conn.number());
        }
        let wanted = self.site.wishes.contains(Wishes::SERVER_ADDRESSES);
        if wanted || self.frontend.log.needs().contains(Needs::SERVER_ADDRESSES) {
            let (peer, own) = conn.ends();
            self.facts.server_addr = to.or(peer);
            self.facts.server_source = own;
        }
    }

    /// The stream and its connection to the server part.
    pub(crate) fn part_from_server(&mut self) {
        if let Some(socket) = self.facts.server_socket.take() {
            self.facts.server_round_trip = net::round_trip(socket);
        }
    }

    /// Where the stream's traffic comes from.
    pub(crate) fn source(&self) -> Option<&Addr> {
        self.facts.source.as_ref().or(self.session.source.as_ref())
    }

    /// Where the stream's traffic was sent to.
    pub(crate) fn destination(&self) -> Option<&Addr> {
        self.facts.destination.as_ref().or_else(|| self.session.destination.get())
    }

    /// The transaction for a rule set.
    pub(crate) fn txn<'a>(&'a mut self, stage: Stage, server: Option<&'a Server>) -> Txn<'a> {
        Txn {
            now: (self.worker.now(), self.worker.date()),
            process: &self.site.process,
            frontend: &self.frontend.common.facts,
            backend: self.backend.map(|b| &b.common.facts),
            server: server.map(|s| &s.facts),
            session: self.session,
            stream: Some(&mut self.facts),
            request: (stage != Stage::Connection).then_some(&mut self.request),
            response: (stage == Stage::Response).then_some(&mut self.response),
            payload: payload(&self.body, stage),
            recorder: Some(self.frontend),
            buffer: self.site.tuning.buffer_size,
        }
    }
}

/// What has come of the body of the message that is looked at.
fn payload(body: &[u8], stage: Stage) -> Payload<'_> {
    let buffered = Buffered { data: body, hope: Hope::Nothing };
    match stage {
        Stage::Connection => Payload::Unavailable,
        Stage::Request => Payload::Request(buffered),
        Stage::Response => Payload::Response(buffered),
    }
}
