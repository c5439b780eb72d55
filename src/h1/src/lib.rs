//! The HTTP/1 codec, free of I/O.
//!
//! Bytes in, heads and body ranges out, and the way back; no sockets, no clock. [`parse_request`] and
//! [`parse_response`] take what has been received so far and a [`Cursor`] that remembers how far they came,
//! [`BodyDecoder`] finds the body in what follows, and [`write_request`], [`write_response`] and the functions of
//! [`chunk`] write messages.
//!
//! What a head says about the connection is settled while it is parsed: `keep-alive` and `close` leave the
//! `Connection` header and become a [`Persistence`], contradicting lengths are resolved or refused, and so
//! everything that looks at the headers later sees what will be forwarded.

mod body;
mod case;
pub mod chunk;
mod connection;
mod cursor;
mod encode;
mod error;
pub mod errors;
mod framing;
mod host;
mod options;
mod request;
mod response;
mod scan;
mod special;

#[cfg(test)]
mod tests;

pub use body::{BodyDecoder, BodyEvent, Decoded};
pub use case::{CaseMap, NameCase};
pub use connection::{ConnectionLine, Persistence, Upgrade};
pub use cursor::Cursor;
pub use encode::{CONTINUE, write_request, write_response};
pub use error::{ErrorKind, ParseError, Side};
pub use options::{InsecureFraming, Limits, OldPayload, Options, Strictness};
pub use request::{Expectation, RequestInfo, parse_request};
pub use response::{Asked, ResponseInfo, parse_response};

/// How far a head has been parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// The end of the head has not been received yet.
    Partial,
    /// The head is complete.
    Complete(T),
}

/// The start of an HTTP/2 connection, as compared with what has been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preface {
    /// It is something else.
    No,
    /// It may become one.
    Partial,
    /// The whole preface is there.
    Complete,
}

/// The bytes every HTTP/2 client sends first (RFC 9113, 3.4).
pub const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether a client starts HTTP/2 on a connection where HTTP/1 was expected.
pub fn http2_preface(received: &[u8]) -> Preface {
    if received.starts_with(HTTP2_PREFACE) {
        Preface::Complete
    } else if HTTP2_PREFACE.starts_with(received) {
        Preface::Partial
    } else {
        Preface::No
    }
}
