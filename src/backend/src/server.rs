//! Servers and backends at run time.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;

use base::addr::Addr;
use base::clock::Tick;
use lang::facts::{ProxyFacts, ServerFacts};
use stats::{BackendCounters, ServerCounters};

use crate::balance::Balancer;
use crate::dial::DialSettings;
use crate::health::Health;
use crate::queue::Slots;
use crate::settings::{BackendSettings, ServerSettings, Start};
use crate::uptime::{Running, Uptime};

/// Whether a server works, as its checks see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// It does, or nobody checks.
    Up = 0,
    /// It does not.
    Down = 1,
    /// It does, and wants nothing new.
    Stopping = 2,
}

/// Whether the operator wants a server used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Admin {
    /// Yes.
    Ready = 0,
    /// Only for what already belongs to it.
    Drain = 1,
    /// No.
    Maintenance = 2,
}

/// A server.
#[derive(Debug)]
pub struct Server {
    /// Name and id.
    pub facts: ServerFacts,
    /// What its line says.
    pub settings: ServerSettings,
    /// How connections to it are made.
    pub dial: DialSettings,
    /// The settings of other features.
    pub slots_of_features: config::Slots,
    /// Its address.
    pub address: ArcSwap<Addr>,
    /// Counters.
    pub counters: ServerCounters,
    /// What its checks know.
    pub health: Health,
    /// Connection slots.
    pub slots: Slots,
    status: AtomicU8,
    admin: AtomicU8,
    weight: AtomicU32,
    connections: OnceLock<Arc<dyn pool::Connections>>,
    /// When its status last changed (`lastchg`), and how long it was down (`downtime`).
    pub uptime: Uptime,
}

impl Server {
    /// A server as its line declares it; without checks it counts as up.
    pub fn new(
        facts: ServerFacts,
        settings: ServerSettings,
        features: config::Slots,
        address: Addr,
        workers: usize,
    ) -> Self {
        let admin = if settings.start == Start::Disabled { Admin::Maintenance } else { Admin::Ready };
        let counters = ServerCounters {
            common: BackendCounters {
                events: base::worker::PerWorker::new(workers),
                ..BackendCounters::default()
            },
            ..ServerCounters::default()
        };
        Self {
            slots: Slots::new(settings.maxconn, settings.maxqueue),
            weight: AtomicU32::new(settings.weight),
            admin: AtomicU8::new(admin as u8),
            status: AtomicU8::new(Status::Up as u8),
            address: ArcSwap::from_pointee(address),
            connections: OnceLock::new(),
            uptime: Uptime::default(),
            health: Health::default(),
            dial: features.get_or_default(),
            slots_of_features: features,
            facts,
            settings,
            counters,
        }
    }

    /// Its connections, made by whoever knows how when they are asked for first. That is to be before it carries
    /// traffic: maintenance closes what is there.
    pub fn connections(
        &self,
        make: impl FnOnce() -> Arc<dyn pool::Connections>,
    ) -> &Arc<dyn pool::Connections> {
        self.connections.get_or_init(|| {
            let fresh = make();
            if self.admin() == Admin::Maintenance {
                fresh.close();
            }
            fresh
        })
    }

    /// Its connections, once there were any.
    pub fn known_connections(&self) -> Option<&dyn pool::Connections> {
        self.connections.get().map(|c| &**c)
    }

    /// The figures of its connections.
    pub fn figures(&self) -> pool::Figures {
        self.known_connections().map(pool::Connections::figures).unwrap_or_default()
    }

    /// Moves it to another address. What is connected to the old one is not used again.
    pub fn move_to(&self, address: Addr) {
        self.address.store(Arc::new(address));
        if let Some(connections) = self.known_connections() {
            connections.renew();
        }
    }

    /// Its weight now.
    pub fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// Whether its checks find it working.
    pub fn status(&self) -> Status {
        match self.status.load(Ordering::Relaxed) {
            0 => Status::Up,
            1 => Status::Down,
            _ => Status::Stopping,
        }
    }

    /// Whether the operator wants it used.
    pub fn admin(&self) -> Admin {
        match self.admin.load(Ordering::Relaxed) {
            0 => Admin::Ready,
            1 => Admin::Drain,
            _ => Admin::Maintenance,
        }
    }

    /// Whether it carries traffic, be it only what already belongs to it.
    pub fn running(&self) -> Running {
        let runs = self.status() != Status::Down && self.admin() != Admin::Maintenance;
        if runs { Running::Yes } else { Running::No }
    }

    /// Whether new requests may go to it.
    pub fn is_usable(&self) -> bool {
        self.status() == Status::Up && self.admin() == Admin::Ready && self.weight() > 0
    }
}

/// A backend.
#[derive(Debug)]
pub struct Backend {
    /// Name and id.
    pub facts: ProxyFacts,
    /// What its section says.
    pub settings: BackendSettings,
    /// Its servers.
    pub servers: ArcSwap<Vec<Arc<Server>>>,
    /// Who chooses among them.
    pub balancer: Balancer,
    /// Counters.
    pub counters: BackendCounters,
    /// Whether it has servers of which none is usable.
    down: AtomicBool,
    /// When that last changed, and how long it was so.
    pub uptime: Uptime,
}

impl Backend {
    /// A backend with its servers.
    pub fn new(
        facts: ProxyFacts,
        settings: BackendSettings,
        servers: Vec<Arc<Server>>,
        workers: usize,
    ) -> Self {
        let counters =
            BackendCounters { events: base::worker::PerWorker::new(workers), ..BackendCounters::default() };
        let balancer = Balancer::new(settings.algorithm);
        let (down, uptime) = (AtomicBool::new(false), Uptime::default());
        let backend = Self {
            facts,
            settings,
            servers: ArcSwap::from_pointee(servers),
            balancer,
            counters,
            down,
            uptime,
        };
        backend.down.store(backend.choose_usable() == Running::No, Ordering::Relaxed);
        backend
    }

    /// Whether a server is there for new requests; a backend without servers is.
    pub fn running(&self) -> Running {
        if self.down.load(Ordering::Relaxed) { Running::No } else { Running::Yes }
    }

    /// Looks anew at which servers are usable; tells whether there are any, or none are needed.
    fn choose_usable(&self) -> Running {
        let servers = self.servers.load();
        self.balancer.refresh(&servers, self.settings.all_backups);
        let (active, backup) = self.balancer.usable();
        if servers.is_empty() || active + backup > 0 { Running::Yes } else { Running::No }
    }

    fn refresh(&self, now: Tick) {
        let running = self.choose_usable();
        let was_down = self.down.swap(running == Running::No, Ordering::Relaxed);
        match (was_down, running) {
            (false, Running::No) => {
                self.uptime.change(Running::Yes, now);
                self.counters.downs.inc();
            }
            (true, Running::Yes) => self.uptime.change(Running::No, now),
            _ => {}
        }
    }

    /// Records what a check found; tells whether that is a change.
    pub fn set_status(&self, server: &Server, status: Status, now: Tick) -> bool {
        let running = server.running();
        let before = server.status.swap(status as u8, Ordering::Relaxed);
        let changed = before != status as u8;
        if changed {
            server.uptime.change(running, now);
            if status == Status::Down {
                server.counters.common.downs.inc();
            }
            self.refresh(now);
        }
        changed
    }

    /// Does what the operator wants with a server.
    pub fn set_admin(&self, server: &Server, admin: Admin, now: Tick) {
        let running = server.running();
        let before = server.admin.swap(admin as u8, Ordering::Relaxed);
        if before == admin as u8 {
            return;
        }
        if let Some(connections) = server.known_connections() {
            match admin {
                Admin::Maintenance => connections.close(),
                Admin::Ready | Admin::Drain => connections.open(),
            }
        }
        server.uptime.change(running, now);
        self.refresh(now);
    }

    /// Changes a server's weight.
    pub fn set_weight(&self, server: &Server, weight: u32, now: Tick) {
        server.weight.store(weight, Ordering::Relaxed);
        self.refresh(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Role;
    use std::net::Ipv4Addr;

    fn server(name: &str, settings: ServerSettings) -> Arc<Server> {
        let facts = ServerFacts { name: name.into(), id: 1 };
        Arc::new(Server::new(
            facts,
            settings,
            config::Slots::default(),
            Addr::inet(Ipv4Addr::LOCALHOST, 1),
            1,
        ))
    }

    fn backend(servers: Vec<Arc<Server>>) -> Backend {
        Backend::new(ProxyFacts::default(), BackendSettings::default(), servers, 1)
    }

    fn next(b: &Backend) -> String {
        b.balancer.choose(None).map(|s| s.facts.name.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_dead_server_is_left_until_it_returns() {
        let (a, b) = (server("a", ServerSettings::default()), server("b", ServerSettings::default()));
        let backend = backend(vec![a.clone(), b]);
        assert!(backend.set_status(&a, Status::Down, Tick(5)));
        assert!(!backend.set_status(&a, Status::Down, Tick(6)));
        assert_eq!((next(&backend), next(&backend)), ("b".into(), "b".into()));
        backend.set_status(&a, Status::Up, Tick(7));
        let two = [next(&backend), next(&backend)];
        assert!(two.contains(&"a".to_owned()) && two.contains(&"b".to_owned()));
    }

    #[test]
    fn backups_stand_in_when_all_others_are_gone() {
        let a = server("a", ServerSettings::default());
        let spare = |n| server(n, ServerSettings { role: Role::Backup, ..ServerSettings::default() });
        let backend = backend(vec![a.clone(), spare("b"), spare("c")]);
        assert_eq!(next(&backend), "a");
        backend.set_admin(&a, Admin::Maintenance, Tick(5));
        assert_eq!((next(&backend), next(&backend)), ("b".into(), "b".into()));
        assert_eq!(backend.balancer.usable(), (0, 2));
    }

    #[test]
    fn full_servers_are_passed_over() {
        let full = server("a", ServerSettings { maxconn: 1, ..ServerSettings::default() });
        let _slot = full.slots.take();
        let backend = backend(vec![full, server("b", ServerSettings::default())]);
        assert_eq!((next(&backend), next(&backend)), ("b".into(), "b".into()));
    }

    #[test]
    fn redispatching_avoids_the_server_that_failed() {
        let (a, b) = (server("a", ServerSettings::default()), server("b", ServerSettings::default()));
        let backend = backend(vec![a.clone(), b]);
        for _ in 0..3 {
            assert_eq!(&*backend.balancer.choose(Some(&a)).unwrap().facts.name, "b");
        }
    }
}
