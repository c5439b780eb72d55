//! The figures of servers.

use backend::server::{Admin, Status};
use backend::settings::Role;
use backend::{Activity, CheckStatus, Health, Server};
use check::CheckSettings;
use check::settings::Enabled;
use stats::Value;
use stats::columns::Column as C;
use stream::site::BackendSide;

use crate::survey::{Survey, common, handshakes, is_http, text_of, with_port};

impl Survey {
    /// A server's figure.
    pub fn server(&self, backend: &BackendSide, server: &Server, column: C) -> Option<Value> {
        let backup = server.settings.role == Role::Backup;
        Some(match column {
            C::Svname => Value::Text(server.facts.name.to_string().into()),
            C::Status => Value::Text(status(server).into()),
            C::Weight | C::Uweight => Value::U32(server.weight()),
            C::Act => Value::U32(u32::from(!backup)),
            C::Bck => Value::U32(u32::from(backup)),
            C::Lastchg => Value::narrow(self.seconds_since(server.uptime.since())),
            C::SrvIcur => Value::narrow(server.figures().idle),
            C::IdleConnCur => Value::narrow(server.figures().idle_tree),
            C::SafeConnCur => Value::narrow(server.figures().safe_tree),
            C::UsedConnCur => Value::narrow(server.figures().used),
            C::NeedConnEst => Value::narrow(server.figures().need),
            C::PrivIdleCur => Value::narrow(server.figures().private_idle),
            C::Srid => Value::U32(0),
            C::Slim => Value::narrow(Some(server.maxconn()).filter(|n| *n > 0)?),
            C::Qlimit => Value::narrow(Some(server.settings.maxqueue).filter(|n| *n > 0)?),
            C::SrcIlim => Value::narrow(server.settings.pool.max?),
            C::Addr => Value::Text(with_port(&server.address.load()).into()),
            C::Cookie => text_of(&server.cookie()?),
            // What waits for a server is known to its slots.
            C::Qcur => Value::narrow(server.slots.waiting()),
            C::Qmax => Value::narrow(server.slots.waiting_max.get()),
            C::ReqTot if !is_http(&backend.common) => return None,
            other => {
                return common(&backend.common, other)
                    .or_else(|| self.checks(server, other))
                    .or_else(|| agent(server, other))
                    .or_else(|| self.back_events(&server.counters.common, &backend.common, other))
                    .or_else(|| handshakes(&server.counters.common.tls, other));
            }
        })
    }

    /// What checks found out.
    fn checks(&self, server: &Server, column: C) -> Option<Value> {
        if !is_checked(server) {
            return None;
        }
        let c = &server.counters;
        match column {
            C::Chkfail => return Some(Value::U64(c.failed_checks.get())),
            C::Chkdown => return Some(Value::U64(c.common.downs.get())),
            C::Downtime => {
                let down = server.uptime.down_time(server.running(), self.now());
                return Some(Value::narrow(down.as_secs()));
            }
            _ if server.admin() == Admin::Maintenance => return None,
            _ => {}
        }
        let ((last, _), level) = (server.health.last(), server.health.level());
        Some(match column {
            C::CheckStatus => Value::Text(check_status(&server.health, last.status).into()),
            C::CheckDesc => Value::word(last.status.describe()),
            C::CheckRise => Value::narrow(u64::from(level.rise)),
            C::CheckFall => Value::narrow(u64::from(level.fall)),
            C::CheckHealth => Value::narrow(u64::from(level.level)),
            C::CheckDuration if last.status != CheckStatus::Initializing => Value::U64(last.millis),
            C::CheckCode => Value::narrow(u64::from(last.code?)),
            C::LastChk if !last.info.is_empty() => Value::Text(last.info.into()),
            _ => return None,
        })
    }
}

/// What the agent says.
fn agent(server: &Server, column: C) -> Option<Value> {
    if !check::has_agent(server) {
        return None;
    }
    let ((last, _), level) = (server.agent.last(), server.agent.level());
    Some(match column {
        C::AgentStatus => Value::Text(check_status(&server.agent, last.status).into()),
        C::AgentDesc => Value::word(last.status.describe()),
        C::AgentRise => Value::narrow(u64::from(level.rise)),
        C::AgentFall => Value::narrow(u64::from(level.fall)),
        C::AgentHealth => Value::narrow(u64::from(level.level)),
        C::AgentDuration => Value::U64(last.millis),
        C::AgentCode => Value::narrow(u64::from(last.code?)),
        C::LastAgt if !last.info.is_empty() => Value::Text(last.info.into()),
        _ => return None,
    })
}

/// Whether a server is checked.
pub fn is_checked(server: &Server) -> bool {
    server.slots_of_features.get::<CheckSettings>().is_some_and(|c| c.enabled == Enabled::Yes)
}

/// A server's status, with its way to the other side when it is between the two.
fn status(server: &Server) -> String {
    let up = match (server.admin(), server.status()) {
        (Admin::Maintenance, _) => return "MAINT".to_owned(),
        (_, Status::Down) if check::has_agent(server) && !server.agent.level().is_up() => {
            return "DOWN (agent)".to_owned();
        }
        (Admin::Drain, Status::Up | Status::Stopping) if check::has_agent(server) => "DRAIN (agent)",
        (Admin::Drain, Status::Up | Status::Stopping) => "DRAIN",
        (Admin::Ready, Status::Stopping) => "NOLB",
        (Admin::Ready, Status::Up) if is_checked(server) => "UP",
        (Admin::Ready, Status::Up) => return "no check".to_owned(),
        (_, Status::Down) => "DOWN",
    };
    let level = server.health.level();
    match server.status() {
        _ if !is_checked(server) => up.to_owned(),
        Status::Up | Status::Stopping if level.level + 1 < level.rise + level.fall => {
            format!("{up} {}/{}", i64::from(level.level) + 1 - i64::from(level.rise), level.fall)
        }
        Status::Down if level.level > 0 => format!("{up} {}/{}", level.level, level.rise),
        Status::Up | Status::Down | Status::Stopping => up.to_owned(),
    }
}

/// The last outcome; a star tells that the next one is on its way.
fn check_status(health: &Health, last: CheckStatus) -> String {
    let star = if health.activity() == Activity::Checking { "* " } else { "" };
    format!("{star}{}", last.code())
}
