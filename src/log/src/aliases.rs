//! The aliases of log formats (configuration manual, section 8.2.6).

use base::addr::Addr;
use base::clock::WallTime;
use lang::facts::{Captured, Redispatch, StreamFacts, Timers};
use lang::logformat::{AliasKind, AliasMode, Field, Map, Needs, Prefix};
use lang::{Alias, Scene};

use crate::time;

const NONE: Needs = Needs::NONE;
const END: Needs = Needs::END;
const LINE: Needs = Needs::REQUEST_LINE;
const LOADS: Needs = Needs::LOAD.or(END);
const SERVER: Needs = Needs::SERVER_ADDRESSES;

type Render = fn(&Scene<'_>, &mut Field<'_>);

const fn any(name: &'static str, kind: AliasKind, needs: Needs, render: Render) -> Alias {
    Alias { name, mode: AliasMode::Any, kind, needs, render }
}

const fn http(name: &'static str, kind: AliasKind, needs: Needs, render: Render) -> Alias {
    Alias { name, mode: AliasMode::Http, kind, needs, render }
}

const PLAIN: AliasKind = AliasKind::Plain;
const NUMERIC: AliasKind = AliasKind::Numeric;
const STR: AliasKind = AliasKind::Str;

/// The aliases of this room.
pub static ALIASES: &[Alias] = &[
    // The compiler of formats takes this one apart itself.
    any("o", PLAIN, NONE, |_, _| {}),
    // dates
    any("T", PLAIN, NONE, |s, f| utc(begin_date(s), f)),
    any("Tl", PLAIN, NONE, |s, f| local(begin_date(s), f)),
    any("Ts", NUMERIC, NONE, |s, f| f.number(begin_date(s).seconds(), 2)),
    any("t", PLAIN, NONE, |s, f| precise(begin_date(s), f)),
    any("ms", PLAIN, NONE, |s, f| f.padded(u64::from(begin_date(s).subsec_millis()), 3)),
    http("tr", PLAIN, NONE, |s, f| precise(request_date(s), f)),
    http("trg", PLAIN, NONE, |s, f| utc(request_date(s), f)),
    http("trl", PLAIN, NONE, |s, f| local(request_date(s), f)),
    // timers
    http("Ta", PLAIN, END, |s, f| f.growing(timer(s, Timers::active_ms))),
    any("Tc", PLAIN, END, |s, f| f.integer(timer(s, Timers::connect_ms))),
    any("Td", PLAIN, END, |s, f| f.integer(timer(s, Timers::data_ms))),
    any("Th", PLAIN, END, |s, f| f.integer(timer(s, Timers::handshake_ms))),
    http("Ti", PLAIN, END, |s, f| f.integer(timer(s, Timers::idle_ms))),
    http("Tq", PLAIN, END, |s, f| f.integer(timer(s, Timers::until_request_ms))),
    http("TR", PLAIN, END, |s, f| f.integer(timer(s, Timers::request_ms))),
    http("Tr", PLAIN, END, |s, f| f.integer(timer(s, Timers::response_ms))),
    any("Tt", PLAIN, END, |s, f| f.growing(timer(s, Timers::total_ms))),
    any("Tu", PLAIN, END, |s, f| f.growing(timer(s, Timers::user_ms))),
    any("Tw", PLAIN, END, |s, f| f.integer(timer(s, Timers::queue_ms))),
    // others
    any("B", NUMERIC, END, |s, f| f.growing(figure(s, |x| x.bytes_out))),
    http("CC", STR, Needs::COOKIES, |s, f| f.text(kept(s, |x| x.request_cookie.as_deref()))),
    http("CS", STR, Needs::COOKIES, |s, f| f.text(kept(s, |x| x.response_cookie.as_deref()))),
    any("H", STR, NONE, |s, f| f.text(s.process.hostname.as_bytes())),
    http("HM", STR, LINE, |s, f| of_line(s, f, |line| line.method)),
    http("HP", STR, LINE, |s, f| of_line(s, f, |line| line.without_query())),
    http("HPO", STR, LINE, |s, f| of_line(s, f, |line| line.path())),
    http("HQ", STR, LINE, |s, f| of_line(s, f, |line| line.query())),
    http("HU", STR, LINE, |s, f| of_line(s, f, |line| line.uri)),
    http("HV", STR, LINE, |s, f| of_line(s, f, |line| line.version)),
    any("ID", STR, Needs::UNIQUE_ID.or(END), |s, f| f.text(kept(s, |x| x.unique_id.as_deref()))),
    any("OG", STR, NONE, |_, f| {
        let origin = f.event().origin;
        f.text(origin.as_bytes());
    }),
    any("ST", NUMERIC, NONE, |s, f| f.integer(status(s))),
    any("U", NUMERIC, END, |s, f| f.integer(figure(s, |x| x.bytes_in))),
    any("ac", PLAIN, LOADS, |s, f| f.integer(active(s))),
    any("b", PLAIN, NONE, |s, f| f.text(s.backend.unwrap_or(s.frontend).name.as_bytes())),
    any("bc", NUMERIC, LOADS, |s, f| f.integer(figure(s, |x| x.load.backend))),
    any("bi", PLAIN, SERVER, |s, f| f.host(server_side(s, |x| x.server_source.as_ref()))),
    any("bp", PLAIN, SERVER, |s, f| f.port(server_side(s, |x| x.server_source.as_ref()), 0)),
    any("bq", NUMERIC, END, |s, f| f.integer(figure(s, |x| x.backend_queue))),
    any("ci", PLAIN, NONE, |s, f| f.host(s.source())),
    any("cp", PLAIN, NONE, |s, f| f.port(s.source(), s.session.listener_id)),
    any("f", STR, NONE, |s, f| f.text(s.frontend.name.as_bytes())),
    any("fc", NUMERIC, LOADS, |s, f| f.integer(figure(s, |x| x.load.frontend))),
    any("fi", PLAIN, Needs::DESTINATION, |s, f| f.host(s.destination())),
    any("fp", PLAIN, Needs::DESTINATION, |s, f| f.port(s.destination(), s.session.listener_id)),
    any("ft", STR, NONE, |s, f| {
        f.pieces(|p| {
            p.plain(s.frontend.name.as_bytes());
            if s.session.tls.tls().is_some() {
                p.plain(b"~");
            }
        });
    }),
    any("lc", NUMERIC, NONE, |_, f| {
        let number = f.event().number;
        f.number(number, 4);
    }),
    any("hr", STR, Needs::REQUEST_CAPTURES, |s, f| braces(captures(s, |x| &x.request_captures), f)),
    any("hrl", STR, Needs::REQUEST_CAPTURES, |s, f| list(captures(s, |x| &x.request_captures), f)),
    any("hs", STR, Needs::RESPONSE_CAPTURES, |s, f| braces(captures(s, |x| &x.response_captures), f)),
    any("hsl", STR, Needs::RESPONSE_CAPTURES, |s, f| list(captures(s, |x| &x.response_captures), f)),
    any("pid", PLAIN, NONE, |s, f| f.number(u64::from(s.process.pid), 4)),
    http("r", STR, LINE, |s, f| of_line(s, f, |line| line.whole)),
    any("rc", NUMERIC, END, retries),
    any("rt", NUMERIC, NONE, |s, f| f.number(s.stream.map_or(0, |x| u64::from(x.id)), 4)),
    any("s", PLAIN, NONE, |s, f| f.text(server_name(s).as_bytes())),
    any("sc", NUMERIC, LOADS, |s, f| f.integer(figure(s, |x| x.load.server))),
    any("si", PLAIN, SERVER, |s, f| f.host(server_side(s, |x| x.server_addr.as_ref()))),
    any("sp", PLAIN, SERVER, |s, f| f.port(server_side(s, |x| x.server_addr.as_ref()), 0)),
    any("sq", NUMERIC, END, |s, f| f.integer(figure(s, |x| x.server_queue))),
    any("sslc", STR, NONE, |s, f| f.text(s.session.tls.tls().map_or("", |t| t.cipher).as_bytes())),
    any("sslv", STR, NONE, |s, f| f.text(s.session.tls.tls().map_or("", |t| t.version).as_bytes())),
    any("ts", STR, END, |s, f| f.word(&letters(s)[..2])),
    http("tsc", STR, NONE, |s, f| f.word(&letters(s))),
];

/// The date at which a stream began; that of the connection before there is one.
fn begin_date(s: &Scene<'_>) -> WallTime {
    s.stream.map_or(s.session.accepted.1, |x| x.timers.begin_date)
}

fn request_date(s: &Scene<'_>) -> WallTime {
    s.stream.map_or(s.session.accepted.1, |x| x.timers.request_date)
}

fn utc(date: WallTime, f: &mut Field<'_>) {
    f.word(&joined(time::stamp(date).utc(), *b" +0000"));
}

fn local(date: WallTime, f: &mut Field<'_>) {
    let stamp = time::stamp(date);
    let mut zone = [b' '; 6];
    zone[1..].copy_from_slice(stamp.offset());
    f.word(&joined(stamp.local(), zone));
}

/// With milliseconds.
fn precise(date: WallTime, f: &mut Field<'_>) {
    let digits = date.subsec_millis();
    let digit = |weight| b'0' + (digits / weight % 10) as u8;
    let fraction = [b'.', digit(100), digit(10), digit(1)];
    let stamp = time::stamp(date);
    let mut text = [0; 24];
    text[..20].copy_from_slice(stamp.local());
    text[20..].copy_from_slice(&fraction);
    f.word(&text);
}

fn joined(date: &[u8], zone: [u8; 6]) -> [u8; 26] {
    let mut text = [0; 26];
    text[..20].copy_from_slice(date);
    text[20..].copy_from_slice(&zone);
    text
}

fn timer(s: &Scene<'_>, of: fn(&Timers) -> i64) -> i64 {
    s.stream.map_or(-1, |x| of(&x.timers))
}

/// From the beginning to the complete request, of which no part may be missing.
fn figure(s: &Scene<'_>, of: fn(&StreamFacts) -> u64) -> i64 {
    s.stream.map_or(0, |x| of(x) as i64)
}

fn active(s: &Scene<'_>) -> i64 {
    s.stream.map_or(0, |x| x.load.process) as i64
}

fn kept<'a>(s: &Scene<'a>, of: fn(&StreamFacts) -> Option<&[u8]>) -> &'a [u8] {
    s.stream.and_then(of).unwrap_or_default()
}

fn server_side<'a>(s: &Scene<'a>, of: fn(&StreamFacts) -> Option<&Addr>) -> Option<&'a Addr> {
    s.stream.and_then(of)
}

/// The status for the client; -1 for a request that got none, 0 where there was no request.
fn status(s: &Scene<'_>) -> i64 {
    match s.stream {
        Some(x) if x.status > 0 => i64::from(x.status),
        Some(x) if x.http_version > 0 => -1,
        _ => 0,
    }
}

fn retries(s: &Scene<'_>, f: &mut Field<'_>) {
    let Some(x) = s.stream else { return f.integer(0) };
    let prefix = if x.redispatch == Redispatch::Done { Prefix::Plus } else { Prefix::None };
    f.prefixed(prefix, i64::from(x.retries));
}

fn server_name<'a>(s: &Scene<'a>) -> &'a str {
    match (s.server, s.stream.and_then(|x| x.service)) {
        (Some(server), _) => &server.name,
        (None, Some(service)) => service,
        (None, None) => "<NOSRV>",
    }
}

fn letters(s: &Scene<'_>) -> [u8; 4] {
    let Some(x) = s.stream else { return *b"----" };
    let [cause, phase] = x.termination.letters();
    [cause, phase, x.cookies.client, x.cookies.server]
}

fn captures<'a>(s: &Scene<'a>, of: fn(&StreamFacts) -> &Captured) -> Option<&'a Captured> {
    s.stream.map(of).filter(|captured| !captured.is_empty())
}

/// `{first|second|...}`, nothing when nothing is to be captured.
fn braces(captured: Option<&Captured>, f: &mut Field<'_>) {
    let Some(captured) = captured else { return f.null() };
    f.pieces(|p| {
        for (i, slot) in captured.slots().iter().enumerate() {
            p.plain(if i == 0 { b"{" } else { b"|" });
            p.mapped(slot.text.as_deref().unwrap_or_default(), Map::Header);
        }
        p.plain(b"}");
    });
}

fn list(captured: Option<&Captured>, f: &mut Field<'_>) {
    let Some(captured) = captured else { return f.null() };
    f.list(captured.slots().iter().map(|slot| slot.text.as_deref().unwrap_or_default()));
}

/// A request line taken apart.
struct RequestLine<'a> {
    whole: &'a [u8],
    method: &'a [u8],
    uri: &'a [u8],
    version: &'a [u8],
}

impl<'a> RequestLine<'a> {
    fn of(whole: &'a [u8]) -> Self {
        let (method, rest) = split(whole, memchr::memchr(b' ', whole));
        let (uri, version) = split(rest, memchr::memrchr(b' ', rest));
        Self { whole, method, uri, version }
    }

    fn question(&self) -> usize {
        memchr::memchr(b'?', self.uri).unwrap_or(self.uri.len())
    }

    fn without_query(&self) -> &'a [u8] {
        &self.uri[..self.question()]
    }

    fn query(&self) -> &'a [u8] {
        &self.uri[self.question()..]
    }

    /// The path; a target that is just a star or an authority has none.
    fn path(&self) -> &'a [u8] {
        let uri = self.without_query();
        let behind_authority = match memchr::memmem::find(uri, b"://") {
            _ if uri.starts_with(b"/") => return uri,
            Some(at) => &uri[at + 3..],
            None => return b"",
        };
        memchr::memchr(b'/', behind_authority).map_or(b"", |at| &behind_authority[at..])
    }
}

/// What is before and behind the byte at `at`.
fn split(text: &[u8], at: Option<usize>) -> (&[u8], &[u8]) {
    at.map_or((text, b""), |at| (&text[..at], &text[at + 1..]))
}

fn of_line(s: &Scene<'_>, f: &mut Field<'_>, part: for<'l> fn(&RequestLine<'l>) -> &'l [u8]) {
    let line = s.stream.map_or(b"".as_slice(), |x| &x.request_line);
    f.pieces(|p| {
        if line.is_empty() {
            p.plain(b"<BADREQ>");
        } else {
            p.mapped(part(&RequestLine::of(line)), Map::Url);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_are_taken_apart() {
        for (line, expected) in [
            ("GET /p/a?q=1 HTTP/1.1", ["GET", "/p/a?q=1", "/p/a", "/p/a", "?q=1", "HTTP/1.1"]),
            (
                "GET http://a.b/x?y HTTP/1.0",
                ["GET", "http://a.b/x?y", "http://a.b/x", "/x", "?y", "HTTP/1.0"],
            ),
            ("GET http://a.b?y=/ HTTP/1.0", ["GET", "http://a.b?y=/", "http://a.b", "", "?y=/", "HTTP/1.0"]),
            ("OPTIONS * HTTP/1.1", ["OPTIONS", "*", "*", "", "", "HTTP/1.1"]),
            ("CONNECT a.b:443 HTTP/1.1", ["CONNECT", "a.b:443", "a.b:443", "", "", "HTTP/1.1"]),
            ("x", ["x", "", "", "", "", ""]),
        ] {
            let l = RequestLine::of(line.as_bytes());
            let got = [l.method, l.uri, l.without_query(), l.path(), l.query(), l.version];
            assert_eq!(got.map(|p| std::str::from_utf8(p).unwrap()), expected, "{line}");
        }
    }

    #[test]
    fn every_alias_has_its_own_name() {
        let mut names: Vec<_> = ALIASES.iter().map(|a| a.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALIASES.len());
    }
}
