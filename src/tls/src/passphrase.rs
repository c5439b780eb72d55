//! Private keys behind a passphrase (RFC 5958, section 3; RFC 8018), and the command that tells it
//! (`ssl-passphrase-cmd`).

use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::cipher::{AES_128, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::{iv, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::pki::der::{Element, Reader, SEQUENCE};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;

/// Password-based encryption by the second scheme, and its derivation of keys.
const SCHEME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const DERIVATION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
/// The hashes that keys are derived with, but for the last number.
const HASHES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2];
/// AES in its modes, but for the last number.
const AES: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1];

/// More rounds than anybody waits for.
const ROUNDS: usize = 10_000_000;

const BEGIN: &[u8] = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &[u8] = b"-----END ENCRYPTED PRIVATE KEY-----";

/// How a process gets at passphrases.
#[derive(Debug, Default)]
pub(crate) struct Passphrases(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The program and its arguments.
    command: Vec<String>,
    /// Those that opened a key.
    known: Vec<Box<[u8]>>,
}

/// Those of this process.
pub(crate) static PASSPHRASES: Passphrases =
    Passphrases(Mutex::new(State { command: Vec::new(), known: Vec::new() }));

impl Passphrases {
    /// Says which command tells them.
    pub(crate) fn settle(&self, command: &[String]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).command = command.to_vec();
    }

    /// The key in a PEM text, if there is one behind a passphrase.
    pub(crate) fn open(&self, file: &Path, text: &[u8]) -> Result<Option<PrivateKeyDer<'static>>, String> {
        let Some(locked) = locked(text) else { return Ok(None) };
        let broken = || "unable to read the encrypted private key in".to_owned();
        let locked = Locked::read(&locked).ok_or_else(broken)?;
        // One command at a time: the next key may be behind the same passphrase.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = state.known.iter().find_map(|known| locked.open(known)) {
            return Ok(Some(key));
        }
        let told = state.ask(file)?;
        let key = locked.open(&told).ok_or("the passphrase does not open the private key in")?;
        state.known.push(told.into());
        Ok(Some(key))
    }
}

impl State {
    /// Runs the command on a file.
    fn ask(&self, file: &Path) -> Result<Vec<u8>, String> {
        let Some((program, args)) = self.command.split_first() else {
            return Err("there is no 'ssl-passphrase-cmd' for the encrypted private key in".to_owned());
        };
        let output =
            Command::new(program).arg(file).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => Ok(output.stdout),
            _ => Err(format!("'{program}' tells no passphrase for the private key in")),
        }
    }
}

/// The first section of a PEM text with such a key; of what is malformed nothing is left.
fn locked(text: &[u8]) -> Option<Vec<u8>> {
    let find = |what: &[u8], text: &[u8]| text.windows(what.len()).position(|w| w == what);
    let body = &text[find(BEGIN, text)? + BEGIN.len()..];
    let body = &body[..find(END, body).unwrap_or(0)];
    let digits: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    Some(STANDARD.decode(digits).unwrap_or_default())
}

/// A key and how it is encrypted.
struct Locked {
    hash: pbkdf2::Algorithm,
    salt: Vec<u8>,
    rounds: NonZeroU32,
    cipher: &'static aws_lc_rs::cipher::Algorithm,
    /// How long its keys are.
    length: usize,
    iv: [u8; 16],
    content: Vec<u8>,
}

fn number(element: Element<'_>) -> Option<usize> {
    if element.tag != INTEGER || element.content.len() > 4 {
        return None;
    }
    Some(element.content.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
}

/// What an algorithm's identifier has in it.
fn parts(element: Element<'_>) -> Option<Reader<'_>> {
    (element.tag == SEQUENCE).then(|| Reader::new(element.content))
}

impl Locked {
    fn read(der: &[u8]) -> Option<Self> {
        let mut whole = parts(Reader::new(der).next()?)?;
        let mut scheme = parts(whole.next()?)?;
        let content = whole.expect(OCTETS)?.content.to_vec();
        if scheme.expect(OBJECT)?.content != SCHEME {
            return None;
        }
        let mut both = parts(scheme.next()?)?;
        let (mut derivation, mut cipher) = (parts(both.next()?)?, parts(both.next()?)?);
        if derivation.expect(OBJECT)?.content != DERIVATION {
            return None;
        }
        let mut derivation = parts(derivation.next()?)?;
        let salt = derivation.expect(OCTETS)?.content.to_vec();
        let rounds = number(derivation.next()?).filter(|n| *n <= ROUNDS)?;
        let rounds = NonZeroU32::new(u32::try_from(rounds).ok()?)?;
        let hash = hash(&mut derivation)?;
        let cipher_name = cipher.expect(OBJECT)?.content.strip_prefix(AES)?;
        let iv = cipher.expect(OCTETS)?.content.try_into().ok()?;
        let (cipher, length) = match cipher_name {
            [2] => (&AES_128, 16),
            [42] => (&AES_256, 32),
            _ => return None,
        };
        Some(Self { hash, salt, rounds, cipher, length, iv, content })
    }

    /// The key, if this is its passphrase.
    fn open(&self, passphrase: &[u8]) -> Option<PrivateKeyDer<'static>> {
        let mut key = vec![0; self.length];
        pbkdf2::derive(self.hash, self.rounds, &self.salt, passphrase, &mut key);
        let key = UnboundCipherKey::new(self.cipher, &key).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
        let mut content = self.content.clone();
        let begun = DecryptionContext::Iv128(iv::FixedLength::from(self.iv));
        let opened = key.decrypt(&mut content, begun).ok()?;
        // A wrong passphrase may leave what looks like padding behind noise.
        Reader::new(opened).expect(SEQUENCE).filter(|all| all.whole.len() == opened.len())?;
        Some(PrivatePkcs8KeyDer::from(opened.to_vec()).into())
    }
}

/// The hash of a derivation, behind the length of its keys if that stands there; SHA-1 where it says nothing.
fn hash(derivation: &mut Reader<'_>) -> Option<pbkdf2::Algorithm> {
    let mut next = derivation.next();
    if next.is_some_and(|element| element.tag == INTEGER) {
        next = derivation.next();
    }
    let Some(element) = next else { return Some(pbkdf2::PBKDF2_HMAC_SHA1) };
    match parts(element)?.expect(OBJECT)?.content.strip_prefix(HASHES)? {
        [7] => Some(pbkdf2::PBKDF2_HMAC_SHA1),
        [9] => Some(pbkdf2::PBKDF2_HMAC_SHA256),
        [10] => Some(pbkdf2::PBKDF2_HMAC_SHA384),
        [11] => Some(pbkdf2::PBKDF2_HMAC_SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made with `openssl pkcs8 -topk8` of a key for Ed25519, behind the passphrase `secret`.
    const KEY: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjuZctbSiM4ngICCAAw\n\
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEECxK4g/fORJY4b9vpq75shQEQIRC\n\
WTz/WEB5EMQl5LYqP8p0RZhmi3Ks2frP7K1ZJpHmoEkGH1piPtrJkCoWAdSTM6Cd\n\
hNTTffe2aI1/hUY/mF8=\n\
-----END ENCRYPTED PRIVATE KEY-----";

    #[test]
    fn a_key_opens_with_its_passphrase() {
        let locked = Locked::read(&locked(KEY.as_bytes()).unwrap()).unwrap();
        assert!(locked.open(b"wrong").is_none());
        let key = locked.open(b"secret").unwrap();
        assert!(rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).is_ok());
    }

    #[test]
    fn the_command_is_asked_once() {
        let all = Passphrases::default();
        let (file, key) = (Path::new("some.pem"), KEY.as_bytes());
        assert_eq!(all.open(file, b"nothing"), Ok(None));
        assert!(all.open(file, key).unwrap_err().contains("no 'ssl-passphrase-cmd'"));
        all.settle(&["false".to_owned()]);
        assert!(all.open(file, key).unwrap_err().contains("'false' tells no passphrase"));
        // Whatever the command says is the passphrase, and the file comes first.
        all.settle(&["echo".to_owned()]);
        assert!(all.open(file, key).unwrap_err().contains("does not open"));
        all.settle(&["sh".to_owned(), "secret".to_owned()]);
        let script = std::env::temp_dir().join(format!("passphrase-{}", std::process::id()));
        std::fs::write(&script, "printf \"$1\"").unwrap();
        assert!(all.open(&script, key).unwrap().is_some());
        all.settle(&[]);
        assert!(all.open(file, key).unwrap().is_some());
        std::fs::remove_file(script).unwrap();
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_breaks_it(der: Vec<u8>, at in 0usize..160, byte: u8) {
            let _ = Locked::read(&der);
            let mut changed = locked(KEY.as_bytes()).unwrap();
            if let Some(place) = changed.get_mut(at) {
                *place = byte;
            }
            let _ = Locked::read(&changed);
        }
    }
}
