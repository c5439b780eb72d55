//! Whom the other side's certificate has to convince.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lang::converters::x509::NAMES;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerMisbehaved,
    SignatureScheme,
};

use crate::certificate::{LoadError, reason};
use crate::line::{path_of, resolved};
use crate::pki::certificate::Cert;
use crate::pki::chain::{Examination, Purpose, Refused, Trust, Verdict};
use crate::pki::error::{Code, Ignored};
use crate::pki::host;
use crate::pki::store::Store;
use crate::sigalgs::{self, Schemes};

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

/// Where the certificates of authorities are (`ca-file`), or their lists (`crl-file`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// The name that they are known by.
    pub(crate) name: Box<str>,
    /// A file, or a directory of files.
    path: PathBuf,
}

/// The name of those that the system trusts.
const SYSTEM: &str = "@system-ca";

/// Where systems keep what they trust.
const SYSTEM_FILES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

impl Authorities {
    /// By the argument of `ca-file`; relative names stand in `base`.
    pub(crate) fn named(written: &str, base: Option<&Path>) -> Self {
        let name = resolved(written, base);
        let path = path_of(&name);
        Self { name, path }
    }

    /// Those that the system trusts.
    pub(crate) fn system() -> Self {
        Self::named(SYSTEM, None)
    }

    /// Reads them.
    pub(crate) fn load(&self) -> Result<Arc<Store>, LoadError> {
        let files = match &self.path {
            _ if *self.name == *SYSTEM => {
                SYSTEM_FILES.iter().map(PathBuf::from).filter(|p| p.exists()).take(1).collect()
            }
            path if path.is_dir() => files_of(path)?,
            path => vec![path.clone()],
        };
        let mut store = Store::default();
        for file in &files {
            let text = std::fs::read(file)
                .map_err(|e| LoadError::new(file, format!("unable to load the CA file ({})", reason(&e))))?;
            store.add(file, &text)?;
        }
        if store.is_empty() {
            let file = files.first().map_or(Path::new(SYSTEM), PathBuf::as_path);
            return Err(LoadError::new(file, "no certificate or crl found in"));
        }
        Ok(Arc::new(store))
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

/// What came of the last look at a peer's certificate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// Where the chain leads that was accepted, in DER.
    pub(crate) root: Option<Box<[u8]>>,
    /// Why the session cannot begin.
    pub(crate) refusal: Option<Refusal>,
    /// What the peer showed, where the session does not tell.
    pub(crate) shown: Vec<Box<[u8]>>,
}

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its chain leads nowhere.
    Chain(Refused),
    /// It is not for the name that the server was asked for.
    AskedName,
    /// It is not for the name that the configuration says.
    Host,
}

thread_local! {
    /// The library gives no way to tell a session what was found; it asks on the thread that drives the session.
    static LAST: RefCell<Option<Outcome>> = const { RefCell::new(None) };
}

/// What came of the look that was taken since the last call, if there was one.
pub(crate) fn take_outcome() -> Option<Outcome> {
    LAST.take()
}

/// What checks the certificates of clients.
#[derive(Debug)]
pub(crate) struct OfClients {
    pub(crate) trust: Trust,
    pub(crate) verify: Verify,
    /// What is passed over: of their own certificates, and of authorities.
    pub(crate) ignored: (Ignored, Ignored),
    /// The names of authorities that clients are told.
    pub(crate) names: Vec<DistinguishedName>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    /// What they may sign with.
    pub(crate) signatures: Option<Schemes>,
}

impl OfClients {
    fn look(&self, leaf: &[u8], others: &[&[u8]], now: i64) -> Outcome {
        let (algorithms, ignored) = (self.algorithms, self.ignored);
        let mut examination = Examination::new(&self.trust, algorithms, now, Purpose::Client, ignored);
        let refusal = examination.run(leaf, others).err().map(Refusal::Chain);
        let mut shown = Vec::new();
        if refusal.is_some() {
            shown.push(leaf.into());
            shown.extend(others.iter().map(|o| Box::from(*o)));
        }
        let Examination { verdict, root, .. } = examination;
        Outcome { verdict, root, refusal, shown }
    }
}

impl OfClients {
    /// What is wrong with a certificate that was accepted before.
    pub(crate) fn look_again(&self, leaf: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Verdict {
        self.look(leaf, &slices(others), seconds(UnixTime::now())).verdict
    }
}

/// Leaves an outcome for the session, and tells the library.
fn conclude(outcome: Outcome) -> Result<(), Error> {
    let done = outcome.refusal.map_or(Ok(()), |refusal| Err(error(refusal)));
    LAST.set(Some(outcome));
    done
}

/// The error whose alert is the one that peers get from OpenSSL.
fn error(refusal: Refusal) -> Error {
    let code = match refusal {
        Refusal::Chain(refused) => refused.code(),
        Refusal::AskedName | Refusal::Host => Code::HOST,
    };
    let error = match code {
        Code::EXPIRED => CertificateError::Expired,
        Code::REVOKED => CertificateError::Revoked,
        Code::PURPOSE => CertificateError::InvalidPurpose,
        Code::BAD_SIGNATURE | Code::BAD_CRL_SIGNATURE => CertificateError::BadSignature,
        Code::NOT_YET_VALID | Code::HOST => CertificateError::NotValidForName,
        _ if is_of_chain(code) => CertificateError::UnknownIssuer,
        _ => {
            let name = NAMES.get(usize::from(code.0)).copied().unwrap_or_default();
            CertificateError::Other(OtherError(Arc::new(std::io::Error::other(name))))
        }
    };
    Error::InvalidCertificate(error)
}

fn is_of_chain(code: Code) -> bool {
    [
        Code::NO_ISSUER,
        Code::NO_CRL,
        Code::SELF_SIGNED,
        Code::SELF_SIGNED_IN_CHAIN,
        Code::NO_LOCAL_ISSUER,
        Code::UNVERIFIED_LEAF,
        Code::TOO_LONG,
        Code::PATH_LENGTH,
        Code::INVALID_CA,
    ]
    .contains(&code)
}

fn seconds(time: UnixTime) -> i64 {
    time.as_secs().cast_signed()
}

fn slices<'c>(certificates: &'c [CertificateDer<'_>]) -> Vec<&'c [u8]> {
    certificates.iter().map(|c| &**c).collect()
}

impl ClientCertVerifier for OfClients {
    fn client_auth_mandatory(&self) -> bool {
        self.verify == Verify::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.names
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let outcome = self.look(end_entity, &slices(intermediates), seconds(now));
        conclude(outcome).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        asked_for(self.signatures.as_ref(), dss)?;
        signature_12(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        asked_for(self.signatures.as_ref(), dss)?;
        signature_13(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        sigalgs::offered(&self.algorithms, self.signatures.as_ref())
    }
}

/// Checks the certificates of servers.
#[derive(Debug)]
pub(crate) struct OfServers {
    /// The authorities; without them everything is believed (`verify none`).
    pub(crate) trust: Option<Trust>,
    /// The name that has to be in the certificate when none was asked for (`verifyhost`).
    pub(crate) host: Option<Box<str>>,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
    /// What they may sign with.
    pub(crate) signatures: Option<Schemes>,
}

impl OfServers {
    fn look(&self, trust: &Trust, leaf: &[u8], others: &[&[u8]], name: Option<&str>, now: i64) -> Outcome {
        let ignored = (Ignored::NONE, Ignored::NONE);
        let mut examination = Examination::new(trust, self.algorithms, now, Purpose::Server, ignored);
        let refusal = match examination.run(leaf, others) {
            Err(refused) => Some(Refusal::Chain(refused)),
            Ok(()) => self.check_name(leaf, name),
        };
        let Examination { verdict, root, .. } = examination;
        // A server whose certificate was refused has none that anybody is told of.
        Outcome { verdict, root, refusal, shown: Vec::new() }
    }

    /// Without a name that was asked for only the configuration says whom the certificate should be for.
    fn check_name(&self, leaf: &[u8], asked: Option<&str>) -> Option<Refusal> {
        let is_for = |name: &str| Cert::read(leaf).is_some_and(|c| host::is_for(&c, name));
        match (asked, &self.host) {
            (Some(name), _) => (!is_for(name)).then_some(Refusal::AskedName),
            (None, Some(host)) => (!is_for(host)).then_some(Refusal::Host),
            (None, None) => None,
        }
    }
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
        let Some(trust) = &self.trust else { return Ok(ServerCertVerified::assertion()) };
        let name = match server_name {
            ServerName::DnsName(name) => Some(name.as_ref()),
            _ => None,
        };
        let outcome = self.look(trust, end_entity, &slices(intermediates), name, seconds(now));
        conclude(outcome).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        asked_for(self.signatures.as_ref(), dss)?;
        signature_12(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        asked_for(self.signatures.as_ref(), dss)?;
        signature_13(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        sigalgs::offered(&self.algorithms, self.signatures.as_ref())
    }
}

/// Which of the algorithms that belong to a scheme may have made a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// Any that fits the key: TLS 1.2 leaves the curve open.
    Any,
    /// The first: TLS 1.3 names the curve.
    First,
}

/// Signatures that were not asked for count for nothing.
fn asked_for(schemes: Option<&Schemes>, dss: &DigitallySignedStruct) -> Result<(), Error> {
    match schemes {
        Some(schemes) if !schemes.contains(dss.scheme) => {
            Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
        }
        _ => Ok(()),
    }
}

fn signature_12(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    signature(message, cert, dss, algorithms, Choice::Any)
}

fn signature_13(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    // RFC 8446, section 4.2.3: these are for certificates only.
    if matches!(
        dss.scheme,
        SignatureScheme::RSA_PKCS1_SHA1
            | SignatureScheme::ECDSA_SHA1_Legacy
            | SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    ) {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    signature(message, cert, dss, algorithms, Choice::First)
}

fn signature(
    message: &[u8],
    cert: &CertificateDer<'_>,
    dss: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    choice: Choice,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
    let mapped = algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
    let (_, candidates) = mapped.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let candidates = if choice == Choice::First { &candidates[..1] } else { candidates };
    let cert = Cert::read(cert).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let (algorithm, key) = cert.key;
    let right = candidates
        .iter()
        .filter(|a| a.public_key_alg_id().as_ref() == algorithm)
        .any(|a| a.verify_signature(key, message, dss.signature()).is_ok());
    if right { Ok(HandshakeSignatureValid::assertion()) } else { Err(bad()) }
}
