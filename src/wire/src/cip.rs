//! The client's address as NetScaler inserts it (`accept-netscaler-cip`): the client's own IP and TCP
//! headers behind a magic number that both sides agree on, in a legacy and a standard form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::addr::Addr;

use crate::Parsed;

/// Magic number and length.
const LEGACY: usize = 8;
/// The same, type and header length.
const STANDARD: usize = 12;
const TCP: u8 = 6;
/// A longer header has no reason.
const MAX_HEADERS: usize = 4096;

/// Whom a connection is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where the client's connection came from.
    pub source: Addr,
    /// Where it went to.
    pub destination: Addr,
}

/// Why bytes are no acceptable insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not the magic number agreed on.
    BadMagic,
    /// Neither IPv4 nor IPv6, or not TCP.
    Unhandled,
    /// The headers do not fit the lengths told.
    BadLength,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadMagic => "the client's address comes with another magic number",
            Self::Unhandled => "the client's address is of a protocol that is not handled",
            Self::BadLength => "the client's address comes with wrong lengths",
        })
    }
}

impl std::error::Error for Error {}

/// Decodes an insertion from the start of a connection.
pub fn decode(bytes: &[u8], magic: u32) -> Result<Parsed<Client>, Error> {
    let expected = magic.to_be_bytes();
    let common = bytes.len().min(expected.len());
    if bytes[..common] != expected[..common] {
        return Err(Error::BadMagic);
    }
    // The byte behind the length is the start of an IP header, or of the type, which is small.
    let Some(&form) = bytes.get(LEGACY) else { return Ok(Parsed::Partial) };
    let (start, len) = if form >> 4 == 0 {
        let Some(fixed) = bytes.first_chunk::<STANDARD>() else { return Ok(Parsed::Partial) };
        (STANDARD, usize::from(u16::from_be_bytes([fixed[10], fixed[11]])))
    } else {
        let len = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        (LEGACY, usize::try_from(len).unwrap_or(usize::MAX))
    };
    if len > MAX_HEADERS {
        return Err(Error::BadLength);
    }
    let Some(headers) = bytes.get(start..start + len) else { return Ok(Parsed::Partial) };
    Ok(Parsed::Complete(client(headers)?, start + len))
}

fn client(headers: &[u8]) -> Result<Client, Error> {
    let version = headers.first().ok_or(Error::BadLength)? >> 4;
    match version {
        4 => ipv4(headers),
        6 => ipv6(headers),
        _ => Err(Error::Unhandled),
    }
}

fn ipv4(headers: &[u8]) -> Result<Client, Error> {
    let ip = headers.first_chunk::<20>().ok_or(Error::BadLength)?;
    if ip[9] != TCP {
        return Err(Error::Unhandled);
    }
    let len = usize::from(ip[0] & 0x0f) * 4;
    if len < ip.len() {
        return Err(Error::BadLength);
    }
    let addr = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]).into();
    with_ports(addr(12), addr(16), headers.get(len..))
}

fn ipv6(headers: &[u8]) -> Result<Client, Error> {
    let ip = headers.first_chunk::<40>().ok_or(Error::BadLength)?;
    if ip[6] != TCP {
        return Err(Error::Unhandled);
    }
    let addr = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&ip[at..at + 16]);
        Ipv6Addr::from(octets).into()
    };
    with_ports(addr(8), addr(24), headers.get(ip.len()..))
}

fn with_ports(from: IpAddr, to: IpAddr, tcp: Option<&[u8]>) -> Result<Client, Error> {
    let tcp = tcp.and_then(<[u8]>::first_chunk::<20>).ok_or(Error::BadLength)?;
    let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    Ok(Client { source: Addr::inet(from, port(0)), destination: Addr::inet(to, port(2)) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAGIC: u32 = 0x3c8a_0f5e;

    fn ip4(protocol: u8, words: u8) -> Vec<u8> {
        let mut ip = vec![0x40 | words, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        ip.resize(usize::from(words.max(5)) * 4, 0);
        ip
    }

    fn ip6(protocol: u8) -> Vec<u8> {
        let mut ip = vec![0x60, 0, 0, 0, 0, 20, protocol, 64];
        ip.extend_from_slice(&Ipv6Addr::LOCALHOST.octets());
        ip.extend_from_slice(&Ipv6Addr::from_bits(2).octets());
        ip
    }

    fn with_tcp(mut ip: Vec<u8>) -> Vec<u8> {
        ip.extend_from_slice(&[0, 11, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 100, 0, 0, 0, 0]);
        ip
    }

    fn legacy(headers: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_be_bytes().to_vec();
        out.extend_from_slice(&(headers.len() as u32).to_be_bytes());
        out.extend_from_slice(headers);
        out
    }

    fn standard(headers: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_be_bytes().to_vec();
        out.extend_from_slice(&(headers.len() as u32 + 12).to_be_bytes());
        out.extend_from_slice(&[0, 1]);
        out.extend_from_slice(&(headers.len() as u16).to_be_bytes());
        out.extend_from_slice(headers);
        out
    }

    #[test]
    fn both_forms_carry_both_families() {
        let v4 = Client { source: Addr::inet([1, 2, 3, 4], 11), destination: Addr::inet([5, 6, 7, 8], 22) };
        let v6 = Client {
            source: Addr::inet(Ipv6Addr::LOCALHOST, 11),
            destination: Addr::inet(Ipv6Addr::from_bits(2), 22),
        };
        for (headers, client) in
            [(with_tcp(ip4(6, 5)), &v4), (with_tcp(ip4(6, 7)), &v4), (with_tcp(ip6(6)), &v6)]
        {
            for mut bytes in [legacy(&headers), standard(&headers)] {
                let len = bytes.len();
                bytes.extend_from_slice(b"GET");
                assert_eq!(decode(&bytes, MAGIC), Ok(Parsed::Complete(client.clone(), len)));
                for cut in 0..len {
                    assert_eq!(decode(&bytes[..cut], MAGIC), Ok(Parsed::Partial), "cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn options_behind_the_ports_are_skipped() {
        let mut headers = with_tcp(ip4(6, 5));
        headers.extend_from_slice(&[1; 12]);
        let bytes = legacy(&headers);
        assert!(matches!(decode(&bytes, MAGIC), Ok(Parsed::Complete(_, n)) if n == bytes.len()));
    }

    #[test]
    fn what_is_not_a_tcp_client_is_refused() {
        let ok = with_tcp(ip4(6, 5));
        assert_eq!(decode(b"GET / HTTP/1.1\r\n", MAGIC), Err(Error::BadMagic));
        assert_eq!(decode(&legacy(&with_tcp(ip4(17, 5))), MAGIC), Err(Error::Unhandled));
        assert_eq!(decode(&legacy(&with_tcp(ip6(17))), MAGIC), Err(Error::Unhandled));
        let mut version5 = ok.clone();
        version5[0] = 0x55;
        assert_eq!(decode(&legacy(&version5), MAGIC), Err(Error::Unhandled));
        assert_eq!(decode(&legacy(&with_tcp(ip4(6, 4))), MAGIC), Err(Error::BadLength));
        assert_eq!(decode(&standard(&ip4(6, 5)), MAGIC), Err(Error::BadLength));
        assert_eq!(decode(&standard(&[]), MAGIC), Err(Error::BadLength));
        let huge = [&MAGIC.to_be_bytes()[..], &u32::MAX.to_be_bytes(), &ok].concat();
        assert_eq!(decode(&huge, MAGIC), Err(Error::BadLength));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut framed = MAGIC.to_be_bytes().to_vec();
            framed.extend_from_slice(&bytes);
            for input in [&bytes, &framed] {
                if let Ok(Parsed::Complete(_, n)) = decode(input, MAGIC) {
                    prop_assert!(n <= input.len());
                }
            }
        }
    }
}
