//! Connected and relayed: the request to the server, the response to the client.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use backend::{RetryOn, Server};
use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use h1::{Asked, ConnectionLine, Persistence, Progress, RequestInfo, ResponseInfo, Side};
use h2::End;
use http::{BodyLength, Method, RequestHead, ResponseHead, Status};
use lang::facts::Replay;
use net::More;
use rule::set::Outcome;
use rule::{Ending, Message, RuleSets, Verdict, Wait};

use super::replay::{self, Upload};
use super::request::Routed;
use super::{After, answer, body, edits, persistence, receive, sticky};
use crate::captures::{self, Fault};
use crate::carrier::Carrier;
use crate::conn::{Filled, Receiving};
use crate::connect::{self, Failed as FailedServer, Lease, Origin, Reuse, lease};
use crate::events;
use crate::exchange::{Pump, PumpError, Pumped, SourceError, Waiting};
use crate::finish;
use crate::inspect::{self, Arriving, Inspection};
use crate::reserve::Owned;
use crate::secure;
use crate::settings::ConnectionMode;
use crate::side::{Delivery, Framing, HttpSide, Trailers};
use crate::site::BackendSide;
use crate::size;
use crate::story::{Answer, Asked as Challenged, Failure, Logged, Stage, Story};
use crate::tcp::relay;
use crate::websocket;
use log::Step;

/// A request that was answered by a server.
pub(super) struct Forwarded {
    pub(super) after: After,
    pub(super) server: Arc<Server>,
}

type Failed = (Failure, Option<Arc<Server>>);

/// Forwards a request and its response.
pub(super) async fn forward(
    story: &mut Story<'_>,
    client: &mut HttpSide,
    info: &RequestInfo,
    routed: Routed<'_>,
) -> Result<Forwarded, Failed> {
    let backend = routed.backend;
    let keep = server_persistence(story, backend);
    let reuse = if keep == Persistence::KeepAlive { Reuse::Yes } else { Reuse::No };
    if client.conn.receiving == Receiving::Ended && !client.has_whole_body() {
        // The log has a status, though nobody is there to read it.
        story.facts.status = 400;
        return Err((Failure::silent(Termination::new(Cause::ClientAbort, Phase::Request)), None));
    }
    if let Some(carrier) = client.conn.carrier()
        && carrier.is_gone()
    {
        // Nobody waits for an answer: no server need be asked.
        if carrier.has_ended() {
            story.count(|front| front.failed_requests.inc());
        } else {
            story.facts.status = 400;
        }
        return Err((Failure::silent(Termination::new(Cause::ClientAbort, Phase::Request)), None));
    }
    story.upgrade = info.upgrade;
    let mut lease = lease(story, &mut client.conn, backend, reuse, None).await?;
    let mut body = Upload::prepare(story, backend, client).await;
    let received = story.facts.bytes_in;
    loop {
        let aborts_on_close = backend.common.http.abort_on_close.is_on();
        let mut connected = Connected {
            backend,
            info,
            keep,
            upload: Pump::spliced(story.frontend.common.splicing(&backend.common).0),
            body: &mut body,
            server_done: false,
            proof: None,
            aborts_on_close,
        };
        let Broken { failure, server, event, origin } = match connected.exchange(story, client, lease).await {
            Ok(forwarded) => return Ok(forwarded),
            Err(broken) => broken,
        };
        count_failure(backend, &server, failure);
        let (reuse, failed) = if body.is_kept() && replay::again(story, backend, &server, event) {
            if backend.core.settings.redispatch != 0 {
                story.facts.timers.queued = Tick::NEVER;
            }
            (reuse, Some(FailedServer::Answering(server.clone())))
        } else if origin == Origin::Reused && event == RetryOn::EMPTY_RESPONSE {
            // The server closed an idle connection just as it was used, and most probably never saw the request.
            let harmless = info.body.is_empty() && story.request.method.is_idempotent();
            if !harmless || story.facts.overrides.replay == Replay::Never {
                return Err((leave_to_client(story), Some(server)));
            }
            (Reuse::No, None)
        } else {
            return Err((failure, Some(server)));
        };
        body.rewind();
        story.facts.bytes_in = received;
        lease = connect::lease(story, &mut client.conn, backend, reuse, failed)
            .await
            .map_err(|(failure, other)| (failure, other.or(Some(server))))?;
    }
}

/// Sending a request again that may have had an effect is for the client to decide: it sees its connection end, as
/// it would without a proxy.
fn leave_to_client(story: &mut Story<'_>) -> Failure {
    story.logged = Logged::Yes;
    Failure::silent(Termination::new(Cause::ServerAbort, Phase::Data))
}

/// An exchange that brought no response.
struct Broken {
    failure: Failure,
    server: Arc<Server>,
    /// What of `retry-on` it is.
    event: RetryOn,
    /// Where the connection came from.
    origin: Origin,
}

fn server_persistence(story: &Story<'_>, backend: &BackendSide) -> Persistence {
    let modes = [story.frontend.common.http.connection, backend.common.http.connection];
    if modes.contains(&ConnectionMode::Close) || modes.contains(&ConnectionMode::ServerClose) {
        Persistence::Close
    } else {
        Persistence::KeepAlive
    }
}

/// A stream with a connection to a server.
struct Connected<'r> {
    backend: &'r BackendSide,
    info: &'r RequestInfo,
    keep: Persistence,
    upload: Pump,
    body: &'r mut Upload,
    server_done: bool,
    /// What the server must answer with, if it is to switch protocols.
    proof: Option<String>,
    /// Whether a client that ends its side is taken to have given up.
    aborts_on_close: bool,
}

/// Why a response does not go on to the client.
enum Refused {
    /// A rule says so.
    Rule(Ending),
    /// A rule could not do what it should.
    Fault,
    /// What a rule waited for did not come.
    Late(Failure),
}

/// A response head that was received.
struct Head {
    info: ResponseInfo,
}

impl Connected<'_> {
    async fn exchange(
        &mut self,
        story: &mut Story<'_>,
        client: &mut HttpSide,
        mut lease: Lease,
    ) -> Result<Forwarded, Broken> {
        let server = lease.held.0.clone();
        finish::step(story, Some(&*server), Stage::Request, Step::Connect);
        if self.info.upgrade.is_some() && lease.side.opens_streams() {
            Box::pin(self.get_acquainted(story, &mut lease.side)).await;
        }
        self.write_request(story, &mut lease);
        let origin = lease.origin;
        let head = match self.response_head(story, client, &mut lease).await {
            Ok(head) => head,
            Err(failure) => {
                keep_faults(story, client, &mut lease.side, &server, (self.upload.bytes, 0));
                return Err(Broken { failure, server, event: replay::event(failure), origin });
            }
        };
        if is_challenge(&story.response) {
            story.asked = Challenged::Yes;
            if challenges_connection(&story.response) {
                lease = lease.into_private();
            }
        }
        story.live.reach(crate::live::Stage::Relaying);
        if let Err(after) = self.inspect(story, &mut lease, &server).await {
            return Ok(Forwarded { after, server });
        }
        if let Some(event) = self.unwanted(story) {
            story.facts.timers.response = Tick::NEVER;
            story.facts.bytes_out = 0;
            let failure = Failure::silent(Termination::NORMAL);
            return Err(Broken { failure, server, event, origin });
        }
        server.counters.common.events.here().statuses.count(story.response.status.0);
        story.facts.server_status = story.response.status.0;
        story.facts.status = story.response.status.0;
        let outcome = self.rules(story, &mut lease.side, &server).await;
        if let Err(Refused::Rule(_) | Refused::Fault) = outcome {
            // What came of the response counts, though it goes no further.
            lease.side.scan_body(|data| story.facts.bytes_out += data.len() as u64);
        }
        let after = match outcome {
            Ok(()) => {
                story.facts.status = story.response.status.0;
                finish::step(story, Some(&*server), Stage::Response, Step::Response);
                self.relay_response(story, client, &mut lease, head.info).await
            }
            Err(Refused::Fault) => {
                finish::internal_error(story, Some(&server));
                let failure = Failure::new(500, Termination::new(Cause::Proxy, Phase::Headers));
                answer::failure(story, client, Some(self.info), failure).await
            }
            Err(Refused::Late(failure)) => {
                count_failure(self.backend, &server, failure);
                answer::failure(story, client, Some(self.info), failure).await
            }
            Err(Refused::Rule(Ending::Answer(message))) => {
                let termination = Termination::new(Cause::Local, Phase::Headers);
                answer::message(story, client, self.info, message, termination).await
            }
            Err(Refused::Rule(Ending::Deny(message))) => {
                inspect::denied_response(story, self.backend, &server);
                let termination = Termination::new(Cause::Proxy, Phase::Headers);
                answer::message(story, client, self.info, message, termination).await
            }
            Err(Refused::Rule(_)) => {
                self.denied(story, &server);
                After::Abandon
            }
        };
        self.release(story, lease);
        Ok(Forwarded { after, server })
    }

    /// The failure that the response's status is, where another attempt may bring a better one.
    fn unwanted(&self, story: &Story<'_>) -> Option<RetryOn> {
        let possible = self.body.is_kept() && story.facts.retries < story.retries(self.backend);
        let event = RetryOn::status(story.response.status.0).filter(|_| possible)?;
        self.backend.core.settings.retry_on.contains(event).then_some(event)
    }

    /// Runs the content rules on the response; they may end it without a word.
    async fn inspect(
        &mut self,
        story: &mut Story<'_>,
        lease: &mut Lease,
        server: &Server,
    ) -> Result<(), After> {
        let inspection = Inspection::of_response(self.backend, server, story.server_timeout(self.backend));
        let (cause, phase) = match inspection.run(story, Arriving::Body(&mut lease.side)).await {
            Ok(()) => return Ok(()),
            Err(inspect::Stop::Rule(Ending::CloseServer)) => {
                self.keep = Persistence::Close;
                lease.side.conn.receiving = Receiving::Ended;
                return Ok(());
            }
            Err(inspect::Stop::Rule(_)) => {
                inspect::denied_response(story, self.backend, server);
                (Cause::Proxy, Phase::Data)
            }
            Err(inspect::Stop::Fault) => (Cause::Internal, Phase::Data),
            Err(inspect::Stop::Silence) => (Cause::ServerTimeout, Phase::Data),
            Err(inspect::Stop::Broken) => (Cause::ServerAbort, Phase::Data),
        };
        story.facts.status = story.response.status.0;
        story.facts.timers.response = Tick::NEVER;
        lease.side.scan_body(|data| story.facts.bytes_out += data.len() as u64);
        story.facts.termination = Termination::new(cause, phase);
        Err(After::Abandon)
    }

    fn denied(&self, story: &mut Story<'_>, server: &Server) {
        story.facts.termination = Termination::new(Cause::Proxy, Phase::Headers);
        inspect::denied_response(story, self.backend, server);
    }

    fn write_request(&mut self, story: &mut Story<'_>, lease: &mut Lease) {
        let side: &mut HttpSide = &mut lease.side;
        side.conn.output.ensure_capacity(story.site.tuning.buffer_size);
        let options = &self.backend.common.messages;
        if let Some(name) = &options.server_name_header {
            story.request.headers.set(name, lease.held.0.facts.name.as_bytes());
        }
        if options.adjust_for_server.is_on() {
            side.adjust_names(&story.site.cases);
        }
        let dropped = options.drop_request_trailers.is_on();
        side.send_trailers(if dropped { Trailers::Dropped } else { Trailers::Kept });
        let request = &story.request;
        self.keep = self.keep.after_coding(request.version, &request.headers);
        let keep = if options.pretend_keepalive.is_on() { Persistence::KeepAlive } else { self.keep };
        let line = ConnectionLine::for_request(request.version, keep, self.info.upgrade);
        let both = [&story.frontend.common.http, &self.backend.common.http];
        let urgent = both.iter().any(|options| options.no_delay.is_on());
        side.deliver(if urgent { Delivery::AtOnce } else { Delivery::Packed });
        if side.opens_streams() {
            let protocol = match self.info.upgrade {
                h1::Upgrade::WebSocket | h1::Upgrade::WebSocketWithoutKey => h2::Protocol::WebSocket,
                h1::Upgrade::Other => h2::Protocol::Other,
                h1::Upgrade::None => h2::Protocol::None,
            };
            // Nobody said what the client came by: what servers of HTTP/2 expect is assumed.
            side.open_stream(request, (b"https", self.info.body, protocol));
            let tunnel = protocol != h2::Protocol::None || request.method == Method::Connect;
            return side.send_body(if tunnel { Framing::Unending } else { Framing::Plain });
        }
        if self.info.upgrade == h1::Upgrade::WebSocketWithoutKey {
            self.proof = Some(websocket::add_key(&mut story.request));
        }
        let request = &story.request;
        let names = side.names();
        h1::write_request(request, self.info.body, line, names.case(), side.conn.output.tail());
        let chunked = self.info.body == BodyLength::Chunked;
        side.send_body(if chunked { Framing::Chunked } else { Framing::Plain });
    }

    /// Whether a server can switch protocols on a stream is not known before it has said what it wants; one that cannot
    /// is asked nothing.
    async fn get_acquainted(&self, story: &mut Story<'_>, side: &mut HttpSide) {
        let (now, limit) = (story.now(), story.server_timeout(self.backend));
        story.expire(now, limit);
        let offered = poll_fn(|cx| match side.poll_offers_extended_connect(cx) {
            Poll::Ready(offered) => Poll::Ready(offered),
            Poll::Pending => story.deadline.poll_expired(cx).map(|()| false),
        })
        .await;
        // Nor can it take a body before it has agreed.
        if !offered || !self.info.body.is_empty() {
            side.give_up();
        }
    }

    /// Sends the request while waiting for the head of the final response; interim ones are passed on.
    async fn response_head(
        &mut self,
        story: &mut Story<'_>,
        client: &mut HttpSide,
        lease: &mut Lease,
    ) -> Result<Head, Failure> {
        let options = receive::options(story.site, self.backend.common.http.response_violations);
        let asked = Asked { method: story.request.method.clone(), upgrade: self.info.upgrade };
        let side: &mut HttpSide = &mut lease.side;
        let wait = ResponseWait {
            client_timeout: story.client_timeout(),
            server_timeout: story.server_timeout(self.backend),
            asked,
            options,
        };
        let now = story.now();
        let upload = self.upload.is_done() || self.info.body.is_empty();
        story.expire(now, if upload { wait.server_timeout } else { wait.client_timeout });
        let outcome = poll_fn(|cx| self.poll_head(cx, story, client, side, &wait)).await;
        let info = outcome?;
        if info.body == BodyLength::Tunnel && self.is_premature(story) {
            return Err(Failure::new(502, Termination::new(Cause::Proxy, Phase::Headers)));
        }
        story.facts.timers.response = story.now();
        secure::look_again(&mut story.facts.server_tls, &side.conn);
        secure::catch_up(&mut story.session.tls, &mut client.conn);
        events::answered(story);
        story.facts.bytes_out += size::of_response(&story.response);
        story.capture_response();
        story.body.clear();
        Ok(Head { info })
    }

    /// Whether a server switches protocols without having proven that it knows to which, or before it can have read the
    /// whole request.
    fn is_premature(&self, story: &Story<'_>) -> bool {
        let unproven =
            self.proof.as_deref().is_some_and(|proof| !websocket::is_proven(&story.response, proof));
        let switches = story.response.status == Status(101);
        unproven || switches && !self.upload.is_done() && !self.info.body.is_empty()
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        story: &mut Story<'_>,
        client: &mut HttpSide,
        server: &mut HttpSide,
        wait: &ResponseWait,
    ) -> Poll<Result<ResponseInfo, Failure>> {
        loop {
            let uploading = match self.poll_upload(cx, story, client, server, wait) {
                Ok(waiting) => waiting,
                Err(failure) => return Poll::Ready(Err(failure)),
            };
            if server.conn.carrier().is_some() {
                match poll_head_of_stream(cx, server, wait, (&story.request, &mut story.response)) {
                    Poll::Ready(Ok(info)) if info.is_interim(&story.response) => {
                        story.facts.bytes_out += size::of_response(&story.response);
                        events::answered(story);
                        forward_interim(story, client);
                        continue;
                    }
                    Poll::Ready(result) => return Poll::Ready(result),
                    Poll::Pending => {}
                }
            } else if !server.conn.input.is_empty() {
                match read_head(server, wait, &mut story.response) {
                    Ok(Some(info)) if info.is_interim(&story.response) => {
                        story.facts.bytes_out += size::of_response(&story.response);
                        events::answered(story);
                        forward_interim(story, client);
                        continue;
                    }
                    Ok(Some(info)) => return Poll::Ready(Ok(info)),
                    Ok(None) => {}
                    Err(failure) => return Poll::Ready(Err(failure)),
                }
            }
            // A slow reader of interim responses must not hold up the final one.
            let _ = client.conn.poll_flush(cx, More::No);
            let filled = if server.conn.carrier().is_some() { Poll::Pending } else { server.poll_fill(cx) };
            match filled {
                Poll::Ready(Ok(Filled::Bytes(_))) => {}
                Poll::Ready(_) => {
                    // A head that breaks off is an invalid one; none at all is a server that left.
                    let begun = !server.conn.input.is_empty();
                    let cause = if begun { Cause::Proxy } else { Cause::ServerAbort };
                    return Poll::Ready(Err(Failure::new(502, Termination::new(cause, Phase::Headers))));
                }
                Poll::Pending => {
                    // What the client does matters only as long as there is nothing for it.
                    if self.upload.is_done()
                        && self.aborts_on_close
                        && let Some(gone) = client_ended(cx, client)
                    {
                        return Poll::Ready(Err(gone));
                    }
                    return story.deadline.poll_expired(cx).map(|()| Err(timed_out(uploading)));
                }
            }
        }
    }

    /// Moves the request's body on; a server that takes no more may still have something to say.
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        story: &mut Story<'_>,
        client: &mut HttpSide,
        server: &mut HttpSide,
        wait: &ResponseWait,
    ) -> Result<Option<Waiting>, Failure> {
        if self.upload.is_done() || self.server_done {
            return Ok(None);
        }
        let before = self.upload.bytes;
        let pumped = self.body.poll(cx, &mut self.upload, client, server);
        story.facts.bytes_in += self.upload.bytes - before;
        let moved = self.upload.bytes > before;
        if moved {
            story.live.carry(story.facts.bytes_in, story.facts.bytes_out);
        }
        match pumped {
            Ok(Pumped::Done) => {
                let now = story.now();
                story.expire(now, wait.server_timeout);
                Ok(None)
            }
            Ok(Pumped::Waiting(waiting)) => {
                if moved || story.deadline.due() == Tick::NEVER {
                    let now = story.now();
                    let after = match waiting {
                        Waiting::ForSource => wait.client_timeout,
                        Waiting::ForSink => wait.server_timeout,
                    };
                    story.expire(now, after);
                }
                Ok(Some(waiting))
            }
            Err(PumpError::Sink) => {
                self.server_done = true;
                Ok(None)
            }
            Err(PumpError::Source(SourceError::Aborted)) => {
                // The log has a status, though nobody is there to read it.
                story.facts.status = 400;
                Err(Failure::silent(Termination::new(Cause::ClientAbort, Phase::Headers)))
            }
            Err(PumpError::Source(SourceError::Malformed)) => {
                Err(Failure::new(400, Termination::new(Cause::Proxy, Phase::Data)))
            }
        }
    }

    /// Runs the rules on the response, the backend's first.
    async fn rules(
        &self,
        story: &mut Story<'_>,
        side: &mut HttpSide,
        server: &Server,
    ) -> Result<(), Refused> {
        let frontend = story.frontend;
        let own = self.backend.common.facts.id != frontend.common.facts.id;
        let proxies = [Some(&self.backend.common.rules), own.then_some(&frontend.common.rules)];
        let (come, reserve) = (side.conn.input.len(), story.site.tuning.max_rewrite);
        story.txn(Stage::Response, Some(server)).hold(RuleSets::HTTP_RESPONSE, come, reserve);
        for rules in proxies.into_iter().flatten().map(|r| &r.http_response).filter(|r| !r.is_empty()) {
            let mut at = 0;
            loop {
                match rules.run_some(
                    at,
                    story.site.tuning.rules_at_once,
                    &mut story.txn(Stage::Response, Some(server)),
                ) {
                    Outcome::Stopped(Verdict::End(ending), _) => return Err(Refused::Rule(ending)),
                    Outcome::Stopped(..) => return Err(Refused::Fault),
                    Outcome::Waiting(Wait::Body(wait), next) => {
                        body::of_response(story, side, wait).await.map_err(Refused::Late)?;
                        at = next;
                    }
                    Outcome::Waiting(Wait::Pause(time), next) => {
                        story.pause_for(time).await;
                        at = next;
                    }
                    Outcome::Waiting(Wait::Turn, next) => {
                        tokio::task::yield_now().await;
                        at = next;
                    }
                    Outcome::Done | Outcome::Waiting(Wait::Data | Wait::Handshake, _) => break,
                }
            }
        }
        sticky::of_response(story, self.backend, server);
        let checks = self.backend.common.messages.check_cache.is_on();
        if checks && edits::leaks_cookie(&story.request.method, &story.response) {
            edits::report_cookie(story, self.backend, server);
            return Err(Refused::Rule(Ending::Deny(Message::Page(502))));
        }
        for rules in proxies.into_iter().flatten().map(|r| &r.http_after).filter(|r| !r.is_empty()) {
            if let Outcome::Stopped(Verdict::Fault(_), _) =
                rules.run(0, &mut story.txn(Stage::Response, Some(server)))
            {
                return Err(Refused::Fault);
            }
        }
        Ok(())
    }

    async fn relay_response(
        &mut self,
        story: &mut Story<'_>,
        client: &mut HttpSide,
        lease: &mut Lease,
        info: ResponseInfo,
    ) -> After {
        let old_client = !story.request.version.is_at_least_11();
        let (length, framing) = match info.body {
            BodyLength::Chunked if old_client && story.wants == Answer::Whole => {
                (BodyLength::UntilClose, Framing::Plain)
            }
            BodyLength::Chunked => (BodyLength::Chunked, Framing::Chunked),
            other => (other, Framing::Plain),
        };
        let response = &story.response;
        let mut wanted = persistence(story, self.info).after_coding(response.version, &response.headers);
        // A status that a rule chose may have no body; the coding of the one that came goes with it.
        let uncoded = length == BodyLength::Chunked && story.response.status == Status(204);
        if length == BodyLength::UntilClose || uncoded {
            wanted = Persistence::Close;
        }
        if uncoded {
            story.response.headers.remove(b"transfer-encoding");
        }
        let length = if uncoded { BodyLength::None } else { length };
        self.keep = if self.upload.is_done() { info.persistence_with(self.keep) } else { Persistence::Close };
        let line = match length {
            BodyLength::Tunnel => ConnectionLine::Nothing,
            // Nobody knows what such a status means; it is passed on as it came.
            _ if story.response.status.0 < 100 => ConnectionLine::Nothing,
            _ => ConnectionLine::for_response(story.response.version, story.request.version, wanted)
                .unless_upgrading(info.upgrade),
        };
        story.facts.status = story.response.status.0;
        // Rules may have changed the method for the server, or the status for the client.
        let bodyless = story.wants == Answer::HeadOnly || story.response.status.forbids_body();
        let end = if bodyless || length.is_empty() { End::Yes } else { End::No };
        let room = story.site.tuning.buffer_size;
        story.sent += client.write_response(&story.response, (length, line), end, room);
        let urgent = lease.side.delivery();
        client.deliver(urgent);
        client.send_body(if bodyless { Framing::LeftOut } else { framing });
        let dropped = story.frontend.common.messages.drop_response_trailers.is_on();
        client.send_trailers(if dropped { Trailers::Dropped } else { Trailers::Kept });
        if length == BodyLength::Tunnel {
            return self.tunnel(story, client, lease).await;
        }
        self.relay_body(story, client, lease, wanted).await
    }

    async fn relay_body(
        &mut self,
        story: &mut Story<'_>,
        client: &mut HttpSide,
        lease: &mut Lease,
        wanted: Persistence,
    ) -> After {
        let (_, mode) = story.frontend.common.splicing(&self.backend.common);
        let mut download = Pump::spliced(mode);
        let (client_timeout, server_timeout) = (story.client_timeout(), story.server_timeout(self.backend));
        let now = story.now();
        story.expire(now, server_timeout.or(client_timeout));
        let server: &mut HttpSide = &mut lease.side;
        let outcome = poll_fn(|cx| {
            let (downloaded, before) = (download.bytes, download.bytes + self.upload.bytes);
            if !self.upload.is_done() && !self.server_done {
                let uploaded = self.upload.bytes;
                self.server_done |= self.body.poll(cx, &mut self.upload, client, server).is_err();
                story.facts.bytes_in += self.upload.bytes - uploaded;
            }
            let pumped = download.poll(cx, server, client);
            story.facts.bytes_out += download.bytes - downloaded;
            story.sent += download.bytes - downloaded;
            match pumped {
                Ok(Pumped::Done) => Poll::Ready(Ok(())),
                Ok(Pumped::Waiting(_)) if self.client_left(cx, client) => {
                    Poll::Ready(Err(Termination::new(Cause::ClientAbort, Phase::Data)))
                }
                Ok(Pumped::Waiting(waiting)) => {
                    if download.bytes + self.upload.bytes > before {
                        let now = story.now();
                        let after =
                            if waiting == Waiting::ForSource { server_timeout } else { client_timeout };
                        story.expire(now, after);
                        story.live.carry(story.facts.bytes_in, story.facts.bytes_out);
                    }
                    story.deadline.poll_expired(cx).map(|()| Err(stalled(waiting)))
                }
                Err(e) => Poll::Ready(Err(broken(e))),
            }
        })
        .await;
        story.facts.bytes_out += lease.side.trailer_size();
        match outcome {
            Ok(()) if wanted == Persistence::KeepAlive => After::KeepAlive,
            Ok(()) => After::Close,
            Err(termination) => {
                let (held, bodies) = (lease.held.0.clone(), (self.upload.bytes, download.bytes));
                keep_faults(story, client, &mut lease.side, &held, bodies);
                story.facts.termination = termination;
                self.keep = Persistence::Close;
                // The client gets what came of the body, and sees by the end of the connection that the rest will not.
                if matches!(termination.cause, Cause::ServerAbort | Cause::ServerTimeout) {
                    After::Close
                } else {
                    After::Abandon
                }
            }
        }
    }

    /// Whether a client that has sent all of its request ended its side, and that means that it gave up.
    fn client_left(&self, cx: &mut Context<'_>, client: &mut HttpSide) -> bool {
        self.upload.is_done() && self.aborts_on_close && client_ended(cx, client).is_some()
    }

    /// The two sides speak another protocol from here on.
    async fn tunnel(&mut self, story: &mut Story<'_>, client: &mut HttpSide, lease: &mut Lease) -> After {
        self.keep = Persistence::Close;
        let timeouts = story.relay_timeouts(self.backend);
        let now = story.now();
        story.expire(now, timeouts.client);
        if crate::tcp::finish_output(&mut client.conn, story.deadline).await.is_err() {
            story.facts.termination = Termination::new(Cause::ClientAbort, Phase::Data);
            return After::Abandon;
        }
        let observers = (&story.site.clock, &*story.live);
        let limit = story.site.tuning.buffer_size;
        let relayed =
            relay(&mut client.conn, &mut lease.side.conn, observers, story.deadline, timeouts, limit).await;
        story.facts.bytes_in += relayed.bytes_in;
        story.facts.bytes_out += relayed.bytes_out;
        story.sent += relayed.bytes_out;
        story.facts.termination = relayed.termination;
        After::Abandon
    }

    /// Keeps the connection for later, or closes it.
    fn release(&self, story: &mut Story<'_>, lease: Lease) {
        let Lease { side, held, .. } = lease;
        story.part_from_server();
        let limit = story.frontend.limits.session_connections;
        let side = match side {
            Owned::Stream(side, tenant) => {
                drop(side);
                return tenant.leave(story.own, limit);
            }
            other => other,
        };
        let plain: &HttpSide = &side;
        let clean = plain.has_all() && plain.conn.input.is_empty() && plain.conn.output.is_empty();
        if self.keep == Persistence::KeepAlive && clean {
            story.worker.keep(&held.0, side, (&mut *story.own, limit));
        }
    }
}

/// Whether a response asks the client to prove who it is.
fn is_challenge(response: &ResponseHead) -> bool {
    matches!(response.status.0, 401 | 407)
}

/// Whether it does so in a way that holds for the connection rather than for the request.
fn challenges_connection(response: &ResponseHead) -> bool {
    let name: &[u8] = if response.status.0 == 401 { b"www-authenticate" } else { b"proxy-authenticate" };
    response.headers.find_values(name).any(|value| {
        let scheme = value.split(|b| !b.is_ascii_alphanumeric() && *b != b'-').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"negotiate") || scheme.eq_ignore_ascii_case(b"ntlm")
    })
}

/// Whether the client ended its side while nothing is left to be read from it. What it sends meanwhile is its next
/// request, kept as far as there is room.
fn client_ended(cx: &mut Context<'_>, client: &mut HttpSide) -> Option<Failure> {
    let ended = Failure::new(400, Termination::new(Cause::ClientAbort, Phase::Headers));
    if let Some(carrier) = client.conn.carrier() {
        return carrier.poll_gone(cx).is_ready().then_some(ended);
    }
    loop {
        if client.is_full() {
            return None;
        }
        match client.poll_fill(cx) {
            Poll::Pending => return None,
            Poll::Ready(Ok(Filled::Bytes(_))) => {}
            Poll::Ready(_) => return Some(ended),
        }
    }
}

/// What waiting for a response head goes by.
struct ResponseWait {
    client_timeout: Option<std::time::Duration>,
    server_timeout: Option<std::time::Duration>,
    asked: Asked,
    options: h1::Options,
}

/// Parses the head of a response; `None` when more of it must come.
fn read_head(
    server: &mut HttpSide,
    wait: &ResponseWait,
    response: &mut ResponseHead,
) -> Result<Option<ResponseInfo>, Failure> {
    let parsed = h1::parse_response(
        server.conn.input.data(),
        &mut server.cursor,
        &wait.options,
        &wait.asked,
        response,
    );
    match parsed {
        Ok(Progress::Partial) => Ok(None),
        Ok(Progress::Complete(info)) => {
            // A body that is wrong from the start is told from one that breaks while it is passed on.
            server.expect_body(info.body, Side::Response, wait.options);
            if info.body == BodyLength::Chunked
                && let Some(Fault { kind, position, .. }) = server.fault_of_body(info.head_len)
            {
                server.note_fault(h1::ParseError { side: Side::Response, kind, position });
                return Err(Failure::new(502, Termination::new(Cause::Proxy, Phase::Headers)));
            }
            server.conn.input.consume(info.head_len);
            Ok(Some(info))
        }
        Err(e) => {
            server.note_fault(e);
            Err(Failure::new(502, Termination::new(Cause::Proxy, Phase::Headers)))
        }
    }
}

/// Waits for the head of a response on a stream.
fn poll_head_of_stream(
    cx: &mut Context<'_>,
    server: &mut HttpSide,
    wait: &ResponseWait,
    (request, response): (&RequestHead, &mut ResponseHead),
) -> Poll<Result<ResponseInfo, Failure>> {
    let Some(carrier) = server.conn.carrier() else { return Poll::Pending };
    match ready!(carrier.poll_response(cx, response)) {
        Ok(()) => {
            let body = body_of_stream(carrier, &wait.asked, response);
            if body == BodyLength::Tunnel && wait.asked.upgrade.is_some() {
                // RFC 8441, section 5: what was an upgrade is accepted by a status of success.
                response.set_status(Status(101));
                websocket::accept_upgrade(request, response);
            }
            let comes = if body == BodyLength::None { BodyLength::None } else { BodyLength::UntilClose };
            server.expect_body(comes, Side::Response, wait.options);
            Poll::Ready(Ok(ResponseInfo {
                head_len: 0,
                body,
                persistence: Persistence::KeepAlive,
                upgrade: if body == BodyLength::Tunnel { wait.asked.upgrade } else { h1::Upgrade::None },
                violations: 0,
                first_violation: None,
            }))
        }
        Err(reading) => {
            let malformed = reading == h2::Reading::Malformed;
            let cause = if malformed { Cause::Proxy } else { Cause::ServerAbort };
            Poll::Ready(Err(Failure::new(502, Termination::new(cause, Phase::Headers))))
        }
    }
}

/// How the end of a response's body is to be told that comes on a stream.
fn body_of_stream(carrier: &Carrier, asked: &Asked, response: &ResponseHead) -> BodyLength {
    let status = response.status;
    let accepted = matches!(status.0, 200..300);
    if accepted && (asked.upgrade.is_some() || asked.method == Method::Connect) {
        return BodyLength::Tunnel;
    }
    if status.is_interim() || status.forbids_body() || asked.method == Method::Head {
        return BodyLength::None;
    }
    match response.headers.find(b"content-length").and_then(http::token::decimal) {
        Some(length) => BodyLength::Length(length),
        None if carrier.has_ended() => BodyLength::Length(0),
        None => BodyLength::Chunked,
    }
}

/// Keeps what is invalid in either side's input, to be looked at; with the bytes of bodies that came before.
fn keep_faults(
    story: &Story<'_>,
    client: &mut HttpSide,
    upstream: &mut HttpSide,
    server: &Server,
    (up, down): (u64, u64),
) {
    if let Some(e) = client.take_fault() {
        captures::request(story, client.conn.input.data(), Fault { body: up, ..Fault::of_head(e) });
    }
    if let Some(e) = upstream.take_fault() {
        captures::response(
            story,
            server,
            upstream.conn.input.data(),
            Fault { body: down, ..Fault::of_head(e) },
        );
    }
}

/// Interim responses mean nothing to clients of HTTP/1.0.
fn forward_interim(story: &mut Story<'_>, client: &mut HttpSide) {
    if story.request.version.is_at_least_11() {
        let framing = (BodyLength::None, ConnectionLine::Nothing);
        let room = story.site.tuning.buffer_size;
        story.sent += client.write_response(&story.response, framing, End::No, room);
    }
}

fn timed_out(uploading: Option<Waiting>) -> Failure {
    match uploading {
        Some(Waiting::ForSource) => Failure::new(400, Termination::new(Cause::ClientTimeout, Phase::Headers)),
        _ => Failure::new(504, Termination::new(Cause::ServerTimeout, Phase::Headers)),
    }
}

fn stalled(waiting: Waiting) -> Termination {
    match waiting {
        Waiting::ForSource => Termination::new(Cause::ServerTimeout, Phase::Data),
        Waiting::ForSink => Termination::new(Cause::ClientTimeout, Phase::Data),
    }
}

fn broken(e: PumpError) -> Termination {
    match e {
        PumpError::Source(SourceError::Aborted) => Termination::new(Cause::ServerAbort, Phase::Data),
        PumpError::Source(SourceError::Malformed) => Termination::new(Cause::Proxy, Phase::Data),
        PumpError::Sink => Termination::new(Cause::ClientAbort, Phase::Data),
    }
}

fn count_failure(backend: &BackendSide, server: &Server, failure: Failure) {
    if matches!(failure.status, Some(502 | 504)) {
        backend.core.counters.events.here().failed_responses.inc();
        server.counters.common.events.here().failed_responses.inc();
    }
}

/// What a response says beyond its framing.
trait Reading {
    fn is_interim(&self, head: &ResponseHead) -> bool;
    fn persistence_with(&self, configured: Persistence) -> Persistence;
}

impl Reading for ResponseInfo {
    /// 101 is final as far as HTTP goes.
    fn is_interim(&self, head: &ResponseHead) -> bool {
        head.status.is_interim() && self.body != BodyLength::Tunnel
    }

    fn persistence_with(&self, configured: Persistence) -> Persistence {
        let ends_here = matches!(self.body, BodyLength::UntilClose | BodyLength::Tunnel);
        if ends_here || configured == Persistence::Close { Persistence::Close } else { self.persistence }
    }
}
