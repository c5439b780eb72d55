//! Answers that the proxy gives by itself: of rules, and for what went wrong.

use std::future::poll_fn;
use std::sync::Arc;

use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use h1::errors::AfterPage;
use h1::{ConnectionLine, Persistence, RequestInfo};
use h2::End;
use http::{BodyLength, Bytes, CookieSide, Method, ResponseHead, Status};
use lang::facts::{Hint, Joining};
use rule::set::Outcome;
use rule::{Ending, Message, Page, Reply, Verdict};

use super::request::Stop;
use super::{After, persistence, service};
use crate::finish;
use crate::side::HttpSide;
use crate::story::{Answer, Failure, Logged, Stage, Story};

/// Answers a request that rules, or the lack of a backend, kept from being forwarded.
pub(super) async fn stop(
    story: &mut Story<'_>,
    client: &mut HttpSide,
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
            finish::intercepted(story);
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
            finish::intercepted(story);
            message(story, client, info, answer, Termination::new(Cause::Local, Phase::Request)).await
        }
        Stop::Rule(Ending::Serve(chosen)) => Box::pin(service::serve(story, client, info, chosen)).await,
        Stop::Rule(Ending::Deny(answer)) => {
            story.capture_cookie(CookieSide::Request);
            finish::denied(story);
            message(story, client, info, answer, Termination::new(Cause::Proxy, Phase::Request)).await
        }
        Stop::Rule(Ending::Tarpit(answer)) => {
            story.capture_cookie(CookieSide::Request);
            finish::denied(story);
            tarpit(story).await;
            // The log shows the time in the tarpit as time in a queue, and no request.
            story.facts.timers.request = Tick::NEVER;
            story.facts.timers.queued = story.now();
            message(story, client, info, answer, Termination::new(Cause::Proxy, Phase::Tarpit)).await
        }
        // Rules on requests have no server to close.
        Stop::Rule(Ending::Reject | Ending::SilentDrop | Ending::CloseServer | Ending::Http(_))
        | Stop::Rejected
        | Stop::Unasked => {
            match stop {
                Stop::Rejected | Stop::Unasked => finish::rejected(story),
                _ => finish::denied(story),
            }
            story.facts.timers.request = Tick::NEVER;
            story.facts.termination = Termination::new(Cause::Proxy, Phase::Request);
            After::Abandon
        }
    }
}

/// Sends what a rule answers.
pub(super) async fn message(
    story: &mut Story<'_>,
    client: &mut HttpSide,
    info: &RequestInfo,
    message: Message,
    termination: Termination,
) -> After {
    story.facts.termination = termination;
    match message {
        Message::Own(own) => reply(story, client, info, *own).await,
        Message::Page(status) => failure(story, client, Some(info), Failure::new(status, termination)).await,
        Message::Chosen(status, page) => {
            let wanted = persistence(story, info);
            chosen(story, client, wanted, (status, &page), None).await
        }
        Message::Challenge(status, name, value) => {
            challenge(story, client, info, status, (name, &value)).await
        }
    }
}

/// Sends the page of a status with a challenge.
async fn challenge(
    story: &mut Story<'_>,
    client: &mut HttpSide,
    info: &RequestInfo,
    status: u16,
    field: (&[u8], &[u8]),
) -> After {
    let wanted = persistence(story, info);
    match page_for(story, status) {
        Some(page) => chosen(story, client, wanted, (status, &page), Some(field)).await,
        None => match h1::errors::find(Status(status)) {
            Some(page) => {
                let body = page.body();
                send_page(story, client, wanted, body.as_bytes(), |response| {
                    page.fill(response);
                    response.headers.set(field.0, field.1);
                })
                .await
            }
            None => After::Abandon,
        },
    }
}

/// The page of the story's proxies for a status; the backend's comes first.
fn page_for(story: &Story<'_>, status: u16) -> Option<Arc<Page>> {
    let backend = story.backend.and_then(|b| b.common.error_pages.get(status));
    backend.or_else(|| story.frontend.common.error_pages.get(status)).cloned()
}

/// Sends a page of the configuration, with a header field of its own if one is given.
async fn chosen(
    story: &mut Story<'_>,
    client: &mut HttpSide,
    wanted: Persistence,
    (status, page): (u16, &Page),
    field: Option<(&[u8], &[u8])>,
) -> After {
    let with_field = |response: &mut ResponseHead, head: &ResponseHead| {
        response.clone_from(head);
        if let Some((name, value)) = field {
            response.headers.set(name, value);
        }
    };
    let after = match page {
        Page::Nothing => After::Abandon,
        Page::Response { head, body } => {
            send_page(story, client, wanted, body, |response| with_field(response, head)).await
        }
        Page::Made(template) => {
            // What has been sent to a server is no longer looked at.
            let gone = story.request.method.as_bytes().is_empty() || story.facts.timers.connected.is_set();
            let stage = if gone { Stage::Connection } else { Stage::Request };
            let (head, body) = complete(template.reply(&story.scene(stage, None)));
            send_page(story, client, wanted, &body, |response| with_field(response, &head)).await
        }
    };
    // The log names what happened, whatever the page says.
    story.facts.status = status;
    after
}

/// The head of an answer with what its body calls for, and the body.
fn complete(reply: Reply) -> (ResponseHead, Bytes) {
    let Reply { mut head, content_type, body, .. } = reply;
    if !head.headers.contains(b"content-length") {
        let length = body.len() as u64;
        head.headers.push(b"content-length", itoa::Buffer::new().format(length).as_bytes());
    }
    if let Some(kind) = content_type {
        head.headers.push(b"content-type", &kind);
    }
    (head, body)
}

/// Tells the client what rules want it to know ahead of the response.
#[inline]
pub(super) fn send_hints(story: &mut Story<'_>, client: &mut HttpSide) {
    if !story.facts.hints.is_empty() {
        send_them(story, client);
    }
}

fn send_them(story: &mut Story<'_>, client: &mut HttpSide) {
    let hints = std::mem::take(&mut story.facts.hints);
    if !story.request.version.is_at_least_11() {
        return;
    }
    let together = |a: &Hint, b: &Hint| b.joining == Joining::Along && b.rule == a.rule + 1;
    for group in hints.chunk_by(together) {
        let mut head = ResponseHead::default();
        head.set_status_and_reason(Status(103), b"Early Hints");
        for hint in group {
            head.headers.push(&hint.name, &hint.value);
        }
        let framing = (BodyLength::None, ConnectionLine::Nothing);
        let room = story.site.tuning.buffer_size;
        story.sent += client.write_response(&head, framing, End::No, room);
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
async fn reply(story: &mut Story<'_>, client: &mut HttpSide, info: &RequestInfo, reply: Reply) -> After {
    let wanted = match reply.closing {
        rule::Closing::KeepAlive => persistence(story, info),
        rule::Closing::Close => Persistence::Close,
    };
    let (head, body) = complete(reply);
    story.response = head;
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
    client: &mut HttpSide,
    info: Option<&RequestInfo>,
    failure: Failure,
) -> After {
    story.facts.termination = failure.termination;
    let Some(status) = failure.status else { return After::Abandon };
    let wanted = info.map_or(Persistence::Close, |info| persistence(story, info));
    let page = page_for(story, status);
    if info.is_none() {
        return unread(story, client, status, page.as_deref()).await;
    }
    if let Some(page) = page {
        return chosen(story, client, wanted, (status, &page), None).await;
    }
    let Some(page) = h1::errors::find(Status(status)).or_else(internal_error_page) else {
        return After::Abandon;
    };
    let wanted = if page.after() == AfterPage::Close { Persistence::Close } else { wanted };
    send_page(story, client, wanted, page.body().as_bytes(), |response| page.fill(response)).await
}

/// Answers what never was a request: with a page as it is, which no rule sees. One that would have to be made is not
/// for this case.
async fn unread(story: &mut Story<'_>, client: &mut HttpSide, status: u16, page: Option<&Page>) -> After {
    story.facts.status = status;
    let room = story.site.tuning.buffer_size;
    let write = |client: &mut HttpSide, head: &ResponseHead, framing, body: &[u8]| {
        let end = if body.is_empty() { End::Yes } else { End::No };
        let written = client.write_response(head, (framing, ConnectionLine::Nothing), end, room);
        client.conn.output.extend(body);
        written + body.len() as u64
    };
    let length = match page {
        Some(Page::Nothing) => return After::Abandon,
        Some(Page::Response { head, body }) => {
            // Without a length, the body's end is that of the connection.
            let has_length = head.headers.contains(b"content-length");
            let framing =
                if has_length { BodyLength::Length(body.len() as u64) } else { BodyLength::UntilClose };
            write(client, head, framing, body)
        }
        Some(Page::Made(_)) | None => match h1::errors::find(Status(status)).or_else(internal_error_page) {
            Some(page) if client.conn.carrier().is_none() => {
                let page = page.to_bytes();
                client.conn.output.extend(&page);
                page.len() as u64
            }
            Some(page) => {
                let (mut head, body) = (ResponseHead::default(), page.body());
                page.fill(&mut head);
                write(client, &head, BodyLength::Length(body.len() as u64), body.as_bytes())
            }
            None => return After::Abandon,
        },
    };
    flush(story, client, length).await
}

fn internal_error_page() -> Option<&'static h1::errors::ErrorPage> {
    h1::errors::find(Status(500))
}

/// A rule that sees every response could not do what it should.
struct Fault;

/// Rules that see every response, also those of the proxy itself. They cannot refuse it.
fn after_response(story: &mut Story<'_>) -> Result<(), Fault> {
    story.body.clear();
    story.facts.status = story.response.status.0;
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
    client: &mut HttpSide,
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
async fn send(story: &mut Story<'_>, client: &mut HttpSide, wanted: Persistence, body: &[u8]) -> After {
    story.facts.status = story.response.status.0;
    let forbidden = story.response.status.forbids_body();
    let (framing, body) = if !forbidden && !story.response.headers.contains(b"content-length") {
        (BodyLength::UntilClose, body)
    } else if forbidden || story.wants == Answer::HeadOnly {
        (BodyLength::None, &b""[..])
    } else {
        (BodyLength::Length(body.len() as u64), body)
    };
    let body = if story.wants == Answer::HeadOnly { &b""[..] } else { body };
    let wanted = if framing == BodyLength::UntilClose { Persistence::Close } else { wanted };
    let tunnel = story.request.method == Method::Connect && matches!(story.response.status.0, 200..300);
    // There is no tunnel behind an answer of the proxy's own.
    let wanted = if tunnel { Persistence::Close } else { closing(story, wanted) };
    let line = if tunnel || story.response.status == SWITCHING {
        ConnectionLine::Nothing
    } else {
        ConnectionLine::for_response(story.response.version, story.request.version, wanted)
    };
    let end = if body.is_empty() { End::Yes } else { End::No };
    let room = story.site.tuning.buffer_size;
    let head = client.write_response(&story.response, (framing, line), end, room);
    client.conn.output.extend(body);
    match flush(story, client, head + body.len() as u64).await {
        After::Close if wanted == Persistence::KeepAlive => After::KeepAlive,
        other => other,
    }
}

/// The status by which protocols are switched.
const SWITCHING: Status = Status(101);

/// An answer of the configuration may say itself that the connection ends with it.
pub(super) fn closing(story: &mut Story<'_>, wanted: Persistence) -> Persistence {
    let headers = &mut story.response.headers;
    let closes = headers.has_value(b"connection", b"close");
    if story.response.status != SWITCHING {
        headers.remove(b"connection");
    }
    if closes { Persistence::Close } else { wanted }
}

/// Sends the output, as long as the client takes it.
async fn flush(story: &mut Story<'_>, client: &mut HttpSide, length: u64) -> After {
    let now = story.now();
    story.expire(now, story.client_timeout());
    match crate::tcp::finish_output(&mut client.conn, story.deadline).await {
        Ok(()) => {
            client.end_message();
            story.sent += length;
            After::Close
        }
        Err(_) => After::Abandon,
    }
}
