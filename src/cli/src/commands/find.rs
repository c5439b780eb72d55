//! Finding what commands name.

use std::sync::Arc;

use backend::Server;
use base::clock::Tick;
use keyword::Answer;
use keyword::command::CommandCx;
use stream::Site;
use stream::site::{BackendSide, Frontend};

/// The site, which is there whenever commands of the workers run.
pub(super) fn site(cx: &CommandCx<'_>) -> Result<Arc<Site>, Answer> {
    cx.world.get::<Site>().ok_or_else(|| Answer::error("This process carries no traffic."))
}

/// A backend by name, or by `#` and id.
pub(super) fn backend<'s>(site: &'s Site, name: &str) -> Option<&'s BackendSide> {
    match name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok()) {
        Some(id) => site.backends.iter().find(|b| b.common.facts.id == id),
        None => site.backend(name).map(|i| &site.backends[i]),
    }
}

/// A frontend by name, or by `#` and id, with its place.
pub(super) fn frontend<'s>(site: &'s Site, name: &str) -> Option<(usize, &'s Frontend)> {
    let id = name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
    let fits = |f: &Frontend| match id {
        Some(id) => f.common.facts.id == id,
        None => *f.common.facts.name == *name,
    };
    site.frontends.iter().enumerate().find(|(_, f)| fits(f))
}

/// The server of `backend/server`.
pub(super) fn server<'s>(site: &'s Site, name: &str) -> Result<(&'s BackendSide, Arc<Server>), Answer> {
    let Some((of, name)) = name.split_once('/') else {
        return Err(Answer::error("Require 'backend/server'."));
    };
    let backend = backend(site, of).ok_or_else(|| Answer::error("No such backend."))?;
    let id = name.strip_prefix('#').and_then(|id| id.parse::<u32>().ok());
    let servers = backend.core.servers.load();
    let found = servers.iter().find(|s| match id {
        Some(id) => s.facts.id == id,
        None => *s.facts.name == *name,
    });
    found.map(|s| (backend, s.clone())).ok_or_else(|| Answer::error("No such server."))
}

/// Seconds since a tick.
pub(super) fn seconds_since(site: &Site, tick: Tick) -> u64 {
    site.clock.now().since(tick).as_secs()
}
