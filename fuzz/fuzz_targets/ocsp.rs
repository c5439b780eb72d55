//! Whatever an authority's server sends, what it says can be shown, or is no response.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(text) = tls::describe_response(data) {
        assert!(text.ends_with('\n'));
    }
});
