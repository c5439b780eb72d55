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

mod chains {
    use proptest::prelude::*;

    use super::registry;
    use crate::converters::TABLES;
    use crate::sample::Sample;

    /// Arguments as configurations write them, and some that nobody should.
    const ARGUMENTS: [&str; 22] = [
        "",
        "0",
        "1",
        "-1",
        "2",
        "-7",
        "64",
        "128",
        "9223372036854775807",
        "-9223372036854775808",
        "a",
        ".",
        ",",
        "\"%Y-%m-%d\"",
        "txn.s",
        "txn.i",
        "txn.none",
        "0x26",
        "$.a",
        "sha256",
        "hex",
        "1-3",
    ];

    fn call() -> impl Strategy<Value = String> {
        let names: Vec<&'static str> = TABLES.iter().flat_map(|table| table.iter().map(|c| c.name)).collect();
        let arguments = proptest::collection::vec(proptest::sample::select(&ARGUMENTS[..]), 0..4);
        (proptest::sample::select(names), arguments).prop_map(|(name, arguments)| {
            if arguments.is_empty() { name.to_owned() } else { format!("{name}({})", arguments.join(",")) }
        })
    }

    proptest! {
        #[test]
        fn no_chain_of_converters_is_fatal(
            input in proptest::collection::vec(any::<u8>(), 0..40),
            start in proptest::sample::select(vec!["var(txn.in)", "int(-9223372036854775808)", "int(7)", "ipv6(::1)", "bool(true)", "str(\"a.b c=1&d;2\")"]),
            calls in proptest::collection::vec(call(), 1..5),
        ) {
            let registry = registry();
            // Only what a configuration may hold is tried: each call is kept where the chain is accepted with it.
            let mut chain = start.to_owned();
            for call in calls {
                let longer = format!("{chain},{call}");
                if crate::Expr::parse(longer.as_bytes(), &registry).is_ok() {
                    chain = longer;
                }
            }
            let value = super::with_input(&input, &chain);
            prop_assert!(!matches!(value, Some(Sample::Str(text)) if text.len() > 1 << 20), "{}", chain);
        }
    }
}
