//! Converters that fold, cut, join and compare texts and bytes.

use std::borrow::Cow;

use super::{STR, bytes, check_number, check_variable, number, part, plain, text, variable, with};
use crate::arg::{Arg, ArgKind, Args, Signature};
use crate::expr::{Converter, unchecked};
use crate::facts::Scene;
use crate::regex::{Case, Regex, Times};
use crate::sample::{Sample, Type, hex};

const PIECES: Signature = Signature::some(1, &[STR, STR, STR]);
const ITEM: Signature = Signature::some(2, &[STR, STR, STR]);
const VARIABLE: Signature = Signature::all(&[STR]);
const REGSUB: Signature = Signature::some(2, &[ArgKind::Regex, STR, STR]);

/// The converters of texts.
pub static CONVERTERS: &[Converter] = &[
    with("add_item", ITEM, Type::Str, Type::Str, check_item, add_item),
    with("bytes", Signature::some(1, &[STR, STR]), Type::Bin, Type::Bin, check_bytes, slice),
    with("concat", PIECES, Type::Str, Type::Str, check_concat, concat),
    plain("cut_crlf", Type::Str, Type::Str, |s, _, _| {
        let text = bytes(s)?;
        let end = text.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(text.len());
        Some(Sample::Str(part(text, 0..end)))
    }),
    with("has_ctl", Signature::optional(&[STR]), Type::Bin, Type::Bool, check_mask, has_ctl),
    plain("hex", Type::Bin, Type::Str, |s, _, _| Some(Sample::owned(hex(&bytes(s)?)))),
    with("iif", Signature::all(&[STR, STR]), Type::Bool, Type::Str, unchecked, |s, args, _| {
        Some(Sample::text(if s.to_bool()? { args.str(0) } else { args.str(1) }))
    }),
    plain("length", Type::Str, Type::Int, |s, _, _| Some(Sample::Int(bytes(s)?.len() as i64))),
    plain("lower", Type::Str, Type::Str, |s, _, _| {
        folded(s, u8::is_ascii_uppercase, <[u8]>::make_ascii_lowercase)
    }),
    with("ltrim", VARIABLE, Type::Str, Type::Str, unchecked, |s, args, _| {
        let text = bytes(s)?;
        let start = text.iter().position(|b| !args.str(0).contains(b)).unwrap_or(text.len());
        let end = text.len();
        Some(Sample::Str(part(text, start..end)))
    }),
    with("regsub", REGSUB, Type::Str, Type::Str, check_regsub, |s, args, _| {
        let Some(Arg::Regex(regex)) = args.0.first() else { return None };
        Some(Sample::owned(regex.replace(&bytes(s)?, args.str(1))?))
    }),
    plain("reverse", Type::Str, Type::Str, |s, _, _| {
        Some(Sample::owned(bytes(s)?.iter().rev().copied().collect()))
    }),
    plain("reverse_dom", Type::Str, Type::Str, |s, _, _| reversed_labels(&bytes(s)?).map(Sample::owned)),
    with("rtrim", VARIABLE, Type::Str, Type::Str, unchecked, |s, args, _| {
        let text = bytes(s)?;
        let end = text.iter().rposition(|b| !args.str(0).contains(b)).map_or(0, |last| last + 1);
        Some(Sample::Str(part(text, 0..end)))
    }),
    with(
        "secure_memcmp",
        VARIABLE,
        Type::Bin,
        Type::Bool,
        |a| check_variable(a, 0),
        |s, args, scene| {
            let other = variable(args, 0, scene)?.cast(Type::Bin)?;
            Some(Sample::Bool(same_in_constant_time(&bytes(s)?, &bytes(other)?)))
        },
    ),
    with(
        "strcmp",
        VARIABLE,
        Type::Str,
        Type::Int,
        |a| check_variable(a, 0),
        |s, args, scene| {
            let other = variable(args, 0, scene)?.into_text();
            Some(Sample::Int(difference(&bytes(s)?, &other)))
        },
    ),
    plain("upper", Type::Str, Type::Str, |s, _, _| {
        folded(s, u8::is_ascii_lowercase, <[u8]>::make_ascii_uppercase)
    }),
];

/// The text with its letters folded; without a copy when there is nothing to fold.
fn folded(s: Sample<'_>, differs: fn(&u8) -> bool, fold: fn(&mut [u8])) -> Option<Sample<'_>> {
    let text = bytes(s)?;
    if !text.iter().any(differs) {
        return Some(Sample::Str(text));
    }
    let mut text = text.into_owned();
    fold(&mut text);
    Some(Sample::Str(Cow::Owned(text)))
}

fn check_concat(args: &mut Args) -> Result<(), String> {
    if args.str(1).is_empty() { Ok(()) } else { check_variable(args, 1) }
}

fn concat<'a>(s: Sample<'a>, args: &'a Args, scene: &Scene<'a>) -> Option<Sample<'a>> {
    let mut text = bytes(s)?.into_owned();
    text.extend_from_slice(args.str(0));
    if let Some(value) = variable(args, 1, scene) {
        text.extend_from_slice(&value.into_text());
    }
    text.extend_from_slice(args.str(2));
    Some(Sample::owned(text))
}

fn check_item(args: &mut Args) -> Result<(), String> {
    if args.str(1).is_empty() && args.str(2).is_empty() {
        return Err("one of the optional arguments has to be nonempty".into());
    }
    check_concat(args)
}

fn add_item<'a>(s: Sample<'a>, args: &'a Args, scene: &Scene<'a>) -> Option<Sample<'a>> {
    let mut text = bytes(s)?.into_owned();
    let value = variable(args, 1, scene).map(Sample::into_text).unwrap_or_default();
    if !(text.is_empty() || value.is_empty() && args.str(2).is_empty()) {
        text.extend_from_slice(args.str(0));
    }
    text.extend_from_slice(&value);
    text.extend_from_slice(args.str(2));
    Some(Sample::owned(text))
}

fn check_bytes(args: &mut Args) -> Result<(), String> {
    check_number(args, 0)?;
    check_number(args, 1)?;
    match (args.int(0), args.int(1)) {
        (Some(..0), _) => Err("expects a non-negative integer".into()),
        (_, Some(..=0)) => Err("expects a positive integer".into()),
        _ => Ok(()),
    }
}

fn slice<'a>(s: Sample<'a>, args: &'a Args, scene: &Scene<'a>) -> Option<Sample<'a>> {
    let bytes = bytes(s)?;
    let offset = usize::try_from(number(args, 0, scene)?).ok()?.min(bytes.len());
    let end = if args.has(1) {
        offset.saturating_add(usize::try_from(number(args, 1, scene)?).ok()?).min(bytes.len())
    } else {
        bytes.len()
    };
    Some(Sample::Bin(part(bytes, offset..end)))
}

/// All control characters but the tab; bit 32 stands for DEL.
const CONTROLS: i64 = 0x1_ffff_fdff;
const WITH_TAB: i64 = 0x1_ffff_ffff;
/// What no header value may hold: CR, LF and NUL.
const FORBIDDEN_IN_HTTP: i64 = 0x2401;

fn check_mask(args: &mut Args) -> Result<(), String> {
    if !args.has(0) {
        return Ok(());
    }
    let word = text(args, 0);
    let mask = match word {
        "any" => Some(WITH_TAB),
        "http" => Some(FORBIDDEN_IN_HTTP),
        _ => match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        },
    };
    let Some(mask) = mask else {
        return Err(format!(
            "'{word}' is no mask: a number (in hexadecimal digits behind '0x'), 'any' or 'http'"
        ));
    };
    if mask & !WITH_TAB != 0 {
        return Err(format!("unsupported excess bits {:#x} in argument value {word}", mask & !WITH_TAB));
    }
    args.0[0] = Arg::Int(mask);
    Ok(())
}

fn has_ctl<'a>(s: Sample<'a>, args: &'a Args, _: &Scene<'a>) -> Option<Sample<'a>> {
    let mask = args.int(0).unwrap_or(CONTROLS);
    let asked = |byte: &u8| match byte {
        0..=31 => mask >> byte & 1 == 1,
        127 => mask >> 32 & 1 == 1,
        _ => false,
    };
    Some(Sample::Bool(bytes(s)?.iter().any(asked)))
}

fn check_regsub(args: &mut Args) -> Result<(), String> {
    let (mut case, mut times) = (Case::Sensitive, Times::First);
    for flag in text(args, 2).chars() {
        match flag {
            'i' => case = Case::Insensitive,
            'g' => times = Times::All,
            other => return Err(format!("invalid regex flag '{other}', only 'i' and 'g' are supported")),
        }
    }
    if args.str(0).is_empty() {
        return Err("missing regex in arg 1".into());
    }
    args.0[0] = Arg::Regex(Regex::new(args.str(0), case, times)?);
    Ok(())
}

/// The labels of a host name, the last one first; `None` if one of them is empty. A dot at the end counts
/// for nothing.
fn reversed_labels(name: &[u8]) -> Option<Vec<u8>> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let labels: Vec<&[u8]> = name.split(|b| *b == b'.').collect();
    if labels.iter().any(|label| label.is_empty()) {
        return None;
    }
    Some(labels.into_iter().rev().collect::<Vec<_>>().join(&b'.'))
}

/// Looks at all bytes, wherever the first difference is.
fn same_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |seen, (a, b)| std::hint::black_box(seen | (a ^ b)));
    a.len() == b.len() && differences == 0
}

/// The difference of the first bytes that differ, else which one is longer.
fn difference(a: &[u8], b: &[u8]) -> i64 {
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => i64::from(*a) - i64::from(*b),
        None => a.len().cmp(&b.len()) as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none, text_of, value};
    use crate::sample::Sample;

    #[test]
    fn letters_are_folded() {
        expect(&[("str(AbC1),lower", "abc1"), ("str(AbC1),upper", "ABC1"), ("str(abc),lower", "abc")]);
    }

    #[test]
    fn bytes_are_written_counted_and_cut() {
        expect(&[
            ("bin(01ab),hex", "01AB"),
            ("str(four),length", "4"),
            ("str(012345),bytes(0)", "012345"),
            ("str(012345),bytes(1,3)", "123"),
            ("str(012345),bytes(6)", ""),
            ("str(012345),bytes(1,99)", "12345"),
            ("str(0123456789),bytes(txn.i,txn.i)", "789"),
            ("str(0123456789),bytes(txn.s)", "0123456789"),
        ]);
        expect_none(&[
            "str(abc),bytes(txn.neg)",
            "str(abc),bytes(1,txn.neg)",
            "str(abc),bytes(1,txn.none)",
            "str(abc),bytes(txn.none)",
        ]);
        assert!(error("str(a),bytes(-1)").contains("non-negative"));
        assert!(error("str(a),bytes(1,0)").contains("positive integer"));
        assert!(error("str(a),bytes(1,x)").contains("a variable name"));
    }

    #[test]
    fn texts_are_joined() {
        expect(&[
            ("str(abc),concat", "abc"),
            ("str(abc),concat(x)", "abcx"),
            ("str(abc),concat(x,txn.s,z)", "abcxhelloz"),
            ("str(abc),concat(,txn.i)", "abc7"),
            ("str(abc),concat(x,txn.none,z)", "abcxz"),
            ("str(abc),add_item(-,txn.s)", "abc-hello"),
            ("str(abc),add_item(-,txn.none)", "abc"),
            ("str(abc),add_item(-,txn.none,y)", "abc-y"),
            ("str(abc),add_item(-,,y)", "abc-y"),
            ("str(),add_item(-,txn.s,y)", "helloy"),
            ("str(abc),add_item(-,txn.e)", "abc"),
        ]);
        assert!(error("str(abc),concat(x,bad)").contains("failed to register variable name 'bad'"));
        assert!(error("str(abc),add_item(-,)").contains("has to be nonempty"));
    }

    #[test]
    fn ends_are_trimmed() {
        expect(&[
            ("str(\"  abc  \"),ltrim(\" \")", "abc  "),
            ("str(\"  abc  \"),rtrim(\" \")", "  abc"),
            ("str(xxabcyy),ltrim(yx)", "abcyy"),
            ("str(xxx),rtrim(x)", ""),
            ("str(xxx),ltrim(x)", ""),
            ("str(abc),ltrim()", "abc"),
        ]);
        assert_eq!(text_of("ab\r\ncd", "cut_crlf").unwrap(), "ab");
        assert_eq!(text_of("ab", "cut_crlf").unwrap(), "ab");
    }

    #[test]
    fn texts_are_turned_around() {
        expect(&[
            ("str(abc),reverse", "cba"),
            ("str(),reverse", ""),
            ("str(a.b.c),reverse_dom", "c.b.a"),
            ("str(a.b.c.),reverse_dom", "c.b.a"),
            ("str(a),reverse_dom", "a"),
        ]);
        expect_none(&[
            "str(a..c),reverse_dom",
            "str(),reverse_dom",
            "str(.),reverse_dom",
            "str(.a),reverse_dom",
        ]);
    }

    #[test]
    fn texts_are_compared() {
        expect(&[
            ("str(hello),strcmp(txn.s)", "0"),
            ("str(hell),strcmp(txn.s)", "-1"),
            ("str(hellp),strcmp(txn.s)", "1"),
            ("str(helloo),strcmp(txn.s)", "1"),
            ("str(a),strcmp(txn.s)", "-7"),
            ("str(z),strcmp(txn.s)", "18"),
            ("str(7),strcmp(txn.i)", "0"),
            ("str(hello),secure_memcmp(txn.s)", "1"),
            ("str(hell),secure_memcmp(txn.s)", "0"),
            ("int(7),secure_memcmp(txn.i)", "1"),
        ]);
        expect_none(&["str(a),strcmp(txn.none)", "str(a),secure_memcmp(txn.none)"]);
    }

    #[test]
    fn a_condition_chooses_a_text() {
        expect(&[
            ("bool(true),iif(a,b)", "a"),
            ("int(0),iif(a,b)", "b"),
            ("str(x),iif(a,b)", "b"),
            ("bool(true),iif(,b)", ""),
        ]);
        expect_none(&["str(),iif(a,b)"]);
    }

    #[test]
    fn control_characters_are_found() {
        let found = |expression: &str| value(expression) == Some(Sample::Bool(true));
        for (expression, wanted) in [
            ("str(abc),has_ctl", false),
            ("bin(01),has_ctl", true),
            ("bin(09),has_ctl", false),
            ("bin(09),has_ctl(any)", true),
            ("bin(0a),has_ctl(http)", true),
            ("bin(7f),has_ctl", true),
            ("bin(7f),has_ctl(http)", false),
            ("bin(7f),has_ctl(0x100000000)", true),
            ("bin(01),has_ctl(2)", true),
        ] {
            assert_eq!(found(expression), wanted, "{expression}");
        }
        assert!(error("bin(01),has_ctl(abc)").contains("'abc' is no mask"));
        assert!(error("bin(01),has_ctl(0x3ffffffff)").contains("excess bits 0x200000000"));
    }

    #[test]
    fn matches_are_replaced() {
        expect(&[
            ("str(abcb),regsub(b,X)", "aXcb"),
            ("str(aBcb),regsub(b,X,gi)", "aXcX"),
            ("str(abc),regsub(z,X)", "abc"),
            ("str(foobar42),regsub(\"(foo|bar)([0-9]+)?\",\"-\",g)", "--"),
        ]);
        assert!(error("str(a),regsub(b,X,q)").contains("invalid regex flag 'q'"));
        assert!(error("str(a),regsub(\"\",X)").contains("missing regex"));
        assert!(error("str(a),regsub(\"(b\",X)").contains("regex '(b' is invalid"));
    }
}
