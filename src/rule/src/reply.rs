//! Answers that the proxy gives by itself.

use std::sync::Arc;

use http::{Bytes, ResponseHead, Status};

use crate::pages::Page;

/// What is sent when a rule ends a story.
#[derive(Debug)]
pub enum Message {
    /// The proxy's page for this status.
    Page(u16),
    /// The proxy's page for this status, with a challenge to prove who one is: a header and its value.
    Challenge(u16, &'static [u8], Box<[u8]>),
    /// This page, which was chosen for this status.
    Chosen(u16, Arc<Page>),
    /// A response of the rule's own.
    Own(Box<Reply>),
}

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
