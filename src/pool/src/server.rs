//! The connections of one server that wait for their next use, on all threads.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use base::clock::Tick;

use crate::ledger::{Closed, Count, Figures, Ledger, Tree};
use crate::mutation::Mutation;
use crate::reuse::Order;
use crate::shard::{Entry, Proven, Shard, Ticket};
use crate::states::{Doomed, Held, Private, Seat, Used};
use crate::sync::{AtomicBool, AtomicUsize, Mutex, Ordering, lock, try_lock};

/// What a server's line says of its idle connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `pool-max-conn`; `None` for no limit.
    pub max: Option<u64>,
    /// `pool-low-conn`.
    pub low: u64,
    /// `pool-purge-delay`.
    pub purge_delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max: None, low: 0, purge_delay: Duration::from_secs(5) }
    }
}

/// Whether the process has descriptors to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    /// Enough for connections that do nothing.
    Plenty,
    /// Enough for one on each thread (beyond `tune.pool-low-fd-ratio`).
    Scarce,
    /// None at all (beyond `tune.pool-high-fd-ratio`).
    Short,
}

/// Why a connection is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its server takes nobody: maintenance, removal, or the end of the process.
    Closed,
    /// `pool-purge-delay` is 0.
    NoTime,
    /// `pool-max-conn` are kept.
    Full,
    /// The process has too few descriptors left.
    Descriptors,
    /// More than needed are kept.
    Surplus,
}

/// What a request looks for.
#[derive(Clone, Debug)]
pub struct Search {
    /// The thread that looks.
    pub thread: usize,
    /// What connections must have in common with the one wanted.
    pub key: u64,
    /// The trees, and which comes first.
    pub order: Order,
    /// The threads that it may take from (`tune.idle-pool.shared`); its own always.
    pub reach: Range<usize>,
    /// Whether taking from others can wait until there are more.
    pub descriptors: Descriptors,
}

/// The connections of one server. `C` is a connection; the pool never looks into it.
#[derive(Debug)]
pub struct ServerPool<C> {
    settings: Settings,
    ledger: Arc<Ledger>,
    shards: Box<[Guarded<C>]>,
    /// The thread to take from next, so that all give in turn.
    next: AtomicUsize,
    /// Whether somebody will purge.
    purging: AtomicBool,
}

#[derive(Debug)]
#[repr(align(128))]
struct Guarded<C>(Mutex<Shard<C>>);

impl<C> ServerPool<C> {
    /// A pool without connections, for that many threads.
    pub fn new(settings: Settings, threads: usize) -> Self {
        let ledger = Arc::new(Ledger::new(threads));
        let shards = (0..ledger.threads()).map(|_| Guarded(Mutex::new(Shard::default()))).collect();
        Self { settings, ledger, shards, next: AtomicUsize::new(0), purging: AtomicBool::new(false) }
    }

    /// What the server's line says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The figures now.
    pub fn figures(&self) -> Figures {
        self.ledger.figures()
    }

    /// The idle connections of each thread.
    pub fn idle_by_thread(&self) -> impl Iterator<Item = u64> {
        (0..self.shards.len()).map(|thread| self.ledger.idle_of(thread))
    }

    /// Counts a connection that is about to be made.
    pub fn seat(&self) -> Seat {
        Seat(Count::begin(&self.ledger))
    }

    /// Counts a connection that is about to be made, unless the server has `limit` (`strict-maxconn`).
    pub fn seat_within(&self, limit: u64) -> Option<Seat> {
        Count::begin_within(&self.ledger, limit).map(Seat)
    }

    /// Keeps a connection for later; one that is refused is given back to be closed. A thread that has none of the
    /// kind may keep one even where descriptors are scarce or the need is met.
    pub fn put(
        &self,
        thread: usize,
        used: Used<C>,
        now: Tick,
        descriptors: Descriptors,
    ) -> Result<Ticket, (Refusal, Used<C>)> {
        debug_assert!(used.count.belongs_to(&self.ledger), "a connection goes back where it comes from");
        if let Some(refusal) = self.refuses_all(descriptors) {
            return Err((refusal, used));
        }
        let tree = tree_for(used.proven);
        let mut shard = lock(&self.shards[thread].0);
        // Under the lock: whoever closes the server looks into the trees once more afterwards.
        if self.ledger.is_closed() && !Mutation::PutIgnoresClosed.is_on() {
            return Err((Refusal::Closed, used));
        }
        if !shard.lacks(tree)
            && let Some(refusal) = self.refuses_more(descriptors)
        {
            return Err((refusal, used));
        }
        let Used { connection, count, key, proven } = used;
        match count.park(thread, tree, self.settings.max) {
            Ok(count) => Ok(shard.insert(thread, Entry { connection, count, key, since: now })),
            Err(count) => Err((Refusal::Full, Used { connection, count, key, proven })),
        }
    }

    fn refuses_all(&self, descriptors: Descriptors) -> Option<Refusal> {
        if self.settings.purge_delay.is_zero() {
            Some(Refusal::NoTime)
        } else if self.settings.max == Some(0) {
            Some(Refusal::Full)
        } else if descriptors == Descriptors::Short {
            Some(Refusal::Descriptors)
        } else {
            None
        }
    }

    /// What speaks against keeping more than a thread must have to work with.
    fn refuses_more(&self, descriptors: Descriptors) -> Option<Refusal> {
        if descriptors != Descriptors::Plenty {
            Some(Refusal::Descriptors)
        } else if self.ledger.exceeds_need(self.settings.low) {
            Some(Refusal::Surplus)
        } else {
            None
        }
    }

    /// Takes a waiting connection that is just like the one wanted: of this thread, else of those in reach. Tells
    /// which thread kept it.
    pub fn take(&self, search: &Search, mut alike: impl FnMut(&C) -> bool) -> Option<(Used<C>, usize)> {
        let waiting = self.ledger.idle();
        if waiting == 0 {
            return None;
        }
        for trees in search.order.rounds() {
            if let Some(used) = self.take_own(search, trees, &mut alike) {
                return Some((used, search.thread));
            }
            if waiting < self.settings.low && search.descriptors == Descriptors::Plenty {
                continue;
            }
            if let Some(found) = self.take_over(search, trees, &mut alike) {
                return Some(found);
            }
        }
        None
    }

    fn take_own(
        &self,
        search: &Search,
        trees: &[Tree],
        alike: &mut impl FnMut(&C) -> bool,
    ) -> Option<Used<C>> {
        if self.ledger.idle_of(search.thread) == 0 {
            return None;
        }
        let entry = lock(&self.shards[search.thread].0).take(trees, search.key, alike)?;
        Some(used(entry))
    }

    fn take_over(
        &self,
        search: &Search,
        trees: &[Tree],
        alike: &mut impl FnMut(&C) -> bool,
    ) -> Option<(Used<C>, usize)> {
        let reach = search.reach.start..search.reach.end.min(self.shards.len());
        let first = self.next.load(Ordering::Relaxed);
        for step in 0..reach.len() {
            let thread = reach.start + (first + step) % reach.len();
            if thread == search.thread || self.ledger.idle_of(thread) == 0 {
                continue;
            }
            let shard = if Mutation::WaitsForNeighbour.is_on() {
                Some(lock(&self.shards[thread].0))
            } else {
                try_lock(&self.shards[thread].0)
            };
            if let Some(entry) = shard.and_then(|mut s| s.take(trees, search.key, alike)) {
                self.next.store(thread + 1, Ordering::Relaxed);
                return Some((used(entry), thread));
            }
        }
        None
    }

    /// Takes a connection out for a while, because something happened on it; `None` when it has left already.
    pub fn detach(&self, ticket: Ticket) -> Option<Held<'_, C>> {
        let mut shard = lock(&self.shards.get(ticket.thread)?.0);
        let at = shard.valid(ticket)?;
        let entry = shard.hold(at)?;
        drop(shard);
        Some(Held::new(entry, self, ticket))
    }

    pub(crate) fn restore(&self, ticket: Ticket, entry: Entry<C>) -> Result<(), Entry<C>> {
        lock(&self.shards[ticket.thread].0).restore(ticket, entry)
    }

    pub(crate) fn abandon(&self, ticket: Ticket) {
        lock(&self.shards[ticket.thread].0).abandon(ticket);
    }

    /// Keeps a session's own connection. Nobody finds it but by the ticket.
    pub fn rest(&self, thread: usize, private: Private<C>, now: Tick) -> Result<Ticket, Private<C>> {
        debug_assert!(private.count.belongs_to(&self.ledger), "a connection goes back where it comes from");
        let mut shard = lock(&self.shards[thread].0);
        if self.ledger.is_closed() && !Mutation::PutIgnoresClosed.is_on() {
            return Err(private);
        }
        let Private { connection, count, key } = private;
        let entry = Entry { connection, count: count.rest(), key, since: now };
        if Mutation::PrivateIsShared.is_on() {
            return Ok(shard.insert_into(thread, entry, Some(Tree::Safe)));
        }
        Ok(shard.insert(thread, entry))
    }

    /// Takes a session's own connection for its next request, if it is still there and just like the one wanted.
    pub fn rouse(&self, ticket: Ticket, alike: impl FnOnce(u64, &C) -> bool) -> Option<Private<C>> {
        let mut shard = lock(&self.shards.get(ticket.thread)?.0);
        let at = shard.valid(ticket)?;
        shard.at(at).filter(|e| alike(e.key, &e.connection))?;
        let Entry { connection, count, key, .. } = shard.remove(at)?;
        Some(Private { connection, count: count.rouse(), key })
    }

    /// Whether the connection of a ticket still waits there, or is with somebody who may put it back.
    pub fn knows(&self, ticket: Ticket) -> bool {
        self.shards.get(ticket.thread).is_some_and(|s| lock(&s.0).knows(ticket))
    }

    /// Takes a connection out for good; whoever holds it at the moment cannot put it back.
    pub fn doom(&self, ticket: Ticket) -> Option<Doomed<C>> {
        let mut shard = lock(&self.shards.get(ticket.thread)?.0);
        let Some(at) = shard.valid(ticket) else {
            shard.forbid(ticket);
            return None;
        };
        shard.remove(at).map(|entry| Doomed::new(entry, ticket.thread))
    }

    /// From now on no connection may wait; those that did are doomed.
    pub fn close(&self) -> Vec<Doomed<C>> {
        if Mutation::ClosedTooLate.is_on() {
            let doomed = self.doom_all();
            self.ledger.set_closed(Closed::Yes);
            return doomed;
        }
        self.ledger.set_closed(Closed::Yes);
        self.doom_all()
    }

    /// Connections may wait again.
    pub fn open(&self) {
        self.ledger.set_closed(Closed::No);
    }

    /// Dooms all connections that wait, also those that somebody holds at the moment.
    pub fn doom_all(&self) -> Vec<Doomed<C>> {
        (0..self.shards.len()).flat_map(|thread| self.doom_thread(thread)).collect()
    }

    /// Dooms the connections that wait on one thread.
    pub fn doom_thread(&self, thread: usize) -> Vec<Doomed<C>> {
        let Some(shard) = self.shards.get(thread) else { return Vec::new() };
        let mut shard = lock(&shard.0);
        shard.drain().map(|entry| Doomed::new(entry, thread)).collect()
    }

    /// Dooms one connection to make room: the least recently used one of this thread, else of another one.
    pub fn doom_one(&self, thread: usize) -> Option<Doomed<C>> {
        let threads = self.shards.len();
        (0..threads).map(|step| (thread + step) % threads).find_map(|thread| {
            if self.ledger.idle_of(thread) == 0 {
                return None;
            }
            let mut shard = try_lock(&self.shards[thread].0)?;
            let oldest = shard.least_recent()?;
            shard.remove(oldest).map(|entry| Doomed::new(entry, thread))
        })
    }

    /// Dooms half of what exceeds the need, on each thread in proportion, the least recently used first.
    pub fn purge(&self) -> Vec<Doomed<C>> {
        let mut excess = self.ledger.settle();
        let waiting = self.ledger.idle();
        let mut doomed = Vec::new();
        if excess == 0 || waiting == 0 {
            return doomed;
        }
        let part = |idle: u64| (excess * idle).div_ceil(waiting);
        let parts: Vec<u64> = self.idle_by_thread().map(part).collect();
        for (thread, part) in parts.into_iter().enumerate() {
            let wanted = part.min(excess);
            let before = doomed.len();
            if wanted > 0 {
                let mut shard = lock(&self.shards[thread].0);
                while doomed.len() - before < wanted as usize
                    && let Some(entry) = shard.least_recent().and_then(|at| shard.remove(at))
                {
                    doomed.push(Doomed::new(entry, thread));
                }
            }
            excess -= (doomed.len() - before) as u64;
        }
        doomed
    }

    /// Whether somebody has to begin to purge: connections wait, and nobody does. The caller is the one then.
    #[must_use]
    pub fn begin_purging(&self) -> bool {
        !self.purging.load(Ordering::SeqCst) && !self.purging.swap(true, Ordering::SeqCst)
    }

    /// The one who purges wants to stop, since nothing waits; false when something does after all.
    #[must_use]
    pub fn end_purging(&self) -> bool {
        if Mutation::EndsUnseen.is_on() {
            let ends = self.ledger.idle() == 0;
            if ends {
                self.purging.store(false, Ordering::SeqCst);
            }
            return ends;
        }
        if self.ledger.idle() > 0 {
            return false;
        }
        self.purging.swap(false, Ordering::SeqCst);
        // What came before the line above found that somebody purges.
        self.ledger.idle() == 0 || !self.begin_purging()
    }

    /// Whether the server can be removed: it is closed, and no connection to it is left.
    pub fn is_deserted(&self) -> bool {
        let figures = self.figures();
        self.ledger.is_closed() && figures.used + figures.idle + figures.private == 0
    }

    /// Whether connections are refused.
    pub fn is_closed(&self) -> bool {
        self.ledger.is_closed()
    }

    #[cfg(all(test, loom))]
    pub(crate) fn while_busy<T>(&self, thread: usize, run: impl FnOnce() -> T) -> T {
        let _guard = lock(&self.shards[thread].0);
        run()
    }
}

fn tree_for(proven: Proven) -> Tree {
    match proven {
        Proven::No => Tree::Idle,
        Proven::Yes => Tree::Safe,
    }
}

fn used<C>(entry: Entry<C>) -> Used<C> {
    let Entry { connection, count, key, .. } = entry;
    Used { connection, count: count.wake(), key, proven: Proven::Yes }
}

impl<C> Shard<C> {
    fn take(&mut self, trees: &[Tree], key: u64, alike: &mut impl FnMut(&C) -> bool) -> Option<Entry<C>> {
        let at = trees.iter().find_map(|tree| self.find(*tree, key, &mut *alike))?;
        self.remove(at)
    }
}
