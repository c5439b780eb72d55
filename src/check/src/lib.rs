//! Health checks of servers.
//!
//! A check goes by rules: connect, send, expect, and what concerns variables. Those that are written (`tcp-check`,
//! `http-check`) and those of ready-made protocols are the same to the engine.

mod admin;
mod agent;
mod directives;
mod early;
mod engine;
mod expect;
mod external;
mod http;
mod ldap;
mod line;
mod mysql;
mod options;
mod ready;
mod reply;
mod rules;
mod ruleset;
mod run;
pub mod settings;
mod spop;
mod spread;
mod stage;
mod talk;
mod weight;
mod words;

pub use admin::{begin, set_admin, set_status};
pub use agent::{AgentSettings, AgentSubject, has_agent, watch_agent};
pub use directives::{DIRECTIVES, RULE_DIRECTIVES, SECTION_DIRECTIVES, SECTION_RULES, SECTIONS};
pub use early::{EARLY_CHECKS, checks_of};
pub use external::{Environment, ExternalChecks};
pub use options::SERVER_OPTIONS;
pub use run::{Subject, watch};
pub use settings::{CheckSettings, ProxyChecks};
pub use spread::Spread;
pub use stage::{Reporter, Weight};
pub use weight::new_weight;
