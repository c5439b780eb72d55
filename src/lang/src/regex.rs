//! Regular expressions as arguments of converters.

use std::fmt;

/// A compiled regular expression. Two are equal when they were written the same way.
#[derive(Clone)]
pub struct Regex {
    written: Box<str>,
    case: Case,
    times: Times,
    compiled: pcre2::bytes::Regex,
}

/// Whether upper and lower case differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They do.
    Sensitive,
    /// They do not.
    Insensitive,
}

/// How many matches are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// The first one.
    First,
    /// All of them.
    All,
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        (&self.written, self.case, self.times) == (&other.written, other.case, other.times)
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.written)
    }
}

impl Regex {
    /// Compiles an expression; the error says what is wrong with it.
    pub fn new(text: &[u8], case: Case, times: Times) -> Result<Self, String> {
        let invalid =
            |why: &dyn fmt::Display| format!("regex '{}' is invalid ({why})", String::from_utf8_lossy(text));
        let written = std::str::from_utf8(text).map_err(|e| invalid(&e))?;
        let compiled = pcre2::bytes::RegexBuilder::new()
            .caseless(case == Case::Insensitive)
            .jit_if_available(true)
            .build(written)
            .map_err(|e| invalid(&e))?;
        Ok(Self { written: written.into(), case, times, compiled })
    }

    /// Whether it matches a part of the text; it does not where the engine gave up.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.compiled.is_match(text).unwrap_or(false)
    }

    /// The text with matches replaced: `\0` to `\9` stand for what the match and its groups caught, `\xHH`
    /// for a byte, and a backslash for the character behind it. `None` when the engine gave up.
    pub fn replace(&self, text: &[u8], with: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        let mut groups = self.compiled.capture_locations();
        let mut at = 0;
        while at <= text.len() {
            let Some(found) = self.compiled.captures_read_at(&mut groups, text, at).ok()? else { break };
            out.extend_from_slice(&text[at..found.start()]);
            expand(with, |group| groups.get(group).map(|(from, to)| &text[from..to]), &mut out);
            at = found.end();
            if found.start() == found.end() {
                // Past a match of nothing one byte is carried over, so that the search goes on.
                out.extend(text.get(at));
                at += 1;
            }
            if self.times == Times::First {
                break;
            }
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        Some(out)
    }
}

fn expand<'t>(with: &[u8], group: impl Fn(usize) -> Option<&'t [u8]>, out: &mut Vec<u8>) {
    let mut rest = with;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (*first, tail) {
            (b'\\', [digit @ b'0'..=b'9', tail @ ..]) => {
                out.extend_from_slice(group(usize::from(digit - b'0')).unwrap_or_default());
                rest = tail;
            }
            (b'\\', [b'x', high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let value = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
                out.push(value(*high) << 4 | value(*low));
                rest = tail;
            }
            (b'\\', [escaped, tail @ ..]) => {
                out.push(*escaped);
                rest = tail;
            }
            (b'\\', []) => {}
            (plain, _) => out.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replaced(regex: &str, with: &str, times: Times, text: &str) -> String {
        let regex = Regex::new(regex.as_bytes(), Case::Sensitive, times).unwrap();
        String::from_utf8(regex.replace(text.as_bytes(), with.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn one_match_or_all_are_replaced() {
        assert_eq!(replaced("b", "X", Times::First, "abcb"), "aXcb");
        assert_eq!(replaced("b", "X", Times::All, "abcb"), "aXcX");
        assert_eq!(replaced("^a", "X", Times::All, "aab"), "Xab");
        assert_eq!(replaced("b", "", Times::All, "abc"), "ac");
    }

    #[test]
    fn a_match_of_nothing_moves_on() {
        assert_eq!(replaced("b*", "X", Times::All, "abc"), "XaXXcX");
        assert_eq!(replaced("z*", "X", Times::All, "abc"), "XaXbXcX");
        assert_eq!(replaced("z*", "X", Times::First, "abc"), "Xabc");
    }

    #[test]
    fn groups_and_escapes_are_filled_in() {
        assert_eq!(replaced("(b)c", r"\2\1-\0", Times::All, "abcb"), "ab-bcb");
        assert_eq!(replaced("(foo|bar)([0-9]+)?", r"\2\1", Times::All, "foobar42"), "foo42bar");
        assert_eq!(replaced("b", r"\x41\\\q", Times::All, "abc"), r"aA\qc");
        assert_eq!(replaced("b", "\\", Times::All, "abc"), "ac");
    }

    #[test]
    fn case_can_be_ignored_and_errors_name_the_expression() {
        let regex = Regex::new(b"b", Case::Insensitive, Times::All).unwrap();
        assert_eq!(regex.replace(b"aBc", b"X").unwrap(), b"aXc");
        let error = Regex::new(b"(b", Case::Sensitive, Times::All).unwrap_err();
        assert!(error.starts_with("regex '(b' is invalid"), "{error}");
    }

    proptest! {
        #[test]
        fn no_replacement_text_makes_it_fail(with in "[\\\\x0-9a-f]{0,12}", text in "[ab]{0,8}") {
            let regex = Regex::new(b"(a)|b*", Case::Sensitive, Times::All).unwrap();
            prop_assert!(regex.replace(text.as_bytes(), with.as_bytes()).is_some());
        }
    }
}
