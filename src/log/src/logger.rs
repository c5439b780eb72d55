//! One `log` line: who gets what.

use std::sync::Arc;

use config::{Place, Refusal, Statement};

use crate::header::{Header, HeaderFormat};
use crate::level::{Facility, Level};
use crate::profile::Profile;
use crate::sampling::Sampling;
use crate::target::{Target, TargetDraft};

/// The longest message, unless `len` says otherwise.
const DEFAULT_LEN: usize = 1024;

/// A `log` line as written.
#[derive(Clone, Debug)]
pub(crate) enum LoggerDraft {
    /// `log global`.
    Global,
    /// A target of its own.
    Own(Arc<LoggerLine>),
}

/// The arguments of a `log` line.
#[derive(Debug)]
pub(crate) struct LoggerLine {
    pub(crate) place: Place,
    pub(crate) target: TargetDraft,
    len: Option<usize>,
    format: Option<HeaderFormat>,
    sampling: Option<Arc<Sampling>>,
    pub(crate) profile: Option<Arc<str>>,
    facility: Facility,
    /// Less grave messages are left out.
    max: Level,
    /// Graver messages are sent at this level.
    min: Level,
}

/// A logger at work.
#[derive(Clone, Debug)]
pub(crate) struct Logger {
    pub(crate) target: Target,
    pub(crate) format: HeaderFormat,
    pub(crate) profile: Option<Arc<Profile>>,
    /// The most bytes of a line, its line feed included.
    limit: usize,
    sampling: Option<Arc<Sampling>>,
    facility: Facility,
    max: Level,
    min: Level,
}

impl LoggerLine {
    /// Reads the arguments of a `log` line with a target. The order of the options is fixed.
    pub(crate) fn parse(s: &Statement<'_>) -> Result<Self, Refusal> {
        if s.args() < 2 {
            return Err(Refusal::new(
                "'log' expects <target> [len <length>] [format <format>] [sample <ranges>:<size>] \
                 [profile <name>] <facility> [<level> [<minlevel>]], or 'global'.",
            ));
        }
        let address = s.address(0);
        let target = TargetDraft::parse(&String::from_utf8_lossy(&address))
            .map_err(|e| s.refuse(0, format!("'log' : {e}.")))?;
        let mut at = 1;
        let len = option(s, &mut at, "len", |text| {
            text.parse()
                .ok()
                .filter(|len| (80..=65535).contains(len))
                .ok_or_else(|| format!("invalid log length '{text}', must be between 80 and 65535"))
        })?;
        let format = option(s, &mut at, "format", |text| {
            text.parse().map_err(|()| format!("unknown log format '{text}'"))
        })?;
        let sampling = option(s, &mut at, "sample", |text| Sampling::parse(text).map(Arc::new))?;
        let profile = option(s, &mut at, "profile", |text| Ok(Arc::from(text)))?;
        let fail = |i, what: &str| s.refuse(i, format!("'log' : unknown {what} '{}'.", s.arg(i)));
        let facility = s.arg(at).parse().map_err(|()| fail(at, "log facility"))?;
        let level = |i, otherwise, what| match s.arg(i).as_ref() {
            "" => Ok(otherwise),
            name => name.parse().map_err(|()| fail(i, what)),
        };
        let max = level(at + 1, Level::Debug, "optional log level")?;
        let min = level(at + 2, Level::Emerg, "optional minimum log level")?;
        if s.args() > at + 3 {
            let text = format!("'log' : cannot handle unexpected argument '{}'.", s.arg(at + 3));
            return Err(s.refuse(at + 3, text));
        }
        Ok(Self { place: s.place.clone(), target, len, format, sampling, profile, facility, max, min })
    }

    /// The logger, once its target and its profile are found.
    pub(crate) fn resolve(
        &self,
        target: Target,
        profile: Option<Arc<Profile>>,
        otherwise: HeaderFormat,
    ) -> Logger {
        let (ring_format, ring_limit) = match &target {
            Target::Ring(ring) => (ring.format, Some(ring.max_len() + 1)),
            _ => (None, None),
        };
        let limit = match (self.len, ring_limit) {
            (Some(len), Some(ring)) => len.min(ring),
            (Some(len), None) => len,
            (None, Some(ring)) => ring,
            // A descriptor's reader finds the end of a line by itself.
            (None, None) if matches!(target, Target::Descriptor(_)) => usize::MAX,
            (None, None) => DEFAULT_LEN,
        };
        Logger {
            target,
            format: ring_format.or(self.format).unwrap_or(otherwise),
            profile,
            limit,
            sampling: self.sampling.clone(),
            facility: self.facility,
            max: self.max,
            min: self.min,
        }
    }
}

/// Reads `name value` if it stands at `at`.
fn option<T>(
    s: &Statement<'_>,
    at: &mut usize,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, Refusal> {
    if s.arg(*at) != name {
        return Ok(None);
    }
    *at += 2;
    match read(&s.arg(*at - 1)) {
        Ok(value) => Ok(Some(value)),
        Err(e) => Err(s.refuse((*at - 1).min(s.args() - 1), format!("'log' : {e}."))),
    }
}

impl Logger {
    /// The level at which a message goes out; `None` when it does not.
    pub(crate) fn admit(&self, level: Level) -> Option<Level> {
        if level > self.max {
            return None;
        }
        if let Some(sampling) = &self.sampling
            && !sampling.admits()
        {
            return None;
        }
        Some(level.max(self.min))
    }

    /// Puts a line together in `line` and sends it.
    pub(crate) fn send(&self, header: &Header<'_>, text: &[u8], line: &mut Vec<u8>) {
        line.clear();
        let header = Header { facility: self.facility, ..*header };
        header.write(self.format, line);
        line.extend_from_slice(text);
        line.truncate(self.limit - 1);
        line.push(b'\n');
        self.target.send(line);
    }
}
