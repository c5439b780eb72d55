//! The choice of a server.
//!
//! The servers that may be chosen stand in a snapshot that is replaced when one of them changes its
//! state or its weight. Requests only read it and advance a counter: no lock on their path.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use queue::Order;

use crate::server::{Server, ServerQueue, Waiting};
use crate::settings::{Algorithm, Role};

/// Chooses among a backend's servers.
#[derive(Debug)]
pub struct Balancer {
    algorithm: Algorithm,
    usable: ArcSwap<Usable>,
    turn: AtomicUsize,
}

/// What the balancer has to say.
#[derive(Clone, Debug)]
pub enum Choice {
    /// This one.
    Server(Arc<Server>),
    /// There are servers, and all have as many streams as they may.
    AllFull,
    /// There is none.
    Nobody,
}

/// The servers that may be chosen now.
#[derive(Debug, Default)]
struct Usable {
    servers: Vec<Arc<Server>>,
    /// The order of turns: indices into `servers`, each as often as its weight wants.
    turns: Vec<u16>,
    active: usize,
    backup: usize,
}

impl Balancer {
    /// A balancer over no servers; `refresh` gives it some.
    pub fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, usable: ArcSwap::default(), turn: AtomicUsize::new(0) }
    }

    /// Takes the servers that are usable now: the active ones, else the first backup or all of them.
    pub(crate) fn refresh(&self, servers: &[Arc<Server>], all_backups: bool) {
        let ready = |role| servers.iter().filter(move |s| s.settings.role == role && s.is_usable());
        let (active, backup) = (ready(Role::Active).count(), ready(Role::Backup).count());
        let chosen: Vec<_> = if active > 0 {
            ready(Role::Active).cloned().collect()
        } else {
            ready(Role::Backup).take(if all_backups { usize::MAX } else { 1 }).cloned().collect()
        };
        // The chosen ones stand in the order of all.
        let mut next = chosen.iter().peekable();
        for server in servers {
            server.elect(next.next_if(|c| Arc::ptr_eq(c, server)).is_some());
        }
        let turns = turns(&chosen.iter().map(|s| s.weight()).collect::<Vec<_>>());
        self.usable.store(Arc::new(Usable { servers: chosen, turns, active, backup }));
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

    /// The next server that has room; not `avoid`, if there is another.
    pub fn choose(&self, queue: &ServerQueue, avoid: Option<&Arc<Server>>) -> Choice {
        let usable = self.usable.load();
        let has_room = |s: &&Arc<Server>| queue.has_room(s);
        let first = match self.algorithm {
            Algorithm::RoundRobin => self.next_turn(&usable, queue),
            Algorithm::First => usable.servers.iter().find(has_room),
            Algorithm::LeastConn => self.least_loaded(&usable, queue),
        };
        match (first, avoid) {
            (None, _) if usable.servers.is_empty() => Choice::Nobody,
            (None, _) => Choice::AllFull,
            (Some(first), Some(avoided)) if Arc::ptr_eq(avoided, first) => {
                let other = usable.servers.iter().find(|s| !Arc::ptr_eq(s, avoided) && queue.has_room(s));
                Choice::Server(other.unwrap_or(first).clone())
            }
            (Some(first), _) => Choice::Server(first.clone()),
        }
    }

    /// The server whose turn it is, passing over those that are full.
    fn next_turn<'u>(&self, usable: &'u Usable, queue: &ServerQueue) -> Option<&'u Arc<Server>> {
        let count = usable.turns.len();
        let next = |_| {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed) % count;
            &usable.servers[usize::from(usable.turns[turn])]
        };
        (0..count).map(next).find(|server| queue.has_room(server))
    }

    fn least_loaded<'u>(&self, usable: &'u Usable, queue: &ServerQueue) -> Option<&'u Arc<Server>> {
        // Those with equal load take turns.
        let start = self.turn.fetch_add(1, Ordering::Relaxed);
        let n = usable.servers.len();
        let free = (0..n).map(|i| &usable.servers[(start + i) % n]).filter(|s| queue.has_room(s));
        free.min_by_key(|s| {
            let weight = u64::from(s.weight()).max(1);
            s.slots.served() * 256 / weight
        })
    }
}

/// The order of turns for these weights: smooth weighted round robin, so that a heavy server's turns
/// are spread among the others'.
fn turns(weights: &[u32]) -> Vec<u16> {
    let divisor = weights.iter().copied().filter(|w| *w > 0).fold(0, gcd).max(1);
    let weights: Vec<i64> = weights.iter().map(|w| i64::from(w / divisor)).collect();
    let total: i64 = weights.iter().sum();
    let mut credit = vec![0i64; weights.len()];
    let mut order = Vec::with_capacity(total as usize);
    for _ in 0..total {
        let mut best = 0;
        for i in 0..weights.len() {
            credit[i] += weights[i];
            if credit[i] > credit[best] {
                best = i;
            }
        }
        credit[best] -= total;
        order.push(best as u16);
    }
    order
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_weights_take_turns_in_order() {
        assert_eq!(turns(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(turns(&[5, 5]), [0, 1]);
    }

    #[test]
    fn a_heavy_server_is_spread() {
        assert_eq!(turns(&[3, 1]), [0, 0, 1, 0]);
        assert_eq!(turns(&[0, 2]), [1]);
        assert!(turns(&[0]).is_empty());
    }

    proptest! {
        #[test]
        fn every_server_gets_its_share(weights in prop::collection::vec(0u32..=256, 1..6)) {
            let order = turns(&weights);
            let total: u32 = weights.iter().sum();
            for (i, w) in weights.iter().enumerate() {
                let mine = order.iter().filter(|t| usize::from(**t) == i).count() as u64;
                prop_assert_eq!(mine * u64::from(total), u64::from(*w) * order.len() as u64);
            }
        }
    }
}
