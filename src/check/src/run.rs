//! Checks servers for as long as the process goes on.

use std::sync::Arc;
use std::time::Duration;

use backend::connection::Surroundings;
use backend::server::Admin;
use backend::settings::Role;
use backend::{Activity, Backend, CheckResult, CheckStatus, Level, News, Server, Status};
use base::clock::Clock;

use crate::admin::{left, mourn, name_of};
use crate::agent::has_agent;
use crate::engine::{Patience, Target, check};
use crate::external;
use crate::line::Line;
use crate::ruleset::Ruleset;
use crate::settings::{CheckSettings, Enabled, Method, ProxyChecks};
use crate::spread::Spread;
use crate::stage::{Reporter, Stage, Weight};

/// A server to be checked.
pub struct Subject<R> {
    /// Its backend.
    pub backend: Arc<Backend>,
    /// The server.
    pub server: Arc<Server>,
    /// How it is checked.
    pub checks: ProxyChecks,
    /// What the proxy says of the sockets of its server connections.
    pub surroundings: Surroundings,
    /// When to start, so that not all servers are checked at once.
    pub delay: Duration,
    /// By how much intervals differ.
    pub spread: Spread,
    /// How much of an answer is looked at.
    pub limit: usize,
    /// Who is told.
    pub reporter: R,
}

/// Checks a server for ever; returns at once for one that is not to be checked.
pub async fn watch<R: Reporter>(subject: Subject<R>, clock: Clock) {
    let settings: CheckSettings = subject.server.slots_of_features.get_or_default();
    if settings.enabled == Enabled::No {
        return;
    }
    let ruleset = Ruleset::of(&subject.checks);
    let health = &subject.server.health;
    tokio::time::sleep(subject.delay).await;
    loop {
        if health.is_suspended() || subject.server.admin() == Admin::Maintenance {
            tokio::time::sleep(settings.interval).await;
            continue;
        }
        let begin = clock.now();
        health.set_activity(Activity::Checking);
        let (mut result, line) = one(&subject, &settings, &ruleset, &clock).await;
        result.millis = clock.now().millis_since(begin);
        result.info = shortened(result.info);
        take_in(&subject, result, &clock);
        drop(line);
        let spent = clock.now().since(begin);
        let interval = subject.spread.vary(interval(&settings, health.level(), subject.server.status()));
        tokio::time::sleep(interval.saturating_sub(spent)).await;
    }
}

/// Makes one check.
async fn one<R: Reporter>(
    subject: &Subject<R>,
    settings: &CheckSettings,
    ruleset: &Ruleset,
    clock: &Clock,
) -> (CheckResult, Option<Line>) {
    let checks = &subject.checks;
    if matches!(checks.method, Method::External) {
        let patience = checks.timeout.unwrap_or(settings.interval);
        return (external::check(&checks.program, &subject.backend, &subject.server, patience).await, None);
    }
    let stage = Stage::new(&subject.reporter, &subject.server.facts, clock);
    let target = Target {
        backend: &subject.backend,
        server: &subject.server,
        settings,
        ruleset,
        host: checks.host(),
        surroundings: &subject.surroundings,
        patience: patience(settings, checks),
        limit: subject.limit,
    };
    check(&target, stage).await
}

/// How long a result's info may be.
const MAX_INFO: usize = 127;

pub(crate) fn shortened(mut info: String) -> String {
    if info.len() > MAX_INFO {
        let end = (0..=MAX_INFO).rev().find(|at| info.is_char_boundary(*at)).unwrap_or_default();
        info.truncate(end);
    }
    info
}

/// Without `timeout check` the interval bounds the whole check.
fn patience(settings: &CheckSettings, checks: &ProxyChecks) -> Patience {
    match checks.timeout {
        Some(answer) => {
            let connect = checks.connect.map_or(settings.interval, |c| c.min(settings.interval));
            Patience { connect, answer: Some(answer) }
        }
        None => Patience { connect: settings.interval, answer: None },
    }
}

fn interval(settings: &CheckSettings, level: Level, status: Status) -> Duration {
    if level.level + 1 == level.rise + level.fall {
        settings.interval
    } else if status == Status::Down && level.level == 0 {
        settings.down.unwrap_or(settings.interval)
    } else {
        settings.fast.unwrap_or(settings.interval)
    }
}

/// Counts a result, and says what it changed.
fn take_in<R: Reporter>(subject: &Subject<R>, result: CheckResult, clock: &Clock) {
    let (backend, server) = (&subject.backend, &subject.server);
    let now = clock.now();
    let before = server.status();
    let (outcome, words) = (result.status, describe(&result));
    if !outcome.passed() && before != Status::Down {
        server.counters.failed_checks.inc();
    }
    let news = server.health.observe(result, now);
    let level = server.health.level();
    if news == News::Some && subject.checks.log.is_on() {
        subject.reporter.log(&announce(Announced::Health, backend, server, outcome, &words));
    }
    let Some(after) = verdict(outcome, level, before) else { return };
    // What an agent has taken down comes back when the agent says so.
    if before == Status::Down && has_agent(server) && !server.agent.level().is_up() {
        return;
    }
    let moved = backend.set_status(server, after, now);
    let reason = if subject.checks.log.is_on() { String::new() } else { format!(", reason: {words}") };
    tell(backend, server, &subject.reporter, (before, after), &reason, moved);
}

/// What a server becomes by a result, if that is something else.
fn verdict(outcome: CheckStatus, level: Level, before: Status) -> Option<Status> {
    let after = match (outcome.passed(), level.is_up()) {
        (true, true) if outcome == CheckStatus::L7Conditional => match before {
            Status::Down => Status::Up,
            Status::Up | Status::Stopping => Status::Stopping,
        },
        (true, true) => Status::Up,
        (false, false) => Status::Down,
        (true, false) | (false, true) => return None,
    };
    Some(after).filter(|after| *after != before)
}

/// What a server's change of state means for its backend, as messages have it.
pub(crate) fn tell(
    backend: &Backend,
    server: &Server,
    reporter: &dyn Reporter,
    (before, after): (Status, Status),
    reason: &str,
    moved: Option<usize>,
) {
    let name = name_of(backend, server);
    let (waiting, moved) = (server.slots.waiting(), moved.unwrap_or(0));
    let (weight, text) = match after {
        Status::Up | Status::Stopping => {
            let is = if after == Status::Up { "UP" } else { "stopping" };
            let text = format!(
                "{name} is {is}{reason}. {} {moved} sessions requeued, {waiting} total in queue.",
                left(backend, "online")
            );
            (Weight::Notice, text)
        }
        Status::Down => {
            // The loss of a server that has left already is expected.
            let weight = if before == Status::Stopping { Weight::Notice } else { Weight::Warning };
            let text = format!(
                "{name} is DOWN{reason}. {} {} sessions active, {moved} requeued, {waiting} remaining in queue.",
                left(backend, "left"),
                server.counters.common.current.get()
            );
            (weight, text)
        }
    };
    reporter.report(weight, &text);
    if before == Status::Up {
        mourn(backend, reporter);
    }
}

/// What a line of the log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    Health,
    Agent,
}

/// The line of the log about a check.
pub(crate) fn announce(
    what: Announced,
    backend: &Backend,
    server: &Server,
    outcome: CheckStatus,
    words: &str,
) -> String {
    let kind = if server.settings.role == Role::Backup { "backup " } else { "" };
    let verb = match outcome {
        CheckStatus::L7Conditional => "conditionally succeeded",
        _ if outcome.passed() => "succeeded",
        _ => "failed",
    };
    let (title, level) = match what {
        Announced::Health => ("Health", server.health.level()),
        Announced::Agent => ("Agent", server.agent.level()),
    };
    let status = if level.is_up() {
        format!("{}/{} UP", level.level + 1 - level.rise, level.fall)
    } else {
        format!("{}/{} DOWN", level.level, level.rise)
    };
    format!(
        "{title} check for {kind}server {}/{} {verb}, reason: {words}, status: {status}.",
        backend.facts.name, server.facts.name
    )
}

/// Whether its checks, if there are any, find a server up.
pub(crate) fn is_healthy(server: &Server) -> bool {
    let checked = server.slots_of_features.get::<CheckSettings>().is_some_and(|c| c.enabled == Enabled::Yes);
    !checked || server.health.level().is_up()
}

/// The result in words, as messages have it.
pub(crate) fn describe(result: &CheckResult) -> String {
    use std::fmt::Write as _;
    let mut text = result.status.describe().to_owned();
    if let Some(code) = result.code {
        let _ = write!(text, ", code: {code}");
    }
    if !result.info.is_empty() {
        text.push_str(", info: \"");
        for byte in result.info.bytes() {
            match byte {
                b' '..=b'~' if byte != b'"' => text.push(char::from(byte)),
                _ => drop(write!(text, "<{byte:02X}>")),
            }
        }
        text.push('"');
    }
    let _ = write!(text, ", check duration: {}ms", result.millis);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(level: u32) -> Level {
        Level { level, rise: 2, fall: 3 }
    }

    #[test]
    fn intervals_follow_the_level() {
        let s = CheckSettings {
            fast: Some(Duration::from_secs(1)),
            down: Some(Duration::from_secs(9)),
            ..CheckSettings::default()
        };
        assert_eq!(interval(&s, level(4), Status::Up), Duration::from_secs(2));
        assert_eq!(interval(&s, level(3), Status::Up), Duration::from_secs(1));
        assert_eq!(interval(&s, level(0), Status::Up), Duration::from_secs(1));
        assert_eq!(interval(&s, level(0), Status::Down), Duration::from_secs(9));
    }

    #[test]
    fn a_result_is_told_in_one_sentence() {
        let r =
            CheckResult { status: CheckStatus::L7Status, code: Some(500), millis: 3, info: "E\"r".into() };
        assert_eq!(describe(&r), "Layer7 wrong status, code: 500, info: \"E<22>r\", check duration: 3ms");
    }

    #[test]
    fn a_server_goes_where_its_level_says() {
        let passed = |l, before| verdict(CheckStatus::L4Ok, level(l), before);
        assert_eq!(passed(4, Status::Down), Some(Status::Up));
        assert_eq!(
            (passed(4, Status::Up), passed(1, Status::Up), passed(1, Status::Down)),
            (None, None, None)
        );
        assert_eq!(verdict(CheckStatus::L4Timeout, level(0), Status::Up), Some(Status::Down));
        assert_eq!(verdict(CheckStatus::L4Timeout, level(3), Status::Up), None);
        assert_eq!(verdict(CheckStatus::L7Conditional, level(4), Status::Up), Some(Status::Stopping));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = shortened(format!("{}é", "x".repeat(126)));
        assert_eq!(text.len(), 126);
        assert_eq!(shortened("ab".to_owned()), "ab");
    }
}
