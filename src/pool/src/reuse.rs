//! Which waiting connections a request may be given (`http-reuse`).

use crate::ledger::Tree;

/// `http-reuse`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reuse {
    /// Nothing is shared between sessions.
    Never,
    /// The first request of a session gets a connection of its own.
    #[default]
    Safe,
    /// The first request gets one that has been used again before.
    Aggressive,
    /// Any request gets any connection.
    Always,
}

/// Which request of its session one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The first. Its client would not send it again if the connection turned out to be dead.
    First,
    /// One of the later ones, or one that can be sent to the server again whatever happens to the connection.
    Later,
}

/// The trees that are searched, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Connections that have been used again.
    Safe,
    /// Those that have not are preferred, so that they prove themselves.
    IdleThenSafe,
    /// Those that have are preferred; they are looked for everywhere first.
    SafeThenIdle,
}

impl Reuse {
    /// Where to look for a request; nowhere when it needs a connection of its own.
    pub fn order(self, turn: Turn) -> Option<Order> {
        match (self, turn) {
            (Self::Never, _) | (Self::Safe, Turn::First) => None,
            (_, Turn::Later) => Some(Order::IdleThenSafe),
            (Self::Aggressive, Turn::First) => Some(Order::Safe),
            (Self::Always, Turn::First) => Some(Order::SafeThenIdle),
        }
    }
}

impl Order {
    /// The rounds over all threads, and the trees of each.
    pub(crate) fn rounds(self) -> &'static [&'static [Tree]] {
        match self {
            Self::Safe => &[&[Tree::Safe]],
            Self::IdleThenSafe => &[&[Tree::Idle, Tree::Safe]],
            Self::SafeThenIdle => &[&[Tree::Safe], &[Tree::Idle, Tree::Safe]],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_requests_are_what_the_modes_differ_in() {
        let first =
            [Reuse::Never, Reuse::Safe, Reuse::Aggressive, Reuse::Always].map(|m| m.order(Turn::First));
        assert_eq!(first, [None, None, Some(Order::Safe), Some(Order::SafeThenIdle)]);
        assert_eq!(Reuse::Never.order(Turn::Later), None);
        for mode in [Reuse::Safe, Reuse::Aggressive, Reuse::Always] {
            assert_eq!(mode.order(Turn::Later), Some(Order::IdleThenSafe));
        }
    }
}
