//! HTTP requests that the program makes for itself, to fetch something (configuration manual, 3.4).
//!
//! Nothing here is on the path of traffic. A request runs on the event loop of whoever makes it and never holds that up:
//! names are looked up on threads of their own. What comes back is bounded.

mod client;
mod directives;
mod line;
mod place;
mod request;

pub use client::Client;
pub use directives::{CHECKS, DIRECTIVES};
pub use request::{Answer, Course, Failure, Outcome, Request};
