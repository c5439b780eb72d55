//! The structured encodings: JSON, and CBOR (RFC 8949) as bytes or as hexadecimal digits.

/// How values are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As text.
    #[default]
    None,
    Json,
    Cbor,
}

/// How CBOR travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wire {
    /// As hexadecimal digits, which any log server can print.
    #[default]
    Hex,
    /// As it is.
    Raw,
}

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

pub(super) fn push_hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// A JSON string with its quotes.
pub(super) fn json_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    json_text(text, out);
    out.push(b'"');
}

/// The inside of a JSON string.
pub(super) fn json_text(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => {
                out.extend_from_slice(b"\\u00");
                push_hex(byte, out);
            }
            _ => out.push(byte),
        }
    }
}

/// Writes CBOR.
pub(super) struct Cbor<'o> {
    out: &'o mut Vec<u8>,
    wire: Wire,
}

impl<'o> Cbor<'o> {
    const FALSE: u8 = 0xf4;
    const TRUE: u8 = 0xf5;
    const NULL: u8 = 0xf6;
    const BREAK: u8 = 0xff;
    const OPEN_BYTES: u8 = 0x5f;
    const OPEN_TEXT: u8 = 0x7f;
    const OPEN_ARRAY: u8 = 0x9f;
    const OPEN_MAP: u8 = 0xbf;

    pub(super) fn new(out: &'o mut Vec<u8>, wire: Wire) -> Self {
        Self { out, wire }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match self.wire {
            Wire::Raw => self.out.extend_from_slice(bytes),
            Wire::Hex => bytes.iter().for_each(|b| push_hex(*b, self.out)),
        }
    }

    /// The head of an item: its major type and an argument in the fewest bytes.
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        let big = argument.to_be_bytes();
        let short = |size: u8, from: usize| {
            let mut head = [0; 9];
            head[0] = major | size;
            head[1..=8 - from].copy_from_slice(&big[from..]);
            head
        };
        match argument {
            0..=23 => self.bytes(&[major | big[7]]),
            24..=0xff => self.bytes(&short(24, 7)[..2]),
            0x100..=0xffff => self.bytes(&short(25, 6)[..3]),
            0x1_0000..=0xffff_ffff => self.bytes(&short(26, 4)[..5]),
            _ => self.bytes(&short(27, 0)),
        }
    }

    pub(super) fn integer(&mut self, value: i64) {
        if value < 0 { self.head(1, !value as u64) } else { self.head(0, value as u64) }
    }

    pub(super) fn truth(&mut self, value: Truth) {
        self.bytes(&[if value == Truth::True { Self::TRUE } else { Self::FALSE }]);
    }

    pub(super) fn null(&mut self) {
        self.bytes(&[Self::NULL]);
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.head(3, text.len() as u64);
        self.bytes(text);
    }

    /// Bytes, as a sequence of one piece.
    pub(super) fn binary(&mut self, bytes: &[u8]) {
        self.bytes(&[Self::OPEN_BYTES]);
        self.head(2, bytes.len() as u64);
        self.bytes(bytes);
        self.close();
    }

    pub(super) fn open_text(&mut self) {
        self.bytes(&[Self::OPEN_TEXT]);
    }

    pub(super) fn open_array(&mut self) {
        self.bytes(&[Self::OPEN_ARRAY]);
    }

    pub(super) fn open_map(&mut self) {
        self.bytes(&[Self::OPEN_MAP]);
    }

    pub(super) fn close(&mut self) {
        self.bytes(&[Self::BREAK]);
    }
}

/// A truth value to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}
