//! Chunked bodies: none may panic, and the cuts in which one arrives may not matter.

#![no_main]

use h1::{BodyDecoder, BodyEvent, Options, Side};
use http::{BodyLength, Headers};
use libfuzzer_sys::fuzz_target;

/// Data, trailers and the number of bytes consumed, or nothing for a body that is wrong or incomplete.
fn decode(bytes: &[u8], step: usize) -> Option<(Vec<u8>, Headers, usize)> {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked, Side::Request, Options::default());
    let (mut at, mut data, mut trailers) = (0, Vec::new(), Headers::new());
    for end in (step..bytes.len()).step_by(step).chain([bytes.len()]) {
        loop {
            let received = &bytes[at..end.max(at)];
            let decoded = decoder.decode(received, &mut trailers).ok()?;
            at += decoded.consumed;
            match decoded.event {
                BodyEvent::Data(range) => data.extend_from_slice(&received[range]),
                BodyEvent::NeedMore => break,
                BodyEvent::End => return Some((data, trailers, at)),
            }
        }
    }
    None
}

fuzz_target!(|data: &[u8]| {
    let whole = decode(data, data.len().max(1));
    assert_eq!(whole, decode(data, 1));
    assert_eq!(whole, decode(data, 5));
});
