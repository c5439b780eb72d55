//! The server's side: what one `bind` line with `ssl` presents to its clients.

use std::sync::Arc;

use arc_swap::ArcSwap;
use config::directive::Switch;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DistinguishedName, ServerConfig};

use crate::directory::{Directory, Presented, Strictness};
use crate::fault::Fault;
use crate::hello::{Hello, Opening};
use crate::memory::Memory;
use crate::names::Version;
use crate::pki::chain::Trust;
use crate::pki::error::Ignored;
use crate::profile::Profile;
use crate::session::Session;
use crate::session::secrets::Keeping;
use crate::settings::Use;
use crate::sigalgs::Presenting;
use crate::tickets::{TicketKeys, Ticketer};
use crate::verify::{OfClients, Verify};

/// What is decided for one listener, or for the sessions with one line of a list.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) profile: Profile,
    pub(crate) verify: Verify,
    pub(crate) clients: Clients,
    pub(crate) strictness: Strictness,
    /// Whose order of suites counts.
    pub(crate) order: Order,
    /// How much is kept of what clients offer.
    pub(crate) capture: usize,
    /// How many sessions are kept for those who come back; none for no cache.
    pub(crate) cache: usize,
    /// For how many seconds sessions are taken up again.
    pub(crate) lifetime: u32,
    /// The keys of a file for tickets; keys of the listener's own without.
    pub(crate) ticket_keys: Option<Arc<TicketKeys>>,
    /// Whether content is taken before the end of the handshake (`allow-0rtt`).
    pub(crate) early: Use,
    /// How much of it.
    pub(crate) early_room: u32,
    /// Which secrets are kept.
    pub(crate) secrets: Keeping,
}

/// What certificates of clients are held against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    pub(crate) trust: Trust,
    /// What is passed over: of their own certificates, and of authorities.
    pub(crate) ignored: (Ignored, Ignored),
    /// The names of authorities that clients are told.
    pub(crate) names: Vec<DistinguishedName>,
}

/// Whose preference counts when both sides have several suites in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// This side's.
    #[default]
    Own,
    /// The client's (`prefer-client-ciphers`).
    Clients,
}

/// Begins the sessions of one listener.
pub struct Acceptor {
    terms: Terms,
    configs: Configs,
    resolver: Arc<Resolver>,
}

/// The library's settings for sessions on the same terms.
pub(crate) struct Configs {
    config: Arc<ServerConfig>,
    /// For clients that speak none of the application protocols: they get none, rather than an error.
    without_protocols: Arc<ServerConfig>,
    /// What looks at certificates again when a session is taken up that may have begun with a bad one.
    again: Option<Arc<OfClients>>,
    /// Whether clients are asked for certificates.
    asks: Verify,
}

/// The extension with which a client announces that it sends something before the end of the handshake.
const EARLY_DATA: u16 = 42;
/// The one with which it asks for the word of the certificate's issuer.
const STATUS_REQUEST: u16 = 5;

impl std::fmt::Debug for Configs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Configs").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor").field("resolver", &self.resolver).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Resolver {
    directory: ArcSwap<Directory>,
    strictness: Strictness,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let directory = self.directory.load();
        let found = directory.find(hello.server_name(), hello.signature_schemes(), self.strictness);
        found.map(|presented| presented.certificate.presented())
    }
}

impl Acceptor {
    /// Makes what a listener needs, for now without any certificate.
    pub(crate) fn new(terms: Terms) -> Result<Self, String> {
        let directory = ArcSwap::from_pointee(Directory::default());
        let resolver = Arc::new(Resolver { directory, strictness: terms.strictness });
        let configs = terms.configs(&resolver)?;
        Ok(Self { terms, configs, resolver })
    }

    /// The terms of all lines that say nothing else.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What sessions on other terms need.
    pub(crate) fn on(&self, terms: &Terms) -> Result<Configs, String> {
        terms.configs(&self.resolver)
    }

    /// Puts other certificates in place of those that there are. Sessions that have begun go on.
    pub(crate) fn present(&self, directory: Directory) {
        self.resolver.directory.store(Arc::new(directory));
    }

    /// Begins a session with what a client has sent; none as long as its first message is not complete.
    pub fn accept(&self, came: &[u8]) -> Option<Result<Session, Fault>> {
        let hello = match Opening::read(came) {
            Opening::Partial => return None,
            Opening::Other if is_http(came) => return Some(Err(Fault::http())),
            // The session says what is wrong.
            Opening::Other => Box::default(),
            Opening::Hello(hello) => hello,
        };
        let presented = self.presented_to(&hello);
        let own = presented.as_ref().and_then(|p| p.configs.as_deref());
        let configs = own.unwrap_or(&self.configs);
        let offer = (self.terms.capture > 0).then(|| hello.offer(self.terms.capture));
        let certificate = presented.as_ref().map(|p| p.certificate.clone());
        let config = configs.config_for(&hello).clone();
        let mut begun = Session::accept(config, came, hello.server_name.clone(), certificate);
        if let Ok(session) = &mut begun {
            session.keep(offer, configs.again.as_ref());
            configs.expect_early(session, &hello);
            if hello.extensions.contains(&STATUS_REQUEST) {
                session.staple();
            }
            if self.terms.secrets != Keeping::Nothing {
                session.keep_secrets();
            }
        }
        Some(begun)
    }

    /// What the client gets, unless it takes up an earlier session.
    fn presented_to(&self, hello: &Hello) -> Option<Arc<Presented>> {
        let directory = self.resolver.directory.load();
        directory.find(hello.server_name.as_deref(), &hello.schemes(), self.resolver.strictness)
    }
}

impl Configs {
    /// What is announced may come even if it is not wanted.
    fn expect_early(&self, session: &mut Session, hello: &Hello) {
        if self.asks == Verify::None && hello.extensions.contains(&EARLY_DATA) {
            session.announce_early();
        } else if self.config.max_early_data_size > 0 {
            session.take_early();
        }
    }

    fn config_for(&self, hello: &Hello) -> &Arc<ServerConfig> {
        let offered = |p: &Vec<u8>| hello.protocols.iter().any(|o| **o == **p);
        if self.config.alpn_protocols.iter().any(offered) { &self.config } else { &self.without_protocols }
    }
}

impl Terms {
    fn configs(&self, resolver: &Arc<Resolver>) -> Result<Configs, String> {
        let verifier = self.verifier()?;
        let again = verifier.clone().filter(|v| v.ignored != (Ignored::NONE, Ignored::NONE));
        let mut config = self.config(resolver.clone(), verifier)?;
        let without_protocols = Arc::new(config.clone());
        config.alpn_protocols = self.profile.protocol_list();
        Ok(Configs { config: Arc::new(config), without_protocols, again, asks: self.verify })
    }

    fn verifier(&self) -> Result<Option<Arc<OfClients>>, String> {
        if self.verify == Verify::None {
            return Ok(None);
        }
        let Clients { trust, ignored, names } = self.clients.clone();
        if trust.authorities.is_empty() {
            return Err("'verify' : needs 'ca-file'".to_owned());
        }
        let algorithms = self.profile.provider()?.signature_verification_algorithms;
        let signatures = self.profile.signatures_of_clients().cloned();
        Ok(Some(Arc::new(OfClients { trust, verify: self.verify, ignored, names, algorithms, signatures })))
    }

    fn config(
        &self,
        resolver: Arc<Resolver>,
        verifier: Option<Arc<OfClients>>,
    ) -> Result<ServerConfig, String> {
        let provider = self.profile.provider()?;
        let versions = self.profile.versions()?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|e| e.to_string())?;
        let builder = match verifier {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let mut config = match self.profile.signatures.clone() {
            None => builder.with_cert_resolver(resolver),
            Some(schemes) => builder.with_cert_resolver(Arc::new(Presenting { resolver, schemes })),
        };
        if self.secrets != Keeping::Nothing {
            config.key_log = self.secrets.tap();
        }
        config.ignore_client_order = self.order == Order::Own;
        config.session_storage = match self.cache {
            0 => Arc::new(NoServerSessionStorage {}),
            size => Memory::new(size, self.lifetime),
        };
        if self.early == Use::Yes && self.profile.allows(Version::Tls13) {
            // Who comes twice with the same is found out only where sessions are remembered here.
            config.max_early_data_size = self.early_room;
            config.send_half_rtt_data = true;
        } else if self.profile.tickets != Some(Switch::Off) {
            config.ticketer = Arc::new(self.ticketer()?);
        }
        Ok(config)
    }

    fn ticketer(&self) -> Result<Ticketer, String> {
        let maker = match &self.ticket_keys {
            Some(keys) => keys.clone(),
            None => rustls::crypto::aws_lc_rs::Ticketer::new()
                .map_err(|e| format!("no keys for tickets ({e})"))?,
        };
        Ok(Ticketer { maker, lifetime: self.lifetime, realm: self.realm() })
    }

    /// A number of those whom certificates of clients have to convince: a ticket tells that they did.
    fn realm(&self) -> u64 {
        if self.verify == Verify::None {
            return 0;
        }
        let mut names = vec![u8::from(self.verify == Verify::Required)];
        for store in &self.clients.trust.authorities {
            names.extend(store.names().iter().flat_map(|name| name.as_ref().to_vec()));
        }
        xxhash_rust::xxh3::xxh3_64(&names)
    }
}

/// Whether somebody begins with an HTTP request.
fn is_http(came: &[u8]) -> bool {
    [&b"GET "[..], b"POST ", b"HEAD ", b"PUT "].iter().any(|method| came.starts_with(method))
}
