//! What the library derives and keeps to itself. Cipher suites are values that anybody may make: those of this file
//! pass all work on to the library's own, and tell the thread that drives a session what came of it.
//!
//! Records are encrypted by what the library's own suites make, so that nothing here costs anything but when keys
//! change.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, LazyLock};

use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::crypto::tls12::Prf;
use rustls::crypto::tls13::{Hkdf, HkdfExpander, OkmBlock, OutputLengthError};
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, hmac};
use rustls::{
    CipherSuite, CipherSuiteCommon, ConnectionTrafficSecrets, Error, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};

use crate::session::secrets::Keeping;
use crate::suites::SUITES;

/// What somebody derived on this thread.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A handshake has got its keys (TLS 1.3): what was signed before was not its end.
    Exchanged,
    /// One of the two messages that end a handshake; in TLS 1.3 the server's is the first.
    Finished(Option<Ender>, Box<[u8]>),
    /// The key of the session: its master secret, or what it is taken up again by.
    Key(Box<[u8]>),
    /// What keys for other uses are made of before the end of the handshake.
    EarlyExporter(Box<[u8]>),
}

/// Whose message ends a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ender {
    Client,
    Server,
}

thread_local! {
    /// How many times something was made that decrypts records of TLS 1.3.
    static DECRYPTERS: Cell<u32> = const { Cell::new(0) };
    static HEARD: RefCell<Vec<Heard>> = const { RefCell::new(Vec::new()) };
}

/// How many times something was made to decrypt records since the last call.
pub(crate) fn decrypters() -> u32 {
    DECRYPTERS.take()
}

/// What was heard since the last call.
pub(crate) fn heard() -> Vec<Heard> {
    HEARD.take()
}

fn hear(heard: Heard) {
    HEARD.with_borrow_mut(|all| all.push(heard));
}

/// The same cryptography, listened to as far as somebody wants to know of it.
pub(crate) fn listen(provider: &CryptoProvider, keeping: Keeping) -> Arc<CryptoProvider> {
    let suites: &[SupportedCipherSuite] = if keeping == Keeping::Nothing { &COUNTED } else { &TOLD };
    let ours = |suite: CipherSuite| suites.iter().find(|s| s.suite() == suite).copied();
    let mut provider = provider.clone();
    for suite in &mut provider.cipher_suites {
        *suite = ours(suite.suite()).unwrap_or(*suite);
    }
    Arc::new(provider)
}

/// Suites of which is known how often keys change.
static COUNTED: LazyLock<Vec<SupportedCipherSuite>> =
    LazyLock::new(|| all(|suite| suite.hkdf_provider, |p| p));

/// The same, and of which all is known.
static TOLD: LazyLock<Vec<SupportedCipherSuite>> = LazyLock::new(|| {
    all(|suite| Box::leak(Box::new(Deriving(suite.hkdf_provider))), |prf| Box::leak(Box::new(Ending(prf))))
});

/// All suites, with other ways to derive keys. They are made once, and stay as long as the process does.
fn all(
    hkdf: fn(&Tls13CipherSuite) -> &'static dyn Hkdf,
    prf: fn(&'static dyn Prf) -> &'static dyn Prf,
) -> Vec<SupportedCipherSuite> {
    let common = |suite: &CipherSuiteCommon| CipherSuiteCommon {
        suite: suite.suite,
        hash_provider: suite.hash_provider,
        confidentiality_limit: suite.confidentiality_limit,
    };
    let wrapped = |suite: &SupportedCipherSuite| match *suite {
        SupportedCipherSuite::Tls13(suite) => {
            let suite = Tls13CipherSuite {
                common: common(&suite.common),
                hkdf_provider: hkdf(suite),
                aead_alg: Box::leak(Box::new(Counting(suite.aead_alg))),
                quic: suite.quic,
            };
            SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
        }
        SupportedCipherSuite::Tls12(suite) => {
            let suite = Tls12CipherSuite {
                common: common(&suite.common),
                prf_provider: prf(suite.prf_provider),
                kx: suite.kx,
                sign: suite.sign,
                aead_alg: suite.aead_alg,
            };
            SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
        }
    };
    SUITES.iter().map(wrapped).collect()
}

/// Counts how often keys to read with are made.
struct Counting(&'static dyn Tls13AeadAlgorithm);

impl Tls13AeadAlgorithm for Counting {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.0.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        DECRYPTERS.set(DECRYPTERS.get().saturating_add(1));
        self.0.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

/// Tells what ends a handshake up to TLS 1.2 (RFC 5246, section 7.4.9).
struct Ending(&'static dyn Prf);

impl Prf for Ending {
    fn for_key_exchange(
        &self,
        output: &mut [u8; 48],
        kx: Box<dyn ActiveKeyExchange>,
        peer: &[u8],
        label: &[u8],
        seed: &[u8],
    ) -> Result<(), Error> {
        self.0.for_key_exchange(output, kx, peer, label, seed)
    }

    fn for_secret(&self, output: &mut [u8], secret: &[u8], label: &[u8], seed: &[u8]) {
        self.0.for_secret(output, secret, label, seed);
        let ender = match label {
            b"client finished" => Ender::Client,
            b"server finished" => Ender::Server,
            _ => return,
        };
        hear(Heard::Finished(Some(ender), (&*output).into()));
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

/// Tells what TLS 1.3 derives (RFC 8446, section 7.1).
struct Deriving(&'static dyn Hkdf);

/// Tells what is derived of one secret.
struct Expanding(Box<dyn HkdfExpander>);

impl Deriving {
    fn expander(made: Box<dyn HkdfExpander>) -> Box<dyn HkdfExpander> {
        Box::new(Expanding(made))
    }
}

impl Hkdf for Deriving {
    fn extract_from_zero_ikm(&self, salt: Option<&[u8]>) -> Box<dyn HkdfExpander> {
        if let Some(salt) = salt {
            // The last step of the schedule of keys. What is extracted is a code over nothing, keyed by the salt.
            let nothing = [0; OkmBlock::MAX_LEN];
            let master = self.0.hmac_sign(&OkmBlock::new(salt), &nothing[..salt.len()]);
            hear(Heard::Key(master.as_ref().into()));
        }
        Self::expander(self.0.extract_from_zero_ikm(salt))
    }

    fn extract_from_secret(&self, salt: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        if salt.is_some() {
            hear(Heard::Exchanged);
        }
        Self::expander(self.0.extract_from_secret(salt, secret))
    }

    fn extract_from_kx_shared_secret(
        &self,
        salt: Option<&[u8]>,
        kx: Box<dyn ActiveKeyExchange>,
        peer: &[u8],
    ) -> Result<Box<dyn HkdfExpander>, Error> {
        hear(Heard::Exchanged);
        self.0.extract_from_kx_shared_secret(salt, kx, peer).map(Self::expander)
    }

    fn expander_for_okm(&self, okm: &OkmBlock) -> Box<dyn HkdfExpander> {
        Self::expander(self.0.expander_for_okm(okm))
    }

    fn hmac_sign(&self, key: &OkmBlock, message: &[u8]) -> hmac::Tag {
        let signed = self.0.hmac_sign(key, message);
        hear(Heard::Finished(None, signed.as_ref().into()));
        signed
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

/// Where the name of what is derived stands among the parts that the library gives.
const LABEL: usize = 3;

impl HkdfExpander for Expanding {
    fn expand_slice(&self, info: &[&[u8]], output: &mut [u8]) -> Result<(), OutputLengthError> {
        self.0.expand_slice(info, output)
    }

    fn expand_block(&self, info: &[&[u8]]) -> OkmBlock {
        let block = self.0.expand_block(info);
        match info.get(LABEL) {
            Some(&b"resumption") => hear(Heard::Key(block.as_ref().into())),
            // The library has no use for the one that stands beside it.
            Some(&b"c e traffic") => {
                const NAME: &[u8] = b"e exp master";
                let length = [(b"tls13 ".len() + NAME.len()) as u8];
                let mut other = info.to_vec();
                (other[LABEL - 2], other[LABEL]) = (&length, NAME);
                hear(Heard::EarlyExporter(self.0.expand_block(&other).as_ref().into()));
            }
            _ => {}
        }
        block
    }

    fn hash_len(&self) -> usize {
        self.0.hash_len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> &'static Tls13CipherSuite {
        TOLD.iter().find_map(SupportedCipherSuite::tls13).unwrap()
    }

    #[test]
    fn the_same_suites_are_there_in_the_same_order() {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        for keeping in [Keeping::Nothing, Keeping::Greetings, Keeping::All] {
            let listened = listen(&provider, keeping);
            let suites = |p: &CryptoProvider| {
                p.cipher_suites.iter().map(SupportedCipherSuite::suite).collect::<Vec<_>>()
            };
            assert_eq!(suites(&listened), suites(&provider));
        }
    }

    #[test]
    fn the_end_of_the_schedule_is_told_as_the_library_has_it() {
        let suite = told();
        let salt = vec![7; suite.common.hash_provider.output_len()];
        heard();
        let expander = suite.hkdf_provider.extract_from_zero_ikm(Some(&salt));
        let all = heard();
        let [Heard::Key(master)] = &*all else { panic!("{all:?}") };
        // Who has the key derives the same.
        let again = suite.hkdf_provider.expander_for_okm(&OkmBlock::new(master));
        let info: &[&[u8]] = &[b"some", b"thing"];
        assert_eq!(expander.expand_block(info).as_ref(), again.expand_block(info).as_ref());
        assert!(heard().is_empty());
    }

    #[test]
    fn what_is_derived_by_other_names_stays_untold() {
        let expander = told().hkdf_provider.extract_from_secret(None, b"secret");
        heard();
        for (label, count) in [(&b"resumption"[..], 1), (b"c e traffic", 1), (b"res master", 0)] {
            let info: &[&[u8]] = &[&[0, 48], &[0], b"tls13 ", label, &[0], b""];
            let block = expander.expand_block(info);
            let told = heard();
            assert_eq!(told.len(), count, "{label:?}");
            match told.first() {
                Some(Heard::Key(key)) => assert_eq!(&**key, block.as_ref()),
                Some(Heard::EarlyExporter(other)) => assert_ne!(&**other, block.as_ref()),
                _ => {}
            }
        }
        assert!(expander.expand_block(&[]).as_ref().len() > 1 && heard().is_empty());
    }

    #[test]
    fn ends_of_handshakes_are_told_with_whose_they_are() {
        let suite = TOLD.iter().find_map(|s| match s {
            SupportedCipherSuite::Tls12(suite) => Some(*suite),
            SupportedCipherSuite::Tls13(_) => None,
        });
        let prf = suite.unwrap().prf_provider;
        heard();
        let mut output = [0; 12];
        prf.for_secret(&mut output, b"secret", b"key expansion", b"seed");
        assert!(heard().is_empty());
        prf.for_secret(&mut output, b"secret", b"server finished", b"seed");
        assert_eq!(heard(), [Heard::Finished(Some(Ender::Server), output.into())]);
    }

    #[test]
    fn each_key_to_read_with_counts() {
        decrypters();
        let suites = COUNTED.iter().chain(&*TOLD).filter_map(SupportedCipherSuite::tls13);
        let long: Vec<_> = suites.filter(|suite| suite.aead_alg.key_len() == 32).collect();
        assert_eq!(long.len(), 4);
        for suite in long {
            let _ = suite.aead_alg.encrypter(AeadKey::from([1; 32]), Iv::copy(&[2; 12]));
            assert_eq!(decrypters(), 0);
            let _ = suite.aead_alg.decrypter(AeadKey::from([1; 32]), Iv::copy(&[2; 12]));
            assert_eq!(decrypters(), 1);
        }
    }
}
