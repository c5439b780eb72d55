//! Checks by a program: its exit status is the outcome.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use backend::{Backend, CheckResult, CheckStatus, Server};
use base::addr::{Addr, UnixName};
use config::directive::Switch;
use config::{Place, Setting};
use tokio::time::{Instant, sleep};

use crate::line::of;

/// What `global` says of programs that check.
#[derive(Clone, Debug, Default)]
pub struct ExternalChecks {
    /// `external-check`.
    pub allowed: Switch,
    /// `external-check preserve-env`.
    pub environment: Environment,
    /// `insecure-fork-wanted`.
    pub forks: Switch,
}

impl Setting for ExternalChecks {}

/// The environment of a program that checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Environment {
    /// What it is told, and nothing else.
    #[default]
    Clean,
    /// That of the process, too.
    Kept,
}

/// The program of a proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// `external-check command`.
    pub(crate) command: Option<Box<[u8]>>,
    /// `external-check path`.
    pub(crate) path: Option<Box<[u8]>>,
    /// What `global` says of its environment.
    pub(crate) environment: Environment,
    /// Where `option external-check` stands.
    pub(crate) place: Option<Place>,
}

/// What stands for an address or a port that there is not.
const NOT_USED: &str = "NOT_USED";

/// How long it takes at most until the end of a program is seen.
const LONGEST_NAP: Duration = Duration::from_millis(20);

/// A program that is killed and waited for when nobody wants its outcome any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// Makes one check.
pub(crate) async fn check(
    program: &Program,
    backend: &Backend,
    server: &Server,
    patience: Duration,
) -> CheckResult {
    let Some(mut command) = command(program, backend, server) else { return of(CheckStatus::SocketError) };
    let Ok(child) = command.spawn() else { return code(CheckStatus::ProcessError, 255) };
    let (mut running, until) = (Running(child), Instant::now() + patience);
    let mut nap = Duration::from_millis(1);
    loop {
        match running.0.try_wait() {
            Ok(Some(status)) => return judge(status),
            Ok(None) if Instant::now() >= until => return code(CheckStatus::ProcessTimeout, 0),
            Ok(None) => sleep(nap.min(until.saturating_duration_since(Instant::now()))).await,
            Err(_) => return code(CheckStatus::ProcessError, 0),
        }
        nap = (nap * 2).min(LONGEST_NAP);
    }
}

fn judge(status: ExitStatus) -> CheckResult {
    match (status.code(), status.signal()) {
        (Some(0), _) => code(CheckStatus::ProcessOk, 0),
        (Some(other), _) => code(CheckStatus::ProcessError, u16::try_from(other).unwrap_or_default()),
        (None, signal) => {
            code(CheckStatus::ProcessError, u16::try_from(signal.unwrap_or_default()).unwrap_or_default())
        }
    }
}

fn code(status: CheckStatus, code: u16) -> CheckResult {
    CheckResult { code: Some(code), ..of(status) }
}

/// The program with its arguments and its environment.
fn command(program: &Program, backend: &Backend, server: &Server) -> Option<Command> {
    let mut command = Command::new(OsStr::from_bytes(program.command.as_deref()?));
    let (address, port) = place(&server.address.load());
    let shown = |port: &str| if port.is_empty() { NOT_USED.to_owned() } else { port.to_owned() };
    command.args([NOT_USED, NOT_USED]).arg(OsStr::from_bytes(&address)).arg(shown(&port));
    if program.environment == Environment::Clean {
        command.env_clear();
    }
    let encrypted = server.tls.is_some();
    let protocol = if backend.facts.http { "h1" } else { "tcp" };
    let texts: [(&str, String); 9] = [
        ("HAPROXY_PROXY_ADDR", String::new()),
        ("HAPROXY_PROXY_PORT", String::new()),
        ("HAPROXY_PROXY_ID", backend.facts.id.to_string()),
        ("HAPROXY_SERVER_CURCONN", server.counters.common.current.get().to_string()),
        ("HAPROXY_SERVER_ID", server.facts.id.to_string()),
        ("HAPROXY_SERVER_MAXCONN", server.maxconn().to_string()),
        ("HAPROXY_SERVER_PORT", port),
        ("HAPROXY_SERVER_SSL", u8::from(encrypted).to_string()),
        ("HAPROXY_SERVER_PROTO", protocol.to_owned()),
    ];
    command.envs(texts);
    command.env("HAPROXY_PROXY_NAME", &*backend.facts.name);
    command.env("HAPROXY_SERVER_NAME", &*server.facts.name);
    command.env("HAPROXY_SERVER_ADDR", OsStr::from_bytes(&address));
    let path = program.path.as_deref().unwrap_or_default();
    if !path.is_empty() || program.environment == Environment::Clean {
        command.env("PATH", OsStr::from_bytes(path));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Some(command)
}

/// An address and a port, empty where there is none.
fn place(address: &Addr) -> (Vec<u8>, String) {
    match address {
        Addr::Inet(to) => (to.ip().to_string().into_bytes(), to.port().to_string()),
        Addr::Unix(UnixName::Path(path)) => (path.to_vec(), String::new()),
        Addr::Unix(_) => (Vec::new(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend::{BackendSettings, ServerSettings};
    use lang::facts::{ProxyFacts, ServerFacts};

    async fn outcome(command: &str, patience: Duration) -> CheckResult {
        let facts = ProxyFacts { name: "b".into(), id: 3, ..ProxyFacts::default() };
        let backend = Backend::new(facts, BackendSettings::default(), Vec::new(), 1);
        let name = ServerFacts { name: "s".into(), id: 7 };
        let address = Addr::inet([127, 0, 0, 1], 80);
        let server = Server::new(name, ServerSettings::default(), config::Slots::default(), address, 1);
        let command = Some(command.as_bytes().into());
        check(&Program { command, ..Program::default() }, &backend, &server, patience).await
    }

    fn run(command: &str, patience: Duration) -> CheckResult {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(outcome(command, patience))
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn the_exit_status_decides() {
        assert_eq!(run("/bin/true", LONG).status, CheckStatus::ProcessOk);
        assert_eq!(run("/bin/false", LONG), code(CheckStatus::ProcessError, 1));
        assert_eq!(run("/no/such/program", LONG).status, CheckStatus::ProcessError);
    }

    #[test]
    fn one_that_takes_too_long_is_killed() {
        // Without a path it gets "NOT_USED" as its file and ends; it is not waited for.
        let started = run("/bin/cat", Duration::ZERO);
        assert!(matches!(started.status, CheckStatus::ProcessTimeout | CheckStatus::ProcessError));
    }
}
