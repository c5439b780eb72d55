//! Heads of requests: none may panic, the cuts in which one arrives may not matter, and what is forwarded has to be
//! read the same way again.

#![no_main]

use h1::{ConnectionLine, Cursor, NameCase, Options, Progress, RequestInfo, Strictness};
use http::RequestHead;
use libfuzzer_sys::fuzz_target;

fn parse(bytes: &[u8], step: usize, options: &Options) -> Option<(RequestHead, RequestInfo)> {
    let (mut head, mut cursor) = (RequestHead::default(), Cursor::new());
    for end in (step..bytes.len()).step_by(step).chain([bytes.len()]) {
        match h1::parse_request(&bytes[..end], &mut cursor, options, &mut head) {
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
        let whole = parse(data, data.len().max(1), &options);
        assert_eq!(whole, parse(data, 1, &options));
        assert_eq!(whole, parse(data, 7, &options));
        let Some((head, info)) = whole.filter(|_| strictness == Strictness::Strict) else { continue };
        let mut out = Vec::new();
        h1::write_request(&head, info.body, ConnectionLine::Nothing, NameCase::Lower, &mut out);
        let (again, read) = parse(&out, out.len(), &options).expect("what is written can be read");
        assert_eq!((again.method, read.body, read.head_len), (head.method, info.body, out.len()));
    }
});
