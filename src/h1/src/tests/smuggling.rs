//! Requests that two implementations could take apart in different ways, each with the verdict that existing
//! installations rely on: the status of the answer, or how the body is delimited when it is forwarded.

use http::{BodyLength, Headers};

use super::request;
use crate::{BodyDecoder, BodyEvent, Options, Persistence, Side};

#[derive(Debug, PartialEq)]
enum Verdict {
    Refused(u16),
    /// Forwarded with this body, after which the connection stays.
    Forwarded(BodyLength),
    /// Forwarded with this body, after which the connection is closed.
    ForwardedAndClosed(BodyLength),
}

use BodyLength::{Chunked, Length, None};
use Verdict::{Forwarded, ForwardedAndClosed, Refused};

fn judge(bytes: &[u8]) -> Verdict {
    match request(bytes, &Options::default()) {
        Err(error) => Refused(error.status().0),
        Ok((_, info)) if info.persistence == Persistence::Close => ForwardedAndClosed(info.body),
        Ok((_, info)) => Forwarded(info.body),
    }
}

#[test]
fn competing_lengths() {
    let table: &[(&str, Verdict)] = &[
        ("Content-Length: 3", Forwarded(Length(3))),
        ("Content-Length: 3\r\nContent-Length: 3", Forwarded(Length(3))),
        ("Content-Length: 3\r\nContent-Length: 4", Refused(400)),
        ("Content-Length: 3, 3", Forwarded(Length(3))),
        ("Content-Length: 3, 4", Refused(400)),
        ("Content-Length: 3,", Refused(400)),
        ("Content-Length: +3", Refused(400)),
        ("Content-Length: -3", Refused(400)),
        ("Content-Length: 0x3", Refused(400)),
        ("Content-Length: 3 3", Refused(400)),
        ("Content-Length:", Refused(400)),
        ("Content-Length: 18446744073709551616", Refused(400)),
        ("Content-Length : 3", Refused(400)),
        ("Content-Length\t: 3", Refused(400)),
        (" Content-Length: 3", Refused(400)),
        ("Content\0-Length: 3", Refused(400)),
        ("Content_Length: 3", Forwarded(None)),
        ("Transfer-Encoding: chunked", Forwarded(Chunked)),
        ("Transfer-Encoding: ChUnKeD", Forwarded(Chunked)),
        ("Transfer-Encoding: chunked\t", Forwarded(Chunked)),
        ("Transfer-Encoding:\r\n chunked", Forwarded(Chunked)),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3", ForwardedAndClosed(Chunked)),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", ForwardedAndClosed(Chunked)),
        ("Content-Length: x\r\nTransfer-Encoding: chunked", Refused(400)),
        ("Content-Length: 3\r\nContent-Length: 4\r\nTransfer-Encoding: chunked", Refused(400)),
        ("Content-Length: 3\r\nTransfer-Encoding: gzip", Refused(400)),
        ("Transfer-Encoding: xchunked", Refused(400)),
        ("Transfer-Encoding: chunke", Refused(400)),
        ("Transfer-Encoding: chunked;a=b", Refused(400)),
        ("Transfer-Encoding: \"chunked\"", Refused(400)),
        ("Transfer-Encoding: \x0bchunked", Refused(400)),
        ("Transfer-Encoding: chunked\x0b", Refused(400)),
        ("Transfer-Encoding: chunked\r\n\tx", Refused(400)),
        ("Transfer-Encoding : chunked", Refused(400)),
        ("Transfer-Encoding\0: chunked", Refused(400)),
        ("Transfer-Encoding: identity", Refused(400)),
        ("Transfer-Encoding: chunked, identity", Refused(400)),
        ("Transfer-Encoding: identity, chunked", Refused(422)),
        ("Transfer-Encoding: gzip, chunked", Refused(422)),
        ("Transfer-Encoding: chunked, chunked", Refused(400)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Refused(400)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", Refused(400)),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", Refused(422)),
        ("Transfer-Encoding:\r\nTransfer-Encoding: chunked", Refused(400)),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding:", Refused(400)),
        ("Transfer-Encoding: ,chunked", Refused(400)),
        ("X: y\rTransfer-Encoding: chunked", Refused(400)),
        ("X: y\nTransfer-Encoding: chunked", Forwarded(Chunked)),
        ("X: y\0\r\nContent-Length: 3", Refused(400)),
    ];
    for (fields, verdict) in table {
        let bytes = format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n");
        assert_eq!(judge(bytes.as_bytes()), *verdict, "{fields:?}");
    }
}

#[test]
fn old_versions() {
    let table: &[(&str, Verdict)] = &[
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked", ForwardedAndClosed(Chunked)),
        (
            "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked",
            ForwardedAndClosed(Chunked),
        ),
        ("POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3", Forwarded(Length(3))),
        ("GET / HTTP/1.0\r\nContent-Length: 3", Refused(413)),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked", Refused(413)),
        ("GET / HTTP/1.1\r\nContent-Length: 3", Forwarded(Length(3))),
        ("GET /", Refused(400)),
    ];
    for (head, verdict) in table {
        assert_eq!(judge(format!("{head}\r\n\r\n").as_bytes()), *verdict, "{head:?}");
    }
}

#[test]
fn whom_it_is_for() {
    let table: &[(&str, u16)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: A", 200),
        ("GET / HTTP/1.1\r\nHost: a, b", 400),
        ("GET / HTTP/1.1\r\nHost: a@b", 400),
        ("GET / HTTP/1.1\r\nHost: a/b", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n b", 400),
        ("GET / HTTP/1.1", 200),
        ("GET http://a/ HTTP/1.1\r\nHost: b", 400),
        ("GET http://a/ HTTP/1.1\r\nHost: a", 200),
        ("GET http://a:80/ HTTP/1.1\r\nHost: a", 200),
        ("GET http://b@a/ HTTP/1.1\r\nHost: b", 400),
        ("GET http://a/ HTTP/1.1\r\nHost:", 400),
        ("GET @a/ HTTP/1.1\r\nHost: a", 400),
        ("GET /\u{b}http://b/ HTTP/1.1\r\nHost: a", 400),
        ("CONNECT a:443 HTTP/1.1\r\nHost: b:443", 400),
        ("CONNECT a HTTP/1.1\r\nHost: a", 400),
        ("GET / HTTP/1.1 HTTP/1.1\r\nHost: a", 400),
    ];
    for (head, status) in table {
        let verdict = super::verdict(format!("{head}\r\n\r\n").as_bytes(), &Options::default());
        assert_eq!(verdict, *status, "{head:?}");
    }
}

/// The data of a chunked body, or `None` when it is refused.
fn decoded(body: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = BodyDecoder::new(Chunked, Side::Request, Options::default());
    let (mut at, mut data, mut trailers) = (0, Vec::new(), Headers::new());
    loop {
        let step = decoder.decode(&body[at..], &mut trailers).ok()?;
        match step.event {
            BodyEvent::Data(range) => data.extend_from_slice(&body[at..][range]),
            BodyEvent::End => return Some(data),
            BodyEvent::NeedMore => panic!("incomplete: {}", body.escape_ascii()),
        }
        at += step.consumed;
    }
}

#[test]
fn chunks() {
    for body in [
        &b"3\r\nabc\r\n0\r\n\r\n"[..],
        b"3;a=b\r\nabc\r\n0;x\r\n\r\n",
        b"3;\r\nabc\r\n0\r\n\r\n",
        b"3;a\tb \xff\r\nabc\r\n0\r\n\r\n",
        b"3 \t\r\nabc\r\n0 \r\n\r\n",
        b"3 ;a\r\nabc\r\n0\r\n\r\n",
        b"00000000000000003\r\nabc\r\n00\r\n\r\n",
        b"3\r\nabc\r\n0\r\n\n",
        b"3\r\nabc\r\n0\r\nX: y\nA: b\r\n\n",
    ] {
        assert_eq!(decoded(body).as_deref(), Some(&b"abc"[..]), "{}", body.escape_ascii());
    }
    for body in [
        &b"3\nabc\n0\n\n"[..],
        b"3\r\nabc\n0\r\n\r\n",
        b"3\r\nabc\r\n0\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"3x\r\nabc\r\n0\r\n\r\n",
        b"3 x\r\nabc\r\n0\r\n\r\n",
        b"3\x0b\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nab\r\n0\r\n\r\n",
        b"3\rabc\r\n0\r\n\r\n",
        b"3\r\r\nabc\r\n0\r\n\r\n",
        b"3;a\nabc\r\n0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"3;\x01\r\nabc\r\n0\r\n\r\n",
        b"3;\0\r\nabc\r\n0\r\n\r\n",
        b"3;\x7f\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b";a\r\nabc\r\n0\r\n\r\n",
        b"10000000000000\r\nabc",
        b"ffffffffffffffff\r\nabc",
        b"10000000000000003\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabc\r\n0\r\nX : y\r\n\r\n",
        b"3\r\nabc\r\n0\r\nX\r\n\r\n",
        b"3\r\nabc\r\n0\r\nX: \0\r\n\r\n",
        b"3\r\nabc\r\n0\r\n\rX",
    ] {
        assert_eq!(decoded(body), Option::None, "{}", body.escape_ascii());
    }
    let lines = |count: usize| format!("0\r\n{}\r\n", "A: b\r\n".repeat(count)).into_bytes();
    assert!(decoded(&lines(100)).is_some() && decoded(&lines(101)).is_none());
}

#[test]
fn pipelined_bytes_are_left_alone() {
    let mut decoder = BodyDecoder::new(Chunked, Side::Request, Options::default());
    let input = b"0\r\nT: x\r\n\r\nGET / HTTP/1.1\r\n";
    let mut trailers = Headers::new();
    let step = decoder.decode(input, &mut trailers).unwrap();
    assert_eq!((step.event, &input[step.consumed..]), (BodyEvent::End, &b"GET / HTTP/1.1\r\n"[..]));
    assert_eq!(trailers.find(b"t"), Some(&b"x"[..]));
    assert!(decoder.is_done() && decoder.may_end_here());
    let mut decoder = BodyDecoder::new(Length(3), Side::Request, Options::default());
    let step = decoder.decode(b"abcGET", &mut trailers).unwrap();
    assert_eq!((step.consumed, step.event), (3, BodyEvent::Data(0..3)));
    assert!(decoder.is_done());
}

#[test]
fn bodies_until_the_end_of_the_connection() {
    let mut decoder = BodyDecoder::new(BodyLength::UntilClose, Side::Response, Options::default());
    let mut trailers = Headers::new();
    assert_eq!(decoder.decode(b"", &mut trailers).unwrap().event, BodyEvent::NeedMore);
    assert_eq!(decoder.decode(b"ab", &mut trailers).unwrap().event, BodyEvent::Data(0..2));
    assert!(decoder.may_end_here() && !decoder.is_done());
    let mut decoder = BodyDecoder::new(Length(5), Side::Response, Options::default());
    assert!(!decoder.may_end_here());
    assert_eq!(decoder.contiguous(), 5);
    decoder.skip(4);
    assert_eq!(decoder.decode(b"ab", &mut trailers).unwrap().event, BodyEvent::Data(0..1));
    assert!(decoder.is_done());
}
