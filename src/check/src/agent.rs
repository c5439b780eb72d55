//! Agent checks: what somebody beside a server says of it.

use std::sync::Arc;
use std::time::Duration;

use backend::connection::Surroundings;
use backend::server::Admin;
use backend::{Activity, Backend, CheckResult, CheckStatus, News, Server, Status};
use base::addr::Addr;
use base::clock::Clock;
use config::Setting;

use crate::admin::{mourn, set_admin};
use crate::engine::{Patience, Target, check};
use crate::line::Line;
use crate::ready::{Answer, Judge, Judgement, More};
use crate::rules::{Connect, Expect, Matcher, Port, Rule, Send, Step, Wish};
use crate::ruleset::{Language, Ruleset};
use crate::run::{Announced, announce, describe, is_healthy, shortened, tell};
use crate::settings::{CheckSettings, Enabled, ProxyChecks};
use crate::spread::Spread;
use crate::stage::{Reporter, Stage};
use crate::weight::new_weight;

/// What a server's line says of its agent.
#[derive(Clone, Debug)]
pub struct AgentSettings {
    /// `agent-check`.
    pub enabled: Enabled,
    /// `agent-port`.
    pub port: Option<u16>,
    /// `agent-addr`; the server's without.
    pub address: Option<Addr>,
    /// `agent-inter`.
    pub interval: Duration,
    /// `agent-send`.
    pub send: Box<[u8]>,
}

impl Default for AgentSettings {
    fn default() -> Self {
        let interval = Duration::from_secs(2);
        Self { enabled: Enabled::No, port: None, address: None, interval, send: Box::default() }
    }
}

impl Setting for AgentSettings {}

/// Whether a server has an agent that is asked.
pub fn has_agent(server: &Server) -> bool {
    server.slots_of_features.get::<AgentSettings>().is_some_and(|a| a.enabled == Enabled::Yes)
}

/// A server whose agent is asked.
pub struct AgentSubject<R> {
    /// Its backend.
    pub backend: Arc<Backend>,
    /// The server.
    pub server: Arc<Server>,
    /// How the servers of its proxy are checked.
    pub checks: ProxyChecks,
    /// What the proxy says of the sockets of its server connections.
    pub surroundings: Surroundings,
    /// When to start.
    pub delay: Duration,
    /// By how much intervals differ.
    pub spread: Spread,
    /// How much of an answer is looked at.
    pub limit: usize,
    /// Who is told.
    pub reporter: R,
}

/// Asks an agent for ever.
pub async fn watch_agent<R: Reporter>(subject: AgentSubject<R>, clock: Clock) {
    let settings: AgentSettings = subject.server.slots_of_features.get_or_default();
    let plain = CheckSettings { interval: settings.interval, ..CheckSettings::default() };
    tokio::time::sleep(subject.delay).await;
    loop {
        let begin = clock.now();
        if !subject.server.agent.is_suspended() {
            subject.server.agent.set_activity(Activity::Checking);
            let (result, line) = ask(&subject, &settings, &plain, &clock).await;
            take_in(&subject, CheckResult { millis: clock.now().millis_since(begin), ..result }, &clock);
            drop(line);
        }
        let spent = clock.now().since(begin);
        tokio::time::sleep(subject.spread.vary(settings.interval).saturating_sub(spent)).await;
    }
}

/// Hears what the agent says: its line is the info of a result that is good.
async fn ask<R: Reporter>(
    subject: &AgentSubject<R>,
    settings: &AgentSettings,
    plain: &CheckSettings,
    clock: &Clock,
) -> (CheckResult, Option<Line>) {
    let ruleset = rules(&subject.server, settings);
    let stage = Stage::new(&subject.reporter, &subject.server.facts, clock);
    let (checks, interval) = (&subject.checks, settings.interval);
    let target = Target {
        backend: &subject.backend,
        server: &subject.server,
        settings: plain,
        ruleset: &ruleset,
        host: None,
        surroundings: &subject.surroundings,
        patience: Patience {
            connect: checks
                .connect
                .filter(|_| checks.timeout.is_some())
                .map_or(interval, |c| c.min(interval)),
            answer: checks.timeout,
        },
        limit: subject.limit,
    };
    check(&target, stage).await
}

fn rules(server: &Server, settings: &AgentSettings) -> Ruleset {
    let told = server.probes.load();
    let address = told.agent_address.clone().or_else(|| settings.address.clone());
    let connect = Connect {
        address: Some(address.unwrap_or_else(|| Addr::clone(&server.address.load()))),
        port: told.agent_port.or(settings.port).map(Port::Number),
        linger: Wish::Yes,
        ..Connect::default()
    };
    let mut steps = vec![Step::Connect(Box::new(connect))];
    let words = told.agent_send.as_deref().unwrap_or(&settings.send);
    if !words.is_empty() {
        steps.push(Step::Send(Send::Bytes(words.into())));
    }
    steps.push(Step::Expect(Box::new(Expect::new(Matcher::Judge(Judge(line))))));
    let rules = (1..).zip(steps).map(|(number, step)| Rule { step, comment: None, number }).collect();
    Ruleset { language: Language::Plain, rules, state: Wish::No }
}

/// A line; one without an end is waited for as long as there is time.
fn line(answer: Answer<'_>) -> Judgement {
    match answer.data.iter().position(|b| matches!(b, b'\r' | b'\n')) {
        Some(end) => Judgement::Good(Some(String::from_utf8_lossy(&answer.data[..end]).into_owned())),
        None if answer.more == More::Possible => Judgement::Wait,
        None => Judgement::Bad {
            status: CheckStatus::L7Timeout,
            code: 0,
            info: "Ignoring incomplete line from agent".to_owned(),
        },
    }
}

/// What an agent says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report<'a> {
    /// That the server is up or down, and the word for it.
    status: Option<(Status, &'a str)>,
    admin: Option<Admin>,
    weight: Option<&'a str>,
    limit: Option<&'a str>,
    /// Why, behind a sharp.
    reason: Option<&'a str>,
    /// A word that means nothing; what stands behind it is not read.
    unknown: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn read(line: &'a str) -> Self {
        let mut report = Self::default();
        let (words, reason) = match line.find('#').filter(|at| starts_word(line, *at)) {
            Some(at) => (&line[..at], Some(&line[at + 1..])),
            None => (line, None),
        };
        report.reason = reason;
        for word in words.split([' ', '\t', ',']).filter(|w| !w.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "up" => report.status = Some((Status::Up, word)),
                "down" | "fail" | "failed" | "stopped" => report.status = Some((Status::Down, word)),
                "ready" => report.admin = Some(Admin::Ready),
                "drain" => report.admin = Some(Admin::Drain),
                "maint" => report.admin = Some(Admin::Maintenance),
                lower if lower.starts_with("weight:") => report.weight = word.get(7..),
                lower if lower.starts_with("maxconn:") => report.limit = word.get(8..),
                lower if lower.ends_with('%') && lower.starts_with(|c: char| c.is_ascii_digit()) => {
                    report.weight = Some(word);
                }
                _ => {
                    report.unknown = Some(word);
                    break;
                }
            }
        }
        report
    }
}

fn starts_word(line: &str, at: usize) -> bool {
    at == 0 || line[..at].ends_with([' ', '\t', ','])
}

/// Does what the agent says.
fn take_in<R: Reporter>(subject: &AgentSubject<R>, result: CheckResult, clock: &Clock) {
    let (backend, server) = (&subject.backend, &subject.server);
    let now = clock.now();
    if result.status != CheckStatus::L7Ok {
        // An agent that cannot be asked changes nothing.
        let result = CheckResult { info: shortened(result.info), ..result };
        let (outcome, words) = (result.status, describe(&result));
        if server.agent.note(result, now) == News::Some && subject.checks.log.is_on() {
            subject.reporter.log(&announce(Announced::Agent, backend, server, outcome, &words));
        }
        return;
    }
    let report = Report::read(&result.info);
    let mut warning = None;
    if let Some(admin) = report.admin {
        set_admin(backend, server, admin, &subject.reporter, now);
    }
    if let Some(text) = report.weight {
        match new_weight(text, server.settings.weight) {
            Ok(weight) => {
                let was_usable = server.is_usable();
                backend.set_weight(server, weight, now);
                if was_usable && !server.is_usable() {
                    mourn(backend, &subject.reporter);
                }
            }
            Err(why) => warning = Some(why),
        }
    }
    if let Some(text) = report.limit {
        match text.parse::<u32>() {
            Ok(limit) => backend.set_maxconn(server, u64::from(limit)),
            Err(_) => warning = Some("maxconn string empty or preceded by garbage"),
        }
    }
    let info = match (report.status, warning, report.unknown) {
        (Some((_, word)), ..) => {
            let reason = report.reason.map(|r| format!(" ({r})")).unwrap_or_default();
            format!("via agent : {word}{reason}")
        }
        (None, Some(why), _) => format!("agent warns : {why}"),
        (None, None, Some(word)) => format!("agent reports an error : {word}"),
        (None, None, None) => String::new(),
    };
    let info = shortened(info);
    match report.status {
        None => drop(
            server.agent.note(CheckResult { status: CheckStatus::Checked, code: None, info, ..result }, now),
        ),
        Some((says, _)) => {
            let status = if says == Status::Up { CheckStatus::L7Ok } else { CheckStatus::L7Status };
            judged(subject, CheckResult { status, code: Some(0), info, ..result }, clock);
        }
    }
}

/// The agent says that the server is up, or down.
fn judged<R: Reporter>(subject: &AgentSubject<R>, result: CheckResult, clock: &Clock) {
    let (backend, server) = (&subject.backend, &subject.server);
    let (now, before) = (clock.now(), server.status());
    let (outcome, words) = (result.status, describe(&result));
    let news = server.agent.observe(result, now);
    if news == News::Some && subject.checks.log.is_on() {
        subject.reporter.log(&announce(Announced::Agent, backend, server, outcome, &words));
    }
    let after = if !outcome.passed() {
        Status::Down
    } else if before == Status::Down && is_healthy(server) {
        Status::Up
    } else {
        before
    };
    if after == before {
        return;
    }
    let moved = backend.set_status(server, after, now);
    let reason = if subject.checks.log.is_on() { String::new() } else { format!(", reason: {words}") };
    tell(backend, server, &subject.reporter, (before, after), &reason, moved);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_say_what_is_wanted() {
        let r = Report::read("up,ready\t75% maxconn:5 #all is well");
        assert_eq!((r.status, r.admin), (Some((Status::Up, "up")), Some(Admin::Ready)));
        assert_eq!((r.weight, r.limit, r.reason), (Some("75%"), Some("5"), Some("all is well")));
        assert_eq!(Report::read("down#too busy").unknown, Some("down#too"));
        assert_eq!(Report::read("Stopped weight:3").status, Some((Status::Down, "Stopped")));
        assert_eq!(Report::read("down up").status, Some((Status::Up, "up")));
        assert_eq!(Report::read("hello up").status, None);
        assert_eq!(Report::read(""), Report::default());
    }

    #[test]
    fn a_line_ends_where_it_says() {
        let of = |data: &[u8], more| line(Answer { data, more });
        assert_eq!(of(b"up\r\ndown", More::Possible), Judgement::Good(Some("up".to_owned())));
        assert_eq!(of(b"up", More::Possible), Judgement::Wait);
        assert!(matches!(of(b"up", More::No), Judgement::Bad { .. }));
    }

    proptest! {
        #[test]
        fn nothing_is_too_odd_to_be_read(line: String) {
            let _ = Report::read(&line);
        }
    }
}
