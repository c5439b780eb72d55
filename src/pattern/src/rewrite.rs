//! Values made anew from what a regular expression found in them (`replace-header` and its kin).

use std::fmt;

use pcre2::bytes::Regex;

use crate::text::Case;

/// A regular expression whose groups a template may name.
pub struct Rewriter(Regex);

impl fmt::Debug for Rewriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rewriter").field(&self.0.as_str()).finish()
    }
}

impl Rewriter {
    /// Compiles an expression that tells upper case from lower case.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence's end.
    pub fn build(regex: &[u8]) -> Result<Self, String> {
        compile(regex, Case::Sensitive).map(Self)
    }

    /// Appends to `out` what becomes of a value by a template; `None` when the value does not match.
    ///
    /// In a template, `\0` to `\9` stand for the whole match and its groups, `\x` with two hexadecimal digits for a
    /// byte, and any other byte behind a backslash for itself.
    pub fn rewrite(&self, value: &[u8], template: &[u8], out: &mut Vec<u8>) -> Option<()> {
        rewrite(&self.0, value, template, out)
    }
}

/// Appends to `out` what becomes of a value by a template; `None` when the value does not match.
pub(crate) fn rewrite(regex: &Regex, value: &[u8], template: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let groups = regex.captures(value).ok().flatten()?;
    let mut rest = template;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        rest = match *rest {
            [digit @ b'0'..=b'9', ..] => {
                let group = groups.get(usize::from(digit - b'0'));
                out.extend_from_slice(group.map_or(&b""[..], |m| m.as_bytes()));
                &rest[1..]
            }
            [b'x', high, low, ..] if nibble(high).is_some() && nibble(low).is_some() => {
                out.extend(nibble(high).zip(nibble(low)).map(|(high, low)| high << 4 | low));
                &rest[3..]
            }
            [byte, ..] => {
                out.push(byte);
                &rest[1..]
            }
            [] => rest,
        };
    }
    out.extend_from_slice(rest);
    Some(())
}

/// Compiles an expression; the error is a sentence's end.
pub(crate) fn compile(regex: &[u8], case: Case) -> Result<Regex, String> {
    let text = String::from_utf8_lossy(regex);
    let mut builder = pcre2::bytes::RegexBuilder::new();
    builder.caseless(case == Case::Insensitive).jit_if_available(true);
    builder.build(&text).map_err(|e| {
        let said = e.to_string();
        let reason = said.rsplit_once(": ").map_or(said.as_str(), |(_, reason)| reason);
        let offset = e.offset().map(|at| format!(", erroffset={at}")).unwrap_or_default();
        format!("regex '{text}' is invalid (error={reason}{offset})")
    })
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rewrite(regex: &str, value: &str, template: &str) -> Option<String> {
        let mut out = Vec::new();
        Rewriter::build(regex.as_bytes())
            .unwrap()
            .rewrite(value.as_bytes(), template.as_bytes(), &mut out)
            .map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn groups_and_bytes_are_filled_in() {
        assert_eq!(rewrite("(a+)(b)?", "xaay", r"<\1\2\9>").as_deref(), Some("<aa>"));
        assert_eq!(rewrite("a(.)", "ab", r"\0\x41\\\q\").as_deref(), Some(r"abA\q"));
        assert_eq!(rewrite("a", "a", r"\x4").as_deref(), Some("x4"));
        assert_eq!(rewrite("curl", "curl/7.1", "foo").as_deref(), Some("foo"));
        assert_eq!(rewrite("A", "a", "x"), None);
        assert!(Rewriter::build(b"(").unwrap_err().contains("regex '(' is invalid"));
    }

    proptest! {
        #[test]
        fn a_template_without_backslashes_is_copied(value: Vec<u8>, template in "[^\\\\]*") {
            let mut out = Vec::new();
            let any = Rewriter::build(b"(?s)^.*$").unwrap();
            prop_assert!(any.rewrite(&value, template.as_bytes(), &mut out).is_some());
            prop_assert_eq!(out, template.as_bytes());
        }

        #[test]
        fn any_template_will_do(value: Vec<u8>, template: Vec<u8>) {
            let _ = Rewriter::build(b"(a)|(b)").unwrap().rewrite(&value, &template, &mut Vec::new());
        }
    }
}
