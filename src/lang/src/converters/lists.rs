//! Converters that choose a part of a list: fields, words, parameters, languages.

use std::borrow::Cow;
use std::ops::Range;

use super::{INT, STR, bytes, part, text, with};
use crate::arg::{Arg, Args, Signature};
use crate::expr::{Converter, unchecked};
use crate::facts::Scene;
use crate::sample::{Sample, Type};

const NTH: Signature = Signature::some(2, &[INT, STR, INT]);

/// The converters of lists.
pub static CONVERTERS: &[Converter] = &[
    with("field", NTH, Type::Str, Type::Str, check_nth, |s, args, _| {
        let text = bytes(s)?;
        let fields = fields(&text, args.str(1));
        let range = chosen(&fields, &text, args)?;
        Some(Sample::Str(part(text, range)))
    }),
    with("language", Signature::some(1, &[STR, STR]), Type::Str, Type::Str, unchecked, |s, args, _| {
        let language = preferred(&bytes(s)?, args.str(0)).or_else(|| args.has(1).then(|| args.str(1)));
        language.map(Sample::text)
    }),
    with("param", Signature::some(1, &[STR, STR]), Type::Str, Type::Str, check_param, param),
    with("word", NTH, Type::Str, Type::Str, check_nth, |s, args, _| {
        let text = bytes(s)?;
        let words: Vec<_> = fields(&text, args.str(1)).into_iter().filter(|f| !f.is_empty()).collect();
        let range = chosen(&words, &text, args)?;
        Some(Sample::Str(part(text, range)))
    }),
];

fn check_nth(args: &mut Args) -> Result<(), String> {
    if args.int(0) == Some(0) {
        return Err("Unexpected value 0 for index".into());
    }
    if args.str(1).is_empty() {
        return Err("Empty separators list".into());
    }
    Ok(())
}

/// The places of all fields between delimiters.
fn fields(text: &[u8], delimiters: &[u8]) -> Vec<Range<usize>> {
    let mut fields = Vec::new();
    let mut start = 0;
    for (at, byte) in text.iter().enumerate() {
        if delimiters.contains(byte) {
            fields.push(start..at);
            start = at + 1;
        }
    }
    fields.push(start..text.len());
    fields
}

/// From the field with the asked number, as many as are asked for: to the right, or to the left when the
/// number counts from the end. Where there are fewer, or all are asked for, up to the end of the text.
fn chosen(fields: &[Range<usize>], text: &[u8], args: &Args) -> Option<Range<usize>> {
    let index = args.int(0)?;
    let nth = usize::try_from(index.unsigned_abs()).ok()? - 1;
    let count = usize::try_from(args.int(2).unwrap_or(1)).unwrap_or(0);
    let others = match count {
        0 => usize::MAX,
        count => count - 1,
    };
    if index > 0 {
        let first = fields.get(nth)?;
        let end = fields.get(nth.saturating_add(others)).map_or(text.len(), |last| last.end);
        return Some(first.start..end);
    }
    let nth = fields.len().checked_sub(1 + nth)?;
    let start = nth.checked_sub(others).map_or(0, |first| fields[first].start);
    Some(start..fields[nth].end)
}

fn check_param(args: &mut Args) -> Result<(), String> {
    if !args.has(1) {
        return Ok(());
    }
    let delimiter = match args.str(1) {
        [one] => Some(*one),
        [b'0', b'x' | b'X', _, _] => u8::from_str_radix(&text(args, 1)[2..], 16).ok(),
        _ => None,
    };
    let wrong = "Delimiter must be either exactly 1 character, or 0xHH for an ASCII code";
    args.0[1] = Arg::Str([delimiter.ok_or(wrong)?].into());
    Ok(())
}

fn param<'a>(s: Sample<'a>, args: &'a Args, _: &Scene<'a>) -> Option<Sample<'a>> {
    let delimiters = if args.has(1) { args.str(1) } else { b"&" };
    let text = bytes(s)?;
    let value = fields(&text, delimiters).into_iter().find_map(|field| {
        let pair = &text[field.clone()];
        match pair.strip_prefix(args.str(0))? {
            [] => Some(field.end..field.end),
            [b'=', value @ ..] => Some(field.end - value.len()..field.end),
            _ => None,
        }
    })?;
    Some(Sample::Str(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[value]),
        owned @ Cow::Owned(_) => part(owned, value),
    }))
}

/// The first of the languages that an `Accept-Language` header wants most, among those that are there.
fn preferred<'a>(header: &[u8], there: &'a [u8]) -> Option<&'a [u8]> {
    let mut best = (0, None);
    for item in header.split(|b| *b == b',') {
        let mut pieces = item.split(|b| *b == b';').map(<[u8]>::trim_ascii);
        let wanted = pieces.next().unwrap_or_default();
        let weight = pieces.next().and_then(weight).unwrap_or(1000);
        // A variant that is not there leaves its base language.
        let fits = |known: &&[u8]| {
            wanted.strip_prefix(*known).is_some_and(|variant| matches!(variant, [] | [b'-', ..]))
        };
        if weight > best.0
            && let Some(known) = there.split(|b| *b == b';').filter(|l| !l.is_empty()).find(fits)
        {
            best = (weight, Some(known));
        }
    }
    best.1
}

/// A weight in thousandths.
fn weight(parameter: &[u8]) -> Option<u32> {
    let value = parameter.strip_prefix(b"q")?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let number: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    (0.0..=1.0).contains(&number).then(|| (number * 1000.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none, text_of};
    use proptest::prelude::*;

    #[test]
    fn fields_are_counted_from_both_ends() {
        expect(&[
            ("str(f1_f2_f3__f5),field(4,_)", ""),
            ("str(f1_f2_f3__f5),field(5,_)", "f5"),
            ("str(f1_f2_f3__f5),field(2,_,0)", "f2_f3__f5"),
            ("str(f1_f2_f3__f5),field(2,_,2)", "f2_f3"),
            ("str(f1_f2_f3__f5),field(-2,_,3)", "f2_f3_"),
            ("str(f1_f2_f3__f5),field(-3,_,0)", "f1_f2_f3"),
            ("str(f1_f2_f3__f5),field(-1,_)", "f5"),
            ("str(f1_f2_f3__f5),field(-5,_)", "f1"),
            ("str(f1_f2_f3__f5),field(1,_,9)", "f1_f2_f3__f5"),
            ("str(f1_f2_f3__f5),field(-1,_,9)", "f1_f2_f3__f5"),
            ("str(f1_f2_f3__f5),field(1,_,-1)", "f1_f2_f3__f5"),
            ("str(_a),field(1,_)", ""),
            ("str(),field(1,_)", ""),
        ]);
        expect_none(&["str(f1_f2),field(6,_)", "str(f1_f2),field(-6,_)"]);
        assert!(error("str(a),field(0,_)").contains("Unexpected value 0"));
        assert!(error("str(a),field(1,)").contains("Empty separators list"));
    }

    #[test]
    fn words_are_never_empty() {
        expect(&[
            ("str(f1_f2_f3__f5),word(4,_)", "f5"),
            ("str(f1_f2_f3__f5),word(2,_,0)", "f2_f3__f5"),
            ("str(f1_f2_f3__f5),word(3,_,2)", "f3__f5"),
            ("str(f1_f2_f3__f5),word(-2,_,3)", "f1_f2_f3"),
            ("str(f1_f2_f3__f5),word(-3,_,0)", "f1_f2"),
            ("str(/f1/f2/f3/f4),word(1,/)", "f1"),
            ("str(/f1////f2/f3/f4),word(2,/)", "f2"),
            ("str(/f1////f2/f3/f4/),word(-1,/)", "f4"),
            ("str(/f1////f2/f3/f4/),word(-2,/,0)", "/f1////f2/f3"),
            ("str(/f1////f2/f3/f4/),word(3,/,0)", "f3/f4/"),
            ("str(/f1////f2/f3/f4/),word(1,/,9)", "f1////f2/f3/f4/"),
            ("str(a.b-c.d),word(2,.-,2)", "b-c"),
        ]);
        expect_none(&[
            "str(f1_f2),word(6,_)",
            "str(f1_f2),word(-6,_)",
            "str(___),word(1,_)",
            "str(),word(1,_)",
        ]);
    }

    #[test]
    fn parameters_are_found_by_name() {
        expect(&[
            ("str(a=b&c=d&a=r),param(a)", "b"),
            ("str(a&b=c),param(a)", ""),
            ("str(a=&b&c=a),param(b)", ""),
            ("str(a=1;b=2;c=4),param(b,;)", "2"),
            ("str(a=1;b=2;c=4),param(b,0x3b)", "2"),
            ("str(a=1;b=2;c=4),param(b,0X3B)", "2"),
            ("str(ab=1&a=2),param(a)", "2"),
            ("str(=1&a),param()", "1"),
        ]);
        expect_none(&["str(a=1),param(z)", "str(),param(a)"]);
        for bad in ["xx", "0x", "0x1", "0x123", ""] {
            assert!(error(&format!("str(a),param(a,{bad})")).contains("Delimiter must be"));
        }
    }

    #[test]
    fn the_language_that_is_wanted_most_is_chosen() {
        for (header, arguments, wanted) in [
            ("fr;q=0.5", "es;fr;en", Some("fr")),
            ("fr;q=0.5, en;q=0.9", "es;fr;en", Some("en")),
            ("fr-CA;q=0.5, en-GB;q=0.9", "es;fr;en-GB", Some("en-GB")),
            ("fr-CA;q=0.5, en-GB;q=0.9", "es;fr;en", Some("en")),
            ("de", "es;fr,zz", Some("zz")),
            ("de", "es;fr", None),
            ("fr;q=0", "es;fr,es", Some("es")),
            ("*", "es;fr,es", Some("es")),
            ("FR", "es;fr,es", Some("es")),
            ("fr ; q=0.3 , es ; q=0.30", "es;fr", Some("fr")),
            ("es;q=0.1,fr;x=1", "es;fr", Some("fr")),
            ("fr;q=abc,es;q=0.1", "es;fr", Some("fr")),
            ("en-US,en;q=0.8", "en;en-US", Some("en")),
        ] {
            let found = text_of(header, &format!("language({arguments})"));
            assert_eq!(found.as_deref(), wanted, "{header} of {arguments}");
        }
    }

    proptest! {
        #[test]
        fn a_field_is_a_part_of_its_text(text in "[ab_]{0,12}", nth in 1..9i64, count in -1..9i64) {
            for nth in [nth, -nth] {
                for converter in ["field", "word"] {
                    if let Some(part) = text_of(&text, &format!("{converter}({nth},_,{count})")) {
                        prop_assert!(text.contains(&part));
                    }
                }
            }
        }
    }
}
