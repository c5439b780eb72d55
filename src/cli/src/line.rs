//! Reading lines and payloads, writing answers.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use grammar::command::{Terminator, line_end};
use net::{More, Socket};

/// Both directions of a session.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) socket: Socket,
    input: Vec<u8>,
    max: usize,
}

/// Whether the other side said anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Yes,
    No,
}

/// Why a session ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The other side said all it had to say.
    Closed,
    /// It was silent for too long, or the connection broke.
    Broken,
    /// It sent a line that is too long.
    TooLong,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

impl Wire {
    pub(crate) fn new(socket: Socket, max: usize) -> Self {
        Self { socket, input: Vec::new(), max }
    }

    /// The next line, without its line feed.
    pub(crate) async fn line(&mut self, patience: Option<Duration>) -> Result<Vec<u8>, End> {
        loop {
            if let Some(end) = line_end(&self.input) {
                let line = self.input.drain(..=end).take(end).collect();
                return Ok(line);
            }
            self.fill(patience).await?;
        }
    }

    /// The payload that ends at `terminator`; `hint` is shown each time more of it is waited for.
    pub(crate) async fn payload(
        &mut self,
        terminator: &Terminator,
        hint: &[u8],
        patience: Option<Duration>,
    ) -> Result<Vec<u8>, End> {
        loop {
            if let Some(payload) = terminator.payload(&self.input) {
                let (text, consumed) = (payload.text.to_vec(), payload.consumed);
                self.input.drain(..consumed);
                return Ok(text);
            }
            self.write(hint, patience).await?;
            self.fill(patience).await?;
        }
    }

    /// Waits for that long for the other side to say anything, which is forgotten.
    pub(crate) async fn speaks_within(&mut self, delay: Duration) -> Result<Speaks, End> {
        if !self.input.is_empty() {
            self.input.clear();
            return Ok(Speaks::Yes);
        }
        let mut piece = [0; 4096];
        let read = poll_fn(|cx| self.socket.poll_recv_slice(cx, &mut piece));
        match tokio::time::timeout(delay, read).await {
            Err(_) => Ok(Speaks::No),
            Ok(Ok(0)) => Err(End::Closed),
            Ok(Ok(_)) => Ok(Speaks::Yes),
            Ok(Err(e)) => Err(e.into()),
        }
    }

    async fn fill(&mut self, patience: Option<Duration>) -> Result<(), End> {
        if self.input.len() >= self.max {
            return Err(End::TooLong);
        }
        let mut piece = [0; 4096];
        let room = piece.len().min(self.max - self.input.len());
        let read = poll_fn(|cx| self.socket.poll_recv_slice(cx, &mut piece[..room]));
        match within(patience, read).await? {
            0 => Err(End::Closed),
            n => {
                self.input.extend_from_slice(&piece[..n]);
                Ok(())
            }
        }
    }

    /// Sends all of it, at the pace of the other side.
    pub(crate) async fn write(&self, mut bytes: &[u8], patience: Option<Duration>) -> Result<(), End> {
        while !bytes.is_empty() {
            let sent = poll_fn(|cx| self.socket.poll_send(cx, bytes, More::No));
            let sent = within(patience, sent).await?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }
}

async fn within<T>(patience: Option<Duration>, work: impl Future<Output = io::Result<T>>) -> Result<T, End> {
    match patience {
        None => Ok(work.await?),
        Some(patience) => match tokio::time::timeout(patience, work).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(End::Broken),
        },
    }
}
