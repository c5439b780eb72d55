//! Counters of every object and their exports.

pub mod counters;

pub use counters::{
    BackendCounters, FrontendCounters, ListenerCounters, ProcessCounters, ServerCounters, Statuses,
};
