//! The runtime API.
//!
//! [`Api::bind`] opens the sockets that the `stats socket` lines of a draft ask for; [`Api::start`]
//! serves them on a thread of their own, so that the API answers however busy the workers are.

mod api;
mod builtin;
mod commands;
mod directives;
mod line;
mod session;
mod suggest;
#[cfg(test)]
mod testing;

pub use api::Api;
pub use commands::{AUTHORITY_COMMANDS, COMMANDS, Sinks};
pub use directives::{ApiSettings, BIND_OPTIONS, DIRECTIVES};
