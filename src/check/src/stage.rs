//! What expressions of checks look at: the process, the server, and what it has answered so far.

use base::clock::Clock;
use http::ResponseHead;
use lang::LogFormat;
use lang::facts::{
    Buffered, Course, Hope, Payload, ProcessFacts, ProxyFacts, Scene, ServerFacts, SessionFacts, StreamFacts,
};
use lang::vars;

use crate::rules::{Content, SetVar, Value, from_hex};

/// What checks need of the process around them.
pub trait Reporter {
    /// Something that the operator wants to know.
    fn report(&self, weight: Weight, text: &str);

    /// The result of a check, for the log.
    fn log(&self, text: &str);

    /// The process.
    fn process(&self) -> &ProcessFacts;

    /// The proxy whose servers are checked.
    fn proxy(&self) -> &ProxyFacts;

    /// A key was agreed on with a server.
    fn key_agreed(&self);

    /// How it identifies what it does (`unique-id-format`).
    fn unique_id(&self) -> Option<&LogFormat>;
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A server came back, or leaves.
    Notice,
    /// A server was lost.
    Warning,
    /// A backend has no server left.
    Alert,
}

/// One check, as expressions see it.
pub(crate) struct Stage<'a> {
    pub(crate) reporter: &'a dyn Reporter,
    server: &'a ServerFacts,
    clock: &'a Clock,
    session: SessionFacts,
    pub(crate) stream: StreamFacts,
}

/// What expressions may look at of an answer.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen<'a> {
    pub(crate) head: Option<&'a ResponseHead>,
    pub(crate) data: &'a [u8],
}

impl<'a> Stage<'a> {
    pub(crate) fn new(reporter: &'a dyn Reporter, server: &'a ServerFacts, clock: &'a Clock) -> Self {
        let session = SessionFacts {
            course: Course::Check,
            accepted: (clock.now(), clock.wall()),
            ..SessionFacts::default()
        };
        let mut stage = Self { reporter, server, clock, session, stream: StreamFacts::default() };
        if let Some(format) = reporter.unique_id() {
            let id = stage.render(format, Seen::default());
            stage.stream.unique_id = Some(id.into());
        }
        stage
    }

    pub(crate) fn scene<'s>(&'s self, seen: Seen<'s>) -> Scene<'s> {
        Scene {
            now: (self.clock.now(), self.clock.wall()),
            process: self.reporter.process(),
            frontend: self.reporter.proxy(),
            backend: Some(self.reporter.proxy()),
            server: Some(self.server),
            session: &self.session,
            stream: Some(&self.stream),
            request: None,
            response: seen.head,
            payload: Payload::Response(Buffered { data: seen.data, hope: Hope::Nothing }),
        }
    }

    pub(crate) fn render(&self, format: &LogFormat, seen: Seen<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        format.render(&self.scene(seen), &mut out);
        out
    }

    /// Text that is written in hexadecimal digits; `None` where it is not.
    pub(crate) fn render_hex(&self, format: &LogFormat, seen: Seen<'_>) -> Option<Vec<u8>> {
        from_hex(&self.render(format, seen))
    }

    pub(crate) fn content(&self, content: &Content, seen: Seen<'_>) -> Vec<u8> {
        match content {
            Content::Fixed(bytes) => bytes.to_vec(),
            Content::Format(format) => self.render(format, seen),
        }
    }

    pub(crate) fn set(&self, set: &SetVar, seen: Seen<'_>) {
        let scene = self.scene(seen);
        let value = match &set.value {
            Value::Expr(expr) => match expr.eval(&scene).value() {
                Some(value) => value.into_owned(),
                None => return,
            },
            Value::Format(format) => lang::Sample::owned(self.render(format, seen)),
        };
        vars::set(&scene, &set.name, &set.provisos, value);
    }

    pub(crate) fn unset(&self, name: &vars::VarName) {
        vars::unset(&self.scene(Seen::default()), name);
    }
}
