//! The rules of checks: what is done one after the other.

use base::addr::Addr;
use lang::Expr;
use lang::logformat::LogFormat;
use lang::regex::Regex;
use lang::vars::{Provisos, VarName};

use backend::CheckStatus;

use crate::ready::Judge;

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) step: Step,
    /// What is said when it fails.
    pub(crate) comment: Option<Box<str>>,
    /// Its place among those that are written, from 1; 0 for one that is not.
    pub(crate) number: u32,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Connect(Box<Connect>),
    Send(Send),
    Expect(Box<Expect>),
    SetVar(Box<SetVar>),
    UnsetVar(VarName),
    /// Nothing: it is there for what is said of the next one.
    Comment,
}

/// Whose options a connection has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Its rule's.
    #[default]
    Rules,
    /// The server's, where the rule has none (`default`).
    Servers,
}

/// A connection as its rule wants it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connect {
    pub(crate) whose: Whose,
    pub(crate) port: Option<Port>,
    pub(crate) address: Option<Addr>,
    /// A PROXY header goes first.
    pub(crate) header: Wish,
    /// Through the proxy before the server.
    pub(crate) socks4: Wish,
    /// Encrypted.
    pub(crate) tls: Wish,
    /// The name that the server is told.
    pub(crate) sni: Option<Box<[u8]>>,
    /// The protocols that are offered.
    pub(crate) alpn: Option<Vec<Vec<u8>>>,
    /// What is spoken.
    pub(crate) protocol: Option<net::Protocol>,
    /// Closed as connections are closed, instead of being cut.
    pub(crate) linger: Wish,
}

/// Whether something is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    #[default]
    No,
    Yes,
}

impl Wish {
    pub(crate) fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

/// Where a connection goes.
#[derive(Clone, Debug)]
pub(crate) enum Port {
    Number(u16),
    Expr(Expr),
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) enum Send {
    Bytes(Box<[u8]>),
    Text(LogFormat),
    /// Written in hexadecimal digits.
    Hex(LogFormat),
    Http(Box<Request>),
}

/// Text that is the same each time or made anew.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Fixed(Box<[u8]>),
    Format(LogFormat),
}

/// An HTTP request, as far as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: Option<Box<[u8]>>,
    pub(crate) target: Option<Content>,
    pub(crate) version: Option<Box<[u8]>>,
    pub(crate) headers: Vec<(Box<[u8]>, LogFormat)>,
    pub(crate) body: Option<Content>,
}

/// Whether something is to be found, or not to be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sense {
    #[default]
    Wanted,
    Unwanted,
}

/// What is expected of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Expect {
    pub(crate) matcher: Matcher,
    pub(crate) sense: Sense,
    /// How much must have come; `None` when nothing is said.
    pub(crate) min_recv: Option<usize>,
    pub(crate) ok: CheckStatus,
    pub(crate) error: Option<CheckStatus>,
    pub(crate) timeout: CheckStatus,
    pub(crate) on_success: Option<LogFormat>,
    pub(crate) on_error: Option<LogFormat>,
    pub(crate) status_code: Option<Expr>,
}

impl Expect {
    pub(crate) fn new(matcher: Matcher) -> Self {
        Self {
            matcher,
            sense: Sense::Wanted,
            min_recv: None,
            ok: CheckStatus::L7Ok,
            error: None,
            timeout: CheckStatus::L7Timeout,
            on_success: None,
            on_error: None,
            status_code: None,
        }
    }
}

/// What is looked for.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    String(Box<[u8]>),
    Binary(Box<[u8]>),
    Regex(Regex),
    /// In the answer's hexadecimal form.
    BinaryRegex(Regex),
    StringFormat(LogFormat),
    /// Written in hexadecimal digits.
    BinaryFormat(LogFormat),
    /// Status codes, in ranges.
    Status(Vec<(u16, u16)>),
    StatusRegex(Regex),
    Header(Box<HeaderMatch>),
    /// Status 404 of a server that is up: it wants nothing new (`disable-on-404`).
    Absent,
    /// What the protocol of a ready-made check says.
    Judge(Judge),
}

/// Whether a value is a list of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Division {
    Whole,
    ByComma,
}

/// A header that is looked for.
#[derive(Clone, Debug)]
pub(crate) struct HeaderMatch {
    pub(crate) name: TextMatch,
    pub(crate) value: Option<TextMatch>,
    pub(crate) division: Division,
}

/// How a text is compared.
#[derive(Clone, Debug)]
pub(crate) enum TextMatch {
    Plain(Part, Content),
    Regex(Regex),
}

/// Which part of a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Beginning,
    End,
    Anywhere,
}

/// A variable that is set.
#[derive(Clone, Debug)]
pub(crate) struct SetVar {
    pub(crate) name: VarName,
    pub(crate) provisos: Provisos,
    pub(crate) value: Value,
}

/// What it is set to.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Expr(Expr),
    Format(LogFormat),
}

/// Status codes as they are written: numbers and ranges between commas.
pub(crate) fn status_codes(text: &str) -> Option<Vec<(u16, u16)>> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+'));
    text.split(',')
        .map(|part| match part.split_once('-') {
            None => number(part).map(|n| (n, n)),
            Some((from, to)) => Some((number(from)?, number(to)?)).filter(|(from, to)| from <= to),
        })
        .collect()
}

/// Bytes from their hexadecimal digits.
pub(crate) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    text.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn status_codes_are_numbers_and_ranges() {
        assert_eq!(status_codes("200,300-310"), Some(vec![(200, 200), (300, 310)]));
        for bad in ["", "x", "200,", "300-200", "1-2-3", "+200"] {
            assert_eq!(status_codes(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn hexadecimal_digits_give_their_bytes(bytes: Vec<u8>) {
            let text = String::from_utf8(lang::sample::hex(&bytes)).unwrap();
            prop_assert_eq!(from_hex(text.as_bytes()), Some(bytes.clone()));
            prop_assert_eq!(from_hex(text.to_lowercase().as_bytes()), Some(bytes));
            prop_assert_eq!(from_hex(format!("{text}0").as_bytes()), None);
            prop_assert_eq!(from_hex(format!("{text}0g").as_bytes()), None);
        }
    }
}
