//! Where something stands in a text, and what is wrong there.

use std::fmt;
use std::ops::Range;

/// A range of bytes of the text that was parsed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The place between two bytes, just before the byte `at`.
    pub fn at(at: usize) -> Self {
        Self::new(at, at)
    }

    /// The span as a range to index with.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many bytes it covers.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it covers nothing.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The part of `text` it covers; nothing where the text is shorter.
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.range()).unwrap_or_default()
    }

    /// The same span in a text in which this one starts `by` bytes further.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self { start: self.start + by as u32, end: self.end + by as u32 }
    }

    /// From the start of this one to the end of `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end.max(self.start) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A text that does not follow its grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where it shows.
    pub span: Span,
    /// What is wrong, without a final period.
    pub message: String,
    /// What would help, when that is known.
    pub hint: Option<String>,
}

impl SyntaxError {
    /// An error at `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    /// The same error with an advice.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same error in a text in which the parsed one starts `by` bytes further.
    #[must_use]
    pub fn shifted(self, by: usize) -> Self {
        Self { span: self.span.shifted(by), ..self }
    }

    /// The position as people count it, from 1.
    pub fn position(&self) -> u32 {
        self.span.start + 1
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at position {}", self.message, self.position())?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SyntaxError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_slices_its_text() {
        let span = Span::new(2, 4);
        assert_eq!(span.of(b"abcdef"), b"cd");
        assert_eq!(span.of(b"abc"), b"");
        assert_eq!((span.len(), span.is_empty(), Span::at(3).is_empty()), (2, false, true));
        assert_eq!(span.shifted(3), Span::new(5, 7));
        assert_eq!(span.to(Span::new(6, 9)), Span::new(2, 9));
    }

    #[test]
    fn an_error_reads_as_one_sentence() {
        let error = SyntaxError::new(Span::new(4, 5), "unmatched quote");
        assert_eq!(error.to_string(), "unmatched quote at position 5");
        assert_eq!(
            error.shifted(2).with_hint("close it").to_string(),
            "unmatched quote at position 7 (close it)"
        );
    }
}
