//! What a connection keeps of each stream.

use std::collections::VecDeque;
use std::task::Waker;

use base::buffer::Buffer;
use http::{Headers, RequestHead, ResponseHead};

use crate::message::RequestInfo;
use crate::state::State;

/// Names a stream of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub(crate) slot: u32,
    pub(crate) id: u32,
}

impl Key {
    /// The number of the stream on the wire.
    pub fn id(self) -> u32 {
        self.id
    }
}

/// Whether something is the last of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Something follows.
    No,
    /// It is.
    Yes,
}

/// The stream, or its connection, has been given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// How much of a message's body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// More may come.
    Open,
    /// All of it, and its trailers.
    Ended,
    /// It breaks off here: the peer has gone.
    Aborted,
    /// It breaks off here: what came was wrong.
    Malformed,
}

/// Whether what came was as it has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Soundness {
    #[default]
    Sound,
    Malformed,
}

/// A stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) state: State,
    pub(crate) soundness: Soundness,
    /// The request, until it is taken.
    pub(crate) request: Option<Box<(RequestHead, RequestInfo)>>,
    /// Responses that have not been taken: interim ones, and the final one.
    pub(crate) responses: VecDeque<ResponseHead>,
    /// What has come of the head.
    pub(crate) head: HeadState,
    /// What has come of the body and has not been read.
    pub(crate) body: Buffer,
    pub(crate) trailers: Headers,
    /// What is still to come of the body.
    pub(crate) rest: Rest,
    /// Bytes that the peer may still send.
    pub(crate) receive_window: i64,
    /// Whether it was told that it may send more.
    pub(crate) credited: bool,
    /// Bytes that may still be sent.
    pub(crate) send_window: i64,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
    /// Whether it stands in the line of those who want to send.
    pub(crate) lined_up: LinedUp,
}

/// What has come of a message's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HeadState {
    #[default]
    Awaited,
    Complete,
}

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nobody said how much.
    #[default]
    Unknown,
    /// So many bytes.
    Bytes(u64),
    /// Its end has come.
    Nothing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinedUp {
    #[default]
    No,
    Yes,
}

impl Stream {
    /// How much of the body has come.
    pub(crate) fn reading(&self) -> Reading {
        if self.soundness == Soundness::Malformed {
            Reading::Malformed
        } else if self.state.receives() {
            Reading::Open
        } else if self.rest != Rest::Nothing {
            Reading::Aborted
        } else {
            Reading::Ended
        }
    }

    pub(crate) fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    pub(crate) fn wake_all(&mut self) {
        self.wake_reader();
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}
