//! What the configuration says about logging, section by section.

use std::sync::Arc;

use config::diagnostic::{Excerpt, Message};
use config::{Place, Setting, Severity, Statement};
use lang::LogFormat;

use crate::frontend::FrontendLog;
use crate::header::HeaderFormat;
use crate::logger::LoggerDraft;
use crate::profile::Profile;
use crate::ring::Ring;
use crate::step::Steps;

/// A format string that was compiled where it stands. A mistake in it only matters to those who use it: a
/// `defaults` section may hold formats that every proxy replaces.
#[derive(Clone, Debug)]
pub(crate) struct FormatText(Arc<Result<LogFormat, Message>>);

impl FormatText {
    /// Compiles argument `i` of a statement.
    pub(crate) fn of_argument(s: &Statement<'_>, i: usize) -> Self {
        let compiled = LogFormat::parse_log(s.bytes(i), s.registry).map_err(|e| Message {
            severity: Severity::Alert,
            place: Some(s.place.clone()),
            text: format!("failed to parse '{}' : {}.", s.keyword(), e.message),
            excerpt: s
                .rest(i)
                .first()
                .map(|word| Excerpt { source: s.source.to_owned(), span: word.source(e.span) }),
        });
        Self(Arc::new(compiled))
    }

    pub(crate) fn compiled(&self) -> Option<&LogFormat> {
        self.0.as_ref().as_ref().ok()
    }

    /// What is wrong with it.
    pub(crate) fn mistake(&self) -> Option<&Message> {
        self.0.as_ref().as_ref().err()
    }
}

/// The format of a proxy's lines.
#[derive(Clone, Debug, Default)]
pub(crate) enum FormatChoice {
    /// None was chosen.
    #[default]
    Default,
    /// `option tcplog`.
    Tcp(Style),
    /// `option httplog`.
    Http(Style),
    /// `option httpslog`.
    Https,
    /// `log-format`.
    Custom(FormatText),
}

/// Whether a built-in format is in the order of the common log format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    #[default]
    Own,
    Clf,
}

/// Logging in a proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyLogging {
    pub(crate) loggers: Vec<LoggerDraft>,
    pub(crate) format: FormatChoice,
    /// Where the format was chosen.
    pub(crate) chosen: Place,
    pub(crate) structured: Option<FormatText>,
    pub(crate) error: Option<FormatText>,
    pub(crate) tag: Option<Arc<[u8]>>,
    pub(crate) steps: Option<Steps>,
}

impl Setting for ProxyLogging {}

/// Logging in `global`.
#[derive(Clone, Debug, Default)]
pub(crate) struct GlobalLogging {
    pub(crate) loggers: Vec<LoggerDraft>,
    pub(crate) tag: Option<Arc<[u8]>>,
    pub(crate) hostname: Option<Hostname>,
}

impl Setting for GlobalLogging {}

/// `log-send-hostname`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hostname {
    /// The system's.
    System,
    /// This one.
    Given(Arc<str>),
}

/// A `ring` section.
#[derive(Clone, Debug, Default)]
pub(crate) struct RingSettings {
    pub(crate) description: Option<String>,
    pub(crate) format: Option<HeaderFormat>,
    pub(crate) max_len: Option<usize>,
    pub(crate) size: Option<usize>,
}

impl Setting for RingSettings {}

/// A `log-profile` section.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProfileSettings(pub(crate) Profile);

impl Setting for ProfileSettings {}

/// The rings of the configuration and the loggers of the process, found by the checks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolved {
    pub(crate) rings: Vec<Arc<Ring>>,
    pub(crate) process: FrontendLog,
}

impl Setting for Resolved {}

/// The loggers and formats of a proxy, found by the checks.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResolvedProxy(pub(crate) FrontendLog);

impl Setting for ResolvedProxy {
    fn inherited(&self) -> Option<Self> {
        None
    }
}
