//! The head of a connection that must begin with a PROXY header: any bytes are answered, an answer
//! takes no more than there is, and what was decoded can be sent on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::Parsed;
use wire::proxy::{Origin, Tlv, decode, encode_v2};

fuzz_target!(|bytes: &[u8]| {
    let Ok(Parsed::Complete(header, taken)) = decode(bytes) else { return };
    assert!(taken <= bytes.len());
    assert_eq!(decode(&bytes[..taken - 1]), Ok(Parsed::Partial));
    let ssl = header.tlvs.ssl();
    let mut tlvs: Vec<_> = header
        .tlvs
        .iter()
        .filter(|(kind, _)| *kind != wire::proxy::kind::CRC32C && *kind != wire::proxy::kind::SSL)
        .map(|(kind, value)| Tlv::Value(kind, value))
        .collect();
    tlvs.extend(ssl.as_ref().map(Tlv::Ssl));
    tlvs.push(Tlv::Checksum);
    let mut out = Vec::new();
    if encode_v2(&header.origin, &tlvs, &mut out).is_err() {
        return;
    }
    let Ok(Parsed::Complete(again, n)) = decode(&out) else { panic!("our own header is refused") };
    assert_eq!(n, out.len());
    match header.origin {
        Origin::Client { .. } => assert_eq!((again.origin, again.tlvs.ssl()), (header.origin, ssl)),
        Origin::Local | Origin::Unknown => assert_eq!(again.origin, Origin::Local),
    }
});
