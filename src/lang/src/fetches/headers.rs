//! Sample fetches on the header fields of requests and responses.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::fold::is_in_any_case;
use http::Headers;

use super::{EITHER, NONE, REQUEST, RESPONSE, one, single};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::{Contexts, Cursor, Fetch, FetchFn, Fetched, Values};
use crate::facts::Scene;
use crate::sample::{Sample, Type};

const NAME: Signature = Signature::optional(&[ArgKind::Str]);
const NAME_OCC: Signature = Signature::optional(&[ArgKind::Str, ArgKind::Int]);
const HTTP: &str = "7.3.6";

const fn many(name: &'static str, out: Type, contexts: Contexts, eval: FetchFn) -> Fetch {
    Fetch { name, args: NAME_OCC, out, contexts, manual: HTTP, values: Values::Many, eval }
}

macro_rules! of_message {
    ($asked:expr, $s:ident, |$headers:ident| $found:expr) => {
        match $asked {
            Message::Request => super::of_request($s, |r| {
                let $headers = &r.headers;
                $found
            }),
            Message::Response => super::of_response($s, |r| {
                let $headers = &r.headers;
                $found
            }),
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Request,
    Response,
}

/// The message that a rule set is about.
fn current(scene: &Scene<'_>) -> Message {
    if scene.response.is_some() || scene.payload.of_response().is_some() {
        Message::Response
    } else {
        Message::Request
    }
}

/// The fetches of one message, under all of their names.
macro_rules! fetches {
    ($message:expr, $contexts:expr; $($kind:ident $($name:literal)+;)+) => {
        [$($(fetch!($kind $name, $message, $contexts)),+),+]
    };
}

macro_rules! fetch {
    (element $name:literal, $m:expr, $c:expr) => {
        many($name, Type::Str, $c, |s, a, c| of_message!($m, s, |h| element_sample(h, a, c)))
    };
    (line $name:literal, $m:expr, $c:expr) => {
        many($name, Type::Str, $c, |s, a, c| {
            of_message!($m, s, |h| text(line(h, a, c).map(http::token::trim)))
        })
    };
    (address $name:literal, $m:expr, $c:expr) => {
        many($name, Type::Addr, $c, |s, a, c| of_message!($m, s, |h| address(h, a, c)))
    };
    (number $name:literal, $m:expr, $c:expr) => {
        many($name, Type::Int, $c, |s, a, c| {
            of_message!($m, s, |h| element(h, a, c).map(|text| Sample::Int(int_of(text))).into())
        })
    };
    (elements $name:literal, $m:expr, $c:expr) => {
        one($name, NAME, Type::Int, $c, HTTP, |s, a, c| {
            of_message!($m, s, |h| count(c, elements(h, a.str(0))))
        })
    };
    (lines $name:literal, $m:expr, $c:expr) => {
        one($name, NAME, Type::Int, $c, HTTP, |s, a, c| of_message!($m, s, |h| count(c, lines(h, a.str(0)))))
    };
    (names $name:literal, $m:expr, $c:expr) => {
        one($name, NAME, Type::Str, $c, HTTP, |s, a, c| of_message!($m, s, |h| names(h, a, c)))
    };
    (block $name:literal, $m:expr, $c:expr) => {
        one($name, NONE, Type::Bin, $c, HTTP, |s, _, c| of_message!($m, s, |h| block(h, c)))
    };
    (packed $name:literal, $m:expr, $c:expr) => {
        one($name, NONE, Type::Bin, $c, HTTP, |s, _, c| of_message!($m, s, |h| packed(h, c)))
    };
}

/// Fetches on the fields of requests.
pub static REQUEST_FETCHES: &[Fetch] = &fetches! {
    Message::Request, REQUEST;
    address "hdr_ip" "req.hdr_ip";
    number "hdr_val" "req.hdr_val";
    elements "hdr_cnt" "req.hdr_cnt";
    element "req.hdr";
    line "req.fhdr";
    lines "req.fhdr_cnt";
    names "req.hdr_names";
    block "req.hdrs";
    packed "req.hdrs_bin";
};

/// Fetches on the fields of responses.
pub static RESPONSE_FETCHES: &[Fetch] = &fetches! {
    Message::Response, RESPONSE;
    address "res.hdr_ip" "shdr_ip";
    number "res.hdr_val" "shdr_val";
    elements "res.hdr_cnt" "shdr_cnt";
    element "res.hdr" "shdr";
    line "res.fhdr";
    lines "res.fhdr_cnt";
    names "res.hdr_names";
    block "res.hdrs";
    packed "res.hdrs_bin";
};

/// Those that look at whatever message their rule set is about.
pub static CURRENT_FETCHES: &[Fetch] =
    &[many("hdr", Type::Str, EITHER, |s, a, c| of_message!(current(s), s, |h| element_sample(h, a, c)))];

fn text(found: Option<&[u8]>) -> Fetched<'_> {
    found.map(Sample::text).into()
}

/// An element of comma-separated values; in turns, the last one is told.
fn element_sample<'a>(headers: &'a Headers, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    match (cursor, args.str(0)) {
        (Cursor::Nth(n), name) if !name.is_empty() && args.int(1).is_none() => nth_element(headers, name, n),
        _ => text(element(headers, args, cursor)),
    }
}

/// The element at a place, from 0, among those of all fields of a name.
fn nth_element<'a>(headers: &'a Headers, name: &[u8], n: usize) -> Fetched<'a> {
    let (mut before, mut found) = (n, None);
    for value in headers.find_all(name) {
        for element in http::values(value) {
            match (found, before) {
                (Some(found), _) => return Fetched::Value(Sample::text(found)),
                (None, 0) => found = Some(element),
                (None, _) => before -= 1,
            }
        }
    }
    found.map_or(Fetched::Absent, |found| Fetched::Last(Sample::text(found)))
}

/// The elements of a field's values; of all fields without a name.
fn elements<'a>(headers: &'a Headers, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    lines(headers, name).flat_map(http::values)
}

/// The values of a field; of all fields without a name.
fn lines<'a>(headers: &'a Headers, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let wanted = move |field: &http::HeaderField<'_>| name.is_empty() || is_in_any_case(field.name, name);
    headers.iter().filter(wanted).map(|field| field.value)
}

/// An element of comma-separated values: the asked one, the last one, or each in turn.
fn element<'a>(headers: &'a Headers, args: &'a Args, cursor: Cursor) -> Option<&'a [u8]> {
    let name = args.str(0);
    match (args.int(1), cursor) {
        (Some(n), Cursor::Single | Cursor::Nth(0)) => headers.nth_value(name, n as i32),
        (Some(_), Cursor::Nth(_)) => None,
        (None, Cursor::Single) => headers.nth_value(name, -1),
        (None, Cursor::Nth(n)) => elements(headers, name).nth(n),
    }
}

/// A whole value: the asked one, the last one, or each in turn.
fn line<'a>(headers: &'a Headers, args: &'a Args, cursor: Cursor) -> Option<&'a [u8]> {
    let name = args.str(0);
    match (args.int(1), cursor) {
        (Some(n), Cursor::Single | Cursor::Nth(0)) => headers.nth(name, n as i32),
        (Some(_), Cursor::Nth(_)) => None,
        (None, Cursor::Single) => headers.nth(name, -1),
        (None, Cursor::Nth(n)) => lines(headers, name).nth(n),
    }
}

/// As an element, but each in turn skips what is no address.
fn address<'a>(headers: &'a Headers, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    let found = match (args.has(1), cursor) {
        (false, Cursor::Nth(n)) => elements(headers, args.str(0)).filter_map(ip_of).nth(n),
        _ => element(headers, args, cursor).and_then(ip_of),
    };
    found.map(Sample::ip).into()
}

fn count<'a>(cursor: Cursor, found: impl Iterator) -> Fetched<'a> {
    single(cursor, || Some(Sample::Int(found.count() as i64)))
}

/// An address as forwarding headers write it: an IPv4 address may have a port, an IPv6 one brackets.
fn ip_of(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(inner) = text.strip_prefix('[') {
        return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return Some(v6.into());
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let port_fits = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if !port.is_none_or(port_fits) {
        return None;
    }
    ipv4_of(host).map(IpAddr::V4)
}

/// Four decimal numbers with dots, in which leading zeros mean nothing.
fn ipv4_of(text: &str) -> Option<Ipv4Addr> {
    let mut numbers = text.split('.');
    let mut next = || {
        let digits = numbers.next().filter(|d| !d.is_empty() && d.len() <= 3)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u8>().ok())?
    };
    let address = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    numbers.next().is_none().then_some(address)
}

/// The integer at the start of a text, in 32 bits that overflow in silence, as they always did.
pub(super) fn int_of(text: &[u8]) -> i64 {
    let (digits, sign) = text.strip_prefix(b"-").map_or((text, 1_i32), |digits| (digits, -1));
    let value = digits
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .fold(0_i32, |n, b| n.wrapping_mul(10).wrapping_add(i32::from(b - b'0')));
    i64::from(value.wrapping_mul(sign))
}

/// What stands between the items of a list: the first byte of an argument, or a comma.
pub(super) fn delimiter(args: &Args) -> u8 {
    args.str(0).first().copied().unwrap_or(b',')
}

fn names<'a>(headers: &Headers, args: &Args, cursor: Cursor) -> Fetched<'a> {
    single(cursor, || {
        let mut list = Vec::new();
        for field in headers {
            if !list.is_empty() {
                list.push(delimiter(args));
            }
            list.extend(field.name.iter().map(u8::to_ascii_lowercase));
        }
        Some(Sample::owned(list))
    })
}

/// All fields as lines, with the empty one behind them.
fn block<'a>(headers: &Headers, cursor: Cursor) -> Fetched<'a> {
    single(cursor, || {
        let mut block = Vec::with_capacity(headers.wire_size() + 2);
        for field in headers {
            block.extend(field.name.iter().map(u8::to_ascii_lowercase));
            block.extend_from_slice(b": ");
            block.extend_from_slice(field.value);
            block.extend_from_slice(b"\r\n");
        }
        block.extend_from_slice(b"\r\n");
        Some(Sample::Bin(Cow::Owned(block)))
    })
}

/// All fields as names and values with their lengths before them, and two empty texts behind.
fn packed<'a>(headers: &Headers, cursor: Cursor) -> Fetched<'a> {
    single(cursor, || {
        let mut block = Vec::with_capacity(headers.wire_size());
        for field in headers {
            push_length(field.name.len() as u64, &mut block);
            block.extend(field.name.iter().map(u8::to_ascii_lowercase));
            push_length(field.value.len() as u64, &mut block);
            block.extend_from_slice(field.value);
        }
        block.extend_from_slice(&[0, 0]);
        Some(Sample::Bin(Cow::Owned(block)))
    })
}

/// The variable integers of SPOP: up to 239 in one byte, then four bits in the first byte and seven in those that
/// follow.
fn push_length(length: u64, out: &mut Vec<u8>) {
    if length < 240 {
        out.push(length as u8);
        return;
    }
    out.push(0xf0 | length as u8 & 0x0f);
    let mut rest = (length - 240) >> 4;
    while rest >= 128 {
        out.push(0x80 | rest as u8 & 0x7f);
        rest = (rest - 128) >> 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetches::probe::{Messages, request};
    use proptest::prelude::*;

    #[test]
    fn addresses_are_written_in_few_ways() {
        for (text, address) in [
            ("1.2.3.4", Some("1.2.3.4")),
            ("01.2.3.4", Some("1.2.3.4")),
            ("1.2.3.4:80", Some("1.2.3.4")),
            ("1.2.3.4:70000", None),
            ("1.2.3.4:", None),
            ("1.2.3", None),
            ("1.2.3.4.5", None),
            ("[::1]", Some("::1")),
            ("::1", Some("::1")),
            ("[::1]:5", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(ip_of(text.as_bytes()).map(|a| a.to_string()).as_deref(), address, "{text}");
        }
    }

    #[test]
    fn numbers_overflow_in_silence() {
        for (text, number) in [
            ("12", 12),
            ("5000000000", 705_032_704),
            ("99999999999999999999", 1_661_992_959),
            ("2147483648", -2_147_483_648),
            ("+7", 0),
            ("-5", -5),
            ("12abc", 12),
            ("abc", 0),
        ] {
            assert_eq!(int_of(text.as_bytes()), number, "{text}");
        }
    }

    #[test]
    fn fields_are_found_and_counted() {
        let mut messages = request("GET / HTTP/1.1");
        messages.field("Host", "a").field("XFF", "1.2.3.4, 5.6.7.8:99,[::1]:5").field("Num", "12, 13");
        for (fetch, value) in [
            ("hdr(xff,1)", Some("1.2.3.4")),
            ("req.hdr_ip(xff,2)", Some("5.6.7.8")),
            ("req.hdr_ip(xff)", None),
            ("hdr_ip(xff,-3)", Some("1.2.3.4")),
            ("hdr_val(num)", Some("13")),
            ("req.hdr_cnt", Some("6")),
            ("req.fhdr_cnt", Some("3")),
            ("req.hdr_names(|)", Some("host|xff|num")),
            ("req.fhdr(num)", Some("12, 13")),
            ("hdr", None),
        ] {
            assert_eq!(messages.ask(fetch).as_deref(), value, "{fetch}");
        }
        assert_eq!(messages.ask_each("hdr_ip(xff)"), ["1.2.3.4", "5.6.7.8"]);
        assert_eq!(messages.ask_each("hdr"), ["a", "1.2.3.4", "5.6.7.8:99", "[::1]:5", "12", "13"]);
    }

    #[test]
    fn all_fields_come_as_one_block() {
        let mut messages = request("GET / HTTP/1.1");
        messages.field("Host", "a").field("N", "12");
        assert_eq!(messages.ask("req.hdrs").as_deref(), Some("host: a\r\nn: 12\r\n\r\n"));
        let Some(Sample::Bin(packed)) = messages.sample("req.hdrs_bin") else { panic!("no block") };
        assert_eq!(&*packed, b"\x04host\x01a\x01n\x0212\0\0");
    }

    #[test]
    fn the_current_message_is_the_response_where_there_is_one() {
        let mut messages: Messages = request("GET / HTTP/1.1");
        messages.field("A", "request");
        assert_eq!(messages.ask("hdr(a)").as_deref(), Some("request"));
        messages.respond(201).answer_field("A", "response").answer_field("IP", "9.9.9.9");
        assert_eq!(messages.ask("hdr(a)").as_deref(), Some("response"));
        assert_eq!(messages.ask("req.hdr(a)").as_deref(), Some("request"));
        assert_eq!(messages.ask("shdr_ip(ip)").as_deref(), Some("9.9.9.9"));
        assert_eq!(messages.ask("res.hdr_names").as_deref(), Some("a,ip"));
    }

    proptest! {
        #[test]
        fn lengths_can_be_read_back(length in any::<u64>()) {
            let mut out = Vec::new();
            push_length(length, &mut out);
            let mut read = u64::from(out[0]);
            let mut shift = 4;
            for byte in &out[1..] {
                read = read.wrapping_add(u64::from(*byte) << shift);
                shift += 7;
            }
            prop_assert_eq!(read, length);
        }

        #[test]
        fn any_text_is_an_address_or_none(text in "[0-9a-f.:\\[\\]]{0,24}") {
            if let Some(IpAddr::V4(v4)) = ip_of(text.as_bytes()) {
                prop_assert!(ip_of(v4.to_string().as_bytes()) == Some(v4.into()));
            }
        }
    }
}
