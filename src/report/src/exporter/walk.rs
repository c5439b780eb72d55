//! The walk over all metrics and all objects.

use std::borrow::Cow;

use backend::server::Admin;
use backend::{Running, Server};
use config::State;
use stats::columns::Column as C;
use stats::field::Field;
use stats::{Info, Value};
use stream::ListenerFacts;
use stream::site::{BackendSide, Common};

use super::Kind;
use super::lines::{Labels, Lines, head, number};
use super::metrics::{BACKENDS, FRONTENDS, GLOBAL, Global, LISTENERS, Metric, Of, SERVERS};
use super::query::{Query, Scope, Shown};
use super::states;
use crate::figures::{Numbers, figures};
use crate::rows::{Side, sides};
use crate::server::is_checked;
use crate::survey::{Survey, is_http};
use crate::traffic::Door;

/// Whether there is more to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Done,
}

/// One after the other: each metric of each kind of objects, and for each metric all objects.
pub(super) struct Walk {
    survey: Survey,
    query: Query,
    sides: Vec<Side>,
    /// The process as it was when the walk began.
    process: Option<Info>,
    at: Position,
    begun: Begun,
}

/// Where a walk is.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    scope: usize,
    metric: usize,
    /// Of a metric that has several values of each object, not together.
    part: usize,
    side: usize,
    object: usize,
}

/// Whether a metric's first value has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
}

/// The kinds of objects that there are, in the order of the output. There are no tables and no resolvers yet.
const SCOPES: [Scope; 5] = [Scope::Global, Scope::Frontend, Scope::Listener, Scope::Backend, Scope::Server];

/// A metric of the walk.
struct Item {
    name: Cow<'static, str>,
    metric: Metric,
    /// The protocol whose figure it is.
    module: Option<&'static str>,
}

impl Walk {
    pub(super) fn new(survey: Survey, query: Query) -> Self {
        let process = if query.includes(Scope::Global) { figures(&survey, Numbers::Whole) } else { None };
        let sides = sides(&survey.site);
        Self { survey, query, sides, process, at: Position::default(), begun: Begun::No }
    }

    /// Goes one step, and writes what is found there.
    pub(super) fn step(&mut self, out: &mut String) -> Progress {
        let Some(&scope) = SCOPES.get(self.at.scope) else { return Progress::Done };
        if !self.query.includes(scope) {
            self.next_scope();
        } else if scope == Scope::Global {
            self.global(out);
        } else {
            self.object(scope, out);
        }
        Progress::More
    }

    fn next_scope(&mut self) {
        self.at = Position { scope: self.at.scope + 1, ..Position::default() };
        self.begun = Begun::No;
    }

    fn next_metric(&mut self) {
        self.at = Position { scope: self.at.scope, metric: self.at.metric + 1, ..Position::default() };
        self.begun = Begun::No;
    }

    fn next_side(&mut self) {
        self.at.side += 1;
        self.at.object = 0;
    }

    /// The next metric of the process.
    fn global(&mut self, out: &mut String) {
        let Some(global) = GLOBAL.get(self.at.metric) else { return self.next_scope() };
        self.at.metric += 1;
        let name = format!("haproxy_process_{}", global.name);
        let Some(process) = self.process.as_ref().filter(|_| self.query.wants(&name)) else { return };
        let value = process.get(global.figure);
        let mut labels = Labels::new();
        let shown = match (global.label, value) {
            (None, value) => number(value),
            (Some(label), Some(Value::Text(text))) => {
                labels.add(label, text);
                "1".to_owned()
            }
            (Some(_), _) => return,
        };
        let description = self.survey.program.as_ref().and_then(|program| program.description.as_deref());
        if self.query.descriptions == Shown::Yes
            && let Some(text) = description.filter(|_| global.label != Some("desc"))
        {
            labels.add("desc", text);
        }
        head(out, &name, global.kind, about_process(global));
        labels.line(out, &name, &shown);
    }

    /// The metric of this kind of objects that is under way.
    fn item(&self, scope: Scope) -> Option<Item> {
        let (prefix, table) = match scope {
            Scope::Frontend => ("haproxy_frontend_", FRONTENDS),
            Scope::Listener => ("haproxy_listener_", LISTENERS),
            Scope::Backend => ("haproxy_backend_", BACKENDS),
            _ => ("haproxy_server_", SERVERS),
        };
        if let Some(metric) = table.get(self.at.metric) {
            let name = format!("{prefix}{}", metric.name).into();
            return Some(Item { name, metric: *metric, module: None });
        }
        let column = *C::of_protocols().get(self.at.metric - table.len())?;
        if self.query.extra == Shown::No {
            return None;
        }
        let name = column.field().name;
        let metric = Metric { name, kind: Kind::Counter, of: Of::Column(column) };
        let module = column.module();
        Some(Item { name: format!("{prefix}{name}").into(), metric, module })
    }

    /// The next object for the metric that is under way.
    fn object(&mut self, scope: Scope, out: &mut String) {
        let Some(item) = self.item(scope) else { return self.next_scope() };
        if !self.query.wants(&item.name) {
            return self.next_metric();
        }
        let Some(&side) = self.sides.get(self.at.side) else {
            self.at = Position { part: self.at.part + 1, side: 0, object: 0, ..self.at };
            if item.metric.of != Of::Responses || self.at.part == states::CODES.len() {
                self.next_metric();
            }
            return;
        };
        let survey = self.survey.clone();
        match (scope, side) {
            (Scope::Frontend, Side::Front(index)) => {
                self.frontend(&survey, index, &item, out);
                self.next_side();
            }
            (Scope::Listener, Side::Front(index)) => {
                let found = survey.traffic.as_ref().and_then(|t| t.listeners(index).nth(self.at.object));
                match found {
                    Some(facts) => {
                        self.at.object += 1;
                        self.listener(&survey, facts, &item, out);
                    }
                    None => self.next_side(),
                }
            }
            (Scope::Backend, Side::Back(index)) => {
                self.backend(&survey, &survey.site.backends[index], &item, out);
                self.next_side();
            }
            (Scope::Server, Side::Back(index)) => {
                let backend = &survey.site.backends[index];
                match backend.core.servers.load().get(self.at.object) {
                    Some(server) => {
                        self.at.object += 1;
                        self.server(&survey, (backend, server), &item, out);
                    }
                    None => self.next_side(),
                }
            }
            _ => self.next_side(),
        }
    }

    fn frontend(&mut self, survey: &Survey, index: usize, item: &Item, out: &mut String) {
        let common = &survey.site.frontends[index].common;
        if common.notes.state == State::Disabled {
            return;
        }
        let lines = match item.metric.of {
            Of::Status => {
                let up = survey.door(index) != Door::Stopped;
                Lines::State(states::PROXY, Some(if up { "UP" } else { "DOWN" }))
            }
            of => self.of_column(of, common, |column| survey.frontend(index, column)),
        };
        self.write(out, item, &lines, self.labels(common, item));
    }

    fn backend(&mut self, survey: &Survey, backend: &BackendSide, item: &Item, out: &mut String) {
        if backend.state == State::Disabled {
            return;
        }
        let servers = backend.core.servers.load();
        let count = |states: &'static [&'static str], of: fn(&Server) -> Option<&'static str>| {
            let counted = |state: &&'static str| {
                (*state, servers.iter().filter(|server| of(server) == Some(*state)).count())
            };
            if servers.is_empty() {
                Lines::Nothing
            } else {
                Lines::Counts(states.iter().map(counted).collect())
            }
        };
        let lines = match item.metric.of {
            Of::Status => {
                let up = backend.core.running() == Running::Yes;
                Lines::State(states::PROXY, Some(if up { "UP" } else { "DOWN" }))
            }
            Of::Servers => count(states::SERVER, |server| Some(states::of_server(server))),
            Of::Checks => {
                count(states::CHECK, |server| states::of_check(server).filter(|_| is_checked(server)))
            }
            of => self.of_column(of, &backend.common, |column| survey.backend(backend, column)),
        };
        self.write(out, item, &lines, self.labels(&backend.common, item));
    }

    fn listener(&mut self, survey: &Survey, facts: &ListenerFacts, item: &Item, out: &mut String) {
        if facts.counters.is_none() {
            return;
        }
        let common = &survey.site.frontends[facts.frontend].common;
        let lines = match (item.metric.of, survey.listener(facts, C::Status)) {
            (Of::Status, Some(Value::Text(status))) => {
                let held = states::LISTENER.iter().find(|state| **state == status);
                Lines::State(states::LISTENER, held.copied())
            }
            (of, _) => self.of_column(of, common, |column| survey.listener(facts, column)),
        };
        let name = survey.listener(facts, C::Svname);
        let labels = self.inner_labels(common, ("listener", &text_of(name)), item);
        self.write(out, item, &lines, labels);
    }

    fn server(
        &mut self,
        survey: &Survey,
        (backend, server): (&BackendSide, &Server),
        item: &Item,
        out: &mut String,
    ) {
        let in_maintenance = server.admin() == Admin::Maintenance;
        if in_maintenance && self.query.maintenance == Shown::No {
            return;
        }
        let figure = |column| survey.server(backend, server, column);
        let checked = is_checked(server) && !in_maintenance;
        let lines = match item.metric.of {
            Of::Status => Lines::State(states::SERVER, Some(states::of_server(server))),
            Of::CheckStatus | Of::CheckCode | Of::CheckDuration if !checked => Lines::Nothing,
            Of::CheckStatus => Lines::State(states::CHECK, states::of_check(server)),
            Of::CheckCode => Lines::One(figure(C::CheckCode).or(Some(Value::U32(0)))),
            Of::CheckDuration => match figure(C::CheckDuration) {
                Some(millis) => Lines::Seconds(Some(millis)),
                None => Lines::Nothing,
            },
            Of::AgentStatus | Of::AgentCode | Of::AgentDuration => match figure(C::AgentStatus) {
                None => Lines::Nothing,
                Some(status) if item.metric.of == Of::AgentStatus => {
                    Lines::State(states::CHECK, states::of_text(&text_of(Some(status))))
                }
                Some(_) if item.metric.of == Of::AgentCode => {
                    Lines::One(figure(C::AgentCode).or(Some(Value::U32(0))))
                }
                Some(_) => {
                    figure(C::AgentDuration).map_or(Lines::Nothing, |millis| Lines::Seconds(Some(millis)))
                }
            },
            of => self.of_column(of, &backend.common, figure),
        };
        let labels = self.inner_labels(&backend.common, ("server", &server.facts.name), item);
        self.write(out, item, &lines, labels);
    }

    /// The lines of a metric whose values are those of columns.
    fn of_column(&self, of: Of, common: &Common, figure: impl Fn(C) -> Option<Value>) -> Lines {
        let codes = [C::Hrsp1xx, C::Hrsp2xx, C::Hrsp3xx, C::Hrsp4xx, C::Hrsp5xx, C::HrspOther];
        match of {
            Of::Http(_) | Of::Responses if !is_http(common) => Lines::Nothing,
            // Figures of protocols that an object does not have are no matter of it.
            Of::Column(column) if column.is_of_protocol() => {
                figure(column).map_or(Lines::Nothing, |value| Lines::One(Some(value)))
            }
            Of::Column(column) | Of::Http(column) => Lines::One(figure(column)),
            Of::Seconds(column) => Lines::Seconds(figure(column)),
            Of::Responses => Lines::Code(states::CODES[self.at.part], figure(codes[self.at.part])),
            Of::Status
            | Of::CheckStatus
            | Of::CheckCode
            | Of::CheckDuration
            | Of::AgentStatus
            | Of::AgentCode
            | Of::AgentDuration
            | Of::Servers
            | Of::Checks => Lines::Nothing,
        }
    }

    /// The labels of a proxy.
    fn labels(&self, common: &Common, item: &Item) -> Labels {
        let mut labels = Labels::new();
        labels.add("proxy", &common.facts.name);
        if let Some(module) = item.module {
            labels.add("mod", module);
        }
        self.describe(&mut labels, common);
        labels
    }

    /// The labels of something within a proxy.
    fn inner_labels(&self, common: &Common, (kind, name): (&str, &str), item: &Item) -> Labels {
        let mut labels = Labels::new();
        labels.add("proxy", &common.facts.name);
        self.describe(&mut labels, common);
        labels.add(kind, name);
        if let Some(module) = item.module {
            labels.add("mod", module);
        }
        labels
    }

    fn describe(&self, labels: &mut Labels, common: &Common) {
        if self.query.descriptions == Shown::Yes
            && let Some(text) = &common.notes.description
        {
            labels.add("desc", text);
        }
    }

    fn write(&mut self, out: &mut String, item: &Item, lines: &Lines, labels: Labels) {
        if matches!(lines, Lines::Nothing) {
            return;
        }
        if self.begun == Begun::No {
            self.begun = Begun::Yes;
            head(out, &item.name, item.metric.kind, about(item.metric.of));
        }
        lines.write(out, &item.name, labels);
    }
}

fn text_of(value: Option<Value>) -> Cow<'static, str> {
    match value {
        Some(Value::Text(text)) => text,
        _ => Cow::Borrowed(""),
    }
}

fn about_process(global: &Global) -> &'static str {
    let field: &Field = global.figure.field();
    field.about
}

/// What a metric means.
fn about(of: Of) -> &'static str {
    match of {
        Of::Column(column) | Of::Http(column) => column.field().about,
        Of::Seconds(column) => in_seconds(column),
        Of::Responses => "responses, by class of status",
        Of::Status => "1 for the state that holds, 0 for the others",
        Of::CheckStatus => "1 for the outcome of the last check, 0 for the others",
        Of::CheckCode => C::CheckCode.field().about,
        Of::CheckDuration => "seconds that the last check took",
        Of::AgentStatus => "1 for the outcome of the last agent check, 0 for the others",
        Of::AgentCode => C::AgentCode.field().about,
        Of::AgentDuration => "seconds that the last agent check took",
        Of::Servers => "servers by state",
        Of::Checks => "checked servers by the outcome of their last check",
    }
}

/// What a time means that columns show in milliseconds.
fn in_seconds(column: C) -> &'static str {
    match column {
        C::Qtime => "seconds in the queue, average of the last 1024",
        C::Ctime => "seconds to connect, average of the last 1024",
        C::Rtime => "seconds to the response, average of the last 1024",
        C::Ttime => "seconds in all, average of the last 1024",
        C::QtimeMax => "longest time in the queue, in seconds",
        C::CtimeMax => "longest time to connect, in seconds",
        C::RtimeMax => "longest time to the response, in seconds",
        C::TtimeMax => "longest time in all, in seconds",
        other => other.field().about,
    }
}
