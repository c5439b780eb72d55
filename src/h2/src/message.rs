//! Between header fields and heads (RFC 9113, section 8).

use http::{BodyLength, Headers, Method, RequestHead, ResponseHead, Status, TargetSource, Version};

use http::uri::{Authority, Form};

use crate::hpack::Encoder;
use crate::settings::{ExtendedConnect, Strictness};

/// What a request says beside its head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// How the end of the body is found.
    pub body: BodyLength,
    /// The protocol that `CONNECT` is to switch to (RFC 8441).
    pub protocol: Protocol,
    /// Whether it can be a request at all.
    pub verdict: Verdict,
}

/// The protocol that an extended `CONNECT` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// None: it is a request like others.
    #[default]
    None,
    /// `websocket`
    WebSocket,
    /// Another one, which the field `upgrade` names.
    Other,
}

/// Whether a request can be one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It can.
    #[default]
    Sound,
    /// Its method or its scheme cannot be any: the client is told so.
    Bad,
}

/// The message is not what the protocol allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Room for what is put together from several fields, used again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    method: Vec<u8>,
    scheme: Vec<u8>,
    authority: Vec<u8>,
    path: Vec<u8>,
    protocol: Vec<u8>,
    cookies: Vec<u8>,
}

impl Scratch {
    fn clear(&mut self) {
        let Self { method, scheme, authority, path, protocol, cookies } = self;
        for part in [method, scheme, authority, path, protocol, cookies] {
            part.clear();
        }
    }
}

/// The pseudo-headers that came, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen(u8);

impl Seen {
    const METHOD: u8 = 1;
    const SCHEME: u8 = 2;
    const AUTHORITY: u8 = 4;
    const PATH: u8 = 8;
    const PROTOCOL: u8 = 16;
    const STATUS: u8 = 32;
    /// A field that is none.
    const REGULAR: u8 = 64;

    fn has(self, what: u8) -> bool {
        self.0 & what == what
    }

    /// Notes a pseudo-header: each comes once, and before all others.
    fn note(&mut self, what: u8) -> Result<(), Malformed> {
        if self.0 & (what | Self::REGULAR) != 0 {
            return Err(Malformed);
        }
        self.0 |= what;
        Ok(())
    }
}

/// What is gathered while the fields of a head come.
struct Gathering<'g> {
    headers: &'g mut Headers,
    seen: Seen,
    length: Option<u64>,
    fields: usize,
    limits: Limits,
    /// What is wrong, which does not stop the fields from coming.
    fault: Result<(), Malformed>,
}

/// What a head may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) fields: usize,
    pub(crate) bytes: usize,
}

impl<'g> Gathering<'g> {
    fn new(headers: &'g mut Headers, limits: Limits) -> Self {
        Self { headers, seen: Seen::default(), length: None, fields: 0, limits, fault: Ok(()) }
    }

    fn note(&mut self, result: Result<(), Malformed>) {
        self.fault = self.fault.and(result);
    }

    fn count(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        self.fields += 1;
        self.limits.bytes = self.limits.bytes.checked_sub(name.len() + value.len()).ok_or(Malformed)?;
        if self.fields > self.limits.fields { Err(Malformed) } else { Ok(()) }
    }

    /// Takes a field that is no pseudo-header.
    fn regular(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        self.seen.0 |= Seen::REGULAR;
        let value = http::token::trim(value);
        if !is_field_name(name) || !is_field_value(value) || is_of_connection(name, value) {
            return Err(Malformed);
        }
        if name == b"content-length" {
            let said = self.length.is_some();
            for length in http::values(value) {
                let length = http::token::decimal(length).ok_or(Malformed)?;
                if self.length.is_some_and(|before| before != length) {
                    return Err(Malformed);
                }
                self.length = Some(length);
            }
            if let Some(length) = self.length.filter(|_| !said) {
                self.headers.push(name, itoa::Buffer::new().format(length).as_bytes());
            }
            return Ok(());
        }
        self.headers.push(name, value);
        Ok(())
    }
}

/// Names are tokens without capital letters (section 8.2.1).
fn is_field_name(name: &[u8]) -> bool {
    http::token::is_token(name) && !name.iter().any(u8::is_ascii_uppercase)
}

/// Values have no bytes that end a line or a string.
fn is_field_value(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// Fields that speak of the connection mean nothing here (section 8.2.2).
fn is_of_connection(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"connection" | b"proxy-connection" | b"keep-alive" | b"upgrade" | b"transfer-encoding" => true,
        b"te" => !value.eq_ignore_ascii_case(b"trailers"),
        _ => false,
    }
}

/// Gathers a request from fields that `each` gives one by one.
pub(crate) fn read_request<E>(
    head: &mut RequestHead,
    scratch: &mut Scratch,
    limits: Limits,
    strictness: Strictness,
    decode: impl FnOnce(&mut dyn FnMut(&[u8], &[u8])) -> Result<(), E>,
) -> Result<Result<(RequestInfo, Option<u64>), Malformed>, E> {
    let RequestHead { headers, .. } = head;
    headers.clear();
    scratch.clear();
    let mut gathering = Gathering::new(headers, limits);
    decode(&mut |name, value| {
        let result =
            gathering.count(name, value).and_then(|()| gathering.request_field(scratch, name, value));
        gathering.note(result);
    })?;
    let Gathering { seen, length, fault, .. } = gathering;
    Ok(fault.and_then(|()| settle_request(head, scratch, seen, strictness)).map(|info| (info, length)))
}

impl Gathering<'_> {
    fn request_field(&mut self, scratch: &mut Scratch, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        let (what, place) = match name {
            b":method" => (Seen::METHOD, &mut scratch.method),
            b":scheme" => (Seen::SCHEME, &mut scratch.scheme),
            b":authority" => (Seen::AUTHORITY, &mut scratch.authority),
            b":path" => (Seen::PATH, &mut scratch.path),
            b":protocol" => (Seen::PROTOCOL, &mut scratch.protocol),
            // The authority says it already.
            b"host" if self.seen.has(Seen::AUTHORITY) => {
                self.seen.0 |= Seen::REGULAR;
                return if is_field_value(value) { Ok(()) } else { Err(Malformed) };
            }
            b"cookie" => {
                self.seen.0 |= Seen::REGULAR;
                // They were sent apart for the sake of compression (section 8.2.3).
                if !scratch.cookies.is_empty() {
                    scratch.cookies.extend_from_slice(b"; ");
                }
                scratch.cookies.extend_from_slice(http::token::trim(value));
                return if is_field_value(value) { Ok(()) } else { Err(Malformed) };
            }
            _ => return self.regular(name, value),
        };
        place.extend_from_slice(value);
        self.seen.note(what)
    }
}

/// Puts a request together.
fn settle_request(
    head: &mut RequestHead,
    scratch: &mut Scratch,
    seen: Seen,
    strictness: Strictness,
) -> Result<RequestInfo, Malformed> {
    let Scratch { method, scheme, authority, path, protocol, cookies } = scratch;
    head.method = Method::find(method);
    head.version = Version::Http2;
    head.target_source = TargetSource::PseudoHeaders;
    head.target.clear();
    let tunnel = head.method == Method::Connect && !seen.has(Seen::PROTOCOL);
    let needed = if tunnel { Seen::METHOD } else { Seen::METHOD | Seen::SCHEME | Seen::PATH };
    if !seen.has(needed) || seen.has(Seen::PROTOCOL) && head.method != Method::Connect {
        return Err(Malformed);
    }
    let itself = protocol.eq_ignore_ascii_case(b"h2c") || protocol.eq_ignore_ascii_case(b"h2");
    if seen.has(Seen::PROTOCOL) && (itself || !http::token::is_token(protocol)) {
        return Err(Malformed);
    }
    if !is_authority(authority) || !tunnel && !is_path(path, strictness) {
        return Err(Malformed);
    }
    let mut info = RequestInfo::default();
    // What looks like a preface would be taken for one by servers.
    if !http::token::is_token(method) || method == b"PRI" || !tunnel && !is_scheme(scheme) {
        info.verdict = Verdict::Bad;
    }
    if seen.has(Seen::PROTOCOL) {
        let websocket = protocol.eq_ignore_ascii_case(b"websocket");
        info.protocol = if websocket { Protocol::WebSocket } else { Protocol::Other };
        head.method = Method::Get;
    }
    let authority = if tunnel { &authority[..] } else { without_default_port(authority, scheme) };
    if tunnel {
        head.target.extend_from_slice(authority);
    } else if path == b"*" {
        head.target.extend_from_slice(if head.method == Method::Options { b"*" } else { b"/" });
    } else {
        if !authority.is_empty() {
            head.target.extend_from_slice(scheme);
            head.target.extend_from_slice(b"://");
            head.target.extend_from_slice(authority);
        }
        head.target.extend_from_slice(path);
    }
    if !authority.is_empty() {
        head.headers.insert_at(0, b"host", authority);
    }
    if !cookies.is_empty() {
        head.headers.push(b"cookie", cookies);
    }
    if info.protocol != Protocol::None {
        // What a request of HTTP/1 would say.
        head.headers.insert_at(0, b"upgrade", protocol);
        head.headers.insert_at(1, b"connection", b"upgrade");
    }
    Ok(info)
}

/// The port that a scheme implies is the same as none (RFC 9110, section 4.2.3).
fn without_default_port<'a>(authority: &'a [u8], scheme: &[u8]) -> &'a [u8] {
    let parts = Authority::parse(authority);
    if parts.has_default_port(scheme) {
        let port = parts.port.map_or(0, |port| port.len() + 1);
        return &authority[..authority.len() - port];
    }
    authority
}

fn is_authority(authority: &[u8]) -> bool {
    !authority.iter().any(|byte| *byte <= b' ' || matches!(byte, b'@' | b'/' | b'?' | b'#' | b'\\' | 0x7f))
}

fn is_path(path: &[u8], strictness: Strictness) -> bool {
    let allowed = |byte: &u8| match byte {
        0..=b' ' | 0x7f => false,
        b'#' => strictness == Strictness::Relaxed,
        _ => true,
    };
    (path.first() == Some(&b'/') || path == b"*") && path.iter().all(allowed)
}

fn is_scheme(scheme: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.first().is_some_and(u8::is_ascii_alphabetic) && scheme.iter().all(allowed)
}

/// Gathers a response.
pub(crate) fn read_response<E>(
    head: &mut ResponseHead,
    limits: Limits,
    decode: impl FnOnce(&mut dyn FnMut(&[u8], &[u8])) -> Result<(), E>,
) -> Result<Result<Option<u64>, Malformed>, E> {
    let ResponseHead { headers, .. } = head;
    headers.clear();
    let mut gathering = Gathering::new(headers, limits);
    let mut status = None;
    decode(&mut |name, value| {
        let result = gathering.count(name, value).and_then(|()| match name {
            b":status" => {
                status = read_status(value);
                gathering.seen.note(Seen::STATUS)
            }
            _ => gathering.regular(name, value),
        });
        gathering.note(result);
    })?;
    let Gathering { length, fault, .. } = gathering;
    Ok(fault.and_then(|()| {
        let status = status.filter(|status| *status != 101).ok_or(Malformed)?;
        head.version = Version::Http2;
        head.set_status(Status(status));
        Ok(length)
    }))
}

fn read_status(value: &[u8]) -> Option<u16> {
    let digits: [u8; 3] = value.try_into().ok()?;
    let number = http::token::decimal(&digits)?;
    u16::try_from(number).ok().filter(|status| *status >= 100)
}

/// Gathers the fields behind a body.
pub(crate) fn read_trailers<E>(
    trailers: &mut Headers,
    limits: Limits,
    decode: impl FnOnce(&mut dyn FnMut(&[u8], &[u8])) -> Result<(), E>,
) -> Result<Result<(), Malformed>, E> {
    trailers.clear();
    let mut gathering = Gathering::new(trailers, limits);
    decode(&mut |name, value| {
        let result = gathering.count(name, value).and_then(|()| gathering.regular(name, value));
        gathering.note(result);
    })?;
    Ok(gathering.fault)
}

/// Appends the fields of a request. What it says of an upgrade becomes an extended `CONNECT`.
pub(crate) fn push_request(
    head: &RequestHead,
    (scheme, body, protocol): (&[u8], BodyLength, Protocol),
    out: &mut Vec<u8>,
) {
    let parts = head.parts();
    let tunnel = head.method == Method::Connect;
    let mut told = tunnel;
    let method = if protocol == Protocol::None { head.method.as_bytes() } else { b"CONNECT" };
    Encoder::method(method, out);
    if tunnel {
        Encoder::authority(&head.target, out);
    } else {
        let whole = parts.form == Form::Absolute;
        Encoder::scheme(if whole { parts.scheme } else { scheme }, out);
        // Only who was told an authority tells one; others pass on the field.
        let host = head.headers.find(b"host").unwrap_or(parts.authority);
        let authority = if protocol != Protocol::None || whole { host } else { b"" };
        if !authority.is_empty() {
            Encoder::authority(authority, out);
        }
        told = !authority.is_empty();
        let path: &[u8] = match parts.path_and_query {
            b"" if head.target == b"*" || whole && head.method == Method::Options => b"*",
            b"" => b"/",
            path => path,
        };
        Encoder::path(path, out);
    }
    if protocol != Protocol::None {
        Encoder::field(b":protocol", head.headers.find(b"upgrade").unwrap_or(b"websocket"), out);
    }
    push_fields(&head.headers, Length::of_request(body), |name| told && name == b"host", out);
}

/// Appends the fields of a response.
pub(crate) fn push_response(head: &ResponseHead, body: BodyLength, out: &mut Vec<u8>) {
    let status = if head.status.0 == 101 { 200 } else { head.status.0 };
    Encoder::status(status, out);
    let proof = head.status.0 == 101;
    let skips = |name: &[u8]| proof && name == b"sec-websocket-accept";
    push_fields(&head.headers, Length::of_response(body), skips, out);
}

/// Appends the fields behind a body.
pub(crate) fn push_trailers(trailers: &Headers, out: &mut Vec<u8>) {
    push_fields(trailers, Length::AsIs, |_| false, out);
}

/// What is said of a body's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// What the message says itself.
    AsIs,
    Neither,
    Bytes(u64),
}

impl Length {
    fn of_request(body: BodyLength) -> Self {
        match body {
            BodyLength::Length(length) => Self::Bytes(length),
            _ => Self::Neither,
        }
    }

    fn of_response(body: BodyLength) -> Self {
        match body {
            BodyLength::None => Self::AsIs,
            other => Self::of_request(other),
        }
    }
}

/// Appends fields; those that speak of the connection go no further.
fn push_fields(headers: &Headers, mut length: Length, skips: impl Fn(&[u8]) -> bool, out: &mut Vec<u8>) {
    for field in headers {
        match field.name {
            b"connection" | b"proxy-connection" | b"keep-alive" | b"upgrade" | b"transfer-encoding" => {}
            b"te" if !has_trailers(field.value) => {}
            b"te" => Encoder::field(b"te", b"trailers", out),
            b"content-length" => match length {
                Length::AsIs => Encoder::field(field.name, field.value, out),
                Length::Neither => {}
                Length::Bytes(bytes) => {
                    push_length(bytes, out);
                    length = Length::Neither;
                }
            },
            b"authorization" | b"proxy-authorization" => Encoder::secret(field.name, field.value, out),
            name if skips(name) => {}
            name => Encoder::field(name, field.value, out),
        }
    }
    if let Length::Bytes(bytes) = length {
        push_length(bytes, out);
    }
}

fn has_trailers(te: &[u8]) -> bool {
    http::values(te).any(|value| value.eq_ignore_ascii_case(b"trailers"))
}

fn push_length(length: u64, out: &mut Vec<u8>) {
    Encoder::field(b"content-length", itoa::Buffer::new().format(length).as_bytes(), out);
}

impl ExtendedConnect {
    pub(crate) fn is_offered(self) -> bool {
        self == Self::Offered
    }
}
