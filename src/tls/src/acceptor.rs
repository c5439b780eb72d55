//! The server's side: what one `bind` line with `ssl` presents to its clients.

use std::sync::Arc;

use arc_swap::ArcSwap;
use config::directive::Switch;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureScheme};

use crate::directory::{Directory, Presented, Strictness};
use crate::fault::Fault;
use crate::forge::Forge;
use crate::hello::{Hello, Opening};
use crate::memory::Memory;
use crate::names::Version;
use crate::overheard;
use crate::pki::chain::Trust;
use crate::pki::error::Ignored;
use crate::profile::Profile;
use crate::session::Session;
use crate::session::secrets::Keeping;
use crate::settings::{CaNames, Use};
use crate::sigalgs::Presenting;
use crate::store::TrustFiles;
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
    pub(crate) files: TrustFiles,
    /// What is passed over: of their own certificates, and of authorities.
    pub(crate) ignored: (Ignored, Ignored),
    /// Whether clients are told the names of authorities.
    pub(crate) told: CaNames,
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
    configs: ArcSwap<Configs>,
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
    /// What makes certificates for names that nobody has.
    forge: Option<Forge>,
}

impl Resolver {
    /// What the client gets, unless it takes up an earlier session.
    fn find(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<Presented>> {
        let directory = self.directory.load();
        if let (Some(forge), Some(asked)) = (&self.forge, name) {
            let found = directory.named(name, schemes);
            return found.or_else(|| Self::made(&directory, forge, asked, schemes)).or_else(|| {
                (self.strictness == Strictness::Lenient).then(|| directory.for_others(schemes)).flatten()
            });
        }
        directory.find(name, schemes, self.strictness)
    }

    fn made(
        directory: &Directory,
        forge: &Forge,
        name: &str,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<Presented>> {
        let certificate = forge.certificate(name, &directory.for_others(schemes)?.certificate)?;
        Some(Arc::new(Presented { certificate, name: None, configs: None }))
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let found = self.find(hello.server_name(), hello.signature_schemes());
        found.map(|presented| presented.certificate.presented())
    }
}

impl Acceptor {
    /// Makes what a listener needs, for now without any certificate.
    pub(crate) fn new(terms: Terms, trust: Trust, forge: Option<Forge>) -> Result<Self, String> {
        let directory = ArcSwap::from_pointee(Directory::default());
        let resolver = Arc::new(Resolver { directory, strictness: terms.strictness, forge });
        let configs = ArcSwap::from_pointee(terms.configs(&resolver, trust)?);
        Ok(Self { terms, configs, resolver })
    }

    /// The terms of all lines that say nothing else.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What sessions on other terms need.
    pub(crate) fn on(&self, terms: &Terms, trust: Trust) -> Result<Configs, String> {
        terms.configs(&self.resolver, trust)
    }

    /// Begins sessions with other settings from now on. Those that have begun go on, and are not taken up again.
    pub(crate) fn adopt(&self, configs: Configs) {
        self.configs.store(Arc::new(configs));
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
        let presented = self.resolver.find(hello.server_name.as_deref(), &hello.schemes());
        let common = self.configs.load();
        let own = presented.as_ref().and_then(|p| p.configs.as_deref());
        let configs = own.unwrap_or(&common);
        let offer = (self.terms.capture > 0).then(|| hello.offer(self.terms.capture));
        let config = configs.config_for(&hello).clone();
        let mut begun = Session::accept(config, came, hello.server_name.clone(), presented.clone());
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
    fn configs(&self, resolver: &Arc<Resolver>, trust: Trust) -> Result<Configs, String> {
        let realm = self.realm(&trust);
        let verifier = self.verifier(trust)?;
        let again = verifier.clone().filter(|v| v.ignored != (Ignored::NONE, Ignored::NONE));
        let mut config = self.config(resolver.clone(), verifier, realm)?;
        let without_protocols = Arc::new(config.clone());
        config.alpn_protocols = self.profile.protocol_list();
        Ok(Configs { config: Arc::new(config), without_protocols, again, asks: self.verify })
    }

    fn verifier(&self, trust: Trust) -> Result<Option<Arc<OfClients>>, String> {
        if self.verify == Verify::None {
            return Ok(None);
        }
        let Clients { files, ignored, told } = &self.clients;
        if trust.authorities.is_empty() {
            return Err("verify is enabled but no CA file specified".to_owned());
        }
        // The first file is the one whose names clients are told.
        let names = match told {
            CaNames::Told if files.authorities.is_some() => trust.authorities[0].names(),
            _ => Vec::new(),
        };
        let algorithms = self.profile.provider()?.signature_verification_algorithms;
        let (verify, ignored) = (self.verify, *ignored);
        let signatures = self.profile.signatures_of_clients().cloned();
        Ok(Some(Arc::new(OfClients { trust, verify, ignored, names, algorithms, signatures })))
    }

    fn config(
        &self,
        resolver: Arc<Resolver>,
        verifier: Option<Arc<OfClients>>,
        realm: u64,
    ) -> Result<ServerConfig, String> {
        let provider = overheard::listen(&*self.profile.provider()?, self.secrets);
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
            config.ticketer = Arc::new(self.ticketer(realm)?);
        }
        Ok(config)
    }

    fn ticketer(&self, realm: u64) -> Result<Ticketer, String> {
        let maker = match &self.ticket_keys {
            Some(keys) => keys.clone(),
            None => rustls::crypto::aws_lc_rs::Ticketer::new()
                .map_err(|e| format!("no keys for tickets ({e})"))?,
        };
        Ok(Ticketer { maker, lifetime: self.lifetime, realm })
    }

    /// A number of those whom certificates of clients have to convince, and of what they revoked: a ticket tells that
    /// one did.
    fn realm(&self, trust: &Trust) -> u64 {
        if self.verify == Verify::None {
            return 0;
        }
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        hash.update(&[u8::from(self.verify == Verify::Required)]);
        for object in trust.authorities.iter().chain(&trust.revocations).flat_map(|store| store.objects()) {
            hash.update(&object.der);
        }
        hash.digest()
    }
}

/// Whether somebody begins with an HTTP request.
fn is_http(came: &[u8]) -> bool {
    [&b"GET "[..], b"POST ", b"HEAD ", b"PUT "].iter().any(|method| came.starts_with(method))
}
