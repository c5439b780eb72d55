//! Whatever a header block holds, decoding it ends; and what is encoded is decoded to the same.
#![no_main]

use h2::hpack::{Decoder, Encoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut fields = Vec::new();
    let mut decoder = Decoder::new(256);
    for block in data.split(|byte| *byte == 0xff) {
        if decoder.decode(block, |name, value| fields.push((name.to_vec(), value.to_vec()))).is_err() {
            break;
        }
    }
    let mut block = Vec::new();
    for (name, value) in &fields {
        Encoder::field(name, value, &mut block);
    }
    let mut again = Vec::new();
    let decoded = Decoder::new(0).decode(&block, |name, value| again.push((name.to_vec(), value.to_vec())));
    assert!(decoded.is_ok() && again == fields);
});
