//! The directives of `global`, of proxies and of this room's sections.

use std::sync::Arc;

use config::directive::{Arity, Target};
use config::{Directive, Prefix, ProxyKind, Refusal, Section, Sections, Sense, Statement};

use crate::logger::{LoggerDraft, LoggerLine};
use crate::sections;
use crate::settings::{
    FormatChoice, FormatText, GlobalLogging, Hostname, ProfileSettings, ProxyLogging, RingSettings, Style,
};
use crate::step::{Step, Steps};

const ALL: Section = Section::Proxy(Sections::ALL);
const RING: Section = Section::Other(sections::RING);
const PROFILE: Section = Section::Other(sections::PROFILE);

const fn directive(
    name: &'static str,
    section: Section,
    arity: Arity,
    manual: &'static str,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section, prefix: Prefix::None, arity, manual, parse }
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    Directive {
        prefix: Prefix::No,
        ..directive("log", Section::Global, Arity::AtLeast(0), "3.1", global_log)
    },
    Directive { prefix: Prefix::No, ..directive("log", ALL, Arity::AtLeast(0), "4.2", proxy_log) },
    directive("log-send-hostname", Section::Global, Arity::AtLeast(0), "3.1", |s| {
        let hostname = match s.arg(0).as_ref() {
            "" => Hostname::System,
            name => Hostname::Given(name.into()),
        };
        s.slot::<GlobalLogging>().hostname = Some(hostname);
        Ok(())
    }),
    directive("log-tag", Section::Global, Arity::Exactly(1), "3.1", |s| {
        s.slot::<GlobalLogging>().tag = Some(tag(s));
        Ok(())
    }),
    directive("log-tag", ALL, Arity::AtLeast(1), "4.2", |s| {
        s.slot::<ProxyLogging>().tag = Some(tag(s));
        Ok(())
    }),
    directive("log-format", ALL, Arity::Exactly(1), "4.2", |s| {
        let text = FormatText::of_argument(s, 0);
        choose(s, FormatChoice::Custom(text));
        Ok(())
    }),
    directive("log-format-sd", ALL, Arity::Exactly(1), "4.2", |s| {
        let text = FormatText::of_argument(s, 0);
        front(s, |logging| logging.structured = Some(text));
        Ok(())
    }),
    directive("error-log-format", ALL, Arity::Exactly(1), "4.2", |s| {
        let text = FormatText::of_argument(s, 0);
        front(s, |logging| logging.error = Some(text));
        Ok(())
    }),
    directive("log-steps", ALL, Arity::AtLeast(0), "4.2", log_steps),
    directive("option httplog", ALL, Arity::Between(0, 1), "4.2", |s| {
        let style = style(s)?;
        choose(s, FormatChoice::Http(style));
        Ok(())
    }),
    directive("option tcplog", ALL, Arity::Between(0, 1), "4.2", |s| {
        let style = style(s)?;
        choose(s, FormatChoice::Tcp(style));
        Ok(())
    }),
    directive("option httpslog", ALL, Arity::AtLeast(0), "4.2", |s| {
        choose(s, FormatChoice::Https);
        Ok(())
    }),
    directive("description", RING, Arity::AtLeast(1), "12.5", |s| {
        let text = s.arg(0).into_owned();
        s.slot::<RingSettings>().description = Some(text);
        Ok(())
    }),
    directive("format", RING, Arity::Exactly(1), "12.5", sections::format),
    directive("maxlen", RING, Arity::Exactly(1), "12.5", sections::max_len),
    directive("size", RING, Arity::Exactly(1), "12.5", sections::size),
    directive("backing-file", RING, Arity::AtLeast(0), "12.5", sections::unsupported),
    directive("server", RING, Arity::AtLeast(0), "12.5", sections::unsupported),
    directive("timeout connect", RING, Arity::AtLeast(0), "12.5", sections::unsupported),
    directive("timeout server", RING, Arity::AtLeast(0), "12.5", sections::unsupported),
    directive("log-tag", PROFILE, Arity::Exactly(1), "8.3.5", |s| {
        s.slot::<ProfileSettings>().0.tag = Some(tag(s));
        Ok(())
    }),
    directive("on", PROFILE, Arity::AtLeast(1), "8.3.5", sections::on),
];

fn tag(s: &Statement<'_>) -> Arc<[u8]> {
    s.bytes(0).into()
}

fn global_log(s: &mut Statement<'_>) -> Result<(), Refusal> {
    if s.arg(0) == "global" {
        return Err(s.refuse(0, "'log' : 'global' is not supported for a global syslog server."));
    }
    match logger(s)? {
        Some(logger) => s.slot::<GlobalLogging>().loggers.push(logger),
        None => s.slot::<GlobalLogging>().loggers.clear(),
    }
    Ok(())
}

fn proxy_log(s: &mut Statement<'_>) -> Result<(), Refusal> {
    if s.sense == Sense::Set && s.args() == 1 && s.arg(0) == "global" {
        s.slot::<ProxyLogging>().loggers.push(LoggerDraft::Global);
        return Ok(());
    }
    match logger(s)? {
        Some(logger) => s.slot::<ProxyLogging>().loggers.push(logger),
        None => s.slot::<ProxyLogging>().loggers.clear(),
    }
    Ok(())
}

/// The logger of a line; `None` for `no log`.
fn logger(s: &Statement<'_>) -> Result<Option<LoggerDraft>, Refusal> {
    if s.sense == Sense::Set {
        return LoggerLine::parse(s).map(|line| Some(LoggerDraft::Own(Arc::new(line))));
    }
    if s.args() > 0 {
        return Err(s.refuse(0, "'no log' does not expect arguments."));
    }
    Ok(None)
}

fn style(s: &Statement<'_>) -> Result<Style, Refusal> {
    match s.arg(0).as_ref() {
        "" => Ok(Style::Own),
        "clf" => Ok(Style::Clf),
        _ => Err(s.refuse(0, format!("'{}' only supports option 'clf'.", s.keyword()))),
    }
}

fn choose(s: &mut Statement<'_>, format: FormatChoice) {
    let place = s.place.clone();
    front(s, |logging| (logging.format, logging.chosen) = (format, place));
}

/// Sets something that backends have no use for, which they are told.
fn front(s: &mut Statement<'_>, set: impl FnOnce(&mut ProxyLogging)) {
    if let Some(name) = pure_backend(s) {
        let text = format!("backend '{name}' : '{}' directive is ignored in backends.", s.keyword());
        s.warn(text);
        return;
    }
    set(s.slot());
}

fn pure_backend(s: &Statement<'_>) -> Option<Arc<str>> {
    match s.target {
        Target::Proxy(i) => {
            let proxy = &s.draft.proxies[i];
            (proxy.kind == ProxyKind::Backend).then(|| proxy.name.clone())
        }
        _ => None,
    }
}

fn log_steps(s: &mut Statement<'_>) -> Result<(), Refusal> {
    if let Some(name) = pure_backend(s) {
        s.warn(format!("'log-steps' will be ignored because backend '{name}' has no frontend capability."));
        return Ok(());
    }
    let list = s.arg(0);
    let steps = match list.as_ref() {
        "" => None,
        "all" => Some(Steps::ALL),
        names => {
            let mut steps = Steps::NONE;
            for name in names.split(',') {
                let known = Step::STORY.into_iter().find(|step| step.name() == name);
                let step = known.ok_or_else(|| {
                    let names = Step::STORY.map(Step::name).join(", ");
                    s.refuse(0, format!("invalid log step name ({name}). Expected values are: {names}."))
                })?;
                steps = steps.or(Steps::only(step));
            }
            Some(steps)
        }
    };
    s.slot::<ProxyLogging>().steps = steps;
    Ok(())
}
