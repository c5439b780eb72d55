//! By what responses on a certificate are known (RFC 6960, `CertID`): the issuer's name and key, and the serial number.

use sha1::{Digest, Sha1};

use super::response::CertId;
use crate::pki::certificate::Cert;
use crate::pki::der::{Reader, SEQUENCE};

/// The identifier in DER, with hashes by SHA-1.
pub(crate) type Id = Box<[u8]>;

/// The contents of the identifier of SHA-1, and the element with it.
const SHA1_OID: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA1: &[u8] = &[0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00];

/// That of a certificate.
pub(crate) fn of(certificate: &[u8], issuer: &[u8]) -> Option<Id> {
    let (certificate, issuer) = (Cert::read(certificate)?, Cert::read(issuer)?);
    let serial = certificate.parsed.raw_serial();
    make(&Sha1::digest(certificate.issuer()), &Sha1::digest(issuer.key.1), serial)
}

/// That of a response, in the same form; none when its hashes are others.
pub(crate) fn of_response(id: &CertId<'_>) -> Option<Id> {
    (id.hash()? == SHA1_OID).then(|| make(id.name_hash, id.key_hash, id.serial)).flatten()
}

fn make(name: &[u8], key: &[u8], serial: &[u8]) -> Option<Id> {
    let content =
        [SHA1, &[0x04, length(name)?], name, &[0x04, length(key)?], key, &[0x02, length(serial)?], serial]
            .concat();
    Some([&[SEQUENCE, length(&content)?][..], &content].concat().into())
}

/// A length that takes one byte.
fn length(content: &[u8]) -> Option<u8> {
    u8::try_from(content.len()).ok().filter(|n| *n < 0x80)
}

/// A request for a response on a certificate (RFC 6960, 4.1.1).
pub(crate) fn request(id: &[u8]) -> Option<Vec<u8>> {
    let mut request = id.to_vec();
    // The identifier in a request, in a list of requests, in what could be signed, in all of it.
    for _ in 0..4 {
        request = [&[SEQUENCE, length(&request)?][..], &request].concat();
    }
    Some(request)
}

/// Where the issuer answers questions about a certificate: the first such place that it names.
pub(crate) fn responder(certificate: &[u8]) -> Option<String> {
    const ACCESS: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];
    const OCSP: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01];
    const URI: u8 = 0x86;
    let certificate = Cert::read(certificate)?;
    let access = certificate.extensions().find(|e| e.oid.as_bytes() == ACCESS)?;
    let mut places = Reader::new(Reader::new(access.value).expect(SEQUENCE)?.content);
    while let Some(place) = places.next() {
        let mut parts = Reader::new(place.content);
        if parts.expect(0x06)?.content == OCSP
            && let Some(uri) = parts.optional(URI)
        {
            return String::from_utf8(uri.content.to_vec()).ok();
        }
    }
    None
}
