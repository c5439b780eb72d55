//! Bytes written as numbers and digits, and texts escaped for URLs and JSON.

use std::fmt::Write;

use http::uri::Plus;

use super::{INT, STR, bytes, check_choice, plain, with};
use crate::arg::{Args, Signature};
use crate::expr::{Converter, unchecked};
use crate::facts::Scene;
use crate::sample::{Sample, Type, hex};

/// A separator, the size of the chunks, and whether a short one at the end is left out.
const CHUNKS: Signature = Signature::some(1, &[STR, INT, INT]);

/// The converters between encodings.
pub static CONVERTERS: &[Converter] = &[
    plain("base2", Type::Bin, Type::Str, |s, _, _| {
        let digits = |byte: &u8| (0..8).rev().map(move |bit| b'0' + (byte >> bit & 1)).collect::<Vec<_>>();
        let bytes = bytes(s)?;
        Some(Sample::owned(bytes.iter().copied().flat_map(|byte| digits(&byte)).collect()))
    }),
    with("be2dec", CHUNKS, Type::Bin, Type::Str, check_decimal, |s, args, _| {
        Some(chunked(&bytes(s)?, args, |chunk, out| decimal(chunk.iter(), out)))
    }),
    with("be2hex", CHUNKS, Type::Bin, Type::Str, check_hexadecimal, |s, args, _| {
        Some(chunked(&bytes(s)?, args, |chunk, out| out.extend(hex(chunk))))
    }),
    plain("hex2i", Type::Str, Type::Int, |s, _, _| hexadecimal(&bytes(s)?).map(Sample::Int)),
    with("json", Signature::all(&[STR]), Type::Str, Type::Str, check_json, json),
    with("le2dec", CHUNKS, Type::Bin, Type::Str, check_decimal, |s, args, _| {
        Some(chunked(&bytes(s)?, args, |chunk, out| decimal(chunk.iter().rev(), out)))
    }),
    with("url_dec", Signature::optional(&[INT]), Type::Str, Type::Str, unchecked, |s, args, _| {
        let plus = if args.int(0).unwrap_or(0) == 0 { Plus::InQuery } else { Plus::Everywhere };
        let mut out = Vec::new();
        http::uri::url_decode(&bytes(s)?, plus, &mut out)?;
        Some(Sample::owned(out))
    }),
    with("url_enc", Signature::some(1, &[STR]), Type::Str, Type::Str, check_url_enc, |s, _, _| {
        let mut out = Vec::new();
        http::uri::url_encode(&bytes(s)?, &mut out);
        Some(Sample::owned(out))
    }),
];

fn check_decimal(args: &mut Args) -> Result<(), String> {
    match args.int(1).unwrap_or(0) {
        1..=8 => Ok(()),
        size => Err(format!("chunk_size out of [1..8] range ({size})")),
    }
}

fn check_hexadecimal(args: &mut Args) -> Result<(), String> {
    let size = args.int(1).unwrap_or(0);
    // Without arguments all bytes are one chunk.
    if size > 0 || !args.has(1) && args.str(0).is_empty() {
        return Ok(());
    }
    Err(format!("chunk_size needs to be positive ({size})"))
}

fn chunked(bytes: &[u8], args: &Args, write: impl Fn(&[u8], &mut Vec<u8>)) -> Sample<'static> {
    let size = args.int(1).and_then(|size| usize::try_from(size).ok()).unwrap_or(bytes.len()).max(1);
    let whole_only = args.int(2).is_some_and(|n| n != 0);
    let mut out = Vec::with_capacity(bytes.len() * 3);
    for (i, chunk) in bytes.chunks(size).enumerate() {
        if whole_only && chunk.len() < size {
            break;
        }
        if i > 0 {
            out.extend_from_slice(args.str(0));
        }
        write(chunk, &mut out);
    }
    Sample::owned(out)
}

fn decimal<'b>(big_endian: impl Iterator<Item = &'b u8>, out: &mut Vec<u8>) {
    let number = big_endian.fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The 64 last bits of a number in hexadecimal digits; nothing counts 0.
fn hexadecimal(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number: i64, digit| Some(number << 4 | i64::from(char::from(*digit).to_digit(16)?)))
}

fn check_url_enc(args: &mut Args) -> Result<(), String> {
    match args.str(0) {
        b"" | b"query" => Ok(()),
        _ => Err("Unexpected encode type. Allowed value is 'query'".into()),
    }
}

const INPUT_CODES: [&str; 5] = ["ascii", "utf8", "utf8s", "utf8p", "utf8ps"];

fn check_json(args: &mut Args) -> Result<(), String> {
    if args.str(0).is_empty() {
        args.0.clear();
    }
    check_choice(args, 0, &INPUT_CODES, |_| {
        format!("Unexpected input code type. Allowed value are '{}'", INPUT_CODES.join("', '"))
    })
}

fn json<'a>(s: Sample<'a>, args: &'a Args, _: &Scene<'a>) -> Option<Sample<'a>> {
    let text = bytes(s)?;
    let mut out = String::with_capacity(text.len());
    let code = args.choice(0).map_or("ascii", |place| INPUT_CODES[place]);
    let Some(mode) = code.strip_prefix("utf8") else {
        text.iter().for_each(|byte| escape(u32::from(*byte), &mut out));
        return Some(Sample::owned(out.into_bytes()));
    };
    let mut rest = &*text;
    while !rest.is_empty() {
        let (read, len) = utf8(rest);
        rest = &rest[len..];
        match read {
            Ok(code) => escape(code, &mut out),
            Err(Fault::Overlong(code)) if mode.contains('p') => escape(code, &mut out),
            Err(_) if mode.contains('s') => {}
            Err(_) => return None,
        }
    }
    Some(Sample::owned(out.into_bytes()))
}

/// Writes one character as it stands in a JSON string of ASCII characters.
fn escape(code: u32, out: &mut String) {
    let short = match code {
        0x08 => 'b',
        0x09 => 't',
        0x0a => 'n',
        0x0c => 'f',
        0x0d => 'r',
        0x22 => '"',
        0x2f => '/',
        0x5c => '\\',
        0x20..=0x7e => {
            out.extend(char::from_u32(code));
            return;
        }
        _ => {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{code:04x}");
            return;
        }
    };
    out.extend(['\\', short]);
}

/// What is wrong with a sequence of UTF-8.
enum Fault {
    /// It is none, or its character cannot be written with four digits.
    Bad,
    /// It has more bytes than its character needs.
    Overlong(u32),
}

/// The first character, and how many bytes it takes.
fn utf8(bytes: &[u8]) -> (Result<u32, Fault>, usize) {
    let (more, lead) = match bytes[0] {
        byte @ 0..=0x7f => return (Ok(u32::from(byte)), 1),
        byte @ 0xc0..=0xdf => (1, byte & 0x1f),
        byte @ 0xe0..=0xef => (2, byte & 0x0f),
        byte @ 0xf0..=0xf7 => (3, byte & 0x07),
        _ => return (Err(Fault::Bad), 1),
    };
    let mut code = u32::from(lead);
    for i in 1..=more {
        match bytes.get(i) {
            Some(byte @ 0x80..=0xbf) => code = code << 6 | u32::from(byte & 0x3f),
            _ => return (Err(Fault::Bad), i),
        }
    }
    let shortest = [0, 0x80, 0x800, 0x1_0000][more];
    let read = match code {
        0xd800..=0xdfff | 0xfffe.. => Err(Fault::Bad),
        _ if code < shortest => Err(Fault::Overlong(code)),
        _ => Ok(code),
    };
    (read, more + 1)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none, text_of, with_input};
    use proptest::prelude::*;

    #[test]
    fn bytes_become_numbers() {
        expect(&[
            ("bin(01020304050607),be2dec(:,2)", "258:772:1286:7"),
            ("bin(01020304050607),be2dec(-,2,1)", "258-772-1286"),
            ("bin(01020304050607),be2dec(,2,1)", "2587721286"),
            ("bin(ffffffffffffffff),be2dec(,8)", "18446744073709551615"),
            ("bin(01020304050607),le2dec(:,2)", "513:1027:1541:7"),
            ("bin(01020304050607),le2dec(-,2,1)", "513-1027-1541"),
        ]);
        for bad in ["be2dec(:,9)", "be2dec(:,0)", "be2dec(:)", "be2dec"] {
            assert!(error(&format!("bin(01),{bad}")).contains("chunk_size out of [1..8] range"));
        }
    }

    #[test]
    fn bytes_become_digits() {
        expect(&[
            ("bin(01020304050607),be2hex", "01020304050607"),
            ("bin(01020304050607),be2hex(:,2)", "0102:0304:0506:07"),
            ("bin(01020304050607),be2hex(--,2,1)", "0102--0304--0506"),
            ("bin(0102030405060708),be2hex(,3,1)", "010203040506"),
            ("bin(0105),base2", "0000000100000101"),
            ("str(),base2", ""),
        ]);
        for bad in ["be2hex(:)", "be2hex(:,0)", "be2hex(:,-1)", "be2hex(,0,1)"] {
            assert!(error(&format!("bin(01),{bad}")).contains("chunk_size needs to be positive"));
        }
    }

    #[test]
    fn digits_become_numbers() {
        expect(&[
            ("str(ff),hex2i", "255"),
            ("str(),hex2i", "0"),
            ("str(ffffffffffffffffff),hex2i", "-1"),
            ("str(7fffffffffffffff),hex2i", "9223372036854775807"),
        ]);
        expect_none(&["str(xyz),hex2i", "str(-ff),hex2i", "str(0xff),hex2i", "str(ffg),hex2i"]);
    }

    #[test]
    fn urls_are_decoded_and_encoded() {
        expect(&[
            ("str(a%20b+c),url_dec", "a b+c"),
            ("str(a%20b+c),url_dec(1)", "a b c"),
            ("str(a?b+c%2Bd),url_dec", "a?b c+d"),
            ("str(a+b?c+d),url_dec(0)", "a+b?c d"),
            ("str(\"a b\"),url_enc()", "a%20b"),
        ]);
        expect_none(&["str(a%zz),url_dec", "str(a%),url_dec", "str(a%2),url_dec"]);
        assert_eq!(text_of("a b&~-_.!*():", "url_enc(query)").unwrap(), "a%20b%26~-_.%21%2A%28%29%3A");
        assert!(error("str(a),url_enc(path)").contains("Unexpected encode type"));
    }

    #[test]
    fn json_escapes_what_it_must() {
        assert_eq!(text_of("a\"b\\c/d é", "json").unwrap(), "a\\\"b\\\\c\\/d \\u00c3\\u00a9");
        assert_eq!(text_of("a\"b\\c/d é", "json(utf8)").unwrap(), "a\\\"b\\\\c\\/d \\u00e9");
        expect(&[
            ("bin(0a0d0c081f7f),json", "\\n\\r\\f\\b\\u001f\\u007f"),
            ("bin(e282ac),json(ascii)", "\\u00e2\\u0082\\u00ac"),
            ("bin(e282ac),json(utf8)", "\\u20ac"),
            ("bin(c081),json(utf8p)", "\\u0001"),
            ("bin(c1bf41),json(utf8s)", "A"),
            ("bin(c1bf41),json(utf8ps)", "\\u007fA"),
            ("bin(f09f988041),json(utf8ps)", "A"),
            ("bin(eda08041),json(utf8ps)", "A"),
            ("bin(8041),json(utf8ps)", "A"),
            ("bin(e2824142),json(utf8ps)", "AB"),
            ("bin(f08080804142),json(utf8ps)", "\\u0000AB"),
            ("bin(f08080c14142),json(utf8ps)", "AB"),
            ("bin(f8888080804142),json(utf8ps)", "AB"),
        ]);
        for bad in ["e2", "e241", "c080", "f09f9880", "eda080", "efbfbe", "80", "f4908080"] {
            expect_none(&[&format!("bin({bad}),json(utf8)")]);
        }
        assert!(error("str(a),json(zz)").contains("Unexpected input code type"));
    }

    proptest! {
        #[test]
        fn escaped_text_is_ascii_without_controls(text: Vec<u8>) {
            for code in ["ascii", "utf8s", "utf8ps"] {
                let out = with_input(&text, &format!("var(txn.in),json({code})")).unwrap().into_text();
                prop_assert!(out.iter().all(|b| (0x20..0x7f).contains(b)));
            }
        }

        #[test]
        fn what_is_encoded_is_decoded(text in "[^\\x00]*") {
            prop_assert_eq!(text_of(&text, "url_enc,url_dec(0)"), Some(text));
        }
    }
}
