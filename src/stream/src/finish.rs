//! The end of a stream: its counters and its log line.

use backend::Server;
use lang::facts::{ConnFault, Load};
use log::Level;

use crate::introduction;
use crate::story::{Stage, Story};

/// Ends a stream that got as far as a request.
pub(crate) fn http(story: &mut Story<'_>, server: Option<&Server>) {
    story.facts.timers.end = story.now();
    let status = story.facts.status;
    let front = story.frontend.counters.events.here();
    front.requests.inc();
    front.statuses.count(status);
    front.bytes_in.add(story.facts.bytes_in);
    front.bytes_out.add(story.facts.bytes_out);
    story.site.counters.requests_total.inc();
    if let Some(backend) = story.backend {
        let counters = &backend.core.counters;
        let events = counters.events.here();
        events.sessions.inc();
        events.requests.inc();
        events.statuses.count(status);
        events.bytes_in.add(story.facts.bytes_in);
        events.bytes_out.add(story.facts.bytes_out);
    }
    if let Some(server) = server {
        let events = server.counters.common.events.here();
        events.sessions.inc();
        events.requests.inc();
        events.bytes_in.add(story.facts.bytes_in);
        events.bytes_out.add(story.facts.bytes_out);
    }
    log_line(story, server, Stage::Response);
}

/// Ends a TCP session.
pub(crate) fn tcp(story: &mut Story<'_>, server: Option<&Server>) {
    story.facts.timers.end = story.now();
    let front = story.frontend.counters.events.here();
    front.bytes_in.add(story.facts.bytes_in);
    front.bytes_out.add(story.facts.bytes_out);
    let sides = [story.backend.map(|b| &b.core.counters), server.map(|s| &s.counters.common)];
    for counters in sides.into_iter().flatten() {
        let events = counters.events.here();
        events.sessions.inc();
        events.bytes_in.add(story.facts.bytes_in);
        events.bytes_out.add(story.facts.bytes_out);
    }
    log_line(story, server, Stage::Connection);
}

/// Ends a stream whose request never was one.
pub(crate) fn unparsed(story: &mut Story<'_>) {
    story.facts.timers.end = story.now();
    let front = story.frontend.counters.events.here();
    front.requests.inc();
    front.failed_requests.inc();
    if story.facts.status > 0 {
        front.statuses.count(story.facts.status);
    }
    front.bytes_out.add(story.facts.bytes_out);
    let nothing_came = !story.facts.timers.first_byte.is_set();
    if nothing_came && story.frontend.log_options.dont_log_null {
        return;
    }
    log_line(story, None, Stage::Connection);
}

/// Ends a connection that failed before it could carry a stream.
pub(crate) fn embryo(story: &Story<'_>, fault: ConnFault) {
    let (log, options) = (&story.frontend.log, story.frontend.log_options);
    if log.is_silent() || options.dont_log_null && introduction::is_silence(fault) {
        return;
    }
    let level = if options.separate_errors { Level::Err } else { Level::Info };
    log.emit_error(&story.bare_scene(), level);
}

fn log_line(story: &mut Story<'_>, server: Option<&Server>, stage: Stage) {
    let (log, options) = (&story.frontend.log, story.frontend.log_options);
    if log.is_silent() {
        return;
    }
    let failed = !story.facts.termination.is_normal()
        || story.facts.status >= 500
        || story.facts.retries > 0
        || story.facts.redispatch == lang::facts::Redispatch::Done;
    if options.dont_log_normal && !failed {
        return;
    }
    story.facts.load = Load {
        process: story.site.counters.connections.get(),
        frontend: story.frontend.counters.current.get(),
        backend: story.backend.map_or(0, |b| b.core.counters.current.get()),
        server: server.map_or(0, |s| s.counters.common.current.get()),
    };
    let level = if failed && options.separate_errors { Level::Err } else { Level::Info };
    let level = match story.facts.log_level {
        lang::facts::LevelOverride::Natural => level,
        lang::facts::LevelOverride::Silent => return,
        lang::facts::LevelOverride::Level(n) => Level::from_number(n),
    };
    log.emit(&story.scene(stage, server), level);
}
