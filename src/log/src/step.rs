//! The steps of a stream's story at which something may be logged.

use std::str::FromStr;

/// Where in the story a log line is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The connection was accepted.
    Accept,
    /// The request has come.
    Request,
    /// The connection to the server is there.
    Connect,
    /// The response head has come.
    Response,
    /// The end.
    Close,
    /// A connection that failed before it became a stream.
    Error,
    /// A connection that was ended before it became a stream.
    Killed,
    /// A rule of `tcp-request connection` wants it.
    ConnectionRule,
    /// A rule of `tcp-request session` wants it.
    SessionRule,
    /// A rule of `tcp-request content` wants it.
    ContentRule,
    /// A rule of `tcp-response content` wants it.
    AnswerRule,
    /// A rule of `http-request` wants it.
    RequestRule,
    /// A rule of `http-response` wants it.
    ResponseRule,
    /// A rule of `http-after-response` wants it.
    AfterRule,
}

impl Step {
    /// The steps that `log-steps` knows, in the order in which they happen.
    pub const STORY: [Self; 5] = [Self::Accept, Self::Request, Self::Connect, Self::Response, Self::Close];

    /// Where rules want it.
    pub const RULES: [Self; 7] = [
        Self::ConnectionRule,
        Self::SessionRule,
        Self::ContentRule,
        Self::AnswerRule,
        Self::RequestRule,
        Self::ResponseRule,
        Self::AfterRule,
    ];

    /// The name by which `log-steps` and profiles know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Request => "request",
            Self::Connect => "connect",
            Self::Response => "response",
            Self::Close => "close",
            Self::Error | Self::Killed => "error",
            Self::ConnectionRule => "tcp-req-conn",
            Self::SessionRule => "tcp-req-sess",
            Self::ContentRule => "tcp-req-cont",
            Self::AnswerRule => "tcp-res-cont",
            Self::RequestRule => "http-req",
            Self::ResponseRule => "http-res",
            Self::AfterRule => "http-after-res",
        }
    }

    /// What `%OG` prints.
    pub const fn origin(self) -> &'static str {
        match self {
            Self::Accept => "txn_accept",
            Self::Request => "txn_request",
            Self::Connect => "txn_connect",
            Self::Response => "txn_response",
            Self::Close => "txn_close",
            Self::Error => "sess_error",
            Self::Killed => "sess_killed",
            rule => rule.name(),
        }
    }
}

impl FromStr for Step {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::STORY.into_iter().chain([Self::Error]).chain(Self::RULES).find(|s| s.name() == name).ok_or(())
    }
}

/// A set of steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps(u8);

impl Steps {
    /// None.
    pub const NONE: Self = Self(0);
    /// All of a stream's story.
    pub const ALL: Self = Self(0b1_1111);

    /// Just this one.
    pub const fn only(step: Step) -> Self {
        Self(1 << step as u8)
    }

    /// Those of both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the step is among them.
    pub const fn contains(self, step: Step) -> bool {
        self.0 >> step as u8 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_found_by_name() {
        for step in Step::STORY {
            assert_eq!(step.name().parse(), Ok(step));
            assert!(Steps::ALL.contains(step));
        }
        assert_eq!("error".parse(), Ok(Step::Error));
        assert!(!Steps::ALL.contains(Step::Error));
        assert_eq!("any".parse::<Step>(), Err(()));
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = Steps::only(Step::Accept).or(Steps::only(Step::Close));
        let held: Vec<_> = Step::STORY.into_iter().filter(|s| set.contains(*s)).collect();
        assert_eq!(held, [Step::Accept, Step::Close]);
    }
}
