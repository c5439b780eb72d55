//! The connections that belong to one client session (`max-session-srv-conns`).

use std::marker::PhantomData;

use base::clock::Tick;

use crate::server::ServerPool;
use crate::shard::Ticket;
use crate::states::Private;

/// Somebody who has a server's connections.
pub trait Pooled<C> {
    /// Its connections.
    fn pool(&self) -> &ServerPool<C>;
}

/// The waiting connections of one session, by server. They wait with the others', where whoever watches or closes
/// connections finds them; the session alone knows where. They are closed with it.
#[derive(Debug)]
pub struct Own<C, S: Pooled<C>> {
    /// Most sessions have none, and there are many of those.
    #[expect(clippy::box_collection, reason = "a session at rest should take little memory")]
    tickets: Option<Box<Vec<(S, Ticket)>>>,
    of: PhantomData<fn() -> C>,
}

impl<C, S: Pooled<C>> Default for Own<C, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C, S: Pooled<C>> Own<C, S> {
    /// None yet.
    pub const fn new() -> Self {
        Self { tickets: None, of: PhantomData }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_none()
    }

    /// Keeps a connection for the session's next request, unless there are `limit`; it is given back then, to be
    /// closed.
    pub fn rest(
        &mut self,
        server: S,
        thread: usize,
        private: Private<C>,
        now: Tick,
        limit: usize,
    ) -> Result<Ticket, Private<C>> {
        let tickets = self.tickets.get_or_insert_default();
        // Some may have been closed by the server meanwhile.
        tickets.retain(|(server, ticket)| server.pool().knows(*ticket));
        if tickets.len() >= limit {
            return Err(private);
        }
        let ticket = server.pool().rest(thread, private, now)?;
        tickets.push((server, ticket));
        Ok(ticket)
    }

    /// Takes one that goes to that server and is just like the one wanted.
    pub fn rouse(&mut self, server: &S, mut alike: impl FnMut(u64, &C) -> bool) -> Option<Private<C>> {
        let pool = server.pool();
        let mut found = None;
        let tickets = self.tickets.as_mut()?;
        tickets.retain(|(of, ticket)| {
            if found.is_some() || !std::ptr::eq(of.pool(), pool) {
                return true;
            }
            found = pool.rouse(*ticket, &mut alike);
            found.is_none()
        });
        found
    }

    /// The servers to which connections wait, the first one first.
    pub fn servers(&self) -> impl Iterator<Item = &S> {
        self.tickets
            .iter()
            .flat_map(|tickets| tickets.iter())
            .filter(|(server, ticket)| server.pool().knows(*ticket))
            .map(|(server, _)| server)
    }
}

impl<C, S: Pooled<C>> Drop for Own<C, S> {
    fn drop(&mut self) {
        for (server, ticket) in self.tickets.take().into_iter().flat_map(|tickets| *tickets) {
            drop(server.pool().doom(ticket));
        }
    }
}
