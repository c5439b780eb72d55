//! The cases, from the program's tables.

use std::fmt::Write as _;

use base::registry::{Entry, Registry};
use config::directive::Arity;
use config::{BindOption, Directive, ProxyKind, Section, ServerOption};
use lang::arg::{ArgKind, Signature};
use lang::sample::Type;
use lang::{Alias, Converter, Fetch};
use pattern::Method;
use rule::acl::{AclKeyword, PredefinedAcl};
use rule::action::{Action, RuleSets};

use crate::words::{self, Fate, Words};

/// A line, and the lines that it needs before it.
pub(crate) struct Case {
    /// The section that it stands in, and what comes first there.
    pub(crate) before: String,
    /// The line.
    pub(crate) line: String,
    /// What an error may name: the keyword, or the word that is wrong.
    pub(crate) names: Vec<String>,
}

/// The cases of one kind of keyword.
#[derive(Default)]
pub(crate) struct Cases {
    /// Those that are accepted, all together.
    pub(crate) good: Vec<Case>,
    /// Those that are accepted, but may not be in one file with others.
    pub(crate) alone: Vec<Case>,
    /// Those that are accepted here only.
    pub(crate) here: Vec<Case>,
    /// Those that are refused.
    pub(crate) bad: Vec<Case>,
    /// Those that are refused once all files are read.
    pub(crate) late: Vec<Case>,
    /// Keywords for which there are no words.
    pub(crate) without: Vec<String>,
    sections: usize,
}

/// The line that begins the section `global`, whose keywords must come before all others.
pub(crate) const GLOBAL: &str = "global\n";

/// A word that is too many.
const SPARE: &str = "spare";

impl Cases {
    /// The line that begins a section, with a name of its own.
    fn section(&mut self, kind: &str) -> String {
        self.sections += 1;
        format!("{kind} x{}\n", self.sections)
    }

    fn accept(&mut self, before: String, line: impl Into<String>) {
        self.good.push(Case { before, line: line.into().trim_end().to_owned(), names: Vec::new() });
    }

    /// Refused with the name of the keyword, or the last word of the line.
    fn refuse(&mut self, before: String, keyword: &str, line: impl Into<String>) {
        let line = line.into();
        let last = line.split(' ').next_back().unwrap_or_default().to_owned();
        self.bad.push(Case { before, names: vec![keyword.to_owned(), last], line });
    }

    /// A line with the right words.
    fn right(&mut self, before: String, keyword: &str, fate: Fate, line: String) {
        let case = |line| Case { before: before.clone(), line, names: vec![keyword.to_owned()] };
        match fate {
            Fate::Accepted | Fate::Late => self.good.push(case(line)),
            Fate::Alone => self.alone.push(case(line)),
            Fate::Here => self.here.push(case(line)),
            Fate::Refused => self.bad.push(case(line)),
            Fate::RefusedLate => {
                self.late.push(Case { before, line, names: vec!["version of the protocol".to_owned()] });
            }
        }
    }

    /// A line with wrong words.
    fn wrong(&mut self, before: String, keyword: &str, fate: Fate, line: String) {
        self.refuse(before, keyword, line);
        if matches!(fate, Fate::Late | Fate::RefusedLate) {
            self.late.extend(self.bad.pop());
        }
    }

    /// An expression in an ACL.
    fn accept_expression(&mut self, expression: &str) {
        let before = self.section("frontend");
        let method = if expression.starts_with(words::ASKS_PATTERNS) { "g" } else { "-m found" };
        self.accept(before, format!("acl a {expression} {method}"));
    }

    fn refuse_expression(&mut self, name: &str, expression: &str) {
        let before = self.section("frontend");
        self.refuse(before, name, format!("acl a {expression} -m found"));
    }
}

/// The words for a keyword; what has none is told of.
fn words_of<'t>(cases: &mut Cases, table: &'t [Words], name: &str) -> Option<&'t Words> {
    let found = table.iter().find(|words| words.name == name);
    if found.is_none() {
        cases.without.push(name.to_owned());
    }
    found
}

/// An argument that is right, one that is wrong if there is one.
fn argument(kind: ArgKind) -> (&'static str, Option<&'static str>) {
    match kind {
        ArgKind::Str => ("x", None),
        ArgKind::Int => ("1", Some("x")),
        ArgKind::Time => ("1s", Some("x")),
        ArgKind::Size => ("1k", Some("x")),
        ArgKind::Ipv4 => ("127.0.0.1", Some("x..y")),
        ArgKind::Ipv6 => ("::1", Some("x..y")),
        ArgKind::Mask4 => ("24", Some("x..y")),
        ArgKind::Mask6 => ("64", Some("x..y")),
        ArgKind::Frontend => ("fe", None),
        ArgKind::Backend => ("be", None),
        ArgKind::Table => ("st", None),
        ArgKind::Server => ("be/s", None),
        ArgKind::Userlist => ("ul", None),
        ArgKind::Regex => ("x", Some("[")),
        ArgKind::Var => ("txn.x", Some("x.x")),
        ArgKind::Delimiter => (":", None),
        ArgKind::Hex => ("00", Some("0x")),
        ArgKind::SecondUnit => ("ms", Some("x")),
        ArgKind::Acl => ("TRUE", None),
        ArgKind::Scope => ("txn", Some("x")),
        ArgKind::QueryOption => ("with_qm", Some("x")),
        ArgKind::FieldPath => ("1.2", Some("x")),
        ArgKind::Truth => ("true", Some("x")),
        ArgKind::RoundTripUnit => ("us", Some("x")),
        ArgKind::UuidVersion => ("7", Some("1")),
        ArgKind::TlvType => ("0x20", Some("x")),
        ArgKind::Token => ("SOUT", Some("x")),
        ArgKind::Offset => ("+1", Some("x")),
        ArgKind::NameFormat => ("rfc2253", Some("x")),
    }
}

/// The arguments of an entry: those that are right, and those that are not.
fn arguments(name: &str, signature: &Signature, table: &[Words]) -> (Vec<String>, Vec<String>) {
    let of_kinds =
        |n: usize| signature.kinds[..n].iter().map(|k| argument(*k).0).collect::<Vec<_>>().join(",");
    let own = table.iter().filter(|words| words.name == name);
    let (mut good, mut bad): (Vec<_>, Vec<_>) = own.map(|w| (w.good.to_owned(), w.bad.to_owned())).unzip();
    bad.retain(|words| !words.is_empty());
    if good.is_empty() {
        good.extend([signature.required, signature.kinds.len()].map(of_kinds));
        good.dedup();
    }
    let longest = good.iter().max_by_key(|words| words.len()).cloned().unwrap_or_default();
    let more = vec!["x"; (signature.kinds.len() + 1).max(2)].join(",");
    bad.push(if signature.kinds.is_empty() { SPARE.to_owned() } else { format!("{longest},{more}") });
    for (at, kind) in signature.kinds.iter().enumerate() {
        if let Some(wrong) = argument(*kind).1 {
            bad.push(
                [of_kinds(at), wrong.to_owned()]
                    .iter()
                    .filter(|w| !w.is_empty())
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(","),
            );
        }
    }
    // Nothing at all is an empty text, or the section itself.
    let empty = |kind: &ArgKind| {
        matches!(
            kind,
            ArgKind::Str
                | ArgKind::TlvType
                | ArgKind::Frontend
                | ArgKind::Backend
                | ArgKind::Server
                | ArgKind::Acl
        )
    };
    if signature.required > 0 && !signature.kinds.first().is_some_and(empty) {
        bad.push(String::new());
    }
    (good, bad)
}

/// A name with its arguments.
fn call(name: &str, args: &str) -> String {
    if args.is_empty() { name.to_owned() } else { format!("{name}({args})") }
}

pub(crate) fn fetches(registry: &Registry, cases: &mut Cases) {
    for fetch in registry.all::<Fetch>() {
        // Where an ACL has a keyword of this name, errors tell the fetch behind it.
        let keyword = registry.all::<AclKeyword>().iter().find(|keyword| keyword.name == fetch.name);
        let told = keyword.map_or(fetch.name, |keyword| keyword.fetch);
        let (good, bad) = arguments(fetch.name, &fetch.args, &[]);
        for args in good {
            cases.accept_expression(&call(fetch.name, &args));
        }
        for args in bad {
            cases.refuse_expression(told, &call(fetch.name, &args));
        }
    }
}

/// An expression that gives this type.
fn sample(of: Type) -> &'static str {
    match of {
        Type::Any | Type::Same | Type::Str => "str(x)",
        Type::Bool => "always_true",
        Type::Int => "int(1)",
        Type::Addr => "src",
        Type::Ipv4 => "ipv4(127.0.0.1)",
        Type::Ipv6 => "ipv6(::1)",
        Type::Bin => "bin(00)",
        Type::Method => "method",
    }
}

pub(crate) fn converters(registry: &Registry, cases: &mut Cases) {
    for converter in registry.all::<Converter>() {
        let (name, from) = (converter.name, sample(converter.input));
        let (good, bad) = match words::map(name) {
            Some(file) => (vec![file], vec![format!("{}/none", words::FOLDER)]),
            None => arguments(name, &converter.args, words::CONVERTERS),
        };
        for args in good {
            cases.accept_expression(&format!("{from},{}", call(name, &args)));
        }
        for args in bad {
            cases.refuse_expression(name, &format!("{from},{}", call(name, &args)));
        }
    }
}

/// Patterns for a match method: a right one, and a wrong one if there is one.
fn patterns(method: Method) -> (&'static str, Option<&'static str>) {
    match method {
        Method::Found => ("", None),
        Method::Bool => ("1", Some("x")),
        Method::Int | Method::Len => ("1:2", Some("x")),
        Method::Ip => ("127.0.0.0/8", Some("x..y")),
        Method::Bin => ("00", Some("x")),
        Method::Reg | Method::Regm => ("x", Some("[")),
        Method::Str | Method::Sub | Method::Beg | Method::End | Method::Dir | Method::Dom => ("x", None),
    }
}

pub(crate) fn criteria(registry: &Registry, cases: &mut Cases) {
    for keyword in registry.all::<AclKeyword>() {
        let fetch = registry.all::<Fetch>().iter().find(|fetch| fetch.name == keyword.fetch).map(|f| f.args);
        let (good, bad) = arguments(keyword.name, &fetch.unwrap_or(Signature::NONE), &[]);
        let (pattern, wrong) = patterns(keyword.method);
        let pattern = if keyword.name == words::ASKS_PATTERNS { "g" } else { pattern };
        for args in &good {
            let before = cases.section("frontend");
            cases.accept(before, format!("acl a {} {pattern}", call(keyword.name, args)));
        }
        for args in &bad {
            let before = cases.section("frontend");
            cases.refuse(before, keyword.fetch, format!("acl a {} {pattern}", call(keyword.name, args)));
        }
        if let (Some(wrong), Some(args)) = (wrong, good.first()) {
            let before = cases.section("frontend");
            cases.refuse(before, keyword.name, format!("acl a {} {wrong}", call(keyword.name, args)));
        }
    }
}

pub(crate) fn predefined(registry: &Registry, cases: &mut Cases) {
    for acl in registry.all::<PredefinedAcl>() {
        let before = cases.section("frontend");
        cases.accept(before, format!("http-request allow if {}", acl.name));
        let before = cases.section("frontend");
        cases.refuse(before, acl.name, format!("http-request allow if {}x", acl.name));
    }
}

/// The rule sets by their keywords.
const SETS: [(RuleSets, &str); 7] = [
    (RuleSets::TCP_CONNECTION, "tcp-request connection"),
    (RuleSets::TCP_SESSION, "tcp-request session"),
    (RuleSets::TCP_CONTENT, "tcp-request content"),
    (RuleSets::TCP_RESPONSE, "tcp-response content"),
    (RuleSets::HTTP_REQUEST, "http-request"),
    (RuleSets::HTTP_RESPONSE, "http-response"),
    (RuleSets::HTTP_AFTER, "http-after-response"),
];

/// A section that rules of all sets may stand in.
fn for_rules(cases: &mut Cases) -> String {
    let section = cases.section("listen");
    format!("{section}    declare capture request len 9\n    declare capture response len 9\n")
}

pub(crate) fn actions(registry: &Registry, cases: &mut Cases) {
    for action in registry.all::<Action>() {
        let name = action.name.trim_end_matches("(*)");
        for (set, keyword) in SETS {
            let allowed = set.meets(action.sets);
            let own = format!("{keyword} {name}");
            let special = words::ACTIONS.iter().find(|words| words.name == own);
            let Some(words) = special.or_else(|| words_of(cases, words::ACTIONS, name)) else { continue };
            let separator = if action.name.ends_with("(*)") { "" } else { " " };
            let line = |words: &str| format!("{keyword} {name}{separator}{words}").trim_end().to_owned();
            if !allowed || matches!(words.fate, Fate::Refused) {
                let before = for_rules(cases);
                cases.refuse(before, name, line(words.good));
                continue;
            }
            let before = for_rules(cases);
            cases.accept(before, line(words.good));
            let before = for_rules(cases);
            cases.accept(before, format!("{} if TRUE", line(words.good)));
            let before = for_rules(cases);
            cases.refuse(before, name, format!("{} {SPARE}", line(words.good)));
            if !words.bad.is_empty() {
                let before = for_rules(cases);
                cases.refuse(before, name, line(words.bad.trim_end_matches(words::NOTHING)));
            }
        }
    }
}

pub(crate) fn aliases(registry: &Registry, cases: &mut Cases) {
    for alias in registry.all::<Alias>() {
        let name = alias.name;
        for line in [format!("log-format %{name}"), format!("http-response set-header x %{{+Q}}{name}")] {
            let before = cases.section("frontend");
            cases.accept(before, line);
        }
        let before = cases.section("frontend");
        cases.refuse(before, "zz", format!("http-response set-header x %{name}zz"));
    }
}

/// How many words are too many, if any number is.
fn most(arity: Arity) -> Option<usize> {
    match arity {
        Arity::None => Some(0),
        Arity::Exactly(n) | Arity::Between(_, n) => Some(n),
        Arity::AtLeast(_) => None,
    }
}

/// How many words there must be.
fn least(arity: Arity) -> usize {
    match arity {
        Arity::None => 0,
        Arity::Exactly(n) | Arity::Between(n, _) | Arity::AtLeast(n) => n,
    }
}

/// A name, and what separates it from its first word: nothing, where that stands in parentheses.
fn split_name(name: &'static str) -> (&'static str, &'static str) {
    name.strip_suffix("(*)").map_or((name, " "), |name| (name, ""))
}

/// The cases of a directive in one section.
fn directive(
    cases: &mut Cases,
    directive: &Directive,
    words: &Words,
    section: impl Fn(&mut Cases) -> String,
) {
    let (name, separator) = split_name(directive.name);
    let line = |words: &str| format!("{name}{separator}{words}").trim_end().to_owned();
    let before = section(cases);
    cases.right(before, name, words.fate, line(words.good));
    if !words.bad.is_empty() {
        let before = section(cases);
        cases.wrong(before, name, words.fate, line(words.bad.trim_end_matches(words::NOTHING)));
    }
    if let Some(most) = most(directive.arity) {
        let given = words.good.split(' ').filter(|word| !word.is_empty());
        // An argument in parentheses belongs to the name.
        let given = given.count() - usize::from(separator.is_empty());
        let mut long = line(words.good);
        for _ in given..=most {
            let _ = write!(long, " {SPARE}");
        }
        let before = section(cases);
        cases.refuse(before, name, long);
    }
    if least(directive.arity) > 0 {
        let before = section(cases);
        cases.refuse(before, name, name);
    }
}

/// A directive in a section where it may not be.
fn misplaced(cases: &mut Cases, directive: &Directive, words: &Words) {
    let before = cases.section(if directive.name == "errorfile" { "userlist" } else { "http-errors" });
    let (full, separator) = split_name(directive.name);
    let first = full.split(' ').next().unwrap_or(full);
    cases.refuse(before, first, format!("{full}{separator}{}", words.good));
}

/// The words for a directive, whose keyword may have none where it takes none.
fn words_for(cases: &mut Cases, table: &'static [Words], directive: &Directive) -> Option<&'static Words> {
    let listed = table.iter().any(|words| words.name == directive.name);
    let none = directive.arity == Arity::None && !listed;
    if none { Some(&Words::NONE) } else { words_of(cases, table, directive.name) }
}

pub(crate) fn global(registry: &Registry, cases: &mut Cases) {
    let all = registry.all::<Directive>();
    for one in all.iter().filter(|one| one.section == Section::Global) {
        let Some(words) = words_for(cases, words::GLOBAL, one) else { continue };
        directive(cases, one, words, |_| GLOBAL.to_owned());
        misplaced(cases, one, words);
    }
}

pub(crate) fn proxies(registry: &Registry, cases: &mut Cases) {
    let kinds = [
        (ProxyKind::Frontend, "frontend", ""),
        (ProxyKind::Listen, "listen", "    server s 127.0.0.1:1\n"),
        (ProxyKind::Backend, "backend", "    server s 127.0.0.1:1\n"),
        // The last ones, as what follows them would inherit from them.
        (ProxyKind::Defaults, "defaults", ""),
    ];
    for one in registry.all::<Directive>() {
        if matches!(one.section, Section::Proxy(_))
            && let Some(words) = words_for(cases, words::PROXY, one)
        {
            misplaced(cases, one, words);
        }
    }
    for (kind, name, more) in kinds {
        for one in registry.all::<Directive>() {
            let Section::Proxy(sections) = one.section else { continue };
            let Some(words) = words_for(cases, words::PROXY, one).filter(|_| sections.contains(kind)) else {
                continue;
            };
            // What is told late is told where it is used.
            let used =
                matches!(kind, ProxyKind::Frontend | ProxyKind::Listen) || !matches!(words.fate, Fate::Late);
            let words = Words { bad: if used { words.bad } else { "" }, ..*words };
            directive(cases, one, &words, |cases| cases.section(name) + more);
        }
    }
}

pub(crate) fn sections(registry: &Registry, cases: &mut Cases) {
    for one in registry.all::<Directive>() {
        let Section::Other(section) = one.section else { continue };
        let name = format!("{section} {}", one.name);
        let Some(words) = words_of(cases, words::SECTIONS, &name) else { continue };
        directive(cases, one, words, |cases| cases.section(section));
    }
}

/// An option at the end of a line, and what comes before it there.
fn option(cases: &mut Cases, entry: &dyn Entry, args: usize, table: &'static [Words], start: (&str, &str)) {
    let name = entry.name().trim_end_matches("(*)");
    let listed = table.iter().any(|words| words.name == name);
    let found = if args == 0 && !listed { Some(&Words::NONE) } else { words_of(cases, table, name) };
    let Some(words) = found else { return };
    let (section, line) = start;
    let separator = if entry.name().ends_with("(*)") { "" } else { " " };
    let with = |words: &str| format!("{line} {name}{separator}{words}").trim_end().to_owned();
    let before = cases.section(section);
    cases.right(before, name, words.fate, with(words.good));
    let before = cases.section(section);
    cases.refuse(before, name, format!("{} {SPARE}", with(words.good)));
    for bad in [words.bad, if args > 0 { words::NOTHING } else { "" }] {
        if !bad.is_empty() {
            let before = cases.section(section);
            cases.wrong(
                before,
                name,
                if bad == words.bad { words.fate } else { Fate::Accepted },
                with(bad.trim_end_matches(words::NOTHING)),
            );
        }
    }
}

pub(crate) fn bind(registry: &Registry, cases: &mut Cases) {
    for one in registry.all::<BindOption>() {
        option(cases, *one, one.0.args, words::BIND, ("frontend", "bind 127.0.0.1:2 ssl crt @FOLDER@/pem"));
    }
}

pub(crate) fn server(registry: &Registry, cases: &mut Cases) {
    for one in registry.all::<ServerOption>() {
        option(cases, *one, one.0.args, words::SERVER, ("backend", "server t 127.0.0.1:2 ssl verify none"));
    }
}
