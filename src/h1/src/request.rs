//! Heads of requests.

use http::{BodyLength, Method, RequestHead, TargetSource, Version};

use crate::connection::{UpgradeWord, Words, settle_te, settle_upgrade, strip_words};
use crate::cursor::Fault;
use crate::framing::{self, Framing};
use crate::host::{self, Agreement};
use crate::scan::{self, Line};
use crate::special::{Place, Special};
use crate::{
    Cursor, ErrorKind, InsecureFraming, OldPayload, Options, ParseError, Persistence, Progress, Side,
    Strictness, Upgrade,
};

/// What a complete request head says besides itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// The number of received bytes that the head took.
    pub head_len: usize,
    /// How the end of the body is found. `None` for `CONNECT`, which becomes a tunnel when it is accepted.
    pub body: BodyLength,
    /// Whether the client can send another request after this one.
    pub persistence: Persistence,
    /// The protocol it offers to switch to.
    pub upgrade: Upgrade,
    /// Whether the client waits for an answer before it sends the body.
    pub expectation: Expectation,
    /// The number of violations that were tolerated.
    pub violations: u32,
    /// Where the first of them is.
    pub first_violation: Option<usize>,
}

/// What a client waits for before it sends the body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing.
    #[default]
    None,
    /// `Expect: 100-continue`.
    Continue,
}

/// Parses the head of a request from everything received so far. `head` is complete only when the result says so;
/// the cursor is reset then, and after an error.
pub fn parse_request(
    buf: &[u8],
    cursor: &mut Cursor,
    options: &Options,
    head: &mut RequestHead,
) -> Result<Progress<RequestInfo>, ParseError> {
    let result = parse(buf, cursor, options, head);
    if !matches!(result, Ok(Progress::Partial)) {
        cursor.reset();
    }
    result.map_err(|fault| ParseError::of(Side::Request, fault))
}

fn parse(
    buf: &[u8],
    cursor: &mut Cursor,
    options: &Options,
    head: &mut RequestHead,
) -> Result<Progress<RequestInfo>, Fault> {
    if cursor.is_in_start_line() {
        let Some(start) = cursor.start_line(buf)? else { return partial(buf, cursor, options) };
        head.clear();
        let Some(next) = start_line(buf, start, cursor, options.strictness, head)? else {
            return partial(buf, cursor, options);
        };
        cursor.start_line_done(next);
    }
    if head.version == Version::Http09 {
        return bare_request(cursor, options, head).map(Progress::Complete);
    }
    match cursor.fields(buf, options)? {
        Some(end) => complete(buf, end, cursor, options, head).map(Progress::Complete),
        None => partial(buf, cursor, options),
    }
}

fn partial(buf: &[u8], cursor: &Cursor, options: &Options) -> Result<Progress<RequestInfo>, Fault> {
    if !options.limits.is_full(buf.len()) {
        return Ok(Progress::Partial);
    }
    let kind = if cursor.is_in_start_line() { ErrorKind::TargetTooLong } else { ErrorKind::HeadTooLarge };
    Err((kind, buf.len()))
}

/// The line alone is the request: `GET` and a target, without version or headers.
fn bare_request(
    cursor: &mut Cursor,
    options: &Options,
    head: &mut RequestHead,
) -> Result<RequestInfo, Fault> {
    let head_len = cursor.fields_start();
    host::settle(head, Place::Nowhere, options.strictness).map_err(|kind| (kind, head_len))?;
    let (violations, first_violation) = cursor.violations();
    Ok(RequestInfo {
        head_len,
        body: BodyLength::None,
        persistence: Persistence::Close,
        upgrade: Upgrade::None,
        expectation: Expectation::None,
        violations,
        first_violation,
    })
}

/// Parses method, target and version; returns where the next line starts.
fn start_line(
    buf: &[u8],
    start: usize,
    cursor: &mut Cursor,
    strictness: Strictness,
    head: &mut RequestHead,
) -> Result<Option<usize>, Fault> {
    let method_end = scan::token_end(buf, start);
    match buf.get(method_end) {
        Some(b' ' | b'\t') if method_end > start => {}
        Some(_) => return Err((ErrorKind::Method, method_end)),
        None => return Ok(None),
    }
    head.method = Method::find(&buf[start..method_end]);
    let target_start = scan::blanks_end(buf, method_end);
    let target_end = scan::target_end(buf, target_start, strictness);
    let version_start = match buf.get(target_end) {
        Some(b' ' | b'\t' | b'\r' | b'\n') if target_end > target_start => scan::blanks_end(buf, target_end),
        Some(_) => return Err((ErrorKind::Target, target_end)),
        None => return Ok(None),
    };
    let rest = &buf[version_start..];
    let (version, next) = if rest.starts_with(b"HTTP/1.1\r\n") {
        (Version::Http11, version_start + 10)
    } else {
        match version(buf, version_start, &head.method, strictness)? {
            Some(found) => found,
            None => return Ok(None),
        }
    };
    let target = &buf[target_start..target_end];
    note_unsafe_bytes(target, target_start, version, cursor, strictness);
    head.version = version;
    head.target.extend_from_slice(target);
    head.target_source = TargetSource::StartLine;
    // The method that HTTP/2 keeps for itself, so that no HTTP/1 server takes its preface for a request.
    if head.method.as_bytes() == b"PRI" {
        return Err((ErrorKind::Method, start));
    }
    Ok(Some(next))
}

fn note_unsafe_bytes(
    target: &[u8],
    start: usize,
    version: Version,
    cursor: &mut Cursor,
    strictness: Strictness,
) {
    if strictness == Strictness::Strict {
        return;
    }
    if let Some(at) = target.iter().position(|&b| b == b'#' || b >= 0x80) {
        cursor.tolerate(start + at);
    }
    if matches!(version, Version::Http09) || (matches!(version, Version::Other(_)) && !is_plain(version)) {
        cursor.tolerate(start + target.len());
    }
}

fn is_plain(version: Version) -> bool {
    is_plain_text(version.as_bytes())
}

fn is_plain_text(text: &[u8]) -> bool {
    matches!(text, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

/// Parses the version and the end of the line.
fn version(
    buf: &[u8],
    start: usize,
    method: &Method,
    strictness: Strictness,
) -> Result<Option<(Version, usize)>, Fault> {
    let length = buf[start..].iter().take_while(|&&b| is_version_byte(b)).count();
    let end = start + length;
    let next = match buf.get(end) {
        None => return Ok(None),
        Some(b'\r' | b'\n') => match scan::line_end_at(buf, end) {
            Line::End(line) => line.next,
            Line::Partial => return Ok(None),
            Line::BareReturn(at) | Line::Nul(at) => return Err((ErrorKind::LineEnd, at)),
        },
        Some(_) => return Err((ErrorKind::Version, end)),
    };
    match check_version(&buf[start..end], method, strictness) {
        Some(version) => Ok(Some((version, next))),
        None => Err((ErrorKind::Version, start)),
    }
}

/// The bytes of which versions are made, also those of other protocols.
pub(crate) fn is_version_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.')
}

fn check_version(text: &[u8], method: &Method, strictness: Strictness) -> Option<Version> {
    match strictness {
        _ if is_plain_text(text) => Version::find(text),
        Strictness::Strict => None,
        Strictness::Relaxed if text.is_empty() && *method != Method::Get => None,
        Strictness::Relaxed => Version::find(text),
    }
}

/// Settles everything that concerns more than one line, once the end of the head is there.
fn complete(
    buf: &[u8],
    end: usize,
    cursor: &mut Cursor,
    options: &Options,
    head: &mut RequestHead,
) -> Result<RequestInfo, Fault> {
    let mut special = Special::default();
    cursor.publish(buf, end, &mut head.headers, |name| special.note(name));
    let at_end = |kind| (kind, end);
    let text = head.method.as_bytes().len() + head.target.len() + head.version.as_bytes().len();
    if !options.limits.fits(text + head.headers.size(), head.headers.len()) {
        let line_fits = options.limits.holds_line(text);
        return Err(at_end(if line_fits { ErrorKind::HeadTooLarge } else { ErrorKind::TargetTooLong }));
    }
    let is_path = head.target.first() == Some(&b'/') && head.method != Method::Connect;
    if (special.host.is_somewhere() || !is_path)
        && host::settle(head, special.host, options.strictness).map_err(at_end)? == Agreement::Tolerated
    {
        cursor.tolerate(end);
    }
    let (body, after) = body(special, options, head).map_err(at_end)?;
    let (persistence, upgrade) = connection(cursor, special, options, head).map_err(at_end)?;
    let persistence = if after == Persistence::Close { after } else { persistence };
    if special.te.is_somewhere() {
        settle_te(&mut head.headers);
    }
    let (violations, first_violation) = cursor.violations();
    let expectation = expectation(special, head);
    Ok(RequestInfo { head_len: end, body, persistence, upgrade, expectation, violations, first_violation })
}

fn expectation(special: Special, head: &RequestHead) -> Expectation {
    let waits = special.expect.is_somewhere()
        && head.version.is_at_least_11()
        && head.headers.has_value(b"expect", b"100-continue");
    if waits { Expectation::Continue } else { Expectation::None }
}

fn connection(
    cursor: &mut Cursor,
    special: Special,
    options: &Options,
    head: &mut RequestHead,
) -> Result<(Persistence, Upgrade), ErrorKind> {
    if !special.concerns_connection() {
        return Ok((Words::default().persistence(head.version), Upgrade::None));
    }
    if let Some(words) = Words::take_usual(&mut head.headers, special) {
        return Ok((words.persistence(head.version), Upgrade::None));
    }
    let words = Words::read(&head.headers);
    let mut upgrade = settle_upgrade(&mut head.headers, Side::Request, words);
    let word = if upgrade.is_some() { UpgradeWord::Keep } else { UpgradeWord::Remove };
    strip_words(&mut head.headers, word);
    if upgrade == Upgrade::WebSocket && !has_websocket_key(head) {
        match options.strictness {
            Strictness::Strict => return Err(ErrorKind::WebSocketKey),
            Strictness::Relaxed => upgrade = Upgrade::WebSocketWithoutKey,
        }
        cursor.tolerate(cursor.fields_start());
    }
    Ok((words.persistence(head.version), upgrade))
}

/// A key is sixteen bytes in base64, which nobody needs to decode.
fn has_websocket_key(head: &RequestHead) -> bool {
    head.headers.find(b"sec-websocket-key").is_some_and(|key| key.len() == 24)
}

/// How the body ends, and whether the connection ends with it whatever else is said.
fn body(
    special: Special,
    options: &Options,
    head: &mut RequestHead,
) -> Result<(BodyLength, Persistence), ErrorKind> {
    if !special.length.is_somewhere() && !special.coding.is_somewhere() {
        return Ok((BodyLength::None, Persistence::KeepAlive));
    }
    let is_old = !head.version.is_at_least_11();
    let bodiless = matches!(head.method, Method::Get | Method::Head | Method::Delete);
    let unexpected = is_old && bodiless && options.old_payload == OldPayload::Refuse;
    let framing = match framing::settle(&mut head.headers, special, Side::Request, options.strictness) {
        Err(ErrorKind::TransferCoding) if unexpected => return Err(ErrorKind::Payload),
        settled => settled?,
    };
    let (body, persistence) = match framing {
        Framing::Absent => (BodyLength::None, Persistence::KeepAlive),
        Framing::Length(length) => (BodyLength::Length(length), Persistence::KeepAlive),
        Framing::ChunkedDespiteLength if options.insecure_framing == InsecureFraming::Close => {
            (BodyLength::Chunked, Persistence::Close)
        }
        Framing::Chunked | Framing::ChunkedDespiteLength => (BodyLength::Chunked, Persistence::KeepAlive),
    };
    let persistence = persistence.after_body(head.version, body);
    if head.method == Method::Connect {
        framing::remove(&mut head.headers);
        return Ok((BodyLength::None, persistence));
    }
    if unexpected && !body.is_empty() {
        return Err(ErrorKind::Payload);
    }
    Ok((body, persistence))
}
