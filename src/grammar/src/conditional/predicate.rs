//! Expressions of predicates: a tree, and its value.

use pest::iterators::Pair;

use super::Facts;
use super::version::{OpensslVersion, Version};
use crate::argument::{Argument, arguments};
use crate::parser::{self, Rule};
use crate::span::{Span, SyntaxError};
use crate::text::readable;

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 64;

/// An expression of predicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A number, or nothing at all.
    Constant(bool),
    /// The opposite.
    Not(Box<Expression>),
    /// True when all are, tried from left to right.
    All(Vec<Expression>),
    /// True when one is, tried from left to right.
    Any(Vec<Expression>),
    /// A predicate, its arguments, and where it stands.
    Call(Function, Vec<Argument>, Span),
}

macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $least:literal, $most:literal;)*) => {
        /// A predicate.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Function { $($(#[$doc])* $variant,)* }

        impl Function {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// How many arguments it must have, and how many it may.
            fn arity(self) -> (usize, usize) {
                match self { $(Self::$variant => ($least, $most),)* }
            }
        }
    };
}

functions! {
    /// Whether an environment variable exists.
    Defined = "defined", 0, 1;
    /// Whether a feature is built in.
    Feature = "feature", 0, 1;
    /// Whether two texts are equal.
    StrEq = "streq", 2, 2;
    /// Whether two texts differ.
    StrNeq = "strneq", 2, 2;
    /// Whether the first text has the second in it.
    StrStr = "strstr", 2, 2;
    /// Whether the program is of that version or a later one.
    VersionAtleast = "version_atleast", 0, 1;
    /// Whether the program is older than that version.
    VersionBefore = "version_before", 0, 1;
    /// Whether OpenSSL is of that version or a later one.
    OpensslVersionAtleast = "openssl_version_atleast", 0, 1;
    /// Whether OpenSSL is older than that version.
    OpensslVersionBefore = "openssl_version_before", 0, 1;
    /// Whether the name of the TLS library starts so.
    SsllibNameStartswith = "ssllib_name_startswith", 0, 1;
    /// Whether the API of AWS-LC has that number or a higher one.
    AwslcApiAtleast = "awslc_api_atleast", 0, 1;
    /// Whether the API of AWS-LC has a lower number.
    AwslcApiBefore = "awslc_api_before", 0, 1;
    /// Whether an option is enabled.
    Enabled = "enabled", 0, 1;
    /// Whether the TLS library runs in FIPS mode.
    FipsMode = "fips_mode", 0, 0;
}

/// Parses an expression.
pub fn parse(text: &[u8]) -> Result<Expression, SyntaxError> {
    check_depth(text)?;
    let readable = readable(text);
    let mut parts = parser::parse(Rule::predicate, &readable).into_inner();
    let Some(first) = parts.next().filter(|part| part.as_rule() == Rule::any_of) else {
        return Ok(Expression::Constant(false));
    };
    let expression = any_of(first, text)?;
    let leftover = parts.next().map(|part| parser::span(&part)).unwrap_or_default();
    match leftover.of(text).first() {
        None => Ok(expression),
        Some(found) => {
            let whole = String::from_utf8_lossy(text.trim_ascii_end());
            let found = char::from(*found);
            let message =
                format!("unexpected character '{found}' at the end of conditional expression '{whole}'");
            Err(SyntaxError::new(leftover, message))
        }
    }
}

/// The parser calls itself for each parenthesis, so their number must have a bound.
fn check_depth(text: &[u8]) -> Result<(), SyntaxError> {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(SyntaxError::new(Span::new(at, at + 1), "too many nested parentheses"));
        }
    }
    Ok(())
}

fn any_of(pair: Pair<'_, Rule>, text: &[u8]) -> Result<Expression, SyntaxError> {
    let terms = pair.into_inner().map(|part| all_of(part, text)).collect::<Result<_, _>>()?;
    Ok(alone(terms).unwrap_or_else(Expression::Any))
}

fn all_of(pair: Pair<'_, Rule>, text: &[u8]) -> Result<Expression, SyntaxError> {
    let terms = pair.into_inner().map(|part| term(part, text)).collect::<Result<_, _>>()?;
    Ok(alone(terms).unwrap_or_else(Expression::All))
}

/// The only expression of a list, or the list again.
fn alone(mut list: Vec<Expression>) -> Result<Expression, Vec<Expression>> {
    match list.pop() {
        Some(only) if list.is_empty() => Ok(only),
        popped => {
            list.extend(popped);
            Err(list)
        }
    }
}

fn term(pair: Pair<'_, Rule>, text: &[u8]) -> Result<Expression, SyntaxError> {
    let span = parser::span(&pair);
    let mut negated = false;
    let mut value = None;
    for part in pair.into_inner() {
        value = Some(match part.as_rule() {
            Rule::not => {
                negated = !negated;
                continue;
            }
            Rule::number => {
                Expression::Constant(!part.as_str().trim_start_matches(['+', '-', '0', 'x', 'X']).is_empty())
            }
            Rule::group => group(part, text)?,
            Rule::function => function(part, text).unwrap_or_else(|| Err(unparsable(span, text)))?,
            _ => return Err(unparsable(span, text)),
        });
    }
    let value = value.ok_or_else(|| unparsable(span, text))?;
    Ok(if negated { Expression::Not(Box::new(value)) } else { value })
}

fn unparsable(span: Span, text: &[u8]) -> SyntaxError {
    let at = Span { end: text.len() as u32, ..span };
    let rest = String::from_utf8_lossy(at.of(text).trim_ascii_end());
    SyntaxError::new(at, format!("unparsable conditional expression '{rest}'"))
}

fn group(pair: Pair<'_, Rule>, text: &[u8]) -> Result<Expression, SyntaxError> {
    let at = Span { end: text.len() as u32, ..parser::span(&pair) };
    let (inner, mut parts) = parser::first(pair);
    let inner = any_of(inner, text)?;
    if parts.next().is_some() {
        let rest = String::from_utf8_lossy(at.of(text).trim_ascii_end());
        return Err(SyntaxError::new(at, format!("expected ')' after conditional expression '{rest}'")));
    }
    Ok(inner)
}

/// A predicate with its arguments; none where no predicate has that name.
fn function(pair: Pair<'_, Rule>, text: &[u8]) -> Option<Result<Expression, SyntaxError>> {
    let span = parser::span(&pair);
    let mut parts = pair.into_inner();
    let function = Function::named(parts.next()?.as_str())?;
    let of_predicate = |error: SyntaxError| {
        let message = format!("{} in the arguments of predicate '{}'", error.message, function.name());
        SyntaxError { message, ..error }
    };
    let list = match parts.next().map(|list| arguments(list, text)).transpose() {
        Ok(list) => list.unwrap_or_default(),
        Err(error) => return Some(Err(of_predicate(error))),
    };
    let (least, most) = function.arity();
    if list.len() < least {
        let message = format!("missing arguments (got {}/{least})", list.len());
        return Some(Err(of_predicate(SyntaxError::new(span, message))));
    }
    if let Some(extra) = list.get(most) {
        let from = String::from_utf8_lossy(&text[extra.span.start as usize..]).into_owned();
        return Some(Err(of_predicate(SyntaxError::new(
            extra.span,
            format!("expected ')' before '{from}'"),
        ))));
    }
    Some(Ok(Expression::Call(function, list, span)))
}

impl Expression {
    /// Its value.
    pub fn evaluate(&self, facts: &dyn Facts) -> Result<bool, SyntaxError> {
        match self {
            Self::Constant(value) => Ok(*value),
            Self::Not(inner) => inner.evaluate(facts).map(|value| !value),
            Self::All(list) => {
                for expression in list {
                    if !expression.evaluate(facts)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(list) => {
                for expression in list {
                    if expression.evaluate(facts)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Call(function, arguments, span) => call(*function, arguments, *span, facts),
        }
    }
}

fn call(function: Function, list: &[Argument], span: Span, facts: &dyn Facts) -> Result<bool, SyntaxError> {
    let bytes = |index: usize| list.get(index).map_or(&b""[..], |argument| &argument.text);
    let text = String::from_utf8_lossy(bytes(0));
    let invalid = || {
        let at = list.first().map_or(span, |argument| argument.span);
        let name = function.name();
        SyntaxError::new(
            at,
            format!("invalid argument to conditional expression predicate '{name}': '{text}'"),
        )
    };
    let openssl = || {
        let own = facts.openssl_version().and_then(OpensslVersion::read);
        Ok((own.ok_or_else(invalid)?, OpensslVersion::read(&text).ok_or_else(invalid)?))
    };
    let awslc = || Ok((facts.awslc_api().ok_or_else(invalid)?, text.parse::<u32>().map_err(|_| invalid())?));
    Ok(match function {
        Function::Defined => facts.is_defined(&text),
        Function::Feature => facts.has_feature(&text),
        Function::Enabled => facts.is_enabled(&text),
        Function::StrEq => bytes(0) == bytes(1),
        Function::StrNeq => bytes(0) != bytes(1),
        Function::StrStr => memchr::memmem::find(bytes(0), bytes(1)).is_some(),
        Function::VersionAtleast => Version::read(facts.version()) >= Version::read(&text),
        Function::VersionBefore => Version::read(facts.version()) < Version::read(&text),
        Function::OpensslVersionAtleast => openssl().map(|(own, asked)| own >= asked)?,
        Function::OpensslVersionBefore => openssl().map(|(own, asked)| own < asked)?,
        Function::SsllibNameStartswith => facts.tls_library().is_some_and(|name| name.starts_with(&*text)),
        Function::AwslcApiAtleast => awslc().map(|(own, asked)| own >= asked)?,
        Function::AwslcApiBefore => awslc().map(|(own, asked)| own < asked)?,
        Function::FipsMode => facts.is_fips(),
    })
}
