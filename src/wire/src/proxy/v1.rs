//! Version 1: one line of text.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::addr::Addr;

use super::{Error, Header, Origin, Tlvs};
use crate::Parsed;

/// The longest line, with its end.
const MAX_LINE: usize = 107;
const INTRODUCTION: &[u8] = b"PROXY ";

pub(super) fn decode(bytes: &[u8]) -> Result<Parsed<Header>, Error> {
    let common = bytes.len().min(INTRODUCTION.len());
    if bytes[..common] != INTRODUCTION[..common] {
        return Err(Error::NotProxy);
    }
    let window = &bytes[..bytes.len().min(MAX_LINE)];
    let Some(end) = memchr::memchr2(b'\r', b'\n', window) else {
        return if window.len() == MAX_LINE { Err(Error::Invalid) } else { Ok(Parsed::Partial) };
    };
    match window[end..] {
        [b'\r', b'\n', ..] => {}
        [b'\r'] if window.len() < MAX_LINE => return Ok(Parsed::Partial),
        _ => return Err(Error::Invalid),
    }
    let origin = line(&window[INTRODUCTION.len()..end])?;
    Ok(Parsed::Complete(Header { origin, tlvs: Tlvs::default() }, end + 2))
}

/// What stands between `PROXY ` and the end of the line.
fn line(rest: &[u8]) -> Result<Origin, Error> {
    // Whatever follows UNKNOWN is to be ignored, but it must be a word of its own.
    if let Some(ignored) = rest.strip_prefix(b"UNKNOWN") {
        return match ignored.first() {
            None | Some(b' ') => Ok(Origin::Unknown),
            Some(_) => Err(Error::Unhandled),
        };
    }
    let text = std::str::from_utf8(rest).map_err(|_| Error::Invalid)?;
    let mut words = text.split(' ');
    let parse = match words.next() {
        Some("TCP4") => ipv4,
        Some("TCP6") => ipv6,
        _ => return Err(Error::Unhandled),
    };
    let mut next = || words.next().ok_or(Error::Invalid);
    let (source, destination, from, to) = (next()?, next()?, next()?, next()?);
    if words.next().is_some() {
        return Err(Error::Invalid);
    }
    Ok(Origin::Client { source: parse(source, port(from)?)?, destination: parse(destination, port(to)?)? })
}

fn ipv4(text: &str, port: u16) -> Result<Addr, Error> {
    let ip: Ipv4Addr = text.parse().map_err(|_| Error::Invalid)?;
    Ok(Addr::inet(ip, port))
}

fn ipv6(text: &str, port: u16) -> Result<Addr, Error> {
    let ip: Ipv6Addr = text.parse().map_err(|_| Error::Invalid)?;
    Ok(Addr::inet(ip, port))
}

/// Decimal digits only, without a leading zero that could be taken for octal.
fn port(text: &str) -> Result<u16, Error> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().map_err(|_| Error::Invalid) } else { Err(Error::Invalid) }
}

pub(super) fn encode(origin: &Origin, out: &mut Vec<u8>) {
    let Origin::Client { source: Addr::Inet(source), destination: Addr::Inet(destination) } = origin else {
        return out.extend_from_slice(b"PROXY UNKNOWN\r\n");
    };
    let (from, to) = (source.port(), destination.port());
    // Writing to a vector does not fail.
    let _ = match (source.ip(), destination.ip()) {
        (IpAddr::V4(s), IpAddr::V4(d)) => write!(out, "PROXY TCP4 {s} {d} {from} {to}\r\n"),
        // Where the families differ, IPv4 is mapped into IPv6.
        (s, d) => write!(out, "PROXY TCP6 {} {} {from} {to}\r\n", ipv6_of(s), ipv6_of(d)),
    };
}

/// An address as IPv6.
pub(super) fn ipv6_of(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}
