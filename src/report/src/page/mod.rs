//! The page of statistics of a proxy (`stats enable` and its kin): HTML, CSV, JSON, and changes of servers.

mod admin;
mod cells;
mod html;
mod legend;
mod request;
mod settings;
mod tips;
mod uri;

pub use settings::{PAGE_CHECKS, PAGE_DIRECTIVES};
