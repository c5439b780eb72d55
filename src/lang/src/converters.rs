//! Converters, by kind (configuration manual, section 7.3.1).

pub mod address;
pub mod aes;
pub mod base64;
pub mod dates;
pub mod encodings;
pub mod fix;
pub mod forwarded;
pub mod hashes;
pub mod json;
pub mod jwe;
pub mod jwt;
pub mod lists;
pub mod mqtt;
pub mod numbers;
pub mod packets;
pub mod protobuf;
pub mod state;
mod strftime;
pub mod texts;
pub mod tokens;
pub mod variables;
pub mod x509;

#[cfg(test)]
mod probe;

use std::borrow::Cow;

use crate::arg::{Arg, ArgKind, Args, Signature};
use crate::expr::{ConvertFn, Converter, Outlook, unchecked};
use crate::facts::Scene;
use crate::sample::{Sample, Type};
use crate::vars::{VarName, look_up};

/// The tables of all kinds.
pub const TABLES: [&[Converter]; 19] = [
    address::CONVERTERS,
    aes::CONVERTERS,
    base64::CONVERTERS,
    dates::CONVERTERS,
    encodings::CONVERTERS,
    fix::CONVERTERS,
    forwarded::CONVERTERS,
    hashes::CONVERTERS,
    json::CONVERTERS,
    jwt::CONVERTERS,
    lists::CONVERTERS,
    mqtt::CONVERTERS,
    numbers::CONVERTERS,
    packets::CONVERTERS,
    protobuf::CONVERTERS,
    state::CONVERTERS,
    texts::CONVERTERS,
    variables::CONVERTERS,
    x509::CONVERTERS,
];

const STR: ArgKind = ArgKind::Str;
const INT: ArgKind = ArgKind::Int;

/// A check of arguments beyond their types.
type Check = fn(&mut Args) -> Result<(), String>;

/// A converter without arguments.
const fn plain(name: &'static str, input: Type, out: Type, eval: ConvertFn) -> Converter {
    with(name, Signature::NONE, input, out, unchecked, eval)
}

/// A converter whose arguments are checked.
const fn with(
    name: &'static str,
    args: Signature,
    input: Type,
    out: Type,
    check: Check,
    eval: ConvertFn,
) -> Converter {
    Converter { name, args, input, out, manual: "7.3.1", outlook: Outlook::AsInput, check, eval }
}

/// The same converter, whose values more data do not change.
const fn settled(converter: &Converter) -> Converter {
    Converter { outlook: Outlook::Final, ..*converter }
}

/// The bytes of a sample that was cast to text or to bytes.
fn bytes(sample: Sample<'_>) -> Option<Cow<'_, [u8]>> {
    match sample {
        Sample::Str(bytes) | Sample::Bin(bytes) | Sample::Method(bytes) => Some(bytes),
        _ => None,
    }
}

/// A part of bytes, borrowed as they were.
fn part(bytes: Cow<'_, [u8]>, range: std::ops::Range<usize>) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[range]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(range.end);
            bytes.drain(..range.start);
            Cow::Owned(bytes)
        }
    }
}

/// Replaces the text of argument `i` by the integer that it is, unless it names a variable.
fn check_number(args: &mut Args, i: usize) -> Result<(), String> {
    let number = match text(args, i) {
        "" => 0,
        word => match word.parse() {
            Ok(number) => number,
            Err(_) if VarName::parse(word).is_ok() => return Ok(()),
            Err(_) => return Err("expects an integer or a variable name".into()),
        },
    };
    if args.has(i) {
        args.0[i] = Arg::Int(number);
    }
    Ok(())
}

/// What a checked argument counts: its number, or that of its variable.
fn number(args: &Args, i: usize, scene: &Scene<'_>) -> Option<i64> {
    match args.0.get(i)? {
        Arg::Int(number) => Some(*number),
        Arg::Str(name) => look_up(scene, std::str::from_utf8(name).ok()?)?.to_int(),
        _ => None,
    }
}

/// Checks that argument `i` names a variable.
fn check_variable(args: &Args, i: usize) -> Result<(), String> {
    match VarName::parse(text(args, i)) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("failed to register variable name '{}'", text(args, i))),
    }
}

/// The value of the variable that argument `i` names.
fn variable<'a>(args: &'a Args, i: usize, scene: &Scene<'a>) -> Option<Sample<'a>> {
    look_up(scene, text(args, i))
}

/// Replaces the text of argument `i`, where it was given, by its place among `words`.
fn check_choice(
    args: &mut Args,
    i: usize,
    words: &[&str],
    error: impl Fn(&str) -> String,
) -> Result<(), String> {
    if !args.has(i) {
        return Ok(());
    }
    let word = text(args, i);
    let place = words.iter().position(|known| *known == word).ok_or_else(|| error(word))?;
    args.0[i] = Arg::Choice(place);
    Ok(())
}

/// The text of argument `i`; empty where it is none.
fn text(args: &Args, i: usize) -> &str {
    std::str::from_utf8(args.str(i)).unwrap_or_default()
}
