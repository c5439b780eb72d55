//! Sample fetches on connections and HTTP messages that need nothing beyond the scene.

pub mod captures;
pub mod chance;
pub mod connection;
pub mod content;
pub mod internal;
pub mod limits;

use std::borrow::Cow;

use base::addr::Addr;
use http::{RequestHead, ResponseHead};

use crate::arg::{Arg, ArgKind, Args, Signature};
use crate::expr::{Contexts, Cursor, Fetch, Fetched, Values};
use crate::facts::{Buffered, Hope, Scene, ServerConnection};
use crate::sample::{Sample, Type};

const ANY: Contexts = Contexts::ANY;
const SESSION: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYYY..");
const REQUEST: Contexts = Contexts::of("..YYYYYYYYY...........");
const SERVER: Contexts = Contexts::of("...........YYYYYYYYY..");
const RESPONSE: Contexts = Contexts::of("...........YYYYYYYY...");

const fn one(
    name: &'static str,
    args: Signature,
    out: Type,
    contexts: Contexts,
    manual: &'static str,
    eval: crate::expr::FetchFn,
) -> Fetch {
    Fetch { name, args, out, contexts, manual, values: Values::One, eval }
}

const fn many(name: &'static str, contexts: Contexts, eval: crate::expr::FetchFn) -> Fetch {
    Fetch { name, args: NAME_OCC, out: Type::Str, contexts, manual: "7.3.6", values: Values::Many, eval }
}

const NONE: Signature = Signature::NONE;
const NAME_OCC: Signature = Signature::optional(&[ArgKind::Str, ArgKind::Int]);

/// The fetches of this room.
pub static FETCHES: &[Fetch] = &[
    one("always_false", NONE, Type::Bool, ANY, "7.3.2", |_, _, c| single(c, || Some(Sample::Bool(false)))),
    one("always_true", NONE, Type::Bool, ANY, "7.3.2", |_, _, c| single(c, || Some(Sample::Bool(true)))),
    one("bc_reused", NONE, Type::Bool, SERVER, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Bool(s.stream?.server_connection == ServerConnection::Reused)))
    }),
    one("bin", Signature::all(&[ArgKind::Hex]), Type::Bin, ANY, "7.3.2", |_, a, c| {
        single(c, || Some(Sample::Bin(Cow::Borrowed(a.str(0)))))
    }),
    one("bool", Signature::all(&[ArgKind::Str]), Type::Bool, ANY, "7.3.2", |_, a, c| {
        single(c, || Some(Sample::Bool(matches!(a.str(0), b"true" | b"1"))))
    }),
    one("dst", NONE, Type::Addr, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.destination()?.ip().map(Sample::ip))
    }),
    one("dst_port", NONE, Type::Int, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.destination()?.port().map(|p| Sample::Int(p.into())))
    }),
    many("hdr", REQUEST, |s, a, c| of_request(s, |r| values(&r.headers, a, c))),
    one("hdr_cnt", Signature::optional(&[ArgKind::Str]), Type::Int, REQUEST, "7.3.6", header_count),
    one("http_first_req", NONE, Type::Bool, REQUEST.or(RESPONSE), "7.3.6", |s, _, c| {
        single(c, || Some(Sample::Bool(s.stream?.earlier_requests == 0)))
    }),
    one("int", Signature::all(&[ArgKind::Int]), Type::Int, ANY, "7.3.2", |_, a, c| {
        single(c, || a.int(0).map(Sample::Int))
    }),
    one("ipv4", Signature::all(&[ArgKind::Ipv4]), Type::Ipv4, ANY, "7.3.2", |_, a, c| {
        single(c, || a.0.first().and_then(Arg::to_ip).map(Sample::ip))
    }),
    one("ipv6", Signature::all(&[ArgKind::Ipv6]), Type::Ipv6, ANY, "7.3.2", |_, a, c| {
        single(c, || a.0.first().and_then(Arg::to_ip).map(Sample::ip))
    }),
    one("method", NONE, Type::Method, REQUEST, "7.3.6", |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::Method(Cow::Borrowed(r.method.as_bytes())))))
    }),
    one("path", NONE, Type::Str, REQUEST, "7.3.6", |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(r.path()))))
    }),
    one("pathq", NONE, Type::Str, REQUEST, "7.3.6", |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(r.path_and_query()))))
    }),
    one("query", NONE, Type::Str, REQUEST, "7.3.6", |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(r.query().unwrap_or_default()))))
    }),
    many("req.fhdr", REQUEST, |s, a, c| of_request(s, |r| lines(&r.headers, a, c))),
    one("req.fhdr_cnt", Signature::optional(&[ArgKind::Str]), Type::Int, REQUEST, "7.3.6", line_count),
    many("req.hdr", REQUEST, |s, a, c| of_request(s, |r| values(&r.headers, a, c))),
    one("req.hdr_cnt", Signature::optional(&[ArgKind::Str]), Type::Int, REQUEST, "7.3.6", header_count),
    one("req.ver", NONE, Type::Str, REQUEST, "7.3.6", |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(r.version.number()))))
    }),
    many("res.fhdr", RESPONSE, |s, a, c| of_response(s, |r| lines(&r.headers, a, c))),
    many("res.hdr", RESPONSE, |s, a, c| of_response(s, |r| values(&r.headers, a, c))),
    one("src", NONE, Type::Addr, SESSION, "7.3.3", |s, _, c| single(c, || s.source()?.ip().map(Sample::ip))),
    one("src_port", NONE, Type::Int, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.source().and_then(Addr::port).map(|p| Sample::Int(p.into())))
    }),
    one("ssl_fc", NONE, Type::Bool, SESSION, "7.3.4", |s, _, c| {
        single(c, || Some(Sample::Bool(s.session.tls.tls().is_some())))
    }),
    one("status", NONE, Type::Int, RESPONSE, "7.3.6", |s, _, c| {
        of_response(s, |r| single(c, || Some(Sample::Int(r.status.0.into()))))
    }),
    one("str", Signature::all(&[ArgKind::Str]), Type::Str, ANY, "7.3.2", |_, a, c| {
        single(c, || Some(Sample::text(a.str(0))))
    }),
    one("var", Signature::some(1, &[ArgKind::Var, ArgKind::Str]), Type::Any, ANY, "7.3.2", variable),
    one("unique-id", NONE, Type::Str, SESSION, "7.3.6", |s, _, c| {
        single(c, || s.stream?.unique_id.as_deref().map(Sample::text))
    }),
    one("url", NONE, Type::Str, REQUEST, "7.3.6", |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::text(&r.target))))
    }),
];

/// The value of a variable, or the default that was given for it.
fn variable<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    single(cursor, || {
        let name = std::str::from_utf8(args.str(0)).ok()?;
        let default = || args.has(1).then(|| Sample::text(args.str(1)));
        crate::vars::look_up(scene, name).or_else(default)
    })
}

/// The one value of a fetch that has no more.
pub(crate) fn single<'a>(cursor: Cursor, value: impl FnOnce() -> Option<Sample<'a>>) -> Fetched<'a> {
    match cursor {
        Cursor::Single | Cursor::Nth(0) => value().into(),
        Cursor::Nth(_) => Fetched::Absent,
    }
}

fn of_request<'a>(scene: &Scene<'a>, fetch: impl FnOnce(&'a RequestHead) -> Fetched<'a>) -> Fetched<'a> {
    scene.request.map_or_else(|| head_to_come(scene.payload.of_request()), fetch)
}

fn of_response<'a>(scene: &Scene<'a>, fetch: impl FnOnce(&'a ResponseHead) -> Fetched<'a>) -> Fetched<'a> {
    scene.response.map_or_else(|| head_to_come(scene.payload.of_response()), fetch)
}

/// What a fetch on a head finds where there is none.
fn head_to_come(buffered: Option<Buffered<'_>>) -> Fetched<'_> {
    match buffered {
        Some(Buffered { hope: Hope::Head, .. }) => Fetched::NotYet,
        _ => Fetched::Absent,
    }
}

fn header_count<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    of_request(scene, |r| {
        single(cursor, || {
            let count = match args.str(0) {
                b"" => r.headers.iter().map(|h| http::values(h.value).count()).sum(),
                name => r.headers.find_values(name).count(),
            };
            Some(Sample::Int(count as i64))
        })
    })
}

/// Whole headers, not the elements of their values.
fn line_count<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    of_request(scene, |r| {
        single(cursor, || {
            let count = match args.str(0) {
                b"" => r.headers.len(),
                name => r.headers.find_all(name).count(),
            };
            Some(Sample::Int(count as i64))
        })
    })
}

/// Elements of comma-separated values: the asked one, the last one, or each in turn.
fn values<'a>(headers: &'a http::Headers, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    let name = args.str(0);
    let found = match (args.int(1), cursor) {
        (Some(n), Cursor::Single | Cursor::Nth(0)) => headers.nth_value(name, n as i32),
        (Some(_), Cursor::Nth(_)) => None,
        (None, Cursor::Single) => headers.nth_value(name, -1),
        (None, Cursor::Nth(n)) => headers.find_values(name).nth(n),
    };
    found.map(Sample::text).into()
}

/// Whole header values: the asked one, the last one, or each in turn.
fn lines<'a>(headers: &'a http::Headers, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    let name = args.str(0);
    let found = match (args.int(1), cursor) {
        (Some(n), Cursor::Single | Cursor::Nth(0)) => headers.nth(name, n as i32),
        (Some(_), Cursor::Nth(_)) => None,
        (None, Cursor::Single) => headers.nth(name, -1),
        (None, Cursor::Nth(n)) => headers.find_all(name).nth(n),
    };
    found.map(Sample::text).into()
}
