//! `show stat`: the site's counters as rows.

use std::sync::Arc;

use backend::server::{Admin, Status};
use backend::settings::Algorithm;
use backend::{CheckStatus, Running, Server};
use base::clock::Tick;
use base::worker::PerWorker;
use check::CheckSettings;
use check::settings::Enabled;
use config::Mode;
use keyword::Answer;
use keyword::command::{CommandCx, Dump, Level, Progress};
use stats::columns::Column as C;
use stats::counters::{
    BackendEvents, FrontendEvents, H1Counters, HandshakeCounters, ListenerCounters, TimeFigures,
};
use stats::rows::{head, tail};
use stats::{BackendCounters, Descriptions, First, Form, Object, Row, Value};
use stream::site::{BackendSide, Frontend};
use stream::switching::Visibility;
use stream::{ListenerFacts, Site};

use super::{find, listener};
use crate::api::Program;
use crate::traffic::{Door, Traffic};

/// Which servers are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Servers {
    /// All.
    #[default]
    All,
    /// Those that are not in maintenance (`no-maint`).
    Wanted,
    /// Those that are up (`up`).
    Up,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Query {
    /// The id of the only proxy to show.
    proxy: Option<u32>,
    /// The kinds of objects, as bits; `None` for all.
    kinds: Option<u32>,
    /// The id of the only server to show.
    id: Option<u32>,
    form: Form,
    descriptions: Descriptions,
    servers: Servers,
}

impl Query {
    fn parse(cx: &CommandCx<'_>, site: &Site) -> Result<Self, Answer> {
        let mut query = Self::default();
        let mut at = 0;
        if cx.arg(0) == "domain" {
            if cx.arg(1) != "proxy" {
                return Err(Answer::error("Invalid statistics domain."));
            }
            at = 2;
        }
        if cx.has(at + 2) {
            let number = |i: usize| cx.arg(i).parse::<i64>().ok();
            query.proxy = match number(at) {
                Some(id) => u32::try_from(id).ok().filter(|id| *id > 0),
                None => Some(proxy_id(site, &cx.arg(at)).ok_or_else(|| Answer::error("No such proxy."))?),
            };
            query.kinds = number(at + 1).and_then(|bits| u32::try_from(bits).ok());
            query.id = number(at + 2).and_then(|id| u32::try_from(id).ok());
            at += 3;
        }
        while cx.has(at) {
            match cx.arg(at).as_ref() {
                "typed" => query.form = Form::Typed,
                "json" => query.form = Form::Json,
                "desc" => query.descriptions = Descriptions::Added,
                "no-maint" => query.servers = Servers::Wanted,
                "up" => query.servers = Servers::Up,
                _ => {}
            }
            at += 1;
        }
        Ok(query)
    }

    fn wants(&self, object: Object, id: u32) -> bool {
        self.kinds.is_none_or(|bits| bits & object.bit() != 0) && self.id.is_none_or(|only| only == id)
    }

    fn wants_server(&self, server: &Server) -> bool {
        let in_use = server.admin() != Admin::Maintenance;
        match self.servers {
            Servers::All => true,
            Servers::Wanted => in_use,
            Servers::Up => server.running() == Running::Yes,
        }
    }
}

fn proxy_id(site: &Site, name: &str) -> Option<u32> {
    let front = site.frontends.iter().map(|f| &f.common.facts);
    let back = site.backends.iter().map(|b| &b.common.facts);
    front.chain(back).find(|f| *f.name == *name).map(|f| f.id)
}

pub(super) fn show_stat(cx: &mut CommandCx<'_>) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let query = match Query::parse(cx, &site) {
        Ok(query) => query,
        Err(answer) => return answer,
    };
    let mut sides: Vec<_> =
        site.frontends.iter().enumerate().map(|(i, f)| (f.proxy, Side::Front(i))).collect();
    sides.extend(site.backends.iter().enumerate().map(|(i, b)| (b.proxy, Side::Back(i))));
    // Stable: the front side of a listen section stays before its back side.
    sides.sort_by_key(|(proxy, _)| *proxy);
    Answer::Dump(Box::new(StatDump {
        traffic: cx.world.get::<Traffic>(),
        maxconn: cx.world.get::<Program>().map_or(0, |p| find::maxconn(&site, &p)),
        level: cx.session.level,
        site,
        query,
        sides: sides.into_iter().map(|(_, side)| side).collect::<Vec<_>>().into_iter(),
        begun: First::Yes,
        first: First::Yes,
    }))
}

enum Side {
    Front(usize),
    Back(usize),
}

/// The rows, one proxy at a time.
struct StatDump {
    site: Arc<Site>,
    traffic: Option<Arc<Traffic>>,
    maxconn: u64,
    level: Level,
    query: Query,
    sides: std::vec::IntoIter<Side>,
    begun: First,
    first: First,
}

impl Dump for StatDump {
    fn write(&mut self, out: &mut Vec<u8>) -> Progress {
        let mut text = String::new();
        if std::mem::replace(&mut self.begun, First::No) == First::Yes {
            text = head(self.query.form);
        }
        let Some(side) = self.sides.next() else {
            text.push_str(tail(self.query.form));
            out.extend_from_slice(text.as_bytes());
            return Progress::Done;
        };
        for row in self.rows(&side) {
            row.write(self.query.form, self.query.descriptions, self.first, &mut text);
            self.first = First::No;
        }
        out.extend_from_slice(text.as_bytes());
        Progress::More
    }
}

impl StatDump {
    fn rows(&self, side: &Side) -> Vec<Row> {
        let wants_proxy = |id| self.query.proxy.is_none_or(|only| only == id);
        let mut rows = Vec::new();
        match *side {
            Side::Front(i) => {
                let frontend = &self.site.frontends[i];
                if wants_proxy(frontend.common.facts.id) && self.query.wants(Object::Frontend, 0) {
                    rows.push(self.frontend(i, frontend));
                }
                if wants_proxy(frontend.common.facts.id)
                    && let Some(traffic) = &self.traffic
                {
                    let wanted = |f: &&ListenerFacts| self.query.wants(Object::Listener, f.id);
                    let listeners = traffic.listeners(i).filter(wanted);
                    let door = traffic.door(i);
                    rows.extend(listeners.filter_map(|f| listener::row(frontend, f, door, self.level)));
                }
            }
            Side::Back(i) => {
                let backend = &self.site.backends[i];
                if !wants_proxy(backend.common.facts.id) {
                    return rows;
                }
                for server in backend.core.servers.load().iter() {
                    if self.query.wants(Object::Server, server.facts.id) && self.query.wants_server(server) {
                        rows.push(self.server(backend, server));
                    }
                }
                if self.query.wants(Object::Backend, 0) {
                    rows.push(self.backend(backend));
                }
            }
        }
        rows
    }

    /// The connections that a frontend may have now: its own limit, else the process's.
    fn maxconn_of(&self, frontend: &Frontend) -> u64 {
        match frontend.gate.limit() {
            0 => self.maxconn,
            own => own,
        }
    }

    fn frontend(&self, index: usize, frontend: &Frontend) -> Row {
        let mut row = Row::new(Object::Frontend, frontend.common.facts.id, 0);
        let c = &frontend.counters;
        let now = self.site.clock.now();
        let limit = self.maxconn_of(frontend);
        let status = match self.traffic.as_ref().map_or(Door::Open, |t| t.door(index)) {
            Door::Stopped => "STOP",
            Door::Paused => "PAUSED",
            Door::Open if limit > 0 && c.current.get() >= limit => "FULL",
            Door::Open => "OPEN",
        };
        row.set(C::Pxname, Value::Text(frontend.common.facts.name.to_string().into()));
        row.words(&[(C::Svname, "FRONTEND"), (C::Status, status), (C::Mode, frontend.common.mode.name())]);
        row.figures(&[
            (C::Scur, c.current.get()),
            (C::Smax, c.current_max.get()),
            (C::Slim, limit),
            (C::Rate, u64::from(c.session_rate.per_second(now))),
            (C::RateLim, u64::from(frontend.limits.session_rate)),
            (C::RateMax, c.session_rate_max.get()),
            (C::ReqRate, u64::from(c.request_rate.per_second(now))),
            (C::ReqRateMax, c.request_rate_max.get()),
            (C::ConnRate, u64::from(c.connection_rate.per_second(now))),
            (C::ConnRateMax, c.connection_rate_max.get()),
        ]);
        frontend_counters(&mut row, frontend);
        row
    }

    fn backend(&self, backend: &BackendSide) -> Row {
        let mut row = Row::new(Object::Backend, backend.common.facts.id, 0);
        let c = &backend.core.counters;
        let servers = backend.core.servers.load();
        let (active, backup) = backend.core.balancer.usable();
        let weight: u64 = {
            let counted = servers.iter().filter(|s| s.is_usable());
            let role = |s: &&Arc<Server>| active == 0 || s.settings.role == backend::settings::Role::Active;
            counted.filter(role).map(|s| u64::from(s.weight())).sum()
        };
        let up = backend.core.running() == Running::Yes;
        let mut status = if up { "UP" } else { "DOWN" }.to_owned();
        if self.query.servers != Servers::All {
            let working = |s: &&Arc<Server>| s.running() == Running::Yes;
            status = format!("{status} ({}/{})", servers.iter().filter(working).count(), servers.len());
        }
        if backend.visibility() == Visibility::Unpublished {
            status.push_str(" (UNPUB)");
        }
        let uptime = &backend.core.uptime;
        let down = uptime.down_time(backend.core.running(), self.site.clock.now()).as_secs();
        row.set(C::Pxname, Value::Text(backend.common.facts.name.to_string().into()));
        row.set(C::Status, Value::Text(status.into()));
        row.words(&[(C::Svname, "BACKEND"), (C::Mode, backend.common.mode.name())]);
        row.figures(&[
            (C::Slim, backend.core.full()),
            (C::Qcur, backend.core.queue.waiting()),
            (C::Qmax, backend.core.queue.common_max.get()),
            (C::Weight, weight),
            (C::Uweight, weight),
            (C::Act, active as u64),
            (C::Bck, backup as u64),
            (C::Lastchg, find::seconds_since(&self.site, uptime.since())),
            (C::Downtime, down),
            (C::AggServerStatus, 0),
            (C::AggServerCheckStatus, 0),
            (C::AggCheckStatus, 0),
        ]);
        let zeroes = [C::CompIn, C::CompOut, C::CompByp, C::CompRsp].map(|column| (column, 0));
        row.counters(&zeroes);
        row.counters(&[(C::Chkdown, c.downs.get()), (C::Dreq, c.events.sum(|e| e.denied_requests.get()))]);
        if backend.common.mode == Mode::Http {
            row.counters(&[C::CacheLookups, C::CacheHits, C::CacheHintHits].map(|column| (column, 0)));
        }
        if self.level >= Level::Operator {
            if let Some(cookie) = &backend.core.settings.cookies.cookie {
                row.set(C::Cookie, Value::Text(String::from_utf8_lossy(&cookie.name).into_owned().into()));
            }
            row.words(&[(C::Algo, algorithm(&backend.core.settings.algorithm))]);
        }
        self.common(&mut row, c, backend.common.mode);
        http1(&mut row, &backend.core.h1);
        row
    }

    fn server(&self, backend: &BackendSide, server: &Server) -> Row {
        let mut row = Row::new(Object::Server, backend.common.facts.id, server.facts.id);
        let (c, figures) = (&server.counters, server.figures());
        let backup = server.settings.role == backend::settings::Role::Backup;
        row.set(C::Pxname, Value::Text(backend.common.facts.name.to_string().into()));
        row.set(C::Svname, Value::Text(server.facts.name.to_string().into()));
        row.set(C::Status, Value::Text(status(server).into()));
        row.words(&[(C::Mode, backend.common.mode.name())]);
        if is_checked(server) {
            self.checks(&mut row, server);
        }
        row.figures(&[
            (C::Weight, u64::from(server.weight())),
            (C::Uweight, u64::from(server.weight())),
            (C::Act, u64::from(!backup)),
            (C::Bck, u64::from(backup)),
            (C::Lastchg, find::seconds_since(&self.site, server.uptime.since())),
            (C::SrvIcur, figures.idle),
            (C::IdleConnCur, figures.idle_tree),
            (C::SafeConnCur, figures.safe_tree),
            (C::UsedConnCur, figures.used),
            (C::NeedConnEst, figures.need),
            (C::PrivIdleCur, figures.private_idle),
            (C::Srid, 0),
        ]);
        let limits = [
            (C::Slim, Some(server.maxconn()).filter(|n| *n > 0)),
            (C::Qlimit, Some(server.settings.maxqueue).filter(|n| *n > 0)),
            (C::SrcIlim, server.settings.pool.max),
        ];
        for (column, limit) in limits {
            if let Some(limit) = limit {
                row.figures(&[(column, limit)]);
            }
        }
        if self.level >= Level::Operator {
            row.set(C::Addr, Value::Text(with_port(&server.address.load()).into()));
            if let Some(cookie) = server.cookie() {
                row.set(C::Cookie, Value::Text(String::from_utf8_lossy(&cookie).into_owned().into()));
            }
        }
        self.common(&mut row, &c.common, backend.common.mode);
        if backend.common.mode == Mode::Http {
            row.counters(&[(C::ReqTot, c.common.events.sum(|e| e.requests.get()))]);
        }
        // What waits for a server is known to its slots.
        row.figures(&[(C::Qcur, server.slots.waiting()), (C::Qmax, server.slots.waiting_max.get())]);
        row
    }

    /// What checks found out.
    fn checks(&self, row: &mut Row, server: &Server) {
        let c = &server.counters;
        let down = server.uptime.down_time(server.running(), self.site.clock.now()).as_secs();
        row.counters(&[(C::Chkfail, c.failed_checks.get()), (C::Chkdown, c.common.downs.get())]);
        row.figures(&[(C::Downtime, down)]);
        if server.admin() == Admin::Maintenance {
            return;
        }
        let ((last, _), (level, rise, fall)) = (server.health.last(), server.health.level());
        row.words(&[(C::CheckStatus, last.status.code()), (C::CheckDesc, last.status.describe())]);
        row.figures(&[
            (C::CheckRise, u64::from(rise)),
            (C::CheckFall, u64::from(fall)),
            (C::CheckHealth, u64::from(level)),
        ]);
        if last.status != CheckStatus::Initializing {
            row.counters(&[(C::CheckDuration, last.millis)]);
        }
        if let Some(code) = last.code {
            row.figures(&[(C::CheckCode, u64::from(code))]);
        }
        if !last.info.is_empty() {
            row.set(C::LastChk, Value::Text(last.info.into()));
        }
    }

    /// What backends and servers have in common.
    fn common(&self, row: &mut Row, c: &BackendCounters, mode: Mode) {
        let now = self.site.clock.now();
        tls(row, &c.tls);
        let sum = |figure: fn(&BackendEvents) -> u64| c.events.sum(figure);
        let (bytes_in, bytes_out) = (sum(|e| e.bytes_in.get()), sum(|e| e.bytes_out.get()));
        row.figures(&[
            (C::Scur, c.current.get()),
            (C::Smax, c.current_max.get()),
            (C::Rate, u64::from(c.session_rate.per_second(now))),
            (C::RateMax, c.session_rate_max.get()),
        ]);
        row.counters(&[
            (C::Stot, sum(|e| e.sessions.get())),
            (C::Bin, bytes_in),
            (C::Bout, bytes_out),
            (C::Dresp, sum(|e| e.denied_responses.get())),
            (C::Econ, sum(|e| e.failed_connections.get())),
            (C::Eresp, sum(|e| e.failed_responses.get())),
            (C::Wretr, sum(|e| e.retries.get())),
            (C::Wredis, sum(|e| e.redispatches.get())),
            (C::Lbtot, sum(|e| e.balanced.get())),
            (C::CliAbrt, sum(|e| e.client_aborts.get())),
            (C::SrvAbrt, sum(|e| e.server_aborts.get())),
            (C::Wrew, sum(|e| e.failed_rewrites.get())),
            (C::Connect, sum(|e| e.connects.get())),
            (C::Reuse, sum(|e| e.reuses.get())),
            (C::Eint, sum(|e| e.internal_errors.get())),
            (C::Reqbin, bytes_in),
            (C::Reqbout, sum(|e| e.requests_out.get())),
            (C::Resbin, bytes_out),
            (C::Resbout, sum(|e| e.responses_out.get())),
        ]);
        times(row, c);
        let last = match c.last_session.get() {
            0 => -1,
            tick => i32::try_from(now.since(Tick(tick)).as_secs()).unwrap_or(i32::MAX),
        };
        row.set(C::Lastsess, Value::S32(last));
        if mode == Mode::Http {
            row.counters(&[(C::ReqTot, sum(|e| e.requests.get()))]);
            statuses(row, |class| c.events.sum(|e| e.statuses.class(class)));
        }
    }
}

pub(super) fn is_checked(server: &Server) -> bool {
    server.slots_of_features.get::<CheckSettings>().is_some_and(|c| c.enabled == Enabled::Yes)
}

/// A server's status, with its way to the other side when it is between the two.
fn status(server: &Server) -> String {
    let up = match (server.admin(), server.status()) {
        (Admin::Maintenance, _) => return "MAINT".to_owned(),
        (Admin::Drain, Status::Up | Status::Stopping) => "DRAIN",
        (Admin::Ready, Status::Stopping) => "NOLB",
        (Admin::Ready, Status::Up) if is_checked(server) => "UP",
        (Admin::Ready, Status::Up) => return "no check".to_owned(),
        (_, Status::Down) => "DOWN",
    };
    let (level, rise, fall) = server.health.level();
    match server.status() {
        _ if !is_checked(server) => up.to_owned(),
        Status::Up if level >= rise && level + 1 < rise + fall => {
            format!("{up} {}/{fall}", level + 1 - rise)
        }
        Status::Down if level > 0 && level < rise => format!("{up} {level}/{rise}"),
        Status::Up | Status::Down | Status::Stopping => up.to_owned(),
    }
}

fn frontend_counters(row: &mut Row, frontend: &Frontend) {
    http1(row, &frontend.counters.h1);
    tls(row, &frontend.counters.tls);
    let sum = |figure: fn(&FrontendEvents) -> u64| frontend.counters.events.sum(figure);
    let (bytes_in, bytes_out) = (sum(|e| e.bytes_in.get()), sum(|e| e.bytes_out.get()));
    let (sessions, requests) = (sum(|e| e.sessions.get()), sum(|e| e.requests.get()));
    let http = frontend.common.mode == Mode::Http;
    let h1_sessions = if http { sessions } else { sum(|e| e.upgrades.get()) };
    row.counters(&[
        (C::Stot, sessions),
        (C::Bin, bytes_in),
        (C::Bout, bytes_out),
        (C::Dreq, sum(|e| e.denied_requests.get())),
        (C::Dresp, sum(|e| e.denied_responses.get())),
        (C::Ereq, sum(|e| e.failed_requests.get())),
        (C::ReqTot, requests),
        (C::CompIn, 0),
        (C::CompOut, 0),
        (C::CompByp, 0),
        (C::CompRsp, 0),
        (C::ConnTot, sum(|e| e.connections.get())),
        (C::Dcon, sum(|e| e.denied_connections.get())),
        (C::Dses, sum(|e| e.denied_sessions.get())),
        (C::Wrew, sum(|e| e.failed_rewrites.get())),
        (C::Eint, sum(|e| e.internal_errors.get())),
        (C::SessOther, sessions.saturating_sub(h1_sessions)),
        (C::H1sess, h1_sessions),
        (C::H2sess, 0),
        (C::H3sess, 0),
        (C::ReqOther, 0),
        (C::H1req, requests),
        (C::H2req, 0),
        (C::H3req, 0),
        (C::Reqbin, bytes_in),
        (C::Reqbout, sum(|e| e.requests_out.get())),
        (C::Resbin, bytes_out),
        (C::Resbout, sum(|e| e.responses_out.get())),
    ]);
    if http {
        row.counters(&[
            (C::Intercepted, sum(|e| e.intercepted.get())),
            (C::CacheLookups, 0),
            (C::CacheHits, 0),
            (C::CacheHintHits, 0),
        ]);
        statuses(row, |class| frontend.counters.events.sum(|e| e.statuses.class(class)));
    }
}

/// The figures of TLS.
pub(super) fn tls(row: &mut Row, counters: &HandshakeCounters) {
    row.counters(&[
        (C::SslSess, counters.sessions.get()),
        (C::SslReusedSess, counters.resumed.get()),
        (C::SslFailedHandshake, counters.failed.get()),
        (C::SslOcspStaple, counters.stapled.get()),
        (C::SslFailedOcspStaple, counters.stale.get()),
    ]);
}

/// The figures of HTTP/1, summed over the threads.
fn http1(row: &mut Row, counters: &PerWorker<Arc<H1Counters>>) {
    let sum = |figure: fn(&H1Counters) -> u64| counters.sum(|c| figure(c));
    row.counters(&[
        (C::H1OpenConnections, sum(|c| c.open_connections.get())),
        (C::H1OpenStreams, sum(|c| c.open_streams.get())),
        (C::H1TotalConnections, sum(|c| c.connections.get())),
        (C::H1TotalStreams, sum(|c| c.streams.get())),
        (C::H1BytesIn, sum(|c| c.bytes_in.get())),
        (C::H1BytesOut, sum(|c| c.bytes_out.get())),
        (C::H1SplicedBytesIn, sum(|c| c.spliced_in.get())),
        (C::H1SplicedBytesOut, sum(|c| c.spliced_out.get())),
    ]);
}

fn statuses(row: &mut Row, class: impl Fn(usize) -> u64) {
    let columns = [C::HrspOther, C::Hrsp1xx, C::Hrsp2xx, C::Hrsp3xx, C::Hrsp4xx, C::Hrsp5xx];
    for (i, column) in columns.into_iter().enumerate() {
        row.counters(&[(column, class(i))]);
    }
}

/// Picks one time of one thread.
type Pick = fn(&BackendEvents) -> &TimeFigures;

fn times(row: &mut Row, c: &BackendCounters) {
    let figures: [(C, C, Pick); 4] = [
        (C::Qtime, C::QtimeMax, |e| &e.queue_time),
        (C::Ctime, C::CtimeMax, |e| &e.connect_time),
        (C::Rtime, C::RtimeMax, |e| &e.response_time),
        (C::Ttime, C::TtimeMax, |e| &e.total_time),
    ];
    for (average, max, pick) in figures {
        row.figures(&[(average, c.average_time(pick)), (max, c.longest_time(pick))]);
    }
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

pub(super) fn with_port(addr: &base::addr::Addr) -> String {
    match addr {
        base::addr::Addr::Inet(inet) => inet.to_string(),
        base::addr::Addr::Unix(_) => "unix".to_owned(),
    }
}

pub(super) fn schema(_: &mut CommandCx<'_>) -> Answer {
    Answer::text(stats::schema())
}

pub(super) fn clear_counters(cx: &mut CommandCx<'_>) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let scope = cx.arg(0);
    if matches!(scope.as_ref(), "all" | "server") && cx.session.level < Level::Admin {
        return Answer::error("Permission denied");
    }
    match scope.as_ref() {
        "server" => match find::server(&site, &cx.arg(1)) {
            Ok((_, server)) => {
                server.counters.clear();
                Answer::info("Server counters cleared.")
            }
            Err(answer) => answer,
        },
        "all" => {
            site.frontends.iter().for_each(|f| f.counters.clear());
            listener_counters(cx, &site, ListenerCounters::clear);
            for backend in &site.backends {
                backend.core.counters.clear();
                backend.core.h1.iter().for_each(|h1| h1.clear());
                backend.core.servers.load().iter().for_each(|s| s.counters.clear());
            }
            clear_process_maxima(&site);
            Answer::Silence
        }
        _ => {
            site.frontends.iter().for_each(|f| f.counters.clear_maxima());
            listener_counters(cx, &site, ListenerCounters::clear_maxima);
            for backend in &site.backends {
                backend.core.counters.clear_maxima();
                backend.core.queue.clear_maximum();
                backend.core.servers.load().iter().for_each(|s| {
                    s.counters.common.clear_maxima();
                    s.slots.clear_maximum();
                });
            }
            clear_process_maxima(&site);
            Answer::Silence
        }
    }
}

/// Does something with the counters of each listener that is counted apart.
fn listener_counters(cx: &CommandCx<'_>, site: &Site, work: fn(&ListenerCounters)) {
    let Some(traffic) = cx.world.get::<Traffic>() else { return };
    let listeners = (0..site.frontends.len()).flat_map(|i| traffic.listeners(i));
    listeners.filter_map(|listener| listener.counters.as_deref()).for_each(work);
}

fn clear_process_maxima(site: &Site) {
    site.counters.connection_rate_max.set(0);
    site.counters.session_rate_max.set(0);
}
