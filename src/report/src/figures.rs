//! The figures of the process.

use base::clock::Tick;
use base::counter::{Counter, Gauge};
use stats::info::Figure as F;
use stats::{Info, Value};
use stream::Site;

use crate::load::bytes_out;
use crate::program::Program;
use crate::survey::Survey;

/// Whether rates and times are shown with fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// They are not.
    Whole,
    /// They are.
    Fractions,
}

/// The figures of the process; none where nothing is known of it.
pub fn figures(survey: &Survey, numbers: Numbers) -> Option<Info> {
    let (site, program) = (&*survey.site, survey.program.as_deref()?);
    let listeners = survey.traffic.as_ref().map_or(0, |t| t.listening()) + program.sockets;
    let mut gathered = Gathered { info: Info::default(), numbers, survey, site, program, listeners };
    gathered.product();
    gathered.limits();
    gathered.connections();
    gathered.encryption_and_compression();
    gathered.load();
    gathered.memory_and_start();
    gathered.streams();
    Some(gathered.info)
}

struct Gathered<'a> {
    info: Info,
    numbers: Numbers,
    survey: &'a Survey,
    site: &'a Site,
    program: &'a Program,
    listeners: usize,
}

impl Gathered<'_> {
    fn number(&mut self, figure: F, value: u64) {
        self.info.put(figure, Value::narrow(value));
    }

    fn wide(&mut self, figure: F, value: u64) {
        self.info.put(figure, Value::U64(value));
    }

    fn text(&mut self, figure: F, text: String) {
        self.info.put(figure, Value::Text(text.into()));
    }

    /// A figure that has a fraction if they are wanted.
    fn real(&mut self, figure: F, value: f64) {
        let value = match self.numbers {
            Numbers::Whole => Value::narrow(value as u64),
            Numbers::Fractions => Value::Float(value),
        };
        self.info.put(figure, value);
    }

    fn zeroes(&mut self, figures: &[F]) {
        for figure in figures {
            self.number(*figure, 0);
        }
    }

    fn product(&mut self) {
        self.text(F::Name, "HAProxy".to_owned());
        self.text(F::Version, self.program.version.clone());
        self.text(F::ReleaseDate, self.program.date.clone());
        self.number(F::Nbthread, u64::from(self.site.process.threads));
        self.number(F::Nbproc, 1);
        self.number(F::ProcessNum, 1);
        self.number(F::Pid, u64::from(self.site.process.pid));
        let up = self.site.clock.now().since(Tick(1_000_000));
        let s = up.as_secs();
        self.text(F::Uptime, format!("{}d {}h{:02}m{:02}s", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60));
        self.real(F::UptimeSec, up.as_secs_f64());
    }

    fn limits(&mut self) {
        self.zeroes(&[F::MemmaxMb, F::PoolAllocMb, F::PoolUsedMb, F::PoolFailed]);
        let files = sys::limits::limit(sys::limits::Resource::Files).map_or(0, |l| l.soft);
        self.number(F::UlimitN, files);
        self.number(F::Maxsock, files);
        self.number(F::Maxconn, self.survey.maxconn());
        self.number(F::HardMaxconn, self.program.maxconn);
    }

    fn connections(&mut self) {
        let c = &self.site.counters;
        let now = self.site.clock.now();
        self.number(F::CurrConns, c.connections.get());
        self.number(F::CumConns, c.connections_total.get());
        self.number(F::CumReq, c.requests_total.get());
        self.number(F::MaxSslConns, u64::from(self.site.rates.encrypted()));
        self.number(F::CurrSslConns, tls::figures().current());
        self.number(F::CumSslConns, tls::figures().total());
        self.zeroes(&[F::Maxpipes, F::PipesUsed, F::PipesFree]);
        self.real(F::ConnRate, f64::from(c.connection_rate.per_second(now)));
        self.number(F::ConnRateLimit, u64::from(self.site.rates.connections()));
        self.number(F::MaxConnRate, c.connection_rate_max.get());
        self.real(F::SessRate, f64::from(c.session_rate.per_second(now)));
        self.number(F::SessRateLimit, u64::from(self.site.rates.sessions()));
        self.number(F::MaxSessRate, c.session_rate_max.get());
    }

    fn encryption_and_compression(&mut self) {
        let (c, now) = (&self.site.counters.tls, self.site.clock.now());
        let (rate, keys) = (c.rate.per_second(now), c.client_keys.per_second(now));
        self.real(F::SslRate, f64::from(rate));
        self.number(F::SslRateLimit, u64::from(self.site.rates.handshakes()));
        self.number(F::MaxSslRate, c.rate_max.get());
        self.real(F::SslFrontendKeyRate, f64::from(keys));
        self.number(F::SslFrontendMaxKeyRate, c.client_keys_max.get());
        self.real(F::SslFrontendSessionReuse, reuse(rate, keys));
        self.real(F::SslBackendKeyRate, f64::from(c.server_keys.per_second(now)));
        self.number(F::SslBackendMaxKeyRate, c.server_keys_max.get());
        self.number(F::SslCacheLookups, tls::figures().lookups());
        self.number(F::SslCacheMisses, tls::figures().misses());
        self.real(F::CompressBpsIn, 0.0);
        self.real(F::CompressBpsOut, 0.0);
        self.number(F::CompressBpsRateLim, 0);
    }

    fn load(&mut self) {
        let connections = self.site.counters.connections.get();
        let threads = u64::from(self.site.process.threads);
        // Each connection is a task, and so is each listener of each thread.
        self.number(F::Tasks, connections + self.listeners as u64 * threads);
        self.number(F::RunQueue, 0);
        let (idle, bytes) = self.program.load.since_last(self.site);
        self.number(F::IdlePct, idle);
        self.text(F::Node, self.site.process.node.clone());
        if let Some(description) = &self.program.description {
            self.text(F::Description, description.clone());
        }
        self.number(F::Stopping, self.site.counters.stopping.get());
        self.number(F::Jobs, connections + self.listeners as u64);
        self.number(F::UnstoppableJobs, 0);
        self.number(F::Listeners, self.listeners as u64);
        self.zeroes(&[F::ActivePeers, F::ConnectedPeers]);
        let c = &self.site.counters;
        self.number(F::DroppedLogs, log::dropped());
        self.number(F::BusyPolling, 0);
        self.number(F::FailedResolutions, c.failed_resolutions.get());
        self.wide(F::TotalBytesOut, bytes_out(self.site));
        self.wide(F::TotalSplicedBytesOut, 0);
        self.wide(F::BytesOutRate, bytes);
        self.number(F::DebugCommandsIssued, 0);
        self.number(F::CumRecvLogs, c.received_logs.get());
    }

    fn memory_and_start(&mut self) {
        self.text(F::BuildInfo, self.program.version.clone());
        self.number(F::MemmaxBytes, 0);
        self.wide(F::PoolAllocBytes, 0);
        self.wide(F::PoolUsedBytes, 0);
        self.real(F::StartTimeSec, self.program.started.0 as f64 / 1e6);
        self.text(F::Tainted, "0".to_owned());
        self.number(F::TotalWarnings, self.program.warnings);
        self.number(F::MaxconnReached, 0);
        self.number(F::BootTimeMs, self.program.boot_millis);
        self.number(F::NicedTasks, 0);
    }

    fn streams(&mut self) {
        self.wide(F::CurrStreams, self.site.live.current.sum(Gauge::get));
        self.wide(F::CumStreams, self.site.live.total.sum(Counter::get));
        self.number(F::BlockedTrafficWarnings, 0);
        self.wide(F::PatternsAdded, 0);
        self.wide(F::PatternsFreed, 0);
        self.number(F::NbThreadGroups, 1);
    }
}

/// The share of connections that needed no new key, in percent, rounded to whole ones.
fn reuse(connections: u32, keys: u32) -> f64 {
    if connections == 0 || keys > connections {
        return 0.0;
    }
    f64::from(100 - (100 * keys + (connections - 1) / 2) / connections)
}
