//! Heads of responses.

use http::{BodyLength, Method, ResponseHead, Status, Version};

use crate::connection::{UpgradeWord, Words, settle_te, settle_upgrade, strip_words};
use crate::cursor::Fault;
use crate::framing::{self, Framing};
use crate::request::is_version_byte;
use crate::scan::{self, Line};
use crate::special::Special;
use crate::{Cursor, ErrorKind, Options, ParseError, Persistence, Progress, Side, Strictness, Upgrade};

/// What a complete response head says besides itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseInfo {
    /// The number of received bytes that the head took.
    pub head_len: usize,
    /// How the end of the body is found.
    pub body: BodyLength,
    /// Whether the server takes another request after this one.
    pub persistence: Persistence,
    /// The protocol it speaks of switching to; it does so with status 101 only.
    pub upgrade: Upgrade,
    /// The number of violations that were tolerated.
    pub violations: u32,
    /// Where the first of them is.
    pub first_violation: Option<usize>,
}

/// What a response answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The method of the request, as it was sent to the server.
    pub method: Method,
    /// The protocol it offered to switch to.
    pub upgrade: Upgrade,
}

/// Parses the head of a response from everything received so far. `head` is complete only when the result says
/// so; the cursor is reset then, and after an error.
pub fn parse_response(
    buf: &[u8],
    cursor: &mut Cursor,
    options: &Options,
    asked: &Asked,
    head: &mut ResponseHead,
) -> Result<Progress<ResponseInfo>, ParseError> {
    let result = parse(buf, cursor, options, asked, head);
    if !matches!(result, Ok(Progress::Partial)) {
        cursor.reset();
    }
    result.map_err(|fault| ParseError::of(Side::Response, fault))
}

fn parse(
    buf: &[u8],
    cursor: &mut Cursor,
    options: &Options,
    asked: &Asked,
    head: &mut ResponseHead,
) -> Result<Progress<ResponseInfo>, Fault> {
    if cursor.is_in_start_line() {
        let Some(start) = cursor.start_line(buf)? else { return partial(buf, options) };
        head.clear();
        let Some(next) = status_line(buf, start, cursor, options.strictness, head)? else {
            return partial(buf, options);
        };
        cursor.start_line_done(next);
    }
    match cursor.fields(buf, options)? {
        Some(end) => complete(buf, end, cursor, options, asked, head).map(Progress::Complete),
        None => partial(buf, options),
    }
}

fn partial(buf: &[u8], options: &Options) -> Result<Progress<ResponseInfo>, Fault> {
    if options.limits.is_full(buf.len()) {
        Err((ErrorKind::HeadTooLarge, buf.len()))
    } else {
        Ok(Progress::Partial)
    }
}

/// Parses version, status and phrase; returns where the next line starts.
fn status_line(
    buf: &[u8],
    start: usize,
    cursor: &mut Cursor,
    strictness: Strictness,
    head: &mut ResponseHead,
) -> Result<Option<usize>, Fault> {
    if let Some(next) = usual_status_line(buf, start, head) {
        return Ok(Some(next));
    }
    let version_end = start + buf[start..].iter().take_while(|&&b| is_version_byte(b)).count();
    match buf.get(version_end) {
        Some(b' ' | b'\t') => {}
        Some(_) => return Err((ErrorKind::Version, version_end)),
        None => return Ok(None),
    }
    let Some((version, odd_version)) = version(&buf[start..version_end], strictness) else {
        return Err((ErrorKind::Version, start));
    };
    let status_start = scan::blanks_end(buf, version_end);
    let digits = buf[status_start..].iter().take_while(|b| b.is_ascii_digit()).count();
    let status_end = status_start + digits;
    match buf.get(status_end) {
        Some(b' ' | b'\t' | b'\r' | b'\n') => {}
        Some(_) => return Err((ErrorKind::Status, status_end)),
        None => return Ok(None),
    }
    let Some((status, odd_status)) = status(&buf[status_start..status_end], strictness) else {
        return Err((ErrorKind::Status, status_start));
    };
    let reason_start = scan::blanks_end(buf, status_end);
    let Some(end) = memchr::memchr2(b'\r', b'\n', &buf[reason_start..]) else { return Ok(None) };
    match scan::line_end_at(buf, reason_start + end) {
        Line::End(line) => {
            // Counted once the line is complete, since an incomplete one is looked at again.
            for (oddity, position) in [(odd_version, start), (odd_status, status_start)] {
                if oddity == Oddity::Tolerated {
                    cursor.tolerate(position);
                }
            }
            head.version = version;
            head.status = status;
            head.status_digits = if digits < 3 { digits as u8 } else { 0 };
            head.reason.extend_from_slice(&buf[reason_start..line.text]);
            Ok(Some(line.next))
        }
        Line::Partial => Ok(None),
        Line::BareReturn(at) | Line::Nul(at) => Err((ErrorKind::LineEnd, at)),
    }
}

/// The status line that nearly all responses have, complete and in HTTP/1.1.
#[inline]
fn usual_status_line(buf: &[u8], start: usize, head: &mut ResponseHead) -> Option<usize> {
    let rest = buf[start..].strip_prefix(b"HTTP/1.1 ")?;
    let [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', reason @ ..] = rest else { return None };
    let length = reason.iter().position(|&byte| byte == b'\r' || byte == b'\n')?;
    let code = [a, b, c].into_iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let end = match (&reason[length..], length) {
        (_, 0) => return None,
        ([b'\r', b'\n', ..], _) => length + 2,
        ([b'\n', ..], _) => length + 1,
        _ => return None,
    };
    if http::token::is_blank(reason[0]) {
        return None;
    }
    head.version = Version::Http11;
    head.status = Status(code);
    head.reason.extend_from_slice(&reason[..length]);
    Some(start + 13 + end)
}

/// Whether a part of the status line is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Oddity {
    None,
    Tolerated,
}

fn version(text: &[u8], strictness: Strictness) -> Option<(Version, Oddity)> {
    match (text, strictness) {
        ([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'], _) => {
            Version::find(text).map(|version| (version, Oddity::None))
        }
        ([], _) | (_, Strictness::Strict) => None,
        (_, Strictness::Relaxed) => Version::find(text).map(|version| (version, Oddity::Tolerated)),
    }
}

fn status(digits: &[u8], strictness: Strictness) -> Option<(Status, Oddity)> {
    let status = Status(http::token::decimal(digits)?.try_into().ok()?);
    match strictness {
        _ if digits.len() <= 3 => Some((status, Oddity::None)),
        Strictness::Strict => None,
        Strictness::Relaxed => Some((status, Oddity::Tolerated)),
    }
}

fn complete(
    buf: &[u8],
    end: usize,
    cursor: &mut Cursor,
    options: &Options,
    asked: &Asked,
    head: &mut ResponseHead,
) -> Result<ResponseInfo, Fault> {
    let mut special = Special::default();
    cursor.publish(buf, end, &mut head.headers, |name| special.note(name));
    let at_end = |kind| (kind, end);
    let text = head.version.as_bytes().len() + 3 + head.reason.len();
    if !options.limits.fits(text + head.headers.size(), head.headers.len()) {
        return Err(at_end(ErrorKind::HeadTooLarge));
    }
    // First what relies on the places of the fields, which change when fields are removed.
    let framing = framing::settle(&mut head.headers, special, Side::Response, options.strictness);
    let mut words = Words::default();
    let mut upgrade = Upgrade::None;
    if let Some(usual) = Words::take_usual(&mut head.headers, special) {
        words = usual;
    } else if special.concerns_connection() {
        words = Words::read(&head.headers);
        upgrade = settle_upgrade(&mut head.headers, Side::Response, words);
        strip_words(&mut head.headers, UpgradeWord::Keep);
    }
    if head.status == Status(101) {
        check_switch(asked, upgrade, head, cursor, options, end).map_err(at_end)?;
    }
    let framing = framing.map_err(at_end)?;
    if special.te.is_somewhere() {
        settle_te(&mut head.headers);
    }
    let body = body(asked, framing, head);
    let persistence = persistence(words, framing, body, head.version);
    let (violations, first_violation) = cursor.violations();
    Ok(ResponseInfo { head_len: end, body, persistence, upgrade, violations, first_violation })
}

/// A switch of protocols has to be asked for, and for WebSocket to be proven understood.
fn check_switch(
    asked: &Asked,
    upgrade: Upgrade,
    head: &ResponseHead,
    cursor: &mut Cursor,
    options: &Options,
    end: usize,
) -> Result<(), ErrorKind> {
    if !asked.upgrade.is_some() || !upgrade.is_some() {
        return Err(ErrorKind::UnaskedUpgrade);
    }
    let unproven = upgrade == Upgrade::WebSocket && !head.headers.contains(b"sec-websocket-accept");
    match options.strictness {
        Strictness::Strict if unproven => return Err(ErrorKind::WebSocketAccept),
        Strictness::Relaxed if unproven => cursor.tolerate(end),
        Strictness::Strict | Strictness::Relaxed => {}
    }
    Ok(())
}

fn body(asked: &Asked, framing: Framing, head: &mut ResponseHead) -> BodyLength {
    let code = head.status.0;
    if code == 101 || (asked.method == Method::Connect && (200..300).contains(&code)) {
        framing::remove(&mut head.headers);
        return BodyLength::Tunnel;
    }
    if (100..200).contains(&code) || code == 204 {
        framing::remove(&mut head.headers);
        return BodyLength::None;
    }
    match framing {
        // Their headers tell about the body that another request would have got.
        _ if asked.method == Method::Head || code == 304 => BodyLength::None,
        Framing::Absent => BodyLength::UntilClose,
        Framing::Length(length) => BodyLength::Length(length),
        Framing::Chunked | Framing::ChunkedDespiteLength => BodyLength::Chunked,
    }
}

fn persistence(words: Words, framing: Framing, body: BodyLength, version: Version) -> Persistence {
    if framing == Framing::ChunkedDespiteLength {
        return Persistence::Close;
    }
    words.persistence(version).after_body(version, body)
}
