//! Whatever arrives, looking for a TLS greeting in it ends, and finds only what lies within.
#![no_main]

use lang::hello::{ClientHello, kind, version};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = (kind(data), version(data));
    if let Ok(hello) = ClientHello::parse(data) {
        let _ = (hello.server_name(), hello.protocol(), hello.key_groups());
        (0..64).for_each(|wanted| drop(hello.list(wanted).map(<[u8]>::len)));
    }
});
