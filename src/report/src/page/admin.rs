//! Changes of servers that a page's form asks for.

use std::sync::Arc;

use backend::server::{Admin, Status};
use backend::{Health, Server, Trend};
use http::RequestHead;
use http::uri::{Plus, url_decode};
use stream::live::{Selection, end_here};
use stream::site::BackendSide;
use stream::{Crew, Herald};

use super::request::Page;
use super::uri::Outcome;
use crate::server::is_checked;
use crate::survey::Survey;

/// What may be done to servers, with the words of the form; older words are still understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Ready,
    Drain,
    Maintenance,
    /// Out of maintenance, if the server is there.
    Enable,
    /// Into maintenance, if it is not.
    Disable,
    /// Out of draining, if the server does.
    Start,
    /// Into draining, if it does not.
    Stop,
    DisableHealth,
    EnableHealth,
    HealthUp,
    HealthStopping,
    HealthDown,
    DisableAgent,
    EnableAgent,
    AgentUp,
    AgentDown,
    Shutdown,
}

/// The actions that the form offers.
pub(super) const OFFERED: &[(&str, &str)] = &[
    ("ready", "State: READY"),
    ("drain", "State: DRAIN"),
    ("maint", "State: MAINT"),
    ("dhlth", "Health: no checks"),
    ("ehlth", "Health: checks"),
    ("hrunn", "Health: UP"),
    ("hnolb", "Health: NOLB"),
    ("hdown", "Health: DOWN"),
    ("dagent", "Agent: no checks"),
    ("eagent", "Agent: checks"),
    ("arunn", "Agent: UP"),
    ("adown", "Agent: DOWN"),
    ("shutdown", "End the sessions"),
];

impl Action {
    fn by_word(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"ready" => Self::Ready,
            b"drain" => Self::Drain,
            b"maint" => Self::Maintenance,
            b"enable" => Self::Enable,
            b"disable" => Self::Disable,
            b"start" => Self::Start,
            b"stop" => Self::Stop,
            b"dhlth" => Self::DisableHealth,
            b"ehlth" => Self::EnableHealth,
            b"hrunn" => Self::HealthUp,
            b"hnolb" => Self::HealthStopping,
            b"hdown" => Self::HealthDown,
            b"dagent" => Self::DisableAgent,
            b"eagent" => Self::EnableAgent,
            b"arunn" => Self::AgentUp,
            b"adown" => Self::AgentDown,
            b"shutdown" => Self::Shutdown,
            _ => return None,
        })
    }
}

/// A form that was filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    backend: Option<Vec<u8>>,
    servers: Vec<Vec<u8>>,
    action: Option<Vec<u8>>,
    faulty: Option<Faulty>,
}

/// A part of a form that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Faulty;

impl Request {
    /// Reads the body of a form.
    pub(super) fn parse(body: &[u8]) -> Self {
        let mut request = Self::default();
        for pair in body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let mut words = pair.splitn(2, |b| *b == b'=');
            let (name, mut value) = (words.next().unwrap_or_default(), Vec::new());
            let Some(text) =
                words.next().filter(|text| url_decode(text, Plus::Everywhere, &mut value).is_some())
            else {
                request.faulty = Some(Faulty);
                continue;
            };
            match name {
                b"s" if !text.is_empty() => request.servers.push(value),
                b"b" => request.backend = Some(value),
                b"action" => request.action = Some(value),
                _ => {}
            }
        }
        request
    }
}

/// Does what a form asks for.
pub(super) fn apply(request: &Request, page: &Page, survey: &Survey, crew: Option<&Crew>) -> Outcome {
    if request.faulty.is_some() {
        return Outcome::Invalid;
    }
    let (Some(backend), Some(action)) = (&request.backend, &request.action) else { return Outcome::Nothing };
    let Some(action) = Action::by_word(action) else { return Outcome::Invalid };
    let name = String::from_utf8_lossy(backend);
    let Some(backend) = find(survey, &name) else {
        // Whether there is such a backend is nobody's business who may not see it.
        let hidden = !name.starts_with('#') && !page.covers(&name);
        return if hidden { Outcome::Denied } else { Outcome::Invalid };
    };
    if !page.covers(&backend.common.facts.name) {
        return Outcome::Denied;
    }
    let (mut changed, mut unknown) = (0, 0);
    for name in &request.servers {
        let servers = backend.core.servers.load();
        match servers.iter().find(|server| *server.facts.name.as_bytes() == **name) {
            None => unknown += 1,
            Some(server) if change(action, survey, backend, server, crew) => changed += 1,
            Some(_) => {}
        }
    }
    match (changed, unknown) {
        (0, 0) => Outcome::Nothing,
        (0, _) => Outcome::Invalid,
        (_, 0) => Outcome::Done,
        _ => Outcome::Partial,
    }
}

/// A backend by its name, or by `#` and its id.
fn find<'s>(survey: &'s Survey, name: &str) -> Option<&'s BackendSide> {
    let site = &survey.site;
    match name.strip_prefix('#') {
        Some(id) => {
            let id: u32 = id.parse().ok()?;
            site.backends.iter().find(|backend| backend.common.facts.id == id)
        }
        None => site.backend(name).map(|index| &site.backends[index]),
    }
}

/// Changes one server; tells whether there was anything to do.
fn change(
    action: Action,
    survey: &Survey,
    backend: &BackendSide,
    server: &Arc<Server>,
    crew: Option<&Crew>,
) -> bool {
    let subject = Subject { survey, backend, server };
    match action {
        // A state that is asked for by name is reached, even if it was before.
        Action::Ready => subject.reach(Admin::Ready),
        Action::Drain => subject.reach(Admin::Drain),
        Action::Maintenance => subject.reach(Admin::Maintenance),
        Action::Disable => subject.turn(Admin::Maintenance),
        Action::Stop => subject.turn(Admin::Drain),
        Action::Enable => server.admin() == Admin::Maintenance && subject.turn(Admin::Ready),
        Action::Start => server.admin() == Admin::Drain && subject.turn(Admin::Ready),
        Action::Shutdown => subject.shut(crew),
        Action::DisableAgent | Action::EnableAgent | Action::AgentUp | Action::AgentDown => {
            check::has_agent(server) && subject.agent(action)
        }
        Action::DisableHealth
        | Action::EnableHealth
        | Action::HealthUp
        | Action::HealthStopping
        | Action::HealthDown => is_checked(server) && subject.health(action),
    }
}

/// A server that is changed; what is done tells whether it was something.
struct Subject<'s> {
    survey: &'s Survey,
    backend: &'s BackendSide,
    server: &'s Arc<Server>,
}

impl Subject<'_> {
    fn turn(&self, wanted: Admin) -> bool {
        let differs = self.server.admin() != wanted;
        let herald = Herald { site: &self.survey.site, backend: self.backend };
        check::set_admin(&self.backend.core, self.server, wanted, &herald, self.survey.now());
        differs
    }

    fn reach(&self, wanted: Admin) -> bool {
        self.turn(wanted);
        true
    }

    fn health(&self, action: Action) -> bool {
        match action {
            Action::DisableHealth => self.server.health.suspend(),
            Action::EnableHealth => self.server.health.resume(),
            Action::HealthDown => self.force(&self.server.health, Status::Down, Trend::Down),
            Action::HealthStopping => self.force(&self.server.health, Status::Stopping, Trend::Up),
            _ => self.force(&self.server.health, Status::Up, Trend::Up),
        }
        true
    }

    fn agent(&self, action: Action) -> bool {
        match action {
            Action::DisableAgent => self.server.agent.suspend(),
            Action::EnableAgent => self.server.agent.resume(),
            Action::AgentDown => self.force(&self.server.agent, Status::Down, Trend::Down),
            _ => self.force(&self.server.agent, Status::Up, Trend::Up),
        }
        true
    }

    /// What checks, or the agent, are taken to have found.
    fn force(&self, of: &Health, status: Status, trend: Trend) {
        of.force(trend);
        self.backend.core.set_status(self.server, status, self.survey.now());
    }

    /// Ends the server's sessions.
    fn shut(&self, crew: Option<&Crew>) -> bool {
        let selection = Selection {
            backend: Some(self.backend.common.facts.id),
            server: Some(self.server.facts.id),
            ..Selection::default()
        };
        if let Some(crew) = crew {
            crew.tell(move || {
                end_here(&selection);
            });
        }
        true
    }
}

/// Whether a form was sent from a page of this host, as far as the browser tells.
pub(super) fn is_from_here(request: &RequestHead) -> bool {
    let headers = &request.headers;
    let Some(origin) = headers.find(b"origin").or_else(|| headers.find(b"referer")) else { return true };
    let Some(start) = origin.windows(3).position(|part| part == b"://") else { return false };
    let rest = &origin[start + 3..];
    let end = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
    headers.find(b"host").is_some_and(|host| host.eq_ignore_ascii_case(&rest[..end]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_have_their_fields_in_any_order() {
        let request = Request::parse(b"s=a&s=%62&action=maint&b=%233");
        assert_eq!(request.servers, [b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(
            (request.backend.as_deref(), request.action.as_deref()),
            (Some(&b"#3"[..]), Some(&b"maint"[..]))
        );
        assert_eq!(Request::parse(b"b=%233&action=maint&s=a&s=b&"), request);
        assert_eq!(Request::parse(b""), Request::default());
        assert!(Request::parse(b"s&action").faulty.is_some() && Request::parse(b"s=%zz").faulty.is_some());
    }

    proptest! {
        #[test]
        fn a_form_is_read_as_it_was_written(names in proptest::collection::vec("[ -~]{1,12}", 0..5), noise in any::<Vec<u8>>()) {
            let mut body = Vec::new();
            for name in &names {
                body.extend_from_slice(b"s=");
                http::uri::url_encode(name.as_bytes(), &mut body);
                body.push(b'&');
            }
            let expected: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            prop_assert_eq!(Request::parse(&body).servers, expected);
            let _ = Request::parse(&noise);
        }
    }

    #[test]
    fn all_that_is_offered_is_understood() {
        for (word, _) in OFFERED {
            assert!(Action::by_word(word.as_bytes()).is_some(), "{word}");
        }
        assert_eq!(Action::by_word(b"foo"), None);
    }

    #[test]
    fn forms_of_other_hosts_are_told_apart() {
        let from = |name: &str, value: &str| {
            let mut request = RequestHead::default();
            request.headers.push(b"host", b"lb.example:8080");
            request.headers.push(name.as_bytes(), value.as_bytes());
            is_from_here(&request)
        };
        assert!(from("x", "y") && from("origin", "http://LB.example:8080"));
        assert!(from("referer", "https://lb.example:8080/stats?x"));
        assert!(!from("origin", "null") && !from("origin", "http://lb.example"));
        assert!(!from("referer", "http://evil.example/http://lb.example:8080/"));
    }
}
