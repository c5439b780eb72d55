//! Services: what answers requests in the place of a server.
//!
//! A service is an entry of a table; `use-service` names it. When a rule chooses it, it makes an [`Exchange`] of the
//! request: that takes the request's body, and gives the head and the body of the response, piece by piece and as
//! fast as the client reads them.

use std::fmt::Debug;
use std::sync::Arc;
use std::task::{Context, Poll};

use base::registry::Entry;
use base::world::World;
use config::Refusal;
use http::{BodyLength, Headers, ResponseHead};
use lang::Scene;

use crate::action::{Act, Action, ActionCx, RuleSets};
use crate::txn::Txn;
use crate::verdict::{Ending, Verdict};

/// The actions of this file.
pub static SERVICE_ACTIONS: &[Action] = &[Action {
    name: "use-service",
    sets: RuleSets::HTTP_REQUEST.or(RuleSets::TCP_CONTENT),
    manual: "4.4.1",
    parse: use_service,
}];

/// An entry of a table of services.
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// What it is, for the answer to who uses it elsewhere.
    pub title: &'static str,
    /// What logs show in the place of a server's name (`<STATS>`).
    pub label: &'static str,
    /// Makes it ready to answer for one rule.
    pub open: fn() -> Box<dyn Serve>,
}

impl Entry for Service {
    fn name(&self) -> &'static str {
        self.name
    }
}

/// A service, ready to answer.
pub trait Serve: Debug + Send + Sync {
    /// Begins to answer a request.
    fn begin(&self, asked: &Asked<'_>) -> Box<dyn Exchange>;
}

/// What a service is asked.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The request and all around it.
    pub scene: &'a Scene<'a>,
    /// What services work on.
    pub world: &'a World,
}

/// A request being answered.
pub trait Exchange {
    /// Takes some bytes of the request's body; tells how many. What a service has no use for it takes all the same.
    fn poll_take(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<usize> {
        let _ = cx;
        Poll::Ready(data.len())
    }

    /// The request is complete.
    fn request_ended(&mut self, trailers: &Headers) {
        let _ = trailers;
    }

    /// The head of the response, once it is known, and what follows it. Only then is a body asked for.
    fn poll_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead) -> Poll<BodyLength>;

    /// The next piece of the response's body.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece<'_>, Broken>>;

    /// So many bytes of the last piece were taken.
    fn consume(&mut self, n: usize);
}

/// One step of a response's body.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'p> {
    /// Some bytes.
    Data(&'p [u8]),
    /// The body is complete; these fields follow it.
    End(&'p Headers),
}

/// A service cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// A service that a rule has chosen.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What logs show in the place of a server's name.
    pub label: &'static str,
    /// Answers.
    pub service: Arc<dyn Serve>,
    /// Which rules see its responses.
    pub rules: ResponseRules,
}

/// Which rules see a service's responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseRules {
    /// Those on responses, and those that see all answers.
    All,
    /// `http-after-response` only.
    AfterOnly,
}

/// `use-service`.
#[derive(Debug)]
struct UseService(Chosen);

fn use_service(cx: &mut ActionCx<'_, '_>) -> Result<Box<dyn Act>, Refusal> {
    let name = cx.take().ok_or_else(|| cx.refuse("'use-service' expects a service name"))?;
    let Some(service) = cx.registry().find::<Service>(&name) else {
        return Err(cx.refuse_last(format!("'{name}' unknown service name")));
    };
    if !RuleSets::HTTP.meets(cx.set) {
        return Err(cx.refuse_last(format!("{} only available on 'http-request' rulesets", service.title)));
    }
    let chosen = Chosen { label: service.label, service: (service.open)().into(), rules: ResponseRules::All };
    Ok(Box::new(UseService(chosen)))
}

impl Act for UseService {
    fn act(&self, _: &mut Txn<'_>) -> Verdict {
        Verdict::End(Ending::Serve(self.0.clone()))
    }
}
