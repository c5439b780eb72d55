//! Changes of servers that a page's form asks for.

use std::sync::Arc;

use backend::server::{Admin, Status};
use backend::{Server, Trend};
use http::RequestHead;
use http::uri::{Plus, url_decode};
use stream::Crew;
use stream::live::{Selection, end_here};
use stream::site::BackendSide;

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
    /// Anything about agents, which no server has.
    Agent,
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
            b"dagent" | b"eagent" | b"arunn" | b"adown" => Self::Agent,
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
    let now = survey.now();
    let admin = |wanted: Admin| {
        let differs = server.admin() != wanted;
        if differs {
            backend.core.set_admin(server, wanted, now);
        }
        differs
    };
    let health = |status: Status, trend: Trend| {
        server.health.force(trend);
        backend.core.set_status(server, status, now);
        true
    };
    match action {
        // A state that is asked for by name is reached, even if it was before.
        Action::Ready | Action::Drain | Action::Maintenance => {
            admin(match action {
                Action::Ready => Admin::Ready,
                Action::Drain => Admin::Drain,
                _ => Admin::Maintenance,
            });
            true
        }
        Action::Disable => admin(Admin::Maintenance),
        Action::Stop => admin(Admin::Drain),
        Action::Enable => server.admin() == Admin::Maintenance && admin(Admin::Ready),
        Action::Start => server.admin() == Admin::Drain && admin(Admin::Ready),
        Action::DisableHealth | Action::EnableHealth | Action::HealthDown | Action::HealthStopping
            if !is_checked(server) =>
        {
            false
        }
        Action::DisableHealth => {
            server.health.suspend();
            true
        }
        Action::EnableHealth => {
            server.health.resume();
            true
        }
        Action::HealthUp => is_checked(server) && health(Status::Up, Trend::Up),
        Action::HealthStopping => health(Status::Stopping, Trend::Up),
        Action::HealthDown => health(Status::Down, Trend::Down),
        Action::Agent => false,
        Action::Shutdown => {
            let selection = Selection {
                backend: Some(backend.common.facts.id),
                server: Some(server.facts.id),
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
