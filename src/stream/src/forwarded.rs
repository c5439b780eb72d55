//! `option forwarded`: the header of RFC 7239, which tells servers what they cannot see of the client.

use std::net::IpAddr;
use std::sync::Arc;

use base::addr::Addr;
use config::directive::Arity;
use config::{Directive, Prefix, Refusal, Section, Sections, Sense, Setting, Statement};
use grammar::span::Span;
use lang::{Contexts, Expr, Sample, Scene};

/// What the header says.
#[derive(Clone, Debug, Default)]
pub struct Forwarded {
    proto: Proto,
    host: Option<Part>,
    by: Node,
    client: Node,
}

/// Whether the protocol is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Proto {
    #[default]
    Omitted,
    Said,
}

/// A name with a port.
#[derive(Clone, Debug, Default)]
struct Node {
    name: Option<Part>,
    port: Option<Part>,
}

/// Where a part of the header comes from.
#[derive(Clone, Debug)]
enum Part {
    /// The connection, or the request.
    Natural,
    /// An expression.
    Asked(Arc<Expr>),
}

/// The option of a proxy; none without.
#[derive(Clone, Debug, Default)]
pub struct ForwardedOption(pub Option<Arc<Forwarded>>);

impl Setting for ForwardedOption {}

/// The directive.
pub static FORWARDED_DIRECTIVES: &[Directive] = &[Directive {
    name: "option forwarded",
    section: Section::Proxy(Sections::BACK),
    prefix: Prefix::No,
    arity: Arity::AtLeast(0),
    manual: "4.2",
    parse: option,
}];

fn option(s: &mut Statement<'_>) -> Result<(), Refusal> {
    if s.sense != Sense::Set {
        s.slot::<ForwardedOption>().0 = None;
        return Ok(());
    }
    let mut option = Forwarded::default();
    if s.args() == 0 {
        (option.proto, option.client.name) = (Proto::Said, Some(Part::Natural));
    }
    let mut at = 0;
    while at < s.args() {
        let word = s.arg(at).into_owned();
        let (name, part) = match word.strip_suffix("-expr") {
            Some(name) if matches!(name, "host" | "by" | "by_port" | "for" | "for_port") => {
                at += 1;
                (name, Part::Asked(Arc::new(expression(s, at, &word)?)))
            }
            _ => (&*word, Part::Natural),
        };
        match name {
            "proto" => option.proto = Proto::Said,
            "host" => option.host = Some(part),
            "by" => option.by.name = Some(part),
            "by_port" => option.by.port = Some(part),
            "for" => option.client.name = Some(part),
            "for_port" => option.client.port = Some(part),
            _ => {
                let text = "'option forwarded' only supports optional values: 'proto', 'host', 'host-expr', 'by', \
                            'by-expr', 'by_port', 'by_port-expr', 'for', 'for-expr', 'for_port' and 'for_port-expr'.";
                return Err(s.refuse(at, text));
            }
        }
        at += 1;
    }
    for (name, node) in [("by", &option.by), ("for", &option.client)] {
        if node.name.is_none() && node.port.is_some() {
            s.warn(format!(
                "'option forwarded' : '{name}_port' has no effect without '{name}' or '{name}-expr'."
            ));
        }
    }
    s.slot::<ForwardedOption>().0 = Some(Arc::new(option));
    Ok(())
}

fn expression(s: &mut Statement<'_>, at: usize, word: &str) -> Result<Expr, Refusal> {
    let text = s.bytes(at);
    if text.is_empty() {
        return Err(s.refuse(at - 1, format!("'option forwarded' : '{word}' expects <expr> as argument.")));
    }
    let expr = Expr::parse(text, s.registry)
        .map_err(|e| s.refuse_part(at, e.span, format!("'option forwarded' : {}.", e.message)))?;
    if let Err(e) = expr.check(Contexts::BACK_REQUEST, Span::new(0, text.len())) {
        s.warn(format!("'option forwarded' : {}.", e.message));
    }
    Ok(expr)
}

impl Forwarded {
    /// The header's value.
    pub(crate) fn value(&self, scene: &Scene<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        if self.proto == Proto::Said {
            let proto: &[u8] = if scene.session.tls.tls().is_some() { b"https" } else { b"http" };
            parameter(&mut out, b"proto=", proto);
        }
        if let Some(part) = &self.host {
            parameter(&mut out, b"host=", &quoted(&part.host(scene).unwrap_or_default()));
        }
        self.by.write(&mut out, b"by=", scene, scene.destination());
        self.client.write(&mut out, b"for=", scene, scene.source());
        out
    }
}

fn parameter(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if !out.is_empty() {
        out.push(b';');
    }
    out.extend_from_slice(name);
    out.extend_from_slice(value);
}

fn quoted(text: &[u8]) -> Vec<u8> {
    [b"\"", text, b"\""].concat()
}

impl Part {
    fn host(&self, scene: &Scene<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Natural => scene.request?.headers.find(b"host").map(<[u8]>::to_vec),
            Self::Asked(expr) => text(expr, scene).filter(|host| is_host(host)),
        }
    }
}

fn text(expr: &Expr, scene: &Scene<'_>) -> Option<Vec<u8>> {
    Some(expr.eval(&scene.settled()).value()?.into_text().into_owned())
}

/// What may stand in quotes without being escaped, and in a host.
fn is_host(host: &[u8]) -> bool {
    host.iter().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(b))
}

/// Text as an identifier that hides what it stands for; nothing when it has characters that none may have.
fn obfuscated(text: &[u8]) -> Option<Vec<u8>> {
    let fits = text.iter().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(b));
    match text {
        [] => None,
        [b'_', _, ..] if fits => Some(text.to_vec()),
        _ if fits => Some([b"_", text].concat()),
        _ => None,
    }
}

impl Node {
    fn write(&self, out: &mut Vec<u8>, parameter_name: &[u8], scene: &Scene<'_>, addr: Option<&Addr>) {
        let Some(name) = &self.name else { return };
        let (name, plain) = match name {
            Part::Natural => written(addr.and_then(Addr::ip)),
            Part::Asked(expr) => name_of(expr.eval(&scene.settled()).value()),
        };
        let port = match &self.port {
            None => None,
            Some(Part::Natural) => addr.and_then(Addr::port).map(|port| port.to_string().into_bytes()),
            Some(Part::Asked(expr)) => text(expr, scene).and_then(port_of),
        };
        let value = match port {
            Some(port) => [&name[..], b":", &port].concat(),
            None => name,
        };
        // What may have a port is always in quotes.
        if plain == Plain::Yes && self.port.is_none() {
            parameter(out, parameter_name, &value);
        } else {
            parameter(out, parameter_name, &quoted(&value));
        }
    }
}

/// Whether a name may stand without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plain {
    Yes,
    No,
}

fn written(ip: Option<IpAddr>) -> (Vec<u8>, Plain) {
    match ip {
        Some(IpAddr::V4(ip)) => (ip.to_string().into_bytes(), Plain::Yes),
        Some(IpAddr::V6(ip)) => (format!("[{ip}]").into_bytes(), Plain::No),
        None => (b"unknown".to_vec(), Plain::Yes),
    }
}

/// The name that a sample stands for: an address, or an identifier.
fn name_of(sample: Option<Sample<'_>>) -> (Vec<u8>, Plain) {
    let Some(sample) = sample else { return written(None) };
    if !matches!(sample, Sample::Str(_))
        && let Some(ip) = sample.to_addr()
    {
        return written(Some(ip));
    }
    let text = sample.into_text();
    match std::str::from_utf8(&text).ok().and_then(node) {
        Some(ip) => written(Some(ip)),
        None if *text == *b"unknown" => written(None),
        None => obfuscated(&text).map_or_else(|| written(None), |name| (name, Plain::Yes)),
    }
}

/// An address as such headers have it: of version 6 in brackets.
fn node(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        Some(v6) => v6.parse().ok().map(IpAddr::V6),
        None => text.parse().ok().map(IpAddr::V4),
    }
}

/// The port that a text stands for: a number, or an identifier.
fn port_of(text: Vec<u8>) -> Option<Vec<u8>> {
    let number = std::str::from_utf8(&text).ok().and_then(|t| t.parse::<u16>().ok());
    if number.is_some_and(|n| n > 0) { Some(text) } else { obfuscated(&text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_addresses_or_hide_what_they_are() {
        let name = |text: &[u8]| String::from_utf8(name_of(Some(Sample::owned(text.to_vec()))).0).unwrap();
        assert_eq!(name(b"1.2.3.4"), "1.2.3.4");
        assert_eq!(name(b"[::1]"), "[::1]");
        assert_eq!(name(b"_secret"), "_secret");
        assert_eq!(name(b"secret"), "_secret");
        assert_eq!(name(b"_"), "__");
        for odd in [&b""[..], b"::1", b"a b", b"1.2.3.4:5", b"_a\"b", b"unknown"] {
            assert_eq!(name(odd), "unknown");
        }
        assert_eq!(name_of(Some(Sample::ip("::1".parse().unwrap()))), (b"[::1]".to_vec(), Plain::No));
    }

    #[test]
    fn ports_are_numbers_or_hide_them() {
        let port = |text: &[u8]| port_of(text.to_vec()).map(|p| String::from_utf8(p).unwrap());
        for (text, value) in [("1", "1"), ("65535", "65535"), ("_p", "_p"), ("0", "_0"), ("65536", "_65536")]
        {
            assert_eq!(port(text.as_bytes()).as_deref(), Some(value));
        }
        assert_eq!((port(b""), port(b"a b")), (None, None));
    }
}
