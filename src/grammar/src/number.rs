//! The integer and unit that times and sizes are made of.

use crate::parser::{self, Rule};
use crate::span::Span;
use crate::text::readable;

pub(crate) struct Number {
    /// The largest value for anything larger.
    pub(crate) value: u64,
    /// How many digits it has.
    pub(crate) digits: usize,
    pub(crate) unit: String,
    /// What follows the unit.
    pub(crate) excess: Option<Span>,
}

/// Parses by the rule of times or of sizes. The error is where the first character that cannot stand there is.
pub(crate) fn parse(rule: Rule, text: &[u8]) -> Result<Number, Span> {
    let readable = readable(text);
    let mut number = Number { value: 0, digits: 0, unit: String::new(), excess: None };
    for part in parser::parse(rule, &readable).into_inner() {
        let span = parser::span(&part);
        match part.as_rule() {
            Rule::digits if span.is_empty() => return Err(Span::new(0, text.len().min(1))),
            Rule::digits => {
                number.digits = span.len();
                number.value = part.as_str().parse().unwrap_or(u64::MAX);
            }
            Rule::time_unit | Rule::size_unit => part.as_str().clone_into(&mut number.unit),
            Rule::excess | Rule::fault_unit if span.is_empty() => {}
            Rule::excess => number.excess = Some(span),
            Rule::fault_unit => return Err(span),
            _ => {}
        }
    }
    Ok(number)
}
