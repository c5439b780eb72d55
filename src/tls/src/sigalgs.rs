//! Signature algorithms by OpenSSL's names: which ones this side signs with, and which ones it lets others use
//! (`sigalgs`, `client-sigalgs`).

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

/// A list of algorithms, the best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schemes(Arc<[SignatureScheme]>);

/// Those that exist here.
const NAMES: &[(&str, SignatureScheme)] = &[
    ("ecdsa_secp256r1_sha256", SignatureScheme::ECDSA_NISTP256_SHA256),
    ("ecdsa_secp384r1_sha384", SignatureScheme::ECDSA_NISTP384_SHA384),
    ("ecdsa_secp521r1_sha512", SignatureScheme::ECDSA_NISTP521_SHA512),
    ("ed25519", SignatureScheme::ED25519),
    ("rsa_pss_rsae_sha256", SignatureScheme::RSA_PSS_SHA256),
    ("rsa_pss_rsae_sha384", SignatureScheme::RSA_PSS_SHA384),
    ("rsa_pss_rsae_sha512", SignatureScheme::RSA_PSS_SHA512),
    ("rsa_pkcs1_sha256", SignatureScheme::RSA_PKCS1_SHA256),
    ("rsa_pkcs1_sha384", SignatureScheme::RSA_PKCS1_SHA384),
    ("rsa_pkcs1_sha512", SignatureScheme::RSA_PKCS1_SHA512),
];

/// Those that OpenSSL knows besides.
const FOREIGN: &[&str] = &[
    "ed448",
    "ecdsa_sha224",
    "ecdsa_sha1",
    "rsa_pss_pss_sha256",
    "rsa_pss_pss_sha384",
    "rsa_pss_pss_sha512",
    "rsa_pkcs1_sha224",
    "rsa_pkcs1_sha1",
    "dsa_sha256",
    "dsa_sha224",
    "dsa_sha1",
    "dsa_sha384",
    "dsa_sha512",
];

/// The other form of names: the key, then the digest. Old protocols leave the curve open.
const KEYS: &[(&str, [Option<SignatureScheme>; 3])] = &[
    (
        "RSA",
        [
            Some(SignatureScheme::RSA_PKCS1_SHA256),
            Some(SignatureScheme::RSA_PKCS1_SHA384),
            Some(SignatureScheme::RSA_PKCS1_SHA512),
        ],
    ),
    (
        "RSA-PSS",
        [
            Some(SignatureScheme::RSA_PSS_SHA256),
            Some(SignatureScheme::RSA_PSS_SHA384),
            Some(SignatureScheme::RSA_PSS_SHA512),
        ],
    ),
    (
        "PSS",
        [
            Some(SignatureScheme::RSA_PSS_SHA256),
            Some(SignatureScheme::RSA_PSS_SHA384),
            Some(SignatureScheme::RSA_PSS_SHA512),
        ],
    ),
    (
        "ECDSA",
        [
            Some(SignatureScheme::ECDSA_NISTP256_SHA256),
            Some(SignatureScheme::ECDSA_NISTP384_SHA384),
            Some(SignatureScheme::ECDSA_NISTP521_SHA512),
        ],
    ),
    ("DSA", [None; 3]),
];

impl Schemes {
    /// Reads a list. Algorithms that do not exist here choose nothing, but something has to be left.
    pub(crate) fn parse(list: &str) -> Result<Self, String> {
        let (mut words, mut all) = (Vec::new(), Vec::new());
        for word in list.split(':') {
            let scheme = named(word)
                .ok_or_else(|| format!("unable to set SSL Signature Algorithm list to '{list}'"))?;
            if words.contains(&word) {
                return Err(format!("'{word}' stands twice in '{list}'"));
            }
            words.push(word);
            if let Named::Known(scheme) = scheme
                && !all.contains(&scheme)
            {
                all.push(scheme);
            }
        }
        if all.is_empty() {
            return Err(format!("none of '{list}' exists here"));
        }
        Ok(Self(all.into()))
    }

    pub(crate) fn contains(&self, scheme: SignatureScheme) -> bool {
        self.0.contains(&scheme)
    }
}

/// What a name stands for.
enum Named {
    Known(SignatureScheme),
    /// An algorithm that does not exist here.
    Foreign,
}

fn named(word: &str) -> Option<Named> {
    if let Some((_, scheme)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Some(Named::Known(*scheme));
    }
    if FOREIGN.contains(&word) {
        return Some(Named::Foreign);
    }
    let (key, digest) = word.split_once('+')?;
    let (_, schemes) = KEYS.iter().find(|(name, _)| *name == key)?;
    let scheme = match digest {
        "SHA256" | "sha256" => schemes[0],
        "SHA384" | "sha384" => schemes[1],
        "SHA512" | "sha512" => schemes[2],
        "SHA1" | "sha1" | "SHA224" | "sha224" => None,
        _ => return None,
    };
    Some(scheme.map_or(Named::Foreign, Named::Known))
}

/// What others are told that they may sign with.
pub(crate) fn offered(
    algorithms: &WebPkiSupportedAlgorithms,
    schemes: Option<&Schemes>,
) -> Vec<SignatureScheme> {
    let supported = algorithms.supported_schemes();
    match schemes {
        None => supported,
        Some(schemes) => schemes.0.iter().copied().filter(|scheme| supported.contains(scheme)).collect(),
    }
}

/// A key that signs with these only.
#[derive(Debug)]
struct Restricted {
    key: Arc<dyn SigningKey>,
    schemes: Schemes,
}

impl SigningKey for Restricted {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut both = self.schemes.0.iter().filter(|scheme| offered.contains(scheme));
        both.find_map(|scheme| self.key.choose_scheme(&[*scheme]))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }

    fn public_key(&self) -> Option<rustls::pki_types::SubjectPublicKeyInfoDer<'_>> {
        self.key.public_key()
    }
}

/// A certificate whose key signs with these only.
fn restricted(certified: &CertifiedKey, schemes: &Schemes) -> Arc<CertifiedKey> {
    let key = Arc::new(Restricted { key: certified.key.clone(), schemes: schemes.clone() });
    let mut new = CertifiedKey::new(certified.cert.clone(), key);
    new.ocsp.clone_from(&certified.ocsp);
    Arc::new(new)
}

/// Presents certificates whose keys sign with these only.
#[derive(Debug)]
pub(crate) struct Presenting {
    pub(crate) resolver: Arc<dyn ResolvesServerCert>,
    pub(crate) schemes: Schemes,
}

impl ResolvesServerCert for Presenting {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.resolver.resolve(hello).map(|certified| restricted(&certified, &self.schemes))
    }
}

/// Shows servers a certificate, whose key signs with these only if there are any.
pub(crate) fn showing(
    certified: &Arc<CertifiedKey>,
    schemes: Option<&Schemes>,
) -> Arc<dyn ResolvesClientCert> {
    let certified = schemes.map_or_else(|| certified.clone(), |schemes| restricted(certified, schemes));
    Arc::new(rustls::sign::SingleCertAndKey::from(certified))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::crypto::aws_lc_rs;

    use super::*;

    #[test]
    fn lists_have_two_forms_of_names() {
        let read = |list: &str| Schemes::parse(list).map(|s| s.0.to_vec());
        assert_eq!(
            read("ECDSA+SHA384:RSA-PSS+sha256:rsa_pkcs1_sha512").unwrap(),
            [
                SignatureScheme::ECDSA_NISTP384_SHA384,
                SignatureScheme::RSA_PSS_SHA256,
                SignatureScheme::RSA_PKCS1_SHA512
            ]
        );
        assert_eq!(read("ed448:DSA+SHA256:ed25519").unwrap(), [SignatureScheme::ED25519]);
        assert!(read("ed448:RSA+SHA1").unwrap_err().contains("none of"));
        assert!(read("RSA+SHA256:RSA+SHA256").unwrap_err().contains("twice"));
        for wrong in ["zork", "", "RSA+MD5", "ecdsa+SHA256", ":ed25519", "rsa_pss_rsae_sha256,ed25519"] {
            assert!(read(wrong).unwrap_err().contains("unable to set"), "{wrong}");
        }
    }

    #[test]
    fn a_key_signs_with_those_of_its_list_in_their_order() {
        let made = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let der = rustls::pki_types::PrivateKeyDer::try_from(made.serialize_der()).unwrap();
        let key = aws_lc_rs::sign::any_supported_type(&der).unwrap();
        let all = aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes();
        let chosen = |list: &str| {
            let key = Restricted { key: key.clone(), schemes: Schemes::parse(list).unwrap() };
            key.choose_scheme(&all).map(|signer| signer.scheme())
        };
        assert_eq!(chosen("ed25519:RSA+SHA384:rsa_pss_rsae_sha512"), Some(SignatureScheme::RSA_PKCS1_SHA384));
        assert_eq!(chosen("ECDSA+SHA256"), None);
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_breaks_it(list in "[a-zA-Z0-9+:_-]{0,40}") {
            let _ = Schemes::parse(&list);
        }
    }
}
