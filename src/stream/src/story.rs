//! What the phases of one session share.

use std::time::Duration;

use backend::Server;
use base::clock::Tick;
use base::termination::Termination;
use http::{RequestHead, ResponseHead};
use lang::facts::{Payload, Scene, SessionFacts, StreamFacts, Timers};
use net::Deadline;
use rule::Txn;

use crate::site::{BackendSide, Frontend, Site};
use crate::worker::Worker;

/// Everything that is known of a session and of its current stream.
pub(crate) struct Story<'s> {
    pub(crate) site: &'s Site,
    pub(crate) worker: &'s Worker,
    pub(crate) frontend: &'s Frontend,
    pub(crate) backend: Option<&'s BackendSide>,
    pub(crate) session: SessionFacts,
    pub(crate) facts: StreamFacts,
    pub(crate) request: RequestHead,
    pub(crate) response: ResponseHead,
    pub(crate) deadline: Deadline,
    /// Requests that came on this connection before.
    pub(crate) served: u32,
    /// Whether the current stream's line has been written.
    pub(crate) logged: Logged,
    /// Bytes that the current stream sent to the client, whoever made them.
    pub(crate) sent: u64,
}

/// Whether the line of a stream has been written before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logged {
    No,
    Yes,
}

/// Which messages are there for rules and expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Neither.
    Connection,
    /// The request.
    Request,
    /// The response; the request still is, as it was sent.
    Response,
}

/// A stream that could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The status for the client; none when there is nobody to tell, or no way to.
    pub(crate) status: Option<u16>,
    /// How it ends.
    pub(crate) termination: Termination,
}

impl Failure {
    pub(crate) const fn new(status: u16, termination: Termination) -> Self {
        Self { status: Some(status), termination }
    }

    pub(crate) const fn silent(termination: Termination) -> Self {
        Self { status: None, termination }
    }
}

impl<'s> Story<'s> {
    pub(crate) fn new(
        site: &'s Site,
        worker: &'s Worker,
        frontend: &'s Frontend,
        session: SessionFacts,
    ) -> Self {
        Self {
            site,
            worker,
            frontend,
            backend: None,
            session,
            facts: StreamFacts::default(),
            request: RequestHead::default(),
            response: ResponseHead::default(),
            deadline: Deadline::new(site.clock.clone()),
            served: 0,
            logged: Logged::No,
            sent: 0,
        }
    }

    /// Starts the next stream of the session. Memory is kept.
    pub(crate) fn begin(&mut self) {
        let (tick, date) = (self.now(), self.site.clock.wall());
        let first = self.served == 0;
        let (begin, begin_date) = if first { self.session.accepted } else { (tick, date) };
        let mut request_line = std::mem::take(&mut self.facts.request_line);
        request_line.clear();
        self.backend = None;
        self.sent = 0;
        self.logged = Logged::No;
        self.facts = StreamFacts {
            id: self.site.next_stream_id(),
            request_line,
            timers: Timers { begin, begin_date, request_date: begin_date, ..Timers::default() },
            ..StreamFacts::default()
        };
    }

    pub(crate) fn now(&self) -> Tick {
        self.site.clock.now()
    }

    /// Sets the deadline so far from `from`; none at all lifts it.
    pub(crate) fn expire(&mut self, from: Tick, after: Option<Duration>) {
        self.deadline.set(after.map_or(Tick::NEVER, |d| from + d));
    }

    /// The scene for log lines and expressions outside of rule sets.
    pub(crate) fn scene<'a>(&'a self, stage: Stage, server: Option<&'a Server>) -> Scene<'a> {
        Scene {
            now: (self.now(), self.site.clock.wall()),
            process: &self.site.process,
            frontend: &self.frontend.common.facts,
            backend: self.backend.map(|b| &b.common.facts),
            server: server.map(|s| &s.facts),
            session: &self.session,
            stream: Some(&self.facts),
            request: (stage != Stage::Connection).then_some(&self.request),
            response: (stage == Stage::Response).then_some(&self.response),
            payload: Payload::Unavailable,
        }
    }

    /// The transaction for a rule set.
    pub(crate) fn txn<'a>(&'a mut self, stage: Stage, server: Option<&'a Server>) -> Txn<'a> {
        Txn {
            now: (self.site.clock.now(), self.site.clock.wall()),
            process: &self.site.process,
            frontend: &self.frontend.common.facts,
            backend: self.backend.map(|b| &b.common.facts),
            server: server.map(|s| &s.facts),
            session: &mut self.session,
            stream: Some(&mut self.facts),
            request: (stage != Stage::Connection).then_some(&mut self.request),
            response: (stage == Stage::Response).then_some(&mut self.response),
            payload: Payload::Unavailable,
        }
    }
}
