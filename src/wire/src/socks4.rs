//! SOCKS4, as spoken to a proxy before a server (`socks4`).

use std::fmt;
use std::net::SocketAddrV4;

use crate::Parsed;

/// The length of a reply.
pub const REPLY_LEN: usize = 8;

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
const GRANTED: u8 = 0x5a;

/// The user that requests are made for.
const USER: &[u8] = b"HAProxy\0";

/// Why a proxy does not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Rejected or failed.
    Rejected,
    /// The proxy could not ask the identity daemon.
    NoIdentity,
    /// The identity daemon named another user.
    WrongUser,
    /// Another code.
    Other(u8),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected => f.write_str("the SOCKS4 proxy rejected the request"),
            Self::NoIdentity => f.write_str("the SOCKS4 proxy found no identity daemon"),
            Self::WrongUser => f.write_str("the SOCKS4 proxy was told of another user"),
            Self::Other(code) => write!(f, "the SOCKS4 proxy answered with code {code}"),
        }
    }
}

impl std::error::Error for Refused {}

/// Appends the request for a connection to an address.
pub fn encode_request(to: SocketAddrV4, out: &mut Vec<u8>) {
    out.extend_from_slice(&[VERSION, CONNECT]);
    out.extend_from_slice(&to.port().to_be_bytes());
    out.extend_from_slice(&to.ip().octets());
    out.extend_from_slice(USER);
}

/// Appends the request (`SOCKS4a`) for a connection to a host that the proxy resolves. Tells whether the
/// name has a form in the protocol: it must not be empty nor hold a zero.
#[must_use]
pub fn encode_host_request(host: &[u8], port: u16, out: &mut Vec<u8>) -> bool {
    if host.is_empty() || host.contains(&0) {
        return false;
    }
    encode_request(SocketAddrV4::new([0, 0, 0, 1].into(), port), out);
    out.extend_from_slice(host);
    out.push(0);
    true
}

/// Decodes the reply. Only its code counts.
pub fn decode_reply(bytes: &[u8]) -> Result<Parsed<()>, Refused> {
    let Some(reply) = bytes.first_chunk::<REPLY_LEN>() else { return Ok(Parsed::Partial) };
    match reply[1] {
        GRANTED => Ok(Parsed::Complete((), REPLY_LEN)),
        0x5b => Err(Refused::Rejected),
        0x5c => Err(Refused::NoIdentity),
        0x5d => Err(Refused::WrongUser),
        other => Err(Refused::Other(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_name_the_address_or_the_host() {
        let mut out = Vec::new();
        encode_request("10.9.8.7:80".parse().unwrap(), &mut out);
        assert_eq!(out, b"\x04\x01\x00\x50\x0a\x09\x08\x07HAProxy\0");
        out.clear();
        assert!(encode_host_request(b"a.example", 443, &mut out));
        assert_eq!(out, b"\x04\x01\x01\xbb\0\0\0\x01HAProxy\0a.example\0");
        assert!(!encode_host_request(b"a\0b", 1, &mut out));
    }

    #[test]
    fn replies_grant_by_their_code() {
        assert_eq!(decode_reply(b"\0\x5a\0\0\0\0\0\0rest"), Ok(Parsed::Complete((), 8)));
        assert_eq!(decode_reply(b"\x04\x5a\xff\xff\xff\xff\xff\xff"), Ok(Parsed::Complete((), 8)));
        assert_eq!(decode_reply(b"\0\x5a\0\0\0\0\0"), Ok(Parsed::Partial));
        for (code, refused) in [
            (0x5b, Refused::Rejected),
            (0x5c, Refused::NoIdentity),
            (0x5d, Refused::WrongUser),
            (0, Refused::Other(0)),
        ] {
            assert_eq!(decode_reply(&[0, code, 0, 0, 0, 0, 0, 0]), Err(refused));
        }
    }
}
