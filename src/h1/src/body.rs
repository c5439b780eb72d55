//! Bodies, found in the received bytes without copying them.
//!
//! ```text
//!             +--------+  size, extensions CR LF   +------+
//!   start --> |  Size  | ------------------------> | Data |
//!             +--------+                           +------+
//!               |   ^                                  | all bytes of the chunk
//!               |   |            CR LF                 v
//!               |   +------------------------------ DataEnd
//!               | size 0
//!               v
//!            Trailers --- empty line ---> Done
//! ```
//!
//! A body with a length starts in `Counted`, one that ends with the connection stays in `Open`.

use std::ops::Range;

use http::{BodyLength, Headers, token};

use crate::cursor::Fault;
use crate::{Cursor, ErrorKind, Options, ParseError, Side};

/// Finds the body in what follows a head.
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    state: State,
    side: Side,
    options: Options,
}

#[derive(Clone, Debug)]
enum State {
    /// This many bytes are still to come.
    Counted(u64),
    /// Everything until the connection ends.
    Open,
    Size(SizeLine),
    Data(u64),
    DataEnd,
    Trailers(Box<Cursor>),
    Done,
}

/// The line before a chunk, which may arrive byte by byte.
#[derive(Clone, Copy, Debug, Default)]
struct SizeLine {
    size: u64,
    part: SizePart,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum SizePart {
    #[default]
    FirstDigit,
    Digits,
    /// Blanks behind the digits.
    Blanks,
    /// Behind a semicolon.
    Extension,
    /// Within the quotes of an extension, where no line ends.
    Quoted,
    /// Behind a backslash in an extension, where no line ends either.
    Escaped,
    /// Behind one within quotes.
    QuotedEscape,
    /// Behind the carriage return.
    LineFeed,
}

/// The largest chunk whose size is read. No sender means more, and sums of sizes stay far from overflowing.
const MAX_CHUNK: u64 = (1 << 52) - 1;

/// One step of decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes of the input are done with, data included.
    pub consumed: usize,
    /// What they were.
    pub event: BodyEvent,
}

/// What a step found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyEvent {
    /// The input is used up, but for what is not consumed; the body goes on.
    NeedMore,
    /// These bytes of the input belong to the body.
    Data(Range<usize>),
    /// The body is complete. Trailers, if any, have been appended to the given headers.
    End,
}

impl BodyDecoder {
    /// A decoder for a body that ends in this way. The options limit the trailers.
    pub fn new(length: BodyLength, side: Side, options: Options) -> Self {
        let state = match length {
            BodyLength::None | BodyLength::Length(0) => State::Done,
            BodyLength::Length(length) => State::Counted(length),
            BodyLength::Chunked => State::Size(SizeLine::default()),
            BodyLength::UntilClose | BodyLength::Tunnel => State::Open,
        };
        Self { state, side, options }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether the body is complete if the connection ends here.
    pub fn may_end_here(&self) -> bool {
        matches!(self.state, State::Done | State::Open)
    }

    /// How many bytes of data come next without anything between them, as far as is known: what may be moved
    /// without looking at it. Tell [`BodyDecoder::skip`] when it was.
    pub fn contiguous(&self) -> u64 {
        match self.state {
            State::Counted(left) | State::Data(left) => left,
            State::Open => u64::MAX,
            State::Size(_) | State::DataEnd | State::Trailers(_) | State::Done => 0,
        }
    }

    /// Notes that this much data went by without passing through [`BodyDecoder::decode`].
    ///
    /// # Panics
    /// When it is more than [`BodyDecoder::contiguous`] said.
    pub fn skip(&mut self, bytes: u64) {
        assert!(bytes <= self.contiguous(), "more skipped than the body has");
        self.advance(bytes);
    }

    /// Takes the next step in the input, which starts with the first byte not consumed before. Steps are taken until
    /// [`BodyEvent::NeedMore`] or [`BodyEvent::End`].
    pub fn decode(&mut self, input: &[u8], trailers: &mut Headers) -> Result<Decoded, ParseError> {
        self.step(input, trailers).map_err(|fault| ParseError::of(self.side, fault))
    }

    fn step(&mut self, input: &[u8], trailers: &mut Headers) -> Result<Decoded, Fault> {
        let mut at = 0;
        loop {
            match &mut self.state {
                State::Done => return Ok(Decoded { consumed: at, event: BodyEvent::End }),
                State::Counted(_) | State::Data(_) | State::Open => {
                    return Ok(self.data(input, at));
                }
                State::Size(line) => match line.read(input, &mut at)? {
                    None => return Ok(need_more(at)),
                    Some(0) => self.state = State::Trailers(Box::default()),
                    Some(size) => self.state = State::Data(size),
                },
                State::DataEnd => match &input[at..] {
                    [b'\r', b'\n', ..] => {
                        at += 2;
                        self.state = State::Size(SizeLine::default());
                    }
                    [] | [b'\r'] => return Ok(need_more(at)),
                    [b'\r', ..] => return Err((ErrorKind::ChunkEnd, at + 1)),
                    _ => return Err((ErrorKind::ChunkEnd, at)),
                },
                State::Trailers(cursor) => {
                    match read_trailers(cursor, &input[at..], &self.options, trailers) {
                        Err((kind, position)) => return Err((kind, at + position)),
                        Ok(None) => return Ok(need_more(at)),
                        Ok(Some(length)) => {
                            at += length;
                            self.state = State::Done;
                        }
                    }
                }
            }
        }
    }

    fn data(&mut self, input: &[u8], at: usize) -> Decoded {
        let available = (input.len() - at) as u64;
        let length = available.min(self.contiguous());
        if length == 0 {
            return need_more(at);
        }
        self.advance(length);
        let end = at + length as usize;
        Decoded { consumed: end, event: BodyEvent::Data(at..end) }
    }

    fn advance(&mut self, bytes: u64) {
        match &mut self.state {
            State::Counted(left) | State::Data(left) => *left -= bytes,
            _ => return,
        }
        match self.state {
            State::Counted(0) => self.state = State::Done,
            State::Data(0) => self.state = State::DataEnd,
            _ => {}
        }
    }
}

fn need_more(consumed: usize) -> Decoded {
    Decoded { consumed, event: BodyEvent::NeedMore }
}

impl SizeLine {
    /// Reads on until the line is complete; returns the size then.
    fn read(&mut self, input: &[u8], at: &mut usize) -> Result<Option<u64>, Fault> {
        while let Some(&byte) = input.get(*at) {
            self.part = match (self.part, byte) {
                (SizePart::LineFeed, b'\n') => {
                    *at += 1;
                    return Ok(Some(self.size));
                }
                (SizePart::FirstDigit | SizePart::Digits, _) if byte.is_ascii_hexdigit() => {
                    self.push_digit(byte, *at)?;
                    SizePart::Digits
                }
                (SizePart::Digits | SizePart::Blanks | SizePart::Extension, b'\r') => SizePart::LineFeed,
                (SizePart::Digits | SizePart::Blanks, b' ' | b'\t') => SizePart::Blanks,
                (SizePart::Digits | SizePart::Blanks, b';') | (SizePart::Quoted, b'"') => SizePart::Extension,
                (SizePart::Extension, b'"') => SizePart::Quoted,
                (SizePart::Extension, b'\\') => SizePart::Escaped,
                (SizePart::Quoted, b'\\') => SizePart::QuotedEscape,
                (SizePart::Escaped, _) if token::is_field_char(byte) => SizePart::Extension,
                (SizePart::QuotedEscape, _) if token::is_field_char(byte) => SizePart::Quoted,
                (SizePart::Extension | SizePart::Quoted, _) if token::is_field_char(byte) => self.part,
                _ => return Err((ErrorKind::ChunkSize, *at)),
            };
            *at += 1;
        }
        Ok(None)
    }

    fn push_digit(&mut self, byte: u8, at: usize) -> Result<(), Fault> {
        let digit = token::hex_digit(byte).map_or(0, u64::from);
        self.size = self.size << 4 | digit;
        if self.size > MAX_CHUNK { Err((ErrorKind::ChunkSize, at)) } else { Ok(()) }
    }
}

/// Reads the lines after the last chunk once they are all there; returns their length.
fn read_trailers(
    cursor: &mut Cursor,
    input: &[u8],
    options: &Options,
    trailers: &mut Headers,
) -> Result<Option<usize>, Fault> {
    if cursor.is_in_start_line() {
        cursor.start_line_done(0);
    }
    match cursor.fields(input, options)? {
        Some(end) => {
            cursor.publish(input, end, trailers, |_| ());
            Ok(Some(end))
        }
        None if options.limits.is_full(input.len()) => Err((ErrorKind::HeadTooLarge, input.len())),
        None => Ok(None),
    }
}
