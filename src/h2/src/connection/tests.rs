use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use http::{BodyLength, Headers, Method, RequestHead, ResponseHead, Status};
use proptest::prelude::*;

use super::*;
use crate::frame::{self, Header};
use crate::message::Protocol;
use crate::stream::End;

#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn idle() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn server() -> Connection {
    Connection::new(Role::Server, Settings::default())
}

fn client() -> Connection {
    Connection::new(Role::Client, Settings::default())
}

/// Moves what one side sends to the other, in pieces of this size.
fn carry(from: &mut Connection, to: &mut Connection, piece: usize) {
    let bytes = from.output().data().to_vec();
    from.output().consume(bytes.len());
    from.sent();
    let mut waiting = Vec::new();
    for some in bytes.chunks(piece.max(1)) {
        waiting.extend_from_slice(some);
        let taken = to.receive(&waiting).consumed;
        waiting.drain(..taken);
    }
    assert!(waiting.len() < frame::HEADER, "{} bytes are left", waiting.len());
}

fn settle(a: &mut Connection, b: &mut Connection, piece: usize) {
    while !a.output().is_empty() || !b.output().is_empty() {
        carry(a, b, piece);
        carry(b, a, piece);
    }
}

fn request(method: Method, target: &str) -> RequestHead {
    let mut head = RequestHead { method, target: target.into(), ..RequestHead::default() };
    head.headers.push(b"host", b"h.example");
    head
}

fn fields(headers: &Headers) -> String {
    let line = |f: http::HeaderField<'_>| {
        String::from_utf8_lossy(f.name).into_owned() + "=" + &String::from_utf8_lossy(f.value)
    };
    headers.iter().map(line).collect::<Vec<_>>().join(" ")
}

const PLAIN: (&[u8], BodyLength, Protocol) = (b"http", BodyLength::None, Protocol::None);

#[test]
fn a_request_and_its_response() {
    let (mut c, mut s) = (client(), server());
    let mut asked = request(Method::Get, "/a?b");
    asked.headers.push(b"cookie", b"x=1");
    asked.headers.push(b"cookie", b"y=2");
    asked.headers.push(b"connection", b"keep-alive");
    let theirs = c.open(&asked, PLAIN).unwrap();
    settle(&mut c, &mut s, 1);
    let ours = s.accept().unwrap();
    assert!(s.accept().is_none());
    let mut head = RequestHead::default();
    let info = s.take_request(ours, &mut head).unwrap();
    assert_eq!((info.body, s.reading(ours)), (BodyLength::None, Reading::Ended));
    assert_eq!(head.target, b"/a?b");
    assert_eq!(fields(&head.headers), "host=h.example cookie=x=1; y=2");
    let mut early = ResponseHead::default();
    early.set_status(Status(103));
    s.respond(ours, &early, BodyLength::None, End::No).unwrap();
    let mut answer = ResponseHead::default();
    answer.set_status(Status(201));
    answer.headers.push(b"upgrade", b"x");
    answer.headers.push(b"server", b"s");
    s.respond(ours, &answer, BodyLength::Length(5), End::No).unwrap();
    assert_eq!(s.poll_send(ours, &mut idle(), b"hello"), Poll::Ready(Ok(5)));
    s.finish(ours, &Headers::new());
    s.release(ours, Code::CANCEL);
    settle(&mut c, &mut s, 3);
    let mut got = ResponseHead::default();
    assert_eq!(c.poll_response(theirs, &mut idle(), &mut got), Poll::Ready(Ok(())));
    assert_eq!(got.status.0, 103);
    assert_eq!(c.poll_response(theirs, &mut idle(), &mut got), Poll::Ready(Ok(())));
    assert_eq!((got.status.0, fields(&got.headers)), (201, "server=s content-length=5".into()));
    assert_eq!((c.body(theirs), c.reading(theirs)), (&b"hello"[..], Reading::Ended));
    c.consume(theirs, 5);
    c.release(theirs, Code::CANCEL);
    assert!(c.output().is_empty(), "nothing more is said of what has ended");
    assert!(c.is_at_rest() && s.is_at_rest());
    assert_eq!((s.take_counts().resets_sent, c.take_counts().data), (0, 1));
}

#[test]
fn bodies_and_trailers_go_both_ways() {
    let (mut c, mut s) = (client(), server());
    let body = (b"https".as_slice(), BodyLength::Chunked, Protocol::None);
    let theirs = c.open(&request(Method::Post, "/"), body).unwrap();
    let data = vec![7; 100_000];
    let mut sent = 0;
    let mut received = 0;
    let mut ours = None;
    while received < data.len() {
        assert!(!s.is_failed());
        if let Poll::Ready(Ok(n)) = c.poll_send(theirs, &mut idle(), &data[sent..]) {
            sent += n;
        }
        carry(&mut c, &mut s, 1000);
        let key = *ours.get_or_insert_with(|| s.accept().unwrap());
        let come = s.body(key).len();
        assert!(come <= 1_500_000);
        received += come;
        s.consume(key, come);
        carry(&mut s, &mut c, 1000);
    }
    let ours = ours.unwrap();
    assert!(!s.is_failed());
    let mut trailers = Headers::new();
    trailers.push(b"x-t", b"1");
    c.finish(theirs, &trailers);
    settle(&mut c, &mut s, 7);
    assert_eq!(s.reading(ours), Reading::Ended);
    assert_eq!(fields(s.trailers(ours).unwrap()), "x-t=1");
    s.respond(ours, &ResponseHead::default(), BodyLength::None, End::Yes).unwrap();
    settle(&mut c, &mut s, 7);
    assert_eq!(c.reading(theirs), Reading::Ended);
}

#[test]
fn nobody_sends_more_than_the_other_side_allows() {
    let (mut c, mut s) = (client(), server());
    settle(&mut c, &mut s, 100);
    let body = (b"http".as_slice(), BodyLength::Chunked, Protocol::None);
    let theirs = c.open(&request(Method::Post, "/"), body).unwrap();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut cx = Context::from_waker(&waker);
    assert_eq!(c.poll_send(theirs, &mut cx, &vec![1; 50_000]), Poll::Ready(Ok(16384)));
    assert_eq!(c.poll_send(theirs, &mut cx, &vec![1; 50_000]), Poll::Pending);
    settle(&mut c, &mut s, 5000);
    assert_eq!(bell.0.load(Ordering::Relaxed), 0);
    let ours = s.accept().unwrap();
    assert_eq!(s.body(ours).len(), 16384);
    s.consume(ours, 16384);
    settle(&mut c, &mut s, 5000);
    assert_eq!(bell.0.load(Ordering::Relaxed), 1, "it may go on");
    assert!(matches!(c.poll_send(theirs, &mut cx, &vec![1; 50_000]), Poll::Ready(Ok(1..))));
    // The other side is not forgiving.
    s.streams[0].receive_window = 10;
    settle(&mut c, &mut s, 5000);
    assert!(s.is_failed());
}

#[test]
fn streams_wait_for_room_in_the_output() {
    let settings = Settings { window: 1 << 20, ..Settings::default() };
    let (mut c, mut s) = (Connection::new(Role::Client, settings), server());
    let theirs: Vec<_> = (0..2).map(|_| c.open(&request(Method::Get, "/"), PLAIN).unwrap()).collect();
    settle(&mut c, &mut s, 5000);
    let ours: Vec<_> = std::iter::from_fn(|| s.accept()).collect();
    for key in &ours {
        s.respond(*key, &ResponseHead::default(), BodyLength::Chunked, End::No).unwrap();
    }
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut cx = Context::from_waker(&waker);
    let Poll::Ready(Ok(first)) = s.poll_send(ours[0], &mut cx, &vec![1; 200_000]) else { panic!() };
    assert!(first <= 65536);
    assert_eq!(s.poll_send(ours[1], &mut cx, &vec![1; 200_000]), Poll::Pending);
    carry(&mut s, &mut c, 5000);
    assert_eq!(bell.0.load(Ordering::Relaxed), 1);
    assert_eq!(c.body(theirs[0]).len(), first);
}

#[test]
fn what_is_given_up_is_told() {
    let (mut c, mut s) = (client(), server());
    let theirs = c.open(&request(Method::Get, "/"), PLAIN).unwrap();
    settle(&mut c, &mut s, 50);
    let ours = s.accept().unwrap();
    c.release(theirs, Code::CANCEL);
    settle(&mut c, &mut s, 50);
    assert!(s.is_gone(ours));
    assert_eq!(s.respond(ours, &ResponseHead::default(), BodyLength::None, End::Yes), Err(Gone));
    s.release(ours, Code::CANCEL);
    assert!(s.output().is_empty());
    assert_eq!((s.take_counts().resets, s.streams(), c.streams()), (1, 0, 0));
}

#[test]
fn a_connection_that_is_left_takes_no_more() {
    let (mut c, mut s) = (client(), server());
    let theirs = c.open(&request(Method::Get, "/"), PLAIN).unwrap();
    settle(&mut c, &mut s, 50);
    s.leave();
    settle(&mut c, &mut s, 50);
    assert_eq!(c.open(&request(Method::Get, "/"), PLAIN), Err(Refused));
    assert!(!c.is_gone(theirs) && !s.is_done());
    let ours = s.accept().unwrap();
    s.respond(ours, &ResponseHead::default(), BodyLength::None, End::Yes).unwrap();
    s.release(ours, Code::NO_ERROR);
    assert!(s.is_done());
}

#[test]
fn streams_beyond_the_limit_are_refused_or_wait() {
    let settings = Settings { max_streams: 1, ..Settings::default() };
    let mut s = Connection::new(Role::Server, settings);
    let mut c = Connection::new(Role::Client, Settings::default());
    let keys: Vec<_> = (0..2).map(|_| c.open(&request(Method::Get, "/"), PLAIN).unwrap()).collect();
    carry(&mut c, &mut s, 1000);
    carry(&mut s, &mut c, 1000);
    assert!(!c.is_gone(keys[0]) && c.is_gone(keys[1]), "the second one is refused");
    assert!(!c.has_room(), "and the client knows by now");
    c.release(keys[0], Code::CANCEL);
    carry(&mut c, &mut s, 1000);
    // The first one is still served.
    c.release(keys[1], Code::CANCEL);
    c.open(&request(Method::Get, "/"), PLAIN).unwrap();
    let bytes = c.output().data().to_vec();
    let intake = s.receive(&bytes);
    assert_eq!(intake.appetite, Appetite::Sated);
    let first = s.accept().unwrap();
    s.release(first, Code::CANCEL);
    assert_eq!(s.receive(&bytes[intake.consumed..]).appetite, Appetite::Hungry);
    assert!(s.accept().is_some());
}

/// A server that has got the preface and settings.
fn acquainted() -> Connection {
    let mut s = server();
    let mut bytes = PREFACE.to_vec();
    frame::push(frame::SETTINGS, 0, 0, &[], &mut bytes);
    frame::push(frame::SETTINGS, frame::ACK, 0, &[], &mut bytes);
    assert_eq!(s.receive(&bytes).consumed, bytes.len());
    s.output().clear();
    s
}

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        Encoder::field(name.as_bytes(), value.as_bytes(), &mut out);
    }
    out
}

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "h")];

fn get() -> Vec<u8> {
    block(&GET)
}

/// Kind, flags, stream and payload of a frame.
type Sent<'a> = (u8, u8, u32, &'a [u8]);

fn framed(frames: &[Sent<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, flags, stream, payload) in frames {
        frame::push(*kind, *flags, *stream, payload, &mut out);
    }
    out
}

/// What is answered: resets and farewells, as text.
fn complaints(s: &mut Connection, bytes: &[u8]) -> String {
    s.receive(bytes);
    let mut out = s.output().data().to_vec();
    let mut text = Vec::new();
    while let Some(first) = out.first_chunk() {
        let header = Header::read(first);
        let payload: Vec<u8> = out.drain(..frame::HEADER + header.length).skip(frame::HEADER).collect();
        match header.kind {
            frame::RST_STREAM => text.push(format!("R{}:{}", header.stream, frame::number(&payload))),
            frame::GOAWAY => {
                text.push(format!("G{}:{}", frame::number(&payload), frame::number(&payload[4..])));
            }
            _ => {}
        }
    }
    s.output().clear();
    text.join(" ")
}

/// The verdicts of 3.5 on what no client should send.
#[test]
fn frames_out_of_place() {
    use frame::{
        CONTINUATION, DATA, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
        WINDOW_UPDATE,
    };
    let get = get();
    let post = block(&[&GET[..], &[("content-length", "5")]].concat());
    let long = vec![0; 17000];
    let cases: &[(&str, &[Sent<'_>], &str)] = &[
        ("even", &[(HEADERS, 5, 2, &get)], "G0:1"),
        ("going back", &[(HEADERS, 5, 3, &get), (HEADERS, 5, 1, &get)], "G3:5"),
        ("idle data", &[(DATA, 0, 1, b"x")], "G0:1"),
        ("idle reset", &[(RST_STREAM, 0, 1, &[0; 4])], "G0:1"),
        ("no increment", &[(WINDOW_UPDATE, 0, 0, &[0; 4])], "G0:1"),
        ("no increment", &[(HEADERS, 4, 1, &get), (WINDOW_UPDATE, 0, 1, &[0; 4])], "R1:1"),
        ("window", &[(WINDOW_UPDATE, 0, 0, &[0x7f, 255, 255, 255])], "G0:3"),
        ("window", &[(HEADERS, 4, 1, &get), (WINDOW_UPDATE, 0, 1, &[0x7f, 255, 255, 255])], "R1:3"),
        ("ping", &[(PING, 0, 0, b"1234567")], "G0:6"),
        ("ping", &[(PING, 0, 1, b"12345678")], "G0:1"),
        ("settings", &[(SETTINGS, 0, 1, b"")], "G0:1"),
        ("settings", &[(SETTINGS, 0, 0, b"12345")], "G0:6"),
        ("settings", &[(SETTINGS, 1, 0, b"123456")], "G0:6"),
        ("unknown, idle", &[(99, 0, 1, b"abc")], "G0:1"),
        ("unknown", &[(99, 0, 0, b"abc")], ""),
        ("push", &[(PUSH_PROMISE, 4, 1, &[0, 0, 0, 2])], "G0:1"),
        ("alone", &[(CONTINUATION, 4, 1, b"")], "G0:1"),
        ("between", &[(HEADERS, 1, 1, &get), (PING, 0, 0, b"12345678")], "G1:1"),
        ("corrupt", &[(HEADERS, 5, 1, &[255; 5])], "G1:9"),
        ("itself", &[(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])], "G0:1"),
        ("large", &[(DATA, 0, 1, &long)], "G0:6"),
        ("padding", &[(HEADERS, 0xd, 1, &[255, 0x82])], "G0:1"),
        ("goaway", &[(GOAWAY, 0, 0, &[0; 8]), (HEADERS, 5, 1, &get)], ""),
        ("after the end", &[(HEADERS, 5, 1, &get), (HEADERS, 5, 1, &get)], "G1:1"),
        ("after the end", &[(HEADERS, 5, 1, &get), (DATA, 1, 1, b"x")], "R1:5"),
        ("short", &[(HEADERS, 4, 1, &post), (DATA, 1, 1, b"hel")], "R1:1"),
        ("long", &[(HEADERS, 4, 1, &post), (DATA, 1, 1, b"helloo")], "R1:1"),
        ("right", &[(HEADERS, 4, 1, &post), (DATA, 9, 1, b"\x02hello__")], ""),
        ("none", &[(HEADERS, 5, 1, &post)], "R1:1"),
        ("in pieces", &[(HEADERS, 1, 1, &get[..5]), (CONTINUATION, 4, 1, &get[5..])], ""),
        ("trailers", &[(HEADERS, 4, 1, &get), (HEADERS, 4, 1, b"")], "R1:1"),
        ("trailers", &[(HEADERS, 4, 1, &get), (HEADERS, 5, 1, &get)], "R1:1"),
    ];
    for (name, frames, expected) in cases {
        let bytes = framed(frames);
        assert_eq!(complaints(&mut acquainted(), &bytes), *expected, "{name}");
        let mut s = acquainted();
        let mut waiting = Vec::new();
        for byte in &bytes {
            waiting.push(*byte);
            let taken = s.receive(&waiting).consumed;
            waiting.drain(..taken);
        }
        assert_eq!(complaints(&mut s, &waiting), *expected, "{name}, byte by byte");
    }
}

/// The verdicts of 3.5 on requests that are none.
#[test]
fn malformed_requests() {
    let with = |extra: &[(&str, &str)]| block(&[&GET[..], extra].concat());
    let many: Vec<_> = (0..110).map(|_| ("x", "y")).collect();
    let bad = [
        with(&[("X-A", "b")]),
        with(&[("connection", "close")]),
        with(&[("keep-alive", "1")]),
        with(&[("te", "gzip")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("a", "b\nc")]),
        with(&[("a b", "c")]),
        with(&[(":path", "/x")]),
        with(&[(":foo", "x")]),
        with(&[(":status", "200")]),
        with(&[("content-length", "a")]),
        with(&[("content-length", "0"), ("content-length", "1")]),
        with(&many),
        block(&GET[..2]),
        block(&GET[1..]),
        block(&[GET[0], GET[2]]),
        block(&[GET[0], ("a", "b"), GET[1], GET[2]]),
        block(&[GET[0], GET[1], (":path", "own")]),
        block(&[GET[0], GET[1], (":path", "/o n")]),
        block(&[GET[0], GET[1], (":path", "/#f")]),
        block(&[GET[0], GET[1], GET[2], (":authority", "u@h")]),
        block(&[GET[0], GET[1], GET[2], (":protocol", "websocket")]),
    ];
    for (at, block) in bad.iter().enumerate() {
        let bytes = framed(&[(frame::HEADERS, 5, 1, block)]);
        assert_eq!(complaints(&mut acquainted(), &bytes), "R1:1", "case {at}");
    }
}

/// The target and the fields of a request, and whether it can be one.
fn understood(fields_sent: &[(&str, &str)]) -> (String, String, Verdict) {
    let mut s = acquainted();
    assert_eq!(complaints(&mut s, &framed(&[(frame::HEADERS, 5, 1, &block(fields_sent))])), "");
    let key = s.accept().unwrap();
    let mut head = RequestHead::default();
    let info = s.take_request(key, &mut head).unwrap();
    let target =
        String::from_utf8_lossy(head.method.as_bytes()) + " " + String::from_utf8_lossy(&head.target);
    (target.into_owned(), fields(&head.headers), info.verdict)
}

use crate::message::Verdict;

#[test]
fn requests_as_they_are_understood() {
    let case = |f: &[(&str, &str)], target: &str, expected: &str| {
        assert_eq!(understood(f), (target.to_owned(), expected.to_owned(), Verdict::Sound));
    };
    let with = |extra: &[(&'static str, &'static str)]| [&GET[..], extra].concat();
    case(&with(&[("host", "other"), ("te", "trailers")]), "GET http://h/", "host=h te=trailers");
    case(&GET[..3], "GET /", "");
    case(&[&GET[..3], &[("host", "x")]].concat(), "GET /", "host=x");
    case(&with(&[("a", " b ")]), "GET http://h/", "host=h a=b");
    case(
        &with(&[("content-length", "0"), ("content-length", "0")]),
        "GET http://h/",
        "host=h content-length=0",
    );
    case(&[(":method", "CONNECT"), (":authority", "a:80")], "CONNECT a:80", "host=a:80");
    let port = [GET[0], GET[1], GET[2], (":authority", "h:80")];
    case(&port, "GET http://h/", "host=h");
    let star = [(":method", "OPTIONS"), GET[1], (":path", "*"), GET[3]];
    case(&star, "OPTIONS *", "host=h");
    assert_eq!(understood(&[(":method", "G T"), GET[1], GET[2]]).2, Verdict::Bad);
    assert_eq!(understood(&[GET[0], (":scheme", "ht tp"), GET[2]]).2, Verdict::Bad);
}

#[test]
fn what_websockets_need() {
    let (mut c, mut s) = (client(), server());
    settle(&mut c, &mut s, 100);
    assert!(c.offers_extended_connect());
    let mut asked = request(Method::Get, "/chat");
    asked.headers.push(b"upgrade", b"websocket");
    asked.headers.push(b"connection", b"upgrade");
    asked.headers.push(b"sec-websocket-key", b"x");
    asked.headers.push(b"sec-websocket-version", b"13");
    let theirs = c.open(&asked, (b"https", BodyLength::None, Protocol::WebSocket)).unwrap();
    settle(&mut c, &mut s, 100);
    let ours = s.accept().unwrap();
    let mut head = RequestHead::default();
    let info = s.take_request(ours, &mut head).unwrap();
    assert_eq!((info.protocol, &head.method), (Protocol::WebSocket, &Method::Get));
    assert_eq!(
        fields(&head.headers),
        "upgrade=websocket connection=upgrade host=h.example sec-websocket-key=x sec-websocket-version=13"
    );
    let mut answer = ResponseHead::default();
    answer.set_status(Status(101));
    answer.headers.push(b"sec-websocket-accept", b"y");
    s.respond(ours, &answer, BodyLength::Tunnel, End::No).unwrap();
    settle(&mut c, &mut s, 100);
    let mut got = ResponseHead::default();
    assert_eq!(c.poll_response(theirs, &mut idle(), &mut got), Poll::Ready(Ok(())));
    assert_eq!((got.status.0, got.headers.len()), (200, 0));
}

#[test]
fn long_heads_take_several_frames() {
    let (mut c, mut s) = (client(), server());
    settle(&mut c, &mut s, 100);
    let mut answer = ResponseHead::default();
    for _ in 0..10 {
        answer.headers.push(b"x-long", &[b'v'; 1500]);
    }
    let theirs = c.open(&request(Method::Get, "/"), PLAIN).unwrap();
    settle(&mut c, &mut s, 100);
    let ours = s.accept().unwrap();
    s.peer.max_frame = 4000;
    s.respond(ours, &answer, BodyLength::None, End::Yes).unwrap();
    settle(&mut c, &mut s, 100);
    let mut got = ResponseHead::default();
    assert_eq!(c.poll_response(theirs, &mut idle(), &mut got), Poll::Ready(Ok(())));
    assert_eq!((got.headers.len(), c.reading(theirs)), (10, Reading::Ended));
}

#[test]
fn continuations_without_end_are_too_much() {
    let mut s = acquainted();
    let mut bytes = framed(&[(frame::HEADERS, 1, 1, &get())]);
    for _ in 0..40 {
        frame::push(frame::CONTINUATION, 0, 1, b"", &mut bytes);
    }
    assert_eq!(complaints(&mut s, &bytes), "G1:11");
}

proptest! {
    #[test]
    fn nothing_that_comes_does_harm(bytes: Vec<u8>, cut in 1usize..50) {
        let mut s = acquainted();
        let mut waiting = Vec::new();
        for some in bytes.chunks(cut) {
            waiting.extend_from_slice(some);
            let taken = s.receive(&waiting).consumed;
            waiting.drain(..taken);
            while let Some(key) = s.accept() {
                s.release(key, Code::CANCEL);
            }
        }
        prop_assert!(waiting.len() < frame::HEADER || s.is_failed());
    }

    #[test]
    fn frames_of_any_kind_do_no_harm(
        frames in prop::collection::vec((0u8..11, any::<u8>(), 0u32..8, prop::collection::vec(any::<u8>(), 0..40)), 0..30),
    ) {
        let mut s = acquainted();
        let mut keys = Vec::new();
        for (kind, flags, stream, payload) in frames {
            let payload = if kind == frame::HEADERS && flags & 8 == 0 { get() } else { payload };
            s.receive(&framed(&[(kind, flags, stream, &payload)]));
            keys.extend(s.accept());
            if let Some(key) = keys.first() {
                let come = s.body(*key).len();
                s.consume(*key, come);
            }
        }
        let there = s.streams();
        prop_assert!(there <= 100);
        for key in keys {
            s.release(key, Code::CANCEL);
        }
    }

    #[test]
    fn bodies_come_as_they_were_sent(pieces in prop::collection::vec(1usize..20_000, 1..12), cut in 1usize..9000) {
        let (mut c, mut s) = (client(), server());
        let body = (b"http".as_slice(), BodyLength::Chunked, Protocol::None);
        let theirs = c.open(&request(Method::Post, "/"), body).unwrap();
        settle(&mut c, &mut s, cut);
        let ours = s.accept().unwrap();
        let (mut come, mut all) = (Vec::new(), Vec::new());
        for (at, length) in pieces.iter().enumerate() {
            let data = vec![at as u8; *length];
            all.extend_from_slice(&data);
            let mut rest = &data[..];
            while !rest.is_empty() {
                if let Poll::Ready(n) = c.poll_send(theirs, &mut idle(), rest) {
                    rest = &rest[n.unwrap()..];
                }
                settle(&mut c, &mut s, cut);
                come.extend_from_slice(s.body(ours));
                let n = s.body(ours).len();
                s.consume(ours, n);
                prop_assert!(!s.is_failed());
                settle(&mut c, &mut s, cut);
            }
        }
        c.finish(theirs, &Headers::new());
        settle(&mut c, &mut s, cut);
        prop_assert_eq!(s.reading(ours), Reading::Ended);
        prop_assert!(come == all);
    }
}
