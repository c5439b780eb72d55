//! Ten thousand connections that say nothing, or as many as the descriptors allow.
//!
//! They take little memory, harm nobody else, are seen in the figures, and leave nothing behind.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use sys::limits::{self, Limit, Resource};

use support::{HANG, Proxy, wait_for};

/// How many there are at most.
const MANY: u64 = 10_000;
/// Descriptors that both sides need besides, and connections for those who speak.
const SPARE: u64 = 100;
/// The column of `show stat` with the sessions now.
const SESSIONS: usize = 4;
/// What a silent connection may take: much less than a buffer.
const MOST_BYTES: u64 = 8192;

/// Raises the limit of descriptors; how many connections it allows, two descriptors each on the proxy's side.
fn allowed() -> u64 {
    let hard = limits::limit(Resource::Files).unwrap().hard;
    limits::set_limit(Resource::Files, Limit { soft: hard.min(4 * MANY), hard }).unwrap();
    MANY.min((hard / 2).saturating_sub(2 * SPARE))
}

fn connect(port: u16) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket
}

/// Asks for something and reads the whole answer.
fn request(port: u16) -> String {
    let mut socket = connect(port);
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn silent_connections_cost_little_and_harm_nobody() {
    let many = allowed();
    let proxy = Proxy::start("silent", |port| {
        format!(
            " nbthread 2\n maxconn {}\ndefaults\n mode http\n timeout client 5m\n\
             frontend fe\n bind 127.0.0.1:{port}\n http-request return status 200\n",
            many + SPARE
        )
    });
    for _ in 0..SPARE {
        assert!(request(proxy.port).starts_with("HTTP/1.1 200 "));
    }
    wait_for("the first clients to leave", || proxy.column(SESSIONS) == [0]);
    let (memory, descriptors) = (proxy.memory(), proxy.descriptors());

    let silent: Vec<TcpStream> = (0..many).map(|_| connect(proxy.port)).collect();
    wait_for("all connections to be taken", || proxy.column(SESSIONS) == [many]);
    let each = proxy.memory().saturating_sub(memory) / many;
    assert!(each < MOST_BYTES, "{each} bytes for each silent connection");
    for _ in 0..SPARE {
        assert!(request(proxy.port).starts_with("HTTP/1.1 200 "));
    }
    let info = proxy.ask("show info");
    let now = info.lines().find_map(|line| line.strip_prefix("CurrConns: ")).unwrap();
    assert!(now.parse::<u64>().unwrap() >= many, "{now} connections are told of");

    drop(silent);
    wait_for("all connections to end", || proxy.column(SESSIONS) == [0]);
    wait_for("all descriptors to be closed", || proxy.descriptors() <= descriptors);
}
