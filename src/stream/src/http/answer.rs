//! Answers that the proxy gives by itself: of rules, and for what went wrong.

use std::future::poll_fn;

use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use h1::errors::AfterPage;
use h1::{ConnectionLine, Persistence, RequestInfo};
use http::{BodyLength, ResponseHead, Status};
use rule::set::Outcome;
use rule::{Ending, Reply, Verdict};

use super::request::Stop;
use super::{After, persistence};
use crate::finish;
use crate::h1_side::H1Side;
use crate::settings::ErrorPage;
use crate::story::{Answer, Failure, Logged, Stage, Story};

/// Answers a request that rules, or the lack of a backend, kept from being forwarded.
pub(super) async fn stop(
    story: &mut Story<'_>,
    client: &mut H1Side,
    info: &RequestInfo,
    stop: Stop,
) -> After {
    match stop {
        Stop::OtherMode => {
            finish::internal_error(story, None);
            story.facts.timers.request = Tick::NEVER;
            // The log has a status, though the client is not told.
            story.facts.status = 500;
            story.facts.termination = Termination::new(Cause::Internal, Phase::Request);
            After::Close
        }
        Stop::NoBackend => {
            story.facts.timers.request = Tick::NEVER;
            let termination = Termination::new(Cause::ServerAbort, Phase::Connect);
            failure(story, client, Some(info), Failure::new(503, termination)).await
        }
        Stop::Monitored(status) => {
            // Questions of monitoring would only fill the log.
            story.logged = Logged::Yes;
            story.count(|front| front.intercepted.inc());
            let normal = Termination::NORMAL;
            failure(story, client, Some(info), Failure::new(status, normal)).await
        }
        Stop::Client(failed) => failure(story, client, Some(info), failed).await,
        Stop::Fault => {
            finish::internal_error(story, None);
            story.facts.timers.request = Tick::NEVER;
            let termination = Termination::new(Cause::Proxy, Phase::Request);
            failure(story, client, Some(info), Failure::new(500, termination)).await
        }
        Stop::Rule(Ending::Answer(answer)) => {
            story.count(|front| front.intercepted.inc());
            story.facts.termination = Termination::new(Cause::Local, Phase::Request);
            reply(story, client, info, *answer).await
        }
        Stop::Rule(Ending::Deny(status, page)) => {
            story.count(|front| front.denied_requests.inc());
            denied(story, client, info, status, page, Phase::Request).await
        }
        Stop::Rule(Ending::Tarpit(status, page)) => {
            story.count(|front| front.denied_requests.inc());
            tarpit(story).await;
            // The log shows the time in the tarpit as time in a queue, and no request.
            story.facts.timers.request = Tick::NEVER;
            story.facts.timers.queued = story.now();
            denied(story, client, info, status, page, Phase::Tarpit).await
        }
        Stop::Rule(Ending::Reject) | Stop::Unasked => {
            story.count(|front| front.denied_requests.inc());
            story.facts.timers.request = Tick::NEVER;
            story.facts.termination = Termination::new(Cause::Proxy, Phase::Request);
            After::Abandon
        }
        // Rules on requests have no server to close.
        Stop::Rule(Ending::SilentDrop | Ending::CloseServer) => {
            story.facts.termination = Termination::new(Cause::Proxy, Phase::Request);
            After::Abandon
        }
    }
}

async fn denied(
    story: &mut Story<'_>,
    client: &mut H1Side,
    info: &RequestInfo,
    status: u16,
    page: Option<Box<Reply>>,
    phase: Phase,
) -> After {
    let termination = Termination::new(Cause::Proxy, phase);
    match page {
        Some(page) => {
            story.facts.termination = termination;
            reply(story, client, info, *page).await
        }
        None => failure(story, client, Some(info), Failure::new(status, termination)).await,
    }
}

/// Keeps a client waiting that shall not come again soon.
async fn tarpit(story: &mut Story<'_>) {
    let configured = match story.backend.map(|b| &b.common.timeouts) {
        Some(t) => t.tarpit.or(t.connect),
        None => story.frontend.common.timeouts.tarpit,
    };
    let delay = story.facts.overrides.tarpit.or(configured);
    let now = story.now();
    story.expire(now, Some(delay.unwrap_or_default()));
    poll_fn(|cx| story.deadline.poll_expired(cx)).await;
}

/// Sends an answer of the configuration.
pub(super) async fn reply(
    story: &mut Story<'_>,
    client: &mut H1Side,
    info: &RequestInfo,
    reply: Reply,
) -> After {
    let Reply { head, content_type, body, closing } = reply;
    story.response = head;
    let length = body.len() as u64;
    if !story.response.headers.contains(b"content-length") {
        story.response.headers.push(b"content-length", itoa::Buffer::new().format(length).as_bytes());
    }
    if let Some(kind) = content_type {
        story.response.headers.push(b"content-type", &kind);
    }
    let wanted = match closing {
        rule::Closing::KeepAlive => persistence(story, info),
        rule::Closing::Close => Persistence::Close,
    };
    if after_response(story).is_ok() {
        return send(story, client, wanted, &body).await;
    }
    finish::internal_error(story, None);
    story.facts.timers.request = Tick::NEVER;
    let termination = story.facts.termination;
    failure(story, client, Some(info), Failure::new(500, termination)).await
}

/// Sends the error page of a failure, if there is somebody to read it. Without the request's `info` nothing is
/// known of where the next one would start, and the connection is closed.
pub(super) async fn failure(
    story: &mut Story<'_>,
    client: &mut H1Side,
    info: Option<&RequestInfo>,
    failure: Failure,
) -> After {
    story.facts.termination = failure.termination;
    let Some(status) = failure.status else { return After::Abandon };
    let wanted = info.map_or(Persistence::Close, |info| persistence(story, info));
    let backend_page = story.backend.and_then(|b| b.common.error_pages.get(status));
    let page = backend_page.or_else(|| story.frontend.common.error_pages.get(status)).cloned();
    if let Some(page) = page {
        let ErrorPage::Response { head, body } = &*page else {
            story.facts.status = status;
            return After::Abandon;
        };
        return send_page(story, client, wanted, body, |response| response.clone_from(head)).await;
    }
    let Some(page) = h1::errors::find(Status(status)).or_else(internal_error_page) else {
        return After::Abandon;
    };
    if info.is_none() {
        story.facts.status = status;
        let bytes = page.to_bytes();
        client.conn.output.extend(&bytes);
        return flush(story, client, bytes.len() as u64).await;
    }
    let wanted = if page.after() == AfterPage::Close { Persistence::Close } else { wanted };
    send_page(story, client, wanted, page.body().as_bytes(), |response| page.fill(response)).await
}

fn internal_error_page() -> Option<&'static h1::errors::ErrorPage> {
    h1::errors::find(Status(500))
}

/// A rule that sees every response could not do what it should.
struct Fault;

/// Rules that see every response, also those of the proxy itself. They cannot refuse it.
fn after_response(story: &mut Story<'_>) -> Result<(), Fault> {
    story.body.clear();
    let frontend = story.frontend;
    let backend = story.backend.filter(|b| b.common.facts.id != frontend.common.facts.id);
    for rules in
        backend.map(|b| &b.common.rules.http_after).into_iter().chain([&frontend.common.rules.http_after])
    {
        if rules.is_empty() {
            continue;
        }
        let outcome = rules.run(0, &mut story.txn(Stage::Response, None));
        if matches!(outcome, Outcome::Stopped(Verdict::Fault(_), _)) {
            return Err(Fault);
        }
    }
    Ok(())
}

/// Sends an error page, without what rules make of it where that fails.
async fn send_page(
    story: &mut Story<'_>,
    client: &mut H1Side,
    wanted: Persistence,
    body: &[u8],
    fill: impl Fn(&mut ResponseHead),
) -> After {
    fill(&mut story.response);
    if after_response(story).is_err() {
        fill(&mut story.response);
    }
    send(story, client, wanted, body).await
}

/// Sends the story's response with a body that is all there.
async fn send(story: &mut Story<'_>, client: &mut H1Side, wanted: Persistence, body: &[u8]) -> After {
    story.facts.status = story.response.status.0;
    let bodyless = story.wants == Answer::HeadOnly || story.response.status.forbids_body();
    let (framing, body) = if bodyless {
        (BodyLength::None, &b""[..])
    } else if story.response.headers.contains(b"content-length") {
        (BodyLength::Length(body.len() as u64), body)
    } else {
        (BodyLength::UntilClose, body)
    };
    let wanted = if framing == BodyLength::UntilClose { Persistence::Close } else { wanted };
    let line = ConnectionLine::for_response(story.response.version, story.request.version, wanted);
    let before = client.conn.output.len();
    client.conn.output.ensure_capacity(story.site.tuning.buffer_size);
    let names = client.names();
    h1::write_response(&story.response, framing, line, names.case(), client.conn.output.tail());
    client.conn.output.extend(body);
    let length = (client.conn.output.len() - before) as u64;
    match flush(story, client, length).await {
        After::Close if wanted == Persistence::KeepAlive => After::KeepAlive,
        other => other,
    }
}

/// Sends the output, as long as the client takes it.
async fn flush(story: &mut Story<'_>, client: &mut H1Side, length: u64) -> After {
    let now = story.now();
    story.expire(now, story.client_timeout());
    match crate::tcp::finish_output(&mut client.conn, story.deadline).await {
        Ok(()) => {
            story.sent += length;
            After::Close
        }
        Err(_) => After::Abandon,
    }
}
