//! ACLs and the conditions made of them (configuration manual, section 7).

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
use lang::fetches::conditions::{Criterion, Predicate};
use lang::{CompileError, Contexts, Cursor, Expr, Fetched, Sample, Scene};
use pattern::{Case, Method, Patterns};

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
}

/// One test: an expression and the patterns that its value is compared with.
#[derive(Debug)]
pub struct Test {
    expr: Expr,
    patterns: Patterns,
}

/// The ACLs of a proxy by name; several lines of one name are alternatives.
#[derive(Clone, Debug, Default)]
pub struct Acls(HashMap<Box<str>, Vec<Arc<Test>>>);

impl Setting for Acls {}

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
    /// Reads `criterion [flags] [operator] values`.
    pub fn parse(words: &[&[u8]], registry: &Registry) -> Result<Self, AclError> {
        let Some(criterion) = words.first() else {
            return Err(AclError::at(0, "missing fetch keyword"));
        };
        let (expr, implied) = Self::criterion(criterion, registry).map_err(|e| AclError {
            word: 0,
            part: Some(e.span),
            message: e.message,
        })?;
        let flags = Flags::parse(words)?;
        let method = flags.method.or(implied).or_else(|| Method::default_for(expr.out()));
        let Some(method) = method else {
            return Err(AclError::at(0, "matching method must be specified first (using '-m')"));
        };
        if !expr.out().casts_to(method.wants()) {
            return Err(AclError::at(0, format!("cannot match '{}' with this method", expr.fetch().name)));
        }
        let mut values: Vec<&[u8]> = words[flags.end..].to_vec();
        let from_files: Vec<Vec<u8>> = flags.file_lines()?;
        values.extend(from_files.iter().map(Vec::as_slice));
        let versions: Vec<Vec<u8>>;
        if matches!(*criterion, b"req.ssl_ver" | b"req_ssl_ver") {
            versions = values.iter().map(|value| version(value)).collect();
            values = versions.iter().map(Vec::as_slice).collect();
        }
        let patterns = Patterns::build(method, flags.case, &values)
            .map_err(|e| AclError::at(flags.end + e.index, e.message))?;
        Ok(Self { expr, patterns })
    }

    /// An expression, or one of the older names that bring their method along.
    fn criterion(text: &[u8], registry: &Registry) -> Result<(Expr, Option<Method>), CompileError> {
        let mut tree = grammar::expr::parse(text)?;
        let keyword = registry.find::<AclKeyword>(&tree.fetch.name);
        if let Some(keyword) = keyword {
            tree.fetch.name = keyword.fetch.into();
        }
        let expr = Expr::compile_as("ACL", &tree, registry)?;
        // With converters the older name means its fetch only.
        let implied = keyword.filter(|_| tree.converters.is_empty()).map(|k| k.method);
        Ok((expr, implied))
    }

    /// Whether any of the expression's values matches.
    pub fn holds(&self, scene: &Scene<'_>) -> Truth {
        if self.expr.fetch().values == Values::One {
            return self.one(scene, Cursor::Single).unwrap_or(Truth::False);
        }
        for n in 0.. {
            match self.one(scene, Cursor::Nth(n)) {
                None => return Truth::False,
                Some(Truth::False) => {}
                Some(decided) => return decided,
            }
        }
        Truth::False
    }

    /// The result for one value; `None` when there is no such value.
    fn one(&self, scene: &Scene<'_>, cursor: Cursor) -> Option<Truth> {
        match self.expr.eval_at(scene, cursor) {
            Fetched::NotYet => Some(Truth::NotYet),
            Fetched::Absent => None,
            Fetched::Value(v) => Some(Truth::of(self.matches(v))),
            Fetched::SoFar(v) => Some(if self.matches(v) { Truth::True } else { Truth::NotYet }),
        }
    }

    fn matches(&self, value: Sample<'_>) -> bool {
        value.cast(self.patterns.method().wants()).is_some_and(|v| self.patterns.matches(v))
    }
}

/// Versions of protocols with a dot in them, ranges of them too, as the numbers that they are compared with.
fn version(value: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    let number = |part: &str| {
        let parts = part.split_once('.');
        let both = parts.and_then(|(major, minor)| major.parse::<u16>().ok().zip(minor.parse::<u16>().ok()));
        both.map_or(part.to_owned(), |(major, minor)| (u32::from(major) << 16 | u32::from(minor)).to_string())
    };
    text.split(':').map(number).collect::<Vec<_>>().join(":").into_bytes()
}

/// The flags between criterion and values.
struct Flags<'w> {
    method: Option<Method>,
    case: Case,
    files: Vec<(usize, &'w [u8])>,
    end: usize,
}

impl<'w> Flags<'w> {
    fn parse(words: &[&'w [u8]]) -> Result<Self, AclError> {
        let mut flags = Self { method: None, case: Case::Sensitive, files: Vec::new(), end: 1 };
        while let Some(word) = words.get(flags.end).filter(|w| w.first() == Some(&b'-')) {
            let at = flags.end;
            flags.end += 1;
            match *word {
                b"-i" => flags.case = Case::Insensitive,
                b"-n" => {}
                b"--" => break,
                b"-m" => {
                    let name = flags.value(words, "-m", "a matching method")?;
                    let name = String::from_utf8_lossy(name);
                    let method = Method::find(&name);
                    flags.method = Some(method.ok_or_else(|| {
                        AclError::at(at + 1, format!("unknown matching method '{name}' after '-m'"))
                    })?);
                }
                b"-f" => {
                    let file = flags.value(words, "-f", "a file name")?;
                    flags.files.push((at + 1, file));
                }
                // A negative number is a value.
                w if w.len() > 1 && w[1].is_ascii_digit() => {
                    flags.end = at;
                    break;
                }
                w => {
                    return Err(AclError::at(
                        at,
                        format!("'{}' is not a flag that is supported here", String::from_utf8_lossy(w)),
                    ));
                }
            }
        }
        Ok(flags)
    }

    fn value(&mut self, words: &[&'w [u8]], flag: &str, what: &str) -> Result<&'w [u8], AclError> {
        let value = words
            .get(self.end)
            .ok_or_else(|| AclError::at(self.end - 1, format!("'{flag}' expects {what}")))?;
        self.end += 1;
        Ok(value)
    }

    /// The patterns of all files: one a line, without blank lines and comments.
    fn file_lines(&self) -> Result<Vec<Vec<u8>>, AclError> {
        let mut lines = Vec::new();
        for (word, file) in &self.files {
            let name = String::from_utf8_lossy(file);
            let content = std::fs::read(name.as_ref())
                .map_err(|e| AclError::at(*word, format!("failed to open pattern file <{name}>: {e}")))?;
            for line in content.split(|b| *b == b'\n') {
                let line = line.trim_ascii_start();
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if !line.is_empty() && !line.starts_with(b"#") {
                    lines.push(line.to_vec());
                }
            }
        }
        Ok(lines)
    }
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
    alternatives: Vec<Vec<CompiledTerm>>,
}

#[derive(Debug)]
struct CompiledTerm {
    sense: Sense,
    /// The name of its ACL; an anonymous one has none.
    name: Option<Box<str>>,
    tests: Vec<Arc<Test>>,
}

impl CompiledTerm {
    fn contexts(&self) -> Contexts {
        self.tests.iter().fold(Contexts(0), |all, test| all.or(test.expr.contexts()))
    }
}

impl Condition {
    /// Compiles the words `if ...` or `unless ...`.
    pub fn parse(words: &[Word<'_>], acls: &Acls, registry: &Registry) -> Result<Self, ConditionError> {
        let Some((first, words)) = words.split_first() else {
            return Err(ConditionError::new(Span::at(0), "condition expected"));
        };
        let when = When::read(first.bytes())
            .ok_or_else(|| ConditionError::new(first.span(), "'if' or 'unless' expected"))?;
        let tree = condition::parse(words).map_err(|e| ConditionError::new(e.span, e.message))?;
        let mut alternatives = Vec::with_capacity(tree.alternatives.len());
        for terms in &tree.alternatives {
            let compiled = terms.iter().map(|t| compile_term(t, words, acls, registry));
            alternatives.push(compiled.collect::<Result<Vec<_>, _>>()?);
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

    /// Whether the condition lets its rule apply.
    pub fn holds(&self, scene: &Scene<'_>) -> Truth {
        let mut result = Truth::False;
        for terms in &self.alternatives {
            match all_hold(terms, scene) {
                Truth::True => {
                    result = Truth::True;
                    break;
                }
                Truth::NotYet => result = Truth::NotYet,
                Truth::False => {}
            }
        }
        match self.when {
            When::Holds => result,
            When::Fails => result.negated(),
        }
    }
}

fn all_hold(terms: &[CompiledTerm], scene: &Scene<'_>) -> Truth {
    let mut result = Truth::True;
    for term in terms {
        let truth = any_holds(&term.tests, scene);
        match if term.sense == Sense::Negated { truth.negated() } else { truth } {
            Truth::True => {}
            Truth::NotYet => result = Truth::NotYet,
            Truth::False => return Truth::False,
        }
    }
    result
}

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

fn compile_term(
    term: &Term,
    words: &[Word<'_>],
    acls: &Acls,
    registry: &Registry,
) -> Result<CompiledTerm, ConditionError> {
    let (name, tests) = match &term.test {
        condition::Test::Named(name) => {
            let tests = match acls.get(name) {
                Some(tests) => tests,
                None => predefined(name, term.span, registry)?,
            };
            (Some(Box::from(&**name)), tests)
        }
        condition::Test::Anonymous(range) => {
            let inner: Vec<&[u8]> = words[range.clone()].iter().map(Word::bytes).collect();
            let test = Test::parse(&inner, registry).map_err(|e| {
                let word = words.get(range.start + e.word);
                let span = word.map_or(term.span, |w| e.part.map_or(w.span(), |p| w.source(p)));
                ConditionError::new(span, e.message)
            })?;
            (None, vec![Arc::new(test)])
        }
    };
    Ok(CompiledTerm { sense: term.sense, name, tests })
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
    let tests = own.or_else(|| predefined(name, Span::at(0), registry).ok())?;
    Some(Found::Thing(Arc::new(Criterion(Box::new(Named(tests))))))
}

fn predefined(name: &str, span: Span, registry: &Registry) -> Result<Vec<Arc<Test>>, ConditionError> {
    let Some(acl) = registry.find::<PredefinedAcl>(name) else {
        return Err(ConditionError::new(span, format!("no such ACL : '{name}'")));
    };
    let words: Vec<&[u8]> = acl.words.iter().map(|w| w.as_bytes()).collect();
    Test::parse(&words, registry).map(|t| vec![Arc::new(t)]).map_err(|e| ConditionError::new(span, e.message))
}
