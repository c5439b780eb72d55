//! The rules of a proxy, put together with those that go without saying.

use std::sync::Arc;

use crate::rules::{Connect, Expect, Matcher, Request, Rule, Send, Step, Whose, Wish};
use crate::settings::{Method, ProxyChecks};

/// What a check goes by.
#[derive(Clone, Debug)]
pub(crate) struct Ruleset {
    pub(crate) language: Language,
    pub(crate) rules: Vec<Rule>,
    /// Servers are told how they are seen.
    pub(crate) state: Wish,
}

/// In which terms a check is spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Nothing but its outcome.
    Plain,
    /// Steps.
    Steps,
    /// HTTP.
    Http,
}

impl Ruleset {
    /// The rules that a proxy's servers are checked by.
    pub(crate) fn of(checks: &ProxyChecks) -> Self {
        match &checks.method {
            Method::Connect | Method::External => Self::new(Language::Plain, Vec::new()),
            Method::Tcp => Self::new(Language::Steps, checks.tcp.rules.clone()),
            Method::Http(request) => Self {
                state: checks.state,
                ..Self::new(Language::Http, http_rules(request, &checks.http.rules, checks.absent))
            },
            Method::Ready(ready) => Self::new(Language::Plain, ready.rules()),
        }
    }

    /// Rules that begin with a connection.
    fn new(language: Language, mut rules: Vec<Rule>) -> Self {
        let first = rules.iter().find(|r| is_active(r));
        if !matches!(first, Some(Rule { step: Step::Connect(_), .. })) {
            let connect = Connect { whose: Whose::Servers, ..Connect::default() };
            rules.insert(0, silent(Step::Connect(Box::new(connect))));
        }
        Self { language, rules, state: Wish::No }
    }
}

fn silent(step: Step) -> Rule {
    Rule { step, comment: None, number: 0 }
}

/// Whether a rule has to do with the server.
pub(crate) fn is_active(rule: &Rule) -> bool {
    matches!(rule.step, Step::Connect(_) | Step::Send(_) | Step::Expect(_))
}

fn http_rules(request: &Arc<Request>, written: &[Rule], absent: Wish) -> Vec<Rule> {
    let mut rules = written.to_vec();
    let first = rules.iter_mut().find_map(|rule| match &mut rule.step {
        Step::Send(Send::Http(own)) => Some(own),
        _ => None,
    });
    if let Some(own) = first {
        complete(own, request);
    } else {
        let connect = rules.iter().position(|r| matches!(r.step, Step::Connect(_)));
        let at = connect.map_or(0, |at| at + 1);
        rules.insert(at, silent(Step::Send(Send::Http(Box::new(Request::clone(request))))));
    }
    for rule in &mut rules {
        if let Step::Send(Send::Http(own)) = &mut rule.step {
            complete(own, &crate::settings::plain_request());
        }
    }
    let last = rules.iter().rposition(|r| matches!(r.step, Step::Send(_))).unwrap_or_default();
    if !rules[last..].iter().any(|r| matches!(r.step, Step::Expect(_))) {
        rules.push(silent(Step::Expect(Box::new(Expect::new(Matcher::Status(vec![(200, 399)]))))));
    }
    if absent.is_yes() {
        let mut expect = Expect::new(Matcher::Absent);
        expect.ok = backend::CheckStatus::L7Conditional;
        rules.insert(last + 1, silent(Step::Expect(Box::new(expect))));
    }
    rules
}

/// What a request does not say, another one does.
fn complete(own: &mut Request, other: &Request) {
    own.method = own.method.take().or_else(|| other.method.clone());
    own.target = own.target.take().or_else(|| other.target.clone());
    own.version = own.version.take().or_else(|| other.version.clone());
    own.body = own.body.take().or_else(|| other.body.clone());
    if own.headers.is_empty() {
        own.headers.clone_from(&other.headers);
    }
}
