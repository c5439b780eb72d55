//! ACLs and the conditions made of them (configuration manual, section 7).

mod flags;

use std::collections::HashMap;
use std::sync::Arc;

use base::reference::{Found, Kind};
use base::registry::{Entry, Registry};
use config::directive::Target;
use config::{Draft, Lookup, Setting};
use grammar::condition::{self, Sense, Term, When};
use grammar::line::Word;
use grammar::span::Span;
use lang::expr::Values;
use lang::fetches::conditions::{self, Predicate};
use lang::{CompileError, Contexts, Converter, Cursor, Expr, Fetched, Sample, Scene};
use pattern::{Matcher, Method, Recipe, References};
use smallvec::SmallVec;

use flags::Flags;

/// A name that stands for a fetch with a match method (`hdr_beg` for `req.hdr -m beg`).
pub struct AclKeyword {
    /// The name.
    pub name: &'static str,
    /// The fetch.
    pub fetch: &'static str,
    /// The method.
    pub method: Method,
}

impl Entry for AclKeyword {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// A predefined ACL (configuration manual, section 7.4).
pub struct PredefinedAcl {
    /// Its name.
    pub name: &'static str,
    /// The words of its definition.
    pub words: &'static [&'static str],
}

impl Entry for PredefinedAcl {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// Three-valued truth: a test may have to wait for data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// More data may decide it.
    NotYet,
}

impl Truth {
    fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::NotYet => Self::NotYet,
        }
    }

    /// What it means for a term of this sense.
    #[inline]
    pub(crate) fn in_sense(self, sense: Sense) -> Self {
        if sense == Sense::Negated { self.negated() } else { self }
    }
}

/// One test: an expression and the patterns that its value is compared with, in one line of the processor's cache.
#[derive(Debug)]
#[repr(align(64))]
pub struct Test {
    expr: Expr,
    patterns: Matcher,
}

const _: () = assert!(size_of::<Test>() == 64, "a test takes one line of the cache");

/// The criterion of a test: an expression, and what its name says of it.
struct Criterion {
    expr: Expr,
    /// The method that an older name brings along.
    implied: Option<Method>,
    /// What it is called where its patterns are listed.
    name: Box<str>,
}

/// The ACLs of a proxy by name; several lines of one name are alternatives.
#[derive(Clone, Debug, Default)]
pub struct Acls(HashMap<Box<str>, Vec<Arc<Test>>>);

/// The names of a `defaults` section are its own: rules that are handed on keep what they refer to.
impl Setting for Acls {
    fn inherited(&self) -> Option<Self> {
        None
    }
}

impl Acls {
    /// Adds a line `acl name criterion ...`.
    pub fn define(&mut self, name: &str, test: Test) {
        self.0.entry(name.into()).or_default().push(Arc::new(test));
    }

    fn get(&self, name: &str) -> Option<Vec<Arc<Test>>> {
        self.0.get(name).cloned()
    }
}

/// A part of an ACL's words that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclError {
    /// Which of the words.
    pub word: usize,
    /// The part of it.
    pub part: Option<Span>,
    /// What is wrong.
    pub message: String,
}

impl AclError {
    fn at(word: usize, message: impl Into<String>) -> Self {
        Self { word, part: None, message: message.into() }
    }
}

impl Test {
    /// Reads `criterion [flags] [operator] values`; what the writer may not have meant goes to `advice`.
    pub fn parse(words: &[&[u8]], registry: &Registry, advice: &mut Vec<String>) -> Result<Self, AclError> {
        let test = Self::of_words(words, registry, advice);
        let more = match &test {
            // Where the values could not be compared, they may be converters that stand apart.
            Err(e) if e.message == NO_METHOD => spread(words, registry),
            _ => 0,
        };
        if more == 0 {
            return test;
        }
        let (criterion, values) = words.split_at(1 + more);
        let criterion =
            criterion.iter().map(|word| word.strip_suffix(b",").unwrap_or(word)).collect::<Vec<_>>();
        let criterion = criterion.join(&b","[..]);
        let words: Vec<&[u8]> = std::iter::once(&*criterion).chain(values.iter().copied()).collect();
        Self::of_words(&words, registry, advice).map_err(|e| match e.word {
            0 => AclError { part: None, ..e },
            word => AclError { word: word + more, ..e },
        })
    }

    /// Reads them with the whole criterion in the first word.
    fn of_words(words: &[&[u8]], registry: &Registry, advice: &mut Vec<String>) -> Result<Self, AclError> {
        let Some(first) = words.first() else {
            return Err(AclError::at(0, "missing fetch keyword"));
        };
        let criterion = Criterion::parse(first, registry).map_err(|e| AclError {
            word: 0,
            part: Some(e.span),
            message: e.message,
        })?;
        let flags = Flags::parse(words)?;
        let expr = &criterion.expr;
        // Behind converters the method of an older name has no meaning.
        let implied = criterion.implied.filter(|_| expr.converters().next().is_none());
        let method = flags.method.or(implied).or_else(|| Method::default_for(expr.out()));
        let Some(method) = method else {
            return Err(AclError::at(0, NO_METHOD));
        };
        if !expr.out().casts_to(method.wants()) {
            let (method, fetch) = (method.name(), expr.fetch().name);
            let text = format!("matching method '{method}' cannot be used with fetch keyword '{fetch}'");
            return Err(AclError::at(0, text));
        }
        criterion.advise(words, method, advice);
        let recipe = Recipe {
            criterion: if implied.is_some() { &criterion.name } else { expr.fetch().name },
            place: registry.place(),
            method,
            names: flags.names,
            files: flags.files,
            number: flags.number,
            case: flags.case,
            words: flags.end..words.len(),
        };
        let versions = expr.fetch().name.ends_with("ssl_ver").then(|| plain_versions(words));
        let versions: Option<Vec<&[u8]>> = versions.as_ref().map(|v| v.iter().map(Vec::as_slice).collect());
        let words = versions.as_deref().unwrap_or(words);
        let lists = registry.layer::<References>();
        let patterns =
            Matcher::build(&recipe, words, &lists).map_err(|e| AclError::at(e.index, e.message))?;
        if criterion.expr.fetch().name == "http_auth_group" {
            criterion.expr.fetch_args().require(recipe.keys(words, &lists));
        }
        Ok(Self { expr: criterion.expr, patterns })
    }

    /// Whether any of the expression's values matches.
    #[inline]
    pub fn holds(&self, scene: &Scene<'_>) -> Truth {
        let cursor = match self.expr.fetch().values {
            Values::One => Cursor::Single,
            Values::Many => Cursor::Nth(0),
        };
        match self.expr.eval_at(scene, cursor) {
            Fetched::NotYet => Truth::NotYet,
            Fetched::Absent => Truth::False,
            Fetched::Last(v) => Truth::of(self.matches(v)),
            Fetched::SoFar(v) => self.so_far(v),
            Fetched::Value(v) => match (self.matches(v), cursor) {
                (true, _) => Truth::True,
                (false, Cursor::Single) => Truth::False,
                (false, Cursor::Nth(_)) => self.holds_later(scene),
            },
        }
    }

    /// Whether any of the expression's values but the first matches.
    fn holds_later(&self, scene: &Scene<'_>) -> Truth {
        for n in 1.. {
            match self.expr.eval_at(scene, Cursor::Nth(n)) {
                Fetched::NotYet => return Truth::NotYet,
                Fetched::Absent => return Truth::False,
                Fetched::Last(v) => return Truth::of(self.matches(v)),
                Fetched::Value(v) => {
                    if self.matches(v) {
                        return Truth::True;
                    }
                }
                Fetched::SoFar(v) => return self.so_far(v),
            }
        }
        Truth::False
    }

    /// The result for a value that may change.
    fn so_far(&self, value: Sample<'_>) -> Truth {
        if self.matches(value) { Truth::True } else { Truth::NotYet }
    }

    #[inline]
    fn matches(&self, value: Sample<'_>) -> bool {
        self.patterns.tells(&value).unwrap_or_else(|| self.matches_as_wanted(value))
    }

    fn matches_as_wanted(&self, value: Sample<'_>) -> bool {
        value.cast(self.patterns.method().wants()).is_some_and(|v| self.patterns.matches(v))
    }
}

impl Criterion {
    /// An expression, or one of the older names that bring their method along.
    fn parse(text: &[u8], registry: &Registry) -> Result<Self, CompileError> {
        let mut tree = grammar::expr::parse(text)?;
        let name = Box::from(&*tree.fetch.name);
        let keyword = registry.find::<AclKeyword>(&tree.fetch.name);
        if let Some(keyword) = keyword {
            tree.fetch.name = keyword.fetch.into();
        }
        let expr = Expr::compile_as("ACL", &tree, registry)?;
        Ok(Self { expr, implied: keyword.map(|k| k.method), name })
    }

    /// What the writer of these words may not have meant.
    fn advise(&self, words: &[&[u8]], method: Method, advice: &mut Vec<String>) {
        if let [alone] = words
            && method.needs_patterns()
        {
            advice.push(format!(
                "acl criterion '{}' has no patterns and never matches: put '--' behind it if that is meant, \
                 '-m found' to match whatever exists, or '-m bool' to match any number but 0.",
                alone.escape_ascii()
            ));
        }
        if self.implied.is_some_and(|implied| implied != Method::Str && implied != method) {
            advice.push(format!("the matching method of '{}' is not applied: another one is.", self.name));
        }
    }
}

const NO_METHOD: &str = "matching method must be specified first (using '-m')";

/// In how many words behind the first one its converters go on. Those of older names stand in one word with them.
fn spread(words: &[&[u8]], registry: &Registry) -> usize {
    let name = |word: &&[u8]| {
        let end = word.iter().position(|b| matches!(b, b'(' | b',')).unwrap_or(word.len());
        String::from_utf8_lossy(&word[..end]).into_owned()
    };
    let Some((first, others)) = words.split_first() else { return 0 };
    if registry.find::<AclKeyword>(&name(first)).is_some() {
        return 0;
    }
    others.iter().take_while(|word| registry.find::<Converter>(&name(word)).is_some()).count()
}

/// Versions of TLS are written with a dot.
fn plain_versions(words: &[&[u8]]) -> Vec<Vec<u8>> {
    words.iter().map(|word| pattern::plain_versions(word)).collect()
}

/// A part of a condition that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    /// Where it stands in the line.
    pub span: Span,
    /// What is wrong.
    pub message: String,
}

impl ConditionError {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }
}

/// A condition: alternatives of terms that must all hold, behind `if` or `unless`.
#[derive(Debug)]
pub struct Condition {
    when: When,
    alternatives: SmallVec<[SmallVec<[CompiledTerm; 1]>; 1]>,
}

/// What conditions are compiled with.
struct Compiler<'c, 'w> {
    words: &'c [Word<'w>],
    acls: &'c mut Acls,
    registry: &'c Registry,
    advice: &'c mut Vec<String>,
}

#[derive(Debug)]
struct CompiledTerm {
    sense: Sense,
    /// The name of its ACL; an anonymous one has none.
    name: Option<Box<str>>,
    tests: SmallVec<[Arc<Test>; 1]>,
}

impl CompiledTerm {
    fn contexts(&self) -> Contexts {
        self.tests.iter().fold(Contexts(0), |all, test| all.or(test.expr.contexts()))
    }
}

impl Condition {
    /// Compiles the words `if ...` or `unless ...`; what the writer may not have meant goes to `advice`.
    pub fn parse(
        words: &[Word<'_>],
        acls: &mut Acls,
        registry: &Registry,
        advice: &mut Vec<String>,
    ) -> Result<Self, ConditionError> {
        let Some((first, words)) = words.split_first() else {
            return Err(ConditionError::new(Span::at(0), "condition expected"));
        };
        let when = When::read(first.bytes())
            .ok_or_else(|| ConditionError::new(first.span(), "'if' or 'unless' expected"))?;
        let tree = condition::parse(words).map_err(|e| ConditionError::new(e.span, e.message))?;
        let mut alternatives = SmallVec::with_capacity(tree.alternatives.len());
        let mut compiler = Compiler { words, acls, registry, advice };
        for terms in &tree.alternatives {
            let terms = terms.iter().map(|term| compiler.term(term));
            alternatives.push(terms.collect::<Result<SmallVec<_>, _>>()?);
        }
        Ok(Self { when, alternatives })
    }

    /// Why the condition has a term that never holds at any of these points: what the term is called and what it
    /// uses. The point's name is for the message.
    pub fn conflict(&self, within: Contexts, point: &str) -> Option<String> {
        let term = self.alternatives.iter().flatten().find(|t| !t.contexts().meets(within))?;
        Some(match (&term.name, term.tests.first()) {
            (None, Some(test)) => format!(
                "anonymous acl will never match because it uses keyword '{}' which is incompatible with '{point}'",
                test.expr.fetch().name
            ),
            (name, _) => format!(
                "acl '{}' will never match because it only involves keywords that are incompatible with '{point}'",
                name.as_deref().unwrap_or_default()
            ),
        })
    }

    /// Whether it looks at bytes that have no meaning where there is HTTP.
    pub fn looks_at_bytes(&self) -> bool {
        let mut tests = self.alternatives.iter().flatten().flat_map(|term| &term.tests);
        tests.any(|test| test.expr.looks_at_bytes())
    }

    /// The only test of a condition that has no other, and what its result means.
    pub(crate) fn alone(&self) -> Option<(Arc<Test>, Sense)> {
        let [terms] = &self.alternatives[..] else { return None };
        let [term] = &terms[..] else { return None };
        let [test] = &term.tests[..] else { return None };
        let negated = (self.when == When::Fails) != (term.sense == Sense::Negated);
        Some((test.clone(), if negated { Sense::Negated } else { Sense::Direct }))
    }

    /// Whether the condition lets its rule apply.
    pub fn holds(&self, scene: &Scene<'_>) -> Truth {
        let result = one_holds(&self.alternatives, scene);
        match self.when {
            When::Holds => result,
            When::Fails => result.negated(),
        }
    }
}

fn one_holds(alternatives: &[SmallVec<[CompiledTerm; 1]>], scene: &Scene<'_>) -> Truth {
    let mut result = Truth::False;
    for terms in alternatives {
        match all_hold(terms, scene) {
            Truth::True => return Truth::True,
            Truth::NotYet => result = Truth::NotYet,
            Truth::False => {}
        }
    }
    result
}

#[inline]
fn all_hold(terms: &[CompiledTerm], scene: &Scene<'_>) -> Truth {
    let mut result = Truth::True;
    for term in terms {
        match any_holds(&term.tests, scene).in_sense(term.sense) {
            Truth::True => {}
            Truth::NotYet => result = Truth::NotYet,
            Truth::False => return Truth::False,
        }
    }
    result
}

#[inline]
fn any_holds(tests: &[Arc<Test>], scene: &Scene<'_>) -> Truth {
    let mut result = Truth::False;
    for test in tests {
        match test.holds(scene) {
            Truth::True => return Truth::True,
            Truth::NotYet => result = Truth::NotYet,
            Truth::False => {}
        }
    }
    result
}

impl Compiler<'_, '_> {
    fn term(&mut self, term: &Term) -> Result<CompiledTerm, ConditionError> {
        let (name, tests) = match &term.test {
            condition::Test::Named(name) => {
                let tests = match self.acls.get(name) {
                    Some(tests) => tests,
                    None => self.predefined(name, term.span)?,
                };
                (Some(Box::from(&**name)), tests)
            }
            condition::Test::Anonymous(range) => {
                let inner: Vec<&[u8]> = self.words[range.clone()].iter().map(Word::bytes).collect();
                let test = Test::parse(&inner, self.registry, self.advice).map_err(|e| {
                    let word = self.words.get(range.start + e.word);
                    let span = word.map_or(term.span, |w| e.part.map_or(w.span(), |p| w.source(p)));
                    ConditionError::new(span, e.message)
                })?;
                (None, vec![Arc::new(test)])
            }
        };
        Ok(CompiledTerm { sense: term.sense, name, tests: tests.into() })
    }

    fn predefined(&mut self, name: &str, span: Span) -> Result<Vec<Arc<Test>>, ConditionError> {
        let Some(acl) = self.registry.find::<PredefinedAcl>(name) else {
            return Err(ConditionError::new(span, format!("no such ACL : '{name}'")));
        };
        let words: Vec<&[u8]> = acl.words.iter().map(|w| w.as_bytes()).collect();
        let test = Test::parse(&words, self.registry, self.advice);
        // From here on the proxy has it, as if it had defined it here.
        self.acls.define(name, test.map_err(|e| ConditionError::new(span, e.message))?);
        Ok(self.acls.get(name).unwrap_or_default())
    }
}

/// What the names of ACLs mean in expressions.
pub static LOOKUPS: &[Lookup] = &[Lookup { name: "ACL", kind: Kind::Acl, find: named }];

/// The tests of an ACL, asked from within an expression.
#[derive(Debug)]
struct Named(Vec<Arc<Test>>);

impl Predicate for Named {
    fn holds(&self, scene: &Scene<'_>) -> Option<bool> {
        match any_holds(&self.0, scene) {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::NotYet => None,
        }
    }
}

/// The ACL of this name, as far as the section has declared it, or the predefined one.
fn named(draft: &Draft, target: Target, registry: &Registry, name: &str) -> Option<Found> {
    let name = name.strip_prefix('!').unwrap_or(name);
    let own = match target {
        Target::Proxy(i) => draft.proxies[i].slots.get::<Acls>().and_then(|acls| acls.get(name)),
        Target::Global | Target::Section(_) => None,
    };
    let tests = match (own, registry.find::<PredefinedAcl>(name)) {
        (Some(tests), _) => tests,
        (None, Some(acl)) => {
            let words: Vec<&[u8]> = acl.words.iter().map(|w| w.as_bytes()).collect();
            vec![Arc::new(Test::parse(&words, registry, &mut Vec::new()).ok()?)]
        }
        (None, None) => return None,
    };
    Some(Found::Thing(Arc::new(conditions::Criterion(Box::new(Named(tests))))))
}
