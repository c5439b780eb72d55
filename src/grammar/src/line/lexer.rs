//! From the text of a line to its words.

use std::borrow::Cow;

use pest::iterators::Pair;

use super::{Environment, MAX_WORDS, Origin, Piece, Place, Word};
use crate::argument::escaped;
use crate::parser::{self, Rule};
use crate::span::{Span, SyntaxError};
use crate::text::readable;

/// Cuts `text`, a line without its line feed, into words.
pub fn split<'f>(
    text: &'f [u8],
    place: Place<'_>,
    environment: &dyn Environment,
) -> Result<Vec<Word<'f>>, SyntaxError> {
    let words = match split_plain(text) {
        Some(words) => words,
        None => split_any(text, place, environment)?,
    };
    if words.len() > MAX_WORDS {
        let message = format!("too many words, a line may have {MAX_WORDS}");
        return Err(SyntaxError::new(words[MAX_WORDS].span(), message));
    }
    Ok(words)
}

/// What a byte means outside quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Text,
    Gap,
    /// Ends the line.
    Comment,
    /// Ends the line in a word, and is a gap elsewhere.
    Return,
    /// Needs the grammar.
    Special,
}

const MEANINGS: [Meaning; 256] = {
    let mut table = [Meaning::Text; 256];
    table[b' ' as usize] = Meaning::Gap;
    table[b'\t' as usize] = Meaning::Gap;
    table[0x0b] = Meaning::Gap;
    table[0x0c] = Meaning::Gap;
    table[b'#' as usize] = Meaning::Comment;
    table[b'\r' as usize] = Meaning::Return;
    table[b'\\' as usize] = Meaning::Special;
    table[b'"' as usize] = Meaning::Special;
    table[b'\'' as usize] = Meaning::Special;
    table
};

/// Nearly all lines have neither quotes nor escapes, and need no grammar: this is what keeps large files quick.
pub(super) fn split_plain(text: &[u8]) -> Option<Vec<Word<'_>>> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, &byte) in text.iter().enumerate() {
        match MEANINGS[byte as usize] {
            Meaning::Text => start = start.or(Some(at)),
            Meaning::Special => return None,
            meaning => {
                let in_word = start.is_some();
                if let Some(start) = start.take() {
                    if words.is_empty() {
                        words.reserve(8);
                    }
                    words.push(Word::plain(&text[start..at], start));
                }
                if meaning == Meaning::Comment || (meaning == Meaning::Return && in_word) {
                    return Some(words);
                }
            }
        }
    }
    words.extend(start.map(|start| Word::plain(&text[start..], start)));
    Some(words)
}

/// The same for any line, by the grammar.
pub(super) fn split_any<'f>(
    text: &'f [u8],
    place: Place<'_>,
    environment: &dyn Environment,
) -> Result<Vec<Word<'f>>, SyntaxError> {
    let readable = readable(text);
    let mut lexer = Lexer { text, place, environment, words: Vec::new(), open: Open::default() };
    for pair in parser::parse(Rule::line, &readable).into_inner() {
        if pair.as_rule() == Rule::word {
            lexer.word(pair)?;
        }
    }
    Ok(lexer.words)
}

/// The word being put together.
#[derive(Default)]
struct Open {
    text: Vec<u8>,
    pieces: Vec<Piece>,
    /// Whether it is a word even without a byte in it.
    kept: bool,
}

struct Lexer<'f, 'p> {
    text: &'f [u8],
    place: Place<'p>,
    environment: &'p dyn Environment,
    words: Vec<Word<'f>>,
    open: Open,
}

impl Lexer<'_, '_> {
    fn word(&mut self, pair: Pair<'_, Rule>) -> Result<(), SyntaxError> {
        let span = parser::span(&pair);
        let mut parts = pair.into_inner();
        if let (Some(Rule::plain), 1) = (parts.peek().map(|part| part.as_rule()), parts.len()) {
            self.words.push(Word::plain(&self.text[span.range()], span.start as usize));
            return Ok(());
        }
        for part in parts.by_ref() {
            match part.as_rule() {
                Rule::weak => self.weak(part)?,
                Rule::strong => self.strong(part)?,
                Rule::escape => {
                    self.open.kept = true;
                    self.escape(part)?;
                }
                _ => self.copy(parser::span(&part)),
            }
        }
        self.close(span);
        Ok(())
    }

    /// Ends the word; `span` is all that the words of one spelling came from.
    fn close(&mut self, span: Span) {
        let mut open = std::mem::take(&mut self.open);
        if open.text.is_empty() && !open.kept {
            return;
        }
        // Strings end at a NUL everywhere behind this point.
        if let Some(end) = memchr::memchr(0, &open.text) {
            open.text.truncate(end);
        }
        self.words.push(Word { text: Cow::Owned(open.text), span, pieces: Some(open.pieces.into()) });
    }

    fn copy(&mut self, source: Span) {
        self.piece(source, Origin::Copied);
        self.open.text.extend_from_slice(source.of(self.text));
    }

    fn produce(&mut self, source: Span, bytes: &[u8]) {
        self.piece(source, Origin::Produced);
        self.open.text.extend_from_slice(bytes);
    }

    fn piece(&mut self, source: Span, origin: Origin) {
        let text = self.open.text.len() as u32;
        self.open.pieces.push(Piece { text, source, origin });
    }

    fn escape(&mut self, pair: Pair<'_, Rule>) -> Result<(), SyntaxError> {
        let span = parser::span(&pair);
        let Some(kind) = pair.into_inner().next().map(|part| part.as_rule()) else {
            // A backslash that escapes nothing is itself.
            self.copy(span);
            return Ok(());
        };
        let written = span.of(self.text);
        match kind {
            Rule::fault_hex => {
                return Err(SyntaxError::new(span, "truncated or invalid hexadecimal sequence"));
            }
            Rule::escape_hex => {
                let value = written[2..].iter().fold(0, |value, digit| value * 16 + hex_value(*digit));
                self.produce(span, &[value]);
            }
            _ => self.produce(span, &[escaped(written[1])]),
        }
        Ok(())
    }

    fn strong(&mut self, pair: Pair<'_, Rule>) -> Result<(), SyntaxError> {
        let span = parser::span(&pair);
        self.open.kept = true;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::fault_quote => return Err(unmatched_quote(span)),
                _ => self.copy(parser::span(&part)),
            }
        }
        Ok(())
    }

    fn weak(&mut self, pair: Pair<'_, Rule>) -> Result<(), SyntaxError> {
        let span = parser::span(&pair);
        // The start of the text, also of an empty one.
        self.piece(Span::at(span.start as usize + 1), Origin::Copied);
        let mut content = Content::Single;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::weak_escape => self.escape(part)?,
                Rule::variable => {
                    if self.variable(part)? == Content::List {
                        content = Content::List;
                    }
                }
                Rule::fault_quote => return Err(unmatched_quote(span)),
                _ => self.copy(parser::span(&part)),
            }
        }
        // An empty list leaves no word, while an empty string does.
        self.open.kept |= content == Content::Single;
        Ok(())
    }

    fn variable(&mut self, pair: Pair<'_, Rule>) -> Result<Content, SyntaxError> {
        let span = parser::span(&pair);
        let reference = Reference::read(pair)?;
        let name = reference.name.of(self.text);
        let value = self.value(name).map_err(|()| forbidden_name(reference.name))?;
        let value =
            value.or_else(|| reference.default.map(|default| Cow::Owned(default.of(self.text).to_vec())));
        let value = value.unwrap_or_default();
        match reference.content {
            Content::Single => self.produce(span, &value),
            Content::List => self.list(span, &value),
        }
        Ok(reference.content)
    }

    /// The value of the variable `name`, or an error for a pseudo-variable that does not exist.
    fn value(&self, name: &[u8]) -> Result<Option<Cow<'static, [u8]>>, ()> {
        let owned = |value: Cow<'_, [u8]>| Cow::Owned(value.into_owned());
        Ok(Some(match name {
            b".FILE" => Cow::Owned(self.place.file.as_bytes().to_vec()),
            b".LINE" => Cow::Owned(self.place.line.to_string().into_bytes()),
            b".SECTION" => owned(self.environment.section()),
            [b'.', ..] => return Err(()),
            _ => {
                return Ok(std::str::from_utf8(name)
                    .ok()
                    .and_then(|name| self.environment.get(name))
                    .map(owned));
            }
        }))
    }

    /// Spreads the values of a list over words.
    fn list(&mut self, span: Span, values: &[u8]) {
        for (at, value) in values.split(|byte| byte.is_ascii_whitespace() || *byte == 0x0b).enumerate() {
            if at > 0 {
                self.close(span);
            }
            self.produce(span, value);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Single,
    List,
}

/// A variable as written.
struct Reference {
    name: Span,
    default: Option<Span>,
    content: Content,
}

impl Reference {
    fn read(pair: Pair<'_, Rule>) -> Result<Self, SyntaxError> {
        let mut reference = Self { name: Span::default(), default: None, content: Content::Single };
        let brace = parser::span(&pair).start as usize + 1;
        for part in pair.into_inner().flatten() {
            let span = parser::span(&part);
            match part.as_rule() {
                Rule::name => reference.name = span,
                Rule::star => reference.content = Content::List,
                Rule::default => reference.default = Some(Span { start: span.start + 1, ..span }),
                Rule::fault_name => return Err(forbidden_name(span)),
                Rule::fault_star => {
                    return Err(SyntaxError::new(span, "truncated or invalid word expansion sequence"));
                }
                Rule::fault_brace => {
                    let at = Span::new(brace, brace + 1);
                    return Err(SyntaxError::new(at, "unmatched brace in environment variable name"));
                }
                _ => {}
            }
        }
        Ok(reference)
    }
}

fn forbidden_name(span: Span) -> SyntaxError {
    SyntaxError::new(span, "forbidden first char in environment variable name")
        .with_hint("a dollar sign between double quotes starts a variable unless a backslash precedes it")
}

fn unmatched_quote(span: Span) -> SyntaxError {
    SyntaxError::new(Span { end: span.start + 1, ..span }, "unmatched quote")
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

/// Writes `text` so that it reads as one word. A NUL has no such form.
pub fn quote(text: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| MEANINGS[*byte as usize] == Meaning::Text && *byte != b'\n';
    if !text.is_empty() && text.iter().all(plain) {
        return text.to_vec();
    }
    let mut quoted = vec![b'"'];
    for &byte in text {
        match byte {
            b'\n' => quoted.extend_from_slice(b"\\n"),
            b'\r' => quoted.extend_from_slice(b"\\r"),
            b'"' | b'\\' | b'$' => quoted.extend_from_slice(&[b'\\', byte]),
            _ => quoted.push(byte),
        }
    }
    quoted.push(b'"');
    quoted
}
