//! Messages of FIX (Financial Information eXchange): `tag=value` pairs, each ended by a byte 1.

use std::borrow::Cow;

use super::{STR, bytes, part, plain, settled, text, with};
use crate::arg::{Arg, Args, Signature};
use crate::expr::Converter;
use crate::facts::Scene;
use crate::sample::{Sample, Type};

/// The converters of FIX.
pub static CONVERTERS: &[Converter] = &[
    settled(&plain("fix_is_valid", Type::Bin, Type::Bool, |s, _, _| match judge(&bytes(s)?) {
        Verdict::Unfinished => None,
        Verdict::Valid => Some(Sample::Bool(true)),
        Verdict::Invalid => Some(Sample::Bool(false)),
    })),
    with("fix_tag_value", Signature::all(&[STR]), Type::Bin, Type::Bin, check_tag, tag_value),
];

const BEGIN_STRING: i64 = 8;
const BODY_LENGTH: i64 = 9;
const CHECK_SUM: i64 = 10;
const MSG_TYPE: i64 = 35;

/// The tags that have names here.
const TAGS: [(&str, i64); 6] = [
    ("BeginString", BEGIN_STRING),
    ("BodyLength", BODY_LENGTH),
    ("MsgType", MSG_TYPE),
    ("SenderCompID", 49),
    ("TargetCompID", 56),
    ("CheckSum", CHECK_SUM),
];

const VERSIONS: [&[u8]; 6] = [b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIXT.1.1"];

fn check_tag(args: &mut Args) -> Result<(), String> {
    let word = text(args, 0);
    let named = TAGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, tag)| *tag);
    match named.or_else(|| tag_number(args.str(0))) {
        Some(tag) => args.0[0] = Arg::Int(tag),
        None => return Err(format!("Unknown FIX tag name '{word}'")),
    }
    Ok(())
}

fn tag_value<'a>(s: Sample<'a>, args: &'a Args, _: &Scene<'a>) -> Option<Sample<'a>> {
    let wanted = args.int(0)?;
    let message = bytes(s)?;
    let mut at = 0;
    loop {
        let (pair, next) = pair(&message, at)?;
        let equals = pair.iter().position(|b| *b == b'=')?;
        if tag_number(&pair[..equals])? == wanted {
            let value = at + equals + 1..at + pair.len();
            return Some(Sample::Bin(match message {
                Cow::Borrowed(message) => Cow::Borrowed(&message[value]),
                owned @ Cow::Owned(_) => part(owned, value),
            }));
        }
        at = next;
    }
}

/// A number from 1, in digits.
fn tag_number(digits: &[u8]) -> Option<i64> {
    let all = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|tag| all && *tag > 0)
}

/// The pair that begins at a place, without its end, and where the next one begins.
fn pair(message: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let len = memchr::memchr(1, message.get(at..)?)?;
    Some((&message[at..at + len], at + len + 1))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// There may be more to come.
    Unfinished,
    Valid,
    Invalid,
}

/// A message is not judged before it is as long as the shortest one could be.
const SHORTEST: usize = 26;

/// Whether a message begins with its version, its length and its type, and ends with its checksum.
fn judge(message: &[u8]) -> Verdict {
    if message.len() < SHORTEST {
        return Verdict::Unfinished;
    }
    let mut at = 0;
    let mut body_end = 0;
    for nth in 0.. {
        let Some(equals) = memchr::memchr(b'=', &message[at..]) else { return Verdict::Unfinished };
        let Some((pair, next)) = pair(message, at) else { return Verdict::Unfinished };
        let (Some(tag), Some(value)) = (tag_number(&message[at..at + equals]), pair.get(equals + 1..)) else {
            return Verdict::Invalid;
        };
        let fits = match nth {
            0 => tag == BEGIN_STRING && VERSIONS.contains(&value),
            1 => {
                body_end = next.saturating_add(length(value).unwrap_or(0));
                tag == BODY_LENGTH && length(value).is_some()
            }
            2 => tag == MSG_TYPE,
            _ => true,
        };
        if !fits {
            return Verdict::Invalid;
        }
        if tag == CHECK_SUM {
            let sum = message[..at].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            let whole = at == body_end && length(value) == Some(usize::from(sum));
            return if whole { Verdict::Valid } else { Verdict::Invalid };
        }
        at = next;
    }
    Verdict::Invalid
}

fn length(digits: &[u8]) -> Option<usize> {
    let all = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, text_of};
    use super::*;
    use proptest::prelude::*;

    fn message(version: &str, body: &str) -> String {
        let head = format!("8={version}\x019={}\x01{body}", body.len());
        let sum = head.bytes().fold(0_u8, u8::wrapping_add);
        format!("{head}10={sum:03}\x01")
    }

    const BODY: &str = "35=A\x0149=CL\x0156=SV\x0134=1\x01";

    fn judged(message: &str) -> Option<String> {
        text_of(message, "fix_is_valid")
    }

    #[test]
    fn valid_messages() {
        for version in ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1"] {
            assert_eq!(judged(&message(version, BODY)).unwrap(), "1", "{version}");
        }
        // A second message is not looked at, and a value may be empty.
        assert_eq!(judged(&format!("{}A", message("FIX.4.4", BODY))).unwrap(), "1");
        assert_eq!(judged(&message("FIX.4.4", "35=A\x0149=\x01")).unwrap(), "1");
    }

    #[test]
    fn invalid_and_unfinished_messages() {
        for version in ["FIX.5.0", "FIX.3.0", "FIX.4.9"] {
            assert_eq!(judged(&message(version, BODY)).unwrap(), "0", "{version}");
        }
        for body in ["49=CL\x0135=A\x01", "35=A\x01=4\x01", "35=A\x014x=4\x01"] {
            assert_eq!(judged(&message("FIX.4.4", body)).unwrap(), "0", "{body}");
        }
        let valid = message("FIX.4.4", BODY);
        assert_eq!(judged(&valid.replace("34=1", "34=2")).unwrap(), "0");
        for len in [0, 12, 30, valid.len() - 1] {
            assert_eq!(judged(&valid[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn a_verdict_is_final() {
        assert!(CONVERTERS[0].outlook == crate::expr::Outlook::Final);
        assert!(CONVERTERS[1].outlook == crate::expr::Outlook::AsInput);
    }

    #[test]
    fn values_are_found_by_tag() {
        let value = |tag: &str| text_of(&message("FIX.4.4", BODY), &format!("fix_tag_value({tag})"));
        for (tag, wanted) in [
            ("35", "A"),
            ("MsgType", "A"),
            ("msgtype", "A"),
            ("SenderCompID", "CL"),
            ("56", "SV"),
            ("BeginString", "FIX.4.4"),
            ("BodyLength", "22"),
            ("CheckSum", "069"),
        ] {
            assert_eq!(value(tag).as_deref(), Some(wanted), "{tag}");
        }
        assert_eq!(value("99"), None);
        for bad in ["nope", "-1", "0"] {
            assert!(error(&format!("str(a),fix_tag_value({bad})")).contains("Unknown FIX tag name"));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail(text in "(8=FIX.4.4\\x01)?(9=[0-9]{1,20}\\x01)?([0-9a=]{0,4}\\x01){0,4}(10=[0-9]{3}\\x01)?") {
            judge(text.as_bytes());
        }
    }
}
