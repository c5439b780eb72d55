//! Arguments between parentheses, shared by sample expressions and predicates.

use pest::iterators::Pair;

use crate::parser::{Rule, span};
use crate::span::{Span, SyntaxError};
use crate::text::Text;

/// One argument, with its quotes and escapes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// What it says.
    pub text: Text,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// The byte an escape other than a hexadecimal one stands for.
pub(crate) fn escaped(mark: u8) -> u8 {
    match mark {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        other => other,
    }
}

/// Reads an `arguments` pair over `source`, the bytes that were parsed.
pub(crate) fn arguments(pair: Pair<'_, Rule>, source: &[u8]) -> Result<Vec<Argument>, SyntaxError> {
    let open = span(&pair);
    let mut list = Vec::new();
    for part in pair.into_inner() {
        if part.as_rule() != Rule::argument {
            return Err(SyntaxError::new(open, "expected ')'"));
        }
        let span = span(&part);
        let mut text = Vec::with_capacity(span.len());
        pieces(part, source, &mut text)?;
        list.push(Argument { text: text.into(), span });
    }
    // `()` has no argument; `("")` has an empty one.
    if matches!(list.as_slice(), [only] if only.span.is_empty()) {
        list.clear();
    }
    Ok(list)
}

fn pieces(pair: Pair<'_, Rule>, source: &[u8], text: &mut Vec<u8>) -> Result<(), SyntaxError> {
    let open = span(&pair).start as usize;
    for piece in pair.into_inner() {
        let at = span(&piece);
        match piece.as_rule() {
            Rule::arg_weak | Rule::arg_strong => pieces(piece, source, text)?,
            Rule::arg_escape if at.len() == 2 => text.push(escaped(at.of(source)[1])),
            Rule::fault_arg_quote => {
                return Err(SyntaxError::new(Span::new(open, open + 1), "unmatched quote in argument"));
            }
            _ => text.extend_from_slice(at.of(source)),
        }
    }
    Ok(())
}
