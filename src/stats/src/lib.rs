//! Counters of every object and their exports.

pub mod columns;
pub mod counters;
mod declare;
pub mod field;
pub mod info;
pub mod rows;
mod schema;

pub use columns::{Column, Object};
pub use counters::{
    BackendCounters, FrontendCounters, ListenerCounters, ProcessCounters, ServerCounters, Statuses,
};
pub use field::{Descriptions, Form, Value};
pub use info::{Figure, Info};
pub use rows::{First, Row};
pub use schema::schema;
