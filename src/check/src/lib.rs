//! Health checks of servers: a connection, or a connection and an HTTP request.

mod directives;
mod http;
mod probe;
mod run;
pub mod settings;

pub use directives::{DIRECTIVES, SERVER_OPTIONS};
pub use run::{Reporter, Subject, Weight, watch};
pub use settings::{CheckKind, CheckSettings, ProxyChecks};
