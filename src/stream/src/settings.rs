//! What the configuration says of sessions and streams: timeouts, routes, options.

use std::sync::Arc;
use std::time::Duration;

use config::directive::Switch;
use config::{Place, Setting};
use lang::logformat::LogFormat;
use net::KeepAlive;
use rule::Condition;

/// The timeouts of a proxy; `None` waits for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// `timeout client`.
    pub client: Option<Duration>,
    /// `timeout client-fin`.
    pub client_fin: Option<Duration>,
    /// `timeout client-hs`.
    pub handshake: Option<Duration>,
    /// `timeout connect`.
    pub connect: Option<Duration>,
    /// `timeout http-keep-alive`.
    pub http_keep_alive: Option<Duration>,
    /// `timeout http-request`.
    pub http_request: Option<Duration>,
    /// `timeout queue`.
    pub queue: Option<Duration>,
    /// `timeout server`.
    pub server: Option<Duration>,
    /// `timeout server-fin`.
    pub server_fin: Option<Duration>,
    /// `timeout tarpit`.
    pub tarpit: Option<Duration>,
    /// `timeout tunnel`.
    pub tunnel: Option<Duration>,
}

impl Setting for Timeouts {}

/// Where a frontend sends its traffic.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    /// `use_backend`, in order.
    pub rules: Vec<Arc<Route>>,
    /// `default_backend`, with its place.
    pub default: Option<(Arc<str>, Place)>,
}

/// `use_backend` rules stay in their section, `default_backend` is inherited.
impl Setting for Routes {
    fn inherited(&self) -> Option<Self> {
        Some(Self { rules: Vec::new(), default: self.default.clone() })
    }
}

/// One `use_backend` line.
#[derive(Debug)]
pub struct Route {
    /// The backend's name, or an expression that gives it.
    pub target: RouteTarget,
    /// When it applies.
    pub condition: Option<Condition>,
    /// Where it stands.
    pub place: Place,
}

/// What a route leads to.
#[derive(Debug)]
pub enum RouteTarget {
    /// The backend with this name.
    Name(Arc<str>),
    /// The backend whose name the format gives; the route is passed over if there is none.
    Format(LogFormat),
}

/// `unique-id-format`, `unique-id-header`.
#[derive(Clone, Debug, Default)]
pub struct UniqueId {
    /// How ids are made; none without.
    pub format: Option<Arc<LogFormat>>,
    /// The request header that carries them.
    pub header: Option<Box<[u8]>>,
}

impl Setting for UniqueId {}

/// The limits of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `maxconn`; `None` for the process's.
    pub maxconn: Option<u64>,
    /// `rate-limit sessions`; 0 for none.
    pub session_rate: u32,
    /// `backlog`; 0 for what `maxconn` says.
    pub backlog: u32,
    /// `max-session-srv-conns`: connections of its own that a session keeps for its next request.
    pub session_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { maxconn: None, session_rate: 0, backlog: 0, session_connections: 5 }
    }
}

impl Setting for Limits {}

/// The rates that the process keeps to; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// `maxconnrate`.
    pub connections: u32,
    /// `maxsessrate`.
    pub sessions: u32,
    /// `maxsslrate`.
    pub handshakes: u32,
    /// `maxsslconn`: how many connections on both sides may be encrypted at once.
    pub encrypted: u32,
}

impl Setting for RateLimits {}

/// The HTTP options of a proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOptions {
    /// How connections go on after a response.
    pub connection: ConnectionMode,
    /// `option forwardfor`.
    pub forwarded_for: Option<ForwardedFor>,
    /// `option abortonclose`.
    pub abort_on_close: AbortOnClose,
    /// `option http-buffer-request`.
    pub buffer_request: Switch,
    /// `option http-use-proxy-header`.
    pub proxy_header: Switch,
    /// `option http-no-delay`.
    pub no_delay: Switch,
    /// `option idle-close-on-response`.
    pub idle_close_on_response: Switch,
    /// `option accept-unsafe-violations-in-http-request`.
    pub request_violations: Violations,
    /// `option accept-unsafe-violations-in-http-response`.
    pub response_violations: Violations,
}

/// Whether violations of the protocol are tolerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Violations {
    /// They are refused.
    #[default]
    Refused,
    /// Those that do no harm to the framing are passed on.
    Tolerated,
}

/// Whether a client that ends its side before it was answered is taken to have given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AbortOnClose {
    /// It is.
    #[default]
    On,
    /// It may still read.
    Off,
}

impl AbortOnClose {
    /// Whether it is.
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

impl Setting for HttpOptions {}

/// `option http-keep-alive`, `http-server-close`, `httpclose`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionMode {
    /// Both sides are kept alive.
    #[default]
    KeepAlive,
    /// Only the client's side is.
    ServerClose,
    /// Both sides are closed.
    Close,
}

/// `option forwardfor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedFor {
    /// The header's name.
    pub header: Box<[u8]>,
    /// Clients of this network get none.
    pub except: Option<pattern::Network>,
    /// Whether a header that is already there is enough.
    pub if_none: IfNone,
}

/// What to do with a header that is already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfNone {
    /// Another one is added behind it.
    #[default]
    Add,
    /// It is left alone.
    Leave,
}

/// The socket options of a proxy's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// `option clitcpka`.
    pub client_keepalive: Switch,
    /// `option srvtcpka`.
    pub server_keepalive: Switch,
    /// `clitcpka-cnt`, `clitcpka-idle`, `clitcpka-intvl`.
    pub client_probes: KeepAlive,
    /// `srvtcpka-cnt`, `srvtcpka-idle`, `srvtcpka-intvl`.
    pub server_probes: KeepAlive,
    /// `option tcp-smart-accept`.
    pub smart_accept: SmartAck,
    /// `option tcp-smart-connect`.
    pub smart_connect: SmartAck,
    /// `option nolinger`.
    pub no_linger: Switch,
    /// `option independent-streams`.
    pub independent_streams: Switch,
}

impl Setting for SocketOptions {}

/// What a proxy counts beyond what all do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatsOptions {
    /// `option socket-stats`.
    pub sockets: Switch,
    /// `option contstats`.
    pub continuous: Switch,
}

impl Setting for StatsOptions {}

/// Whether acknowledgements wait for data to travel with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmartAck {
    /// Nothing was said.
    #[default]
    Unsaid,
    /// They do.
    On,
    /// They do not.
    Off,
}

/// `option splice-auto`, `splice-request`, `splice-response`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpliceOptions {
    /// Where it pays.
    pub auto: Switch,
    /// What clients send.
    pub request: Switch,
    /// What servers send.
    pub response: Switch,
}

impl Setting for SpliceOptions {}

/// The logging options of a proxy that its streams act upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// `option logasap`.
    pub as_soon_as_possible: Switch,
    /// `option dontlognull`.
    pub dont_log_null: Switch,
    /// `option dontlog-normal`.
    pub dont_log_normal: Switch,
    /// `option log-separate-errors`.
    pub separate_errors: Switch,
}

impl Setting for LogOptions {}

/// The process-wide limits that streams look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// `tune.bufsize`: the size of a buffer for heads.
    pub buffer_size: usize,
    /// `tune.maxrewrite`: what of it is kept for added headers.
    pub max_rewrite: usize,
    /// `tune.http.maxhdr`.
    pub max_headers: usize,
    /// `tune.http.logurilen`: what is kept of a request line.
    pub log_line: usize,
    /// `tune.http.cookielen`: what is kept of a cookie's name and value, whatever its capture says.
    pub cookie: usize,
    /// `tune.max-rules-at-once`: rules of a set that are run in a row.
    pub rules_at_once: usize,
    /// `tune.maxaccept`: connections accepted in a row.
    pub max_accept: usize,
    /// `h1-accept-payload-with-any-method`.
    pub old_payload: h1::OldPayload,
    /// `h1-do-not-close-on-insecure-transfer-encoding`.
    pub insecure_framing: h1::InsecureFraming,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            buffer_size: 16384,
            max_rewrite: 1024,
            max_headers: 101,
            log_line: 1023,
            cookie: 63,
            rules_at_once: 50,
            max_accept: 4,
            old_payload: h1::OldPayload::Refuse,
            insecure_framing: h1::InsecureFraming::Close,
        }
    }
}

impl Setting for Tuning {}

impl Tuning {
    /// At least half of a buffer is there for what comes.
    pub(crate) fn settled(self) -> Self {
        Self { max_rewrite: self.max_rewrite.min(self.buffer_size / 2), ..self }
    }
}

/// How the process keeps idle server connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleTuning {
    /// `tune.idle-pool.shared`.
    pub sharing: Sharing,
    /// `tune.takeover-other-tg-connections`.
    pub strangers: Strangers,
    /// `tune.pool-low-fd-ratio`: the share of descriptors, in percent, beyond which a thread keeps one
    /// idle connection to each server.
    pub low_ratio: u64,
    /// `tune.pool-high-fd-ratio`: the share beyond which it keeps none, and idle ones are closed for new ones.
    pub high_ratio: u64,
}

impl Default for IdleTuning {
    fn default() -> Self {
        Self { sharing: Sharing::Group, strangers: Strangers::Left, low_ratio: 20, high_ratio: 25 }
    }
}

impl Setting for IdleTuning {}

/// Which threads share idle connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// None.
    Off,
    /// Those of one group.
    #[default]
    Group,
    /// All.
    All,
}

/// What becomes of the idle connections of other thread groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strangers {
    /// They are left to their group.
    #[default]
    Left,
    /// They are taken where no new connection may be possible.
    WhereNeeded,
    /// They are taken like any other.
    Taken,
}
