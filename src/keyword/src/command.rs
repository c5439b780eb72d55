//! Commands of the runtime API: what one is, what it sees, and how it answers.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use base::registry::Entry;
pub use base::world::World;

/// What a session may do, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Look at what is not confidential.
    User,
    /// Look at everything, change what is safe.
    #[default]
    Operator,
    /// Everything.
    Admin,
}

impl Level {
    /// The level of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::User, Self::Operator, Self::Admin].into_iter().find(|l| l.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Who has to be trusted with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maturity {
    /// Everybody.
    Stable,
    /// Who said `experimental-mode on`.
    Experimental,
    /// Who said `expert-mode on`.
    Expert,
}

/// Which process answers a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The workers.
    Worker,
    /// The master.
    Master,
    /// Both.
    Both,
}

/// One command.
pub struct Command {
    /// Its words ("show stat").
    pub name: &'static str,
    /// How it is called, as the help shows it.
    pub usage: &'static str,
    /// What it does, as the help shows it.
    pub about: &'static str,
    /// The level that it takes.
    pub level: Level,
    /// Whether everybody may use it.
    pub maturity: Maturity,
    /// Who answers it.
    pub audience: Audience,
    /// Answers it.
    pub run: fn(&mut CommandCx<'_>) -> Answer,
}

impl Entry for Command {
    fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Command {
    /// A stable command of the workers.
    pub const fn new(
        name: &'static str,
        usage: &'static str,
        about: &'static str,
        level: Level,
        run: fn(&mut CommandCx<'_>) -> Answer,
    ) -> Self {
        Self { name, usage, about, level, maturity: Maturity::Stable, audience: Audience::Worker, run }
    }

    /// The same, answered by the master too.
    #[must_use]
    pub const fn everywhere(self) -> Self {
        Self { audience: Audience::Both, ..self }
    }

    /// The same, for those who ask for it.
    #[must_use]
    pub const fn of_maturity(self, maturity: Maturity) -> Self {
        Self { maturity, ..self }
    }
}

/// How serious a message is, as in syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `alert`.
    Alert,
    /// `err`.
    Error,
    /// `warning`.
    Warning,
    /// `notice`.
    Notice,
    /// `info`.
    Info,
}

impl Severity {
    /// The number and the name that `set severity-output` asks for.
    pub fn marks(self) -> (u8, &'static str) {
        match self {
            Self::Alert => (1, "alert"),
            Self::Error => (3, "err"),
            Self::Warning => (4, "warning"),
            Self::Notice => (5, "notice"),
            Self::Info => (6, "info"),
        }
    }
}

/// What precedes messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeverityOutput {
    /// Nothing.
    #[default]
    None,
    /// `[3]: `
    Number,
    /// `[err]: `
    Text,
}

impl SeverityOutput {
    /// The form of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "number" => Some(Self::Number),
            "string" => Some(Self::Text),
            _ => None,
        }
    }
}

/// Whether further commands are expected after the first line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialogue {
    /// No.
    #[default]
    OneLine,
    /// Yes, without a prompt.
    Interactive,
    /// Yes, with one.
    Prompt,
}

/// Whether something is switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toggle {
    /// It is not.
    #[default]
    Off,
    /// It is.
    On,
}

/// What lasts for a session.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it may do now.
    pub level: Level,
    /// `set severity-output`.
    pub severity: SeverityOutput,
    /// `prompt`.
    pub dialogue: Dialogue,
    /// Whether the prompt tells the time.
    pub timed: Toggle,
    /// `expert-mode`.
    pub expert: Toggle,
    /// `experimental-mode`.
    pub experimental: Toggle,
    /// How long it may be silent; for ever when `None`.
    pub timeout: Option<Duration>,
    /// The key that names are hidden with (`set anon`); 0 hides nothing.
    pub anon_key: u32,
}

impl Session {
    /// A session that begins.
    pub fn new(level: Level, severity: SeverityOutput, timeout: Option<Duration>) -> Self {
        Self {
            level,
            severity,
            dialogue: Dialogue::OneLine,
            timed: Toggle::Off,
            expert: Toggle::Off,
            experimental: Toggle::Off,
            timeout,
            anon_key: 0,
        }
    }
}

/// What a command sees.
pub struct CommandCx<'a> {
    /// The words after the command's own.
    pub args: &'a [Box<[u8]>],
    /// The payload, if one was sent.
    pub payload: Option<&'a [u8]>,
    /// The session.
    pub session: &'a mut Session,
    /// What there is to work on.
    pub world: &'a World,
}

impl<'a> CommandCx<'a> {
    /// Argument `i` as text, empty when it is missing.
    pub fn arg(&self, i: usize) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes(i))
    }

    /// The bytes of argument `i`, empty when it is missing.
    pub fn bytes(&self, i: usize) -> &'a [u8] {
        self.args.get(i).map_or(b"", |a| a)
    }

    /// Whether argument `i` is there.
    pub fn has(&self, i: usize) -> bool {
        i < self.args.len()
    }
}

/// A long answer, written piece by piece as fast as the other side reads it.
pub trait Dump: Send {
    /// Writes the next piece, a few kilobytes of it. It must not wait.
    fn write(&mut self, out: &mut Vec<u8>) -> Progress;
}

/// Whether a dump goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more.
    More,
    /// There is nothing now, and may be later, until the other side says anything or leaves.
    Waiting,
    /// That was all.
    Done,
}

/// An answer that takes a while.
pub type Later = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What a command answers. A blank line follows each.
pub enum Answer {
    /// Nothing.
    Silence,
    /// A text, with its line feeds.
    Text(Vec<u8>),
    /// A message; its line feed may be left out.
    Message(Severity, Cow<'static, str>),
    /// A long text.
    Dump(Box<dyn Dump>),
    /// Something that is waited for.
    Later(Later),
}

impl Answer {
    /// A text.
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(text.into())
    }

    /// An error.
    pub fn error(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Message(Severity::Error, text.into())
    }

    /// A notice.
    pub fn notice(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Message(Severity::Notice, text.into())
    }

    /// Information.
    pub fn info(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Message(Severity::Info, text.into())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("Silence"),
            Self::Text(text) => write!(f, "Text({:?})", String::from_utf8_lossy(text)),
            Self::Message(severity, text) => write!(f, "Message({severity:?}, {text:?})"),
            Self::Dump(_) => f.write_str("Dump"),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_named() {
        assert!(Level::User < Level::Operator && Level::Operator < Level::Admin);
        assert_eq!(Level::by_name("admin"), Some(Level::Admin));
        assert_eq!(Level::by_name("root"), None);
    }
}
