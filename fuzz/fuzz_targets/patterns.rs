//! Files of patterns: any bytes are read, and what is read can be compared with.
#![no_main]

use lang::Sample;
use libfuzzer_sys::fuzz_target;
use pattern::{Case, Columns, Method, Patterns, file};

const METHODS: [Method; 9] = [
    Method::Str,
    Method::Beg,
    Method::End,
    Method::Sub,
    Method::Dir,
    Method::Dom,
    Method::Int,
    Method::Ip,
    Method::Bin,
];

fuzz_target!(|content: &[u8]| {
    let pairs = file::parse(content, Columns::KeyAndValue);
    assert!(pairs.iter().all(|item| item.value().is_some() && !item.key().contains(&b' ')));
    let items = file::parse(content, Columns::Key);
    assert!(items.len() >= pairs.len());
    for method in METHODS {
        for case in [Case::Sensitive, Case::Insensitive] {
            let keys: Vec<&[u8]> = items.iter().map(|item| item.key()).collect();
            let Ok(patterns) = Patterns::build(method, case, &keys) else { continue };
            let found = keys.iter().all(|key| patterns.matches(Sample::text(key)));
            assert!(found || !matches!(method, Method::Str | Method::Beg | Method::End | Method::Sub));
            let _ = patterns.matches(Sample::text(content));
        }
    }
});
