//! Server connections between two uses: where they wait, who watches them, and who may have them.
//!
//! A connection that waits is watched by the event loop of its thread through a waker of its own. When something
//! happens on it, its ticket gets into the thread's inbox, and the thread takes the connection out, looks, and puts
//! it back or closes it. What others doom gets into the inbox of its thread as well, which closes it.

use std::any::Any;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut, Range};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use backend::Server;
use backend::settings::Limited;
use lang::facts::{Multiplex, ProcessFacts};
use pool::{Connections, Descriptors, Doomed, Figures, Order, Own, Pooled, Private, Search, Seat};
use pool::{ServerPool, Ticket, Used};

use crate::dial::Traits;
use crate::settings::{IdleTuning, Sharing, Strangers};
use crate::side::HttpSide;
use crate::tenancy::Tenant;
use crate::worker::Worker;

/// A connection as it is kept: small to move.
type Kept = Box<HttpSide>;

/// The connections of one server.
#[derive(Debug)]
pub(crate) struct Reserve {
    pool: ServerPool<Kept>,
    inboxes: Arc<Inboxes>,
    this: Weak<Self>,
}

/// A connection in use.
#[derive(Debug)]
pub(crate) enum Owned {
    /// Anybody may have it afterwards.
    Shared(Used<Kept>),
    /// It belongs to the session.
    Private(Private<Kept>),
    /// One stream of a connection that has many, and the right to be on it.
    Stream(Kept, Tenant),
}

/// The connections of a session that wait for its next request.
pub(crate) type OwnConnections = Own<Kept, Home>;

/// A server, and where its connections wait.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) server: Arc<Server>,
    reserve: Arc<Reserve>,
}

impl Pooled<Kept> for Home {
    fn pool(&self) -> &ServerPool<Kept> {
        &self.reserve.pool
    }
}

impl Deref for Owned {
    type Target = HttpSide;
    fn deref(&self) -> &HttpSide {
        match self {
            Self::Shared(used) => used,
            Self::Private(private) => private,
            Self::Stream(side, _) => side,
        }
    }
}

impl DerefMut for Owned {
    fn deref_mut(&mut self) -> &mut HttpSide {
        match self {
            Self::Shared(used) => used,
            Self::Private(private) => private,
            Self::Stream(side, _) => side,
        }
    }
}

impl Owned {
    /// It belongs to the session from now on.
    pub(crate) fn into_private(self) -> Self {
        match self {
            Self::Shared(used) => Self::Private(used.into_private()),
            private @ Self::Private(_) => private,
            Self::Stream(side, tenant) => {
                tenant.seclude();
                Self::Stream(side, tenant)
            }
        }
    }

    /// What is known of the connection, where it carries several streams.
    pub(crate) fn multiplex(&self) -> Option<Multiplex> {
        match self {
            Self::Stream(_, tenant) => tenant.facts(),
            Self::Shared(_) | Self::Private(_) => None,
        }
    }

    /// A connection that has just been made on a seat.
    pub(crate) fn new(seat: Seat, side: HttpSide) -> Self {
        let key = side.conn.traits.as_deref().map_or(0, Traits::key);
        Self::Shared(seat.occupy(Box::new(side), key))
    }
}

/// The limits that the process sets to waiting connections.
#[derive(Debug)]
pub(crate) struct IdleLimits {
    /// The threads that each may take connections from.
    reach: Box<[Range<usize>]>,
    /// Those for servers where a new connection may not be possible.
    far_reach: Box<[Range<usize>]>,
    /// The number of descriptors from which on a thread keeps one connection to a server.
    low: usize,
    /// The number from which on it keeps none, and closes one for each new one.
    high: usize,
}

impl IdleLimits {
    pub(crate) fn new(tuning: IdleTuning, process: &ProcessFacts, workers: usize) -> Self {
        let group = |thread: usize| process.groups.get(thread).copied().unwrap_or(0);
        let own = |thread: usize| {
            let first = (0..workers).find(|t| group(*t) == group(thread)).unwrap_or(0);
            let last = (0..workers).rfind(|t| group(*t) == group(thread)).unwrap_or(0);
            first..last + 1
        };
        let all = || (0..workers).map(|_| 0..workers).collect();
        let near = || match tuning.sharing {
            Sharing::Off => (0..workers).map(|_| 0..0).collect(),
            Sharing::Group => (0..workers).map(own).collect(),
            Sharing::All => all(),
        };
        let off = tuning.sharing == Sharing::Off;
        let (reach, far_reach) = match tuning.strangers {
            Strangers::Taken if !off => (all(), all()),
            Strangers::WhereNeeded if !off => (near(), all()),
            _ => (near(), near()),
        };
        // Nobody said how many there are: as if there were no end of them.
        let total = if process.descriptors == 0 { u64::MAX / 100 } else { process.descriptors };
        let share = |percent: u64| usize::try_from((total * percent).div_ceil(100)).unwrap_or(usize::MAX);
        Self { reach, far_reach, low: share(tuning.low_ratio), high: share(tuning.high_ratio) }
    }

    fn reach(&self, thread: usize, server: &Server) -> Range<usize> {
        let reach =
            if server.settings.limited == Limited::Connections { &self.far_reach } else { &self.reach };
        reach.get(thread).cloned().unwrap_or(0..0)
    }

    fn descriptors(&self) -> Descriptors {
        match net::open_descriptors() {
            open if open >= self.high => Descriptors::Short,
            open if open >= self.low => Descriptors::Scarce,
            _ => Descriptors::Plenty,
        }
    }
}

impl Reserve {
    fn new(server: &Server, inboxes: &Arc<Inboxes>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            pool: ServerPool::new(server.settings.pool.clone(), inboxes.0.len()),
            inboxes: inboxes.clone(),
            this: this.clone(),
        })
    }

    /// The connections of a server.
    pub(crate) fn of<'s>(server: &'s Server, inboxes: &Arc<Inboxes>) -> &'s Self {
        let connections: &dyn Any = &**server.connections(|| Self::new(server, inboxes));
        connections.downcast_ref().expect("nobody else makes connections for servers")
    }

    fn home(&self, server: &Arc<Server>) -> Option<Home> {
        Some(Home { server: server.clone(), reserve: self.this.upgrade()? })
    }

    /// Begins to purge the idle connections, unless somebody does.
    fn see_to_the_purge(&self) {
        if !self.pool.begin_purging() {
            return;
        }
        let (reserve, delay) = (self.this.clone(), self.pool.settings().purge_delay);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(delay).await;
                let Some(reserve) = reserve.upgrade() else { return };
                reserve.bury(reserve.pool.purge());
                if reserve.pool.end_purging() {
                    return;
                }
            }
        });
    }

    /// Lets the threads close what they kept.
    fn bury(&self, doomed: Vec<Doomed<Kept>>) {
        let here = base::worker::index();
        for doomed in doomed {
            if doomed.owner() == here {
                drop(doomed);
            } else {
                self.inboxes.bury(doomed);
            }
        }
    }
}

impl Connections for Reserve {
    fn figures(&self) -> Figures {
        self.pool.figures()
    }

    fn idle_by_thread(&self) -> Vec<u64> {
        self.pool.idle_by_thread().collect()
    }

    fn close(&self) {
        self.bury(self.pool.close());
    }

    fn open(&self) {
        self.pool.open();
    }

    fn renew(&self) {
        self.bury(self.pool.doom_all());
    }

    fn is_deserted(&self) -> bool {
        self.pool.is_deserted()
    }
}

impl Worker {
    fn reserve<'s>(&self, server: &'s Server) -> &'s Reserve {
        Reserve::of(server, &self.site.inboxes)
    }

    /// Takes a connection that waits for anybody, is still alive, and is just like the one wanted.
    pub(crate) fn take_idle(&self, server: &Server, traits: &Traits, order: Order) -> Option<Owned> {
        let (reserve, thread) = (self.reserve(server), base::worker::index());
        let limits = &self.site.idle;
        let search = Search {
            thread,
            key: traits.key(),
            order,
            reach: limits.reach(thread, server),
            descriptors: limits.descriptors(),
        };
        loop {
            let (mut used, from) = reserve.pool.take(&search, |side| is_alike(side, traits))?;
            if from != thread {
                used.conn.move_here();
            }
            if used.conn.is_quiet() {
                used.conn.reuses = used.conn.reuses.saturating_add(1);
                return Some(Owned::Shared(used));
            }
        }
    }

    /// Takes one that waits for this session.
    pub(crate) fn take_own(
        &self,
        own: &mut OwnConnections,
        server: &Arc<Server>,
        traits: &Traits,
    ) -> Option<Owned> {
        if own.is_empty() {
            return None;
        }
        let home = self.reserve(server).home(server)?;
        loop {
            let mut private = own.rouse(&home, |_, side| is_alike(side, traits))?;
            if private.conn.is_quiet() {
                private.conn.reuses = private.conn.reuses.saturating_add(1);
                return Some(Owned::Private(private));
            }
        }
    }

    /// The right to make a connection; none when the server has as many as it may have.
    pub(crate) fn seat(&self, server: &Server) -> Option<Seat> {
        let (reserve, thread) = (self.reserve(server), base::worker::index());
        if self.site.idle.descriptors() == Descriptors::Short {
            reserve.bury(reserve.pool.doom_one(thread).into_iter().collect());
        }
        let limit = server.maxconn();
        if server.settings.limited == Limited::Requests || limit == 0 {
            return Some(reserve.pool.seat());
        }
        loop {
            if let Some(seat) = reserve.pool.seat_within(limit) {
                return Some(seat);
            }
            // It is closed here and now, whoever kept it, since its place is needed.
            drop(reserve.pool.doom_one(thread)?);
        }
    }

    /// Keeps a connection for later, or closes it.
    pub(crate) fn keep(
        &self,
        server: &Arc<Server>,
        owned: Owned,
        (own, limit): (&mut OwnConnections, usize),
    ) {
        let mut owned = owned;
        let side: &mut HttpSide = &mut owned;
        if self.is_stopping() || side.conn.moves != server.moves() {
            return;
        }
        if server.settings.max_reuse.is_some_and(|max| side.conn.reuses >= max) {
            return;
        }
        let (reserve, thread, now) = (self.reserve(server), base::worker::index(), self.now());
        let Some(watch) = watch(side, reserve, thread) else { return };
        let many = if side.opens_streams() { Many::Yes } else { Many::No };
        let ticket = match owned {
            Owned::Shared(used) => {
                let descriptors = self.site.idle.descriptors();
                let ticket = reserve.pool.put(thread, used, now, descriptors).ok();
                if ticket.is_some() {
                    reserve.see_to_the_purge();
                }
                ticket
            }
            Owned::Private(private) => {
                let Some(home) = reserve.home(server) else { return };
                own.rest(home, thread, private, now, limit).ok()
            }
            // Whoever leaves it last keeps the connection.
            Owned::Stream(..) => return,
        };
        if let Some(ticket) = ticket {
            watch.ticket.store(ticket.number(), Ordering::Relaxed);
            if let Some(every) = server.settings.idle_ping {
                ping_later(&watch, ticket, (many, every));
            }
        }
    }

    /// Closes the connections that wait on this thread.
    pub(crate) fn forget_idle(&self) {
        let thread = base::worker::index();
        for backend in &self.site.backends {
            for server in backend.core.servers.load().iter() {
                drop(self.reserve(server).pool.doom_thread(thread));
            }
        }
    }
}

pub(crate) fn is_alike(side: &HttpSide, traits: &Traits) -> bool {
    side.conn.traits.as_deref().map_or_else(|| traits.is_plain(), |own| own == traits)
}

/// What is told when something happens on a waiting connection.
#[derive(Debug)]
pub(crate) struct Watch {
    reserve: Weak<Reserve>,
    inboxes: Arc<Inboxes>,
    thread: usize,
    ticket: AtomicU64,
    /// Whether the inbox has it already.
    told: AtomicBool,
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        if !self.told.swap(true, Ordering::AcqRel) {
            let inboxes = self.inboxes.clone();
            inboxes.tell(self);
        }
    }
}

/// Has a connection watched that is about to wait on a thread; none when something has happened on it already.
fn watch(side: &mut HttpSide, reserve: &Reserve, thread: usize) -> Option<Arc<Watch>> {
    let conn = &mut side.conn;
    let known = conn.watch.take().filter(|w| w.thread == thread);
    let watch = known.unwrap_or_else(|| {
        Arc::new(Watch {
            reserve: reserve.this.clone(),
            inboxes: reserve.inboxes.clone(),
            thread,
            ticket: AtomicU64::new(0),
            told: AtomicBool::new(false),
        })
    });
    conn.watch = Some(watch.clone());
    is_waiting(side, &watch).then_some(watch)
}

/// Whether a connection carries many streams.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Many {
    Yes,
    No,
}

/// Has a server asked now and then whether it is still there, if it is one that can be.
#[inline(never)]
fn ping_later(watch: &Arc<Watch>, ticket: Ticket, (many, every): (Many, Duration)) {
    if many == Many::Yes {
        tokio::task::spawn_local(ping(Arc::downgrade(watch), ticket, every));
    }
}

/// Asks a server now and then, as long as its connection waits under this ticket, whether it is still there. One that
/// has not answered by the next time is taken to be gone.
async fn ping(watch: Weak<Watch>, ticket: Ticket, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(watch) = watch.upgrade().filter(|w| w.ticket.load(Ordering::Relaxed) == ticket.number())
        else {
            return;
        };
        let Some(reserve) = watch.reserve.upgrade() else { return };
        let Some(mut held) = reserve.pool.detach(ticket) else { return };
        if !held.ask_whether_alive() || !is_waiting(&mut held, &watch) || held.put_back().is_err() {
            return;
        }
        // What happened while it was held has been passed over.
        look(&watch);
    }
}

/// How often a connection is looked at on which something happens again and again: a server of HTTP/2 may have
/// something to say that leaves it as good as it was.
const LOOKS: usize = 8;

/// Whether nothing happened on a connection so far; its watch is told when something does.
fn is_waiting(side: &mut HttpSide, watch: &Arc<Watch>) -> bool {
    let waker = Waker::from(watch.clone());
    let mut cx = Context::from_waker(&waker);
    // An event that was known before need not mean anything: looking at the connection clears it.
    for _ in 0..LOOKS {
        match side.conn.poll_readable(&mut cx) {
            Poll::Pending => return true,
            Poll::Ready(Ok(())) if side.conn.is_quiet() => {}
            Poll::Ready(_) => return false,
        }
    }
    false
}

/// What each thread is told about the connections that it keeps.
#[derive(Debug)]
pub(crate) struct Inboxes(Box<[Mutex<Inbox>]>);

#[derive(Debug, Default)]
struct Inbox {
    events: Vec<Arc<Watch>>,
    doomed: Vec<Doomed<Kept>>,
    reader: Option<Waker>,
}

impl Inboxes {
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self((0..workers.max(1)).map(|_| Mutex::default()).collect()))
    }

    fn of(&self, thread: usize) -> MutexGuard<'_, Inbox> {
        self.0[thread.min(self.0.len() - 1)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, thread: usize, what: impl FnOnce(&mut Inbox)) {
        let mut inbox = self.of(thread);
        what(&mut inbox);
        let reader = inbox.reader.take();
        drop(inbox);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn tell(&self, watch: Arc<Watch>) {
        self.put(watch.thread, |inbox| inbox.events.push(watch));
    }

    fn bury(&self, doomed: Doomed<Kept>) {
        self.put(doomed.owner(), |inbox| inbox.doomed.push(doomed));
    }

    fn poll_take(&self, thread: usize, cx: &mut Context<'_>) -> Poll<News> {
        let mut inbox = self.of(thread);
        if inbox.events.is_empty() && inbox.doomed.is_empty() {
            inbox.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready((std::mem::take(&mut inbox.events), std::mem::take(&mut inbox.doomed)))
    }
}

/// Connections on which something happened, and those to close.
type News = (Vec<Arc<Watch>>, Vec<Doomed<Kept>>);

/// How many connections are seen to before other tasks have their turn.
const TURN: usize = 64;

/// Sees to the waiting connections of this thread.
pub(crate) async fn attend(worker: Rc<Worker>) {
    let thread = base::worker::index();
    let inboxes = worker.site.inboxes.clone();
    loop {
        let (events, mut doomed) = poll_fn(|cx| inboxes.poll_take(thread, cx)).await;
        for some in events.chunks(TURN) {
            some.iter().for_each(look);
            tokio::task::yield_now().await;
        }
        while !doomed.is_empty() {
            doomed.truncate(doomed.len().saturating_sub(TURN));
            tokio::task::yield_now().await;
        }
    }
}

/// Looks what happened on a connection: it goes on waiting only if that was nothing.
fn look(watch: &Arc<Watch>) {
    watch.told.store(false, Ordering::Release);
    let Some(reserve) = watch.reserve.upgrade() else { return };
    let ticket = Ticket::numbered(watch.thread, watch.ticket.load(Ordering::Relaxed));
    let Some(mut held) = reserve.pool.detach(ticket) else { return };
    if is_waiting(&mut held, watch) {
        // It is dropped if it was doomed meanwhile.
        let _ = held.put_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(tuning: IdleTuning) -> IdleLimits {
        let process = ProcessFacts { groups: vec![0, 0, 1, 1], descriptors: 1000, ..ProcessFacts::default() };
        IdleLimits::new(tuning, &process, 4)
    }

    #[test]
    fn threads_take_from_those_in_reach() {
        let reach = |sharing, strangers| {
            let l = limits(IdleTuning { sharing, strangers, ..IdleTuning::default() });
            (l.reach[2].clone(), l.far_reach[0].clone())
        };
        assert_eq!(reach(Sharing::Group, Strangers::Left), (2..4, 0..2));
        assert_eq!(reach(Sharing::All, Strangers::Left), (0..4, 0..4));
        assert_eq!(reach(Sharing::Off, Strangers::Taken), (0..0, 0..0));
        assert_eq!(reach(Sharing::Group, Strangers::WhereNeeded), (2..4, 0..4));
        assert_eq!(reach(Sharing::Group, Strangers::Taken), (0..4, 0..4));
    }

    #[test]
    fn ratios_are_of_the_descriptors_that_there_may_be() {
        let l = limits(IdleTuning::default());
        assert_eq!((l.low, l.high), (200, 250));
        let l = limits(IdleTuning { low_ratio: 0, high_ratio: 100, ..IdleTuning::default() });
        assert_eq!((l.low, l.high), (0, 1000));
        assert_eq!(l.descriptors(), Descriptors::Scarce);
        let unknown = IdleLimits::new(IdleTuning::default(), &ProcessFacts::default(), 1);
        assert_eq!(unknown.descriptors(), Descriptors::Plenty);
        assert_eq!(unknown.reach[0], 0..1);
    }
}
