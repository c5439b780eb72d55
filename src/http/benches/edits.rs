//! Editing the headers of a request as rules do, on the headers that a browser sends.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use haproxy_http::Headers;

const BROWSER: [(&str, &str); 14] = [
    ("host", "www.example.com"),
    ("connection", "keep-alive"),
    ("cache-control", "max-age=0"),
    ("upgrade-insecure-requests", "1"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("sec-fetch-site", "same-origin"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-user", "?1"),
    ("sec-fetch-dest", "document"),
    ("referer", "https://www.example.com/articles/2024/"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
    ("cookie", "session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes; visits=42"),
];

fn browser() -> Headers {
    let mut headers = Headers::with_capacity(BROWSER.len() + 4, 2048);
    for (name, value) in BROWSER {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    headers
}

/// One edit on fresh headers; making those is not measured.
fn edit<T>(c: &mut Criterion, name: &str, mut edit: impl FnMut(&mut Headers) -> T) {
    c.bench_function(name, |b| {
        b.iter_batched_ref(browser, |headers| black_box(edit(headers)), BatchSize::SmallInput);
    });
}

fn edits(c: &mut Criterion) {
    edit(c, "add", |h| h.push(b"x-forwarded-for", b"192.0.2.1"));
    edit(c, "set what is not there", |h| h.set(b"x-forwarded-proto", b"https"));
    edit(c, "set what is there", |h| h.set(b"user-agent", b"bench"));
    edit(c, "delete what is not there", |h| h.remove(b"x-internal"));
    edit(c, "delete what is there", |h| h.remove(b"referer"));
    edit(c, "delete many", |h| h.retain(|field| !field.name.starts_with(b"sec-fetch-")));
    edit(c, "replace a value", |h| h.position(b"accept-language").map(|at| h.replace_value(at, b"en")));
    edit(c, "rename", |h| h.position(b"cookie").map(|at| h.rename(at, b"x-cookie")));
    let headers = browser();
    c.bench_function("find the last", |b| b.iter(|| black_box(&headers).find(black_box(b"cookie"))));
    c.bench_function("find none", |b| b.iter(|| black_box(&headers).find(black_box(b"x-internal"))));
    c.bench_function("the last of a list", |b| {
        b.iter(|| black_box(&headers).nth_value(black_box(b"accept-encoding"), -1));
    });
}

criterion_group!(benches, edits);
criterion_main!(benches);
