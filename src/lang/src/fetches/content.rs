//! Sample fetches on what has arrived of a session or of a body, and on the inspection of it.

use std::borrow::Cow;

use super::{NONE, one, single};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::{Contexts, Cursor, Fetch, Fetched};
use crate::facts::{Buffered, Hope, Scene};
use crate::sample::{Sample, Type};

const EVER: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYYY.Y");
const REQUEST: Contexts = Contexts::of("..YYYYYYYYY...........");
const FROM_REQUEST: Contexts = Contexts::of("..YYYYYYYYYYYYYYYYY...");
const ANSWER: Contexts = Contexts::of("...........YYYYYYY.Y..");
const CONTENT: Contexts = Contexts::of("..YYYYYYYYYYYYYYYY.Y..");

const OFFSET_LENGTH: Signature = Signature::all(&[ArgKind::Int, ArgKind::Int]);
const LENGTH_VALUE: Signature = Signature::some(2, &[ArgKind::Int, ArgKind::Int, ArgKind::Offset]);

/// The fetches on contents.
pub static FETCHES: &[Fetch] = &[
    one("last_rule_file", NONE, Type::Str, EVER, "7.3.2", |s, _, c| {
        single(c, || s.stream?.last_rule.as_ref().map(|(file, _)| Sample::text(file.as_bytes())))
    }),
    one("last_rule_line", NONE, Type::Int, EVER, "7.3.2", |s, _, c| {
        single(c, || s.stream?.last_rule.as_ref().map(|(_, line)| Sample::Int((*line).into())))
    }),
    one("payload", OFFSET_LENGTH, Type::Bin, CONTENT, "7.3.5", |s, a, c| {
        of(raw(s, s.payload.of_either()), c, |b| piece(b, a))
    }),
    one("payload_lv", LENGTH_VALUE, Type::Bin, CONTENT, "7.3.5", |s, a, c| {
        of(raw(s, s.payload.of_either()), c, |b| length_value(b, a))
    }),
    one("req.body", NONE, Type::Bin, REQUEST, "7.3.6", |s, _, c| of(asked_body(s), c, body)),
    one("req.body_len", NONE, Type::Int, REQUEST, "7.3.6", |s, _, c| of(asked_body(s), c, body_length)),
    one("req.body_size", NONE, Type::Int, REQUEST, "7.3.6", |s, _, c| {
        of(asked_body(s), c, |b| body_size(&s.request?.headers, b))
    }),
    one("req.len", NONE, Type::Int, REQUEST, "7.3.5", |s, _, c| {
        of(s.payload.of_request(), c, |b| length(s, b))
    }),
    one("req.payload", OFFSET_LENGTH, Type::Bin, REQUEST, "7.3.5", |s, a, c| {
        of(raw(s, s.payload.of_request()), c, |b| piece(b, a))
    }),
    one("req.payload_lv", LENGTH_VALUE, Type::Bin, REQUEST, "7.3.5", |s, a, c| {
        of(raw(s, s.payload.of_request()), c, |b| length_value(b, a))
    }),
    one("req.proto_http", NONE, Type::Bool, FROM_REQUEST, "7.3.6", |s, _, c| is_http(s, c)),
    one("req_len", NONE, Type::Int, REQUEST, "7.3.5", |s, _, c| {
        of(s.payload.of_request(), c, |b| length(s, b))
    }),
    one("req_proto_http", NONE, Type::Bool, FROM_REQUEST, "7.3.6", |s, _, c| is_http(s, c)),
    one("res.body", NONE, Type::Bin, ANSWER, "7.3.6", |s, _, c| of(given_body(s), c, body)),
    one("res.body_len", NONE, Type::Int, ANSWER, "7.3.6", |s, _, c| of(given_body(s), c, body_length)),
    one("res.body_size", NONE, Type::Int, ANSWER, "7.3.6", |s, _, c| {
        of(given_body(s), c, |b| body_size(&s.response?.headers, b))
    }),
    one("res.len", NONE, Type::Int, ANSWER, "7.3.5", |s, _, c| {
        of(s.payload.of_response(), c, |b| length(s, b))
    }),
    one("res.payload", OFFSET_LENGTH, Type::Bin, ANSWER, "7.3.5", |s, a, c| {
        of(raw(s, s.payload.of_response()), c, |b| piece(b, a))
    }),
    one("res.payload_lv", LENGTH_VALUE, Type::Bin, ANSWER, "7.3.5", |s, a, c| {
        of(raw(s, s.payload.of_response()), c, |b| length_value(b, a))
    }),
    one("wait_end", NONE, Type::Bool, EVER, "7.3.2", wait_end),
];

/// Something found in bytes that have arrived.
pub(super) enum Found<'a> {
    /// That is it.
    Fixed(Sample<'a>),
    /// More bytes would change it.
    Growing(Sample<'a>),
    /// More bytes are needed to tell.
    TooShort,
}

/// What the one value of a fetch on such bytes is; an unconditional none is final.
pub(super) fn of<'a>(
    buffered: Option<Buffered<'a>>,
    cursor: Cursor,
    find: impl FnOnce(Buffered<'a>) -> Option<Found<'a>>,
) -> Fetched<'a> {
    let (Some(buffered), Cursor::Single | Cursor::Nth(0)) = (buffered, cursor) else {
        return Fetched::Absent;
    };
    let waits = buffered.hope != Hope::Nothing;
    match find(buffered) {
        Some(Found::Growing(value)) if waits => Fetched::SoFar(value),
        Some(Found::Fixed(value) | Found::Growing(value)) => Fetched::Value(value),
        Some(Found::TooShort) if waits => Fetched::NotYet,
        Some(Found::TooShort) | None => Fetched::Absent,
    }
}

/// The bytes of a session that carries no HTTP: what is between the heads and the bodies of others has no offsets.
pub(super) fn raw<'a>(scene: &Scene<'a>, buffered: Option<Buffered<'a>>) -> Option<Buffered<'a>> {
    buffered.filter(|_| !scene.is_http())
}

pub(super) fn asked_body<'a>(scene: &Scene<'a>) -> Option<Buffered<'a>> {
    scene.request.and(scene.payload.of_request()).filter(|_| scene.is_http())
}

fn given_body<'a>(scene: &Scene<'a>) -> Option<Buffered<'a>> {
    scene.response.and(scene.payload.of_response()).filter(|_| scene.is_http())
}

fn body(buffered: Buffered<'_>) -> Option<Found<'_>> {
    Some(Found::Fixed(Sample::Bin(Cow::Borrowed(buffered.data))))
}

fn body_length(buffered: Buffered<'_>) -> Option<Found<'_>> {
    Some(Found::Fixed(Sample::Int(buffered.data.len() as i64)))
}

/// The length that the head announces, or else what has come.
fn body_size<'a>(headers: &http::Headers, buffered: Buffered<'a>) -> Option<Found<'a>> {
    let announced = headers.find(b"content-length").and_then(|n| std::str::from_utf8(n).ok()?.parse().ok());
    Some(Found::Fixed(Sample::Int(announced.unwrap_or(buffered.data.len() as i64))))
}

/// All that is there, heads included.
fn length<'a>(scene: &Scene<'a>, buffered: Buffered<'a>) -> Option<Found<'a>> {
    let fields =
        |headers: &http::Headers| headers.iter().map(|h| h.name.len() + h.value.len()).sum::<usize>();
    let head = match (scene.is_http(), scene.payload.of_request(), scene.request, scene.response) {
        (true, Some(_), Some(request), _) => request.target.len() + fields(&request.headers),
        (true, None, _, Some(response)) => fields(&response.headers),
        _ => 0,
    };
    Some(Found::Growing(Sample::Int((head + buffered.data.len()) as i64)))
}

fn piece<'a>(buffered: Buffered<'a>, args: &Args) -> Option<Found<'a>> {
    let offset = usize::try_from(args.int(0)?).ok()?;
    let length = usize::try_from(args.int(1)?).ok()?;
    let sample = |bytes: &'a [u8]| Sample::Bin(Cow::Borrowed(bytes));
    if length > 0 {
        let Some(bytes) = buffered.data.get(offset..offset.checked_add(length)?) else {
            return Some(Found::TooShort);
        };
        return Some(Found::Fixed(sample(bytes)));
    }
    Some(buffered.data.get(offset..).map_or(Found::TooShort, |bytes| Found::Growing(sample(bytes))))
}

/// A value whose length stands in the bytes before it, or elsewhere.
fn length_value<'a>(buffered: Buffered<'a>, args: &Args) -> Option<Found<'a>> {
    let at = usize::try_from(args.int(0)?).ok()?;
    let width = usize::try_from(args.int(1)?).ok().filter(|w| (1..=8).contains(w))?;
    let behind = at.checked_add(width)?;
    let Some(digits) = buffered.data.get(at..behind) else { return Some(Found::TooShort) };
    let length = digits.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
    let start = if args.has(2) { value_offset(args.str(2), behind)? } else { behind };
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let bytes = buffered.data.get(start..end);
    Some(bytes.map_or(Found::TooShort, |bytes| Found::Fixed(Sample::Bin(Cow::Borrowed(bytes)))))
}

/// An offset from the start, or with a sign from the end of the length.
fn value_offset(written: &[u8], behind: usize) -> Option<usize> {
    let number: i64 = std::str::from_utf8(written).ok()?.parse().ok()?;
    let base = if matches!(written.first(), Some(b'+' | b'-')) { i64::try_from(behind).ok()? } else { 0 };
    usize::try_from(base.checked_add(number)?).ok()
}

/// Whether the request is one of HTTP; that takes a complete head to know.
fn is_http<'a>(scene: &Scene<'a>, cursor: Cursor) -> Fetched<'a> {
    super::of_request(scene, |_| single(cursor, || Some(Sample::Bool(true))))
}

/// True once waiting is over.
fn wait_end<'a>(scene: &Scene<'a>, _: &'a Args, cursor: Cursor) -> Fetched<'a> {
    match scene.payload.of_either() {
        Some(Buffered { hope: Hope::Bytes | Hope::Head, .. }) if cursor != Cursor::Nth(1) => Fetched::NotYet,
        _ => single(cursor, || Some(Sample::Bool(true))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expr;
    use crate::facts::{Payload, ProcessFacts, ProxyFacts, SessionFacts};
    use base::registry::Registry;
    use proptest::prelude::*;

    fn ask(text: &str, payload: Payload<'_>) -> Fetched<'static> {
        let mut registry = Registry::default();
        registry.add(FETCHES);
        let expr = Expr::parse(text.as_bytes(), &registry).unwrap();
        let (process, frontend, session) =
            (ProcessFacts::default(), ProxyFacts::default(), SessionFacts::default());
        let scene = Scene {
            now: Default::default(),
            process: &process,
            frontend: &frontend,
            backend: None,
            server: None,
            session: &session,
            stream: None,
            request: None,
            response: None,
            payload,
        };
        match expr.eval(&scene) {
            Fetched::Value(v) | Fetched::Last(v) => Fetched::Value(v.into_owned()),
            Fetched::SoFar(v) => Fetched::SoFar(v.into_owned()),
            Fetched::Absent => Fetched::Absent,
            Fetched::NotYet => Fetched::NotYet,
        }
    }

    fn request(data: &[u8], hope: Hope) -> Payload<'_> {
        Payload::Request(Buffered { data, hope })
    }

    fn bytes(text: &[u8]) -> Sample<'static> {
        Sample::Bin(Cow::Owned(text.to_vec()))
    }

    #[test]
    fn lengths_grow_as_long_as_bytes_may_come() {
        assert_eq!(ask("req.len", request(b"abc", Hope::Bytes)), Fetched::SoFar(Sample::Int(3)));
        assert_eq!(ask("req.len", request(b"abc", Hope::Nothing)), Fetched::Value(Sample::Int(3)));
        assert_eq!(ask("res.len", request(b"abc", Hope::Nothing)), Fetched::Absent);
        assert_eq!(ask("req.len", Payload::Unavailable), Fetched::Absent);
    }

    #[test]
    fn pieces_are_waited_for() {
        assert_eq!(ask("req.payload(1,2)", request(b"abc", Hope::Bytes)), Fetched::Value(bytes(b"bc")));
        assert_eq!(ask("req.payload(2,2)", request(b"abc", Hope::Bytes)), Fetched::NotYet);
        assert_eq!(ask("req.payload(2,2)", request(b"abc", Hope::Nothing)), Fetched::Absent);
        assert_eq!(ask("payload(1,0)", request(b"abc", Hope::Bytes)), Fetched::SoFar(bytes(b"bc")));
        assert_eq!(ask("payload(3,0)", request(b"abc", Hope::Nothing)), Fetched::Value(bytes(b"")));
    }

    #[test]
    fn a_value_may_stand_elsewhere_than_behind_its_length() {
        let data = b"\x00\x02abcd";
        assert_eq!(ask("payload_lv(0,2)", request(data, Hope::Bytes)), Fetched::Value(bytes(b"ab")));
        assert_eq!(ask("payload_lv(0,2,4)", request(data, Hope::Bytes)), Fetched::Value(bytes(b"cd")));
        assert_eq!(ask("payload_lv(0,2,+1)", request(data, Hope::Bytes)), Fetched::Value(bytes(b"bc")));
        assert_eq!(ask("payload_lv(0,2,-1)", request(data, Hope::Bytes)), Fetched::Value(bytes(b"\x02a")));
        assert_eq!(ask("payload_lv(0,2,+3)", request(data, Hope::Bytes)), Fetched::NotYet);
        assert_eq!(ask("payload_lv(0,9)", request(data, Hope::Bytes)), Fetched::Absent);
    }

    #[test]
    fn waiting_ends_with_hope() {
        assert_eq!(ask("wait_end", request(b"", Hope::Head)), Fetched::NotYet);
        assert_eq!(ask("wait_end", request(b"", Hope::Nothing)), Fetched::Value(Sample::Bool(true)));
        assert_eq!(ask("wait_end", Payload::Unavailable), Fetched::Value(Sample::Bool(true)));
    }

    #[test]
    fn http_is_known_by_its_head() {
        assert_eq!(ask("req.proto_http", request(b"GET /", Hope::Head)), Fetched::NotYet);
        assert_eq!(ask("req.proto_http", request(b"\x16\x03", Hope::Bytes)), Fetched::Absent);
    }

    proptest! {
        #[test]
        fn no_offset_leaves_the_bytes(a in 0_i64..40, b in 0_i64..12, c in -40_i64..40, data in proptest::collection::vec(any::<u8>(), 0..32)) {
            for text in [format!("payload({a},{b})"), format!("payload_lv({a},{b})"), format!("payload_lv({a},{b},{c:+})")] {
                if let Fetched::Value(Sample::Bin(found)) = ask(&text, request(&data, Hope::Nothing)) {
                    prop_assert!(found.is_empty() || data.windows(found.len()).any(|w| w == &*found));
                }
            }
        }
    }
}
