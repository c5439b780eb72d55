//! Heads on their way out.

use base::fold::is_in_any_case;
use http::uri::Form;
use http::{BodyLength, HeaderField, Headers, RequestHead, ResponseHead, TargetSource, Version};

use crate::{ConnectionLine, NameCase};

/// The response that tells a client to go on and send its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends the head of a request.
///
/// Whatever rules did to the headers, the length on the wire is the one that `body` says.
pub fn write_request(
    head: &RequestHead,
    body: BodyLength,
    connection: ConnectionLine,
    names: NameCase<'_>,
    out: &mut Vec<u8>,
) {
    out.reserve(head.target.len() + head.headers.wire_size() + 64);
    out.extend_from_slice(head.method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(written_target(head));
    out.push(b' ');
    push_version(head.version, out);
    out.extend_from_slice(b"\r\n");
    push_fields(&head.headers, LengthFields::of_request(body), names, out);
    push_end(connection, names, out);
}

/// Appends the head of a response.
///
/// Without a body the headers about its length stay as they are, since they may tell about the body that another
/// request would get; otherwise the length on the wire is the one that `body` says.
pub fn write_response(
    head: &ResponseHead,
    body: BodyLength,
    connection: ConnectionLine,
    names: NameCase<'_>,
    out: &mut Vec<u8>,
) {
    out.reserve(head.reason.len() + head.headers.wire_size() + 64);
    push_version(head.version, out);
    out.push(b' ');
    push_status(head.status.0, head.status_digits, out);
    out.push(b' ');
    let reason: &[u8] = if head.reason.is_empty() { head.status.reason().as_bytes() } else { &head.reason };
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
    push_fields(&head.headers, LengthFields::of_response(body), names, out);
    push_end(connection, names, out);
}

/// The target in the form that HTTP/1 servers expect.
fn written_target(head: &RequestHead) -> &[u8] {
    if head.target_source == TargetSource::StartLine {
        return &head.target;
    }
    let parts = head.parts();
    match parts.form {
        Form::Absolute if parts.path_and_query.is_empty() => b"/",
        Form::Absolute => parts.path_and_query,
        Form::Origin | Form::Authority | Form::Asterisk | Form::Other => &head.target,
    }
}

/// Newer versions are written as the one that is spoken here; older ones and other protocols stay what they are.
fn push_version(version: Version, out: &mut Vec<u8>) {
    let text: &[u8] = match version {
        Version::Http09 => b"HTTP/1.0",
        _ if version.is_at_least_11() => b"HTTP/1.1",
        _ => version.as_bytes(),
    };
    out.extend_from_slice(text);
}

fn push_status(status: u16, digits: u8, out: &mut Vec<u8>) {
    let digit = |value: u16| b'0' + (value % 10) as u8;
    match (status, digits) {
        (0..=99, 1 | 2) => {
            let both = [digit(status / 10), digit(status)];
            out.extend_from_slice(&both[2 - usize::from(digits)..]);
        }
        (0..=999, _) => out.extend_from_slice(&[digit(status / 100), digit(status / 10), digit(status)]),
        _ => out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes()),
    }
}

#[derive(Clone, Copy)]
enum LengthFields {
    /// They are written as they are.
    AsIs,
    /// Neither is written.
    Neither,
    /// A length is written, in the place of the first one that is there.
    Length(u64),
    /// `transfer-encoding: chunked` is written, in the place of the first one that is there.
    Chunked,
}

impl LengthFields {
    fn of_request(body: BodyLength) -> Self {
        match body {
            BodyLength::Length(length) => Self::Length(length),
            BodyLength::Chunked => Self::Chunked,
            BodyLength::None | BodyLength::UntilClose | BodyLength::Tunnel => Self::Neither,
        }
    }

    fn of_response(body: BodyLength) -> Self {
        match body {
            BodyLength::None => Self::AsIs,
            BodyLength::Length(length) => Self::Length(length),
            BodyLength::Chunked => Self::Chunked,
            BodyLength::UntilClose | BodyLength::Tunnel => Self::Neither,
        }
    }

    #[inline]
    fn treat(self, field: HeaderField<'_>) -> Treatment {
        match (length_field(field.name), self) {
            (None, _) | (Some(_), Self::AsIs) => Treatment::Keep,
            (Some(LengthField::ContentLength), Self::Length(_))
            | (Some(LengthField::TransferEncoding), Self::Chunked) => Treatment::Write,
            (Some(_), _) => Treatment::Skip,
        }
    }

    /// Whether this value is what would be written.
    fn is_said_by(self, value: &[u8]) -> bool {
        match self {
            Self::AsIs | Self::Neither => false,
            Self::Length(length) => match value {
                [b'0', _, ..] => false,
                _ => http::token::decimal(value) == Some(length),
            },
            Self::Chunked => value == b"chunked",
        }
    }

    /// Appends the field, if there is one to be written.
    fn push(self, names: NameCase<'_>, out: &mut Vec<u8>) {
        match self {
            Self::AsIs | Self::Neither => {}
            Self::Length(length) => {
                let mut digits = itoa::Buffer::new();
                push_field(b"content-length", digits.format(length).as_bytes(), names, out);
            }
            Self::Chunked => push_field(b"transfer-encoding", b"chunked", names, out),
        }
    }
}

enum LengthField {
    ContentLength,
    TransferEncoding,
}

/// What becomes of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    /// It is written as it is.
    Keep,
    /// The field about the length is written in its place.
    Write,
    /// It is left out.
    Skip,
}

#[inline]
fn length_field(name: &[u8]) -> Option<LengthField> {
    match name.len() {
        14 if is_in_any_case(b"content-length", name) => Some(LengthField::ContentLength),
        17 if is_in_any_case(b"transfer-encoding", name) => Some(LengthField::TransferEncoding),
        _ => None,
    }
}

fn push_fields(headers: &Headers, length: LengthFields, names: NameCase<'_>, out: &mut Vec<u8>) {
    match names {
        NameCase::Lower => push_lines(headers, length, out),
        NameCase::Adjusted(_) => push_each(headers, length, names, out),
    }
}

fn push_each(headers: &Headers, mut length: LengthFields, names: NameCase<'_>, out: &mut Vec<u8>) {
    for field in headers {
        match length.treat(field) {
            Treatment::Keep => push_field(field.name, field.value, names, out),
            Treatment::Write => std::mem::replace(&mut length, LengthFields::Neither).push(names, out),
            Treatment::Skip => {}
        }
    }
    length.push(names, out);
}

/// Copies lines that stand together at once.
fn push_lines(headers: &Headers, mut length: LengthFields, out: &mut Vec<u8>) {
    let mut run = 0..0;
    for line in headers.lines() {
        let treatment = length.treat(line.field);
        if treatment == Treatment::Write && length.is_said_by(line.field.value) {
            length = LengthFields::Neither;
        } else if treatment != Treatment::Keep {
            out.extend_from_slice(headers.text(std::mem::take(&mut run)));
            if treatment == Treatment::Write {
                std::mem::replace(&mut length, LengthFields::Neither).push(NameCase::Lower, out);
            }
            continue;
        }
        match line.text {
            Some(text) if text.start == run.end => run.end = text.end,
            Some(text) => out.extend_from_slice(headers.text(std::mem::replace(&mut run, text))),
            None => {
                out.extend_from_slice(headers.text(std::mem::take(&mut run)));
                push_field(line.field.name, line.field.value, NameCase::Lower, out);
            }
        }
    }
    out.extend_from_slice(headers.text(run));
    length.push(NameCase::Lower, out);
}

/// Appends a header line.
#[inline]
pub(crate) fn push_field(name: &[u8], value: &[u8], names: NameCase<'_>, out: &mut Vec<u8>) {
    names.push(name, out);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn push_end(connection: ConnectionLine, names: NameCase<'_>, out: &mut Vec<u8>) {
    match connection {
        ConnectionLine::Nothing => {}
        ConnectionLine::KeepAlive => push_field(b"connection", b"keep-alive", names, out),
        ConnectionLine::Close => push_field(b"connection", b"close", names, out),
    }
    out.extend_from_slice(b"\r\n");
}
