//! Sizes: an integer and a binary multiple.

use std::fmt;

use crate::number;
use crate::parser::Rule;
use crate::span::Span;

/// A text that is no size, and from where on. A value too large counts as ending before the digit or the unit
/// that makes it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeError {
    /// What cannot be read.
    pub span: Span,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unexpected character at position {}", self.span.start + 1)
    }
}

impl std::error::Error for SizeError {}

/// Parses a size of at most `max`, with `k`, `m` or `g` in either case as a multiple.
pub fn parse(text: &[u8], max: u64) -> Result<u64, SizeError> {
    let refuse = |at: usize| SizeError { span: Span::new(at, text.len()) };
    let number = number::parse(Rule::size, text).map_err(|span| SizeError { span })?;
    if number.value > max {
        return Err(refuse(first_digit_too_many(text, max)));
    }
    let shift = match number.unit.as_str() {
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => 0,
    };
    if number.value > max >> shift {
        return Err(refuse(number.digits));
    }
    match number.excess {
        Some(span) => Err(SizeError { span }),
        None => Ok(number.value << shift),
    }
}

fn first_digit_too_many(text: &[u8], max: u64) -> usize {
    let mut value = 0u64;
    let exceeds = |digit: &u8| {
        value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        value > max
    };
    text.iter().position(exceeds).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORD: u64 = u32::MAX as u64;

    #[test]
    fn multiples_are_binary() {
        for (text, expected) in
            [("0", 0), ("16384", 16384), ("1k", 1024), ("1K", 1024), ("2m", 2 << 20), ("3G", 3 << 30)]
        {
            assert_eq!(parse(text.as_bytes(), WORD), Ok(expected), "{text}");
        }
        assert_eq!(parse(b"4294967295", WORD), Ok(WORD));
        assert_eq!(parse(b"4g", u64::MAX), Ok(4 << 30));
    }

    #[test]
    fn the_first_character_that_does_not_fit_is_told() {
        for (text, at) in [
            ("4g", 1),
            ("4294967296", 9),
            ("99999999999999999999", 9),
            ("1x", 1),
            ("1kb", 2),
            ("1.5k", 1),
            ("-1", 0),
            ("k", 0),
            ("", 0),
        ] {
            assert_eq!(parse(text.as_bytes(), WORD).map_err(|error| error.span.start), Err(at), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(text in proptest::collection::vec(any::<u8>(), 0..30), max: u64) {
            if let Ok(size) = parse(&text, max) {
                prop_assert!(size <= max);
            }
        }
    }
}
