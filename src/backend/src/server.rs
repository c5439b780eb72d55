//! Servers and backends at run time.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, ArcSwapOption};

use base::addr::Addr;
use base::clock::Tick;
use base::worker::PerWorker;
use config::directive::Switch;
use lang::facts::{ProxyFacts, ServerFacts};
use queue::{Desk, Order, Queue, Slots, Ticket};
use stats::counters::{H2Counters, HttpCounters};
use stats::{BackendCounters, ServerCounters};

use crate::balance::Balancer;
use crate::cookie::DynamicCookies;
use crate::dial::DialSettings;
use crate::health::Health;
use crate::settings::{BackendSettings, Role, ServerSettings, Start};
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

/// Those who wait for servers of one backend.
pub type ServerQueue = Queue<Server>;

/// A place among them.
pub type Waiting = Ticket<Server>;

/// How busy a backend is, by which its servers scale their limits.
#[derive(Debug, Default)]
struct Load {
    /// The streams in it; counted only where a server scales its limit.
    streams: AtomicU64,
    /// The streams from which on servers take as many as they may (`fullconn`); 0 for always.
    full: AtomicU64,
}

/// Where checks and agents are, where an operator says something else than the configuration.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// `check-addr`.
    pub check_address: Option<Addr>,
    /// `check-port`.
    pub check_port: Option<u16>,
    /// `agent-addr`.
    pub agent_address: Option<Addr>,
    /// `agent-port`.
    pub agent_port: Option<u16>,
    /// `agent-send`.
    pub agent_send: Option<Arc<[u8]>>,
}

/// How connections to a server are encrypted.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// What begins their sessions.
    pub connector: Arc<tls::Connector>,
    /// The name that the server is told (`sni`).
    pub name: Option<Arc<lang::Expr>>,
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
    /// How connections to it are encrypted, if they are.
    pub tls: Option<ServerTls>,
    /// Its address.
    pub address: ArcSwap<Addr>,
    /// How often it got another address.
    moves: AtomicU32,
    /// Whether its address leaves open which one is meant.
    open: AtomicBool,
    /// Counters.
    pub counters: ServerCounters,
    /// What its checks know.
    pub health: Health,
    /// What its agent says.
    pub agent: Health,
    /// Where its checks and its agent are, as an operator says.
    pub probes: ArcSwap<Probes>,
    /// The streams that it serves.
    pub slots: Slots,
    /// `maxconn`; 0 for no limit.
    limit: AtomicU64,
    /// Its backend's.
    load: std::sync::OnceLock<Arc<Load>>,
    /// Whether the balancer may choose it.
    elected: AtomicBool,
    status: AtomicU8,
    admin: AtomicU8,
    weight: AtomicU32,
    connections: OnceLock<Arc<dyn pool::Connections>>,
    /// The value that stands for it in persistence cookies.
    cookie: ArcSwapOption<Box<[u8]>>,
    /// What computes it.
    computed: OnceLock<Arc<DynamicCookies>>,
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
        let secure = features.get::<tls::ServerSettings>().filter(|s| s.ssl == tls::Use::Yes);
        let tls = secure
            .and_then(|s| s.connector.clone().map(|connector| ServerTls { connector, name: s.name.clone() }));
        Self {
            tls,
            slots: Slots::default(),
            limit: AtomicU64::new(settings.maxconn),
            load: std::sync::OnceLock::new(),
            elected: AtomicBool::new(false),
            weight: AtomicU32::new(settings.weight),
            admin: AtomicU8::new(admin as u8),
            status: AtomicU8::new(Status::Up as u8),
            open: AtomicBool::new(address.is_unspecified()),
            address: ArcSwap::from_pointee(address),
            moves: AtomicU32::new(0),
            connections: OnceLock::new(),
            cookie: ArcSwapOption::new(settings.cookie.clone().map(Arc::new)),
            computed: OnceLock::new(),
            uptime: Uptime::default(),
            health: Health::unsettled(),
            agent: Health::default(),
            probes: ArcSwap::default(),
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
        self.open.store(address.is_unspecified(), Ordering::Release);
        self.address.store(Arc::new(address));
        self.moves.fetch_add(1, Ordering::Release);
        self.compute_cookie();
        if let Some(connections) = self.known_connections() {
            connections.renew();
        }
    }

    /// The value that stands for it in persistence cookies, if it has one.
    pub fn cookie(&self) -> Option<Arc<Box<[u8]>>> {
        self.cookie.load_full()
    }

    /// Computes that value, where nobody has said what it is.
    fn compute_cookie(&self) {
        if self.settings.cookie.is_none()
            && let Some(computed) = self.computed.get()
        {
            self.cookie.store(computed.value(&self.address.load()).map(Arc::new));
        }
    }

    /// Whether connections go where the client wanted to go, since its address says nothing else.
    pub fn has_open_address(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// How often it got another address: connections that were made before go where it no longer is.
    pub fn moves(&self) -> u32 {
        self.moves.load(Ordering::Acquire)
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

    /// `maxconn` as it is now; 0 for no limit.
    pub fn maxconn(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Whether its limit depends on how busy its backend is.
    fn scales(&self) -> bool {
        self.settings.minconn > 0 && self.settings.minconn < self.maxconn()
    }

    pub(crate) fn elect(&self, elected: bool) {
        self.elected.store(elected, Ordering::Relaxed);
    }
}

impl Desk for Server {
    fn slots(&self) -> &Slots {
        &self.slots
    }

    fn limit(&self) -> u64 {
        let most = self.maxconn();
        let Some(load) = self.load.get().filter(|_| self.scales()) else { return most };
        let (streams, full) = (load.streams.load(Ordering::Relaxed), load.full.load(Ordering::Relaxed));
        if streams >= full { most } else { (streams * most / full).max(self.settings.minconn) }
    }

    fn is_open(&self) -> bool {
        self.elected.load(Ordering::Relaxed)
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
    /// Who waits for them.
    pub queue: Arc<ServerQueue>,
    load: Arc<Load>,
    /// What computes its servers' cookies.
    cookies: Arc<DynamicCookies>,
    /// Counters.
    pub counters: BackendCounters,
    /// HTTP/1; connections hold on to those of the thread that made them.
    pub h1: PerWorker<Arc<HttpCounters>>,
    /// The figures of HTTP/2, as well.
    pub h2: PerWorker<Arc<H2Counters>>,
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
        let balancer = Balancer::new(&settings);
        let cookies = Arc::new(DynamicCookies::new(&settings.cookies));
        let (down, uptime) = (AtomicBool::new(false), Uptime::default());
        let backend = Self {
            facts,
            settings,
            servers: ArcSwap::from_pointee(servers),
            balancer,
            queue: Arc::default(),
            load: Arc::default(),
            cookies,
            h1: PerWorker::new(workers),
            h2: PerWorker::new(workers),
            counters,
            down,
            uptime,
        };
        backend.set_full(backend.settings.fullconn);
        for server in backend.servers.load().iter() {
            // A server belongs to one backend for good.
            let _ = server.load.set(backend.load.clone());
            let _ = server.computed.set(backend.cookies.clone());
            server.compute_cookie();
        }
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

    /// The weight of all active servers that are usable, or without any of the backup servers.
    pub fn usable_weight(&self) -> u64 {
        let servers = self.servers.load();
        let (active, _) = self.balancer.usable();
        let counted = servers.iter().filter(|s| s.is_usable());
        counted
            .filter(|s| active == 0 || s.settings.role == Role::Active)
            .map(|s| u64::from(s.weight()))
            .sum()
    }

    /// `fullconn`, given or computed.
    pub fn full(&self) -> u64 {
        self.load.full.load(Ordering::Relaxed)
    }

    /// Sets the number of streams from which on servers take as many as they may.
    pub fn set_full(&self, streams: u64) {
        self.load.full.store(streams, Ordering::Relaxed);
    }

    /// Computes its servers' cookies from another key (`set dynamic-cookie-key backend`).
    pub fn set_cookie_key(&self, key: &[u8]) {
        self.cookies.set_key(key);
        self.servers.load().iter().for_each(|server| server.compute_cookie());
    }

    /// Computes its servers' cookies, or does so no longer (`enable dynamic-cookie backend`).
    pub fn compute_cookies(&self, switch: Switch) {
        self.cookies.turn(switch);
        self.servers.load().iter().for_each(|server| server.compute_cookie());
    }

    /// A stream begins to belong to it.
    pub fn occupy(&self) {
        let streams = self.counters.current.inc();
        self.counters.current_max.raise(streams);
        self.load.streams.store(streams, Ordering::Relaxed);
    }

    /// A stream ends, or goes elsewhere.
    pub fn vacate(&self) {
        self.counters.current.dec();
        self.load.streams.store(self.counters.current.get(), Ordering::Relaxed);
    }

    /// Waits for any server.
    pub fn wait(&self, order: Order) -> Waiting {
        self.balancer.wait(&self.queue, order)
    }

    /// Changes a server's limit (`set maxconn server`); those who now fit are let in.
    pub fn set_maxconn(&self, server: &Arc<Server>, limit: u64) {
        server.limit.store(limit, Ordering::Relaxed);
        self.queue.admit(server);
    }

    /// Those who wait go where they can, now that servers have come or gone.
    fn requeue(&self, running: Running) -> usize {
        if self.queue.all_waiting() == 0 {
            return 0;
        }
        let before = self.queue.waiting() as usize;
        if running == Running::No {
            return self.queue.send_all_away();
        }
        self.balancer.elected().iter().for_each(|server| self.queue.admit(server));
        before.saturating_sub(self.queue.waiting() as usize)
    }

    /// Those who wait for a server that is not to be used choose again, where they may.
    fn release(&self, server: &Arc<Server>) -> usize {
        if server.is_usable() || self.settings.redispatch == 0 {
            0
        } else {
            self.queue.send_away_from(server)
        }
    }

    /// Tells how many of those who wait were sent to choose again or let in.
    fn refresh(&self, now: Tick) -> usize {
        let running = self.choose_usable();
        let moved = self.requeue(running);
        let was_down = self.down.swap(running == Running::No, Ordering::Relaxed);
        match (was_down, running) {
            (false, Running::No) => {
                self.uptime.change(Running::Yes, now);
                self.counters.downs.inc();
            }
            (true, Running::Yes) => self.uptime.change(Running::No, now),
            _ => {}
        }
        moved
    }

    /// Records what a check found. If that is a change, tells how many of those who wait it has moved.
    pub fn set_status(&self, server: &Arc<Server>, status: Status, now: Tick) -> Option<usize> {
        let running = server.running();
        let before = server.status.swap(status as u8, Ordering::Relaxed);
        if before == status as u8 {
            return None;
        }
        server.uptime.change(running, now);
        if status == Status::Down {
            server.counters.common.downs.inc();
        }
        Some(self.refresh(now) + self.release(server))
    }

    /// Does what the operator wants with a server; tells how many of those who wait it has moved.
    pub fn set_admin(&self, server: &Arc<Server>, admin: Admin, now: Tick) -> usize {
        let running = server.running();
        let before = server.admin.swap(admin as u8, Ordering::Relaxed);
        if before == admin as u8 {
            return 0;
        }
        if let Some(connections) = server.known_connections() {
            match admin {
                Admin::Maintenance => connections.close(),
                Admin::Ready | Admin::Drain => connections.open(),
            }
        }
        server.uptime.change(running, now);
        self.refresh(now) + self.release(server)
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
    use crate::balance::Choice;
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
        let settings = BackendSettings {
            algorithm: crate::settings::Algorithm::RoundRobin,
            ..BackendSettings::default()
        };
        Backend::new(ProxyFacts::default(), settings, servers, 1)
    }

    fn wish(avoid: Option<&Arc<Server>>) -> crate::Wish<'_> {
        crate::Wish { avoid, hash: None, now: Tick(1) }
    }

    fn next(b: &Backend) -> String {
        match b.balancer.choose(&b.queue, wish(None)) {
            Choice::Server(server) => server.facts.name.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_dead_server_is_left_until_it_returns() {
        let (a, b) = (server("a", ServerSettings::default()), server("b", ServerSettings::default()));
        let backend = backend(vec![a.clone(), b]);
        assert_eq!(backend.set_status(&a, Status::Down, Tick(5)), Some(0));
        assert_eq!(backend.set_status(&a, Status::Down, Tick(6)), None);
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
        let backend = backend(vec![full.clone(), server("b", ServerSettings::default())]);
        assert!(backend.queue.enter(&full));
        assert_eq!((next(&backend), next(&backend)), ("b".into(), "b".into()));
    }

    #[test]
    fn redispatching_avoids_the_server_that_failed() {
        let (a, b) = (server("a", ServerSettings::default()), server("b", ServerSettings::default()));
        let backend = backend(vec![a.clone(), b]);
        for _ in 0..3 {
            let chosen = backend.balancer.choose(&backend.queue, wish(Some(&a)));
            assert!(matches!(chosen, Choice::Server(s) if &*s.facts.name == "b"));
        }
    }

    #[test]
    fn those_who_find_all_servers_full_wait_for_any() {
        let limited = || ServerSettings { maxconn: 1, ..ServerSettings::default() };
        let (a, b) = (server("a", limited()), server("b", limited()));
        let backend = backend(vec![a.clone(), b.clone()]);
        assert!(backend.queue.enter(&a) && backend.queue.enter(&b));
        assert!(matches!(backend.balancer.choose(&backend.queue, wish(None)), Choice::AllFull));
        let waiting = [backend.wait(Order::default()), backend.wait(Order::default())];
        assert_eq!(backend.queue.waiting(), 2);
        backend.queue.leave(&b);
        assert_eq!((backend.queue.waiting(), b.slots.served()), (1, 1));
        // A higher limit, and a server that comes back, let more in.
        backend.set_maxconn(&a, 2);
        assert_eq!((backend.queue.waiting(), a.slots.served()), (0, 2));
        backend.set_admin(&a, Admin::Maintenance, Tick(1));
        let more = backend.wait(Order::default());
        backend.queue.leave(&a);
        assert_eq!(backend.queue.waiting(), 1);
        backend.set_admin(&a, Admin::Ready, Tick(2));
        assert_eq!((backend.queue.waiting(), a.slots.served()), (0, 2));
        drop((waiting, more));
        assert_eq!((a.slots.served(), b.slots.served()), (0, 0));
    }

    #[test]
    fn without_servers_nobody_waits_for_any() {
        let a = server("a", ServerSettings { maxconn: 1, ..ServerSettings::default() });
        let backend = backend(vec![a.clone()]);
        assert!(backend.queue.enter(&a));
        let waiting = backend.wait(Order::default());
        assert_eq!(backend.set_status(&a, Status::Down, Tick(1)), Some(1));
        assert_eq!(backend.queue.waiting(), 0);
        assert_eq!(next(&backend), "Nobody");
        drop(waiting);
    }

    #[test]
    fn the_limit_grows_with_the_load_of_the_backend() {
        let scaled = ServerSettings { minconn: 2, maxconn: 10, ..ServerSettings::default() };
        let a = server("a", scaled);
        let backend = backend(vec![a.clone()]);
        backend.set_full(20);
        let limits: Vec<u64> = (0..24)
            .map(|_| {
                backend.occupy();
                a.limit()
            })
            .collect();
        assert_eq!(limits[..6], [2, 2, 2, 2, 2, 3]);
        assert_eq!(limits[18..], [9, 10, 10, 10, 10, 10]);
        (0..20).for_each(|_| backend.vacate());
        assert_eq!(a.limit(), 2);
    }
}
