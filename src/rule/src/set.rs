//! Rule sets: lists of rules and how they are run.

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use config::{Place, Setting};
use grammar::condition::Sense;
use lang::facts::{RewriteStrictness, Scene};

use crate::acl::{Condition, Test, Truth};
use crate::action::{Act, RuleSets};
use crate::txn::Txn;
use crate::verdict::{Verdict, Wait};

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// When it applies; always if there is none.
    pub condition: Option<Condition>,
    /// What it does.
    pub action: Box<dyn Act>,
    /// Where it is written, for `last_rule_file` and `last_rule_line`.
    pub place: Place,
}

/// An ordered list of rules, shared by those who inherit it.
#[derive(Clone, Debug, Default)]
pub struct RuleList(Vec<Step>, Inherited);

/// A rule and what is in front of it: most rules of long lists do not apply, and are passed without being looked at.
#[derive(Clone, Debug)]
struct Step {
    gate: Gate,
    rule: Arc<Rule>,
}

/// Whether a rule applies.
#[derive(Clone, Debug)]
enum Gate {
    /// Always.
    Open,
    /// If its only test says so.
    Test(Arc<Test>, Sense),
    /// If its condition holds.
    Condition,
}

impl From<Rule> for Step {
    fn from(rule: Rule) -> Self {
        let gate = match &rule.condition {
            None => Gate::Open,
            Some(condition) => {
                condition.alone().map_or(Gate::Condition, |(test, sense)| Gate::Test(test, sense))
            }
        };
        Self { gate, rule: Arc::new(rule) }
    }
}

impl Step {
    #[inline]
    fn applies(&self, scene: &Scene<'_>) -> Truth {
        match &self.gate {
            Gate::Open => Truth::True,
            Gate::Test(test, sense) => test.holds(scene).in_sense(*sense),
            Gate::Condition => self.rule.condition.as_ref().map_or(Truth::True, |c| c.holds(scene)),
        }
    }
}

/// How many rules of a list are of a `defaults` section: they come first.
#[derive(Clone, Copy, Debug, Default)]
struct Inherited(usize);

/// How far a rule set was run.
#[derive(Debug)]
pub enum Outcome {
    /// To its end, or to a rule that accepts.
    Done,
    /// To a rule with a verdict of its own, at this place.
    Stopped(Verdict, Place),
    /// To a rule that has to wait; the rules go on from the one with this index once it is over.
    Waiting(Wait, usize),
}

impl RuleList {
    /// Adds a rule.
    pub fn push(&mut self, rule: Rule) {
        self.0.push(rule.into());
    }

    /// Whether there are rules that are not of a `defaults` section.
    fn has_own(&self) -> bool {
        self.0.len() > self.1.0
    }

    /// Whether nothing that is added now is ever looked at.
    pub fn is_closed(&self) -> bool {
        let own = &self.0[self.1.0..];
        own.last().is_some_and(|Step { rule, .. }| rule.condition.is_none() && rule.action.is_final())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds another list's rules in front of these.
    pub fn prepend(&mut self, other: &Self) {
        self.0.splice(0..0, other.0.iter().cloned());
    }

    /// Where the first rule stands whose condition looks at bytes that have no meaning where there is HTTP.
    fn looking_at_bytes(&self) -> Option<&Place> {
        let looks = |rule: &&Arc<Rule>| rule.condition.as_ref().is_some_and(Condition::looks_at_bytes);
        Some(&self.0.iter().map(|step| &step.rule).find(looks)?.place)
    }

    /// Runs the rules from number `start` on.
    pub fn run(&self, start: usize, txn: &mut Txn<'_>) -> Outcome {
        self.run_some(start, usize::MAX, txn)
    }

    /// Runs so many rules at most, from number `start` on.
    pub fn run_some(&self, start: usize, most: usize, txn: &mut Txn<'_>) -> Outcome {
        let end = self.0.len().min(start.saturating_add(most));
        if let Some(stream) = txn.stream.as_deref_mut().filter(|_| start == 0) {
            stream.rewrites.strictness = RewriteStrictness::default();
        }
        waits(txn, None);
        let mut at = start;
        while let Some((i, applies)) = self.next(at, end, &txn.scene()) {
            let rule = &self.0[i].rule;
            at = i + 1;
            if applies == Truth::NotYet {
                // What comes may also change what the rules before this one say.
                waits(txn, Some(rule));
                return Outcome::Waiting(Wait::Data, 0);
            }
            // Nearly all rules let the next one follow: a verdict that holds nothing need not be dropped.
            let verdict = ManuallyDrop::new(rule.action.act(txn));
            if matches!(*verdict, Verdict::Continue) {
                continue;
            }
            match ManuallyDrop::into_inner(verdict) {
                Verdict::Continue => {}
                Verdict::NotYet => {
                    waits(txn, Some(rule));
                    return Outcome::Waiting(Wait::Data, i);
                }
                Verdict::WaitForBody(body) => {
                    waits(txn, Some(rule));
                    return Outcome::Waiting(Wait::Body(body), i + 1);
                }
                Verdict::WaitForHandshake => {
                    waits(txn, Some(rule));
                    return Outcome::Waiting(Wait::Handshake, i + 1);
                }
                Verdict::Pause(time) => {
                    waits(txn, Some(rule));
                    return Outcome::Waiting(Wait::Pause(time), i + 1);
                }
                Verdict::Accept => {
                    remember(txn, rule);
                    return Outcome::Done;
                }
                verdict => {
                    remember(txn, rule);
                    return Outcome::Stopped(verdict, rule.place.clone());
                }
            }
        }
        if end < self.0.len() { Outcome::Waiting(Wait::Turn, end) } else { Outcome::Done }
    }
}

impl RuleList {
    /// The next rule, from this place on, that applies or cannot tell yet.
    #[inline]
    fn next(&self, start: usize, end: usize, scene: &Scene<'_>) -> Option<(usize, Truth)> {
        self.0.get(start..end)?.iter().enumerate().find_map(|(i, step)| match step.applies(scene) {
            Truth::False => None,
            applies => Some((start + i, applies)),
        })
    }
}

/// Notes which rule waits for more, if one does.
fn waits(txn: &mut Txn<'_>, rule: Option<&Rule>) {
    let Some(stream) = txn.stream.as_deref_mut() else { return };
    if rule.is_some() || stream.waiting_rule.is_some() {
        stream.waiting_rule = rule.map(|rule| (rule.place.file.clone(), rule.place.line));
    }
}

fn remember(txn: &mut Txn<'_>, rule: &Rule) {
    if let Some(stream) = txn.stream.as_deref_mut() {
        stream.last_rule = Some((rule.place.file.clone(), rule.place.line));
    }
}

/// Rules on where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routed {
    /// `use_backend`.
    Backend,
    /// `use-server`.
    Server,
}

/// All rule sets of a proxy.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// `tcp-request connection`.
    pub tcp_connection: RuleList,
    /// `tcp-request session`.
    pub tcp_session: RuleList,
    /// `tcp-request content`.
    pub tcp_content: RuleList,
    /// `tcp-response content`.
    pub tcp_response: RuleList,
    /// `http-request`.
    pub http_request: RuleList,
    /// What answers by itself behind `http-request`, such as the page of statistics.
    pub services: RuleList,
    /// `redirect`, behind both.
    pub redirects: RuleList,
    /// `http-response`.
    pub http_response: RuleList,
    /// `http-after-response`.
    pub http_after: RuleList,
    /// Whether rules on where the request goes stand here, which are looked at behind all on what it is.
    pub routed: Option<Routed>,
    /// Whether a session may become one of HTTP.
    pub upgrade: Upgrade,
    /// `tcp-request inspect-delay`: how long content rules may wait; not at all without.
    pub request_delay: Option<Duration>,
    /// `tcp-response inspect-delay`.
    pub response_delay: Option<Duration>,
}

/// Whether a session that begins with bytes may become one of HTTP by a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// No rule says so.
    #[default]
    Never,
    /// `switch-mode` does.
    ByRule,
}

impl Rules {
    /// Where the first rule stands whose condition looks at bytes that have no meaning where there is HTTP.
    pub(crate) fn looking_at_bytes(&self) -> Option<&Place> {
        [
            &self.tcp_connection,
            &self.tcp_session,
            &self.tcp_content,
            &self.tcp_response,
            &self.http_request,
            &self.http_response,
            &self.http_after,
        ]
        .into_iter()
        .find_map(RuleList::looking_at_bytes)
    }

    /// Whether requests are looked at by rules that may answer them.
    pub fn answers(&self) -> bool {
        [&self.http_request, &self.services, &self.redirects].into_iter().any(|list| !list.is_empty())
    }

    /// Whether there are any rules.
    pub(crate) fn any(&self) -> bool {
        let lists = [
            &self.tcp_connection,
            &self.tcp_session,
            &self.tcp_content,
            &self.tcp_response,
            &self.http_request,
            &self.http_response,
            &self.http_after,
        ];
        lists.into_iter().any(|list| !list.is_empty())
    }

    /// What stands here already although it is looked at behind the rules of a set.
    pub(crate) fn later_than(&self, set: RuleSets) -> Option<&'static str> {
        let answers = [(RuleSets::HTTP_RESPONSE, self.http_response.has_own(), "an 'http-response'")];
        let questions = [
            (RuleSets::TCP_SESSION, self.tcp_session.has_own(), "a 'tcp-request session'"),
            (RuleSets::TCP_CONTENT, self.tcp_content.has_own(), "a 'tcp-request content'"),
            (RuleSets::HTTP_REQUEST, self.http_request.has_own(), "an 'http-request'"),
        ];
        let found = match set {
            RuleSets::TCP_RESPONSE => answers.iter().find(|(_, there, _)| *there),
            RuleSets::HTTP_RESPONSE | RuleSets::HTTP_AFTER => return None,
            _ => questions.iter().find(|(other, there, _)| *there && other.0 > set.0),
        };
        let is_redirect = set == RuleSets(u16::MAX);
        let redirected = || (self.redirects.has_own() && !is_redirect).then_some("a 'redirect'");
        let routed =
            || self.routed.map(|by| if by == Routed::Backend { "a 'use_backend'" } else { "a 'use-server'" });
        match set {
            RuleSets::TCP_RESPONSE => found.map(|(_, _, name)| *name),
            _ => found.map(|(_, _, name)| *name).or_else(redirected).or_else(routed),
        }
    }

    /// The list of one set.
    ///
    /// # Panics
    /// When the value names several sets, which the callers' tables do not.
    pub fn list(&mut self, set: RuleSets) -> &mut RuleList {
        match set {
            RuleSets::TCP_CONNECTION => &mut self.tcp_connection,
            RuleSets::TCP_SESSION => &mut self.tcp_session,
            RuleSets::TCP_CONTENT => &mut self.tcp_content,
            RuleSets::TCP_RESPONSE => &mut self.tcp_response,
            RuleSets::HTTP_REQUEST => &mut self.http_request,
            RuleSets::HTTP_RESPONSE => &mut self.http_response,
            RuleSets::HTTP_AFTER => &mut self.http_after,
            other => unreachable!("no single rule set: {other:?}"),
        }
    }
}

/// Rules of a named `defaults` section run before a proxy's own: inheriting them is copying the list.
impl Setting for Rules {
    fn inherited(&self) -> Option<Self> {
        let mut rules = self.clone();
        for set in RuleSets::LISTS {
            let list = rules.list(set);
            list.1 = Inherited(list.0.len());
        }
        rules.routed = None;
        Some(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acl::Acls;
    use crate::txn::Txn;
    use crate::verdict::{BodyWait, Ending};
    use base::registry::Registry;
    use grammar::line::{Environment, split};
    use lang::Contexts;
    use lang::facts::{Buffered, Hope, Payload, ProcessFacts, ProxyFacts, SessionFacts};
    use std::time::Duration;

    struct NoVariables;

    impl Environment for NoVariables {
        fn get(&self, _: &str) -> Option<std::borrow::Cow<'_, [u8]>> {
            None
        }
    }

    type Decide = fn() -> Verdict;

    #[derive(Debug)]
    struct Says(Decide);

    impl Act for Says {
        fn act(&self, _: &mut Txn<'_>) -> Verdict {
            (self.0)()
        }
    }

    fn condition(text: &str) -> Option<Condition> {
        let mut registry = Registry::default();
        for table in lang::fetches::TABLES {
            registry.add(table);
        }
        registry.add(crate::PREDEFINED_ACLS);
        let place = grammar::line::Place { file: "a.cfg", line: 1 };
        let words = split(text.as_bytes(), place, &NoVariables).unwrap();
        (!words.is_empty())
            .then(|| Condition::parse(&words, &mut Acls::default(), &registry, &mut Vec::new()).unwrap())
    }

    fn rule(text: &str, says: Decide) -> Rule {
        Rule { condition: condition(text), action: Box::new(Says(says)), place: Place::default() }
    }

    fn run(rules: &[(&str, Decide)], start: usize, data: &[u8], hope: Hope) -> String {
        let mut list = RuleList::default();
        for (condition, says) in rules {
            list.push(rule(condition, *says));
        }
        let (process, frontend) = (ProcessFacts::default(), ProxyFacts::default());
        let mut session = SessionFacts::default();
        let mut txn = Txn {
            now: Default::default(),
            process: &process,
            frontend: &frontend,
            backend: None,
            server: None,
            session: &mut session,
            stream: None,
            request: None,
            response: None,
            payload: Payload::Request(Buffered { data, hope }),
            recorder: None,
            buffer: 16384,
        };
        match list.run(start, &mut txn) {
            Outcome::Done => "done".to_owned(),
            Outcome::Stopped(..) => "stopped".to_owned(),
            Outcome::Waiting(wait, at) => format!("{wait:?} from {at}"),
        }
    }

    #[test]
    fn conditions_that_never_hold_are_found() {
        let of = |text: &str, within| condition(text).unwrap().conflict(within, "here");
        assert_eq!(of("if { path /a }", Contexts::FRONT_REQUEST), None);
        assert_eq!(of("if { path /a } || TRUE", Contexts::BACK_CONTENT), None);
        let text = of("if TRUE { path /a }", Contexts::BACK_RESPONSE).unwrap();
        assert!(text.contains("anonymous acl") && text.contains("keyword 'path'"), "{text}");
        let text = of("if TRUE || METH_GET", Contexts::FRONT_SESSION).unwrap();
        assert!(text.contains("acl 'METH_GET'") && text.ends_with("'here'"), "{text}");
        assert!(condition("if TRUE || REQ_CONTENT").unwrap().looks_at_bytes());
        assert!(!condition("if WAIT_END METH_GET").unwrap().looks_at_bytes());
    }

    const REJECT: Decide = || Verdict::End(Ending::Reject);
    const ACCEPT: Decide = || Verdict::Accept;
    const GO_ON: Decide = || Verdict::Continue;

    #[test]
    fn a_condition_that_waits_starts_over_and_an_action_goes_on() {
        let rules: [(&str, Decide); 3] =
            [("", GO_ON), ("if { req.len ge 4 }", REJECT), ("", || Verdict::NotYet)];
        assert_eq!(run(&rules, 0, b"abc", Hope::Bytes), "Data from 0");
        assert_eq!(run(&rules, 0, b"abcd", Hope::Bytes), "stopped");
        assert_eq!(run(&rules, 0, b"abc", Hope::Nothing), "Data from 2");
        let body = || Verdict::WaitForBody(BodyWait { time: Duration::from_secs(1), at_least: 3 });
        assert_eq!(
            run(&[("", GO_ON), ("", body)], 0, b"", Hope::Nothing),
            "Body(BodyWait { time: 1s, at_least: 3 }) from 2"
        );
    }

    #[test]
    fn many_rules_take_turns() {
        let (process, frontend) = (ProcessFacts::default(), ProxyFacts::default());
        let mut session = SessionFacts::default();
        let mut list = RuleList::default();
        (0..5).for_each(|_| list.push(rule("", GO_ON)));
        list.push(rule("", REJECT));
        let mut seen = Vec::new();
        let mut at = 0;
        loop {
            let mut txn = Txn {
                now: Default::default(),
                process: &process,
                frontend: &frontend,
                backend: None,
                server: None,
                session: &mut session,
                stream: None,
                request: None,
                response: None,
                payload: Payload::Unavailable,
                recorder: None,
                buffer: 16384,
            };
            match list.run_some(at, 2, &mut txn) {
                Outcome::Waiting(Wait::Turn, next) => at = next,
                other => {
                    assert!(matches!(other, Outcome::Stopped(..)), "{other:?}");
                    break;
                }
            }
            seen.push(at);
        }
        assert_eq!(seen, [2, 4]);
    }

    #[test]
    fn what_is_certain_outweighs_what_is_not() {
        for (condition, data, result) in [
            ("if WAIT_END", &b""[..], "Data from 0"),
            ("if !WAIT_END", b"", "Data from 0"),
            ("if WAIT_END FALSE", b"", "done"),
            ("if FALSE WAIT_END", b"", "done"),
            ("if WAIT_END || TRUE", b"", "stopped"),
            ("unless WAIT_END", b"", "Data from 0"),
            ("if { req.len gt 2 }", b"abc", "stopped"),
            ("if { req.len lt 2 }", b"abc", "Data from 0"),
            ("if !{ req.len gt 2 }", b"abc", "done"),
            ("if { req.payload(0,2) -m str ab }", b"a", "Data from 0"),
            ("if { req.payload(0,2) -m str ab }", b"ac", "done"),
        ] {
            assert_eq!(run(&[(condition, REJECT)], 0, data, Hope::Bytes), result, "{condition}");
        }
        assert_eq!(run(&[("if WAIT_END", ACCEPT), ("", REJECT)], 0, b"", Hope::Nothing), "done");
        assert_eq!(run(&[("if REQ_CONTENT", ACCEPT), ("", REJECT)], 0, b"", Hope::Nothing), "stopped");
    }
}
