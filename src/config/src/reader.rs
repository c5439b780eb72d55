//! Reads files into the draft, logical line by logical line, so that an error in one does not hide the next.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use base::registry::{Entry, Registry};
use grammar::conditional::{Blocks, Facts, Level, Step};
use grammar::line::{Line, Reader as Lines, Word};
use grammar::span::SyntaxError;

use crate::diagnostic::{Diagnostics, Excerpt, Message, Place, Severity};
use crate::directive::{Arity, Directive, Lookup, Prefix, Refusal, Section, Sense, Statement, Target};
use crate::draft::{Draft, Mode, PlacedReference, ProxyDraft, ProxyKind, SectionDraft};
use crate::environment::Environment;
use crate::slot::Slots;

/// What variables in a line stand for.
struct Surroundings<'d> {
    draft: &'d Draft,
    target: Option<Target>,
}

impl grammar::line::Environment for Surroundings<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.draft.environment.get(name).map(|v| Cow::Borrowed(v.as_bytes()))
    }

    fn section(&self) -> Cow<'_, [u8]> {
        let (name, kind): (&str, &str) = match self.target {
            None => ("", ""),
            Some(Target::Global) => ("", "global"),
            Some(Target::Proxy(i)) => (&self.draft.proxies[i].name, self.draft.proxies[i].kind.name()),
            Some(Target::Section(i)) => (&self.draft.sections[i].name, self.draft.sections[i].kind),
        };
        Cow::Borrowed(if name.is_empty() { kind } else { name }.as_bytes())
    }
}

/// What conditional blocks may ask: of the program, and of the environment as the lines before have left it.
struct DraftFacts<'d> {
    program: &'d dyn Facts,
    environment: &'d Environment,
}

impl Facts for DraftFacts<'_> {
    fn is_defined(&self, name: &str) -> bool {
        self.environment.get(name).is_some()
    }

    fn has_feature(&self, name: &str) -> bool {
        self.program.has_feature(name)
    }

    fn is_enabled(&self, name: &str) -> bool {
        self.program.is_enabled(name)
    }

    fn version(&self) -> &str {
        self.program.version()
    }

    fn tls_library(&self) -> Option<&str> {
        self.program.tls_library()
    }

    fn openssl_version(&self) -> Option<&str> {
        self.program.openssl_version()
    }

    fn awslc_api(&self) -> Option<u32> {
        self.program.awslc_api()
    }

    fn is_fips(&self) -> bool {
        self.program.is_fips()
    }
}

/// A section that is neither `global` nor a proxy.
pub struct SectionKind {
    /// Its keyword.
    pub name: &'static str,
    /// Whether a name must follow it.
    pub named: Naming,
    /// The section of the configuration manual that describes it.
    pub manual: &'static str,
}

/// Whether a section has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// It must have one.
    Required,
    /// It may have one.
    Optional,
    /// It has none.
    None,
}

impl Entry for SectionKind {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// Takes over the names that a line has left to be looked up, and looks up what is known already. Tells of one that
/// should be known, and is not.
fn look_up(draft: &mut Draft, registry: &Registry, target: Target, place: &Place) -> Option<String> {
    let mut unknown = None;
    for reference in registry.take_references() {
        if let Some(lookup) = registry.all::<Lookup>().iter().find(|l| l.kind == reference.kind()) {
            if let Some(found) = (lookup.find)(draft, target, registry, reference.name()) {
                reference.resolve(found);
            } else {
                unknown = Some(format!("{} '{}' not found in {reference}.", lookup.name, reference.name()));
            }
        }
        draft.references.push(PlacedReference { reference, target, place: place.clone() });
    }
    unknown
}

/// Reads configuration files, one after the other, into one draft.
pub struct Reader<'r> {
    registry: &'r Registry,
    facts: &'r dyn Facts,
    draft: Draft,
    diagnostics: Diagnostics,
    target: Option<Target>,
    /// The `defaults` section that the next proxies inherit from.
    defaults: Option<usize>,
    /// Names of sections whose keyword was refused: their lines are skipped, not complained about.
    skipping: bool,
    /// First words of keywords that have several, for better messages.
    families: HashSet<&'static str>,
    watcher: Option<Watcher<'r>>,
}

/// Sees every logical line that is not empty, before it is read.
pub type Watcher<'r> = Box<dyn FnMut(&Line<'_>) + 'r>;

impl<'r> Reader<'r> {
    /// A reader over these tables; `facts` answers the predicates of conditional blocks.
    pub fn new(registry: &'r Registry, facts: &'r dyn Facts, draft: Draft) -> Self {
        let families = registry
            .all::<Directive>()
            .iter()
            .filter_map(|d| d.name.split_once(' ').map(|(first, _)| first))
            .collect();
        Self {
            registry,
            facts,
            draft,
            diagnostics: Diagnostics::default(),
            target: None,
            defaults: None,
            skipping: false,
            families,
            watcher: None,
        }
    }

    /// Lets somebody see the lines.
    pub fn watch(&mut self, watcher: Watcher<'r>) {
        self.watcher = Some(watcher);
    }

    /// The draft so far.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Reads one file.
    pub fn read(&mut self, name: &str, content: &[u8]) {
        let file: Arc<str> = Arc::from(name);
        self.registry.enter(&file);
        let mut lines = Lines::new(name, content);
        let mut blocks = Blocks::new();
        while let Some(next) = lines.next_line(&Surroundings { draft: &self.draft, target: self.target }) {
            match next {
                Ok(line) => {
                    let place = Place { file: file.clone(), line: line.number };
                    self.line(&line, place, &mut blocks);
                }
                Err(e) => {
                    let place = Place { file: file.clone(), line: e.number };
                    self.syntax(place, e.error, e.text);
                }
            }
        }
        if let Err((line, e)) = blocks.finish() {
            self.syntax(Place { file, line }, e, b"");
        }
    }

    /// Ends the reading: runs the checks of all rooms over the draft.
    pub fn finish(mut self) -> (Draft, Diagnostics) {
        if !self.diagnostics.has_errors() {
            for check in self.registry.all::<crate::Check>() {
                (check.run)(&mut self.draft, self.registry, &mut self.diagnostics);
            }
        }
        self.draft.wishes = self.registry.take_wishes();
        (self.draft, self.diagnostics)
    }

    /// What was said so far, for printing while reading goes on.
    pub fn diagnostics(&mut self) -> &mut Diagnostics {
        &mut self.diagnostics
    }

    fn push(&mut self, severity: Severity, place: Place, text: String, excerpt: Option<Excerpt>) {
        self.diagnostics.push(Message { severity, place: Some(place), text, excerpt });
    }

    fn syntax(&mut self, place: Place, e: SyntaxError, line: &[u8]) {
        let excerpt = (!line.is_empty()).then(|| Excerpt { source: lossy(line).into_owned(), span: e.span });
        let hint = e.hint.map(|h| format!(" ({h})")).unwrap_or_default();
        self.push(Severity::Alert, place, format!("{}{hint}.", e.message), excerpt);
    }

    fn line(&mut self, line: &Line<'_>, place: Place, blocks: &mut Blocks) {
        if let Some(watcher) = &mut self.watcher {
            watcher(line);
        }
        match blocks.next(line, &DraftFacts { program: self.facts, environment: &self.draft.environment }) {
            Ok(Step::Content) => {}
            Ok(Step::Skipped | Step::Directive) => return,
            Ok(Step::Report(level, text)) => {
                let severity = match level {
                    Level::Diagnostic => Severity::Diag,
                    Level::Notice => Severity::Notice,
                    Level::Warning => Severity::Warning,
                    Level::Alert => Severity::Alert,
                };
                return self.push(severity, place, format!("'{}'.", text.lossy()), None);
            }
            Err(e) => return self.syntax(place, e, line.text),
        }
        self.registry.advance(place.line as usize);
        // A variable that may be empty makes a line that may be absent.
        if line.words.first().is_some_and(|word| word.bytes().is_empty()) {
            return;
        }
        let source = lossy(line.text);
        if let Some(empty) = line.words.iter().skip(1).position(|word| word.bytes().is_empty()) {
            return self.empty_argument(empty + 1, &line.words, place, &source);
        }
        if self.open_section(&line.words, &place, &source) || self.skipping {
            return;
        }
        self.statement(&line.words, place, &source);
    }

    /// Older versions took an empty argument for the end of the line, and passed over what followed.
    fn empty_argument(&mut self, number: usize, words: &[Word<'_>], place: Place, source: &str) {
        let position = words[number].span().start + 2;
        let text = format!(
            "argument number {number} at position {position} is empty and marks the end of the argument list. What follows would be passed over; a variable that is not set may be the reason."
        );
        self.push(Severity::Alert, place, text, excerpt_of(words.get(number), source));
    }

    /// Starts a section if the line does.
    fn open_section(&mut self, words: &[Word<'_>], place: &Place, source: &str) -> bool {
        let opened = match words[0].bytes() {
            b"global" => Ok(Target::Global),
            b"defaults" => self.open_proxy(ProxyKind::Defaults, words, place),
            b"frontend" => self.open_proxy(ProxyKind::Frontend, words, place),
            b"backend" => self.open_proxy(ProxyKind::Backend, words, place),
            b"listen" => self.open_proxy(ProxyKind::Listen, words, place),
            other => {
                let name = String::from_utf8_lossy(other);
                match self.registry.find::<SectionKind>(&name) {
                    Some(kind) => self.open_other(kind, words, place),
                    None => return false,
                }
            }
        };
        match opened {
            Ok(target) => {
                self.target = Some(target);
                self.skipping = false;
            }
            Err(refusal) => {
                let excerpt = refusal
                    .word
                    .and_then(|w| words.get(w))
                    .map(|w| Excerpt { source: source.to_owned(), span: w.span() });
                self.push(Severity::Alert, place.clone(), refusal.message, excerpt);
                self.skipping = true;
            }
        }
        true
    }

    fn open_other(
        &mut self,
        kind: &'static SectionKind,
        words: &[Word<'_>],
        place: &Place,
    ) -> Result<Target, Refusal> {
        let name = words.get(1).map_or(Cow::Borrowed(""), |w| String::from_utf8_lossy(w.bytes()));
        match kind.named {
            Naming::Required if name.is_empty() => {
                return Err(Refusal::new(format!("'{}' expects a name as its first argument.", kind.name)));
            }
            Naming::None if !name.is_empty() => {
                return Err(at_word(1, format!("'{}' expects no argument.", kind.name)));
            }
            Naming::Optional if words.len() > 2 => {
                return Err(at_word(2, format!("'{}' expects nothing behind its name.", kind.name)));
            }
            _ => {}
        }
        self.draft.sections.push(SectionDraft {
            kind: kind.name,
            name: Arc::from(name.as_ref()),
            place: place.clone(),
            slots: Slots::default(),
        });
        Ok(Target::Section(self.draft.sections.len() - 1))
    }

    fn open_proxy(&mut self, kind: ProxyKind, words: &[Word<'_>], place: &Place) -> Result<Target, Refusal> {
        let (name, from) = section_arguments(kind, words)?;
        self.check_name(kind, &name, place)?;
        let base = match from {
            Some(from) => Some(self.named_defaults(&from)?),
            None if kind == ProxyKind::Defaults => None,
            None => self.defaults,
        };
        let (mode, slots) = match base.map(|i| &self.draft.proxies[i]) {
            Some(base) => (base.mode, base.slots.inherited()),
            None => (Mode::default(), Slots::default()),
        };
        let index = self.draft.add_proxy(ProxyDraft {
            name: Arc::from(name),
            kind,
            place: place.clone(),
            mode,
            id: None,
            defaults: base,
            slots,
        });
        if kind == ProxyKind::Defaults {
            self.defaults = Some(index);
        }
        Ok(Target::Proxy(index))
    }

    /// A name must be made of the allowed characters and be new among its kind.
    fn check_name(&mut self, kind: ProxyKind, name: &str, place: &Place) -> Result<(), Refusal> {
        if let Some(bad) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.:".contains(*c)) {
            return Err(at_word(
                1,
                format!("character '{bad}' is not permitted in '{}' name '{name}'.", kind.name()),
            ));
        }
        if kind == ProxyKind::Defaults {
            return Ok(());
        }
        let clash = self.draft.named(name).find(|(_, p)| p.kind != ProxyKind::Defaults);
        let Some((_, other)) = clash else { return Ok(()) };
        let (title, at) = (other.kind.title(), other.place.clone());
        let overlap = (kind.has_frontend() && other.kind.has_frontend())
            || (kind.has_backend() && other.kind.has_backend());
        let text = format!(
            "{} '{name}' has the same name as {title} '{name}' declared at {}:{}",
            kind.title(),
            at.file,
            at.line
        );
        if overlap {
            return Err(at_word(1, format!("{text}.")));
        }
        // 2.x told a frontend and a backend of one name apart; which one is meant stays clear everywhere.
        let text = format!("{text}. This is accepted, but one of them should be renamed.");
        self.diagnostics.warning_at(place, text);
        Ok(())
    }

    fn named_defaults(&self, name: &str) -> Result<usize, Refusal> {
        let mut found = self.draft.named(name).filter(|(_, p)| p.kind == ProxyKind::Defaults);
        match (found.next(), found.next()) {
            (Some((i, _)), None) => Ok(i),
            (Some(_), Some(_)) => Err(at_word(
                3,
                format!("ambiguous 'from': there are several defaults sections named '{name}'."),
            )),
            (None, _) => Err(at_word(3, format!("defaults section '{name}' not found."))),
        }
    }

    fn statement(&mut self, words: &[Word<'_>], place: Place, source: &str) {
        let (sense, words) = split_prefix(words);
        let Some(target) = self.target else {
            let text = format!("unknown keyword '{}' out of section.", first_of(words));
            return self.push(Severity::Alert, place, text, excerpt_of(words.first(), source));
        };
        let (directive, keyword_words) = match self.find(words, target) {
            Ok(found) => found,
            Err(text) => return self.push(Severity::Alert, place, text, excerpt_of(words.first(), source)),
        };
        let mut statement = Statement {
            words,
            keyword_words,
            sense,
            place: place.clone(),
            source,
            draft: &mut self.draft,
            target,
            registry: self.registry,
            diagnostics: &mut self.diagnostics,
        };
        let outcome = check_form(directive, &statement).and_then(|()| (directive.parse)(&mut statement));
        let unknown = look_up(statement.draft, self.registry, target, &place);
        if let Err(refusal) = outcome {
            let excerpt = statement.excerpt(&refusal).or_else(|| excerpt_of(words.first(), source));
            self.push(Severity::Alert, place, refusal.message, excerpt);
        } else if let Some(text) = unknown {
            self.push(Severity::Alert, place, text, None);
        }
    }

    /// The directive that a line means, with the number of words of its name; the longest name wins.
    fn find(&self, words: &[Word<'_>], target: Target) -> Result<(&'static Directive, usize), String> {
        let mut elsewhere = None;
        for n in (1..=words.len().min(3)).rev() {
            let name = joined(&words[..n]);
            let named = self.registry.named::<Directive>(&name);
            // The last word of a name may have an argument of its own.
            let general = name.split_once('(').filter(|(_, argument)| !argument.contains(' '));
            let general = general.map(|(general, _)| format!("{general}(*)"));
            let general = general.map_or(&[][..], |general| self.registry.named::<Directive>(&general));
            for directive in named.iter().chain(general) {
                if self.allowed(directive, target) {
                    return Ok((directive, n));
                }
                elsewhere = elsewhere.or(Some(*directive));
            }
        }
        Err(self.unknown(words, target, elsewhere))
    }

    fn allowed(&self, directive: &Directive, target: Target) -> bool {
        match (directive.section, target) {
            (Section::Global, Target::Global) => true,
            (Section::Proxy(sections), Target::Proxy(i)) => {
                let proxy = &self.draft.proxies[i];
                sections.contains(proxy.kind)
                    && !(proxy.kind == ProxyKind::Defaults
                        && proxy.name.is_empty()
                        && sections.needs_named_defaults())
            }
            (Section::Other(kind), Target::Section(i)) => self.draft.sections[i].kind == kind,
            _ => false,
        }
    }

    fn unknown(&self, words: &[Word<'_>], target: Target, elsewhere: Option<&'static Directive>) -> String {
        let section = match target {
            Target::Global => "global",
            Target::Proxy(i) => self.draft.proxies[i].kind.name(),
            Target::Section(i) => self.draft.sections[i].kind,
        };
        let first = first_of(words);
        if let Some(directive) = elsewhere {
            let named = matches!(directive.section, Section::Proxy(s) if section == "defaults" && s.needs_named_defaults());
            let hint = if named { " (it needs a named one)" } else { "" };
            return format!("'{}' not allowed in '{section}' section{hint}.", directive.name);
        }
        let written = if self.families.contains(first.as_ref()) {
            joined(&words[..words.len().min(2)])
        } else {
            first.into_owned()
        };
        let candidates =
            self.registry.all::<Directive>().iter().filter(|d| self.allowed(d, target)).map(|d| d.name);
        match base::registry::nearest(&written, candidates) {
            Some(like) => {
                format!("unknown keyword '{written}' in '{section}' section; did you mean '{like}' maybe ?")
            }
            None => format!("unknown keyword '{written}' in '{section}' section"),
        }
    }
}

/// Name and `from` of a proxy section's line.
fn section_arguments(kind: ProxyKind, words: &[Word<'_>]) -> Result<(String, Option<String>), Refusal> {
    let text = |i: usize| words.get(i).map(|w| String::from_utf8_lossy(w.bytes()).into_owned());
    let anonymous = kind == ProxyKind::Defaults;
    let (name, next) = match text(1) {
        Some(word) if anonymous && word == "from" => (String::new(), 1),
        Some(word) if !word.is_empty() => (word, 2),
        _ if anonymous => (String::new(), 1),
        _ => {
            return Err(Refusal::new(format!(
                "'{}' expects an <id> argument and optionally supports 'from <defaults>'.",
                kind.name()
            )));
        }
    };
    match text(next).as_deref() {
        None => Ok((name, None)),
        Some("from") => match text(next + 1) {
            Some(from) if words.len() == next + 2 => Ok((name, Some(from))),
            Some(_) => {
                Err(at_word(next + 2, format!("'{}' takes nothing after 'from <defaults>'.", kind.name())))
            }
            None => Err(at_word(next, "'from' expects the name of a defaults section.".to_owned())),
        },
        Some(other) => {
            Err(at_word(next, format!("'{}' cannot handle unexpected argument '{other}'.", kind.name())))
        }
    }
}

fn check_form(directive: &Directive, statement: &Statement<'_>) -> Result<(), Refusal> {
    let name = directive.name;
    match (statement.sense, directive.prefix) {
        (Sense::Set, _)
        | (Sense::No, Prefix::No | Prefix::NoDefault)
        | (Sense::Default, Prefix::NoDefault) => {}
        (Sense::No, _) => return Err(Refusal::new(format!("negation is not supported for '{name}'."))),
        (Sense::Default, _) => return Err(Refusal::new(format!("'default' is not supported for '{name}'."))),
    }
    let got = statement.args();
    let (least, most) = match directive.arity {
        Arity::None => (0, 0),
        Arity::Exactly(n) => (n, n),
        Arity::Between(a, b) => (a, b),
        Arity::AtLeast(n) => (n, usize::MAX),
    };
    if got < least && statement.sense == Sense::Set {
        let what = if least == 1 { "an argument".to_owned() } else { format!("{least} arguments") };
        return Err(Refusal::new(format!("'{name}' expects {what}.")));
    }
    if got > most {
        let extra = statement.arg(most);
        let message = if most == 0 {
            format!("'{name}' cannot handle unexpected argument '{extra}'.")
        } else {
            format!("'{name}' cannot handle unexpected argument '{extra}' : it takes {most} at most.")
        };
        return Err(statement.refuse(most, message));
    }
    Ok(())
}

fn split_prefix<'w, 'f>(words: &'w [Word<'f>]) -> (Sense, &'w [Word<'f>]) {
    match words.first().map(Word::bytes) {
        Some(b"no") if words.len() > 1 => (Sense::No, &words[1..]),
        Some(b"default") if words.len() > 1 => (Sense::Default, &words[1..]),
        _ => (Sense::Set, words),
    }
}

fn at_word(word: usize, message: String) -> Refusal {
    Refusal { message, word: Some(word), part: None }
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn first_of<'w>(words: &'w [Word<'_>]) -> Cow<'w, str> {
    words.first().map_or(Cow::Borrowed(""), Word::lossy)
}

fn joined(words: &[Word<'_>]) -> String {
    let parts: Vec<_> = words.iter().map(|w| String::from_utf8_lossy(w.bytes())).collect();
    parts.join(" ")
}

fn excerpt_of(word: Option<&Word<'_>>, source: &str) -> Option<Excerpt> {
    word.map(|w| Excerpt { source: source.to_owned(), span: w.span() })
}
