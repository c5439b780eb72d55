//! Server connections that carry many streams, while they carry some.
//!
//! ```text
//!            open            the last stream leaves
//!   (Owned) -----> Tenancy --------------------------> (Owned) --> kept, or closed
//!                   |   ^
//!              join |   | leave
//!                   v   |
//!                  Tenant, one for each stream
//! ```
//!
//! All streams of a connection are on one thread. A task of its own moves the bytes of the connection as long as the
//! tenancy lasts; between tenancies it is kept like any other connection.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use backend::Server;
use lang::facts::Multiplex;
use pool::Reuse;

use crate::carrier::{SharedTrunk, lock};
use crate::conn::{Conn, Line};
use crate::dial::Traits;
use crate::reserve::{OwnConnections, Owned, is_alike};
use crate::side::HttpSide;
use crate::trunk::Turn;
use crate::worker::Worker;

/// A connection that carries streams.
pub(crate) struct Tenancy {
    worker: Rc<Worker>,
    server: Arc<Server>,
    trunk: SharedTrunk,
    /// The connection as it is counted and kept; none once the tenancy is over.
    owned: RefCell<Option<Owned>>,
    place: Place,
    /// The session whose streams it carries, where it carries no others.
    session: u64,
    tenants: Cell<usize>,
}

/// Where tenancies are found: the server, and what tells its connections apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Place {
    server: *const Server,
    key: u64,
}

/// Those of one thread.
#[derive(Default)]
pub(crate) struct Tenancies(RefCell<HashMap<Place, Vec<Rc<Tenancy>>>>);

impl std::fmt::Debug for Tenancies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tenancies").field(&self.0.borrow().len()).finish()
    }
}

/// The right of one stream to be on a connection. The last one that leaves keeps the connection for later.
#[derive(Debug)]
pub(crate) struct Tenant(Option<Rc<Tenancy>>);

impl std::fmt::Debug for Tenancy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tenancy").field(&self.session).field(&self.tenants).finish()
    }
}

/// Whose streams may share a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// Those of any session.
    Any,
    /// Those of one session.
    Session,
}

impl Company {
    /// What `http-reuse` says: streams that wait for each other belong to one client, unless that is wanted otherwise.
    pub(crate) fn of(reuse: Reuse) -> Self {
        match reuse {
            Reuse::Never | Reuse::Safe => Self::Session,
            Reuse::Aggressive | Reuse::Always => Self::Any,
        }
    }
}

impl Tenancies {
    /// A connection that carries streams already and takes another one.
    #[inline]
    pub(crate) fn find(
        &self,
        server: &Arc<Server>,
        traits: &Traits,
        (company, session): (Company, u64),
    ) -> Option<Owned> {
        let all = self.0.borrow();
        if all.is_empty() {
            return None;
        }
        let place = Place { server: Arc::as_ptr(server), key: traits.key() };
        let shares = |tenancy: &&Rc<Tenancy>| company == Company::Any || tenancy.session == session;
        let found = all.get(&place)?.iter().filter(shares).find(|tenancy| tenancy.takes(traits))?.clone();
        drop(all);
        found.note_reuse();
        Some(found.join())
    }

    fn enter(&self, tenancy: &Rc<Tenancy>) {
        self.0.borrow_mut().entry(tenancy.place).or_default().push(tenancy.clone());
    }

    fn leave(&self, tenancy: &Tenancy) {
        let mut all = self.0.borrow_mut();
        if let Some(here) = all.get_mut(&tenancy.place) {
            here.retain(|other| !std::ptr::eq(&raw const **other, tenancy));
            if here.is_empty() {
                all.remove(&tenancy.place);
            }
        }
    }
}

/// Begins to carry streams over a connection; gives it back as what its first stream goes over. A connection for one
/// stream at a time stays as it is.
#[inline]
pub(crate) fn begin(worker: &Worker, server: &Arc<Server>, owned: Owned, session: u64) -> Owned {
    if owned.opens_streams() { begin_with(worker, server, owned, session) } else { owned }
}

#[inline(never)]
fn begin_with(worker: &Worker, server: &Arc<Server>, owned: Owned, session: u64) -> Owned {
    let Line::Trunk(trunk) = &owned.conn.line else { return owned };
    let trunk = trunk.clone();
    let key = owned.conn.traits.as_deref().map_or(0, Traits::key);
    let tenancy = Rc::new(Tenancy {
        worker: worker.shared(),
        server: server.clone(),
        trunk,
        owned: RefCell::new(Some(owned)),
        place: Place { server: Arc::as_ptr(server), key },
        session,
        tenants: Cell::new(0),
    });
    worker.tenancies.enter(&tenancy);
    tokio::task::spawn_local(drive(Rc::downgrade(&tenancy)));
    tenancy.join()
}

/// Moves the bytes of a connection while it carries streams.
async fn drive(tenancy: Weak<Tenancy>) {
    poll_fn(|cx| {
        let Some(tenancy) = tenancy.upgrade().filter(|tenancy| tenancy.owned.borrow().is_some()) else {
            return Poll::Ready(());
        };
        tenancy.worker.begin_run();
        let turn = lock(&tenancy.trunk).turn(cx);
        if turn == Turn::Over {
            // Its streams see for themselves.
            tenancy.worker.tenancies.leave(&tenancy);
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

impl Tenancy {
    /// Whether it takes a stream that would have made just such a connection.
    fn takes(&self, traits: &Traits) -> bool {
        let owned = self.owned.borrow();
        let is_here = |owned: &Owned| owned.conn.moves == self.server.moves();
        let alike = owned.as_ref().is_some_and(|owned| is_here(owned) && is_alike(owned, traits));
        alike && lock(&self.trunk).h2.has_room_for(self.tenants.get())
    }

    fn note_reuse(&self) {
        if let Some(owned) = self.owned.borrow_mut().as_mut() {
            owned.conn.reuses = owned.conn.reuses.saturating_add(1);
        }
    }

    fn join(self: Rc<Self>) -> Owned {
        self.tenants.set(self.tenants.get() + 1);
        let conn = Conn::over(Line::Trunk(self.trunk.clone()));
        let limit = self.worker.site.tuning.buffer_size;
        Owned::Stream(Box::new(HttpSide::new(conn, limit, h1::Side::Response)), Tenant(Some(self)))
    }

    /// A stream has gone. The connection is kept for later when it was the last one, if it is still good.
    #[inline(never)]
    fn part(&self, own: &mut OwnConnections, limit: usize) {
        self.tenants.set(self.tenants.get() - 1);
        if self.tenants.get() > 0 {
            return;
        }
        self.worker.tenancies.leave(self);
        let Some(owned) = self.owned.borrow_mut().take() else { return };
        let (quiet, whole) = {
            let mut trunk = lock(&self.trunk);
            // Whoever moved its bytes is no longer needed.
            trunk.h2.stir();
            (trunk.is_quiet(), !trunk.h2.is_failed() && !trunk.h2.is_lost())
        };
        if quiet {
            self.worker.keep(&self.server, owned, (own, limit));
        } else if whole {
            tokio::task::spawn_local(end(self.trunk.clone()));
        }
    }
}

/// How long a server is listened to that is told that nothing more comes.
const LINGER: Duration = Duration::from_secs(1);

/// Ends a connection in order: what the server is just saying would be answered by a reset.
async fn end(trunk: SharedTrunk) {
    if lock(&trunk).conn.shutdown_write().is_ok() {
        // Whether it has come to its end by then or not, it is closed.
        let _ = tokio::time::timeout(LINGER, poll_fn(|cx| lock(&trunk).poll_drain(cx))).await;
    }
}

impl Tenant {
    /// What is known of the connection, with the stream that is to be opened.
    pub(crate) fn facts(&self) -> Option<Multiplex> {
        let tenancy = self.0.as_ref()?;
        Some(Multiplex { streams: tenancy.tenants.get() as u32, ..lock(&tenancy.trunk).facts() })
    }

    /// The connection belongs to the session from now on, if nobody else is on it.
    pub(crate) fn seclude(&self) {
        let Some(tenancy) = &self.0 else { return };
        if tenancy.tenants.get() == 1 {
            let owned = tenancy.owned.borrow_mut().take();
            *tenancy.owned.borrow_mut() = owned.map(Owned::into_private);
        }
    }

    /// The stream is over.
    pub(crate) fn leave(mut self, own: &mut OwnConnections, limit: usize) {
        if let Some(tenancy) = self.0.take() {
            tenancy.part(own, limit);
        }
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        if let Some(tenancy) = self.0.take() {
            tenancy.part(&mut OwnConnections::new(), 0);
        }
    }
}
