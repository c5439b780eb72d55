//! What an operator or an agent wants done with a server, and what is said of it.

use std::sync::Arc;

use backend::server::Admin;
use backend::settings::Role;
use backend::{Backend, InitState, Server, Status, Trend};
use base::clock::Tick;

use crate::run::tell;
use crate::settings::{CheckSettings, Enabled};
use crate::stage::{Reporter, Weight};

/// What messages call a server.
pub(crate) fn name_of(backend: &Backend, server: &Server) -> String {
    let kind = if server.settings.role == Role::Backup { "Backup " } else { "" };
    format!("{kind}Server {}/{}", backend.facts.name, server.facts.name)
}

/// What is left of the servers of a backend.
pub(crate) fn left(backend: &Backend, word: &str) -> String {
    let (active, backups) = backend.balancer.usable();
    let on_backup = if active == 0 && backups > 0 { " Running on backup." } else { "" };
    format!("{active} active and {backups} backup servers {word}.{on_backup}")
}

/// Says that a backend has no server any more, if so.
pub(crate) fn mourn(backend: &Backend, reporter: &dyn Reporter) {
    if backend.balancer.usable() == (0, 0) {
        let text = format!("backend '{}' has no server available!", backend.facts.name);
        reporter.report(Weight::Alert, &text);
    }
}

/// Does what is wanted with a server, and tells of it.
pub fn set_admin(backend: &Backend, server: &Arc<Server>, admin: Admin, reporter: &dyn Reporter, now: Tick) {
    let (before, was) = (server.admin(), server.status());
    if before == admin {
        return;
    }
    let was_usable = server.is_usable();
    if admin == Admin::Maintenance && !is_checked(server) {
        server.health.force(Trend::Down);
    }
    if before == Admin::Maintenance {
        start_anew(backend, server, now);
    }
    let moved = backend.set_admin(server, admin, now);
    let name = name_of(backend, server);
    let waiting = server.slots.waiting();
    let say = |weight, text: String| reporter.report(weight, &text);
    match (before, admin) {
        (_, Admin::Maintenance) if was == Status::Down => {
            say(Weight::Notice, format!("{name} was DOWN and now enters maintenance."));
        }
        (_, Admin::Maintenance) => {
            let sessions = server.counters.common.current.get();
            let text = format!(
                "{name} is going DOWN for maintenance. {} {sessions} sessions active, {moved} requeued, \
                 {waiting} remaining in queue.",
                left(backend, "left")
            );
            say(Weight::Warning, text);
        }
        (Admin::Maintenance, Admin::Drain) => {
            say(Weight::Notice, format!("{name} is UP/DRAIN (leaving forced maintenance)."));
            say(Weight::Notice, format!("{name} remains in forced drain mode."));
        }
        (Admin::Maintenance, Admin::Ready) => {
            let (is, admin) = (status(server), "READY");
            say(Weight::Notice, format!("{name} is {is}/{admin} (leaving forced maintenance)."));
        }
        (_, Admin::Drain) => {
            let text = format!(
                "{name} enters drain state. {} {moved} sessions requeued, {waiting} total in queue.",
                left(backend, "online")
            );
            say(Weight::Notice, text);
        }
        (_, Admin::Ready) => {
            say(Weight::Notice, format!("{name} is {} (leaving forced drain).", status(server)));
        }
    }
    if was_usable {
        mourn(backend, reporter);
    }
}

/// Lets a server be as an operator says, and tells of it.
pub fn set_status(
    backend: &Backend,
    server: &Arc<Server>,
    status: Status,
    reporter: &dyn Reporter,
    now: Tick,
) {
    let before = server.status();
    let moved = backend.set_status(server, status, now);
    // In maintenance nobody sees the difference.
    if before != status && server.admin() != Admin::Maintenance {
        tell(backend, server, reporter, (before, status), ", changed from CLI", moved);
    }
}

fn status(server: &Server) -> &'static str {
    if server.status() == Status::Down { "DOWN" } else { "UP" }
}

fn is_checked(server: &Server) -> bool {
    server.slots_of_features.get::<CheckSettings>().is_some_and(|c| c.enabled == Enabled::Yes)
}

/// A server that comes back begins as it began at the start.
fn start_anew(backend: &Backend, server: &Arc<Server>, now: Tick) {
    let settings: CheckSettings = server.slots_of_features.get_or_default();
    if settings.enabled == Enabled::No {
        return;
    }
    let init = if settings.init == InitState::Unsettled { InitState::Up } else { settings.init };
    begin(backend, server, &settings, init, now);
}

/// Sets the level and the status that a checked server begins with.
pub fn begin(backend: &Backend, server: &Arc<Server>, settings: &CheckSettings, init: InitState, now: Tick) {
    server.health.configure(settings.rise, settings.fall, init);
    let down = matches!(init, InitState::Down | InitState::FullyDown);
    backend.set_status(server, if down { Status::Down } else { Status::Up }, now);
}
