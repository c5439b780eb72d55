//! Command line, start-up, workers, signals, reload.

mod facts;
mod options;
mod start;
mod version;
mod workers;

pub use start::main;
