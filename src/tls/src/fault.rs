//! Why a session cannot begin or go on.

use std::io;

use lang::facts::ConnFault;
use rustls::{AlertDescription, CertificateError, Error};

/// Why a session failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How fetches and logs of the connection tell it.
    pub conn: ConnFault,
    /// What happened, in words.
    pub reason: Box<str>,
}

// Log readers know these messages word for word.
const EMPTY: ConnFault =
    ConnFault { id: 24, name: "SSL_EMPTY", message: "Connection closed during SSL handshake" };
const ABORT: ConnFault =
    ConnFault { id: 25, name: "SSL_ABORT", message: "Connection error during SSL handshake" };
const TIMEOUT: ConnFault = ConnFault { id: 26, name: "SSL_TIMEOUT", message: "Timeout during SSL handshake" };
const CA: ConnFault =
    ConnFault { id: 30, name: "SSL_CA_FAIL", message: "SSL client CA chain cannot be verified" };
const CERTIFICATE: ConnFault =
    ConnFault { id: 31, name: "SSL_CRT_FAIL", message: "SSL client certificate not trusted" };
const HANDSHAKE: ConnFault = ConnFault { id: 34, name: "SSL_HANDSHAKE", message: "SSL handshake failure" };

impl Fault {
    /// The peer closed during the handshake.
    pub fn closed() -> Self {
        Self { conn: EMPTY, reason: "connection closed".into() }
    }

    /// The connection broke during the handshake.
    pub fn aborted() -> Self {
        Self { conn: ABORT, reason: "connection broken".into() }
    }

    /// The handshake took too long.
    pub fn late() -> Self {
        Self { conn: TIMEOUT, reason: "timeout".into() }
    }

    /// Whether it took too long.
    pub fn is_late(&self) -> bool {
        self.conn == TIMEOUT
    }

    /// Whether such a fault means that the peer said too little to be heard.
    pub fn is_silence(fault: ConnFault) -> bool {
        [EMPTY, ABORT, TIMEOUT].contains(&fault)
    }

    /// What the library says.
    pub(crate) fn of(error: &Error) -> Self {
        let conn = match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => CA,
            Error::InvalidCertificate(_) => CERTIFICATE,
            _ => HANDSHAKE,
        };
        Self { conn, reason: reason(error).into() }
    }
}

/// What is wrong, by the names that tools know from other TLS libraries.
fn reason(error: &Error) -> String {
    use rustls::PeerIncompatible as Incompatible;
    let known = match error {
        Error::PeerIncompatible(Incompatible::NoCipherSuitesInCommon) => "no shared cipher",
        Error::PeerIncompatible(
            Incompatible::SupportedVersionsExtensionRequired
            | Incompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "unsupported protocol",
        Error::PeerIncompatible(Incompatible::NoKxGroupsInCommon) => "no suitable key share",
        Error::PeerIncompatible(Incompatible::NoSignatureSchemesInCommon) => {
            "no suitable signature algorithm"
        }
        Error::NoCertificatesPresented => "peer did not return a certificate",
        Error::InvalidCertificate(_) => "certificate verify failed",
        Error::NoApplicationProtocol => "no application protocol",
        Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => "wrong version number",
        Error::AlertReceived(alert) => return alert_name(*alert),
        other => return other.to_string(),
    };
    known.to_owned()
}

fn alert_name(alert: AlertDescription) -> String {
    let name = match alert {
        AlertDescription::UnknownCA => "unknown ca",
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::CertificateExpired => "certificate expired",
        AlertDescription::CertificateRevoked => "certificate revoked",
        AlertDescription::CertificateUnknown => "certificate unknown",
        AlertDescription::HandshakeFailure => "handshake failure",
        AlertDescription::ProtocolVersion => "protocol version",
        AlertDescription::UnrecognisedName => "unrecognized name",
        other => return format!("alert {}", u8::from(other)),
    };
    format!("alert {name}")
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault.reason.into_string())
    }
}
