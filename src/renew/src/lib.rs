//! Keeps what certificates need up to date: the responses of their authorities (configuration manual, 12.7.1,
//! `ocsp-update`).
//!
//! What is due is known to the certificates' store. This room has a thread of its own to fetch it, which exists from the
//! first time on that something is due.

mod directives;
mod report;
mod responses;

pub use directives::DIRECTIVES;
pub use responses::keep_up;
