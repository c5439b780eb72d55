//! Sample fetches on the request line: the target and its parts, and parameters, also those of bodies.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use http::uri::Target;
use http::{Method, RequestHead};

use super::{NONE, REQUEST, REQUEST_KEPT, of_request, one, single};
use crate::arg::{ArgKind, Args, Signature};
use crate::converters::hashes::{avalanche, sdbm};
use crate::expr::{Cursor, Fetch, FetchFn, Fetched, Values};
use crate::facts::Scene;
use crate::sample::{Sample, Type};

const HTTP: &str = "7.3.6";
const PARAMETER: Signature = Signature::optional(&[ArgKind::Str, ArgKind::Str, ArgKind::Str]);
const FIELD: Signature = Signature::optional(&[ArgKind::Str, ArgKind::Str]);

const fn parameter_fetch(name: &'static str, out: Type, eval: FetchFn) -> Fetch {
    Fetch { name, args: PARAMETER, out, contexts: REQUEST, manual: HTTP, values: Values::Many, eval }
}

const PARAMETER_TEXT: FetchFn =
    |s, a, c| of_request(s, |r| parameter(&r.target, a, c).map(Sample::text).into());

/// The fetches on request lines.
pub static FETCHES: &[Fetch] = &[
    one("base", NONE, Type::Str, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::owned(base(r, r.path())))))
    }),
    one("base32", NONE, Type::Int, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::Int(hash(&base(r, r.path())).into()))))
    }),
    one("base32+src", NONE, Type::Bin, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || with_source(s, hash(&base(r, r.path())))))
    }),
    one("baseq", NONE, Type::Str, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::owned(base(r, r.path_and_query())))))
    }),
    one("capture.req.method", NONE, Type::Str, REQUEST_KEPT, HTTP, |s, _, c| {
        single(c, || Some(Sample::text(kept(s)?.method)))
    }),
    one("capture.req.uri", NONE, Type::Str, REQUEST_KEPT, HTTP, |s, _, c| {
        single(c, || {
            let line = kept(s)?;
            Some(Sample::text(Target::parse(&Method::find(line.method), line.target).path_and_query))
        })
    }),
    one("capture.req.ver", NONE, Type::Str, REQUEST_KEPT, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(r.version.as_bytes()))))
    }),
    one("path", NONE, Type::Str, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(r.path()))))
    }),
    one("pathq", NONE, Type::Str, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(r.path_and_query()))))
    }),
    one("query", Signature::optional(&[ArgKind::QueryOption]), Type::Str, REQUEST, HTTP, |s, a, c| {
        of_request(s, |r| single(c, || query(r, a)))
    }),
    Fetch {
        name: "req.body_param",
        args: FIELD,
        out: Type::Bin,
        contexts: REQUEST,
        manual: HTTP,
        values: Values::Many,
        eval: body_parameter,
    },
    one("url", NONE, Type::Str, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(&r.target))))
    }),
    one("url32", NONE, Type::Int, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::Int(hash(&base(r, r.path_and_query())).into()))))
    }),
    one("url32+src", NONE, Type::Bin, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || with_source(s, hash(&base(r, r.path_and_query())))))
    }),
    one("url_ip", NONE, Type::Ipv4, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::Ipv4(address(r)?.0))))
    }),
    parameter_fetch("url_param", Type::Str, PARAMETER_TEXT),
    one("url_port", NONE, Type::Int, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::Int(address(r)?.1.into()))))
    }),
    parameter_fetch("urlp", Type::Str, PARAMETER_TEXT),
    parameter_fetch("urlp_val", Type::Int, |s, a, c| {
        let number = |text| Sample::Int(super::headers::int_of(text));
        of_request(s, |r| parameter(&r.target, a, c).map(number).into())
    }),
];

/// The host that is asked, followed by a part of the target.
fn base(request: &RequestHead, part: &[u8]) -> Vec<u8> {
    let host = request.headers.find(b"host").unwrap_or_default();
    [host, part].concat()
}

fn hash(bytes: &[u8]) -> u32 {
    avalanche(sdbm(bytes))
}

/// A hash and behind it the bytes of the client's address.
fn with_source(scene: &Scene<'_>, hash: u32) -> Option<Sample<'static>> {
    let mut bytes = hash.to_be_bytes().to_vec();
    match scene.source()?.ip()? {
        IpAddr::V4(a) => bytes.extend(a.octets()),
        IpAddr::V6(a) => bytes.extend(a.octets()),
    }
    Some(Sample::Bin(Cow::Owned(bytes)))
}

/// The request line as it came.
struct Line<'a> {
    method: &'a [u8],
    target: &'a [u8],
}

fn kept<'a>(scene: &Scene<'a>) -> Option<Line<'a>> {
    let line = &scene.stream?.request_line;
    let mut words = line.split(|b| *b == b' ');
    Some(Line { method: words.next()?, target: words.next()? })
}

fn query<'a>(request: &'a RequestHead, args: &Args) -> Option<Sample<'a>> {
    let query = request.query()?;
    if !args.has(0) || query.is_empty() {
        return Some(Sample::text(query));
    }
    let all = request.path_and_query();
    Some(Sample::text(&all[all.len() - query.len() - 1..]))
}

/// The address in a target that names its server by one, with its port.
fn address(request: &RequestHead) -> Option<(Ipv4Addr, u16)> {
    let authority = std::str::from_utf8(request.parts().authority).ok()?;
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let scheme_port = if request.parts().scheme.eq_ignore_ascii_case(b"https") { 443 } else { 80 };
    Some((host.parse().ok()?, port.map_or(Some(scheme_port), |port| port.parse().ok())?))
}

/// Which parameter is wanted.
struct Wanted<'a> {
    /// Any, if it is empty.
    name: &'a [u8],
    /// What begins the parameters, and also ends a value.
    delimiter: u8,
    any_case: bool,
}

/// A parameter of a target.
fn parameter<'a>(target: &'a [u8], args: &'a Args, cursor: Cursor) -> Option<&'a [u8]> {
    let delimiter = args.str(1).first().copied().unwrap_or(b'?');
    let begin = memchr::memchr(delimiter, target)? + 1;
    find(&target[begin..], &Wanted { name: args.str(0), delimiter, any_case: args.str(2) == b"i" }, cursor)
}

/// A parameter of a body that is a form.
fn body_parameter<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    let Some(body) = super::content::asked_body(scene) else { return Fetched::Absent };
    let wanted = Wanted { name: args.str(0), delimiter: b'&', any_case: args.str(1) == b"i" };
    let found = find(body.data, &wanted, cursor);
    found.map(|value| Sample::Bin(Cow::Borrowed(value))).into()
}

/// The first of the wanted values, or each in turn.
fn find<'a>(parameters: &'a [u8], wanted: &Wanted<'_>, cursor: Cursor) -> Option<&'a [u8]> {
    let nth = match cursor {
        Cursor::Single => 0,
        Cursor::Nth(n) => n,
    };
    Parameters { rest: Some(parameters), wanted }.nth(nth)
}

struct Parameters<'a, 'w> {
    rest: Option<&'a [u8]>,
    wanted: &'w Wanted<'w>,
}

impl Parameters<'_, '_> {
    fn ends(&self, byte: u8) -> bool {
        matches!(byte, b'&' | b';') || byte == self.wanted.delimiter
    }

    /// Where the value of the parameter begins that stands at the start, if it is the wanted one.
    fn value_at(&self, rest: &[u8]) -> Option<usize> {
        let name = self.wanted.name;
        if name.is_empty() {
            // Any name will do, even one that another parameter without a value stands before.
            return memchr::memchr(b'=', rest).map(|at| at + 1);
        }
        let (start, behind) = rest.split_at_checked(name.len())?;
        let same = if self.wanted.any_case { start.eq_ignore_ascii_case(name) } else { start == name };
        (same && behind.first() == Some(&b'=')).then_some(name.len() + 1)
    }
}

impl<'a> Iterator for Parameters<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let rest = self.rest.take()?;
            let start = self.value_at(rest);
            let from = start.unwrap_or(0);
            let end = rest[from..].iter().position(|b| self.ends(*b)).map(|at| from + at);
            self.rest = end.map(|end| &rest[end + 1..]);
            if let Some(start) = start {
                return Some(&rest[start..end.unwrap_or(rest.len())]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetches::probe::request;
    use proptest::prelude::*;

    fn ask(line: &str, fetch: &str) -> Option<String> {
        let mut messages = request(line);
        messages.field("Host", "ex.com:80");
        messages.ask(fetch)
    }

    #[test]
    fn a_base_is_host_and_path() {
        for (fetch, value) in [
            ("base", "ex.com:80/p/a"),
            ("baseq", "ex.com:80/p/a?a=1&b=2&n=12x"),
            ("base32", "444328932"),
            ("url32", "3278543935"),
            ("query", "a=1&b=2&n=12x"),
            ("query(with_qm)", "?a=1&b=2&n=12x"),
            ("urlp(a)", "1"),
            ("urlp", "1"),
            ("url_param(A,?,i)", "1"),
            ("urlp_val(n)", "12"),
            ("capture.req.uri", "/p/a?a=1&b=2&n=12x"),
            ("capture.req.method", "GET"),
            ("capture.req.ver", "HTTP/1.1"),
        ] {
            assert_eq!(ask("GET /p/a?a=1&b=2&n=12x HTTP/1.1", fetch).as_deref(), Some(value), "{fetch}");
        }
        assert_eq!(ask("OPTIONS * HTTP/1.1", "base").as_deref(), Some("ex.com:80"));
        assert_eq!(ask("GET /a HTTP/1.1", "query"), None);
    }

    #[test]
    fn a_target_may_name_its_server() {
        let of = |target: &str, fetch| ask(&format!("GET {target} HTTP/1.1"), fetch);
        assert_eq!(of("http://1.2.3.4:8080/p", "url_ip").as_deref(), Some("1.2.3.4"));
        assert_eq!(of("http://1.2.3.4:8080/p", "url_port").as_deref(), Some("8080"));
        assert_eq!(of("http://1.2.3.4/p", "url_port").as_deref(), Some("80"));
        assert_eq!((of("http://a.b/p", "url_ip"), of("http://a.b/p", "url_port")), (None, None));
        assert_eq!(of("http://1.2.3.4:8080/p?q", "capture.req.uri").as_deref(), Some("/p?q"));
    }

    #[test]
    fn parameters_end_at_any_delimiter() {
        for (target, fetch, value) in [
            ("/f?aa=1&a==2&=3&b&&c=4", "urlp(a)", Some("=2")),
            ("/f?aa=1&a==2&=3&b&&c=4", "urlp(b)", None),
            ("/p;c=7;d?A=1", "urlp(c,;)", Some("7")),
            ("/f?a;b;c=2?d=3&d", "urlp(c)", Some("2")),
            ("/f?a;b;c=2?d=3&d", "urlp(c,;)", Some("2?d=3")),
            ("/f?a;b;c=2?d=3&d", "urlp(d)", Some("3")),
            ("/f?a", "urlp", None),
            ("/f?a;b=1", "urlp", Some("1")),
        ] {
            assert_eq!(ask(&format!("GET {target} HTTP/1.1"), fetch).as_deref(), value, "{target} {fetch}");
        }
        let mut messages = request("GET /?a=1&b=2&a=3 HTTP/1.1");
        assert_eq!(messages.ask_each("urlp(a)"), ["1", "3"]);
        assert_eq!(messages.ask_each("urlp"), ["1", "2", "3"]);
        messages.body(b"x;a=1;2&B=3&b=4");
        for (fetch, value) in
            [("req.body_param(a)", "1"), ("req.body_param(B)", "3"), ("req.body_param(b,i)", "3")]
        {
            assert_eq!(messages.ask(fetch).as_deref(), Some(value), "{fetch}");
        }
    }

    proptest! {
        #[test]
        fn values_are_pieces_without_ends(text in "[ab=&;?]{0,20}", name in "[ab]{0,2}") {
            let wanted = Wanted { name: name.as_bytes(), delimiter: b'?', any_case: false };
            for value in (Parameters { rest: Some(text.as_bytes()), wanted: &wanted }) {
                prop_assert!(!value.iter().any(|b| matches!(b, b'&' | b';' | b'?')));
                let written = format!("{name}={}", String::from_utf8_lossy(value));
                prop_assert!(text.contains(&written));
            }
        }
    }
}
