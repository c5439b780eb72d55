//! The PROXY protocol, versions 1 and 2 (`accept-proxy`, `send-proxy`, `send-proxy-v2`).

mod tlv;
mod v1;
mod v2;

use std::fmt;

use base::addr::Addr;

use crate::Parsed;
pub use tlv::{SslField, SslTlv, TlvError, Tlvs, kind};
pub use v2::{EncodeError, MAX_TLV, Tlv};

/// Whom a connection is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The proxy itself (`LOCAL`, as in health checks): the connection's own addresses hold.
    Local,
    /// Someone whose addresses cannot be told (`UNKNOWN`): the connection's own addresses hold.
    Unknown,
    /// A client.
    Client {
        /// Where the client's connection came from.
        source: Addr,
        /// Where it went to.
        destination: Addr,
    },
}

/// A header as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whom the connection is made for.
    pub origin: Origin,
    /// What version 2 says beside.
    pub tlvs: Tlvs,
}

/// Why bytes are no acceptable header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// They do not begin like one.
    NotProxy,
    /// They begin like one and go on wrongly.
    Invalid,
    /// The protocol that the client used is not known.
    Unhandled,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotProxy => "the connection does not begin with a PROXY header",
            Self::Invalid => "the client sent a malformed PROXY header",
            Self::Unhandled => "the PROXY header is for a protocol that is not handled",
        })
    }
}

impl std::error::Error for Error {}

/// Decodes a header of either version from the start of a connection.
///
/// A header may arrive in pieces. When `bytes` fills the reader's buffer and the answer is still
/// partial, the header is too long to be received.
pub fn decode(bytes: &[u8]) -> Result<Parsed<Header>, Error> {
    match bytes.first() {
        None => Ok(Parsed::Partial),
        Some(b'P') => v1::decode(bytes),
        Some(b'\r') => v2::decode(bytes),
        Some(_) => Err(Error::NotProxy),
    }
}

/// Appends a header of version 1.
pub fn encode_v1(origin: &Origin, out: &mut Vec<u8>) {
    v1::encode(origin, out);
}

/// Appends a header of version 2.
pub fn encode_v2(origin: &Origin, tlvs: &[Tlv<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    v2::encode(origin, tlvs, out)
}

#[cfg(test)]
mod tests;
