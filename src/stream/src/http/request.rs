//! Rules on requests and the choice of a backend.

use base::termination::{Cause, Phase, Termination};
use base::text::IpText;
use config::{Mode, State};
use http::Version;
use rule::set::Outcome;
use rule::{BodyWait, Ending, RuleSets, Verdict, Wait};

use std::time::Duration;

use backend::settings::Algorithm;
use http::Method;

use super::{answer, body, edits, sticky};

use crate::finish;
use crate::hash_key;
use crate::inspect::{self, Arriving, Inspection};
use crate::secure;
use crate::settings::IfNone;
use crate::side::HttpSide;
use crate::site::{BackendSide, Common};
use crate::story::{Failure, Stage, Story};
use crate::switching;

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
    /// A rule has named a backend that carries no HTTP.
    OtherMode,
    /// The client did not do its part.
    Client(Failure),
    /// It asks how the proxy is, and is told with this status.
    Monitored(u16),
    /// A rule on content rejected it.
    Rejected,
    /// Content rules of the frontend ended it, before it counted as a request.
    Unasked,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Client(failure)
    }
}

impl From<inspect::Stop> for Stop {
    fn from(stop: inspect::Stop) -> Self {
        match stop {
            inspect::Stop::Rule(Ending::Reject) => Self::Rejected,
            inspect::Stop::Rule(ending) => Self::Rule(ending),
            inspect::Stop::Fault => Self::Fault,
            inspect::Stop::Silence => {
                Self::Client(Failure::new(408, Termination::new(Cause::ClientTimeout, Phase::Request)))
            }
            inspect::Stop::Broken => {
                Self::Client(Failure::silent(Termination::new(Cause::ClientAbort, Phase::Request)))
            }
        }
    }
}

/// Runs the rules of the frontend, chooses the backend, and runs the backend's rules.
pub(super) async fn route<'s>(story: &mut Story<'s>, client: &mut HttpSide) -> Result<Routed<'s>, Stop> {
    let frontend = story.frontend;
    story.identify(Stage::Request);
    secure::look_again(&mut story.session.tls, &client.conn);
    // What there is nothing to do for is not even begun: a future costs as much as some rules.
    if !frontend.common.rules.tcp_content.is_empty() {
        // The rules that said that requests come have been run on the first of them.
        let has_run = story.served == 0 && story.request.version != Version::Http2;
        if frontend.common.mode == Mode::Http || !has_run {
            let inspected = inspect(story, client, &frontend.common).await;
            inspected.map_err(|stop| {
                if matches!(stop, Stop::Rule(_) | Stop::Rejected) { Stop::Unasked } else { stop }
            })?;
        }
        // The request is there for the rest of the story from here on.
        story.facts.timers.request = story.now();
    }
    if let Some(status) = edits::monitored(story) {
        return Err(Stop::Monitored(status));
    }
    if looks_at_requests(&frontend.common) {
        buffer(story, client, &frontend.common).await?;
        run_all(story, client, &frontend.common).await?;
    }
    secure::look_again(&mut story.session.tls, &client.conn);
    if secure::is_unconfirmed(&story.session.tls) {
        // RFC 8470, section 5.1: whoever answers may want to wait.
        story.request.headers.push(b"early-data", b"1");
    }
    edits::restrict_names(&mut story.request, &frontend.common)?;
    let backend = switching::backend(story, || story.scene(Stage::Request, None)).ok_or(Stop::NoBackend)?;
    story.enter_backend(backend);
    if backend.state == State::Disabled {
        return Err(Stop::NoBackend);
    }
    if backend.common.mode != Mode::Http {
        return Err(Stop::OtherMode);
    }
    // The two sides of a `listen` section have one list of rules, which has been run.
    if backend.common.facts.id != frontend.common.facts.id {
        if looks_at_requests(&backend.common) || !backend.common.rules.tcp_content.is_empty() {
            buffer(story, client, &backend.common).await?;
            inspect(story, client, &backend.common).await?;
            run_all(story, client, &backend.common).await?;
        }
        edits::restrict_names(&mut story.request, &backend.common)?;
    }
    story.assign(backend, Stage::Request);
    sticky::of_request(story, backend);
    if let Algorithm::Hash(key) = &backend.core.settings.algorithm {
        if key.looks_at_bodies() && story.request.method == Method::Post {
            body::of_request(story, client, BodyWait { time: Duration::ZERO, at_least: 0 }).await?;
        }
        story.hash = hash_key::of(story, backend, &story.scene(Stage::Request, None));
    }
    edits::add_forwarded(story, backend);
    add_forwarded_for(story, backend);
    edits::add_original_to(story, backend);
    if let (Some(header), Some(id)) = (&frontend.unique_id.header, &story.facts.unique_id) {
        story.request.headers.push(header, id);
    }
    Ok(Routed { backend })
}

/// Whether a proxy wants to see requests before they go on.
fn looks_at_requests(proxy: &Common) -> bool {
    let rules = &proxy.rules;
    proxy.http.buffer_request.is_on() || rules.answers()
}

/// Runs the content rules of a proxy on the request.
async fn inspect(story: &mut Story<'_>, client: &mut HttpSide, proxy: &Common) -> Result<(), Stop> {
    let silence = story.client_timeout();
    match Inspection::of_request(&proxy.rules, silence).run(story, Arriving::Body(client)).await {
        // They are requests already.
        Ok(()) | Err(inspect::Stop::Rule(Ending::Http(_))) => Ok(()),
        Err(stop) => Err(stop.into()),
    }
}

/// Waits for the whole body where the proxy wants that (`option http-buffer-request`).
async fn buffer(story: &mut Story<'_>, client: &mut HttpSide, proxy: &Common) -> Result<(), Stop> {
    if proxy.http.buffer_request.is_on() {
        let time = proxy.timeouts.http_request.unwrap_or_default();
        body::of_request(story, client, BodyWait { time, at_least: 0 }).await?;
        story.facts.timers.request = story.now();
    }
    Ok(())
}

/// Runs the rules of a proxy on the request, what answers by itself, and then its redirections.
async fn run_all(story: &mut Story<'_>, client: &mut HttpSide, proxy: &Common) -> Result<(), Stop> {
    for rules in [&proxy.rules.http_request, &proxy.rules.services, &proxy.rules.redirects] {
        if !rules.is_empty() {
            run(story, client, rules).await?;
        }
    }
    Ok(())
}

/// Runs rules on the request.
async fn run(story: &mut Story<'_>, client: &mut HttpSide, rules: &rule::RuleList) -> Result<(), Stop> {
    if !client.has_all() {
        body::keep(story, client);
    }
    hold(story);
    let most = story.site.tuning.rules_at_once;
    let mut at = 0;
    loop {
        let outcome = rules.run_some(at, most, &mut story.txn(Stage::Request, None));
        finish::count_rewrites(story, None);
        answer::send_hints(story, client);
        match outcome {
            Outcome::Waiting(Wait::Pause(time), next) => {
                story.pause_for(time).await;
                story.facts.timers.request = story.now();
                at = next;
            }
            Outcome::Waiting(Wait::Turn, next) => {
                tokio::task::yield_now().await;
                at = next;
            }
            Outcome::Waiting(Wait::Handshake, next) => {
                Box::pin(secure::confirmed(story, &mut client.conn)).await?;
                at = next;
            }
            Outcome::Waiting(Wait::Body(wait), next) => {
                body::of_request(story, client, wait).await?;
                hold(story);
                at = next;
            }
            Outcome::Done | Outcome::Waiting(Wait::Data, _) => return Ok(()),
            Outcome::Stopped(Verdict::End(ending), _) => return Err(Stop::Rule(ending)),
            Outcome::Stopped(..) => return Err(Stop::Fault),
        }
    }
}

/// What has come of the body leaves less room for rewrites.
fn hold(story: &mut Story<'_>) {
    if story.body.is_empty() {
        return;
    }
    let (come, reserve) = (story.body.len(), story.site.tuning.max_rewrite);
    story.txn(Stage::Request, None).hold(RuleSets::HTTP_REQUEST, come, reserve);
}

/// Says in a header where the request came from. Where frontend and backend both have the option, the backend names the
/// header, either may except a client, and the header stays alone only where both want that.
fn add_forwarded_for(story: &mut Story<'_>, backend: &BackendSide) {
    let sides = [&backend.common.http.forwarded_for, &story.frontend.common.http.forwarded_for];
    let mut options = sides.into_iter().flatten();
    let Some(first) = options.clone().next() else { return };
    let Some(ip) = story.source().and_then(base::addr::Addr::ip) else { return };
    let alone = options.clone().all(|option| option.if_none == IfNone::Leave);
    let excepted = options.any(|option| option.except.is_some_and(|network| network.contains(ip)));
    if excepted || alone && story.request.headers.contains(&first.header) {
        return;
    }
    story.request.headers.push(&first.header, IpText::new(ip).as_bytes());
}
