//! Converters that parse: any bytes give a value or none.
#![no_main]

use base::registry::Registry;
use lang::facts::{Payload, ProcessFacts, ProxyFacts, SessionFacts, StreamFacts};
use lang::{Expr, Sample, Scene};
use libfuzzer_sys::fuzz_target;

const EXPRESSIONS: [&str; 14] = [
    "var(txn.in),json(utf8ps)",
    "var(txn.in),json_query($.a[1].b)",
    "var(txn.in),jwt_payload_query($.a)",
    "var(txn.in),url_dec",
    "var(txn.in),ub64dec",
    "var(txn.in),protobuf(1.2,int64)",
    "var(txn.in),ungrpc(1)",
    "var(txn.in),mqtt_field_value(connect,username)",
    "var(txn.in),fix_is_valid",
    "var(txn.in),fix_tag_value(49)",
    "var(txn.in),rfc7239_field(for),rfc7239_n2nn",
    "var(txn.in),language(a;b-c)",
    "var(txn.in),ip.fp(7)",
    "var(txn.in),date,utime(%c)",
];

fuzz_target!(|data: &[u8]| {
    let mut registry = Registry::default();
    registry.add(lang::fetches::FETCHES);
    for table in lang::converters::TABLES {
        registry.add(table);
    }
    let (process, frontend, session) =
        (ProcessFacts::default(), ProxyFacts::default(), SessionFacts::default());
    let mut stream = StreamFacts::default();
    stream.variables.transaction.set("in", Sample::owned(data.to_vec()));
    let scene = Scene {
        now: Default::default(),
        process: &process,
        frontend: &frontend,
        backend: None,
        server: None,
        session: &session,
        stream: Some(&stream),
        request: None,
        response: None,
        payload: Payload::Unavailable,
    };
    for text in EXPRESSIONS {
        let Ok(expr) = Expr::parse(text.as_bytes(), &registry) else { panic!("{text} is no expression") };
        let _ = expr.eval(&scene);
    }
});
