//! HTTP: the story of one request after the other on a client's connection.
//!
//! ```text
//!   Awaiting --head--> Request --rules, routes--> Routed --server--> Connected --response--> Relayed
//!       |                 |                          |                   |                      |
//!       +-----------------+-------- Failure ---------+-------------------+                      v
//!                                      |                                                   Finished
//!                                      +--error page---------------------------------------------^
//! ```
//!
//! Each phase is a function that consumes what the one before gave; whatever goes wrong is a
//! [`Failure`], which becomes an error page here and two letters in the log.

mod answer;
mod body;
mod edits;
mod forward;
mod receive;
mod replay;
mod request;
mod service;
mod sticky;

pub(crate) use receive::options;
pub(crate) use sticky::{Dates, letters};

use std::pin::pin;

use base::termination::{Cause, Phase, Termination};
use h1::{Persistence, RequestInfo};

use crate::conn::{Conn, Receiving};
use crate::continuous;
use crate::finish;
use crate::inspect::{self, Head};
use crate::live::unless_condemned;
use crate::meter::Meter;
use crate::side::{HttpSide, Reading};
use crate::story::{Beginning, Carriage, Failure, Stage, Story};
use lang::facts::Course;
use log::Step;
use request::Stop;

/// What becomes of the client's connection after a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Another request may follow.
    KeepAlive,
    /// It is closed, in order.
    Close,
    /// It is closed at once, without a word.
    Abandon,
}

/// How a stream left the frontend.
pub(crate) enum Left {
    /// With what becomes of the connection, and the server that answered.
    Done(After, Option<std::sync::Arc<backend::Server>>),
    /// Before it counted as a request.
    Unasked(After),
}

/// Takes over a connection on which other rules found that requests come, in the stream that they were run in; none
/// is left of a client that has gone.
pub(crate) fn upgrade(story: &mut Story<'_>, mut conn: Conn) -> Option<(Conn, Beginning)> {
    let exchanges = story.frontend.counters.h1.here();
    conn.meter = Some(Meter::new(exchanges));
    story.live.upgrade(exchanges);
    story.session.course = Course::Requests;
    story.count(|front| front.upgrades.inc());
    if conn.receiving != Receiving::Open && inspect::sniff(story, conn.input.data()) != Head::Complete {
        // Who has left will not ask.
        finish::deserted(story);
        return None;
    }
    Some((conn, Beginning::Upgraded))
}

/// Serves a client's connection until it ends, or until its client has been silent for a while: then it is given
/// back.
pub(crate) async fn serve(story: &mut Story<'_>, conn: Conn, mut beginning: Beginning) -> Served {
    let mut client = HttpSide::new(conn, story.site.tuning.buffer_size, h1::Side::Request);
    if story.frontend.common.messages.adjust_for_client.is_on() {
        client.adjust_names(&story.site.cases);
    }
    loop {
        match one(story, &mut client, beginning).await {
            Next::Silence => return Served::Silent(client.conn),
            Next::Http2 => return Served::Http2(client.conn),
            Next::Served(After::KeepAlive) => story.served += 1,
            Next::Served(After::Close) => {
                Box::pin(close(story, &mut client)).await;
                return Served::Over;
            }
            Next::Served(After::Abandon) => return Served::Over,
        }
        beginning = story.begin();
    }
}

/// What came of waiting for a request.
enum Next {
    /// One that was answered, or something that called for an answer.
    Served(After),
    /// Nothing, so far.
    Silence,
    /// The beginning of HTTP/2.
    Http2,
}

/// What became of a connection on which requests came one after the other.
pub(crate) enum Served {
    /// It has ended.
    Over,
    /// Nothing comes at the moment.
    Silent(Conn),
    /// HTTP/2 begins on it.
    Http2(Conn),
}

/// One request and its response.
async fn one(story: &mut Story<'_>, client: &mut HttpSide, beginning: Beginning) -> Next {
    if !client.has_all() && receive::skip_body(story, client).await.is_err() {
        return Next::Served(After::Abandon);
    }
    if beginning == Beginning::New {
        finish::step(story, None, Stage::Connection, Step::Accept);
    }
    let received = match receive::request(story, client).await {
        Ok(received) => received,
        Err(receive::NoRequest::Silent) => return Next::Silence,
        Err(receive::NoRequest::Http2) => return Next::Http2,
        Err(receive::NoRequest::Idle) => return Next::Served(After::Close),
        Err(receive::NoRequest::Failed(failure)) if beginning == Beginning::Upgraded => {
            // The client is told, but it is the proxy that found no request where it expected one.
            let failure = Failure { termination: Termination::new(Cause::Proxy, Phase::Request), ..failure };
            let after = Box::pin(answer::failure(story, client, None, failure)).await;
            story.facts.status = 0;
            finish::unparsed(story);
            return Next::Served(after);
        }
        Err(receive::NoRequest::Failed(failure)) => {
            let after = Box::pin(answer::failure(story, client, None, failure)).await;
            finish::unparsed(story);
            return Next::Served(after);
        }
    };
    if beginning != Beginning::Upgraded {
        story.enlist();
    }
    Next::Served(carry_on(story, client, &received).await)
}

/// Serves a request that was received, to the end of its stream.
async fn carry_on(story: &mut Story<'_>, client: &mut HttpSide, received: &RequestInfo) -> After {
    finish::step(story, None, Stage::Request, Step::Request);
    let live = story.live.share();
    let accounts = story.accounts();
    let left = {
        let work = pin!(handle(story, client, received));
        let work = unless_condemned(&live, work);
        match accounts {
            Some(accounts) => Box::pin(continuous::counting(accounts, &live, work)).await,
            None => work.await,
        }
    };
    let (after, server) = match left {
        Some(Left::Done(after, server)) => (after, server),
        Some(Left::Unasked(after)) => {
            finish::unasked(story);
            return after;
        }
        None => (After::Abandon, finish::killed_http(story)),
    };
    finish::http(story, server.as_deref());
    after
}

/// Serves the one request of a stream that shares its connection with others.
pub(crate) async fn serve_stream(story: &mut Story<'_>, conn: Conn) {
    story.carriage = Carriage::Shared;
    let mut client = HttpSide::new(conn, story.site.tuning.buffer_size, h1::Side::Request);
    finish::step(story, None, Stage::Connection, Step::Accept);
    let after = match receive::of_stream(story, &mut client) {
        Ok(received) => {
            story.enlist();
            carry_on(story, &mut client, &received).await
        }
        Err(failure) => {
            let after = Box::pin(answer::failure(story, &mut client, None, failure)).await;
            finish::unparsed(story);
            after
        }
    };
    if after == After::Abandon
        && let Some(carrier) = client.conn.carrier()
    {
        carrier.part_with(h2::Code::CANCEL);
    }
}

/// A request that was received, on its way through the phases.
async fn handle(story: &mut Story<'_>, client: &mut HttpSide, info: &RequestInfo) -> Left {
    let routed = match request::route(story, client).await {
        Ok(routed) => routed,
        Err(stop @ Stop::Unasked) => return Left::Unasked(answer::stop(story, client, info, stop).await),
        Err(stop) => return Left::Done(answer::stop(story, client, info, stop).await, None),
    };
    match forward::forward(story, client, info, routed).await {
        Ok(forwarded) => Left::Done(forwarded.after, Some(forwarded.server)),
        Err((failure, server)) => {
            // After a body that cannot be read, nobody knows where the next request starts.
            let info = (client.reading() == Reading::Sound).then_some(info);
            let after = answer::failure(story, client, info, failure).await;
            Left::Done(after, server)
        }
    }
}

/// Whether the client's connection may go on after a response.
fn persistence(story: &Story<'_>, info: &RequestInfo) -> Persistence {
    use crate::settings::ConnectionMode;
    let closes = |mode: ConnectionMode| mode == ConnectionMode::Close;
    let configured = closes(story.frontend.common.http.connection)
        || story.backend.is_some_and(|b| closes(b.common.http.connection));
    if configured || story.worker.closes_client() { Persistence::Close } else { info.persistence }
}

/// Sends what is left and closes in order.
async fn close(story: &mut Story<'_>, client: &mut HttpSide) {
    let now = story.now();
    let timeouts = &story.frontend.common.timeouts;
    story.expire(now, timeouts.client_fin.or(timeouts.client).or(Some(LINGER)));
    if crate::tcp::finish_output(&mut client.conn, story.deadline).await.is_ok() {
        let now = story.now();
        story.expire(now, Some(LINGER));
        crate::tcp::linger(&mut client.conn, story.deadline, story.site.tuning.buffer_size).await;
    }
}

/// How long a client that was told to close is waited for.
const LINGER: std::time::Duration = std::time::Duration::from_secs(1);
