//! Sample fetches on the secrets of encrypted connections (configuration manual, 7.3.4; `tune.ssl.keylog`).

use lang::expr::{Cursor, Fetch, FetchFn, Fetched};
use lang::facts::Scene;
use lang::tls_facts::{Ends, Resumption, Secret, Secrets, TlsFacts};
use lang::{Contexts, Sample, Type};

use crate::fetches::{CLIENT, SERVER, client, fetch, server, single};

/// Finds the side that a fetch is about.
type Which = for<'a> fn(&Scene<'a>) -> Option<&'a TlsFacts>;

fn of<'a>(
    scene: &Scene<'a>,
    which: Which,
    cursor: Cursor,
    value: impl FnOnce(&'a Secrets) -> Option<&'a [u8]>,
) -> Fetched<'a> {
    single(cursor, || Some(Sample::Bin(value(which(scene)?.secrets.as_deref()?)?.into())))
}

fn secret<'a>(scene: &Scene<'a>, which: Which, cursor: Cursor, secret: Secret) -> Fetched<'a> {
    single(cursor, || {
        let digits = which(scene)?.secrets.as_deref()?.secret(secret)?;
        Some(Sample::text(digits.as_bytes()))
    })
}

/// The session's key, which may change while it lasts.
fn key<'a>(scene: &Scene<'a>, which: Which, cursor: Cursor) -> Fetched<'a> {
    single(cursor, || Some(Sample::Bin(which(scene)?.secrets.as_deref()?.key.get()?.into_vec().into())))
}

/// The message that ends a handshake, `new` where it made a new session, `again` where it took up an earlier one.
fn end<'a>(
    scene: &Scene<'a>,
    which: Which,
    cursor: Cursor,
    new: fn(&Ends) -> Option<&[u8]>,
    again: fn(&Ends) -> Option<&[u8]>,
) -> Fetched<'a> {
    single(cursor, || {
        let facts = which(scene)?;
        let end = if facts.resumption == Resumption::New { new } else { again };
        Some(Sample::Bin(end(&facts.secrets.as_deref()?.ends)?.into()))
    })
}

fn clients_end(ends: &Ends) -> Option<&[u8]> {
    ends.client.as_deref()
}

fn servers_end(ends: &Ends) -> Option<&[u8]> {
    ends.server.as_deref()
}

/// Random bytes are there or not, but are never none.
fn some(bytes: &[u8]) -> Option<&[u8]> {
    (!bytes.is_empty()).then_some(bytes)
}

const fn text(name: &'static str, eval: FetchFn) -> Fetch {
    fetch(name, Type::Str, CLIENT, eval)
}

const fn bytes(name: &'static str, contexts: Contexts, eval: FetchFn) -> Fetch {
    fetch(name, Type::Bin, contexts, eval)
}

/// Nobody negotiates protocols in the old way any more.
const fn old(name: &'static str, contexts: Contexts) -> Fetch {
    fetch(name, Type::Str, contexts, |_, _, _| Fetched::Absent)
}

/// The fetches of this file.
pub static SECRET_FETCHES: &[Fetch] = &[
    text("ssl_bc_client_early_traffic_secret", |s, _, c| secret(s, server, c, Secret::ClientEarlyTraffic)),
    text("ssl_bc_client_handshake_traffic_secret", |s, _, c| {
        secret(s, server, c, Secret::ClientHandshakeTraffic)
    }),
    text("ssl_bc_client_traffic_secret_0", |s, _, c| secret(s, server, c, Secret::ClientTraffic)),
    text("ssl_bc_early_exporter_secret", |s, _, c| secret(s, server, c, Secret::EarlyExporter)),
    text("ssl_bc_exporter_secret", |s, _, c| secret(s, server, c, Secret::Exporter)),
    text("ssl_bc_server_handshake_traffic_secret", |s, _, c| {
        secret(s, server, c, Secret::ServerHandshakeTraffic)
    }),
    text("ssl_bc_server_traffic_secret_0", |s, _, c| secret(s, server, c, Secret::ServerTraffic)),
    text("ssl_fc_client_early_traffic_secret", |s, _, c| secret(s, client, c, Secret::ClientEarlyTraffic)),
    text("ssl_fc_client_handshake_traffic_secret", |s, _, c| {
        secret(s, client, c, Secret::ClientHandshakeTraffic)
    }),
    text("ssl_fc_client_traffic_secret_0", |s, _, c| secret(s, client, c, Secret::ClientTraffic)),
    text("ssl_fc_early_exporter_secret", |s, _, c| secret(s, client, c, Secret::EarlyExporter)),
    text("ssl_fc_exporter_secret", |s, _, c| secret(s, client, c, Secret::Exporter)),
    text("ssl_fc_server_handshake_traffic_secret", |s, _, c| {
        secret(s, client, c, Secret::ServerHandshakeTraffic)
    }),
    text("ssl_fc_server_traffic_secret_0", |s, _, c| secret(s, client, c, Secret::ServerTraffic)),
    bytes("ssl_bc_client_random", SERVER, |s, _, c| of(s, server, c, |t| some(&t.client_random))),
    bytes("ssl_bc_server_random", SERVER, |s, _, c| of(s, server, c, |t| some(&t.server_random))),
    bytes("ssl_bc_session_id", SERVER, |s, _, c| of(s, server, c, |t| Some(&t.session_id))),
    bytes("ssl_bc_session_key", SERVER, |s, _, c| key(s, server, c)),
    // The peer's message in a new session, and the own one in others.
    bytes("ssl_bc_unique_id", SERVER, |s, _, c| end(s, server, c, servers_end, clients_end)),
    old("ssl_bc_npn", SERVER),
    bytes("ssl_fc_client_random", CLIENT, |s, _, c| of(s, client, c, |t| some(&t.client_random))),
    bytes("ssl_fc_server_random", CLIENT, |s, _, c| of(s, client, c, |t| some(&t.server_random))),
    bytes("ssl_fc_session_id", CLIENT, |s, _, c| of(s, client, c, |t| Some(&t.session_id))),
    bytes("ssl_fc_session_key", CLIENT, |s, _, c| key(s, client, c)),
    bytes("ssl_fc_unique_id", CLIENT, |s, _, c| end(s, client, c, clients_end, servers_end)),
    old("ssl_fc_npn", CLIENT),
];
