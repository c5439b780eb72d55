//! What the building of chains needs to know of one certificate.

use aws_lc_rs::signature::{self, UnparsedPublicKey};
use rustls::crypto::WebPkiSupportedAlgorithms;
use x509_parser::asn1_rs::Oid;
use x509_parser::der_parser::oid;
use x509_parser::extensions::{
    AuthorityKeyIdentifier, GeneralName, KeyUsage, NameConstraints, ParsedExtension, X509Extension,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::der::{self, Signed};
use super::name;

/// A certificate.
pub(crate) struct Cert<'d> {
    pub(crate) der: &'d [u8],
    pub(crate) parsed: X509Certificate<'d>,
    signed: Signed<'d>,
    /// The contents of its key's algorithm, and its key.
    pub(crate) key: (&'d [u8], &'d [u8]),
}

/// Uses of the key, other names, constraints, and constraints on names.
const DECISIVE: &[Oid<'static>] =
    &[oid!(2.5.29.15), oid!(2.5.29.17), oid!(2.5.29.19), oid!(2.5.29.30), oid!(2.5.29.37)];

/// How a signature fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    Right,
    Wrong,
    /// Its digest is not believed any more.
    Weak,
}

const RSA_SHA1: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05];

/// The contents of the identifiers of signatures on digests that are not believed any more: MD5 and SHA-1 with RSA,
/// SHA-1 with ECDSA.
const WEAK: &[&[u8]] = &[
    &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04],
    RSA_SHA1,
    &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01],
];

impl<'d> Cert<'d> {
    pub(crate) fn read(der: &'d [u8]) -> Option<Self> {
        let signed = Signed::read(der)?;
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let key = der::public_key(parsed.tbs_certificate.subject_pki.raw)?;
        Some(Self { der, parsed, signed, key })
    }

    pub(crate) fn subject(&self) -> &[u8] {
        self.parsed.subject().as_raw()
    }

    pub(crate) fn issuer(&self) -> &[u8] {
        self.parsed.issuer().as_raw()
    }

    /// Whether it says of itself that it is its own issuer.
    pub(crate) fn is_self_issued(&self) -> bool {
        name::same(self.subject(), self.issuer())
    }

    /// Whether it can be its own issuer.
    pub(crate) fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.names_as_issuer(self)
    }

    pub(crate) fn extensions(&self) -> impl Iterator<Item = &X509Extension<'d>> {
        self.parsed.extensions().iter()
    }

    pub(crate) fn key_usage(&self) -> Option<&KeyUsage> {
        self.extensions().find_map(|e| match e.parsed_extension() {
            ParsedExtension::KeyUsage(usage) => Some(usage),
            _ => None,
        })
    }

    pub(crate) fn constraints(&self) -> Option<&NameConstraints<'d>> {
        self.extensions().find_map(|e| match e.parsed_extension() {
            ParsedExtension::NameConstraints(constraints) => Some(constraints),
            _ => None,
        })
    }

    /// The names that it is for beside its own.
    pub(crate) fn alternative_names(&self) -> &[GeneralName<'d>] {
        let names = self.extensions().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        });
        names.map_or(&[], Vec::as_slice)
    }

    pub(crate) fn key_identifier(&self) -> Option<&[u8]> {
        self.extensions().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
            _ => None,
        })
    }

    /// What its issuer calls its key.
    pub(crate) fn authority_key_identifier(&self) -> Option<&[u8]> {
        Some(self.authority()?.key_identifier.as_ref()?.0)
    }

    fn authority(&self) -> Option<&AuthorityKeyIdentifier<'d>> {
        self.extensions().find_map(|e| match e.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => Some(id),
            _ => None,
        })
    }

    /// Whether `issuer` may have issued it, as far as names, identifiers and its use tell.
    pub(crate) fn names_as_issuer(&self, issuer: &Self) -> bool {
        if !name::same(self.issuer(), issuer.subject()) {
            return false;
        }
        if let Some(authority) = self.authority() {
            if let (Some(wanted), Some(id)) = (&authority.key_identifier, issuer.key_identifier())
                && wanted.0 != id
            {
                return false;
            }
            if authority.authority_cert_serial.is_some_and(|serial| serial != issuer.parsed.raw_serial()) {
                return false;
            }
        }
        issuer.key_usage().is_none_or(KeyUsage::key_cert_sign)
    }

    /// Whether it may issue others.
    pub(crate) fn is_authority(&self) -> bool {
        let usage = self.key_usage();
        if usage.is_some_and(|usage| !usage.key_cert_sign()) {
            return false;
        }
        match self.parsed.basic_constraints() {
            Ok(Some(constraints)) => constraints.value.ca,
            // Authorities of old did not say so.
            _ => usage.is_some() || (self.parsed.version().0 == 0 && self.is_self_issued()),
        }
    }

    /// Whether an extension that decides on its use cannot be read.
    pub(crate) fn has_malformed_extension(&self) -> bool {
        self.extensions().any(|e| {
            matches!(e.parsed_extension(), ParsedExtension::ParseError { .. }) && DECISIVE.contains(&e.oid)
        })
    }

    pub(crate) fn path_length(&self) -> Option<u32> {
        self.parsed.basic_constraints().ok()??.value.path_len_constraint
    }

    /// Whether it was signed with the key of `issuer`.
    pub(crate) fn signature(&self, issuer: &Self, algorithms: &WebPkiSupportedAlgorithms) -> Signature {
        check(&self.signed, issuer, algorithms)
    }
}

/// Whether a list was signed with the key of `issuer`. Authorities of old use SHA-1 for their lists.
pub(super) fn check_list(
    signed: &Signed<'_>,
    issuer: &Cert<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Signature {
    if !signed.algorithm.starts_with(RSA_SHA1) {
        return check(signed, issuer, algorithms);
    }
    let (_, key) = issuer.key;
    let old = &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY;
    match UnparsedPublicKey::new(old, key).verify(signed.body, signed.signature) {
        Ok(()) => Signature::Right,
        Err(_) => Signature::Wrong,
    }
}

/// Whether something was signed with the key of `issuer`.
pub(crate) fn check(
    signed: &Signed<'_>,
    issuer: &Cert<'_>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Signature {
    if WEAK.iter().any(|weak| signed.algorithm.starts_with(weak)) {
        return Signature::Weak;
    }
    let (key_algorithm, key) = issuer.key;
    let right = algorithms.all.iter().any(|a| {
        a.signature_alg_id().as_ref() == signed.algorithm
            && a.public_key_alg_id().as_ref() == key_algorithm
            && a.verify_signature(key, signed.body, signed.signature).is_ok()
    });
    if right { Signature::Right } else { Signature::Wrong }
}
