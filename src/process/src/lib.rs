//! Command line, start-up, workers, signals, reload.
//!
//! [`main`] is the whole program: it reads the command line, then the files into a draft, decides on
//! threads and limits, opens the listeners, gives up what it needs no more, starts the workers, and obeys
//! signals until the end.

mod binding;
mod daemon;
mod facts;
mod files;
mod identity;
mod keywords;
mod life;
mod listing;
mod options;
mod plan;
mod report;
mod resources;
mod run;
mod settings;
mod start;
mod status;
mod version;

pub use keywords::DIRECTIVES;
pub use start::main;
