//! Streams that wait for a server of their backend.
//!
//! A server with a limit serves so many streams at once ([`Slots`]). A backend has one [`Queue`] for those that find
//! no room: in the line of one server if they must go to that one, else in the line of the backend, from which any
//! server takes whose slot becomes free. A slot that is given back goes to whoever has waited for longest among those
//! who may have it, unless they came with another [`Order`].
//!
//! As long as nobody waits, taking a slot and giving it back are a few steps on two counters. The lines are under a
//! lock. Whoever gives a slot back counts first and then looks whether somebody waits; whoever waits joins the line
//! first and then looks whether there is room: so that one of them sees the other.

mod lines;
mod slots;
mod sync;
mod ticket;

use std::sync::Arc;

use base::counter::Counter;
use sync::{AtomicU64, Mutex, Ordering, fence, lock};

pub use lines::Order;
use lines::{Line, Lines, Spot};
pub use slots::Slots;
pub use ticket::{Outcome, Ticket};

/// A server, as its queue sees it.
pub trait Desk {
    /// Its slots.
    fn slots(&self) -> &Slots;

    /// How many streams it serves at once just now; 0 for no limit.
    fn limit(&self) -> u64;

    /// Whether those may come who would go to any server.
    fn is_open(&self) -> bool;
}

/// Why a stream cannot wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The queue of a backend.
#[derive(Debug)]
pub struct Queue<S> {
    lines: Mutex<Lines<S>>,
    /// Those who wait in any line.
    waiting: AtomicU64,
    /// Those who wait for any server.
    common: AtomicU64,
    /// The most that ever waited for any server at once.
    pub common_max: Counter,
}

impl<S> Default for Queue<S> {
    fn default() -> Self {
        Self {
            lines: Mutex::new(Lines::default()),
            waiting: AtomicU64::new(0),
            common: AtomicU64::new(0),
            common_max: Counter::default(),
        }
    }
}

impl<S: Desk> Queue<S> {
    /// Those who wait for any server.
    pub fn waiting(&self) -> u64 {
        self.common.load(Ordering::Relaxed)
    }

    /// Whether a stream that comes now would get a slot, as far as can be told without taking it.
    pub fn has_room(&self, server: &Arc<S>) -> bool {
        let (limit, slots) = (server.limit(), server.slots());
        limit == 0 || (self.waiting() == 0 && slots.waiting() == 0 && slots.served() < limit)
    }

    /// Takes a slot, unless none is free or others wait for it.
    #[must_use]
    pub fn enter(&self, server: &Arc<S>) -> bool {
        if server.limit() > 0 && self.waiting.load(Ordering::Relaxed) > 0 {
            let lines = lock(&self.lines);
            return !lines.anybody_for(server) && server.slots().take(server.limit());
        }
        server.slots().take(server.limit())
    }

    /// Waits in the line of a server, unless that has `most` in it already; 0 for no limit.
    pub fn wait_for(self: &Arc<Self>, server: &Arc<S>, most: u64, order: Order) -> Result<Ticket<S>, Full> {
        let mut lines = lock(&self.lines);
        if most > 0 && server.slots().waiting() >= most {
            return Err(Full);
        }
        let ticket = self.join(&mut lines, Line::Server(server.clone()), order);
        self.admit_locked(&mut lines, server);
        Ok(ticket)
    }

    /// Waits for any server; those that may take the stream are named, since one may have become free meanwhile.
    pub fn wait_for_any<'s>(
        self: &Arc<Self>,
        servers: impl IntoIterator<Item = &'s Arc<S>>,
        order: Order,
    ) -> Ticket<S>
    where
        S: 's,
    {
        let mut lines = lock(&self.lines);
        let ticket = self.join(&mut lines, Line::Common, order);
        servers.into_iter().for_each(|server| self.admit_locked(&mut lines, server));
        ticket
    }

    fn join(self: &Arc<Self>, lines: &mut Lines<S>, line: Line<S>, order: Order) -> Ticket<S> {
        let (shared, place) = lines.join(&line, order);
        match &line {
            Line::Server(server) => server.slots().join(),
            Line::Common => {
                let waiting = self.common.fetch_add(1, Ordering::Relaxed) + 1;
                self.common_max.raise(waiting);
            }
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // Whether there is room is looked at behind this, as those who leave look behind theirs.
        fence(Ordering::SeqCst);
        Ticket::new(self.clone(), line, shared, place)
    }

    /// Gives a slot back: whoever waits for it gets it.
    pub fn leave(&self, server: &Arc<S>) {
        server.slots().give_back();
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.admit(server);
        }
    }

    /// All who wait, whatever for.
    pub fn all_waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Lets the maxima start anew.
    pub fn clear_maximum(&self) {
        self.common_max.set(self.waiting());
    }

    /// Lets in as many as the server has room for: it has become free, or open, or its limit has risen.
    pub fn admit(&self, server: &Arc<S>) {
        self.admit_locked(&mut lock(&self.lines), server);
    }

    fn admit_locked(&self, lines: &mut Lines<S>, server: &Arc<S>) {
        while let Some(next) = lines.first_for(server) {
            if !server.slots().take(server.limit()) {
                return;
            }
            let entry = lines.remove(&next.line, next.place);
            self.gone(&next.line);
            if let Some(entry) = entry {
                entry.call(Outcome::Admitted(server.clone()));
            }
        }
    }

    /// Sends those who wait for a server to choose again; tells how many they were.
    pub fn send_away_from(&self, server: &Arc<S>) -> usize {
        self.send_away(&Line::Server(server.clone()))
    }

    /// Sends those who wait for any server to choose again: there is none.
    pub fn send_all_away(&self) -> usize {
        self.send_away(&Line::Common)
    }

    fn send_away(&self, line: &Line<S>) -> usize {
        let mut lines = lock(&self.lines);
        let mut count = 0;
        while let Some(entry) = lines.pop(line) {
            self.gone(line);
            entry.call(Outcome::SentAway);
            count += 1;
        }
        count
    }

    fn gone(&self, line: &Line<S>) {
        match line {
            Line::Server(server) => server.slots().part(),
            Line::Common => {
                self.common.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// A ticket's holder waits no more; a slot that came at the last moment goes to the next.
    fn forget(&self, line: &Line<S>, place: Spot) -> bool {
        let removed = lock(&self.lines).remove(line, place).is_some();
        if removed {
            self.gone(line);
        }
        removed
    }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
