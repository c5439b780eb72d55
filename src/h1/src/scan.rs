//! Fast passes over the bytes of a head.
//!
//! httparse finds neither the position of an error nor folded lines, and refuses control characters in values
//! that have to pass; hence these.

use http::token::is_tchar;

use crate::Strictness;

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// Whether one of the eight bytes ends a strict request target: anything outside `!` to `~`, or `#`.
#[inline]
fn has_target_end(word: u64) -> bool {
    let below_33 = word.wrapping_sub(ONES * 0x21) & !word;
    let above_126 = word.wrapping_add(ONES) | word;
    let hash = word ^ (ONES * 0x23);
    let is_hash = hash.wrapping_sub(ONES) & !hash;
    (below_33 | above_126 | is_hash) & HIGH != 0
}

/// Where the request target that starts here ends: the first byte that cannot belong to it.
#[inline]
pub(crate) fn target_end(bytes: &[u8], start: usize, strictness: Strictness) -> usize {
    let mut at = start;
    while let Some(eight) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("invariant: eight bytes"));
        if has_target_end(word) {
            break;
        }
        at += 8;
    }
    at + bytes[at..].iter().take_while(|&&b| is_target_byte(b, strictness)).count()
}

#[inline]
fn is_target_byte(byte: u8, strictness: Strictness) -> bool {
    match strictness {
        Strictness::Strict => matches!(byte, b'!'..=b'~') && byte != b'#',
        Strictness::Relaxed => byte > b' ' && byte != 0x7f,
    }
}

/// Where the token that starts here ends.
#[inline]
pub(crate) fn token_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() && is_tchar(bytes[at]) {
        at += 1;
    }
    at
}

/// Where the blanks that start here end.
#[inline]
pub(crate) fn blanks_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() && http::token::is_blank(bytes[at]) {
        at += 1;
    }
    at
}

/// The end of a line: where its text ends and where the next line starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineEnd {
    pub(crate) text: usize,
    pub(crate) next: usize,
}

/// What a pass over the rest of a line found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The line ends here.
    End(LineEnd),
    /// Its end has not been received.
    Partial,
    /// A carriage return without its line feed, and the byte found instead of it.
    BareReturn(usize),
    /// A NUL byte.
    Nul(usize),
}

/// Looks for the end of a line: CR LF, or LF alone.
///
/// Most values are a few words of eight bytes long, where setting up wider registers does not pay.
#[inline]
pub(crate) fn line_end(bytes: &[u8], start: usize) -> Line {
    let mut at = start;
    while let Some(eight) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("invariant: eight bytes"));
        // The lowest bit is exact; those above it may be borrowed.
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        if controls == 0 {
            at += 8;
            continue;
        }
        at += controls.trailing_zeros() as usize / 8;
        if matches!(bytes[at], b'\n' | b'\r' | 0) {
            return line_end_at(bytes, at);
        }
        at += 1;
    }
    match bytes[at.min(bytes.len())..].iter().position(|b| matches!(b, b'\n' | b'\r' | 0)) {
        None => Line::Partial,
        Some(offset) => line_end_at(bytes, at + offset),
    }
}

/// What stands at this byte, one of LF, CR and NUL.
#[inline]
pub(crate) fn line_end_at(bytes: &[u8], at: usize) -> Line {
    match bytes[at] {
        b'\n' => Line::End(LineEnd { text: at, next: at + 1 }),
        b'\r' => match bytes.get(at + 1) {
            Some(b'\n') => Line::End(LineEnd { text: at, next: at + 2 }),
            Some(_) => Line::BareReturn(at + 1),
            None => Line::Partial,
        },
        _ => Line::Nul(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_ends_a_target_or_does_not() {
        for byte in 0..=255_u8 {
            for place in 0..8 {
                let mut bytes = *b"abcdefgh--";
                bytes[place] = byte;
                let fits = (0x21..=0x7e).contains(&byte) && byte != b'#';
                let expected = if fits { bytes.len() } else { place };
                assert_eq!(target_end(&bytes, 0, Strictness::Strict), expected, "{byte:#x} at {place}");
                let relaxed = if byte > 0x20 && byte != 0x7f { bytes.len() } else { place };
                assert_eq!(target_end(&bytes, 0, Strictness::Relaxed), relaxed, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn line_ends() {
        assert_eq!(line_end(b"ab\r\nc", 0), Line::End(LineEnd { text: 2, next: 4 }));
        assert_eq!(line_end(b"ab\nc", 1), Line::End(LineEnd { text: 2, next: 3 }));
        assert_eq!(line_end(b"ab", 0), Line::Partial);
        assert_eq!(line_end(b"ab\r", 0), Line::Partial);
        assert_eq!(line_end(b"a\rb\n", 0), Line::BareReturn(2));
        assert_eq!(line_end(b"a\0b\n", 0), Line::Nul(1));
    }

    proptest! {
        #[test]
        fn line_end_is_the_first_of_three(bytes in proptest::collection::vec(0_u8..0x40, 0..40), start in 0_usize..9) {
            prop_assume!(start <= bytes.len());
            let slow = bytes[start..].iter().position(|b| matches!(b, b'\n' | b'\r' | 0));
            let expected = slow.map_or(Line::Partial, |offset| line_end_at(&bytes, start + offset));
            prop_assert_eq!(line_end(&bytes, start), expected);
        }

        #[test]
        fn target_end_is_the_first_foreign_byte(bytes in proptest::collection::vec(0x1e_u8..=0x82, 0..40)) {
            let slow = bytes.iter().position(|&b| !is_target_byte(b, Strictness::Strict)).unwrap_or(bytes.len());
            prop_assert_eq!(target_end(&bytes, 0, Strictness::Strict), slow);
        }
    }
}
