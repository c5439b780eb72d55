//! `show errors`: the last invalid messages of each proxy.

use std::fmt::Write as _;
use std::sync::Arc;

use base::addr::Addr;
use h1::ErrorKind;
use keyword::Answer;
use keyword::command::{CommandCx, Dump, Progress};
use stream::Site;
use stream::captures::{Capture, Party};
use stream::site::Common;

use super::find;

/// Which captures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Request,
    Response,
}

pub(super) fn show(cx: &mut CommandCx<'_>) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let proxy = match wanted_proxy(cx, &site) {
        Ok(proxy) => proxy,
        Err(answer) => return answer,
    };
    let only = match cx.arg(1).as_ref() {
        "request" => Some(Direction::Request),
        "response" => Some(Direction::Response),
        _ => None,
    };
    let now = log::local_date(site.clock.wall());
    let head = format!("Total events captured on [{now}] : {}\n", site.captures.total());
    let captures = captures(&site, proxy, only);
    Answer::Dump(Box::new(ErrorDump { head: Some(head), captures: captures.into_iter() }))
}

/// The id of the only proxy that is wanted; `None` for all.
fn wanted_proxy(cx: &CommandCx<'_>, site: &Site) -> Result<Option<u32>, Answer> {
    let text = cx.arg(0);
    match text.parse::<i64>() {
        _ if text.is_empty() => Ok(None),
        // An id that no proxy has is no error.
        Ok(id) if id >= 0 => Ok(Some(u32::try_from(id).unwrap_or(u32::MAX))),
        Ok(_) => Ok(None),
        Err(_) => {
            let front = site.frontends.iter().map(|f| &f.common.facts);
            let mut all = front.chain(site.backends.iter().map(|b| &b.common.facts));
            let found = all.find(|facts| *facts.name == *text).map(|facts| facts.id);
            found.map(Some).ok_or_else(|| Answer::error("No such proxy."))
        }
    }
}

/// The captures in the order of their proxies, requests first.
fn captures(site: &Site, proxy: Option<u32>, only: Option<Direction>) -> Vec<(Direction, Arc<Capture>)> {
    let mut sides: Vec<(usize, &Common)> = site.frontends.iter().map(|f| (f.proxy, &f.common)).collect();
    sides.extend(site.backends.iter().map(|b| (b.proxy, &b.common)));
    sides.sort_by_key(|(place, _)| *place);
    let both = sides.iter().flat_map(|(_, common)| {
        [(Direction::Request, common.captures.request()), (Direction::Response, common.captures.response())]
    });
    both.filter(|(direction, _)| only.is_none_or(|only| only == *direction))
        .filter_map(|(direction, capture)| capture.map(|c| (direction, c)))
        .filter(|(_, c)| {
            let parties = [Some(&c.frontend), c.backend.as_ref()];
            proxy.is_none_or(|id| parties.into_iter().flatten().any(|party| party.id == id))
        })
        .collect()
}

/// The report, one capture at a time.
struct ErrorDump {
    head: Option<String>,
    captures: std::vec::IntoIter<(Direction, Arc<Capture>)>,
}

impl Dump for ErrorDump {
    fn write(&mut self, out: &mut Vec<u8>) -> Progress {
        if let Some(head) = self.head.take() {
            out.extend_from_slice(head.as_bytes());
            return Progress::More;
        }
        let Some((direction, capture)) = self.captures.next() else { return Progress::Done };
        let mut text = String::new();
        describe(direction, &capture, &mut text);
        hex(&capture.bytes, &mut text);
        out.extend_from_slice(text.as_bytes());
        Progress::More
    }
}

fn named(party: Option<&Party>) -> String {
    party.map_or_else(|| "<NONE> (#-1)".to_owned(), |p| format!("{} (#{})", p.name, p.id))
}

/// What is known of a capture, without its bytes.
fn describe(direction: Direction, c: &Capture, out: &mut String) {
    let (at, frontend) = (log::local_date(c.at), named(Some(&c.frontend)));
    let (backend, server) = (named(c.backend.as_ref()), named(c.server.as_ref()));
    let source = match &c.source {
        Some(Addr::Inet(inet)) => format!("{}:{}", inet.ip(), inet.port()),
        Some(Addr::Unix(_)) => "unix:1".to_owned(),
        None => "unknown".to_owned(),
    };
    let _ = match direction {
        Direction::Request => {
            writeln!(out, " \n[{at}] frontend {frontend}: invalid request\n  backend {backend}")
        }
        Direction::Response => {
            writeln!(out, " \n[{at}] backend {backend}: invalid response\n  frontend {frontend}")
        }
    };
    out.pop();
    let len = c.bytes.len();
    let (state, number) = state(c);
    let _ = write!(
        out,
        ", server {server}, event #{}, src {source}\n  buffer starts at 0 (including 0 out), {} free,\n  \
         len {len}, wraps at {}, error at position {}\n  \
         H1 connection flags 0x00000000, H1 stream flags 0x00000000\n  \
         H1 msg state {state}({number}), H1 msg flags 0x00000000\n  \
         H1 chunk len 0 bytes, H1 body len {} bytes :\n  \n",
        c.event,
        c.room.saturating_sub(len),
        c.room,
        c.fault.position,
        c.fault.body,
    );
}

/// Where in a message something of this kind is wrong, by the names and numbers that reports have always had.
fn state(c: &Capture) -> (&'static str, u32) {
    let in_start_line = !c.bytes[..c.fault.position.min(c.bytes.len())].contains(&b'\n');
    match c.fault.kind {
        ErrorKind::Method if c.fault.position == 0 => ("MSG_RQBEFORE", 0),
        ErrorKind::Method => ("MSG_RQMETH", 2),
        ErrorKind::Target | ErrorKind::TargetTooLong => ("MSG_RQURI", 4),
        ErrorKind::Version => ("MSG_RQVER", 6),
        ErrorKind::LineEnd if in_start_line => ("MSG_RQLINE_END", 7),
        ErrorKind::Status => ("MSG_RPCODE", 12),
        ErrorKind::FieldName => ("MSG_HDR_NAME", 17),
        ErrorKind::FieldValue | ErrorKind::HeadTooLarge => ("MSG_HDR_VAL", 22),
        ErrorKind::LineEnd => ("MSG_HDR_L2_LF", 23),
        ErrorKind::TooManyFields
        | ErrorKind::ContentLength
        | ErrorKind::TransferEncoding
        | ErrorKind::Host => ("MSG_HDR_L2_LWS", 24),
        ErrorKind::Authority => ("MSG_LAST_LF", 25),
        ErrorKind::ChunkSize | ErrorKind::TransferCoding => ("MSG_CHUNK_SIZE", 26),
        ErrorKind::Payload => ("MSG_DATA", 27),
        ErrorKind::ChunkEnd => ("MSG_CHUNK_CRLF", 28),
        ErrorKind::FieldNameTooLong
        | ErrorKind::WebSocketKey
        | ErrorKind::WebSocketAccept
        | ErrorKind::UnaskedUpgrade => ("MSG_DONE", 30),
    }
}

/// The widest line.
const WIDTH: usize = 79;

/// The bytes, line by line behind their positions.
fn hex(bytes: &[u8], out: &mut String) {
    let mut at = 0;
    while at < bytes.len() {
        // A line that goes on with what did not fit on the one before is marked.
        let mark = if at == 0 || bytes[at - 1] == b'\n' { ' ' } else { '+' };
        let start = out.len();
        let _ = write!(out, "  {at:05}{mark} ");
        while at < bytes.len() {
            let byte = bytes[at];
            if out.len() - start + width(byte) > WIDTH {
                break;
            }
            push(byte, out);
            at += 1;
            if byte == b'\n' {
                break;
            }
        }
        out.push('\n');
    }
}

/// How wide a byte is shown.
fn width(byte: u8) -> usize {
    match byte {
        b'\t' | b'\n' | b'\r' | 0x1b | b'\\' => 2,
        0x20..=0x7e => 1,
        _ => 4,
    }
}

fn push(byte: u8, out: &mut String) {
    match byte {
        b'\t' => out.push_str("\\t"),
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        0x1b => out.push_str("\\e"),
        b'\\' => out.push_str("\\\\"),
        0x20..=0x7e => out.push(char::from(byte)),
        _ => {
            let _ = write!(out, "\\x{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = String::new();
        hex(bytes, &mut out);
        out
    }

    #[test]
    fn each_line_of_input_has_its_own() {
        assert_eq!(
            shown(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody\x80\xff"),
            "  00000  GET / HTTP/1.1\\r\\n\n  00016  Host: a\\r\\n\n  00025  \\r\\n\n  00027  body\\x80\\xFF\n"
        );
    }

    #[test]
    fn long_lines_are_broken_and_marked() {
        let text = shown(&[b'a'; 150]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.iter().all(|l| l.len() <= 79), "{text}");
        assert!(lines[1].contains("+ a"), "{text}");
        let shown: usize = lines.iter().map(|l| l.matches('a').count()).sum();
        assert_eq!(shown, 150);
    }
}
