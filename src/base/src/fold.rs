//! Texts in any case, eight bytes at a time: names of fields and patterns are mostly too short for wider registers.

/// Puts the ASCII letters among eight bytes in lower case.
#[inline]
fn lower(text: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let low = text & (ONES * 0x7f);
    let from_a = low + ONES * (0x80 - 0x41);
    let past_z = low + ONES * (0x80 - 0x5b);
    let upper = (from_a ^ past_z) & !text & (ONES * 0x80);
    text | upper >> 2
}

/// Puts ASCII letters in lower case.
#[inline]
pub fn make_lower_case(bytes: &mut [u8]) {
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = lower(u64::from_le_bytes(*word)).to_le_bytes();
    }
    for byte in rest {
        byte.make_ascii_lowercase();
    }
}

/// Whether a text, put in lower case, is the other one, which has no capital letters.
#[inline]
pub fn is_in_any_case(small: &[u8], text: &[u8]) -> bool {
    if small.len() != text.len() {
        return false;
    }
    let (words, _) = small.as_chunks::<8>();
    let Some(end) = small.last_chunk::<8>() else {
        return up_to_seven(small) == lower(up_to_seven(text));
    };
    let same =
        |small: &[u8; 8], text: &[u8; 8]| u64::from_le_bytes(*small) == lower(u64::from_le_bytes(*text));
    words.iter().zip(text.as_chunks::<8>().0).all(|(small, text)| same(small, text))
        && text.last_chunk::<8>().is_some_and(|text| same(end, text))
}

/// All bytes of a text of less than eight, some of them twice.
#[inline]
fn up_to_seven(text: &[u8]) -> u64 {
    if let (Some(start), Some(end)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*start)) | u64::from(u32::from_le_bytes(*end)) << 32;
    }
    match text {
        [] => 0,
        [first, .., last] => {
            u64::from(*first) | u64::from(text[text.len() / 2]) << 8 | u64::from(*last) << 16
        }
        [only] => u64::from(*only),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_as_the_standard_library_says(small in "[a-z@\\[`{-]{0,20}", swap in any::<u32>(), at in any::<prop::sample::Index>()) {
            let mut text: Vec<u8> = small.bytes().collect();
            for (i, byte) in text.iter_mut().enumerate() {
                if swap >> i & 1 == 1 {
                    byte.make_ascii_uppercase();
                }
            }
            prop_assert!(is_in_any_case(small.as_bytes(), &text));
            if !text.is_empty() {
                let at = at.index(text.len());
                text[at] ^= 0x21;
                prop_assert!(!is_in_any_case(small.as_bytes(), &text));
            }
        }

        #[test]
        fn bytes_of_any_kind_are_compared(small in prop::collection::vec(any::<u8>(), 0..20), text in prop::collection::vec(any::<u8>(), 0..20)) {
            let small = small.to_ascii_lowercase();
            prop_assert_eq!(is_in_any_case(&small, &text), small.eq_ignore_ascii_case(&text));
            let mut folded = text.clone();
            make_lower_case(&mut folded);
            prop_assert_eq!(folded, text.to_ascii_lowercase());
        }
    }

    #[test]
    fn lengths_count() {
        assert!(is_in_any_case(b"", b""));
        assert!(!is_in_any_case(b"a", b"") && !is_in_any_case(b"ab", b"abc"));
    }
}
