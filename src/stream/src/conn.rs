//! One side of a stream: its socket and the bytes that wait on either side of it.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use backend::dial::PortLease;
use base::addr::Addr;
use base::buffer::Buffer;
use base::ration::{self, Claim};
use http::Headers;
use net::{More, Socket, Switch};

use crate::carrier::{Carrier, SharedTrunk, lock};
use crate::dial::Traits;
use crate::meter::Meter;
use crate::reserve::Watch;

/// A connection with its buffers. Buffers take memory only while they hold something.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) line: Line,
    /// Received and not yet consumed.
    pub(crate) input: Buffer,
    /// To be sent.
    pub(crate) output: Buffer,
    /// Whether the peer may still send.
    pub(crate) receiving: Receiving,
    /// How it is closed.
    pub(crate) closing: Closing,
    /// Counts what goes over it, where that is counted.
    pub(crate) meter: Option<Meter>,
    /// What its buffers are for, when there are too few.
    pub(crate) claim: Claim,
    /// How fast bytes come that are passed on.
    pace: Pace,
    /// What sets a server's connection apart from others to the same server.
    pub(crate) traits: Option<Box<Traits>>,
    /// The local port, when it is taken from a range.
    pub(crate) port: Option<PortLease>,
    /// How often a server's connection has been used again.
    pub(crate) reuses: u32,
    /// How often the server had got another address when it was made.
    pub(crate) moves: u32,
    /// What was told last when something happened while it waited.
    pub(crate) watch: Option<Arc<Watch>>,
}

/// What the bytes of a connection go over.
#[derive(Debug)]
pub(crate) enum Line {
    /// A socket of its own, and the session that encrypts what goes over it.
    Socket(Socket, Option<tls::Session>),
    /// One stream of a connection that has many.
    Stream(Carrier),
    /// A whole connection for many streams, of which none has been opened yet.
    Trunk(SharedTrunk),
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Closing {
    /// In order.
    #[default]
    Ordered,
    /// Reset, unless the peer has closed already, behind the end of TLS: it was opened by ourselves, and its port is
    /// free at once. One that ends in order is kept for a minute by the system, and there are not that many.
    Freed,
    /// Reset, unless the peer has closed already (`option nolinger`).
    Reset,
}

impl Drop for Conn {
    fn drop(&mut self) {
        let Line::Socket(socket, tls) = &mut self.line else { return };
        let open = self.receiving == Receiving::Open;
        if let Some(tls) = tls
            && !(open && self.closing == Closing::Reset)
        {
            tls.close(socket);
        }
        if open && self.closing != Closing::Ordered {
            let _ = socket.reset_on_close(Switch::On);
        }
    }
}

/// Whether a peer may still send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    Open,
    /// It said that nothing more comes.
    Ended,
}

/// How fast bytes come that are passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pace {
    /// They fit into an ordinary buffer.
    #[default]
    Slow,
    /// They filled one: larger ones save system calls.
    Fast,
}

/// So many times an ordinary buffer takes what comes fast.
const FAST_FACTOR: usize = 4;

/// What a reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Bytes(usize),
    End,
}

impl Conn {
    pub(crate) fn new(socket: Socket) -> Self {
        Self::over(Line::Socket(socket, None))
    }

    pub(crate) fn over(line: Line) -> Self {
        Self {
            line,
            input: Buffer::new(),
            output: Buffer::new(),
            receiving: Receiving::Open,
            closing: Closing::default(),
            claim: Claim::default(),
            pace: Pace::default(),
            meter: None,
            traits: None,
            port: None,
            reuses: 0,
            moves: 0,
            watch: None,
        }
    }

    /// The socket, if it is its own.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match &self.line {
            Line::Socket(socket, _) => Some(socket),
            Line::Stream(_) | Line::Trunk(_) => None,
        }
    }

    /// The number of the socket that it goes over.
    pub(crate) fn number(&self) -> i32 {
        match &self.line {
            Line::Socket(socket, _) => socket.number(),
            Line::Stream(carrier) => carrier.number(),
            Line::Trunk(trunk) => lock(trunk).conn.number(),
        }
    }

    /// The session that its socket's bytes are encrypted by.
    pub(crate) fn tls(&self) -> Option<&tls::Session> {
        match &self.line {
            Line::Socket(_, tls) => tls.as_ref(),
            Line::Stream(_) | Line::Trunk(_) => None,
        }
    }

    /// The same with its socket, to work on.
    pub(crate) fn tls_mut(&mut self) -> Option<(&mut tls::Session, &Socket)> {
        match &mut self.line {
            Line::Socket(socket, tls) => Some((tls.as_mut()?, socket)),
            Line::Stream(_) | Line::Trunk(_) => None,
        }
    }

    /// It is encrypted from here on.
    pub(crate) fn encrypt(&mut self, session: tls::Session) {
        if let Line::Socket(_, tls) = &mut self.line {
            *tls = Some(session);
        }
    }

    /// The stream of a connection with many that it is.
    pub(crate) fn carrier(&mut self) -> Option<&mut Carrier> {
        match &mut self.line {
            Line::Socket(..) | Line::Trunk(_) => None,
            Line::Stream(carrier) => Some(carrier),
        }
    }

    /// Another thread polls it from here on.
    pub(crate) fn move_here(&mut self) {
        match &mut self.line {
            Line::Socket(socket, _) => socket.move_here(),
            Line::Trunk(trunk) => lock(trunk).conn.move_here(),
            Line::Stream(_) => {}
        }
    }

    /// Waits for the socket to have something.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.line {
            Line::Socket(socket, _) => socket.poll_readable(cx),
            Line::Stream(carrier) => carrier.poll_news(cx).map(Ok),
            Line::Trunk(trunk) => lock(trunk).conn.poll_readable(cx),
        }
    }

    /// The addresses of both ends: the peer's, and its own.
    pub(crate) fn ends(&self) -> (Option<Addr>, Option<Addr>) {
        match &self.line {
            Line::Socket(socket, _) => (socket.peer_addr().ok(), socket.local_addr().ok()),
            Line::Stream(carrier) => carrier.ends(),
            Line::Trunk(trunk) => lock(trunk).conn.ends(),
        }
    }

    /// Receives until the input holds `limit` bytes at most. The buffer is given back when nothing came.
    #[inline]
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, limit: usize) -> Poll<io::Result<Filled>> {
        if self.receiving == Receiving::Ended {
            return Poll::Ready(Ok(Filled::End));
        }
        if self.input.capacity() == 0 {
            ready!(ration::poll_room(cx, self.claim));
        }
        let received = match &mut self.line {
            Line::Socket(socket, None) => socket.poll_recv_up_to(cx, &mut self.input, limit),
            line => line.poll_recv_up_to(cx, &mut self.input, limit),
        };
        match received {
            Poll::Pending => {
                self.input.release_if_empty();
                Poll::Pending
            }
            Poll::Ready(Ok(0)) => {
                self.receiving = Receiving::Ended;
                Poll::Ready(Ok(Filled::End))
            }
            Poll::Ready(Ok(n)) => {
                if let Some(meter) = &self.meter {
                    meter.received(n);
                }
                Poll::Ready(Ok(Filled::Bytes(n)))
            }
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
        }
    }

    /// Counts bytes that were sent.
    pub(crate) fn note_sent(&self, bytes: usize) {
        if let Some(meter) = &self.meter {
            meter.sent(bytes);
        }
    }

    /// Receives what is passed on as it comes: into an ordinary buffer of this size, or a larger one as long as it is
    /// filled.
    pub(crate) fn poll_fill_on(&mut self, cx: &mut Context<'_>, limit: usize) -> Poll<io::Result<Filled>> {
        let room = match self.pace {
            Pace::Slow => limit,
            Pace::Fast => limit.saturating_mul(FAST_FACTOR),
        };
        let filled = ready!(self.poll_fill(cx, room));
        if let Ok(Filled::Bytes(n)) = filled {
            match self.pace {
                Pace::Slow if self.input.len() >= limit => self.pace = Pace::Fast,
                Pace::Fast if n < limit => self.pace = Pace::Slow,
                Pace::Slow | Pace::Fast => {}
            }
        }
        Poll::Ready(filled)
    }

    /// Sends bytes that are not in the output, which must be empty; tells how many were taken.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
        more: More,
    ) -> Poll<io::Result<usize>> {
        let n = ready!(self.line.poll_send(cx, data, more))?;
        self.note_sent(n);
        Poll::Ready(Ok(n))
    }

    /// Sends all of the output.
    #[inline]
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>, more: More) -> Poll<io::Result<()>> {
        if self.output.is_empty() && !matches!(self.line, Line::Socket(_, Some(_))) {
            self.output.release_if_empty();
            return Poll::Ready(Ok(()));
        }
        self.poll_send_output(cx, more)
    }

    fn poll_send_output(&mut self, cx: &mut Context<'_>, more: More) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let n = ready!(self.line.poll_send(cx, self.output.data(), more))?;
            self.note_sent(n);
            self.output.consume(n);
        }
        self.output.release_if_empty();
        match self.tls_mut() {
            None => Poll::Ready(Ok(())),
            Some((tls, socket)) => tls.poll_flush(cx, socket, more),
        }
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn shutdown_write(&mut self) -> io::Result<()> {
        match &mut self.line {
            Line::Socket(socket, tls) => {
                if let Some(tls) = tls {
                    tls.close(socket);
                }
                socket.shutdown_write()
            }
            Line::Stream(carrier) => {
                carrier.finish(&Headers::new());
                Ok(())
            }
            Line::Trunk(_) => Ok(()),
        }
    }

    /// Waits until there is something to read, or the end.
    pub(crate) fn poll_news(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.line {
            Line::Socket(_, Some(tls)) if tls.holds_input() => Poll::Ready(()),
            Line::Socket(socket, _) => socket.poll_readable(cx).map(drop),
            Line::Stream(carrier) => carrier.poll_news(cx),
            Line::Trunk(_) => Poll::Ready(()),
        }
    }

    /// The socket, where bytes may go through it as they are.
    pub(crate) fn plain(&self) -> Option<&Socket> {
        match &self.line {
            Line::Socket(socket, None) => Some(socket),
            Line::Socket(_, Some(_)) | Line::Stream(_) | Line::Trunk(_) => None,
        }
    }

    /// Whether a connection that waits for its next use is still there: nothing came, nobody closed.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.input.is_empty()
            && self.receiving == Receiving::Open
            && match &mut self.line {
                Line::Socket(socket, None) => {
                    let quiet = socket.is_quiet();
                    if !quiet && socket.peek(&mut [0]).is_ok_and(|n| n == 0) {
                        self.receiving = Receiving::Ended;
                    }
                    quiet
                }
                Line::Socket(socket, Some(tls)) => tls.is_quiet(socket),
                Line::Stream(_) => false,
                Line::Trunk(trunk) => lock(trunk).is_quiet(),
            }
    }
}

impl Line {
    /// What is not a plain socket takes longer ways.
    #[cold]
    #[inline(never)]
    fn poll_recv_up_to(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Buffer,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Socket(socket, None) => socket.poll_recv_up_to(cx, into, limit),
            Self::Socket(socket, Some(tls)) => tls.poll_recv_up_to(cx, socket, into, limit),
            Self::Stream(carrier) => carrier.poll_read(cx, into, limit),
            Self::Trunk(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    #[inline]
    fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8], more: More) -> Poll<io::Result<usize>> {
        if let Self::Socket(socket, None) = self {
            return socket.poll_send(cx, data, more);
        }
        self.poll_send_over(cx, data, more)
    }

    #[inline(never)]
    fn poll_send_over(&mut self, cx: &mut Context<'_>, data: &[u8], more: More) -> Poll<io::Result<usize>> {
        match self {
            Self::Socket(socket, None) => socket.poll_send(cx, data, more),
            Self::Socket(socket, Some(tls)) => tls.poll_send(cx, socket, data, more),
            Self::Stream(carrier) => carrier.poll_write(cx, data),
            Self::Trunk(_) => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}
