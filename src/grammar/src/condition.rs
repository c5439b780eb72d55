//! Conditions after `if` and `unless`: ACLs, their negation, disjunctions, anonymous ACLs.

use std::ops::Range;

use pest::iterators::Pair;

use crate::line::Word;
use crate::parser::{self, Rule};
use crate::span::{Span, SyntaxError};

/// Which outcome of a condition makes a rule apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// `if`: where it holds.
    Holds,
    /// `unless`: where it does not.
    Fails,
}

impl When {
    /// The meaning of `word`, if it starts a condition.
    pub fn read(word: &[u8]) -> Option<Self> {
        match word {
            b"if" => Some(Self::Holds),
            b"unless" => Some(Self::Fails),
            _ => None,
        }
    }
}

/// A condition: it holds when all terms of one alternative do. Without alternatives it never holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// The alternatives, in order, none of them empty.
    pub alternatives: Vec<Vec<Term>>,
}

/// One term of an alternative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Whether exclamation marks turn it around.
    pub sense: Sense,
    /// What it tests.
    pub test: Test,
    /// Where it stands in the line, the exclamation marks in other words left out.
    pub span: Span,
}

/// Whether a term must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// It must.
    Direct,
    /// It must not.
    Negated,
}

/// What a term tests. The numbers are those of the words given to the parser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The ACL of that name.
    Named(String),
    /// An ACL written out in these words, at least one.
    Anonymous(Range<usize>),
}

/// Parses `words`, those that follow `if` or `unless`, up to the end of the line.
pub fn parse(words: &[Word<'_>]) -> Result<Condition, SyntaxError> {
    let shape: String = words.iter().map(|word| Shape::of(word).letter).collect();
    let mut condition = Condition::default();
    for pair in parser::parse(Rule::condition, &shape).into_inner() {
        if pair.as_rule() == Rule::suite {
            let terms = suite(pair, words)?;
            if !terms.is_empty() {
                condition.alternatives.push(terms);
            }
        }
    }
    Ok(condition)
}

/// What a word is to a condition.
struct Shape {
    letter: char,
    /// How many exclamation marks it starts with.
    marks: usize,
}

impl Shape {
    fn of(word: &[u8]) -> Self {
        let marks = word.iter().take_while(|byte| **byte == b'!').count();
        let letter = match &word[marks..] {
            b"" if marks > 0 => '!',
            b"or" | b"||" => 'o',
            b"{" => '{',
            b"}" if marks == 0 => '}',
            _ => 'n',
        };
        Self { letter, marks }
    }
}

fn suite(pair: Pair<'_, Rule>, words: &[Word<'_>]) -> Result<Vec<Term>, SyntaxError> {
    let mut terms = Vec::new();
    // Marks that no term follows mean nothing.
    let mut marks = 0;
    for part in pair.into_inner() {
        let first = part.as_span().start();
        let word = &words[first];
        marks += Shape::of(word).marks;
        if part.as_rule() == Rule::mark {
            continue;
        }
        let sense = if marks % 2 == 0 { Sense::Direct } else { Sense::Negated };
        marks = 0;
        terms.push(if part.as_rule() == Rule::anonymous {
            anonymous(part, words, sense)?
        } else {
            let name = &word[Shape::of(word).marks..];
            Term { sense, test: Test::Named(String::from_utf8_lossy(name).into_owned()), span: word.span() }
        });
    }
    Ok(terms)
}

fn anonymous(pair: Pair<'_, Rule>, words: &[Word<'_>], sense: Sense) -> Result<Term, SyntaxError> {
    let brace = words[pair.as_span().start()].span();
    let (body, mut closing) = parser::first(pair);
    if closing.next().is_some() {
        return Err(SyntaxError::new(brace, "missing closing '}' in condition"));
    }
    let body = parser::span(&body).range();
    let span = brace.to(words.get(body.end).map_or(brace, Word::span));
    if body.is_empty() {
        return Err(SyntaxError::new(span, "missing fetch method in ACL expression"));
    }
    Ok(Term { sense, test: Test::Anonymous(body), span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{NoEnvironment, Place, split};
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<Word<'_>> {
        split(text.as_bytes(), Place::default(), &NoEnvironment).unwrap()
    }

    fn shape(text: &str) -> String {
        let words = words(text);
        let term = |term: &Term| {
            let tested = match &term.test {
                Test::Named(name) => name.clone(),
                Test::Anonymous(body) => {
                    let body: Vec<_> = words[body.clone()].iter().map(ToString::to_string).collect();
                    format!("({})", body.join(" "))
                }
            };
            if term.sense == Sense::Negated { format!("-{tested}") } else { tested }
        };
        match parse(&words) {
            Err(error) => error.to_string(),
            Ok(condition) => {
                let alternative = |terms: &Vec<Term>| terms.iter().map(term).collect::<Vec<_>>().join("&");
                condition.alternatives.iter().map(alternative).collect::<Vec<_>>().join(" | ")
            }
        }
    }

    #[test]
    fn terms_are_joined_and_separated() {
        for (text, expected) in [
            ("a", "a"),
            ("a b or c || d", "a&b | c | d"),
            ("a OR b", "a&OR&b"),
            ("{ path / } b || { src 1 2 }", "(path /)&b | (src 1 2)"),
            ("{ path { or ! }", "(path { or !)"),
            ("a \"or\" b", "a | b"),
            ("{path } a}", "{path&}&a}"),
            ("", ""),
            ("or", ""),
            ("or a or or b or", "a | b"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn exclamation_marks_negate_the_next_term() {
        for (text, expected) in [
            ("!a", "-a"),
            ("! a", "-a"),
            ("!!a ! ! b ! !c", "a&b&c"),
            ("!{ path / }", "-(path /)"),
            ("! { path / } a", "-(path /)&a"),
            ("a !", "a"),
            ("!", ""),
            ("a ! or b", "a | b"),
            ("!or a", "a"),
            ("!}", "-}"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn braces_must_close_around_something() {
        for (text, expected) in [
            ("{ path /", "missing closing '}' in condition at position 1"),
            ("a {", "missing closing '}' in condition at position 3"),
            ("a !{ }", "missing fetch method in ACL expression at position 3"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn spans_are_those_of_the_line() {
        let text = "a or !{ path / } ";
        let condition = parse(&words(text)).unwrap();
        assert_eq!(condition.alternatives[1][0].span.of(text.as_bytes()), b"!{ path / }");
    }

    #[test]
    fn only_two_words_start_a_condition() {
        assert_eq!((When::read(b"if"), When::read(b"unless")), (Some(When::Holds), Some(When::Fails)));
        assert_eq!(When::read(b"IF"), None);
    }

    proptest! {
        #[test]
        fn any_words_are_taken_or_refused(text in "(!|a|or|\\|\\||\\{|\\}| ){0,40}") {
            if let Ok(condition) = parse(&words(&text)) {
                prop_assert!(condition.alternatives.iter().all(|terms| !terms.is_empty()));
            }
        }
    }
}
