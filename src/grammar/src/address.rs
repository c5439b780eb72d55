//! Addresses of `bind`, `server`, `source`, `log`, `nameserver` and others, as written. Nothing is resolved here.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use pest::iterators::Pair;

use crate::parser::{self, Rule};
use crate::span::{Span, SyntaxError};
use crate::text::{Text, readable};

/// An address as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The family that a prefix asks for, or that the shape of the address gives away.
    pub family: Family,
    /// The transport that a prefix asks for; else the statement's default holds.
    pub transport: Option<Transport>,
    /// The protocol over that transport.
    pub protocol: Protocol,
    /// Which host, socket or descriptor.
    pub host: Host,
    /// Where the host stands.
    pub host_span: Span,
    /// Which port.
    pub port: Port,
    /// Where the port stands; after the host when there is none.
    pub port_span: Span,
    /// The whole address.
    pub span: Span,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4 or IPv6, as the host turns out to be.
    Ip,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
    /// A socket in the file system.
    Unix,
    /// An abstract socket whose name fills the whole address.
    Abstract,
    /// An abstract socket whose name ends at a NUL.
    AbstractTerminated,
    /// An inherited file descriptor.
    Descriptor,
    /// An inherited descriptor over which connections are passed.
    SocketPair,
    /// The server of a backend that opens connections to be used in reverse.
    ReverseHttp,
}

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A stream over a stream socket.
    Stream,
    /// Datagrams.
    Datagram,
    /// Streams over a datagram socket.
    Quic,
}

/// A variant of the transport's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The usual one.
    Default,
    /// Multipath TCP.
    Mptcp,
}

/// What is addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Any address: `*`, or nothing before the port.
    Any,
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, bracketed or not.
    V6(Ipv6Addr),
    /// A name to resolve, or an address in a form that only the system's resolver knows.
    Name(Text),
    /// A path, or the name of an abstract socket.
    Path(Text),
    /// A file descriptor.
    Descriptor(u32),
    /// A backend and its server.
    Server(Text),
}

/// A port as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// None, or nothing behind the colon.
    None,
    /// One port.
    Fixed(u16),
    /// The ports from the first to the second.
    Range(u16, u16),
    /// The port of the other side moved by so many.
    Offset(i32),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
            Self::Name(text) | Self::Path(text) | Self::Server(text) => text.fmt(f),
            Self::Descriptor(number) => number.fmt(f),
        }
    }
}

/// Parses one address.
pub fn parse(text: &[u8]) -> Result<Address, SyntaxError> {
    let readable = readable(text);
    let mut address = Address {
        family: Family::Ip,
        transport: None,
        protocol: Protocol::Default,
        host: Host::Any,
        host_span: Span::at(text.len()),
        port: Port::None,
        port_span: Span::at(text.len()),
        span: Span::new(0, text.len()),
    };
    for part in parser::parse(Rule::address, &readable).into_inner() {
        let span = parser::span(&part);
        match part.as_rule() {
            Rule::transport => address.transport = transport(part.as_str()),
            Rule::scheme_local => address.local_scheme(part.as_str()),
            Rule::scheme => address.scheme(part.as_str()),
            Rule::path => {
                address.family = Family::Unix;
                address.set_host(Host::Path(span.of(text).into()), span);
            }
            Rule::remainder => address.set_host(local_host(address.family, span, text)?, span),
            Rule::host => address.set_host(network_host(span.of(text)), span),
            Rule::port => {
                address.port_span = span;
                address.port = port(part, text)?;
            }
            _ => {}
        }
    }
    Ok(address)
}

/// Parses addresses separated by commas. A comma may end the list.
pub fn parse_list(text: &[u8]) -> Result<Vec<Address>, SyntaxError> {
    let mut list = Vec::new();
    let mut start = 0;
    while start < text.len() || list.is_empty() {
        let end = memchr::memchr(b',', &text[start..]).map_or(text.len(), |at| start + at);
        if start == end {
            let error = SyntaxError::new(Span::at(start), "'' resolves to an empty address");
            return Err(error.with_hint("an environment variable may be missing"));
        }
        let mut address = parse(&text[start..end]).map_err(|error| error.shifted(start))?;
        for span in [&mut address.span, &mut address.host_span, &mut address.port_span] {
            *span = span.shifted(start);
        }
        list.push(address);
        start = end + 1;
    }
    Ok(list)
}

impl Address {
    fn set_host(&mut self, host: Host, span: Span) {
        self.host = host;
        self.host_span = span;
        self.port_span = Span { start: span.end, end: span.end };
    }

    fn local_scheme(&mut self, name: &str) {
        self.family = match name {
            "abns" => Family::Abstract,
            "abnsz" => Family::AbstractTerminated,
            "fd" => Family::Descriptor,
            "sockpair" => Family::SocketPair,
            "rhttp" => Family::ReverseHttp,
            _ => Family::Unix,
        };
        match name {
            "uxst" => self.transport = Some(Transport::Stream),
            "uxdg" => self.transport = Some(Transport::Datagram),
            _ => {}
        }
    }

    fn scheme(&mut self, name: &str) {
        self.family = match name.as_bytes().last() {
            Some(b'4') => Family::Ipv4,
            Some(b'6') => Family::Ipv6,
            _ => Family::Ip,
        };
        if name.starts_with("ip") {
            return;
        }
        if name.starts_with("mptcp") {
            self.protocol = Protocol::Mptcp;
        }
        self.transport = Some(match name.trim_end_matches(['4', '6']) {
            "udp" => Transport::Datagram,
            "quic" => Transport::Quic,
            _ => Transport::Stream,
        });
    }
}

fn transport(name: &str) -> Option<Transport> {
    match name {
        "stream" => Some(Transport::Stream),
        "dgram" => Some(Transport::Datagram),
        "quic" => Some(Transport::Quic),
        _ => None,
    }
}

fn local_host(family: Family, span: Span, text: &[u8]) -> Result<Host, SyntaxError> {
    let name = span.of(text);
    Ok(match family {
        Family::Descriptor | Family::SocketPair => {
            let number =
                std::str::from_utf8(name).ok().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
            let number = number.and_then(|name| name.parse().ok()).ok_or_else(|| {
                let name = String::from_utf8_lossy(name);
                SyntaxError::new(span, format!("file descriptor '{name}' is not a valid integer"))
            })?;
            Host::Descriptor(number)
        }
        Family::ReverseHttp => Host::Server(name.into()),
        _ => Host::Path(name.into()),
    })
}

fn network_host(name: &[u8]) -> Host {
    let Ok(text) = std::str::from_utf8(name) else { return Host::Name(name.into()) };
    if matches!(text, "" | "*") {
        return Host::Any;
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse() {
        Host::V6(address)
    } else if let Ok(address) = text.parse() {
        Host::V4(address)
    } else {
        Host::Name(name.into())
    }
}

fn port(pair: Pair<'_, Rule>, text: &[u8]) -> Result<Port, SyntaxError> {
    let whole = parser::span(&pair);
    let (shape, _) = parser::first(pair);
    let span = parser::span(&shape);
    let written = span.of(text);
    match shape.as_rule() {
        Rule::port_offset => offset(shape.as_str(), span),
        Rule::port_range => {
            let mut bounds =
                shape.into_inner().filter(|part| part.as_rule() == Rule::bound).map(|part| bound(&part));
            let (low, high) = (bounds.next().unwrap_or(Ok(0))?, bounds.next().unwrap_or(Ok(0))?);
            if low > high {
                let written = String::from_utf8_lossy(written);
                return Err(SyntaxError::new(span, format!("invalid port range '{written}'")));
            }
            Ok(Port::Range(low, high))
        }
        Rule::port_fixed => match shape.into_inner().find(|part| part.as_rule() == Rule::bound) {
            Some(part) => bound(&part).map(Port::Fixed),
            None => Ok(Port::None),
        },
        _ => Err(bad_port(whole, written)),
    }
}

fn bound(pair: &Pair<'_, Rule>) -> Result<u16, SyntaxError> {
    let written = pair.as_str();
    let invalid = |_| SyntaxError::new(parser::span(pair), format!("invalid port '{written}'"));
    written.parse().map_err(invalid)
}

fn offset(written: &str, span: Span) -> Result<Port, SyntaxError> {
    let (sign, digits) = written.split_at(1);
    let value = if digits.is_empty() { Ok(0) } else { digits.parse::<u16>() };
    let invalid = |_| SyntaxError::new(span, format!("invalid port offset '{written}'"));
    let value = i32::from(value.map_err(invalid)?);
    Ok(Port::Offset(if sign == "-" { -value } else { value }))
}

fn bad_port(span: Span, written: &[u8]) -> SyntaxError {
    let port = String::from_utf8_lossy(written);
    match written.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'-') {
        Some(at) => {
            let at = span.start as usize + at;
            let character = char::from(written[at - span.start as usize]);
            let message = format!("invalid character '{character}' in port number '{port}'");
            SyntaxError::new(Span::new(at, at + 1), message)
        }
        None => SyntaxError::new(span, format!("invalid port '{port}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(text: &str) -> String {
        match parse(text.as_bytes()) {
            Err(error) => error.to_string(),
            Ok(address) => {
                let transport =
                    address.transport.map(|transport| format!("{transport:?} ")).unwrap_or_default();
                format!("{transport}{:?} {:?} {:?}", address.family, address.host, address.port)
            }
        }
    }

    #[test]
    fn hosts_and_ports() {
        for (text, expected) in [
            (":80", "Ip Any Fixed(80)"),
            ("*:80", "Ip Any Fixed(80)"),
            ("*", "Ip Any None"),
            ("1.2.3.4", "Ip V4(1.2.3.4) None"),
            ("1.2.3.4:", "Ip V4(1.2.3.4) None"),
            ("1.2.3.4:80-90", "Ip V4(1.2.3.4) Range(80, 90)"),
            ("1.2.3.4:+10", "Ip V4(1.2.3.4) Offset(10)"),
            (":-10", "Ip Any Offset(-10)"),
            (":+", "Ip Any Offset(0)"),
            (":080", "Ip Any Fixed(80)"),
            ("::1:80", "Ip V6(::1) Fixed(80)"),
            (":::80", "Ip V6(::) Fixed(80)"),
            ("[::1]:80", "Ip V6(::1) Fixed(80)"),
            ("[::1]", "Ip V6(::1) None"),
            ("::ffff:1.2.3.4:80", "Ip V6(::ffff:1.2.3.4) Fixed(80)"),
            ("localhost:80", "Ip Name(\"localhost\") Fixed(80)"),
            ("80", "Ip Name(\"80\") None"),
            ("::1", "Ip Name(\":\") Fixed(1)"),
            ("[::1", "Ip Name(\"[:\") Fixed(1)"),
            ("foo@:80", "Ip Name(\"foo@\") Fixed(80)"),
            ("", "Ip Any None"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn prefixes_choose_family_transport_and_protocol() {
        for (text, expected) in [
            ("ipv4@:80", "Ipv4 Any Fixed(80)"),
            ("ipv6@*:80", "Ipv6 Any Fixed(80)"),
            ("ip@:80", "Ip Any Fixed(80)"),
            ("tcp@:80", "Stream Ip Any Fixed(80)"),
            ("tcp4@:80", "Stream Ipv4 Any Fixed(80)"),
            ("tcp6@:::80", "Stream Ipv6 V6(::) Fixed(80)"),
            ("udp@host:514", "Datagram Ip Name(\"host\") Fixed(514)"),
            ("udp6@[::1]:1", "Datagram Ipv6 V6(::1) Fixed(1)"),
            ("quic4@:443", "Quic Ipv4 Any Fixed(443)"),
            ("quic+ipv6@:443", "Quic Ipv6 Any Fixed(443)"),
            ("stream+ipv4@:80", "Stream Ipv4 Any Fixed(80)"),
            ("stream+:80", "Stream Ip Any Fixed(80)"),
            ("dgram+/dev/log", "Datagram Unix Path(\"/dev/log\") None"),
            ("/run/x:1", "Unix Path(\"/run/x:1\") None"),
            ("unix@x", "Unix Path(\"x\") None"),
            ("uxst@/x", "Stream Unix Path(\"/x\") None"),
            ("uxdg@/x", "Datagram Unix Path(\"/x\") None"),
            ("abns@x", "Abstract Path(\"x\") None"),
            ("abnsz@x", "AbstractTerminated Path(\"x\") None"),
            ("fd@3", "Descriptor Descriptor(3) None"),
            ("stream+fd@3", "Stream Descriptor Descriptor(3) None"),
            ("sockpair@4", "SocketPair Descriptor(4) None"),
            ("rhttp@be/srv", "ReverseHttp Server(\"be/srv\") None"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
        for (text, protocol) in
            [("mptcp6@:1", Protocol::Mptcp), ("mptcp@:1", Protocol::Mptcp), (":1", Protocol::Default)]
        {
            assert_eq!(parse(text.as_bytes()).unwrap().protocol, protocol, "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, expected) in [
            (":90-80", "invalid port range '90-80' at position 2"),
            (":80-", "invalid port '80-' at position 2"),
            (":65536", "invalid port '65536' at position 2"),
            (":80-70000", "invalid port '70000' at position 5"),
            (":8x0", "invalid character 'x' in port number '8x0' at position 3"),
            (":http", "invalid character 'h' in port number 'http' at position 2"),
            (":+1x", "invalid character '+' in port number '+1x' at position 2"),
            (":1-2-3", "invalid port '1-2-3' at position 2"),
            (":+70000", "invalid port offset '+70000' at position 2"),
            ("fd@x", "file descriptor 'x' is not a valid integer at position 4"),
            ("fd@", "file descriptor '' is not a valid integer at position 4"),
            ("sockpair@-1", "file descriptor '-1' is not a valid integer at position 10"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let text = b"*:80,unix@/y,[::]:81,";
        let list = parse_list(text).unwrap();
        let spans: Vec<_> = list.iter().map(|address| address.span.of(text)).collect();
        assert_eq!(spans, [&b"*:80"[..], b"unix@/y", b"[::]:81"]);
        assert_eq!((list[2].host_span.of(text), list[2].port_span.of(text)), (&b"[::]"[..], &b"81"[..]));
        for (text, at) in [(&b",:80"[..], 1), (b":80,,:81", 5), (b"", 1), (b":80,:x", 6)] {
            assert_eq!(parse_list(text).unwrap_err().position(), at);
        }
    }

    proptest! {
        #[test]
        fn a_written_address_reads_back(host: [u16; 8], port: u16) {
            let host = Ipv6Addr::from(host);
            for text in [format!("{host}:{port}"), format!("[{host}]:{port}"), format!("ipv6@{host}:{port}")] {
                let address = parse(text.as_bytes()).unwrap();
                prop_assert_eq!((address.host, address.port), (Host::V6(host), Port::Fixed(port)));
            }
        }

        #[test]
        fn any_bytes_are_taken_or_refused(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(list) = parse_list(&text) {
                prop_assert!(list.iter().all(|address| address.span.range().end <= text.len()));
            }
        }
    }
}
