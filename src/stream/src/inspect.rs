//! Content rules: they may wait for bytes of the side that they look at, as long as `inspect-delay` lets them.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use backend::Server;
use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use h1::{Preface, Progress, Side};
use http::Version;
use lang::facts::{Buffered, Hope, Payload};
use rule::set::Outcome;
use rule::{Ending, RuleList, Rules, Verdict, Wait};

use crate::conn::{Conn, Filled, Receiving};
use crate::finish;
use crate::settings::Violations;
use crate::side::HttpSide;
use crate::site::BackendSide;
use crate::story::{Failure, Stage, Story};
use crate::tcp::{Growth, Halt, Relay};

/// Why a session ends at its content rules.
pub(crate) enum Stop {
    /// A rule says so.
    Rule(Ending),
    /// A rule failed for a reason of our own.
    Fault,
    /// The peer was silent for too long.
    Silence,
    /// The connection broke.
    Broken,
}

/// What the rules look at.
pub(crate) enum Arriving<'a> {
    /// The bytes of a session that carries no HTTP.
    Session(&'a mut Conn),
    /// The body of a message whose head has been read.
    Body(&'a mut HttpSide),
}

/// A set of content rules with what it goes by.
pub(crate) struct Inspection<'r> {
    list: &'r RuleList,
    delay: Option<Duration>,
    /// How long the peer may be silent.
    silence: Option<Duration>,
    side: Side,
    server: Option<&'r Server>,
}

impl<'r> Inspection<'r> {
    /// Of what a client sends.
    pub(crate) fn of_request(rules: &'r Rules, silence: Option<Duration>) -> Self {
        let (list, delay) = (&rules.tcp_content, rules.request_delay);
        Self { list, delay, silence, side: Side::Request, server: None }
    }

    /// Of what a server answers.
    pub(crate) fn of_response(
        backend: &'r BackendSide,
        server: &'r Server,
        silence: Option<Duration>,
    ) -> Self {
        let rules = &backend.common.rules;
        let (list, delay) = (&rules.tcp_response, rules.response_delay);
        Self { list, delay, silence, side: Side::Response, server: Some(server) }
    }

    /// Runs the rules until they have come to an end.
    pub(crate) async fn run(&self, story: &mut Story<'_>, mut from: Arriving<'_>) -> Result<(), Stop> {
        if self.list.is_empty() {
            return Ok(());
        }
        let (mut at, mut until) = (0, Until::Open);
        let limit = story.site.tuning.buffer_size.saturating_sub(story.site.tuning.max_rewrite);
        if from.has_news() {
            poll_fn(|cx| from.take(cx, limit)).await?;
        }
        loop {
            let waits = self.delay.is_some() && until != Until::Over && from.may_grow(limit);
            match self.evaluate(story, &from, at, Waits::of(waits)) {
                Outcome::Done => return Ok(()),
                Outcome::Stopped(Verdict::End(ending), _) => return Err(Stop::Rule(ending)),
                Outcome::Stopped(..) => return Err(Stop::Fault),
                Outcome::Waiting(Wait::Turn, next) => {
                    tokio::task::yield_now().await;
                    at = next;
                    continue;
                }
                // What was to come has not come: the rules have nothing against it.
                Outcome::Waiting(..) if !waits => return Ok(()),
                Outcome::Waiting(_, next) => at = next,
            }
            until = self.wait(story, &mut from, until, limit).await?;
        }
    }

    fn evaluate(&self, story: &mut Story<'_>, from: &Arriving<'_>, at: usize, waits: Waits) -> Outcome {
        match from {
            Arriving::Session(conn) => self.look(story, conn.input.data(), at, waits),
            Arriving::Body(side) => {
                let mut body = Vec::new();
                side.copy_body(&mut body);
                self.judge(story, (&body, Head::Complete), at, waits)
            }
        }
    }

    /// Runs the rules on bytes that may be HTTP or not.
    fn look(&self, story: &mut Story<'_>, data: &[u8], at: usize, waits: Waits) -> Outcome {
        let head = match self.side {
            Side::Request => sniff(story, data),
            // Only requests are recognised.
            Side::Response => Head::None,
        };
        self.judge(story, (data, head), at, waits)
    }

    fn judge(&self, story: &mut Story<'_>, (data, head): (&[u8], Head), at: usize, waits: Waits) -> Outcome {
        let hope = match (waits, head) {
            (Waits::No, _) => Hope::Nothing,
            (Waits::Yes, Head::Partial) => Hope::Head,
            (Waits::Yes, _) => Hope::Bytes,
        };
        let buffered = Buffered { data, hope };
        let (stage, payload) = match (self.side, head) {
            (Side::Request, Head::Complete) => (Stage::Request, Payload::Request(buffered)),
            (Side::Request, _) => (Stage::Connection, Payload::Request(buffered)),
            (Side::Response, Head::Complete) => (Stage::Response, Payload::Response(buffered)),
            (Side::Response, _) => (Stage::Connection, Payload::Response(buffered)),
        };
        let most = story.site.tuning.rules_at_once;
        let mut txn = story.txn(stage, self.server);
        txn.payload = payload;
        self.list.run_some(at, most, &mut txn)
    }

    /// Waits for more bytes, the end of them, or the end of the delay.
    async fn wait(
        &self,
        story: &mut Story<'_>,
        from: &mut Arriving<'_>,
        until: Until,
        limit: usize,
    ) -> Result<Until, Stop> {
        let now = story.now();
        let due = match until {
            Until::Time(due) => due,
            Until::Open | Until::Over => self.delay.map_or(Tick::NEVER, |delay| now + delay),
        };
        let silence = self.silence.map_or(Tick::NEVER, |silence| now + silence);
        let next = if silence.is_set() && (!due.is_set() || silence < due) { silence } else { due };
        story.deadline.set(next);
        story.live.expire(next);
        poll_fn(|cx| match from.take(cx, limit) {
            Poll::Ready(taken) => Poll::Ready(taken.map(|()| Until::Time(due))),
            Poll::Pending => story
                .deadline
                .poll_expired(cx)
                .map(|()| if next == due { Ok(Until::Over) } else { Err(Stop::Silence) }),
        })
        .await
    }
}

/// How long the rules may still wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The delay starts with the first wait.
    Open,
    /// Until then.
    Time(Tick),
    /// No longer.
    Over,
}

/// Whether rules may wait.
#[derive(Clone, Copy)]
enum Waits {
    Yes,
    No,
}

impl Waits {
    fn of(waits: bool) -> Self {
        if waits { Self::Yes } else { Self::No }
    }
}

impl Arriving<'_> {
    /// Whether something waits in the system's buffer of a session that nothing has been read from.
    fn has_news(&self) -> bool {
        match self {
            Self::Session(conn) if conn.input.is_empty() && conn.receiving == Receiving::Open => {
                conn.tls().is_some_and(tls::Session::holds_input)
                    || conn.socket().is_some_and(|socket| socket.peek(&mut [0]).is_ok())
            }
            Self::Session(_) | Self::Body(_) => false,
        }
    }

    /// Receives what is there; ready when something changed.
    fn take(&mut self, cx: &mut Context<'_>, limit: usize) -> Poll<Result<(), Stop>> {
        let (conn, broken) = match self {
            Self::Session(conn) => (&mut **conn, Err(Stop::Broken)),
            // Whoever uses the connection next will find out.
            Self::Body(side) => (&mut side.conn, Ok(())),
        };
        if conn.receiving == Receiving::Ended || conn.input.len() >= limit {
            return Poll::Pending;
        }
        match conn.poll_fill(cx, limit) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(Filled::Bytes(_) | Filled::End)) => Poll::Ready(Ok(())),
            Poll::Ready(Err(_)) => {
                conn.receiving = Receiving::Ended;
                Poll::Ready(broken)
            }
        }
    }

    /// Whether waiting can bring anything.
    fn may_grow(&self, limit: usize) -> bool {
        let conn = match self {
            Self::Session(conn) => conn,
            Self::Body(side) => &side.conn,
        };
        conn.receiving == Receiving::Open && conn.input.len() < limit
    }
}

/// What the first bytes of a session are in terms of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// The story has the head.
    Complete,
    /// They may become one.
    Partial,
    /// They never will.
    None,
}

/// Reads the head that the bytes of a client's session begin with, if they do.
pub(crate) fn sniff(story: &mut Story<'_>, data: &[u8]) -> Head {
    if data.is_empty() {
        return Head::Partial;
    }
    if data.first() == Some(&b'P') {
        match h1::http2_preface(data) {
            // The request that it looks like.
            Preface::Complete => {
                story.request.clear();
                story.request.set_method(b"PRI");
                story.request.set_target(b"*");
                story.request.version = Version::Http2;
                return Head::Complete;
            }
            Preface::Partial => return Head::Partial,
            Preface::No => {}
        }
    }
    let options = crate::http::options(story.site, Violations::Refused);
    match h1::parse_request(data, &mut h1::Cursor::new(), &options, &mut story.request) {
        Ok(Progress::Complete(_)) => Head::Complete,
        Ok(Progress::Partial) => Head::Partial,
        Err(_) => Head::None,
    }
}

/// Runs the rules on what a server sends in a TCP session, while what the client sends goes on.
pub(crate) async fn answer(
    story: &mut Story<'_>,
    relay: &mut Relay<'_>,
    backend: &BackendSide,
    server: &Server,
) -> Result<(), Termination> {
    let inspection = Inspection::of_response(backend, server, story.server_timeout(backend));
    if inspection.list.is_empty() {
        return Ok(());
    }
    let room = story.site.tuning.buffer_size.saturating_sub(story.site.tuning.max_rewrite);
    let (mut at, mut until, mut growth) = (0, Tick::NEVER, Growth::Possible);
    loop {
        let waits = inspection.delay.is_some() && growth == Growth::Possible;
        match inspection.look(story, relay.held(), at, Waits::of(waits)) {
            Outcome::Done => return Ok(()),
            Outcome::Stopped(verdict, _) => {
                story.facts.bytes_out += relay.held().len() as u64;
                if matches!(verdict, Verdict::End(Ending::CloseServer)) {
                    return Err(Termination::NORMAL);
                }
                denied_response(story, backend, server);
                return Err(Termination::new(Cause::Proxy, Phase::Data));
            }
            Outcome::Waiting(Wait::Turn, next) => {
                tokio::task::yield_now().await;
                at = next;
                continue;
            }
            Outcome::Waiting(..) if !waits => return Ok(()),
            Outcome::Waiting(_, next) => at = next,
        }
        if !until.is_set() {
            until = inspection.delay.map_or(Tick::NEVER, |delay| story.now() + delay);
        }
        growth = match relay.hold(until, room, story.deadline).await {
            Halt::Ended(termination) => return Err(termination),
            Halt::News(growth) => growth,
        };
    }
}

/// Counts a response that rules refused.
pub(crate) fn denied_response(story: &Story<'_>, backend: &BackendSide, server: &Server) {
    story.count(|front| front.denied_responses.inc());
    backend.core.counters.events.here().denied_responses.inc();
    server.counters.common.events.here().denied_responses.inc();
}

/// How a TCP session ends that its content rules did not let pass.
pub(crate) fn refused(story: &mut Story<'_>, stop: &Stop) -> Failure {
    let (cause, phase) = match stop {
        Stop::Rule(_) => {
            finish::rejected(story);
            (Cause::Proxy, Phase::Request)
        }
        Stop::Fault => {
            story.count(|front| front.internal_errors.inc());
            (Cause::Internal, Phase::Request)
        }
        Stop::Silence => (Cause::ClientTimeout, Phase::Request),
        Stop::Broken => (Cause::ClientAbort, Phase::Request),
    };
    Failure::silent(Termination::new(cause, phase))
}
