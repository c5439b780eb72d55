//! Why a session cannot begin or go on.

use std::io;
use std::sync::Arc;

use lang::facts::ConnFault;
use lang::tls_facts::{TlsError, TlsFacts};
use rustls::{AlertDescription, Error};

use crate::pki::chain::Refused;
use crate::verify::Refusal;

/// Why a session failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How fetches and logs of the connection tell it.
    pub conn: ConnFault,
    /// What happened, in words.
    pub reason: Box<str>,
    /// What is known of the session, once somebody was seen.
    pub known: Option<Arc<TlsFacts>>,
    /// The number that OpenSSL 3 gives to it; 0 where the protocol is not to blame.
    pub code: u32,
}

/// What OpenSSL adds to the numbers of errors in its TLS part.
const LIBRARY: u32 = 20 << 23;
/// What OpenSSL adds to the number of an alert that came.
const ALERT: u32 = 1000;

// Log readers know these messages word for word.
const EMPTY: ConnFault =
    ConnFault { id: 24, name: "SSL_EMPTY", message: "Connection closed during SSL handshake" };
const ABORT: ConnFault =
    ConnFault { id: 25, name: "SSL_ABORT", message: "Connection error during SSL handshake" };
const TIMEOUT: ConnFault = ConnFault { id: 26, name: "SSL_TIMEOUT", message: "Timeout during SSL handshake" };
const CROWDED: ConnFault = ConnFault { id: 27, name: "SSL_TOO_MANY", message: "Too many SSL connections" };
const CA: ConnFault =
    ConnFault { id: 30, name: "SSL_CA_FAIL", message: "SSL client CA chain cannot be verified" };
const CERTIFICATE: ConnFault =
    ConnFault { id: 31, name: "SSL_CRT_FAIL", message: "SSL client certificate not trusted" };
const HOST: ConnFault = ConnFault {
    id: 32,
    name: "SSL_MISMATCH",
    message: "Server presented an SSL certificate different from the configured one",
};
const ASKED_NAME: ConnFault = ConnFault {
    id: 33,
    name: "SSL_MISMATCH_SNI",
    message: "Server presented an SSL certificate different from the expected one",
};
const HANDSHAKE: ConnFault = ConnFault { id: 34, name: "SSL_HANDSHAKE", message: "SSL handshake failure" };

const UPDATES: ConnFault = ConnFault {
    id: 58,
    name: "SSL_KEYUPDATE",
    message: "Aborted connection after a TLS 1.3 KeyUpdate flood",
};

impl Fault {
    /// The peer changes its keys too often.
    pub(crate) fn restless() -> Self {
        Self { conn: UPDATES, reason: "too many key updates".into(), code: 0, known: None }
    }

    /// The peer closed during the handshake.
    pub fn closed() -> Self {
        Self { conn: EMPTY, reason: "connection closed".into(), code: 0, known: None }
    }

    /// The connection broke during the handshake.
    pub fn aborted() -> Self {
        Self { conn: ABORT, reason: "connection broken".into(), code: 0, known: None }
    }

    /// The peer speaks HTTP without encryption.
    pub(crate) fn http() -> Self {
        Self { conn: HANDSHAKE, reason: "http request".into(), code: LIBRARY | 0x9c, known: None }
    }

    /// The handshake took too long.
    pub fn late() -> Self {
        Self { conn: TIMEOUT, reason: "timeout".into(), code: 0, known: None }
    }

    /// There are too many sessions already (`maxsslconn`).
    pub fn crowded() -> Self {
        Self { conn: CROWDED, reason: "too many sessions".into(), code: 0, known: None }
    }

    /// Whether it took too long.
    pub fn is_late(&self) -> bool {
        self.conn == TIMEOUT
    }

    /// Whether such a fault means that the peer said too little to be heard.
    pub fn is_silence(fault: ConnFault) -> bool {
        [EMPTY, ABORT, TIMEOUT].contains(&fault)
    }

    /// Whether the peer's certificate is to blame.
    pub fn is_about_certificate(&self) -> bool {
        [CA, CERTIFICATE, HOST, ASKED_NAME].contains(&self.conn) || self.reason.contains("certificate")
    }

    /// What the library says.
    pub(crate) fn of(error: &Error) -> Self {
        let (number, reason) = reason(error);
        Self { conn: HANDSHAKE, reason: reason.into(), code: LIBRARY | number, known: None }
    }

    /// The same of a client whose certificate was refused for something.
    pub(crate) fn of_client(self, refusal: Option<Refusal>) -> Self {
        let conn = match refusal {
            Some(Refusal::Chain(Refused::Leaf(_))) => CERTIFICATE,
            Some(Refusal::Chain(Refused::Authority(_))) => CA,
            Some(Refusal::AskedName | Refusal::Host) | None => self.conn,
        };
        Self { conn, ..self }
    }

    /// The same of a server whose certificate was refused for something.
    pub(crate) fn of_server(self, refusal: Option<Refusal>) -> Self {
        let conn = match refusal {
            Some(Refusal::AskedName) => ASKED_NAME,
            Some(Refusal::Host) => HOST,
            Some(Refusal::Chain(_)) | None => self.conn,
        };
        Self { conn, ..self }
    }

    /// What fetches tell of it.
    pub fn facts(&self) -> TlsFacts {
        let text = format!("error:{:08X}:SSL routines::{}", self.code, self.reason).into();
        let error = TlsError { code: self.code, text };
        let known = self.known.as_deref().cloned().unwrap_or_default();
        TlsFacts { error: Some(error).filter(|e| e.code != 0), ..known }
    }
}

/// What is wrong, by the numbers and the names that tools know from OpenSSL.
fn reason(error: &Error) -> (u32, String) {
    use rustls::PeerIncompatible as Incompatible;
    let (number, name) = match error {
        Error::PeerIncompatible(Incompatible::NoCipherSuitesInCommon) => (193, "no shared cipher"),
        Error::PeerIncompatible(
            Incompatible::SupportedVersionsExtensionRequired
            | Incompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => (258, "unsupported protocol"),
        Error::PeerIncompatible(Incompatible::NoKxGroupsInCommon) => (101, "no suitable key share"),
        Error::PeerIncompatible(Incompatible::NoSignatureSchemesInCommon) => {
            (118, "no suitable signature algorithm")
        }
        Error::NoCertificatesPresented => (199, "peer did not return a certificate"),
        Error::InvalidCertificate(_) => (134, "certificate verify failed"),
        Error::NoApplicationProtocol => (235, "no application protocol"),
        Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => (267, "wrong version number"),
        Error::AlertReceived(alert) => (ALERT + u32::from(u8::from(*alert)), alert_name(*alert)),
        // What OpenSSL calls an internal error says as much.
        other => return (68, other.to_string()),
    };
    (number, name.to_owned())
}

fn alert_name(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::HandshakeFailure => "sslv3 alert handshake failure",
        AlertDescription::BadCertificate => "sslv3 alert bad certificate",
        AlertDescription::UnsupportedCertificate => "sslv3 alert unsupported certificate",
        AlertDescription::CertificateRevoked => "sslv3 alert certificate revoked",
        AlertDescription::CertificateExpired => "sslv3 alert certificate expired",
        AlertDescription::CertificateUnknown => "sslv3 alert certificate unknown",
        AlertDescription::UnknownCA => "tlsv1 alert unknown ca",
        AlertDescription::AccessDenied => "tlsv1 alert access denied",
        AlertDescription::DecryptError => "tlsv1 alert decrypt error",
        AlertDescription::ProtocolVersion => "tlsv1 alert protocol version",
        AlertDescription::UnrecognisedName => "tlsv1 unrecognized name",
        AlertDescription::CertificateRequired => "tlsv13 alert certificate required",
        _ => "alert",
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault.reason.into_string())
    }
}
