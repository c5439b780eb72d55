//! A connection as the HTTP library wants it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base::buffer::Buffer;
use hyper::rt::{Read, ReadBufCursor, Write};
use net::{More, Socket};
use tls::{Connector, Session};

/// A connection to a server, perhaps encrypted.
pub(crate) struct Line {
    socket: Socket,
    tls: Option<Encrypted>,
}

struct Encrypted {
    session: Session,
    /// Content that was read while there was too little room for it.
    read: Buffer,
}

/// What is read at once.
const READ: usize = 16 * 1024;

impl Line {
    pub(crate) fn clear(socket: Socket) -> Self {
        Self { socket, tls: None }
    }

    /// Agrees on encryption with a server of this name.
    pub(crate) async fn encrypted(socket: Socket, by: &Connector, name: &str) -> io::Result<Self> {
        let session = by.connect(Some(name.as_bytes()))?;
        let mut line = Self { socket, tls: Some(Encrypted { session, read: Buffer::new() }) };
        poll_fn(|cx| line.poll_handshake(cx)).await?;
        Ok(line)
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.tls {
            Some(tls) => tls.session.poll_handshake(cx, &self.socket).map_err(io::Error::from),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, tls } = &mut *self;
        if let Some(Encrypted { session, read }) = tls {
            if read.is_empty() {
                read.ensure_capacity(READ);
                ready!(session.poll_recv_up_to(cx, socket, read, READ))?;
            }
            let count = read.len().min(into.remaining());
            into.put_slice(&read.data()[..count]);
            read.consume(count);
        } else {
            let mut space = [0; READ];
            let room = into.remaining().min(READ);
            let count = ready!(socket.poll_recv_slice(cx, &mut space[..room]))?;
            into.put_slice(&space[..count]);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { socket, tls } = &mut *self;
        match tls {
            Some(tls) => tls.session.poll_send(cx, socket, bytes, More::No),
            None => socket.poll_send(cx, bytes, More::No),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, tls } = &mut *self;
        match tls {
            Some(tls) => tls.session.poll_flush(cx, socket, More::No),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { socket, tls } = &mut *self;
        if let Some(tls) = tls {
            tls.session.close(socket);
        }
        Poll::Ready(socket.shutdown_write())
    }
}
