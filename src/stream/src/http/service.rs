//! Requests that a service answers in the place of a server.

use std::future::poll_fn;
use std::task::{Context, Poll};

use base::termination::{Cause, Phase, Termination};
use h1::{ConnectionLine, Persistence, RequestInfo};
use h2::End;
use http::{BodyLength, CookieSide, Headers, Method, Status};
use net::{More, Socket};
use rule::service::{Asked, Chosen, Exchange, Piece as Given, ResponseRules};
use rule::set::Outcome;
use rule::{Ending, Verdict, Wait};

use super::{After, answer, body, persistence};
use crate::exchange::{Piece, Pump, Pumped, Sink, SinkError, Source, SourceError};
use crate::finish;
use crate::live;
use crate::side::{Framing, HttpSide, Reading};
use crate::size;
use crate::story::{Answer, Failure, Stage, Story};
use log::Step;

/// How an answer of a service ends, whatever becomes of it.
const SERVED: Termination = Termination::new(Cause::Local, Phase::Request);

/// Lets a service answer a request.
pub(super) async fn serve(
    story: &mut Story<'_>,
    client: &mut HttpSide,
    info: &RequestInfo,
    chosen: Chosen,
) -> After {
    finish::intercepted(story);
    finish::serving(story);
    story.facts.service = Some(chosen.label);
    story.facts.termination = SERVED;
    body::invite(story, client);
    let exchange = {
        let scene = story.scene(Stage::Request, None);
        chosen.service.begin(&Asked { scene: &scene, world: story.site.world() })
    };
    let mut served = Served { exchange, upload: Pump::default(), uploading: Uploading::Going };
    let length = match served.head(story, client).await {
        Ok(length) => length,
        Err(failure) => {
            story.count(|front| front.failed_requests.inc());
            let info = (client.reading() == Reading::Sound).then_some(info);
            return answer::failure(story, client, info, failure).await;
        }
    };
    finish::step(story, None, Stage::Response, Step::Response);
    match rules(story, chosen.rules).await {
        Ok(()) => served.relay(story, client, info, length).await,
        Err(Refused::Fault) => {
            finish::internal_error(story, None);
            answer::failure(story, client, Some(info), Failure::new(500, SERVED)).await
        }
        Err(Refused::Rule(Ending::Answer(message))) => {
            answer::message(story, client, info, message, SERVED).await
        }
        Err(Refused::Rule(Ending::Deny(message))) => {
            finish::denied_answer(story);
            answer::message(story, client, info, message, SERVED).await
        }
        Err(Refused::Rule(_)) => {
            finish::denied_answer(story);
            After::Abandon
        }
    }
}

/// Why a service's response does not go on to the client.
enum Refused {
    /// A rule says so.
    Rule(Ending),
    /// A rule could not do what it should.
    Fault,
}

/// Runs the rules on the response, the backend's first.
async fn rules(story: &mut Story<'_>, which: ResponseRules) -> Result<(), Refused> {
    let frontend = story.frontend;
    let backend = story.backend.filter(|b| b.common.facts.id != frontend.common.facts.id);
    let proxies = [backend.map(|b| &b.common.rules), Some(&frontend.common.rules)];
    story.body.clear();
    let wanted = which == ResponseRules::All;
    let responses = proxies.into_iter().flatten().map(|r| &r.http_response).filter(|_| wanted);
    for rules in responses.filter(|r| !r.is_empty()) {
        let mut at = 0;
        loop {
            match rules.run(at, &mut story.txn(Stage::Response, None)) {
                Outcome::Stopped(Verdict::End(ending), _) => return Err(Refused::Rule(ending)),
                Outcome::Stopped(..) => return Err(Refused::Fault),
                Outcome::Waiting(Wait::Pause(time), next) => {
                    story.pause_for(time).await;
                    at = next;
                }
                // A service makes its body as it is sent: what is not there yet will not come by waiting.
                Outcome::Waiting(Wait::Body(_), next) => at = next,
                Outcome::Waiting(Wait::Turn, next) => {
                    tokio::task::yield_now().await;
                    at = next;
                }
                Outcome::Done | Outcome::Waiting(Wait::Data | Wait::Handshake, _) => break,
            }
        }
    }
    for rules in proxies.into_iter().flatten().map(|r| &r.http_after).filter(|r| !r.is_empty()) {
        let outcome = rules.run(0, &mut story.txn(Stage::Response, None));
        if matches!(outcome, Outcome::Stopped(Verdict::Fault(_), _)) {
            return Err(Refused::Fault);
        }
    }
    Ok(())
}

/// How far the request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Uploading {
    Going,
    /// The service has it all, or the client will send no more of it.
    Over,
}

/// A request in a service's hands.
struct Served {
    exchange: Box<dyn Exchange>,
    upload: Pump,
    uploading: Uploading,
}

impl Served {
    /// Gives the service the request's body until it has the head of its response.
    async fn head(&mut self, story: &mut Story<'_>, client: &mut HttpSide) -> Result<BodyLength, Failure> {
        let now = story.now();
        story.expire(now, story.client_timeout());
        let length = poll_fn(|cx| {
            let uploaded = self.poll_upload(cx, story, client);
            if let Poll::Ready(length) = self.exchange.poll_head(cx, &mut story.response) {
                return Poll::Ready(Ok(length));
            }
            if let Err(failure) = uploaded {
                return Poll::Ready(Err(failure));
            }
            story.deadline.poll_expired(cx).map(|()| Err(Failure::new(408, SERVED)))
        })
        .await?;
        story.facts.timers.response = story.now();
        let headers = &mut story.response.headers;
        if length == BodyLength::Chunked && !headers.contains(b"transfer-encoding") {
            headers.push(b"transfer-encoding", b"chunked");
        }
        story.facts.status = story.response.status.0;
        story.facts.bytes_out += size::of_response(&story.response);
        story.capture_response();
        story.live.reach(live::Stage::Relaying);
        Ok(length)
    }

    /// Moves the request's body on.
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        story: &mut Story<'_>,
        client: &mut HttpSide,
    ) -> Result<(), Failure> {
        if self.uploading == Uploading::Over {
            return Ok(());
        }
        let before = self.upload.bytes;
        let pumped = self.upload.poll(cx, client, &mut Taker(&mut *self.exchange));
        story.facts.bytes_in += self.upload.bytes - before;
        if self.upload.bytes > before {
            let now = story.now();
            story.expire(now, story.client_timeout());
        }
        match pumped {
            Ok(Pumped::Waiting(_)) => return Ok(()),
            Ok(Pumped::Done) => self.uploading = Uploading::Over,
            Err(_) => {
                self.uploading = Uploading::Over;
                return Err(Failure::new(400, SERVED));
            }
        }
        Ok(())
    }

    /// Sends the response, as fast as the client takes it.
    async fn relay(
        &mut self,
        story: &mut Story<'_>,
        client: &mut HttpSide,
        info: &RequestInfo,
        length: BodyLength,
    ) -> After {
        story.facts.status = story.response.status.0;
        story.capture_cookie(CookieSide::Response);
        let wanted = write_head(story, client, info, length);
        let now = story.now();
        story.expire(now, story.client_timeout());
        let mut download = Pump::default();
        let sent = poll_fn(|cx| {
            let (before, before_gone) = (download.bytes, gone(&download, client));
            // What the client still sends tells nobody anything any more.
            let _ = self.poll_upload(cx, story, client);
            let mut giver = Giver { exchange: &mut *self.exchange, given: 0 };
            let pumped = download.poll(cx, &mut giver, client);
            let moved = download.bytes - before;
            story.facts.bytes_out += moved;
            story.sent += moved;
            match pumped {
                Ok(Pumped::Done) => Poll::Ready(Ok(())),
                Err(_) => Poll::Ready(Err(())),
                Ok(Pumped::Waiting(_)) => {
                    if gone(&download, client) > before_gone {
                        let now = story.now();
                        story.expire(now, story.client_timeout());
                        story.live.carry(story.facts.bytes_in, story.facts.bytes_out);
                    }
                    story.deadline.poll_expired(cx).map(|()| Err(()))
                }
            }
        })
        .await;
        match sent {
            Err(()) => After::Abandon,
            Ok(()) if wanted == Persistence::KeepAlive && client.reading() == Reading::Sound => {
                After::KeepAlive
            }
            Ok(()) => After::Close,
        }
    }
}

/// How much of a body has left for the client: what waits for it here is no sign of life.
fn gone(body: &Pump, client: &HttpSide) -> u64 {
    body.bytes.saturating_sub(client.conn.output.len() as u64)
}

/// Writes the head; tells whether the connection may go on.
fn write_head(
    story: &mut Story<'_>,
    client: &mut HttpSide,
    info: &RequestInfo,
    length: BodyLength,
) -> Persistence {
    let old_client = !story.request.version.is_at_least_11();
    let (length, framing) = match length {
        BodyLength::Chunked if old_client && story.wants == Answer::Whole => {
            (BodyLength::UntilClose, Framing::Plain)
        }
        BodyLength::Chunked => (BodyLength::Chunked, Framing::Chunked),
        other => (other, Framing::Plain),
    };
    // A status that a rule chose may have no body; the coding of the one that came goes with it.
    let uncoded = length == BodyLength::Chunked && story.response.status == Status(204);
    if uncoded {
        story.response.headers.remove(b"transfer-encoding");
    }
    let length = if uncoded { BodyLength::None } else { length };
    let tunnel = story.request.method == Method::Connect && matches!(story.response.status.0, 200..300);
    let ends = length == BodyLength::UntilClose || uncoded || tunnel;
    let wanted = answer::closing(story, persistence(story, info));
    let wanted = if ends { Persistence::Close } else { wanted };
    let line = ConnectionLine::for_response(story.response.version, story.request.version, wanted);
    let bodyless = story.wants == Answer::HeadOnly || story.response.status.forbids_body();
    let end = if bodyless || length.is_empty() { End::Yes } else { End::No };
    let room = story.site.tuning.buffer_size;
    story.sent += client.write_response(&story.response, (length, line), end, room);
    client.send_body(if bodyless { Framing::LeftOut } else { framing });
    wanted
}

/// A service as what takes a request's body.
struct Taker<'e>(&'e mut dyn Exchange);

impl Sink for Taker<'_> {
    fn poll_data(&mut self, cx: &mut Context<'_>, data: &[u8], _: More) -> Poll<Result<usize, SinkError>> {
        self.0.poll_take(cx, data).map(Ok)
    }

    fn end(&mut self, trailers: &Headers) {
        self.0.request_ended(trailers);
    }

    fn raw(&self) -> Option<&Socket> {
        None
    }

    fn begin_raw(&mut self, _: usize) {}

    fn end_raw(&mut self) {}

    fn poll_flush(&mut self, _: &mut Context<'_>, _: More) -> Poll<Result<(), SinkError>> {
        Poll::Ready(Ok(()))
    }
}

/// A service as where a response's body comes from.
struct Giver<'e> {
    exchange: &'e mut dyn Exchange,
    /// Bytes that it gave in this turn.
    given: usize,
}

/// What a service may give in one turn: others have to be served, too.
const TURN: usize = 1 << 16;

impl Source for Giver<'_> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece<'_>, SourceError>> {
        if self.given >= TURN {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.exchange.poll_piece(cx).map(|piece| match piece {
            Ok(Given::Data(data)) => Ok(Piece::Data(data, More::Yes)),
            Ok(Given::End(trailers)) => Ok(Piece::End(trailers)),
            Err(rule::service::Broken) => Err(SourceError::Aborted),
        })
    }

    fn consume(&mut self, n: usize) {
        self.given += n;
        self.exchange.consume(n);
    }

    fn raw(&self) -> Option<(&Socket, u64)> {
        None
    }

    fn skip(&mut self, _: u64) {}
}
