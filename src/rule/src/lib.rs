//! Rule sets, conditions, actions, verdicts.
//!
//! A rule is an action with an optional condition; a rule set is a list of them, run over a [`Txn`].
//! Actions are entries of tables ([`Action`]), wherever they are implemented; the engine knows none by name.

pub mod acl;
pub mod action;
mod directives;
mod global_vars;
mod http_actions;
mod keywords;
mod list_actions;
mod reply;
mod rewrite;
pub mod set;
mod stream_actions;
mod txn;
mod var_actions;
mod verdict;

pub use acl::{Acls, Condition, LOOKUPS, Truth};
pub use action::{Act, Action, ActionCx, RuleSets};
pub use directives::{CHECKS, DIRECTIVES, condition_after};
pub use global_vars::{GlobalVariables, VAR_DIRECTIVES, nothing};
pub use http_actions::ACTIONS;
pub use keywords::{ACL_KEYWORDS, PREDEFINED_ACLS};
pub use list_actions::LIST_ACTIONS;
pub use reply::{Closing, Reply};
pub use rewrite::REWRITES;
pub use set::{Rule, RuleList, Rules};
pub use stream_actions::STREAM_ACTIONS;
pub use txn::Txn;
pub use var_actions::VAR_ACTIONS;
pub use verdict::{BodyWait, Ending, Verdict, Wait};
