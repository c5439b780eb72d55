//! The `Forwarded` header (RFC 7239): validated, taken apart and put together.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::{STR, bytes, check_choice, part, plain, with};
use crate::arg::{Args, Signature};
use crate::expr::Converter;
use crate::facts::Scene;
use crate::sample::{Sample, Type};

/// The converters of forwarded headers.
pub static CONVERTERS: &[Converter] = &[
    with("rfc7239_field", Signature::all(&[STR]), Type::Str, Type::Str, check_field, field),
    plain("rfc7239_is_valid", Type::Str, Type::Bool, |s, _, _| {
        Some(Sample::Bool(parameters(&bytes(s)?).is_some()))
    }),
    plain("rfc7239_n2nn", Type::Str, Type::Any, |s, _, _| {
        let node = bytes(s)?;
        Some(match Node::read(&node)?.0.name {
            NodeName::V4(address) => Sample::Ipv4(address),
            NodeName::V6(address) => Sample::Ipv6(address),
            NodeName::Unknown => Sample::text(b"unknown"),
            NodeName::Obfuscated(name) => Sample::owned(name.to_vec()),
        })
    }),
    plain("rfc7239_n2np", Type::Str, Type::Any, |s, _, _| {
        let node = bytes(s)?;
        Some(match Node::read(&node)?.0.port? {
            NodePort::Number(port) => Sample::Int(i64::from(port)),
            NodePort::Obfuscated(name) => Sample::owned(name.to_vec()),
        })
    }),
    plain("rfc7239_nn", Type::Any, Type::Str, |s, _, _| match s {
        Sample::Ipv6(address) => Some(Sample::owned(format!("[{address}]").into_bytes())),
        Sample::Ipv4(_) => Some(Sample::Str(s.into_text())),
        other => match &*other.into_text() {
            b"" => Some(Sample::text(b"unknown")),
            name => obfuscate(name),
        },
    }),
    plain("rfc7239_np", Type::Any, Type::Str, |s, _, _| match s {
        Sample::Int(port) => Some(Sample::owned((port as u32).to_string().into_bytes())),
        other => obfuscate(&other.into_text()),
    }),
];

/// The parameters of a header, each at most once.
const FIELDS: [&str; 4] = ["proto", "host", "for", "by"];

fn check_field(args: &mut Args) -> Result<(), String> {
    check_choice(args, 0, &FIELDS, |word| {
        format!("unsupported field '{word}': one of '{}'", FIELDS.join("', '"))
    })
}

fn field<'a>(s: Sample<'a>, args: &'a Args, _: &Scene<'a>) -> Option<Sample<'a>> {
    let header = bytes(s)?;
    let value = parameters(&header)?[args.choice(0)?].clone()?;
    Some(Sample::Str(part(header, value)))
}

/// The places of the values of the four parameters; `None` for a header that is not valid.
fn parameters(header: &[u8]) -> Option<[Option<Range<usize>>; 4]> {
    let mut found = [const { None }; 4];
    let mut at = 0;
    loop {
        let rest = &header[at..];
        let (place, name) = FIELDS.iter().enumerate().find(|(_, name)| rest.starts_with(name.as_bytes()))?;
        let value = rest[name.len()..].strip_prefix(b"=")?;
        let start = header.len() - value.len();
        let (range, end) = if let Some(quoted) = value.strip_prefix(b"\"") {
            let len = quoted.iter().position(|b| *b == b'"')?;
            let valid = is_valid_quoted(place, &quoted[..len]);
            valid.then_some((start + 1..start + 1 + len, start + len + 2))?
        } else {
            let len = value.iter().position(|b| *b == b';').unwrap_or(value.len());
            is_valid_token(place, &value[..len]).then_some((start..start + len, start + len))?
        };
        if found[place].replace(range).is_some() {
            return None;
        }
        match header.get(end) {
            None => return Some(found),
            Some(b';') => at = end + 1,
            Some(_) => return None,
        }
    }
}

fn is_valid_token(place: usize, value: &[u8]) -> bool {
    match FIELDS[place] {
        "proto" => matches!(value, b"http" | b"https"),
        "host" => !value.is_empty() && value.iter().all(|b| is_host_character(*b)),
        // Brackets and ports need quotes.
        _ => matches!(
            Node::read(value),
            Some((
                Node { name: NodeName::V4(_) | NodeName::Unknown | NodeName::Obfuscated(_), port: None },
                []
            ))
        ),
    }
}

fn is_valid_quoted(place: usize, value: &[u8]) -> bool {
    match FIELDS[place] {
        "proto" => false,
        "host" => is_valid_authority(value),
        _ => matches!(Node::read(value), Some((_, []))),
    }
}

/// A host with or without a port, possibly empty.
fn is_valid_authority(value: &[u8]) -> bool {
    let (host, port) = match value.iter().rposition(|b| *b == b':') {
        Some(colon) if !value[colon..].contains(&b']') => (&value[..colon], &value[colon + 1..]),
        _ => (value, &[][..]),
    };
    let host_is_valid = match host {
        [b'[', address @ .., b']'] => to::<Ipv6Addr>(address).is_some(),
        name => name.iter().all(|b| is_host_character(*b)),
    };
    host_is_valid && port.len() <= 5 && port.iter().all(u8::is_ascii_digit)
}

fn is_host_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,=".contains(&byte)
}

/// Who a node is.
#[derive(Debug, PartialEq, Eq)]
enum NodeName<'n> {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Unknown,
    Obfuscated(&'n [u8]),
}

/// The port of a node.
enum NodePort<'n> {
    Number(u16),
    Obfuscated(&'n [u8]),
}

/// Who sent a request or got it (RFC 7239 section 6).
struct Node<'n> {
    name: NodeName<'n>,
    port: Option<NodePort<'n>>,
}

impl<'n> Node<'n> {
    /// The node that a text begins with, and what follows it.
    fn read(text: &'n [u8]) -> Option<(Self, &'n [u8])> {
        let (name, rest) = node_name(text)?;
        let Some(port) = rest.strip_prefix(b":") else { return Some((Self { name, port: None }, rest)) };
        let (port, rest) = node_port(port)?;
        Some((Self { name, port: Some(port) }, rest))
    }
}

fn node_name(text: &[u8]) -> Option<(NodeName<'_>, &[u8])> {
    if let Some(inside) = text.strip_prefix(b"[") {
        let end = inside.iter().position(|b| *b == b']')?;
        return Some((NodeName::V6(to(&inside[..end])?), &inside[end + 1..]));
    }
    if let Some(rest) = text.strip_prefix(b"unknown") {
        return Some((NodeName::Unknown, rest));
    }
    if let Some((name, rest)) = obfuscated(text) {
        return Some((NodeName::Obfuscated(name), rest));
    }
    let (name, rest) = run(text, |b| b.is_ascii_digit() || b == b'.');
    Some((NodeName::V4(to(name)?), rest))
}

fn node_port(text: &[u8]) -> Option<(NodePort<'_>, &[u8])> {
    if let Some((name, rest)) = obfuscated(text) {
        return Some((NodePort::Obfuscated(name), rest));
    }
    let (digits, rest) = run(text, |b| b.is_ascii_digit());
    to(digits).filter(|port| *port > 0).map(|port| (NodePort::Number(port), rest))
}

/// Splits where the bytes of a kind end that a text begins with.
fn run(text: &[u8], kind: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|b| kind(**b)).count())
}

/// The hidden name that a text begins with, with its underscore, and what follows it.
fn obfuscated(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = run(text, is_identifier_byte);
    (name.len() > 1 && name[0] == b'_').then_some((name, rest))
}

fn to<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn is_identifier_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

fn is_identifier(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().copied().all(is_identifier_byte)
}

fn obfuscate(name: &[u8]) -> Option<Sample<'static>> {
    is_identifier(name).then(|| Sample::owned([b"_", name].concat()))
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none, text_of};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn valid_headers() {
        for header in [
            "proto=https;host=\"haproxy.org:80\"",
            "for=\"_name:_port\"",
            "for=_name",
            "for=\"[::1]:80\"",
            "for=\"[::1]\"",
            "for=unknown",
            "for=\"unknown:80\"",
            "for=1.2.3.4;proto=http;by=1.2.3.4;host=x",
            "host=a.b",
            "host=\"\"",
            "for=_a-b.c_d",
        ] {
            assert_eq!(text_of(header, "rfc7239_is_valid").unwrap(), "1", "{header}");
        }
    }

    #[test]
    fn invalid_headers() {
        for header in [
            "",
            "for=_name:80",
            "for=[::1]",
            "for=Unknown",
            "for=127.0.0.1:80",
            "for=\"127.0.0.1:80x\"",
            "for=\"127.0.0.1:99999\"",
            "for=\"127.0.0.1:\"",
            "for=\"127.0.0.1:0\"",
            "for=1.2.3.4;for=1.2.3.5",
            "for=1.2.3.4, for=1.2.3.5",
            "for=1.2.3.4; proto=http",
            "FOR=1.2.3.4",
            "proto=HTTPS",
            "proto=\"http\"",
            "for=1.2.3.4;ext=foo",
            "for=1.2.3.4;",
            "host=\"a\\\"b\"",
            "host=a:80",
            "host=\"a b\"",
            "host=",
            "for=\"_\"",
            "for=\"_a/b\"",
        ] {
            assert_eq!(text_of(header, "rfc7239_is_valid").unwrap(), "0", "{header}");
        }
    }

    #[test]
    fn fields_are_taken_from_valid_headers() {
        let header = "proto=https;host=\"haproxy.org:80\";for=\"127.0.0.1:9999\"";
        let field = |name: &str| text_of(header, &format!("rfc7239_field({name})"));
        assert_eq!(field("host").unwrap(), "haproxy.org:80");
        assert_eq!(field("for").unwrap(), "127.0.0.1:9999");
        assert_eq!(field("by"), None);
        assert_eq!(text_of("for=1.2.3.4;proto=custom", "rfc7239_field(for)"), None);
        assert!(error("str(a),rfc7239_field(bad)").contains("unsupported field 'bad'"));
    }

    #[test]
    fn nodes_have_names_and_ports() {
        expect(&[
            ("str(127.0.0.1:9999),rfc7239_n2nn", "127.0.0.1"),
            ("str([ab:cd:ff:ff:ff:ff:ff:ff]:9998),rfc7239_n2nn", "ab:cd:ff:ff:ff:ff:ff:ff"),
            ("str(_name:_port),rfc7239_n2nn", "_name"),
            ("str(unknown:80),rfc7239_n2nn", "unknown"),
            ("str(127.0.0.1:9999),rfc7239_n2np", "9999"),
            ("str([::1]:9998),rfc7239_n2np", "9998"),
            ("str(unknown:_x),rfc7239_n2np", "_x"),
            // What follows a node is not looked at.
            ("str(127.0.0.1/x),rfc7239_n2nn", "127.0.0.1"),
            ("str(unknownx),rfc7239_n2nn", "unknown"),
            ("str([::1]:80/x),rfc7239_n2np", "80"),
            ("str(_x:_y/z),rfc7239_n2np", "_y"),
        ]);
        expect_none(&[
            "str(UNKNOWN),rfc7239_n2nn",
            "str(junk),rfc7239_n2nn",
            "str(127.0.0.1),rfc7239_n2np",
            "str(_name:99999),rfc7239_n2np",
            "str(_name:0),rfc7239_n2np",
            "str(127.0.0.1:x),rfc7239_n2nn",
            "str(unknown:),rfc7239_n2nn",
        ]);
    }

    #[test]
    fn nodes_are_put_together() {
        expect(&[
            ("ipv6(ab::1),rfc7239_nn", "[ab::1]"),
            ("ipv4(1.2.3.4),rfc7239_nn", "1.2.3.4"),
            ("str(test),rfc7239_nn", "_test"),
            ("str(),rfc7239_nn", "unknown"),
            ("int(12),rfc7239_nn", "_12"),
            ("int(12),rfc7239_np", "12"),
            ("int(-1),rfc7239_np", "4294967295"),
            ("str(8888),rfc7239_np", "_8888"),
        ]);
        expect_none(&["str(\"a b\"),rfc7239_nn", "str(),rfc7239_np", "str(\"a b\"),rfc7239_np"]);
    }

    proptest! {
        #[test]
        fn no_header_makes_it_fail(header in "(for|by|host|proto)=[\"\\[\\]:;=_a1.]{0,12}") {
            if let Some(found) = parameters(header.as_bytes()) {
                prop_assert!(found.into_iter().flatten().all(|range| range.end <= header.len()));
            }
        }
    }
}
