//! Checks servers for as long as the process goes on.

use std::sync::Arc;
use std::time::Duration;

use backend::connection::{NoPort, Particulars, Surroundings, spec};
use backend::{Backend, CheckResult, Server, Status, Transition, Trend};
use base::addr::Addr;
use base::clock::Clock;
use lang::LogFormat;
use tls::CheckUse;

use crate::probe::{self, Encrypted, Errand, Patience, Preface, probe};
use crate::settings::{CheckKind, CheckSettings, Enabled, Header, ProxyChecks, Route};

/// What checks need of the process around them.
pub trait Reporter {
    /// Something that the operator wants to know.
    fn report(&self, weight: Weight, text: &str);

    /// What a format gives for a connection that is made for nobody.
    fn render(&self, server: &Server, format: &LogFormat) -> Vec<u8>;
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A server came back.
    Notice,
    /// A server was lost.
    Warning,
    /// A backend has no server left.
    Alert,
}

/// A server to be checked.
pub struct Subject<R> {
    /// Its backend.
    pub backend: Arc<Backend>,
    /// The server.
    pub server: Arc<Server>,
    /// How the proxy's servers are checked.
    pub checks: ProxyChecks,
    /// What the proxy says of the sockets of its server connections.
    pub surroundings: Surroundings,
    /// When to start, so that not all servers are checked at once.
    pub delay: Duration,
    /// Who is told.
    pub reporter: R,
}

/// Checks a server for ever; returns at once for one that is not to be checked.
pub async fn watch<R: Reporter>(subject: Subject<R>, clock: Clock) {
    let settings: CheckSettings = subject.server.slots_of_features.get_or_default();
    if settings.enabled == Enabled::No {
        return;
    }
    subject.server.health.configure(settings.rise, settings.fall);
    tokio::time::sleep(subject.delay).await;
    loop {
        if subject.server.health.is_suspended() {
            tokio::time::sleep(settings.interval).await;
            continue;
        }
        let begin = clock.now();
        let patience = patience(&settings, &subject.checks);
        let result = match errand(&subject, &settings) {
            Ok(errand) => probe(&errand, &subject.checks.kind, patience, &clock).await,
            Err(NoPort) => probe::no_port(),
        };
        take_in(&subject, result, &clock);
        let spent = clock.now().since(begin);
        let interval = interval(&settings, subject.server.health.trend());
        tokio::time::sleep(interval.saturating_sub(spent)).await;
    }
}

/// Where the next check goes, and how.
fn errand<R: Reporter>(subject: &Subject<R>, settings: &CheckSettings) -> Result<Errand, NoPort> {
    let server = &subject.server;
    let to = address(&server.address.load(), settings);
    let socks4 = server.dial.socks4.as_ref().filter(|_| settings.route == Route::ViaSocks4);
    // A check shows the server no client's address, since there is no client.
    let own = Particulars::default();
    let (spec, port) = spec(&subject.backend, server, socks4.unwrap_or(&to), &subject.surroundings, &own)?;
    let beyond = socks4.is_some().then(|| to.clone());
    let tls = encryption(subject, settings);
    Ok(Errand { spec, _port: port, beyond, to, header: header(subject, settings), tls })
}

/// How the check is encrypted: as the traffic, unless another address is checked or something else is said.
fn encryption<R>(subject: &Subject<R>, settings: &CheckSettings) -> Option<Encrypted> {
    let secure = subject.server.slots_of_features.get::<tls::ServerSettings>()?;
    let elsewhere = settings.port.is_some() || settings.address.is_some();
    let wanted = match secure.checks {
        CheckUse::Always => true,
        CheckUse::Never => false,
        CheckUse::AsTraffic => secure.ssl == tls::Use::Yes && !elsewhere,
    };
    let connector = secure.connector.clone().filter(|_| wanted)?;
    let name = secure.check_name.clone().or_else(|| match &subject.checks.kind {
        CheckKind::Http(request) if secure.check_naming == tls::Naming::Auto => {
            request.host.as_deref().map(without_port).map(Into::into)
        }
        _ => None,
    });
    Some(Encrypted { connector, name })
}

/// A host as requests name it, without its port.
fn without_port(host: &[u8]) -> &[u8] {
    host.split(|b| *b == b':').next().unwrap_or_default()
}

/// The header that the check begins with: that of the traffic, unless another address is checked.
fn header<R: Reporter>(subject: &Subject<R>, settings: &CheckSettings) -> Option<Preface> {
    let written = &subject.server.dial.header;
    let elsewhere = settings.port.is_some() || settings.address.is_some();
    if settings.header == Header::AsTraffic && (elsewhere || !written.is_sent()) {
        return None;
    }
    let value = |format: &Option<Arc<LogFormat>>| {
        format.as_ref().map_or_else(Vec::new, |f| subject.reporter.render(&subject.server, f))
    };
    let tlvs = written.tlvs.iter().map(|(kind, format)| (*kind, value(format))).collect();
    Some(Preface { settings: written.clone(), tlvs })
}

/// The address that is checked: the server's, where nothing else is said.
fn address(server: &Addr, settings: &CheckSettings) -> Addr {
    let base = settings.address.as_ref().unwrap_or(server);
    let port = settings.port.or_else(|| base.port().filter(|p| *p != 0)).or(server.port());
    base.with_port(port.unwrap_or(0))
}

/// Without `timeout check` the interval bounds the whole check.
fn patience(settings: &CheckSettings, checks: &ProxyChecks) -> Patience {
    match checks.timeout {
        Some(answer) => {
            let connect = checks.connect.map_or(settings.interval, |c| c.min(settings.interval));
            Patience { connect, answer }
        }
        None => Patience { connect: settings.interval, answer: settings.interval },
    }
}

fn interval(settings: &CheckSettings, trend: Trend) -> Duration {
    match trend {
        Trend::Up => settings.interval,
        Trend::Changing => settings.fast.unwrap_or(settings.interval),
        Trend::Down => settings.down.unwrap_or(settings.interval),
    }
}

/// Counts a result, and says what it changed.
fn take_in<R: Reporter>(subject: &Subject<R>, result: CheckResult, clock: &Clock) {
    let (backend, server) = (&subject.backend, &subject.server);
    let now = clock.now();
    if !result.status.passed() {
        server.counters.failed_checks.inc();
    }
    let words = describe(&result);
    match server.health.observe(result, now) {
        Transition::None => {}
        Transition::Down => {
            let moved = backend.set_status(server, Status::Down, now);
            tell(subject, Status::Down, &words, moved);
            if backend.balancer.usable() == (0, 0) {
                subject.reporter.report(
                    Weight::Alert,
                    &format!("backend '{}' has no server available!", backend.facts.name),
                );
            }
        }
        Transition::Up => {
            let moved = backend.set_status(server, Status::Up, now);
            tell(subject, Status::Up, &words, moved);
        }
    }
}

/// What a server's change of state means for its backend, as messages have it.
fn tell<R: Reporter>(subject: &Subject<R>, status: Status, words: &str, moved: Option<usize>) {
    let (backend, server) = (&subject.backend, &subject.server);
    let (active, backups) = backend.balancer.usable();
    let name = format!("Server {}/{}", backend.facts.name, server.facts.name);
    let (waiting, moved) = (server.slots.waiting(), moved.unwrap_or(0));
    let (weight, text) = match status {
        Status::Up => (
            Weight::Notice,
            format!(
                "{name} is UP, reason: {words}. {active} active and {backups} backup servers online. \
                 {moved} sessions requeued, {waiting} total in queue."
            ),
        ),
        Status::Down | Status::Stopping => (
            Weight::Warning,
            format!(
                "{name} is DOWN, reason: {words}. {active} active and {backups} backup servers left. \
                 {} sessions active, {moved} requeued, {waiting} remaining in queue.",
                server.counters.common.current.get()
            ),
        ),
    };
    subject.reporter.report(weight, &text);
}

/// The result in words, as messages have it.
fn describe(result: &CheckResult) -> String {
    use std::fmt::Write as _;
    let mut text = result.status.describe().to_owned();
    if let Some(code) = result.code {
        let _ = write!(text, ", code: {code}");
    }
    if !result.info.is_empty() {
        let _ = write!(text, ", info: \"{}\"", result.info);
    }
    let _ = write!(text, ", check duration: {}ms", result.millis);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::CheckStatus;
    use std::net::Ipv4Addr;

    #[test]
    fn the_checked_address_follows_the_servers() {
        let server = Addr::inet(Ipv4Addr::LOCALHOST, 80);
        assert_eq!(address(&server, &CheckSettings::default()), server);
        let port = CheckSettings { port: Some(81), ..CheckSettings::default() };
        assert_eq!(address(&server, &port).port(), Some(81));
        let other = Addr::inet(Ipv4Addr::new(192, 0, 2, 1), 0);
        let addr = CheckSettings { address: Some(other), ..CheckSettings::default() };
        assert_eq!(address(&server, &addr), Addr::inet(Ipv4Addr::new(192, 0, 2, 1), 80));
    }

    #[test]
    fn intervals_follow_the_trend() {
        let s = CheckSettings { fast: Some(Duration::from_secs(1)), ..CheckSettings::default() };
        assert_eq!(interval(&s, Trend::Changing), Duration::from_secs(1));
        assert_eq!(interval(&s, Trend::Down), Duration::from_secs(2));
    }

    #[test]
    fn a_result_is_told_in_one_sentence() {
        let r = CheckResult { status: CheckStatus::L7Status, code: Some(500), millis: 3, info: "Err".into() };
        assert_eq!(describe(&r), "Layer7 wrong status, code: 500, info: \"Err\", check duration: 3ms");
    }
}
