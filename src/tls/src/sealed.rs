//! Private keys that a password protects (RFC 8018, PBES2, in the form of RFC 5958).

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::pki::der::{Reader, SEQUENCE};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
/// What the identifiers of digests for PBKDF2 begin with.
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
/// What the identifiers of AES begin with.
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];

/// More rounds than this are no protection but an attack.
const MOST_ROUNDS: u32 = 10_000_000;

/// The key of a PEM text that a password protects, if there is one.
pub(crate) fn key(text: &[u8], password: Option<&str>) -> Result<Option<Vec<u8>>, &'static str> {
    const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let text = String::from_utf8_lossy(text);
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(
            "unable to load a private key that is encrypted in the older form, convert it with 'openssl pkcs8 -topk8',",
        );
    }
    let Some((_, rest)) = text.split_once(BEGIN) else { return Ok(None) };
    let Some((content, _)) = rest.split_once(END) else { return Err("unable to load private key") };
    let Some(password) = password else { return Err("no passphrase for the private key") };
    let content: String = content.split_ascii_whitespace().collect();
    let sealed = STANDARD.decode(content).map_err(|_| "unable to load private key")?;
    open(&sealed, password.as_bytes()).map(Some).ok_or("unable to decrypt the private key")
}

/// Opens what a password protects.
fn open(sealed: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Reader::new(Reader::new(sealed).expect(SEQUENCE)?.content);
    let mut scheme = Reader::new(parts.expect(SEQUENCE)?.content);
    let mut content = parts.expect(OCTETS)?.content.to_vec();
    if scheme.expect(OID)?.content != PBES2 {
        return None;
    }
    let mut parameters = Reader::new(scheme.expect(SEQUENCE)?.content);
    let mut derivation = Reader::new(parameters.expect(SEQUENCE)?.content);
    let mut encryption = Reader::new(parameters.expect(SEQUENCE)?.content);
    let (cipher, length) = cipher(encryption.expect(OID)?.content)?;
    let iv: [u8; 16] = encryption.expect(OCTETS)?.content.try_into().ok()?;
    if derivation.expect(OID)?.content != PBKDF2 {
        return None;
    }
    let mut key = vec![0; length];
    derive(derivation.expect(SEQUENCE)?.content, password, &mut key)?;
    let key = UnboundCipherKey::new(cipher, &key).ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
    let start = DecryptionContext::Iv128(FixedLength::from(iv));
    let opened = key.decrypt(&mut content, start).ok()?;
    Some(opened.to_vec())
}

/// A cipher, and the length of its keys.
fn cipher(id: &[u8]) -> Option<(&'static Algorithm, usize)> {
    match id.strip_prefix(AES)? {
        [2] => Some((&AES_128, 16)),
        [22] => Some((&AES_192, 24)),
        [42] => Some((&AES_256, 32)),
        _ => None,
    }
}

fn derive(parameters: &[u8], password: &[u8], key: &mut [u8]) -> Option<()> {
    let mut parts = Reader::new(parameters);
    let salt = parts.expect(OCTETS)?.content;
    let rounds = parts.expect(INTEGER)?.content;
    let rounds = rounds.iter().try_fold(0u32, |n, b| n.checked_mul(256)?.checked_add(u32::from(*b)))?;
    let rounds = NonZeroU32::new(rounds).filter(|n| n.get() <= MOST_ROUNDS)?;
    let mut algorithm = pbkdf2::PBKDF2_HMAC_SHA1;
    while let Some(part) = parts.next() {
        // The length of the key may stand in front; the cipher says it, too.
        if part.tag == SEQUENCE {
            algorithm = match Reader::new(part.content).expect(OID)?.content.strip_prefix(HMAC)? {
                [7] => pbkdf2::PBKDF2_HMAC_SHA1,
                [9] => pbkdf2::PBKDF2_HMAC_SHA256,
                [10] => pbkdf2::PBKDF2_HMAC_SHA384,
                [11] => pbkdf2::PBKDF2_HMAC_SHA512,
                _ => return None,
            };
        }
    }
    pbkdf2::derive(algorithm, rounds, salt, password, key);
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `openssl pkcs8 -topk8 -passout pass:secret` made of an Ed25519 key.
    const KEY: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi+soBJzHVK8gICCAAw\n\
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEOOvBSFYPutFiuhU+wh7e94EQG83\n\
UtVzbOj2G8vkjhwfdlcfEr4GTwBx3vsCjhMk0WeYlJWbRzLfXKEbPZ+JspoH9xW1\n\
RgVfrC/Kt+WucbK+n48=\n\
-----END ENCRYPTED PRIVATE KEY-----\n\
";

    #[test]
    fn the_password_opens_a_key() {
        let key = |password| key(KEY.as_bytes(), password);
        let opened = key(Some("secret")).unwrap().unwrap();
        // The form of RFC 5958, version 0.
        assert!(opened.starts_with(&[0x30, 0x2e, 0x02, 0x01, 0x00]));
        assert_eq!(key(Some("wrong")), Err("unable to decrypt the private key"));
        assert_eq!(key(None), Err("no passphrase for the private key"));
    }

    #[test]
    fn other_texts_have_none() {
        assert_eq!(key(b"-----BEGIN PRIVATE KEY-----\n", Some("a")), Ok(None));
        assert!(key(b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", Some("a")).is_err());
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(noise: Vec<u8>) {
            let _ = open(&noise, b"secret");
        }
    }
}
