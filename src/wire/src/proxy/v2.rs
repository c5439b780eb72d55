//! Version 2: a binary block.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base::addr::Addr;

use super::tlv::{self, SslTlv, kind};
use super::{Error, Header, Origin, Tlvs, v1};
use crate::Parsed;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family, and the length of what follows.
const FIXED: usize = 16;
const VERSION: u8 = 0x20;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;

/// The longest value of a TLV that is accepted.
pub const MAX_TLV: usize = 1024;

pub(super) fn decode(bytes: &[u8]) -> Result<Parsed<Header>, Error> {
    let common = bytes.len().min(SIGNATURE.len());
    if bytes[..common] != SIGNATURE[..common] {
        return Err(Error::NotProxy);
    }
    match bytes.get(SIGNATURE.len()) {
        Some(b) if b & 0xf0 != VERSION => return Err(Error::NotProxy),
        Some(b) if b & 0x0f > PROXY => return Err(Error::Invalid),
        _ => {}
    }
    let Some(&[.., command, family, high, low]) = bytes.first_chunk::<FIXED>() else {
        return Ok(Parsed::Partial);
    };
    let end = FIXED + usize::from(u16::from_be_bytes([high, low]));
    let Some(header) = bytes.get(..end) else { return Ok(Parsed::Partial) };
    let header = if command & 0x0f == LOCAL { local(header)? } else { relayed(header, family)? };
    Ok(Parsed::Complete(header, end))
}

/// The connection's own addresses hold whatever the block says, which may be addresses or TLVs.
fn local(header: &[u8]) -> Result<Header, Error> {
    let tlvs = match tlv::check(header, FIXED) {
        Ok(tlvs) => tlvs,
        Err(tlv::TlvError::Checksum) => return Err(Error::Invalid),
        Err(_) => Tlvs::default(),
    };
    Ok(Header { origin: Origin::Local, tlvs })
}

fn relayed(header: &[u8], family: u8) -> Result<Header, Error> {
    let body = &header[FIXED..];
    let (source, destination, taken) = match family {
        TCP4 => {
            let a = body.first_chunk::<12>().ok_or(Error::Invalid)?;
            let ip = |at: usize| IpAddr::V4(Ipv4Addr::new(a[at], a[at + 1], a[at + 2], a[at + 3]));
            (endpoint(ip(0), &a[8..]), endpoint(ip(4), &a[10..]), a.len())
        }
        TCP6 => {
            let a = body.first_chunk::<36>().ok_or(Error::Invalid)?;
            let ip = |at: usize| {
                let mut octets = [0; 16];
                octets.copy_from_slice(&a[at..at + 16]);
                IpAddr::V6(Ipv6Addr::from(octets))
            };
            (endpoint(ip(0), &a[32..]), endpoint(ip(16), &a[34..]), a.len())
        }
        // As in the original, a client whose addresses cannot be taken over is not let in.
        _ => return Err(Error::Invalid),
    };
    let tlvs = tlv::check(header, FIXED + taken).map_err(|_| Error::Invalid)?;
    Ok(Header { origin: Origin::Client { source, destination }, tlvs })
}

fn endpoint(ip: IpAddr, port: &[u8]) -> Addr {
    Addr::inet(ip, u16::from_be_bytes([port[0], port[1]]))
}

/// Something to say beside the addresses. The order of a header is that of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tlv<'a> {
    /// A type of [`kind`] or of one's own, and its value.
    Value(u8, &'a [u8]),
    /// The checksum of the whole header.
    Checksum,
    /// What is known of the client's TLS session.
    Ssl(&'a SslTlv),
}

/// A header that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// It would be longer than its length field can tell.
    TooLong,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the PROXY header to send is too long")
    }
}

impl std::error::Error for EncodeError {}

/// Appends a header; nothing is appended when it cannot be written.
pub(super) fn encode(origin: &Origin, tlvs: &[Tlv<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(SIGNATURE);
    addresses(origin, out);
    append_tlvs(tlvs, start, out).inspect_err(|_| out.truncate(start))
}

/// Appends command, family, length and addresses.
fn addresses(origin: &Origin, out: &mut Vec<u8>) {
    let Origin::Client { source: Addr::Inet(s), destination: Addr::Inet(d) } = origin else {
        return out.extend_from_slice(&[VERSION | LOCAL, 0, 0, 0]);
    };
    if let (SocketAddr::V4(s), SocketAddr::V4(d)) = (s, d) {
        out.extend_from_slice(&[VERSION | PROXY, TCP4, 0, 0]);
        out.extend_from_slice(&s.ip().octets());
        out.extend_from_slice(&d.ip().octets());
    } else {
        // Where the families differ, IPv4 is mapped into IPv6.
        out.extend_from_slice(&[VERSION | PROXY, TCP6, 0, 0]);
        for addr in [s, d] {
            out.extend_from_slice(&v1::ipv6_of(addr.ip()).octets());
        }
    }
    out.extend_from_slice(&s.port().to_be_bytes());
    out.extend_from_slice(&d.port().to_be_bytes());
}

fn append_tlvs(tlvs: &[Tlv<'_>], start: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut checksum_at = None;
    for tlv in tlvs {
        match tlv {
            Tlv::Value(kind, value) => tlv::append(*kind, value, out)?,
            Tlv::Ssl(ssl) => ssl.append(out)?,
            Tlv::Checksum => {
                tlv::append(kind::CRC32C, &[0; 4], out)?;
                checksum_at = Some(out.len() - 4);
            }
        }
    }
    set_length(start, out)?;
    if let Some(at) = checksum_at {
        let sum = crc32c::crc32c(&out[start..]);
        out[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    }
    Ok(())
}

fn set_length(start: usize, out: &mut [u8]) -> Result<(), EncodeError> {
    let len = u16::try_from(out.len() - start - FIXED).map_err(|_| EncodeError::TooLong)?;
    out[start + FIXED - 2..start + FIXED].copy_from_slice(&len.to_be_bytes());
    Ok(())
}
