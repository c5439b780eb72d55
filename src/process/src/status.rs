//! What the process says of its proxies when it is asked, and when it stops.

use std::sync::Arc;

use backend::settings::Role;
use backend::{Server, Status};
use config::{Draft, ProxyKind};
use log::Level;
use stream::Site;

use crate::report::Reporter;

/// A proxy, as messages name it, and its sides in the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) name: String,
    pub(crate) title: &'static str,
    pub(crate) frontend: Option<usize>,
    pub(crate) backend: Option<usize>,
}

impl Proxy {
    /// `frontend www`.
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.title, self.name)
    }
}

/// The proxies of a configuration, in order.
pub(crate) fn proxies(draft: &Draft, site: &Site) -> Vec<Proxy> {
    let real = draft.proxies.iter().enumerate().filter(|(_, p)| p.kind != ProxyKind::Defaults);
    let proxy = |(index, p): (usize, &config::ProxyDraft)| Proxy {
        name: p.name.to_string(),
        title: p.kind.title(),
        frontend: site.frontends.iter().position(|f| f.proxy == index),
        backend: if p.kind.has_backend() { site.backend(&p.name) } else { None },
    };
    real.map(proxy).collect()
}

/// The connections of a proxy now and since the start, on both sides.
struct Load {
    front: u64,
    back: u64,
    front_total: u64,
    back_total: u64,
}

fn load(proxy: &Proxy, site: &Site) -> Load {
    let front = proxy.frontend.map(|i| &site.frontends[i].counters);
    let back = proxy.backend.map(|i| &site.backends[i].core.counters);
    Load {
        front: front.map_or(0, |c| c.current.get()),
        back: back.map_or(0, |c| c.current.get()),
        front_total: front.map_or(0, |c| c.events.sum(|e| e.connections.get())),
        back_total: back.map_or(0, |c| c.events.sum(|e| e.sessions.get())),
    }
}

/// What is said of each proxy when it takes no more connections.
pub(crate) fn stopped(proxies: &[Proxy], site: &Site) -> Vec<(usize, String)> {
    let text = |proxy: &Proxy| {
        let load = load(proxy, site);
        format!(
            "Proxy {} stopped (cumulated conns: FE: {}, BE: {}).",
            proxy.name, load.front_total, load.back_total
        )
    };
    proxies.iter().enumerate().map(|(i, p)| (i, text(p))).collect()
}

/// What is said of the proxies whose connections end at once.
pub(crate) fn hard_stopped(proxies: &[Proxy], site: &Site) -> Vec<(usize, String)> {
    let left = proxies.iter().enumerate().map(|(i, p)| (i, p, load(p, site).front));
    left.filter(|(_, _, n)| *n > 0)
        .map(|(i, p, n)| (i, format!("Proxy {} hard-stopped ({n} remaining conns will be closed).", p.name)))
        .collect()
}

/// Says something in the logs of a proxy.
pub(crate) fn log(proxy: &Proxy, site: &Site, text: &str) {
    if let Some(frontend) = proxy.frontend {
        site.frontends[frontend].log.message(Level::Warning, text);
    } else if let Some(backend) = proxy.backend {
        site.backends[backend].log.message(Level::Warning, text);
    }
}

/// Says how all servers are (`SIGHUP`).
pub(crate) fn dump(proxies: &[Proxy], site: &Site, reporter: &mut Reporter) {
    let mut say = |proxy: Option<&Proxy>, text: String| {
        if let Some(proxy) = proxy {
            log(proxy, site, &text);
        }
        reporter.warn(text);
    };
    say(None, "SIGHUP received, dumping servers states.".to_owned());
    for proxy in proxies {
        let servers = proxy.backend.map(|i| site.backends[i].core.servers.load_full()).unwrap_or_default();
        for server in servers.iter() {
            say(Some(proxy), server_line(proxy, server));
        }
        let load = load(proxy, site);
        let queue = proxy.backend.map(|i| &site.backends[i].core.queue);
        let (queued, unassigned) = queue.map_or((0, 0), |q| (q.all_waiting(), q.waiting()));
        let connections = format!(
            "Conn: act(FE+BE): {}+{}, {queued} pend ({unassigned} unass), tot(FE+BE): {}+{}.",
            load.front, load.back, load.front_total, load.back_total
        );
        say(Some(proxy), format!("SIGHUP: Proxy {} {} {connections}", proxy.name, servers_of(&servers)));
    }
}

fn server_line(proxy: &Proxy, server: &Server) -> String {
    let common = &server.counters.common;
    let state = if server.status() == Status::Up { "UP" } else { "DOWN" };
    format!(
        "SIGHUP: Server {}/{} is {state}. Conn: {} act, {} pend, {} tot.",
        proxy.name,
        server.facts.name,
        common.current.get(),
        server.slots.waiting(),
        common.events.sum(|e| e.sessions.get())
    )
}

fn servers_of(servers: &[Arc<Server>]) -> String {
    let (backup, active): (Vec<_>, Vec<_>) =
        servers.iter().filter(|s| s.is_usable()).partition(|s| s.settings.role == Role::Backup);
    match (servers.len(), active.len(), backup.len()) {
        (0, ..) => "has no servers.".to_owned(),
        (_, 0, 0) => "has no server available !".to_owned(),
        (_, 0, backup) => format!("is running on {backup} backup servers."),
        (_, active, backup) => {
            format!("has {active} active servers and {backup} backup servers available.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_without_servers_says_so() {
        assert_eq!(servers_of(&[]), "has no servers.");
    }

    #[test]
    fn proxies_are_named_by_their_keyword() {
        let proxy = Proxy { name: "www".into(), title: "frontend", frontend: None, backend: None };
        assert_eq!(proxy.label(), "frontend www");
    }
}
