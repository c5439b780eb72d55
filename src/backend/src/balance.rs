//! The choice of a server.
//!
//! The servers that may be chosen stand in a snapshot that is replaced when one of them changes its
//! state or its weight. Requests only read it and advance a counter: no lock on their path.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use base::clock::Tick;
use queue::Order;

use crate::hashing::{Affinity, HashMethod};
use crate::ring::Ring;
use crate::server::{Server, ServerQueue, Waiting};
use crate::settings::{Algorithm, BackendSettings, Role};
use crate::turns::{Schedule, Turns, places};

/// Chooses among a backend's servers.
#[derive(Debug)]
pub struct Balancer {
    algorithm: Algorithm,
    method: HashMethod,
    /// How much more than its share a server may serve, in percent of the share; 0 for no limit.
    factor: u64,
    affinity: Affinity,
    usable: ArcSwap<Usable>,
    history: Mutex<History>,
}

/// What the balancer has to say.
#[derive(Clone, Debug)]
pub enum Choice {
    /// This one.
    Server(Arc<Server>),
    /// This one, and no other, even if it is full.
    Bound(Arc<Server>),
    /// There are servers, and all have as many streams as they may.
    AllFull,
    /// There is none.
    Nobody,
}

/// What a choice goes by.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'w> {
    /// Another server than this one, if there is another.
    pub avoid: Option<&'w Arc<Server>>,
    /// The hash of the key, where there is one.
    pub hash: Option<u32>,
    /// The time.
    pub now: Tick,
}

/// What earlier choices mean for later ones.
#[derive(Debug, Default)]
struct History {
    schedule: Schedule,
    /// Numbers of servers, in the order in which they came.
    stay: Vec<u32>,
}

/// The servers that may be chosen now.
#[derive(Debug, Default)]
struct Usable {
    servers: Vec<Arc<Server>>,
    /// The order of turns: indices into `servers`.
    turns: Turns,
    turn: AtomicUsize,
    ring: Ring,
    active: usize,
    backup: usize,
}

impl Balancer {
    /// A balancer over no servers; `refresh` gives it some.
    pub fn new(settings: &BackendSettings) -> Self {
        Self {
            algorithm: settings.algorithm.clone(),
            method: settings.hash.method,
            factor: settings.balance_factor,
            affinity: settings.affinity,
            usable: ArcSwap::default(),
            history: Mutex::default(),
        }
    }

    /// Takes the servers that are usable now: the active ones, else the first backup or all of them.
    pub(crate) fn refresh(&self, servers: &[Arc<Server>], all_backups: bool) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = |role| servers.iter().filter(move |s| s.settings.role == role && s.is_usable());
        let (active, backup) = (ready(Role::Active).count(), ready(Role::Backup).count());
        let mut chosen: Vec<_> = if active > 0 {
            ready(Role::Active).cloned().collect()
        } else {
            ready(Role::Backup).take(if all_backups { usize::MAX } else { 1 }).cloned().collect()
        };
        // The chosen ones stand in the order of all.
        let mut next = chosen.iter().peekable();
        for server in servers {
            server.elect(next.next_if(|c| Arc::ptr_eq(c, server)).is_some());
        }
        let mut usable = Usable { active, backup, ..Usable::default() };
        match &self.algorithm {
            Algorithm::RoundRobin => usable.turns = self.schedule(&mut history, servers, &chosen),
            Algorithm::Hash(_) if self.method == HashMethod::Ring => {
                let before = self.usable.load();
                usable.ring = Ring::new(chosen.iter().map(|s| &**s));
                let next = usable.ring.after(&before.ring, before.turn.load(Ordering::Relaxed));
                usable.turn = AtomicUsize::new(next);
            }
            Algorithm::Static | Algorithm::Random(_) | Algorithm::Hash(_) => {
                let before = self.usable.load();
                usable.turns = fixed(&chosen);
                let last = before.turn.load(Ordering::Relaxed).checked_sub(1);
                let next = last.map_or(0, |last| before.turns.passed(last) + 1);
                usable.turn = AtomicUsize::new(if next < usable.turns.len() { next } else { 0 });
            }
            Algorithm::First => chosen.sort_by_key(|server| server.facts.id),
            Algorithm::Sticky => {
                history.stay.retain(|id| chosen.iter().any(|s| s.facts.id == *id));
                for server in &chosen {
                    if !history.stay.contains(&server.facts.id) {
                        history.stay.push(server.facts.id);
                    }
                }
                chosen.sort_by_key(|s| history.stay.iter().position(|id| *id == s.facts.id));
            }
            Algorithm::LeastConn => {}
        }
        usable.servers = chosen;
        self.usable.store(Arc::new(usable));
    }

    /// The turns from now on, those that are over taken into account.
    fn schedule(&self, history: &mut History, all: &[Arc<Server>], chosen: &[Arc<Server>]) -> Turns {
        let before = self.usable.load();
        history.schedule.pass(before.turns.passed(before.turn.load(Ordering::Relaxed)));
        let place = |server: &Arc<Server>| all.iter().position(|s| Arc::ptr_eq(s, server)).unwrap_or(0);
        let weights: Vec<_> = chosen.iter().map(|s| (place(s), u64::from(s.weight()))).collect();
        history.schedule.update(&weights);
        // Servers are numbered among all there, and among the chosen ones here.
        let numbers: Vec<usize> = weights.iter().map(|(at, _)| *at).collect();
        history.schedule.turns().renumbered(|at| numbers.iter().position(|n| *n == at).unwrap_or(0))
    }

    /// How many active and backup servers are usable.
    pub fn usable(&self) -> (usize, usize) {
        let usable = self.usable.load();
        (usable.active, usable.backup)
    }

    /// Those that may be chosen now.
    pub(crate) fn elected(&self) -> Vec<Arc<Server>> {
        self.usable.load().servers.clone()
    }

    /// Waits for any server that may be chosen now.
    pub(crate) fn wait(&self, queue: &Arc<ServerQueue>, order: Order) -> Waiting {
        queue.wait_for_any(&self.usable.load().servers, order)
    }

    /// The next server that has room; not the one to avoid, if there is another.
    pub fn choose(&self, queue: &ServerQueue, wish: Wish<'_>) -> Choice {
        let usable = self.usable.load();
        let has_room = |s: &&Arc<Server>| queue.has_room(s);
        let first = match &self.algorithm {
            Algorithm::Hash(_) if wish.hash.is_some() => {
                let Some(server) = self.by_hash(&usable, wish) else { return Choice::Nobody };
                let avoided = wish.avoid.is_some_and(|avoid| Arc::ptr_eq(avoid, server));
                if !avoided {
                    return Choice::Bound(server.clone());
                }
                Some(server)
            }
            Algorithm::RoundRobin | Algorithm::Static | Algorithm::Hash(_) => next_turn(&usable, queue),
            Algorithm::First | Algorithm::Sticky => usable.servers.iter().find(has_room),
            Algorithm::LeastConn => least_loaded(&usable, queue),
            Algorithm::Random(draws) => by_chance(&usable, queue, *draws, wish.now),
        };
        match (first, wish.avoid) {
            (None, _) if usable.servers.is_empty() => Choice::Nobody,
            (None, _) => Choice::AllFull,
            (Some(first), Some(avoided)) if Arc::ptr_eq(avoided, first) => {
                let other = usable.servers.iter().find(|s| !Arc::ptr_eq(s, avoided) && queue.has_room(s));
                Choice::Server(other.unwrap_or(first).clone())
            }
            (Some(first), _) => Choice::Server(first.clone()),
        }
    }

    /// The server that a hash belongs to.
    fn by_hash<'u>(&self, usable: &'u Usable, wish: Wish<'_>) -> Option<&'u Arc<Server>> {
        let hash = wish.hash?;
        if self.method == HashMethod::Map {
            let count = usable.turns.len().max(1);
            return usable.servers.get(usable.turns.at(hash as usize % count)?);
        }
        let around = || usable.ring.from(hash).map(|at| &usable.servers[at]);
        let total: u64 = usable.servers.iter().map(|s| s.slots.served()).sum();
        let weights: u64 = usable.servers.iter().map(|s| u64::from(s.weight())).sum();
        let bearable = |server: &Arc<Server>| {
            let share = (total + 1) * u64::from(server.weight()) * self.factor;
            self.factor == 0 || server.slots.served() < share.div_ceil(100 * weights.max(1))
        };
        let avoided = |server: &Arc<Server>| wish.avoid.is_some_and(|avoid| Arc::ptr_eq(avoid, server));
        let fits = |server: &&Arc<Server>| !avoided(server) && bearable(server) && self.keeps(server);
        around().find(fits).or_else(|| around().next())
    }

    /// Whether a hash's server is busy in a way that lets another have the stream.
    fn keeps(&self, server: &Server) -> bool {
        let (limit, most) = (server.maxconn(), server.settings.maxqueue);
        match self.affinity {
            Affinity::Always => true,
            Affinity::WhileItServes => limit == 0 || server.slots.served() < limit,
            Affinity::WhileItQueues => limit == 0 || most == 0 || server.slots.waiting() < most,
        }
    }
}

fn fixed(servers: &[Arc<Server>]) -> Turns {
    places(&servers.iter().map(|s| u64::from(s.weight())).collect::<Vec<_>>())
}

/// The server whose turn it is, passing over those that are full.
fn next_turn<'u>(usable: &'u Usable, queue: &ServerQueue) -> Option<&'u Arc<Server>> {
    let next = |_| {
        let turn = usable.turn.fetch_add(1, Ordering::Relaxed);
        usable.servers.get(usable.turns.at(turn).or_else(|| usable.ring.at(turn))?)
    };
    (0..usable.turns.len() + usable.ring.len()).filter_map(next).find(|server| queue.has_room(server))
}

/// How busy a server is for its weight.
fn load(server: &Server) -> u64 {
    (server.slots.served() + server.slots.waiting()) * 256 / u64::from(server.weight()).max(1)
}

fn least_loaded<'u>(usable: &'u Usable, queue: &ServerQueue) -> Option<&'u Arc<Server>> {
    // Those with equal load take turns.
    let start = usable.turn.fetch_add(1, Ordering::Relaxed);
    let n = usable.servers.len();
    let free = (0..n).map(|i| &usable.servers[(start + i) % n]).filter(|s| queue.has_room(s));
    free.min_by_key(|s| load(s))
}

/// The least loaded of some that are drawn; of equal ones, the one with fewer sessions in the last second.
fn by_chance<'u>(usable: &'u Usable, queue: &ServerQueue, draws: u32, now: Tick) -> Option<&'u Arc<Server>> {
    if let [only] = &usable.servers[..] {
        return Some(only).filter(|s| queue.has_room(s));
    }
    let count = usable.turns.len();
    let draw = |_| usable.servers.get(usable.turns.at(random() % count.max(1))?);
    let rate = |s: &Server| s.counters.common.session_rate.per_second(now) * 256 / s.weight().max(1);
    let candidates = (0..draws.min(count as u32 * 2)).filter_map(draw).filter(|s| queue.has_room(s));
    let best = candidates.min_by(|a, b| load(a).cmp(&load(b)).then_with(|| rate(a).cmp(&rate(b))));
    best.or_else(|| usable.servers.iter().find(|s| queue.has_room(s)))
}

/// A number that nobody needs to be unable to guess.
fn random() -> usize {
    thread_local!(static STATE: Cell<u64> = Cell::new(RandomState::new().build_hasher().finish() | 1));
    STATE.with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        (x >> 16) as usize
    })
}
