//! One keyword, one declaration: what a directive is and what it sees of its line.

use std::borrow::Cow;

use base::reference::{Found, Kind};
use base::registry::{Entry, Registry};
use grammar::line::Word;
use grammar::span::Span;

use crate::diagnostic::{Excerpt, Message, Place, Severity};
use crate::draft::{Draft, ProxyDraft, ProxyKind};
use crate::slot::{Setting, Slots};

/// Where a directive may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// In `global`.
    Global,
    /// In these kinds of proxies.
    Proxy(Sections),
    /// In the section with this keyword.
    Other(&'static str),
}

/// A set of kinds of proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections(u8);

impl Sections {
    /// `defaults`, named or not.
    pub const DEFAULTS: Self = Self(1);
    /// `frontend`.
    pub const FRONTEND: Self = Self(2);
    /// `listen`.
    pub const LISTEN: Self = Self(4);
    /// `backend`.
    pub const BACKEND: Self = Self(8);
    /// `defaults`, but only those with a name.
    pub const NAMED_DEFAULTS: Self = Self(16);
    /// All four.
    pub const ALL: Self = Self(15);
    /// `defaults`, `frontend` and `listen`.
    pub const FRONT: Self = Self(7);
    /// `defaults`, `listen` and `backend`.
    pub const BACK: Self = Self(13);

    /// Those of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a directive may stand in such a section, apart from the name that `defaults` may need.
    pub fn contains(self, kind: ProxyKind) -> bool {
        let bit = match kind {
            ProxyKind::Defaults => Self::DEFAULTS.0 | Self::NAMED_DEFAULTS.0,
            ProxyKind::Frontend => Self::FRONTEND.0,
            ProxyKind::Listen => Self::LISTEN.0,
            ProxyKind::Backend => Self::BACKEND.0,
        };
        self.0 & bit != 0
    }

    /// Whether a `defaults` section needs a name for it.
    pub fn needs_named_defaults(self) -> bool {
        self.0 & Self::DEFAULTS.0 == 0 && self.0 & Self::NAMED_DEFAULTS.0 != 0
    }
}

/// Which prefixes a directive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// None.
    None,
    /// `no`.
    No,
    /// `no` and `default`.
    NoDefault,
}

/// The prefix that a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// No prefix: set it.
    Set,
    /// `no`: the opposite.
    No,
    /// `default`: back to what it is by default.
    Default,
}

/// The number of arguments that a directive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// None.
    None,
    /// Exactly so many.
    Exactly(usize),
    /// From so many to so many.
    Between(usize, usize),
    /// So many at least.
    AtLeast(usize),
}

/// One configuration keyword.
pub struct Directive {
    /// Its words ("bind", "timeout client", "option httplog"); `(*)` stands for an argument in parentheses.
    pub name: &'static str,
    /// Where it may stand.
    pub section: Section,
    /// Which prefixes it takes.
    pub prefix: Prefix,
    /// How many arguments it takes.
    pub arity: Arity,
    /// The section of the configuration manual that describes it.
    pub manual: &'static str,
    /// Reads the statement into the draft.
    pub parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
}

impl Entry for Directive {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// Who knows what names of a kind mean, as far as the configuration has been read.
pub struct Lookup {
    /// What the names are names of.
    pub name: &'static str,
    /// The kind of the names.
    pub kind: Kind,
    /// What a name means in a section.
    pub find: fn(&Draft, Target, &Registry, &str) -> Option<Found>,
}

impl Entry for Lookup {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// A check of the whole draft, or its completion, once all files are read. They run in the order of the tables.
pub struct Check {
    /// What it looks after.
    pub name: &'static str,
    /// Does it.
    pub run: fn(&mut Draft, &Registry, &mut crate::Diagnostics),
}

impl Entry for Check {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// Why a statement is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// The word that is meant; the whole line if there is none.
    pub word: Option<usize>,
    /// The part of that word, or without one of the line.
    pub part: Option<Span>,
}

impl Refusal {
    /// About a part of the line.
    pub fn at_span(span: Span, message: impl Into<String>) -> Self {
        Self { message: message.into(), word: None, part: Some(span) }
    }

    /// About the line as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), word: None, part: None }
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// One logical line on its way into the draft.
pub struct Statement<'a> {
    /// The words of the line, prefixes removed; the keyword's own come first.
    pub words: &'a [Word<'a>],
    /// How many words belong to the keyword.
    pub keyword_words: usize,
    /// The prefix.
    pub sense: Sense,
    /// Where the line stands.
    pub place: Place,
    /// The text of the line, for excerpts.
    pub source: &'a str,
    /// What is being built.
    pub draft: &'a mut Draft,
    /// The section that the line belongs to.
    pub target: Target,
    /// All tables.
    pub registry: &'a Registry,
    /// Where warnings go.
    pub diagnostics: &'a mut crate::Diagnostics,
}

/// The section that a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `global`.
    Global,
    /// The proxy with this index in the draft.
    Proxy(usize),
    /// The other section with this index in the draft.
    Section(usize),
}

impl<'a> Statement<'a> {
    /// The number of arguments.
    pub fn args(&self) -> usize {
        self.words.len() - self.keyword_words
    }

    /// The keyword as written.
    pub fn keyword(&self) -> String {
        let words: Vec<_> = self.words[..self.keyword_words].iter().map(text_of).collect();
        words.join(" ")
    }

    /// Argument `i` as text, empty when it is missing.
    pub fn arg(&self, i: usize) -> Cow<'a, str> {
        self.words.get(self.keyword_words + i).map_or(Cow::Borrowed(""), text_of)
    }

    /// The bytes of argument `i`, empty when it is missing.
    pub fn bytes(&self, i: usize) -> &'a [u8] {
        self.words.get(self.keyword_words + i).map_or(b"", Word::bytes)
    }

    /// Argument `i` as an address: variables stand for their values, even outside of quotes.
    pub fn address(&self, i: usize) -> Cow<'a, [u8]> {
        self.draft.environment.fill(self.bytes(i))
    }

    /// The arguments from `i` on.
    pub fn rest(&self, i: usize) -> &'a [Word<'a>] {
        self.words.get(self.keyword_words + i..).unwrap_or(&[])
    }

    /// An error about argument `i`.
    pub fn refuse(&self, i: usize, message: impl Into<String>) -> Refusal {
        Refusal { message: message.into(), word: Some(self.keyword_words + i), part: None }
    }

    /// An error about a part of argument `i`.
    pub fn refuse_part(&self, i: usize, part: Span, message: impl Into<String>) -> Refusal {
        // What a variable stands for is nowhere in the line.
        let part = Some(part).filter(|part| part.end as usize <= self.bytes(i).len());
        Refusal { message: message.into(), word: Some(self.keyword_words + i), part }
    }

    /// The settings of a feature in the section of this line.
    pub fn slot<T: Setting>(&mut self) -> &mut T {
        self.slots().get_mut()
    }

    /// The slots of the section of this line.
    pub fn slots(&mut self) -> &mut Slots {
        match self.target {
            Target::Global => &mut self.draft.global,
            Target::Proxy(i) => &mut self.draft.proxies[i].slots,
            Target::Section(i) => &mut self.draft.sections[i].slots,
        }
    }

    /// The proxy of this line.
    ///
    /// # Panics
    /// In a directive that is not declared for proxies.
    pub fn proxy(&mut self) -> &mut ProxyDraft {
        match self.target {
            Target::Proxy(i) => &mut self.draft.proxies[i],
            other => unreachable!("a proxy's directive was dispatched in {other:?}"),
        }
    }

    /// A warning about this line.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.say(Severity::Warning, text.into());
    }

    /// Advice about this line, given with `-dD` only.
    pub fn advise(&mut self, text: impl Into<String>) {
        self.say(Severity::Diag, text.into());
    }

    /// A remark about this line that never stops anything.
    pub fn note(&mut self, text: impl Into<String>) {
        self.say(Severity::Notice, text.into());
    }

    /// Remarks that a setting was there before; the earlier one stays.
    pub fn already(&mut self, what: &str) {
        self.note(format!("'{what}' already specified. Continuing."));
    }

    fn say(&mut self, severity: Severity, text: String) {
        let place = Some(self.place.clone());
        self.diagnostics.push(Message { severity, place, text, excerpt: None });
    }

    /// The excerpt that a refusal points at.
    pub(crate) fn excerpt(&self, refusal: &Refusal) -> Option<Excerpt> {
        let word = refusal.word.and_then(|w| self.words.get(w));
        let span = match (word, refusal.part) {
            (Some(word), Some(part)) => word.source(part),
            (Some(word), None) => word.span(),
            (None, part) => part?,
        };
        Some(Excerpt { source: self.source.to_owned(), span })
    }

    /// Argument `i` as an integer of a range.
    pub fn integer(&self, i: usize, range: std::ops::RangeInclusive<i64>) -> Result<i64, Refusal> {
        let text = self.arg(i);
        let value: i64 = text
            .parse()
            .map_err(|_| self.refuse(i, format!("'{}' : '{text}' is not an integer.", self.keyword())))?;
        if range.contains(&value) {
            return Ok(value);
        }
        Err(self.refuse(
            i,
            format!(
                "'{}' expects an integer between {} and {}, got '{text}'.",
                self.keyword(),
                range.start(),
                range.end()
            ),
        ))
    }

    /// Argument `i` as a duration; plain numbers are of the given unit.
    pub fn duration(&self, i: usize, unit: grammar::time::Unit) -> Result<std::time::Duration, Refusal> {
        let time = grammar::time::parse(self.bytes(i), unit)
            .and_then(|t| t.in_unit(grammar::time::Unit::Microsecond, MAX_MICROS))
            .map_err(|e| {
                self.refuse(i, format!("'{}' : invalid time '{}': {e}", self.keyword(), self.arg(i)))
            })?;
        Ok(std::time::Duration::from_micros(time))
    }

    /// Argument `i` as a size in bytes.
    pub fn size(&self, i: usize) -> Result<u64, Refusal> {
        grammar::size::parse(self.bytes(i), u64::MAX >> 1).map_err(|e| {
            self.refuse(i, format!("'{}' : invalid size '{}': {e}", self.keyword(), self.arg(i)))
        })
    }

    /// Argument `i` as `on` or `off`.
    pub fn switch(&self, i: usize) -> Result<Switch, Refusal> {
        match self.arg(i).as_ref() {
            "on" => Ok(Switch::On),
            "off" => Ok(Switch::Off),
            other => Err(self
                .refuse(i, format!("'{}' expects either 'on' or 'off' but got '{other}'.", self.keyword()))),
        }
    }
}

/// `on` or `off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// It is on.
    On,
    /// It is off.
    #[default]
    Off,
}

impl Switch {
    /// `Set` turns it on, `no` and `default` off.
    pub fn of(sense: Sense) -> Self {
        if sense == Sense::Set { Self::On } else { Self::Off }
    }

    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

/// The longest time that timers take: 2^31 - 1 milliseconds.
const MAX_MICROS: u64 = i32::MAX as u64 * 1000;

fn text_of<'w>(word: &'w Word<'_>) -> Cow<'w, str> {
    word.lossy()
}
