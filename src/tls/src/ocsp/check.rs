//! Whether a response is good: for whom it is, for how long, and whether its issuer said it.

use rustls::crypto::WebPkiSupportedAlgorithms;
use sha1::{Digest, Sha1};
use x509_parser::extensions::ParsedExtension;

use super::id::{self, Id};
use super::response::{Basic, Content, Responder, Response, Single, Status, seconds};
use crate::pki::certificate::{self, Cert, Signature};
use crate::pki::der::Signed;

/// How many seconds clocks may differ, and for how long a response must be good at least.
const SKEW: i64 = 300;

/// What is wrong with a response, in the words that tools know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Malformed,
    /// The responder does not want to answer.
    Refused,
    /// It holds something else than an answer.
    Other,
    /// It has this many answers.
    Several(usize),
    /// The issuer does not know the certificate.
    Unknown,
    /// Nothing says until when it is good.
    Endless,
    /// It is not good now.
    Outdated,
    /// It is good for too short a time.
    EndsSoon,
    /// It is about another certificate.
    OfAnother,
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed => f.write_str("Unable to parse OCSP response"),
            Self::Refused => f.write_str("OCSP response status not successful"),
            Self::Other => f.write_str("Failed to parse OCSP basic response"),
            Self::Several(count) => {
                write!(f, "OCSP response ignored because contains multiple single responses ({count})")
            }
            Self::Unknown => f.write_str("OCSP single response: certificate status is unknown"),
            Self::Endless => f.write_str("OCSP single response: missing nextupdate"),
            Self::Outdated => f.write_str("OCSP single response: no longer valid."),
            Self::EndsSoon => {
                write!(f, "OCSP single response: no longer valid. Must be valid during at least {SKEW}s.")
            }
            Self::OfAnother => {
                f.write_str("OCSP single response: Certificate ID does not match any certificate or issuer")
            }
        }
    }
}

impl Flaw {
    /// The same of a response that came with its certificate.
    pub(crate) fn beside_certificate(&self) -> String {
        match self {
            Self::OfAnother => {
                "OCSP single response: Certificate ID does not match certificate and issuer".to_owned()
            }
            other => other.to_string(),
        }
    }
}

/// A response that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Valid {
    /// The certificate that it is about.
    pub(crate) id: Id,
    pub(crate) der: Vec<u8>,
    /// Until when it is given to clients, in seconds since 1970.
    pub(crate) until: i64,
}

impl Valid {
    /// Looks at a response now.
    pub(crate) fn check(der: &[u8], now: i64) -> Result<Self, Flaw> {
        let response = Response::read(der).ok_or(Flaw::Malformed)?;
        if response.status != 0 {
            return Err(Flaw::Refused);
        }
        let basic = response.basic().ok_or(Flaw::Other)?;
        let [single] = basic.singles.as_slice() else { return Err(Flaw::Several(basic.singles.len())) };
        if single.status == Status::Unknown {
            return Err(Flaw::Unknown);
        }
        let until = until(single, now)?;
        let id = id::of_response(&single.id).ok_or(Flaw::OfAnother)?;
        Ok(Self { id, der: der.to_vec(), until })
    }
}

fn until(single: &Single<'_>, now: i64) -> Result<i64, Flaw> {
    let next = single.next_update.ok_or(Flaw::Endless)?;
    let (Some(this), Some(next)) = (seconds(single.this_update), seconds(next)) else {
        return Err(Flaw::Outdated);
    };
    if this > now + SKEW || next < now - SKEW || next < this {
        return Err(Flaw::Outdated);
    }
    let until = next - SKEW;
    if until < now { Err(Flaw::EndsSoon) } else { Ok(until) }
}

/// Why a response that was sent is not believed, in the words that tools know.
pub(crate) fn verify(
    der: &[u8],
    issuer: &[u8],
    now: i64,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<(), String> {
    let response = Response::read(der).ok_or("d2i_OCSP_RESPONSE() failed")?;
    if response.status != 0 {
        return Err(format!(
            "OCSP response not successful ({}: {})",
            response.status,
            status(response.status)
        ));
    }
    let Content::Basic(basic) = &response.content else {
        return Err("OCSP_response_get1_basic() failed".to_owned());
    };
    let trusted = Cert::read(issuer).is_some_and(|issuer| basic.is_signed(&issuer, now, algorithms));
    if trusted { Ok(()) } else { Err("OCSP_basic_verify() failed".to_owned()) }
}

/// The name of a response's status.
pub(crate) fn status(number: u8) -> &'static str {
    match number {
        0 => "successful",
        1 => "malformedrequest",
        2 => "internalerror",
        3 => "trylater",
        5 => "sigrequired",
        6 => "unauthorized",
        _ => "(UNKNOWN)",
    }
}

impl Basic<'_> {
    /// Whether it was signed by the issuer, or by somebody whom the issuer lets answer (RFC 6960, 4.2.2.2).
    fn is_signed(&self, issuer: &Cert<'_>, now: i64, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        let signed = Signed { body: self.body, algorithm: self.algorithm, signature: self.signature };
        let right = |by: &Cert<'_>| certificate::check(&signed, by, algorithms) == Signature::Right;
        if self.is_of(issuer) && right(issuer) {
            return true;
        }
        let mut others = self.certificates.iter().filter_map(|der| Cert::read(der));
        others.any(|other| {
            let delegated = other.issuer() == issuer.subject()
                && answers_for_issuer(&other)
                && is_valid(&other, now)
                && other.signature(issuer, algorithms) == Signature::Right;
            self.is_of(&other) && delegated && right(&other)
        })
    }

    /// Whether it says that it is this one's.
    fn is_of(&self, signer: &Cert<'_>) -> bool {
        match self.responder {
            Responder::Name(name) => name == signer.subject(),
            Responder::Key(hash) => hash == Sha1::digest(signer.key.1).as_slice(),
        }
    }
}

fn answers_for_issuer(certificate: &Cert<'_>) -> bool {
    certificate.extensions().any(|e| match e.parsed_extension() {
        ParsedExtension::ExtendedKeyUsage(usage) => usage.ocsp_signing,
        _ => false,
    })
}

fn is_valid(certificate: &Cert<'_>, now: i64) -> bool {
    let validity = certificate.parsed.validity();
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
}
