//! Converters on texts and bytes.

use std::borrow::Cow;

use crate::arg::Signature;
use crate::expr::{ConvertFn, Converter, unchecked};
use crate::sample::{Sample, Type, hex};

const fn plain(name: &'static str, input: Type, out: Type, eval: ConvertFn) -> Converter {
    Converter { name, args: Signature::NONE, input, out, manual: "7.3.1", check: unchecked, eval }
}

/// The converters of this room.
pub static CONVERTERS: &[Converter] = &[
    plain("hex", Type::Bin, Type::Str, |s, _, _| match s {
        Sample::Bin(bytes) => Some(Sample::owned(hex(&bytes))),
        _ => None,
    }),
    plain("length", Type::Str, Type::Int, |s, _, _| match s {
        Sample::Str(text) => Some(Sample::Int(text.len() as i64)),
        _ => None,
    }),
    plain("lower", Type::Str, Type::Str, |s, _, _| {
        folded(s, u8::is_ascii_uppercase, <[u8]>::make_ascii_lowercase)
    }),
    plain("upper", Type::Str, Type::Str, |s, _, _| {
        folded(s, u8::is_ascii_lowercase, <[u8]>::make_ascii_uppercase)
    }),
];

/// The text with its letters folded; without a copy when there is nothing to fold.
fn folded(s: Sample<'_>, differs: fn(&u8) -> bool, fold: fn(&mut [u8])) -> Option<Sample<'_>> {
    let Sample::Str(text) = s else { return None };
    if !text.iter().any(differs) {
        return Some(Sample::Str(text));
    }
    let mut text = text.into_owned();
    fold(&mut text);
    Some(Sample::Str(Cow::Owned(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arg::Args;
    use crate::facts::{Payload, ProcessFacts, ProxyFacts, Scene, SessionFacts};
    use base::clock::{Tick, WallTime};

    fn convert(name: &str, input: Sample<'static>) -> Sample<'static> {
        let converter = CONVERTERS.iter().find(|c| c.name == name).unwrap();
        let (process, frontend, session) =
            (ProcessFacts::default(), ProxyFacts::default(), SessionFacts::default());
        let scene = Scene {
            now: (Tick(1), WallTime(0)),
            process: &process,
            frontend: &frontend,
            backend: None,
            server: None,
            session: &session,
            stream: None,
            request: None,
            response: None,
            payload: Payload::Unavailable,
        };
        let args = Args::default();
        (converter.eval)(input, &args, &scene).unwrap().into_owned()
    }

    #[test]
    fn letters_are_folded() {
        assert_eq!(convert("lower", Sample::text(b"AbC1")), Sample::text(b"abc1"));
        assert_eq!(convert("upper", Sample::text(b"AbC1")), Sample::text(b"ABC1"));
        assert_eq!(convert("lower", Sample::text(b"abc")), Sample::text(b"abc"));
    }

    #[test]
    fn bytes_are_written_and_counted() {
        assert_eq!(convert("hex", Sample::Bin(Cow::Borrowed(b"\x01\xab"))), Sample::text(b"01AB"));
        assert_eq!(convert("length", Sample::text(b"four")), Sample::Int(4));
    }
}
