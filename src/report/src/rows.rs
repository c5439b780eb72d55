//! The rows of `show stat`, one at a time.

use config::State;
use stats::columns::Column as C;
use stats::{Object, Row, Value};
use stream::Site;
use stream::site::Common;

use backend::server::Admin;
use backend::{Running, Server};

use crate::survey::Survey;

/// Which servers are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Servers {
    /// All.
    #[default]
    All,
    /// Those that are not in maintenance (`no-maint`).
    Wanted,
    /// Those that are up (`up`).
    Up,
}

impl Servers {
    /// Whether a server is one of them.
    pub fn include(self, server: &Server) -> bool {
        match self {
            Self::All => true,
            Self::Wanted => server.admin() != Admin::Maintenance,
            Self::Up => server.running() == Running::Yes,
        }
    }
}

/// Whether addresses and the like are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// They are not for everybody's eyes.
    #[default]
    Public,
    /// They are.
    Full,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// The id of the only proxy to show.
    pub proxy: Option<u32>,
    /// The kinds of objects, as bits; `None` for all.
    pub kinds: Option<u32>,
    /// The id of the only server to show.
    pub id: Option<u32>,
    /// Which servers are shown.
    pub servers: Servers,
    /// How much is told of each.
    pub detail: Detail,
}

impl Query {
    fn wants(&self, object: Object, id: u32) -> bool {
        self.kinds.is_none_or(|bits| bits & object.bit() != 0) && self.id.is_none_or(|only| only == id)
    }
}

/// One side of a proxy, by its place in the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A frontend.
    Front(usize),
    /// A backend.
    Back(usize),
}

impl Side {
    /// What all proxies have.
    pub fn common(self, site: &Site) -> &Common {
        match self {
            Self::Front(index) => &site.frontends[index].common,
            Self::Back(index) => &site.backends[index].common,
        }
    }
}

/// All sides of all proxies, in the order of the configuration.
pub fn sides(site: &Site) -> Vec<Side> {
    let front = site.frontends.iter().enumerate().map(|(i, f)| (f.proxy, Side::Front(i)));
    let back = site.backends.iter().enumerate().map(|(i, b)| (b.proxy, Side::Back(i)));
    let mut sides: Vec<_> = front.chain(back).collect();
    // Stable: the front side of a listen section stays before its back side.
    sides.sort_by_key(|(proxy, _)| *proxy);
    sides.into_iter().map(|(_, side)| side).collect()
}

/// What a walk along one side finds at a step.
#[derive(Debug)]
pub enum Found {
    /// A row.
    Row(Row),
    /// Something that is not asked for.
    Hidden,
    /// The end of the side.
    End,
}

impl Survey {
    /// Step `at` of a walk along a side.
    pub fn step(&self, side: Side, at: usize, query: &Query) -> Found {
        match side {
            // What is not put to work has no figures.
            _ if side.common(&self.site).notes.state == State::Disabled => Found::End,
            Side::Front(index) => self.front_step(index, at, query),
            Side::Back(index) => self.back_step(index, at, query),
        }
    }

    fn front_step(&self, index: usize, at: usize, query: &Query) -> Found {
        let id = self.site.frontends[index].common.facts.id;
        if query.proxy.is_some_and(|only| only != id) {
            return Found::End;
        }
        if at == 0 {
            let wanted = query.wants(Object::Frontend, 0);
            return Found::of(wanted.then(|| row(Object::Frontend, (id, 0), |c| self.frontend(index, c))));
        }
        let listener = self.traffic.as_ref().and_then(|traffic| traffic.listeners(index).nth(at - 1));
        let Some(facts) = listener else { return Found::End };
        let wanted = facts.counters.is_some() && query.wants(Object::Listener, facts.id);
        Found::of(wanted.then(|| {
            let row = row(Object::Listener, (id, facts.id), |c| self.listener(facts, c));
            without_details(row, query.detail)
        }))
    }

    fn back_step(&self, index: usize, at: usize, query: &Query) -> Found {
        let backend = &self.site.backends[index];
        let id = backend.common.facts.id;
        if query.proxy.is_some_and(|only| only != id) {
            return Found::End;
        }
        let servers = backend.core.servers.load();
        if let Some(server) = servers.get(at) {
            let wanted = query.wants(Object::Server, server.facts.id) && query.servers.include(server);
            return Found::of(wanted.then(|| {
                let row = row(Object::Server, (id, server.facts.id), |c| self.server(backend, server, c));
                without_details(row, query.detail)
            }));
        }
        if at > servers.len() {
            return Found::End;
        }
        Found::of(query.wants(Object::Backend, 0).then(|| {
            let mut row = row(Object::Backend, (id, 0), |c| self.backend(backend, c));
            if query.servers != Servers::All
                && let Some(Value::Text(status)) = row.get(C::Status)
            {
                let working = servers.iter().filter(|s| s.running() == Running::Yes).count();
                let (up, rest) = status.split_once(' ').unwrap_or((status, ""));
                let rest = if rest.is_empty() { String::new() } else { format!(" {rest}") };
                let status = format!("{up} ({working}/{}){rest}", servers.len());
                row.set(C::Status, Value::Text(status.into()));
            }
            without_details(row, query.detail)
        }))
    }
}

impl Found {
    fn of(row: Option<Row>) -> Self {
        row.map_or(Self::Hidden, Self::Row)
    }
}

/// A row of all figures that an object has.
fn row(object: Object, (proxy, id): (u32, u32), figure: impl Fn(C) -> Option<Value>) -> Row {
    let mut row = Row::new(object, proxy, id);
    for column in C::ALL {
        if let Some(value) = figure(*column) {
            row.set(*column, value);
        }
    }
    row
}

fn without_details(mut row: Row, detail: Detail) -> Row {
    if detail == Detail::Public {
        row.clear(C::Addr);
        row.clear(C::Algo);
        row.clear(C::Cookie);
    }
    row
}
