//! The cipher suites of the library, with another way to derive keys.
//!
//! A handshake of TLS 1.3 derives some twenty values from eight secrets (RFC 8446, section 7.1), each by a code that is
//! keyed with one of them. The library's own suites prepare the key for each value anew; here it is prepared once for
//! each secret, which leaves about half of the hashing.

use std::sync::LazyLock;

use aws_lc_rs::hmac as keyed;
use rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES;
use rustls::crypto::hmac::{Hmac, Key, Tag};
use rustls::crypto::tls13::{Hkdf, HkdfUsingHmac};
use rustls::{CipherSuiteCommon, SupportedCipherSuite, Tls13CipherSuite};

/// All of them. They are made once, and stay as long as the process does.
pub(crate) static SUITES: LazyLock<Vec<SupportedCipherSuite>> =
    LazyLock::new(|| ALL_CIPHER_SUITES.iter().map(|suite| ours(*suite)).collect());

static WITH_SHA256: HkdfUsingHmac<'static> = HkdfUsingHmac(&Codes(keyed::HMAC_SHA256));
static WITH_SHA384: HkdfUsingHmac<'static> = HkdfUsingHmac(&Codes(keyed::HMAC_SHA384));

fn ours(suite: SupportedCipherSuite) -> SupportedCipherSuite {
    let SupportedCipherSuite::Tls13(theirs) = suite else { return suite };
    let hkdf_provider: &'static dyn Hkdf = match theirs.common.hash_provider.output_len() {
        32 => &WITH_SHA256,
        48 => &WITH_SHA384,
        _ => theirs.hkdf_provider,
    };
    let common = CipherSuiteCommon {
        suite: theirs.common.suite,
        hash_provider: theirs.common.hash_provider,
        confidentiality_limit: theirs.common.confidentiality_limit,
    };
    let suite = Tls13CipherSuite { common, hkdf_provider, aead_alg: theirs.aead_alg, quic: theirs.quic };
    SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
}

/// Message authentication codes whose keys are prepared once.
struct Codes(keyed::Algorithm);

impl Hmac for Codes {
    fn with_key(&self, key: &[u8]) -> Box<dyn Key> {
        Box::new(Prepared(keyed::Key::new(self.0, key)))
    }

    fn hash_output_len(&self) -> usize {
        self.0.digest_algorithm().output_len
    }
}

struct Prepared(keyed::Key);

impl Key for Prepared {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> Tag {
        let mut code = keyed::Context::with_key(&self.0);
        code.update(first);
        for part in middle {
            code.update(part);
        }
        code.update(last);
        Tag::new(code.sign().as_ref())
    }

    fn tag_len(&self) -> usize {
        self.0.algorithm().digest_algorithm().output_len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustls::crypto::tls13::OkmBlock;

    fn pairs() -> Vec<(&'static Tls13CipherSuite, &'static Tls13CipherSuite)> {
        let of = |suite: &SupportedCipherSuite| suite.tls13();
        ALL_CIPHER_SUITES.iter().zip(&*SUITES).filter_map(|(a, b)| of(a).zip(of(b))).collect()
    }

    #[test]
    fn suites_are_the_librarys() {
        assert_eq!(pairs().len(), 3);
        let names =
            |all: &[SupportedCipherSuite]| all.iter().map(SupportedCipherSuite::suite).collect::<Vec<_>>();
        assert_eq!(names(&SUITES), names(ALL_CIPHER_SUITES));
        for (theirs, ours) in pairs() {
            assert!(!std::ptr::addr_eq(theirs.hkdf_provider, ours.hkdf_provider), "{:?}", ours.common.suite);
        }
    }

    proptest! {
        #[test]
        fn what_is_derived_is_what_the_library_derives(
            salt in proptest::option::of(prop::collection::vec(any::<u8>(), 48)),
            secret in prop::collection::vec(any::<u8>(), 0..70),
            info in prop::collection::vec(any::<u8>(), 0..200),
            len in 1_usize..100,
        ) {
            for (theirs, ours) in pairs() {
                let hash = theirs.common.hash_provider.output_len();
                let salt = salt.as_ref().map(|salt| &salt[..hash]);
                let (info, okm) = (&[&info[..3.min(info.len())], &info][..], OkmBlock::new(&[7; 64][..hash]));
                let derived = |hkdf: &dyn Hkdf| {
                    let values = [hkdf.extract_from_secret(salt, &secret), hkdf.extract_from_zero_ikm(salt), hkdf.expander_for_okm(&okm)]
                        .map(|expander| {
                            let mut out = vec![0; len];
                            expander.expand_slice(info, &mut out).unwrap();
                            (out, expander.expand_block(info).as_ref().to_vec(), expander.hash_len())
                        });
                    (values, hkdf.hmac_sign(&okm, &secret).as_ref().to_vec())
                };
                prop_assert_eq!(derived(theirs.hkdf_provider), derived(ours.hkdf_provider));
            }
        }
    }
}
