//! What is known of an encrypted connection.

use std::sync::Arc;

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
    /// Whether something was sent before the handshake was over.
    pub early: EarlyData,
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
