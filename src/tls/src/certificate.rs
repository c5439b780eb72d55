//! Certificates with their keys, as they are read from files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::issuers::Sent;
use crate::ocsp;
use crate::ocsp::check::Valid;
use crate::ocsp::id::Id;
use crate::passphrase::PASSPHRASES;
use crate::pki::certificate::Cert;

/// A certificate with its chain and its key, ready to be presented.
#[derive(Debug)]
pub struct Certificate {
    /// The names that it is for, in lower case; `*.` in front for those with a wildcard.
    pub names: Vec<Box<str>>,
    /// What its key is.
    pub kind: KeyKind,
    pub(crate) key: Arc<CertifiedKey>,
    /// The key as it was read.
    private: Arc<PrivateKeyDer<'static>>,
    issuer: Option<CertificateDer<'static>>,
    /// The response on it as it was read.
    ocsp: Option<Vec<u8>>,
    /// What responses on it are known by, if its issuer is known.
    id: OnceLock<Option<Id>>,
    /// The same with a response.
    pub(crate) stapled: ArcSwapOption<Stapled>,
    completed_from: Option<Arc<str>>,
    /// The whole chain, where clients are not sent all of it.
    whole: Option<Vec<CertificateDer<'static>>>,
}

/// Whether a client is given the response of a certificate's issuer with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stapling {
    /// There never is any, or the client did not ask.
    None,
    /// It is.
    Given,
    /// There is none that is good now.
    Missed,
}

/// A certificate with a response on it, or without one that is still to come.
#[derive(Debug)]
pub(crate) struct Stapled {
    key: Arc<CertifiedKey>,
    /// Until when it is good, in seconds since 1970.
    until: i64,
}

/// What a certificate is made of, some of which may be missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// The certificate and those between it and the authority.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Option<Arc<PrivateKeyDer<'static>>>,
    /// The response of its issuer that it is still good.
    pub(crate) ocsp: Option<Vec<u8>>,
    /// Who issued it, where the chain does not say.
    pub(crate) issuer: Option<CertificateDer<'static>>,
    /// Where the chain was found, when it did not come with the certificate.
    pub(crate) completed_from: Option<Arc<str>>,
    /// How much of the chain clients are sent.
    pub(crate) sent: Sent,
}

/// Why parts make up no certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// There is no key.
    NoKey,
    /// The key is another certificate's.
    Mismatch,
    /// In words.
    Other(String),
}

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) crt: PathBuf,
    pub(crate) beside: Beside,
}

/// Where the other files of a certificate are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Beside it.
    Sought(Extras),
    /// Where the configuration says.
    Told { key: Option<PathBuf>, ocsp: Option<PathBuf>, issuer: Option<PathBuf> },
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
pub(crate) struct LoadError {
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
        let why = reason(error);
        Self::new(file, format!("unable to stat SSL certificate from file ({why}):"))
    }
}

/// What is wrong with a file, in the words of the system.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "No such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "Permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Files beside a certificate's that are looked for by its name with something appended (`ssl-load-extra-files`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extras {
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
pub(crate) enum ExtraNames {
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

impl Parts {
    /// Reads a certificate, its chain and its key from a PEM file, and from those beside it.
    pub(crate) fn load(files: &Files) -> Result<Self, LoadError> {
        let file = &files.crt;
        let text = fs::read(file).map_err(|e| LoadError::io(file, &e))?;
        let mut parts = Self::of_pem(file, &text)?;
        if parts.key.is_none() {
            parts.key = opened(file, &text)?.map(Arc::new);
        }
        match &files.beside {
            Beside::Sought(extras) => parts.seek(file, *extras)?,
            Beside::Told { key, ocsp, issuer } => {
                let read = |file: &Option<PathBuf>| match file {
                    Some(file) => fs::read(file).map(Some).map_err(|e| LoadError::io(file, &e)),
                    None => Ok(None),
                };
                if let (Some(file), Some(text)) = (key, read(key)?) {
                    parts.key = Some(Arc::new(key_of(file, &text)?));
                }
                parts.ocsp = read(ocsp)?;
                if let (Some(file), Some(text)) = (issuer, read(issuer)?) {
                    parts.issuer = chain(file, &text)?.into_iter().next();
                    parts.check_issuer(file)?;
                }
            }
        }
        Ok(parts)
    }

    /// What a PEM text has.
    pub(crate) fn of_pem(file: &Path, text: &[u8]) -> Result<Self, LoadError> {
        let chain = chain(file, text)?;
        if chain.is_empty() {
            return Err(LoadError::new(file, "unable to load certificate from file"));
        }
        Ok(Self { chain, key: key(file, text)?.map(Arc::new), ..Self::default() })
    }

    /// Adds the key that stands in a file beside a certificate's.
    pub(crate) fn seek_key(&mut self, file: &Path, extras: Extras) -> Result<(), LoadError> {
        let beside = extras.beside(file, "key");
        let text = fs::read(&beside).map_err(|_| LoadError::new(&beside, "No Private Key found in"))?;
        self.key = Some(Arc::new(key_of(&beside, &text)?));
        Ok(())
    }

    /// Adds what stands in files beside a certificate's.
    fn seek(&mut self, file: &Path, extras: Extras) -> Result<(), LoadError> {
        if self.key.is_none() && extras.key {
            self.seek_key(file, extras)?;
        }
        if self.key.is_none() {
            return Err(LoadError::new(file, "No Private Key found in"));
        }
        if extras.ocsp {
            self.ocsp = fs::read(extras.beside(file, "ocsp")).ok();
        }
        // Nothing else needs to know the issuer.
        let beside = extras.beside(file, "issuer");
        if extras.issuer
            && self.ocsp.is_some()
            && issuer_in(&self.chain).is_none()
            && let Ok(text) = fs::read(&beside)
        {
            self.issuer = chain(&beside, &text)?.into_iter().next();
            self.check_issuer(&beside)?;
        }
        Ok(())
    }

    /// Whether the issuer is the certificate's.
    fn check_issuer(&self, file: &Path) -> Result<(), LoadError> {
        match (self.chain.first(), &self.issuer) {
            (Some(first), Some(issuer)) if !issued(first, issuer) => {
                Err(LoadError::new(file, "the certificate was not issued by that of"))
            }
            _ => Ok(()),
        }
    }

    /// Makes them ready to be presented.
    pub(crate) fn ready(self) -> Result<Certificate, Flaw> {
        let Some(first) = self.chain.first() else {
            return Err(Flaw::Other("there is no certificate".to_owned()));
        };
        let names = names(first).map_err(Flaw::Other)?;
        let private = self.key.ok_or(Flaw::NoKey)?;
        let key =
            any_supported_type(&private).map_err(|_| Flaw::Other("unable to load private key".to_owned()))?;
        let kind = match key.algorithm() {
            SignatureAlgorithm::RSA => KeyKind::Rsa,
            SignatureAlgorithm::ECDSA => KeyKind::Ecdsa,
            _ => KeyKind::Ed25519,
        };
        if !belongs(key.as_ref(), first) {
            return Err(Flaw::Mismatch);
        }
        let (sent, whole) = match self.sent.of(&self.chain) {
            Some(sent) => (sent, Some(self.chain)),
            None => (self.chain, None),
        };
        let certified = Arc::new(CertifiedKey::new(sent, key));
        Ok(Certificate {
            names,
            kind,
            key: certified,
            private,
            issuer: self.issuer,
            ocsp: self.ocsp,
            id: OnceLock::new(),
            stapled: ArcSwapOption::empty(),
            completed_from: self.completed_from,
            whole,
        })
    }
}

impl Flaw {
    /// What is wrong with a file.
    pub(crate) fn of_file(self, file: &Path) -> LoadError {
        match self {
            Self::NoKey => LoadError::new(file, "No Private Key found in"),
            Self::Mismatch => LoadError::new(
                file,
                "inconsistencies between private key and certificate loaded from PEM file",
            ),
            Self::Other(why) => LoadError::new(file, format!("{why} in")),
        }
    }
}

impl Certificate {
    /// Its parts again.
    pub(crate) fn parts(&self) -> Parts {
        Parts {
            chain: self.whole.as_ref().unwrap_or(&self.key.cert).clone(),
            key: Some(self.private.clone()),
            ocsp: self.ocsp.clone(),
            issuer: self.issuer.clone(),
            completed_from: self.completed_from.clone(),
            sent: if self.whole.is_some() { Sent::UpToRoot } else { Sent::All },
        }
    }

    /// The response on it as it was read.
    pub(crate) fn ocsp(&self) -> Option<&[u8]> {
        self.ocsp.as_deref()
    }

    /// What responses on it are known by, if its issuer is known.
    pub(crate) fn id(&self) -> Option<&Id> {
        self.id.get_or_init(|| ocsp::id::of(self.der(), self.issuer()?)).as_ref()
    }

    /// Who issued it.
    pub(crate) fn issuer(&self) -> Option<&CertificateDer<'static>> {
        issuer_in(self.whole.as_ref().unwrap_or(&self.key.cert)).or(self.issuer.as_ref())
    }

    /// What clients are given: with the response on it, as long as that is good.
    pub(crate) fn presented(&self) -> Arc<CertifiedKey> {
        match &*self.stapled.load() {
            Some(stapled) if stapled.until >= ocsp::now() => stapled.key.clone(),
            _ => self.key.clone(),
        }
    }

    /// What clients who ask are given.
    pub(crate) fn stapling(&self) -> Stapling {
        match &*self.stapled.load() {
            None => Stapling::None,
            Some(stapled) if stapled.until >= ocsp::now() => Stapling::Given,
            Some(_) => Stapling::Missed,
        }
    }

    /// The same while there is no response.
    pub(crate) fn without_response(&self) -> Stapled {
        Stapled { key: self.key.clone(), until: i64::MIN }
    }

    /// The same with a response.
    pub(crate) fn with_response(&self, held: &Valid) -> Stapled {
        let key = CertifiedKey { ocsp: Some(held.der.clone()), ..CertifiedKey::clone(&self.key) };
        Stapled { key: Arc::new(key), until: held.until }
    }

    /// Another certificate with the same key.
    pub(crate) fn with_chain(&self, chain: Vec<CertificateDer<'static>>, names: Vec<Box<str>>) -> Self {
        let key = Arc::new(CertifiedKey::new(chain, self.key.key.clone()));
        let (kind, private) = (self.kind, self.private.clone());
        let (issuer, ocsp, completed_from, whole) = (None, None, None, None);
        let (id, stapled) = (OnceLock::new(), ArcSwapOption::empty());
        Self { names, kind, key, private, issuer, ocsp, id, stapled, completed_from, whole }
    }

    /// Whether its key is that of another one.
    pub(crate) fn has_key_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.private, &other.private)
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

/// Who issued the first certificate of a chain, if that is in it.
fn issuer_in<'c>(chain: &'c [CertificateDer<'static>]) -> Option<&'c CertificateDer<'static>> {
    let (first, others) = chain.split_first()?;
    others.iter().find(|other| issued(first, other))
}

/// Whether a certificate says that it was issued by another one.
fn issued(certificate: &[u8], by: &[u8]) -> bool {
    let (certificate, by) = (Cert::read(certificate), Cert::read(by));
    certificate.zip(by).is_some_and(|(certificate, by)| {
        certificate.issuer() == by.subject() && certificate.names_as_issuer(&by)
    })
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

/// The key of a PEM text that is behind a passphrase, if there is one.
fn opened(file: &Path, text: &[u8]) -> Result<Option<PrivateKeyDer<'static>>, LoadError> {
    PASSPHRASES.open(file, text).map_err(|why| LoadError::new(file, why))
}

pub(crate) fn key_of(file: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, LoadError> {
    let none = || LoadError::new(file, "unable to load private key from file");
    key(file, text)?.map_or_else(|| opened(file, text)?.ok_or_else(none), Ok)
}

/// The names that a certificate is for: those of its extension, and the common name.
fn names(certificate: &[u8]) -> Result<Vec<Box<str>>, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|e| format!("unable to read the certificate ({e})"))?;
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
