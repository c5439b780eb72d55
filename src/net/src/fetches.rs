//! Sample fetches that ask the system about the client's connection.

use std::os::fd::AsFd;

use base::addr::{Addr, Family};
use lang::arg::{ArgKind, Args, Signature};
use lang::expr::{Cursor, Fetch, FetchFn, Fetched, Values};
use lang::facts::Scene;
use lang::{Contexts, Sample, Type};
use sys::options::{self, TcpInfo};
use sys::socket::{self, Transport};

use crate::addr::{domain_of, to_sock};

const SESSION: Contexts = Contexts::of("YYYYYYYYYYYYYYYYYYYY..");

const fn fetch(name: &'static str, args: Signature, out: Type, eval: FetchFn) -> Fetch {
    Fetch { name, args, out, contexts: SESSION, manual: "7.3.3", values: Values::One, eval }
}

const fn local(name: &'static str, eval: FetchFn) -> Fetch {
    fetch(name, Signature::NONE, Type::Bool, eval)
}

const fn span(name: &'static str, eval: FetchFn) -> Fetch {
    fetch(name, Signature::optional(&[ArgKind::RoundTripUnit]), Type::Int, eval)
}

const fn figure(name: &'static str, eval: FetchFn) -> Fetch {
    fetch(name, Signature::optional(&[ArgKind::Str]), Type::Int, eval)
}

/// The fetches of this room.
pub static FETCHES: &[Fetch] = &[
    span("bc_rtt", |s, a, c| server_time(s, a, c, |(rtt, _)| rtt)),
    span("bc_rttvar", |s, a, c| server_time(s, a, c, |(_, variance)| variance)),
    local("dst_is_local", |s, _, c| single(c, || is_local(s.destination()?))),
    local("fc_dst_is_local", |s, _, c| single(c, || is_local(s.session.own_destination()?))),
    figure("fc_fackets", |s, _, c| count(s, c, |i| i.fackets)),
    figure("fc_lost", |s, _, c| count(s, c, |i| i.lost)),
    figure("fc_reordering", |s, _, c| count(s, c, |i| i.reordering)),
    figure("fc_retrans", |s, _, c| count(s, c, |i| i.retrans)),
    span("fc_rtt", |s, a, c| time(s, a, c, |i| i.rtt_us)),
    span("fc_rttvar", |s, a, c| time(s, a, c, |i| i.rttvar_us)),
    figure("fc_sacked", |s, _, c| count(s, c, |i| i.sacked)),
    fetch("fc_saved_syn", Signature::NONE, Type::Bin, |s, _, c| {
        single(c, || {
            let fd = socket::existing(s.session.socket?).ok()?;
            let syn = options::saved_syn(fd.as_fd()).ok().filter(|syn| !syn.is_empty())?;
            Some(Sample::Bin(syn.into()))
        })
    }),
    local("fc_src_is_local", |s, _, c| single(c, || is_local(s.session.own_source()?))),
    figure("fc_unacked", |s, _, c| count(s, c, |i| i.unacked)),
    local("src_is_local", |s, _, c| single(c, || is_local(s.source()?))),
];

fn single<'a>(cursor: Cursor, value: impl FnOnce() -> Option<Sample<'a>>) -> Fetched<'a> {
    match cursor {
        Cursor::Single | Cursor::Nth(0) => value().into(),
        Cursor::Nth(_) => Fetched::Absent,
    }
}

/// An address is this machine's when a socket can have it.
fn is_local(addr: &Addr) -> Option<Sample<'static>> {
    if addr.family() == Family::Unix {
        return Some(Sample::Bool(true));
    }
    let raw = to_sock(&addr.with_port(0))?;
    let probe = socket::socket(domain_of(addr), Transport::Datagram).ok()?;
    Some(Sample::Bool(socket::bind(probe.as_fd(), &raw).is_ok()))
}

fn info(scene: &Scene<'_>) -> Option<TcpInfo> {
    // Elsewhere than in TCP the question itself is an error.
    let fd = socket::existing(scene.session.socket?).ok()?;
    options::tcp_info(fd.as_fd()).ok()
}

fn count<'a>(scene: &Scene<'a>, cursor: Cursor, figure: fn(&TcpInfo) -> u32) -> Fetched<'a> {
    single(cursor, || info(scene).map(|i| Sample::Int(figure(&i).into())))
}

/// The round trip time of a connection and its variance, in microseconds.
pub fn round_trip(socket: i32) -> Option<(u32, u32)> {
    let fd = socket::existing(socket).ok()?;
    options::tcp_info(fd.as_fd()).ok().map(|info| (info.rtt_us, info.rttvar_us))
}

/// The same for the connection to the server: as it is, or was when the stream left it.
fn server_time<'a>(
    scene: &Scene<'a>,
    args: &'a Args,
    cursor: Cursor,
    figure: fn((u32, u32)) -> u32,
) -> Fetched<'a> {
    single(cursor, || {
        let stream = scene.stream?;
        let known = stream.server_socket.and_then(round_trip).or(stream.server_round_trip)?;
        Some(in_unit(figure(known), args))
    })
}

/// A time in milliseconds, or in microseconds when asked for.
fn in_unit(micros: u32, args: &Args) -> Sample<'static> {
    Sample::Int(i64::from(micros) / if args.str(0) == b"us" { 1 } else { 1000 })
}

/// The same for the connection of the client.
fn time<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor, figure: fn(&TcpInfo) -> u32) -> Fetched<'a> {
    single(cursor, || info(scene).map(|i| in_unit(figure(&i), args)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_addresses_can_be_taken() {
        let is = |text: &str| is_local(&Addr::Inet(text.parse().unwrap()));
        assert_eq!(is("127.0.0.1:80"), Some(Sample::Bool(true)));
        assert_eq!(is("192.0.2.1:80"), Some(Sample::Bool(false)));
        assert_eq!(is_local(&Addr::unix(b"/x")), Some(Sample::Bool(true)));
    }
}
