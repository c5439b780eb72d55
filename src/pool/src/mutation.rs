//! Guards that the models can do without, one at a time, to show that each of them is needed.
//!
//! `POOL_MUTATION=name` names the guard that is left out; outside of the models none can be.

/// A guard that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A connection is let in although its server is closed.
    PutIgnoresClosed,
    /// A connection that was doomed while it was held goes back.
    PutBackIgnoresDoom,
    /// A held connection goes back to the other tree.
    PutBackElsewhere,
    /// What is doomed counts as used from then on.
    DoomedCountsAsUsed,
    /// An idle connection is taken off the figures of whichever thread is the first.
    WrongThread,
    /// `pool-max-conn` is compared first and counted later.
    LimitNotReserved,
    /// `strict-maxconn` is compared first and counted later.
    StrictLimitNotReserved,
    /// A ticket is good for whatever holds its place now.
    AnyGeneration,
    /// A busy neighbour is waited for.
    WaitsForNeighbour,
    /// A connection stops being used before it counts as private.
    PrivateTooLate,
    /// Figures of one connection change one after the other.
    TwoSteps,
    /// The server is emptied first and closed later.
    ClosedTooLate,
    /// The purge looks whether there is work left before it says that it ends.
    EndsUnseen,
    /// A session's own connection is left where others find it.
    PrivateIsShared,
}

#[cfg(not(all(loom, test)))]
impl Mutation {
    /// Never.
    #[expect(clippy::unused_self, reason = "the models' own looks at it")]
    pub(crate) const fn is_on(self) -> bool {
        false
    }
}

#[cfg(all(loom, test))]
impl Mutation {
    /// Whether this is the guard to be left out.
    pub(crate) fn is_on(self) -> bool {
        static WANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        let wanted = WANTED.get_or_init(|| std::env::var("POOL_MUTATION").ok());
        wanted.as_deref().is_some_and(|name| name == format!("{self:?}"))
    }
}
