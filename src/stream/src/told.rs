//! What servers are told of clients' TLS sessions by PROXY headers.

use backend::dial::{HeaderSettings, Sending};
use bytes::Bytes;
use lang::tls_facts::{Resumption, TlsFacts};
use wire::proxy::{SslField, SslTlv, kind};

/// What there is to tell of a session; of none, that there is none.
pub(crate) fn session(facts: Option<&TlsFacts>, settings: &HeaderSettings) -> SslTlv {
    let Some(facts) = facts else { return SslTlv::default() };
    let mut client = SslTlv::SSL;
    if !facts.peer.is_empty() {
        client |= SslTlv::CERT_SESS;
        if facts.resumption == Resumption::New {
            client |= SslTlv::CERT_CONN;
        }
    }
    let verify = facts.verification.as_ref().map_or(0, |v| u32::from(v.result));
    let (peer, own) = (facts.peer.first().map(|c| &**c), facts.own.as_deref());
    let text = |text: &str| Some(text.to_owned());
    let fields = [
        (kind::SSL_VERSION, text(facts.version)),
        (kind::SSL_CN, wanted(settings.common_name, || tls::common_name(peer?))),
        (kind::SSL_KEY_ALG, wanted(settings.key, || tls::key(own?))),
        (kind::SSL_SIG_ALG, wanted(settings.signature, || tls::signature_algorithm(own?))),
        (kind::SSL_CIPHER, wanted(settings.cipher, || text(facts.cipher))),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(kind, value)| Some(SslField { kind, value: Bytes::from(value?.into_bytes()) }));
    SslTlv { client, verify, fields: fields.collect() }
}

fn wanted(sending: Sending, value: impl FnOnce() -> Option<String>) -> Option<String> {
    if sending.is_on() { value() } else { None }
}
