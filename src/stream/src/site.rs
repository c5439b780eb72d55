//! The configuration as streams use it: resolved, immutable, shared by all threads.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use backend::server::Admin;
use backend::{Backend, BackendSettings, Server, ServerDrafts, ServerSettings};
use base::addr::Addr;
use base::clock::Clock;
use base::worker::PerWorker;
use base::world::World;
use check::ProxyChecks;
use config::diagnostic::Message;
use config::directive::Switch;
use config::draft::{Resolution, Showing, Speech};
use config::global::{CloseSpread, EventLoop, ProcessLimits, SocketBuffers};
use config::{Draft, Mode, ProxyDraft, ProxyKind, Severity};
use lang::facts::{
    Authentication, CookieLetters, Expected, LevelOverride, ProcessFacts, ProxyFacts, ProxyLimits,
    ServerFacts,
};
use lang::{Scene, Wishes};
use log::Step;
use net::{AcceptProxy, ListenerSettings};
use rule::{Pages, Recorder, RuleSets, Rules};
use stats::{FrontendCounters, ListenerCounters, ProcessCounters};

use crate::captures::{CaptureCount, Captures};
use crate::forwarded::ForwardedOption;
use crate::gate::Gate;
use crate::h2_settings::{H2Options, H2Tuning};
use crate::live::StreamCounters;
use crate::message_options::{CaseSettings, MessageOptions};
use crate::reserve::{IdleLimits, Inboxes, Reserve};
use crate::settings::{
    HttpOptions, Limits, LogOptions, RateLimits, Route, RouteTarget, Routes, SocketOptions, SpliceOptions,
    StatsOptions, Timeouts, Tuning, UniqueId,
};
use crate::splice::Splicing;
use crate::switching::{Assignment, Insistence, RdpCookie, Switching, Visibility};

/// Everything that carries traffic.
#[derive(Debug)]
pub struct Site {
    /// The process.
    pub process: ProcessFacts,
    /// Its counters.
    pub counters: ProcessCounters,
    /// Its streams, counted.
    pub live: StreamCounters,
    /// The number of invalid messages.
    pub captures: CaptureCount,
    /// The time.
    pub clock: Clock,
    /// `global` tuning.
    pub tuning: Tuning,
    /// How HTTP/2 is spoken.
    pub h2: H2Tuning,
    /// Connections that the process serves at once, and may serve.
    pub gate: Gate,
    /// How many connections and sessions begin each second at most.
    pub rates: Rates,
    /// How the threads' event loops go about their work.
    pub event_loop: EventLoop,
    /// When checks are made.
    pub spread: check::Spread,
    /// The header names that some peers want in another case.
    pub(crate) cases: Arc<h1::CaseMap>,
    /// The kernel's buffers of connections.
    pub buffers: SocketBuffers,
    /// The limits of idle server connections.
    pub(crate) idle: IdleLimits,
    /// What the threads are told about them.
    pub(crate) inboxes: Arc<Inboxes>,
    /// How client connections end when the process stops.
    pub close_spread: CloseSpread,
    speech: Speech,
    /// What expressions want kept.
    pub(crate) wishes: Wishes,
    /// Whether streams show what happens on standard output.
    pub(crate) events: Showing,
    /// The frontends, `listen` sections among them, in the order of the configuration.
    pub frontends: Vec<Frontend>,
    /// The backends, `listen` sections among them.
    pub backends: Vec<BackendSide>,
    backends_by_name: HashMap<Arc<str>, usize>,
    sessions: AtomicU64,
    streams: AtomicU32,
    world: OnceLock<World>,
}

/// What every proxy has.
#[derive(Debug)]
pub struct Common {
    /// Name and id.
    pub facts: ProxyFacts,
    /// What it carries.
    pub mode: Mode,
    /// Its timeouts.
    pub timeouts: Timeouts,
    /// Its rules.
    pub rules: Rules,
    /// Its HTTP options.
    pub http: HttpOptions,
    /// Its options on messages.
    pub messages: MessageOptions,
    /// What it says in a `forwarded` header.
    pub forwarded: ForwardedOption,
    /// Its socket options.
    pub sockets: SocketOptions,
    /// Its error pages.
    pub error_pages: Pages,
    /// Its last invalid messages.
    pub captures: Captures,
    /// What of its traffic is spliced.
    pub splice: SpliceOptions,
    /// Its description, and whether it is put to work.
    pub notes: config::Notes,
}

impl Common {
    /// How what clients of this frontend send to a backend goes, and how what its servers send does.
    pub(crate) fn splicing(&self, back: &Self) -> (Splicing, Splicing) {
        let both =
            |pick: fn(&SpliceOptions) -> Switch| pick(&self.splice).is_on() || pick(&back.splice).is_on();
        let auto = if both(|s| s.auto) { Splicing::Auto } else { Splicing::Off };
        let up = if both(|s| s.request) { Splicing::On } else { auto };
        let down = if both(|s| s.response) { Splicing::On } else { auto };
        (up, down)
    }
}

/// A frontend.
#[derive(Debug)]
pub struct Frontend {
    /// What every proxy has.
    pub common: Common,
    /// Its index among the proxies of the draft.
    pub proxy: usize,
    /// What its streams log, and where.
    pub log: log::FrontendLog,
    /// When they log.
    pub log_options: LogOptions,
    /// `use_backend` rules, in order.
    pub routes: Vec<CompiledRoute>,
    /// `default_backend`.
    pub default_backend: Option<usize>,
    /// The backend side of a `listen` section.
    pub own_backend: Option<usize>,
    /// What it captures of messages.
    pub captures: rule::Captures,
    /// What it says of backends that are not to be used.
    pub switching: Switching,
    /// How its streams are identified.
    pub unique_id: UniqueId,
    /// What it says of HTTP/2.
    pub h2: H2Options,
    /// Its limits.
    pub limits: Limits,
    /// Connections that it serves at once, and may serve.
    pub gate: Gate,
    /// Its counters.
    pub counters: FrontendCounters,
    /// What is logged of cookies until a stream comes to a backend.
    pub(crate) letters: CookieLetters,
    /// Whether its listeners are counted apart.
    stats: StatsOptions,
    workers: usize,
}

impl Frontend {
    /// Whether transfers are counted while they run.
    pub(crate) fn counts_continuously(&self) -> bool {
        self.stats.continuous.is_on()
    }

    /// Counters for one of its listeners, if they are counted apart.
    pub fn listener_counters(&self) -> Option<Arc<ListenerCounters>> {
        let counters =
            || ListenerCounters { events: PerWorker::new(self.workers), ..ListenerCounters::default() };
        self.stats.sockets.is_on().then(|| Arc::new(counters()))
    }
}

impl Recorder for Frontend {
    fn record(&self, scene: &Scene<'_>, set: RuleSets, profile: Option<&str>) {
        let level = match scene.stream.map(|stream| stream.log_level) {
            Some(LevelOverride::Silent) => return,
            Some(LevelOverride::Level(level)) => log::Level::from_number(level),
            Some(LevelOverride::Natural) | None => log::Level::Info,
        };
        let step = match set {
            RuleSets::TCP_CONNECTION => Step::ConnectionRule,
            RuleSets::TCP_SESSION => Step::SessionRule,
            RuleSets::TCP_CONTENT => Step::ContentRule,
            RuleSets::TCP_RESPONSE => Step::AnswerRule,
            RuleSets::HTTP_RESPONSE => Step::ResponseRule,
            RuleSets::HTTP_AFTER => Step::AfterRule,
            _ => Step::RequestRule,
        };
        self.log.emit_by_rule(scene, level, step, profile);
    }
}

/// A `use_backend` rule with its target looked up.
#[derive(Debug)]
pub struct CompiledRoute {
    /// The rule.
    pub route: Arc<Route>,
    /// The backend, unless its name is known only at run time.
    pub backend: Option<usize>,
}

/// A backend.
#[derive(Debug)]
pub struct BackendSide {
    /// What every proxy has.
    pub common: Common,
    /// Its index among the proxies of the draft.
    pub proxy: usize,
    /// Its servers and counters.
    pub core: Arc<Backend>,
    /// How its servers are checked.
    pub checks: ProxyChecks,
    /// How its checks are identified.
    pub unique_id: UniqueId,
    /// Where messages about its servers go.
    pub log: log::FrontendLog,
    /// Its rules that choose servers.
    pub assignment: Assignment,
    /// Whether servers are used that are down.
    pub insistence: Insistence,
    /// `persist rdp-cookie`.
    pub(crate) rdp_cookie: RdpCookie,
    /// Whether it is put to work at all.
    pub state: config::State,
    unpublished: AtomicBool,
}

impl BackendSide {
    /// Whether frontends may choose it.
    pub fn is_published(&self) -> bool {
        self.state == config::State::Enabled && self.visibility() == Visibility::Published
    }

    /// What was last said of who may choose it.
    pub fn visibility(&self) -> Visibility {
        if self.unpublished.load(Ordering::Relaxed) { Visibility::Unpublished } else { Visibility::Published }
    }

    /// Says anew whether frontends may choose it.
    pub fn set_visibility(&self, visibility: Visibility) {
        self.unpublished.store(visibility == Visibility::Unpublished, Ordering::Relaxed);
    }
}

/// A configuration that is valid but cannot be put to work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    /// Where the statement stands.
    pub place: config::Place,
    /// What is wrong.
    pub message: String,
}

impl Site {
    /// Builds the site of a checked draft, for that many worker threads.
    pub fn build(
        draft: &Draft,
        mut process: ProcessFacts,
        clock: Clock,
        workers: usize,
    ) -> Result<Self, Vec<BuildError>> {
        let mut errors = Vec::new();
        let mut backends = Vec::new();
        let mut backends_by_name = HashMap::new();
        for (index, proxy) in draft.proxies.iter().enumerate().filter(|(_, p)| p.kind.has_backend()) {
            backends_by_name.insert(proxy.name.clone(), backends.len());
            backends.push(backend_side(index, proxy, draft, (workers, clock.now()), &mut errors));
        }
        process.variables = draft.global::<rule::GlobalVariables>().start();
        let mut site = Self {
            counters: ProcessCounters::default(),
            live: StreamCounters::new(workers),
            captures: CaptureCount::default(),
            clock,
            tuning: draft.global::<Tuning>().settled(),
            h2: draft.global(),
            gate: Gate::default(),
            rates: Rates::new(draft.global()),
            event_loop: draft.global(),
            spread: draft.global(),
            cases: draft.global::<CaseSettings>().map(),
            buffers: draft.global(),
            idle: IdleLimits::new(draft.global(), &process, workers),
            inboxes: Inboxes::new(workers),
            close_spread: draft.global(),
            speech: draft.readings.speech,
            events: draft.readings.showing,
            wishes: Wishes(draft.wishes),
            frontends: Vec::new(),
            backends,
            backends_by_name,
            sessions: AtomicU64::new(0),
            streams: AtomicU32::new(0),
            world: OnceLock::new(),
            process,
        };
        for server in site.backends.iter().flat_map(|b| b.core.servers.load_full().to_vec()) {
            site.prepare(&server);
        }
        for (index, proxy) in draft.proxies.iter().enumerate().filter(|(_, p)| p.kind.has_frontend()) {
            let frontend = site.frontend(index, proxy, draft, workers);
            site.frontends.push(frontend);
        }
        site.size_backends(draft.global::<ProcessLimits>().maxconn);
        if errors.is_empty() { Ok(site) } else { Err(errors) }
    }

    /// Makes a server ready to have connections, before it carries traffic.
    pub fn prepare(&self, server: &Server) {
        Reserve::of(server, &self.inboxes);
    }

    /// Gives backends their `fullconn`, by default a tenth of what the frontends may send there.
    fn size_backends(&self, maxconn: u64) {
        let mut totals = vec![0; self.backends.len()];
        let mut anywhere = 0;
        for frontend in &self.frontends {
            let most = frontend.limits.maxconn.unwrap_or(maxconn);
            if frontend.routes.iter().any(|r| r.backend.is_none()) {
                anywhere += most;
                continue;
            }
            let mut leads: Vec<usize> = frontend.routes.iter().filter_map(|r| r.backend).collect();
            leads.extend(frontend.default_backend.or(frontend.own_backend));
            leads.sort_unstable();
            leads.dedup();
            for backend in leads {
                totals[backend] += most;
            }
        }
        for (backend, total) in self.backends.iter().zip(totals) {
            if backend.core.settings.fullconn == 0 {
                backend.core.set_full((total + anywhere).div_ceil(10).max(1));
            }
        }
    }

    /// Says what services work on; only the first word counts.
    pub fn furnish(&self, world: World) {
        let _ = self.world.set(world);
    }

    /// What services work on.
    pub(crate) fn world(&self) -> &World {
        // Whoever asks before the house is furnished finds nothing, and must not keep it so.
        static EMPTY: LazyLock<World> = LazyLock::new(World::default);
        self.world.get().unwrap_or(&EMPTY)
    }

    /// A number for a new session.
    pub(crate) fn next_session_id(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a new stream.
    pub(crate) fn next_stream_id(&self) -> u32 {
        self.streams.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells the operator something on standard error, in the layout of start-up messages.
    pub(crate) fn tell(&self, severity: Severity, text: &str) {
        if self.speech == Speech::Silent {
            return;
        }
        let message = Message { severity, place: None, text: text.to_owned(), excerpt: None };
        // With standard error gone there is nobody to tell.
        let _ = std::io::stderr().write_all(message.render(self.process.pid).as_bytes());
    }

    /// The backend of that name.
    pub fn backend(&self, name: &str) -> Option<usize> {
        self.backends_by_name.get(name).copied()
    }

    fn frontend(&self, index: usize, proxy: &ProxyDraft, draft: &Draft, workers: usize) -> Frontend {
        let routes: Routes = proxy.slots.get_or_default();
        let own = if proxy.kind.has_backend() { self.backend(&proxy.name) } else { None };
        let named = routes.default.as_ref().and_then(|(name, _)| self.backend(name));
        let compile = |route: &Arc<Route>| CompiledRoute {
            backend: match &route.target {
                RouteTarget::Name(name) => self.backend(name),
                RouteTarget::Format(_) => None,
            },
            route: route.clone(),
        };
        Frontend {
            common: common(proxy),
            proxy: index,
            log: log::FrontendLog::build(proxy, draft),
            log_options: proxy.slots.get_or_default(),
            routes: routes.rules.iter().map(compile).collect(),
            default_backend: named,
            own_backend: own,
            captures: proxy.slots.get_or_default(),
            switching: proxy.slots.get_or_default(),
            gate: Gate::new(proxy.slots.get_or_default::<Limits>().maxconn.unwrap_or(0)),
            unique_id: proxy.slots.get_or_default(),
            h2: proxy.slots.get_or_default(),
            limits: proxy.slots.get_or_default(),
            counters: FrontendCounters {
                events: PerWorker::new(workers),
                h1: PerWorker::new(workers),
                h2: PerWorker::new(workers),
                ..FrontendCounters::default()
            },
            letters: own.map_or_else(CookieLetters::default, |own| crate::http::letters(&self.backends[own])),
            stats: proxy.slots.get_or_default(),
            workers,
        }
    }
}

fn common(proxy: &ProxyDraft) -> Common {
    Common {
        facts: facts(proxy),
        mode: proxy.mode,
        timeouts: proxy.slots.get_or_default(),
        rules: proxy.slots.get_or_default(),
        http: proxy.slots.get_or_default(),
        messages: proxy.slots.get_or_default(),
        forwarded: proxy.slots.get_or_default(),
        sockets: proxy.slots.get_or_default(),
        error_pages: proxy.slots.get_or_default(),
        captures: Captures::default(),
        splice: proxy.slots.get_or_default(),
        notes: proxy.slots.get_or_default(),
    }
}

fn facts(proxy: &ProxyDraft) -> ProxyFacts {
    let timeouts: Timeouts = proxy.slots.get_or_default();
    // What waits for a server takes no longer than its connection may, unless told otherwise.
    let connect = timeouts.connect.filter(|_| proxy.kind.has_backend());
    let limits = ProxyLimits {
        client: timeouts.client,
        connect: timeouts.connect,
        queue: timeouts.queue.or(connect),
        server: timeouts.server,
        tarpit: timeouts.tarpit.or(connect),
        tunnel: timeouts.tunnel,
        retries: proxy.slots.get_or_default::<BackendSettings>().retries,
    };
    let proxied = proxy.slots.get_or_default::<HttpOptions>().proxy_header.is_on();
    let routes: Routes = proxy.slots.get_or_default();
    let own = (proxy.kind == ProxyKind::Listen).then(|| proxy.name.clone());
    ProxyFacts {
        name: proxy.name.clone(),
        id: proxy.id.unwrap_or(0),
        http: proxy.mode == Mode::Http,
        limits,
        authentication: if proxied { Authentication::Proxy } else { Authentication::Server },
        default_backend: routes.default.map(|(name, _)| name).or(own),
    }
}

fn backend_side(
    index: usize,
    proxy: &ProxyDraft,
    draft: &Draft,
    (workers, now): (usize, base::clock::Tick),
    errors: &mut Vec<BuildError>,
) -> BackendSide {
    let settings: BackendSettings = proxy.slots.get_or_default();
    let none = ServerDrafts::default();
    let drafts = proxy.slots.get::<ServerDrafts>().unwrap_or(&none);
    let mut servers = Vec::with_capacity(drafts.list.len());
    let mut homeless = Vec::new();
    // A disabled proxy is checked like any other, and serves nobody.
    let state = proxy.slots.get_or_default::<config::Notes>().state;
    for line in drafts.list.iter().filter(|_| state == config::State::Enabled) {
        let settings: ServerSettings = line.slots.get_or_default();
        let facts = ServerFacts { name: line.name.clone(), id: settings.id.unwrap_or(0) };
        let server =
            |address| Arc::new(Server::new(facts, settings, line.slots.inherited(), address, workers));
        match line.address.as_ref().map(net::resolve) {
            Some(Ok(address)) => servers.push(server(address)),
            Some(Err(_)) if draft.readings.resolution == Resolution::Optional => {
                let server = server(Addr::any(base::addr::Family::V4));
                homeless.push(server.clone());
                servers.push(server);
            }
            Some(Err(e)) => errors.push(BuildError {
                place: line.place.clone(),
                message: format!(
                    "'server {}' : could not resolve address '{}' : {e}.",
                    line.name, line.written
                ),
            }),
            None => {}
        }
    }
    let core = Arc::new(Backend::new(facts(proxy), settings, servers, workers));
    for server in homeless {
        core.set_admin(&server, Admin::Maintenance, now);
    }
    BackendSide {
        common: common(proxy),
        proxy: index,
        core,
        checks: proxy.slots.get_or_default(),
        unique_id: proxy.slots.get_or_default(),
        log: log::FrontendLog::build(proxy, draft),
        assignment: proxy.slots.get_or_default(),
        insistence: proxy.slots.get_or_default(),
        rdp_cookie: proxy.slots.get_or_default(),
        state,
        unpublished: AtomicBool::new(
            proxy.slots.get_or_default::<Switching>().visibility == Visibility::Unpublished,
        ),
    }
}

/// Rates of beginning that may change while the process runs; 0 for no limit.
#[derive(Debug, Default)]
pub struct Rates {
    connections: AtomicU32,
    sessions: AtomicU32,
    handshakes: AtomicU32,
    encrypted: u32,
}

impl Rates {
    fn new(limits: RateLimits) -> Self {
        Self {
            connections: AtomicU32::new(limits.connections),
            sessions: AtomicU32::new(limits.sessions),
            handshakes: AtomicU32::new(limits.handshakes),
            encrypted: limits.encrypted,
        }
    }

    /// `maxconnrate`.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// `maxsessrate`.
    pub fn sessions(&self) -> u32 {
        self.sessions.load(Ordering::Relaxed)
    }

    /// `maxsslrate`.
    pub fn handshakes(&self) -> u32 {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// `maxsslconn`.
    pub fn encrypted(&self) -> u32 {
        self.encrypted
    }

    /// Whether so many encrypted connections leave no room for another.
    pub(crate) fn is_crowded_by(&self, others: u64) -> bool {
        self.encrypted > 0 && others >= u64::from(self.encrypted)
    }

    /// Changes `maxsslrate`.
    pub fn limit_handshakes(&self, rate: u32) {
        self.handshakes.store(rate, Ordering::Relaxed);
    }

    /// Changes `maxconnrate`.
    pub fn limit_connections(&self, rate: u32) {
        self.connections.store(rate, Ordering::Relaxed);
    }

    /// Changes `maxsessrate`.
    pub fn limit_sessions(&self, rate: u32) {
        self.sessions.store(rate, Ordering::Relaxed);
    }

    /// Whether there is a limit at all.
    pub(crate) fn any(&self) -> bool {
        self.connections() > 0 || self.sessions() > 0 || self.handshakes() > 0
    }
}

/// A listener as far as its streams care.
#[derive(Debug)]
pub struct ListenerFacts {
    /// Its frontend's index in the site.
    pub frontend: usize,
    /// `name`, if it has one.
    pub name: Option<Arc<str>>,
    /// `id`.
    pub id: u32,
    /// The listening socket's descriptor.
    pub socket: i32,
    /// The bound address; streams ask the system for theirs when it is a wildcard.
    pub address: Addr,
    /// Its counters, if it is counted apart.
    pub counters: Option<Arc<ListenerCounters>>,
    /// What its connections begin with.
    pub expected: Expected,
    /// The magic number of `accept-netscaler-cip`.
    pub client_ip_magic: u32,
    /// Connections that it serves at once, and may serve.
    pub gate: Gate,
    /// What begins the sessions of encrypted connections.
    pub tls: Option<Arc<tls::Acceptor>>,
    /// Whether its bytes may turn out to be requests.
    pub upgrading: Upgrading,
    /// What is spoken on its connections, if it says so.
    pub protocol: Option<net::Protocol>,
    /// How often idle clients are asked whether they are still there, where they can be.
    pub idle_ping: Option<Duration>,
}

/// Whether sessions in TCP mode may go on in HTTP mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrading {
    /// They may.
    Allowed,
    /// They may not (`proto none`).
    Forbidden,
}

impl ListenerFacts {
    /// The facts of one socket of a `bind` line.
    pub fn new(
        frontend: usize,
        id: u32,
        settings: &ListenerSettings,
        (socket, address): (i32, Addr),
    ) -> Self {
        let expected = Expected {
            proxy: settings.accept_proxy == AcceptProxy::Yes,
            client_ip: settings.client_ip_magic.is_some(),
        };
        Self {
            frontend,
            name: settings.name.clone(),
            id,
            socket,
            address,
            expected,
            client_ip_magic: settings.client_ip_magic.unwrap_or(0),
            gate: Gate::new(settings.maxconn),
            counters: None,
            tls: None,
            upgrading: match settings.protocol {
                Some(net::Protocol::None) => Upgrading::Forbidden,
                _ => Upgrading::Allowed,
            },
            protocol: settings.protocol,
            idle_ping: settings.idle_ping,
        }
    }
}
