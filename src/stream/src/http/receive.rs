//! Waiting for a request and reading its head.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use h1::{Expectation, Persistence, Progress, RequestInfo, Side, Strictness, Upgrade};
use http::{BodyLength, Method};
use lang::Wishes;
use lang::logformat::Needs;
use rule::Requests;

use crate::captures::{self, Fault};
use crate::conn::Filled;
use crate::exchange::{Piece, Source};
use crate::settings::Violations;
use crate::side::HttpSide;
use crate::site::Site;
use crate::size;
use crate::story::{Answer, Failure, Story};
use crate::worker::Alert;

/// Why there is no request.
pub(super) enum NoRequest {
    /// The client was done: nothing is said and nothing is logged.
    Idle,
    /// Nothing came for a while; there is time left for it.
    Silent,
    /// The client speaks HTTP/2.
    Http2,
    /// Something went wrong.
    Failed(Failure),
}

/// What polling for a head gives.
enum Polled {
    Complete(RequestInfo),
    Failed(Failure),
    /// No byte came before the end, or before the time was over.
    Silence(Cause),
    /// None came so far.
    Drowsy,
    /// The beginning of HTTP/2.
    Http2,
}

/// How long a connection is ready to serve a request at once before it gives up what it takes to do so.
const READY: Duration = Duration::from_millis(100);

/// Receives the next request's head into the story.
pub(super) async fn request(story: &mut Story<'_>, client: &mut HttpSide) -> Result<RequestInfo, NoRequest> {
    let begin = story.facts.timers.begin;
    let options = options(story.site, story.frontend.common.http.request_violations);
    let worker = story.worker;
    let alert = worker.stay_alert(story.served);
    if client.conn.input.is_empty() {
        wait_for_first(story, begin, alert.as_ref());
    } else {
        wait_for_rest(story, begin);
    }
    // The client is to learn of the end from its next response.
    let waits_to_tell = story.frontend.common.http.idle_close_on_response.is_on();
    let mut closing = std::pin::pin!(worker.closing.notified());
    let polled = poll_fn(|cx| {
        let polled = poll(cx, story, client, &options);
        let nothing = matches!(polled, Poll::Pending | Poll::Ready(Polled::Drowsy));
        if !nothing || story.served == 0 || story.facts.timers.first_byte.is_set() {
            return polled;
        }
        // Nothing is under way: the client may be let go.
        loop {
            if !waits_to_tell && worker.closes_idle_client() {
                return Poll::Ready(Polled::Silence(Cause::Proxy));
            }
            if polled.is_ready() || closing.as_mut().poll(cx).is_pending() {
                return polled;
            }
            closing.set(worker.closing.notified());
        }
    })
    .await;
    let now = story.now();
    match polled {
        Polled::Complete(info) => {
            story.facts.timers.request = now;
            client.expect_body(info.body, Side::Request, options);
            story.facts.bytes_in = size::of_request(&story.request);
            story.capture_request();
            if info.body == BodyLength::Chunked
                && let Some(fault) = client.fault_of_body(info.head_len)
            {
                captures::request(story, client.conn.input.data(), fault);
                story.facts.timers.request = Tick::NEVER;
                story.facts.request_line.clear();
                let failure = Failure::new(400, Termination::new(Cause::Proxy, Phase::Request));
                return Err(NoRequest::Failed(failure));
            }
            client.conn.input.consume(info.head_len);
            Ok(info)
        }
        Polled::Failed(failure) => Err(NoRequest::Failed(failure)),
        // A kept-alive connection that ends in silence is how such connections end.
        Polled::Silence(_) if story.served > 0 => Err(NoRequest::Idle),
        // Browsers connect in advance, and may find nothing to ask for.
        Polled::Silence(_) if story.frontend.common.messages.ignore_probes.is_on() => Err(NoRequest::Idle),
        Polled::Drowsy => Err(NoRequest::Silent),
        Polled::Http2 => Err(NoRequest::Http2),
        Polled::Silence(cause) => {
            let status = if cause == Cause::ClientTimeout { 408 } else { 400 };
            Err(NoRequest::Failed(Failure::new(status, Termination::new(cause, Phase::Request))))
        }
    }
}

/// The client went away, or fell silent, within a body that nobody wants any more.
pub(super) struct Gone;

/// Reads over what is left of a request that has been answered already.
pub(super) async fn skip_body(story: &mut Story<'_>, client: &mut HttpSide) -> Result<(), Gone> {
    let timeout = story.frontend.common.timeouts.client;
    let now = story.now();
    story.expire(now, timeout);
    poll_fn(|cx| {
        loop {
            let skipped = match client.poll_piece(cx) {
                Poll::Pending => return story.deadline.poll_expired(cx).map(|()| Err(Gone)),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Gone)),
                Poll::Ready(Ok(Piece::End(_))) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Piece::Data(data, _))) => data.len(),
            };
            client.consume(skipped);
            let now = story.now();
            story.expire(now, timeout);
        }
    })
    .await
}

/// The deadline while nothing has come since `begin`: first that of being ready.
fn wait_for_first(story: &mut Story<'_>, begin: Tick, alert: Option<&Alert<'_>>) {
    let due = due_at(begin, patience(story, Wait::Idle));
    let drowsy = if alert.is_some() { begin + READY } else { begin };
    story.live.expire(due);
    story.deadline.set(if due.is_set() { due.min(drowsy) } else { drowsy });
}

/// The deadline once something has come.
fn wait_for_rest(story: &mut Story<'_>, since: Tick) {
    let patience = patience(story, Wait::Begun);
    story.expire(since, patience);
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// The first byte.
    Idle,
    /// The rest of a head.
    Begun,
}

fn patience(story: &Story<'_>, wait: Wait) -> Option<Duration> {
    let t = story.frontend.common.timeouts;
    let limit = match wait {
        Wait::Idle if story.served > 0 => t.http_keep_alive.or(t.http_request),
        _ => t.http_request,
    };
    limit.or(t.client)
}

fn due_at(from: Tick, after: Option<Duration>) -> Tick {
    after.map_or(Tick::NEVER, |d| from + d)
}

fn poll(
    cx: &mut Context<'_>,
    story: &mut Story<'_>,
    client: &mut HttpSide,
    options: &h1::Options,
) -> Poll<Polled> {
    loop {
        if !client.conn.input.is_empty() {
            if !story.facts.timers.first_byte.is_set() {
                begin_request(story);
            }
            let speaks = if story.served == 0 { preface(client) } else { h1::Preface::No };
            if speaks == h1::Preface::Complete {
                return Poll::Ready(if may_speak_http2(story) {
                    Polled::Http2
                } else {
                    Polled::Failed(Failure::new(405, Termination::new(Cause::Proxy, Phase::Request)))
                });
            }
            match h1::parse_request(client.conn.input.data(), &mut client.cursor, options, &mut story.request)
            {
                _ if speaks == h1::Preface::Partial => {}
                Ok(Progress::Complete(info)) => {
                    keep_request_line(story);
                    return Poll::Ready(Polled::Complete(info));
                }
                Ok(Progress::Partial) => {}
                Err(e) => {
                    captures::request(story, client.conn.input.data(), Fault::of_head(e));
                    let failure = Failure::new(e.status().0, Termination::new(Cause::Proxy, Phase::Request));
                    return Poll::Ready(Polled::Failed(failure));
                }
            }
        }
        let begun = story.facts.timers.first_byte.is_set();
        match client.poll_fill(cx) {
            Poll::Ready(Ok(Filled::Bytes(_))) => {}
            Poll::Ready(_) if begun => {
                let gone = Termination::new(Cause::ClientAbort, Phase::Request);
                return Poll::Ready(Polled::Failed(Failure { status: Some(400), termination: gone }));
            }
            Poll::Ready(_) => return Poll::Ready(Polled::Silence(Cause::ClientAbort)),
            Poll::Pending => {
                return story.deadline.poll_expired(cx).map(|()| {
                    if begun {
                        let slow = Termination::new(Cause::ClientTimeout, Phase::Request);
                        Polled::Failed(Failure::new(408, slow))
                    } else {
                        fall_silent(story)
                    }
                });
            }
        }
    }
}

/// Whether the client begins to speak HTTP/2.
fn preface(client: &HttpSide) -> h1::Preface {
    let data = client.conn.input.data();
    // Few methods begin with this letter, and none of them is as common as those that do not.
    if data.first() == Some(&b'P') { h1::http2_preface(data) } else { h1::Preface::No }
}

fn may_speak_http2(story: &Story<'_>) -> bool {
    story.requests == Requests::Any && !story.frontend.h2.upgrade_disabled.is_on()
}

/// Receives the request of a stream that shares its connection with others: it is there already.
pub(super) fn of_stream(story: &mut Story<'_>, client: &mut HttpSide) -> Result<RequestInfo, Failure> {
    let options = options(story.site, story.frontend.common.http.request_violations);
    let bad = Failure::new(400, Termination::new(Cause::Proxy, Phase::Request));
    let carrier = client.conn.carrier().ok_or(bad)?;
    let info = carrier.take_request(&mut story.request).ok_or(bad)?;
    let now = story.now();
    story.facts.timers.first_byte = now;
    story.facts.timers.request_date = story.worker.date();
    if info.verdict == h2::Verdict::Bad {
        return Err(bad);
    }
    keep_request_line(story);
    story.facts.http_version = 20;
    story.facts.timers.request = now;
    // The stream itself says where the body ends.
    let comes = if info.body == BodyLength::None { BodyLength::None } else { BodyLength::UntilClose };
    client.expect_body(comes, Side::Request, options);
    story.facts.bytes_in = size::of_request(&story.request);
    story.capture_request();
    let upgrade = match info.protocol {
        h2::Protocol::None => Upgrade::None,
        h2::Protocol::WebSocket => Upgrade::WebSocketWithoutKey,
        h2::Protocol::Other => Upgrade::Other,
    };
    Ok(RequestInfo {
        head_len: 0,
        body: info.body,
        persistence: Persistence::KeepAlive,
        upgrade,
        expectation: Expectation::None,
        violations: 0,
        first_violation: None,
    })
}

/// The time is over in which something should have come, or only the one in which it would be served at once.
fn fall_silent(story: &mut Story<'_>) -> Polled {
    let due = due_at(story.facts.timers.begin, patience(story, Wait::Idle));
    if due.is_set() && story.now() >= due {
        return Polled::Silence(Cause::ClientTimeout);
    }
    story.deadline.set(due);
    Polled::Drowsy
}

/// The first byte is there: the request's own time begins.
fn begin_request(story: &mut Story<'_>) {
    let now = story.now();
    story.facts.timers.first_byte = now;
    story.facts.timers.request_date = story.worker.date();
    // The first request's time begins with the connection.
    let since = if story.served > 0 { now } else { story.facts.timers.begin };
    wait_for_rest(story, since);
}

/// The request line for the log, before any rule changes it.
fn keep_request_line(story: &mut Story<'_>) {
    if story.request.method == Method::Head {
        story.wants = Answer::HeadOnly;
    }
    let (facts, request) = (&mut story.facts, &story.request);
    facts.http_version = if request.version.is_at_least_11() { 11 } else { 10 };
    let wanted = story.site.wishes.contains(Wishes::REQUEST_LINE);
    if wanted || story.frontend.log.needs().contains(Needs::REQUEST_LINE) {
        let line = &mut facts.request_line;
        line.extend_from_slice(request.method.as_bytes());
        line.push(b' ');
        line.extend_from_slice(&request.target);
        line.push(b' ');
        line.extend_from_slice(request.version.as_bytes());
        line.truncate(story.site.tuning.log_line);
    }
}

/// What the parser of requests, or of responses, is told.
pub(crate) fn options(site: &Site, violations: Violations) -> h1::Options {
    let tuning = &site.tuning;
    let limits =
        h1::Limits { lines: tuning.max_headers, buffer: tuning.buffer_size, reserve: tuning.max_rewrite };
    h1::Options {
        limits,
        strictness: match violations {
            Violations::Refused => Strictness::Strict,
            Violations::Tolerated => Strictness::Relaxed,
        },
        insecure_framing: tuning.insecure_framing,
        old_payload: tuning.old_payload,
    }
}
