//! The exchange of bodies, whatever protocol either side speaks: pieces from a source to a sink.

use std::task::{Context, Poll};

use http::Headers;
use net::More;

/// One step of a body, borrowed from the side that it comes from.
#[derive(Debug)]
pub(crate) enum Piece<'p> {
    /// Some bytes; say with `consume` how many were taken.
    Data(&'p [u8], More),
    /// The body is complete; these fields follow it.
    End(&'p Headers),
}

/// Why a body ends before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceError {
    /// The connection broke or ended early.
    Aborted,
    /// The bytes are not what the protocol allows.
    Malformed,
}

/// The sink's connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SinkError;

/// Where a body comes from.
pub(crate) trait Source {
    /// The next piece.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece<'_>, SourceError>>;
    /// So many bytes of the last piece were taken.
    fn consume(&mut self, n: usize);
}

/// Where a body goes to.
pub(crate) trait Sink {
    /// Takes some bytes of a body; tells how many.
    fn poll_data(&mut self, cx: &mut Context<'_>, data: &[u8], more: More) -> Poll<Result<usize, SinkError>>;
    /// Ends the body, with the fields that follow it. Nothing more is given to it afterwards.
    fn end(&mut self, trailers: &Headers);
    /// Sends what was taken and is still here.
    fn poll_flush(&mut self, cx: &mut Context<'_>, more: More) -> Poll<Result<(), SinkError>>;
}

/// A body on its way.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    /// Bytes of it that were passed on.
    pub(crate) bytes: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Flowing,
    /// The sink has it all and still sends.
    Flushing,
    Done,
}

/// What a pump waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    ForSource,
    ForSink,
}

/// Why a pump stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PumpError {
    Source(SourceError),
    Sink,
}

/// How far a pump came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pumped {
    Done,
    Waiting(Waiting),
}

impl Pump {
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Passes on what can be passed on now.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Source,
        to: &mut impl Sink,
    ) -> Result<Pumped, PumpError> {
        loop {
            match self.state {
                State::Done => return Ok(Pumped::Done),
                State::Flushing => {
                    return match to.poll_flush(cx, More::No) {
                        Poll::Pending => Ok(Pumped::Waiting(Waiting::ForSink)),
                        Poll::Ready(Err(SinkError)) => Err(PumpError::Sink),
                        Poll::Ready(Ok(())) => {
                            self.state = State::Done;
                            Ok(Pumped::Done)
                        }
                    };
                }
                State::Flowing => {
                    if let Some(waiting) = self.step(cx, from, to)? {
                        return Ok(Pumped::Waiting(waiting));
                    }
                }
            }
        }
    }

    /// Moves one piece; tells what has to be waited for.
    fn step(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Source,
        to: &mut impl Sink,
    ) -> Result<Option<Waiting>, PumpError> {
        let taken = match from.poll_piece(cx) {
            Poll::Pending => {
                // While nothing comes, what the sink holds back must not wait for it.
                return match to.poll_flush(cx, More::No) {
                    Poll::Ready(Err(SinkError)) => Err(PumpError::Sink),
                    Poll::Ready(Ok(())) => Ok(Some(Waiting::ForSource)),
                    Poll::Pending => Ok(Some(Waiting::ForSink)),
                };
            }
            Poll::Ready(Err(e)) => return Err(PumpError::Source(e)),
            Poll::Ready(Ok(Piece::End(trailers))) => {
                to.end(trailers);
                self.state = State::Flushing;
                return Ok(None);
            }
            Poll::Ready(Ok(Piece::Data(data, more))) => match to.poll_data(cx, data, more) {
                Poll::Pending => return Ok(Some(Waiting::ForSink)),
                Poll::Ready(Err(SinkError)) => return Err(PumpError::Sink),
                Poll::Ready(Ok(n)) => n,
            },
        };
        from.consume(taken);
        self.bytes += taken as u64;
        Ok(None)
    }
}
