//! The counters, by object. Names follow the columns of `show stat` (management manual, section 9.1).
//!
//! Event counters are kept for each worker thread apart and added up when they are read; numbers of
//! things that exist now, which limits are checked against, are shared.

use std::sync::Arc;

use base::counter::{Counter, Gauge};
use base::rate::Rate;
use base::worker::PerWorker;

/// Responses by class of status.
#[derive(Debug, Default)]
pub struct Statuses {
    /// 1xx to 5xx by class, everything else at 0.
    pub classes: [Counter; 6],
}

impl Statuses {
    /// Counts one response.
    pub fn count(&self, status: u16) {
        let class = usize::from(status / 100);
        self.classes[if (1..=5).contains(&class) { class } else { 0 }].inc();
    }

    /// Responses of a class (1 to 5, or 0 for the others).
    pub fn class(&self, class: usize) -> u64 {
        self.classes[class].get()
    }
}

/// A frontend's event counters of one thread.
#[derive(Debug, Default)]
pub struct FrontendEvents {
    /// `stot`: sessions.
    pub sessions: Counter,
    /// Sessions in TCP mode that went on as sessions of HTTP.
    pub upgrades: Counter,
    /// `h2sess`: sessions of HTTP/2.
    pub h2_sessions: Counter,
    /// `h2req`: requests that came over HTTP/2.
    pub h2_requests: Counter,
    /// `conn_tot`: connections.
    pub connections: Counter,
    /// `bin`.
    pub bytes_in: Counter,
    /// `bout`: bytes that came from servers for clients.
    pub bytes_out: Counter,
    /// `reqbout`: bytes of requests that went on to servers.
    pub requests_out: Counter,
    /// `resbout`: bytes that were sent to clients, also those of our own answers.
    pub responses_out: Counter,
    /// `dreq`.
    pub denied_requests: Counter,
    /// `dresp`.
    pub denied_responses: Counter,
    /// `ereq`.
    pub failed_requests: Counter,
    /// `dcon`.
    pub denied_connections: Counter,
    /// `dses`.
    pub denied_sessions: Counter,
    /// `req_tot`.
    pub requests: Counter,
    /// `intercepted`.
    pub intercepted: Counter,
    /// `wrew`.
    pub failed_rewrites: Counter,
    /// `eint`.
    pub internal_errors: Counter,
    /// `hrsp_*`.
    pub statuses: Statuses,
}

/// Connections and exchanges of one version of HTTP, of one thread, for one frontend or backend.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct HttpCounters {
    /// Connections now.
    pub open_connections: Gauge,
    /// Exchanges now.
    pub open_streams: Gauge,
    /// Connections so far.
    pub connections: Counter,
    /// Exchanges so far.
    pub streams: Counter,
    /// Bytes received, as on the wire.
    pub bytes_in: Counter,
    /// Bytes sent.
    pub bytes_out: Counter,
    /// Bytes received into a pipe; `bytes_in` has them, too.
    pub spliced_in: Counter,
    /// Bytes sent from a pipe; `bytes_out` has them, too.
    pub spliced_out: Counter,
}

impl HttpCounters {
    /// Forgets everything but what exists now.
    pub fn clear(&self) {
        let counters = [
            &self.connections,
            &self.streams,
            &self.bytes_in,
            &self.bytes_out,
            &self.spliced_in,
            &self.spliced_out,
        ];
        for counter in counters {
            counter.set(0);
        }
    }
}

/// The HTTP/2 figures of one thread for one frontend or backend.
#[derive(Debug, Default)]
pub struct H2Counters {
    /// Connections and streams.
    pub exchanges: Arc<HttpCounters>,
    /// `HEADERS` frames received.
    pub headers: Counter,
    /// `DATA` frames received.
    pub data: Counter,
    /// `SETTINGS` frames received.
    pub settings: Counter,
    /// `RST_STREAM` frames received.
    pub resets: Counter,
    /// `GOAWAY` frames received.
    pub go_aways: Counter,
    /// Connections given up for what the peer did.
    pub connection_errors: Counter,
    /// Streams given up for what the peer did.
    pub stream_errors: Counter,
    /// `RST_STREAM` frames sent.
    pub resets_sent: Counter,
    /// `GOAWAY` frames sent.
    pub go_aways_sent: Counter,
}

impl H2Counters {
    /// Forgets everything but what exists now.
    pub fn clear(&self) {
        self.exchanges.clear();
        let counters = [
            &self.headers,
            &self.data,
            &self.settings,
            &self.resets,
            &self.go_aways,
            &self.connection_errors,
            &self.stream_errors,
            &self.resets_sent,
            &self.go_aways_sent,
        ];
        for counter in counters {
            counter.set(0);
        }
    }
}

/// What handshakes of TLS came to.
#[derive(Debug, Default)]
pub struct HandshakeCounters {
    /// `ssl_sess`: sessions that began anew.
    pub sessions: Counter,
    /// `ssl_reused_sess`: sessions that took up an earlier one.
    pub resumed: Counter,
    /// `ssl_failed_handshake`.
    pub failed: Counter,
    /// `ssl_ocsp_staple`.
    pub stapled: Counter,
    /// `ssl_failed_ocsp_staple`.
    pub stale: Counter,
}

impl HandshakeCounters {
    /// Forgets everything.
    pub fn clear(&self) {
        for counter in [&self.sessions, &self.resumed, &self.failed, &self.stapled, &self.stale] {
            counter.set(0);
        }
    }
}

/// A frontend's counters.
#[derive(Debug, Default)]
pub struct FrontendCounters {
    /// Events.
    pub events: PerWorker<FrontendEvents>,
    /// HTTP/1; connections hold on to those of the thread that made them.
    pub h1: PerWorker<Arc<HttpCounters>>,
    /// HTTP/2, as well.
    pub h2: PerWorker<Arc<H2Counters>>,
    /// Handshakes.
    pub tls: HandshakeCounters,
    /// `scur`: connections now.
    pub current: Gauge,
    /// `smax`.
    pub current_max: Counter,
    /// `conn_rate`.
    pub connection_rate: Rate,
    /// `conn_rate_max`.
    pub connection_rate_max: Counter,
    /// `rate`: sessions a second.
    pub session_rate: Rate,
    /// `rate_max`.
    pub session_rate_max: Counter,
    /// `req_rate`.
    pub request_rate: Rate,
    /// `req_rate_max`.
    pub request_rate_max: Counter,
}

/// A listener's counters.
#[derive(Debug, Default)]
pub struct ListenerCounters {
    /// Events.
    pub events: PerWorker<FrontendEvents>,
    /// Handshakes.
    pub tls: HandshakeCounters,
    /// `scur`.
    pub current: Gauge,
    /// `smax`.
    pub current_max: Counter,
}

/// Event counters of one thread that backends and servers share.
#[derive(Debug, Default)]
pub struct BackendEvents {
    /// `stot`.
    pub sessions: Counter,
    /// `lbtot`.
    pub balanced: Counter,
    /// `bin`.
    pub bytes_in: Counter,
    /// `bout`: bytes that came from servers for clients.
    pub bytes_out: Counter,
    /// `reqbout`: bytes of requests that went on to servers.
    pub requests_out: Counter,
    /// `resbout`: bytes that were sent to clients, also those of our own answers.
    pub responses_out: Counter,
    /// `dreq`.
    pub denied_requests: Counter,
    /// `dresp`.
    pub denied_responses: Counter,
    /// `econ`.
    pub failed_connections: Counter,
    /// `eresp`.
    pub failed_responses: Counter,
    /// `wretr`.
    pub retries: Counter,
    /// `wredis`.
    pub redispatches: Counter,
    /// `req_tot`.
    pub requests: Counter,
    /// `cli_abrt`.
    pub client_aborts: Counter,
    /// `srv_abrt`.
    pub server_aborts: Counter,
    /// `connect`.
    pub connects: Counter,
    /// `reuse`.
    pub reuses: Counter,
    /// `wrew`.
    pub failed_rewrites: Counter,
    /// `eint`.
    pub internal_errors: Counter,
    /// `hrsp_*`.
    pub statuses: Statuses,
    /// `qtime`.
    pub queue_time: TimeFigures,
    /// `ctime`.
    pub connect_time: TimeFigures,
    /// `rtime`.
    pub response_time: TimeFigures,
    /// `ttime`.
    pub total_time: TimeFigures,
}

/// Averages over the last requests, in milliseconds (`qtime`, `ctime`, `rtime`, `ttime` and their maxima).
#[derive(Debug, Default)]
pub struct TimeFigures {
    /// The sliding sum.
    pub sum: Counter,
    /// The largest.
    pub max: Counter,
}

impl TimeFigures {
    /// The number of requests that the average looks back on.
    pub const WINDOW: u64 = 1024;

    /// Adds one value, in milliseconds.
    pub fn add(&self, millis: u64) {
        let sum = self.sum.get();
        self.sum.set(sum - sum.div_ceil(Self::WINDOW) + millis);
        self.max.raise(millis);
    }
}

/// A backend's counters.
#[derive(Debug, Default)]
pub struct BackendCounters {
    /// Events.
    pub events: PerWorker<BackendEvents>,
    /// Handshakes.
    pub tls: HandshakeCounters,
    /// `scur`.
    pub current: Gauge,
    /// `smax`.
    pub current_max: Counter,
    /// `rate`.
    pub session_rate: Rate,
    /// `rate_max`.
    pub session_rate_max: Counter,
    /// `lastsess`: the tick of the last session, 0 for never.
    pub last_session: Counter,
    /// `chkdown`: transitions to down.
    pub downs: Counter,
}

/// A server's counters.
#[derive(Debug, Default)]
pub struct ServerCounters {
    /// What it shares with backends.
    pub common: BackendCounters,
    /// `chkfail`: failed checks.
    pub failed_checks: Counter,
    /// `hanafail`.
    pub failed_observations: Counter,
}

/// The process's counters (`show info`).
#[derive(Debug, Default)]
pub struct ProcessCounters {
    /// `Stopping`: 1 once the process leaves.
    pub stopping: Counter,
    /// `CurrConns`.
    pub connections: Gauge,
    /// `CumConns`.
    pub connections_total: Counter,
    /// `CumReq`.
    pub requests_total: Counter,
    /// `ConnRate`.
    pub connection_rate: Rate,
    /// `MaxConnRate`.
    pub connection_rate_max: Counter,
    /// `SessRate`.
    pub session_rate: Rate,
    /// `MaxSessRate`.
    pub session_rate_max: Counter,
    /// `DroppedLogs`.
    pub dropped_logs: Counter,
    /// `FailedResolutions`.
    pub failed_resolutions: Counter,
    /// `TotalBytesOut`.
    pub bytes_out: Counter,
    /// Panics that ended one connection each.
    pub panics: Counter,
    /// `CumRecvLogs`.
    pub received_logs: Counter,
    /// Encrypted connections.
    pub tls: TlsCounters,
}

/// The process's counters of encrypted connections.
#[derive(Debug, Default)]
pub struct TlsCounters {
    /// `SslRate`: connections of clients.
    pub rate: Rate,
    /// `MaxSslRate`.
    pub rate_max: Counter,
    /// `SslFrontendKeyRate`: those of them that did not take up an earlier session.
    pub client_keys: Rate,
    /// `SslFrontendMaxKeyRate`.
    pub client_keys_max: Counter,
    /// `SslBackendKeyRate`.
    pub server_keys: Rate,
    /// `SslBackendMaxKeyRate`.
    pub server_keys_max: Counter,
}

impl FrontendEvents {
    fn clear(&self) {
        let counters = [
            &self.sessions,
            &self.upgrades,
            &self.connections,
            &self.bytes_in,
            &self.bytes_out,
            &self.requests_out,
            &self.responses_out,
            &self.denied_requests,
            &self.denied_responses,
            &self.failed_requests,
            &self.denied_connections,
            &self.denied_sessions,
            &self.requests,
            &self.intercepted,
            &self.failed_rewrites,
            &self.internal_errors,
        ];
        counters.into_iter().chain(&self.statuses.classes).for_each(|c| c.set(0));
    }
}

impl ListenerCounters {
    /// Forgets everything but what exists now.
    pub fn clear(&self) {
        self.tls.clear();
        self.events.iter().for_each(FrontendEvents::clear);
        self.clear_maxima();
    }

    /// Lets the maximum start anew.
    pub fn clear_maxima(&self) {
        self.current_max.set(self.current.get());
    }
}

impl FrontendCounters {
    /// Forgets everything but what exists now.
    pub fn clear(&self) {
        self.h1.iter().for_each(|h1| h1.clear());
        self.h2.iter().for_each(|h2| h2.clear());
        self.tls.clear();
        self.events.iter().for_each(FrontendEvents::clear);
        self.clear_maxima();
    }

    /// Lets the maxima start anew.
    pub fn clear_maxima(&self) {
        self.current_max.set(self.current.get());
        for max in [&self.connection_rate_max, &self.session_rate_max, &self.request_rate_max] {
            max.set(0);
        }
    }
}

impl BackendCounters {
    /// Forgets everything but what exists now.
    pub fn clear(&self) {
        self.tls.clear();
        for e in self.events.iter() {
            let counters = [
                &e.sessions,
                &e.balanced,
                &e.bytes_in,
                &e.bytes_out,
                &e.requests_out,
                &e.responses_out,
                &e.denied_requests,
                &e.denied_responses,
                &e.failed_connections,
                &e.failed_responses,
                &e.retries,
                &e.redispatches,
                &e.requests,
                &e.client_aborts,
                &e.server_aborts,
                &e.connects,
                &e.reuses,
                &e.failed_rewrites,
                &e.internal_errors,
            ];
            counters.into_iter().chain(&e.statuses.classes).for_each(|c| c.set(0));
        }
        for figures in self.events.iter().flat_map(BackendEvents::times) {
            figures.sum.set(0);
        }
        self.last_session.set(0);
        self.downs.set(0);
        self.clear_maxima();
    }

    /// Lets the maxima start anew.
    pub fn clear_maxima(&self) {
        self.current_max.set(self.current.get());
        self.session_rate_max.set(0);
        self.events.iter().flat_map(BackendEvents::times).for_each(|figures| figures.max.set(0));
    }

    /// The average of a time over the last sessions of each thread.
    pub fn average_time(&self, pick: fn(&BackendEvents) -> &TimeFigures) -> u64 {
        let window: u64 = self.events.iter().map(|e| e.sessions.get().min(TimeFigures::WINDOW)).sum();
        let sum: u64 = self.events.iter().map(|e| pick(e).sum.get()).sum();
        sum.div_ceil(window.max(1))
    }

    /// The longest of a time.
    pub fn longest_time(&self, pick: fn(&BackendEvents) -> &TimeFigures) -> u64 {
        self.events.iter().map(|e| pick(e).max.get()).max().unwrap_or(0)
    }
}

impl BackendEvents {
    fn times(&self) -> [&TimeFigures; 4] {
        [&self.queue_time, &self.connect_time, &self.response_time, &self.total_time]
    }
}

impl ServerCounters {
    /// Forgets everything but what exists now.
    pub fn clear(&self) {
        self.common.clear();
        self.failed_checks.set(0);
        self.failed_observations.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_count_by_class() {
        let s = Statuses::default();
        for status in [200, 204, 503, 99, 999] {
            s.count(status);
        }
        assert_eq!((s.class(2), s.class(5), s.class(0)), (2, 1, 2));
    }

    #[test]
    fn clearing_keeps_what_exists_now() {
        let b = BackendCounters::default();
        b.current_max.raise(b.current.inc() + 4);
        b.events.here().statuses.count(200);
        b.events.here().bytes_in.add(7);
        b.clear_maxima();
        assert_eq!((b.current_max.get(), b.events.sum(|e| e.bytes_in.get())), (1, 7));
        b.clear();
        assert_eq!((b.current.get(), b.events.sum(|e| e.bytes_in.get() + e.statuses.class(2))), (1, 0));
    }

    #[test]
    fn averages_follow_the_values() {
        let b = BackendCounters::default();
        for _ in 0..10 {
            b.events.here().sessions.inc();
            b.events.here().total_time.add(20);
        }
        let pick: fn(&BackendEvents) -> &TimeFigures = |e| &e.total_time;
        assert_eq!((b.average_time(pick), b.longest_time(pick)), (20, 20));
        b.clear();
        assert_eq!((b.average_time(pick), b.longest_time(pick)), (0, 0));
    }
}
