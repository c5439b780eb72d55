//! Cookies that go from requests leave the others, and never come back.

#![no_main]

use http::{Change, Headers, Place, SetCookie, change_request_cookies, request_cookies};
use libfuzzer_sys::fuzz_target;

fn others(headers: &Headers) -> Vec<(Vec<u8>, Vec<u8>)> {
    let wanted = |name: &[u8]| name != b"S" && !name.starts_with(b"$");
    let pairs = request_cookies(headers).filter(|c| wanted(c.name));
    pairs.map(|c| (c.name.to_vec(), c.value.to_vec())).collect()
}

fuzz_target!(|text: &[u8]| {
    let value = http::token::trim(text);
    let mut headers = Headers::new();
    headers.push(b"cookie", value);
    let before = others(&headers);
    change_request_cookies(&mut headers, |name, _| if name == b"S" { Change::Remove } else { Change::Keep });
    assert_eq!(others(&headers), before);
    assert!(request_cookies(&headers).all(|c| c.name != b"S"));
    if let Some(set) = SetCookie::of(value) {
        let written = set.with(value, b"new", Place::Instead);
        let again = SetCookie::of(&written).map(|c| written[c.value].to_vec());
        assert_eq!(again.as_deref(), Some(&b"new"[..]));
    }
});
