//! Why a message is refused.

use std::fmt;

use http::Status;

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A client's request.
    Request,
    /// A server's response.
    Response,
}

/// A message that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Whose message it is.
    pub side: Side,
    /// What is wrong.
    pub kind: ErrorKind,
    /// The byte where it was found, counted from the start of what was given to the parser.
    pub position: usize,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The method is missing, is not a token, or is the one HTTP/2 reserves.
    Method,
    /// The request target has a forbidden byte or none of the four forms.
    Target,
    /// The version is malformed or not HTTP.
    Version,
    /// The status code is not three digits.
    Status,
    /// A carriage return stands alone.
    LineEnd,
    /// A header name is empty or has a forbidden byte.
    FieldName,
    /// A header name is longer than 255 bytes.
    FieldNameTooLong,
    /// A header value has a forbidden byte.
    FieldValue,
    /// There are more header fields than `tune.http.maxhdr` allows.
    TooManyFields,
    /// `Content-Length` is no number, or there are several that differ.
    ContentLength,
    /// `Transfer-Encoding` is malformed, or `chunked` is not its last word.
    TransferEncoding,
    /// A transfer coding besides `chunked`.
    TransferCoding,
    /// `Host` has a forbidden byte, or there are several that differ.
    Host,
    /// The authority of the target is malformed or differs from `Host`.
    Authority,
    /// An HTTP/1.0 request has a body where old servers expect none.
    Payload,
    /// The buffer was full before the request target ended.
    TargetTooLong,
    /// The head does not fit the buffer.
    HeadTooLarge,
    /// A WebSocket handshake has no valid key.
    WebSocketKey,
    /// A WebSocket handshake is accepted without proof.
    WebSocketAccept,
    /// The server switches to a protocol that nobody asked for.
    UnaskedUpgrade,
    /// The size of a chunk is malformed or too large.
    ChunkSize,
    /// The end of a chunk is not where its size says.
    ChunkEnd,
}

impl ErrorKind {
    fn describe(self) -> &'static str {
        match self {
            Self::Method => "invalid method",
            Self::Target => "invalid request target",
            Self::Version => "invalid protocol version",
            Self::Status => "invalid status code",
            Self::LineEnd => "carriage return without line feed",
            Self::FieldName => "invalid header name",
            Self::FieldNameTooLong => "header name longer than 255 bytes",
            Self::FieldValue => "invalid byte in a header value",
            Self::TooManyFields => "too many header fields",
            Self::ContentLength => "invalid or contradicting content-length",
            Self::TransferEncoding => "invalid transfer-encoding",
            Self::TransferCoding => "unsupported transfer coding",
            Self::Host => "invalid or contradicting host header",
            Self::Authority => "authority invalid or different from the host header",
            Self::Payload => "body in an HTTP/1.0 request of this method",
            Self::TargetTooLong => "request target does not fit the buffer",
            Self::HeadTooLarge => "head does not fit the buffer",
            Self::WebSocketKey => "WebSocket handshake without a valid key",
            Self::WebSocketAccept => "WebSocket handshake accepted without proof",
            Self::UnaskedUpgrade => "switch to a protocol that was not asked for",
            Self::ChunkSize => "invalid chunk size",
            Self::ChunkEnd => "chunk does not end where its size says",
        }
    }
}

impl ParseError {
    /// The status to answer the client with.
    pub fn status(&self) -> Status {
        match (self.side, self.kind) {
            (Side::Response, _) => Status(502),
            (Side::Request, ErrorKind::Payload) => Status(413),
            (Side::Request, ErrorKind::TargetTooLong) => Status(414),
            (Side::Request, ErrorKind::TransferCoding) => Status(422),
            (Side::Request, ErrorKind::HeadTooLarge) => Status(431),
            (Side::Request, _) => Status(400),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Request => "request",
            Side::Response => "response",
        };
        write!(f, "{side}: {} at byte {}", self.kind.describe(), self.position)
    }
}

impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let status = |side, kind| ParseError { side, kind, position: 0 }.status().0;
        assert_eq!(status(Side::Request, ErrorKind::Method), 400);
        assert_eq!(status(Side::Request, ErrorKind::Payload), 413);
        assert_eq!(status(Side::Request, ErrorKind::TargetTooLong), 414);
        assert_eq!(status(Side::Request, ErrorKind::TransferCoding), 422);
        assert_eq!(status(Side::Request, ErrorKind::HeadTooLarge), 431);
        assert_eq!(status(Side::Response, ErrorKind::HeadTooLarge), 502);
    }

    #[test]
    fn the_text_names_side_and_place() {
        let error = ParseError { side: Side::Response, kind: ErrorKind::Status, position: 9 };
        assert_eq!(error.to_string(), "response: invalid status code at byte 9");
    }
}
