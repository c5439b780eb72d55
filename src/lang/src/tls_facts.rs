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
    /// Why it failed.
    pub error: Option<TlsError>,
}

/// Why there was no agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The number that OpenSSL 3 gives to such an error.
    pub code: u32,
    /// What it is, in words.
    pub text: Box<str>,
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
