//! Log lines, formats, targets, in-memory rings.
//!
//! `log` lines and formats are settings of the proxies' drafts; the check of this room turns them into a
//! [`FrontendLog`] for each proxy, which renders a line once and sends it to every logger that admits it,
//! without ever waiting.

mod aliases;
mod debug;
mod directives;
pub mod formats;
mod frontend;
mod header;
mod level;
mod logger;
mod profile;
mod resolve;
pub mod ring;
mod sampling;
mod sections;
mod settings;
mod sink;
mod step;
mod target;
mod time;

pub use aliases::ALIASES;
pub use debug::CONVERTERS;
pub use directives::DIRECTIVES;
pub use frontend::{BackendLog, Due, FrontendLog, ProcessLog};
pub use header::HeaderFormat;
pub use level::{Facility, Level};
pub use resolve::CHECKS;
pub use ring::{Ring, startup_logs};
pub use sections::SECTIONS;
pub use sink::{Sink, SinkKind, sinks};
pub use step::{Step, Steps};
pub use target::{dropped, size_sockets};
pub use time::{local_date, zoned_date};

#[cfg(test)]
mod tests;
