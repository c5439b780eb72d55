//! Clients that misuse HTTP/2: what they send costs little, and others are served meanwhile.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use support::{HANG, Proxy, wait_for};

/// What all that one test sends may cost at most.
const MOST_BYTES: u64 = 20 << 20;
/// Connections that do the same at once.
const ATTACKERS: usize = 8;
/// What each of them sends at most, in bytes: all of them twice as much as it may cost.
const EACH: usize = 5 << 20;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// A head by the static table: `GET http / `, or `POST`.
fn head(method: u8) -> [u8; 3] {
    [method, 0x86, 0x84]
}
const GET: u8 = 0x82;
const POST: u8 = 0x83;

/// The proxy: it answers by itself, but takes what is posted to a server, which is itself.
fn proxy(name: &str) -> Proxy {
    Proxy::start(name, |port| {
        format!(
            " nbthread 2\ndefaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n\
             frontend fe\n bind 127.0.0.1:{port}\n\
             \x20http-request return status 200 content-type text/plain string 0123456789 if METH_GET or {{ hdr(via) -m found }}\n\
             \x20default_backend posts\n\
             backend posts\n http-request set-header via it\n server s 127.0.0.1:{port}\n"
        )
    })
}

/// A client that behaves.
fn is_served(port: u16) -> bool {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200 ")
}

/// Whether an attacker reads what it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ears {
    Open,
    Shut,
}

/// Sends `opening`, then what `more` makes of the number of the turn, until enough was sent or the proxy has had enough.
fn attack(port: u16, ears: Ears, opening: &[u8], more: impl Fn(u32, &mut Vec<u8>)) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_write_timeout(Some(HANG / 10)).unwrap();
    if ears == Ears::Open {
        let mut reader = socket.try_clone().unwrap();
        thread::spawn(move || while reader.read(&mut [0; 16384]).is_ok_and(|n| n > 0) {});
    }
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    out.extend_from_slice(opening);
    let (mut turn, mut sent) = (0, 0);
    // What nobody reads fills the system's own buffers first.
    let most = if ears == Ears::Shut { 4 * EACH } else { EACH };
    while sent < most {
        while out.len() < 60_000 {
            more(turn, &mut out);
            turn += 1;
        }
        // It may close, or read no more.
        if socket.write_all(&out).is_err() {
            break;
        }
        sent += out.len();
        out.clear();
    }
    let _ = socket.shutdown(std::net::Shutdown::Both);
}

/// Lets several do the same at once, and looks at what it costs.
fn withstands(name: &str, ears: Ears, opening: fn(&mut Vec<u8>), more: fn(u32, &mut Vec<u8>)) {
    let proxy = proxy(name);
    for _ in 0..20 {
        assert!(is_served(proxy.port));
    }
    wait_for("the first clients to leave", || proxy.busy() == 0);
    let (memory, descriptors) = (proxy.memory(), proxy.descriptors());
    let port = proxy.port;
    let attackers: Vec<_> = (0..ATTACKERS)
        .map(|_| {
            thread::spawn(move || {
                let mut begin = Vec::new();
                frame(SETTINGS, 0, 0, &[], &mut begin);
                opening(&mut begin);
                attack(port, ears, &begin, more);
            })
        })
        .collect();
    let mut most = 0;
    while !attackers.iter().all(thread::JoinHandle::is_finished) {
        assert!(is_served(port), "{name}: others are not served");
        most = most.max(proxy.memory());
    }
    for attacker in attackers {
        attacker.join().unwrap();
    }
    let cost = most.saturating_sub(memory);
    assert!(cost < MOST_BYTES, "{name}: {cost} bytes are in use");
    wait_for("all streams to end", || proxy.busy() == 0);
    wait_for("all descriptors to be closed", || proxy.descriptors() <= descriptors);
    assert!(is_served(port));
}

fn nothing(_: &mut Vec<u8>) {}

#[test]
fn requests_that_are_given_up_at_once() {
    withstands("resets", Ears::Open, nothing, |turn, out| {
        let stream = turn * 2 + 1;
        frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(GET), out);
        frame(RST_STREAM, 0, stream, &[0, 0, 0, 8], out);
    });
}

#[test]
fn requests_that_are_given_up_while_a_server_has_them() {
    withstands("posts", Ears::Open, nothing, |turn, out| {
        let stream = turn * 2 + 1;
        frame(HEADERS, END_HEADERS, stream, &head(POST), out);
        frame(DATA, 0, stream, b"x", out);
        frame(RST_STREAM, 0, stream, &[0, 0, 0, 8], out);
    });
}

#[test]
fn heads_without_an_end() {
    let open = |out: &mut Vec<u8>| frame(HEADERS, END_STREAM, 1, &head(GET), out);
    withstands("continuation", Ears::Open, open, |_, out| {
        // A field `a: ` with a value of a thousand bytes that the table does not keep.
        let mut field = vec![0x10, 1, b'a', 0x7f, 0xe9, 0x06];
        field.resize(field.len() + 1000, b'v');
        frame(CONTINUATION, 0, 1, &field, out);
    });
}

#[test]
fn heads_in_pieces_of_nothing() {
    let open = |out: &mut Vec<u8>| frame(HEADERS, END_STREAM, 1, &head(GET), out);
    withstands("pieces", Ears::Open, open, |_, out| frame(CONTINUATION, 0, 1, &[], out));
}

#[test]
fn trailers_without_an_end() {
    let open = |out: &mut Vec<u8>| {
        frame(HEADERS, END_HEADERS, 1, &head(POST), out);
        frame(DATA, 0, 1, b"body", out);
        frame(HEADERS, END_STREAM, 1, &[0x10, 1, b'a', 1, b'b'], out);
    };
    withstands("trailers", Ears::Open, open, |_, out| {
        let mut field = vec![0x10, 1, b't', 0x7f, 0xe9, 0x06];
        field.resize(field.len() + 1000, b'v');
        frame(CONTINUATION, 0, 1, &field, out);
    });
}

#[test]
fn settings_whose_answers_nobody_reads() {
    withstands("settings", Ears::Shut, nothing, |turn, out| {
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, (turn >> 8) as u8, turn as u8], out);
    });
}

#[test]
fn pings_whose_answers_nobody_reads() {
    withstands("pings", Ears::Shut, nothing, |_, out| frame(PING, 0, 0, b"ping pon", out));
}

#[test]
fn frames_of_nothing() {
    let open = |out: &mut Vec<u8>| frame(HEADERS, END_HEADERS, 1, &head(POST), out);
    withstands("empty", Ears::Open, open, |_, out| frame(DATA, 0, 1, &[], out));
}

#[test]
fn priorities_of_streams_that_never_come() {
    withstands("priorities", Ears::Open, nothing, |turn, out| {
        frame(PRIORITY, 0, turn * 2 + 1, &[0, 0, 0, 0, 15], out);
    });
}

#[test]
fn windows_of_one_byte() {
    let open = |out: &mut Vec<u8>| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1], out);
    withstands("windows", Ears::Open, open, |turn, out| {
        let stream = turn / 16 * 2 + 1;
        match turn % 16 {
            0 => frame(HEADERS, END_HEADERS | END_STREAM, stream, &head(GET), out),
            _ => frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 1], out),
        }
    });
}

#[test]
fn answers_that_nobody_reads() {
    let open = |out: &mut Vec<u8>| frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff], out);
    withstands("deaf", Ears::Shut, open, |turn, out| {
        frame(HEADERS, END_HEADERS | END_STREAM, turn * 2 + 1, &head(GET), out);
    });
}
