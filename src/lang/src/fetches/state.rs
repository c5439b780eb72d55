//! Sample fetches on what is under way in the process: its proxies, its servers, its threads, its environment.

use std::sync::Arc;

use base::reference::Found;

use super::{ANY, INTERNAL, NONE, one, single};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::{Contexts, Fetch, FetchFn};
use crate::facts::{ProxyFacts, Scene};
use crate::sample::{Sample, Type};
use crate::world::{BackendFigures, FrontendFigures, Room, ServerFigures, World};

const ACCEPTED: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYY...");
const BACKEND: Signature = Signature::all(&[ArgKind::Backend]);
const FRONTEND: Signature = Signature::all(&[ArgKind::Frontend]);
const SERVER: Signature = Signature::all(&[ArgKind::Server]);
const INTERNALS: &str = "7.3.2";

const fn figure(name: &'static str, args: Signature, eval: FetchFn) -> Fetch {
    one(name, args, Type::Int, INTERNAL, INTERNALS, eval)
}

macro_rules! frontend {
    ($name:literal, $field:ident) => {
        figure($name, FRONTEND, |s, a, c| single(c, || Some(Sample::Int(front(s, a)?.$field as i64))))
    };
}

macro_rules! backend {
    ($name:literal, |$figures:ident| $value:expr) => {
        figure($name, BACKEND, |s, a, c| {
            single(c, || {
                let $figures = back(s, a)?;
                Some(Sample::Int($value as i64))
            })
        })
    };
}

macro_rules! room {
    ($name:literal, $field:ident) => {
        figure($name, BACKEND, |s, a, c| single(c, || Some(Sample::Int(room(s, a)?.$field.unwrap_or(-1)))))
    };
}

macro_rules! server {
    ($name:literal, |$figures:ident| $value:expr) => {
        figure($name, SERVER, |s, a, c| {
            single(c, || {
                let $figures = server(s, a)?;
                Some(Sample::Int($value))
            })
        })
    };
}

macro_rules! process {
    ($name:literal, $contexts:expr, $type:ident, |$world:ident, $now:ident| $value:expr) => {
        one($name, NONE, Type::$type, $contexts, INTERNALS, |s, _, c| {
            single(c, || {
                let ($world, $now) = (s.process.world()?, s.now.0);
                let _ = $now;
                Some(Sample::$type($value))
            })
        })
    };
}

/// The fetches on what is under way.
pub static FETCHES: &[Fetch] = &[
    process!("act_conn", ANY, Int, |world, now| world.connections() as i64),
    backend!("avg_queue", |b| if b.usable > 0 { b.queued.div_ceil(b.usable) } else { b.queued * 2 }),
    backend!("be_conn", |b| b.connections),
    room!("be_conn_free", free),
    backend!("be_sess_rate", |b| b.session_rate),
    room!("connslots", slots),
    process!("cpu_usage_grp", INTERNAL, Int, |world, now| world.process_usage(now).into()),
    process!("cpu_usage_proc", INTERNAL, Int, |world, now| world.process_usage(now).into()),
    process!("cpu_usage_thr", INTERNAL, Int, |world, now| world.thread_usage(now).into()),
    one("dst_conn", NONE, Type::Int, ACCEPTED, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Int(s.session.entrance.as_ref()?.connections() as i64)))
    }),
    one("env", Signature::all(&[ArgKind::Str]), Type::Str, ANY, INTERNALS, |s, a, c| {
        single(c, || {
            let name = std::str::from_utf8(a.str(0)).ok()?;
            s.process.environment.get(name).map(|value| Sample::text(value.as_bytes()))
        })
    }),
    frontend!("fe_conn", connections),
    one("fe_defbe", NONE, Type::Str, ACCEPTED, "7.3.3", |s, _, c| {
        single(c, || s.frontend.default_backend.as_ref().map(|name| Sample::text(name.as_bytes())))
    }),
    frontend!("fe_req_rate", request_rate),
    frontend!("fe_sess_rate", session_rate),
    one("hostname", NONE, Type::Str, ANY, INTERNALS, |s, _, c| {
        single(c, || Some(Sample::text(s.process.hostname.as_bytes())))
    }),
    backend!("nbsrv", |b| b.usable),
    backend!("queue", |b| b.queued),
    server!("srv_conn", |server| server.connections as i64),
    server!("srv_conn_free", |server| match server.limit {
        0 => -1,
        limit => limit as i64 - server.connections as i64,
    }),
    one("srv_is_up", SERVER, Type::Bool, INTERNAL, INTERNALS, |s, a, c| {
        single(c, || Some(Sample::Bool(server(s, a)?.up)))
    }),
    server!("srv_iweight", |server| server.initial_weight.into()),
    server!("srv_queue", |server| server.queued as i64),
    server!("srv_sess_rate", |server| server.session_rate.into()),
    server!("srv_uweight", |server| server.user_weight.into()),
    server!("srv_weight", |server| server.weight.into()),
    process!("stopping", INTERNAL, Bool, |world, now| world.is_stopping()),
    process!("tgroup", ANY, Int, |world, now| world.thread().1 as i64),
    process!("thread", ANY, Int, |world, now| world.thread().0 as i64),
    process!("uptime", ANY, Int, |world, now| world.uptime(now).as_secs() as i64),
];

/// The proxy that the first argument names, or else the current one of its kind.
fn proxy(world: &dyn World, args: &Args, current: &ProxyFacts) -> Option<usize> {
    match args.found(0)? {
        Found::Proxy(place) => Some(*place),
        Found::Current => world.proxy_of_id(current.id),
        Found::Server(..) | Found::Thing(_) => None,
    }
}

fn front(scene: &Scene<'_>, args: &Args) -> Option<FrontendFigures> {
    let world = scene.process.world()?;
    world.frontend(proxy(&*world, args, scene.frontend)?, scene.now.0)
}

/// The backend that the first argument names.
fn named_backend(scene: &Scene<'_>, args: &Args) -> Option<(Arc<dyn World>, usize)> {
    let world = scene.process.world()?;
    let place = proxy(&*world, args, scene.backend.unwrap_or(scene.frontend))?;
    Some((world, place))
}

fn back(scene: &Scene<'_>, args: &Args) -> Option<BackendFigures> {
    let (world, place) = named_backend(scene, args)?;
    world.backend(place, scene.now.0)
}

fn room(scene: &Scene<'_>, args: &Args) -> Option<Room> {
    let (world, place) = named_backend(scene, args)?;
    world.room(place)
}

fn server(scene: &Scene<'_>, args: &Args) -> Option<ServerFigures> {
    let Some(Found::Server(proxy, id)) = args.found(0) else { return None };
    scene.process.world()?.server(*proxy, *id, scene.now.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Expr;
    use crate::facts::{Payload, ProcessFacts, SessionFacts};
    use base::clock::{Tick, WallTime};
    use base::registry::Registry;
    use std::time::Duration;

    /// A world with a frontend at 0 and a backend at 1, named `f` and `b`; of two servers, `s` has the id 7.
    #[derive(Debug)]
    pub(crate) struct Little;

    impl World for Little {
        fn connections(&self) -> u64 {
            5
        }
        fn is_stopping(&self) -> bool {
            false
        }
        fn uptime(&self, now: Tick) -> Duration {
            now.since(Tick(1_000_000))
        }
        fn thread_usage(&self, _: Tick) -> u8 {
            10
        }
        fn process_usage(&self, _: Tick) -> u8 {
            20
        }
        fn thread(&self) -> (usize, usize) {
            (3, 1)
        }
        fn proxy_of_id(&self, id: u32) -> Option<usize> {
            (id == 2).then_some(1)
        }
        fn frontend_named(&self, name: &[u8]) -> Option<usize> {
            (name == b"f").then_some(0)
        }
        fn backend_named(&self, name: &[u8]) -> Option<usize> {
            (name == b"b").then_some(1)
        }
        fn server_named(&self, backend: usize, name: &[u8]) -> Option<u32> {
            (backend == 1 && name == b"s").then_some(7)
        }
        fn frontend(&self, proxy: usize, _: Tick) -> Option<FrontendFigures> {
            (proxy == 0).then_some(FrontendFigures { connections: 4, session_rate: 2, request_rate: 9 })
        }
        fn backend(&self, proxy: usize, _: Tick) -> Option<BackendFigures> {
            (proxy == 1).then_some(BackendFigures { connections: 3, session_rate: 1, queued: 5, usable: 2 })
        }
        fn room(&self, proxy: usize) -> Option<Room> {
            (proxy == 1).then_some(Room { slots: Some(12), free: None })
        }
        fn server(&self, proxy: usize, id: u32, _: Tick) -> Option<ServerFigures> {
            (proxy == 1 && id == 7).then_some(ServerFigures {
                connections: 2,
                limit: 10,
                queued: 4,
                session_rate: 6,
                up: true,
                weight: 50,
                user_weight: 100,
                initial_weight: 200,
            })
        }
    }

    fn ask(expression: &str) -> Option<String> {
        let mut registry = Registry::default();
        registry.add(FETCHES);
        let expr = Expr::parse(expression.as_bytes(), &registry).unwrap();
        for reference in registry.take_references() {
            match (reference.name(), reference.kind()) {
                ("", _) => reference.resolve(Found::Current),
                ("b", _) => reference.resolve(Found::Proxy(1)),
                ("f", _) => reference.resolve(Found::Proxy(0)),
                ("s", _) => reference.resolve(Found::Server(1, 7)),
                _ => {}
            }
        }
        let world: Arc<dyn World> = Arc::new(Little);
        let process = ProcessFacts {
            hostname: "h".into(),
            environment: [("A".into(), "b".into())].into(),
            ..ProcessFacts::default()
        };
        process.world.set(Arc::downgrade(&world)).unwrap();
        let (frontend, backend) = (
            ProxyFacts { default_backend: Some("b".into()), ..ProxyFacts::default() },
            ProxyFacts { id: 2, ..ProxyFacts::default() },
        );
        let session = SessionFacts::default();
        let scene = Scene {
            now: (Tick(9_000_000), WallTime::default()),
            process: &process,
            frontend: &frontend,
            backend: Some(&backend),
            server: None,
            session: &session,
            stream: None,
            request: None,
            response: None,
            payload: Payload::Unavailable,
        };
        let value = expr.eval(&scene).value()?.into_owned();
        Some(String::from_utf8_lossy(&value.into_text()).into_owned())
    }

    #[test]
    fn figures_come_from_the_world() {
        for (expression, value) in [
            ("act_conn", Some("5")),
            ("avg_queue(b)", Some("3")),
            ("be_conn", Some("3")),
            ("be_conn_free(b)", Some("-1")),
            ("connslots(b)", Some("12")),
            ("nbsrv", Some("2")),
            ("nbsrv(x)", None),
            ("queue(b)", Some("5")),
            ("fe_conn(f)", Some("4")),
            ("fe_req_rate(f)", Some("9")),
            ("fe_sess_rate(b)", None),
            ("fe_defbe", Some("b")),
            ("srv_conn(s)", Some("2")),
            ("srv_conn_free(s)", Some("8")),
            ("srv_is_up(s)", Some("1")),
            ("srv_iweight(s)", Some("200")),
            ("srv_queue(s)", Some("4")),
            ("srv_weight(s)", Some("50")),
            ("thread", Some("3")),
            ("tgroup", Some("1")),
            ("uptime", Some("8")),
            ("hostname", Some("h")),
            ("stopping", Some("0")),
            ("cpu_usage_thr", Some("10")),
            ("dst_conn", None),
            ("env(A)", Some("b")),
            ("env(B)", None),
        ] {
            assert_eq!(ask(expression).as_deref(), value, "{expression}");
        }
    }
}
