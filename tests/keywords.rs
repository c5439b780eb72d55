//! The keyword tables of the manuals agree with the program's.
//!
//! Between `<!-- keywords:begin NAME -->` and `<!-- keywords:end -->` the manuals hold tables whose cells come from the
//! rooms, except for the last column of some, `meaning`, which is written by hand and kept. With `UPDATE_DOC=1` in the
//! environment the tables are rewritten.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its input has failed")]

#[path = "../src/rooms.rs"]
mod rooms;

use std::collections::HashMap;
use std::fmt::Write as _;

use base::registry::{Entry, Registry};
use config::directive::Arity;
use config::{BindOption, Directive, LineOption, Prefix, ProxyKind, Section, SectionKind, ServerOption};
use keyword::Command;
use keyword::command::{Audience, Maturity};
use lang::logformat::{AliasKind, AliasMode};
use lang::{Alias, Contexts, Converter, Fetch};
use rule::acl::{AclKeyword, PredefinedAcl};
use rule::action::{Action, RuleSets};

const BEGIN: &str = "<!-- keywords:begin ";
const END: &str = "<!-- keywords:end -->";

/// A generated table.
struct Table {
    header: &'static [&'static str],
    rows: Vec<Vec<String>>,
    /// Whether a column written by hand follows the generated ones.
    meaning: Meaning,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    ByHand,
    None,
}

impl Table {
    fn new(header: &'static [&'static str], meaning: Meaning, mut rows: Vec<Vec<String>>) -> Self {
        rows.sort_by_cached_key(|cells| (key(cells).to_lowercase(), cells.clone()));
        rows.dedup();
        Self { header, rows, meaning }
    }

    /// The table as it should stand in the manual, with what `old` says by hand.
    fn render(&self, old: &str) -> String {
        if self.rows.is_empty() {
            return "There are none yet.\n".to_owned();
        }
        let kept = meanings(old);
        let by_hand: &[&str] = if self.meaning == Meaning::ByHand { &["meaning"] } else { &[] };
        let columns: Vec<&str> = self.header.iter().chain(by_hand).copied().collect();
        let mut out = format!("| {} |\n|{}\n", columns.join(" | "), " --- |".repeat(columns.len()));
        for row in &self.rows {
            let _ = write!(out, "| {} |", row.join(" | "));
            if self.meaning == Meaning::ByHand {
                let _ = write!(out, " {} |", kept.get(&key(row)).map_or("", String::as_str));
            }
            out.push('\n');
        }
        out
    }
}

/// What identifies a row: its cells in code, which are the names.
fn key(cells: &[String]) -> String {
    cells.iter().filter(|cell| cell.starts_with('`')).map(|cell| name_in(cell)).collect::<Vec<_>>().join(" ")
}

/// The name in a cell, without the arguments that a fetch shows behind it.
fn name_in(cell: &str) -> &str {
    let text = cell.trim_matches('`');
    text.split_once('(').filter(|_| !text.contains("(*)")).map_or(text, |(name, _)| name)
}

/// The last cells of a table by the names of their rows.
fn meanings(table: &str) -> HashMap<String, String> {
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let inner = line.trim_start_matches('|').trim_end().trim_end_matches('|').replace("\\|", "\0");
        let mut cells: Vec<String> = inner.split('|').map(|cell| cell.trim().replace('\0', "\\|")).collect();
        let last = cells.pop().unwrap_or_default();
        (key(&cells), last)
    })
    .collect()
}

fn code(text: impl AsRef<str>) -> String {
    format!("`{}`", text.as_ref().replace('|', "\\|"))
}

fn all<T: Entry>(registry: &Registry, row: impl Fn(&T) -> Option<Vec<String>>) -> Vec<Vec<String>> {
    registry.all::<T>().iter().filter_map(|entry| row(entry)).collect()
}

fn arguments(arity: Arity) -> String {
    match arity {
        Arity::None => "0".to_owned(),
        Arity::Exactly(n) => n.to_string(),
        Arity::Between(low, high) => format!("{low} to {high}"),
        Arity::AtLeast(n) => format!("{n} or more"),
    }
}

fn prefixes(prefix: Prefix) -> String {
    match prefix {
        Prefix::None => "",
        Prefix::No => "no",
        Prefix::NoDefault => "no, default",
    }
    .to_owned()
}

fn global(registry: &Registry) -> Table {
    let row = |d: &Directive| match d.section {
        Section::Global => Some(vec![code(d.name), arguments(d.arity), prefixes(d.prefix)]),
        _ => None,
    };
    Table::new(&["keyword", "arguments", "prefixes"], Meaning::ByHand, all(registry, row))
}

fn proxy(registry: &Registry) -> Table {
    let row = |d: &Directive| {
        let Section::Proxy(sections) = d.section else { return None };
        let mark = |kind| if sections.contains(kind) { "x" } else { "" };
        let defaults = if sections.needs_named_defaults() { "named" } else { mark(ProxyKind::Defaults) };
        let others = [ProxyKind::Frontend, ProxyKind::Listen, ProxyKind::Backend].map(mark);
        let mut cells = vec![code(d.name), arguments(d.arity), prefixes(d.prefix), defaults.to_owned()];
        cells.extend(others.map(str::to_owned));
        Some(cells)
    };
    let header = &["keyword", "arguments", "prefixes", "defaults", "frontend", "listen", "backend"];
    Table::new(header, Meaning::ByHand, all(registry, row))
}

fn sections(registry: &Registry) -> Table {
    let row = |d: &Directive| match d.section {
        Section::Other(section) => Some(vec![code(section), code(d.name), arguments(d.arity)]),
        _ => None,
    };
    let known: Vec<_> = registry.all::<SectionKind>().iter().map(|kind| kind.name).collect();
    let rows = all(registry, row);
    assert!(rows.iter().all(|cells| known.contains(&name_in(&cells[0]))), "a keyword of no section");
    Table::new(&["section", "keyword", "arguments"], Meaning::ByHand, rows)
}

fn option(option: &LineOption) -> Vec<String> {
    vec![code(option.name), option.args.to_string()]
}

fn bind(registry: &Registry) -> Table {
    let rows = all(registry, |o: &BindOption| Some(option(&o.0)));
    Table::new(&["option", "arguments"], Meaning::ByHand, rows)
}

fn server(registry: &Registry) -> Table {
    let rows = all(registry, |o: &ServerOption| Some(option(&o.0)));
    Table::new(&["option", "arguments"], Meaning::ByHand, rows)
}

fn actions(registry: &Registry) -> Table {
    const SETS: [RuleSets; 7] = [
        RuleSets::TCP_CONNECTION,
        RuleSets::TCP_SESSION,
        RuleSets::TCP_CONTENT,
        RuleSets::TCP_RESPONSE,
        RuleSets::HTTP_REQUEST,
        RuleSets::HTTP_RESPONSE,
        RuleSets::HTTP_AFTER,
    ];
    let row = |action: &Action| {
        let marks = SETS.map(|set| if set.meets(action.sets) { "x" } else { "" }.to_owned());
        Some([vec![code(action.name)], marks.to_vec()].concat())
    };
    let header = &["action", "connection", "session", "content", "tcp-res", "http-req", "http-res", "after"];
    Table::new(header, Meaning::ByHand, all(registry, row))
}

/// The points at which a fetch may be used, put together into the parts of a stream's story.
fn moments(contexts: Contexts) -> String {
    const MOMENTS: [(&str, u32); 8] = [
        ("connection", 0b11),
        ("request", 0b1_1111_1100),
        ("server", 0b11 << 9),
        ("response", 0b111_1111 << 11),
        ("log", 1 << 18),
        ("check", 1 << 19),
        ("configuration", 1 << 20),
        ("runtime API", 1 << 21),
    ];
    if contexts == Contexts::ANY {
        return "everywhere".to_owned();
    }
    let names = MOMENTS.iter().filter(|(_, bits)| contexts.meets(Contexts(*bits))).map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(", ")
}

fn fetches(registry: &Registry) -> Table {
    let row = |fetch: &Fetch| {
        let name = match fetch.args.describe() {
            args if args.is_empty() => fetch.name.to_owned(),
            args => format!("{}({args})", fetch.name),
        };
        Some(vec![code(name), fetch.out.name().to_owned(), moments(fetch.contexts)])
    };
    Table::new(&["fetch", "type", "available"], Meaning::ByHand, all(registry, row))
}

fn converters(registry: &Registry) -> Table {
    let row = |converter: &Converter| {
        let name = match converter.args.describe() {
            args if args.is_empty() => converter.name.to_owned(),
            args => format!("{}({args})", converter.name),
        };
        Some(vec![code(name), converter.input.name().to_owned(), converter.out.name().to_owned()])
    };
    Table::new(&["converter", "from", "to"], Meaning::ByHand, all(registry, row))
}

fn criteria(registry: &Registry) -> Table {
    let row = |k: &AclKeyword| {
        let method = format!("{:?}", k.method).to_lowercase();
        Some(vec![code(k.name), code(format!("{} -m {method}", k.fetch))])
    };
    Table::new(&["criterion", "stands for"], Meaning::None, all(registry, row))
}

fn predefined(registry: &Registry) -> Table {
    let row = |acl: &PredefinedAcl| Some(vec![code(acl.name), code(acl.words.join(" "))]);
    Table::new(&["ACL", "stands for"], Meaning::None, all(registry, row))
}

fn aliases(registry: &Registry) -> Table {
    let row = |alias: &Alias| {
        let kind = match alias.kind {
            AliasKind::Plain => "",
            AliasKind::Numeric => "number",
            AliasKind::Str => "string",
        };
        let mode = match alias.mode {
            AliasMode::Any => "",
            AliasMode::Http => "HTTP",
        };
        Some(vec![code(format!("%{}", alias.name)), kind.to_owned(), mode.to_owned()])
    };
    Table::new(&["alias", "type", "mode"], Meaning::ByHand, all(registry, row))
}

fn commands(registry: &Registry) -> Table {
    let row = |command: &Command| {
        let maturity = match command.maturity {
            Maturity::Stable => "",
            Maturity::Experimental => "experimental",
            Maturity::Expert => "expert",
        };
        let shown = if command.usage.is_empty() { command.name } else { command.usage };
        let hidden = command.audience == Audience::Master;
        let cells = [code(shown), command.level.name().to_owned(), maturity.to_owned()];
        (!hidden).then(|| [cells.to_vec(), vec![command.about.to_owned()]].concat())
    };
    Table::new(&["command", "level", "mode", "what it does"], Meaning::None, all(registry, row))
}

/// A table of the manuals.
type Maker = fn(&Registry) -> Table;

const CONFIGURATION: &[(&str, Maker)] = &[
    ("global", global),
    ("proxy", proxy),
    ("sections", sections),
    ("bind", bind),
    ("server", server),
    ("actions", actions),
    ("fetches", fetches),
    ("converters", converters),
    ("criteria", criteria),
    ("predefined", predefined),
    ("aliases", aliases),
];

const MANAGEMENT: &[(&str, Maker)] = &[("commands", commands)];

/// Compares the tables of a manual with the program's, or rewrites them.
fn check(file: &str, makers: &[(&str, Maker)]) {
    let path = format!("{}/doc/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let registry = keyword::registry(rooms::ROOMS);
    let mut wanted = text.clone();
    for (name, make) in makers {
        let begin = format!("{BEGIN}{name} -->\n");
        let at = wanted.find(&begin).unwrap_or_else(|| panic!("{file} has no table '{name}'")) + begin.len();
        let end = at + wanted[at..].find(END).unwrap_or_else(|| panic!("table '{name}' has no end"));
        let table = make(&registry).render(&wanted[at..end]);
        wanted.replace_range(at..end, &format!("\n{table}\n"));
    }
    if text != wanted && std::env::var_os("UPDATE_DOC").is_some() {
        std::fs::write(&path, &wanted).unwrap();
        return;
    }
    let wrong = text.lines().zip(wanted.lines()).find(|(is, should)| is != should);
    assert!(
        text == wanted,
        "the tables of doc/{file} are out of date, first here:\n{wrong:#?}\n\
         Run `UPDATE_DOC=1 cargo test --test keywords` and write the meaning of what is new."
    );
}

#[test]
fn the_configuration_manual_lists_every_keyword() {
    check("configuration.md", CONFIGURATION);
}

#[test]
fn the_management_manual_lists_every_command() {
    check("management.md", MANAGEMENT);
}

#[test]
fn every_keyword_has_a_meaning() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/doc/configuration.md");
    let text = std::fs::read_to_string(path).unwrap();
    let without: Vec<_> =
        text.lines().filter(|line| line.starts_with("| `") && line.ends_with("|  |")).collect();
    assert!(without.is_empty(), "these have no meaning in doc/configuration.md:\n{}", without.join("\n"));
}

#[test]
fn meanings_survive_a_change_of_the_other_cells() {
    let rows = |args: &str| vec![vec!["`a b`".to_owned(), args.to_owned(), String::new()]];
    let table = |args| Table::new(&["keyword", "arguments", "prefixes"], Meaning::ByHand, rows(args));
    let first = table("1").render("").replace("|  |  |", "|  | c \\| d |");
    assert!(table("2").render(&first).ends_with("| `a b` | 2 |  | c \\| d |\n"));
}
