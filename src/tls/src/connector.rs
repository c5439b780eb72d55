//! The client's side: how connections to one server with `ssl` are made.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};

use crate::certificate::Certificate;
use crate::fault::Fault;
use crate::overheard;
use crate::pki::chain::Trust;
use crate::profile::Profile;
use crate::session::Session;
use crate::session::secrets::Keeping;
use crate::settings::Use;
use crate::sigalgs::{self, Schemes};
use crate::verify::OfServers;

/// What is decided for one server.
pub(crate) struct Terms {
    pub(crate) profile: Profile,
    /// Whom the server's certificate has to convince; nobody without.
    pub(crate) trust: Option<Trust>,
    /// `verifyhost`.
    pub(crate) host: Option<Box<str>>,
    /// What is shown to a server that asks.
    pub(crate) certificate: Option<Arc<Certificate>>,
    pub(crate) reuse: SessionReuse,
    /// `allow-0rtt`.
    pub(crate) early: Use,
    /// Which secrets are kept.
    pub(crate) secrets: Keeping,
}

/// Whether a session is taken up again by later connections (`ssl-reuse`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionReuse {
    /// It is.
    #[default]
    On,
    /// Each connection begins a new one.
    Off,
}

/// Which protocols a server is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer<'a> {
    /// Those of its line.
    All,
    /// Those of its line, without HTTP/2.
    Usual,
    /// These.
    These(&'a [Vec<u8>]),
}

/// Begins the sessions with one server.
#[derive(Debug)]
pub struct Connector {
    configs: ArcSwap<Configs>,
    /// `verifyhost`.
    host: Option<Box<str>>,
    /// What servers may sign with.
    signatures: Option<Schemes>,
    reuse: SessionReuse,
    /// What this side signs with.
    signs: Option<Schemes>,
    secrets: Keeping,
}

/// The library's settings for sessions, which share what is remembered of earlier ones.
#[derive(Clone, Debug)]
struct Configs {
    config: Arc<ClientConfig>,
    /// For those in which something is sent before the end of the handshake.
    early: Option<Arc<ClientConfig>>,
}

impl SessionReuse {
    fn resumption(self) -> Resumption {
        match self {
            Self::On => Resumption::in_memory_sessions(NAMES),
            Self::Off => Resumption::disabled(),
        }
    }
}

impl Configs {
    fn new(config: ClientConfig, early: Use) -> Self {
        let early = (early == Use::Yes).then(|| {
            let mut early = config.clone();
            early.enable_early_data = true;
            Arc::new(early)
        });
        Self { config: Arc::new(config), early }
    }
}

/// Servers whose sessions are remembered, by name.
const NAMES: usize = 256;

impl Connector {
    pub(crate) fn new(terms: Terms) -> Result<Self, String> {
        let provider = overheard::listen(&*terms.profile.provider()?, terms.secrets);
        let algorithms = provider.signature_verification_algorithms;
        let signatures = terms.profile.signatures.clone();
        let (trust, host) = (terms.trust, terms.host.clone());
        let verifier = OfServers { trust, host, algorithms, signatures: signatures.clone() };
        let signs = terms.profile.signatures_of_clients().cloned();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&terms.profile.versions()?)
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match terms.certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                builder.with_client_cert_resolver(sigalgs::showing(&certificate.key, signs.as_ref()))
            }
        };
        config.alpn_protocols = terms.profile.protocol_list();
        config.resumption = terms.reuse.resumption();
        if terms.secrets != Keeping::Nothing {
            config.key_log = terms.secrets.tap();
        }
        let configs = Configs::new(config, terms.early);
        Ok(Self {
            configs: ArcSwap::from_pointee(configs),
            host: terms.host,
            signatures,
            reuse: terms.reuse,
            signs,
            secrets: terms.secrets,
        })
    }

    /// Shows another certificate from now on. Sessions in which the old one was shown are not taken up again.
    pub(crate) fn show(&self, certificate: &Certificate) {
        let configs = self.configs.load();
        let mut config = ClientConfig::clone(&configs.config);
        config.client_auth_cert_resolver = sigalgs::showing(&certificate.key, self.signs.as_ref());
        config.resumption = self.reuse.resumption();
        let early = if configs.early.is_some() { Use::Yes } else { Use::No };
        self.configs.store(Arc::new(Configs::new(config, early)));
    }

    /// Believes others from now on. Sessions with those who were believed before are not taken up again.
    pub(crate) fn believe(&self, trust: Trust) {
        let configs = self.configs.load();
        let mut config = ClientConfig::clone(&configs.config);
        let algorithms = config.crypto_provider().signature_verification_algorithms;
        let (trust, host, signatures) = (Some(trust), self.host.clone(), self.signatures.clone());
        let verifier = OfServers { trust, host, algorithms, signatures };
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        config.resumption = self.reuse.resumption();
        let early = if configs.early.is_some() { Use::Yes } else { Use::No };
        self.configs.store(Arc::new(Configs::new(config, early)));
    }

    /// Begins a session; the server is told the name that is wanted, if there is one.
    pub fn connect(&self, name: Option<&[u8]>) -> Result<Session, Fault> {
        self.begin(self.configs.load().config.clone(), name, None)
    }

    /// The same, where nothing but HTTP/1 is to be spoken.
    pub fn connect_for_http1(&self, name: Option<&[u8]>) -> Result<Session, Fault> {
        self.begin(self.configs.load().config.clone(), name, Some(&[b"http/1.1"]))
    }

    /// Whether servers are offered this protocol.
    pub fn offers(&self, protocol: &[u8]) -> bool {
        self.configs.load().config.alpn_protocols.iter().any(|offered| offered == protocol)
    }

    /// Whether servers may be sent something before the end of the handshake (`allow-0rtt`).
    pub fn goes_ahead(&self) -> bool {
        self.configs.load().early.is_some()
    }

    /// The same as `connect`; what is sent first goes before the end of the handshake if the server allowed that in an
    /// earlier session.
    pub fn connect_ahead(&self, name: Option<&[u8]>) -> Result<Session, Fault> {
        let Some(early) = self.configs.load().early.clone() else { return self.connect(name) };
        let mut session = self.begin(early, name, None)?;
        session.send_early();
        Ok(session)
    }

    /// Begins a session that takes up no other, and that no other takes up, for what speaks HTTP/1 alone or no HTTP at
    /// all: a check sees whether a server can agree on keys.
    pub fn connect_alone(&self, name: Option<&[u8]>, offer: Offer<'_>) -> Result<Session, Fault> {
        let mut config = ClientConfig::clone(&self.configs.load().config);
        match offer {
            Offer::All => {}
            Offer::Usual => config.alpn_protocols.retain(|p| p != b"h2"),
            Offer::These(list) => config.alpn_protocols = list.to_vec(),
        }
        config.resumption = Resumption::disabled();
        self.begin(Arc::new(config), name, None)
    }

    fn begin(
        &self,
        config: Arc<ClientConfig>,
        name: Option<&[u8]>,
        protocols: Option<&[&[u8]]>,
    ) -> Result<Session, Fault> {
        let mut session = Session::connect(config, server_name(name), protocols)?;
        if self.secrets != Keeping::Nothing {
            session.keep_secrets();
        }
        Ok(session)
    }
}

fn server_name(name: Option<&[u8]>) -> ServerName<'static> {
    let name = name.and_then(|n| std::str::from_utf8(n).ok());
    let name = name.and_then(|n| ServerName::try_from(n.to_owned()).ok());
    // Addresses are not sent as names.
    name.unwrap_or_else(|| ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0; 4]))))
}
