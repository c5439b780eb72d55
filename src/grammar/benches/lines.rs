//! How long it takes to cut a large configuration into words.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haproxy_grammar::line::{NoEnvironment, Reader};

/// 10,000 backends with 5 servers each, 90,000 lines.
fn backends() -> String {
    let mut text = String::new();
    for backend in 0..10_000 {
        let _ = writeln!(
            text,
            "backend b{backend}\n    mode http\n    balance roundrobin\n    timeout server 30s"
        );
        for server in 1..=5 {
            let address = format!("10.{}.{}.{server}:8080", backend / 256, backend % 256);
            let _ = writeln!(text, "    server s{server} {address} check inter 2s weight 10 maxconn 100");
        }
    }
    text
}

/// 10,000 lines that need the grammar.
fn quoted() -> String {
    let line =
        "    http-request set-header X-Path '%[path,regsub(\"^/a\",\"/b\",g)]' if { hdr(host) -i a\\ b }\n";
    line.repeat(10_000)
}

fn words(text: &str) -> usize {
    let mut reader = Reader::new("haproxy.cfg", text.as_bytes());
    let mut count = 0;
    while let Some(line) = reader.next_line(&NoEnvironment) {
        count += line.map_or(0, |line| black_box(line).words.len());
    }
    count
}

fn lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lines");
    for (name, text) in [("plain", backends()), ("quoted", quoted())] {
        group.throughput(Throughput::Elements(text.lines().count() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| words(black_box(&text))));
    }
    group.finish();
}

criterion_group!(benches, lines);
criterion_main!(benches);
