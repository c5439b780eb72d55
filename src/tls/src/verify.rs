//! Whom the other side's certificate has to convince.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::{self, LoadError};

/// Whether a peer has to show a certificate (`verify`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// It is not asked for.
    None,
    /// It may have none.
    Optional,
    /// It must have one.
    Required,
}

impl Verify {
    /// By the argument of `verify` of those who have clients.
    pub(crate) fn of_clients_named(name: &str) -> Result<Self, String> {
        match name {
            "none" => Ok(Self::None),
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err(format!(
                "unknown verify method '{name}', only 'none', 'optional', and 'required' are supported"
            )),
        }
    }
}

/// Where the certificates of authorities are (`ca-file`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authorities {
    /// A file, or a directory of files.
    Path(PathBuf),
    /// Those that the system trusts (`@system-ca`).
    System,
}

impl std::fmt::Display for Authorities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::System => f.write_str("@system-ca"),
        }
    }
}

/// Where systems keep what they trust.
const SYSTEM: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

impl Authorities {
    /// By the argument of `ca-file`.
    pub(crate) fn named(written: &str, base: Option<&Path>) -> Self {
        if written == "@system-ca" {
            return Self::System;
        }
        let path = base.map_or_else(|| PathBuf::from(written), |base| base.join(written));
        Self::Path(std::path::absolute(&path).unwrap_or(path))
    }

    /// Reads them.
    pub(crate) fn load(&self) -> Result<Arc<RootCertStore>, LoadError> {
        let files = match self {
            Self::System => SYSTEM.iter().map(PathBuf::from).filter(|p| p.exists()).take(1).collect(),
            Self::Path(path) if path.is_dir() => files_of(path)?,
            Self::Path(path) => vec![path.clone()],
        };
        let mut roots = RootCertStore::empty();
        for file in &files {
            let text = std::fs::read(file)
                .map_err(|e| LoadError::new(file, format!("unable to load the CA file ({e})")))?;
            for authority in certificate::chain(file, &text)? {
                // A store may hold what this program cannot use; the others serve.
                let _ = roots.add(authority);
            }
        }
        if roots.is_empty() {
            let file = files.first().map_or(Path::new("@system-ca"), PathBuf::as_path);
            return Err(LoadError::new(file, "no usable certificate of an authority in"));
        }
        Ok(Arc::new(roots))
    }
}

fn files_of(directory: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let entries = std::fs::read_dir(directory)
        .map_err(|e| LoadError::new(directory, format!("unable to read the directory ({e})")))?;
    let wanted = |p: &PathBuf| p.extension().is_some_and(|e| e == "pem" || e == "crt" || e == "cer");
    let mut files: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).filter(wanted).collect();
    files.sort();
    Ok(files)
}

/// What checks the certificates of clients.
pub(crate) fn of_clients(
    roots: Arc<RootCertStore>,
    verify: Verify,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let builder = if verify == Verify::Optional { builder.allow_unauthenticated() } else { builder };
    builder.build().map_err(|e| e.to_string())
}

/// Checks the certificates of servers.
#[derive(Debug)]
pub(crate) struct OfServers {
    /// The authorities; without them everything is believed (`verify none`).
    pub(crate) roots: Option<Arc<RootCertStore>>,
    /// The name that has to be in the certificate (`verifyhost`), in place of the one that was asked for.
    pub(crate) host: Option<ServerName<'static>>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl OfServers {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let Some(roots) = &self.roots else { return Ok(()) };
        let certificate = EndEntityCert::try_from(certificate).map_err(|e| pki_error(&e))?;
        certificate
            .verify_for_usage(
                self.algorithms.all,
                &roots.roots,
                intermediates,
                now,
                KeyUsage::server_auth(),
                None,
                None,
            )
            .map_err(|e| pki_error(&e))?;
        // Without a name that was asked for nothing says whom the certificate should be for.
        let wanted = self.host.as_ref().or(match name {
            ServerName::DnsName(_) => Some(name),
            _ => None,
        });
        wanted.map_or(Ok(()), |name| {
            certificate.verify_is_valid_for_subject_name(name).map_err(|e| pki_error(&e))
        })
    }
}

impl OfServers {
    /// Where nothing is asked of a certificate, one of the first version of the format, which the library does not
    /// know, is as good as any: its key alone says whether a signature is right.
    fn or_by_key(
        &self,
        checked: Result<HandshakeSignatureValid, Error>,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let unread =
            matches!(EndEntityCert::try_from(certificate), Err(webpki::Error::UnsupportedCertVersion));
        if checked.is_ok() || self.roots.is_some() || !unread {
            return checked;
        }
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| pki_error(&webpki::Error::BadDer))?;
        let public = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        let key = RawPublicKeyEntity::try_from(&public).map_err(|e| pki_error(&e))?;
        let algorithms = self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
        let fits = |a: &&&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            key.verify_signature(**a, message, signed.signature()).is_ok()
        };
        match algorithms.and_then(|(_, all)| all.iter().find(fits)) {
            Some(_) => Ok(HandshakeSignatureValid::assertion()),
            None => checked,
        }
    }
}

fn pki_error(error: &webpki::Error) -> Error {
    use webpki::Error as Pki;
    let certificate = match error {
        Pki::UnknownIssuer => CertificateError::UnknownIssuer,
        Pki::CertExpired { .. } => CertificateError::Expired,
        Pki::CertNotValidYet { .. } => CertificateError::NotValidYet,
        Pki::CertNotValidForName(_) => CertificateError::NotValidForName,
        Pki::CertRevoked => CertificateError::Revoked,
        Pki::BadDer => CertificateError::BadEncoding,
        other => return Error::General(other.to_string()),
    };
    Error::InvalidCertificate(certificate)
}

impl ServerCertVerifier for OfServers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, server_name, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = verify_tls12_signature(message, cert, dss, &self.algorithms);
        self.or_by_key(checked, message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = verify_tls13_signature(message, cert, dss, &self.algorithms);
        self.or_by_key(checked, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
