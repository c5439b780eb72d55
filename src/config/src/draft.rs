//! The configuration as it is being read: sections with their typed slots, not yet checked as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use base::reference::Reference;

use crate::diagnostic::Place;
use crate::directive::Target;
use crate::environment::Environment;
use crate::slot::{Setting, Slots};

/// What a proxy section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyKind {
    /// `defaults`.
    Defaults,
    /// `frontend`.
    Frontend,
    /// `backend`.
    Backend,
    /// `listen`: both in one.
    Listen,
}

impl ProxyKind {
    /// Whether it accepts connections.
    pub fn has_frontend(self) -> bool {
        matches!(self, Self::Frontend | Self::Listen)
    }

    /// Whether it has servers.
    pub fn has_backend(self) -> bool {
        matches!(self, Self::Backend | Self::Listen)
    }

    /// The section's keyword.
    pub fn name(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Frontend => "frontend",
            Self::Backend => "backend",
            Self::Listen => "listen",
        }
    }

    /// What messages call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Listen => "proxy",
            other => other.name(),
        }
    }
}

/// What a proxy carries (`mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Streams of bytes.
    #[default]
    Tcp,
    /// HTTP.
    Http,
    /// Log messages (backends only).
    Log,
    /// SPOP (backends only).
    Spop,
}

impl Mode {
    /// The keyword's argument.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Log => "log",
            Self::Spop => "spop",
        }
    }
}

/// A `defaults`, `frontend`, `backend` or `listen` section.
#[derive(Debug)]
pub struct ProxyDraft {
    /// Its name; empty for an anonymous `defaults`.
    pub name: Arc<str>,
    /// What it is.
    pub kind: ProxyKind,
    /// Where it starts.
    pub place: Place,
    /// `mode`.
    pub mode: Mode,
    /// `id`, once given or assigned.
    pub id: Option<u32>,
    /// The index of the `defaults` section that it inherited from, among the proxies of the draft.
    pub defaults: Option<usize>,
    /// The settings of every feature.
    pub slots: Slots,
}

/// A section that is neither `global` nor a proxy (`ring`, `userlist`, ...).
#[derive(Debug)]
pub struct SectionDraft {
    /// Its keyword.
    pub kind: &'static str,
    /// Its name, where it has one.
    pub name: Arc<str>,
    /// Where it starts.
    pub place: Place,
    /// Its settings.
    pub slots: Slots,
}

/// What the command line says about how a configuration is read.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    /// `-dD`: say what looks suspicious.
    pub advice: Advice,
    /// The directory that the program was started in, or that `-C` names.
    pub start: std::path::PathBuf,
    /// `-dr`: whether servers need an address.
    pub resolution: Resolution,
    /// `-q`, `quiet`.
    pub speech: Speech,
    /// `-d`.
    pub showing: Showing,
}

/// What streams show on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Showing {
    /// Nothing.
    #[default]
    Nothing,
    /// What happens to them.
    Events,
}

/// Whether the process says anything on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speech {
    /// It does.
    #[default]
    Free,
    /// It does not.
    Silent,
}

/// Whether the name of a server must have an address when the program starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// The start fails otherwise.
    #[default]
    Required,
    /// `-dr`: a server without one is in maintenance.
    Optional,
}

/// Whether suspicious but valid statements are pointed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advice {
    /// Only real warnings.
    #[default]
    Quiet,
    /// `-dD`.
    Given,
}

/// Everything that was read so far.
#[derive(Debug, Default)]
pub struct Draft {
    /// The `global` section.
    pub global: Slots,
    /// All proxies, `defaults` sections included, in the order of the files.
    pub proxies: Vec<ProxyDraft>,
    /// The other sections.
    pub sections: Vec<SectionDraft>,
    /// The environment.
    pub environment: Environment,
    /// The command line's say.
    pub readings: Readings,
    /// The names in expressions that have to be looked up.
    pub references: Vec<PlacedReference>,
    /// What expressions want kept while traffic is carried, as bits of the room that compiles them.
    pub wishes: u32,
    by_name: HashMap<Arc<str>, Vec<usize>>,
}

/// A name in an expression, and where it stands.
#[derive(Debug)]
pub struct PlacedReference {
    /// The name.
    pub reference: Reference,
    /// The section that it stands in.
    pub target: Target,
    /// The line.
    pub place: Place,
}

impl Draft {
    /// A section by its kind and name, for messages.
    pub fn describe(&self, target: Target) -> String {
        match target {
            Target::Global => "section 'global'".to_owned(),
            Target::Proxy(i) => format!("proxy '{}'", self.proxies[i].name),
            Target::Section(i) => format!("section '{}'", self.sections[i].name),
        }
    }

    /// An empty draft.
    pub fn new(environment: Environment, readings: Readings) -> Self {
        Self { environment, readings, ..Self::default() }
    }

    /// Adds a proxy; returns its index.
    pub fn add_proxy(&mut self, proxy: ProxyDraft) -> usize {
        let index = self.proxies.len();
        self.by_name.entry(proxy.name.clone()).or_default().push(index);
        self.proxies.push(proxy);
        index
    }

    /// All proxies of a name, `defaults` sections among them.
    pub fn named<'d>(&'d self, name: &str) -> impl Iterator<Item = (usize, &'d ProxyDraft)> + use<'d> {
        self.by_name.get(name).into_iter().flatten().map(|&i| (i, &self.proxies[i]))
    }

    /// The index of the frontend (or listen) of that name.
    pub fn frontend(&self, name: &str) -> Option<usize> {
        self.named(name).find(|(_, p)| p.kind.has_frontend()).map(|(i, _)| i)
    }

    /// The index of the backend (or listen) of that name.
    pub fn backend(&self, name: &str) -> Option<usize> {
        self.named(name).find(|(_, p)| p.kind.has_backend()).map(|(i, _)| i)
    }

    /// The global settings of a feature, its defaults if none of its keywords was seen.
    pub fn global<T: Setting>(&self) -> T {
        self.global.get_or_default()
    }
}
