//! Values of JSON documents and of JSON Web Tokens.
//!
//! A document is read no further than the value that is asked for, so that one that was cut off behind it does.

use super::base64::{URL, decode};
use super::{STR, bytes, check_choice, text, with};
use crate::arg::{Args, Signature};
use crate::expr::Converter;
use crate::sample::{Sample, Type};

/// The converters of JSON.
pub static CONVERTERS: &[Converter] = &[
    with("json_query", Signature::some(1, &[STR, STR]), Type::Str, Type::Any, check_query, |s, args, _| {
        query(&bytes(s)?, args)
    }),
    with("jwt_header_query", TOKEN, Type::Bin, Type::Any, check_token, |s, args, _| {
        token_query(&bytes(s)?, 0, args)
    }),
    with("jwt_payload_query", TOKEN, Type::Bin, Type::Any, check_token, |s, args, _| {
        token_query(&bytes(s)?, 1, args)
    }),
];

const TOKEN: Signature = Signature::optional(&[STR, STR]);

fn check_query(args: &mut Args) -> Result<(), String> {
    if args.str(0).is_empty() {
        return Err("json_path must not be empty".into());
    }
    check_choice(args, 1, &["int"], |_| "output_type only supports \"int\" as argument".into())
}

fn check_token(args: &mut Args) -> Result<(), String> {
    if args.has(0) { check_query(args) } else { Ok(()) }
}

/// A query on one of the parts between the dots of a token; the decoded part itself without one.
fn token_query(token: &[u8], part: usize, args: &Args) -> Option<Sample<'static>> {
    let part = token.split(|b| *b == b'.').nth(part)?;
    let decoded = decode(&URL, part)?;
    if args.has(0) { query(&decoded, args) } else { Some(Sample::owned(decoded)) }
}

/// The text of a member of a document that is a string.
pub(super) fn member_text(document: &[u8], path: &str) -> Option<Vec<u8>> {
    let value = find(document, path)?;
    if value.first() == Some(&b'"') { unescape(string(value)?.0) } else { None }
}

/// Integers that a double holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn query(document: &[u8], args: &Args) -> Option<Sample<'static>> {
    let value = find(document, text(args, 0))?;
    match value.first()? {
        b'"' => unescape(string(value)?.0).map(Sample::owned),
        b't' if value.starts_with(b"true") => Some(Sample::Bool(true)),
        b'f' if value.starts_with(b"false") => Some(Sample::Bool(false)),
        b'[' => Some(Sample::owned(value[..value.len() - skip(value)?.len()].to_vec())),
        b'-' | b'0'..=b'9' => {
            let len =
                value.iter().take_while(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
            let number: f64 = std::str::from_utf8(&value[..len.count()]).ok()?.parse().ok()?;
            let exact = number.fract() == 0.0 && number.abs() < EXACT;
            if exact || args.has(1) {
                return Some(Sample::Int(number as i64));
            }
            Some(Sample::owned(six_digits(number).into_bytes()))
        }
        _ => None,
    }
}

/// A number in the shortest form with six significant digits, as `%g` of printf(3) writes it.
fn six_digits(number: f64) -> String {
    let scientific = format!("{number:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let shortened = |digits: &str| {
        let digits = if digits.contains('.') { digits.trim_end_matches('0') } else { digits };
        digits.trim_end_matches('.').to_owned()
    };
    if (-4..6).contains(&exponent) {
        return shortened(&format!("{number:.*}", (5 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", shortened(mantissa), exponent.abs())
}

/// The text from the value on that stands at a path: `$`, then `.name` or `[number]` any number of times.
fn find<'d>(document: &'d [u8], path: &str) -> Option<&'d [u8]> {
    let mut rest = path.strip_prefix('$')?;
    let mut value = document.trim_ascii_start();
    while !rest.is_empty() {
        if let Some(index) = rest.strip_prefix('[') {
            let (digits, after) = index.split_once(']')?;
            value = element(value, digits.parse().ok()?)?;
            rest = after;
        } else {
            let (name, after) = name(rest.strip_prefix('.')?)?;
            value = member(value, name.as_bytes())?;
            rest = after;
        }
    }
    Some(value)
}

/// A name of a path, in which a backslash takes the meaning from a dot or a bracket, and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.push(chars.next()?.1),
            '.' | '[' => {
                end = at;
                break;
            }
            other => name.push(other),
        }
    }
    (!name.is_empty()).then(|| (name, &text[end..]))
}

fn member<'d>(object: &'d [u8], wanted: &[u8]) -> Option<&'d [u8]> {
    let mut rest = object.strip_prefix(b"{")?.trim_ascii_start();
    loop {
        let (name, after) = string(rest)?;
        let value = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        if name == wanted || name.contains(&b'\\') && unescape(name).is_some_and(|name| name == wanted) {
            return Some(value);
        }
        rest = skip(value)?.trim_ascii_start().strip_prefix(b",")?.trim_ascii_start();
    }
}

fn element(array: &[u8], index: usize) -> Option<&[u8]> {
    let mut rest = array.strip_prefix(b"[")?.trim_ascii_start();
    for _ in 0..index {
        rest = skip(rest)?.trim_ascii_start().strip_prefix(b",")?.trim_ascii_start();
    }
    Some(rest)
}

/// The inside of the string that a text begins with, and what follows it.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', inside.get(at..)?)?;
        if inside[at] == b'"' {
            return Some((&inside[..at], &inside[at + 1..]));
        }
        at += 2;
    }
}

/// What follows the value that a text begins with.
fn skip(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut rest = text;
    loop {
        match rest.first()? {
            b'"' => rest = string(rest)?.1,
            b'{' | b'[' => {
                depth += 1;
                rest = &rest[1..];
                continue;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                rest = &rest[1..];
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => rest = &rest[1..],
            _ => {
                let word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
                let len = rest.iter().take_while(|b| word(b)).count();
                rest = rest.get(len..).filter(|_| len > 0)?;
            }
        }
        if depth == 0 {
            return Some(rest);
        }
    }
}

/// A string without its escapes; `None` if one of them is none.
fn unescape(inside: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(inside.len());
    let mut rest = inside;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let (escape, tail) = rest.split_first()?;
        rest = tail;
        out.push(match escape {
            b'"' | b'\\' | b'/' => *escape,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (c, tail) = code(rest)?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = tail;
                continue;
            }
            _ => return None,
        });
    }
    Some(out)
}

/// The character of four digits, or of two halves of four digits each.
fn code(text: &[u8]) -> Option<(char, &[u8])> {
    let unit = |text: &[u8]| {
        let digits = std::str::from_utf8(text.get(..4)?).ok()?;
        u32::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
    };
    let first = unit(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, &text[4..]));
    }
    let other = text[4..].strip_prefix(b"\\u")?;
    let second = unit(other)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + second)?, &other[4..]))
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, text_of, with_input};
    use proptest::prelude::*;

    fn asked(document: &str, arguments: &str) -> Option<String> {
        text_of(document, &format!("json_query({arguments})"))
    }

    #[test]
    fn numbers_have_six_digits_unless_they_are_whole() {
        for (number, wanted) in [
            ("4", "4"),
            ("4.5", "4.5"),
            ("4.0", "4"),
            ("-4e2", "-400"),
            ("1e20", "1e+20"),
            ("0.1", "0.1"),
            ("0.00001", "1e-05"),
            ("3.14159265358979", "3.14159"),
            ("12345678901234567890", "1.23457e+19"),
            ("9007199254740993", "9.0072e+15"),
            ("123456.7", "123457"),
            ("01", "1"),
        ] {
            assert_eq!(asked(&format!("{{\"n\":{number}}}"), "$.n").as_deref(), Some(wanted), "{number}");
        }
        assert_eq!(asked("{\"n\":4.5}", "$.n,int").unwrap(), "4");
        assert_eq!(asked("{\"n\":+1}", "$.n"), None);
    }

    #[test]
    fn values_have_their_types() {
        assert_eq!(asked("{\"b\":true}", "$.b").unwrap(), "1");
        assert_eq!(asked("{\"b\":false}", "$.b").unwrap(), "0");
        assert_eq!(asked("{\"b\":[1, 2, \"a\", {\"x\":1}]}", "$.b").unwrap(), "[1, 2, \"a\", {\"x\":1}]");
        assert_eq!(asked("{\"s\":\"a\\u0041\\\"b\"}", "$.s").unwrap(), "aA\"b");
        assert_eq!(asked("{\"s\":\"\\u00e9\\ud83d\\ude00\\/\"}", "$.s").unwrap(), "é😀/");
        assert_eq!(asked("{\"s\":\"12\"}", "$.s,int").unwrap(), "12");
        for nothing in ["null", "{\"c\":1}", "tru", "\"a\\qb\"", "\"\\ud83d\"", "\"\\u+123\""] {
            assert_eq!(asked(&format!("{{\"b\":{nothing}}}"), "$.b"), None, "{nothing}");
        }
    }

    #[test]
    fn paths_lead_to_values() {
        for (document, path, wanted) in [
            ("{\"b\":{\"c\":1}}", "$.b.c", Some("1")),
            ("{\"b\":[1,2,\"a\"]}", "$.b[2]", Some("a")),
            ("{\"b\":[1,2,\"a\"]}", "$.b[9]", None),
            ("{\"b\":[{\"x\":5}]}", "$.b[0].x", Some("5")),
            ("{\"b\":[[1,2],[3,4]]}", "$.b[1][0]", Some("3")),
            ("{\"my.key\":\"v\"}", "'$.my\\.key'", Some("v")),
            ("{\"a\":1", "$.a", Some("1")),
            ("{\"a\":{\"b\":1},\"b\":2}", "$.b", Some("2")),
            ("{\"a\":1,\"a\":2}", "$.a", Some("1")),
            ("{\"ab\":1,\"a\":2}", "$.a", Some("2")),
            ("{\"a\" :  7 }", "$.a", Some("7")),
            ("[1,2]x", "$", Some("[1,2]")),
            (" 5", "$", Some("5")),
            ("junk", "$.a", None),
            ("{\"a\":1}", "a", None),
            ("{\"a\":\"x\"}", "$..a", None),
            ("{\"a\":\"x\"}", "$.*", None),
        ] {
            assert_eq!(asked(document, path).as_deref(), wanted, "{path} in {document}");
        }
        assert!(error("str(a),json_query(\"\")").contains("json_path must not be empty"));
        assert!(error("str(a),json_query($.a,str)").contains("output_type only supports"));
    }

    #[test]
    fn tokens_are_decoded() {
        const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJtZSIsIm4iOjV9.c2ln";
        let asked = |converter: &str| text_of(TOKEN, converter);
        assert_eq!(asked("jwt_header_query").unwrap(), "{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
        assert_eq!(asked("jwt_header_query($.alg)").unwrap(), "HS256");
        assert_eq!(asked("jwt_payload_query($.n,int)").unwrap(), "5");
        assert_eq!(asked("jwt_payload_query").unwrap(), "{\"iss\":\"me\",\"n\":5}");
        assert_eq!(text_of("a", "jwt_payload_query"), None);
        expect(&[("str(eyJhIjoxfQ),jwt_header_query($.a)", "1")]);
    }

    proptest! {
        #[test]
        fn no_document_makes_it_fail(document in "[\\[\\]{}\",:a1\\\\u \\-.e]{0,24}") {
            for path in ["$", "$.a", "$[1]", "$.a[0].a"] {
                let _ = with_input(document.as_bytes(), &format!("var(txn.in),json_query({path})"));
            }
        }

        #[test]
        fn escaped_strings_are_found(text in "[^\\x00\\u{10000}-\\u{10ffff}\\u{fffe}\\u{ffff}]{0,8}") {
            let escaped = text_of(&text, "json(utf8)").unwrap();
            let document = format!("{{\"x\":[0,\"{escaped}\"]}}");
            prop_assert_eq!(asked(&document, "$.x[1]"), Some(text));
        }
    }
}
