//! Settings of the `global` section that several rooms look at, and those that change how files are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::registry::Registry;

use crate::diagnostic::Diagnostics;
use crate::directive::{Arity, Check, Directive, Prefix, Refusal, Section, Statement};
use crate::draft::Draft;
use crate::slot::Setting;

/// How many connections the process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessLimits {
    /// `maxconn`, or what was computed in its place before listeners open; 0 until then.
    pub maxconn: u64,
}

impl Setting for ProcessLimits {}

/// The kernel's buffers of the connections of one side; `None` leaves the system's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideBuffers {
    /// `tune.rcvbuf.*`.
    pub receive: Option<u32>,
    /// `tune.sndbuf.*`.
    pub send: Option<u32>,
    /// `tune.notsent-lowat.*`.
    pub notsent_lowat: Option<u32>,
}

/// The kernel's buffers of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketBuffers {
    /// Those of connections from clients.
    pub client: SideBuffers,
    /// Those of connections to servers.
    pub server: SideBuffers,
}

impl Setting for SocketBuffers {}

/// How the event loop of each thread goes about its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventLoop {
    /// `tune.maxpollevents`: events taken from the system at once; `None` for the usual.
    pub max_events: Option<u32>,
    /// `tune.runqueue-depth`: tasks run before the system is asked again; `None` for the usual.
    pub run_depth: Option<u32>,
    /// `busy-polling`.
    pub waiting: Waiting,
}

impl Setting for EventLoop {}
impl Setting for CloseSpread {}

/// What a thread does while it has nothing to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// It sleeps.
    #[default]
    Asleep,
    /// It asks again and again, until the process is stopping.
    Busy,
}

/// How client connections end during a soft stop (`close-spread-time`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CloseSpread {
    /// Idle ones at once, the others after the response that is under way.
    #[default]
    AtOnce,
    /// Spread over this time.
    Over(Duration),
    /// By their timeouts only.
    Never,
}

/// What names this instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `node`.
    pub node: Option<Arc<str>>,
    /// `description`.
    pub description: Option<Arc<str>>,
}

impl Setting for Instance {}

/// Directives that are accepted only on demand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// `expose-experimental-directives`.
    pub experimental: Demand,
    /// `expose-deprecated-directives`.
    pub deprecated: Demand,
}

impl Setting for Exposure {}

/// Whether something was asked for, and made use of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// Nobody asked.
    #[default]
    No,
    /// It was asked for, and nothing has needed it so far.
    Unused,
    /// It was asked for and needed.
    Used,
}

impl Demand {
    /// Makes use of it; false when nobody asked.
    fn make_use(&mut self) -> bool {
        if *self == Self::No {
            return false;
        }
        *self = Self::Used;
        true
    }
}

impl Exposure {
    /// Refuses an experimental keyword unless such were asked for.
    pub fn experimental(s: &mut Statement<'_>) -> Result<(), Refusal> {
        if s.draft.global.get_mut::<Self>().experimental.make_use() {
            return Ok(());
        }
        Err(Refusal::new(format!(
            "'{}' is experimental: it must be allowed by a global 'expose-experimental-directives'.",
            s.keyword()
        )))
    }
}

/// Where files named by relative paths are looked for (`default-path`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DefaultPath {
    /// Where the program was started.
    #[default]
    Current,
    /// Beside the configuration file.
    Config,
    /// Beside the directory of the configuration file.
    Parent,
    /// There.
    Origin(PathBuf),
}

impl Setting for DefaultPath {}

impl DefaultPath {
    /// The directory for a file, relative to where the program was started.
    fn directory(&self, file: &str) -> PathBuf {
        let beside = Path::new(file).parent().filter(|p| !p.as_os_str().is_empty());
        match self {
            Self::Current => PathBuf::from("."),
            Self::Config => beside.unwrap_or(Path::new(".")).to_owned(),
            Self::Parent => beside.map_or_else(|| PathBuf::from(".."), |p| p.join("..")),
            Self::Origin(path) => path.clone(),
        }
    }

    /// Goes where the relative paths of a file start.
    pub fn enter(&self, start: &Path, file: &str) -> std::io::Result<()> {
        std::env::set_current_dir(start.join(self.directory(file)))
    }
}

const fn global(
    name: &'static str,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Global, prefix: Prefix::None, arity, manual: "3.1", parse }
}

const fn buffer(name: &'static str, parse: fn(&mut Statement<'_>) -> Result<(), Refusal>) -> Directive {
    Directive {
        name,
        section: Section::Global,
        prefix: Prefix::None,
        arity: Arity::Exactly(1),
        manual: "3.2",
        parse,
    }
}

macro_rules! set_buffer {
    ($side:ident, $field:ident) => {
        |s| {
            let size = s.size(0)?;
            let size = u32::try_from(size)
                .map_err(|_| s.refuse(0, format!("'{}' : '{}' is too large.", s.keyword(), s.arg(0))))?;
            s.slot::<SocketBuffers>().$side.$field = (size > 0).then_some(size);
            Ok(())
        }
    };
}

/// The directives of the `global` section that concern several rooms.
pub static DIRECTIVES: &[Directive] = &[
    global("default-path", Arity::AtLeast(1), default_path),
    global("description", Arity::AtLeast(1), |s| {
        let words: Vec<_> = (0..s.args()).map(|i| s.arg(i)).collect();
        s.slot::<Instance>().description = Some(words.join(" ").into());
        Ok(())
    }),
    global("expose-deprecated-directives", Arity::None, |s| {
        s.slot::<Exposure>().deprecated = Demand::Unused;
        Ok(())
    }),
    global("expose-experimental-directives", Arity::None, |s| {
        s.slot::<Exposure>().experimental = Demand::Unused;
        Ok(())
    }),
    global("maxconn", Arity::Exactly(1), |s| {
        let value = s.integer(0, i64::from(i32::MIN)..=i64::from(i32::MAX))?;
        if s.slot::<ProcessLimits>().maxconn > 0 {
            s.already("maxconn");
        } else {
            // Zero and less ask for the computed value.
            s.slot::<ProcessLimits>().maxconn = value.max(0) as u64;
        }
        Ok(())
    }),
    global("node", Arity::Exactly(1), |s| {
        let name = s.arg(0);
        if let Some(bad) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.".contains(*c)) {
            let text = format!(
                "'node' : character '{bad}' is not permitted in a name: only letters, digits, '-', '_' and '.' are."
            );
            return Err(s.refuse(0, text));
        }
        s.slot::<Instance>().node = Some(Arc::from(name.as_ref()));
        Ok(())
    }),
    buffer("tune.notsent-lowat.client", set_buffer!(client, notsent_lowat)),
    buffer("tune.notsent-lowat.server", set_buffer!(server, notsent_lowat)),
    buffer("tune.rcvbuf.client", set_buffer!(client, receive)),
    buffer("tune.rcvbuf.server", set_buffer!(server, receive)),
    buffer("tune.sndbuf.client", set_buffer!(client, send)),
    buffer("tune.sndbuf.server", set_buffer!(server, send)),
];

/// The checks that go with them.
pub static CHECKS: &[Check] = &[Check { name: "exposed directives", run: check_exposure }];

fn default_path(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let path = match s.arg(0).as_ref() {
        "current" => DefaultPath::Current,
        "config" => DefaultPath::Config,
        "parent" => DefaultPath::Parent,
        "origin" if s.args() > 1 => DefaultPath::Origin(PathBuf::from(s.arg(1).as_ref())),
        "origin" => return Err(s.refuse(0, "'default-path origin' expects a directory as an argument.")),
        other => {
            let text = format!(
                "'default-path' : unsupported mode '{other}', supported ones are 'current', 'config', 'parent' and 'origin'."
            );
            return Err(s.refuse(0, text));
        }
    };
    let most = if matches!(path, DefaultPath::Origin(_)) { 2 } else { 1 };
    if s.args() > most {
        return Err(s.refuse(most, format!("'default-path' : unexpected argument '{}'.", s.arg(most))));
    }
    let start = s.draft.readings.start.clone();
    if let Err(e) = path.enter(&start, &s.place.file) {
        let text = format!(
            "'default-path' : cannot change to directory '{}' : {e}.",
            path.directory(&s.place.file).display()
        );
        return Err(s.refuse(most - 1, text));
    }
    *s.slot::<DefaultPath>() = path;
    Ok(())
}

/// What is allowed and never used would be used by accident one day.
fn check_exposure(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    if draft.global::<Exposure>().experimental == Demand::Unused {
        diagnostics.warning(
            "'expose-experimental-directives' is set in the global section, but nothing needs it any more. \
             It should be removed, so that no experimental directive is used by accident.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_path_follows_the_file() {
        let directory = |path: DefaultPath, file| path.directory(file).display().to_string();
        assert_eq!(directory(DefaultPath::Current, "a/b.cfg"), ".");
        assert_eq!(directory(DefaultPath::Config, "a/b.cfg"), "a");
        assert_eq!(directory(DefaultPath::Config, "b.cfg"), ".");
        assert_eq!(directory(DefaultPath::Parent, "/a/b.cfg"), "/a/..");
        assert_eq!(directory(DefaultPath::Parent, "b.cfg"), "..");
        assert_eq!(directory(DefaultPath::Origin("/x".into()), "b.cfg"), "/x");
    }

    #[test]
    fn use_is_made_only_of_what_was_asked_for() {
        let mut demand = Demand::No;
        assert!(!demand.make_use());
        demand = Demand::Unused;
        assert!(demand.make_use());
        assert_eq!(demand, Demand::Used);
    }
}
