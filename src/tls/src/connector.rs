//! The client's side: how connections to one server with `ssl` are made.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};

use crate::certificate::Certificate;
use crate::fault::Fault;
use crate::pki::chain::Trust;
use crate::profile::Profile;
use crate::session::Session;
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

/// Begins the sessions with one server.
#[derive(Debug)]
pub struct Connector {
    config: ArcSwap<ClientConfig>,
    /// `verifyhost`.
    host: Option<Box<str>>,
    reuse: SessionReuse,
}

impl SessionReuse {
    fn resumption(self) -> Resumption {
        match self {
            Self::On => Resumption::in_memory_sessions(NAMES),
            Self::Off => Resumption::disabled(),
        }
    }
}

/// Servers whose sessions are remembered, by name.
const NAMES: usize = 256;

impl Connector {
    pub(crate) fn new(terms: Terms) -> Result<Self, String> {
        let provider = terms.profile.provider()?;
        let algorithms = provider.signature_verification_algorithms;
        let verifier = OfServers { trust: terms.trust, host: terms.host.clone(), algorithms };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&terms.profile.versions()?)
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match terms.certificate {
            None => builder.with_no_client_auth(),
            Some(certificate) => {
                let key = certificate.key.clone();
                builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)))
            }
        };
        config.alpn_protocols = terms.profile.protocol_list();
        config.resumption = terms.reuse.resumption();
        Ok(Self { config: ArcSwap::from_pointee(config), host: terms.host, reuse: terms.reuse })
    }

    /// Shows another certificate from now on. Sessions in which the old one was shown are not taken up again.
    pub(crate) fn show(&self, certificate: &Certificate) {
        let mut config = ClientConfig::clone(&self.config.load());
        let key = certificate.key.clone();
        config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(key));
        config.resumption = self.reuse.resumption();
        self.config.store(Arc::new(config));
    }

    /// Believes others from now on. Sessions with those who were believed before are not taken up again.
    pub(crate) fn believe(&self, trust: Trust) {
        let mut config = ClientConfig::clone(&self.config.load());
        let algorithms = config.crypto_provider().signature_verification_algorithms;
        let verifier = OfServers { trust: Some(trust), host: self.host.clone(), algorithms };
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        config.resumption = self.reuse.resumption();
        self.config.store(Arc::new(config));
    }

    /// Begins a session; the server is told the name that is wanted, if there is one.
    pub fn connect(&self, name: Option<&[u8]>) -> Result<Session, Fault> {
        let name = name.and_then(|n| std::str::from_utf8(n).ok());
        let name = name.and_then(|n| ServerName::try_from(n.to_owned()).ok());
        // Addresses are not sent as names.
        let nobody = || ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0; 4])));
        Session::connect(self.config.load_full(), name.unwrap_or_else(nobody))
    }
}
