//! Sample fetches on the two connections of a stream: how they stand, what became of the one to the server, and the
//! streams that they carry.

use base::addr::Addr;
use base::termination::{Cause, Phase};

use super::{ANSWERED, NONE, SESSION, one, single};
use crate::expr::{Contexts, Fetch, FetchFn};
use crate::facts::{ConnFault, Multiplex, Outgoing, Scene, StreamFacts};
use crate::sample::{Sample, Type};

const CONTENT: Contexts = Contexts::of(".YYYYYYYYYYYYYYYYYY...");
const LAYER_4: &str = "7.3.3";
const DEVELOPERS: &str = "7.3.7";

const fn figure(name: &'static str, contexts: Contexts, manual: &'static str, eval: FetchFn) -> Fetch {
    one(name, NONE, Type::Int, contexts, manual, eval)
}

/// Something of the connection to the server, where one was tried.
macro_rules! outgoing {
    ($name:literal, $type:ident, |$stream:ident, $fault:ident| $value:expr) => {
        one($name, NONE, Type::$type, ANSWERED, LAYER_4, |s, _, c| {
            single(c, || {
                let ($stream, $fault) = outgoing(s)?;
                let _ = ($stream, $fault);
                $value
            })
        })
    };
}

/// A figure of a client's connection with several streams at a time.
fn multiplex(scene: &Scene<'_>, alone: i64, figure: fn(&Multiplex) -> u32) -> i64 {
    scene.session.multiplex.as_deref().map_or(alone, |multiplex| figure(multiplex).into())
}

/// The fetches on connections and what they carry.
pub static FETCHES: &[Fetch] = &[
    outgoing!("bc_dst", Addr, |stream, fault| stream.server_addr.as_ref()?.ip().map(Sample::ip)),
    outgoing!("bc_dst_port", Int, |stream, fault| port(stream.server_addr.as_ref())),
    outgoing!("bc_err", Int, |stream, fault| Some(Sample::Int(fault.map_or(0, |f| f.id.into())))),
    outgoing!("bc_err_name", Str, |stream, fault| fault.map(|f| Sample::text(f.name.as_bytes()))),
    outgoing!("bc_err_str", Str, |stream, fault| {
        Some(Sample::text(fault.map_or("Success", |f| f.message).as_bytes()))
    }),
    outgoing!("bc_glitches", Int, |stream, fault| {
        http(stream).then(|| Sample::Int(stream.server_multiplex.map_or(0, |m| m.glitches.into())))
    }),
    outgoing!("bc_http_major", Int, |stream, fault| {
        http(stream).then(|| Sample::Int(1 + i64::from(stream.server_multiplex.is_some())))
    }),
    outgoing!("bc_nb_streams", Int, |stream, fault| {
        Some(Sample::Int(stream.server_multiplex.map_or(1, |m| m.streams.into())))
    }),
    outgoing!("bc_settings_streams_limit", Int, |stream, fault| {
        Some(Sample::Int(stream.server_multiplex.map_or(1, |m| m.limit.into())))
    }),
    outgoing!("bc_src", Addr, |stream, fault| stream.server_source.as_ref()?.ip().map(Sample::ip)),
    outgoing!("bc_src_port", Int, |stream, fault| port(stream.server_source.as_ref())),
    figure("bs.aborted", ANSWERED, DEVELOPERS, |s, _, c| {
        single(c, || {
            let end = s.stream?.termination;
            let aborted =
                end.cause == Cause::ServerAbort && !matches!(end.phase, Phase::Connect | Phase::Queue);
            Some(Sample::Int(aborted.into()))
        })
    }),
    figure("bs.id", ANSWERED, DEVELOPERS, |s, _, c| single(c, || outgoing(s).map(|_| Sample::Int(0)))),
    // Only protocols with many streams on a connection have such codes.
    figure("bs.rst_code", ANSWERED, DEVELOPERS, |_, _, c| single(c, || None)),
    figure("fc_glitches", SESSION, LAYER_4, |s, _, c| {
        single(c, || s.is_http().then(|| Sample::Int(multiplex(s, 0, |m| m.glitches))))
    }),
    figure("fc_http_major", SESSION, LAYER_4, |s, _, c| {
        single(c, || s.is_http().then(|| Sample::Int(1 + i64::from(s.session.multiplex.is_some()))))
    }),
    figure("fc_nb_streams", SESSION, LAYER_4, |s, _, c| {
        single(c, || Some(Sample::Int(multiplex(s, 1, |m| m.streams))))
    }),
    figure("fc_settings_streams_limit", CONTENT, LAYER_4, |s, _, c| {
        single(c, || Some(Sample::Int(multiplex(s, 1, |m| m.limit))))
    }),
    figure("fs.aborted", CONTENT, DEVELOPERS, |s, _, c| {
        single(c, || Some(Sample::Int((s.stream?.termination.cause == Cause::ClientAbort).into())))
    }),
    one("fs.id", NONE, Type::Str, CONTENT, DEVELOPERS, |s, _, c| {
        single(c, || s.stream.map(|_| Sample::text(b"0")))
    }),
    figure("fs.rst_code", CONTENT, DEVELOPERS, |_, _, c| single(c, || None)),
];

/// The stream whose connection to a server was tried, and why that failed if it did.
fn outgoing<'a>(scene: &Scene<'a>) -> Option<(&'a StreamFacts, Option<ConnFault>)> {
    let stream = scene.stream?;
    match stream.outgoing {
        Outgoing::None => None,
        Outgoing::Open => Some((stream, None)),
        Outgoing::Failed(fault) => Some((stream, Some(fault))),
    }
}

/// Whether the stream carries HTTP.
fn http(stream: &StreamFacts) -> bool {
    stream.http_version > 0
}

fn port(addr: Option<&Addr>) -> Option<Sample<'static>> {
    addr.and_then(Addr::port).map(|port| Sample::Int(port.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetches::probe::request;
    use base::termination::Termination;

    const NAMES: [&str; 6] =
        ["bc_dst", "bc_dst_port", "bc_err", "bc_err_name", "bc_err_str", "bc_http_major"];

    #[test]
    fn a_connection_to_a_server_is_told_of_once_it_is_tried() {
        let mut messages = request("GET / HTTP/1.1");
        messages.stream.http_version = 11;
        messages.stream.server_addr = Some(Addr::Inet("10.0.0.1:80".parse().unwrap()));
        let ask =
            |messages: &crate::fetches::probe::Messages| NAMES.map(|n| messages.ask(n).unwrap_or_default());
        assert_eq!(ask(&messages), [""; 6]);
        messages.stream.outgoing = Outgoing::Open;
        assert_eq!(ask(&messages), ["10.0.0.1", "80", "0", "", "Success", "1"]);
        messages.stream.outgoing = Outgoing::Failed(ConnFault::REFUSED);
        let refused = ["10.0.0.1", "80", "47", "EREFUSED", "ECONNREFUSED returned by OS", "1"];
        assert_eq!(ask(&messages), refused);
    }

    #[test]
    fn aborts_are_told_by_side() {
        let mut messages = request("GET / HTTP/1.1");
        for (cause, phase, front, back) in [
            (Cause::Normal, Phase::Done, "0", "0"),
            (Cause::ClientAbort, Phase::Data, "1", "0"),
            (Cause::ServerAbort, Phase::Data, "0", "1"),
            (Cause::ServerAbort, Phase::Connect, "0", "0"),
        ] {
            messages.stream.termination = Termination::new(cause, phase);
            assert_eq!(messages.ask("fs.aborted").as_deref(), Some(front));
            assert_eq!(messages.ask("bs.aborted").as_deref(), Some(back));
        }
        assert_eq!((messages.ask("fs.id").as_deref(), messages.ask("fs.rst_code")), (Some("0"), None));
    }
}
