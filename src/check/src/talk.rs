//! A check's conversation in HTTP/2.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker};

use base::buffer::Buffer;
use h2::{Appetite, Code, Connection, Key, Protocol, Reading, Role, Settings};
use http::{Headers, ResponseHead};

use crate::http::Prepared;
use crate::line::Line;
use crate::ready::More;
use crate::reply::{Reply, Stopped};

/// How much is read at a time.
const PIECE: usize = 16384;

/// A connection that speaks HTTP/2; its requests follow each other, each on a stream of its own.
pub(crate) struct Talk {
    connection: Connection,
    input: Buffer,
    stream: Option<Key>,
}

impl Talk {
    /// Begins one: what is said first goes out with the first request.
    pub(crate) fn new() -> Self {
        Self {
            connection: Connection::new(Role::Client, Settings::default()),
            input: Buffer::new(),
            stream: None,
        }
    }

    /// Sends a request.
    pub(crate) async fn ask(&mut self, line: &mut Line, request: &Prepared<'_>) -> io::Result<()> {
        if let Some(before) = self.stream.take() {
            self.connection.release(before, Code::CANCEL);
        }
        let scheme: &[u8] = if line.tls.is_some() { b"https" } else { b"http" };
        let opened = self.connection.open(&request.head(), (scheme, request.length(), Protocol::None));
        let key = opened.map_err(|h2::Refused| io::Error::other("the connection takes no more requests"))?;
        self.stream = Some(key);
        self.send_body(line, key, &request.body).await?;
        self.flush(line).await
    }

    async fn send_body(&mut self, line: &mut Line, key: Key, mut body: &[u8]) -> io::Result<()> {
        if body.is_empty() {
            return Ok(());
        }
        while !body.is_empty() {
            match self.connection.poll_send(key, &mut idle(), body) {
                Poll::Ready(Ok(n)) => body = &body[n..],
                // Whoever has heard enough may answer nevertheless.
                Poll::Ready(Err(h2::Gone)) => return Ok(()),
                Poll::Pending if self.connection.output().is_empty() => {
                    if self.read(line).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Poll::Pending => self.flush(line).await?,
            }
        }
        self.connection.finish(key, &Headers::default());
        Ok(())
    }

    /// Receives more of the answer, at most so much of its body; 0 is the end of the connection.
    pub(crate) async fn receive(
        &mut self,
        line: &mut Line,
        reply: &mut Reply,
        most: usize,
    ) -> io::Result<usize> {
        let got = self.read(line).await?;
        self.note(reply, most);
        Ok(got)
    }

    /// Passes on what has come of the answer.
    fn note(&mut self, reply: &mut Reply, most: usize) {
        let Some(key) = self.stream else { return };
        while reply.head().is_none() {
            let mut head = ResponseHead::default();
            match self.connection.poll_response(key, &mut idle(), &mut head) {
                Poll::Ready(Ok(())) if head.status.is_interim() => {}
                Poll::Ready(Ok(())) => {
                    // Statuses have no phrase here.
                    head.reason.clear();
                    reply.begin(head);
                }
                Poll::Ready(Err(Reading::Aborted)) if !self.connection.is_failed() => {
                    reply.more = More::No;
                    return;
                }
                Poll::Ready(Err(_)) => return reply.break_off(Stopped::InHead),
                Poll::Pending => return,
            }
        }
        let data = self.connection.body(key);
        let n = data.len().min(most);
        reply.add(&data[..n]);
        self.connection.consume(key, n);
        match self.connection.reading(key) {
            Reading::Ended if self.connection.body(key).is_empty() => reply.complete(),
            Reading::Malformed => reply.break_off(Stopped::InBody),
            Reading::Ended | Reading::Open | Reading::Aborted => {}
        }
    }

    /// Reads once, and answers what is to be answered.
    async fn read(&mut self, line: &mut Line) -> io::Result<usize> {
        let got = line.receive(&mut self.input, PIECE).await?;
        if got == 0 {
            self.connection.lose();
            return Ok(0);
        }
        loop {
            let intake = self.connection.receive(self.input.data());
            self.input.consume(intake.consumed);
            let goes_on = matches!(intake.appetite, Appetite::Hungry | Appetite::Rest);
            if intake.consumed == 0 || !goes_on || self.input.is_empty() {
                break;
            }
        }
        if self.connection.is_failed() {
            // It is told why, if it listens.
            let _ = self.flush(line).await;
            return Ok(got);
        }
        self.flush(line).await?;
        Ok(got)
    }

    async fn flush(&mut self, line: &mut Line) -> io::Result<()> {
        while !self.connection.output().is_empty() {
            let n = poll_fn(|cx| line.poll_send(cx, self.connection.output().data())).await?;
            self.connection.output().consume(n);
            self.connection.sent();
        }
        line.flush().await
    }
}

/// Nobody waits within the connection: the check reads and writes itself.
fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
