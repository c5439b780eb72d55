//! The writer that an item's value goes through: it knows the item's flags, so that aliases need not.

use std::io::Write as _;
use std::net::IpAddr;

use base::addr::Addr;
use base::text::IpText;
use grammar::logformat::OutputType;

use super::encode::{Cbor, Encoding, Truth, Wire, json_string, json_text, push_hex};
use super::{Completeness, Event, Purpose, Style};
use crate::sample::Sample;

/// Writes the value of one item.
pub struct Field<'o> {
    out: &'o mut Vec<u8>,
    style: Style,
    output: Option<OutputType>,
    purpose: Purpose,
    wire: Wire,
    event: &'o Event,
}

/// What precedes a number that is not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Nothing.
    None,
    /// A plus sign.
    Plus,
}

/// Which characters are replaced by `#` and two hexadecimal digits, besides those that do not print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// `"` and `#`.
    Url,
    /// Those, and the ones that delimit captured headers: `{`, `|` and `}`.
    Header,
}

impl Map {
    const fn replaces(self, byte: u8) -> bool {
        match byte {
            b'"' | b'#' => true,
            b'{' | b'|' | b'}' => matches!(self, Self::Header),
            _ => !matches!(byte, 32..=126),
        }
    }

    /// Where the first character is that is replaced. Most texts have none, and every line has some texts.
    fn first_in(self, text: &[u8]) -> Option<usize> {
        const URL: [bool; 256] = Map::Url.table();
        const HEADER: [bool; 256] = Map::Header.table();
        let table = match self {
            Self::Url => &URL,
            Self::Header => &HEADER,
        };
        text.iter().position(|&byte| table[usize::from(byte)])
    }

    const fn table(self) -> [bool; 256] {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < table.len() {
            table[byte] = self.replaces(byte as u8);
            byte += 1;
        }
        table
    }
}

/// The longest text of an address or a number.
const SHORT: usize = 48;

impl<'o> Field<'o> {
    pub(super) fn new(
        out: &'o mut Vec<u8>,
        style: Style,
        output: Option<OutputType>,
        purpose: Purpose,
        wire: Wire,
        event: &'o Event,
    ) -> Self {
        Self { out, style, output, purpose, wire, event }
    }

    /// What is being logged.
    pub fn event(&self) -> &Event {
        self.event
    }

    /// There is no value.
    pub fn missing(&mut self) {
        match self.style.encoding() {
            Encoding::Json => self.out.extend_from_slice(b"\"\""),
            Encoding::Cbor => self.cbor().null(),
            Encoding::None if self.style.has(Style::QUOTE) => self.out.extend_from_slice(b"\"\""),
            Encoding::None if self.purpose == Purpose::Log => self.out.push(b'-'),
            Encoding::None => {}
        }
    }

    /// There is nothing to have a value, as when nothing is captured: no text, and `null` in encodings.
    pub fn null(&mut self) {
        match self.style.encoding() {
            Encoding::Json => self.out.extend_from_slice(b"null"),
            Encoding::Cbor => self.cbor().null(),
            Encoding::None => {}
        }
    }

    /// Text; an empty one is missing.
    pub fn text(&mut self, text: &[u8]) {
        if text.is_empty() {
            return self.missing();
        }
        match self.style.encoding() {
            Encoding::Json => json_string(text, self.out),
            Encoding::Cbor => self.cbor().text(text),
            Encoding::None if self.style.has(Style::QUOTE) => {
                self.out.push(b'"');
                self.characters(text);
                self.out.push(b'"');
            }
            Encoding::None => self.characters(text),
        }
    }

    /// Text that is never quoted or escaped, as it consists of harmless characters.
    pub fn word(&mut self, text: &[u8]) {
        match self.style.encoding() {
            Encoding::Json => json_string(text, self.out),
            Encoding::Cbor => self.cbor().text(text),
            Encoding::None => self.out.extend_from_slice(text),
        }
    }

    /// A number.
    pub fn integer(&mut self, value: i64) {
        self.prefixed(Prefix::None, value);
    }

    /// A number that may still grow.
    pub fn growing(&mut self, value: i64) {
        let growing = self.event.completeness == Completeness::Growing;
        self.prefixed(if growing { Prefix::Plus } else { Prefix::None }, value);
    }

    /// A number with something before it, unless it is encoded.
    pub fn prefixed(&mut self, prefix: Prefix, value: i64) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value).as_bytes();
        match (self.style.encoding(), self.output) {
            (Encoding::None, _) => {
                if prefix == Prefix::Plus {
                    self.out.push(b'+');
                }
                self.out.extend_from_slice(digits);
            }
            (_, Some(OutputType::Text)) => self.word(digits),
            (_, Some(OutputType::Boolean)) => self.truth((value != 0).into()),
            (Encoding::Json, _) => self.out.extend_from_slice(digits),
            (Encoding::Cbor, _) => self.cbor().integer(value),
        }
    }

    /// A number that the flag `X` turns into at least so many hexadecimal digits.
    pub fn number(&mut self, value: u64, width: usize) {
        if !self.style.has(Style::HEX) {
            return self.integer(value as i64);
        }
        let (mut room, at) = ([0u8; SHORT], 0);
        let len = print(&mut room, at, format_args!("{value:0width$X}"));
        self.word(&room[..len]);
    }

    /// A number of at least so many decimal digits, two hexadecimal ones with the flag `X`; a plain number
    /// in encodings.
    pub fn padded(&mut self, value: u64, width: usize) {
        if self.style.has(Style::HEX) || self.style.encoding() != Encoding::None {
            return self.number(value, 2);
        }
        let mut room = [0u8; SHORT];
        let len = print(&mut room, 0, format_args!("{value:0width$}"));
        self.word(&room[..len]);
    }

    /// The host of an address. The flag `X` turns an IP address into hexadecimal digits.
    pub fn host(&mut self, addr: Option<&Addr>) {
        match addr {
            None => self.missing(),
            Some(Addr::Unix(_)) => self.text(b"unix"),
            Some(Addr::Inet(a)) => self.ip(a.ip()),
        }
    }

    fn ip(&mut self, ip: IpAddr) {
        if !self.style.has(Style::HEX) {
            return self.text(IpText::new(ip).as_bytes());
        }
        let mut room = [0; SHORT];
        let len = match ip {
            IpAddr::V4(a) => print(&mut room, 0, format_args!("{:08X}", u32::from(a))),
            IpAddr::V6(a) => print(&mut room, 0, format_args!("{:032X}", u128::from(a))),
        };
        self.word(&room[..len]);
    }

    /// The port of an address; `other` for one that has none.
    pub fn port(&mut self, addr: Option<&Addr>, other: u32) {
        match addr {
            None => self.missing(),
            Some(addr) => self.number(addr.port().map_or(u64::from(other), u64::from), 4),
        }
    }

    /// Text made of pieces in which unsafe characters are replaced.
    pub fn pieces(&mut self, write: impl FnOnce(&mut Pieces<'_, '_>)) {
        let encoding = self.style.encoding();
        let quoted =
            encoding == Encoding::Json || (encoding == Encoding::None && self.style.has(Style::QUOTE));
        if quoted {
            self.out.push(b'"');
        } else if encoding == Encoding::Cbor {
            self.cbor().open_text();
        }
        write(&mut Pieces { field: self });
        if quoted {
            self.out.push(b'"');
        } else if encoding == Encoding::Cbor {
            self.cbor().close();
        }
    }

    /// A list of texts in which unsafe characters are replaced; a dash stands for an empty one.
    pub fn list<'v>(&mut self, values: impl Iterator<Item = &'v [u8]>) {
        let (open, between, close): (&[u8], &[u8], &[u8]) = match self.style.encoding() {
            Encoding::None => (b"", b" ", b""),
            Encoding::Json => (b"[", b", ", b"]"),
            Encoding::Cbor => (b"", b"", b""),
        };
        let cbor = self.style.encoding() == Encoding::Cbor;
        if cbor {
            self.cbor().open_array();
        }
        self.out.extend_from_slice(open);
        for (i, value) in values.enumerate() {
            if i > 0 {
                self.out.extend_from_slice(between);
            }
            match self.style.encoding() {
                Encoding::None if value.is_empty() && self.style.has(Style::QUOTE) => {
                    self.out.extend_from_slice(b"\"\"");
                }
                _ if value.is_empty() => self.pieces(|p| p.plain(b"-")),
                _ => self.pieces(|p| p.mapped(value, Map::Header)),
            }
        }
        self.out.extend_from_slice(close);
        if cbor {
            self.cbor().close();
        }
    }

    /// The value of an expression.
    pub(super) fn sample(&mut self, value: Option<Sample<'_>>) {
        match (value, self.purpose, self.style.encoding()) {
            // In a message the flag for quotes does not reach expressions.
            (None, Purpose::Message, _) => {}
            (Some(value), Purpose::Message, _) => self.with_text(&value, Self::characters),
            (None, ..) => self.missing(),
            (Some(value), _, Encoding::None) => self.with_text(&value, Self::text),
            (Some(value), _, encoding) => self.encoded_sample(&value, encoding),
        }
    }

    fn encoded_sample(&mut self, value: &Sample<'_>, encoding: Encoding) {
        match (self.output, value) {
            (Some(OutputType::Raw), _) => self.raw(value),
            (Some(OutputType::Integer), _) => match value.to_int() {
                Some(i) => self.integer(i),
                None => self.missing(),
            },
            (Some(OutputType::Boolean), Sample::Ipv4(_) | Sample::Ipv6(_)) => self.missing(),
            (Some(OutputType::Boolean), _) => match value.to_int() {
                Some(i) => self.truth((i != 0).into()),
                None => self.missing(),
            },
            (None, Sample::Bool(b)) => self.truth((*b).into()),
            (None, Sample::Int(i)) => self.integer(*i),
            (None, Sample::Bin(bytes)) if encoding == Encoding::Cbor => self.cbor().binary(bytes),
            _ => self.with_text(value, Self::text),
        }
    }

    fn truth(&mut self, value: Truth) {
        match (self.style.encoding(), value) {
            (Encoding::Cbor, _) => self.cbor().truth(value),
            (_, Truth::True) => self.out.extend_from_slice(b"true"),
            (_, Truth::False) => self.out.extend_from_slice(b"false"),
        }
    }

    /// The bytes of a value as they are.
    fn raw(&mut self, value: &Sample<'_>) {
        match value {
            Sample::Str(b) | Sample::Bin(b) | Sample::Method(b) => self.out.extend_from_slice(b),
            Sample::Int(i) => self.out.extend_from_slice(&i.to_be_bytes()),
            Sample::Ipv4(a) => self.out.extend_from_slice(&a.octets()),
            Sample::Ipv6(a) => self.out.extend_from_slice(&a.octets()),
            Sample::Bool(_) => self.missing(),
        }
    }

    /// Hands over the text of a value without an allocation.
    fn with_text(&mut self, value: &Sample<'_>, then: impl FnOnce(&mut Self, &[u8])) {
        match value {
            Sample::Str(s) | Sample::Method(s) => then(self, s),
            Sample::Bin(b) if self.style.has(Style::BINARY) && self.output != Some(OutputType::Text) => {
                then(self, b);
            }
            // As text, a block of bytes ends at its first zero.
            Sample::Bin(b) => then(self, &b[..memchr::memchr(0, b).unwrap_or(b.len())]),
            Sample::Bool(b) => then(self, if *b { b"1" } else { b"0" }),
            Sample::Int(i) => then(self, itoa::Buffer::new().format(*i).as_bytes()),
            Sample::Ipv4(a) => then(self, IpText::new((*a).into()).as_bytes()),
            Sample::Ipv6(a) => then(self, IpText::new((*a).into()).as_bytes()),
        }
    }

    /// Characters that are not encoded, as the purpose and the flag `E` want them.
    fn characters(&mut self, text: &[u8]) {
        if self.purpose != Purpose::Message && !self.style.has(Style::ESCAPE) {
            self.out.extend_from_slice(text);
            return;
        }
        if !self.style.has(Style::ESCAPE) && !text.iter().any(|&b| is_forbidden(b)) {
            return self.out.extend_from_slice(text);
        }
        for &byte in text {
            if self.purpose == Purpose::Message && is_forbidden(byte) {
                self.out.push(b'%');
                push_hex(byte, self.out);
            } else {
                self.escaped(byte);
            }
        }
    }

    fn escaped(&mut self, byte: u8) {
        if self.style.has(Style::ESCAPE) && matches!(byte, b'"' | b'\\' | b']') {
            self.out.push(b'\\');
        }
        self.out.push(byte);
    }

    fn cbor(&mut self) -> Cbor<'_> {
        Cbor::new(self.out, self.wire)
    }
}

/// Whether headers forbid the byte.
fn is_forbidden(byte: u8) -> bool {
    matches!(byte, 0..=8 | 10..=31 | 127)
}

/// Writes the pieces of a text.
pub struct Pieces<'f, 'o> {
    field: &'f mut Field<'o>,
}

impl Pieces<'_, '_> {
    /// A piece that is safe as it is.
    pub fn plain(&mut self, text: &[u8]) {
        match self.field.style.encoding() {
            Encoding::Json => json_text(text, self.field.out),
            Encoding::Cbor => self.field.cbor().text(text),
            Encoding::None if self.field.style.has(Style::ESCAPE) => {
                for byte in text {
                    self.field.escaped(*byte);
                }
            }
            Encoding::None => self.field.out.extend_from_slice(text),
        }
    }

    /// A piece in which unsafe characters are replaced.
    pub fn mapped(&mut self, mut text: &[u8], map: Map) {
        while let Some(at) = map.first_in(text) {
            self.plain(&text[..at]);
            let mut code = [b'#', 0, 0];
            print(&mut code, 1, format_args!("{:02X}", text[at]));
            self.plain(&code);
            text = &text[at + 1..];
        }
        if !text.is_empty() {
            self.plain(text);
        }
    }
}

/// Prints into a small array from `at` on; returns where the text ends.
fn print(room: &mut [u8], at: usize, text: std::fmt::Arguments<'_>) -> usize {
    let mut cursor = std::io::Cursor::new(&mut room[at..]);
    // What does not fit is cut off: no address or number is that long.
    let _ = cursor.write_fmt(text);
    at + cursor.position() as usize
}
