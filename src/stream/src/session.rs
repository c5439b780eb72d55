//! From an accepted connection to its streams.

use std::rc::Rc;
use std::sync::Arc;

use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::termination::{Cause, Phase, Termination};
use config::Mode;
use lang::facts::{Buffered, Hope, LocalAddr, Payload, Scene, SessionFacts};
use net::{Accepted, Socket};
use rule::set::Outcome;
use rule::{RuleList, Rules};
use stats::ListenerCounters;

use crate::accept::Permit;
use crate::conn::{Closing, Conn};
use crate::connect::{Reuse, lease};
use crate::finish;
use crate::inspect::{self, Arriving, Head, Inspection};
use crate::introduction;
use crate::live::unless_condemned;
use crate::site::{BackendSide, CompiledRoute, Frontend, ListenerFacts, Site};
use crate::story::{Failure, Stage, Story};
use crate::tcp::Relay;
use crate::worker::Worker;
use log::Step;

/// Serves one connection until it ends.
pub(crate) async fn serve(worker: Rc<Worker>, permit: Permit, accepted: Accepted) {
    let site = worker.site.clone();
    let listener = &permit.listener;
    let frontend = &site.frontends[listener.frontend];
    let _counted = Counted::new(&worker, &site, frontend, listener.counters.as_deref());
    let now = (site.clock.now(), site.clock.wall());
    let (socket, source) = (accepted.socket.attach(), accepted.source);
    let session = facts(&site, listener, &socket, source, now);
    let mut conn = Conn::new(socket);
    if frontend.common.sockets.no_linger.is_on() {
        conn.closing = Closing::Reset;
    }
    let mut story = Story::new(&site, &worker, frontend, session);
    story.listener.clone_from(&listener.counters);
    if !begin(&mut story, &mut conn, listener.client_ip_magic).await {
        return;
    }
    story.live.open(frontend.common.facts.id, &story.session, conn.socket.number());
    story.count(|front| front.sessions.inc());
    frontend.counters.session_rate_max.raise(u64::from(frontend.counters.session_rate.hit(now.0)));
    site.counters.session_rate_max.raise(u64::from(site.counters.session_rate.hit(now.0)));
    match frontend.common.mode {
        Mode::Http => crate::http::serve(&mut story, conn).await,
        _ => Box::pin(tcp(&mut story, conn)).await,
    }
}

/// From the connection to the session; false when it ends on the way.
async fn begin(story: &mut Story<'_>, conn: &mut Conn, magic: u32) -> bool {
    let frontend = story.frontend;
    if refuses(story, &frontend.common.rules.tcp_connection) {
        story.count(|front| front.denied_connections.inc());
        return false;
    }
    if let Err(fault) = Box::pin(introduction::read(story, conn, magic)).await {
        story.session.fault = Some(fault);
        finish::embryo(story, fault);
        return false;
    }
    if refuses(story, &frontend.common.rules.tcp_session) {
        story.count(|front| front.denied_sessions.inc());
        return false;
    }
    true
}

fn facts(
    site: &Site,
    listener: &ListenerFacts,
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
        listener_name: listener.name.clone(),
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

/// Counts a connection as long as it lives.
struct Counted<'s> {
    worker: &'s Worker,
    site: &'s Site,
    frontend: &'s Frontend,
    listener: Option<&'s ListenerCounters>,
}

impl<'s> Counted<'s> {
    fn new(
        worker: &'s Worker,
        site: &'s Site,
        frontend: &'s Frontend,
        listener: Option<&'s ListenerCounters>,
    ) -> Self {
        let now = site.clock.now();
        site.counters.connections.inc();
        site.counters.connections_total.inc();
        site.counters.connection_rate_max.raise(u64::from(site.counters.connection_rate.hit(now)));
        let counters = &frontend.counters;
        counters.current_max.raise(counters.current.inc());
        counters.connection_rate_max.raise(u64::from(counters.connection_rate.hit(now)));
        counters.events.here().connections.inc();
        if let Some(listener) = listener {
            listener.current_max.raise(listener.current.inc());
            listener.events.here().connections.inc();
        }
        worker.enter();
        Self { worker, site, frontend, listener }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.site.counters.connections.dec();
        self.frontend.counters.current.dec();
        if let Some(listener) = self.listener {
            listener.current.dec();
        }
        self.worker.leave();
    }
}

/// A session in TCP mode.
async fn tcp(story: &mut Story<'_>, mut client: Conn) {
    story.begin();
    story.identify(Stage::Connection);
    story.enlist();
    finish::step(story, None, Stage::Connection, Step::Accept);
    let live = story.live.share();
    let server = match unless_condemned(&live, run_tcp(story, &mut client)).await {
        None => finish::killed_tcp(story),
        Some(Ok(server)) => Some(server),
        Some(Err((failure, server))) => {
            story.facts.termination = failure.termination;
            server
        }
    };
    finish::tcp(story, server.as_deref());
}

/// A failure, and the server that it happened at.
type Failed = (Failure, Option<Arc<backend::Server>>);

async fn run_tcp(story: &mut Story<'_>, client: &mut Conn) -> Result<Arc<backend::Server>, Failed> {
    content(story, client, &story.frontend.common.rules).await?;
    let no_backend = Failure::silent(Termination::new(Cause::ServerAbort, Phase::Connect));
    let backend: &BackendSide = route(story, client).ok_or((no_backend, None))?;
    story.enter_backend(backend);
    if backend.common.facts.id != story.frontend.common.facts.id {
        content(story, client, &backend.common.rules).await?;
    }
    let mut lease = lease(story, backend, Reuse::No).await?;
    finish::step(story, Some(&*lease.held.0), Stage::Connection, Step::Connect);
    let timeouts = story.relay_timeouts(backend);
    let limit = story.site.tuning.buffer_size;
    story.live.reach(crate::live::Stage::Relaying);
    let (clock, live) = (&story.site.clock, story.live.share());
    let mut relay = Relay::new(client, &mut lease.side.conn, (clock, &live), timeouts, limit);
    let relayed = match inspect::answer(story, &mut relay, backend, &lease.held.0).await {
        Ok(()) => relay.finish(&mut story.deadline).await,
        Err(termination) => relay.ended(termination),
    };
    story.facts.bytes_in += relayed.bytes_in;
    story.facts.bytes_out += relayed.bytes_out;
    story.sent += relayed.bytes_out;
    story.facts.termination = relayed.termination;
    Ok(lease.held.0.clone())
}

/// Runs the content rules of a proxy on a TCP session; a rule may end it.
async fn content(story: &mut Story<'_>, client: &mut Conn, rules: &Rules) -> Result<(), Failed> {
    let inspection = Inspection::of_request(rules, story.client_timeout());
    match inspection.run(story, Arriving::Session(client)).await {
        Ok(()) => Ok(()),
        Err(stop) => Err((inspect::refused(story, &stop), None)),
    }
}

/// Chooses the backend by what is there by now.
fn route<'s>(story: &mut Story<'s>, client: &Conn) -> Option<&'s BackendSide> {
    let frontend = story.frontend;
    let mut stage = Stage::Connection;
    if !frontend.routes.is_empty() && inspect::sniff(story, client.input.data()) == Head::Complete {
        stage = Stage::Request;
    }
    let buffered = Buffered { data: client.input.data(), hope: Hope::Nothing };
    let scene = Scene { payload: Payload::Request(buffered), ..story.scene(stage, None) };
    let holds =
        |r: &&CompiledRoute| r.route.condition.as_ref().is_none_or(|c| c.holds(&scene) == rule::Truth::True);
    let chosen = frontend.routes.iter().find(holds);
    let index = chosen.and_then(|r| r.backend).or(frontend.default_backend)?;
    story.site.backends.get(index)
}
