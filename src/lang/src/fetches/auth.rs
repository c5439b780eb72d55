//! Sample fetches on how a request says who sends it (RFC 7617, RFC 6750).

use super::{NONE, REQUEST, of_request, one, single};
use crate::arg::{ArgKind, Signature};
use crate::converters::base64::{STANDARD, decode};
use crate::expr::Fetch;
use crate::sample::{Sample, Type};
use http::RequestHead;

const HTTP: &str = "7.3.6";

/// The fetches on credentials.
pub static FETCHES: &[Fetch] = &[
    one("http_auth_bearer", Signature::optional(&[ArgKind::Str]), Type::Str, REQUEST, HTTP, |s, a, c| {
        of_request(s, |r| {
            single(c, || {
                let value = match a.str(0) {
                    b"" => authorization(r)?,
                    header => match r.headers.find(header)? {
                        // Unlike in `Authorization`, the scheme alone bears an empty token.
                        scheme if scheme.eq_ignore_ascii_case(b"bearer") => return Some(Sample::text(b"")),
                        value => value,
                    },
                };
                match Credentials::read(value)? {
                    Credentials::Bearer(token) => Some(Sample::text(token)),
                    Credentials::Basic { .. } => None,
                }
            })
        })
    }),
    one("http_auth_pass", NONE, Type::Str, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::owned(basic(r)?.1))))
    }),
    one("http_auth_type", NONE, Type::Str, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| {
            single(c, || {
                Some(Sample::text(match Credentials::read(authorization(r)?)? {
                    Credentials::Basic { .. } => b"Basic",
                    Credentials::Bearer(_) => b"Bearer",
                }))
            })
        })
    }),
    one("http_auth_user", NONE, Type::Str, REQUEST, HTTP, |s, _, c| {
        of_request(s, |r| single(c, || Some(Sample::owned(basic(r)?.0))))
    }),
];

/// What a client sends to prove who it is.
enum Credentials<'a> {
    Basic { user: Vec<u8>, password: Vec<u8> },
    Bearer(&'a [u8]),
}

impl<'a> Credentials<'a> {
    /// Reads the value of an `Authorization` field; none of an unknown scheme or a malformed one.
    fn read(value: &'a [u8]) -> Option<Self> {
        let end = value.iter().position(|b| *b == b' ')?;
        let (scheme, rest) = value.split_at(end);
        let rest = rest.trim_ascii_start();
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return Some(Self::Bearer(rest));
        }
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return None;
        }
        let mut user = decode(&STANDARD, rest)?;
        let colon = user.iter().position(|b| *b == b':')?;
        let password = user.split_off(colon + 1);
        user.truncate(colon);
        Some(Self::Basic { user, password })
    }
}

fn authorization(request: &RequestHead) -> Option<&[u8]> {
    request.headers.find(b"authorization")
}

/// User and password of a request.
pub fn basic(request: &RequestHead) -> Option<(Vec<u8>, Vec<u8>)> {
    match Credentials::read(authorization(request)?)? {
        Credentials::Basic { user, password } => Some((user, password)),
        Credentials::Bearer(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::fetches::probe::request;

    #[test]
    fn two_schemes_are_known() {
        for (value, user, password, kind, bearer) in [
            ("Basic YWxhZDpvcGVu", Some("alad"), Some("open"), Some("Basic"), None),
            ("basic Og==", Some(""), Some(""), Some("Basic"), None),
            ("bearer  tok", None, None, Some("Bearer"), Some("tok")),
            ("Basic !!!", None, None, None, None),
            ("Digest foo", None, None, None, None),
            ("Basic", None, None, None, None),
        ] {
            let mut messages = request("GET / HTTP/1.1");
            messages.field("Authorization", value).field("X-Tok", "Bearer abc");
            assert_eq!(messages.ask("http_auth_user").as_deref(), user, "{value}");
            assert_eq!(messages.ask("http_auth_pass").as_deref(), password, "{value}");
            assert_eq!(messages.ask("http_auth_type").as_deref(), kind, "{value}");
            assert_eq!(messages.ask("http_auth_bearer").as_deref(), bearer, "{value}");
            assert_eq!(messages.ask("http_auth_bearer(x-tok)").as_deref(), Some("abc"), "{value}");
        }
    }
}
