//! Heads, one by one.

use http::{BodyLength, Method, Version};

use super::{relaxed, request, response, verdict};
use crate::{
    Asked, ConnectionLine, ErrorKind, Expectation, InsecureFraming, NameCase, OldPayload, Options,
    Persistence, Upgrade, parse_response, write_request, write_response,
};

/// What goes to the server for a request, with the connection kept.
fn forwarded(bytes: &[u8], options: &Options) -> String {
    let (head, info) = request(bytes, options).unwrap();
    let line = ConnectionLine::for_request(head.version, Persistence::KeepAlive, info.upgrade);
    let mut out = Vec::new();
    write_request(&head, info.body, line, NameCase::Lower, &mut out);
    String::from_utf8_lossy(&out).replace("\r\n", "~")
}

fn with_line(line: &str) -> Vec<u8> {
    format!("{line}\r\nHost: h\r\n\r\n").into_bytes()
}

fn with_fields(fields: &str) -> Vec<u8> {
    format!("POST /a HTTP/1.1\r\nHost: h\r\n{fields}\r\n").into_bytes()
}

#[test]
fn a_simple_request() {
    let bytes = b"GET /a?b HTTP/1.1\r\nHost: x\r\nX-AbC:  v \t\r\nEmpty:\r\n\r\nrest";
    let (head, info) = request(bytes, &Options::default()).unwrap();
    assert_eq!((&head.method, head.target.as_slice()), (&Method::Get, &b"/a?b"[..]));
    assert_eq!(format!("{:?}", head.headers), r#"["host: x", "x-abc: v", "empty: "]"#);
    assert_eq!(info.head_len, bytes.len() - 4);
    assert_eq!((info.body, info.persistence), (BodyLength::None, Persistence::KeepAlive));
    assert_eq!((info.violations, info.first_violation), (0, None));
}

#[test]
fn line_ends() {
    for bytes in [
        &b"\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n"[..],
        b"\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /a HTTP/1.1\nHost: h\n\n",
        b"GET /a HTTP/1.1\nHost: h\r\n\n",
    ] {
        assert_eq!(forwarded(bytes, &Options::default()), "GET /a HTTP/1.1~host: h~~");
    }
    for bytes in [&b"\rGET /a HTTP/1.1\r\n\r\n"[..], b" GET /a HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\rX"] {
        assert_eq!(verdict(bytes, &Options::default()), 400);
    }
}

#[test]
fn folded_lines_become_one() {
    for (fields, line) in [
        ("A: b\r\n  c\r\n\td\r\n", "a: b    c  \td"),
        ("A:\r\n  c\r\n", "a: c"),
        ("A: x\r\n  \r\n", "a: x"),
        ("A: b\n c\n", "a: b  c"),
        ("A:\r\n \r\n\tc\r\n", "a: c"),
    ] {
        let expected = format!("POST /a HTTP/1.1~host: h~{line}~~");
        assert_eq!(forwarded(&with_fields(fields), &Options::default()), expected, "{fields:?}");
    }
    assert_eq!(verdict(b"GET / HTTP/1.1\r\n A: b\r\n\r\n", &Options::default()), 400);
}

#[test]
fn start_lines() {
    for line in [
        "GET  /a HTTP/1.1",
        "GET /a  HTTP/1.1",
        "GET\t/a\tHTTP/1.1",
        "GET /a HTTP/1.2",
        "GET /a HTTP/2.0",
        "GET /a HTTP/3.0",
    ] {
        assert_eq!(forwarded(&with_line(line), &Options::default()), "GET /a HTTP/1.1~host: h~~", "{line}");
    }
    for line in [
        "GET /a HTTP/1.1 ",
        "GET /a",
        "GET /a ",
        "GET",
        "GET ",
        "POST /a",
        "GET /a HTTP/1.1x",
        "GET /a http/1.1",
        "GET /a HTTP/1.10",
        "GET /a HTTP/01.1",
        "GET /a HTTP/1",
        "GET /a HTTP",
        "GET /a RTSP/1.0",
        "GET /a HTTPS/1.1",
        "GET /a HTTP /1.1",
        "GET /a HTTP/1.1\r",
        "GET /a b c HTTP/1.1",
        "PRI * HTTP/2.0",
        "PRI /a HTTP/1.1",
        "GET /a HTTP/1.1\0",
        "GET /a#b HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "G@T / HTTP/1.1",
    ] {
        assert_eq!(verdict(&with_line(line), &Options::default()), 400, "{line}");
    }
    let old = forwarded(&with_line("GET /a HTTP/0.9"), &Options::default());
    assert_eq!(old, "GET /a HTTP/0.9~host: h~connection: keep-alive~~");
}

#[test]
fn relaxed_start_lines() {
    for (line, start) in [
        ("GET /a HTTP/1.10", "GET /a HTTP/1.10"),
        ("GET /a RTSP/1.0", "GET /a RTSP/1.0"),
        ("GET /a H", "GET /a H"),
    ] {
        let expected = format!("{start}~host: h~connection: keep-alive~~");
        assert_eq!(forwarded(&with_line(line), &relaxed()), expected);
    }
    assert_eq!(forwarded(b"GET /a#b HTTP/1.1\r\n\r\n", &relaxed()), "GET /a#b HTTP/1.1~~");
    assert_eq!(forwarded(b"GET /a\r\nX: y\r\n\r\n", &relaxed()), "GET /a HTTP/1.0~connection: keep-alive~~");
    let (head, info) = request(b"GET /a \nrest", &relaxed()).unwrap();
    assert_eq!((head.version, info.head_len), (Version::Http09, 8));
    assert_eq!((info.violations, info.first_violation), (1, Some(6)));
    for line in
        ["POST /a", "GET ", "GET /a http/1.1", "GET /a HTTP/-1.1", "GET /a\u{7f} HTTP/1.1", "PRI / HTTP/1.1"]
    {
        assert_eq!(verdict(&with_line(line), &relaxed()), 400, "{line}");
    }
    assert_eq!(request(&with_line("GET /\u{e9} HTTP/1.1"), &relaxed()).unwrap().1.first_violation, Some(5));
}

#[test]
fn field_names() {
    for fields in ["A : b\r\n", ": b\r\n", "Abc\r\n", "A@: b\r\n", "A\0: b\r\n", "\u{e9}: b\r\n"] {
        assert_eq!(verdict(&with_fields(fields), &Options::default()), 400, "{fields:?}");
    }
    for fields in ["A : b\r\n", "A@: b\r\n", "A\0: b\r\n", "\u{e9}: b\r\n", "A@: b\r\n folded\r\n"] {
        assert_eq!(forwarded(&with_fields(fields), &relaxed()), "POST /a HTTP/1.1~host: h~~", "{fields:?}");
        assert_eq!(request(&with_fields(fields), &relaxed()).unwrap().1.violations, 1);
    }
    for fields in [": b\r\n", "Abc\r\n", "A@\r\n"] {
        assert_eq!(verdict(&with_fields(fields), &relaxed()), 400, "{fields:?}");
    }
    assert_eq!(forwarded(b"GET / HTTP/1.1\r\n A: b\r\n\r\n", &relaxed()), "GET / HTTP/1.1~~");
    let named = |length: usize| with_fields(&format!("{}: b\r\n", "a".repeat(length)));
    assert_eq!(verdict(&named(255), &Options::default()), 200);
    assert_eq!(verdict(&named(256), &Options::default()), 400);
}

#[test]
fn every_byte_in_a_value() {
    for byte in 0..=255_u8 {
        let bytes = [b"GET / HTTP/1.1\r\nX: a", &[byte][..], b"b\r\n\r\n"].concat();
        let expected = if matches!(byte, 0 | b'\r' | b'\n') { 400 } else { 200 };
        assert_eq!(verdict(&bytes, &Options::default()), expected, "{byte:#x}");
        let expected = if matches!(byte, b'\r' | b'\n') { 400 } else { 200 };
        assert_eq!(verdict(&bytes, &relaxed()), expected, "{byte:#x}");
    }
    let (_, info) = request(b"GET / HTTP/1.1\r\nX: a\0b\0c\r\n\r\n", &relaxed()).unwrap();
    assert_eq!((info.violations, info.first_violation), (1, Some(20)));
}

#[test]
fn errors_have_positions() {
    let position = |bytes: &[u8]| {
        let error = request(bytes, &Options::default()).unwrap_err();
        (error.kind, error.position)
    };
    assert_eq!(position(b"G(T / HTTP/1.1\r\n\r\n"), (ErrorKind::Method, 1));
    assert_eq!(position(b"GET /\x01 HTTP/1.1\r\n\r\n"), (ErrorKind::Target, 5));
    assert_eq!(position(b"GET / HTTP/1.1\r\nA@: b\r\n\r\n"), (ErrorKind::FieldName, 17));
    assert_eq!(position(b"GET / HTTP/1.1\r\nA: \0\r\n\r\n"), (ErrorKind::FieldValue, 19));
    assert_eq!(position(b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"), (ErrorKind::LineEnd, 21));
}

#[test]
fn errors_are_found_before_the_end() {
    for bytes in [&b"\x16\x03\x01"[..], b"GET /\x01", b"GET / HTTP/1.1\r\nA@", b"GET / HTTP/1.1\r\nA: \0"] {
        assert_eq!(verdict(bytes, &Options::default()), 400);
    }
}

#[test]
fn limits() {
    let fields = |count: usize| format!("GET /a HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count)).into_bytes();
    assert_eq!(verdict(&fields(100), &Options::default()), 200);
    assert_eq!(verdict(&fields(101), &Options::default()), 400);
    let target = |length: usize| with_line(&format!("GET /{} HTTP/1.1", "a".repeat(length)));
    assert_eq!(verdict(&target(15_258), &Options::default()), 200);
    assert_eq!(verdict(&target(15_259), &Options::default()), 431);
    let value = |length: usize| format!("GET / HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(length));
    assert_eq!(verdict(value(15_249).as_bytes(), &Options::default()), 200);
    assert_eq!(verdict(value(15_250).as_bytes(), &Options::default()), 431);
    let endless = [b"GET /".to_vec(), vec![b'a'; 16_340]].concat();
    assert_eq!(verdict(&endless, &Options::default()), 414);
    let endless = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; 16_340]].concat();
    assert_eq!(verdict(&endless, &Options::default()), 431);
}

#[test]
fn connections_and_upgrades_of_requests() {
    let info = |fields: &str| request(&with_fields(fields), &Options::default()).unwrap().1;
    assert_eq!(info("Connection: foo, close\r\n").persistence, Persistence::Close);
    assert_eq!(info("Connection: Upgrade\r\nUpgrade: foo\r\n").upgrade, Upgrade::Other);
    assert_eq!(info("Upgrade: foo\r\n").upgrade, Upgrade::None);
    assert_eq!(info("Expect: 100-continue\r\nContent-Length: 3\r\n").expectation, Expectation::Continue);
    assert_eq!(info("Expect: foo\r\n").expectation, Expectation::None);
    for (fields, left) in [
        ("Connection: keep-alive, Upgrade\r\nUpgrade: foo\r\n", "connection: Upgrade~upgrade: foo~"),
        ("Connection: Upgrade\r\n", ""),
        ("Upgrade: foo\r\n", ""),
        ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", "connection: HTTP2-Settings~"),
        (
            "Connection: Upgrade, close\r\nUpgrade: foo\r\nUpgrade: bar\r\n",
            "connection: Upgrade~upgrade: foo~upgrade: bar~",
        ),
        ("Connection: Upgrade, x\r\nUpgrade: h2\r\nUpgrade: foo\r\n", "connection: Upgrade, x~upgrade: foo~"),
        ("TE: gzip, trailers\r\n", "te: trailers~"),
        ("Keep-Alive: 3\r\nProxy-Connection: x\r\n", "keep-alive: 3~proxy-connection: x~"),
    ] {
        let expected = format!("POST /a HTTP/1.1~host: h~{left}~");
        assert_eq!(forwarded(&with_fields(fields), &Options::default()), expected, "{fields:?}");
    }
}

#[test]
fn websocket_needs_a_key() {
    let with_key = |key: &str| with_fields(&format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{key}"));
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(request(&with_key(key), &Options::default()).unwrap().1.upgrade, Upgrade::WebSocket);
    for key in ["", "Sec-WebSocket-Key: abc\r\n", "Sec-WebSocket-Key:\r\n"] {
        assert_eq!(verdict(&with_key(key), &Options::default()), 400);
        let (_, info) = request(&with_key(key), &relaxed()).unwrap();
        assert_eq!((info.upgrade, info.violations), (Upgrade::WebSocketWithoutKey, 1));
    }
}

#[test]
fn old_requests_with_a_body() {
    let bytes = |method: &str, length: u32| {
        format!("{method} / HTTP/1.0\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    };
    for method in ["GET", "HEAD", "DELETE"] {
        assert_eq!(verdict(&bytes(method, 3), &Options::default()), 413, "{method}");
        assert_eq!(verdict(&bytes(method, 0), &Options::default()), 200, "{method}");
        let accepting = Options { old_payload: OldPayload::Accept, ..Options::default() };
        assert_eq!(verdict(&bytes(method, 3), &accepting), 200, "{method}");
    }
    for method in ["POST", "PUT", "OPTIONS", "TRACE", "FOO"] {
        assert_eq!(verdict(&bytes(method, 3), &Options::default()), 200, "{method}");
    }
}

#[test]
fn contradicting_lengths_close() {
    let fields = with_fields("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n");
    assert_eq!(request(&fields, &Options::default()).unwrap().1.persistence, Persistence::Close);
    let keeping = Options { insecure_framing: InsecureFraming::Keep, ..Options::default() };
    assert_eq!(request(&fields, &keeping).unwrap().1.persistence, Persistence::KeepAlive);
    assert_eq!(forwarded(&fields, &keeping), "POST /a HTTP/1.1~host: h~transfer-encoding: chunked~~");
}

/// What goes to a client that asked with `GET` in HTTP/1.1, or `None` when the response is refused.
fn answered(bytes: &str, asked: &Asked, options: &Options) -> Option<(String, BodyLength, Persistence)> {
    let (head, info) = response(bytes.as_bytes(), asked, options).ok()?;
    let line = match info.body {
        BodyLength::UntilClose => ConnectionLine::Close,
        BodyLength::Tunnel => ConnectionLine::Nothing,
        _ => ConnectionLine::for_response(head.version, Version::Http11, Persistence::KeepAlive)
            .unless_upgrading(info.upgrade),
    };
    let mut out = Vec::new();
    write_response(&head, info.body, line, NameCase::Lower, &mut out);
    Some((String::from_utf8_lossy(&out).replace("\r\n", "~"), info.body, info.persistence))
}

fn start_of_answer(line: &str, options: &Options) -> Option<String> {
    let bytes = format!("{line}\r\nContent-Length: 2\r\n\r\n");
    answered(&bytes, &Asked::default(), options).map(|(text, ..)| text.split('~').next().unwrap().to_owned())
}

#[test]
fn status_lines() {
    for (line, left) in [
        ("HTTP/1.1 200 OK", "HTTP/1.1 200 OK"),
        ("HTTP/1.1 200", "HTTP/1.1 200 OK"),
        ("HTTP/1.1 404 ", "HTTP/1.1 404 Not Found"),
        ("HTTP/1.1  200  OK ", "HTTP/1.1 200 OK "),
        ("HTTP/1.1 200\tO\tK", "HTTP/1.1 200 O\tK"),
        ("HTTP/1.1 099 x", "HTTP/1.1 099 x"),
        ("HTTP/1.1 999 x", "HTTP/1.1 999 x"),
        ("HTTP/1.1 200 a\x01b\0c", "HTTP/1.1 200 a\x01b\0c"),
        ("HTTP/1.0 200 OK", "HTTP/1.0 200 OK"),
        ("HTTP/2.0 200 OK", "HTTP/1.1 200 OK"),
        ("\r\nHTTP/1.1 200 OK", "HTTP/1.1 200 OK"),
    ] {
        assert_eq!(start_of_answer(line, &Options::default()).as_deref(), Some(left), "{line:?}");
    }
    for line in [
        "HTTP/1.1 2000 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "HTTP/1.1 abc OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.10 200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.1",
        "HTTP/1.1 200OK",
        "HTTP/1.1 200 a\rb",
    ] {
        assert_eq!(start_of_answer(line, &Options::default()), None, "{line:?}");
    }
    for (line, left) in [
        ("HTTP/1.1 2000 OK", Some("HTTP/1.1 2000 OK")),
        ("ICY 200 OK", Some("ICY 200 OK")),
        ("HTTP/1.10 200 OK", Some("HTTP/1.10 200 OK")),
        ("HTTP/1.1 70000 OK", None),
        ("http/1.1 200 OK", None),
        ("HTTP/1.1", None),
    ] {
        assert_eq!(start_of_answer(line, &relaxed()).as_deref(), left, "{line:?}");
    }
}

#[test]
fn oddities_are_counted_once() {
    let bytes = b"ICY 2000 OK\x01\r\nX: a\0b\r\n\r\n";
    let (mut cursor, mut head) = (crate::Cursor::new(), http::ResponseHead::default());
    for end in 0..bytes.len() {
        let partial = parse_response(&bytes[..end], &mut cursor, &relaxed(), &Asked::default(), &mut head);
        assert_eq!(partial, Ok(crate::Progress::Partial));
    }
    let (_, info) = response(bytes, &Asked::default(), &relaxed()).unwrap();
    let last = parse_response(bytes, &mut cursor, &relaxed(), &Asked::default(), &mut head);
    assert_eq!((info.violations, info.first_violation), (3, Some(0)));
    assert_eq!(last, Ok(crate::Progress::Complete(info)));
}

#[test]
fn bodies_of_responses() {
    use BodyLength::{Chunked, Length, None, Tunnel, UntilClose};
    let get = Asked::default();
    let head = Asked { method: Method::Head, ..Asked::default() };
    let connect = Asked { method: Method::Connect, ..Asked::default() };
    let both = "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n";
    for (asked, status, fields, body, left) in [
        (&get, 200, "", UntilClose, "connection: close~"),
        (&get, 200, "Content-Length: 02\r\n", Length(2), "content-length: 2~"),
        (&get, 200, both, Chunked, "transfer-encoding: chunked~"),
        (&get, 204, both, None, ""),
        (&get, 103, "Content-Length: 2\r\n", None, ""),
        (&get, 304, "Content-Length: 2\r\n", None, "content-length: 2~"),
        (&get, 304, both, None, "transfer-encoding: chunked~"),
        (&head, 200, "Content-Length: 2\r\n", None, "content-length: 2~"),
        (&head, 200, "", None, ""),
        (&connect, 200, "Content-Length: 2\r\n", Tunnel, ""),
        (&connect, 403, "Content-Length: 2\r\n", Length(2), "content-length: 2~"),
    ] {
        let bytes = format!("HTTP/1.1 {status} x\r\n{fields}\r\n");
        let (text, found, _) = answered(&bytes, asked, &Options::default()).unwrap();
        assert_eq!((found, text), (body, format!("HTTP/1.1 {status} x~{left}~")), "{bytes:?}");
    }
}

#[test]
fn persistence_of_responses() {
    let persistence =
        |head: &str| answered(&format!("{head}\r\n\r\n"), &Asked::default(), &Options::default()).unwrap().2;
    assert_eq!(persistence("HTTP/1.1 200 x\r\nContent-Length: 2"), Persistence::KeepAlive);
    assert_eq!(persistence("HTTP/1.1 200 x\r\nContent-Length: 2\r\nConnection: close"), Persistence::Close);
    assert_eq!(persistence("HTTP/1.0 200 x\r\nContent-Length: 2"), Persistence::Close);
    assert_eq!(
        persistence("HTTP/1.0 200 x\r\nContent-Length: 2\r\nConnection: keep-alive"),
        Persistence::KeepAlive
    );
    assert_eq!(
        persistence("HTTP/1.0 200 x\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive"),
        Persistence::Close
    );
    assert_eq!(
        persistence("HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2"),
        Persistence::Close
    );
    assert_eq!(persistence("HTTP/1.1 200 x"), Persistence::Close);
}

#[test]
fn hop_headers_of_responses() {
    for (fields, left) in [
        (
            "Connection: Foo, keep-alive\r\nKeep-Alive: timeout=5\r\n",
            "connection: Foo~keep-alive: timeout=5~",
        ),
        ("Connection: upgrade, close\r\n", "connection: upgrade~"),
        ("Upgrade: h2\r\n", ""),
        ("Upgrade: h2c, foo\r\n", "upgrade: foo~"),
        ("Connection: , x\r\n", "connection: , x~"),
        ("TE: gzip\r\n", ""),
        ("Host: b\r\nHost: c\r\n", "host: b~host: c~"),
    ] {
        let bytes = format!("HTTP/1.1 200 x\r\n{fields}Content-Length: 0\r\n\r\n");
        let (text, ..) = answered(&bytes, &Asked::default(), &Options::default()).unwrap();
        assert_eq!(text, format!("HTTP/1.1 200 x~{left}content-length: 0~~"), "{fields:?}");
    }
}

#[test]
fn switching_protocols() {
    let asked = |upgrade| Asked { upgrade, ..Asked::default() };
    let switch = "HTTP/1.1 101 x\r\nConnection: upgrade\r\nContent-Length: 2\r\nUpgrade: foo\r\n\r\n";
    let (text, body, _) = answered(switch, &asked(Upgrade::Other), &Options::default()).unwrap();
    assert_eq!(
        (text.as_str(), body),
        ("HTTP/1.1 101 x~connection: upgrade~upgrade: foo~~", BodyLength::Tunnel)
    );
    assert_eq!(answered(switch, &asked(Upgrade::None), &Options::default()), None);
    assert_eq!(answered("HTTP/1.1 101 x\r\n\r\n", &asked(Upgrade::Other), &Options::default()), None);
    let websocket = "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(answered(websocket, &asked(Upgrade::WebSocket), &Options::default()), None);
    assert!(answered(websocket, &asked(Upgrade::WebSocket), &relaxed()).is_some());
    let proven =
        "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";
    assert!(answered(proven, &asked(Upgrade::WebSocket), &Options::default()).is_some());
}

#[test]
fn rules_cannot_break_the_framing() {
    let (mut head, info) =
        request(&with_fields("Content-Length: 3\r\nX: y\r\n"), &Options::default()).unwrap();
    head.headers.set(b"Content-Length", b"999");
    head.headers.push(b"Transfer-Encoding", b"chunked");
    let mut out = Vec::new();
    write_request(&head, info.body, ConnectionLine::Nothing, NameCase::Lower, &mut out);
    assert_eq!(out, b"POST /a HTTP/1.1\r\nhost: h\r\nx: y\r\ncontent-length: 3\r\n\r\n");
    head.headers.clear();
    out.clear();
    write_request(&head, BodyLength::Chunked, ConnectionLine::Close, NameCase::Lower, &mut out);
    assert_eq!(out, b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
}

#[test]
fn composed_targets_are_written_as_paths() {
    let (mut head, _) = request(b"GET http://h/a?b HTTP/1.1\r\n\r\n", &Options::default()).unwrap();
    head.target_source = http::TargetSource::PseudoHeaders;
    let mut out = Vec::new();
    write_request(&head, BodyLength::None, ConnectionLine::Nothing, NameCase::Lower, &mut out);
    assert_eq!(out, b"GET /a?b HTTP/1.1\r\n\r\n");
}

#[test]
fn prefaces() {
    use crate::{HTTP2_PREFACE, Preface, http2_preface};
    assert_eq!(http2_preface(HTTP2_PREFACE), Preface::Complete);
    assert_eq!(http2_preface(b"PRI * HTTP/2.0\r\n"), Preface::Partial);
    assert_eq!(http2_preface(b"PUT / "), Preface::No);
}
