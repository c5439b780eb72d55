//! The checks of this room: they find what `log` lines refer to and compile what options stand for.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use base::registry::Registry;
use config::{Check, Diagnostics, Draft, Mode, Place, ProxyDraft, ProxyKind};
use lang::LogFormat;
use lang::logformat::Needs;

use crate::formats;
use crate::frontend::{Core, Due, FrontendLog, Identity};
use crate::header::HeaderFormat;
use crate::logger::{Logger, LoggerDraft, LoggerLine};
use crate::profile::Profile;
use crate::ring::{self, Ring};
use crate::sections;
use crate::settings::{
    FormatChoice, FormatText, GlobalLogging, Hostname, ProfileSettings, ProxyLogging, Resolved,
    ResolvedProxy, RingSettings, Style,
};
use crate::step::{Step, Steps};
use crate::target::{Target, TargetDraft};

/// The checks of this room.
pub static CHECKS: &[Check] = &[Check { name: "log", run: check }];

/// The size of a ring that has none of its own.
const RING_SIZE: usize = 16384;
/// What of a ring's size is not for messages.
const RING_OVERHEAD: usize = 197;

fn check(draft: &mut Draft, registry: &Registry, diagnostics: &mut Diagnostics) {
    let resolver = Resolver::new(draft, registry, diagnostics);
    let process = resolver.process(diagnostics);
    let logs: Vec<Option<FrontendLog>> = draft
        .proxies
        .iter()
        .map(|p| (p.kind != ProxyKind::Defaults).then(|| resolver.proxy(p, diagnostics)))
        .collect();
    let rings = resolver.rings;
    *draft.global.get_mut() = Resolved { rings, process };
    for (proxy, log) in draft.proxies.iter_mut().zip(logs) {
        if let Some(log) = log {
            *proxy.slots.get_mut() = ResolvedProxy(log);
        }
    }
}

/// What everything is looked up in.
struct Resolver<'r> {
    registry: &'r Registry,
    global: GlobalLogging,
    identity: Identity,
    rings: Vec<Arc<Ring>>,
    profiles: Arc<HashMap<Arc<str>, Arc<Profile>>>,
}

impl<'r> Resolver<'r> {
    fn new(draft: &Draft, registry: &'r Registry, diagnostics: &mut Diagnostics) -> Self {
        let global: GlobalLogging = draft.global();
        let identity = Identity {
            hostname: global.hostname.as_ref().map(|h| match h {
                Hostname::Given(name) => name.clone(),
                Hostname::System => system_hostname(),
            }),
            tag: global.tag.clone().unwrap_or_else(program_name),
        };
        let rings = rings(draft, diagnostics);
        let profiles = Arc::new(profiles(draft, diagnostics));
        Self { registry, global, identity, rings, profiles }
    }

    fn process(&self, diagnostics: &mut Diagnostics) -> FrontendLog {
        let mut loggers = Vec::new();
        for draft in &self.global.loggers {
            if let LoggerDraft::Own(line) = draft {
                loggers.extend(self.logger(line, diagnostics));
            }
        }
        FrontendLog::new(Core { loggers, identity: self.identity.clone(), ..Core::default() })
    }

    /// The logger of a line; `None` when something that it names does not exist.
    fn logger(&self, line: &LoggerLine, diagnostics: &mut Diagnostics) -> Option<Logger> {
        let missing = |what: &str, name: &str, diagnostics: &mut Diagnostics| {
            diagnostics.alert_at(&line.place, format!("'log' uses unknown {what} '{name}'."));
        };
        let target = match &line.target {
            TargetDraft::Datagram(datagram) => Target::Datagram(*datagram),
            TargetDraft::Descriptor(number) => Target::descriptor(*number),
            TargetDraft::Ring(name) => {
                let Some(ring) = self.rings.iter().find(|r| r.name() == &**name) else {
                    missing("ring named", name, diagnostics);
                    return None;
                };
                Target::Ring(ring.clone())
            }
        };
        let profile = line.profile.as_ref().map(|name| (name, self.profiles.get(name).cloned()));
        if let Some((name, None)) = &profile {
            missing("log-profile", name, diagnostics);
            return None;
        }
        let profile = profile.and_then(|(_, profile)| profile);
        let otherwise =
            if self.identity.hostname.is_some() { HeaderFormat::Rfc3164 } else { HeaderFormat::Local };
        Some(line.resolve(target, profile, otherwise))
    }

    fn proxy(&self, proxy: &ProxyDraft, diagnostics: &mut Diagnostics) -> FrontendLog {
        let logging: ProxyLogging = proxy.slots.get_or_default();
        let mut loggers = Vec::new();
        for draft in &logging.loggers {
            match draft {
                LoggerDraft::Own(line) => loggers.extend(self.logger(line, diagnostics)),
                // What is wrong with those of the process was said where they stand.
                LoggerDraft::Global => loggers.extend(self.global.loggers.iter().filter_map(|d| match d {
                    LoggerDraft::Own(line) => self.logger(line, &mut Diagnostics::default()),
                    LoggerDraft::Global => None,
                })),
            }
        }
        let identity = Identity {
            tag: logging.tag.clone().unwrap_or(self.identity.tag.clone()),
            ..self.identity.clone()
        };
        let mut core = Core { loggers, identity, profiles: self.profiles.clone(), ..Core::default() };
        if proxy.kind.has_frontend() {
            self.formats(proxy, &logging, &mut core, diagnostics);
            // Rules may log by any profile.
            let formats = self.profiles.values().flat_map(|p| p.formats()).filter_map(FormatText::compiled);
            core.needs = formats.fold(core.needs, |all, format| all.or(format.needs()));
        }
        FrontendLog::new(core)
    }

    fn formats(
        &self,
        proxy: &ProxyDraft,
        logging: &ProxyLogging,
        core: &mut Core,
        diagnostics: &mut Diagnostics,
    ) {
        let chosen = !matches!(logging.format, FormatChoice::Default) || logging.structured.is_some();
        core.format = self.format(proxy, logging, diagnostics);
        core.structured = logging.structured.as_ref().and_then(|text| compiled(text, diagnostics));
        core.error = logging.error.as_ref().and_then(|text| compiled(text, diagnostics));
        core.failure = self.built_in(formats::FAILURE, &proxy.place, diagnostics);
        if core.format.is_empty() {
            core.format = self.built_in(default_format(proxy), &proxy.place, diagnostics);
        }
        if chosen && logging.loggers_are_absent(core) {
            diagnostics.warning(format!(
                "log format ignored for {} '{}' since it has no log address.",
                proxy.kind.title(),
                proxy.name
            ));
        }
        core.needs = needs(core);
        core.due = due(proxy, logging.steps, core.needs);
    }

    /// The format of the proxy's lines.
    fn format(&self, proxy: &ProxyDraft, logging: &ProxyLogging, diagnostics: &mut Diagnostics) -> LogFormat {
        let place = &logging.chosen;
        let text = match (&logging.format, proxy.mode) {
            (FormatChoice::Custom(text), _) => return compiled(text, diagnostics).unwrap_or_default(),
            (FormatChoice::Default, _) => default_format(proxy),
            (FormatChoice::Tcp(style), _) => tcp_format(*style),
            (FormatChoice::Http(Style::Own), Mode::Http) => formats::HTTP,
            (FormatChoice::Http(Style::Clf), Mode::Http) => formats::HTTP_CLF,
            (FormatChoice::Https, Mode::Http) => return self.https(place, diagnostics),
            (FormatChoice::Http(style), _) => fall_back("httplog", *style, proxy, place, diagnostics),
            (FormatChoice::Https, _) => fall_back("httpslog", Style::Own, proxy, place, diagnostics),
        };
        self.built_in(text, place, diagnostics)
    }

    /// The one built-in format whose parts belong to another room.
    fn https(&self, place: &Place, diagnostics: &mut Diagnostics) -> LogFormat {
        LogFormat::parse_log(formats::HTTPS.as_bytes(), self.registry).unwrap_or_else(|e| {
            diagnostics.alert_at(
                place,
                format!("'option httpslog' is not supported by this build : {}.", e.message),
            );
            LogFormat::default()
        })
    }

    fn built_in(&self, text: &str, place: &Place, diagnostics: &mut Diagnostics) -> LogFormat {
        LogFormat::parse_log(text.as_bytes(), self.registry).unwrap_or_else(|e| {
            diagnostics.alert_at(place, format!("built-in log format : {}.", e.message));
            LogFormat::default()
        })
    }
}

impl ProxyLogging {
    fn loggers_are_absent(&self, core: &Core) -> bool {
        // A logger that names what does not exist is an error of its own.
        core.loggers.is_empty() && !self.loggers.iter().any(|l| matches!(l, LoggerDraft::Own(_)))
    }
}

fn default_format(proxy: &ProxyDraft) -> &'static str {
    if proxy.mode == Mode::Http { formats::DEFAULT_HTTP } else { formats::DEFAULT_TCP }
}

fn tcp_format(style: Style) -> &'static str {
    match style {
        Style::Own => formats::TCP,
        Style::Clf => formats::TCP_CLF,
    }
}

/// A format of HTTP in another mode.
fn fall_back(
    option: &str,
    style: Style,
    proxy: &ProxyDraft,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> &'static str {
    let clf = if style == Style::Clf { " clf" } else { "" };
    diagnostics.warning_at(
        place,
        format!(
            "'option {option}{clf}' not usable with {} '{}' (needs 'mode http'). Falling back to 'option tcplog{clf}'.",
            proxy.kind.title(),
            proxy.name
        ),
    );
    tcp_format(style)
}

fn compiled(text: &FormatText, diagnostics: &mut Diagnostics) -> Option<LogFormat> {
    if let Some(mistake) = text.mistake() {
        diagnostics.push(mistake.clone());
    }
    text.compiled().cloned()
}

/// What all formats that may be rendered need.
fn needs(core: &Core) -> Needs {
    let mut all = core.format.needs();
    for format in [&core.structured, &core.error].into_iter().flatten() {
        all = all.or(format.needs());
    }
    let profiles = core.loggers.iter().filter_map(|l| l.profile.as_ref());
    profiles.flat_map(|p| p.formats()).filter_map(FormatText::compiled).fold(all, |all, f| all.or(f.needs()))
}

fn due(proxy: &ProxyDraft, steps: Option<Steps>, needs: Needs) -> Due {
    match steps {
        Some(steps) => Due::At(steps),
        None if needs.contains(Needs::END) => Due::Once(Step::Close),
        None if proxy.mode == Mode::Http => Due::Once(Step::Response),
        None => Due::Once(Step::Connect),
    }
}

fn rings(draft: &Draft, diagnostics: &mut Diagnostics) -> Vec<Arc<Ring>> {
    let mut rings = vec![ring::buf0().clone()];
    for section in draft.sections.iter().filter(|s| s.kind == sections::RING) {
        if rings.iter().any(|r| r.name() == &*section.name) {
            diagnostics.alert_at(&section.place, format!("sink named '{}' already exists.", section.name));
            continue;
        }
        check_name("ring", &section.name, &section.place, diagnostics);
        let settings: RingSettings = section.slots.get_or_default();
        let size = settings.size.unwrap_or(RING_SIZE);
        let payload = size.saturating_sub(RING_OVERHEAD).max(1);
        if let Some(len) = settings.max_len.filter(|len| *len > payload) {
            diagnostics.warning(format!(
                "ring '{}' event max length '{len}' exceeds max payload size, forced to '{payload}'.",
                section.name
            ));
        }
        let description = settings.description.as_deref().unwrap_or(&section.name);
        let ring = Ring::new(section.name.clone(), size).described(description).formatted(settings.format);
        rings.push(Arc::new(ring.limited(settings.max_len.unwrap_or(1024).min(payload))));
    }
    rings
}

fn profiles(draft: &Draft, diagnostics: &mut Diagnostics) -> HashMap<Arc<str>, Arc<Profile>> {
    let mut profiles: HashMap<Arc<str>, Arc<Profile>> = HashMap::new();
    for section in draft.sections.iter().filter(|s| s.kind == sections::PROFILE) {
        check_name(sections::PROFILE, &section.name, &section.place, diagnostics);
        let ProfileSettings(profile) = section.slots.get_or_default();
        profile.formats().filter_map(FormatText::mistake).for_each(|m| diagnostics.push(m.clone()));
        if profiles.insert(section.name.clone(), Arc::new(profile)).is_some() {
            let text = format!("there is another log-profile section named '{}'.", section.name);
            diagnostics.alert_at(&section.place, text);
        }
    }
    profiles
}

fn check_name(kind: &str, name: &str, place: &Place, diagnostics: &mut Diagnostics) {
    if let Some(bad) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.:".contains(*c)) {
        diagnostics.alert_at(place, format!("character '{bad}' is not permitted in '{kind}' name '{name}'."));
    }
}

fn system_hostname() -> Arc<str> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".into() } else { name.into() }
}

/// The name by which the program was started.
fn program_name() -> Arc<[u8]> {
    let path = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&path).file_name().map(OsStr::as_bytes).filter(|n| !n.is_empty());
    name.unwrap_or(b"haproxy").into()
}
