//! The exchange of bodies, whatever protocol either side speaks: pieces from a source to a sink.

use std::task::{Context, Poll};

use http::Headers;
use net::{More, Socket};

use crate::splice::{Splice, Splicing, Taken};

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
    /// The socket that the next bytes of the body come from, and how many of them without anything in between;
    /// none when they cannot go around this process.
    fn raw(&self) -> Option<(&Socket, u64)>;
    /// So many bytes were taken from the raw socket.
    fn skip(&mut self, n: u64);
}

/// Where a body goes to.
pub(crate) trait Sink {
    /// Takes some bytes of a body; tells how many.
    fn poll_data(&mut self, cx: &mut Context<'_>, data: &[u8], more: More) -> Poll<Result<usize, SinkError>>;
    /// Ends the body, with the fields that follow it. Nothing more is given to it afterwards.
    fn end(&mut self, trailers: &Headers);
    /// The socket that bytes of the body may be put into directly; none when they cannot.
    fn raw(&self) -> Option<&Socket>;
    /// So many bytes will be put into the raw socket once what is here has been sent.
    fn begin_raw(&mut self, n: usize);
    /// They have been.
    fn end_raw(&mut self);
    /// Sends what was taken and is still here.
    fn poll_flush(&mut self, cx: &mut Context<'_>, more: More) -> Poll<Result<(), SinkError>>;
}

/// A body on its way.
#[derive(Debug, Default)]
pub(crate) struct Pump {
    /// Bytes of it that were passed on.
    pub(crate) bytes: u64,
    state: State,
    splice: Splice,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Flowing,
    /// The sink has it all and still sends.
    Flushing,
    Done,
}

/// A piece of this size fills a buffer: the source sends faster than we read.
const STREAMING: usize = 8192;

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

/// Bodies whose next part is shorter than this are copied: a pipe costs more.
const WORTH_SPLICING: u64 = 4096;

impl Pump {
    /// A body that goes through a pipe when it may.
    pub(crate) fn spliced(mode: Splicing) -> Self {
        Self { splice: Splice::new(mode), ..Self::default() }
    }

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
        if let Some(step) = self.splice_step(cx, from, to) {
            return step;
        }
        let taken = match from.poll_piece(cx) {
            Poll::Pending => return idle(cx, to),
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
        self.splice.read(taken, STREAMING);
        self.bytes += taken as u64;
        Ok(None)
    }

    /// The same through a pipe; none when the next bytes have to be copied.
    fn splice_step(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut impl Source,
        to: &mut impl Sink,
    ) -> Option<Result<Option<Waiting>, PumpError>> {
        if self.splice.held() == 0 {
            let (socket, length) = from.raw().filter(|(_, n)| *n >= WORTH_SPLICING)?;
            if to.raw().is_none() || !self.splice.is_ready() {
                return None;
            }
            let max = usize::try_from(length).unwrap_or(usize::MAX).min(1 << 20);
            match self.splice.poll_take(cx, socket, max) {
                Poll::Pending => return Some(idle(cx, to)),
                Poll::Ready(Ok(Taken::Bytes(n))) => {
                    from.skip(n as u64);
                    to.begin_raw(n);
                }
                // How a body ends, well or not, is the copying path's to say.
                Poll::Ready(Ok(Taken::End)) => return None,
                Poll::Ready(Err(_)) => return Some(Err(PumpError::Source(SourceError::Aborted))),
            }
        }
        match to.poll_flush(cx, More::Yes) {
            Poll::Pending => return Some(Ok(Some(Waiting::ForSink))),
            Poll::Ready(Err(SinkError)) => return Some(Err(PumpError::Sink)),
            Poll::Ready(Ok(())) => {}
        }
        let before = self.splice.held();
        // A pipe's worth fills many segments: holding the last one back for more would gain nothing.
        let given = self.splice.poll_give(cx, to.raw()?, More::No);
        self.bytes += (before - self.splice.held()) as u64;
        Some(match given {
            Poll::Pending => Ok(Some(Waiting::ForSink)),
            Poll::Ready(Err(_)) => Err(PumpError::Sink),
            Poll::Ready(Ok(())) => {
                to.end_raw();
                Ok(None)
            }
        })
    }
}

/// While nothing comes, what the sink holds back must not wait for it.
fn idle(cx: &mut Context<'_>, to: &mut impl Sink) -> Result<Option<Waiting>, PumpError> {
    match to.poll_flush(cx, More::No) {
        Poll::Ready(Err(SinkError)) => Err(PumpError::Sink),
        Poll::Ready(Ok(())) => Ok(Some(Waiting::ForSource)),
        Poll::Pending => Ok(Some(Waiting::ForSink)),
    }
}
