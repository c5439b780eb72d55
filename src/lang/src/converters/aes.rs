//! Encryption with AES, by CBC and by GCM.

use std::borrow::Cow;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;

use super::base64::{STANDARD, decode, encode};
use super::{INT, STR, bytes, text, with};
use crate::arg::{Arg, Args, Signature};
use crate::expr::Converter;
use crate::facts::Scene;
use crate::sample::{Sample, Type};
use crate::vars::{self, Provisos, VarName, look_up};

/// The converters of encryption.
pub static CONVERTERS: &[Converter] = &[
    with("aes_cbc_dec", CBC, Type::Bin, Type::Bin, check_cbc, |s, args, scene| {
        let mut data = bytes(s)?.into_owned();
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(block_key(args, scene)?).ok()?;
        let plain = key.decrypt(&mut data, DecryptionContext::Iv128(vector(args, scene)?)).ok()?;
        Some(bin(plain.to_vec()))
    }),
    with("aes_cbc_enc", CBC, Type::Bin, Type::Bin, check_cbc, |s, args, scene| {
        let mut data = bytes(s)?.into_owned();
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(block_key(args, scene)?).ok()?;
        key.less_safe_encrypt(&mut data, EncryptionContext::Iv128(vector(args, scene)?)).ok()?;
        Some(bin(data))
    }),
    with("aes_gcm_dec", GCM, Type::Bin, Type::Bin, check_gcm_dec, gcm_dec),
    with("aes_gcm_enc", GCM, Type::Bin, Type::Bin, check_gcm_enc, gcm_enc),
];

const CBC: Signature = Signature::some(3, &[INT, STR, STR, STR]);
const GCM: Signature = Signature::some(4, &[INT, STR, STR, STR, STR]);
const TAG: usize = 16;

fn bin(bytes: Vec<u8>) -> Sample<'static> {
    Sample::Bin(Cow::Owned(bytes))
}

fn check_bits(args: &Args) -> Result<(), String> {
    match args.int(0) {
        Some(128 | 192 | 256) => Ok(()),
        _ => Err("key size must be 128, 192 or 256 (bits)".into()),
    }
}

/// Checks that argument `i`, if it is there, is base64 or a variable.
pub(super) fn check_secret(args: &Args, i: usize, what: &str) -> Result<(), String> {
    let word = text(args, i);
    let known = !args.has(i) || VarName::parse(word).is_ok() || decode(&STANDARD, word.as_bytes()).is_some();
    if known {
        return Ok(());
    }
    Err(format!(
        "failed to parse {what} : argument needs to be base64 encoded, and can either be a string or a variable"
    ))
}

fn check_cbc(args: &mut Args) -> Result<(), String> {
    check_bits(args)?;
    check_secret(args, 1, "nonce")?;
    check_secret(args, 2, "key")?;
    check_secret(args, 3, "aad")
}

fn check_gcm_dec(args: &mut Args) -> Result<(), String> {
    check_bits(args)?;
    check_secret(args, 1, "nonce")?;
    check_secret(args, 2, "key")?;
    check_secret(args, 3, "aead_tag")?;
    check_secret(args, 4, "aad")
}

fn check_gcm_enc(args: &mut Args) -> Result<(), String> {
    check_gcm_dec(args)?;
    VarName::parse(text(args, 3)).map(|_| ()).map_err(|e| format!("failed to parse aead_tag : {e}"))
}

/// The bytes of argument `i`, or of the variable that it names; none at all where it is missing.
pub(super) fn secret(args: &Args, i: usize, scene: &Scene<'_>) -> Option<Vec<u8>> {
    let Some(Arg::Str(word)) = args.0.get(i) else { return Some(Vec::new()) };
    let name = std::str::from_utf8(word).ok()?;
    if VarName::parse(name).is_ok() {
        let value = look_up(scene, name)?;
        return decode(&STANDARD, &bytes(value.cast(Type::Bin)?)?);
    }
    decode(&STANDARD, word)
}

/// As much of the key in argument 2 as the bits in argument 0 are.
fn key(args: &Args, scene: &Scene<'_>) -> Option<Vec<u8>> {
    let len = usize::try_from(args.int(0)?).ok()? / 8;
    let mut key = secret(args, 2, scene).filter(|key| key.len() >= len)?;
    key.truncate(len);
    Some(key)
}

fn block_key(args: &Args, scene: &Scene<'_>) -> Option<UnboundCipherKey> {
    cipher_key(&key(args, scene)?)
}

fn cipher_key(key: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm = match key.len() {
        16 => &cipher::AES_128,
        24 => &cipher::AES_192,
        _ => &cipher::AES_256,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

/// The vector of argument 1; what it lacks is zero. CBC authenticates nothing, but what argument 3 has for that must be
/// readable.
fn vector(args: &Args, scene: &Scene<'_>) -> Option<FixedLength<16>> {
    if args.has(3) {
        secret(args, 3, scene)?;
    }
    let mut vector = secret(args, 1, scene)?;
    vector.resize(16, 0);
    FixedLength::try_from(vector.as_slice()).ok()
}

/// Decrypts with CBC and the padding of PKCS #7.
pub(super) fn open_cbc(key: &[u8], vector: &[u8], data: &mut [u8]) -> Option<Vec<u8>> {
    let vector = FixedLength::try_from(vector).ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(cipher_key(key)?).ok()?;
    key.decrypt(data, DecryptionContext::Iv128(vector)).ok().map(|plain| plain.to_vec())
}

fn sealing_key(key: &[u8]) -> Option<LessSafeKey> {
    let algorithm = match key.len() {
        16 => &aead::AES_128_GCM,
        24 => &aead::AES_192_GCM,
        _ => &aead::AES_256_GCM,
    };
    UnboundKey::new(algorithm, key).ok().map(LessSafeKey::new)
}

/// Decrypts with GCM; the tag stands behind the data.
pub(super) fn open_gcm(key: &[u8], nonce: &[u8], aad: &[u8], sealed: &mut [u8]) -> Option<Vec<u8>> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let plain = sealing_key(key)?.open_in_place(nonce, Aad::from(aad), sealed).ok()?;
    Some(plain.to_vec())
}

fn gcm_dec<'a>(s: Sample<'a>, args: &'a Args, scene: &Scene<'a>) -> Option<Sample<'a>> {
    let mut sealed = bytes(s)?.into_owned();
    let tag = secret(args, 3, scene).filter(|tag| tag.len() == TAG)?;
    sealed.extend_from_slice(&tag);
    let aad = secret(args, 4, scene)?;
    open_gcm(&key(args, scene)?, &secret(args, 1, scene)?, &aad, &mut sealed).map(bin)
}

fn gcm_enc<'a>(s: Sample<'a>, args: &'a Args, scene: &Scene<'a>) -> Option<Sample<'a>> {
    let mut data = bytes(s)?.into_owned();
    let nonce = Nonce::try_assume_unique_for_key(&secret(args, 1, scene)?).ok()?;
    let aad = secret(args, 4, scene)?;
    let key = sealing_key(&key(args, scene)?)?;
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&aad), &mut data).ok()?;
    let tag = Sample::owned(encode(&STANDARD, tag.as_ref()).into_bytes());
    vars::set(scene, &VarName::parse(text(args, 3)).ok()?, &Provisos::default(), tag);
    Some(bin(data))
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none};
    use proptest::prelude::*;

    const KEY: &str = "Zm9vb2Zvb29mb29vb29vbw==";
    const NONCE: &str = "MTIzNDU2Nzg5MDEy";
    const VECTOR: &str = "MTIzNDU2Nzg5MDEyMzQ1Ng==";

    #[test]
    fn what_is_encrypted_can_be_decrypted() {
        for chain in [
            format!("str(hello),aes_gcm_enc(128,{NONCE},{KEY},txn.t),aes_gcm_dec(128,{NONCE},{KEY},txn.t)"),
            format!(
                "str(hello),aes_gcm_enc(128,{NONCE},{KEY},txn.t,dGVzdAo=),aes_gcm_dec(128,{NONCE},{KEY},txn.t,dGVzdAo=)"
            ),
            format!("str(hello),aes_cbc_enc(128,{VECTOR},{KEY}),aes_cbc_dec(128,{VECTOR},{KEY})"),
            format!("str(hello),aes_cbc_enc(128,{VECTOR},{KEY},dGVzdAo=),aes_cbc_dec(128,{VECTOR},{KEY})"),
        ] {
            expect(&[(&chain, "hello")]);
        }
    }

    #[test]
    fn nothing_is_decrypted_with_what_does_not_fit() {
        let of = |text: &str| text.replace("KEY", KEY).replace("NONCE", NONCE).replace("VECTOR", VECTOR);
        for chain in [
            "str(hello),aes_gcm_enc(128,NONCE,KEY,txn.t),aes_gcm_dec(128,NONCE,KEY,AAAA)",
            "str(hello),aes_gcm_enc(128,NONCE,KEY,txn.t),aes_gcm_dec(128,NONCE,KEY,txn.t,dGVzdAo=)",
            "str(hello),aes_gcm_enc(256,NONCE,KEY,txn.t)",
            "str(hello),aes_cbc_dec(128,VECTOR,KEY)",
            "str(hello),aes_cbc_enc(128,txn.none,KEY)",
            "str(hello),aes_cbc_enc(128,VECTOR,KEY,txn.none)",
        ] {
            expect_none(&[&of(chain)]);
        }
        assert!(error(&of("str(a),aes_gcm_enc(100,NONCE,KEY,txn.t)")).contains("128, 192 or 256"));
        assert!(error(&of("str(a),aes_gcm_enc(128,!!,KEY,txn.t)")).contains("failed to parse nonce"));
        assert!(error(&of("str(a),aes_gcm_enc(128,NONCE,KEY,AAAA)")).contains("failed to parse aead_tag"));
    }

    proptest! {
        #[test]
        fn all_lengths_come_back(data in "[a-z]{0,70}") {
            let chain = format!("aes_cbc_enc(128,{VECTOR},{KEY}),aes_cbc_dec(128,{VECTOR},{KEY})");
            prop_assert_eq!(super::super::probe::text_of(&data, &chain), Some(data));
        }
    }
}
