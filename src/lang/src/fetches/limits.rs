//! Sample fetches on timeouts and retries: those of the proxies, and those that hold for the stream.

use std::time::Duration;

use super::{NONE, SESSION, one, single};
use crate::expr::{Contexts, Fetch};
use crate::facts::{Overrides, ProxyLimits, Scene};
use crate::sample::{Sample, Type};

const FRONTEND: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYY...");
const BACKEND: Contexts = Contexts::of("......YYYYYYYYYYYYYY..");

/// The limits of the stream's backend; the frontend's before it has one.
fn back<'a>(scene: &Scene<'a>) -> &'a ProxyLimits {
    &scene.backend.unwrap_or(scene.frontend).limits
}

/// What rules said of the stream.
fn said(scene: &Scene<'_>) -> Overrides {
    scene.stream.map(|s| s.overrides).unwrap_or_default()
}

/// In milliseconds; 0 for none.
fn millis(timeout: Option<Duration>) -> Sample<'static> {
    Sample::Int(timeout.map_or(0, |t| i64::try_from(t.as_millis()).unwrap_or(i64::MAX)))
}

macro_rules! backend {
    ($name:literal, $field:ident) => {
        one($name, NONE, Type::Int, BACKEND, "7.3.3", |s, _, c| single(c, || Some(millis(back(s).$field))))
    };
}

macro_rules! current {
    ($name:literal, $field:ident) => {
        one($name, NONE, Type::Int, BACKEND, "7.3.3", |s, _, c| {
            single(c, || Some(millis(said(s).$field.or(back(s).$field))))
        })
    };
}

/// The fetches on limits.
pub static FETCHES: &[Fetch] = &[
    backend!("be_connect_timeout", connect),
    one("be_max_retries", NONE, Type::Int, BACKEND, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Int(back(s).retries.into())))
    }),
    backend!("be_queue_timeout", queue),
    backend!("be_server_timeout", server),
    backend!("be_tarpit_timeout", tarpit),
    backend!("be_tunnel_timeout", tunnel),
    one("cur_client_timeout", NONE, Type::Int, FRONTEND, "7.3.3", |s, _, c| {
        single(c, || Some(millis(said(s).client.or(s.frontend.limits.client))))
    }),
    current!("cur_connect_timeout", connect),
    one("cur_max_retries", NONE, Type::Int, BACKEND, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Int(said(s).retries.unwrap_or(back(s).retries).into())))
    }),
    current!("cur_queue_timeout", queue),
    current!("cur_server_timeout", server),
    one("cur_tarpit_timeout", NONE, Type::Int, SESSION, "7.3.3", |s, _, c| {
        single(c, || Some(millis(said(s).tarpit.or(back(s).tarpit))))
    }),
    current!("cur_tunnel_timeout", tunnel),
    one("fe_client_timeout", NONE, Type::Int, FRONTEND, "7.3.3", |s, _, c| {
        single(c, || Some(millis(s.frontend.limits.client)))
    }),
    one("fe_tarpit_timeout", NONE, Type::Int, FRONTEND, "7.3.3", |s, _, c| {
        single(c, || Some(millis(s.frontend.limits.tarpit)))
    }),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Expr;
    use crate::facts::{Payload, ProcessFacts, ProxyFacts, SessionFacts, StreamFacts};
    use base::registry::Registry;

    #[test]
    fn what_rules_said_of_the_stream_goes_first() {
        let mut registry = Registry::default();
        registry.add(FETCHES);
        let second = |n| Some(Duration::from_secs(n));
        let limits =
            ProxyLimits { client: second(1), server: second(2), retries: 3, ..ProxyLimits::default() };
        let (process, session) = (ProcessFacts::default(), SessionFacts::default());
        let frontend = ProxyFacts { limits, ..ProxyFacts::default() };
        let backend = ProxyFacts { limits: ProxyLimits { retries: 5, ..limits }, ..ProxyFacts::default() };
        let overrides = Overrides { server: second(7), retries: Some(0), ..Overrides::default() };
        let stream = StreamFacts { overrides, ..StreamFacts::default() };
        let scene = Scene {
            now: Default::default(),
            process: &process,
            frontend: &frontend,
            backend: Some(&backend),
            server: None,
            session: &session,
            stream: Some(&stream),
            request: None,
            response: None,
            payload: Payload::Unavailable,
        };
        for (fetch, value) in [
            ("fe_client_timeout", 1000),
            ("cur_client_timeout", 1000),
            ("be_server_timeout", 2000),
            ("cur_server_timeout", 7000),
            ("be_tunnel_timeout", 0),
            ("be_max_retries", 5),
            ("cur_max_retries", 0),
        ] {
            let expr = Expr::parse(fetch.as_bytes(), &registry).unwrap();
            assert_eq!(expr.eval(&scene).value(), Some(Sample::Int(value)), "{fetch}");
        }
    }
}
