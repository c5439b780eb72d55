//! Encrypted JSON Web Tokens (RFC 7516), with the algorithms of RFC 7518 and the keys of RFC 7517.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::cipher::{AES_192, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::key_wrap::KeyWrap;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    Pkcs1PrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::{constant_time, digest, hmac, key_wrap, rand};

use super::aes::{open_cbc, open_gcm};
use super::base64::{URL, decode};
use super::json::member_text;
use crate::der;

/// The ways in which the key of the content comes, in the order of their bits.
const ALGORITHMS: &[&str] = &[
    "RSA1_5",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "A128KW",
    "A192KW",
    "A256KW",
    "dir",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
    "A128GCMKW",
    "A192GCMKW",
    "A256GCMKW",
];

/// How the content is encrypted.
const ENCRYPTIONS: &[&str] =
    &["A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"];

/// Those that are taken: the first algorithm must be asked for (RFC 8725, section 3.2).
static TAKEN_ALGORITHMS: AtomicU32 = AtomicU32::new(!1);
static TAKEN_ENCRYPTIONS: AtomicU32 = AtomicU32::new(!0);

/// A key of one of the kinds that tokens are encrypted for.
#[derive(Debug)]
pub(super) enum Key {
    Shared(Vec<u8>),
    /// As PKCS #8 has it.
    Rsa(Vec<u8>),
    Curve(PrivateKey),
}

type Curve = &'static agreement::Algorithm;

impl Key {
    /// A private key as PKCS #8 or RFC 5915 has it.
    pub(super) fn of_der(der: &[u8]) -> Option<Self> {
        if PrivateDecryptingKey::from_pkcs8(der).is_ok() {
            return Some(Self::Rsa(der.to_vec()));
        }
        let curves: [Curve; 3] = [&ECDH_P256, &ECDH_P384, &ECDH_P521];
        curves
            .into_iter()
            .find_map(|curve| PrivateKey::from_private_key_der(curve, der).ok())
            .map(Self::Curve)
    }
}

/// Says which algorithms are taken from now on (`jwt.decrypt_alg_list`).
///
/// # Errors
/// With the name that is unknown.
pub fn take_algorithms(list: &str) -> Result<(), String> {
    TAKEN_ALGORITHMS.store(taken(list, ALGORITHMS)?, Ordering::Relaxed);
    Ok(())
}

/// Says which encryptions are taken from now on (`jwt.decrypt_enc_list`).
///
/// # Errors
/// With the name that is unknown.
pub fn take_encryptions(list: &str) -> Result<(), String> {
    TAKEN_ENCRYPTIONS.store(taken(list, ENCRYPTIONS)?, Ordering::Relaxed);
    Ok(())
}

/// Names between colons; those behind `!` are taken away, wherever they stand.
fn taken(list: &str, names: &[&str]) -> Result<u32, String> {
    let (mut taken, mut left) = (0, 0);
    for word in list.split(':').filter(|w| !w.is_empty()) {
        let (bits, name) = match word.strip_prefix('!') {
            Some(name) => (&mut left, name),
            None => (&mut taken, word),
        };
        *bits |= match names.iter().position(|n| *n == name) {
            Some(at) => 1 << at,
            None if name == "ALL" => !0,
            None => return Err(name.to_owned()),
        };
    }
    Ok(taken & !left)
}

fn is_taken(name: &[u8], names: &[&str], taken: &AtomicU32) -> bool {
    let at = names.iter().position(|n| n.as_bytes() == name);
    at.is_some_and(|at| taken.load(Ordering::Relaxed) & 1 << at != 0)
}

/// A key in JSON.
pub(super) fn of_json(json: &[u8]) -> Result<Key, String> {
    let member = |name: &str| decode(&URL, &member_text(json, &format!("$.{name}"))?);
    let kind = member_text(json, "$.kty").unwrap_or_default();
    let key = match kind.as_slice() {
        b"oct" => member("k").map(Key::Shared),
        b"RSA" => rsa(&member),
        b"EC" => curve(json, "$.crv").and_then(|curve| {
            let number = fixed(&member("d")?, field_len(curve))?;
            PrivateKey::from_private_key(curve, &number).ok().map(Key::Curve)
        }),
        _ => return Err("Missing key type (expected 'oct', 'RSA' or 'EC')".to_owned()),
    };
    key.ok_or_else(|| format!("the key of type '{}' is not complete", String::from_utf8_lossy(&kind)))
}

fn curve(json: &[u8], path: &str) -> Option<Curve> {
    match member_text(json, path)?.as_slice() {
        b"P-256" => Some(&ECDH_P256),
        b"P-384" => Some(&ECDH_P384),
        b"P-521" => Some(&ECDH_P521),
        _ => None,
    }
}

/// How many bytes a coordinate takes.
fn field_len(curve: Curve) -> usize {
    if *curve == ECDH_P256 {
        32
    } else if *curve == ECDH_P384 {
        48
    } else {
        66
    }
}

/// A number in so many bytes.
fn fixed(number: &[u8], len: usize) -> Option<Vec<u8>> {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    let digits = &number[zeros..];
    let mut out = vec![0; len.checked_sub(digits.len())?];
    out.extend_from_slice(digits);
    Some(out)
}

/// An RSA key from its numbers, in the form of PKCS #8.
fn rsa(member: &impl Fn(&str) -> Option<Vec<u8>>) -> Option<Key> {
    let mut numbers = encode(0x02, &[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        // A leading zero keeps it positive.
        numbers.extend(encode(0x02, &[&[0][..], &minimal(&member(name)?)].concat()));
    }
    let key = wrapped(&encode(0x30, &numbers));
    PrivateDecryptingKey::from_pkcs8(&key).is_ok().then_some(Key::Rsa(key))
}

/// What follows the zeros, unless a zero is needed in front of it.
fn minimal(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    number[zeros..].to_vec()
}

/// An RSA key of PKCS #1 in the form for keys of all kinds (RFC 5208).
pub fn wrapped(key: &[u8]) -> Vec<u8> {
    const RSA: &[u8] =
        &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    encode(0x30, &[&[0x02, 0x01, 0x00][..], RSA, &encode(0x04, key)].concat())
}

/// An element of DER; a number has no zeros in front but the one that keeps it positive.
fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    match (tag, content) {
        (0x02, [0, rest @ ..]) if rest.first().is_some_and(|next| *next < 0x80) => der::encode(tag, rest),
        _ => der::encode(tag, content),
    }
}

/// The content of an encrypted token.
pub(super) fn decrypt(token: &[u8], key: &Key) -> Option<Vec<u8>> {
    let parts: Vec<&[u8]> = token.split(|b| *b == b'.').collect();
    let [head, wrapped, vector, content, tag] = parts[..] else { return None };
    let header = decode(&URL, head)?;
    let [wrapped, vector, mut content, tag] =
        [decode(&URL, wrapped)?, decode(&URL, vector)?, decode(&URL, content)?, decode(&URL, tag)?];
    let (algorithm, encryption) = (member_text(&header, "$.alg")?, member_text(&header, "$.enc")?);
    if !is_taken(&algorithm, ALGORITHMS, &TAKEN_ALGORITHMS)
        || !is_taken(&encryption, ENCRYPTIONS, &TAKEN_ENCRYPTIONS)
    {
        return None;
    }
    let content_key = match key {
        Key::Shared(key) => of_shared(key, &algorithm, &header, wrapped)?,
        Key::Rsa(key) => of_rsa(key, &algorithm, &encryption, &wrapped)?,
        Key::Curve(key) => of_curve(key, &algorithm, &encryption, &header, &wrapped)?,
    };
    match encryption.as_slice() {
        b"A128GCM" | b"A192GCM" | b"A256GCM" if encryption[1..4] == *bits(&content_key) => {
            content.extend_from_slice(&tag);
            open_gcm(&content_key, &vector, head, &mut content)
        }
        b"A128CBC-HS256" => {
            open_with_hash(&content_key, (hmac::HMAC_SHA256, 32), head, &vector, &mut content, &tag)
        }
        b"A192CBC-HS384" => {
            open_with_hash(&content_key, (hmac::HMAC_SHA384, 48), head, &vector, &mut content, &tag)
        }
        b"A256CBC-HS512" => {
            open_with_hash(&content_key, (hmac::HMAC_SHA512, 64), head, &vector, &mut content, &tag)
        }
        _ => None,
    }
}

/// The key of the content, from one that both sides know.
fn of_shared(key: &[u8], algorithm: &[u8], header: &[u8], wrapped: Vec<u8>) -> Option<Vec<u8>> {
    match algorithm {
        b"dir" => wrapped.is_empty().then(|| key.to_vec()),
        b"A128KW" | b"A192KW" | b"A256KW" if algorithm[1..4] == *bits(key) => unwrap(key, &wrapped),
        b"A128GCMKW" | b"A192GCMKW" | b"A256GCMKW" if algorithm[1..4] == *bits(key) => {
            let nonce = decode(&URL, &member_text(header, "$.iv")?)?;
            let sealed = [wrapped, decode(&URL, &member_text(header, "$.tag")?)?].concat();
            open_gcm(key, &nonce, b"", &mut { sealed })
        }
        _ => None,
    }
}

/// The key of the content, which was encrypted with an RSA key.
fn of_rsa(key: &[u8], algorithm: &[u8], encryption: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    let key = PrivateDecryptingKey::from_pkcs8(key).ok()?;
    let mut room = vec![0; key.key_size_bytes()];
    let oaep = |key, algorithm: &'static OaepAlgorithm, room: &mut [u8]| {
        let key = OaepPrivateDecryptingKey::new(key).ok()?;
        key.decrypt(algorithm, wrapped, room, None).ok().map(|key| key.to_vec())
    };
    match algorithm {
        b"RSA-OAEP" => oaep(key, &OAEP_SHA1_MGF1SHA1, &mut room),
        b"RSA-OAEP-256" => oaep(key, &OAEP_SHA256_MGF1SHA256, &mut room),
        b"RSA1_5" => {
            let key = Pkcs1PrivateDecryptingKey::new(key).ok()?;
            let len = key_len(encryption)?;
            // Nobody must learn from the time that it takes whether the padding is right (RFC 7516, section 11.5).
            let mut other = vec![0; len];
            rand::fill(&mut other).ok()?;
            let found = key.decrypt(wrapped, &mut room).ok().filter(|key| key.len() == len);
            Some(found.map_or(other, |key| key.to_vec()))
        }
        _ => None,
    }
}

/// How long the key of an encryption is.
fn key_len(encryption: &[u8]) -> Option<usize> {
    Some(match encryption {
        b"A128GCM" => 16,
        b"A192GCM" => 24,
        b"A256GCM" | b"A128CBC-HS256" => 32,
        b"A192CBC-HS384" => 48,
        b"A256CBC-HS512" => 64,
        _ => return None,
    })
}

/// The key of the content, which both sides agree on (RFC 7518, section 4.6).
fn of_curve(
    key: &PrivateKey,
    algorithm: &[u8],
    encryption: &[u8],
    header: &[u8],
    wrapped: &[u8],
) -> Option<Vec<u8>> {
    let (name, len) = match algorithm {
        b"ECDH-ES" => (encryption, key_len(encryption)?),
        b"ECDH-ES+A128KW" => (algorithm, 16),
        b"ECDH-ES+A192KW" => (algorithm, 24),
        b"ECDH-ES+A256KW" => (algorithm, 32),
        _ => return None,
    };
    let curve = curve(header, "$.epk.crv").filter(|curve| *curve == key.algorithm())?;
    let coordinate = |path| fixed(&decode(&URL, &member_text(header, path)?)?, field_len(curve));
    let point = [vec![4], coordinate("$.epk.x")?, coordinate("$.epk.y")?].concat();
    let party = |path| match member_text(header, path) {
        Some(text) => decode(&URL, &text),
        None => Some(Vec::new()),
    };
    let (apu, apv) = (party("$.apu")?, party("$.apv")?);
    let derived = agreement::agree(key, UnparsedPublicKey::new(curve, point), (), |secret| {
        Ok(concat_kdf(secret, name, &apu, &apv, len))
    });
    let derived = derived.ok()?;
    if algorithm == b"ECDH-ES" {
        return wrapped.is_empty().then_some(derived);
    }
    unwrap(&derived, wrapped)
}

/// The key derivation of NIST SP 800-56A with SHA-256.
fn concat_kdf(secret: &[u8], name: &[u8], apu: &[u8], apv: &[u8], len: usize) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
    let mut info = Vec::new();
    for part in [name, apu, apv] {
        info.extend_from_slice(&number(part.len()));
        info.extend_from_slice(part);
    }
    info.extend_from_slice(&number(len * 8));
    let mut out = Vec::new();
    for round in 1.. {
        if out.len() >= len {
            break;
        }
        let input = [&number(round)[..], secret, &info].concat();
        out.extend_from_slice(digest::digest(&digest::SHA256, &input).as_ref());
    }
    out.truncate(len);
    out
}

/// How many bits a key has, in digits.
fn bits(key: &[u8]) -> &'static [u8] {
    match key.len() {
        16 => b"128",
        24 => b"192",
        32 => b"256",
        _ => b"",
    }
}

/// A key that is wrapped with another one (RFC 3394).
fn unwrap(key: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match key.len() {
        16 => &key_wrap::AES_128,
        24 => return unwrap_192(key, wrapped),
        32 => &key_wrap::AES_256,
        _ => return None,
    };
    let mut room = vec![0; wrapped.len()];
    let wrapping = key_wrap::AesKek::new(algorithm, key).ok()?;
    wrapping.unwrap(wrapped, &mut room).ok().map(|key| key.to_vec())
}

/// The same with the length of keys that the library has not got (RFC 3394, section 2.2.2).
fn unwrap_192(key: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = wrapped.split_first_chunk::<8>()?;
    let count = rest.len() / 8;
    if !rest.len().is_multiple_of(8) || !(2..=64).contains(&count) {
        return None;
    }
    let cipher = DecryptingKey::ecb(UnboundCipherKey::new(&AES_192, key).ok()?).ok()?;
    let (mut check, mut blocks) = (u64::from_be_bytes(*first), rest.to_vec());
    for step in (1..=6 * count).rev() {
        let at = (step - 1) % count * 8;
        let mut block = [0; 16];
        block[..8].copy_from_slice(&(check ^ step as u64).to_be_bytes());
        block[8..].copy_from_slice(&blocks[at..at + 8]);
        let opened = cipher.decrypt(&mut block, DecryptionContext::None).ok()?;
        check = u64::from_be_bytes(*opened.first_chunk::<8>()?);
        blocks[at..at + 8].copy_from_slice(&opened[8..]);
    }
    (check == 0xa6a6_a6a6_a6a6_a6a6).then_some(blocks)
}

/// CBC with a hash over all of it (RFC 7518, section 5.2.2): one half of the key is for each.
fn open_with_hash(
    key: &[u8],
    (algorithm, len): (hmac::Algorithm, usize),
    head: &[u8],
    vector: &[u8],
    content: &mut [u8],
    tag: &[u8],
) -> Option<Vec<u8>> {
    let (hash_key, key) = key.split_at_checked(len / 2).filter(|_| key.len() == len)?;
    let head_bits = (head.len() as u64 * 8).to_be_bytes();
    let hashed = [head, vector, content, &head_bits].concat();
    let sum = hmac::sign(&hmac::Key::new(algorithm, hash_key), &hashed);
    constant_time::verify_slices_are_equal(&sum.as_ref()[..len / 2], tag).ok()?;
    open_cbc(key, vector, content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::base64::encode as base64;
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digit = |b: u8| char::from(b).to_digit(16).unwrap() as u8;
        text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    #[test]
    fn keys_of_192_bits_are_unwrapped() {
        // RFC 3394, section 4.2.
        let key = hex("000102030405060708090a0b0c0d0e0f1011121314151617");
        let wrapped = hex("96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d");
        assert_eq!(unwrap(&key, &wrapped), Some(hex("00112233445566778899aabbccddeeff")));
        assert_eq!(unwrap(&key, &wrapped[..16]), None);
        let mut changed = wrapped.clone();
        changed[9] ^= 1;
        assert_eq!(unwrap(&key, &changed), None);
    }

    #[test]
    fn both_sides_derive_the_same_key() {
        // RFC 7518, appendix C.
        let key = of_json(br#"{"kty":"EC","crv":"P-256","d":"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"}"#);
        let header = br#"{"alg":"ECDH-ES","enc":"A128GCM","apu":"QWxpY2U","apv":"Qm9i","epk":{"kty":"EC","crv":"P-256",
            "x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"}}"#;
        let Ok(Key::Curve(key)) = key else { panic!("no key") };
        let derived = of_curve(&key, b"ECDH-ES", b"A128GCM", header, b"").unwrap();
        assert_eq!(base64(&URL, &derived), "VqqN6vgjbSBcIijNcacQGg");
        assert_eq!(of_curve(&key, b"ECDH-ES", b"A128GCM", header, b"a"), None);
        assert_eq!(of_curve(&key, b"dir", b"A128GCM", header, b""), None);
    }

    #[test]
    fn lists_say_what_is_taken() {
        assert_eq!(taken("A128GCM:A256GCM", ENCRYPTIONS), Ok(0b10_1000));
        assert_eq!(taken("ALL:!A128CBC-HS256", ENCRYPTIONS), Ok(!1));
        assert_eq!(taken("!A128GCM::A128GCM", ENCRYPTIONS), Ok(0));
        assert_eq!(taken("A128GCM:dir", ENCRYPTIONS), Err("dir".to_owned()));
        assert!(!is_taken(b"RSA1_5", ALGORITHMS, &TAKEN_ALGORITHMS));
    }

    #[test]
    fn keys_in_json_are_checked() {
        let of = |json: &str| of_json(json.as_bytes()).map(|key| matches!(key, Key::Shared(_)));
        assert_eq!(of(r#"{"kty":"oct","k":"AAAA"}"#), Ok(true));
        assert!(of("{}").unwrap_err().starts_with("Missing key type"));
        assert!(of(r#"{"kty":"EC","crv":"P-256"}"#).unwrap_err().contains("'EC'"));
        assert!(of(r#"{"kty":"RSA","n":"AQAB"}"#).unwrap_err().contains("'RSA'"));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_breaks_it(
            algorithm in proptest::sample::select(ALGORITHMS),
            encryption in proptest::sample::select(ENCRYPTIONS),
            noise: String,
            parts: [Vec<u8>; 4],
            secret: Vec<u8>,
        ) {
            let _ = of_json(noise.as_bytes());
            let header = format!(r#"{{"alg":"{algorithm}","enc":"{encryption}","iv":"{noise}","tag":"AAAA"}}"#);
            let parts = parts.map(|part| base64(&URL, &part)).join(".");
            let token = format!("{}.{parts}", base64(&URL, header.as_bytes()));
            prop_assert_eq!(decrypt(token.as_bytes(), &Key::Shared(secret)), None);
            prop_assert_eq!(decrypt(noise.as_bytes(), &Key::Shared(Vec::new())), None);
        }
    }
}
