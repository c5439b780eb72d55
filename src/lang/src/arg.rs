//! Typed arguments of fetches and converters.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::reference::{self, Found, Reference, User};
use base::registry::Registry;

use crate::regex::Regex;

/// What an argument must be. The names are those that `-dK` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArgKind {
    /// Any text.
    Str,
    /// A signed integer.
    Int,
    /// A duration, in milliseconds unless it has a unit.
    Time,
    /// A size in bytes, with an optional unit.
    Size,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// An IPv4 mask, dotted or as a prefix length.
    Mask4,
    /// An IPv6 mask, as an address or a prefix length.
    Mask6,
    /// The name of a frontend.
    Frontend,
    /// The name of a backend.
    Backend,
    /// The name of a proxy or section that has a stick table.
    Table,
    /// The name of a server, with or without its backend's.
    Server,
    /// The name of a userlist.
    Userlist,
    /// A regular expression.
    Regex,
    /// The name of a variable with its scope.
    Var,
    /// The name of an identifier that the fetch itself reads (a header, a protocol field).
    Delimiter,
    /// Bytes as hexadecimal digits.
    Hex,
    /// `s`, `ms` or `us`.
    SecondUnit,
    /// The name of an ACL.
    Acl,
    /// The scope of variables, or nothing for all scopes.
    Scope,
    /// `with_qm`.
    QueryOption,
    /// The way to a field of a Protocol Buffers message: numbers with dots between them.
    FieldPath,
    /// `true`, `false`, `0` or `1`.
    Truth,
    /// `us` or `ms`.
    RoundTripUnit,
    /// A version of UUIDs.
    UuidVersion,
    /// The type of a value in a PROXY header, by number or name.
    TlvType,
    /// The name of a token of distcc.
    Token,
    /// Where a value is, or how far behind its length with a sign.
    Offset,
    /// How a distinguished name is written: `rfc2253` or nothing.
    NameFormat,
}

impl ArgKind {
    /// Whether nothing at all is one empty text.
    fn may_be_empty(self) -> bool {
        match self {
            Self::Str | Self::Truth | Self::TlvType | Self::Token => true,
            // Other names may be the section's own.
            kind => kind.reference().is_some_and(|named| named != reference::Kind::Userlist),
        }
    }

    /// What it names, if that is looked up once the whole configuration is known.
    fn reference(self) -> Option<reference::Kind> {
        match self {
            Self::Frontend => Some(reference::Kind::Frontend),
            Self::Backend => Some(reference::Kind::Backend),
            Self::Server => Some(reference::Kind::Server),
            Self::Acl => Some(reference::Kind::Acl),
            Self::Userlist => Some(reference::Kind::Userlist),
            _ => None,
        }
    }

    /// The word for error messages and listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Str
            | Self::Hex
            | Self::SecondUnit
            | Self::QueryOption
            | Self::Scope
            | Self::Acl
            | Self::Truth
            | Self::RoundTripUnit
            | Self::TlvType
            | Self::Token
            | Self::Offset
            | Self::NameFormat
            | Self::Var => "string",
            Self::Int | Self::UuidVersion => "integer",
            Self::Time => "delay",
            Self::Size => "size",
            Self::Ipv4 => "IPv4 address",
            Self::Ipv6 => "IPv6 address",
            Self::Mask4 => "IPv4 mask",
            Self::Mask6 => "IPv6 mask",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Table => "table",
            Self::Server => "server",
            Self::Userlist => "user list",
            Self::Regex => "regex",
            Self::Delimiter => "delimiter",
            Self::FieldPath => "Protocol buffers field number",
        }
    }
}

/// The arguments that an entry takes: the first `required` ones must be there.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// How many must be given.
    pub required: usize,
    /// The kinds of all that may be given.
    pub kinds: &'static [ArgKind],
}

impl Signature {
    /// No arguments at all.
    pub const NONE: Self = Self { required: 0, kinds: &[] };

    /// All of these.
    pub const fn all(kinds: &'static [ArgKind]) -> Self {
        Self { required: kinds.len(), kinds }
    }

    /// Up to these, none of them needed.
    pub const fn optional(kinds: &'static [ArgKind]) -> Self {
        Self { required: 0, kinds }
    }

    /// The first `required` of these needed.
    pub const fn some(required: usize, kinds: &'static [ArgKind]) -> Self {
        Self { required, kinds }
    }

    /// As listed by `-dK`: `string[,integer]`, empty when there are none.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for (i, kind) in self.kinds.iter().enumerate() {
            if i == self.required {
                text.push('[');
            }
            if i > 0 {
                text.push(',');
            }
            text.push_str(kind.name());
        }
        if self.required < self.kinds.len() {
            text.push(']');
        }
        text
    }
}

/// One argument after its type was checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// Text: also names, which are resolved when the whole configuration is known.
    Str(Box<[u8]>),
    /// An integer.
    Int(i64),
    /// A duration.
    Time(Duration),
    /// A number of bytes.
    Size(u64),
    /// An IPv4 address or mask.
    Ipv4(Ipv4Addr),
    /// An IPv6 address or mask.
    Ipv6(Ipv6Addr),
    /// A regular expression, made by the check of the converter that takes it.
    Regex(Regex),
    /// A name that is looked up once the whole configuration is known.
    Reference(Reference),
    /// One of the words that a converter knows, by its place among them; made by the converter's check.
    Choice(usize),
    /// What another room made of it.
    Made(Made),
}

/// Something that another room made of an argument. It equals its copies only.
#[derive(Clone)]
pub struct Made(Arc<dyn Any + Send + Sync>);

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made")
    }
}

impl PartialEq for Made {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Arg {
    /// An argument of which another room made this.
    pub fn made<T: Any + Send + Sync>(value: T) -> Self {
        Self::Made(Made(Arc::new(value)))
    }

    /// The argument as an address, if it is one.
    pub fn to_ip(&self) -> Option<std::net::IpAddr> {
        match self {
            Self::Ipv4(a) => Some((*a).into()),
            Self::Ipv6(a) => Some((*a).into()),
            _ => None,
        }
    }
}

/// The arguments of one use of a fetch or a converter; missing optional ones are simply not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(pub Vec<Arg>);

impl Args {
    /// The text of argument `i`; empty when it is missing or not text.
    pub fn str(&self, i: usize) -> &[u8] {
        match self.0.get(i) {
            Some(Arg::Str(s)) => s,
            _ => b"",
        }
    }

    /// The integer at `i`.
    pub fn int(&self, i: usize) -> Option<i64> {
        match self.0.get(i) {
            Some(Arg::Int(n)) => Some(*n),
            _ => None,
        }
    }

    /// Which of the words that the converter knows stands at `i`.
    pub fn choice(&self, i: usize) -> Option<usize> {
        match self.0.get(i) {
            Some(Arg::Choice(n)) => Some(*n),
            _ => None,
        }
    }

    /// What the name at `i` means, once that is known.
    pub fn found(&self, i: usize) -> Option<&Found> {
        match self.0.get(i) {
            Some(Arg::Reference(reference)) => reference.found(),
            _ => None,
        }
    }

    /// What another room made of argument `i`.
    pub fn made<T: Any>(&self, i: usize) -> Option<&T> {
        match self.0.get(i) {
            Some(Arg::Made(made)) => made.0.downcast_ref(),
            _ => None,
        }
    }

    /// The names that are looked up once the whole configuration is known.
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.0.iter().filter_map(|arg| match arg {
            Arg::Reference(reference) => Some(reference),
            _ => None,
        })
    }

    /// Says what must be found within what the names among the arguments mean.
    pub fn require(&self, members: Vec<Box<[u8]>>) {
        if let Some(reference) = self.references().next() {
            reference.require(members);
        }
    }

    /// Turns names into references, which the registry is told of.
    pub(crate) fn refer(
        &mut self,
        signature: &Signature,
        registry: &Registry,
        what: &'static str,
        keyword: &'static str,
    ) {
        for (argument, (arg, kind)) in self.0.iter_mut().zip(signature.kinds).enumerate() {
            let Some(kind) = kind.reference() else { continue };
            let Arg::Str(name) = arg else { continue };
            let user = User { keyword, what, argument };
            let reference = Reference::new(kind, &String::from_utf8_lossy(name), user);
            registry.refer(reference.clone());
            *arg = Arg::Reference(reference);
        }
    }

    /// Whether argument `i` was given.
    pub fn has(&self, i: usize) -> bool {
        i < self.0.len()
    }

    /// Checks the written arguments against a signature.
    pub fn parse(signature: &Signature, written: &[&[u8]]) -> Result<Self, ArgError> {
        // A fetch without parentheses and one with empty ones are the same.
        let written = if written.len() == 1 && written[0].is_empty() && signature.required == 0 {
            &[]
        } else if written.is_empty() && signature.required > 0 && signature.kinds[0].may_be_empty() {
            // Nothing at all is one empty text.
            &[&[] as &[u8]]
        } else {
            written
        };
        if written.len() < signature.required {
            let missing = signature.kinds[written.len()];
            return Err(ArgError {
                index: written.len(),
                message: format!(
                    "missing arguments (got {}/{}), type '{}' expected",
                    written.len(),
                    signature.required,
                    missing.name()
                ),
            });
        }
        if written.len() > signature.kinds.len() {
            let index = signature.kinds.len();
            return Err(ArgError {
                index,
                message: format!(
                    "end of arguments expected at '{}'",
                    String::from_utf8_lossy(written[index])
                ),
            });
        }
        let parsed = written.iter().zip(signature.kinds).enumerate().map(|(index, (text, kind))| {
            parse_one(*kind, text).map_err(|message| ArgError { index, message })
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }
}

/// Arguments of which many uses have the same, such as the names of fields: a request that is looked at by many rules
/// finds them in one place.
#[derive(Debug, Default)]
pub(crate) struct SharedArgs(Mutex<HashMap<Box<[u8]>, Arc<Args>>>);

impl SharedArgs {
    /// What was given before, if these are equal to it and simple.
    pub(crate) fn share(&self, args: Args) -> Arc<Args> {
        let text: &[u8] = match &*args.0 {
            [] => b"",
            [Arg::Str(text)] if !text.is_empty() => text,
            _ => return Arc::new(args),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(text) {
            return known.clone();
        }
        let (text, args) = (text.into(), Arc::new(args));
        all.insert(text, Arc::clone(&args));
        args
    }
}

/// An argument that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgError {
    /// Which argument, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub message: String,
}

fn parse_one(kind: ArgKind, text: &[u8]) -> Result<Arg, String> {
    let word = String::from_utf8_lossy(text);
    let bad = || format!("failed to parse '{word}' as type '{}'", kind.name());
    match kind {
        ArgKind::Int | ArgKind::UuidVersion => {
            let number = word.trim().parse().map_err(|_| bad())?;
            let known = kind == ArgKind::Int || matches!(number, 4 | 7);
            if known { Ok(Arg::Int(number)) } else { Err(format!("Unsupported UUID version: '{number}'")) }
        }
        ArgKind::Time => grammar::time::parse(text, grammar::time::Unit::Millisecond)
            .map(|time| Arg::Time(Duration::from_micros(time.micros)))
            .map_err(|e| format!("{}: {e}", bad())),
        ArgKind::Size => grammar::size::parse(text, u64::MAX).map(Arg::Size).map_err(|_| bad()),
        ArgKind::Ipv4 => word.parse().map(Arg::Ipv4).map_err(|_| bad()),
        ArgKind::Ipv6 => word.parse().map(Arg::Ipv6).map_err(|_| bad()),
        ArgKind::Mask4 => mask4(&word).map(Arg::Ipv4).ok_or_else(bad),
        ArgKind::Mask6 => mask6(&word).map(Arg::Ipv6).ok_or_else(bad),
        ArgKind::Var => {
            crate::vars::VarName::parse(&word).map(|_| Arg::Str(text.into())).map_err(|e| e.to_string())
        }
        ArgKind::Str
        | ArgKind::Frontend
        | ArgKind::Backend
        | ArgKind::Acl
        | ArgKind::Table
        | ArgKind::Server
        | ArgKind::Userlist
        | ArgKind::Regex
        | ArgKind::Delimiter => Ok(Arg::Str(text.into())),
        ArgKind::SecondUnit if matches!(text, b"s" | b"ms" | b"us") => Ok(Arg::Str(text.into())),
        ArgKind::SecondUnit => Err(format!("expects 's', 'ms' or 'us', got '{word}'")),
        ArgKind::Truth
        | ArgKind::RoundTripUnit
        | ArgKind::TlvType
        | ArgKind::Token
        | ArgKind::Offset
        | ArgKind::NameFormat => special(kind, text, &word).map_or(Ok(Arg::Str(text.into())), Err),
        ArgKind::Scope if matches!(text, b"" | b"sess" | b"txn" | b"req" | b"res" | b"proc") => {
            Ok(Arg::Str(text.into()))
        }
        ArgKind::Scope => Err(format!("invalid scope '{word}', must be one of: sess, txn, req, res, proc")),
        ArgKind::QueryOption if matches!(text, b"" | b"with_qm") => Ok(Arg::Str(text.into())),
        ArgKind::QueryOption => Err("supported options are: 'with_qm'".into()),
        ArgKind::Hex => unhex(text).map(|bytes| Arg::Str(bytes.into())).ok_or_else(bad),
        ArgKind::FieldPath => match crate::converters::protobuf::field_path(text) {
            Some(_) => Ok(Arg::Str(text.into())),
            None => Err(bad()),
        },
    }
}

/// What is wrong with a text that must have a form of its own.
fn special(kind: ArgKind, text: &[u8], word: &str) -> Option<String> {
    let (right, message) = match kind {
        ArgKind::Truth => (
            matches!(text, b"true" | b"false" | b"0" | b"1"),
            "Expects 'true', 'false', '0' or '1'".to_owned(),
        ),
        ArgKind::RoundTripUnit => {
            (matches!(text, b"us" | b"ms"), format!("expects 'us' or 'ms', got '{word}'"))
        }
        ArgKind::TlvType => {
            let known = text.is_empty() || crate::fetches::connection::tlv_kind(text).is_some();
            let number = text.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-');
            let what = if number { "Invalid TLV Type" } else { "Could not convert type" };
            (known, format!("{what} '{word}'"))
        }
        ArgKind::Token => (text.len() == 4, "token name must be exactly 4 characters".to_owned()),
        ArgKind::Offset => {
            (text.is_empty() || word.parse::<i64>().is_ok(), "payload offset2 is not a number".to_owned())
        }
        _ => (
            matches!(text, b"" | b"rfc2253"),
            "only rfc2253 or a blank value are currently supported as the format argument.".to_owned(),
        ),
    };
    (!right).then_some(message)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let pairs = text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?));
    pairs.collect()
}

fn mask4(word: &str) -> Option<Ipv4Addr> {
    if let Ok(bits) = word.parse::<u32>() {
        return (bits <= 32).then(|| Ipv4Addr::from(u32::MAX.checked_shl(32 - bits).unwrap_or(0)));
    }
    word.parse().ok()
}

fn mask6(word: &str) -> Option<Ipv6Addr> {
    if let Ok(bits) = word.parse::<u32>() {
        return (bits <= 128).then(|| Ipv6Addr::from(u128::MAX.checked_shl(128 - bits).unwrap_or(0)));
    }
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIG: Signature = Signature::some(1, &[ArgKind::Str, ArgKind::Int]);

    #[test]
    fn arguments_are_checked_against_the_signature() {
        assert_eq!(Args::parse(&SIG, &[b"a", b"-1"]).unwrap().int(1), Some(-1));
        let two = Signature::all(&[ArgKind::Str, ArgKind::Int]);
        assert!(Args::parse(&two, &[b"a"]).unwrap_err().message.starts_with("missing arguments"));
        assert_eq!(Args::parse(&SIG, &[]), Args::parse(&SIG, &[b""]));
        assert_eq!(Args::parse(&SIG, &[b"a", b"x"]).unwrap_err().index, 1);
        assert_eq!(Args::parse(&SIG, &[b"a", b"1", b"2"]).unwrap_err().index, 2);
    }

    #[test]
    fn masks_come_in_both_forms() {
        let sig = Signature::all(&[ArgKind::Mask4]);
        assert_eq!(Args::parse(&sig, &[b"24"]), Args::parse(&sig, &[b"255.255.255.0"]));
        assert!(Args::parse(&sig, &[b"33"]).is_err());
    }

    #[test]
    fn words_of_a_form_of_their_own_are_checked() {
        type Texts = &'static [&'static [u8]];
        let cases: [(ArgKind, Texts, Texts); 7] = [
            (ArgKind::Truth, &[b"true", b"0"], &[b"yes", b""]),
            (ArgKind::RoundTripUnit, &[b"us", b"ms"], &[b"s"]),
            (ArgKind::UuidVersion, &[b"4", b"7"], &[b"1", b"x"]),
            (ArgKind::TlvType, &[b"0x20", b"NOOP", b"255"], &[b"256", b"-1", b"x"]),
            (ArgKind::Token, &[b"SOUT"], &[b"x", b""]),
            (ArgKind::Offset, &[b"+1", b"-1", b"4"], &[b"x", b"-1x"]),
            (ArgKind::NameFormat, &[b"", b"rfc2253"], &[b"x"]),
        ];
        for (kind, right, wrong) in cases {
            assert!(right.iter().all(|text| parse_one(kind, text).is_ok()), "{kind:?}");
            assert!(wrong.iter().all(|text| parse_one(kind, text).is_err()), "{kind:?}");
        }
    }

    #[test]
    fn bytes_come_as_pairs_of_digits() {
        let sig = Signature::all(&[ArgKind::Hex]);
        assert_eq!(Args::parse(&sig, &[b"0aFf"]).unwrap().str(0), b"\x0a\xff");
        assert!(Args::parse(&sig, &[b"abc"]).is_err());
        assert!(Args::parse(&sig, &[b"xy"]).is_err());
    }

    #[test]
    fn a_signature_describes_itself() {
        assert_eq!(SIG.describe(), "string[,integer]");
        assert_eq!(Signature::NONE.describe(), "");
        assert_eq!(Signature::optional(&[ArgKind::Str]).describe(), "[string]");
    }
}
