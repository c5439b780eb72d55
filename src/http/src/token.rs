//! Character classes of RFC 9110.

const TCHAR: u8 = 1;
const FIELD: u8 = 2;

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let symbol = matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        if symbol || b.is_ascii_alphanumeric() {
            table[byte] |= TCHAR;
        }
        if b == b'\t' || (b >= b' ' && b != 0x7f) {
            table[byte] |= FIELD;
        }
        byte += 1;
    }
    table
}

static CLASSES: [u8; 256] = classes();

/// Whether the byte may stand in a token: a method, the name of a header field or of a cookie.
#[inline]
pub fn is_tchar(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & TCHAR != 0
}

/// Whether the bytes form a token.
#[inline]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_tchar(b))
}

/// Whether the byte may stand in the value of a header field: tab, visible ASCII, space, or above ASCII.
#[inline]
pub fn is_field_char(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & FIELD != 0
}

/// Whether the bytes may be the value of a header field.
#[inline]
pub fn is_field_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| is_field_char(b))
}

/// Space and tab, the only white space inside a head.
#[inline]
pub fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The bytes without spaces and tabs at both ends.
#[inline]
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The number that these digits write; `None` when there is anything else, nothing, or an overflow.
pub fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, &b| match b {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(b - b'0')),
        _ => None,
    })
}

/// The value of a hexadecimal digit.
#[inline]
pub fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_not_in_tokens() {
        assert!(is_token(b"X-Forwarded_For!#$%&'*+-.^`|~09"));
        for byte in b"\"(),/:;<=>?@[\\]{} \t\x00\x7f\x80" {
            assert!(!is_tchar(*byte), "{byte:#x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn control_characters_are_not_in_values() {
        assert!(is_field_value(b"a\tb \xff") && is_field_value(b""));
        for byte in b"\x00\r\n\x1f\x7f" {
            assert!(!is_field_char(*byte), "{byte:#x}");
        }
    }

    #[test]
    fn trimming_takes_blanks_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b"  "), b"");
        assert_eq!(trim(b"\na"), b"\na");
    }

    #[test]
    fn decimals() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"007"), Some(7));
        for bad in [&b""[..], b"-1", b"+1", b" 1", b"1 ", b"0x1"] {
            assert_eq!(decimal(bad), None);
        }
    }

    #[test]
    fn hexadecimals() {
        assert_eq!(hex_digit(b'f'), Some(15));
        assert_eq!(hex_digit(b'A'), Some(10));
        assert_eq!(hex_digit(b'g'), None);
    }
}
