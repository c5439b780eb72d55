//! Requests that are sent again after a server failed to answer them (`retry-on`).

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use backend::{RetryOn, Server};
use base::termination::Cause;
use http::Headers;
use lang::facts::Replay;
use net::{More, Socket};

use crate::conn::Filled;
use crate::exchange::{Piece, Pump, PumpError, Pumped, Sink, Source, SourceError};
use crate::side::HttpSide;
use crate::site::BackendSide;
use crate::story::{Failure, Story};

/// Where the body of a request comes from.
pub(super) enum Upload {
    /// From the client, once.
    Streamed,
    /// From a copy, as often as it takes.
    Kept(Kept),
}

/// The whole body of a request.
#[derive(Default)]
pub(super) struct Kept {
    data: Vec<u8>,
    sent: usize,
    trailers: Headers,
}

impl Source for Kept {
    fn poll_piece(&mut self, _: &mut Context<'_>) -> Poll<Result<Piece<'_>, SourceError>> {
        Poll::Ready(Ok(match &self.data[self.sent..] {
            b"" => Piece::End(&self.trailers),
            rest => Piece::Data(rest, More::No),
        }))
    }

    fn consume(&mut self, n: usize) {
        self.sent += n;
    }

    fn raw(&self) -> Option<(&Socket, u64)> {
        None
    }

    fn skip(&mut self, _: u64) {}
}

impl Upload {
    /// Keeps the request for later where its backend may want it again: it must be complete by the time that it is
    /// first sent.
    pub(super) async fn prepare(story: &Story<'_>, backend: &BackendSide, client: &mut HttpSide) -> Self {
        let wanted = story.facts.overrides.replay == Replay::Configured;
        if !wanted || !backend.core.settings.retry_on.replays() {
            return Self::Streamed;
        }
        poll_fn(|cx| {
            while !client.has_whole_body() && !client.is_full() {
                let Poll::Ready(Ok(Filled::Bytes(_))) = client.poll_fill(cx) else { break };
            }
            Poll::Ready(())
        })
        .await;
        if !client.has_whole_body() {
            return Self::Streamed;
        }
        poll_fn(|cx| Poll::Ready(Kept::take(cx, client).map_or(Self::Streamed, Self::Kept))).await
    }

    /// Whether the request can be sent again.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }

    /// Starts over.
    pub(super) fn rewind(&mut self) {
        if let Self::Kept(kept) = self {
            kept.sent = 0;
        }
    }

    /// Moves the body on.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        pump: &mut Pump,
        client: &mut HttpSide,
        to: &mut impl Sink,
    ) -> Result<Pumped, PumpError> {
        match self {
            Self::Streamed => pump.poll(cx, client, to),
            Self::Kept(kept) => pump.poll(cx, kept, to),
        }
    }
}

impl Kept {
    /// Takes a body that has arrived as a whole.
    fn take(cx: &mut Context<'_>, client: &mut HttpSide) -> Option<Self> {
        let mut kept = Self::default();
        loop {
            let taken = match client.poll_piece(cx) {
                Poll::Ready(Ok(Piece::End(trailers))) => {
                    kept.trailers.clone_from(trailers);
                    return Some(kept);
                }
                Poll::Ready(Ok(Piece::Data(data, _))) => {
                    kept.data.extend_from_slice(data);
                    data.len()
                }
                Poll::Ready(Err(_)) | Poll::Pending => return None,
            };
            client.consume(taken);
        }
    }
}

/// What of `retry-on` a failure to answer is.
pub(super) fn event(failure: Failure) -> RetryOn {
    match (failure.status, failure.termination.cause) {
        (Some(502), Cause::ServerAbort) => RetryOn::EMPTY_RESPONSE,
        (Some(502), Cause::Proxy) => RetryOn::JUNK_RESPONSE,
        (Some(504), Cause::ServerTimeout) => RetryOn::RESPONSE_TIMEOUT,
        _ => RetryOn::NONE,
    }
}

/// Counts another attempt after the server failed in this way; false when there is to be none.
pub(super) fn again(
    story: &mut Story<'_>,
    backend: &BackendSide,
    server: &Arc<Server>,
    event: RetryOn,
) -> bool {
    let covered = event != RetryOn::NONE && backend.core.settings.retry_on.contains(event);
    if !covered || story.facts.retries >= story.retries(backend) {
        return false;
    }
    story.facts.retries += 1;
    backend.core.counters.events.here().retries.inc();
    server.counters.common.events.here().retries.inc();
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::termination::{Phase, Termination};

    #[test]
    fn failures_are_told_apart() {
        let of = |status, cause| event(Failure::new(status, Termination::new(cause, Phase::Headers)));
        assert_eq!(of(502, Cause::ServerAbort), RetryOn::EMPTY_RESPONSE);
        assert_eq!(of(502, Cause::Proxy), RetryOn::JUNK_RESPONSE);
        assert_eq!(of(504, Cause::ServerTimeout), RetryOn::RESPONSE_TIMEOUT);
        assert_eq!(of(400, Cause::ClientAbort), RetryOn::NONE);
        assert_eq!(of(408, Cause::ClientTimeout), RetryOn::NONE);
    }
}
