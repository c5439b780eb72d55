//! The directives that hold rules: `acl`, `tcp-request`, `tcp-response`, `http-request`, ...

use std::time::Duration;

use base::registry::Registry;
use config::directive::Arity;
use config::{
    Check, Diagnostics, Directive, Draft, Mode, Prefix, ProxyKind, Refusal, Section, Sections, Statement,
};
use grammar::line::Word;
use grammar::time::Unit;
use lang::Contexts;

use crate::acl::{Acls, Condition, Test};
use crate::action::{Action, ActionCx, RuleSets};
use crate::set::{Rule, Rules};

const NAMED: Sections = Sections::NAMED_DEFAULTS;
const ANY: Sections = Sections::ALL.without(Sections::DEFAULTS).or(NAMED);
const BACK: Sections = Sections::BACK.without(Sections::DEFAULTS).or(NAMED);
const FRONT: Sections = Sections::FRONT.without(Sections::DEFAULTS).or(NAMED);

const fn rules(
    name: &'static str,
    sections: Sections,
    manual: &'static str,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive {
        name,
        section: Section::Proxy(sections),
        prefix: Prefix::None,
        arity: Arity::AtLeast(1),
        manual,
        parse,
    }
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    Directive {
        name: "acl",
        section: Section::Proxy(ANY),
        prefix: Prefix::None,
        arity: Arity::AtLeast(2),
        manual: "4.2",
        parse: acl,
    },
    Directive {
        name: "tune.pattern.cache-size",
        section: Section::Global,
        prefix: Prefix::None,
        arity: Arity::Exactly(1),
        manual: "3.2",
        parse: |s| {
            pattern::set_cache_size(s.integer(0, 0..=1 << 24)? as usize);
            Ok(())
        },
    },
    rules("http-request", ANY, "4.2", |s| rule(s, RuleSets::HTTP_REQUEST)),
    rules("http-response", ANY, "4.2", |s| rule(s, RuleSets::HTTP_RESPONSE)),
    rules("http-after-response", ANY, "4.2", |s| rule(s, RuleSets::HTTP_AFTER)),
    rules("tcp-request connection", FRONT, "4.2", |s| rule(s, RuleSets::TCP_CONNECTION)),
    rules("tcp-request session", FRONT, "4.2", |s| rule(s, RuleSets::TCP_SESSION)),
    rules("tcp-request content", ANY, "4.2", |s| rule(s, RuleSets::TCP_CONTENT)),
    rules("tcp-response content", BACK, "4.2", |s| rule(s, RuleSets::TCP_RESPONSE)),
    Directive {
        arity: Arity::Exactly(1),
        ..rules("tcp-request inspect-delay", ANY, "4.2", |s| {
            let delay = delay(s)?;
            s.slot::<Rules>().request_delay = delay;
            Ok(())
        })
    },
    Directive {
        arity: Arity::Exactly(1),
        ..rules("tcp-response inspect-delay", BACK, "4.2", |s| {
            let delay = delay(s)?;
            s.slot::<Rules>().response_delay = delay;
            Ok(())
        })
    },
];

/// The checks of this room.
pub static CHECKS: &[Check] =
    &[Check { name: "rules", run: check_rules }, Check { name: "rules of defaults", run: check_defaults }];

/// Rules of a `defaults` section are for one side only: frontends or backends.
fn check_defaults(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let has_rules = |at: usize| draft.proxies[at].slots.get::<Rules>().is_some_and(Rules::any);
    let mut sides: Vec<Option<ProxyKind>> = vec![None; draft.proxies.len()];
    for proxy in &draft.proxies {
        let Some(base) = proxy.defaults.filter(|base| has_rules(*base)) else { continue };
        let place = &draft.proxies[base].place;
        let at = format!("(defaults section at {}:{})", place.file, place.line);
        let text = match proxy.kind {
            ProxyKind::Defaults => format!(
                "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules {at}."
            ),
            ProxyKind::Listen => {
                format!(
                    "a listen section cannot inherit from a defaults section defining TCP/HTTP rules {at}."
                )
            }
            side if sides[base].is_none_or(|other| other == side) => {
                sides[base] = Some(side);
                continue;
            }
            _ => format!(
                "frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules {at}."
            ),
        };
        diagnostics.alert_at(&proxy.place, text);
    }
}

/// Says which rules have no effect in the mode of their proxy.
fn check_rules(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for proxy in draft.proxies.iter().filter(|p| p.kind != ProxyKind::Defaults) {
        let Some(rules) = proxy.slots.get::<Rules>() else { continue };
        if proxy.mode == Mode::Http {
            if let Some(place) = rules.looking_at_bytes() {
                diagnostics.warning(format!(
                    "Proxy '{}': L6 sample fetches ignored on HTTP proxies (declared at {}:{}).",
                    proxy.name, place.file, place.line
                ));
            }
            continue;
        }
        let lists = [
            ("http-request", &rules.http_request),
            ("http-response", &rules.http_response),
            ("http-after-response", &rules.http_after),
        ];
        for (keyword, _) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            diagnostics.warning(format!(
                "'{keyword}' rules ignored for {} '{}' as they require HTTP mode.",
                proxy.kind.title(),
                proxy.name
            ));
        }
    }
}

/// A delay of 0 is none.
fn delay(s: &Statement<'_>) -> Result<Option<Duration>, Refusal> {
    let delay = s.duration(0, Unit::Millisecond)?;
    Ok((!delay.is_zero()).then_some(delay))
}

fn acl(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let name = s.arg(0).into_owned();
    if let Some(bad) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.:".contains(*c)) {
        return Err(s.refuse(0, format!("character '{bad}' is not permitted in acl name '{name}'.")));
    }
    if name.eq_ignore_ascii_case("or") {
        return Err(s.refuse(
            0,
            "acl name 'or' will never match: 'or' is used to express a disjunction within a condition.",
        ));
    }
    let words: Vec<&[u8]> = s.rest(1).iter().map(Word::bytes).collect();
    let mut advice = Vec::new();
    let test = Test::parse(&words, s.registry, &mut advice).map_err(|e| Refusal {
        message: format!("error detected while parsing ACL '{name}' : {}.", e.message),
        word: Some(s.keyword_words + 1 + e.word),
        part: e.part,
    })?;
    for text in advice {
        s.warn(text);
    }
    s.slot::<Acls>().define(&name, test);
    Ok(())
}

/// Reads one rule of a set.
fn rule(s: &mut Statement<'_>, set: RuleSets) -> Result<(), Refusal> {
    let written = s.arg(0).into_owned();
    let (name, parenthesis) = split_parenthesis(&written);
    let Some(action) = find(s, set, name, parenthesis.is_some()) else {
        return Err(unknown_action(s, set, &written));
    };
    let place = s.place.clone();
    let mut cx = ActionCx::new(s, set, parenthesis.map(str::to_owned), 1);
    let parsed = (action.parse)(&mut cx)?;
    let at = cx.position();
    let (within, side) = set.first(s.proxy().kind);
    let point = format!("{side} {} rule", s.keyword());
    let condition = condition_after(s, at, within, &point)?;
    if s.slot::<Rules>().list(set).is_closed() {
        let text = "action is final and has no condition attached, further entries are NOOP.";
        s.warn(format!("previous '{}' {text}", s.keyword()));
    }
    if let Some(later) = s.slot::<Rules>().later_than(set) {
        s.warn(format!("a '{}' rule placed after {later} rule will still be processed before.", s.keyword()));
    }
    s.slot::<Rules>().list(set).push(Rule { condition, action: parsed, place });
    Ok(())
}

/// `name(argument)` apart.
fn split_parenthesis(written: &str) -> (&str, Option<&str>) {
    match written.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(rest))),
        None => (written, None),
    }
}

fn find(s: &Statement<'_>, set: RuleSets, name: &str, parenthesised: bool) -> Option<&'static Action> {
    let full = if parenthesised { format!("{name}(*)") } else { name.to_owned() };
    s.registry.named::<Action>(&full).iter().copied().find(|a| a.sets.meets(set))
}

fn unknown_action(s: &Statement<'_>, set: RuleSets, written: &str) -> Refusal {
    let names: Vec<_> = s
        .registry
        .all::<Action>()
        .iter()
        .filter(|a| a.sets.meets(set))
        .map(|a| format!("'{}'", a.name))
        .collect();
    s.refuse(0, format!("'{}' expects {}, but got '{written}'.", s.keyword(), names.join(", ")))
}

/// Reads the condition that may follow at argument `at` of a statement; anything else there is an error. A warning is
/// given when a part of it never holds where it is evaluated, which `point` names.
pub fn condition_after(
    s: &mut Statement<'_>,
    at: usize,
    within: Contexts,
    point: &str,
) -> Result<Option<Condition>, Refusal> {
    let words = s.rest(at);
    let Some(first) = words.first() else { return Ok(None) };
    if !matches!(first.bytes(), b"if" | b"unless") {
        return Err(s.refuse(
            at,
            format!(
                "'{}' expects 'if' or 'unless' before a condition, but got '{}'.",
                s.keyword(),
                s.arg(at)
            ),
        ));
    }
    let registry = s.registry;
    let keyword = s.keyword();
    let acls: &mut Acls = s.slot();
    let mut advice = Vec::new();
    match Condition::parse(words, acls, registry, &mut advice) {
        Ok(condition) => {
            for text in advice {
                s.warn(text);
            }
            if let Some(conflict) = condition.conflict(within, point) {
                s.warn(format!("{conflict}."));
            }
            Ok(Some(condition))
        }
        Err(e) => Err(Refusal::at_span(
            e.span,
            format!("error detected in the condition of a '{keyword}' rule : {}.", e.message),
        )),
    }
}
