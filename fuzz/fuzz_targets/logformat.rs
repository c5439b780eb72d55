#![no_main]
//! Any text is a format or is refused; what compiles renders in a scene of odd bytes.

use std::sync::OnceLock;

use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::registry::Registry;
use lang::facts::{Payload, ProcessFacts, ProxyFacts, Scene, SessionFacts, StreamFacts};
use lang::{Alias, LogFormat};
use libfuzzer_sys::fuzz_target;

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut registry = Registry::default();
        registry.add::<Alias>(log::ALIASES);
        registry
    })
}

fuzz_target!(|input: (&[u8], &[u8], &[u8])| {
    let (text, line, capture) = input;
    let stream = StreamFacts {
        request_line: line.to_vec(),
        request_captures: vec![Some(capture.into()), None],
        request_cookie: Some(capture.into()),
        ..StreamFacts::default()
    };
    let session = SessionFacts { source: Some(Addr::unix(capture)), ..SessionFacts::default() };
    let scene = Scene {
        now: (Tick(1), WallTime(1)),
        process: &ProcessFacts::default(),
        frontend: &ProxyFacts::default(),
        backend: None,
        server: None,
        session: &session,
        stream: Some(&stream),
        request: None,
        response: None,
        payload: Payload::Unavailable,
    };
    let compiled = [LogFormat::parse_log(text, registry()), LogFormat::parse_value(text, registry())];
    for format in compiled.into_iter().flatten() {
        format.render(&scene, &mut Vec::new());
    }
});
