//! Sample expressions: `fetch(arg,arg),converter(arg),converter`.

use pest::iterators::Pair;

pub use crate::argument::Argument;
use crate::argument::arguments;
use crate::parser::{self, Rule};
use crate::span::{Span, SyntaxError};
use crate::text::readable;

/// A fetch and the converters applied to its result, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// The sample fetch.
    pub fetch: Call,
    /// The converters.
    pub converters: Vec<Call>,
    /// The whole.
    pub span: Span,
}

/// A name with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The name of the fetch or converter.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// The arguments; none for a name alone and for `name()`.
    pub arguments: Vec<Argument>,
    /// Name, parentheses and all.
    pub span: Span,
}

/// Parses a text that is one expression.
pub fn parse(text: &[u8]) -> Result<Expression, SyntaxError> {
    let (expression, rest) = parse_prefix(text)?;
    if rest == text.len() {
        return Ok(expression);
    }
    let message = match expression.converters.last() {
        None => "missing comma after fetch keyword".to_owned(),
        Some(call) => format!("missing comma after converter '{}'", call.name),
    };
    Err(SyntaxError::new(Span::new(rest, text.len()), message))
}

/// Parses the expression that `text` starts with, and tells where it stops.
pub fn parse_prefix(text: &[u8]) -> Result<(Expression, usize), SyntaxError> {
    let readable = readable(text);
    let (chain, _) = parser::first(parser::parse(Rule::expression, &readable));
    let end = chain.as_span().end();
    Ok((expression(chain, text)?, end))
}

/// Reads a `chain` pair over `source`, the bytes that were parsed.
pub(crate) fn expression(chain: Pair<'_, Rule>, source: &[u8]) -> Result<Expression, SyntaxError> {
    let mut span = parser::span(&chain);
    let (fetch, others) = parser::first(chain);
    let fetch = call(fetch, source, "missing fetch method")?;
    let converters = others
        .filter(|pair| pair.as_rule() == Rule::call)
        .map(|pair| call(pair, source, "unknown converter ''"))
        .collect::<Result<Vec<_>, _>>()?;
    span.end = converters.last().unwrap_or(&fetch).span.end;
    Ok(Expression { fetch, converters, span })
}

fn call(pair: Pair<'_, Rule>, source: &[u8], nameless: &str) -> Result<Call, SyntaxError> {
    let span = parser::span(&pair);
    let mut parts = pair.into_inner();
    let name = parts.next().filter(|part| part.as_rule() == Rule::keyword);
    let name = name.ok_or_else(|| SyntaxError::new(span, nameless))?;
    let list = parts.next().map(|list| arguments(list, source)).transpose()?;
    let name_span = parser::span(&name);
    Ok(Call { name: name.as_str().to_owned(), name_span, arguments: list.unwrap_or_default(), span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(text: &str) -> String {
        match parse(text.as_bytes()) {
            Err(error) => error.to_string(),
            Ok(expression) => std::iter::once(&expression.fetch)
                .chain(&expression.converters)
                .map(|call| {
                    let list: Vec<_> =
                        call.arguments.iter().map(|argument| argument.text.to_string()).collect();
                    if list.is_empty() {
                        call.name.clone()
                    } else {
                        format!("{}<{}>", call.name, list.join("|"))
                    }
                })
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    #[test]
    fn fetches_and_converters_are_told_apart() {
        for (text, expected) in [
            ("path", "path"),
            ("path,lower", "path lower"),
            ("path,,lower,", "path lower"),
            ("src()", "src"),
            ("str(a,b),field(1,\",\",2)", "str<a|b> field<1|,|2>"),
            ("str((a)", "str<(a>"),
            ("field(,x)", "field<|x>"),
            ("str(\"\")", "str<>"),
            ("ssl_c_s_dn.2+x:y-z", "ssl_c_s_dn.2+x:y-z"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn arguments_have_quotes_and_escapes_of_their_own() {
        for (text, expected) in [
            (r"str(a\nb\tc\\d\ e\qf\)", "str<a\nb\tc\\d e\\qf\\>"),
            (r#"str("a\"b,)\,\#\$\x41'")"#, r#"str<a"b,)\,\#\$\x41'>"#),
            (r"str('a\n,b)')", r"str<a\n,b)>"),
            (r#"str(a"b,c"'d)'e)"#, "str<ab,cd)e>"),
            (r"field(1,\,)", r"field<1|\|>"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, expected) in [
            ("", "missing fetch method at position 1"),
            (",path", "missing fetch method at position 1"),
            (" path", "missing fetch method at position 1"),
            ("str(a", "expected ')' at position 4"),
            ("str(\"a)", "unmatched quote in argument at position 5"),
            ("str(a)x", "missing comma after fetch keyword at position 7"),
            ("path]", "missing comma after fetch keyword at position 5"),
            ("path,lower()x", "missing comma after converter 'lower' at position 13"),
            ("path, lower", "unknown converter '' at position 6"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn a_prefix_stops_where_the_expression_does() {
        let (expression, rest) = parse_prefix(b"path,lower] tail").unwrap();
        assert_eq!((expression.converters.len(), rest), (1, 10));
        assert_eq!(expression.span, Span::new(0, 10));
    }

    #[test]
    fn bytes_outside_utf8_pass() {
        let expression = parse(b"str(\xe9)").unwrap();
        assert_eq!(&*expression.fetch.arguments[0].text, b"\xe9");
    }

    proptest! {
        #[test]
        fn spans_slice_back(text in r"[a-z.,()\\'a ]{0,40}") {
            if let Ok(expression) = parse(text.as_bytes()) {
                for call in std::iter::once(&expression.fetch).chain(&expression.converters) {
                    prop_assert_eq!(call.name_span.of(text.as_bytes()), call.name.as_bytes());
                    prop_assert!(call.span.of(text.as_bytes()).starts_with(call.name.as_bytes()));
                    prop_assert!(call.arguments.iter().all(|argument| argument.span.end < call.span.end));
                }
            }
        }

        #[test]
        fn a_quoted_argument_is_itself(text in proptest::collection::vec(any::<u8>(), 0..30)) {
            let mut quoted = b"str(\"".to_vec();
            for &byte in &text {
                if matches!(byte, b'"' | b'\\') {
                    quoted.push(b'\\');
                }
                quoted.push(byte);
            }
            quoted.extend_from_slice(b"\")");
            prop_assert_eq!(&*parse(&quoted).unwrap().fetch.arguments[0].text, &text[..]);
        }

        #[test]
        fn any_bytes_are_taken_or_refused(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&text);
        }
    }
}
