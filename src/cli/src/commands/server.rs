//! Commands that change servers.

use std::net::IpAddr;
use std::sync::Arc;

use backend::Server;
use backend::Trend;
use backend::server::{Admin, Status};
use keyword::Answer;
use keyword::command::{CommandCx, Severity};
use stream::Herald;
use stream::Site;
use stream::site::BackendSide;

use check::new_weight;

use super::find;

/// Does something with the server that the first argument names.
fn with(cx: &CommandCx<'_>, run: impl FnOnce(&Site, &BackendSide, &Arc<Server>) -> Answer) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    match find::server(&site, &cx.arg(0)) {
        Ok((backend, server)) => run(&site, backend, &server),
        Err(answer) => answer,
    }
}

pub(super) fn get_weight(cx: &mut CommandCx<'_>) -> Answer {
    with(cx, |_, _, server| Answer::info(format!("{} (initial {})", server.weight(), server.settings.weight)))
}

pub(super) fn set_weight(cx: &mut CommandCx<'_>) -> Answer {
    let text = cx.arg(1);
    with(cx, |site, backend, server| change_weight(site, backend, server, &text))
}

fn change_weight(site: &Site, backend: &BackendSide, server: &Arc<Server>, text: &str) -> Answer {
    let settings = &backend.core.settings;
    match new_weight(text, server.settings.weight) {
        Ok(weight)
            if settings.algorithm.is_static(settings.hash.method)
                && weight != 0
                && weight != server.settings.weight =>
        {
            Answer::error("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")
        }
        Ok(weight) => {
            backend.core.set_weight(server, weight, site.clock.now());
            Answer::Silence
        }
        Err(message) => Answer::error(message),
    }
}

pub(super) fn enable(cx: &mut CommandCx<'_>) -> Answer {
    with(cx, |site, backend, server| {
        if server.admin() == Admin::Maintenance {
            change_admin(site, backend, server, Admin::Ready);
        }
        Answer::Silence
    })
}

pub(super) fn disable(cx: &mut CommandCx<'_>) -> Answer {
    with(cx, |site, backend, server| {
        change_admin(site, backend, server, Admin::Maintenance);
        Answer::Silence
    })
}

fn change_admin(site: &Site, backend: &BackendSide, server: &Arc<Server>, admin: Admin) {
    let herald = Herald { site, backend };
    check::set_admin(&backend.core, server, admin, &herald, site.clock.now());
}

/// Lets checks be made again.
pub(super) fn enable_health(cx: &mut CommandCx<'_>) -> Answer {
    with(cx, |_, _, server| {
        if !report::is_checked(server) {
            return Answer::error("Health check was not configured on this server, cannot enable.");
        }
        server.health.resume();
        Answer::Silence
    })
}

/// Lets no more checks be made.
pub(super) fn disable_health(cx: &mut CommandCx<'_>) -> Answer {
    with(cx, |_, _, server| {
        server.health.suspend();
        Answer::Silence
    })
}

/// Lets an agent be asked again.
pub(super) fn enable_agent(cx: &mut CommandCx<'_>) -> Answer {
    with(cx, |_, _, server| {
        if !check::has_agent(server) {
            return Answer::error("Agent was not configured on this server, cannot enable.");
        }
        server.agent.resume();
        Answer::Silence
    })
}

/// Lets an agent be asked no more.
pub(super) fn disable_agent(cx: &mut CommandCx<'_>) -> Answer {
    with(cx, |_, _, server| {
        server.agent.suspend();
        Answer::Silence
    })
}

pub(super) fn set_maxconn(cx: &mut CommandCx<'_>) -> Answer {
    let text = cx.arg(1);
    with(cx, |_, backend, server| {
        if text.is_empty() {
            return Answer::error("Require <maxconn>.");
        }
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        match (end, text[..end].parse::<u32>()) {
            (0, _) => Answer::error("maxconn string empty or preceded by garbage"),
            (_, Ok(limit)) if end == text.len() => {
                backend.core.set_maxconn(server, u64::from(limit));
                Answer::Silence
            }
            _ => Answer::error("Trailing garbage in maxconn string"),
        }
    })
}

const USAGE: &str = "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight";

pub(super) fn set_server(cx: &mut CommandCx<'_>) -> Answer {
    let (what, value) = (cx.arg(1), cx.arg(2));
    with(cx, |site, backend, server| match what.as_ref() {
        "weight" => change_weight(site, backend, server, &value),
        "state" => {
            let admin = match value.as_ref() {
                "ready" => Admin::Ready,
                "drain" => Admin::Drain,
                "maint" => Admin::Maintenance,
                _ => {
                    return Answer::error("'set server <srv> state' expects 'ready', 'drain' and 'maint'.");
                }
            };
            change_admin(site, backend, server, admin);
            Answer::Silence
        }
        "health" => set_health(site, backend, server, &value),
        "addr" => set_address(cx, server),
        "check-addr" | "check-port" if cx.has(2) && report::is_checked(server) => {
            set_probe(server, &what, &value, (&cx.arg(3), &cx.arg(4)))
        }
        "agent" if cx.has(2) && check::has_agent(server) => set_agent(site, backend, server, &value),
        "agent-addr" | "agent-port" | "agent-send" if cx.has(2) && check::has_agent(server) => {
            set_probe(server, &what, &value, (&cx.arg(3), &cx.arg(4)))
        }
        other if LACKING.iter().any(|(word, ..)| *word == other) => lacking(other, cx.has(2)),
        _ => Answer::error(USAGE),
    })
}

fn set_health(site: &Site, backend: &BackendSide, server: &Arc<Server>, value: &str) -> Answer {
    let (status, trend) = match value {
        "up" => (Status::Up, Trend::Up),
        "stopping" => (Status::Stopping, Trend::Up),
        "down" => (Status::Down, Trend::Down),
        _ => return Answer::error("'set server <srv> health' expects 'up', 'stopping', or 'down'."),
    };
    server.health.force(trend);
    check::set_status(&backend.core, server, status, &Herald { site, backend }, site.clock.now());
    Answer::Silence
}

/// What a server would need for these words, which no server has: what is said without a value, and with one.
const LACKING: &[(&str, &str, &str)] = &[
    ("agent", NO_AGENT, NO_AGENT),
    (
        "agent-addr",
        "set server <b>/<s> agent-addr requires an address and optionally a port.",
        "agent checks are not enabled on this server",
    ),
    (
        "agent-port",
        "set server <b>/<s> agent-port requires a port.",
        "agent checks are not enabled on this server",
    ),
    ("agent-send", NO_AGENT, NO_AGENT),
    (
        "check-addr",
        "set server <b>/<s> check-addr requires an address and optionally a port.",
        "health checks are not enabled on this server",
    ),
    (
        "check-port",
        "set server <b>/<s> check-port requires a port.",
        "health checks are not enabled on this server",
    ),
    (
        "fqdn",
        "set server <b>/<s> fqdn requires a FQDN.",
        "set server <b>/<s> fqdn failed because no resolution is configured.",
    ),
    ("ssl", NO_TLS, NO_TLS),
];

const NO_AGENT: &str = "agent checks are not enabled on this server.";
const NO_TLS: &str = "'set server <srv> ssl' cannot be set.  default-server should define ssl settings";

fn lacking(word: &str, given: bool) -> Answer {
    let found = LACKING.iter().find(|(name, ..)| *name == word);
    found.map_or(Answer::Silence, |(_, without, with)| Answer::error(if given { *with } else { *without }))
}

/// What the agent is taken to say.
fn set_agent(site: &Site, backend: &BackendSide, server: &Arc<Server>, value: &str) -> Answer {
    let (status, trend) = match value {
        "up" => (Status::Up, Trend::Up),
        "down" => (Status::Down, Trend::Down),
        _ => return Answer::error("'set server <srv> agent' expects 'up' or 'down'."),
    };
    server.agent.force(trend);
    check::set_status(&backend.core, server, status, &Herald { site, backend }, site.clock.now());
    Answer::Silence
}

/// Where checks or the agent are from now on, or what the agent is told.
fn set_probe(server: &Server, what: &str, value: &str, (word, more): (&str, &str)) -> Answer {
    let mut probes = backend::Probes::clone(&server.probes.load());
    let port = |text: &str| match text.parse::<i64>() {
        Ok(port) => u16::try_from(port).map_err(|_| Answer::error("provided port is invalid")),
        Err(_) => Err(Answer::error("provided port is not an integer")),
    };
    let second = if word == "port" { port(more).map(Some) } else { Ok(None) };
    let address = || {
        let ip = value.parse::<IpAddr>().map_err(|_| Answer::error(format!("invalid addr '{value}'")))?;
        Ok(base::addr::Addr::inet(ip, 0))
    };
    let done: Result<(), Answer> = (|| {
        match what {
            "check-addr" => {
                (probes.check_address, probes.check_port) = (Some(address()?), second?.or(probes.check_port));
            }
            "check-port" => probes.check_port = Some(port(value)?),
            "agent-addr" => {
                (probes.agent_address, probes.agent_port) = (Some(address()?), second?.or(probes.agent_port));
            }
            "agent-port" => probes.agent_port = Some(port(value)?),
            _ => probes.agent_send = Some(value.as_bytes().into()),
        }
        Ok(())
    })();
    if let Err(answer) = done {
        return answer;
    }
    server.probes.store(Arc::new(probes));
    Answer::Silence
}

fn set_address(cx: &CommandCx<'_>, server: &Arc<Server>) -> Answer {
    if !cx.has(2) {
        return Answer::error("set server <b>/<s> addr requires an address and optionally a port.");
    }
    let text = cx.arg(2);
    let Ok(ip) = text.parse::<IpAddr>() else { return Answer::error(format!("Invalid addr '{text}'")) };
    let old = server.address.load_full();
    let (Some(old_ip), Some(old_port)) = (old.ip(), old.port()) else {
        return Answer::error(format!("Invalid addr '{text}'"));
    };
    let port = if cx.arg(3) == "port" {
        match cx.arg(4).parse::<u16>() {
            Ok(port) => port,
            Err(_) => return Answer::error(format!("problem converting port '{}' to an int", cx.arg(4))),
        }
    } else {
        old_port
    };
    let mut changes = Vec::new();
    if ip != old_ip {
        changes.push(format!("IP changed from '{old_ip}' to '{ip}'"));
    }
    if port != old_port {
        changes.push(format!("port changed from '{old_port}' to '{port}'"));
    }
    if changes.is_empty() {
        return Answer::Message(Severity::Notice, "nothing changed".into());
    }
    server.move_to(base::addr::Addr::inet(ip, port));
    Answer::notice(format!("{} by 'stats socket command'", changes.join(", ")))
}
