//! Commands about frontends and backends.

use std::fmt::Write as _;
use std::sync::Arc;

use backend::server::{Admin, Status};
use backend::settings::Start;
use backend::{CheckStatus, Server};
use base::addr::Addr;
use config::directive::Switch;
use keyword::Answer;
use keyword::command::CommandCx;
use stream::Site;
use stream::site::BackendSide;
use stream::switching::Visibility;

use super::find;
use report::{Door, Traffic};

pub(super) fn backends(cx: &mut CommandCx<'_>) -> Answer {
    let mut text = "# name\n".to_owned();
    match find::site(cx) {
        Ok(site) => site.backends.iter().for_each(|b| {
            text.push_str(&b.common.facts.name);
            text.push('\n');
        }),
        Err(answer) => return answer,
    }
    Answer::text(text)
}

/// The backends that a command is about: the one it names, or all.
fn chosen<'s>(cx: &CommandCx<'_>, site: &'s Site) -> Result<Vec<&'s BackendSide>, Answer> {
    if !cx.has(0) {
        return Ok(site.backends.iter().collect());
    }
    match find::backend(site, &cx.arg(0)) {
        Some(backend) => Ok(vec![backend]),
        None => Err(Answer::error("Can't find backend.")),
    }
}

/// A table with a line for each server.
fn servers(
    cx: &CommandCx<'_>,
    head: &str,
    line: impl Fn(&Site, &BackendSide, &Server, &mut String),
) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let backends = match chosen(cx, &site) {
        Ok(backends) => backends,
        Err(answer) => return answer,
    };
    let mut text = head.to_owned();
    for backend in backends {
        for server in backend.core.servers.load().iter() {
            line(&site, backend, server, &mut text);
        }
    }
    Answer::text(text)
}

const STATE_HEAD: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state \
srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health \
srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl \
srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n";

pub(super) fn servers_state(cx: &mut CommandCx<'_>) -> Answer {
    servers(cx, STATE_HEAD, |site, backend, server, out| {
        let running = server.running() == backend::Running::Yes;
        let configured = if server.settings.start == Start::Disabled { 4 } else { 0 };
        let (admin, paused) = match server.admin() {
            Admin::Ready => (configured, 0),
            Admin::Drain => (configured + 8, 0),
            Admin::Maintenance => (configured + 1, 8),
        };
        let (check, probes) = (check_state(server), server.probes.load());
        let checks: check::CheckSettings = server.slots_of_features.get_or_default();
        let agent: check::AgentSettings = server.slots_of_features.get_or_default();
        let (address, port) = address_and_port(&server.address.load());
        let _ = writeln!(
            out,
            "{} {} {} {} {address} {} {admin} {} {} {} {} {} {} 0 0 - {port} - 0 {} {} {} {}",
            backend.common.facts.id,
            backend.common.facts.name,
            server.facts.id,
            server.facts.name,
            match (running, server.status()) {
                (false, _) => 0,
                (true, Status::Stopping) => 3,
                (true, _) => 2,
            },
            server.weight(),
            server.settings.weight,
            find::seconds_since(site, server.uptime.since()),
            check.outcome,
            if check.bits > 0 || configured > 0 { check.bits + paused } else { 0 },
            agent_bits(server),
            probes.check_port.or(checks.port).unwrap_or(0),
            written(probes.check_address.as_ref().or(checks.address.as_ref())),
            written(probes.agent_address.as_ref().or(agent.address.as_ref())),
            probes.agent_port.or(agent.port).unwrap_or(0),
        );
    })
}

/// The same bits for its agent.
fn agent_bits(server: &Server) -> u32 {
    match (check::has_agent(server), server.agent.is_suspended()) {
        (true, true) => 2 + 16,
        (true, false) => 2 + 4 + 16,
        (false, _) => 0,
    }
}

/// An address without its port, if there is one.
fn written(address: Option<&base::addr::Addr>) -> String {
    address.and_then(base::addr::Addr::ip).map_or_else(|| "-".to_owned(), |ip| ip.to_string())
}

/// A server's checks in the numbers of the state file.
struct CheckState {
    /// Status, result, and level.
    outcome: String,
    /// 2 for a server that is checked, 4 while it is.
    bits: u32,
}

fn check_state(server: &Server) -> CheckState {
    if !report::is_checked(server) {
        return CheckState { outcome: format!("1 0 {}", server.health.level().level), bits: 0 };
    }
    let ((last, _), level) = (server.health.last(), server.health.level().level);
    let status = match last.status {
        CheckStatus::Initializing => 1,
        CheckStatus::Checked => 3,
        CheckStatus::Observed => 4,
        CheckStatus::SocketError => 5,
        CheckStatus::L4Ok => 6,
        CheckStatus::L4Timeout => 7,
        CheckStatus::L4Connection => 8,
        CheckStatus::L6Ok => 9,
        CheckStatus::L6Timeout => 10,
        CheckStatus::L6Invalid => 11,
        CheckStatus::L7Timeout => 12,
        CheckStatus::L7Invalid => 13,
        CheckStatus::L7Ok => 15,
        CheckStatus::L7Conditional => 16,
        CheckStatus::L7Status => 17,
        CheckStatus::ProcessError => 18,
        CheckStatus::ProcessTimeout => 19,
        CheckStatus::ProcessOk => 20,
    };
    let result = match last.status {
        CheckStatus::Initializing => 0,
        status if status.passed() => 3,
        _ => 2,
    };
    let bits = if server.health.is_suspended() { 2 } else { 2 + 4 };
    CheckState { outcome: format!("{status} {result} {level}"), bits }
}

pub(super) fn servers_conn(cx: &mut CommandCx<'_>) -> Answer {
    let threads = cx.world.get::<Site>().map_or(1, |s| s.process.threads);
    let head = format!(
        "# bkname/svname bkid/svid addr port - purge_delay served used_cur used_max need_est idle_sess \
         unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[{threads}]\n"
    );
    servers(cx, &head, |_, backend, server, out| {
        let (address, port) = address_and_port(&server.address.load());
        let f = server.figures();
        let idle = server.known_connections().map(pool::Connections::idle_by_thread);
        let idle = idle.unwrap_or_else(|| vec![0; threads as usize]);
        let idle: Vec<_> = idle.iter().map(u64::to_string).collect();
        let pool = &server.settings.pool;
        let _ = writeln!(
            out,
            "{}/{} {}/{} {address} {port} - {} {} {} {} {} {} {} {} {} {} {}",
            backend.common.facts.name,
            server.facts.name,
            backend.common.facts.id,
            server.facts.id,
            pool.purge_delay.as_millis(),
            server.slots.served(),
            f.used,
            f.recent_max,
            f.need,
            f.private_idle,
            f.idle_tree,
            f.safe_tree,
            pool.max.map_or(-1, |n| n as i64),
            f.idle,
            idle.join(" "),
        );
    })
}

fn address_and_port(addr: &Addr) -> (String, u16) {
    match addr {
        Addr::Inet(inet) => (inet.ip().to_string(), inet.port()),
        unix @ Addr::Unix(_) => (unix.to_string(), 0),
    }
}

/// Does something with the frontend that the first argument names.
fn with_frontend(cx: &CommandCx<'_>, run: impl FnOnce(usize, &Arc<Traffic>) -> Answer) -> Answer {
    let (site, traffic) = match (find::site(cx), cx.world.get::<Traffic>()) {
        (Ok(site), Some(traffic)) => (site, traffic),
        (Err(answer), _) => return answer,
        (Ok(_), None) => return Answer::error("No such frontend."),
    };
    if !cx.has(0) {
        return Answer::error("A frontend name is expected.");
    }
    match find::frontend(&site, &cx.arg(0)) {
        Some((index, _)) => run(index, &traffic),
        None => Answer::error("No such frontend."),
    }
}

pub(super) fn enable_frontend(cx: &mut CommandCx<'_>) -> Answer {
    with_frontend(cx, |index, traffic| match traffic.door(index) {
        Door::Stopped => Answer::error("Frontend was previously shut down, cannot enable."),
        Door::Open => Answer::notice("All sockets are already enabled."),
        Door::Paused => match traffic.set(index, Door::Open) {
            Ok(()) => Answer::Silence,
            Err(_) => {
                Answer::error("Failed to resume frontend, check logs for precise cause (port conflict?).")
            }
        },
    })
}

pub(super) fn disable_frontend(cx: &mut CommandCx<'_>) -> Answer {
    with_frontend(cx, |index, traffic| match traffic.door(index) {
        Door::Stopped => Answer::error("Frontend was previously shut down, cannot disable."),
        Door::Paused => Answer::notice("All sockets are already disabled."),
        Door::Open => match traffic.set(index, Door::Paused) {
            Ok(()) => Answer::Silence,
            Err(_) => Answer::error("Failed to pause frontend, check logs for precise cause."),
        },
    })
}

pub(super) fn shutdown_frontend(cx: &mut CommandCx<'_>) -> Answer {
    with_frontend(cx, |index, traffic| match traffic.door(index) {
        Door::Stopped => Answer::error("Frontend was already shut down."),
        Door::Open | Door::Paused => {
            // Stopping a listener cannot fail.
            let _ = traffic.set(index, Door::Stopped);
            Answer::Silence
        }
    })
}

/// Does something with the backend that the first argument names.
fn with_backend(cx: &CommandCx<'_>, run: impl FnOnce(&BackendSide) -> Answer) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    if !cx.has(0) {
        return Answer::error("A backend name is expected.");
    }
    find::backend(&site, &cx.arg(0)).map_or_else(|| Answer::error("No such backend."), run)
}

pub(super) fn enable_cookies(cx: &mut CommandCx<'_>) -> Answer {
    with_backend(cx, |backend| {
        backend.core.compute_cookies(Switch::On);
        Answer::Silence
    })
}

pub(super) fn disable_cookies(cx: &mut CommandCx<'_>) -> Answer {
    with_backend(cx, |backend| {
        backend.core.compute_cookies(Switch::Off);
        Answer::Silence
    })
}

pub(super) fn set_cookie_key(cx: &mut CommandCx<'_>) -> Answer {
    let key = cx.arg(1);
    with_backend(cx, |backend| {
        if key.is_empty() {
            return Answer::error("String value expected.");
        }
        backend.core.set_cookie_key(key.as_bytes());
        Answer::Silence
    })
}

pub(super) fn publish_backend(cx: &mut CommandCx<'_>) -> Answer {
    set_visibility(cx, Visibility::Published)
}

pub(super) fn unpublish_backend(cx: &mut CommandCx<'_>) -> Answer {
    set_visibility(cx, Visibility::Unpublished)
}

/// Says whether frontends may choose the backend that the first argument names.
fn set_visibility(cx: &CommandCx<'_>, visibility: Visibility) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let Some(backend) = find::backend(&site, &cx.arg(0)) else { return Answer::error("No such backend.") };
    if backend.state == config::State::Disabled {
        return Answer::error("No effect on a disabled backend.");
    }
    backend.set_visibility(visibility);
    Answer::info(match visibility {
        Visibility::Published => "Backend published.",
        Visibility::Unpublished => "Backend unpublished.",
    })
}
