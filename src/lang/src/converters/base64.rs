//! Base64 and base64url (RFC 4648).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{bytes, plain};
use crate::expr::Converter;
use crate::sample::{Sample, Type};

/// With padding, which must be there.
pub(crate) static STANDARD: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// With the alphabet for URLs, and without padding; it is tolerated where it is.
pub(super) static URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The converters between bytes and base64.
pub static CONVERTERS: &[Converter] = &[
    plain("b64dec", Type::Str, Type::Bin, |s, _, _| decoded(s, &STANDARD)),
    plain("base64", Type::Bin, Type::Str, |s, _, _| encoded(s, &STANDARD)),
    plain("ub64dec", Type::Str, Type::Bin, |s, _, _| decoded(s, &URL)),
    plain("ub64enc", Type::Bin, Type::Str, |s, _, _| encoded(s, &URL)),
];

/// The bytes that a text stands for.
pub(crate) fn decode(engine: &GeneralPurpose, text: &[u8]) -> Option<Vec<u8>> {
    engine.decode(text).ok()
}

/// The text for bytes.
pub(crate) fn encode(engine: &GeneralPurpose, bytes: &[u8]) -> String {
    engine.encode(bytes)
}

fn decoded(s: Sample<'_>, engine: &GeneralPurpose) -> Option<Sample<'static>> {
    Some(Sample::Bin(decode(engine, &bytes(s)?)?.into()))
}

fn encoded(s: Sample<'_>, engine: &GeneralPurpose) -> Option<Sample<'static>> {
    Some(Sample::owned(engine.encode(bytes(s)?).into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::probe::{expect, expect_none, text_of};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_alphabets_are_written() {
        expect(&[
            ("str(abc),base64", "YWJj"),
            ("str(),base64", ""),
            ("str(ab??>>),base64", "YWI/Pz4+"),
            ("str(ab??>>),ub64enc", "YWI_Pz4-"),
            ("str(a),ub64enc", "YQ"),
        ]);
    }

    #[test]
    fn padding_is_needed_but_in_urls() {
        expect(&[
            ("str(YWI=),b64dec", "ab"),
            ("str(YR==),b64dec", "a"),
            ("str(),b64dec", ""),
            ("str(YQ),ub64dec", "a"),
            ("str(YR),ub64dec", "a"),
            ("str(-_),ub64dec,hex", "FB"),
            ("str(-_8),ub64dec,hex", "FBFF"),
        ]);
        expect_none(&["str(YWI),b64dec", "str(Y!I=),b64dec", "str(YQ=a),b64dec", "str(YW=I),b64dec"]);
        expect_none(&["str(A),ub64dec", "str(AAAAA),ub64dec"]);
        assert_eq!(text_of("a b", "b64dec"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: Vec<u8>) {
            for engine in [&STANDARD, &URL] {
                prop_assert_eq!(decode(engine, engine.encode(&bytes).as_bytes()), Some(bytes.clone()));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text: Vec<u8>) {
            if let Some(bytes) = decode(&STANDARD, &text) {
                prop_assert_eq!(text.len(), bytes.len().div_ceil(3) * 4);
            }
        }
    }
}
