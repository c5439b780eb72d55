//! Log-format strings: text, aliases and sample expressions, with flags, names and types.

use pest::iterators::Pair;

use crate::expr::{self, Expression};
use crate::parser::{self, Rule};
use crate::span::{Span, SyntaxError};
use crate::text::{Text, readable};

/// A part of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text to be written as it is, and where it stands.
    Text(Text, Span),
    /// Something to be evaluated.
    Item(Item),
}

/// An item: `%(name:type){flags}alias` or `%(name:type){flags}[expression]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The name that encodings give it, empty without one.
    pub name: String,
    /// The type forced on it.
    pub output: Option<OutputType>,
    /// Its flags, in order.
    pub flags: Vec<Flag>,
    /// What is evaluated.
    pub value: Value,
    /// The whole item.
    pub span: Span,
}

/// What an item evaluates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A name from the list of aliases, and where it stands.
    Alias(String, Span),
    /// A sample expression. Its spans are those of the whole format.
    Expression(Expression),
}

/// A type forced on an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputType {
    /// `str`
    Text,
    /// `sint`
    Integer,
    /// `bool`
    Boolean,
    /// `raw`: as it comes, without encoding
    Raw,
}

/// A flag switched on or off. Names that mean nothing are allowed and have no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// On or off.
    pub switch: Switch,
    /// Its name.
    pub name: String,
    /// Where sign and name stand.
    pub span: Span,
}

/// What the sign before a flag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// `+`
    On,
    /// `-`
    Off,
}

/// Parses a format. Spaces are kept; where they are only separators, the caller merges them.
pub fn parse(text: &[u8]) -> Result<Vec<Part>, SyntaxError> {
    let readable = readable(text);
    let mut parts = Parts::default();
    for pair in parser::parse(Rule::format, &readable).into_inner() {
        match pair.as_rule() {
            Rule::text => {
                let span = parser::span(&pair);
                parts.text(span.of(text), span);
            }
            Rule::item => item(pair, text, &mut parts)?,
            _ => {}
        }
    }
    Ok(parts.finish())
}

#[derive(Default)]
struct Parts {
    done: Vec<Part>,
    text: Vec<u8>,
    text_span: Span,
}

impl Parts {
    fn text(&mut self, text: &[u8], span: Span) {
        self.text_span = if self.text.is_empty() { span } else { self.text_span.to(span) };
        self.text.extend_from_slice(text);
    }

    fn item(&mut self, item: Item) {
        self.flush();
        self.done.push(Part::Item(item));
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.done.push(Part::Text(std::mem::take(&mut self.text).into(), self.text_span));
        }
    }

    fn finish(mut self) -> Vec<Part> {
        self.flush();
        self.done
    }
}

fn item(pair: Pair<'_, Rule>, source: &[u8], parts: &mut Parts) -> Result<(), SyntaxError> {
    let span = parser::span(&pair);
    let mut label = Label::default();
    let mut flags = Vec::new();
    let mut value = None;
    for part in pair.into_inner() {
        let at = parser::span(&part);
        match part.as_rule() {
            Rule::label => label = Label::read(part, source)?,
            Rule::percent => {
                parts.text(b"%", at);
                return Ok(());
            }
            Rule::bare_percent => return Ok(()),
            Rule::flagged => value = Some(flagged(part, source, &mut flags)?),
            Rule::bracketed | Rule::alias => value = Some(read_value(part, source)?),
            Rule::fault_end => return Err(SyntaxError::new(span, "truncated line after '%'")),
            _ => return Err(not_an_alias(at, source)),
        }
    }
    let value = value.ok_or_else(|| not_an_alias(span, source))?;
    parts.item(Item { name: label.name, output: label.output, flags, value, span });
    Ok(())
}

fn not_an_alias(span: Span, source: &[u8]) -> SyntaxError {
    let near = String::from_utf8_lossy(span.of(source)).into_owned();
    SyntaxError::new(span, format!("unexpected alias name near '{near}'"))
        .with_hint("a single '%' is written '%%'")
}

fn flagged(pair: Pair<'_, Rule>, source: &[u8], flags: &mut Vec<Flag>) -> Result<Value, SyntaxError> {
    let mut list = Span::default();
    for part in pair.into_inner() {
        match part.as_rule() {
            Rule::flags => {
                list = parser::span(&part);
                *flags = read_flags(part.as_str(), list);
            }
            Rule::fault_flags => {
                let written = String::from_utf8_lossy(list.of(source));
                return Err(SyntaxError::new(list, format!("truncated line after '{written}'")));
            }
            Rule::bracketed | Rule::alias => return read_value(part, source),
            _ => break,
        }
    }
    let written = String::from_utf8_lossy(list.of(source));
    let message = format!("argument modifier without alias name near '%{{{written}}}'");
    Err(SyntaxError::new(list, message))
}

/// Of each element between commas, what follows the last sign is a flag; an element without a sign is none.
fn read_flags(list: &str, span: Span) -> Vec<Flag> {
    let mut start = span.start as usize;
    let mut flags = Vec::new();
    for element in list.split(',') {
        if let Some(sign) = element.rfind(['+', '-']) {
            let switch = if element.as_bytes()[sign] == b'+' { Switch::On } else { Switch::Off };
            let span = Span::new(start + sign, start + element.len());
            flags.push(Flag { switch, name: element[sign + 1..].to_owned(), span });
        }
        start += element.len() + 1;
    }
    flags
}

fn read_value(pair: Pair<'_, Rule>, source: &[u8]) -> Result<Value, SyntaxError> {
    let span = parser::span(&pair);
    if pair.as_rule() == Rule::alias {
        return Ok(Value::Alias(pair.as_str().to_owned(), span));
    }
    let (chain, mut inner) = parser::first(pair);
    let chain_end = parser::span(&chain).end as usize;
    let expression = expr::expression(chain, source)?;
    if inner.next().is_none() {
        return Ok(Value::Expression(expression));
    }
    let written = String::from_utf8_lossy(&source[span.start as usize + 1..chain_end]).into_owned();
    Err(match source.get(chain_end) {
        None => SyntaxError::new(span, format!("missing ']' after '{written}'")),
        Some(other) => {
            let message = format!("expected ']' after '{written}', but found '{}'", char::from(*other));
            SyntaxError::new(Span::new(chain_end, chain_end + 1), message)
        }
    })
}

#[derive(Default)]
struct Label {
    name: String,
    output: Option<OutputType>,
}

impl Label {
    fn read(pair: Pair<'_, Rule>, source: &[u8]) -> Result<Self, SyntaxError> {
        let mut label = Self::default();
        for part in pair.into_inner() {
            let span = parser::span(&part);
            match part.as_rule() {
                Rule::label_name => part.as_str().clone_into(&mut label.name),
                Rule::label_type => label.output = Some(output_type(part.as_str(), span)?),
                _ => {
                    let found =
                        source.get(span.range().start).map_or(String::new(), |byte| char::from(*byte).into());
                    let message = format!("invalid character in custom name near '{found}'");
                    return Err(SyntaxError::new(span, message));
                }
            }
        }
        Ok(label)
    }
}

fn output_type(name: &str, span: Span) -> Result<OutputType, SyntaxError> {
    match name {
        "str" => Ok(OutputType::Text),
        "sint" => Ok(OutputType::Integer),
        "bool" => Ok(OutputType::Boolean),
        "raw" => Ok(OutputType::Raw),
        _ => Err(SyntaxError::new(span, format!("unexpected output type '{name}'"))
            .with_hint("the types are str, sint, bool and raw")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(text: &str) -> String {
        let one = |part: Part| match part {
            Part::Text(text, _) => format!("{:?}", text.to_string()),
            Part::Item(item) => {
                let mut shape = match item.value {
                    Value::Alias(name, _) => name,
                    Value::Expression(expression) => {
                        expression.span.of(text.as_bytes()).escape_ascii().to_string()
                    }
                };
                for flag in item.flags {
                    shape += if flag.switch == Switch::On { "+" } else { "-" };
                    shape += &flag.name;
                }
                let output = item.output.map(|output| format!(":{output:?}")).unwrap_or_default();
                if item.name.is_empty() && output.is_empty() {
                    shape
                } else {
                    format!("({}{output}){shape}", item.name)
                }
            }
        };
        match parse(text.as_bytes()) {
            Err(error) => error.to_string(),
            Ok(parts) => parts.into_iter().map(one).collect::<Vec<_>>().join(" "),
        }
    }

    #[test]
    fn text_and_aliases() {
        for (text, expected) in [
            ("a b", r#""a b""#),
            ("%ci:%cp %Ts.%ms", r#"ci ":" cp " " Ts "." ms"#),
            ("%ci%cp", "ci cp"),
            ("a%%b%%%ci", r#""a%b%" ci"#),
            ("%f_b%f[1]%ST1", r#"f "_b" f "[1]" ST1"#),
            ("a%!z%_%-", r#""a!z_-""#),
            ("", ""),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn flags_names_and_types() {
        for (text, expected) in [
            ("%{+Q}o%{-Q,+X}ci", "o+Q ci-Q+X"),
            ("%{+Q,}f%{,+Q}f%{Q}f%{}f", "f+Q f+Q f f"),
            ("%{+Q -X}f%{-+Q}f%{+Q-}f", "f-X f+Q f-"),
            ("%{+json}o %(a-b_1)ci", r#"o+json " " (a-b_1)ci"#),
            ("%(a:sint){+Q}[int(1)]", "(a:Integer)int(1)+Q"),
            ("%(:bool)f%()f%(x:raw)f%(y:str)f", "(:Boolean)f f (x:Raw)f (y:Text)f"),
            ("%(n)%fe%(n)(m)f", r#""%fe(m)f""#),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn expressions_end_at_their_bracket() {
        for (text, expected) in [
            ("%[path]", "path"),
            ("%[path]]x%[src,lower]", r#"path "]x" src,lower"#),
            ("%[str(a]b)]%[str(\"])\")]", r#"str(a]b) str(\"])\")"#),
            ("%{+E}[str(a)]f", r#"str(a)+E "f""#),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, expected) in [
            ("a%", "truncated line after '%' at position 2"),
            ("%(n)", "truncated line after '%' at position 1"),
            ("a% b", "unexpected alias name near ' ' at position 3 (a single '%' is written '%%')"),
            ("%1", "unexpected alias name near '1' at position 2 (a single '%' is written '%%')"),
            ("%{+Q", "truncated line after '+Q' at position 3"),
            ("%{+Q} x", "argument modifier without alias name near '%{+Q}' at position 3"),
            ("%{+Q}(n)f", "argument modifier without alias name near '%{+Q}' at position 3"),
            ("%[path", "missing ']' after 'path' at position 2"),
            ("%[path ]", "expected ']' after 'path', but found ' ' at position 7"),
            ("%[]", "missing fetch method at position 3"),
            ("%[path,]", "unknown converter '' at position 8"),
            ("%[str(a]", "expected ')' at position 6"),
            ("%(a b)f", "invalid character in custom name near ' ' at position 4"),
            ("%(a", "invalid character in custom name near '' at position 4"),
            (
                "%(a:foo)f",
                "unexpected output type 'foo' at position 5 (the types are str, sint, bool and raw)",
            ),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn spans_follow_each_other(text in r"[a-z%{}+Q,()\[\] ]{0,40}") {
            if let Ok(parts) = parse(text.as_bytes()) {
                let mut end = 0;
                for part in parts {
                    let span = match part { Part::Text(_, span) => span, Part::Item(item) => item.span };
                    prop_assert!(span.start >= end && span.range().end <= text.len());
                    end = span.end;
                }
            }
        }

        #[test]
        fn text_without_percent_is_itself(text in "[^%]{1,40}") {
            let whole = Span::new(0, text.len());
            prop_assert_eq!(parse(text.as_bytes()), Ok(vec![Part::Text(text.as_str().into(), whole)]));
        }

        #[test]
        fn any_bytes_are_taken_or_refused(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&text);
        }
    }
}
