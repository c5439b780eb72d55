//! Bytes that go from one socket to another through a pipe, without passing through this process.

use std::task::{Context, Poll};

use net::pipe::PipeLease;
use net::{More, Socket, Spliced};

/// When bytes are spliced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Splicing {
    /// Never: they are copied.
    #[default]
    Off,
    /// Once they come faster than they are copied (`option splice-auto`).
    Auto,
    /// Always (`option splice-request`, `splice-response`).
    On,
}

/// One direction's pipe.
#[derive(Debug, Default)]
pub(crate) struct Splice {
    mode: Splicing,
    pipe: Option<PipeLease>,
    /// Whether the last reading filled all the room that there was.
    streaming: bool,
}

/// Why bytes could not be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpliceFault {
    Source,
    Sink,
}

/// What was taken from the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Bytes(usize),
    End,
}

impl Splice {
    pub(crate) fn new(mode: Splicing) -> Self {
        Self { mode, pipe: None, streaming: false }
    }

    /// Notes how much a plain reading brought, and how much would have fitted.
    pub(crate) fn read(&mut self, bytes: usize, room: usize) {
        self.streaming = bytes >= room;
    }

    /// Bytes that are in the pipe.
    pub(crate) fn held(&self) -> usize {
        self.pipe.as_ref().map_or(0, |p| p.held())
    }

    /// Whether splicing is wanted now, and a pipe is there for it.
    pub(crate) fn is_ready(&mut self) -> bool {
        let wanted = match self.mode {
            Splicing::Off => false,
            Splicing::Auto => self.streaming,
            Splicing::On => true,
        };
        if wanted && self.pipe.is_none() {
            self.pipe = PipeLease::take();
            if self.pipe.is_none() {
                // Out of pipes: this direction copies from here on rather than ask each time.
                self.mode = Splicing::Off;
            }
        }
        wanted && self.pipe.is_some()
    }

    /// Takes at most `max` bytes from a socket into the pipe.
    pub(crate) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        from: &Socket,
        max: usize,
    ) -> Poll<Result<Taken, SpliceFault>> {
        let Some(pipe) = &mut self.pipe else { return Poll::Ready(Err(SpliceFault::Source)) };
        match from.poll_splice_in(cx, pipe, max) {
            Poll::Pending => {
                // An idle direction needs no pipe.
                self.pipe = None;
                Poll::Pending
            }
            Poll::Ready(Ok(Spliced::Moved(n))) => Poll::Ready(Ok(Taken::Bytes(n))),
            Poll::Ready(Ok(Spliced::PipeFull)) => Poll::Ready(Ok(Taken::Bytes(0))),
            Poll::Ready(Ok(Spliced::End)) => Poll::Ready(Ok(Taken::End)),
            Poll::Ready(Err(_)) => Poll::Ready(Err(SpliceFault::Source)),
        }
    }

    /// Empties the pipe into a socket.
    pub(crate) fn poll_give(
        &mut self,
        cx: &mut Context<'_>,
        to: &Socket,
        more: More,
    ) -> Poll<Result<(), SpliceFault>> {
        while self.held() > 0 {
            let Some(pipe) = &mut self.pipe else { break };
            match to.poll_splice_out(cx, pipe, more) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(SpliceFault::Sink)),
            }
        }
        Poll::Ready(Ok(()))
    }
}
