//! The columns of `show stat`.

use std::sync::LazyLock;

use crate::declare::declare;
use crate::field::{Field, Tags};

declare! {
    /// A column.
    Column, COLUMNS:
    Pxname = "pxname", b"KNSV", "name of the proxy";
    Svname = "svname", b"KNSV", "name of the server or listener, or FRONTEND or BACKEND";
    Qcur = "qcur", b"MGPV", "requests that wait in the queue now";
    Qmax = "qmax", b"MMPV", "most requests that ever waited at once";
    Scur = "scur", b"MGPV", "sessions now";
    Smax = "smax", b"MMPV", "most sessions at once";
    Slim = "slim", b"CLPV", "limit of sessions: maxconn, or fullconn for a backend";
    Stot = "stot", b"MCPP", "sessions so far";
    Bin = "bin", b"MCPP", "bytes of requests";
    Bout = "bout", b"MCPP", "bytes of responses";
    Dreq = "dreq", b"MCPP", "requests that rules denied";
    Dresp = "dresp", b"MCPP", "responses that rules denied";
    Ereq = "ereq", b"MCPP", "requests that were not valid";
    Econ = "econ", b"MCPP", "connections to servers that failed";
    Eresp = "eresp", b"MCPP", "responses that were not valid";
    Wretr = "wretr", b"MCPP", "connections that were tried again";
    Wredis = "wredis", b"MCPP", "requests that went to another server because theirs failed";
    Status = "status", b"SGPV", "OPEN, FULL, PAUSED or STOP for a frontend, else whether it is up";
    Weight = "weight", b"MaPV", "weight in effect, or the sum of the active servers'";
    Act = "act", b"MGPV", "active servers that are up";
    Bck = "bck", b"MGPV", "backup servers that are up";
    Chkfail = "chkfail", b"MCPP", "checks that failed";
    Chkdown = "chkdown", b"MCPP", "times that checks brought it down";
    Lastchg = "lastchg", b"MAPP", "seconds since it last went up or down";
    Downtime = "downtime", b"MCPV", "seconds that it has been down";
    Qlimit = "qlimit", b"CGSV", "limit of the server's queue (maxqueue)";
    Pid = "pid", b"KGPV", "number of the process, always 1";
    Iid = "iid", b"KGSV", "id of the proxy";
    Sid = "sid", b"KGSV", "id of the server or listener";
    Throttle = "throttle", b"MaPV", "share of its weight that a starting server has reached, in percent";
    Lbtot = "lbtot", b"MCPP", "requests that balancing sent here";
    Tracked = "tracked", b"CNSV", "the server whose checks count for this one";
    Type = "type", b"CGSV", "0 for a frontend, 1 for a backend, 2 for a server, 3 for a listener";
    Rate = "rate", b"MRPP", "sessions over the last second";
    RateLim = "rate_lim", b"CLPV", "limit of sessions a second (rate-limit sessions)";
    RateMax = "rate_max", b"MMPV", "most sessions in a second";
    CheckStatus = "check_status", b"MOPV", "outcome of the last check, with an asterisk while the next one runs";
    CheckCode = "check_code", b"MOPV", "code that the last check got";
    CheckDuration = "check_duration", b"MDPV", "milliseconds that the last check took";
    Hrsp1xx = "hrsp_1xx", b"MCPP", "responses with a status from 100 to 199";
    Hrsp2xx = "hrsp_2xx", b"MCPP", "responses with a status from 200 to 299";
    Hrsp3xx = "hrsp_3xx", b"MCPP", "responses with a status from 300 to 399";
    Hrsp4xx = "hrsp_4xx", b"MCPP", "responses with a status from 400 to 499";
    Hrsp5xx = "hrsp_5xx", b"MCPP", "responses with a status from 500 to 599";
    HrspOther = "hrsp_other", b"MCPP", "responses with any other status";
    Hanafail = "hanafail", b"MCPP", "failures that were observed in traffic";
    ReqRate = "req_rate", b"MRPP", "requests over the last second";
    ReqRateMax = "req_rate_max", b"MMPV", "most requests in a second";
    ReqTot = "req_tot", b"MCPP", "requests so far";
    CliAbrt = "cli_abrt", b"MCPP", "transfers that the client broke off";
    SrvAbrt = "srv_abrt", b"MCPP", "transfers that the server broke off";
    CompIn = "comp_in", b"MCPP", "bytes given to the compressor";
    CompOut = "comp_out", b"MCPP", "bytes that the compressor gave";
    CompByp = "comp_byp", b"MCPP", "bytes that were not compressed for want of means";
    CompRsp = "comp_rsp", b"MCPP", "responses that were compressed";
    Lastsess = "lastsess", b"MAPP", "seconds since the last session, -1 for never";
    LastChk = "last_chk", b"MOPV", "what the last check got";
    LastAgt = "last_agt", b"MOPV", "what the last agent check got";
    Qtime = "qtime", b"MaPV", "milliseconds in the queue, average of the last 1024";
    Ctime = "ctime", b"MaPV", "milliseconds to connect, average of the last 1024";
    Rtime = "rtime", b"MaPV", "milliseconds to the response, average of the last 1024";
    Ttime = "ttime", b"MaPV", "milliseconds in all, average of the last 1024";
    AgentStatus = "agent_status", b"MOPV", "outcome of the last agent check";
    AgentCode = "agent_code", b"MOPV", "code that the last agent check got";
    AgentDuration = "agent_duration", b"MDPV", "milliseconds that the last agent check took";
    CheckDesc = "check_desc", b"MOPV", "outcome of the last check in words";
    AgentDesc = "agent_desc", b"MOPV", "outcome of the last agent check in words";
    CheckRise = "check_rise", b"CGSV", "checks in a row that bring the server up";
    CheckFall = "check_fall", b"CGSV", "checks in a row that bring it down";
    CheckHealth = "check_health", b"CGSV", "where it stands between the two";
    AgentRise = "agent_rise", b"CGSV", "agent checks in a row that bring the server up";
    AgentFall = "agent_fall", b"CGSV", "agent checks in a row that bring it down";
    AgentHealth = "agent_health", b"CGSV", "where it stands between the two";
    Addr = "addr", b"CGSV", "address and port";
    Cookie = "cookie", b"CNSV", "the server's cookie value or the backend's cookie name";
    Mode = "mode", b"CGSV", "what the proxy carries";
    Algo = "algo", b"CGSV", "how servers are chosen";
    ConnRate = "conn_rate", b"MRPP", "connections over the last second";
    ConnRateMax = "conn_rate_max", b"MMPV", "most connections in a second";
    ConnTot = "conn_tot", b"MCPP", "connections so far";
    Intercepted = "intercepted", b"MCPP", "requests that were answered here";
    Dcon = "dcon", b"MCPP", "connections that tcp-request connection rules refused";
    Dses = "dses", b"MCPP", "connections that tcp-request session rules refused";
    Wrew = "wrew", b"MCPP", "headers that could not be rewritten";
    Connect = "connect", b"MCPP", "connections that were tried";
    Reuse = "reuse", b"MCPP", "connections that were used again";
    CacheLookups = "cache_lookups", b"MCPP", "requests looked up in the cache";
    CacheHits = "cache_hits", b"MCPP", "requests found in the cache";
    SrvIcur = "srv_icur", b"MGPV", "idle connections now";
    SrcIlim = "src_ilim", b"CLPV", "limit of idle connections (pool-max-conn)";
    QtimeMax = "qtime_max", b"MMPV", "longest time in the queue, in milliseconds";
    CtimeMax = "ctime_max", b"MMPV", "longest time to connect, in milliseconds";
    RtimeMax = "rtime_max", b"MMPV", "longest time to the response, in milliseconds";
    TtimeMax = "ttime_max", b"MMPV", "longest time in all, in milliseconds";
    Eint = "eint", b"MCPP", "internal errors";
    IdleConnCur = "idle_conn_cur", b"MGPV", "idle connections that not every request may use";
    SafeConnCur = "safe_conn_cur", b"MGPV", "idle connections that any request may use";
    UsedConnCur = "used_conn_cur", b"MGPV", "connections in use now";
    NeedConnEst = "need_conn_est", b"MGPV", "connections that will be needed, by estimate";
    Uweight = "uweight", b"MaPV", "weight as configured or set, or the sum of the active servers'";
    AggServerStatus = "agg_server_status", b"MGPV", "servers by status, added up";
    AggServerCheckStatus = "agg_server_check_status", b"MGPV", "the same, by an older name";
    AggCheckStatus = "agg_check_status", b"MGPV", "servers by outcome of their checks, added up";
    Srid = "srid", b"MCPV", "how often the server's id was given anew";
    SessOther = "sess_other", b"MCPV", "sessions that are not HTTP";
    H1sess = "h1sess", b"MCPP", "HTTP/1 sessions";
    H2sess = "h2sess", b"MCPP", "HTTP/2 sessions";
    H3sess = "h3sess", b"MCPP", "HTTP/3 sessions";
    ReqOther = "req_other", b"MCPP", "requests that are not HTTP";
    H1req = "h1req", b"MCPP", "HTTP/1 requests";
    H2req = "h2req", b"MCPP", "HTTP/2 requests";
    H3req = "h3req", b"MCPP", "HTTP/3 requests";
    Proto = "proto", b"SGPV", "protocol of the listener";
    PrivIdleCur = "priv_idle_cur", b"MGPV", "idle connections that belong to one client";
    Reqbin = "reqbin", b"MCPP", "bytes of requests received";
    Reqbout = "reqbout", b"MCPP", "bytes of requests sent";
    Resbin = "resbin", b"MCPP", "bytes of responses received";
    Resbout = "resbout", b"MCPP", "bytes of responses sent";
    CacheHintHits = "cache_hint_hits", b"MCPP", "requests that the cache answered with early hints";
    H2HeadersRcvd = "h2_headers_rcvd", b"MCPV", "HTTP/2 frames of headers received";
    H2DataRcvd = "h2_data_rcvd", b"MCPV", "HTTP/2 frames of data received";
    H2SettingsRcvd = "h2_settings_rcvd", b"MCPV", "HTTP/2 frames of settings received";
    H2RstStreamRcvd = "h2_rst_stream_rcvd", b"MCPV", "HTTP/2 streams that peers gave up";
    H2GoawayRcvd = "h2_goaway_rcvd", b"MCPV", "HTTP/2 farewells received";
    H2DetectedConnProtocolErrors = "h2_detected_conn_protocol_errors", b"MCPV", "HTTP/2 connections ended for what peers did";
    H2DetectedStrmProtocolErrors = "h2_detected_strm_protocol_errors", b"MCPV", "HTTP/2 streams ended for what peers did";
    H2RstStreamResp = "h2_rst_stream_resp", b"MCPV", "HTTP/2 streams that were given up here";
    H2GoawayResp = "h2_goaway_resp", b"MCPV", "HTTP/2 farewells sent";
    H2OpenConnections = "h2_open_connections", b"MGPV", "HTTP/2 connections now";
    H2BackendOpenStreams = "h2_backend_open_streams", b"MGPV", "HTTP/2 streams now";
    H2TotalConnections = "h2_total_connections", b"MCPV", "HTTP/2 connections so far";
    H2BackendTotalStreams = "h2_backend_total_streams", b"MCPV", "HTTP/2 streams so far";
    SslSess = "ssl_sess", b"MCPV", "TLS sessions that began anew";
    SslReusedSess = "ssl_reused_sess", b"MCPV", "TLS sessions that took up an earlier one";
    SslFailedHandshake = "ssl_failed_handshake", b"MCPV", "TLS handshakes that failed";
    SslOcspStaple = "ssl_ocsp_staple", b"MCPV", "certificates sent with their issuer's word that they are good";
    SslFailedOcspStaple = "ssl_failed_ocsp_staple", b"MCPV", "certificates sent without it, as it was out of date";
    H1OpenConnections = "h1_open_connections", b"MGPV", "HTTP/1 connections now";
    H1OpenStreams = "h1_open_streams", b"MGPV", "HTTP/1 exchanges now";
    H1TotalConnections = "h1_total_connections", b"MCPV", "HTTP/1 connections so far";
    H1TotalStreams = "h1_total_streams", b"MCPV", "HTTP/1 exchanges so far";
    H1BytesIn = "h1_bytes_in", b"MCPV", "bytes received over HTTP/1, as on the wire";
    H1BytesOut = "h1_bytes_out", b"MCPV", "bytes sent over HTTP/1, as on the wire";
    H1SplicedBytesIn = "h1_spliced_bytes_in", b"MCPV", "those of them that went into a pipe";
    H1SplicedBytesOut = "h1_spliced_bytes_out", b"MCPV", "those of them that came out of a pipe";
}

/// What a line of `show stat` tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// A frontend, or the front side of a listen section.
    Frontend,
    /// A backend, or the back side of a listen section.
    Backend,
    /// A server.
    Server,
    /// A listener of a frontend with `option socket-stats`.
    Listener,
}

impl Object {
    pub(crate) const ALL: [Self; 4] = [Self::Frontend, Self::Backend, Self::Server, Self::Listener];

    /// Its number in the `type` column.
    pub fn number(self) -> u32 {
        match self {
            Self::Frontend => 0,
            Self::Backend => 1,
            Self::Server => 2,
            Self::Listener => 3,
        }
    }

    /// Its bit in the type argument of `show stat`.
    pub fn bit(self) -> u32 {
        1 << self.number()
    }

    pub(crate) fn letter(self) -> char {
        match self {
            Self::Frontend => 'F',
            Self::Backend => 'B',
            Self::Server => 'S',
            Self::Listener => 'L',
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Frontend => "Frontend",
            Self::Backend => "Backend",
            Self::Server => "Server",
            Self::Listener => "Listener",
        }
    }
}

/// Where the figures of single protocols begin; a column named `-` stands before them.
pub(crate) const PROTOCOLS: usize = Column::H2HeadersRcvd as usize;

impl Column {
    /// The figures of single protocols.
    pub fn of_protocols() -> &'static [Self] {
        &Self::ALL[PROTOCOLS..]
    }

    /// The protocol whose figure it is.
    pub fn module(self) -> Option<&'static str> {
        let name = self.field().name;
        name.split_once('_').map(|(module, _)| module).filter(|_| self.is_of_protocol())
    }

    /// The protocols that have figures of their own, in the order of the columns.
    pub fn modules() -> &'static [&'static str] {
        static MODULES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
            let mut modules: Vec<_> = Column::of_protocols().iter().filter_map(|c| c.module()).collect();
            modules.dedup();
            modules
        });
        &MODULES
    }

    /// Whether it is the figure of a single protocol.
    pub fn is_of_protocol(self) -> bool {
        self as usize >= PROTOCOLS
    }

    /// Its declaration.
    pub fn field(self) -> &'static Field {
        &COLUMNS[self as usize]
    }

    /// Its marks, which depend on the object for a few.
    pub(crate) fn tags(self, object: Object) -> Tags {
        match (self, object) {
            (Self::Act | Self::Bck, Object::Server) => Tags(*b"SGPV"),
            (Self::RateMax, Object::Backend) => Tags(*b"MGPV"),
            _ => self.field().tags,
        }
    }
}
