//! The story of one session, told by phase.
//!
//! A [`Site`] is a checked configuration made ready for traffic; [`run`] carries the traffic of one
//! worker thread. In between, each connection is a task that goes through the phases of [`http`] or [`tcp`].

mod conn;
mod connect;
mod directives;
mod exchange;
mod finish;
mod h1_side;
mod http;
mod run;
mod session;
pub mod settings;
pub mod site;
mod size;
mod story;
mod tcp;
mod worker;

pub use directives::{CHECKS, DIRECTIVES};
pub use run::{Control, Order, run};
pub use site::{ListenerFacts, Site};
