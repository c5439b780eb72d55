//! Texts: beginning, end, part, path component, domain component.

use base::fold::is_in_any_case;
use memchr::{memchr_iter, memchr2_iter, memmem};

use crate::Method;

/// Whether upper and lower case differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Case {
    /// They do.
    #[default]
    Sensitive,
    /// They do not (`-i`).
    Insensitive,
}

/// Whether a pattern fits a text by one of the methods that compare parts of texts.
pub(crate) fn fits(method: Method, pattern: &[u8], text: &[u8]) -> bool {
    match method {
        Method::Str => text == pattern,
        Method::Beg => text.starts_with(pattern),
        Method::End => text.ends_with(pattern),
        Method::Sub => find(text, pattern).is_some(),
        Method::Dir => has_component(text, pattern, b"/?", find),
        Method::Dom => has_component(text, pattern, b"/?.:", find),
        _ => false,
    }
}

/// The same in any case, for a pattern in lower case.
pub(crate) fn fits_in_any_case(method: Method, pattern: &[u8], text: &[u8]) -> bool {
    let is = |part: Option<&[u8]>| part.is_some_and(|part| is_in_any_case(pattern, part));
    match method {
        Method::Str => is(Some(text)),
        Method::Beg => is(text.get(..pattern.len())),
        Method::End => is(text.len().checked_sub(pattern.len()).map(|from| &text[from..])),
        Method::Sub => find_in_any_case(text, pattern).is_some(),
        Method::Dir => has_component(text, pattern, b"/?", find_in_any_case),
        Method::Dom => has_component(text, pattern, b"/?.:", find_in_any_case),
        _ => false,
    }
}

/// Longer texts are worth the preparation of a search that is never slow.
const SHORT: usize = 256;

/// Where the pattern stands in the text first.
fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    let [first, rest @ ..] = pattern else { return Some(0) };
    if text.len() > SHORT {
        return memmem::find(text, pattern);
    }
    let last = text.len().checked_sub(rest.len())?;
    memchr_iter(*first, &text[..last]).find(|at| text[at + 1..].starts_with(rest))
}

/// Where the pattern stands in the text first, in any case.
#[inline]
pub(crate) fn find_in_any_case(text: &[u8], pattern: &[u8]) -> Option<usize> {
    let [first, rest @ ..] = pattern else { return Some(0) };
    if text.len() > SHORT {
        return memmem::find(&text.to_ascii_lowercase(), pattern);
    }
    let last = text.len().checked_sub(rest.len())?;
    memchr2_iter(*first, first.to_ascii_uppercase(), &text[..last])
        .find(|at| is_in_any_case(rest, &text[at + 1..][..rest.len()]))
}

fn trim<'p>(mut pattern: &'p [u8], delimiters: &[u8]) -> &'p [u8] {
    while let [first, rest @ ..] = pattern {
        if !delimiters.contains(first) {
            break;
        }
        pattern = rest;
    }
    while let [rest @ .., last] = pattern {
        if !delimiters.contains(last) {
            break;
        }
        pattern = rest;
    }
    pattern
}

/// Whether the pattern stands in the text with a delimiter or an end on both sides.
fn has_component(
    text: &[u8],
    pattern: &[u8],
    delimiters: &[u8],
    find: impl Fn(&[u8], &[u8]) -> Option<usize>,
) -> bool {
    let pattern = trim(pattern, delimiters);
    if pattern.is_empty() {
        return false;
    }
    let edge = |b: Option<&u8>| b.is_none_or(|b| delimiters.contains(b));
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| find(rest, pattern)) {
        let (start, end) = (from + at, from + at + pattern.len());
        let before = start.checked_sub(1).and_then(|i| text.get(i));
        if edge(before) && edge(text.get(end)) {
            return true;
        }
        from = start + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn test(method: Method, pattern: &str, text: &str) -> bool {
        fits(method, pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn each_method_compares_its_part() {
        assert!(test(Method::Str, "abc", "abc") && !test(Method::Str, "abc", "abcd"));
        assert!(test(Method::Beg, "/api", "/api/x") && !test(Method::Beg, "/api", "/x/api"));
        assert!(test(Method::End, ".png", "/a.png") && !test(Method::End, ".png", "/a.png?x"));
        assert!(test(Method::Sub, "b", "abc") && !test(Method::Sub, "d", "abc"));
    }

    proptest! {
        #[test]
        fn a_part_is_found_where_it_stands_first(text in "[ab]{0,300}", pattern in "[ab]{0,4}") {
            prop_assert_eq!(super::find(text.as_bytes(), pattern.as_bytes()), text.find(&pattern));
        }

        #[test]
        fn components_are_those_between_delimiters(text in "[ab./?:]{0,12}", pattern in "[ab]{1,3}") {
            let parts = |delimiters: &[char]| text.split(delimiters).any(|part| part == pattern);
            prop_assert_eq!(test(Method::Dir, &pattern, &text), parts(&['/', '?']));
            prop_assert_eq!(test(Method::Dom, &pattern, &text), parts(&['/', '?', '.', ':']));
        }
    }

    #[test]
    fn delimiters_alone_are_no_component() {
        for text in ["", "/", "a/", "/a", "a//b"] {
            assert!(!test(Method::Dir, "/", text), "{text}");
        }
    }

    #[test]
    fn components_need_both_edges() {
        assert!(test(Method::Dir, "img", "/static/img/a"));
        assert!(test(Method::Dir, "/img/", "/img"));
        assert!(!test(Method::Dir, "img", "/imgs/a"));
        assert!(test(Method::Dom, "example", "www.example.com:80"));
        assert!(!test(Method::Dom, "exam", "www.example.com"));
    }
}
