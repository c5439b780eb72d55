use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use super::*;

/// Serves each connection with one of these answers; returns what was asked.
fn server(answers: Vec<&'static [u8]>) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || answers.iter().map(|answer| answer_one(&listener, answer)).collect();
    (port, std::thread::spawn(serve))
}

fn answer_one(listener: &TcpListener, answer: &[u8]) -> String {
    let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
    let mut came = Vec::new();
    while !came.windows(4).any(|w| w == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).unwrap() {
            0 => break,
            n => came.extend_from_slice(&piece[..n]),
        }
    }
    // A client that has heard enough goes away.
    let _ = stream.write_all(answer);
    String::from_utf8(came).unwrap()
}

fn fetch(request: &Request) -> Outcome {
    let client = Client::of(&Draft::default(), Clock::system());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.fetch(request))
}

#[test]
fn a_request_is_answered() {
    let (port, server) = server(vec![b"HTTP/1.1 404 Nope\r\nX-One: a\r\nContent-Length: 3\r\n\r\nabc"]);
    let outcome = fetch(&Request::get(format!("http://127.0.0.1:{port}//x?y=%2F")));
    let answer = outcome.result.unwrap();
    assert_eq!(answer.reason, "Nope");
    assert_eq!((answer.status, answer.header("x-one"), &*answer.body), (404, Some(&b"a"[..]), &b"abc"[..]));
    assert!(outcome.course.connect.is_some() && outcome.course.answer.is_some());
    let asked = format!(
        "GET //x?y=%2F HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: */*\r\nuser-agent: HAProxy\r\n\r\n"
    );
    assert_eq!(server.join().unwrap(), [asked]);
}

#[test]
fn headers_and_bodies_are_sent() {
    let (port, server) =
        server(vec![b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"]);
    let request = Request {
        method: "POST".to_owned(),
        headers: vec![("User-Agent".to_owned(), b"me".to_vec()), ("X-Two".to_owned(), b"b".to_vec())],
        body: b"hello".to_vec(),
        ..Request::get(format!("http://127.0.0.1:{port}"))
    };
    assert_eq!(fetch(&request).result.unwrap().body, b"abc");
    let asked = server.join().unwrap().concat();
    assert!(asked.starts_with("POST / HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("user-agent: me\r\n") && !asked.contains("HAProxy"), "{asked}");
    assert!(asked.contains("content-length: 5\r\n") && asked.contains("x-two: b\r\n"), "{asked}");
}

#[test]
fn silence_is_tried_again() {
    let (port, server) = server(vec![b"", b"", b"HTTP/1.1 204 x\r\n\r\n"]);
    let outcome = fetch(&Request::get(format!("http://127.0.0.1:{port}/")));
    assert_eq!((outcome.result.unwrap().status, outcome.course.retries), (204, 2));
    assert_eq!(server.join().unwrap().len(), 3);
}

#[test]
fn what_is_too_long_is_not_kept() {
    let (port, server) = server(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef"]);
    let request = Request { limit: 5, ..Request::get(format!("http://127.0.0.1:{port}/")) };
    assert_eq!(fetch(&request).result, Err(Failure::Long));
    server.join().unwrap();
}

#[test]
fn nonsense_is_no_answer() {
    let (port, server) = server(vec![b"zork\r\n\r\n"; 4]);
    let outcome = fetch(&Request::get(format!("http://127.0.0.1:{port}/")));
    assert!(matches!(outcome.result, Err(Failure::Answer(_))));
    assert_eq!(outcome.course.retries, 3);
    server.join().unwrap();
}

#[test]
fn what_cannot_be_asked_is_not_tried() {
    for url in ["zork", "ftp://127.0.0.1/"] {
        let outcome = fetch(&Request::get(url));
        assert!(matches!(outcome.result, Err(Failure::Request(_))), "{url}");
        assert_eq!(outcome.course.retries, 0);
    }
    let bad =
        Request { headers: vec![("a b".to_owned(), Vec::new())], ..Request::get("http://127.0.0.1:1/") };
    assert!(matches!(fetch(&bad).result, Err(Failure::Request(_))));
}
