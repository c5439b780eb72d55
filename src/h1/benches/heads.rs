//! Parsing and writing of heads: a small one, and one as browsers send them.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haproxy_h1 as h1;
use haproxy_h1::{Asked, ConnectionLine, Cursor, NameCase, Options};
use http::{BodyLength, RequestHead, ResponseHead};

const SMALL: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: bench\r\n\r\n";

const BROWSER: &[u8] = b"GET /articles/2024/how-to-measure?ref=newsletter&page=2 HTTP/1.1\r\n\
Host: www.example.com\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
Upgrade-Insecure-Requests: 1\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-User: ?1\r\n\
Sec-Fetch-Dest: document\r\n\
Referer: https://www.example.com/articles/2024/\r\n\
Accept-Encoding: gzip, deflate, br\r\n\
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes; visits=42\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
Content-Type: text/plain\r\nContent-Length: 13\r\n\r\n";

fn requests(c: &mut Criterion) {
    for (name, bytes) in [("small", SMALL), ("browser", BROWSER)] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let (mut cursor, mut head) = (Cursor::new(), RequestHead::default());
        let options = Options::default();
        group.bench_function("parse", |b| {
            b.iter(|| h1::parse_request(black_box(bytes), &mut cursor, &options, &mut head));
        });
        let mut out = Vec::new();
        group.bench_function("write", |b| {
            b.iter(|| {
                out.clear();
                let line = ConnectionLine::Nothing;
                h1::write_request(black_box(&head), BodyLength::None, line, NameCase::Lower, &mut out);
                out.len()
            });
        });
    }
}

fn responses(c: &mut Criterion) {
    let mut group = c.benchmark_group("response");
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    let (mut cursor, mut head) = (Cursor::new(), ResponseHead::default());
    let (options, asked) = (Options::default(), Asked::default());
    group.bench_function("parse", |b| {
        b.iter(|| h1::parse_response(black_box(RESPONSE), &mut cursor, &options, &asked, &mut head));
    });
    let mut out = Vec::new();
    group.bench_function("write", |b| {
        b.iter(|| {
            out.clear();
            let (body, line) = (BodyLength::Length(13), ConnectionLine::Nothing);
            h1::write_response(black_box(&head), body, line, NameCase::Lower, &mut out);
            out.len()
        });
    });
}

criterion_group!(heads, requests, responses);
criterion_main!(heads);
