//! Sample fetches on the process itself: its clock, its numbers, chance, and constants.

use std::borrow::Cow;

use super::{NONE, one, single};
use crate::arg::{ArgKind, Signature};
use crate::expr::{Contexts, Fetch};
use crate::facts::Scene;
use crate::sample::{Sample, Type};

const ANY: Contexts = Contexts::ANY;
const OFFSET_UNIT: Signature = Signature::optional(&[ArgKind::Int, ArgKind::SecondUnit]);

/// The fetches on the process.
pub static FETCHES: &[Fetch] = &[
    one("date", OFFSET_UNIT, Type::Int, ANY, "7.3.2", |s, a, c| {
        single(c, || Some(Sample::Int(now_in(s, a.str(1)).saturating_add(a.int(0).unwrap_or(0)))))
    }),
    one("date_us", NONE, Type::Int, ANY, "7.3.2", |s, _, c| {
        single(c, || Some(Sample::Int(s.now.1.subsec_micros().into())))
    }),
    one("meth", Signature::all(&[ArgKind::Str]), Type::Method, ANY, "7.3.2", |_, a, c| {
        single(c, || Some(Sample::Method(Cow::Borrowed(a.str(0)))))
    }),
    one("nbproc", NONE, Type::Int, ANY, "7.3.2", |_, _, c| single(c, || Some(Sample::Int(1)))),
    one("pid", NONE, Type::Int, ANY, "7.3.2", |s, _, c| {
        single(c, || Some(Sample::Int(s.process.pid.into())))
    }),
    one("proc", NONE, Type::Int, ANY, "7.3.2", |_, _, c| single(c, || Some(Sample::Int(1)))),
    one("rand", Signature::optional(&[ArgKind::Int]), Type::Int, ANY, "7.3.2", |_, a, c| {
        single(c, || {
            let random = u32::from_ne_bytes(sys::random::bytes().ok()?);
            Some(Sample::Int(below(a.int(0), random)))
        })
    }),
];

/// The date since 1970 in a unit, seconds by themselves.
fn now_in(scene: &Scene<'_>, unit: &[u8]) -> i64 {
    let micros = scene.now.1.0 as i64;
    match unit {
        b"ms" => micros / 1_000,
        b"us" => micros,
        _ => micros / 1_000_000,
    }
}

/// A random number of 32 bits, scaled to be below the range if there is one.
fn below(range: Option<i64>, random: u32) -> i64 {
    let range = range.map_or(1 << 32, |range| u64::from(range as u32));
    ((u64::from(random) * range) >> 32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expr;
    use crate::facts::{Payload, ProcessFacts, ProxyFacts, SessionFacts};
    use base::clock::{Tick, WallTime};
    use base::registry::Registry;

    fn value(expression: &str) -> Result<Sample<'static>, String> {
        let mut registry = Registry::default();
        registry.add(FETCHES);
        let (process, frontend, session) = (
            ProcessFacts { pid: 99, ..ProcessFacts::default() },
            ProxyFacts::default(),
            SessionFacts::default(),
        );
        let scene = Scene {
            now: (Tick(1), WallTime(1_700_000_000_123_456)),
            process: &process,
            frontend: &frontend,
            backend: None,
            server: None,
            session: &session,
            stream: None,
            request: None,
            response: None,
            payload: Payload::Unavailable,
        };
        let expr = Expr::parse(expression.as_bytes(), &registry).map_err(|e| e.message)?;
        Ok(expr.eval(&scene).value().unwrap().into_owned())
    }

    #[test]
    fn dates_come_in_three_units() {
        for (expression, wanted) in [
            ("date", 1_700_000_000),
            ("date(-10)", 1_699_999_990),
            ("date(1,ms)", 1_700_000_000_124),
            ("date(5,us)", 1_700_000_000_123_461),
            ("date_us", 123_456),
            ("pid", 99),
            ("proc", 1),
        ] {
            assert_eq!(value(expression), Ok(Sample::Int(wanted)), "{expression}");
        }
        assert!(value("date(1,x)").unwrap_err().contains("expects 's', 'ms' or 'us', got 'x'"));
    }

    #[test]
    fn a_method_is_what_is_written() {
        assert_eq!(value("meth(GET)"), Ok(Sample::Method(Cow::Borrowed(b"GET"))));
    }

    #[test]
    fn chance_stays_in_its_range() {
        assert_eq!(below(Some(10), u32::MAX), 9);
        assert_eq!(below(Some(10), 0), 0);
        assert_eq!(below(Some(0), u32::MAX), 0);
        assert_eq!(below(None, u32::MAX), i64::from(u32::MAX));
    }
}
