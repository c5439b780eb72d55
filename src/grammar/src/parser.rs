//! The generated parser of all grammars: one, so that they share the rules of arguments and expressions.

use pest::Parser as _;
use pest::iterators::{Pair, Pairs};

use crate::span::Span;

/// Parsers of every grammar.
#[derive(pest_derive::Parser)]
#[grammar = "pest/arguments.pest"]
#[grammar = "pest/expr.pest"]
#[grammar = "pest/line.pest"]
#[grammar = "pest/predicate.pest"]
#[grammar = "pest/number.pest"]
#[grammar = "pest/address.pest"]
#[grammar = "pest/condition.pest"]
#[grammar = "pest/logformat.pest"]
#[grammar = "pest/command.pest"]
struct Grammar;

/// Parses `text` by a rule that matches any text.
pub(crate) fn parse(rule: Rule, text: &str) -> Pair<'_, Rule> {
    Grammar::parse(rule, text)
        .ok()
        .and_then(|mut pairs| pairs.next())
        .expect("invariant: the grammars match any text, faults included")
}

/// The first part of a `pair` that always has one, and the others.
pub(crate) fn first(pair: Pair<'_, Rule>) -> (Pair<'_, Rule>, Pairs<'_, Rule>) {
    let mut parts = pair.into_inner();
    let first = parts.next().expect("invariant: the grammar gives this rule a part");
    (first, parts)
}

/// Where `pair` stands.
pub(crate) fn span(pair: &Pair<'_, Rule>) -> Span {
    let at = pair.as_span();
    Span::new(at.start(), at.end())
}
