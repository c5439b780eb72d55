//! Evaluates whole expressions, for the tests of converters.

use base::clock::{Tick, WallTime};
use base::registry::Registry;

use crate::Expr;
use crate::facts::{Payload, ProcessFacts, ProxyFacts, Scene, SessionFacts, StreamFacts};
use crate::fetches::state::tests::Little;
use crate::sample::Sample;

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.add(crate::fetches::FETCHES);
    for table in super::TABLES {
        registry.add(table);
    }
    registry
}

/// The value of an expression, where there are variables `txn.i` (7), `txn.neg` (-3), `txn.s` (`hello`),
/// `txn.e` (empty), `txn.key` (`a2V5`), and `txn.in`, which holds `input`.
pub(super) fn with_input(input: &[u8], expression: &str) -> Option<Sample<'static>> {
    let (process, frontend, session) =
        (ProcessFacts::default(), ProxyFacts::default(), SessionFacts::default());
    let world: std::sync::Arc<dyn crate::world::World> = std::sync::Arc::new(Little);
    process.world.set(std::sync::Arc::downgrade(&world)).unwrap();
    let mut stream = StreamFacts::default();
    let text = |bytes: &[u8]| Sample::owned(bytes.to_vec());
    for (name, value) in [
        ("i", Sample::Int(7)),
        ("neg", Sample::Int(-3)),
        ("s", text(b"hello")),
        ("e", text(b"")),
        ("key", text(b"a2V5")),
        ("in", text(input)),
    ] {
        stream.variables.transaction.set(name, value);
    }
    let scene = Scene {
        now: (Tick(1), WallTime(1_700_000_000_123_456)),
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
    let expr = match Expr::parse(expression.as_bytes(), &registry()) {
        Ok(expr) => expr,
        Err(e) => panic!("{expression}: {}", e.message),
    };
    expr.eval(&scene).value().map(Sample::into_owned)
}

/// The value of an expression.
pub(super) fn value(expression: &str) -> Option<Sample<'static>> {
    with_input(b"", expression)
}

/// What an expression gives as text; `None` when there is no value.
pub(super) fn text(expression: &str) -> Option<String> {
    value(expression).map(|s| String::from_utf8_lossy(&s.into_text()).into_owned())
}

/// The same with an input in `txn.in`.
pub(super) fn text_of(input: &str, expression: &str) -> Option<String> {
    let value = with_input(input.as_bytes(), &format!("var(txn.in),{expression}"));
    value.map(|s| String::from_utf8_lossy(&s.into_text()).into_owned())
}

/// Compares expressions with the texts that they must give.
pub(super) fn expect(rows: &[(&str, &str)]) {
    for (expression, wanted) in rows {
        assert_eq!(text(expression).as_deref(), Some(*wanted), "{expression}");
    }
}

/// These expressions give nothing.
pub(super) fn expect_none(expressions: &[&str]) {
    for expression in expressions {
        assert_eq!(value(expression), None, "{expression}");
    }
}

/// Why an expression is refused.
pub(super) fn error(expression: &str) -> String {
    match Expr::parse(expression.as_bytes(), &registry()) {
        Ok(_) => panic!("{expression} is accepted"),
        Err(e) => e.message,
    }
}
