//! Texts: equal, beginning, end, part, path component, domain component.

use memchr::memmem;

use crate::Method;

/// Whether upper and lower case differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// They do.
    #[default]
    Sensitive,
    /// They do not (`-i`).
    Insensitive,
}

/// A pattern for texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTest {
    pattern: Box<[u8]>,
    method: Method,
    case: Case,
}

impl TextTest {
    /// A pattern for one of the methods that compare text.
    pub fn new(pattern: &[u8], method: Method, case: Case) -> Self {
        let pattern = match (case, method) {
            (Case::Insensitive, _) => pattern.to_ascii_lowercase(),
            (Case::Sensitive, _) => pattern.to_vec(),
        };
        let delimiters = delimiters(method);
        let trimmed = trim(&pattern, delimiters);
        Self { pattern: trimmed.into(), method, case }
    }

    /// Whether a text matches; `folded` is the same text in lower case.
    pub(crate) fn matches(&self, text: &[u8], folded: &[u8]) -> bool {
        let text = if self.case == Case::Insensitive { folded } else { text };
        match self.method {
            Method::Str => text == &*self.pattern,
            Method::Beg => text.starts_with(&self.pattern),
            Method::End => text.ends_with(&self.pattern),
            Method::Sub => memmem::find(text, &self.pattern).is_some(),
            Method::Dir | Method::Dom => has_component(text, &self.pattern, delimiters(self.method)),
            _ => false,
        }
    }

    /// Whether the lower-case form of a text will be looked at.
    pub(crate) fn folds(&self) -> bool {
        self.case == Case::Insensitive
    }
}

fn delimiters(method: Method) -> &'static [u8] {
    match method {
        Method::Dir => b"/?",
        Method::Dom => b"/?.:",
        _ => b"",
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
        TextTest::new(pattern.as_bytes(), method, Case::Sensitive).matches(text.as_bytes(), b"")
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

    #[test]
    fn case_is_folded_on_demand() {
        let t = TextTest::new(b"WWW", Method::Beg, Case::Insensitive);
        assert!(t.folds() && t.matches(b"wWw.x", b"www.x"));
    }
}
