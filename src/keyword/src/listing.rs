//! What `-dK` prints: the keywords of every class, in the layout that tools parse.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base::registry::{Entry, Registry};
use config::directive::{Section, Sections};
use config::options::OptionEntry;
use config::{BindOption, Directive, ListOption, ProxyKind, SectionKind, ServerOption};
use lang::{Converter, Fetch};
use rule::acl::AclKeyword;
use rule::action::RuleSets;
use rule::{Action, Service};

use crate::Command;
use crate::command::{Audience, Maturity};

/// A class of keywords.
struct Class {
    name: &'static str,
    about: &'static str,
    title: &'static str,
    list: fn(&Registry, &mut String),
}

const CLASSES: [Class; 7] = [
    Class { name: "acl", about: "ACL keywords", title: "ACL keywords", list: acls },
    Class {
        name: "cfg",
        about: "configuration keywords",
        title: "configuration keywords",
        list: configuration,
    },
    Class { name: "cli", about: "CLI keywords", title: "CLI keywords", list: commands },
    Class {
        name: "cnv",
        about: "sample converter keywords",
        title: "sample converter functions",
        list: converters,
    },
    Class { name: "flt", about: "filter names", title: "filter names", list: |_, _| {} },
    Class { name: "smp", about: "sample fetch keywords", title: "sample fetch functions", list: fetches },
    Class { name: "svc", about: "service names", title: "service names", list: services },
];

/// The listing of comma-separated classes; `all` stands for all of them. What is no class lists nothing.
pub fn list(registry: &Registry, classes: &str) -> String {
    let mut out = String::new();
    let wanted: Vec<&str> = classes.split(',').collect();
    if wanted.contains(&"help") {
        out.push_str("# List of supported keyword classes:\nall: list all keywords\n");
        for class in &CLASSES {
            let _ = writeln!(out, "{}: {}", class.name, class.about);
        }
    }
    for class in CLASSES.iter().filter(|c| wanted.contains(&"all") || wanted.contains(&c.name)) {
        let _ = writeln!(out, "# List of registered {}:", class.title);
        (class.list)(registry, &mut out);
    }
    out
}

/// The entries of a type by name.
fn sorted<T: Entry + Send>(registry: &Registry) -> Vec<&'static T> {
    let mut all = registry.all::<T>().to_vec();
    all.sort_by_key(|entry| entry.name());
    all
}

fn acls(registry: &Registry, out: &mut String) {
    for acl in sorted::<AclKeyword>(registry) {
        let _ = writeln!(out, "{} = {} -m {}", acl.name, acl.fetch, acl.method.name());
    }
}

fn commands(registry: &Registry, out: &mut String) {
    for command in sorted::<Command>(registry) {
        let audience = match command.audience {
            Audience::Worker => "[WORKER] ",
            Audience::Master => "[MASTER] ",
            Audience::Both => "[MASTER] [WORKER] ",
        };
        let maturity = match command.maturity {
            Maturity::Stable => "",
            Maturity::Experimental => "[EXPERIM] ",
            Maturity::Expert => "[EXPERT] ",
        };
        let _ = writeln!(out, "{} {audience}{maturity}", command.name);
    }
}

fn services(registry: &Registry, out: &mut String) {
    for service in sorted::<Service>(registry) {
        let _ = writeln!(out, "{}", service.name);
    }
}

fn converters(registry: &Registry, out: &mut String) {
    for c in sorted::<Converter>(registry) {
        let _ = writeln!(
            out,
            "{}{}: {} => {}",
            c.name,
            parenthesised(&c.args.describe()),
            c.out.name(),
            c.input.name()
        );
    }
}

fn parenthesised(arguments: &str) -> String {
    if arguments.is_empty() { String::new() } else { format!("({arguments})") }
}

/// The contexts of a fetch, in the order of its letters.
const CONTEXTS: [&str; 22] = [
    "frontend tcp-request connection rule",
    "frontend tcp-request session rule",
    "frontend tcp-request content rule",
    "frontend http-request header rule",
    "frontend http-request body rule",
    "frontend use-backend rule",
    "backend tcp-request content rule",
    "backend http-request header rule",
    "backend http-request body rule",
    "backend use-server, balance or stick-match rule",
    "server source selection",
    "backend tcp-response content rule",
    "backend http-response header rule",
    "backend http-response body rule",
    "backend stick-store rule",
    "frontend tcp-response content rule",
    "frontend http-response header rule",
    "frontend http-response body rule",
    "logs",
    "backend tcp-check rule",
    "configuration parser",
    "CLI parser",
];

fn fetches(registry: &Registry, out: &mut String) {
    let count = CONTEXTS.len();
    for (i, context) in CONTEXTS.iter().enumerate() {
        let (indent, dashes) = (count + 1 - i, count - i);
        let _ = writeln!(out, "#{}{}_.{} {context}", " ".repeat(indent), "/ ".repeat(i), "-".repeat(dashes));
    }
    let _ = writeln!(out, "# {} ", "/ ".repeat(count));
    let _ = writeln!(out, "# {}", "| ".repeat(count));
    for f in sorted::<Fetch>(registry) {
        let _ = writeln!(
            out,
            "[ {}] {}{}: {}",
            f.contexts,
            f.name,
            parenthesised(&f.args.describe()),
            f.out.name()
        );
    }
}

fn configuration(registry: &Registry, out: &mut String) {
    section(out, "global", &names(registry, |s| s == Section::Global, |name| name));
    let in_proxies = |s| matches!(s, Section::Proxy(_));
    let plain = names(registry, in_proxies, |name| name.split(' ').next().unwrap_or(name));
    let plain = plain.into_iter().filter(|name| *name != "option").collect();
    section(out, "listen", &plain);
    options::<BindOption>(registry, "bind <addr>", out);
    options::<ServerOption>(registry, "server <name> <addr>", out);
    proxy_options(registry, out);
    rules(registry, out);
    let _ = writeln!(out, "crt-list");
    for option in sorted::<ListOption>(registry) {
        let _ = writeln!(out, "\t{}{}", option.name, words(option.args));
    }
    for kind in sorted::<SectionKind>(registry) {
        section(out, kind.name, &names(registry, |s| s == Section::Other(kind.name), |name| name));
    }
}

/// The names of directives of some sections, each once.
fn names(
    registry: &Registry,
    of: impl Fn(Section) -> bool,
    shown: fn(&'static str) -> &'static str,
) -> BTreeSet<&'static str> {
    registry.all::<Directive>().iter().filter(|d| of(d.section)).map(|d| shown(d.name)).collect()
}

fn section(out: &mut String, title: &str, names: &BTreeSet<&str>) {
    let _ = writeln!(out, "{title}");
    for name in names {
        let _ = writeln!(out, "\t{name}");
    }
}

fn options<T: OptionEntry + Send>(registry: &Registry, line: &str, out: &mut String) {
    for entry in sorted::<T>(registry) {
        let option = entry.option();
        let _ = writeln!(out, "\t{line} {}{}{}", option.group, option.name, words(option.args));
    }
}

/// How many words follow an option.
fn words(count: usize) -> String {
    if count > 0 { format!(" +{count}") } else { String::new() }
}

/// Options that only mean something in HTTP mode.
const HTTP_OPTIONS: [&str; 16] = [
    "accept-unsafe-violations-in-http-request",
    "accept-unsafe-violations-in-http-response",
    "checkcache",
    "disable-h2-upgrade",
    "http-buffer-request",
    "http-drop-request-trailers",
    "http-drop-response-trailers",
    "http-ignore-probes",
    "http-no-delay",
    "http-pretend-keepalive",
    "http-use-proxy-header",
    "idle-close-on-response",
    "prefer-last-server",
    "http-keep-alive",
    "http-server-close",
    "httpclose",
];

fn proxy_options(registry: &Registry, out: &mut String) {
    for directive in sorted::<Directive>(registry) {
        let (Section::Proxy(sections), Some(name)) =
            (directive.section, directive.name.strip_prefix("option "))
        else {
            continue;
        };
        let side = |sections: Sections, kind, mark| if sections.contains(kind) { mark } else { "" };
        let front = side(sections, ProxyKind::Frontend, "FE ");
        let back = side(sections, ProxyKind::Backend, "BE ");
        let http = if HTTP_OPTIONS.contains(&name) { "HTTP " } else { "" };
        let _ = writeln!(out, "\toption {name} [ {front}{back}{http}]");
    }
}

fn rules(registry: &Registry, out: &mut String) {
    const SETS: [(&str, RuleSets); 7] = [
        ("tcp-request connection", RuleSets::TCP_CONNECTION),
        ("tcp-request session", RuleSets::TCP_SESSION),
        ("tcp-request content", RuleSets::TCP_CONTENT),
        ("tcp-response content", RuleSets::TCP_RESPONSE),
        ("http-request", RuleSets::HTTP_REQUEST),
        ("http-response", RuleSets::HTTP_RESPONSE),
        ("http-after-response", RuleSets::HTTP_AFTER),
    ];
    let actions = sorted::<Action>(registry);
    for (title, set) in SETS {
        for action in actions.iter().filter(|a| a.sets.meets(set)) {
            let _ = writeln!(out, "\t{title} {}", action.name.replace("(*)", "*"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tables, registry};

    fn rooms() -> Registry {
        registry(&[
            Tables { fetches: lang::fetches::FETCHES, ..Tables::NONE },
            Tables { directives: config::DIRECTIVES, ..Tables::NONE },
            Tables {
                acl_keywords: rule::ACL_KEYWORDS,
                actions: rule::ACTIONS,
                directives: rule::DIRECTIVES,
                ..Tables::NONE
            },
        ])
    }

    #[test]
    fn each_class_has_its_layout() {
        let text = list(&rooms(), "all");
        assert!(text.starts_with("# List of registered ACL keywords:\n"));
        for line in [
            "hdr_beg = req.hdr -m beg\n",
            "# List of registered configuration keywords:\nglobal\n\t",
            "\tsetenv\n",
            "\thttp-request set-header\n",
            "# List of registered sample fetch functions:\n#                       _.---------------------- frontend",
            "[ Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y Y ] always_true: bool\n",
        ] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
    }

    #[test]
    fn classes_can_be_chosen() {
        let text = list(&rooms(), "acl,flt");
        assert!(text.ends_with("# List of registered filter names:\n"), "{text}");
        assert_eq!(list(&rooms(), "nothing"), "");
        assert!(list(&rooms(), "help").contains("\nsmp: sample fetch keywords\n"));
    }

    #[test]
    fn the_matrix_points_at_the_letters() {
        let text = list(&rooms(), "smp");
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines[1..=22].iter().enumerate() {
            assert_eq!(line.find("_.").unwrap(), 24 + i, "{line}");
        }
        assert_eq!(lines[24], "# | | | | | | | | | | | | | | | | | | | | | | ");
    }
}
