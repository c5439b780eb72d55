//! Rule sets, conditions, actions, verdicts.
//!
//! A rule is an action with an optional condition; a rule set is a list of them, run over a [`Txn`].
//! Actions are entries of tables ([`Action`]), wherever they are implemented; the engine knows none by name.

pub mod acl;
pub mod action;
mod answers;
pub mod captures;
pub mod course;
mod directives;
mod global_vars;
mod header_lists;
mod http_actions;
mod keywords;
mod list_actions;
mod normalize;
pub mod pages;
mod redirect;
mod reply;
mod rewrite;
pub mod service;
pub mod set;
mod stream_actions;
mod txn;
mod userlist;
mod var_actions;
mod verdict;

pub use acl::{Acls, Condition, LOOKUPS, Truth};
pub use action::{Act, Action, ActionCx, RuleSets};
pub use answers::{ANSWERS, Template, challenge};
pub use captures::{CAPTURE, CAPTURE_CHECKS, CAPTURE_DIRECTIVES, Captures};
pub use course::COURSE;
pub use directives::{CHECKS, DIRECTIVES, condition_after, ignored_rules};
pub use global_vars::{GlobalVariables, VAR_DIRECTIVES, nothing};
pub use header_lists::HEADER_LISTS;
pub use http_actions::ACTIONS;
pub use keywords::{ACL_KEYWORDS, PREDEFINED_ACLS};
pub use list_actions::LIST_ACTIONS;
pub use normalize::NORMALIZE;
pub use pages::{PAGE_CHECKS, PAGE_DIRECTIVES, PAGE_SECTIONS, Page, Pages};
pub use redirect::{REDIRECT, REDIRECT_DIRECTIVES};
pub use reply::{Closing, Message, Reply};
pub use rewrite::REWRITES;
pub use service::{SERVICE_ACTIONS, Service};
pub use set::{Rule, RuleList, Rules};
pub use stream_actions::STREAM_ACTIONS;
pub use txn::{Recorder, Txn};
pub use userlist::{USER_CHECKS, USER_DIRECTIVES, USER_SECTIONS};
pub use var_actions::VAR_ACTIONS;
pub use verdict::{BodyWait, Ending, Requests, Verdict, Wait};
