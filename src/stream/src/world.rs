//! The site as expressions see it: what is under way now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend::Server;
use backend::server::{Admin, Status};
use backend::settings::Role;
use base::clock::Tick;
use lang::world::{BackendFigures, FrontendFigures, Room, ServerFigures, World};

use crate::site::{BackendSide, Frontend, ListenerFacts, Site};

/// The process begins at this point of its own time.
const START: Tick = Tick(1_000_000);

impl Site {
    /// Shares the site among threads, and lets expressions see what is under way in it.
    pub fn share(self) -> Arc<Self> {
        let site = Arc::new(self);
        let world: Arc<dyn World> = site.clone();
        // Nobody else has had the site yet.
        let _ = site.process.world.set(Arc::downgrade(&world));
        site
    }

    fn frontend_at(&self, proxy: usize) -> Option<&Frontend> {
        let at = self.frontends.binary_search_by_key(&proxy, |f| f.proxy).ok()?;
        self.frontends.get(at)
    }

    fn backend_at(&self, proxy: usize) -> Option<&BackendSide> {
        let at = self.backends.binary_search_by_key(&proxy, |b| b.proxy).ok()?;
        self.backends.get(at)
    }
}

impl World for Site {
    fn connections(&self) -> u64 {
        self.counters.connections.get()
    }

    fn is_stopping(&self) -> bool {
        self.counters.stopping.get() > 0
    }

    fn uptime(&self, now: Tick) -> Duration {
        now.since(START)
    }

    fn thread_usage(&self, now: Tick) -> u8 {
        THREAD.with(|usage| usage.sample(now, 1, sys::process::thread_cpu_time))
    }

    fn process_usage(&self, now: Tick) -> u8 {
        PROCESS.sample(now, self.process.threads.max(1).into(), sys::process::cpu_time)
    }

    fn thread(&self) -> (usize, usize) {
        let thread = base::worker::index();
        (thread, self.process.groups.get(thread).copied().unwrap_or(0))
    }

    fn proxy_of_id(&self, id: u32) -> Option<usize> {
        let fronts = self.frontends.iter().map(|f| (f.common.facts.id, f.proxy));
        let mut all = fronts.chain(self.backends.iter().map(|b| (b.common.facts.id, b.proxy)));
        all.find(|(known, _)| *known == id).map(|(_, proxy)| proxy)
    }

    fn frontend_named(&self, name: &[u8]) -> Option<usize> {
        self.frontends.iter().find(|f| f.common.facts.name.as_bytes() == name).map(|f| f.proxy)
    }

    fn backend_named(&self, name: &[u8]) -> Option<usize> {
        let at = self.backend(std::str::from_utf8(name).ok()?)?;
        self.backends.get(at).map(|b| b.proxy)
    }

    fn server_named(&self, backend: usize, name: &[u8]) -> Option<u32> {
        let servers = self.backend_at(backend)?.core.servers.load();
        servers.iter().find(|s| s.facts.name.as_bytes() == name).map(|s| s.facts.id)
    }

    fn frontend(&self, proxy: usize, now: Tick) -> Option<FrontendFigures> {
        let counters = &self.frontend_at(proxy)?.counters;
        Some(FrontendFigures {
            connections: counters.current.get(),
            session_rate: counters.session_rate.per_second(now).into(),
            request_rate: counters.request_rate.per_second(now).into(),
        })
    }

    fn backend(&self, proxy: usize, now: Tick) -> Option<BackendFigures> {
        let core = &self.backend_at(proxy)?.core;
        let (active, backup) = core.balancer.usable();
        let usable = match (active, backup) {
            (0, backup) if core.settings.all_backups => backup,
            (0, backup) => backup.min(1),
            (active, _) => active,
        };
        Some(BackendFigures {
            connections: core.counters.current.get(),
            session_rate: core.counters.session_rate.per_second(now).into(),
            queued: core.queue.all_waiting(),
            usable: usable as u64,
        })
    }

    fn room(&self, proxy: usize) -> Option<Room> {
        let core = &self.backend_at(proxy)?.core;
        let servers = core.servers.load();
        let active = core.balancer.usable().0 > 0;
        let first = servers.iter().position(|s| s.settings.role == Role::Backup && s.is_usable());
        let chosen = |at: usize, server: &Server| {
            let stands_in = core.settings.all_backups || Some(at) == first;
            server.is_usable() && (server.settings.role == Role::Active || !active && stands_in)
        };
        let mut room = Room { slots: Some(0), free: Some(0) };
        for (at, server) in servers.iter().enumerate() {
            if is_up(server) {
                room.slots = room.slots.zip(slots_of(server)).map(|(sum, more)| sum + more);
            }
            if chosen(at, server) {
                let free = limit(server).map(|limit| limit - server.slots.served() as i64);
                room.free = room.free.zip(free).map(|(sum, more)| sum + more);
            }
        }
        Some(room)
    }

    fn server(&self, proxy: usize, id: u32, now: Tick) -> Option<ServerFigures> {
        let servers = self.backend_at(proxy)?.core.servers.load();
        let server = servers.iter().find(|s| s.facts.id == id)?;
        let common = &server.counters.common;
        Some(ServerFigures {
            connections: common.current.get(),
            limit: server.maxconn(),
            queued: server.slots.waiting(),
            session_rate: common.session_rate.per_second(now),
            up: is_up(server),
            weight: server.weight(),
            user_weight: server.weight(),
            initial_weight: server.settings.weight,
        })
    }
}

fn is_up(server: &Server) -> bool {
    server.status() != Status::Down && server.admin() != Admin::Maintenance
}

fn limit(server: &Server) -> Option<i64> {
    i64::try_from(server.maxconn()).ok().filter(|limit| *limit > 0)
}

/// How many more a server takes, in its queue or out of it.
fn slots_of(server: &Server) -> Option<i64> {
    let queue = i64::try_from(server.settings.maxqueue).ok().filter(|most| *most > 0)?;
    let waiting = server.slots.waiting() as i64;
    Some(limit(server)? - server.slots.served() as i64 + queue - waiting)
}

impl lang::facts::Entrance for ListenerFacts {
    fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    fn connections(&self) -> u64 {
        self.gate.inside()
    }
}

/// Shorter spans than this say nothing about usage.
const SHORTEST: Duration = Duration::from_millis(500);

/// The share of time in which processors worked, over a span that ends when somebody asks.
#[derive(Debug)]
struct Usage {
    since: AtomicU64,
    worked: AtomicU64,
    percent: AtomicU64,
}

static PROCESS: Usage = Usage::new();

thread_local! {
    static THREAD: Usage = const { Usage::new() };
}

impl Usage {
    const fn new() -> Self {
        Self { since: AtomicU64::new(0), worked: AtomicU64::new(0), percent: AtomicU64::new(0) }
    }

    /// The usage since this was asked last, or since the time before where that is too short ago. Two who ask at once
    /// may both take the measure, which does no harm.
    fn sample(&self, now: Tick, processors: u64, time: fn() -> std::io::Result<u64>) -> u8 {
        let last = Tick(self.since.load(Ordering::Relaxed));
        let elapsed = now.since(last);
        if elapsed >= SHORTEST
            && let Ok(worked) = time()
        {
            let before = self.worked.swap(worked, Ordering::Relaxed);
            let span = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX).saturating_mul(processors);
            let percent = worked.saturating_sub(before).saturating_mul(100) / span;
            self.since.store(now.0, Ordering::Relaxed);
            self.percent.store(percent.min(100), Ordering::Relaxed);
        }
        self.percent.load(Ordering::Relaxed) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static WORKED: Cell<u64> = const { Cell::new(0) };
    }

    #[test]
    fn usage_is_that_of_the_last_span() {
        fn worked() -> std::io::Result<u64> {
            Ok(WORKED.get())
        }
        let usage = Usage::new();
        WORKED.set(500_000_000);
        assert_eq!(usage.sample(Tick(1_000_000), 1, worked), 50);
        WORKED.set(900_000_000);
        assert_eq!(usage.sample(Tick(1_100_000), 1, worked), 50, "too soon");
        assert_eq!(usage.sample(Tick(2_000_000), 2, worked), 20);
        WORKED.set(9_900_000_000);
        assert_eq!(usage.sample(Tick(3_000_000), 1, worked), 100);
    }
}
