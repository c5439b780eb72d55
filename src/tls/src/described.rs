//! Certificates as other programs are told of them.

use x509_parser::public_key::PublicKey;

use crate::x509::{Read, Whose};

/// The common name of a certificate's subject.
pub fn common_name(certificate: &[u8]) -> Option<String> {
    Read::new(certificate)?.entry(Whose::Subject, "CN", 1)
}

/// What signed a certificate, by OpenSSL's name.
pub fn signature_algorithm(certificate: &[u8]) -> Option<String> {
    Some(Read::new(certificate)?.signature_algorithm())
}

/// The kind of a certificate's key and its bits, such as `RSA2048`.
pub fn key(certificate: &[u8]) -> Option<String> {
    Read::new(certificate)?.key(|key| match key {
        PublicKey::RSA(key) => Some(format!("RSA{}", key.key_size())),
        PublicKey::EC(point) => Some(format!("EC{}", point.key_size())),
        _ => None,
    })
}
