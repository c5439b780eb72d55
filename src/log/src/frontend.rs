//! What the traffic engine calls: the loggers of one proxy, and those of the process.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use base::clock::WallTime;
use base::counter::Counter;
use config::{Draft, ProxyDraft};
use lang::logformat::{Completeness, Event, Needs};
use lang::{LogFormat, Scene};

use crate::header::{Header, HeaderFormat};
use crate::level::{Facility, Level};
use crate::logger::Logger;
use crate::profile::{OnStep, Profile};
use crate::settings::{Resolved, ResolvedProxy};
use crate::step::{Step, Steps};
use crate::time;

/// The loggers of a proxy with its formats. Copies share their counters.
#[derive(Clone, Debug, Default)]
pub struct FrontendLog(Arc<Core>);

/// The loggers of a backend; they carry messages about its servers.
pub type BackendLog = FrontendLog;

#[derive(Debug, Default)]
pub(crate) struct Core {
    pub(crate) loggers: Vec<Logger>,
    pub(crate) identity: Identity,
    pub(crate) format: LogFormat,
    pub(crate) structured: Option<LogFormat>,
    pub(crate) error: Option<LogFormat>,
    /// The beginning of a line about a connection that failed before it became a stream.
    pub(crate) failure: LogFormat,
    pub(crate) due: Due,
    pub(crate) needs: Needs,
    /// All sections `log-profile`, for rules that name one.
    pub(crate) profiles: Arc<HashMap<Arc<str>, Arc<Profile>>>,
    pub(crate) lines: Counter,
}

/// How messages name their sender.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The host's name, if it is to be told.
    pub(crate) hostname: Option<Arc<str>>,
    pub(crate) tag: Arc<[u8]>,
}

impl Default for Identity {
    fn default() -> Self {
        Self { hostname: None, tag: Arc::from(b"haproxy".as_slice()) }
    }
}

/// When a stream is to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Once: at this step, or at its end if it never gets there. `option logasap` makes the step earlier.
    Once(Step),
    /// At each of these steps that it gets to (`log-steps`).
    At(Steps),
}

impl Default for Due {
    fn default() -> Self {
        Self::Once(Step::Close)
    }
}

#[derive(Default)]
struct Buffers {
    text: Vec<u8>,
    structured: Vec<u8>,
    /// A logger's own text and structured data, where its profile has formats.
    own: Vec<u8>,
    own_structured: Vec<u8>,
    line: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl FrontendLog {
    pub(crate) fn new(core: Core) -> Self {
        Self(Arc::new(core))
    }

    /// The loggers of a proxy of a checked draft; none before the checks.
    pub fn build(proxy: &ProxyDraft, _draft: &Draft) -> Self {
        proxy.slots.get::<ResolvedProxy>().map(|resolved| resolved.0.clone()).unwrap_or_default()
    }

    /// Whether nothing at all is sent: nobody needs to prepare anything.
    pub fn is_silent(&self) -> bool {
        self.0.loggers.is_empty()
    }

    /// What must have been kept of a stream for its line; nothing when nobody listens.
    pub fn needs(&self) -> Needs {
        if self.is_silent() { Needs::NONE } else { self.0.needs }
    }

    /// When a stream is to be logged.
    pub fn due(&self) -> Due {
        self.0.due
    }

    /// Logs the end of a stream.
    pub fn emit(&self, scene: &Scene<'_>, level: Level) {
        self.emit_at(scene, level, Step::Close);
    }

    /// Logs a step of a stream.
    pub fn emit_at(&self, scene: &Scene<'_>, level: Level, step: Step) {
        self.line(&self.0.format, scene, level, step, Completeness::Final);
    }

    /// Logs because a rule wants it, by this profile instead of those of the loggers if one is named.
    pub fn emit_by_rule(&self, scene: &Scene<'_>, level: Level, step: Step, profile: Option<&str>) {
        let profile = profile.and_then(|name| self.0.profiles.get(name));
        self.line_by((&self.0.format, profile.map(|p| &**p)), scene, level, step, Completeness::Final);
    }

    /// Logs a stream before its end because `option logasap` asks for it: a `+` says what will grow.
    pub fn emit_early(&self, scene: &Scene<'_>, level: Level, step: Step) {
        self.line(&self.0.format, scene, level, step, Completeness::Growing);
    }

    /// Logs a connection whose first request never was one: by `error-log-format`, where there is one.
    pub fn emit_error(&self, scene: &Scene<'_>, level: Level) {
        let format = self.0.error.as_ref().unwrap_or(&self.0.format);
        self.line(format, scene, level, Step::Error, Completeness::Final);
    }

    /// Logs a connection that failed before it became a stream, such as in a handshake: by
    /// `error-log-format`, where there is one, else by the reason.
    pub fn emit_failure(&self, scene: &Scene<'_>, level: Level, reason: &str) {
        if self.is_silent() {
            return;
        }
        if let Some(format) = &self.0.error {
            return self.line(format, scene, level, Step::Killed, Completeness::Final);
        }
        let mut text = Vec::with_capacity(128);
        self.0.failure.render(scene, &mut text);
        match scene.session.listener_name() {
            Some(name) => text.extend_from_slice(name.as_bytes()),
            None => text.extend_from_slice(scene.session.listener_id.to_string().as_bytes()),
        }
        text.extend_from_slice(b": ");
        text.extend_from_slice(reason.as_bytes());
        self.0.send_text(level, scene.now.1, &text);
    }

    /// Logs a text.
    pub fn message(&self, level: Level, text: &str) {
        if !self.is_silent() {
            self.0.send_text(level, time::now(), text.as_bytes());
        }
    }

    fn line(
        &self,
        format: &LogFormat,
        scene: &Scene<'_>,
        level: Level,
        step: Step,
        completeness: Completeness,
    ) {
        self.line_by((format, None), scene, level, step, completeness);
    }

    fn line_by(
        &self,
        (format, profile): (&LogFormat, Option<&Profile>),
        scene: &Scene<'_>,
        level: Level,
        step: Step,
        completeness: Completeness,
    ) {
        let core = &*self.0;
        if self.is_silent() {
            return;
        }
        let number = core.lines.get();
        core.lines.inc();
        let event = Event { origin: step.origin(), number, completeness };
        BUFFERS.with_borrow_mut(|buffers| {
            let mut line = Line { core, format, profile, scene, event, level, step, shared: Shared::None };
            for logger in &core.loggers {
                line.send(logger, buffers);
            }
        });
    }
}

/// Whether the proxy's own formats were rendered for this line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shared {
    None,
    Done,
}

/// One line on its way to its loggers.
struct Line<'l> {
    core: &'l Core,
    format: &'l LogFormat,
    /// Instead of those of the loggers.
    profile: Option<&'l Profile>,
    scene: &'l Scene<'l>,
    event: Event,
    level: Level,
    step: Step,
    shared: Shared,
}

impl Line<'_> {
    fn send(&mut self, logger: &Logger, buffers: &mut Buffers) {
        let profile = self.profile.or(logger.profile.as_deref());
        let on = profile.map_or(&OnStep::Unchanged, |p| p.on(self.step));
        if matches!(on, OnStep::Drop) {
            return;
        }
        let Some(level) = logger.admit(self.level) else { return };
        let (format, structured) = on.formats();
        if (format.is_none() || structured.is_none()) && self.shared == Shared::None {
            self.render_shared(buffers);
        }
        let Buffers { text, structured: data, own, own_structured, line } = buffers;
        let text = self.own(format, text, own);
        let data = self.own(structured, data, own_structured);
        let tag = profile.and_then(|p| p.tag.as_ref()).unwrap_or(&self.core.identity.tag);
        let header = self.core.header(level, self.scene.now.1, self.scene.process.pid);
        logger.send(&Header { tag, structured: data, ..header }, text, line);
    }

    fn render_shared(&mut self, buffers: &mut Buffers) {
        buffers.text.clear();
        self.format.render_event(self.scene, &self.event, &mut buffers.text);
        buffers.structured.clear();
        if let Some(structured) = &self.core.structured
            && self.core.loggers.iter().any(|l| l.format == HeaderFormat::Rfc5424)
        {
            structured.render_event(self.scene, &self.event, &mut buffers.structured);
        }
        self.shared = Shared::Done;
    }

    /// What a format of a profile gives; without one, what the proxy's own gave.
    fn own<'b>(&self, format: Option<&LogFormat>, shared: &'b [u8], into: &'b mut Vec<u8>) -> &'b [u8] {
        let Some(format) = format else { return shared };
        into.clear();
        format.render_event(self.scene, &self.event, into);
        into
    }
}

impl Core {
    fn header(&self, level: Level, date: WallTime, pid: u32) -> Header<'_> {
        Header {
            facility: Facility::default(),
            level,
            date,
            hostname: self.identity.hostname.as_deref(),
            tag: &self.identity.tag,
            pid,
            structured: b"",
        }
    }

    fn send_text(&self, level: Level, date: WallTime, text: &[u8]) {
        BUFFERS.with_borrow_mut(|buffers| {
            for logger in &self.loggers {
                let Some(level) = logger.admit(level) else { continue };
                let header = self.header(level, date, std::process::id());
                let tag = logger.profile.as_ref().and_then(|p| p.tag.as_ref()).unwrap_or(&self.identity.tag);
                logger.send(&Header { tag, ..header }, text, &mut buffers.line);
            }
        });
    }
}

/// The loggers of the process (`log` lines of `global`).
#[derive(Clone, Debug, Default)]
pub struct ProcessLog(FrontendLog);

impl ProcessLog {
    /// The loggers of a checked draft; none before the checks.
    pub fn build(draft: &Draft) -> Self {
        Self(draft.global.get::<Resolved>().map(|resolved| resolved.process.clone()).unwrap_or_default())
    }

    /// Whether nothing at all is sent.
    pub fn is_silent(&self) -> bool {
        self.0.is_silent()
    }

    /// Logs a text.
    pub fn message(&self, level: Level, text: &str) {
        self.0.message(level, text);
    }
}
