//! What must be known of checks before what servers need is made.

use backend::{InitState, ServerDrafts};
use base::registry::Registry;
use config::{Check, Diagnostics, Draft, ProxyDraft, ProxyKind, Slots};

use crate::agent::AgentSettings;
use crate::external::ExternalChecks;
use crate::settings::{CheckSettings, Enabled, Method, ProxyChecks};

/// Runs before the checks of servers.
pub static EARLY_CHECKS: &[Check] = &[Check { name: "encrypted checks", run: prepare }];

/// How a server is checked: by the section that its line names, else as its proxy says.
pub fn checks_of(proxy: &ProxyChecks, server: &Slots) -> ProxyChecks {
    let checks = proxy.clone();
    if let Some(section) = server.get::<CheckSettings>().and_then(|s| s.section.as_ref()?.checks.clone()) {
        return ProxyChecks { timeout: checks.timeout, connect: checks.connect, log: checks.log, ..section };
    }
    checks
}

/// Tells a program that checks what `global` says of it.
fn prepare_program(proxy: &mut ProxyDraft, external: &ExternalChecks, diagnostics: &mut Diagnostics) {
    let (kind, title, name) = (proxy.kind, proxy.kind.title(), proxy.name.clone());
    let place = proxy.place.clone();
    let Some(checks) = proxy.slots.get::<ProxyChecks>() else { return };
    if !matches!(checks.method, Method::External) || kind == ProxyKind::Frontend {
        return;
    }
    if let Some(why) = obstacle(checks, external, kind) {
        let text = format!("{title} '{name}' : 'option external-check' {why}.");
        diagnostics.alert_at(checks.program.place.as_ref().unwrap_or(&place), text);
    }
    proxy.slots.get_mut::<ProxyChecks>().program.environment = external.environment;
}

/// Whether checks of a kind can speak a protocol.
fn is_spoken(protocol: net::Protocol, method: &Method) -> bool {
    (protocol == net::Protocol::None) != matches!(method, Method::Http(_))
}

/// Why no program can check the servers of a proxy. Its command may be said where the defaults are used.
fn obstacle(checks: &ProxyChecks, external: &ExternalChecks, kind: ProxyKind) -> Option<&'static str> {
    if !external.allowed.is_on() {
        Some("needs 'external-check' in the global section")
    } else if !external.forks.is_on() {
        Some("needs 'insecure-fork-wanted' in the global section")
    } else if checks.program.command.is_none() && kind != ProxyKind::Defaults {
        Some("needs an 'external-check command'")
    } else {
        None
    }
}

/// Looks up the sections that servers name. Servers whose checks want encrypted connections get what these need.
fn prepare(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let external: ExternalChecks = draft.global();
    let sections = &draft.sections;
    for proxy in &mut draft.proxies {
        prepare_program(proxy, &external, diagnostics);
        let (own, proxy_name): (ProxyChecks, _) = (proxy.slots.get_or_default(), proxy.name.clone());
        let asked = own.wants_tls();
        let settled = proxy.slots.get::<ServerDrafts>().is_some_and(|d| !d.defaults.is_empty());
        if proxy.slots.get::<ServerDrafts>().is_none() {
            continue;
        }
        for server in &mut proxy.slots.get_mut::<ServerDrafts>().list {
            let mut asks = asked;
            // Where there is a `default-server`, servers begin as they have always begun.
            let init = &mut server.slots.get_mut::<CheckSettings>().init;
            if settled && *init == InitState::Unsettled {
                *init = InitState::Up;
            }
            let lacks = |a: &AgentSettings| a.enabled == Enabled::Yes && a.port.is_none();
            if server.slots.get::<AgentSettings>().is_some_and(lacks) {
                let text = format!("'server {}' : 'agent-check' needs an 'agent-port'.", server.name);
                diagnostics.alert_at(&server.place, text);
            }
            if let Some(named) =
                server.slots.get::<CheckSettings>().and_then(|s| Some(s.section.as_ref()?.name.clone()))
            {
                let found = sections.iter().find(|s| s.kind == "healthcheck" && *s.name == *named);
                let Some(found) = found else {
                    let text = format!(
                        "'server {}' : 'healthcheck' : unable to find the section '{named}'.",
                        server.name
                    );
                    diagnostics.alert_at(&server.place, text);
                    continue;
                };
                let checks: ProxyChecks = found.slots.get_or_default();
                asks = checks.wants_tls();
                if let Some(section) = &mut server.slots.get_mut::<CheckSettings>().section {
                    section.checks = Some(checks);
                }
            }
            let said: CheckSettings = server.slots.get_or_default();
            let method =
                said.section.as_ref().and_then(|s| s.checks.as_ref()).map_or(&own.method, |c| &c.method);
            if said.enabled == Enabled::Yes && said.protocol.is_some_and(|p| !is_spoken(p, method)) {
                let text = format!(
                    "backend '{proxy_name}': server '{}' uses an incompatible MUX protocol for the selected check type",
                    server.name
                );
                diagnostics.alert_at(&server.place, text);
            }
            if asks {
                server.slots.get_mut::<tls::ServerSettings>().asked = tls::Use::Yes;
            }
        }
    }
}
