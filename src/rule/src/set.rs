//! Rule sets: lists of rules and how they are run.

use std::sync::Arc;

use config::{Place, Setting};

use crate::acl::{Condition, Truth};
use crate::action::{Act, RuleSets};
use crate::txn::Txn;
use crate::verdict::Verdict;

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
pub struct RuleList(Vec<Arc<Rule>>);

/// How far a rule set was run.
#[derive(Debug)]
pub enum Outcome {
    /// To its end, or to a rule that accepts.
    Done,
    /// To a rule with a verdict of its own, at this place.
    Stopped(Verdict, Place),
    /// To the rule with this index, which waits for more data.
    Waiting(usize),
}

impl RuleList {
    /// Adds a rule.
    pub fn push(&mut self, rule: Rule) {
        self.0.push(Arc::new(rule));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds another list's rules in front of these.
    pub fn prepend(&mut self, other: &Self) {
        self.0.splice(0..0, other.0.iter().cloned());
    }

    /// Runs the rules from number `start` on.
    pub fn run(&self, start: usize, txn: &mut Txn<'_>) -> Outcome {
        for (i, rule) in self.0.iter().enumerate().skip(start) {
            let applies = match &rule.condition {
                None => Truth::True,
                Some(c) => c.holds(&txn.scene()),
            };
            match applies {
                Truth::False => continue,
                Truth::NotYet => return Outcome::Waiting(i),
                Truth::True => {}
            }
            match rule.action.act(txn) {
                Verdict::Continue => {}
                Verdict::NotYet => return Outcome::Waiting(i),
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
        Outcome::Done
    }
}

fn remember(txn: &mut Txn<'_>, rule: &Rule) {
    if let Some(stream) = txn.stream.as_deref_mut() {
        stream.last_rule = Some((rule.place.file.clone(), rule.place.line));
    }
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
    /// `http-response`.
    pub http_response: RuleList,
    /// `http-after-response`.
    pub http_after: RuleList,
}

impl Rules {
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
impl Setting for Rules {}
