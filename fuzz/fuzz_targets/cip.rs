//! The head of a connection that must begin with a NetScaler client IP insertion.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::Parsed;

const MAGIC: u32 = 0x3c8a_0f5e;

fuzz_target!(|bytes: &[u8]| {
    let framed = [&MAGIC.to_be_bytes()[..], bytes].concat();
    if let Ok(Parsed::Complete(_, taken)) = wire::cip::decode(&framed, MAGIC) {
        assert!(taken <= framed.len());
        assert_eq!(wire::cip::decode(&framed[..taken - 1], MAGIC), Ok(Parsed::Partial));
    }
    let _ = wire::cip::decode(bytes, MAGIC);
    let _ = wire::socks4::decode_reply(bytes);
});
