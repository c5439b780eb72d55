//! The lines of a configuration file, cut into words: quotes, escapes, comments, environment variables.
//!
//! A logical line is a physical one: a backslash at its end continues nothing.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use crate::span::{Span, SyntaxError};
use crate::text::Text;

mod lexer;
mod reader;
#[cfg(test)]
mod tests;

pub use lexer::{quote, split};
pub use reader::{Line, LineError, Reader, Source};

/// The most words a line may have.
pub const MAX_WORDS: usize = 64;

/// What variables between double quotes stand for when a line is read. The lines before may have changed it.
pub trait Environment {
    /// The value of the environment variable `name`.
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>>;

    /// What `.SECTION` stands for: the name of the current section, else its type, else nothing.
    fn section(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(b"")
    }
}

/// An environment without variables.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEnvironment;

impl Environment for NoEnvironment {
    fn get(&self, _name: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
}

/// Where a line stands: what `.FILE` and `.LINE` say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'p> {
    /// The name of the file.
    pub file: &'p str,
    /// The number of the line, from 1.
    pub line: u32,
}

/// A word of a line: its text with quotes, escapes and variables resolved, and where it came from.
#[derive(Clone, PartialEq, Eq)]
pub struct Word<'f> {
    text: Cow<'f, [u8]>,
    span: Span,
    pieces: Pieces,
}

/// How the bytes of a word follow from the line. A word that is written as it reads has none.
type Pieces = Option<Box<[Piece]>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Where it starts in the text of the word.
    text: u32,
    source: Span,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Byte by byte from the line.
    Copied,
    /// As a whole from an escape or a variable.
    Produced,
}

impl<'f> Word<'f> {
    fn plain(text: &'f [u8], start: usize) -> Self {
        Self { text: Cow::Borrowed(text), span: Span::new(start, start + text.len()), pieces: None }
    }

    /// The bytes of the word.
    pub fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// The word, when it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.text).ok()
    }

    /// The word for a message, with replacement characters where it is not UTF-8.
    pub fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.text)
    }

    /// A copy of its text.
    pub fn to_text(&self) -> Text {
        Text::from(&*self.text)
    }

    /// Where it stands in the line, quotes included.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where a part of the text stands in the line. What an escape or a variable gave is all of that escape or
    /// variable.
    pub fn source(&self, part: Span) -> Span {
        let start = self.source_of(part.start).start;
        let end = if part.is_empty() { start } else { self.source_of(part.end - 1).end };
        Span { start, end: end.max(start) }
    }

    /// An error found in the text of this word, as an error of the line.
    #[must_use]
    pub fn located(&self, error: SyntaxError) -> SyntaxError {
        SyntaxError { span: self.source(error.span), ..error }
    }

    /// The word without ties to the file.
    pub fn into_owned(self) -> Word<'static> {
        Word { text: Cow::Owned(self.text.into_owned()), span: self.span, pieces: self.pieces }
    }

    fn source_of(&self, byte: u32) -> Span {
        let Some(pieces) = &self.pieces else {
            let at = self.span.start + byte;
            return Span { start: at, end: at + 1 };
        };
        let next = pieces.partition_point(|piece| piece.text <= byte);
        match next.checked_sub(1).map(|at| pieces[at]) {
            None => Span { start: self.span.start, end: self.span.start },
            Some(piece) if piece.origin == Origin::Produced => piece.source,
            Some(piece) => {
                let at = piece.source.start + (byte - piece.text);
                Span { start: at, end: at + 1 }
            }
        }
    }
}

impl Deref for Word<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.text
    }
}

impl PartialEq<str> for Word<'_> {
    fn eq(&self, other: &str) -> bool {
        *self.text == *other.as_bytes()
    }
}

impl PartialEq<&str> for Word<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self.text == *other.as_bytes()
    }
}

impl fmt::Debug for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{:?}", self.lossy(), self.span)
    }
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lossy())
    }
}
