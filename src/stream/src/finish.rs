//! The end of a stream: its counters and its log line.

use std::sync::Arc;

use backend::Server;
use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use lang::facts::{ConnFault, LevelOverride, Load, Rewrites};
use lang::logformat::Completeness;
use log::{Due, Level, Step};
use stats::BackendCounters;
use stats::counters::FrontendEvents;

use crate::events;
use crate::introduction;
use crate::site::BackendSide;
use crate::story::{Logged, Stage, Story};

/// How a stream ends that an operator wanted to end.
const KILLED: Termination = Termination::new(Cause::Killed, Phase::Connect);

/// Notes that an operator ended the stream; tells the server that it belonged to.
pub(crate) fn killed_http(story: &mut Story<'_>) -> Option<Arc<Server>> {
    story.facts.termination = KILLED;
    // The log has a status, though the client was not told.
    story.facts.status = 500;
    server_of(story)
}

/// The same for a session in TCP mode, whose bytes nobody else has counted.
pub(crate) fn killed_tcp(story: &mut Story<'_>) -> Option<Arc<Server>> {
    story.facts.termination = KILLED;
    (story.facts.bytes_in, story.facts.bytes_out) = story.live.carried();
    story.sent = story.facts.bytes_out;
    server_of(story)
}

/// The server that the stream belonged to.
pub(crate) fn server_of(story: &Story<'_>) -> Option<Arc<Server>> {
    server_among(story.backend?, story.live.server())
}

/// The server of a backend that has this number.
pub(crate) fn server_among(backend: &BackendSide, id: Option<u32>) -> Option<Arc<Server>> {
    let id = id?;
    backend.core.servers.load().iter().find(|s| s.facts.id == id).cloned()
}

/// Ends a stream that got as far as a request.
pub(crate) fn http(story: &mut Story<'_>, server: Option<&Server>) {
    story.leave_backend();
    // Whatever it was, it may be somebody else's by now.
    story.facts.server_socket = None;
    story.facts.timers.end = story.now();
    let status = story.facts.status;
    let over_h2 = story.comes_over_h2();
    story.count(|front| {
        front.requests.inc();
        if over_h2 {
            front.h2_requests.inc();
        }
        front.statuses.count(status);
        carried(story, front);
    });
    story.site.counters.requests_total.inc();
    let now = story.facts.timers.end;
    let counters = &story.frontend.counters;
    counters.request_rate_max.raise(u64::from(counters.request_rate.hit(now)));
    if let Some(backend) = story.backend {
        let events = backend.core.counters.events.here();
        events.requests.inc();
        events.statuses.count(status);
    }
    if let Some(server) = server.filter(|_| story.facts.server_status > 0) {
        server.counters.common.events.here().requests.inc();
    }
    for counters in sides(story, server) {
        account(story, counters);
    }
    if story.backend.is_none() {
        account_own(story);
    }
    count_rewrites(story, server);
    log_line(story, server, Stage::Response);
    events::ended(story);
    story.live.leave();
}

/// Counts the rewrites that failed until now, for all that the stream belongs to; those of requests were no matter
/// of the server.
pub(crate) fn count_rewrites(story: &mut Story<'_>, server: Option<&Server>) {
    let Rewrites { failed_requests, failed_responses, .. } = story.facts.rewrites;
    let failed = u64::from(failed_requests) + u64::from(failed_responses);
    if failed == 0 {
        return;
    }
    let rewrites = &mut story.facts.rewrites;
    (rewrites.failed_requests, rewrites.failed_responses) = (0, 0);
    story.count(|front| front.failed_rewrites.add(failed));
    for counters in sides(story, None) {
        counters.events.here().failed_rewrites.add(failed);
    }
    if let Some(server) = server {
        server.counters.common.events.here().failed_rewrites.add(failed_responses.into());
    }
}

/// The backend that a stream has been given to, if that is another proxy.
fn elsewhere<'s>(story: &Story<'s>) -> Option<&'s BackendSide> {
    story.backend.filter(|backend| backend.common.facts.id != story.frontend.common.facts.id)
}

/// Counts what a rule has rejected: for the frontend alone, whoever's rule it was.
pub(crate) fn rejected(story: &Story<'_>) {
    story.count(|front| front.denied_requests.inc());
}

/// Counts a request that a rule has refused.
pub(crate) fn denied(story: &Story<'_>) {
    rejected(story);
    if let Some(backend) = elsewhere(story) {
        backend.core.counters.events.here().denied_requests.inc();
    }
}

/// Counts a request that the frontend has answered by itself.
pub(crate) fn intercepted(story: &Story<'_>) {
    if elsewhere(story).is_none() {
        story.count(|front| front.intercepted.inc());
    }
}

/// A service answers from here on: the stream is where one with a server would be by now.
pub(crate) fn serving(story: &mut Story<'_>) {
    let now = story.now();
    (story.facts.timers.queued, story.facts.timers.connected) = (now, now);
    if let Some(counters) = backend_counters(story) {
        counters.last_session.set(now.0);
    }
}

/// The counters of the backend that a stream belongs to, if only as the other side of its frontend's section.
fn backend_counters<'s>(story: &Story<'s>) -> Option<&'s BackendCounters> {
    let own = story.frontend.own_backend.map(|own| &story.site.backends[own]);
    story.backend.or(own).map(|backend| &backend.core.counters)
}

/// Counts a service's response that rules refused.
pub(crate) fn denied_answer(story: &Story<'_>) {
    story.count(|front| front.denied_responses.inc());
    if let Some(backend) = elsewhere(story) {
        backend.core.counters.events.here().denied_responses.inc();
    }
}

/// Counts something that went wrong inside, for all that the stream belongs to.
pub(crate) fn internal_error(story: &Story<'_>, server: Option<&Server>) {
    story.count(|front| front.internal_errors.inc());
    for counters in sides(story, server) {
        counters.events.here().internal_errors.inc();
    }
}

/// Counts a stream's bytes for its frontend.
fn carried(story: &Story<'_>, front: &FrontendEvents) {
    let (bytes_in, bytes_out) = uncounted(story);
    front.bytes_in.add(bytes_in);
    front.bytes_out.add(bytes_out);
    front.requests_out.add(passed_on(story));
    front.responses_out.add(story.sent);
}

/// What of a stream's bytes was not counted on the way.
fn uncounted(story: &Story<'_>) -> (u64, u64) {
    let (facts, (counted_in, counted_out)) = (&story.facts, story.live.counted());
    (facts.bytes_in.saturating_sub(counted_in), facts.bytes_out.saturating_sub(counted_out))
}

/// Bytes of the request that went on to a server.
fn passed_on(story: &Story<'_>) -> u64 {
    if story.facts.timers.connected.is_set() { story.facts.bytes_in } else { 0 }
}

/// The counters of a stream's backend and server.
fn sides<'c>(story: &Story<'c>, server: Option<&'c Server>) -> impl Iterator<Item = &'c BackendCounters> {
    let sides = [story.backend.map(|b| &b.core.counters), server.map(|s| &s.counters.common)];
    sides.into_iter().flatten()
}

/// Counts a stream for its backend or its server.
fn account(story: &Story<'_>, counters: &BackendCounters) {
    let (facts, events) = (&story.facts, counters.events.here());
    events.sessions.inc();
    let (bytes_in, bytes_out) = uncounted(story);
    events.bytes_in.add(bytes_in);
    events.bytes_out.add(bytes_out);
    events.requests_out.add(passed_on(story));
    events.responses_out.add(story.sent);
    counters.session_rate_max.raise(u64::from(counters.session_rate.hit(facts.timers.end)));
    match facts.termination {
        Termination { cause: Cause::ClientAbort, .. } => events.client_aborts.inc(),
        Termination { cause: Cause::ServerAbort, phase: Phase::Data } => events.server_aborts.inc(),
        _ => {}
    }
    let t = &facts.timers;
    let span = |from: Tick, to: Tick| if from.is_set() && to.is_set() { to.millis_since(from) } else { 0 };
    let asked = if t.request.is_set() { t.request } else { t.begin };
    events.queue_time.add(span(asked, t.queued));
    events.connect_time.add(span(t.queued, t.connected));
    events.response_time.add(span(t.connected, t.response));
    events.total_time.add(span(t.begin, t.end));
}

/// Counts what a `listen` section carried of a stream that never reached its backend.
fn account_own(story: &Story<'_>) {
    let Some(own) = backend_counters(story) else { return };
    let events = own.events.here();
    events.bytes_in.add(story.facts.bytes_in);
    events.bytes_out.add(story.facts.bytes_out);
    events.requests_out.add(passed_on(story));
    events.responses_out.add(story.sent);
}

/// Ends a TCP session.
pub(crate) fn tcp(story: &mut Story<'_>, server: Option<&Server>) {
    story.leave_backend();
    story.facts.server_socket = None;
    story.facts.timers.end = story.now();
    story.count(|front| carried(story, front));
    for counters in sides(story, server) {
        account(story, counters);
    }
    log_line(story, server, Stage::Connection);
    events::ended(story);
    story.live.leave();
}

/// Ends a stream that was refused by what came, before anybody asked whether it was a request.
pub(crate) fn unasked(story: &mut Story<'_>) {
    story.facts.timers.end = story.now();
    story.facts.timers.first_byte = Tick::NEVER;
    story.facts.request_line.clear();
    story.count(|front| {
        front.statuses.count(0);
        carried(story, front);
    });
    log_line(story, None, Stage::Connection);
    story.live.leave();
}

/// Ends a stream whose client had left before anybody asked for its request.
pub(crate) fn deserted(story: &mut Story<'_>) {
    story.facts.timers.end = story.now();
    if let Some(backend) = story.backend.take() {
        account(story, &backend.core.counters);
    }
    story.leave_backend();
}

/// Ends a stream whose request never was one.
pub(crate) fn unparsed(story: &mut Story<'_>) {
    story.facts.timers.end = story.now();
    let over_h2 = story.comes_over_h2();
    story.count(|front| {
        front.requests.inc();
        if over_h2 {
            front.h2_requests.inc();
        }
        front.failed_requests.inc();
        if story.facts.status > 0 {
            front.statuses.count(story.facts.status);
        }
    });
    story.live.count_failed();
    // The session may have been a backend's already; it is the frontend's that no request came.
    if let Some(backend) = story.backend.take() {
        account(story, &backend.core.counters);
    }
    let nothing_came = !story.facts.timers.first_byte.is_set();
    if nothing_came && story.frontend.log_options.dont_log_null.is_on() {
        return;
    }
    let log = &story.frontend.log;
    if let Some(level) = level(story).filter(|_| !log.is_silent()) {
        load(story, None);
        log.emit_error(&story.scene(Stage::Connection, None), level);
    }
}

/// Logs what never came to be a stream because it was malformed.
pub(crate) fn malformed(story: &mut Story<'_>) {
    story.facts.timers.end = story.now();
    story.facts.termination = Termination::new(Cause::Proxy, Phase::Request);
    let log = &story.frontend.log;
    if let Some(level) = level(story).filter(|_| !log.is_silent()) {
        load(story, None);
        log.emit_error(&story.scene(Stage::Connection, None), level);
    }
}

/// Ends a connection that failed before it could carry a stream.
pub(crate) fn embryo(story: &Story<'_>, fault: ConnFault) {
    let (log, options) = (&story.frontend.log, story.frontend.log_options);
    if log.is_silent() || options.dont_log_null.is_on() && introduction::is_silence(fault) {
        return;
    }
    let level = if options.separate_errors.is_on() { Level::Err } else { Level::Info };
    match story.session.tls.tls().and_then(|tls| tls.error.as_ref()) {
        None => log.emit_failure(&story.bare_scene(), level, fault.message),
        Some(error) => {
            let text = format!("{} ({})", fault.message, error.text);
            log.emit_failure(&story.bare_scene(), level, &text);
        }
    }
}

/// Logs a step of a stream that goes on, where somebody wants that.
pub(crate) fn step(story: &mut Story<'_>, server: Option<&Server>, stage: Stage, step: Step) {
    let log = &story.frontend.log;
    if log.is_silent() {
        return;
    }
    let early = match log.due() {
        Due::At(steps) if steps.contains(step) => Completeness::Final,
        Due::Once(due) => {
            let asap = story.frontend.log_options.as_soon_as_possible.is_on();
            // As soon as possible is when the response is there, or in TCP mode the connection.
            let http = story.frontend.common.facts.http || stage != Stage::Connection;
            let reached = if http { Step::Response } else { Step::Connect };
            // What turned out to be HTTP has its line when other HTTP has.
            let due = if due == Step::Connect { reached } else { due };
            match (due == step, asap && reached == step) {
                (true, false) => Completeness::Final,
                (_, true) if story.logged == Logged::No => Completeness::Growing,
                _ => return,
            }
        }
        Due::At(_) => return,
    };
    let Some(level) = level(story) else { return };
    load(story, server);
    story.facts.timers.end = story.now();
    if matches!(log.due(), Due::Once(_)) {
        story.logged = Logged::Yes;
    }
    match early {
        Completeness::Final => log.emit_at(&story.scene(stage, server), level, step),
        Completeness::Growing => log.emit_early(&story.scene(stage, server), level, step),
    }
}

/// The level of a stream's line; none when it is not to be logged.
fn level(story: &Story<'_>) -> Option<Level> {
    let options = story.frontend.log_options;
    let failed = story.facts.failed();
    if options.dont_log_normal.is_on() && !failed {
        return None;
    }
    match story.facts.log_level {
        LevelOverride::Natural if failed && options.separate_errors.is_on() => Some(Level::Err),
        LevelOverride::Natural => Some(Level::Info),
        LevelOverride::Silent => None,
        LevelOverride::Level(n) => Some(Level::from_number(n)),
    }
}

fn load(story: &mut Story<'_>, server: Option<&Server>) {
    (story.facts.passed_on, story.facts.sent) = (passed_on(story), story.sent);
    story.facts.load = Load {
        process: story.site.counters.connections.get(),
        frontend: story.frontend.counters.current.get(),
        backend: story.backend.map_or(0, |b| b.core.counters.current.get()),
        server: server.map_or(0, |s| s.counters.common.current.get()),
    };
}

/// The line at the end of a stream, unless it was written earlier.
fn log_line(story: &mut Story<'_>, server: Option<&Server>, stage: Stage) {
    let log = &story.frontend.log;
    if log.is_silent() || story.logged == Logged::Yes {
        return;
    }
    if let Due::At(steps) = log.due()
        && !steps.contains(Step::Close)
    {
        return;
    }
    if let Some(level) = level(story) {
        load(story, server);
        log.emit(&story.scene(stage, server), level);
    }
}
