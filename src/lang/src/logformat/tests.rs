use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::{Cursor, Fetch, Fetched, Values};
use crate::facts::{Payload, ProcessFacts, ProxyFacts, SessionFacts};
use crate::sample::{Sample, Type};
use base::addr::Addr;
use base::clock::{Tick, WallTime};

const fn fetch(name: &'static str, args: Signature, out: Type, eval: crate::expr::FetchFn) -> Fetch {
    Fetch { name, args, out, contexts: Contexts::ANY, manual: "7.3", values: Values::One, eval }
}

/// Tab, line feed, quote, backslash, bracket, DEL, and a byte that is no ASCII.
const ODD: &[u8] = b"\x01\t\n\"a\\]\x7f\xe9";

static FETCHES: &[Fetch] = &[
    fetch("str", Signature::optional(&[ArgKind::Str]), Type::Str, text_argument),
    fetch("int", Signature::all(&[ArgKind::Int]), Type::Int, int_argument),
    fetch("yes", Signature::NONE, Type::Bool, |_, _, _| Fetched::Value(Sample::Bool(true))),
    fetch("no", Signature::NONE, Type::Bool, |_, _, _| Fetched::Value(Sample::Bool(false))),
    fetch("absent", Signature::NONE, Type::Str, |_, _, _| Fetched::Absent),
    fetch("v4", Signature::NONE, Type::Ipv4, |_, _, _| Fetched::Value(Sample::Ipv4(Ipv4Addr::LOCALHOST))),
    fetch("v6", Signature::NONE, Type::Ipv6, |_, _, _| Fetched::Value(Sample::Ipv6(Ipv6Addr::LOCALHOST))),
    fetch("odd", Signature::NONE, Type::Str, |_, _, _| Fetched::Value(Sample::text(ODD))),
    fetch("bin", Signature::NONE, Type::Bin, |_, _, _| {
        Fetched::Value(Sample::Bin(Cow::Borrowed(b"abc\xe9\x00\x0a\x7f\x0d#")))
    }),
    Fetch {
        contexts: Contexts::of("..YYYYYYYYY..........."),
        ..fetch("path", Signature::NONE, Type::Str, |_, _, _| Fetched::Value(Sample::text(b"/")))
    },
    fetch("res.timer.data", Signature::NONE, Type::Int, |_, _, _| Fetched::Value(Sample::Int(1))),
];

fn text_argument<'a>(_: &Scene<'a>, args: &'a Args, _: Cursor) -> Fetched<'a> {
    Fetched::Value(Sample::text(args.str(0)))
}

fn int_argument<'a>(_: &Scene<'a>, args: &'a Args, _: Cursor) -> Fetched<'a> {
    Fetched::Value(Sample::Int(args.int(0).unwrap_or(0)))
}

const fn alias(name: &'static str, needs: Needs, render: fn(&Scene<'_>, &mut Field<'_>)) -> Alias {
    Alias { name, mode: AliasMode::Any, kind: AliasKind::Plain, needs, render }
}

static ALIASES: &[Alias] = &[
    alias("ci", Needs::NONE, |s, f| f.host(s.session.source.as_ref())),
    alias("cp", Needs::NONE, |s, f| f.port(s.session.source.as_ref(), 7)),
    alias("f", Needs::NONE, |s, f| f.text(s.frontend.name.as_bytes())),
    alias("ts", Needs::END, |_, f| f.word(b"--")),
    alias("B", Needs::END, |_, f| f.growing(80)),
    alias("rc", Needs::END, |_, f| f.prefixed(Prefix::Plus, 1)),
    alias("Ts", Needs::NONE, |_, f| f.number(0x6b02_e87f, 2)),
    alias("ms", Needs::NONE, |_, f| f.padded(6, 3)),
    alias("CC", Needs::COOKIES, |_, f| f.text(b"S=\"z]")),
    alias("CS", Needs::COOKIES, Field::missing_of),
    alias("hs", Needs::RESPONSE_CAPTURES, |_, f| f.null()),
    alias("hr", Needs::REQUEST_CAPTURES, |_, f| {
        f.pieces(|p| {
            p.plain(b"{");
            p.mapped(b"h{x}", Map::Header);
            p.plain(b"|");
            p.mapped(b"a\"b]\\c|d\xe9", Map::Header);
            p.plain(b"|");
            p.mapped(b"", Map::Header);
            p.plain(b"}");
        });
    }),
    alias("hrl", Needs::REQUEST_CAPTURES, |_, f| f.list([b"h{x}".as_slice(), b"", b"r v"].into_iter())),
    alias("r", Needs::REQUEST_LINE, |_, f| f.pieces(|p| p.mapped(b"GET /x]y\\z{\"# HTTP/1.1", Map::Url))),
    alias("HQ", Needs::REQUEST_LINE, |_, f| f.pieces(|p| p.mapped(b"", Map::Url))),
    alias("OG", Needs::NONE, |_, f| {
        let origin = f.event().origin;
        f.text(origin.as_bytes());
    }),
];

impl Field<'_> {
    fn missing_of(_: &Scene<'_>, f: &mut Field<'_>) {
        f.missing();
    }
}

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut registry = Registry::default();
        registry.add(FETCHES);
        registry.add(ALIASES);
        registry
    })
}

fn with_scene<T>(then: impl FnOnce(&Scene<'_>) -> T) -> T {
    let session =
        SessionFacts { source: Some(Addr::inet(Ipv4Addr::LOCALHOST, 50918)), ..SessionFacts::default() };
    then(&Scene {
        now: (Tick(1), WallTime(0)),
        process: &ProcessFacts::default(),
        frontend: &ProxyFacts { name: "fe".into(), ..ProxyFacts::default() },
        backend: None,
        server: None,
        session: &session,
        stream: None,
        request: None,
        response: None,
        payload: Payload::Unavailable,
    })
}

fn render(format: &LogFormat, event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    with_scene(|scene| format.render_event(scene, event, &mut out));
    out
}

fn log_bytes(text: &str) -> Vec<u8> {
    let format =
        LogFormat::parse_log(text.as_bytes(), registry()).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    render(&format, &Event::default())
}

fn log(text: &str) -> String {
    log_bytes(text).escape_ascii().to_string()
}

fn message(text: &str) -> String {
    let format = LogFormat::parse(text.as_bytes(), registry(), Contexts::ANY).unwrap();
    render(&format, &Event::default()).escape_ascii().to_string()
}

fn value(text: &str) -> String {
    let format = LogFormat::parse_value(text.as_bytes(), registry(), Contexts::ANY).unwrap();
    render(&format, &Event::default()).escape_ascii().to_string()
}

/// The expected texts of this table and the following ones are what HAProxy 3.5 logs.
#[test]
fn flags_of_single_items() {
    for (text, expected) in [
        ("%ci %{+Q}ci %{+X}ci %{+Q,+X}ci %{+E}ci", r#"127.0.0.1 "127.0.0.1" 7F000001 7F000001 127.0.0.1"#),
        ("%cp %{+Q}cp %{+X}cp %Ts %{+X}Ts", "50918 50918 C6E6 1795352703 6B02E87F"),
        ("%ms %{+X}ms %{+json}ms %{+cbor}ms", "006 06 6 06"),
        ("%{+json}ci %{+json}cp %{+json,+X}cp %{+json,+X}ci", r#""127.0.0.1" 50918 "C6E6" "7F000001""#),
        ("%{+cbor}ci %{+cbor}cp %{+cbor}Ts", "693132372E302E302E31 19C6E6 1A6B02E87F"),
        ("%f %{+Q}f %{+json}f %{+cbor}f", r#"fe "fe" "fe" 626665"#),
        ("%ts %{+Q}ts %{+json}ts %{+cbor}ts", r#"-- -- "--" 622D2D"#),
        ("%CC|%{+Q}CC|%{+E}CC|%{+json}CC", r#"S="z]|"S="z]"|S=\"z\]|"S=\"z]""#),
        ("%CS|%{+Q}CS|%{+E}CS|%{+json}CS|%{+cbor}CS", r#"-|""|-|""|F6"#),
        ("%hs|%{+Q}hs|%{+json}hs|%{+cbor}hs", "||null|F6"),
        ("%{+foo}ci %{+q}ci %{Q}ci %{}ci", "127.0.0.1 127.0.0.1 127.0.0.1 127.0.0.1"),
    ] {
        assert_eq!(log(text).replace("\\\"", "\"").replace(r"\\", r"\"), expected, "{text}");
    }
}

#[test]
fn captured_headers_and_request_lines() {
    for (text, expected) in [
        ("%hr", r"{h#7Bx#7D|a#22b]\c#7Cd#E9|}"),
        ("%{+Q}hr", r#""{h#7Bx#7D|a#22b]\c#7Cd#E9|}""#),
        ("%{+E}hr", r"{h#7Bx#7D|a#22b\]\\c#7Cd#E9|}"),
        ("%{+json}hr", r#""{h#7Bx#7D|a#22b]\\c#7Cd#E9|}""#),
        (
            "%{+cbor}hr",
            "7F617B616863233742617863233744617C61616323323264625D5C6363233743616463234539617C617DFF",
        ),
        ("%hrl", "h#7Bx#7D - r v"),
        ("%{+Q}hrl", r#""h#7Bx#7D" "" "r v""#),
        ("%{+json}hrl", r#"["h#7Bx#7D", "-", "r v"]"#),
        ("%{+cbor}hrl", "9F7F616863233742617863233744FF7F612DFF7F63722076FFFF"),
        ("%r", r"GET /x]y\z{#22#23 HTTP/1.1"),
        ("%{+Q}r", r#""GET /x]y\z{#22#23 HTTP/1.1""#),
        ("%{+E,+Q}r", r#""GET /x\]y\\z{#22#23 HTTP/1.1""#),
        ("%{+cbor}HQ|%{+json}HQ|%{+Q}HQ|%HQ|x %HQ y", r#"7FFF|""|""||x y"#),
    ] {
        assert_eq!(String::from_utf8(log_bytes(text)).unwrap(), expected, "{text}");
    }
}

#[test]
fn expressions_by_type() {
    for (text, expected) in [
        ("%[str(a b)]|%{+Q}[str(a b)]|%{+json}[str(a b)]|%{+cbor}[str(a b)]", r#"a b|"a b"|"a b"|63612062"#),
        ("%[int(5)]|%{+Q}[int(5)]|%{+X}[int(5)]|%{+json}[int(5)]|%{+cbor}[int(5)]", r#"5|"5"|5|5|05"#),
        (
            "%{+cbor}[int(-300)]|%{+cbor}[int(70000)]|%{+cbor}[int(5000000000)]",
            "39012B|1A00011170|1B000000012A05F200",
        ),
        ("%[yes]|%{+Q}[yes]|%{+json}[yes]|%{+cbor}[yes]|%{+cbor}[no]", r#"1|"1"|true|F5|F4"#),
        ("%[v4]|%{+X}[v4]|%{+json}[v4]|%[v6]|%{+Q}[v6]", r#"127.0.0.1|127.0.0.1|"127.0.0.1"|::1|"::1""#),
        ("%[absent]|%{+Q}[absent]|%{+json}[absent]|%{+cbor}[absent]|%[str()]", r#"-|""|""|F6|-"#),
        ("%{+cbor}[bin]", "5F49616263E9000A7F0D23FF"),
        ("%{+Q,+E}[str(a]b)]", r#""a\]b""#),
    ] {
        let expected = expected.replace("str(a]b)]", "");
        let text = text.replace("str(a]b)", "str('a]b')").replace("str('a]b')", r#"str("a]b")"#);
        assert_eq!(String::from_utf8(log_bytes(&text)).unwrap(), expected, "{text}");
    }
}

#[test]
fn odd_bytes_are_logged_as_they_are_and_binary_ends_at_its_first_zero() {
    assert_eq!(log_bytes("%[odd]"), ODD);
    assert_eq!(log_bytes("%{+E}[odd]"), b"\x01\t\n\\\"a\\\\\\]\x7f\xe9");
    assert_eq!(log_bytes("%[bin] %{+bin}[bin]"), b"abc\xe9 abc\xe9");
    assert_eq!(log_bytes("%{+bin}o %[bin]"), b"abc\xe9\x00\x0a\x7f\x0d#");
    // Control characters would break the structure.
    assert_eq!(log_bytes("%{+json}[odd]"), b"\"\\u0001\\u0009\\u000A\\\"a\\\\]\x7f\xe9\"");
}

#[test]
fn types_are_forced_within_encodings() {
    for (text, expected) in [
        (
            "%{+json}o %(a:str)cp %(b:sint)[str(s)] %(c:bool)[int(12)] %(d:bool)[no] %(e:sint)[no]",
            r#"{"a": "50918", "b": 0, "c": true, "d": false, "e": 0}"#,
        ),
        (
            "%{+json}o %(f:str)[int(12)] %(g:bool)[str(abc)] %(h:sint)ci %(i:bool)cp %(j:raw)[str(abc)] %(l:str)[no]",
            r#"{"f": "12", "g": false, "h": "127.0.0.1", "i": true, "j": abc, "l": "0"}"#,
        ),
        ("%(:str){+json}cp %(:str)cp %(:sint){+Q}cp %(:sint)[str(x)]", r#""50918" 50918 50918 x"#),
        ("%(:sint){+json}[v4]|%(:bool){+json}[v4]|%(:sint){+json}[bin]", r#"2130706433|""|"""#),
        ("%(:str){+cbor}[bin]|%(:bool){+cbor}cp|%(:raw){+json}ts", "64616263E9|F5|\"--\""),
    ] {
        assert_eq!(String::from_utf8_lossy(&log_bytes(text)), expected, "{text}");
    }
}

#[test]
fn whole_lines_are_encoded() {
    for (text, expected) in [
        (
            "%{+json}o %(a)ci %cp text %(b)[int(5)] %(c)[absent] %(d)hs more %[int(9)]",
            r#"{"a": "127.0.0.1", "b": 5, "c": "", "d": null}"#,
        ),
        ("%{+cbor}o %(a)ci %cp text %(b)[int(5)] %(c)[absent]", "BF6161693132372E302E302E316162056163F6FF"),
        ("%{+json}o abc", "{}"),
        ("%{+json}o %hr %(z){-json}ci", r#"{"z": "127.0.0.1"}"#),
        ("%{+Q,+json}o %(a)ci %cp", r#"{"a": "127.0.0.1"}"#),
        ("%{+json,+cbor}o %(a)ci %cp", r#"{"a": "127.0.0.1"}"#),
        ("%(z)ci %{+json}o %(a)cp %{-json}o %(b)cp", "127.0.0.1 50918 50918"),
        ("%{+json}o %(a)ci %{-json,+Q}o %(b)ci", r#""127.0.0.1" "127.0.0.1""#),
        ("%ci %{+json}o %(a)cp", r#"{"a": 50918}"#),
        ("%{+json}o %(a)rc %(b)B", r#"{"a": 1, "b": 80}"#),
    ] {
        assert_eq!(String::from_utf8(log_bytes(text)).unwrap(), expected, "{text}");
    }
    assert_eq!(log_bytes("%{+cbor,+bin}o %(a)f %(b)[int(5)]"), b"\xbf\x61a\x62fe\x61b\x05\xff");
}

#[test]
fn spaces_of_a_log_line_melt() {
    for (text, expected) in [
        ("a   b  %ci    %cp  ", "a b 127.0.0.1 50918 "),
        ("   %ci", "127.0.0.1"),
        ("%ci %hs %hs %cp", "127.0.0.1 50918"),
        ("%{+Q}o %o %f %{-Q}o %f", r#"\"fe\" fe"#),
        ("%[str(a b )]   b   %[str( )] %[str()]   c %[absent] ", "a b  b   - c - "),
        ("%%ci %(n)%ci", "%ci %ci"),
    ] {
        assert_eq!(log(text), expected, "{text}");
    }
}

#[test]
fn messages_keep_spaces_and_replace_what_headers_forbid() {
    for (text, expected) in [
        ("  %ci  x ", "  127.0.0.1  x "),
        ("%[odd]", r#"%01\t%0A\"a\\]%7F\xe9"#),
        ("%{+E}[odd]", r#"%01\t%0A\\\"a\\\\\\]%7F\xe9"#),
        ("%{+Q}[str(x)]|%{+Q}f|%{+Q}CS|%CS|%{+Q}[absent]|%[absent]", r#"x|\"fe\"|\"\"|||"#),
        ("%{+json}o %(a)ci %(b)[int(5)] x", " 127.0.0.1 5 x"),
        ("%[bin]|%OG", r"abc\xe9|unspec"),
    ] {
        assert_eq!(message(text), expected, "{text}");
    }
}

#[test]
fn values_keep_spaces_and_bytes() {
    assert_eq!(value(" [%[odd]] %{+Q}[str(x)] %CS%{+Q}CS "), r#" [\x01\t\n\"a\\]\x7f\xe9] \"x\" \"\" "#);
    assert_eq!(value("%{+json}o %(a)[absent] %(b)f"), r#"{\"a\": \"\", \"b\": \"fe\"}"#);
}

#[test]
fn figures_that_grow_say_so() {
    let format = LogFormat::parse_log(b"%B %{+json}B %{+X}B %rc %OG", registry()).unwrap();
    let event = Event { origin: "txn_response", number: 0, completeness: Completeness::Growing };
    assert_eq!(render(&format, &event), b"+80 80 +80 +1 txn_response");
}

#[test]
fn needs_are_those_of_all_items() {
    let needs = |text: &str| LogFormat::parse_log(text.as_bytes(), registry()).unwrap().needs();
    assert_eq!(needs("x %ci"), Needs::NONE);
    assert_eq!(needs("%r %CC"), Needs::REQUEST_LINE.or(Needs::COOKIES));
    assert!(needs("%[res.timer.data]").contains(Needs::END));
    assert!(!needs("%hr").contains(Needs::END));
}

#[test]
fn mistakes_are_pointed_at() {
    let mistake = |text: &str| {
        let e = LogFormat::parse_log(text.as_bytes(), registry()).unwrap_err();
        (e.span.start, e.message)
    };
    let (at, text) = mistake("ab %xx");
    assert!(at == 4 && text.contains("no such format alias 'xx'"), "{text}");
    let (at, text) = mistake("%ci %[path]");
    assert!(at == 6 && text.contains("<path> may not be reliably used here"), "{text}");
    let (_, text) = mistake("%[foo]");
    assert!(text.contains("unknown fetch method 'foo'"), "{text}");
    let format = LogFormat::parse(b"%[path]%[v4]", registry(), Contexts::ANY).unwrap();
    assert_eq!(format.contexts(), Contexts::of("..YYYYYYYYY..........."));
}

/// Checks JSON by its grammar and returns the rest of the text.
fn json(text: &[u8]) -> Result<&[u8], String> {
    let err = || format!("at {}", text.escape_ascii());
    let text = text.trim_ascii_start();
    match text.first().ok_or_else(err)? {
        b'{' => list(&text[1..], b'}', |t| {
            let t = json(t.trim_ascii_start())?.trim_ascii_start();
            json(t.strip_prefix(b":").ok_or("no colon")?)
        }),
        b'[' => list(&text[1..], b']', json),
        b'"' => string(&text[1..]).ok_or_else(err),
        b't' => text.strip_prefix(b"true").ok_or_else(err),
        b'f' => text.strip_prefix(b"false").ok_or_else(err),
        b'n' => text.strip_prefix(b"null").ok_or_else(err),
        b'-' | b'0'..=b'9' => {
            let digits = text[1..].iter().take_while(|b| b.is_ascii_digit()).count();
            Ok(&text[1 + digits..])
        }
        _ => Err(err()),
    }
}

fn list(mut t: &[u8], end: u8, one: fn(&[u8]) -> Result<&[u8], String>) -> Result<&[u8], String> {
    t = t.trim_ascii_start();
    if t.first() == Some(&end) {
        return Ok(&t[1..]);
    }
    loop {
        t = one(t)?.trim_ascii_start();
        match t.first() {
            Some(b',') => t = &t[1..],
            Some(b) if *b == end => return Ok(&t[1..]),
            _ => return Err(format!("list at {}", t.escape_ascii())),
        }
    }
}

fn string(mut t: &[u8]) -> Option<&[u8]> {
    loop {
        t = match t {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'"' | b'\\', rest @ ..] => rest,
            [b'\\', b'u', code @ ..] if code.len() >= 4 && code[..4].iter().all(u8::is_ascii_hexdigit) => {
                &code[4..]
            }
            [0..=0x1f | b'\\', ..] | [] => return None,
            [_, rest @ ..] => rest,
        }
    }
}

/// Checks one CBOR item and returns what follows.
fn cbor(text: &[u8]) -> Option<&[u8]> {
    let (&head, mut rest) = text.split_first()?;
    let (major, size) = (head >> 5, head & 31);
    if size == 31 {
        while rest.first()? != &0xff {
            rest = cbor(rest)?;
        }
        return (2..=5).contains(&major).then(|| &rest[1..]);
    }
    let width = match size {
        0..=23 => 0,
        24..=27 => 1 << (size - 24),
        _ => return None,
    };
    let argument = rest.get(..width)?.iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
    let argument = if width == 0 { u64::from(size) } else { argument };
    rest = &rest[width..];
    match major {
        0 | 1 | 7 => Some(rest),
        2 | 3 => rest.get(usize::try_from(argument).ok()?..),
        _ => None,
    }
}

prop_compose! {
    fn item()(
        name in "[a-z]{0,2}",
        kind in prop_oneof![Just(""), Just(":str"), Just(":sint"), Just(":bool")],
        flags in prop_oneof![Just(""), Just("{+Q}"), Just("{+X}"), Just("{+E}"), Just("{+json}"), Just("{+cbor}")],
        value in prop_oneof![
            Just("ci"), Just("cp"), Just("hr"), Just("hrl"), Just("hs"), Just("r"), Just("CC"), Just("CS"),
            Just("B"), Just("rc"), Just("ts"), Just("[odd]"), Just("[bin]"), Just("[v6]"), Just("[no]"),
            Just("[int(-7)]"), Just("[int(9223372036854775807)]"), Just("[absent]"), Just("[str(x)]"),
        ],
        gap in " {0,2}",
    ) -> String {
        format!("%({name}{kind}){flags}{value}{gap}")
    }
}

proptest! {
    #[test]
    fn json_lines_are_json(items in proptest::collection::vec(item(), 0..8)) {
        let out = log_bytes(&format!("%{{+json}}o {}", items.concat().replace("+cbor", "+json")));
        prop_assert_eq!(json(&out).map(<[u8]>::is_empty), Ok(true), "{}", out.escape_ascii());
    }

    #[test]
    fn cbor_lines_are_cbor(items in proptest::collection::vec(item(), 0..8)) {
        let items = items.concat().replace("+json", "+cbor");
        let raw = log_bytes(&format!("%{{+cbor,+bin}}o {items}"));
        prop_assert_eq!(cbor(&raw).map(<[u8]>::is_empty), Some(true), "{}", raw.escape_ascii());
        let digits = log_bytes(&format!("%{{+cbor}}o {items}"));
        let hex = crate::sample::hex(&raw);
        prop_assert_eq!(digits.escape_ascii().to_string(), hex.escape_ascii().to_string());
    }

    #[test]
    fn nothing_panics(text in r"[a-zA-Z%{}+Q,()\[\]: ]{0,40}", items in proptest::collection::vec(item(), 0..4)) {
        let text = format!("{text}{}", items.concat());
            let compiled = [
            LogFormat::parse_log(text.as_bytes(), registry()),
            LogFormat::parse_value(text.as_bytes(), registry(), Contexts::ANY),
            LogFormat::parse(text.as_bytes(), registry(), Contexts::ANY),
        ];
        for format in compiled.into_iter().flatten() {
            render(&format, &Event::default());
        }
    }
}
