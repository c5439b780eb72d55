//! Chunks on their way out.

use http::Headers;

use crate::NameCase;
use crate::encode::push_field;

/// The end of a chunk.
pub const END: &[u8; 2] = b"\r\n";

/// The last chunk, when no trailers follow it.
pub const LAST: &[u8; 5] = b"0\r\n\r\n";

/// The line before the data of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHeader {
    bytes: [u8; 18],
    start: u8,
}

impl ChunkHeader {
    /// The line for this much data. A size of zero would end the body; nothing is written for no data.
    pub fn new(size: u64) -> Self {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let mut bytes = [0; 18];
        bytes[16..].copy_from_slice(END);
        let (mut start, mut rest) = (16_u8, size);
        loop {
            start -= 1;
            bytes[usize::from(start)] = HEX[(rest & 15) as usize];
            rest >>= 4;
            if rest == 0 {
                return Self { bytes, start };
            }
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// Appends a whole chunk, or nothing for no data.
pub fn push_chunk(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    out.extend_from_slice(ChunkHeader::new(data.len() as u64).as_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(END);
}

/// Appends the last chunk and the trailers.
pub fn push_last(trailers: &Headers, names: NameCase<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for field in trailers {
        push_field(field.name, field.value, names, out);
    }
    out.extend_from_slice(END);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_upper_case_hexadecimal() {
        for (size, line) in
            [(0, "0\r\n"), (10, "A\r\n"), (0x1f4, "1F4\r\n"), (u64::MAX, "FFFFFFFFFFFFFFFF\r\n")]
        {
            assert_eq!(ChunkHeader::new(size).as_bytes(), line.as_bytes());
        }
    }

    #[test]
    fn chunks() {
        let mut out = Vec::new();
        push_chunk(b"", &mut out);
        push_chunk(b"abc", &mut out);
        let mut trailers = Headers::new();
        trailers.push(b"X", b"y");
        push_last(&trailers, NameCase::Lower, &mut out);
        assert_eq!(out, b"3\r\nabc\r\n0\r\nx: y\r\n\r\n");
        out.clear();
        push_last(&Headers::new(), NameCase::Lower, &mut out);
        assert_eq!(out, LAST);
    }
}
