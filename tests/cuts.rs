//! Peers that cut, reset or fall silent after each byte of an exchange, in both directions.
//!
//! The log line of each exchange must tell what happened, in the letters and the status of `tests/cuts.txt`, and
//! nothing may be left of it: no stream, no queue, no descriptor. The table tells, for each kind of exchange and each
//! way to go, from which number of bytes on which line is written; `none` is none at all. With `UPDATE_CUTS` set it is
//! written anew, by the program that `HAPROXY_PROGRAM` names.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sys::options;

use support::{HANG, Proxy, wait_for};

/// How long a peer waits after what it sent, so that it was read before the connection goes.
const READ_FIRST: Duration = Duration::from_millis(30);
/// The proxy's threads.
const THREADS: usize = 2;
/// The proxy's timeouts, in milliseconds. Much longer than anything that does not wait for them.
const TIMEOUT: u64 = 1000;
/// How often a case that came out otherwise than it should is played again.
const REPLAYS: usize = 3;
/// More than these cannot have been disturbed by chance.
const MOST_DISTURBED: usize = 50;

/// What a peer does after so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// It ends its side.
    Close,
    /// It resets the connection.
    Reset,
    /// It says nothing any more.
    Stall,
    /// It goes on after a while.
    Pause,
}

const WAYS: [Way; 4] = [Way::Close, Way::Reset, Way::Stall, Way::Pause];

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Client,
    Server,
}

/// An exchange, whole.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    name: &'static str,
    side: Side,
    /// What the client sends; `@` stands for what the server is to do.
    request: &'static str,
    /// What the server answers to each request.
    response: &'static str,
}

const LENGTH: &str =
    "POST /@ HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 10\r\n\r\n0123456789";
const CHUNKED: &str = "POST /@ HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                       5\r\n01234\r\n5\r\n56789\r\n0\r\nt: x\r\n\r\n";
const TWO: &str = "GET /@ HTTP/1.1\r\nhost: a\r\n\r\n\
                   POST /@ HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 4\r\n\r\nabcd";
const GET: &str = "GET /@ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabcdefghij";
const CHUNKED_ANSWER: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nfghij\r\n0\r\nt: x\r\n\r\n";
const CLOSING_ANSWER: &str = "HTTP/1.0 200 OK\r\nx: y\r\n\r\nabcdefghij";

const EXCHANGES: [Exchange; 7] = [
    Exchange { name: "length", side: Side::Client, request: LENGTH, response: ANSWER },
    Exchange { name: "chunked", side: Side::Client, request: CHUNKED, response: ANSWER },
    Exchange { name: "pipelined", side: Side::Client, request: TWO, response: ANSWER },
    Exchange { name: "length", side: Side::Server, request: LENGTH, response: ANSWER },
    Exchange { name: "chunked", side: Side::Server, request: GET, response: CHUNKED_ANSWER },
    Exchange { name: "closing", side: Side::Server, request: GET, response: CLOSING_ANSWER },
    Exchange { name: "keep-alive", side: Side::Server, request: TWO, response: ANSWER },
];

/// One exchange, cut at one place.
#[derive(Clone, Copy, Debug)]
struct Case {
    exchange: usize,
    way: Way,
    after: usize,
}

impl Case {
    fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for (exchange, facts) in EXCHANGES.iter().enumerate() {
            for way in WAYS {
                let whole = Self { exchange, way, after: 0 };
                let length =
                    if facts.side == Side::Client { whole.request().len() } else { facts.response.len() };
                cases.extend((0..length).map(|after| Self { after, ..whole }));
            }
        }
        cases
    }

    fn facts(&self) -> Exchange {
        EXCHANGES[self.exchange]
    }

    /// The request. The server is told what to do in the last path; what comes before is answered.
    fn request(&self) -> String {
        let (first, last) = self.facts().request.rsplit_once('@').unwrap();
        let way = WAYS.iter().position(|w| *w == self.way).unwrap();
        let cut = if self.facts().side == Side::Server { self.after } else { usize::MAX };
        format!(
            "{}{}-{way}-{cut}{last}",
            first.replace('@', &format!("{}-0-{}", self.exchange, usize::MAX)),
            self.exchange
        )
    }

    /// What the server is to do, from a path.
    fn parse(path: &str) -> Option<Self> {
        let mut numbers = path.split('-').map(|n| n.parse::<usize>().ok());
        let (exchange, way, after) = (numbers.next()??, numbers.next()??, numbers.next()??);
        Some(Self { exchange, way: *WAYS.get(way)?, after })
    }
}

/// Sends the first bytes of something, then goes its way; false when nothing more is to come of it.
///
/// `answer` is what comes for a part of those bytes: it is awaited, so that a slow proxy is not cut in it.
fn send(socket: &mut TcpStream, bytes: &[u8], after: usize, way: Way, answer: &str) -> bool {
    let (first, rest) = bytes.split_at(after.min(bytes.len()));
    // The other side may have had enough already.
    let _ = socket.write_all(first);
    if rest.is_empty() {
        return true;
    }
    let _ = socket.read_exact(&mut vec![0; answer.len()]);
    thread::sleep(READ_FIRST);
    match way {
        Way::Close => {
            let _ = socket.shutdown(Shutdown::Write);
        }
        Way::Reset => options::reset_on_close(socket.as_fd(), options::Switch::On).unwrap(),
        Way::Stall => {}
        Way::Pause => {
            thread::sleep(READ_FIRST);
            let _ = socket.write_all(rest);
            return true;
        }
    }
    false
}

/// Nobody waits for ever, and nothing waits for an acknowledgement.
fn prepare(socket: &TcpStream) {
    socket.set_read_timeout(Some(HANG)).unwrap();
    socket.set_nodelay(true).unwrap();
}

/// Plays the client of one case.
fn play(case: Case, number: usize, proxy: u16) {
    let mut socket = TcpStream::connect(("127.0.0.1", proxy)).unwrap();
    prepare(&socket);
    let header = format!("PROXY TCP4 {} 10.255.0.1 1 80\r\n", address(number));
    socket.write_all(header.as_bytes()).unwrap();
    let request = case.request();
    let after = if case.facts().side == Side::Client { case.after } else { request.len() };
    // The first of two requests is whole.
    let answered = request
        .match_indices("\r\n\r\n")
        .next()
        .is_some_and(|(i, _)| request[i + 4..].starts_with("POST") && after >= i + 4);
    let answer = if answered { case.facts().response } else { "" };
    let whole = send(&mut socket, request.as_bytes(), after, case.way, answer);
    if !whole && case.way == Way::Reset {
        return;
    }
    let mut answer = Vec::new();
    let end = socket.read_to_end(&mut answer);
    let hangs = end.is_err_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert!(!hangs, "{case:?} hangs after {:?}", String::from_utf8_lossy(&answer));
}

/// The address that a case comes from, as the PROXY header has it.
fn address(number: usize) -> String {
    format!("10.0.{}.{}", number / 256, number % 256)
}

/// Plays the server on one connection.
fn serve(mut socket: TcpStream) {
    prepare(&socket);
    let mut received = Vec::new();
    while let Some(case) = receive(&mut socket, &mut received) {
        let whole = send(&mut socket, case.facts().response.as_bytes(), case.after, case.way, "");
        if whole && !case.facts().response.starts_with("HTTP/1.0") {
            continue;
        }
        if !whole && case.way == Way::Stall {
            // The proxy will not wait for ever.
            let _ = socket.read(&mut [0]);
        }
        return;
    }
}

/// Receives one request with its body; none when the proxy has gone.
fn receive(socket: &mut TcpStream, received: &mut Vec<u8>) -> Option<Case> {
    loop {
        if let Some((case, length)) = request_in(received) {
            received.drain(..length);
            return case;
        }
        let mut room = [0; 4096];
        match socket.read(&mut room) {
            Ok(n) if n > 0 => received.extend_from_slice(&room[..n]),
            _ => return None,
        }
    }
}

/// A whole request at the start of the bytes, and its length.
fn request_in(bytes: &[u8]) -> Option<(Option<Case>, usize)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let head = text.find("\r\n\r\n")? + 4;
    let path = text.split(' ').nth(1)?.trim_start_matches('/');
    let body = if text[..head].contains("chunked") {
        text[head..].find("t: x\r\n\r\n")? + 8
    } else {
        let length = text[..head].split_once("content-length: ").map_or("0", |(_, rest)| rest);
        length.split('\r').next()?.parse().ok()?
    };
    (bytes.len() >= head + body).then(|| (Case::parse(path), head + body))
}

/// Log lines by the address that they tell of.
type Lines = Arc<Mutex<HashMap<String, Vec<String>>>>;

fn collect(socket: &UdpSocket, lines: &Lines) {
    let mut room = [0; 4096];
    while let Ok(n) = socket.recv(&mut room) {
        let text = String::from_utf8_lossy(&room[..n]).into_owned();
        let Some((_, line)) = text.rsplit_once(": ") else { continue };
        let Some((address, rest)) = line.trim_end().split_once(' ') else { continue };
        lines.lock().unwrap().entry(address.to_owned()).or_default().push(rest.to_owned());
    }
}

/// Plays cases, so many at once.
fn play_all(cases: Vec<(usize, Case)>, at_once: usize, proxy: u16) {
    let cases = Arc::new(Mutex::new(cases));
    let players: Vec<_> = (0..at_once)
        .map(|_| {
            let cases = cases.clone();
            thread::spawn(move || {
                loop {
                    let next = cases.lock().unwrap().pop();
                    let Some((number, case)) = next else { return };
                    play(case, number, proxy);
                }
            })
        })
        .collect();
    for player in players {
        player.join().unwrap();
    }
}

/// What was told of each case, by the number under which it was played last.
fn told(numbers: &[usize], lines: &Lines) -> Vec<String> {
    let lines = lines.lock().unwrap();
    let told = |number: &usize| lines.get(&address(*number)).map_or("none".to_owned(), |l| l.join(", "));
    numbers.iter().map(told).collect()
}

/// What the table says of a case.
fn wanted(table: &str, case: Case) -> Option<&str> {
    let Exchange { side, name, .. } = case.facts();
    let row =
        table.lines().find_map(|row| row.strip_prefix(&format!("{side:?} {name} {:?} | ", case.way)))?;
    let runs = row.split(" | ").filter_map(|run| run.split_once(": "));
    let mut until = runs.take_while(|(from, _)| from.parse().is_ok_and(|from: usize| from <= case.after));
    let mut last = until.next()?;
    for run in until {
        last = run;
    }
    Some(last.1)
}

/// The table: where each line begins.
fn table(cases: &[Case], told: Vec<String>) -> String {
    let mut rows: BTreeMap<(usize, Way), Vec<(usize, String)>> = BTreeMap::new();
    for (case, told) in cases.iter().zip(told) {
        let row = rows.entry((case.exchange, case.way)).or_default();
        if row.last().is_none_or(|(_, last)| *last != told) {
            row.push((case.after, told));
        }
    }
    let mut text = String::new();
    for ((exchange, way), runs) in rows {
        let Exchange { side, name, .. } = EXCHANGES[exchange];
        let runs: Vec<String> = runs.iter().map(|(from, told)| format!("{from}: {told}")).collect();
        let _ = writeln!(text, "{side:?} {name} {way:?} | {}", runs.join(" | "));
    }
    text
}

#[test]
fn every_cut_ends_its_stream_and_is_told() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let log = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (to, log_to) = (server.local_addr().unwrap().port(), log.local_addr().unwrap().port());
    let proxy = Proxy::start("cuts", |port| {
        format!(
            " nbthread {THREADS}\n log 127.0.0.1:{log_to} local0\n\
             defaults\n mode http\n timeout connect {TIMEOUT}\n timeout client {TIMEOUT}\n timeout server {TIMEOUT}\n\
             frontend fe\n bind 127.0.0.1:{port} accept-proxy\n log global\n log-format \"%ci %ST %ts\"\n\
             default_backend be\nbackend be\n retries 0\n server s 127.0.0.1:{to} pool-purge-delay 100ms\n"
        )
    });
    thread::spawn(move || {
        for socket in server.incoming().flatten() {
            thread::spawn(move || serve(socket));
        }
    });
    let lines = Lines::default();
    let collected = lines.clone();
    thread::spawn(move || collect(&log, &collected));
    wait_for("the first connection to end", || proxy.busy() == 0);
    let before = proxy.descriptors();

    let updates = std::env::var_os("UPDATE_CUTS").is_some();
    let cases = Case::all();
    let numbered: Vec<_> = cases.iter().copied().enumerate().collect();
    let (silent, quick) = numbered.into_iter().partition(|(_, case)| case.way == Way::Stall);
    play_all(quick, 20, proxy.port);
    play_all(silent, 100, proxy.port);

    wait_for("all streams to end", || proxy.busy() == 0);
    // Each thread opens a socket for its first log line.
    wait_for("all descriptors to be closed", || updates || proxy.descriptors() <= before + THREADS);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cuts.txt");
    let mut numbers: Vec<usize> = (0..cases.len()).collect();
    if updates {
        std::fs::write(file, table(&cases, told(&numbers, &lines))).unwrap();
        return;
    }
    let text = std::fs::read_to_string(file).unwrap();
    // What a busy machine has held up is played again, with nothing else going on.
    for _ in 0..REPLAYS {
        let told = told(&numbers, &lines);
        let mut disturbed: Vec<usize> = (0..cases.len()).collect();
        disturbed.retain(|i| wanted(&text, cases[*i]) != Some(&told[*i]));
        if disturbed.len() > MOST_DISTURBED {
            break;
        }
        for i in &disturbed {
            numbers[*i] += cases.len();
        }
        play_all(disturbed.into_iter().map(|i| (numbers[i], cases[i])).collect(), 1, proxy.port);
        wait_for("all streams to end", || proxy.busy() == 0);
    }
    let got = table(&cases, told(&numbers, &lines));
    for (got, wanted) in got.lines().zip(text.lines()) {
        assert_eq!(got, wanted);
    }
    assert_eq!(got.lines().count(), text.lines().count());
}
