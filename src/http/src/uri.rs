//! Request targets and their parts, percent-encoding.

use crate::Method;

/// The forms of RFC 9112, 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `scheme://authority/path?query`
    Absolute,
    /// `host:port`, for `CONNECT` only.
    Authority,
    /// `*`, for the server as a whole.
    Asterisk,
    /// None of them.
    Other,
}

/// A request target taken apart; parts that its form does not have are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Which form it has.
    pub form: Form,
    /// The scheme, without `://`.
    pub scheme: &'a [u8],
    /// User information, host and port.
    pub authority: &'a [u8],
    /// From the first byte after the authority to the end.
    pub path_and_query: &'a [u8],
}

impl<'a> Target<'a> {
    /// Takes a target apart. The method decides between the authority form and the others.
    #[inline]
    pub fn parse(method: &Method, target: &'a [u8]) -> Self {
        match target.first() {
            Some(b'/') => Self { form: Form::Origin, path_and_query: target, ..Self::other() },
            Some(b'*') if target.len() == 1 => Self { form: Form::Asterisk, ..Self::other() },
            _ if *method == Method::Connect && scheme_len(target).is_none() => {
                let authority = &target[..authority_len(target)];
                Self { form: Form::Authority, authority, ..Self::other() }
            }
            _ => Self::absolute(target).unwrap_or(Self::other()),
        }
    }

    const fn other() -> Self {
        Self { form: Form::Other, scheme: b"", authority: b"", path_and_query: b"" }
    }

    fn absolute(target: &'a [u8]) -> Option<Self> {
        let scheme_len = scheme_len(target)?;
        let rest = &target[scheme_len + 3..];
        let (authority, path_and_query) = rest.split_at(authority_len(rest));
        Some(Self { form: Form::Absolute, scheme: &target[..scheme_len], authority, path_and_query })
    }

    /// The path, up to the question mark.
    #[inline]
    pub fn path(&self) -> &'a [u8] {
        match memchr::memchr(b'?', self.path_and_query) {
            Some(mark) => &self.path_and_query[..mark],
            None => self.path_and_query,
        }
    }

    /// What follows the question mark, where there is one.
    #[inline]
    pub fn query(&self) -> Option<&'a [u8]> {
        memchr::memchr(b'?', self.path_and_query).map(|mark| &self.path_and_query[mark + 1..])
    }
}

/// The length of a scheme that `://` follows.
fn scheme_len(target: &[u8]) -> Option<usize> {
    let first = target.first()?;
    let len =
        target.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).count();
    (first.is_ascii_alphabetic() && target[len..].starts_with(b"://")).then_some(len)
}

fn authority_len(rest: &[u8]) -> usize {
    rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len())
}

/// The parts of an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// What stands before the `@`.
    pub userinfo: Option<&'a [u8]>,
    /// The host; an IPv6 address keeps its brackets.
    pub host: &'a [u8],
    /// The digits after the last colon outside brackets; `Some(b"")` for `host:`.
    pub port: Option<&'a [u8]>,
}

impl<'a> Authority<'a> {
    /// Takes an authority or the value of a `Host` header apart.
    pub fn parse(authority: &'a [u8]) -> Self {
        let (userinfo, rest) = match memchr::memrchr(b'@', authority) {
            Some(at) => (Some(&authority[..at]), &authority[at + 1..]),
            None => (None, authority),
        };
        let digits = rest.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let colon = (rest.len() - digits).checked_sub(1).filter(|&at| rest[at] == b':');
        match colon {
            Some(colon) => Self { userinfo, host: &rest[..colon], port: Some(&rest[colon + 1..]) },
            None => Self { userinfo, host: rest, port: None },
        }
    }

    /// The port as a number.
    pub fn port_number(&self) -> Option<u16> {
        crate::token::decimal(self.port?)?.try_into().ok()
    }

    /// Whether the port is absent, empty or the one that the scheme implies. Without a scheme, both 80 and 443 pass.
    pub fn has_default_port(&self, scheme: &[u8]) -> bool {
        let Some(port) = self.port else { return true };
        match port {
            b"" => true,
            b"80" => scheme.is_empty() || scheme.eq_ignore_ascii_case(b"http"),
            b"443" => scheme.is_empty() || scheme.eq_ignore_ascii_case(b"https"),
            _ => false,
        }
    }
}

/// The value of a parameter of a query string: the bytes after `name=`, up to the delimiter `&`, or `;`.
pub fn query_param<'a>(query: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    query_params(query).find(|&(found, _)| found == name).map(|(_, value)| value)
}

/// The parameters of a query string, in order, undecoded. Those without `=` are left out.
pub fn query_params(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query.split(|&b| b == b'&' || b == b';').filter_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        Some((&pair[..equals], &pair[equals + 1..]))
    })
}

/// Where a `+` means a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    /// After the first question mark, as in a whole URL.
    InQuery,
    /// Everywhere, as in the body of a form.
    Everywhere,
    /// Nowhere, as in a path.
    Nowhere,
}

/// Decodes percent-encoding onto `out`; `None` when a percent sign is not followed by two hexadecimal digits.
pub fn url_decode(bytes: &[u8], plus: Plus, out: &mut Vec<u8>) -> Option<()> {
    let mut space_for_plus = plus == Plus::Everywhere;
    let mut rest = bytes.iter();
    out.reserve(bytes.len());
    while let Some(&byte) = rest.next() {
        out.push(match byte {
            b'+' if space_for_plus => b' ',
            b'%' => {
                let high = crate::token::hex_digit(*rest.next()?)?;
                high << 4 | crate::token::hex_digit(*rest.next()?)?
            }
            b'?' => {
                space_for_plus |= plus == Plus::InQuery;
                b'?'
            }
            other => other,
        });
    }
    Some(())
}

/// Encodes everything but the unreserved characters of RFC 3986 onto `out`.
pub fn url_encode(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(method: &Method, target: &str) -> (Form, String, String, String) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let target = Target::parse(method, target.as_bytes());
        (target.form, text(target.scheme), text(target.authority), text(target.path_and_query))
    }

    fn expect(form: Form, scheme: &str, authority: &str, rest: &str) -> (Form, String, String, String) {
        (form, scheme.into(), authority.into(), rest.into())
    }

    #[test]
    fn forms() {
        let get = &Method::Get;
        assert_eq!(parts(get, "/a?b"), expect(Form::Origin, "", "", "/a?b"));
        assert_eq!(parts(get, "//a/b"), expect(Form::Origin, "", "", "//a/b"));
        assert_eq!(parts(get, "*"), expect(Form::Asterisk, "", "", ""));
        assert_eq!(parts(get, "http://u@h:8/p?q"), expect(Form::Absolute, "http", "u@h:8", "/p?q"));
        assert_eq!(parts(get, "http://h?q"), expect(Form::Absolute, "http", "h", "?q"));
        assert_eq!(parts(get, "h:80"), expect(Form::Other, "", "", ""));
        assert_eq!(parts(get, "1http://h/"), expect(Form::Other, "", "", ""));
        assert_eq!(parts(get, ""), expect(Form::Other, "", "", ""));
        assert_eq!(parts(&Method::Connect, "http://h/").0, Form::Absolute);
        assert_eq!(parts(&Method::Connect, "h:80"), expect(Form::Authority, "", "h:80", ""));
    }

    #[test]
    fn path_and_query_part_at_the_first_mark() {
        let target = Target::parse(&Method::Get, b"/a?b?c");
        assert_eq!((target.path(), target.query()), (&b"/a"[..], Some(&b"b?c"[..])));
        let target = Target::parse(&Method::Get, b"/a");
        assert_eq!((target.path(), target.query()), (&b"/a"[..], None));
        assert_eq!(Target::parse(&Method::Get, b"/a?").query(), Some(&b""[..]));
    }

    #[test]
    fn authorities() {
        let parse = |text: &'static str| {
            let authority = Authority::parse(text.as_bytes());
            (authority.userinfo, authority.host, authority.port)
        };
        assert_eq!(parse("h"), (None, &b"h"[..], None));
        assert_eq!(parse("u:p@h:80"), (Some(&b"u:p"[..]), &b"h"[..], Some(&b"80"[..])));
        assert_eq!(parse("[::1]"), (None, &b"[::1]"[..], None));
        assert_eq!(parse("[::1]:80"), (None, &b"[::1]"[..], Some(&b"80"[..])));
        assert_eq!(parse("h:"), (None, &b"h"[..], Some(&b""[..])));
        assert_eq!(parse("h:x"), (None, &b"h:x"[..], None));
        assert_eq!(Authority::parse(b"h:99999").port_number(), None);
        assert_eq!(Authority::parse(b"h:8080").port_number(), Some(8080));
    }

    #[test]
    fn default_ports() {
        let default =
            |text: &str, scheme: &str| Authority::parse(text.as_bytes()).has_default_port(scheme.as_bytes());
        assert!(default("h", "http") && default("h:80", "HTTP") && default("h:443", "https"));
        assert!(default("h:80", "") && default("h:443", ""));
        assert!(!default("h:443", "http") && !default("h:8080", ""));
    }

    #[test]
    fn parameters() {
        let query = b"a=1&b&c=2;a=3";
        assert_eq!(query_param(query, b"a"), Some(&b"1"[..]));
        assert_eq!(query_param(query, b"c"), Some(&b"2"[..]));
        assert_eq!(query_param(query, b"b"), None);
        assert_eq!(query_params(query).count(), 3);
    }

    #[test]
    fn decoding() {
        let decode = |text: &str, plus| {
            let mut out = Vec::new();
            url_decode(text.as_bytes(), plus, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(decode("/a+%41?b+c", Plus::InQuery).unwrap(), "/a+A?b c");
        assert_eq!(decode("a+b", Plus::Everywhere).unwrap(), "a b");
        assert_eq!(decode("?a+b", Plus::Nowhere).unwrap(), "?a+b");
        for bad in ["%", "%4", "%4g"] {
            assert_eq!(decode(bad, Plus::Nowhere), None);
        }
    }

    proptest! {
        #[test]
        fn encoding_is_undone(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let (mut encoded, mut decoded) = (Vec::new(), Vec::new());
            url_encode(&bytes, &mut encoded);
            prop_assert!(encoded.is_ascii());
            url_decode(&encoded, Plus::Everywhere, &mut decoded).unwrap();
            prop_assert_eq!(decoded, bytes);
        }

        #[test]
        fn the_parts_of_an_absolute_target_make_it_up(target in "[a-z]{1,5}://[a-z@:0-9]{0,9}(/[a-z?/]{0,9})?") {
            let parts = Target::parse(&Method::Get, target.as_bytes());
            prop_assert_eq!(parts.form, Form::Absolute);
            let whole = [parts.scheme, b"://", parts.authority, parts.path_and_query].concat();
            prop_assert_eq!(whole, target.as_bytes());
        }

        #[test]
        fn any_bytes_are_taken_apart(target in proptest::collection::vec(any::<u8>(), 0..40)) {
            let parts = Target::parse(&Method::Get, &target);
            let _ = (parts.path(), parts.query(), Authority::parse(&target).port_number());
        }
    }
}
