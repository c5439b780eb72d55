//! What a line of `option httplog` costs.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Duration;

use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::registry::Registry;
use criterion::{Criterion, criterion_group, criterion_main};
use haproxy_log as log;
use lang::facts::{Payload, ProcessFacts, ProxyFacts, Scene, ServerFacts, SessionFacts, StreamFacts, Timers};
use lang::{Alias, LogFormat};

fn render(c: &mut Criterion) {
    let mut registry = Registry::default();
    registry.add::<Alias>(log::ALIASES);
    let begin = Tick(1_000_000);
    let date = WallTime(1_795_352_703_824_000);
    let at = |ms| begin + Duration::from_millis(ms);
    let session = SessionFacts {
        source: Some(Addr::inet(Ipv4Addr::new(10, 0, 1, 2), 33317)),
        ..SessionFacts::default()
    };
    let stream = StreamFacts {
        timers: Timers {
            begin_date: date,
            request_date: date,
            begin,
            handshake: begin,
            first_byte: begin,
            request: at(1),
            queued: at(1),
            connected: at(2),
            response: at(3),
            end: at(4),
        },
        status: 200,
        bytes_out: 2750,
        request_line: b"GET /index.html HTTP/1.1".to_vec(),
        http_version: 11,
        ..StreamFacts::default()
    };
    let proxy = ProxyFacts { name: "http-in".into(), http: true, ..ProxyFacts::default() };
    let server = ServerFacts { name: "srv1".into(), id: 1 };
    let scene = Scene {
        now: (at(4), date),
        process: &ProcessFacts::default(),
        frontend: &proxy,
        backend: Some(&proxy),
        server: Some(&server),
        session: &session,
        stream: Some(&stream),
        request: None,
        response: None,
        payload: Payload::Unavailable,
    };
    for (name, text) in [("httplog", log::formats::HTTP), ("tcplog", log::formats::TCP)] {
        let format = LogFormat::parse_log(text.as_bytes(), &registry).expect("a built-in format is valid");
        let mut out = Vec::with_capacity(1024);
        c.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                format.render(black_box(&scene), &mut out);
                out.len()
            });
        });
    }
}

criterion_group!(benches, render);
criterion_main!(benches);
