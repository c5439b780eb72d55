//! A file, line by line.

use std::fmt;

use super::{Environment, Place, Word, split};
use crate::span::{Span, SyntaxError};

/// The text of one file, kept for messages about it.
#[derive(Debug, Clone, Copy)]
pub struct Source<'f> {
    /// The name that messages use.
    pub name: &'f str,
    /// All of it.
    pub text: &'f [u8],
}

impl<'f> Source<'f> {
    /// The line of that number, from 1, without its line feed.
    pub fn line(self, number: u32) -> Option<&'f [u8]> {
        let index = (number as usize).checked_sub(1)?;
        self.text.split(|byte| *byte == b'\n').nth(index)
    }
}

/// A line that has words.
#[derive(Debug, Clone)]
pub struct Line<'f> {
    /// Its number, from 1.
    pub number: u32,
    /// Its text without the line feed; all spans are in it.
    pub text: &'f [u8],
    /// Its words, at least one.
    pub words: Vec<Word<'f>>,
}

impl Line<'_> {
    /// The first word without text after the keyword, with its index. Most directives take such a word as the end
    /// of their arguments, so that it hides what follows.
    pub fn empty_argument(&self) -> Option<(usize, &Word<'_>)> {
        self.words.iter().enumerate().skip(1).find(|(_, word)| word.is_empty())
    }
}

/// A line that could not be cut into words. The lines after it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError<'f> {
    /// Its number, from 1.
    pub number: u32,
    /// Its text without the line feed.
    pub text: &'f [u8],
    /// What is wrong in it.
    pub error: SyntaxError,
}

impl fmt::Display for LineError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.error)
    }
}

impl std::error::Error for LineError<'_> {}

/// Reads a file line by line. Each line is cut when it is asked for, as the lines before may change the environment.
#[derive(Debug)]
pub struct Reader<'f> {
    source: Source<'f>,
    rest: &'f [u8],
    number: u32,
}

impl<'f> Reader<'f> {
    /// A reader at the start of the file `name`.
    pub fn new(name: &'f str, text: &'f [u8]) -> Self {
        Self { source: Source { name, text }, rest: text, number: 0 }
    }

    /// The file.
    pub fn source(&self) -> Source<'f> {
        self.source
    }

    /// The next line that has words or is wrong.
    pub fn next_line(&mut self, environment: &dyn Environment) -> Option<Result<Line<'f>, LineError<'f>>> {
        loop {
            let (text, ending) = self.advance()?;
            let number = self.number;
            let place = Place { file: self.source.name, line: number };
            let words = ending.check(text).and_then(|()| split(text, place, environment));
            match words {
                Ok(words) if words.is_empty() => {}
                Ok(words) => return Some(Ok(Line { number, text, words })),
                Err(error) => return Some(Err(LineError { number, text, error })),
            }
        }
    }

    fn advance(&mut self) -> Option<(&'f [u8], Ending)> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let Some(end) = memchr::memchr(b'\n', self.rest) else {
            return Some((std::mem::take(&mut self.rest), Ending::EndOfFile));
        };
        let (text, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        Some((text, Ending::LineFeed))
    }
}

/// What a line ends with.
#[derive(Clone, Copy)]
enum Ending {
    LineFeed,
    EndOfFile,
}

impl Ending {
    fn check(self, text: &[u8]) -> Result<(), SyntaxError> {
        if let Some(at) = memchr::memchr(0, text) {
            return Err(SyntaxError::new(Span::new(at, at + 1), "stray NUL character"));
        }
        match self {
            Self::LineFeed => Ok(()),
            Self::EndOfFile => {
                let end = Span::at(text.len());
                Err(SyntaxError::new(end, "missing LF on last line, file might have been truncated"))
            }
        }
    }
}
