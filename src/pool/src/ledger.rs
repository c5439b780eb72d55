//! The figures of one server, and the token by which each connection is counted.
//!
//! ```text
//!              new                          park
//!   (nothing) -----> Used ------------------------------> Idle (tree idle or safe, one thread)
//!                     |  ^--------------------------------'
//!                     |                 take
//!                     | becomes private
//!                     v            rest
//!                  Private -----------------> Resting
//!                        ^--------------------'
//! ```
//!
//! A token is counted in exactly one state, and dropping it takes it off the figures of that state. Being in a
//! tree is another fact: a connection that was taken out to be closed keeps its token, and counts as idle until it
//! is gone.

use std::sync::Arc;

use crate::mutation::Mutation;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// Two numbers in one word, so that one step changes both: `high` and `low`, of 32 bits each.
const HIGH: u64 = 1 << 32;

const fn high(word: u64) -> u64 {
    word >> 32
}

const fn low(word: u64) -> u64 {
    word & (HIGH - 1)
}

/// The figures of one server.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// High: used connections; low: idle ones.
    totals: AtomicU64,
    /// High: private connections; low: those of them that wait.
    private: AtomicU64,
    /// All connections, from the decision to make one until it is gone.
    live: AtomicU64,
    /// The most connections used at once since the last purge.
    recent_max: AtomicU64,
    /// How many are needed, as far as the past tells.
    need: AtomicU64,
    /// Whether no connection may wait.
    closed: AtomicBool,
    /// Idle connections of each thread. High: all; low: those in the safe tree.
    threads: Box<[Padded]>,
}

/// Two cache lines, since neighbouring ones are fetched together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

/// The figures of a server at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections that serve streams.
    pub used: u64,
    /// Connections that anybody may take and that serve no stream.
    pub idle: u64,
    /// The part of `idle` that has not been used again yet.
    pub idle_tree: u64,
    /// The part of `idle` that is known to serve one request after another.
    pub safe_tree: u64,
    /// Connections that belong to one client session.
    pub private: u64,
    /// The part of `private` that serves no stream.
    pub private_idle: u64,
    /// How many connections are needed at once, as far as the past tells.
    pub need: u64,
    /// The most connections that were used at once since the last purge.
    pub recent_max: u64,
    /// All connections.
    pub live: u64,
}

/// Which tree an idle connection is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Not used again yet.
    Idle,
    /// Used again after waiting, or of a protocol that makes it safe.
    Safe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Used,
    Idle { thread: usize, tree: Tree },
    Private,
    Resting,
}

/// What counts one connection.
#[derive(Debug)]
pub(crate) struct Count {
    ledger: Arc<Ledger>,
    state: State,
}

impl Ledger {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            totals: AtomicU64::new(0),
            private: AtomicU64::new(0),
            live: AtomicU64::new(0),
            recent_max: AtomicU64::new(0),
            need: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            threads: (0..threads.max(1)).map(|_| Padded::default()).collect(),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Idle connections.
    pub(crate) fn idle(&self) -> u64 {
        low(self.totals.load(Ordering::SeqCst))
    }

    /// Idle connections of a thread.
    pub(crate) fn idle_of(&self, thread: usize) -> u64 {
        high(self.threads[thread].0.load(Ordering::Relaxed))
    }

    /// How many more than needed there would be if one more were to wait while `used` includes it.
    pub(crate) fn exceeds_need(&self, spare: u64) -> bool {
        let totals = self.totals.load(Ordering::Relaxed);
        let used = high(totals);
        used + low(totals) > used.max(self.need.load(Ordering::Relaxed)) + spare
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn set_closed(&self, closed: Closed) {
        self.closed.store(closed == Closed::Yes, Ordering::SeqCst);
    }

    pub(crate) fn figures(&self) -> Figures {
        // In this order: a connection that becomes private is seen at least once on the way.
        let totals = self.totals.load(Ordering::SeqCst);
        let private = self.private.load(Ordering::SeqCst);
        let safe_tree = self.threads.iter().map(|t| low(t.0.load(Ordering::Relaxed))).sum();
        Figures {
            used: high(totals),
            idle: low(totals),
            idle_tree: low(totals).saturating_sub(safe_tree),
            safe_tree,
            private: high(private),
            private_idle: low(private),
            need: self.need.load(Ordering::Relaxed),
            recent_max: self.recent_max.load(Ordering::Relaxed),
            live: self.live.load(Ordering::SeqCst),
        }
    }

    /// How many idle connections a purge should close; the measure of the need starts anew.
    pub(crate) fn settle(&self) -> u64 {
        let totals = self.totals.load(Ordering::SeqCst);
        let (used, idle) = (high(totals), low(totals));
        let recent = self.recent_max.swap(used, Ordering::Relaxed);
        let need = self.need.load(Ordering::Relaxed);
        let excess = (used + idle).saturating_sub(recent.max(need)).min(idle);
        self.need.store(u64::midpoint(need, recent).max(recent), Ordering::Relaxed);
        excess.div_ceil(2)
    }

    fn note_use(&self, used: u64) {
        // A maximum that is missed by one now and then does no harm; a word that is written at each use would.
        for figure in [&self.recent_max, &self.need] {
            if figure.load(Ordering::Relaxed) < used {
                figure.store(used, Ordering::Relaxed);
            }
        }
    }

    /// Counts a connection that is about to be made, unless there are `limit` already.
    fn admit(&self, limit: u64) -> bool {
        if Mutation::StrictLimitNotReserved.is_on() {
            let free = self.live.load(Ordering::SeqCst) < limit;
            return free && self.live.fetch_add(1, Ordering::SeqCst) < u64::MAX;
        }
        raise(&self.live, 1, |live| live < limit).is_ok()
    }

    fn thread_enters(&self, thread: usize, tree: Tree) {
        self.threads[thread].0.fetch_add(weight(tree), Ordering::Relaxed);
    }

    fn thread_leaves(&self, thread: usize, tree: Tree) {
        let thread = if Mutation::WrongThread.is_on() { 0 } else { thread };
        self.threads[thread].0.fetch_sub(weight(tree), Ordering::Relaxed);
    }
}

/// Whether a server's connections may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Yes,
    No,
}

const fn weight(tree: Tree) -> u64 {
    match tree {
        Tree::Idle => HIGH,
        Tree::Safe => HIGH + 1,
    }
}

/// Adds to a word as long as it allows that.
fn raise(word: &AtomicU64, by: u64, allows: impl Fn(u64) -> bool) -> Result<u64, u64> {
    word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| allows(now).then(|| now.wrapping_add(by)))
}

impl Count {
    /// Counts a connection that is about to be made as used.
    pub(crate) fn begin(ledger: &Arc<Ledger>) -> Self {
        ledger.live.fetch_add(1, Ordering::SeqCst);
        Self::admitted(ledger)
    }

    /// The same, unless `limit` connections exist.
    pub(crate) fn begin_within(ledger: &Arc<Ledger>, limit: u64) -> Option<Self> {
        ledger.admit(limit).then(|| Self::admitted(ledger))
    }

    fn admitted(ledger: &Arc<Ledger>) -> Self {
        let used = high(ledger.totals.fetch_add(HIGH, Ordering::SeqCst)) + 1;
        ledger.note_use(used);
        Self { ledger: ledger.clone(), state: State::Used }
    }

    /// Used → idle, unless `max` are idle.
    pub(crate) fn park(mut self, thread: usize, tree: Tree, max: Option<u64>) -> Result<Self, Self> {
        debug_assert_eq!(self.state, State::Used);
        let ledger = &self.ledger;
        // Less `HIGH`, plus one.
        let step = 1_u64.wrapping_sub(HIGH);
        let room = |totals| max.is_none_or(|max| low(totals) < max);
        let entered = if Mutation::LimitNotReserved.is_on() {
            let free = room(ledger.totals.load(Ordering::SeqCst));
            free && ledger.totals.fetch_add(step, Ordering::SeqCst) > 0
        } else if max.is_none() {
            ledger.totals.fetch_add(step, Ordering::SeqCst) > 0
        } else {
            raise(&ledger.totals, step, room).is_ok()
        };
        if !entered {
            return Err(self);
        }
        ledger.thread_enters(thread, tree);
        self.state = State::Idle { thread, tree };
        Ok(self)
    }

    /// Idle → used.
    pub(crate) fn wake(mut self) -> Self {
        let State::Idle { thread, tree } = self.state else {
            unreachable!("only an idle connection is taken")
        };
        let ledger = &self.ledger;
        ledger.thread_leaves(thread, tree);
        if Mutation::TwoSteps.is_on() {
            ledger.totals.fetch_sub(1, Ordering::SeqCst);
            ledger.totals.fetch_add(HIGH, Ordering::SeqCst);
        } else {
            let used = high(ledger.totals.fetch_add(HIGH - 1, Ordering::SeqCst)) + 1;
            ledger.note_use(used);
        }
        self.state = State::Used;
        self
    }

    /// Used → private.
    pub(crate) fn seclude(mut self) -> Self {
        debug_assert_eq!(self.state, State::Used);
        let ledger = &self.ledger;
        if Mutation::PrivateTooLate.is_on() {
            ledger.totals.fetch_sub(HIGH, Ordering::SeqCst);
            ledger.private.fetch_add(HIGH, Ordering::SeqCst);
        } else {
            ledger.private.fetch_add(HIGH, Ordering::SeqCst);
            ledger.totals.fetch_sub(HIGH, Ordering::SeqCst);
        }
        self.state = State::Private;
        self
    }

    /// Private → private and waiting.
    pub(crate) fn rest(mut self) -> Self {
        debug_assert_eq!(self.state, State::Private);
        self.ledger.private.fetch_add(1, Ordering::SeqCst);
        self.state = State::Resting;
        self
    }

    /// Private and waiting → private.
    pub(crate) fn rouse(mut self) -> Self {
        debug_assert_eq!(self.state, State::Resting);
        self.ledger.private.fetch_sub(1, Ordering::SeqCst);
        self.state = State::Private;
        self
    }

    /// Stays counted as it is: what is doomed is idle until it is gone.
    pub(crate) fn doom(self) -> Self {
        let shared = matches!(self.state, State::Idle { .. });
        if Mutation::DoomedCountsAsUsed.is_on() && shared {
            let mut doomed = self;
            doomed.state = State::Used;
            return doomed;
        }
        self
    }

    /// The tree that an idle connection counts in; none for a private one.
    pub(crate) fn tree(&self) -> Option<Tree> {
        match self.state {
            State::Idle { tree, .. } => Some(tree),
            _ => None,
        }
    }

    /// Whether this counts at that server.
    pub(crate) fn belongs_to(&self, ledger: &Arc<Ledger>) -> bool {
        Arc::ptr_eq(&self.ledger, ledger)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        let ledger = &self.ledger;
        match self.state {
            State::Used => {
                ledger.totals.fetch_sub(HIGH, Ordering::SeqCst);
            }
            State::Idle { thread, tree } => {
                ledger.thread_leaves(thread, tree);
                ledger.totals.fetch_sub(1, Ordering::SeqCst);
            }
            State::Private => {
                ledger.private.fetch_sub(HIGH, Ordering::SeqCst);
            }
            State::Resting => {
                ledger.private.fetch_sub(HIGH + 1, Ordering::SeqCst);
            }
        }
        ledger.live.fetch_sub(1, Ordering::SeqCst);
    }
}
