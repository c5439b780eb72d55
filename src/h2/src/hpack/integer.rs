//! Integers with a prefix (RFC 7541, section 5.1).

use super::Corrupt;

/// Values beyond this serve no purpose here.
const MOST: u64 = u32::MAX as u64;

/// Reads an integer whose first byte has a prefix of so many bits; gives it, and what follows.
pub(super) fn read(bytes: &[u8], prefix: u32) -> Result<(usize, &[u8]), Corrupt> {
    let mask = 0xff >> (8 - prefix);
    let (first, mut rest) = bytes.split_first().ok_or(Corrupt)?;
    let mut value = u64::from(first & mask);
    if value < u64::from(mask) {
        return Ok((value as usize, rest));
    }
    let mut shift = 0;
    loop {
        let (byte, next) = rest.split_first().ok_or(Corrupt)?;
        rest = next;
        value += u64::from(byte & 0x7f) << shift;
        if value > MOST || shift > 28 {
            return Err(Corrupt);
        }
        if byte & 0x80 == 0 {
            return Ok((value as usize, rest));
        }
        shift += 7;
    }
}

/// Appends an integer behind the bits that share its first byte.
pub(super) fn push(value: usize, prefix: u32, bits: u8, out: &mut Vec<u8>) {
    let mask = (1usize << prefix) - 1;
    if value < mask {
        out.push(bits | value as u8);
        return;
    }
    out.push(bits | mask as u8);
    let mut rest = value - mask;
    while rest >= 0x80 {
        out.push(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_the_rfc() {
        let written = |value, prefix| {
            let mut out = Vec::new();
            push(value, prefix, 0, &mut out);
            out
        };
        assert_eq!(written(10, 5), [10]);
        assert_eq!(written(1337, 5), [31, 154, 10]);
        assert_eq!(written(42, 8), [42]);
    }

    #[test]
    fn what_is_too_large_or_breaks_off_is_corrupt() {
        assert_eq!(read(&[], 5), Err(Corrupt));
        assert_eq!(read(&[31], 5), Err(Corrupt));
        assert_eq!(read(&[31, 0x80], 5), Err(Corrupt));
        assert_eq!(read(&[31, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 5), Err(Corrupt));
        assert_eq!(read(&[31, 0x80, 0x80, 0x80, 0x80, 0x80, 0], 5), Err(Corrupt));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in 0usize..1 << 30, prefix in 1u32..=8, follows: Vec<u8>) {
            let mut out = Vec::new();
            push(value, prefix, 0, &mut out);
            out.extend_from_slice(&follows);
            prop_assert_eq!(read(&out, prefix), Ok((value, &follows[..])));
        }
    }
}
