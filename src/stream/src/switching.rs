//! The choice of a backend by its frontend's rules, and of a server by its backend's (`use_backend`, `use-server`).

use std::net::{IpAddr, SocketAddrV4};
use std::sync::Arc;

use backend::{Running, Server, ServerDrafts};
use base::registry::Registry;
use config::directive::{Arity, Switch};
use config::{Diagnostics, Directive, Draft, Place, Prefix, Refusal, Section, Sections, Setting, Statement};
use lang::facts::{Persistence, Scene};
use lang::logformat::LogFormat;
use lang::{Contexts, Expr};
use rule::{Condition, Truth, condition_after};

use crate::settings::RouteTarget;
use crate::site::{BackendSide, Frontend, Site};
use crate::story::Story;

/// What a frontend says of backends that are not to be used.
#[derive(Clone, Debug, Default)]
pub struct Switching {
    /// `force-be-switch`: when backends are used that are unpublished.
    pub force: Vec<Arc<Condition>>,
    /// `be-unpublished`: whether others may send to this proxy.
    pub visibility: Visibility,
}

impl Setting for Switching {}

/// Whether frontends may choose a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Visibility {
    /// They may.
    #[default]
    Published,
    /// Only those that `force-be-switch` lets.
    Unpublished,
}

/// The rules of a backend that choose a server, before it is balanced.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// `use-server`, in order.
    pub rules: Vec<Arc<ServerRule>>,
    /// `force-persist` and `ignore-persist`, in order: the first that applies says how much clients' wishes count.
    pub persist: Vec<(Persistence, Arc<Condition>)>,
}

impl Assignment {
    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.persist.is_empty()
    }
}

/// They refer to servers and ACLs of their section.
impl Setting for Assignment {
    fn inherited(&self) -> Option<Self> {
        None
    }
}

/// `option persist`: a server that is down is tried all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Insistence(pub Switch);

impl Setting for Insistence {}

/// `persist rdp-cookie`: what gives the cookie that names a server.
#[derive(Clone, Debug, Default)]
pub struct RdpCookie(pub Option<Arc<Expr>>);

impl Setting for RdpCookie {}

/// One `use-server` line.
#[derive(Debug)]
pub struct ServerRule {
    /// The server's name, or what gives it.
    pub target: RouteTarget,
    /// When it applies.
    pub condition: Condition,
    /// Where it stands.
    pub place: Place,
}

const fn proxy(
    name: &'static str,
    sections: Sections,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Proxy(sections), prefix: Prefix::None, arity, manual: "4.2", parse }
}

const FRONT: Sections = Sections::FRONT.without(Sections::DEFAULTS);
const BACK: Sections = Sections::BACK.without(Sections::DEFAULTS);

/// The directives of this file.
pub static SWITCHING_DIRECTIVES: &[Directive] = &[
    proxy("be-unpublished", BACK, Arity::None, |s| {
        s.slot::<Switching>().visibility = Visibility::Unpublished;
        Ok(())
    }),
    proxy("force-be-switch", FRONT, Arity::AtLeast(0), |s| {
        let condition = required_condition(s, 0, Contexts::ROUTE, "frontend use_backend rule")?;
        s.slot::<Switching>().force.push(Arc::new(condition));
        Ok(())
    }),
    proxy("force-persist", BACK, Arity::AtLeast(0), |s| persist(s, Persistence::Forced)),
    proxy("ignore-persist", BACK, Arity::AtLeast(0), |s| persist(s, Persistence::Ignored)),
    Directive {
        section: Section::Proxy(Sections::BACK),
        ..proxy("persist rdp-cookie", BACK, Arity::None, |s| rdp_cookie(s, "msts"))
    },
    Directive {
        section: Section::Proxy(Sections::BACK),
        ..proxy("persist", BACK, Arity::Exactly(1), named_rdp_cookie)
    },
    Directive {
        prefix: Prefix::NoDefault,
        ..proxy("option persist", Sections::BACK, Arity::None, |s| {
            let on = Switch::of(s.sense);
            s.slot::<Insistence>().0 = on;
            Ok(())
        })
    },
    proxy("use-server", BACK, Arity::AtLeast(1), use_server),
];

/// The condition at argument `at`, without which the statement says nothing.
fn required_condition(
    s: &mut Statement<'_>,
    at: usize,
    within: Contexts,
    point: &str,
) -> Result<Condition, Refusal> {
    let missing = |s: &Statement<'_>| {
        format!("'{}' requires either 'if' or 'unless' followed by a condition.", s.keyword())
    };
    if s.args() == at || !matches!(s.bytes(at), b"if" | b"unless") {
        return Err(s.refuse(at, missing(s)));
    }
    condition_after(s, at, within, point)?.ok_or_else(|| s.refuse(at, missing(s)))
}

fn persist(s: &mut Statement<'_>, persistence: Persistence) -> Result<(), Refusal> {
    let condition = required_condition(s, 0, Contexts::BACK_CONTENT, "backend tcp-request content rule")?;
    s.slot::<Assignment>().persist.push((persistence, Arc::new(condition)));
    Ok(())
}

/// `persist rdp-cookie(name)`.
fn named_rdp_cookie(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let word = s.arg(0);
    let Some(rest) = word.strip_prefix("rdp-cookie(") else {
        return Err(s.refuse(0, "unknown persist method."));
    };
    match rest.strip_suffix(')') {
        Some(name) if !name.is_empty() => rdp_cookie(s, name),
        _ => Err(s.refuse(0, "'persist rdp-cookie(name)' requires an rdp cookie name.")),
    }
}

fn rdp_cookie(s: &mut Statement<'_>, name: &str) -> Result<(), Refusal> {
    let expr = Expr::parse(format!("req.rdp_cookie({name})").as_bytes(), s.registry)
        .map_err(|e| s.refuse(0, format!("'persist' : {}.", e.message)))?;
    s.slot::<RdpCookie>().0 = Some(Arc::new(expr));
    Ok(())
}

fn use_server(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let condition =
        required_condition(s, 1, Contexts::BALANCE, "backend use-server, balance or stick-match rule")?;
    let target = target(s, Contexts::BALANCE)?;
    let place = s.place.clone();
    s.slot::<rule::Rules>().routed.get_or_insert(rule::set::Routed::Server);
    s.slot::<Assignment>().rules.push(Arc::new(ServerRule { target, condition, place }));
    Ok(())
}

/// The first argument as a name, or as a format that gives one.
pub(crate) fn target(s: &Statement<'_>, within: Contexts) -> Result<RouteTarget, Refusal> {
    if !s.bytes(0).contains(&b'%') {
        return Ok(RouteTarget::Name(s.arg(0).into()));
    }
    match LogFormat::parse(s.bytes(0), s.registry, within) {
        Ok(format) => Ok(RouteTarget::Format(format)),
        Err(e) => Err(s.refuse_part(0, e.span, format!("'{}' : {}.", s.keyword(), e.message))),
    }
}

/// Looks for the servers that rules name.
pub(crate) fn check_servers(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for proxy in draft.proxies.iter().filter(|p| p.kind.has_backend()) {
        let Some(assignment) = proxy.slots.get::<Assignment>() else { continue };
        let servers = proxy.slots.get::<ServerDrafts>();
        let exists = |name: &str| servers.is_some_and(|s| s.list.iter().any(|line| *line.name == *name));
        for rule in &assignment.rules {
            if let RouteTarget::Name(name) = &rule.target
                && !exists(name)
            {
                let text = format!(
                    "{} '{}' : unable to find server '{name}' referenced in a 'use-server' rule.",
                    proxy.kind.title(),
                    proxy.name
                );
                diagnostics.alert_at(&rule.place, text);
            }
        }
    }
}

fn any_holds(conditions: &[Arc<Condition>], scene: &Scene<'_>) -> bool {
    conditions.iter().any(|condition| condition.holds(scene) == Truth::True)
}

/// The backend that the rules of the story's frontend choose, or else its default one.
pub(crate) fn backend<'s, 'c>(
    story: &Story<'s>,
    scene: impl FnOnce() -> Scene<'c>,
) -> Option<&'s BackendSide> {
    let (site, frontend) = (story.site, story.frontend);
    if frontend.routes.is_empty() && frontend.switching.force.is_empty() {
        return default_backend(site, frontend, |backend| backend.is_published());
    }
    let scene = &scene();
    let is_forced = || any_holds(&frontend.switching.force, scene);
    let admitted = |backend: &&BackendSide| backend.is_published() || is_forced();
    for compiled in &frontend.routes {
        let applies = compiled.route.condition.as_ref().is_none_or(|c| c.holds(scene) == Truth::True);
        if !applies {
            continue;
        }
        let chosen = match &compiled.route.target {
            RouteTarget::Name(_) => compiled.backend.map(|i| &site.backends[i]),
            RouteTarget::Format(format) => match by_format(site, format, scene) {
                // A name that nobody has ends the search.
                None => break,
                found => found,
            },
        };
        if let Some(backend) = chosen.filter(admitted) {
            return Some(backend);
        }
    }
    default_backend(site, frontend, admitted)
}

/// The backend of those for whom no rule chooses one.
fn default_backend<'s>(
    site: &'s Site,
    frontend: &Frontend,
    admitted: impl Fn(&&'s BackendSide) -> bool,
) -> Option<&'s BackendSide> {
    let default = frontend.default_backend.map(|i| &site.backends[i]).filter(admitted);
    default.or_else(|| site.backends.get(frontend.own_backend?))
}

fn by_format<'s>(site: &'s Site, format: &LogFormat, scene: &Scene<'_>) -> Option<&'s BackendSide> {
    let mut name = Vec::new();
    format.render(scene, &mut name);
    std::str::from_utf8(&name).ok().and_then(|name| site.backend(name)).map(|i| &site.backends[i])
}

/// What the rules of a backend say of its servers.
#[derive(Default)]
pub(crate) struct Assigned {
    pub(crate) server: Option<Arc<Server>>,
    pub(crate) persistence: Persistence,
}

/// The server that the rules of a backend choose. One that is down is passed over, unless it is to be used
/// nevertheless.
pub(crate) fn server(backend: &BackendSide, scene: &Scene<'_>) -> Assigned {
    let assignment = &backend.assignment;
    let persistence = persistence(assignment, scene);
    let insists = persistence == Persistence::Forced || backend.insistence.0.is_on();
    let servers = backend.core.servers.load();
    let named = |name: &[u8]| servers.iter().find(|s| s.facts.name.as_bytes() == name);
    let mut rules = assignment.rules.iter().filter(|rule| rule.condition.holds(scene) == Truth::True);
    let server = rules.find_map(|rule| {
        let found = match &rule.target {
            RouteTarget::Name(name) => named(name.as_bytes()),
            RouteTarget::Format(format) => {
                let mut name = Vec::new();
                format.render(scene, &mut name);
                named(&name)
            }
        };
        found.filter(|s| insists || s.running() == Running::Yes).cloned()
    });
    Assigned { server, persistence }
}

fn persistence(assignment: &Assignment, scene: &Scene<'_>) -> Persistence {
    let applies = |(_, condition): &&(Persistence, Arc<Condition>)| condition.holds(scene) == Truth::True;
    assignment.persist.iter().find(applies).map(|(what, _)| *what).unwrap_or_default()
}

/// The server whose address an RDP cookie has, if it may be used.
pub(crate) fn by_rdp_cookie(backend: &BackendSide, scene: &Scene<'_>) -> Option<Arc<Server>> {
    let value = backend.rdp_cookie.0.as_ref()?.eval(scene).value()?.into_text();
    let address = rdp_address(&value)?;
    let servers = backend.core.servers.load();
    let usable = |s: &&Arc<Server>| s.running() == Running::Yes || backend.insistence.0.is_on();
    let found = servers.iter().filter(usable).find(|s| {
        let own = s.address.load();
        own.ip() == Some(IpAddr::V4(*address.ip())) && own.port() == Some(address.port())
    });
    found.cloned()
}

/// The address in an RDP cookie: numbers for IP address and port, in the order in which a PC stores them.
fn rdp_address(value: &[u8]) -> Option<SocketAddrV4> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.split('.');
    let ip: u32 = parts.next()?.parse().ok()?;
    let port: u16 = parts.next()?.parse().ok()?;
    parts.next()?;
    Some(SocketAddrV4::new(ip.to_le_bytes().into(), port.swap_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rdp_cookies_hold_addresses() {
        let address = |text: &str| rdp_address(text.as_bytes()).map(|a| a.to_string());
        assert_eq!(address("16777343.15629.0000").as_deref(), Some("127.0.0.1:3389"));
        for wrong in ["", "1", "1.2", "x.1.0", "99999999999.1.0", "1.70000.0"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
