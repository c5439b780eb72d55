//! Sample fetches on other protocols than HTTP in what has arrived: TLS greetings, RDP cookies, distcc.

use std::borrow::Cow;

use super::content::{Found, of, raw};
use super::{EITHER, NONE, REQUEST, RESPONSE, SESSION, one};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::{Contexts, Fetch, FetchFn};
use crate::facts::Buffered;
use crate::hello::{self, ClientHello, Obstacle, extension};
use crate::sample::{Sample, Type};

const LAYER_6: &str = "7.3.5";
const NAME: Signature = Signature::optional(&[ArgKind::Str]);
const TOKEN: Signature = Signature::some(1, &[ArgKind::Token, ArgKind::Int]);

const fn on_hello(name: &'static str, out: Type, contexts: Contexts, eval: FetchFn) -> Fetch {
    one(name, NONE, out, contexts, LAYER_6, eval)
}

/// Something of a client's greeting.
macro_rules! client {
    ($name:literal, $type:ident, $contexts:expr, |$hello:ident| $value:expr) => {
        on_hello($name, Type::$type, $contexts, |s, _, c| {
            of(raw(s, s.payload.of_request()), c, |b| in_hello(ClientHello::parse(b.data), |$hello| $value))
        })
    };
}

const HELLO_TYPE: FetchFn = |s, _, c| {
    of(raw(s, s.payload.of_request()), c, |b| {
        in_hello(hello::kind(b.data), |kind| Some(Sample::Int(kind.into())))
    })
};
const SERVER_HELLO_TYPE: FetchFn = |s, _, c| {
    of(raw(s, s.payload.of_response()), c, |b| {
        in_hello(hello::kind(b.data), |kind| Some(Sample::Int(kind.into())))
    })
};
const VERSION: FetchFn = |s, _, c| {
    of(raw(s, s.payload.of_request()), c, |b| in_hello(hello::version(b.data), |v| Some(Sample::Int(v))))
};
const RDP_COOKIE: FetchFn =
    |s, a, c| of(raw(s, s.payload.of_request()), c, |b| rdp_cookie(b.data, a.str(0)).found(Sample::text));
const RDP_COOKIE_COUNT: FetchFn = |s, a, c| {
    of(raw(s, s.payload.of_request()), c, |b| match rdp_cookie(b.data, a.str(0)) {
        Piece::Here(_) => Some(Found::Fixed(Sample::Int(1))),
        Piece::Missing => Some(Found::Fixed(Sample::Int(0))),
        Piece::ToCome => Some(Found::TooShort),
    })
};

/// The fetches on protocols.
pub static FETCHES: &[Fetch] = &[
    one("distcc_body", TOKEN, Type::Bin, EITHER, LAYER_6, |s, a, c| {
        of(raw(s, s.payload.of_either()), c, |b| distcc_body(b, a))
    }),
    one("distcc_param", TOKEN, Type::Int, EITHER, LAYER_6, |s, a, c| {
        of(raw(s, s.payload.of_either()), c, |b| distcc_parameter(b, a))
    }),
    one("rdp_cookie", NAME, Type::Str, REQUEST, LAYER_6, RDP_COOKIE),
    one("rdp_cookie_cnt", NAME, Type::Int, REQUEST, LAYER_6, RDP_COOKIE_COUNT),
    on_hello("rep_ssl_hello_type", Type::Int, RESPONSE, SERVER_HELLO_TYPE),
    one("req.rdp_cookie", NAME, Type::Str, REQUEST, LAYER_6, RDP_COOKIE),
    one("req.rdp_cookie_cnt", NAME, Type::Int, REQUEST, LAYER_6, RDP_COOKIE_COUNT),
    client!("req.ssl_alpn", Str, REQUEST, |hello| hello.protocol().map(Sample::text)),
    client!("req.ssl_cipherlist", Bin, SESSION, |hello| Some(bin(hello.ciphers))),
    client!("req.ssl_ec_ext", Bool, REQUEST, |hello| {
        Some(Sample::Bool(hello.extension(extension::GROUPS).is_some()))
    }),
    on_hello("req.ssl_hello_type", Type::Int, REQUEST, HELLO_TYPE),
    client!("req.ssl_keyshare_groups", Bin, SESSION, |hello| {
        hello.key_groups().map(|groups| Sample::Bin(Cow::Owned(groups)))
    }),
    client!("req.ssl_sigalgs", Bin, SESSION, |hello| hello.list(extension::SIGNATURES).map(bin)),
    client!("req.ssl_sni", Str, REQUEST, |hello| hello.server_name().map(Sample::text)),
    client!("req.ssl_st_ext", Int, REQUEST, |hello| {
        let ticket = hello.extension(extension::TICKET);
        Some(Sample::Int(ticket.map_or(0, |ticket| if ticket.is_empty() { 1 } else { 2 })))
    }),
    client!("req.ssl_supported_groups", Bin, SESSION, |hello| hello.list(extension::GROUPS).map(bin)),
    on_hello("req.ssl_ver", Type::Int, REQUEST, VERSION),
    on_hello("req_ssl_hello_type", Type::Int, REQUEST, HELLO_TYPE),
    client!("req_ssl_sni", Str, REQUEST, |hello| hello.server_name().map(Sample::text)),
    on_hello("req_ssl_ver", Type::Int, REQUEST, VERSION),
    on_hello("res.ssl_hello_type", Type::Int, RESPONSE, SERVER_HELLO_TYPE),
];

fn bin(bytes: &[u8]) -> Sample<'_> {
    Sample::Bin(Cow::Borrowed(bytes))
}

/// What is found in a greeting, once it is there.
fn in_hello<'a, T>(
    parsed: Result<T, Obstacle>,
    find: impl FnOnce(T) -> Option<Sample<'a>>,
) -> Option<Found<'a>> {
    match parsed {
        Ok(hello) => find(hello).map(Found::Fixed),
        Err(Obstacle::TooShort) => Some(Found::TooShort),
        Err(Obstacle::NotTls) => None,
    }
}

/// A piece of what arrives.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Here(&'a [u8]),
    Missing,
    ToCome,
}

impl<'a> Piece<'a> {
    fn found(self, sample: impl FnOnce(&'a [u8]) -> Sample<'a>) -> Option<Found<'a>> {
        match self {
            Self::Here(bytes) => Some(Found::Fixed(sample(bytes))),
            Self::Missing => None,
            Self::ToCome => Some(Found::TooShort),
        }
    }
}

/// The head of a connection request: TPKT, then the fixed part of X.224.
const RDP_HEAD: usize = 11;

/// The value of the cookie that an RDP client sends first; of any name without one.
fn rdp_cookie<'a>(data: &'a [u8], name: &[u8]) -> Piece<'a> {
    let Some((head, rest)) = data.split_at_checked(RDP_HEAD) else { return Piece::ToCome };
    let len = usize::from(head[2]) << 8 | usize::from(head[3]);
    // Version 3 of TPKT, a connection request of X.224 of the length that is left, and class 0.
    let request = head[0] == 3 && head[1] == 0 && head[5] == 0xe0;
    if !request || len < RDP_HEAD || usize::from(head[4]) + 5 != len {
        return Piece::Missing;
    }
    let Some(body) = rest.get(..len - RDP_HEAD) else { return Piece::ToCome };
    let Some(line) = memchr::memmem::find(body, b"\r\n").map(|end| &body[..end]) else {
        return Piece::ToCome;
    };
    let Some((title, cookie)) = line.split_at_checked(b"Cookie:".len()) else { return Piece::Missing };
    let cookie = cookie.trim_ascii_start();
    let Some(equals) = memchr::memchr(b'=', cookie) else { return Piece::Missing };
    let named = name.is_empty() || cookie[..equals].eq_ignore_ascii_case(name);
    if title.eq_ignore_ascii_case(b"Cookie:") && named {
        Piece::Here(&cookie[equals + 1..])
    } else {
        Piece::Missing
    }
}

/// A token of a distcc message: four letters and eight hexadecimal digits.
const DISTCC_TOKEN: usize = 12;

/// The parameter of an occurrence of a token, and where the bytes behind it begin.
fn distcc(data: &[u8], args: &Args) -> Result<(usize, usize), Obstacle> {
    let wanted = args.str(0);
    let mut left = args.int(1).filter(|n| *n > 0).unwrap_or(1);
    let mut at = 0;
    loop {
        let token = data.get(at..at + DISTCC_TOKEN).ok_or(Obstacle::TooShort)?;
        let digits = std::str::from_utf8(&token[4..]).map_err(|_| Obstacle::NotTls)?;
        let parameter = usize::from_str_radix(digits, 16).map_err(|_| Obstacle::NotTls)?;
        at += DISTCC_TOKEN;
        if token[..4] == *wanted {
            left -= 1;
            if left == 0 {
                return Ok((parameter, at));
            }
        }
        // The parameter of these is the length of what follows.
        if matches!(
            &token[..4],
            b"ARGV" | b"CDIR" | b"DOTI" | b"DOTO" | b"FILE" | b"LINK" | b"NAME" | b"SERR" | b"SOUT" | b"DOTD"
        ) {
            at = at.checked_add(parameter).ok_or(Obstacle::NotTls)?;
        }
    }
}

fn distcc_parameter<'a>(buffered: Buffered<'a>, args: &Args) -> Option<Found<'a>> {
    in_hello(distcc(buffered.data, args), |(parameter, _)| Some(Sample::Int(parameter as i64)))
}

fn distcc_body<'a>(buffered: Buffered<'a>, args: &Args) -> Option<Found<'a>> {
    match distcc(buffered.data, args) {
        Ok((len, at)) => {
            let body = buffered.data.get(at..at.checked_add(len)?);
            Some(body.map_or(Found::TooShort, |body| Found::Fixed(bin(body))))
        }
        Err(Obstacle::TooShort) => Some(Found::TooShort),
        Err(Obstacle::NotTls) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Hope;
    use crate::fetches::probe::arrived;

    #[test]
    fn greetings_tell_of_their_clients() {
        let data = hello::tests::hello(b"a.example");
        for (fetch, value) in [
            ("req.ssl_hello_type", "1"),
            ("req.ssl_ver", "196611"),
            ("req_ssl_sni", "a.example"),
            ("req.ssl_alpn", "h2"),
            ("req.ssl_ec_ext", "1"),
            ("req.ssl_st_ext", "1"),
        ] {
            assert_eq!(arrived(&data, Hope::Bytes, fetch), Ok(Some(value.to_owned())), "{fetch}");
            assert_eq!(arrived(&data[..40], Hope::Bytes, fetch), Err("not yet"), "{fetch}");
            assert_eq!(arrived(&data[..40], Hope::Nothing, fetch), Ok(None), "{fetch}");
            assert_eq!(arrived(b"GET / HTTP/1.1", Hope::Bytes, fetch), Ok(None), "{fetch}");
        }
    }

    fn rdp(line: &str) -> Vec<u8> {
        let len = (RDP_HEAD + line.len()) as u8;
        [&[3, 0, 0, len, len - 5, 0xe0, 0, 0, 0, 0, 0][..], line.as_bytes()].concat()
    }

    #[test]
    fn rdp_clients_send_one_cookie() {
        let data = rdp("Cookie: mstshash=user\r\n");
        assert_eq!(rdp_cookie(&data, b"MSTSHASH"), Piece::Here(b"user"));
        assert_eq!(rdp_cookie(&data, b""), Piece::Here(b"user"));
        assert_eq!(rdp_cookie(&data, b"msts"), Piece::Missing);
        for end in 0..data.len() {
            assert_eq!(rdp_cookie(&data[..end], b""), Piece::ToCome, "{end}");
        }
        assert_eq!(rdp_cookie(&rdp("Cookie: none\r\n"), b""), Piece::Missing);
        assert_eq!(rdp_cookie(b"GET / HTTP/1.1", b""), Piece::Missing);
        assert_eq!(arrived(&data, Hope::Bytes, "rdp_cookie_cnt(x)"), Ok(Some("0".into())));
        assert_eq!(arrived(&data, Hope::Bytes, "req.rdp_cookie_cnt"), Ok(Some("1".into())));
    }

    #[test]
    fn distcc_messages_are_tokens() {
        let data = b"DIST00000001ARGC00000002ARGV00000002ccARGV00000003foo";
        for (fetch, value) in [
            ("distcc_param(DIST)", "1"),
            ("distcc_param(ARGV,2)", "3"),
            ("distcc_body(ARGV)", "cc"),
            ("distcc_body(ARGV,2)", "foo"),
        ] {
            assert_eq!(arrived(data, Hope::Bytes, fetch), Ok(Some(value.to_owned())), "{fetch}");
        }
        assert_eq!(arrived(data, Hope::Bytes, "distcc_param(DOTI)"), Err("not yet"));
        assert_eq!(arrived(b"GET / HTTP/1.1\r\n\r\n", Hope::Bytes, "distcc_param(DOTI)"), Ok(None));
    }
}
