//! JSON Web Tokens: their signatures (RFC 7515), and the content of encrypted ones (RFC 7516).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use aws_lc_rs::{constant_time, hmac};

use super::aes::{check_secret, secret};
use super::base64::{STANDARD, URL, decode};
use super::jwe::{self, Key};
use super::tokens;
use super::{STR, bytes, text, with};
use crate::arg::{Arg, Args, Signature};
use crate::expr::Converter;
use crate::facts::Scene;
use crate::sample::{Sample, Type};
use crate::vars::{VarName, look_up};

/// The converters of tokens.
pub static CONVERTERS: &[Converter] = &[
    with(
        "jwt_decrypt_cert",
        Signature::all(&[STR]),
        Type::Bin,
        Type::Bin,
        |args| {
            if VarName::parse(text(args, 0)).is_err() {
                tokens::mention(text(args, 0), tokens::Need::Key);
            }
            Ok(())
        },
        |s, args, scene| {
            let name = given(args, 0, scene)?;
            let key = tokens::find(std::str::from_utf8(&name).ok()?)?;
            Some(Sample::Bin(Cow::Owned(jwe::decrypt(&bytes(s)?, key.private.as_ref()?)?)))
        },
    ),
    with(
        "jwt_decrypt_jwk",
        Signature::all(&[STR]),
        Type::Bin,
        Type::Bin,
        |args| {
            let word = text(args, 0);
            if VarName::parse(word).is_ok() {
                return Ok(());
            }
            jwe::of_json(word.as_bytes()).map(drop)
        },
        |s, args, scene| {
            let key = jwe::of_json(&given(args, 0, scene)?).ok()?;
            Some(Sample::Bin(Cow::Owned(jwe::decrypt(&bytes(s)?, &key)?)))
        },
    ),
    with(
        "jwt_decrypt_secret",
        Signature::all(&[STR]),
        Type::Bin,
        Type::Bin,
        check_decrypt,
        |s, args, scene| {
            let content =
                secret(args, 0, scene).and_then(|key| jwe::decrypt(&bytes(s)?, &Key::Shared(key)))?;
            Some(Sample::Bin(Cow::Owned(content)))
        },
    ),
    with("jwt_verify", Signature::all(&[STR, STR]), Type::Bin, Type::Int, check_verify, |s, args, scene| {
        Some(Sample::Int(verify(&bytes(s)?, args, scene, Keys::OfFiles)? as i64))
    }),
    with(
        "jwt_verify_cert",
        Signature::all(&[STR, STR]),
        Type::Bin,
        Type::Int,
        check_verify_certificate,
        |s, args, scene| Some(Sample::Int(verify(&bytes(s)?, args, scene, Keys::OfCertificates)? as i64)),
    ),
];

/// Where public keys come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    /// Files of keys, which configurations named.
    OfFiles,
    /// Certificates that may be used for tokens.
    OfCertificates,
}

/// What came of verifying a token, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good = 1,
    Bad = 0,
    UnknownAlgorithm = -1,
    UnmanagedAlgorithm = -2,
    InvalidToken = -3,
    UnknownKey = -5,
    /// There is such a certificate, but not for tokens.
    UnavailableCertificate = -7,
}

/// An algorithm of signatures (RFC 7518, section 3.1).
#[derive(Clone, Copy)]
enum Algorithm {
    Shared(hmac::Algorithm),
    Public(&'static dyn VerificationAlgorithm),
    /// Whose signatures have this length.
    Curve(&'static dyn VerificationAlgorithm, usize),
    None,
}

impl Algorithm {
    fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"HS256" => Self::Shared(hmac::HMAC_SHA256),
            b"HS384" => Self::Shared(hmac::HMAC_SHA384),
            b"HS512" => Self::Shared(hmac::HMAC_SHA512),
            b"RS256" => Self::Public(&signature::RSA_PKCS1_2048_8192_SHA256),
            b"RS384" => Self::Public(&signature::RSA_PKCS1_2048_8192_SHA384),
            b"RS512" => Self::Public(&signature::RSA_PKCS1_2048_8192_SHA512),
            b"ES256" => Self::Curve(&signature::ECDSA_P256_SHA256_FIXED, 64),
            b"ES384" => Self::Curve(&signature::ECDSA_P384_SHA384_FIXED, 96),
            b"ES512" => Self::Curve(&signature::ECDSA_P521_SHA512_FIXED, 132),
            b"PS256" => Self::Public(&signature::RSA_PSS_2048_8192_SHA256),
            b"PS384" => Self::Public(&signature::RSA_PSS_2048_8192_SHA384),
            b"PS512" => Self::Public(&signature::RSA_PSS_2048_8192_SHA512),
            b"none" => Self::None,
            _ => return None,
        })
    }
}

/// The public keys that configurations named, by file: those that only a variable names must be among them.
static KEYS: RwLock<Option<Files>> = RwLock::new(None);

type Files = HashMap<Box<str>, Arc<[u8]>>;

fn known_key(path: &str) -> Option<Arc<[u8]>> {
    KEYS.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(path).cloned()
}

fn load_key(path: &str) -> Option<Arc<[u8]>> {
    let pem = std::fs::read(path).ok()?;
    let key: Arc<[u8]> = public_key(std::str::from_utf8(&pem).ok()?)?.into();
    let mut keys = KEYS.write().unwrap_or_else(PoisonError::into_inner);
    keys.get_or_insert_default().insert(path.into(), key.clone());
    Some(key)
}

/// A public key in PEM: as PKCS #1 of RSA, or as what SPKI has of whatever algorithm.
fn public_key(pem: &str) -> Option<Vec<u8>> {
    let body = |label: &str| {
        let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
        let (body, _) = rest.split_once("-----END ")?;
        let digits: Vec<u8> = body.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        decode(&STANDARD, &digits)
    };
    body("RSA PUBLIC KEY").or_else(|| {
        let spki = body("PUBLIC KEY")?;
        let (content, _) = der(&spki, 0x30)?;
        let (_, rest) = der(content, 0x30)?;
        // The first byte of a bit string counts bits that are not used.
        der(rest, 0x03)?.0.get(1..).map(<[u8]>::to_vec)
    })
}

/// The content of a value of DER with this tag, and what follows it.
fn der(data: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (head, rest) = data.split_at_checked(2)?;
    if head[0] != tag {
        return None;
    }
    if head[1] < 0x80 {
        return rest.split_at_checked(usize::from(head[1]));
    }
    let (digits, rest) = rest.split_at_checked(usize::from(head[1] & 0x7f))?;
    let len = digits.iter().try_fold(0_usize, |n, b| n.checked_mul(256)?.checked_add(usize::from(*b)))?;
    rest.split_at_checked(len)
}

fn check_verify(args: &mut Args) -> Result<(), String> {
    let (name, key) = (text(args, 0).to_owned(), text(args, 1).to_owned());
    let algorithm = Algorithm::of(name.as_bytes());
    if VarName::parse(&name).is_err() && matches!(algorithm, None | Some(Algorithm::None)) {
        return Err(format!("unknown JWT algorithm: {name}"));
    }
    if VarName::parse(&key).is_ok() || matches!(algorithm, Some(Algorithm::Shared(_))) {
        return Ok(());
    }
    // With the algorithm in a variable it may be a secret as well.
    match load_key(&key) {
        None if algorithm.is_some() => Err(format!("cannot read a public key from '{key}'")),
        _ => Ok(()),
    }
}

fn check_verify_certificate(args: &mut Args) -> Result<(), String> {
    let (name, certificate) = (text(args, 0), text(args, 1));
    match Algorithm::of(name.as_bytes()) {
        Some(Algorithm::Shared(_)) => {
            return Err("HMAC-signed tokens can't be processed by this converter".to_owned());
        }
        None if VarName::parse(name).is_err() => return Err(format!("unknown JWT algorithm: {name}")),
        _ => {}
    }
    if VarName::parse(certificate).is_err() {
        tokens::mention(certificate, tokens::Need::Certificate);
    }
    Ok(())
}

/// The text of argument `i`, or of the variable that it names.
fn given<'a>(args: &'a Args, i: usize, scene: &Scene<'a>) -> Option<Cow<'a, [u8]>> {
    let Some(Arg::Str(word)) = args.0.get(i) else { return None };
    match std::str::from_utf8(word).ok().filter(|name| VarName::parse(name).is_ok()) {
        Some(name) => bytes(look_up(scene, name)?.cast(Type::Bin)?),
        None => Some(Cow::Borrowed(word)),
    }
}

/// Verifies a token; there is nothing to say of it where a variable is missing.
fn verify(token: &[u8], args: &Args, scene: &Scene<'_>, keys: Keys) -> Option<Verdict> {
    let (name, key) = (given(args, 0, scene)?, given(args, 1, scene)?);
    let Some(algorithm) = Algorithm::of(&name) else { return Some(Verdict::UnknownAlgorithm) };
    let parts: Vec<&[u8]> = token.split(|b| *b == b'.').collect();
    let [header, payload, signature] = parts[..] else { return Some(Verdict::InvalidToken) };
    let signed = &token[..header.len() + 1 + payload.len()];
    let Some(signature) = decode(&URL, signature) else {
        // What is there instead of no signature need not be one.
        let none = matches!(algorithm, Algorithm::None);
        return Some(if none { Verdict::Bad } else { Verdict::InvalidToken });
    };
    Some(check((algorithm, keys), &key, signed, &signature))
}

fn check((kind, keys): (Algorithm, Keys), key: &[u8], signed: &[u8], signature: &[u8]) -> Verdict {
    let good = match kind {
        Algorithm::None => signature.is_empty(),
        _ if signature.is_empty() => return Verdict::InvalidToken,
        Algorithm::Shared(_) if keys == Keys::OfCertificates => return Verdict::UnmanagedAlgorithm,
        Algorithm::Shared(algorithm) => {
            let tag = hmac::sign(&hmac::Key::new(algorithm, key), signed);
            constant_time::verify_slices_are_equal(tag.as_ref(), signature).is_ok()
        }
        Algorithm::Public(algorithm) | Algorithm::Curve(algorithm, _) => {
            let find = |name: &str| match keys {
                Keys::OfFiles => known_key(name),
                Keys::OfCertificates => Some(tokens::find(name)?.public.clone()),
            };
            let Some(key) = std::str::from_utf8(key).ok().and_then(find) else {
                let name = std::str::from_utf8(key).unwrap_or_default();
                let is_other = keys == Keys::OfCertificates && tokens::is_other(name);
                return if is_other { Verdict::UnavailableCertificate } else { Verdict::UnknownKey };
            };
            if matches!(kind, Algorithm::Curve(_, len) if signature.len() != len) {
                return Verdict::InvalidToken;
            }
            UnparsedPublicKey::new(algorithm, &key).verify(signed, signature).is_ok()
        }
    };
    if good { Verdict::Good } else { Verdict::Bad }
}

fn check_decrypt(args: &mut Args) -> Result<(), String> {
    check_secret(args, 0, "secret")
}

#[cfg(test)]
mod tests {
    use super::super::base64::encode;
    use super::super::probe::{error, expect, expect_none, text_of};
    use super::*;
    use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair};

    fn part(bytes: &[u8]) -> String {
        encode(&URL, bytes)
    }

    #[test]
    fn shared_secrets_sign() {
        let signed = format!("{}.{}", part(b"{}"), part(b"{\"a\":1}"));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"k"), signed.as_bytes());
        let token = format!("{signed}.{}", part(tag.as_ref()));
        assert_eq!(text_of(&token, "jwt_verify(HS256,k)").as_deref(), Some("1"));
        assert_eq!(text_of(&token, "jwt_verify(HS256,other)").as_deref(), Some("0"));
        assert_eq!(text_of(&token, "jwt_verify(HS384,k)").as_deref(), Some("0"));
        assert_eq!(text_of(&token, "jwt_verify(txn.s,k)").as_deref(), Some("-1"));
    }

    #[test]
    fn what_cannot_be_verified_has_a_number() {
        expect(&[
            ("str(a.b.c),jwt_verify(HS256,k)", "-3"),
            ("str(ab),jwt_verify(HS256,k)", "-3"),
            ("str(aa.bb.cc.dd),jwt_verify(HS256,k)", "-3"),
            ("str(aa.bb.),jwt_verify(HS256,k)", "-3"),
            ("str(aa.bb.cc),jwt_verify(RS256,txn.s)", "-5"),
        ]);
        expect_none(&["str(a.b.c),jwt_verify(txn.none,k)", "str(a.b.c),jwt_verify(HS256,txn.none)"]);
        assert!(error("str(a),jwt_verify(foo,k)").contains("unknown JWT algorithm: foo"));
        assert!(error("str(a),jwt_verify(RS256,/no/such/file)").contains("cannot read a public key"));
    }

    #[test]
    fn public_keys_are_read_from_files() {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let head = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
        let spki = encode(&STANDARD, &[head, point].concat());
        let path = std::env::temp_dir().join(format!("jwt-{}.pem", std::process::id()));
        std::fs::write(&path, format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n"))
            .unwrap();
        let sign = pair.sign(&random, b"aa.bb").unwrap();
        let token = format!("aa.bb.{}", part(sign.as_ref()));
        let verified = text_of(&token, &format!("jwt_verify(ES256,{})", path.display()));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(verified.as_deref(), Some("1"));
    }

    #[test]
    fn content_is_decrypted_with_a_shared_key() {
        let key = [7; 16];
        let head = part(b"{\"alg\":\"dir\",\"enc\":\"A128GCM\"}");
        let mut content = b"hello".to_vec();
        let sealing = LessSafeKey::new(UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        let tag =
            sealing.seal_in_place_separate_tag(nonce, Aad::from(head.as_bytes()), &mut content).unwrap();
        let token = format!("{head}..{}.{}.{}", part(&[1; 12]), part(&content), part(tag.as_ref()));
        let secret = encode(&STANDARD, &key);
        assert_eq!(text_of(&token, &format!("jwt_decrypt_secret({secret})")).as_deref(), Some("hello"));
        assert_eq!(text_of(&token, "jwt_decrypt_secret(AAAA)"), None);
        assert_eq!(text_of(&token[..token.len() - 2], &format!("jwt_decrypt_secret({secret})")), None);
        assert!(error("str(a),jwt_decrypt_secret(!!)").contains("base64"));
    }

    #[test]
    fn der_never_reads_beyond_its_end() {
        assert_eq!(der(b"\x30\x02ab", 0x30), Some((&b"ab"[..], &b""[..])));
        assert_eq!(der(b"\x30\x81\x01ab", 0x30), Some((&b"a"[..], &b"b"[..])));
        for bad in
            [&b""[..], b"\x30", b"\x30\x05ab", b"\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff", b"\x31\x00"]
        {
            assert_eq!(der(bad, 0x30), None, "{bad:?}");
        }
    }
}
