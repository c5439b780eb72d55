//! Heads of responses: none may panic, and the cuts in which one arrives may not matter.

#![no_main]

use h1::{Asked, Cursor, Options, Progress, ResponseInfo, Strictness, Upgrade};
use http::{Method, ResponseHead};
use libfuzzer_sys::fuzz_target;

fn parse(
    bytes: &[u8],
    step: usize,
    options: &Options,
    asked: &Asked,
) -> Option<(ResponseHead, ResponseInfo)> {
    let (mut head, mut cursor) = (ResponseHead::default(), Cursor::new());
    for end in (step..bytes.len()).step_by(step).chain([bytes.len()]) {
        match h1::parse_response(&bytes[..end], &mut cursor, options, asked, &mut head) {
            Ok(Progress::Complete(info)) => return Some((head, info)),
            Ok(Progress::Partial) => {}
            Err(_) => return None,
        }
    }
    None
}

fuzz_target!(|data: &[u8]| {
    for strictness in [Strictness::Strict, Strictness::Relaxed] {
        let options = Options { strictness, ..Options::default() };
        for (method, upgrade) in [
            (Method::Get, Upgrade::None),
            (Method::Head, Upgrade::None),
            (Method::Connect, Upgrade::WebSocket),
        ] {
            let asked = Asked { method, upgrade };
            let whole = parse(data, data.len().max(1), &options, &asked);
            assert_eq!(whole, parse(data, 1, &options, &asked));
        }
    }
});
