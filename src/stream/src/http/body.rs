//! Bodies that are waited for: `option http-buffer-request`, `wait-for-body`.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use net::More;
use rule::BodyWait;

use crate::captures;
use crate::conn::{Filled, Receiving};
use crate::side::{Extent, HttpSide};
use crate::story::{Failure, Story};

/// What became of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waited {
    /// There is enough, or there is no room for more.
    Enough,
    /// The time is over.
    Late,
    /// The peer ended or broke its connection.
    Gone,
    /// What it sent is malformed.
    Broken,
}

/// Gives a client that waits for leave to send its request's body that leave.
pub(super) fn invite(story: &mut Story<'_>, client: &mut HttpSide) {
    let is_continue = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
    let expects = story.request.headers.find(b"expect").is_some_and(is_continue);
    if expects && story.request.version.is_at_least_11() && !client.has_all() {
        story.sent += client.send_continue();
        story.request.headers.remove(b"expect");
    }
}

/// Waits for a part of a request's body; a client that waits for leave to send it gets that first. One that goes
/// away is noticed when there is to be a server for it.
pub(super) async fn of_request(
    story: &mut Story<'_>,
    client: &mut HttpSide,
    wait: BodyWait,
) -> Result<(), Failure> {
    invite(story, client);
    let time = Some(wait.time).filter(|t| !t.is_zero()).or_else(|| story.client_timeout());
    let waited = wait_for(story, client, wait.at_least, time).await;
    keep(story, client);
    story.facts.timers.request = story.now();
    let failure = match waited {
        Waited::Enough | Waited::Gone => return Ok(()),
        Waited::Late => Failure::new(408, Termination::new(Cause::ClientTimeout, Phase::Request)),
        Waited::Broken => {
            if let Some(fault) = client.fault_of_body(0) {
                captures::request(story, client.conn.input.data(), fault);
            }
            story.facts.status = 400;
            Failure::silent(Termination::new(Cause::Proxy, Phase::Request))
        }
    };
    story.count(|front| front.failed_requests.inc());
    story.facts.timers.request = Tick::NEVER;
    Err(failure)
}

/// Keeps a copy of what has arrived of the request's body, for rules to look at.
pub(super) fn keep(story: &mut Story<'_>, client: &HttpSide) {
    story.body.clear();
    client.copy_body(&mut story.body);
}

/// Waits for a part of a response's body.
pub(super) async fn of_response(
    story: &mut Story<'_>,
    server: &mut HttpSide,
    wait: BodyWait,
) -> Result<(), Failure> {
    let waited = wait_for(story, server, wait.at_least, Some(wait.time)).await;
    story.body.clear();
    server.copy_body(&mut story.body);
    match waited {
        // A body that ends early is passed on as far as it goes.
        Waited::Enough | Waited::Gone | Waited::Broken => Ok(()),
        Waited::Late => Err(Failure::new(504, Termination::new(Cause::ServerTimeout, Phase::Headers))),
    }
}

async fn wait_for(
    story: &mut Story<'_>,
    side: &mut HttpSide,
    at_least: u64,
    time: Option<Duration>,
) -> Waited {
    let limit = story.site.tuning.buffer_size.saturating_sub(story.site.tuning.max_rewrite);
    let now = story.now();
    story.expire(now, time);
    poll_fn(|cx| {
        loop {
            if let Some(done) = look(side, at_least, limit) {
                return Poll::Ready(done);
            }
            if side.conn.receiving == Receiving::Ended {
                return Poll::Ready(Waited::Gone);
            }
            match receive(cx, side, limit) {
                Poll::Ready(Ok(Filled::Bytes(_) | Filled::End)) => {}
                Poll::Ready(Err(_)) => {
                    // Whoever uses the connection next need not try.
                    side.conn.receiving = Receiving::Ended;
                    return Poll::Ready(Waited::Gone);
                }
                Poll::Pending => return story.deadline.poll_expired(cx).map(|()| Waited::Late),
            }
        }
    })
    .await
}

/// What is to be sent meanwhile, such as the leave to go on, must not wait either.
fn receive(cx: &mut Context<'_>, side: &mut HttpSide, limit: usize) -> Poll<std::io::Result<Filled>> {
    let _ = side.conn.poll_flush(cx, More::No);
    side.conn.poll_fill(cx, limit)
}

/// What there is to say of the body that has come so far; nothing while it has to be waited for.
fn look(side: &HttpSide, at_least: u64, limit: usize) -> Option<Waited> {
    let mut come = 0;
    let extent = side.scan_body(|data| come += data.len() as u64);
    let full = side.conn.input.len() >= limit || (at_least > 0 && come >= at_least);
    match extent {
        Extent::Whole => Some(Waited::Enough),
        Extent::Broken => Some(Waited::Broken),
        Extent::Part => full.then_some(Waited::Enough),
    }
}
