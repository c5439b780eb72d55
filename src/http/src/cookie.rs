//! Cookies in requests and responses.

use std::ops::Range;

use crate::token::is_blank;
use crate::{HeaderField, Headers};

/// A cookie: its name, its value, and where it stands, so that it can be rewritten in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// The name.
    pub name: &'a [u8],
    /// The value, with its quotes where it has some.
    pub value: &'a [u8],
    /// The place of the header field.
    pub field: usize,
    /// From the first byte of the name to the end of the value, inside the value of the field.
    pub span: Range<usize>,
    /// The value, inside the value of the field.
    pub value_span: Range<usize>,
}

/// Which of the two headers is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieSide {
    /// `Cookie`: any number of pairs, separated by semicolons or commas.
    Request,
    /// `Set-Cookie`: one pair, then attributes.
    Response,
}

/// The cookies of a request.
pub fn request_cookies(headers: &Headers) -> Cookies<'_> {
    Cookies::new(headers, CookieSide::Request)
}

/// The cookies that a response sets.
pub fn response_cookies(headers: &Headers) -> Cookies<'_> {
    Cookies::new(headers, CookieSide::Response)
}

/// Iterator over the cookies of a message, in order.
#[derive(Clone)]
pub struct Cookies<'a> {
    headers: &'a Headers,
    side: CookieSide,
    field: usize,
    offset: usize,
}

impl<'a> Cookies<'a> {
    fn new(headers: &'a Headers, side: CookieSide) -> Self {
        Self { headers, side, field: 0, offset: 0 }
    }

    /// The first cookie of this name. Names of cookies are case-sensitive.
    pub fn named(mut self, name: &[u8]) -> Option<Cookie<'a>> {
        self.find(|cookie| cookie.name == name)
    }

    /// All cookies of this name. In a field of its own, a cookie without a value does not count.
    pub fn all_named<'n>(self, name: &'n [u8]) -> impl Iterator<Item = Cookie<'a>> + use<'a, 'n> {
        let headers = self.headers;
        let alone = move |cookie: &Cookie<'_>| {
            headers.get(cookie.field).is_some_and(|field| field.value.len() == name.len() + "=".len())
        };
        self.filter(move |cookie| cookie.name == name && !alone(cookie))
    }

    fn header_name(&self) -> &'static [u8] {
        match self.side {
            CookieSide::Request => b"cookie",
            CookieSide::Response => b"set-cookie",
        }
    }

    fn next_in_field(&mut self, field: HeaderField<'a>) -> Option<Cookie<'a>> {
        while self.offset < field.value.len() {
            let pair = Pair::scan(field.value, self.offset, self.side);
            self.offset = match self.side {
                CookieSide::Request => pair.end + 1,
                CookieSide::Response => field.value.len(),
            };
            if let Some(value_span) = pair.value {
                return Some(Cookie {
                    name: &field.value[pair.name.clone()],
                    value: &field.value[value_span.clone()],
                    field: self.field,
                    span: pair.name.start..value_span.end,
                    value_span,
                });
            }
        }
        None
    }
}

impl<'a> Iterator for Cookies<'a> {
    type Item = Cookie<'a>;

    fn next(&mut self) -> Option<Cookie<'a>> {
        loop {
            let at = self.headers.position_from(self.header_name(), self.field)?;
            if at != self.field {
                (self.field, self.offset) = (at, 0);
            }
            let field = self.headers.get(at)?;
            if let Some(cookie) = self.next_in_field(field) {
                return Some(cookie);
            }
            (self.field, self.offset) = (at + 1, 0);
        }
    }
}

/// One `name=value` and where the separator after it stands.
pub(crate) struct Pair {
    pub(crate) name: Range<usize>,
    /// `None` for a name without an equals sign.
    pub(crate) value: Option<Range<usize>>,
    pub(crate) end: usize,
}

impl Pair {
    pub(crate) fn scan(text: &[u8], from: usize, side: CookieSide) -> Self {
        let is_end = |b: u8| b == b';' || (b == b',' && side == CookieSide::Request);
        let start = skip(text, from, is_blank);
        let equals = skip(text, start, |b| b != b'=' && !is_end(b));
        let name = start..trim_end(text, start, equals);
        if equals == text.len() || text[equals] != b'=' {
            return Self { name, value: None, end: equals };
        }
        let value_start = skip(text, equals + 1, is_blank);
        let end = value_end(text, value_start, is_end);
        Self { name, value: Some(value_start..trim_end(text, value_start, end)), end }
    }
}

fn skip(text: &[u8], from: usize, skipped: impl Fn(u8) -> bool) -> usize {
    from + text[from..].iter().take_while(|&&b| skipped(b)).count()
}

fn trim_end(text: &[u8], start: usize, end: usize) -> usize {
    end - text[start..end].iter().rev().take_while(|&&b| is_blank(b)).count()
}

fn value_end(text: &[u8], start: usize, is_end: impl Fn(u8) -> bool) -> usize {
    let (mut quoted, mut at) = (false, start);
    while at < text.len() {
        match text[at] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b if !quoted && is_end(b) => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(side: CookieSide, values: &[&str]) -> Vec<(String, String)> {
        let mut headers = Headers::new();
        headers.push(b"host", b"h");
        for value in values {
            let name: &[u8] = if side == CookieSide::Request { b"Cookie" } else { b"Set-Cookie" };
            headers.push(name, value.as_bytes());
            headers.push(b"other", b"a=b");
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Cookies::new(&headers, side)
            .map(|cookie| {
                let field = headers.get(cookie.field).unwrap().value;
                assert_eq!(&field[cookie.value_span.clone()], cookie.value);
                assert!(field[cookie.span.clone()].starts_with(cookie.name));
                (text(cookie.name), text(cookie.value))
            })
            .collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn pairs_of_requests() {
        let found = pairs(CookieSide::Request, &["a=1; b=2; a=\"3;4\" ; a = 5,a=6"]);
        assert_eq!(found, owned(&[("a", "1"), ("b", "2"), ("a", "\"3;4\""), ("a", "5"), ("a", "6")]));
    }

    #[test]
    fn names_without_equals_are_no_cookies() {
        let found = pairs(CookieSide::Request, &["a; a=; $a=3; =x; ;", "", "a=4"]);
        assert_eq!(found, owned(&[("a", ""), ("$a", "3"), ("", "x"), ("a", "4")]));
    }

    #[test]
    fn attributes_are_no_cookies() {
        let found = pairs(CookieSide::Response, &["a=1,2; Path=/; x=y", "b=2", "c"]);
        assert_eq!(found, owned(&[("a", "1,2"), ("b", "2")]));
    }

    #[test]
    fn lookup_by_name() {
        let mut headers = Headers::new();
        headers.push(b"Cookie", b"ab=0; a=1; A=2");
        assert_eq!(request_cookies(&headers).named(b"a").unwrap().value, b"1");
        assert_eq!(request_cookies(&headers).named(b"A").unwrap().span, 11..14);
        assert!(request_cookies(&headers).named(b"b").is_none());
        assert!(response_cookies(&headers).named(b"a").is_none());
        assert_eq!(request_cookies(&headers).all_named(b"a").count(), 1);
    }

    proptest! {
        #[test]
        fn written_pairs_are_found(values in proptest::collection::vec(("[a-z]{1,4}", "[a-z0-9=]{0,5}"), 0..5)) {
            let line = values.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ");
            prop_assert_eq!(pairs(CookieSide::Request, &[&line]), values);
        }

        #[test]
        fn any_bytes_end(value in "[ -~]{0,60}") {
            pairs(CookieSide::Request, &[&value]);
            pairs(CookieSide::Response, &[&value]);
        }
    }
}
