//! Sample fetches on the cookies of requests and responses.

use http::{Cookies, request_cookies, response_cookies};

use super::headers::{delimiter, int_of};
use super::{EITHER, REQUEST, RESPONSE, of_request, of_response, one, single};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::{Contexts, Cursor, Fetch, FetchFn, Fetched, Values};
use crate::sample::{Sample, Type};

const NAME: Signature = Signature::optional(&[ArgKind::Str]);
const HTTP: &str = "7.3.6";

const fn many(name: &'static str, out: Type, contexts: Contexts, eval: FetchFn) -> Fetch {
    Fetch { name, args: NAME, out, contexts, manual: HTTP, values: Values::Many, eval }
}

const fn count(name: &'static str, contexts: Contexts, eval: FetchFn) -> Fetch {
    one(name, NAME, Type::Int, contexts, HTTP, eval)
}

const ASKED: FetchFn = |s, a, c| of_request(s, |r| value(request_cookies(&r.headers), a, c));
const ASKED_NUMBER: FetchFn = |s, a, c| of_request(s, |r| number(request_cookies(&r.headers), a, c));
const ASKED_COUNT: FetchFn = |s, a, c| of_request(s, |r| counted(request_cookies(&r.headers), a, c));
const SET: FetchFn = |s, a, c| {
    of_response(s, |r| find(response_cookies(&r.headers), a, c).map(until_comma).map(Sample::text).into())
};
const SET_NUMBER: FetchFn = |s, a, c| of_response(s, |r| number(response_cookies(&r.headers), a, c));
const SET_COUNT: FetchFn = |s, a, c| {
    of_response(s, |r| match a.str(0) {
        // Without a name, whatever the fields list is counted.
        b"" => single(c, || {
            let lists = r.headers.find_all(b"set-cookie");
            Some(Sample::Int(lists.map(listed).sum::<usize>() as i64))
        }),
        _ => counted(response_cookies(&r.headers), a, c),
    })
};

/// The fetches on cookies.
pub static FETCHES: &[Fetch] = &[
    many("cook", Type::Str, REQUEST, ASKED),
    count("cook_cnt", REQUEST, ASKED_COUNT),
    many("cook_val", Type::Int, REQUEST, ASKED_NUMBER),
    many(
        "cookie",
        Type::Str,
        EITHER,
        |s, a, c| if s.response.is_some() { SET(s, a, c) } else { ASKED(s, a, c) },
    ),
    many("req.cook", Type::Str, REQUEST, ASKED),
    count("req.cook_cnt", REQUEST, ASKED_COUNT),
    one("req.cook_names", NAME, Type::Str, REQUEST, HTTP, |s, a, c| {
        of_request(s, |r| names(request_cookies(&r.headers), a, c))
    }),
    many("req.cook_val", Type::Int, REQUEST, ASKED_NUMBER),
    many("res.cook", Type::Str, RESPONSE, SET),
    count("res.cook_cnt", RESPONSE, SET_COUNT),
    one("res.cook_names", NAME, Type::Str, RESPONSE, HTTP, |s, a, c| {
        of_response(s, |r| names(response_cookies(&r.headers), a, c))
    }),
    many("res.cook_val", Type::Int, RESPONSE, SET_NUMBER),
    many("scook", Type::Str, RESPONSE, SET),
    count("scook_cnt", RESPONSE, SET_COUNT),
    many("scook_val", Type::Int, RESPONSE, SET_NUMBER),
];

/// The last cookie of a name, the first one of all without a name, or each in turn.
fn find<'a>(mut cookies: Cookies<'a>, args: &'a Args, cursor: Cursor) -> Option<&'a [u8]> {
    let found = match (args.str(0), cursor) {
        (b"", Cursor::Nth(n)) => cookies.nth(n),
        (b"", Cursor::Single) => cookies.next(),
        (name, Cursor::Nth(n)) => cookies.all_named(name).nth(n),
        (name, Cursor::Single) => cookies.all_named(name).last(),
    };
    found.map(|cookie| cookie.value)
}

fn value<'a>(cookies: Cookies<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    find(cookies, args, cursor).map(Sample::text).into()
}

fn number<'a>(cookies: Cookies<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    find(cookies, args, cursor).map(|text| Sample::Int(int_of(text))).into()
}

fn counted<'a>(cookies: Cookies<'a>, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    let count = |cookies: Cookies<'a>| match args.str(0) {
        b"" => cookies.count(),
        name => cookies.all_named(name).count(),
    };
    single(cursor, || Some(Sample::Int(count(cookies) as i64)))
}

/// Old servers set several cookies in one field, with commas between them.
fn until_comma(value: &[u8]) -> &[u8] {
    let end = if value.starts_with(b"\"") { None } else { memchr::memchr(b',', value) };
    value[..end.unwrap_or(value.len())].trim_ascii_end()
}

/// How many `name=value` a text lists between semicolons and commas.
fn listed(text: &[u8]) -> usize {
    text.split(|b| matches!(b, b';' | b',')).filter(|part| part.contains(&b'=')).count()
}

fn names<'a>(cookies: Cookies<'a>, args: &Args, cursor: Cursor) -> Fetched<'a> {
    single(cursor, || {
        let mut list = Vec::new();
        for cookie in cookies.filter(|cookie| !cookie.name.is_empty()) {
            if !list.is_empty() {
                list.push(delimiter(args));
            }
            list.extend_from_slice(cookie.name);
        }
        Some(Sample::owned(list))
    })
}

#[cfg(test)]
mod tests {
    use crate::fetches::probe::request;

    #[test]
    fn the_last_of_a_name_is_found_and_the_first_of_all() {
        let mut messages = request("GET / HTTP/1.1");
        messages.field("Cookie", "x=1; y=2;x=3").field("Cookie", "n=42; z").field("Cookie", "w=");
        for (fetch, value) in [
            ("req.cook(x)", Some("3")),
            ("cook", Some("1")),
            ("cookie(y)", Some("2")),
            ("req.cook(z)", None),
            ("req.cook(w)", None),
            ("cook_cnt(w)", Some("0")),
            ("req.cook_cnt", Some("5")),
            ("cook_cnt(x)", Some("2")),
            ("req.cook_names", Some("x,y,x,n,w")),
            ("req.cook_names(|)", Some("x|y|x|n|w")),
            ("req.cook_val(n)", Some("42")),
        ] {
            assert_eq!(messages.ask(fetch).as_deref(), value, "{fetch}");
        }
        assert_eq!(messages.ask_each("req.cook(x)"), ["1", "3"]);
    }

    #[test]
    fn a_response_sets_one_cookie_a_field() {
        let mut messages = request("GET / HTTP/1.1");
        messages.field("Cookie", "x=9").respond(200);
        messages.answer_field("Set-Cookie", "x=1; path=/; y=2").answer_field("set-cookie", "z=3, q=4");
        messages.answer_field("set-cookie", "x=5");
        for (fetch, value) in [
            ("res.cook(x)", Some("5")),
            ("scook", Some("1")),
            ("cookie(x)", Some("5")),
            ("res.cook(y)", None),
            ("res.cook_cnt", Some("6")),
            ("scook_cnt(x)", Some("2")),
            ("res.cook_names", Some("x,z,x")),
            ("scook_val(z)", Some("3")),
        ] {
            assert_eq!(messages.ask(fetch).as_deref(), value, "{fetch}");
        }
    }
}
