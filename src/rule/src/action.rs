//! Actions: what a rule does, and how its words are read.

use std::borrow::Cow;
use std::fmt::Debug;

use base::registry::{Entry, Registry};
use config::{ProxyKind, Refusal, Statement};
use grammar::line::Word;
use grammar::span::Span;
use lang::logformat::LogFormat;
use lang::{CompileError, Contexts, Expr};

use crate::txn::Txn;
use crate::verdict::Verdict;

/// The rule sets in which an action may stand; the columns of the manual's table of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleSets(pub u16);

impl RuleSets {
    /// `tcp-request connection`.
    pub const TCP_CONNECTION: Self = Self(1);
    /// `tcp-request session`.
    pub const TCP_SESSION: Self = Self(2);
    /// `tcp-request content`.
    pub const TCP_CONTENT: Self = Self(4);
    /// `tcp-response content`.
    pub const TCP_RESPONSE: Self = Self(8);
    /// `http-request`.
    pub const HTTP_REQUEST: Self = Self(16);
    /// `http-response`.
    pub const HTTP_RESPONSE: Self = Self(32);
    /// `http-after-response`.
    pub const HTTP_AFTER: Self = Self(64);
    /// `quic-initial`.
    pub const QUIC_INITIAL: Self = Self(128);

    /// All but `quic-initial`.
    pub(crate) const ALL: Self = Self(127);

    /// Those that proxies have lists of.
    pub(crate) const LISTS: [Self; 7] = [
        Self::TCP_CONNECTION,
        Self::TCP_SESSION,
        Self::TCP_CONTENT,
        Self::TCP_RESPONSE,
        Self::HTTP_REQUEST,
        Self::HTTP_RESPONSE,
        Self::HTTP_AFTER,
    ];

    /// Those of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two have one in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The three sets of HTTP.
    pub const HTTP: Self = Self(16 | 32 | 64);

    /// Where the rules of one set are evaluated in frontends, and in backends.
    fn sides(self) -> (Contexts, Contexts) {
        match self {
            Self::TCP_CONNECTION => (Contexts::FRONT_CONNECTION, Contexts(0)),
            Self::TCP_SESSION => (Contexts::FRONT_SESSION, Contexts(0)),
            Self::TCP_CONTENT => (Contexts::FRONT_CONTENT, Contexts::BACK_CONTENT),
            Self::TCP_RESPONSE => (Contexts(0), Contexts::BACK_ANSWER),
            Self::HTTP_REQUEST => (Contexts::FRONT_REQUEST, Contexts::BACK_REQUEST),
            Self::HTTP_RESPONSE | Self::HTTP_AFTER => (Contexts::FRONT_RESPONSE, Contexts::BACK_RESPONSE),
            _ => (Contexts::ANY, Contexts::ANY),
        }
    }

    /// Where the rules of one set are evaluated in a proxy of this kind.
    pub fn contexts(self, kind: ProxyKind) -> Contexts {
        let (front, back) = self.sides();
        match kind {
            ProxyKind::Frontend => front,
            ProxyKind::Backend => back,
            ProxyKind::Listen | ProxyKind::Defaults => front.or(back),
        }
    }

    /// The side that the conditions of one set are checked for, with its name: where the rules are evaluated first.
    pub fn first(self, kind: ProxyKind) -> (Contexts, &'static str) {
        let (front, back) = self.sides();
        let response = matches!(self, Self::TCP_RESPONSE | Self::HTTP_RESPONSE | Self::HTTP_AFTER);
        let backend = match kind {
            ProxyKind::Frontend => false,
            ProxyKind::Backend => true,
            ProxyKind::Listen | ProxyKind::Defaults => response,
        };
        if backend { (back, "backend") } else { (front, "frontend") }
    }
}

/// A compiled action.
pub trait Act: Debug + Send + Sync {
    /// Does it.
    fn act(&self, txn: &mut Txn<'_>) -> Verdict;

    /// Whether no rule behind it is ever looked at.
    fn is_final(&self) -> bool {
        false
    }
}

/// An entry of a table of actions.
pub struct Action {
    /// Its name; with `(*)` behind it when an argument in parentheses follows.
    pub name: &'static str,
    /// Where it may stand.
    pub sets: RuleSets,
    /// The section of the configuration manual that describes it.
    pub manual: &'static str,
    /// Reads its arguments; what is left over must be a condition.
    pub parse: fn(&mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal>,
}

impl Entry for Action {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// The words of an action on their way through its parser.
pub struct ActionCx<'s, 'd> {
    /// The statement that the rule is written in.
    pub statement: &'s mut Statement<'d>,
    /// The rule set.
    pub set: RuleSets,
    /// The argument in parentheses behind the action's name.
    pub parenthesis: Option<String>,
    next: usize,
}

impl<'s, 'd> ActionCx<'s, 'd> {
    /// A reader that starts at argument `next` of the statement.
    pub fn new(
        statement: &'s mut Statement<'d>,
        set: RuleSets,
        parenthesis: Option<String>,
        next: usize,
    ) -> Self {
        Self { statement, set, parenthesis, next }
    }

    /// The next word without taking it; `None` at the end and before a condition.
    pub fn peek(&self) -> Option<Cow<'d, str>> {
        let word = self.statement.rest(self.next).first()?;
        match word.bytes() {
            b"if" | b"unless" => None,
            other => Some(String::from_utf8_lossy(other)),
        }
    }

    /// Takes the next word.
    pub fn take(&mut self) -> Option<Cow<'d, str>> {
        let word = self.peek()?;
        self.next += 1;
        Some(word)
    }

    /// Takes the next word, which must be there.
    pub fn expect(&mut self, what: &str) -> Result<Cow<'d, str>, Refusal> {
        self.take().ok_or_else(|| self.refuse(format!("expects {what}")))
    }

    /// Takes the next word as bytes, which must be there. Unlike `expect` it may read `if` or `unless`.
    pub fn expect_value(&mut self, what: &str) -> Result<&'d [u8], Refusal> {
        let word = self.statement.rest(self.next).first().map(Word::bytes);
        let word = word.ok_or_else(|| self.refuse(format!("expects {what}")))?;
        self.next += 1;
        Ok(word)
    }

    /// Takes the next word as a log-format string.
    pub fn expect_format(&mut self, what: &str) -> Result<LogFormat, Refusal> {
        let text = self.expect_value(what)?;
        let format = LogFormat::parse(text, self.registry(), self.within()).map_err(|e| self.blame(&e))?;
        let bytes = format.expressions().find(|e| e.looks_at_bytes() && RuleSets::HTTP.meets(self.set));
        if let Some(name) = bytes.map(|e| e.fetch().name) {
            self.statement.warn(format!("L6 sample fetch <{name}> ignored in HTTP log-format string."));
        }
        Ok(format)
    }

    /// Takes the next word as the format of a body, which is not encoded.
    pub fn expect_body(&mut self, what: &str) -> Result<LogFormat, Refusal> {
        self.expect_value_format(what)
    }

    /// Takes the next word as the format of a variable's value.
    pub fn expect_value_format(&mut self, what: &str) -> Result<LogFormat, Refusal> {
        let text = self.expect_value(what)?;
        LogFormat::parse_value(text, self.registry(), self.within()).map_err(|e| self.blame(&e))
    }

    /// Takes the next word as a sample expression.
    pub fn expect_expr(&mut self, what: &str) -> Result<Expr, Refusal> {
        let text = self.expect_value(what)?;
        let expr = Expr::parse(text, self.registry()).map_err(|e| self.blame(&e))?;
        expr.check(self.within(), Span::new(0, text.len())).map_err(|e| self.blame(&e))?;
        Ok(expr)
    }

    /// Takes the next word as a sample expression that may find nothing where the rule is evaluated.
    pub fn expect_any_expr(&mut self, what: &str) -> Result<Expr, Refusal> {
        let text = self.expect_value(what)?;
        Expr::parse(text, self.registry()).map_err(|e| self.blame(&e))
    }

    /// Where the rule's expressions are evaluated.
    pub fn within(&mut self) -> Contexts {
        let kind = self.statement.proxy().kind;
        self.set.contexts(kind)
    }

    /// An error about the word taken last.
    pub fn refuse_last(&self, message: impl Into<String>) -> Refusal {
        self.statement.refuse(self.next.saturating_sub(1), self.title(&message.into()))
    }

    /// An error about the rule as a whole.
    pub fn refuse(&self, message: impl Into<String>) -> Refusal {
        Refusal::new(self.title(&message.into()))
    }

    /// An error within the word taken last.
    pub fn blame(&self, error: &CompileError) -> Refusal {
        self.statement.refuse_part(self.next.saturating_sub(1), error.span, self.title(&error.message))
    }

    /// The tables.
    pub fn registry(&self) -> &'d Registry {
        self.statement.registry
    }

    /// The index of the next argument of the statement.
    pub fn position(&self) -> usize {
        self.next
    }

    fn title(&self, message: &str) -> String {
        let action = self.statement.arg(0);
        format!("error detected while parsing an '{}' rule '{action}' : {message}.", self.statement.keyword())
    }
}
