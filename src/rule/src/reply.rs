//! Answers that the proxy gives by itself.

use http::{Bytes, ResponseHead, Status};

/// A response with its whole body.
#[derive(Debug, Default)]
pub struct Reply {
    /// Status and headers; length and type of the body are added when it is sent.
    pub head: ResponseHead,
    /// The type of the body.
    pub content_type: Option<Box<[u8]>>,
    /// The body.
    pub body: Bytes,
    /// Whether the connection stays open behind it.
    pub closing: Closing,
}

/// Whether a connection goes on after an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Closing {
    /// As the request would have it.
    #[default]
    KeepAlive,
    /// It is closed.
    Close,
}

impl Reply {
    /// An answer with a status and no body.
    pub fn new(status: u16) -> Self {
        let mut head = ResponseHead::default();
        head.set_status(Status(status));
        Self { head, ..Self::default() }
    }

    /// The same with a body and its type.
    #[must_use]
    pub fn with_body(mut self, content_type: &[u8], body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.content_type = Some(content_type.into());
        self
    }
}
