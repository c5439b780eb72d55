//! What a worker thread keeps to itself.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use backend::Server;
use base::clock::Clock;
use pool::IdleSet;
use tokio::sync::Notify;

use crate::dial::Traits;
use crate::h1_side::H1Side;
use crate::site::Site;

/// A worker thread's own.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) site: Arc<Site>,
    pub(crate) clock: Clock,
    idle: RefCell<IdleSet<IdleConn>>,
    /// The stop that was asked for.
    pub(crate) stopping: Cell<Stopping>,
    /// Connections that this thread serves.
    pub(crate) connections: Cell<usize>,
    /// Told when the last of them has ended.
    pub(crate) drained: Notify,
}

/// Whether the worker takes on new work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stopping {
    #[default]
    No,
    /// Requests that have begun are finished, nothing new begins.
    Soft,
}

/// An idle server connection, counted by its server as long as it is one.
#[derive(Debug)]
struct IdleConn {
    side: H1Side,
    counted: CountedIdle,
}

/// Counts one idle connection of a server and of the thread that keeps it.
#[derive(Debug)]
struct CountedIdle(Arc<Server>, usize);

impl CountedIdle {
    fn new(server: &Arc<Server>) -> Self {
        server.counters.idle.here().inc();
        Self(server.clone(), base::worker::index())
    }
}

impl Drop for CountedIdle {
    fn drop(&mut self) {
        self.0.counters.idle.of(self.1).dec();
    }
}

impl Worker {
    pub(crate) fn new(site: Arc<Site>) -> Rc<Self> {
        let clock = site.clock.clone();
        Rc::new(Self {
            site,
            clock,
            idle: RefCell::default(),
            stopping: Cell::default(),
            connections: Cell::new(0),
            drained: Notify::new(),
        })
    }

    /// Takes an idle connection to a server that is still alive and just like the one wanted.
    pub(crate) fn take_idle(&self, server: &Arc<Server>, traits: &Traits) -> Option<H1Side> {
        let key = key_of(server, traits);
        loop {
            let IdleConn { mut side, counted } = self.idle.borrow_mut().take(key)?;
            drop(counted);
            // Keys may coincide; connections of different kinds must not.
            let alike = side.conn.traits.as_deref().map_or(*traits == Traits::default(), |t| t == traits);
            if alike && side.conn.is_quiet() {
                return Some(side);
            }
        }
    }

    /// Keeps a connection for later.
    pub(crate) fn keep_idle(&self, server: &Arc<Server>, side: H1Side) {
        if server.settings.pool_purge_delay.is_zero() || self.stopping.get() != Stopping::No {
            return;
        }
        let key = key_of(server, side.conn.traits.as_deref().unwrap_or(&Traits::default()));
        let idle = IdleConn { side, counted: CountedIdle::new(server) };
        // One that is refused is closed by being dropped.
        let _ = self.idle.borrow_mut().put(key, idle, self.clock.now(), server.settings.pool_max);
    }

    /// Closes all idle connections.
    pub(crate) fn forget_idle(&self) {
        let all = self.idle.take();
        drop(all);
    }

    /// A connection begins.
    pub(crate) fn enter(&self) {
        self.connections.set(self.connections.get() + 1);
    }

    /// A connection has ended.
    pub(crate) fn leave(&self) {
        self.connections.set(self.connections.get() - 1);
        if self.connections.get() == 0 {
            self.drained.notify_one();
        }
    }

    /// Closes connections that nobody wanted for too long.
    pub(crate) fn purge_idle(&self) {
        let now = self.clock.now();
        // They are closed only after the set is free again.
        let purged = self.idle.borrow_mut().purge(now, |c| c.counted.0.settings.pool_purge_delay);
        drop(purged);
    }
}

fn key_of(server: &Arc<Server>, traits: &Traits) -> usize {
    Arc::as_ptr(server).addr() ^ traits.key()
}
