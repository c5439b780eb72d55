//! The tables of metrics: their names, and where their values come from. Their order is that of the output.

use stats::columns::Column as C;
use stats::info::Figure as F;

use super::Kind::{self, Counter, Gauge};

/// A metric of the objects of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    /// Its name behind that of the program and the objects.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) of: Of,
}

/// Where the values of a metric come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// From a column.
    Column(C),
    /// The same; only proxies that carry HTTP have it.
    Http(C),
    /// From a column in milliseconds, shown in seconds.
    Seconds(C),
    /// One for each class of status; only proxies that carry HTTP have them.
    Responses,
    /// One for each state that the object may be in.
    Status,
    /// One for each outcome of a check; only servers that are checked have them.
    CheckStatus,
    /// The code that a check got; only servers that are checked have it.
    CheckCode,
    /// The seconds that a check took, once there was one.
    CheckDuration,
    /// One for each outcome of a check by an agent; only servers with an agent have them.
    AgentStatus,
    /// The code that such a check got.
    AgentCode,
    /// The seconds that it took.
    AgentDuration,
    /// The number of servers in each state.
    Servers,
    /// The number of servers by outcome of their checks.
    Checks,
}

/// A metric of the process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Global {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) figure: F,
    /// The label that a text is shown as, with the value 1.
    pub(super) label: Option<&'static str>,
}

const fn m(name: &'static str, kind: Kind, of: Of) -> Metric {
    Metric { name, kind, of }
}

const fn column(name: &'static str, kind: Kind, column: C) -> Metric {
    m(name, kind, Of::Column(column))
}

const fn http(name: &'static str, kind: Kind, column: C) -> Metric {
    m(name, kind, Of::Http(column))
}

const fn seconds(name: &'static str, column: C) -> Metric {
    m(name, Gauge, Of::Seconds(column))
}

const fn g(name: &'static str, kind: Kind, figure: F) -> Global {
    Global { name, kind, figure, label: None }
}

const fn text(name: &'static str, figure: F, label: &'static str) -> Global {
    Global { name, kind: Gauge, figure, label: Some(label) }
}

/// `haproxy_process_*`.
pub(super) static GLOBAL: &[Global] = &[
    g("nbthread", Gauge, F::Nbthread),
    g("nbproc", Gauge, F::Nbproc),
    g("relative_process_id", Gauge, F::ProcessNum),
    g("uptime_seconds", Gauge, F::UptimeSec),
    g("pool_failures_total", Counter, F::PoolFailed),
    g("max_fds", Gauge, F::UlimitN),
    g("max_sockets", Gauge, F::Maxsock),
    g("max_connections", Gauge, F::Maxconn),
    g("hard_max_connections", Gauge, F::HardMaxconn),
    g("current_connections", Gauge, F::CurrConns),
    g("connections_total", Counter, F::CumConns),
    g("requests_total", Counter, F::CumReq),
    g("max_ssl_connections", Gauge, F::MaxSslConns),
    g("current_ssl_connections", Gauge, F::CurrSslConns),
    g("ssl_connections_total", Counter, F::CumSslConns),
    g("max_pipes", Gauge, F::Maxpipes),
    g("pipes_used_total", Counter, F::PipesUsed),
    g("pipes_free_total", Counter, F::PipesFree),
    g("current_connection_rate", Gauge, F::ConnRate),
    g("limit_connection_rate", Gauge, F::ConnRateLimit),
    g("max_connection_rate", Gauge, F::MaxConnRate),
    g("current_session_rate", Gauge, F::SessRate),
    g("limit_session_rate", Gauge, F::SessRateLimit),
    g("max_session_rate", Gauge, F::MaxSessRate),
    g("current_ssl_rate", Gauge, F::SslRate),
    g("limit_ssl_rate", Gauge, F::SslRateLimit),
    g("max_ssl_rate", Gauge, F::MaxSslRate),
    g("current_frontend_ssl_key_rate", Gauge, F::SslFrontendKeyRate),
    g("max_frontend_ssl_key_rate", Gauge, F::SslFrontendMaxKeyRate),
    g("frontend_ssl_reuse", Gauge, F::SslFrontendSessionReuse),
    g("current_backend_ssl_key_rate", Gauge, F::SslBackendKeyRate),
    g("max_backend_ssl_key_rate", Gauge, F::SslBackendMaxKeyRate),
    g("ssl_cache_lookups_total", Counter, F::SslCacheLookups),
    g("ssl_cache_misses_total", Counter, F::SslCacheMisses),
    g("http_comp_bytes_in_total", Counter, F::CompressBpsIn),
    g("http_comp_bytes_out_total", Counter, F::CompressBpsOut),
    g("limit_http_comp", Gauge, F::CompressBpsRateLim),
    g("current_zlib_memory", Gauge, F::ZlibMemUsage),
    g("max_zlib_memory", Gauge, F::MaxZlibMemUsage),
    g("current_tasks", Gauge, F::Tasks),
    g("current_run_queue", Gauge, F::RunQueue),
    g("idle_time_percent", Gauge, F::IdlePct),
    text("node", F::Node, "node"),
    text("description", F::Description, "desc"),
    g("stopping", Gauge, F::Stopping),
    g("jobs", Gauge, F::Jobs),
    g("unstoppable_jobs", Gauge, F::UnstoppableJobs),
    g("listeners", Gauge, F::Listeners),
    g("active_peers", Gauge, F::ActivePeers),
    g("connected_peers", Gauge, F::ConnectedPeers),
    g("dropped_logs_total", Counter, F::DroppedLogs),
    g("busy_polling_enabled", Gauge, F::BusyPolling),
    g("failed_resolutions", Counter, F::FailedResolutions),
    g("bytes_out_total", Counter, F::TotalBytesOut),
    g("spliced_bytes_out_total", Counter, F::TotalSplicedBytesOut),
    g("bytes_out_rate", Gauge, F::BytesOutRate),
    g("recv_logs_total", Counter, F::CumRecvLogs),
    text("build_info", F::BuildInfo, "version"),
    g("max_memory_bytes", Gauge, F::MemmaxBytes),
    g("pool_allocated_bytes", Gauge, F::PoolAllocBytes),
    g("pool_used_bytes", Gauge, F::PoolUsedBytes),
    g("start_time_seconds", Gauge, F::StartTimeSec),
    g("total_warnings", Counter, F::TotalWarnings),
    g("patterns_added_total", Gauge, F::PatternsAdded),
    g("patterns_freed_total", Gauge, F::PatternsFreed),
    g("nb_thread_groups", Gauge, F::NbThreadGroups),
];

/// `haproxy_frontend_*`.
pub(super) static FRONTENDS: &[Metric] = &[
    column("current_sessions", Gauge, C::Scur),
    column("max_sessions", Gauge, C::Smax),
    column("limit_sessions", Gauge, C::Slim),
    column("sessions_total", Counter, C::Stot),
    column("bytes_in_total", Counter, C::Bin),
    column("bytes_out_total", Counter, C::Bout),
    column("requests_denied_total", Counter, C::Dreq),
    column("responses_denied_total", Counter, C::Dresp),
    column("request_errors_total", Counter, C::Ereq),
    m("status", Gauge, Of::Status),
    column("current_session_rate", Gauge, C::Rate),
    column("limit_session_rate", Gauge, C::RateLim),
    column("max_session_rate", Gauge, C::RateMax),
    m("http_responses_total", Counter, Of::Responses),
    http("http_requests_rate_max", Gauge, C::ReqRateMax),
    http("http_requests_total", Counter, C::ReqTot),
    http("http_comp_bytes_in_total", Counter, C::CompIn),
    http("http_comp_bytes_out_total", Counter, C::CompOut),
    http("http_comp_bytes_bypassed_total", Counter, C::CompByp),
    http("http_comp_responses_total", Counter, C::CompRsp),
    column("connections_rate_max", Gauge, C::ConnRateMax),
    column("connections_total", Counter, C::ConnTot),
    http("intercepted_requests_total", Counter, C::Intercepted),
    column("denied_connections_total", Counter, C::Dcon),
    column("denied_sessions_total", Counter, C::Dses),
    column("failed_header_rewriting_total", Counter, C::Wrew),
    http("http_cache_lookups_total", Counter, C::CacheLookups),
    http("http_cache_hits_total", Counter, C::CacheHits),
    column("internal_errors_total", Counter, C::Eint),
    column("req_bytes_in_total", Counter, C::Reqbin),
    column("req_bytes_out_total", Counter, C::Reqbout),
    column("res_bytes_in_total", Counter, C::Resbin),
    column("res_bytes_out_total", Counter, C::Resbout),
    http("http_cache_hint_hits_total", Counter, C::CacheHintHits),
];

/// `haproxy_listener_*`.
pub(super) static LISTENERS: &[Metric] = &[
    column("current_sessions", Gauge, C::Scur),
    column("max_sessions", Gauge, C::Smax),
    column("limit_sessions", Gauge, C::Slim),
    column("sessions_total", Counter, C::Stot),
    column("bytes_in_total", Counter, C::Bin),
    column("bytes_out_total", Counter, C::Bout),
    column("requests_denied_total", Counter, C::Dreq),
    column("responses_denied_total", Counter, C::Dresp),
    column("request_errors_total", Counter, C::Ereq),
    m("status", Gauge, Of::Status),
    column("connections_total", Counter, C::ConnTot),
    column("denied_connections_total", Counter, C::Dcon),
    column("denied_sessions_total", Counter, C::Dses),
    column("failed_header_rewriting_total", Counter, C::Wrew),
    column("internal_errors_total", Counter, C::Eint),
    column("req_bytes_in_total", Counter, C::Reqbin),
    column("req_bytes_out_total", Counter, C::Reqbout),
    column("res_bytes_in_total", Counter, C::Resbin),
    column("res_bytes_out_total", Counter, C::Resbout),
];

/// `haproxy_backend_*`.
pub(super) static BACKENDS: &[Metric] = &[
    column("current_queue", Gauge, C::Qcur),
    column("max_queue", Gauge, C::Qmax),
    column("current_sessions", Gauge, C::Scur),
    column("max_sessions", Gauge, C::Smax),
    column("limit_sessions", Gauge, C::Slim),
    column("sessions_total", Counter, C::Stot),
    column("bytes_in_total", Counter, C::Bin),
    column("bytes_out_total", Counter, C::Bout),
    column("requests_denied_total", Counter, C::Dreq),
    column("responses_denied_total", Counter, C::Dresp),
    column("connection_errors_total", Counter, C::Econ),
    column("response_errors_total", Counter, C::Eresp),
    column("retry_warnings_total", Counter, C::Wretr),
    column("redispatch_warnings_total", Counter, C::Wredis),
    m("status", Gauge, Of::Status),
    column("weight", Gauge, C::Weight),
    column("active_servers", Gauge, C::Act),
    column("backup_servers", Gauge, C::Bck),
    column("check_up_down_total", Counter, C::Chkdown),
    column("check_last_change_seconds", Gauge, C::Lastchg),
    column("downtime_seconds_total", Counter, C::Downtime),
    column("loadbalanced_total", Counter, C::Lbtot),
    column("current_session_rate", Gauge, C::Rate),
    column("max_session_rate", Gauge, C::RateMax),
    m("http_responses_total", Counter, Of::Responses),
    http("http_requests_total", Counter, C::ReqTot),
    column("client_aborts_total", Counter, C::CliAbrt),
    column("server_aborts_total", Counter, C::SrvAbrt),
    http("http_comp_bytes_in_total", Counter, C::CompIn),
    http("http_comp_bytes_out_total", Counter, C::CompOut),
    http("http_comp_bytes_bypassed_total", Counter, C::CompByp),
    http("http_comp_responses_total", Counter, C::CompRsp),
    column("last_session_seconds", Gauge, C::Lastsess),
    seconds("queue_time_average_seconds", C::Qtime),
    seconds("connect_time_average_seconds", C::Ctime),
    seconds("response_time_average_seconds", C::Rtime),
    seconds("total_time_average_seconds", C::Ttime),
    column("failed_header_rewriting_total", Counter, C::Wrew),
    column("connection_attempts_total", Counter, C::Connect),
    column("connection_reuses_total", Counter, C::Reuse),
    http("http_cache_lookups_total", Counter, C::CacheLookups),
    http("http_cache_hits_total", Counter, C::CacheHits),
    seconds("max_queue_time_seconds", C::QtimeMax),
    seconds("max_connect_time_seconds", C::CtimeMax),
    seconds("max_response_time_seconds", C::RtimeMax),
    seconds("max_total_time_seconds", C::TtimeMax),
    column("internal_errors_total", Counter, C::Eint),
    column("uweight", Gauge, C::Uweight),
    m("agg_server_status", Gauge, Of::Servers),
    m("agg_server_check_status", Gauge, Of::Servers),
    m("agg_check_status", Gauge, Of::Checks),
    column("req_bytes_in_total", Counter, C::Reqbin),
    column("req_bytes_out_total", Counter, C::Reqbout),
    column("res_bytes_in_total", Counter, C::Resbin),
    column("res_bytes_out_total", Counter, C::Resbout),
    http("http_cache_hint_hits_total", Counter, C::CacheHintHits),
];

/// `haproxy_server_*`.
pub(super) static SERVERS: &[Metric] = &[
    column("current_queue", Gauge, C::Qcur),
    column("max_queue", Gauge, C::Qmax),
    column("current_sessions", Gauge, C::Scur),
    column("max_sessions", Gauge, C::Smax),
    column("limit_sessions", Gauge, C::Slim),
    column("sessions_total", Counter, C::Stot),
    column("bytes_in_total", Counter, C::Bin),
    column("bytes_out_total", Counter, C::Bout),
    column("responses_denied_total", Counter, C::Dresp),
    column("connection_errors_total", Counter, C::Econ),
    column("response_errors_total", Counter, C::Eresp),
    column("retry_warnings_total", Counter, C::Wretr),
    column("redispatch_warnings_total", Counter, C::Wredis),
    m("status", Gauge, Of::Status),
    column("weight", Gauge, C::Weight),
    column("active", Gauge, C::Act),
    column("backup", Gauge, C::Bck),
    column("check_failures_total", Counter, C::Chkfail),
    column("check_up_down_total", Counter, C::Chkdown),
    column("check_last_change_seconds", Gauge, C::Lastchg),
    column("downtime_seconds_total", Counter, C::Downtime),
    column("queue_limit", Gauge, C::Qlimit),
    column("current_throttle", Gauge, C::Throttle),
    column("loadbalanced_total", Counter, C::Lbtot),
    column("current_session_rate", Gauge, C::Rate),
    column("max_session_rate", Gauge, C::RateMax),
    m("check_status", Gauge, Of::CheckStatus),
    m("check_code", Gauge, Of::CheckCode),
    m("check_duration_seconds", Gauge, Of::CheckDuration),
    m("http_responses_total", Counter, Of::Responses),
    http("http_requests_total", Counter, C::ReqTot),
    column("client_aborts_total", Counter, C::CliAbrt),
    column("server_aborts_total", Counter, C::SrvAbrt),
    column("last_session_seconds", Gauge, C::Lastsess),
    seconds("queue_time_average_seconds", C::Qtime),
    seconds("connect_time_average_seconds", C::Ctime),
    seconds("response_time_average_seconds", C::Rtime),
    seconds("total_time_average_seconds", C::Ttime),
    column("failed_header_rewriting_total", Counter, C::Wrew),
    column("connection_attempts_total", Counter, C::Connect),
    column("connection_reuses_total", Counter, C::Reuse),
    column("idle_connections_current", Gauge, C::SrvIcur),
    column("idle_connections_limit", Gauge, C::SrcIlim),
    seconds("max_queue_time_seconds", C::QtimeMax),
    seconds("max_connect_time_seconds", C::CtimeMax),
    seconds("max_response_time_seconds", C::RtimeMax),
    seconds("max_total_time_seconds", C::TtimeMax),
    m("agent_status", Gauge, Of::AgentStatus),
    m("agent_code", Gauge, Of::AgentCode),
    m("agent_duration_seconds", Gauge, Of::AgentDuration),
    column("internal_errors_total", Counter, C::Eint),
    column("unsafe_idle_connections_current", Gauge, C::IdleConnCur),
    column("safe_idle_connections_current", Gauge, C::SafeConnCur),
    column("used_connections_current", Gauge, C::UsedConnCur),
    column("need_connections_current", Gauge, C::NeedConnEst),
    column("uweight", Gauge, C::Uweight),
    column("private_idle_connections_current", Gauge, C::PrivIdleCur),
    column("req_bytes_in_total", Counter, C::Reqbin),
    column("req_bytes_out_total", Counter, C::Reqbout),
    column("res_bytes_in_total", Counter, C::Resbin),
    column("res_bytes_out_total", Counter, C::Resbout),
];
