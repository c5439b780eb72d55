//! Stapled responses: what authorities say of the certificates that are presented (RFC 6960).

pub(crate) mod check;
pub(crate) mod directives;
pub(crate) mod id;
pub(crate) mod response;
pub(crate) mod schedule;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use base::clock::Clock;

/// The time, in seconds since 1970.
pub(crate) fn now() -> i64 {
    thread_local! {
        static CLOCK: Clock = Clock::system();
    }
    CLOCK.with(|clock| clock.wall().seconds().cast_signed())
}
