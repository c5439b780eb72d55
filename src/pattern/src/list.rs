//! A list of patterns of one method, and the comparison of a sample with all of them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use lang::Sample;

use crate::Method;
use crate::address::Network;
use crate::integer::{IntegerTest, Operator, Range};
use crate::text::{Case, TextTest};

/// The patterns of an ACL.
pub struct Patterns {
    method: Method,
    tests: Tests,
}

enum Tests {
    None,
    Integers(Vec<IntegerTest>),
    Networks(Vec<Network>),
    Binary(HashSet<Box<[u8]>>),
    Exact { texts: Wholes, case: Case },
    Texts(Vec<TextTest>),
    Regexes(Vec<pcre2::bytes::Regex>),
}

/// Whole texts: a few are compared one by one, more are looked up.
enum Wholes {
    Few(Box<[Box<[u8]>]>),
    Many(HashSet<Box<[u8]>>),
}

impl Wholes {
    const FEW: usize = 4;

    fn contains(&self, text: &[u8]) -> bool {
        match self {
            Self::Few(texts) => texts.iter().any(|t| **t == *text),
            Self::Many(texts) => texts.contains(text),
        }
    }
}

impl FromIterator<Box<[u8]>> for Wholes {
    fn from_iter<I: IntoIterator<Item = Box<[u8]>>>(texts: I) -> Self {
        let texts: Vec<_> = texts.into_iter().collect();
        if texts.len() > Self::FEW {
            Self::Many(texts.into_iter().collect())
        } else {
            Self::Few(texts.into())
        }
    }
}

/// A pattern that its method cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// Which pattern, from 0.
    pub index: usize,
    /// What is wrong.
    pub message: String,
}

impl Patterns {
    /// Reads the patterns of a method; for integers an operator may stand before each run of them.
    pub fn build(method: Method, case: Case, words: &[&[u8]]) -> Result<Self, BuildError> {
        let tests = match method {
            Method::Found | Method::Bool => Tests::None,
            Method::Int | Method::Len => Tests::Integers(integers(words)?),
            Method::Ip => Tests::Networks(each(words, "IPv4 or IPv6 address", Network::parse)?),
            Method::Bin => {
                let parsed = each(words, "hexadecimal string", |w| unhex(w).map(Vec::into_boxed_slice))?;
                Tests::Binary(parsed.into_iter().collect())
            }
            Method::Str => {
                let fold = |w: &&[u8]| match case {
                    Case::Sensitive => w.to_vec().into_boxed_slice(),
                    Case::Insensitive => w.to_ascii_lowercase().into_boxed_slice(),
                };
                Tests::Exact { texts: words.iter().map(fold).collect(), case }
            }
            Method::Reg => Tests::Regexes(regexes(words, case)?),
            Method::Sub | Method::Beg | Method::End | Method::Dir | Method::Dom => {
                Tests::Texts(words.iter().map(|w| TextTest::new(w, method, case)).collect())
            }
        };
        Ok(Self { method, tests })
    }

    /// The method of these patterns.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Whether a sample matches one of the patterns.
    pub fn matches(&self, sample: Sample<'_>) -> bool {
        match &self.tests {
            Tests::None => self.method == Method::Found || sample.to_bool() == Some(true),
            Tests::Integers(tests) => {
                let value = match self.method {
                    Method::Len => Some(sample.into_text().len() as i64),
                    _ => sample.to_int(),
                };
                value.is_some_and(|v| tests.iter().any(|IntegerTest::In(r)| r.contains(v)))
            }
            Tests::Networks(nets) => sample.to_addr().is_some_and(|ip| nets.iter().any(|n| n.contains(ip))),
            Tests::Binary(set) => match sample.cast(lang::Type::Bin) {
                Some(Sample::Bin(b)) => set.contains(&*b),
                _ => false,
            },
            Tests::Exact { texts, case } => {
                let text = sample.into_text();
                match case {
                    Case::Sensitive => texts.contains(&text),
                    Case::Insensitive => texts.contains(&text.to_ascii_lowercase()),
                }
            }
            Tests::Texts(tests) => {
                let text = sample.into_text();
                let folded = match tests.first() {
                    Some(t) if t.folds() => Cow::Owned(text.to_ascii_lowercase()),
                    _ => Cow::Borrowed(&b""[..]),
                };
                tests.iter().any(|t| t.matches(&text, &folded))
            }
            Tests::Regexes(regexes) => {
                let text = sample.into_text();
                // A pattern that runs into PCRE's limits does not match.
                regexes.iter().any(|r| r.is_match(&text).unwrap_or(false))
            }
        }
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patterns({:?})", self.method)
    }
}

fn each<T>(words: &[&[u8]], what: &str, parse: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, BuildError> {
    let parsed = words.iter().enumerate().map(|(index, word)| {
        parse(word).ok_or_else(|| BuildError {
            index,
            message: format!("'{}' is not a valid {what}", String::from_utf8_lossy(word)),
        })
    });
    parsed.collect()
}

fn integers(words: &[&[u8]]) -> Result<Vec<IntegerTest>, BuildError> {
    let mut operator = Operator::Eq;
    let mut tests = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if let Some(op) = Operator::find(word) {
            operator = op;
            continue;
        }
        let range = Range::parse(word, operator).ok_or_else(|| BuildError {
            index,
            message: format!("'{}' is neither a number nor a range", String::from_utf8_lossy(word)),
        })?;
        tests.push(IntegerTest::In(range));
    }
    Ok(tests)
}

fn regexes(words: &[&[u8]], case: Case) -> Result<Vec<pcre2::bytes::Regex>, BuildError> {
    let compile = |(index, word): (usize, &&[u8])| {
        let text = String::from_utf8_lossy(word);
        pcre2::bytes::RegexBuilder::new()
            .caseless(case == Case::Insensitive)
            .jit_if_available(true)
            .build(&text)
            .map_err(|e| BuildError { index, message: format!("regex '{text}' is invalid: {e}") })
    };
    words.iter().enumerate().map(compile).collect()
}

fn unhex(word: &[u8]) -> Option<Vec<u8>> {
    if !word.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    word.chunks_exact(2).map(|p| Some(digit(p[0])? << 4 | digit(p[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(method: Method, words: &[&str]) -> Patterns {
        let words: Vec<&[u8]> = words.iter().map(|w| w.as_bytes()).collect();
        Patterns::build(method, Case::Sensitive, &words).unwrap()
    }

    #[test]
    fn one_match_is_enough() {
        let p = build(Method::Str, &["a", "b"]);
        assert!(p.matches(Sample::text(b"b")) && !p.matches(Sample::text(b"c")));
        let many = build(Method::Str, &["a", "b", "c", "d", "e", "f"]);
        assert!(many.matches(Sample::text(b"f")) && !many.matches(Sample::text(b"g")));
    }

    #[test]
    fn integers_take_operators() {
        let p = build(Method::Int, &["lt", "5", "gt", "10"]);
        assert!(p.matches(Sample::Int(4)) && p.matches(Sample::Int(11)) && !p.matches(Sample::Int(7)));
    }

    #[test]
    fn lengths_and_binaries() {
        assert!(build(Method::Len, &["3:5"]).matches(Sample::text(b"abcd")));
        assert!(build(Method::Bin, &["0aFF"]).matches(Sample::text(b"\x0a\xff")));
        assert!(Patterns::build(Method::Bin, Case::Sensitive, &[b"0"]).is_err());
    }

    #[test]
    fn regular_expressions_are_pcre() {
        let p = build(Method::Reg, &["^/a(?=b)"]);
        assert!(p.matches(Sample::text(b"/ab")) && !p.matches(Sample::text(b"/ac")));
        assert_eq!(Patterns::build(Method::Reg, Case::Sensitive, &[b"("]).unwrap_err().index, 0);
    }

    #[test]
    fn truth_and_existence_need_no_patterns() {
        assert!(build(Method::Bool, &[]).matches(Sample::Bool(true)));
        assert!(!build(Method::Bool, &[]).matches(Sample::Int(0)));
        assert!(build(Method::Found, &[]).matches(Sample::Int(0)));
    }
}
