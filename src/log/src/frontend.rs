//! What the traffic engine calls: the loggers of one proxy, and those of the process.

use config::{Draft, ProxyDraft};
use lang::Scene;

use crate::level::Level;
use crate::step::{Step, Steps};

/// The loggers of a proxy with its formats.
#[derive(Clone, Debug, Default)]
pub struct FrontendLog {
    steps: Steps,
}

/// The loggers of a backend; they carry messages about its servers.
pub type BackendLog = FrontendLog;

impl FrontendLog {
    /// The loggers of a proxy of a checked draft.
    pub fn build(_proxy: &ProxyDraft, _draft: &Draft) -> Self {
        Self::default()
    }

    /// Whether nothing at all is sent: nobody needs to prepare anything.
    pub fn is_silent(&self) -> bool {
        true
    }

    /// The steps at which a line is due. A step before the last one comes from `log-steps`, or from
    /// a format that asks for nothing that is only known later.
    pub fn steps(&self) -> Steps {
        self.steps
    }

    /// Logs the end of a stream.
    pub fn emit(&self, scene: &Scene<'_>, level: Level) {
        self.emit_at(scene, level, Step::Close);
    }

    /// Logs a failed stream or connection: by `error-log-format`, where there is one.
    pub fn emit_error(&self, scene: &Scene<'_>, level: Level) {
        self.emit_at(scene, level, Step::Error);
    }

    /// Logs a step of a stream.
    pub fn emit_at(&self, _scene: &Scene<'_>, _level: Level, _step: Step) {}

    /// Logs a text.
    pub fn message(&self, _level: Level, _text: &str) {}
}
