//! Normal forms of request targets: what is in one already stays as it is.

#![no_main]

use http::normalize::{
    Above, Percents, decode_unreserved, encode_fragment, merge_slashes, sort_query, strip_dot, strip_dotdot,
    strip_fragment, uppercase_percents,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|target: &[u8]| {
    for normalize in [
        encode_fragment,
        |t: &[u8]| strip_fragment(t).to_vec(),
        merge_slashes,
        strip_dot,
        |t: &[u8]| strip_dotdot(t, Above::Removed),
        |t: &[u8]| uppercase_percents(t, Percents::Kept).unwrap_or_default(),
        sort_query,
    ] {
        let once = normalize(target);
        assert_eq!(normalize(&once), once);
    }
    if let Ok(strict) = decode_unreserved(target, Percents::Refused) {
        assert_eq!(decode_unreserved(target, Percents::Kept), Ok(strict));
    }
});
