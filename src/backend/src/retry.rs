//! `retry-on`: after which failures a request is sent to a server again.

use config::directive::Arity;
use config::{Refusal, Statement};

/// A set of such failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryOn(u32);

/// Statuses that may be retried, each with a bit of its own behind those of the failures.
const STATUSES: [u16; 12] = [401, 403, 404, 408, 421, 425, 429, 500, 501, 502, 503, 504];

const FIRST_STATUS: u32 = 8;

impl RetryOn {
    /// `none`.
    pub const NONE: Self = Self(0);
    /// `conn-failure`: there was no connection.
    pub const CONN_FAILURE: Self = Self(1);
    /// `empty-response`: the connection was closed before anything came.
    pub const EMPTY_RESPONSE: Self = Self(2);
    /// `junk-response`: what came is no complete head of a response.
    pub const JUNK_RESPONSE: Self = Self(4);
    /// `response-timeout`: nothing came in time.
    pub const RESPONSE_TIMEOUT: Self = Self(8);
    /// `0rtt-rejected`: the server did not want the request as early data.
    pub const EARLY_DATA_REJECTED: Self = Self(16);

    /// Those of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of those are among them.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The failure that a response with this status is, if any.
    pub fn status(status: u16) -> Option<Self> {
        let at = STATUSES.iter().position(|s| *s == status)?;
        Some(Self(1 << (FIRST_STATUS + at as u32)))
    }

    /// Whether a request may be sent again that a server may have seen.
    pub const fn replays(self) -> bool {
        self.0 & !Self::CONN_FAILURE.0 != 0
    }

    /// Whether a request survives whatever an idle connection that turns out to be dead does to it.
    pub const fn covers_dead_connections(self) -> bool {
        self.contains(Self::CONN_FAILURE.or(Self::EMPTY_RESPONSE).or(Self::RESPONSE_TIMEOUT))
    }

    /// By its keyword.
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "none" => Self::NONE,
            "conn-failure" => Self::CONN_FAILURE,
            "empty-response" => Self::EMPTY_RESPONSE,
            "junk-response" => Self::JUNK_RESPONSE,
            "response-timeout" => Self::RESPONSE_TIMEOUT,
            "0rtt-rejected" => Self::EARLY_DATA_REJECTED,
            "all-retryable-errors" => {
                let statuses = [500, 502, 503, 504].into_iter().filter_map(Self::status);
                statuses.fold(Self((1 << 5) - 1), Self::or)
            }
            status => return Self::status(status.parse().ok()?),
        })
    }
}

impl Default for RetryOn {
    fn default() -> Self {
        Self::CONN_FAILURE
    }
}

/// How many keywords the directive takes.
pub(crate) const ARITY: Arity = Arity::AtLeast(1);

/// Reads the directive, which replaces what was said before.
pub(crate) fn parse(s: &mut Statement<'_>) -> Result<RetryOn, Refusal> {
    let mut all = RetryOn::NONE;
    for at in 0..s.args() {
        let word = s.arg(at);
        let named = RetryOn::named(&word)
            .ok_or_else(|| s.refuse(at, format!("'retry-on': unknown keyword '{word}'.")))?;
        if named == RetryOn::NONE && s.args() > 1 {
            return Err(s.refuse(at, "'retry-on': 'none' leaves no room for other keywords."));
        }
        all = all.or(named);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_one_of_its_own() {
        let words = ["conn-failure", "empty-response", "junk-response", "response-timeout", "0rtt-rejected"];
        let statuses = STATUSES.iter().map(ToString::to_string);
        let mut all = RetryOn::NONE;
        for word in words.iter().map(ToString::to_string).chain(statuses) {
            let one = RetryOn::named(&word).unwrap();
            assert!(!all.contains(one), "{word}");
            all = all.or(one);
        }
        for word in ["200", "404x", "999", "connfailure", ""] {
            assert_eq!(RetryOn::named(word), None, "{word}");
        }
    }

    #[test]
    fn all_retryable_errors_are_those_of_the_manual() {
        let all = RetryOn::named("all-retryable-errors").unwrap();
        let has = |status| all.contains(RetryOn::status(status).unwrap());
        assert!(has(500) && has(502) && has(503) && has(504));
        assert!(!has(501) && !has(404) && !has(429) && !has(425));
        assert!(all.covers_dead_connections() && all.contains(RetryOn::EARLY_DATA_REJECTED));
    }

    #[test]
    fn a_lost_connection_is_no_replay() {
        assert!(!RetryOn::default().replays() && !RetryOn::NONE.replays());
        assert!(RetryOn::JUNK_RESPONSE.replays() && RetryOn::status(404).unwrap().replays());
        assert!(!RetryOn::default().covers_dead_connections());
    }
}
