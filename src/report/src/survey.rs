//! The figures of every object, column by column.

use std::sync::Arc;

use backend::settings::{Algorithm, Role};
use backend::{Running, Server};
use base::addr::Addr;
use base::clock::Tick;
use base::worker::PerWorker;
use base::world::World;
use config::Mode;
use stats::columns::Column as C;
use stats::counters::{
    BackendEvents, FrontendEvents, H2Counters, HandshakeCounters, HttpCounters, TimeFigures,
};
use stats::{BackendCounters, Value};
use stream::Site;
use stream::site::{BackendSide, Common, Frontend};
use stream::switching::Visibility;

use crate::program::Program;
use crate::traffic::{Door, Traffic};

/// Everything that figures are taken from.
#[derive(Clone, Debug)]
pub struct Survey {
    /// What carries traffic.
    pub site: Arc<Site>,
    /// The listeners, where they are known.
    pub traffic: Option<Arc<Traffic>>,
    /// The program.
    pub program: Option<Arc<Program>>,
}

impl Survey {
    /// The survey of a world; none where nothing carries traffic.
    pub fn of(world: &World) -> Option<Self> {
        Some(Self { site: world.get()?, traffic: world.get(), program: world.get() })
    }

    /// The connections that the process may have now.
    pub fn maxconn(&self) -> u64 {
        match self.site.gate.limit() {
            0 => self.program.as_ref().map_or(0, |program| program.maxconn),
            limit => limit,
        }
    }

    /// Seconds since a tick.
    pub(crate) fn seconds_since(&self, tick: Tick) -> u64 {
        self.now().since(tick).as_secs()
    }

    pub(crate) fn now(&self) -> Tick {
        self.site.clock.now()
    }

    /// What a frontend's listeners do.
    pub(crate) fn door(&self, index: usize) -> Door {
        self.traffic.as_ref().map_or(Door::Open, |traffic| traffic.door(index))
    }

    /// The connections that a frontend may have now: its own limit, else the process's.
    fn maxconn_of(&self, frontend: &Frontend) -> u64 {
        match frontend.gate.limit() {
            0 => self.maxconn(),
            own => own,
        }
    }

    /// A frontend's figure.
    pub fn frontend(&self, index: usize, column: C) -> Option<Value> {
        let frontend = &self.site.frontends[index];
        let (c, now) = (&frontend.counters, self.now());
        Some(match column {
            C::Svname => Value::word("FRONTEND"),
            C::Status => Value::word(self.status_of_frontend(index, frontend)),
            C::Scur => Value::narrow(c.current.get()),
            C::Smax => Value::narrow(c.current_max.get()),
            C::Slim => Value::narrow(self.maxconn_of(frontend)),
            C::Rate => Value::U32(c.session_rate.per_second(now)),
            C::RateLim => Value::U32(frontend.limits.session_rate),
            C::RateMax => Value::narrow(c.session_rate_max.get()),
            C::ReqRate => Value::U32(c.request_rate.per_second(now)),
            C::ReqRateMax => Value::narrow(c.request_rate_max.get()),
            C::ConnRate => Value::U32(c.connection_rate.per_second(now)),
            C::ConnRateMax => Value::narrow(c.connection_rate_max.get()),
            other => {
                return common(&frontend.common, other)
                    .or_else(|| front_events(&c.events, other))
                    .or_else(|| requests(frontend, other))
                    .or_else(|| handshakes(&c.tls, other))
                    .or_else(|| http2(&c.h2, other))
                    .or_else(|| http1(&c.h1, other));
            }
        })
    }

    fn status_of_frontend(&self, index: usize, frontend: &Frontend) -> &'static str {
        let limit = self.maxconn_of(frontend);
        match self.door(index) {
            Door::Stopped => "STOP",
            Door::Paused => "PAUSED",
            Door::Open if limit > 0 && frontend.counters.current.get() >= limit => "FULL",
            Door::Open => "OPEN",
        }
    }

    /// A backend's figure.
    pub fn backend(&self, backend: &BackendSide, column: C) -> Option<Value> {
        let (c, core) = (&backend.core.counters, &backend.core);
        Some(match column {
            C::Svname => Value::word("BACKEND"),
            C::Status => Value::Text(status_of_backend(backend).into()),
            C::Slim => Value::narrow(core.full()),
            C::Qcur => Value::narrow(core.queue.waiting()),
            C::Qmax => Value::narrow(core.queue.common_max.get()),
            C::Weight | C::Uweight => Value::narrow(weight_of(backend)),
            C::Act => Value::narrow(core.balancer.usable().0 as u64),
            C::Bck => Value::narrow(core.balancer.usable().1 as u64),
            C::Lastchg => Value::narrow(self.seconds_since(core.uptime.since())),
            C::Downtime if !core.servers.load().is_empty() => {
                Value::narrow(core.uptime.down_time(core.running(), self.now()).as_secs())
            }
            C::AggServerStatus | C::AggServerCheckStatus | C::AggCheckStatus => Value::U32(0),
            C::CompIn | C::CompOut | C::CompByp | C::CompRsp => Value::U64(0),
            C::Chkdown => Value::U64(c.downs.get()),
            C::Dreq => Value::U64(c.events.sum(|e| e.denied_requests.get())),
            C::CacheLookups | C::CacheHits | C::CacheHintHits if is_http(&backend.common) => Value::U64(0),
            C::Algo => Value::word(algorithm(&core.settings.algorithm)),
            C::Cookie => text_of(&core.settings.cookies.cookie.as_ref()?.name),
            other => {
                return common(&backend.common, other)
                    .or_else(|| self.back_events(c, &backend.common, other))
                    .or_else(|| handshakes(&c.tls, other))
                    .or_else(|| http2(&core.h2, other))
                    .or_else(|| http1(&core.h1, other));
            }
        })
    }

    /// What backends and servers have in common.
    pub(crate) fn back_events(&self, c: &BackendCounters, of: &Common, column: C) -> Option<Value> {
        let now = self.now();
        let sum = |figure: fn(&BackendEvents) -> u64| Value::U64(c.events.sum(figure));
        Some(match column {
            C::Scur => Value::narrow(c.current.get()),
            C::Smax => Value::narrow(c.current_max.get()),
            C::Rate => Value::U32(c.session_rate.per_second(now)),
            C::RateMax => Value::narrow(c.session_rate_max.get()),
            C::Stot => sum(|e| e.sessions.get()),
            C::Bin | C::Reqbin => sum(|e| e.bytes_in.get()),
            C::Bout | C::Resbin => sum(|e| e.bytes_out.get()),
            C::Dresp => sum(|e| e.denied_responses.get()),
            C::Econ => sum(|e| e.failed_connections.get()),
            C::Eresp => sum(|e| e.failed_responses.get()),
            C::Wretr => sum(|e| e.retries.get()),
            C::Wredis => sum(|e| e.redispatches.get()),
            C::Lbtot => sum(|e| e.balanced.get()),
            C::CliAbrt => sum(|e| e.client_aborts.get()),
            C::SrvAbrt => sum(|e| e.server_aborts.get()),
            C::Wrew => sum(|e| e.failed_rewrites.get()),
            C::Connect => sum(|e| e.connects.get()),
            C::Reuse => sum(|e| e.reuses.get()),
            C::Eint => sum(|e| e.internal_errors.get()),
            C::Reqbout => sum(|e| e.requests_out.get()),
            C::Resbout => sum(|e| e.responses_out.get()),
            C::ReqTot if is_http(of) => sum(|e| e.requests.get()),
            C::Lastsess => Value::S32(match c.last_session.get() {
                0 => -1,
                tick => i32::try_from(now.since(Tick(tick)).as_secs()).unwrap_or(i32::MAX),
            }),
            other => {
                return times(c, other).or_else(|| {
                    let class = status_class(other).filter(|_| is_http(of))?;
                    Some(Value::U64(c.events.sum(|e| e.statuses.class(class))))
                });
            }
        })
    }
}

/// What may hold any bytes.
pub(crate) fn text_of(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned().into())
}

pub(crate) fn is_http(common: &Common) -> bool {
    common.mode == Mode::Http
}

/// What all proxies have in common.
pub(crate) fn common(common: &Common, column: C) -> Option<Value> {
    match column {
        C::Pxname => Some(Value::Text(common.facts.name.to_string().into())),
        C::Mode => Some(Value::word(common.mode.name())),
        _ => None,
    }
}

/// What frontends and listeners have in common.
pub(crate) fn front_events(events: &PerWorker<FrontendEvents>, column: C) -> Option<Value> {
    let sum = |figure: fn(&FrontendEvents) -> u64| Some(Value::U64(events.sum(figure)));
    match column {
        C::Stot => sum(|e| e.sessions.get()),
        C::Bin | C::Reqbin => sum(|e| e.bytes_in.get()),
        C::Bout | C::Resbin => sum(|e| e.bytes_out.get()),
        C::Dreq => sum(|e| e.denied_requests.get()),
        C::Dresp => sum(|e| e.denied_responses.get()),
        C::Ereq => sum(|e| e.failed_requests.get()),
        C::ConnTot => sum(|e| e.connections.get()),
        C::Dcon => sum(|e| e.denied_connections.get()),
        C::Dses => sum(|e| e.denied_sessions.get()),
        C::Wrew => sum(|e| e.failed_rewrites.get()),
        C::Eint => sum(|e| e.internal_errors.get()),
        C::Reqbout => sum(|e| e.requests_out.get()),
        C::Resbout => sum(|e| e.responses_out.get()),
        _ => None,
    }
}

/// What only frontends have: their requests, by protocol.
fn requests(frontend: &Frontend, column: C) -> Option<Value> {
    let http = is_http(&frontend.common);
    let sum = |figure: fn(&FrontendEvents) -> u64| frontend.counters.events.sum(figure);
    let http_sessions = || if http { sum(|e| e.sessions.get()) } else { sum(|e| e.upgrades.get()) };
    Some(Value::U64(match column {
        C::ReqTot => sum(|e| e.requests.get()),
        C::H1req => sum(|e| e.requests.get()).saturating_sub(sum(|e| e.h2_requests.get())),
        C::H2req => sum(|e| e.h2_requests.get()),
        C::SessOther => sum(|e| e.sessions.get()).saturating_sub(http_sessions()),
        C::H1sess => http_sessions().saturating_sub(sum(|e| e.h2_sessions.get())),
        C::H2sess => sum(|e| e.h2_sessions.get()),
        // There is nothing that could count these.
        C::CompIn | C::CompOut | C::CompByp | C::CompRsp | C::H3sess | C::ReqOther | C::H3req => 0,
        C::Intercepted if http => sum(|e| e.intercepted.get()),
        C::CacheLookups | C::CacheHits | C::CacheHintHits if http => 0,
        other => {
            let class = status_class(other).filter(|_| http)?;
            frontend.counters.events.sum(|e| e.statuses.class(class))
        }
    }))
}

/// The class of status that a column counts.
fn status_class(column: C) -> Option<usize> {
    let columns = [C::HrspOther, C::Hrsp1xx, C::Hrsp2xx, C::Hrsp3xx, C::Hrsp4xx, C::Hrsp5xx];
    columns.into_iter().position(|of| of == column)
}

/// The figures of TLS.
pub(crate) fn handshakes(counters: &HandshakeCounters, column: C) -> Option<Value> {
    let counter = match column {
        C::SslSess => &counters.sessions,
        C::SslReusedSess => &counters.resumed,
        C::SslFailedHandshake => &counters.failed,
        C::SslOcspStaple => &counters.stapled,
        C::SslFailedOcspStaple => &counters.stale,
        _ => return None,
    };
    Some(Value::U64(counter.get()))
}

/// The figures of HTTP/2, summed over the threads.
fn http2(counters: &PerWorker<Arc<H2Counters>>, column: C) -> Option<Value> {
    let sum = |figure: fn(&H2Counters) -> u64| Some(Value::U64(counters.sum(|c| figure(c))));
    match column {
        C::H2HeadersRcvd => sum(|c| c.headers.get()),
        C::H2DataRcvd => sum(|c| c.data.get()),
        C::H2SettingsRcvd => sum(|c| c.settings.get()),
        C::H2RstStreamRcvd => sum(|c| c.resets.get()),
        C::H2GoawayRcvd => sum(|c| c.go_aways.get()),
        C::H2DetectedConnProtocolErrors => sum(|c| c.connection_errors.get()),
        C::H2DetectedStrmProtocolErrors => sum(|c| c.stream_errors.get()),
        C::H2RstStreamResp => sum(|c| c.resets_sent.get()),
        C::H2GoawayResp => sum(|c| c.go_aways_sent.get()),
        C::H2OpenConnections => sum(|c| c.exchanges.open_connections.get()),
        C::H2BackendOpenStreams => sum(|c| c.exchanges.open_streams.get()),
        C::H2TotalConnections => sum(|c| c.exchanges.connections.get()),
        C::H2BackendTotalStreams => sum(|c| c.exchanges.streams.get()),
        _ => None,
    }
}

/// The figures of HTTP/1, summed over the threads.
fn http1(counters: &PerWorker<Arc<HttpCounters>>, column: C) -> Option<Value> {
    let sum = |figure: fn(&HttpCounters) -> u64| Some(Value::U64(counters.sum(|c| figure(c))));
    match column {
        C::H1OpenConnections => sum(|c| c.open_connections.get()),
        C::H1OpenStreams => sum(|c| c.open_streams.get()),
        C::H1TotalConnections => sum(|c| c.connections.get()),
        C::H1TotalStreams => sum(|c| c.streams.get()),
        C::H1BytesIn => sum(|c| c.bytes_in.get()),
        C::H1BytesOut => sum(|c| c.bytes_out.get()),
        C::H1SplicedBytesIn => sum(|c| c.spliced_in.get()),
        C::H1SplicedBytesOut => sum(|c| c.spliced_out.get()),
        _ => None,
    }
}

fn times(c: &BackendCounters, column: C) -> Option<Value> {
    let average = |pick: fn(&BackendEvents) -> &TimeFigures| Some(Value::narrow(c.average_time(pick)));
    let longest = |pick: fn(&BackendEvents) -> &TimeFigures| Some(Value::narrow(c.longest_time(pick)));
    match column {
        C::Qtime => average(|e| &e.queue_time),
        C::Ctime => average(|e| &e.connect_time),
        C::Rtime => average(|e| &e.response_time),
        C::Ttime => average(|e| &e.total_time),
        C::QtimeMax => longest(|e| &e.queue_time),
        C::CtimeMax => longest(|e| &e.connect_time),
        C::RtimeMax => longest(|e| &e.response_time),
        C::TtimeMax => longest(|e| &e.total_time),
        _ => None,
    }
}

fn status_of_backend(backend: &BackendSide) -> String {
    let mut status = if backend.core.running() == Running::Yes { "UP" } else { "DOWN" }.to_owned();
    if backend.visibility() == Visibility::Unpublished {
        status.push_str(" (UNPUB)");
    }
    status
}

/// The sum of the weights of the servers that are used.
fn weight_of(backend: &BackendSide) -> u64 {
    let (active, _) = backend.core.balancer.usable();
    let servers = backend.core.servers.load();
    let counted = servers.iter().filter(|s| s.is_usable());
    let role = |s: &&Arc<Server>| active == 0 || s.settings.role == Role::Active;
    counted.filter(role).map(|s| u64::from(s.weight())).sum()
}

fn algorithm(algorithm: &Algorithm) -> &'static str {
    match algorithm {
        Algorithm::RoundRobin => "roundrobin",
        Algorithm::Static => "static-rr",
        Algorithm::Hash(key) => key.name(),
        // The original has no names for these.
        Algorithm::Random(_) | Algorithm::Sticky => "unknown",
        Algorithm::First => "first",
        Algorithm::LeastConn => "leastconn",
    }
}

/// An address with its port.
pub(crate) fn with_port(addr: &Addr) -> String {
    match addr {
        Addr::Inet(inet) => inet.to_string(),
        Addr::Unix(_) => "unix".to_owned(),
    }
}
