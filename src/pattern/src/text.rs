//! Texts: beginning, end, part, path component, domain component.

use memchr::memmem;

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
        Method::Sub => memmem::find(text, pattern).is_some(),
        Method::Dir => has_component(text, pattern, b"/?"),
        Method::Dom => has_component(text, pattern, b"/?.:"),
        _ => false,
    }
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
fn has_component(text: &[u8], pattern: &[u8], delimiters: &[u8]) -> bool {
    let pattern = trim(pattern, delimiters);
    if pattern.is_empty() {
        return false;
    }
    let edge = |b: Option<&u8>| b.is_none_or(|b| delimiters.contains(b));
    memmem::find_iter(text, pattern).any(|at| {
        let before = at.checked_sub(1).and_then(|i| text.get(i));
        edge(before) && edge(text.get(at + pattern.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn components_need_both_edges() {
        assert!(test(Method::Dir, "img", "/static/img/a"));
        assert!(test(Method::Dir, "/img/", "/img"));
        assert!(!test(Method::Dir, "img", "/imgs/a"));
        assert!(test(Method::Dom, "example", "www.example.com:80"));
        assert!(!test(Method::Dom, "exam", "www.example.com"));
    }
}
