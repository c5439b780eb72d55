//! Rules on requests and the choice of a backend.

use base::text::IpText;
use rule::set::Outcome;
use rule::{Ending, Truth, Verdict};

use crate::settings::{ForwardedFor, IfNone, RouteTarget};
use crate::site::BackendSide;
use crate::story::{Stage, Story};

/// A request that goes to a backend.
pub(super) struct Routed<'s> {
    pub(super) backend: &'s BackendSide,
}

/// A request that goes no further.
pub(super) enum Stop {
    /// A rule ended it.
    Rule(Ending),
    /// Something inside is wrong.
    Fault,
    /// There is no backend for it.
    NoBackend,
}

/// Runs the rules of the frontend, chooses the backend, and runs the backend's rules.
pub(super) fn route<'s>(story: &mut Story<'s>) -> Result<Routed<'s>, Stop> {
    let frontend = story.frontend;
    story.identify(Stage::Request);
    run(story, &frontend.common.rules.tcp_content)?;
    run(story, &frontend.common.rules.http_request)?;
    let backend = choose(story).ok_or(Stop::NoBackend)?;
    story.enter_backend(backend);
    // The two sides of a `listen` section have one list of rules, which has been run.
    if backend.common.facts.id != frontend.common.facts.id {
        run(story, &backend.common.rules.tcp_content)?;
        run(story, &backend.common.rules.http_request)?;
    }
    add_forwarded_for(story, backend);
    if let (Some(header), Some(id)) = (&frontend.unique_id.header, &story.facts.unique_id) {
        story.request.headers.push(header, id);
    }
    Ok(Routed { backend })
}

fn run(story: &mut Story<'_>, rules: &rule::RuleList) -> Result<(), Stop> {
    if rules.is_empty() {
        return Ok(());
    }
    match rules.run(0, &mut story.txn(Stage::Request, None)) {
        Outcome::Done | Outcome::Waiting(_) => Ok(()),
        Outcome::Stopped(Verdict::End(ending), _) => Err(Stop::Rule(ending)),
        Outcome::Stopped(..) => Err(Stop::Fault),
    }
}

fn choose<'s>(story: &Story<'s>) -> Option<&'s BackendSide> {
    let (site, frontend) = (story.site, story.frontend);
    for compiled in &frontend.routes {
        let scene = story.scene(Stage::Request, None);
        let applies = compiled.route.condition.as_ref().is_none_or(|c| c.holds(&scene) == Truth::True);
        if !applies {
            continue;
        }
        let found = match &compiled.route.target {
            RouteTarget::Name(_) => compiled.backend,
            RouteTarget::Format(format) => {
                let mut name = Vec::new();
                format.render(&scene, &mut name);
                std::str::from_utf8(&name).ok().and_then(|n| site.backend(n))
            }
        };
        if let Some(index) = found {
            return site.backends.get(index);
        }
    }
    frontend.default_backend.and_then(|i| site.backends.get(i))
}

fn add_forwarded_for(story: &mut Story<'_>, backend: &BackendSide) {
    let (front, back) = (&story.frontend.common.http.forwarded_for, &backend.common.http.forwarded_for);
    let Some(option) = back.as_ref().or(front.as_ref()) else { return };
    let Some(ip) = story.source().and_then(base::addr::Addr::ip) else { return };
    let ForwardedFor { header, except, if_none } = option;
    let present = *if_none == IfNone::Leave && story.request.headers.contains(header);
    if present || except.is_some_and(|net| net.contains(ip)) {
        return;
    }
    story.request.headers.push(header, IpText::new(ip).as_bytes());
}
