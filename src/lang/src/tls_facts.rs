//! What is known of an encrypted connection.

use std::sync::{Arc, Mutex, PoisonError};

/// What both sides agreed on, and who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version's name.
    pub version: &'static str,
    /// The cipher suite's name.
    pub cipher: &'static str,
    /// The bits of the cipher's key.
    pub key_bits: u32,
    /// The name of the group of the key exchange; empty where there was none.
    pub group: &'static str,
    /// The application protocol (ALPN).
    pub protocol: Option<Box<[u8]>>,
    /// The name of the server that the client asked for (SNI).
    pub name: Option<Box<str>>,
    /// Whether an earlier session was taken up again.
    pub resumption: Resumption,
    /// The peer's certificate and those that it sent with it, in DER.
    pub peer: Arc<[Box<[u8]>]>,
    /// The certificate that was presented to the peer, in DER.
    pub own: Option<Arc<[u8]>>,
    /// The name that it is known by in the process: its file's, or an alias.
    pub own_name: Option<Arc<str>>,
    /// Whether something was sent before the handshake was over.
    pub early: EarlyData,
    /// Its secrets, where somebody asks for them.
    pub secrets: Option<Arc<Secrets>>,
    /// Why it failed.
    pub error: Option<TlsError>,
    /// What came of looking at the peer's certificate; nothing where nobody looked.
    pub verification: Option<Box<Verification>>,
    /// What the client offered, where that is kept (`tune.ssl.capture-buffer-size`).
    pub offer: Option<Box<Offer>>,
}

/// What a client offers in its first message; lists of numbers are in network order, two bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The version in front of the message.
    pub version: u16,
    /// Cipher suites.
    pub suites: Box<[u8]>,
    /// The hash of all cipher suites, however many are kept.
    pub suites_hash: u64,
    /// The types of the extensions.
    pub extensions: Box<[u8]>,
    /// Groups.
    pub groups: Box<[u8]>,
    /// Point formats, a byte each.
    pub formats: Box<[u8]>,
    /// Signature algorithms.
    pub signatures: Box<[u8]>,
    /// Versions.
    pub versions: Box<[u8]>,
}

/// What is wrong with a peer's certificate although it may have been accepted, by OpenSSL's numbers; 0 is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// The last that was found.
    pub result: u8,
    /// The first of its own certificate.
    pub leaf: u8,
    /// The first of its issuers' certificates.
    pub authority: u8,
    /// Where in the chain that was.
    pub depth: u8,
    /// The certificate that an accepted chain leads to, in DER.
    pub root: Option<Box<[u8]>>,
}

/// Why there was no agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The number that OpenSSL 3 gives to such an error.
    pub code: u32,
    /// What it is, in words.
    pub text: Box<str>,
}

/// What both sides say in the clear before there are any secrets, and these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The random bytes of the client.
    pub client_random: Box<[u8]>,
    /// Those of the server.
    pub server_random: Box<[u8]>,
    /// The session as the server calls it.
    pub session_id: Box<[u8]>,
    /// The messages that end the handshake.
    pub ends: Ends,
    /// The session's key.
    pub key: SessionKey,
    /// Those of TLS 1.3, in hexadecimal.
    kept: Vec<(Secret, Box<str>)>,
}

/// What the messages say that end a handshake (`Finished`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The client's.
    pub client: Option<Box<[u8]>>,
    /// The server's.
    pub server: Option<Box<[u8]>>,
}

/// A session's key as OpenSSL has it: its master secret, and in TLS 1.3 what the last ticket takes it up by, which may
/// come at any time. All who know of the session see the same.
#[derive(Clone, Debug, Default)]
pub struct SessionKey(Arc<Mutex<Option<Box<[u8]>>>>);

impl SessionKey {
    /// Puts another key in the place of the one before.
    pub fn replace(&self, key: Box<[u8]>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
    }

    /// The key, once there is one.
    pub fn get(&self) -> Option<Box<[u8]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl PartialEq for SessionKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.get() == other.get()
    }
}

impl Eq for SessionKey {}

/// A secret of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// The master secret, up to TLS 1.2.
    Master,
    /// What the client encrypts early data with.
    ClientEarlyTraffic,
    /// What the client encrypts its handshake with.
    ClientHandshakeTraffic,
    /// What the server encrypts its handshake with.
    ServerHandshakeTraffic,
    /// What the client encrypts content with at first.
    ClientTraffic,
    /// What the server encrypts content with at first.
    ServerTraffic,
    /// What keys for other uses are made of.
    Exporter,
    /// The same, before the end of the handshake.
    EarlyExporter,
}

impl Secrets {
    /// Keeps a secret.
    pub fn keep(&mut self, which: Secret, secret: &[u8]) {
        if which == Secret::Master {
            self.key.replace(secret.into());
            return;
        }
        let digits = secret.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>();
        self.kept.push((which, digits.concat().into()));
    }

    /// A secret of TLS 1.3, in hexadecimal.
    pub fn secret(&self, which: Secret) -> Option<&str> {
        self.kept.iter().find(|(w, _)| *w == which).map(|(_, digits)| &**digits)
    }
}

/// What was sent before the handshake was over (RFC 8446, section 2.3): somebody else may have sent it once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EarlyData {
    /// Nothing.
    #[default]
    None,
    /// Something, and the handshake is not yet over.
    Pending,
    /// Something; since then the peer has shown that it is there.
    Confirmed,
}

/// Whether a session goes back to an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resumption {
    /// It is new.
    #[default]
    New,
    /// It takes up an earlier one.
    Resumed,
}
