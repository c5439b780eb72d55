//! Certificates with their keys, as they are read from files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate with its chain and its key, ready to be presented.
#[derive(Debug)]
pub struct Certificate {
    /// The file that it came from.
    pub file: PathBuf,
    /// The names that it is for, in lower case; `*.` in front for those with a wildcard.
    pub names: Vec<Box<str>>,
    /// What its key is.
    pub kind: KeyKind,
    pub(crate) key: Arc<CertifiedKey>,
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// ECDSA.
    Ecdsa,
    /// Ed25519.
    Ed25519,
}

/// Why a file gives no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} '{}'", self.reason, self.file.display())
    }
}

impl LoadError {
    pub(crate) fn new(file: &Path, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), reason: reason.into() }
    }

    fn io(file: &Path, error: &io::Error) -> Self {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "No such file or directory".to_owned(),
            io::ErrorKind::PermissionDenied => "Permission denied".to_owned(),
            _ => error.to_string(),
        };
        Self::new(file, format!("unable to stat SSL certificate from file ({why}):"))
    }
}

/// Files beside a certificate's that are looked for by its name with something appended (`ssl-load-extra-files`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extras {
    /// `.key`.
    pub key: bool,
    /// `.ocsp`.
    pub ocsp: bool,
    /// `.issuer`.
    pub issuer: bool,
    /// How they are named.
    pub naming: ExtraNames,
}

/// How files beside a certificate's are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtraNames {
    /// `x.crt.key` stands beside `x.crt`.
    #[default]
    Appended,
    /// `x.key` does (`ssl-load-extra-del-ext`).
    Replaced,
}

impl Default for Extras {
    fn default() -> Self {
        Self { key: true, ocsp: true, issuer: true, naming: ExtraNames::Appended }
    }
}

impl Extras {
    /// The file with `extension` that belongs to a certificate's.
    fn beside(self, file: &Path, extension: &str) -> PathBuf {
        if self.naming == ExtraNames::Replaced && file.extension().is_some_and(|e| e == "crt") {
            return file.with_extension(extension);
        }
        let mut name = file.as_os_str().to_owned();
        name.push(".");
        name.push(extension);
        PathBuf::from(name)
    }
}

impl Certificate {
    /// Reads a certificate, its chain and its key from a PEM file, and from those beside it.
    pub fn load(file: &Path, extras: Extras) -> Result<Self, LoadError> {
        let text = fs::read(file).map_err(|e| LoadError::io(file, &e))?;
        let mut chain = chain(file, &text)?;
        if chain.is_empty() {
            return Err(LoadError::new(file, "unable to load certificate from file"));
        }
        let key = match key(file, &text)? {
            Some(key) => key,
            None if extras.key => {
                let beside = extras.beside(file, "key");
                let text = fs::read(&beside).map_err(|_| LoadError::new(file, "No Private Key found in"))?;
                key_of(&beside, &text)?
            }
            None => return Err(LoadError::new(file, "No Private Key found in")),
        };
        if extras.issuer {
            add_issuer(&mut chain, &extras.beside(file, "issuer"))?;
        }
        let mut certificate = Self::new(file, chain, &key)?;
        if extras.ocsp
            && let Ok(response) = fs::read(extras.beside(file, "ocsp"))
            && let Some(key) = Arc::get_mut(&mut certificate.key)
        {
            key.ocsp = Some(response);
        }
        Ok(certificate)
    }

    fn new(
        file: &Path,
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Self, LoadError> {
        let names = names(&chain[0]).map_err(|reason| LoadError::new(file, reason))?;
        let key = any_supported_type(key)
            .map_err(|_| LoadError::new(file, "unable to load private key from file"))?;
        let kind = match key.algorithm() {
            SignatureAlgorithm::RSA => KeyKind::Rsa,
            SignatureAlgorithm::ECDSA => KeyKind::Ecdsa,
            _ => KeyKind::Ed25519,
        };
        if !belongs(key.as_ref(), &chain[0]) {
            return Err(LoadError::new(
                file,
                "inconsistencies between private key and certificate loaded from PEM file",
            ));
        }
        let certified = CertifiedKey::new(chain, key);
        Ok(Self { file: file.to_owned(), names, kind, key: Arc::new(certified) })
    }

    /// Whether a client that takes these signatures can use it.
    pub(crate) fn suits(&self, schemes: &[SignatureScheme]) -> bool {
        self.key.key.choose_scheme(schemes).is_some()
    }

    /// The certificate itself, in DER.
    pub fn der(&self) -> &[u8] {
        &self.key.cert[0]
    }
}

/// Whether a key is a certificate's, as far as the key tells.
fn belongs(key: &dyn SigningKey, certificate: &[u8]) -> bool {
    let Some(own) = key.public_key() else { return true };
    let parsed = X509Certificate::from_der(certificate);
    parsed.is_ok_and(|(_, parsed)| parsed.tbs_certificate.subject_pki.raw == &*own)
}

/// The certificates of a PEM text, in their order.
pub(crate) fn chain(file: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| LoadError::new(file, "unable to load certificate chain from file"))
}

fn key(file: &Path, text: &[u8]) -> Result<Option<PrivateKeyDer<'static>>, LoadError> {
    match PrivateKeyDer::pem_slice_iter(text).next() {
        None => Ok(None),
        Some(Ok(key)) => Ok(Some(key)),
        Some(Err(_)) => Err(LoadError::new(file, "unable to load private key from file")),
    }
}

fn key_of(file: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, LoadError> {
    key(file, text)?.ok_or_else(|| LoadError::new(file, "unable to load private key from file"))
}

/// Appends the issuer's certificate unless the chain has it.
fn add_issuer(chain: &mut Vec<CertificateDer<'static>>, file: &Path) -> Result<(), LoadError> {
    if chain.len() > 1 {
        return Ok(());
    }
    if let Ok(text) = fs::read(file) {
        chain.extend(self::chain(file, &text)?);
    }
    Ok(())
}

/// The names that a certificate is for: those of its extension, and the common name.
fn names(certificate: &[u8]) -> Result<Vec<Box<str>>, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|e| format!("unable to read the certificate ({e}) of"))?;
    let mut names: Vec<Box<str>> = Vec::new();
    let mut add = |name: &str| {
        let name = name.to_ascii_lowercase().into_boxed_str();
        if !names.contains(&name) {
            names.push(name);
        }
    };
    if let Ok(Some(extension)) = parsed.subject_alternative_name() {
        for name in &extension.value.general_names {
            if let GeneralName::DNSName(name) = name {
                add(name);
            }
        }
    }
    for name in parsed.subject().iter_common_name() {
        if let Ok(name) = name.as_str() {
            add(name);
        }
    }
    Ok(names)
}
