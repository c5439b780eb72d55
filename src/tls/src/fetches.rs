//! Sample fetches on encrypted connections (configuration manual, 7.3.4).

use std::borrow::Cow;

use lang::arg::{ArgKind, Args, Signature};
use lang::expr::{Cursor, Fetch, FetchFn, Fetched, Values};
use lang::facts::Scene;
use lang::tls_facts::{EarlyData, Offer, Resumption, TlsFacts, Verification};
use lang::{Contexts, Sample, Type};

use crate::names;
use crate::x509::{Read, Whose};

pub(crate) const CLIENT: Contexts = Contexts::of(".YYYYYYYYYYYYYYYYYY...");
pub(crate) const SERVER: Contexts = Contexts::of("...........YYYYYYYYY..");
/// Those on the server's certificate may be asked anywhere; before there is a server, they have nothing to say.
const PEER: Contexts = CLIENT;

pub(crate) const fn fetch(name: &'static str, out: Type, contexts: Contexts, eval: FetchFn) -> Fetch {
    Fetch { name, args: Signature::NONE, out, contexts, manual: "7.3.4", values: Values::One, eval }
}

/// A fetch on what the client offered, with or without what it offered only to be misunderstood.
const fn offered(name: &'static str, out: Type, eval: FetchFn) -> Fetch {
    Fetch { args: Signature::optional(&[ArgKind::Int]), ..fetch(name, out, CLIENT, eval) }
}

fn of_offer<'a>(
    scene: &Scene<'a>,
    cursor: Cursor,
    value: impl FnOnce(&'a Offer) -> Option<Sample<'a>>,
) -> Fetched<'a> {
    single(cursor, || value(client(scene)?.offer.as_deref()?))
}

fn list<'a>(scene: &Scene<'a>, args: &'a Args, cursor: Cursor, which: fn(&Offer) -> &[u8]) -> Fetched<'a> {
    of_offer(scene, cursor, |offer| Some(Sample::Bin(filtered(which(offer), args).into())))
}

/// A list of numbers; without those that mean nothing (RFC 8701) when the argument is 1.
fn filtered(list: &[u8], args: &Args) -> Vec<u8> {
    let grease = |n: &[u8]| n[0] == n[1] && n[0] & 0x0f == 0x0a;
    let all = args.int(0).unwrap_or(0) != 1;
    list.chunks_exact(2).filter(|n| all || !grease(n)).flatten().copied().collect()
}

/// Finds the certificate that a fetch is about.
type Which = for<'a> fn(&Scene<'a>) -> Option<&'a [u8]>;

fn clients<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    client(scene)?.peer.first().map(|certificate| &**certificate)
}

fn own<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    client(scene)?.own.as_deref()
}

fn servers<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    server(scene)?.peer.first().map(|certificate| &**certificate)
}

const NAME: Signature = Signature::optional(&[ArgKind::Str, ArgKind::Int, ArgKind::NameFormat]);

/// What is read from the certificates of one family of fetches.
macro_rules! certificate {
    ($contexts:ident $which:ident: $i_dn:literal $key_alg:literal $notafter:literal $notbefore:literal $s_dn:literal
     $serial:literal $sha1:literal $sig_alg:literal $version:literal) => {
        [
            Fetch {
                args: NAME,
                ..fetch($i_dn, Type::Str, $contexts, |s, a, c| dn(s, $which, Whose::Issuer, a, c))
            },
            fetch($key_alg, Type::Str, $contexts, |s, _, c| read(s, $which, c, |r| owned(r.key_algorithm()))),
            fetch($notafter, Type::Str, $contexts, |s, _, c| read(s, $which, c, |r| owned(r.not_after()))),
            fetch($notbefore, Type::Str, $contexts, |s, _, c| read(s, $which, c, |r| owned(r.not_before()))),
            Fetch {
                args: NAME,
                ..fetch($s_dn, Type::Str, $contexts, |s, a, c| dn(s, $which, Whose::Subject, a, c))
            },
            fetch($serial, Type::Bin, $contexts, |s, _, c| {
                read(s, $which, c, |r| Some(Sample::Bin(r.serial().to_vec().into())))
            }),
            fetch($sha1, Type::Bin, $contexts, |s, _, c| {
                read(s, $which, c, |r| Some(Sample::Bin(r.sha1().to_vec().into())))
            }),
            fetch($sig_alg, Type::Str, $contexts, |s, _, c| {
                read(s, $which, c, |r| owned(r.signature_algorithm()))
            }),
            fetch($version, Type::Int, $contexts, |s, _, c| {
                read(s, $which, c, |r| Some(Sample::Int(r.version())))
            }),
        ]
    };
}

/// The fetches on the client's certificate.
pub static CLIENT_FETCHES: &[Fetch] = &certificate!(CLIENT clients:
    "ssl_c_i_dn" "ssl_c_key_alg" "ssl_c_notafter" "ssl_c_notbefore" "ssl_c_s_dn" "ssl_c_serial" "ssl_c_sha1"
    "ssl_c_sig_alg" "ssl_c_version");

/// The fetch on the authority that the client's certificate leads to.
pub static ROOT_FETCHES: &[Fetch] = &[Fetch {
    args: NAME,
    ..fetch("ssl_c_r_dn", Type::Str, CLIENT, |s, a, c| dn(s, root, Whose::Subject, a, c))
}];

fn root<'a>(scene: &Scene<'a>) -> Option<&'a [u8]> {
    client(scene)?.verification.as_ref()?.root.as_deref()
}

/// The fetches on the certificate that was shown to the client.
pub static OWN_FETCHES: &[Fetch] = &certificate!(CLIENT own:
    "ssl_f_i_dn" "ssl_f_key_alg" "ssl_f_notafter" "ssl_f_notbefore" "ssl_f_s_dn" "ssl_f_serial" "ssl_f_sha1"
    "ssl_f_sig_alg" "ssl_f_version");

/// The fetches on the server's certificate.
pub static SERVER_FETCHES: &[Fetch] = &certificate!(PEER servers:
    "ssl_s_i_dn" "ssl_s_key_alg" "ssl_s_notafter" "ssl_s_notbefore" "ssl_s_s_dn" "ssl_s_serial" "ssl_s_sha1"
    "ssl_s_sig_alg" "ssl_s_version");

fn read<'a>(
    scene: &Scene<'a>,
    which: Which,
    cursor: Cursor,
    what: impl FnOnce(&Read<'_>) -> Option<Sample<'a>>,
) -> Fetched<'a> {
    single(cursor, || what(&Read::new(which(scene)?)?))
}

fn owned(text: String) -> Option<Sample<'static>> {
    Some(Sample::Str(text.into_bytes().into()))
}

/// A name: all of it, or one part of it.
fn dn<'a>(scene: &Scene<'a>, which: Which, whose: Whose, args: &'a Args, cursor: Cursor) -> Fetched<'a> {
    read(scene, which, cursor, |certificate| {
        let (kind, occurrence) = (args.str(0), args.int(1).unwrap_or(1));
        let name = if !kind.is_empty() {
            certificate.entry(whose, std::str::from_utf8(kind).ok()?, occurrence)?
        } else if args.str(2) == b"rfc2253" {
            certificate.rfc2253(whose)
        } else {
            certificate.one_line(whose)
        };
        owned(name)
    })
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
    Fetch {
        args: Signature::optional(&[ArgKind::Str]),
        ..fetch("ssl_c_policies", Type::Str, CLIENT, |s, a, c| {
            let wanted = a.str(0);
            read(s, clients, c, |r| {
                let policies = r.policies();
                if wanted.is_empty() {
                    return (!policies.is_empty()).then(|| owned(policies.join(", ")))?;
                }
                policies.into_iter().find(|p| p.as_bytes() == wanted).and_then(owned)
            })
        })
    },
    fetch("ssl_c_san", Type::Str, CLIENT, |s, _, c| read(s, clients, c, |r| owned(r.alternative_names()?))),
    fetch("ssl_c_ca_err", Type::Int, CLIENT, |s, _, c| verified(s, c, |v| v.authority)),
    fetch("ssl_c_ca_err_depth", Type::Int, CLIENT, |s, _, c| verified(s, c, |v| v.depth)),
    fetch("ssl_c_chain_der", Type::Bin, CLIENT, |s, _, c| of(client(s), c, |t| ders(t.peer.get(1..)?))),
    fetch("ssl_c_der", Type::Bin, CLIENT, |s, _, c| of(client(s), c, peer)),
    fetch("ssl_c_err", Type::Int, CLIENT, |s, _, c| verified(s, c, |v| v.leaf)),
    fetch("ssl_c_used", Type::Bool, CLIENT, |s, _, c| {
        single(c, || Some(Sample::Bool(client(s).is_some_and(|t| !t.peer.is_empty()))))
    }),
    fetch("ssl_c_verify", Type::Int, CLIENT, |s, _, c| {
        // There is no result before the end of the handshake.
        let done = client(s).is_some_and(|t| t.error.is_none());
        if done { verified(s, c, |v| v.result) } else { Fetched::Absent }
    }),
    fetch("ssl_f_der", Type::Bin, CLIENT, |s, _, c| of(client(s), c, |t| t.own.as_deref().map(bytes))),
    fetch("ssl_fc_alg_keysize", Type::Int, CLIENT, |s, _, c| of(client(s), c, key_bits)),
    fetch("ssl_fc_alpn", Type::Str, CLIENT, |s, _, c| of(client(s), c, protocol)),
    fetch("ssl_fc_cipher", Type::Str, CLIENT, |s, _, c| of(client(s), c, |t| text(t.cipher))),
    offered("ssl_fc_cipherlist_bin", Type::Str, |s, a, c| list(s, a, c, |o| &o.suites)),
    offered("ssl_fc_cipherlist_hex", Type::Bin, |s, a, c| {
        of_offer(s, c, |o| {
            let digits = filtered(&o.suites, a).iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>();
            owned(digits.concat())
        })
    }),
    offered("ssl_fc_cipherlist_str", Type::Str, |s, a, c| {
        of_offer(s, c, |o| {
            let numbers = filtered(&o.suites, a);
            let suites = numbers.chunks_exact(2).map(|n| names::offered_name([n[0], n[1]]));
            owned(suites.collect::<Vec<_>>().join(","))
        })
    }),
    fetch("ssl_fc_cipherlist_xxh", Type::Int, CLIENT, |s, _, c| {
        of_offer(s, c, |o| Some(Sample::Int(o.suites_hash.cast_signed())))
    }),
    fetch("ssl_fc_crtname", Type::Str, CLIENT, |s, _, c| {
        of(client(s), c, |t| t.own_name.as_deref().map(|name| Sample::text(name.as_bytes())))
    }),
    fetch("ssl_fc_curve", Type::Str, CLIENT, |s, _, c| of(client(s), c, |t| text(t.group))),
    fetch("ssl_fc_ecformats_bin", Type::Str, CLIENT, |s, _, c| of_offer(s, c, |o| Some(bytes(&o.formats)))),
    offered("ssl_fc_eclist_bin", Type::Str, |s, a, c| list(s, a, c, |o| &o.groups)),
    fetch("ssl_fc_early_rcvd", Type::Bool, CLIENT, |s, _, c| {
        single(c, || Some(Sample::Bool(client(s).is_some_and(|t| t.early != EarlyData::None))))
    }),
    fetch("ssl_fc_err", Type::Int, CLIENT, |s, _, c| of(client(s), c, error)),
    fetch("ssl_fc_err_str", Type::Str, CLIENT, |s, _, c| of(client(s), c, error_text)),
    offered("ssl_fc_extlist_bin", Type::Str, |s, a, c| list(s, a, c, |o| &o.extensions)),
    fetch("ssl_fc_has_crt", Type::Bool, CLIENT, |s, _, c| {
        let shown = |t: &TlsFacts| !t.peer.is_empty() && t.resumption == Resumption::New;
        of(client(s), c, |t| t.error.is_none().then(|| Sample::Bool(shown(t))))
    }),
    fetch("ssl_fc_has_early", Type::Bool, CLIENT, |s, _, c| {
        of(client(s), c, |t| Some(Sample::Bool(t.early == EarlyData::Pending)))
    }),
    fetch("ssl_fc_has_sni", Type::Bool, CLIENT, |s, _, c| {
        of(client(s), c, |t| Some(Sample::Bool(t.name.is_some())))
    }),
    fetch("ssl_fc_is_resumed", Type::Bool, CLIENT, |s, _, c| {
        single(c, || client(s).map_or(Some(Sample::Bool(false)), resumed))
    }),
    fetch("ssl_fc_protocol", Type::Str, CLIENT, |s, _, c| of(client(s), c, |t| text(t.version))),
    fetch("ssl_fc_protocol_hello_id", Type::Int, CLIENT, |s, _, c| {
        of_offer(s, c, |o| Some(Sample::Int(o.version.into())))
    }),
    offered("ssl_fc_sigalgs_bin", Type::Bin, |s, a, c| list(s, a, c, |o| &o.signatures)),
    fetch("ssl_fc_sni", Type::Str, CLIENT, |s, _, c| of(client(s), c, name)),
    offered("ssl_fc_supported_versions_bin", Type::Bin, |s, a, c| list(s, a, c, |o| &o.versions)),
    fetch("ssl_fc_use_keysize", Type::Int, CLIENT, |s, _, c| of(client(s), c, key_bits)),
    fetch("ssl_s_chain_der", Type::Bin, PEER, |s, _, c| of(server(s), c, |t| ders(&t.peer))),
    fetch("ssl_s_der", Type::Bin, PEER, |s, _, c| of(server(s), c, peer)),
];

pub(crate) fn client<'a>(scene: &Scene<'a>) -> Option<&'a TlsFacts> {
    scene.session.tls.tls()
}

pub(crate) fn server<'a>(scene: &Scene<'a>) -> Option<&'a TlsFacts> {
    scene.stream?.server_tls.tls()
}

pub(crate) fn single<'a>(cursor: Cursor, value: impl FnOnce() -> Option<Sample<'a>>) -> Fetched<'a> {
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

fn verified<'a>(scene: &Scene<'a>, cursor: Cursor, which: fn(&Verification) -> u8) -> Fetched<'a> {
    of(client(scene), cursor, |t| Some(Sample::Int(t.verification.as_deref().map_or(0, which).into())))
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

fn ders(certificates: &[Box<[u8]>]) -> Option<Sample<'_>> {
    (!certificates.is_empty()).then(|| Sample::Bin(certificates.concat().into()))
}
