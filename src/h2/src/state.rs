//! The states of a stream (RFC 9113, section 5.1).
//!
//! ```text
//!                    .---------- Open ----------.
//!      its end sent |            |               | its end received
//!                   v            |               v
//!          HalfClosedLocal       | reset    HalfClosedRemote
//!                   |            |               |
//!                   | its end    v               | its end sent, reset
//!                   '-------> Closed <-----------'
//!                    received, reset
//! ```
//!
//! Streams that have not begun, `idle`, are not kept; there are no reserved ones, since nothing is pushed.

use crate::Code;

/// The state of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State(Inner);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inner {
    #[default]
    Open,
    HalfClosedLocal,
    HalfClosedRemote,
    Closed(Closed),
}

/// How a stream was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Both sides have sent all.
    Ended,
    /// This side gave it up.
    ResetHere(Code),
    /// The peer gave it up.
    ResetThere(Code),
    /// The connection broke.
    Lost,
}

impl State {
    /// The peer has sent all.
    #[must_use]
    pub(crate) fn end_received(self) -> Self {
        Self(match self.0 {
            Inner::Open => Inner::HalfClosedRemote,
            Inner::HalfClosedLocal => Inner::Closed(Closed::Ended),
            other => other,
        })
    }

    /// This side has sent all.
    #[must_use]
    pub(crate) fn end_sent(self) -> Self {
        Self(match self.0 {
            Inner::Open => Inner::HalfClosedLocal,
            Inner::HalfClosedRemote => Inner::Closed(Closed::Ended),
            other => other,
        })
    }

    /// It is given up; what is closed stays as it was.
    #[must_use]
    pub(crate) fn reset(self, how: Closed) -> Self {
        match self.0 {
            Inner::Closed(_) => self,
            _ => Self(Inner::Closed(how)),
        }
    }

    /// Whether the peer may still send.
    pub(crate) fn receives(self) -> bool {
        matches!(self.0, Inner::Open | Inner::HalfClosedLocal)
    }

    /// Whether this side may still send.
    pub(crate) fn sends(self) -> bool {
        matches!(self.0, Inner::Open | Inner::HalfClosedRemote)
    }

    /// How it was closed, if it was.
    pub(crate) fn closed(self) -> Option<Closed> {
        match self.0 {
            Inner::Closed(how) => Some(how),
            _ => None,
        }
    }

    /// Whether it was given up before either side had sent all.
    pub(crate) fn is_broken(self) -> bool {
        self.closed().is_some_and(|how| how != Closed::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_close_a_stream() {
        let open = State::default();
        assert!(open.receives() && open.sends());
        let remote = open.end_received();
        assert!(!remote.receives() && remote.sends() && remote.closed().is_none());
        let local = open.end_sent();
        assert!(local.receives() && !local.sends() && local.closed().is_none());
        assert_eq!(remote.end_sent().closed(), Some(Closed::Ended));
        assert_eq!(local.end_received().closed(), Some(Closed::Ended));
    }

    #[test]
    fn a_reset_ends_it_once() {
        let reset = State::default().reset(Closed::ResetThere(Code::CANCEL));
        assert!(!reset.receives() && !reset.sends() && reset.is_broken());
        assert_eq!(reset.reset(Closed::Lost), reset);
        assert_eq!(reset.end_received().end_sent(), reset);
        assert!(!State::default().end_sent().end_received().is_broken());
    }
}
