//! Sample fetches on connections and HTTP messages that need nothing beyond the scene.

pub mod auth;
pub mod captures;
pub mod chance;
pub mod conditions;
pub mod connection;
pub mod content;
pub mod cookies;
pub mod dump;
pub mod headers;
pub mod internal;
pub mod limits;
pub mod protocols;
pub mod sides;
pub mod state;
pub mod transaction;
pub mod uri;

#[cfg(test)]
pub(crate) mod probe;

use std::borrow::Cow;

use base::addr::Addr;
use http::{RequestHead, ResponseHead};

use crate::arg::{Arg, ArgKind, Args, Signature};
use crate::expr::{Contexts, Cursor, Fetch, Fetched, Values};
use crate::facts::{Buffered, Hope, Scene, ServerConnection};
use crate::sample::{Sample, Type};

const ANY: Contexts = Contexts::ANY;
const INTERNAL: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYYY.Y");
const SESSION: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYYY..");
const REQUEST: Contexts = Contexts::of("..YYYYYYYYY...........");
/// What is kept of a request for as long as its stream lives.
const REQUEST_KEPT: Contexts = Contexts::of("..YYYYYYYYYYYYYYYYY...");
const EITHER: Contexts = Contexts::of("..YYYYYYYYYYYYYYYY.Y..");
const ANSWERED: Contexts = Contexts::of("...........YYYYYYYYY..");
const RESPONSE: Contexts = Contexts::of("...........YYYYYYY.Y..");

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

const NONE: Signature = Signature::NONE;

/// The fetches of this room.
pub static FETCHES: &[Fetch] = &[
    one("always_false", NONE, Type::Bool, ANY, "7.3.2", |_, _, c| single(c, || Some(Sample::Bool(false)))),
    one("always_true", NONE, Type::Bool, ANY, "7.3.2", |_, _, c| single(c, || Some(Sample::Bool(true)))),
    one("bc_reused", NONE, Type::Bool, ANSWERED, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Bool(s.stream?.server_connection == ServerConnection::Reused)))
    }),
    one("bin", Signature::all(&[ArgKind::Hex]), Type::Bin, ANY, "7.3.2", |_, a, c| {
        single(c, || Some(Sample::Bin(Cow::Borrowed(a.str(0)))))
    }),
    one("bool", Signature::all(&[ArgKind::Truth]), Type::Bool, ANY, "7.3.2", |_, a, c| {
        single(c, || Some(Sample::Bool(matches!(a.str(0), b"true" | b"1"))))
    }),
    one("dst", NONE, Type::Addr, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.destination()?.ip().map(Sample::ip))
    }),
    one("dst_port", NONE, Type::Int, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.destination()?.port().map(|p| Sample::Int(p.into())))
    }),
    one("http_first_req", NONE, Type::Bool, REQUEST_KEPT, "7.3.6", |s, _, c| {
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
    one("method", NONE, Type::Method, REQUEST_KEPT, "7.3.6", |s, _, c| {
        of_request(s, |r| {
            // Rules that replace it mean the server's eyes only.
            let first = s.stream.and_then(|stream| stream.first_method.as_deref()).unwrap_or(&r.method);
            single(c, || Some(Sample::Method(Cow::Borrowed(first.as_bytes()))))
        })
    }),
    one("req.ver", NONE, Type::Str, REQUEST_KEPT, "7.3.6", version),
    one("req_ver", NONE, Type::Str, REQUEST_KEPT, "7.3.6", version),
    one("res.ver", NONE, Type::Str, ANSWERED, "7.3.6", answered_version),
    one("resp_ver", NONE, Type::Str, ANSWERED, "7.3.6", answered_version),
    one("src", NONE, Type::Addr, SESSION, "7.3.3", |s, _, c| single(c, || s.source()?.ip().map(Sample::ip))),
    one("src_port", NONE, Type::Int, SESSION, "7.3.3", |s, _, c| {
        single(c, || s.source().and_then(Addr::port).map(|p| Sample::Int(p.into())))
    }),
    one("ssl_fc", NONE, Type::Bool, Contexts::of(".YYYYYYYYYYYYYYYYYY..."), "7.3.4", |s, _, c| {
        single(c, || Some(Sample::Bool(s.session.tls.tls().is_some())))
    }),
    one("str", Signature::all(&[ArgKind::Str]), Type::Str, ANY, "7.3.2", |_, a, c| {
        single(c, || Some(Sample::text(a.str(0))))
    }),
    one("var", Signature::some(1, &[ArgKind::Var, ArgKind::Str]), Type::Any, ANY, "7.3.2", variable),
    one("unique-id", NONE, Type::Str, ANY, "7.3.6", |s, _, c| {
        single(c, || s.stream?.unique_id.as_deref().map(Sample::text))
    }),
];

/// All tables of this room.
pub const TABLES: &[&[Fetch]] = &[
    FETCHES,
    auth::FETCHES,
    chance::FETCHES,
    conditions::FETCHES,
    connection::FETCHES,
    content::FETCHES,
    cookies::FETCHES,
    dump::FETCHES,
    headers::REQUEST_FETCHES,
    headers::RESPONSE_FETCHES,
    headers::CURRENT_FETCHES,
    internal::FETCHES,
    limits::FETCHES,
    protocols::FETCHES,
    sides::FETCHES,
    state::FETCHES,
    transaction::FETCHES,
    uri::FETCHES,
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

fn version<'a>(scene: &Scene<'a>, _: &'a Args, cursor: Cursor) -> Fetched<'a> {
    of_request(scene, |r| single(cursor, || Some(Sample::text(r.version.number()))))
}

fn answered_version<'a>(scene: &Scene<'a>, _: &'a Args, cursor: Cursor) -> Fetched<'a> {
    of_response(scene, |r| single(cursor, || Some(Sample::text(r.version.number()))))
}
