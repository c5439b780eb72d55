//! Sample fetches on encrypted connections (configuration manual, 7.3.4).

use std::borrow::Cow;

use lang::arg::Signature;
use lang::expr::{Cursor, Fetch, FetchFn, Fetched, Values};
use lang::facts::Scene;
use lang::tls_facts::{Resumption, TlsFacts};
use lang::{Contexts, Sample, Type};

const CLIENT: Contexts = Contexts::of(".YYYYYYYYYYYYYYYYYY...");
const SERVER: Contexts = Contexts::of("...........YYYYYYYYY..");

const fn fetch(name: &'static str, out: Type, contexts: Contexts, eval: FetchFn) -> Fetch {
    Fetch { name, args: Signature::NONE, out, contexts, manual: "7.3.4", values: Values::One, eval }
}

/// The fetches of this room.
pub static FETCHES: &[Fetch] = &[
    fetch("ssl_bc", Type::Bool, SERVER, |s, _, c| {
        single(c, || Some(Sample::Bool(s.stream?.server_tls.tls().is_some())))
    }),
    fetch("ssl_bc_alg_keysize", Type::Int, SERVER, |s, _, c| of(server(s), c, key_bits)),
    fetch("ssl_bc_alpn", Type::Str, SERVER, |s, _, c| of(server(s), c, protocol)),
    fetch("ssl_bc_cipher", Type::Str, SERVER, |s, _, c| of(server(s), c, |t| text(t.cipher))),
    fetch("ssl_bc_curve", Type::Str, SERVER, |s, _, c| of(server(s), c, |t| text(t.group))),
    fetch("ssl_bc_err", Type::Int, SERVER, |s, _, c| of(server(s), c, error)),
    fetch("ssl_bc_err_str", Type::Str, SERVER, |s, _, c| of(server(s), c, error_text)),
    fetch("ssl_bc_is_resumed", Type::Bool, SERVER, |s, _, c| of(server(s), c, resumed)),
    fetch("ssl_bc_protocol", Type::Str, SERVER, |s, _, c| of(server(s), c, |t| text(t.version))),
    fetch("ssl_bc_sni", Type::Str, SERVER, |s, _, c| of(server(s), c, name)),
    fetch("ssl_bc_use_keysize", Type::Int, SERVER, |s, _, c| of(server(s), c, key_bits)),
    // A client whose certificate is not trusted has no session.
    fetch("ssl_c_ca_err", Type::Int, CLIENT, |s, _, c| of(client(s), c, none)),
    fetch("ssl_c_ca_err_depth", Type::Int, CLIENT, |s, _, c| of(client(s), c, none)),
    fetch("ssl_c_chain_der", Type::Bin, CLIENT, |s, _, c| of(client(s), c, chain)),
    fetch("ssl_c_der", Type::Bin, CLIENT, |s, _, c| of(client(s), c, peer)),
    fetch("ssl_c_err", Type::Int, CLIENT, |s, _, c| of(client(s), c, none)),
    fetch("ssl_c_used", Type::Bool, CLIENT, |s, _, c| {
        single(c, || Some(Sample::Bool(client(s).is_some_and(|t| !t.peer.is_empty()))))
    }),
    fetch("ssl_c_verify", Type::Int, CLIENT, |s, _, c| of(client(s), c, none)),
    fetch("ssl_f_der", Type::Bin, CLIENT, |s, _, c| of(client(s), c, |t| t.own.as_deref().map(bytes))),
    fetch("ssl_fc_alg_keysize", Type::Int, CLIENT, |s, _, c| of(client(s), c, key_bits)),
    fetch("ssl_fc_alpn", Type::Str, CLIENT, |s, _, c| of(client(s), c, protocol)),
    fetch("ssl_fc_cipher", Type::Str, CLIENT, |s, _, c| of(client(s), c, |t| text(t.cipher))),
    fetch("ssl_fc_curve", Type::Str, CLIENT, |s, _, c| of(client(s), c, |t| text(t.group))),
    fetch("ssl_fc_err", Type::Int, CLIENT, |s, _, c| of(client(s), c, error)),
    fetch("ssl_fc_err_str", Type::Str, CLIENT, |s, _, c| of(client(s), c, error_text)),
    fetch("ssl_fc_has_crt", Type::Bool, CLIENT, |s, _, c| {
        of(client(s), c, |t| Some(Sample::Bool(!t.peer.is_empty() && t.resumption == Resumption::New)))
    }),
    fetch("ssl_fc_has_sni", Type::Bool, CLIENT, |s, _, c| {
        of(client(s), c, |t| Some(Sample::Bool(t.name.is_some())))
    }),
    fetch("ssl_fc_is_resumed", Type::Bool, CLIENT, |s, _, c| {
        single(c, || client(s).map_or(Some(Sample::Bool(false)), resumed))
    }),
    fetch("ssl_fc_protocol", Type::Str, CLIENT, |s, _, c| of(client(s), c, |t| text(t.version))),
    fetch("ssl_fc_sni", Type::Str, CLIENT, |s, _, c| of(client(s), c, name)),
    fetch("ssl_fc_use_keysize", Type::Int, CLIENT, |s, _, c| of(client(s), c, key_bits)),
    fetch("ssl_s_chain_der", Type::Bin, SERVER, |s, _, c| of(server(s), c, chain)),
    fetch("ssl_s_der", Type::Bin, SERVER, |s, _, c| of(server(s), c, peer)),
];

fn client<'a>(scene: &Scene<'a>) -> Option<&'a TlsFacts> {
    scene.session.tls.tls()
}

fn server<'a>(scene: &Scene<'a>) -> Option<&'a TlsFacts> {
    scene.stream?.server_tls.tls()
}

fn single<'a>(cursor: Cursor, value: impl FnOnce() -> Option<Sample<'a>>) -> Fetched<'a> {
    match cursor {
        Cursor::Single | Cursor::Nth(0) => value().into(),
        Cursor::Nth(_) => Fetched::Absent,
    }
}

/// Nothing is known of a connection that is not encrypted.
fn of<'a>(
    facts: Option<&'a TlsFacts>,
    cursor: Cursor,
    value: impl FnOnce(&'a TlsFacts) -> Option<Sample<'a>>,
) -> Fetched<'a> {
    single(cursor, || value(facts?))
}

fn text(value: &'static str) -> Option<Sample<'static>> {
    (!value.is_empty()).then(|| Sample::text(value.as_bytes()))
}

fn bytes(value: &[u8]) -> Sample<'_> {
    Sample::Bin(Cow::Borrowed(value))
}

fn protocol(facts: &TlsFacts) -> Option<Sample<'_>> {
    facts.protocol.as_deref().map(Sample::text)
}

fn name(facts: &TlsFacts) -> Option<Sample<'_>> {
    facts.name.as_deref().map(|name| Sample::text(name.as_bytes()))
}

fn key_bits(facts: &TlsFacts) -> Option<Sample<'_>> {
    Some(Sample::Int(facts.key_bits.into()))
}

fn resumed(facts: &TlsFacts) -> Option<Sample<'_>> {
    Some(Sample::Bool(facts.resumption == Resumption::Resumed))
}

fn none(_: &TlsFacts) -> Option<Sample<'_>> {
    Some(Sample::Int(0))
}

fn error(facts: &TlsFacts) -> Option<Sample<'_>> {
    Some(Sample::Int(facts.error.as_ref().map_or(0, |e| e.code).into()))
}

fn error_text(facts: &TlsFacts) -> Option<Sample<'_>> {
    facts.error.as_ref().map(|e| Sample::text(e.text.as_bytes()))
}

fn peer(facts: &TlsFacts) -> Option<Sample<'_>> {
    facts.peer.first().map(|certificate| bytes(certificate))
}

fn chain(facts: &TlsFacts) -> Option<Sample<'_>> {
    (!facts.peer.is_empty()).then(|| Sample::Bin(facts.peer.concat().into()))
}
