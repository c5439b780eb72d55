//! One stream of an HTTP/2 connection, as what the bytes of a body go over.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use base::addr::Addr;
use base::buffer::Buffer;
use h2::{Code, End, Gone, Key, Protocol, Reading, RequestInfo};
use http::{BodyLength, Headers, RequestHead, ResponseHead};
use lang::facts::Encryption;

use crate::secure;
use crate::trunk::Trunk;

/// A connection with many streams, shared by those who serve them.
///
/// One thread at a time has it with all its streams: nobody ever waits for the lock.
pub(crate) type SharedTrunk = Arc<Mutex<Trunk>>;

/// A stream. It is given up when it is dropped before its end.
#[derive(Debug)]
pub(crate) struct Carrier {
    trunk: SharedTrunk,
    key: Key,
    /// The number of the connection's socket.
    number: i32,
    /// Why it is given up, if it is.
    farewell: Code,
}

impl Carrier {
    pub(crate) fn new(trunk: SharedTrunk, key: Key) -> Self {
        let number = lock(&trunk).conn.number();
        Self { trunk, key, number, farewell: Code::CANCEL }
    }

    /// The number of the connection's socket.
    pub(crate) fn number(&self) -> i32 {
        self.number
    }

    /// The addresses of both ends of the connection.
    pub(crate) fn ends(&self) -> (Option<Addr>, Option<Addr>) {
        self.lock().conn.ends()
    }

    /// How the connection is encrypted.
    pub(crate) fn encryption(&self) -> Encryption {
        secure::facts(&self.lock().conn)
    }

    fn lock(&self) -> MutexGuard<'_, Trunk> {
        lock(&self.trunk)
    }

    /// Moves the stream's request into `head`.
    pub(crate) fn take_request(&mut self, head: &mut RequestHead) -> Option<RequestInfo> {
        self.lock().h2.take_request(self.key, head)
    }

    /// Waits for the head of a response.
    pub(crate) fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), Reading>> {
        self.lock().h2.poll_response(self.key, cx, head)
    }

    /// Sends the head of a response.
    pub(crate) fn respond(&mut self, head: &ResponseHead, body: BodyLength, end: End) -> Result<(), Gone> {
        self.lock().h2.respond(self.key, head, body, end)
    }

    /// Moves bytes of the body that have come; none, when it has ended.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Buffer,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let mut trunk = lock(&self.trunk);
        let data = trunk.h2.body(self.key);
        let n = data.len().min(limit.saturating_sub(into.len()));
        if n > 0 {
            into.ensure_capacity(limit);
            into.extend(&data[..n]);
            trunk.h2.consume(self.key, n);
            return Poll::Ready(Ok(n));
        }
        if !data.is_empty() {
            return Poll::Pending;
        }
        match trunk.h2.reading(self.key) {
            Reading::Open => {
                trunk.h2.poll_more(self.key, cx);
                Poll::Pending
            }
            Reading::Ended => Poll::Ready(Ok(0)),
            Reading::Aborted => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Reading::Malformed => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Whether the stream has been given up.
    pub(crate) fn is_gone(&self) -> bool {
        self.lock().h2.is_gone(self.key)
    }

    /// Waits until the stream is given up, which its end is not.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        self.lock().h2.poll_gone(self.key, cx)
    }

    /// Waits until something has come, or nothing more will.
    pub(crate) fn poll_news(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut trunk = self.lock();
        if !trunk.h2.body(self.key).is_empty() || trunk.h2.reading(self.key) != Reading::Open {
            return Poll::Ready(());
        }
        trunk.h2.poll_more(self.key, cx);
        Poll::Pending
    }

    /// The fields behind the body that came.
    pub(crate) fn trailers(&self, into: &mut Headers) {
        let trunk = self.lock();
        if let Some(trailers) = trunk.h2.trailers(self.key) {
            into.clone_from(trailers);
        }
    }

    /// Whether all of the body has come, and was read.
    pub(crate) fn has_ended(&self) -> bool {
        let trunk = self.lock();
        trunk.h2.body(self.key).is_empty() && trunk.h2.reading(self.key) == Reading::Ended
    }

    /// Takes bytes of the body that is sent.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let sent = self.lock().h2.poll_send(self.key, cx, data);
        sent.map_err(|Gone| io::ErrorKind::BrokenPipe.into())
    }

    /// Ends what is sent.
    pub(crate) fn finish(&mut self, trailers: &Headers) {
        self.lock().h2.finish(self.key, trailers);
    }

    /// Says why the stream is given up, if it is.
    pub(crate) fn part_with(&mut self, code: Code) {
        self.farewell = code;
    }

    /// Waits until a handshake is over in which something came early.
    pub(crate) fn poll_confirm(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut trunk = self.lock();
        let confirmed = match trunk.conn.tls_mut() {
            None => Poll::Ready(Ok(())),
            Some((session, socket)) => session.poll_confirm(cx, socket),
        };
        if confirmed.is_ready() {
            trunk.h2.stir();
        }
        confirmed
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let (key, farewell) = (self.key, self.farewell);
        self.lock().h2.release(key, farewell);
    }
}

/// Locks a trunk, whatever happened to whoever had it before.
pub(crate) fn lock(trunk: &SharedTrunk) -> MutexGuard<'_, Trunk> {
    trunk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a stream with a request; none, when the connection takes no more.
pub(crate) fn open(
    trunk: &SharedTrunk,
    head: &RequestHead,
    about: (&[u8], BodyLength, Protocol),
) -> Option<Carrier> {
    let key = lock(trunk).h2.open(head, about).ok()?;
    Some(Carrier::new(trunk.clone(), key))
}
