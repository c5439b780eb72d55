//! What a connection is at the moment, as a type. A transition consumes the state before it.
//!
//! ```text
//!                     put                      detach
//!   Seat --> Used ------------> (in a tree) -------------> Held
//!             |  ^----------------'   |  ^------------------'|
//!             |         take          |       put_back       |
//!   into_private                      | doom, purge, close   | doom
//!             v                       v                      v
//!          Private                  Doomed <-----------------+
//! ```
//!
//! Whichever is dropped closes its connection and takes it off the figures in which it counts. There is no way from
//! `Doomed` into a tree.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::ledger::{Count, Tree};
use crate::server::ServerPool;
use crate::shard::{Entry, Proven, Ticket};

/// The right to make a connection, which counts as used already.
#[derive(Debug)]
pub struct Seat(pub(crate) Count);

impl Seat {
    /// The connection has been made. Connections with different keys never stand in for each other.
    pub fn occupy<C>(self, connection: C, key: u64) -> Used<C> {
        Used { connection, count: self.0, key, proven: Proven::No }
    }
}

/// A connection that serves streams, and may be given to others afterwards.
pub struct Used<C> {
    // Before the count: a connection counts until it is gone.
    pub(crate) connection: C,
    pub(crate) count: Count,
    pub(crate) key: u64,
    pub(crate) proven: Proven,
}

impl<C> Used<C> {
    /// Its protocol makes it certain that it can serve one request after another.
    #[must_use]
    pub fn proven(mut self) -> Self {
        self.proven = Proven::Yes;
        self
    }

    /// From now on it belongs to one client session.
    pub fn into_private(self) -> Private<C> {
        Private { connection: self.connection, count: self.count.seclude(), key: self.key }
    }

    /// What tells it apart from others to the same server.
    pub fn key(&self) -> u64 {
        self.key
    }
}

/// A connection that serves streams and belongs to one client session.
pub struct Private<C> {
    pub(crate) connection: C,
    pub(crate) count: Count,
    pub(crate) key: u64,
}

impl<C> Private<C> {
    /// What tells it apart from others to the same server.
    pub fn key(&self) -> u64 {
        self.key
    }
}

/// A connection that was taken out of its tree for a while, to see what happened on it. It still counts as idle.
pub struct Held<'p, C> {
    entry: Entry<C>,
    place: HeldPlace<'p, C>,
}

/// The place of a connection that was taken out, free for others once nobody can put it back.
struct HeldPlace<'p, C> {
    pool: &'p ServerPool<C>,
    ticket: Ticket,
}

impl<C> Drop for HeldPlace<'_, C> {
    fn drop(&mut self) {
        self.pool.abandon(self.ticket);
    }
}

impl<'p, C> Held<'p, C> {
    pub(crate) fn new(entry: Entry<C>, pool: &'p ServerPool<C>, ticket: Ticket) -> Self {
        Self { entry, place: HeldPlace { pool, ticket } }
    }

    /// Puts it back where it was, unless it was doomed meanwhile.
    pub fn put_back(self) -> Result<(), Doomed<C>> {
        let Self { entry, place } = self;
        match place.pool.restore(place.ticket, entry) {
            Ok(()) => {
                // The place is the connection's again.
                std::mem::forget(place);
                Ok(())
            }
            Err(entry) => Err(Doomed::new(entry, place.ticket.thread)),
        }
    }

    /// Gives it up for good.
    pub fn doom(self) -> Doomed<C> {
        Doomed::new(self.entry, self.place.ticket.thread)
    }

    /// Where it was.
    pub fn ticket(&self) -> Ticket {
        self.place.ticket
    }

    /// The tree that it counts in; none when it belongs to a session.
    pub fn tree(&self) -> Option<Tree> {
        self.entry.count.tree()
    }
}

impl<C> Deref for Held<'_, C> {
    type Target = C;
    fn deref(&self) -> &C {
        &self.entry.connection
    }
}

impl<C> DerefMut for Held<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.entry.connection
    }
}

impl<C: fmt::Debug> fmt::Debug for Held<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.entry.connection).finish()
    }
}

/// A connection that is to be closed. Nothing can put it back; it counts as what it was until it is dropped.
pub struct Doomed<C> {
    pub(crate) connection: C,
    count: Count,
    owner: usize,
}

impl<C> Doomed<C> {
    pub(crate) fn new(entry: Entry<C>, owner: usize) -> Self {
        Self { connection: entry.connection, count: entry.count.doom(), owner }
    }

    /// The thread that kept it, which had better be the one to close it.
    pub fn owner(&self) -> usize {
        self.owner
    }

    /// The tree that it counts in; none when it belonged to a session.
    pub fn tree(&self) -> Option<Tree> {
        self.count.tree()
    }
}

macro_rules! connection_inside {
    ($($state:ident),*) => {$(
        impl<C> Deref for $state<C> {
            type Target = C;
            fn deref(&self) -> &C {
                &self.connection
            }
        }

        impl<C> DerefMut for $state<C> {
            fn deref_mut(&mut self) -> &mut C {
                &mut self.connection
            }
        }

        impl<C: fmt::Debug> fmt::Debug for $state<C> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($state)).field(&self.connection).finish()
            }
        }
    )*};
}

connection_inside!(Used, Private, Doomed);
