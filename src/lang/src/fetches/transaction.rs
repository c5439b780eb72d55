//! Sample fetches on how a stream goes: statuses, bytes, times, attempts, and how it ended.

use std::sync::Arc;

use base::clock::{Tick, WallTime};

use super::{ANSWERED, INTERNAL, NONE, REQUEST, REQUEST_KEPT, RESPONSE, SESSION, of_response, one, single};
use crate::arg::{ArgKind, Args, Signature};
use crate::expr::{Contexts, Fetch, FetchFn, Fetched};
use crate::facts::{Redispatch, Scene, StreamFacts, Timers};
use crate::sample::{Sample, Type};

const SENT: Contexts = Contexts::of(".........YYYYYYYYYY...");
const ACCEPTED: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYY...");
const UNIT: Signature = Signature::optional(&[ArgKind::SecondUnit]);

const fn figure(name: &'static str, contexts: Contexts, manual: &'static str, eval: FetchFn) -> Fetch {
    one(name, NONE, Type::Int, contexts, manual, eval)
}

/// A figure of the stream.
macro_rules! stream {
    ($name:literal, $contexts:expr, $manual:literal, |$facts:ident| $value:expr) => {
        figure($name, $contexts, $manual, |s, _, c| {
            single(c, || {
                let $facts = s.stream?;
                Some(Sample::Int($value))
            })
        })
    };
}

/// A span of time in the stream, in milliseconds.
macro_rules! timer {
    ($name:literal, $contexts:expr, $manual:literal, $span:expr) => {
        figure($name, $contexts, $manual, |s, _, c| single(c, || Some(Sample::Int(elapsed(s, $span)?))))
    };
}

/// The fetches on streams.
pub static FETCHES: &[Fetch] = &[
    one("accept_date", UNIT, Type::Int, SESSION, "7.3.3", |s, a, c| {
        single(c, || {
            Some(Sample::Int(date_in(s.stream.map_or(s.session.accepted.1, |f| f.timers.begin_date), a)))
        })
    }),
    timer!("bc.timer.connect", ANSWERED, "7.3.3", Timers::connect_ms),
    stream!("bc_be_queue", ANSWERED, "7.3.3", |f| f.backend_queue as i64),
    stream!("bc_srv_queue", ANSWERED, "7.3.3", |f| f.server_queue as i64),
    stream!("bytes_in", REQUEST_KEPT, "7.3.3", |f| f.bytes_in as i64),
    stream!("bytes_out", SENT, "7.3.3", |f| f.bytes_out as i64),
    one("capture.res.ver", NONE, Type::Str, REQUEST_KEPT, "7.3.6", |s, _, c| {
        of_response(s, |r| single(c, || Some(Sample::text(r.version.as_bytes()))))
    }),
    timer!("fc.timer.handshake", SESSION, "7.3.3", Timers::handshake_ms),
    timer!("fc.timer.total", ACCEPTED, "7.3.3", Timers::total_ms),
    one("internal.strm.is_htx", NONE, Type::Bool, INTERNAL, "7.3.2", |s, _, c| {
        single(c, || Some(Sample::Bool(s.stream?.timers.request.is_set())))
    }),
    one("last_entity", NONE, Type::Str, INTERNAL, "7.3.2", |s, _, c| {
        single(c, || place(s.stream?.last_rule.as_ref()))
    }),
    stream!("prio_class", INTERNAL, "7.3.2", |f| f.overrides.priority.class.into()),
    stream!("prio_offset", INTERNAL, "7.3.2", |f| f.overrides.priority.offset.into()),
    stream!("req.bytes_in", REQUEST_KEPT, "7.3.3", |f| f.bytes_in as i64),
    stream!("req.bytes_out", REQUEST_KEPT, "7.3.3", |f| f.passed_on as i64),
    timer!("req.timer.hdr", REQUEST, "7.3.6", Timers::request_ms),
    timer!("req.timer.idle", REQUEST, "7.3.6", Timers::idle_ms),
    timer!("req.timer.queue", ANSWERED, "7.3.6", Timers::queue_ms),
    timer!("req.timer.tq", REQUEST, "7.3.6", Timers::until_request_ms),
    one("request_date", UNIT, Type::Int, REQUEST_KEPT, "7.3.6", |s, a, c| {
        single(c, || {
            Some(Sample::Int(date_in(s.stream.map_or(s.session.accepted.1, |f| f.timers.request_date), a)))
        })
    }),
    stream!("res.bytes_in", SENT, "7.3.3", |f| f.bytes_out as i64),
    stream!("res.bytes_out", SENT, "7.3.3", |f| f.sent as i64),
    timer!("res.timer.data", SENT, "7.3.3", Timers::data_ms),
    timer!("res.timer.hdr", RESPONSE, "7.3.6", Timers::response_ms),
    figure("server_status", ANSWERED, "7.3.6", |s, _, c| {
        single(c, || s.stream.filter(|_| s.is_http()).map(|f| Sample::Int(f.server_status.into())))
    }),
    figure("status", ANSWERED, "7.3.6", |s, _, c| {
        // Log lines have never had it.
        if s.stream.is_some_and(|stream| stream.timers.end.is_set()) {
            return Fetched::Absent;
        }
        of_response(s, |r| single(c, || Some(Sample::Int(r.status.0.into()))))
    }),
    stream!("txn.conn_retries", ANSWERED, "7.3.3", |f| f.retries.into()),
    stream!("txn.id32", INTERNAL, "7.3.2", |f| f.id.into()),
    one("txn.redispatched", NONE, Type::Bool, ANSWERED, "7.3.3", |s, _, c| {
        single(c, || Some(Sample::Bool(s.stream?.redispatch == Redispatch::Done)))
    }),
    one("txn.sess_term_state", NONE, Type::Str, INTERNAL, "7.3.2", |s, _, c| {
        single(c, || Some(Sample::owned(s.stream?.termination.letters().to_vec())))
    }),
    figure("txn.status", ANSWERED, "7.3.6", |s, _, c| {
        single(c, || {
            let head = s.response.map(|r| r.status.0).filter(|status| *status > 0);
            let stream = s.stream.filter(|_| s.is_http())?;
            Some(Sample::Int(head.unwrap_or(stream.status).into()))
        })
    }),
    timer!("txn.timer.total", REQUEST_KEPT, "7.3.6", Timers::active_ms),
    timer!("txn.timer.user", REQUEST_KEPT, "7.3.6", Timers::user_ms),
    one("waiting_entity", NONE, Type::Str, INTERNAL, "7.3.2", |s, _, c| {
        single(c, || place(s.stream?.waiting_rule.as_ref()))
    }),
];

/// A rule's place in the configuration.
fn place(place: Option<&(Arc<str>, u32)>) -> Option<Sample<'static>> {
    place.map(|(file, line)| Sample::owned(format!("{file}:{line}").into_bytes()))
}

/// A date since 1970 in a unit, seconds by themselves.
fn date_in(date: WallTime, args: &Args) -> i64 {
    let micros = date.0 as i64;
    match args.str(0) {
        b"ms" => micros / 1_000,
        b"us" => micros,
        _ => micros / 1_000_000,
    }
}

/// A span of the stream's story; what has not ended yet ends now.
fn elapsed(scene: &Scene<'_>, span: impl Fn(&Timers) -> i64) -> Option<i64> {
    let Some(StreamFacts { timers, .. }) = scene.stream else {
        let begin = scene.session.accepted.0;
        return Some(span(&Timers { begin, end: scene.now.0, ..Timers::default() }));
    };
    let end = if timers.end == Tick::NEVER { scene.now.0 } else { timers.end };
    Some(span(&Timers { end, ..*timers }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetches::probe::request;
    use base::termination::{Cause, Phase, Termination};

    #[test]
    fn a_stream_tells_how_it_went() {
        let mut messages = request("GET / HTTP/1.1");
        messages.respond(201);
        messages.stream = StreamFacts {
            id: 7,
            bytes_in: 41,
            bytes_out: 384,
            sent: 400,
            passed_on: 41,
            retries: 2,
            server_status: 200,
            redispatch: Redispatch::Done,
            termination: Termination::new(Cause::Proxy, Phase::Request),
            last_rule: Some(("a.cfg".into(), 13)),
            ..StreamFacts::default()
        };
        for (fetch, value) in [
            ("status", "201"),
            ("txn.status", "201"),
            ("server_status", "200"),
            ("bytes_in", "41"),
            ("res.bytes_in", "384"),
            ("res.bytes_out", "400"),
            ("req.bytes_out", "41"),
            ("txn.conn_retries", "2"),
            ("txn.redispatched", "1"),
            ("txn.sess_term_state", "PR"),
            ("txn.id32", "7"),
            ("last_entity", "a.cfg:13"),
            ("capture.res.ver", "HTTP/1.1"),
        ] {
            assert_eq!(messages.ask(fetch).as_deref(), Some(value), "{fetch}");
        }
    }

    #[test]
    fn times_are_those_of_the_log() {
        let mut messages = request("GET / HTTP/1.1");
        let ms = |n: u64| Tick(1_000_000 + n * 1000);
        messages.now = ms(50);
        messages.stream.timers = Timers {
            begin_date: WallTime(1_700_000_000_123_456),
            request_date: WallTime(1_700_000_000_133_456),
            begin: ms(0),
            handshake: ms(2),
            first_byte: ms(10),
            request: ms(13),
            queued: ms(14),
            connected: ms(20),
            response: ms(40),
            ..Timers::default()
        };
        for (fetch, value) in [
            ("accept_date", 1_700_000_000),
            ("accept_date(ms)", 1_700_000_000_123),
            ("request_date(us)", 1_700_000_000_133_456),
            ("fc.timer.handshake", 2),
            ("fc.timer.total", 50),
            ("req.timer.idle", 8),
            ("req.timer.hdr", 3),
            ("req.timer.tq", 13),
            ("req.timer.queue", 1),
            ("bc.timer.connect", 6),
            ("res.timer.hdr", 20),
            ("res.timer.data", 10),
            ("txn.timer.total", 40),
            ("txn.timer.user", 42),
        ] {
            assert_eq!(messages.sample(fetch), Some(Sample::Int(value)), "{fetch}");
        }
    }
}
