//! The lines of a head, found one after the other as they are received.

use http::Headers;
use http::token::is_blank;

use crate::scan::{self, Line, LineEnd};
use crate::{ErrorKind, Options, ParseError, Side, Strictness};

/// Remembers how far a head has been parsed, so that no complete line is looked at twice.
///
/// One cursor serves all messages of a connection's direction: it is reset when a head is complete, and keeps its
/// memory.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    stage: Stage,
    /// Where the first line that is not yet complete starts.
    line: usize,
    /// Up to where that line has been looked at in vain.
    seen: usize,
    /// Where the header fields start.
    fields_start: usize,
    fields: Vec<Field>,
    last: Last,
    /// Line ends inside values, to be replaced by spaces.
    folds: Vec<(u32, u32)>,
    violations: u32,
    first_violation: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    StartLine,
    Fields,
}

/// What became of the last header field, which a continuation line belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    None,
    Kept,
    Dropped,
}

/// A header field as positions in the received bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    name: u32,
    name_len: u32,
    value: u32,
    value_len: u32,
}

/// The error of a line, without the side it is on.
pub(crate) type Fault = (ErrorKind, usize);

/// The longest header name.
const MAX_NAME: usize = 255;

/// One line of the header section.
enum FieldLine {
    /// The empty line, and where the body starts.
    Empty(usize),
    /// A field, and where the next line starts.
    Field(Field, usize),
    /// The continuation of the value of the field before it.
    Fold {
        text: (usize, usize),
        next: usize,
    },
    /// A field with a forbidden name, tolerated but dropped.
    Dropped {
        position: usize,
        next: usize,
    },
    Partial,
}

impl Cursor {
    /// A cursor at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the message, as when its bytes are thrown away.
    pub fn reset(&mut self) {
        self.stage = Stage::StartLine;
        (self.line, self.seen, self.fields_start) = (0, 0, 0);
        self.fields.clear();
        self.folds.clear();
        self.last = Last::None;
        (self.violations, self.first_violation) = (0, None);
    }

    pub(crate) fn is_in_start_line(&self) -> bool {
        self.stage == Stage::StartLine
    }

    /// How many violations were tolerated, and where the first one is.
    pub(crate) fn violations(&self) -> (u32, Option<usize>) {
        (self.violations, self.first_violation)
    }

    pub(crate) fn tolerate(&mut self, position: usize) {
        self.violations += 1;
        self.first_violation.get_or_insert(position);
    }

    /// Where the start line starts, past empty lines. `None` when it has not been received.
    pub(crate) fn start_line(&mut self, buf: &[u8]) -> Result<Option<usize>, Fault> {
        if self.line == self.seen {
            while let Some(b'\r' | b'\n') = buf.get(self.line) {
                match scan::line_end_at(buf, self.line) {
                    Line::End(end) => self.line = end.next,
                    Line::Partial => {
                        self.seen = self.line;
                        return Ok(None);
                    }
                    Line::BareReturn(at) | Line::Nul(at) => return Err((ErrorKind::LineEnd, at)),
                }
            }
            self.seen = self.line;
        }
        let news = buf.get(self.seen..).unwrap_or_default();
        // The rest of a long line that trickles in needs a closer look only when it ends or cannot be right.
        let telling = |&b: &u8| b == b'\n' || (b < b' ' && b != b'\t' && b != b'\r');
        let worth_it = self.seen == self.line || news.iter().any(telling);
        self.seen = buf.len().max(self.line);
        Ok((worth_it && self.line < buf.len()).then_some(self.line))
    }

    /// Goes on behind the start line.
    pub(crate) fn start_line_done(&mut self, next: usize) {
        self.stage = Stage::Fields;
        (self.line, self.seen, self.fields_start) = (next, next, next);
    }

    /// Goes through header lines until the empty one; returns where the body starts.
    pub(crate) fn fields(&mut self, buf: &[u8], options: &Options) -> Result<Option<usize>, Fault> {
        if self.seen > self.line && !self.is_worth_another_look(buf, options.strictness) {
            self.seen = buf.len();
            return Ok(None);
        }
        loop {
            match self.field_line(buf, options.strictness)? {
                FieldLine::Partial => {
                    self.seen = buf.len();
                    return Ok(None);
                }
                FieldLine::Empty(body) => return Ok(Some(body)),
                FieldLine::Field(field, next) => {
                    if self.fields.len() + 1 >= options.limits.lines {
                        return Err((ErrorKind::TooManyFields, self.line));
                    }
                    self.fields.push(field);
                    self.last = Last::Kept;
                    self.line = next;
                }
                FieldLine::Fold { text, next } => {
                    if self.last == Last::Kept {
                        self.fold(buf, text);
                    }
                    self.line = next;
                }
                FieldLine::Dropped { position, next } => {
                    self.tolerate(position);
                    self.last = Last::Dropped;
                    self.line = next;
                }
            }
        }
    }

    fn is_worth_another_look(&self, buf: &[u8], strictness: Strictness) -> bool {
        let news = buf.get(self.seen..).unwrap_or_default();
        match strictness {
            Strictness::Strict => memchr::memchr2(b'\n', 0, news).is_some(),
            Strictness::Relaxed => memchr::memchr(b'\n', news).is_some(),
        }
    }

    #[inline]
    fn field_line(&mut self, buf: &[u8], strictness: Strictness) -> Result<FieldLine, Fault> {
        let start = self.line;
        let name_end = scan::token_end(buf, start);
        match buf.get(name_end) {
            Some(b':') if name_end > start => {
                let Some(end) = self.value_end(buf, name_end + 1, strictness)? else {
                    return Ok(FieldLine::Partial);
                };
                if name_end - start > MAX_NAME {
                    return Err((ErrorKind::FieldNameTooLong, start + MAX_NAME));
                }
                let (value, value_len) = trimmed(buf, name_end + 1, end.text);
                let field =
                    Field { name: start as u32, name_len: (name_end - start) as u32, value, value_len };
                Ok(FieldLine::Field(field, end.next))
            }
            None => Ok(FieldLine::Partial),
            Some(_) => self.odd_line(buf, start, name_end, strictness),
        }
    }

    /// A line that does not start with a token and a colon.
    fn odd_line(
        &mut self,
        buf: &[u8],
        start: usize,
        name_end: usize,
        strictness: Strictness,
    ) -> Result<FieldLine, Fault> {
        let first = buf[start];
        if first == b'\n' || first == b'\r' {
            return match scan::line_end_at(buf, start) {
                Line::End(end) => Ok(FieldLine::Empty(end.next)),
                Line::Partial => Ok(FieldLine::Partial),
                Line::BareReturn(at) | Line::Nul(at) => Err((ErrorKind::LineEnd, at)),
            };
        }
        if is_blank(first) && self.last != Last::None {
            let text = scan::blanks_end(buf, start);
            return Ok(match self.value_end(buf, text, strictness)? {
                Some(end) => FieldLine::Fold { text: (start, end.text), next: end.next },
                None => FieldLine::Partial,
            });
        }
        match strictness {
            Strictness::Strict => Err((ErrorKind::FieldName, name_end)),
            Strictness::Relaxed => self.dropped_line(buf, start, name_end),
        }
    }

    fn dropped_line(&mut self, buf: &[u8], start: usize, position: usize) -> Result<FieldLine, Fault> {
        let Some(colon) = memchr::memchr2(b':', b'\n', &buf[start..]) else {
            return Ok(FieldLine::Partial);
        };
        if buf[start + colon] == b'\n' || colon == 0 {
            return Err((ErrorKind::FieldName, start + colon));
        }
        Ok(match self.value_end(buf, start + colon + 1, Strictness::Relaxed)? {
            Some(end) => FieldLine::Dropped { position, next: end.next },
            None => FieldLine::Partial,
        })
    }

    /// Where the value that starts here ends, going over NUL bytes where they are tolerated.
    #[inline]
    fn value_end(
        &mut self,
        buf: &[u8],
        start: usize,
        strictness: Strictness,
    ) -> Result<Option<LineEnd>, Fault> {
        let (mut at, mut nul) = (start, None);
        loop {
            match scan::line_end(buf, at) {
                Line::End(end) => {
                    // Counted once the line is complete, since an incomplete one is looked at again.
                    if let Some(position) = nul {
                        self.tolerate(position);
                    }
                    return Ok(Some(end));
                }
                Line::Partial => return Ok(None),
                Line::BareReturn(position) => return Err((ErrorKind::LineEnd, position)),
                Line::Nul(position) if strictness == Strictness::Relaxed => {
                    nul.get_or_insert(position);
                    at = position + 1;
                }
                Line::Nul(position) => return Err((ErrorKind::FieldValue, position)),
            }
        }
    }

    /// Lengthens the last field by a continuation line. The line end before it becomes spaces.
    fn fold(&mut self, buf: &[u8], (start, end): (usize, usize)) {
        let Some(field) = self.fields.last_mut() else { return };
        let break_len = if start >= 2 && buf[start - 2] == b'\r' { 2 } else { 1 };
        self.folds.push(((start - break_len) as u32, break_len as u32));
        let (text, text_len) = trimmed(buf, start, end);
        match (field.value_len, text_len) {
            (_, 0) => {}
            (0, _) => (field.value, field.value_len) = (text, text_len),
            _ => field.value_len = text + text_len - field.value,
        }
    }

    /// Copies the fields to `headers`, with lower-case names, and shows each to `note`.
    #[inline]
    pub(crate) fn publish(&self, buf: &[u8], end: usize, headers: &mut Headers, mut note: impl FnMut(&[u8])) {
        let base = self.fields_start;
        let block = headers.append_block(&buf[base..end]);
        if !self.folds.is_empty() {
            let bytes = headers.block_mut(block);
            for &(at, len) in &self.folds {
                bytes[at as usize - base..][..len as usize].fill(b' ');
            }
        }
        for field in &self.fields {
            let name = (field.name as usize - base, field.name_len as usize);
            let value = (field.value as usize - base, field.value_len as usize);
            note(headers.push_in_block(block, name, value));
        }
    }

    /// Where the header fields start.
    pub(crate) fn fields_start(&self) -> usize {
        self.fields_start
    }
}

#[inline]
fn trimmed(buf: &[u8], start: usize, end: usize) -> (u32, u32) {
    let mut first = start;
    while first < end && is_blank(buf[first]) {
        first += 1;
    }
    let mut last = end;
    while last > first && is_blank(buf[last - 1]) {
        last -= 1;
    }
    (first as u32, (last - first) as u32)
}

impl ParseError {
    pub(crate) fn of(side: Side, (kind, position): Fault) -> Self {
        Self { side, kind, position }
    }
}
