//! The options of `bind` and `server` lines: entries of tables too, each with its settings in a typed slot.

use std::borrow::Cow;

use base::registry::{Entry, Registry, nearest};
use grammar::line::Word;

use crate::directive::{Refusal, Statement};
use crate::slot::{Setting, Slots};

/// An option of a `bind` line.
pub struct BindOption(pub LineOption);

/// An option of a `server` or `default-server` line.
pub struct ServerOption(pub LineOption);

/// An option of a line of a `crt-list`.
pub struct ListOption {
    /// Its name.
    pub name: &'static str,
    /// How many words follow it.
    pub args: usize,
}

/// What the first two have in common.
pub struct LineOption {
    /// Its name.
    pub name: &'static str,
    /// The word that it is listed behind, with a blank; mostly none.
    pub group: &'static str,
    /// How many words follow it at least.
    pub args: usize,
    /// The section of the configuration manual that describes it.
    pub manual: &'static str,
    /// Reads it.
    pub parse: fn(&mut OptionCx<'_, '_>) -> Result<(), Refusal>,
}

/// A table of line options.
pub trait OptionEntry: Entry {
    /// The option itself.
    fn option(&self) -> &LineOption;
    /// What kind of line it belongs to.
    const LINE: &'static str;
}

impl Entry for BindOption {
    fn name(&self) -> &'static str {
        self.0.name
    }
}

impl Entry for ServerOption {
    fn name(&self) -> &'static str {
        self.0.name
    }
}

impl Entry for ListOption {
    fn name(&self) -> &'static str {
        self.name
    }
}

impl OptionEntry for BindOption {
    fn option(&self) -> &LineOption {
        &self.0
    }
    const LINE: &'static str = "bind";
}

impl OptionEntry for ServerOption {
    fn option(&self) -> &LineOption {
        &self.0
    }
    const LINE: &'static str = "server";
}

/// What an option's parser sees.
pub struct OptionCx<'s, 'd> {
    /// The line.
    pub statement: &'s mut Statement<'d>,
    /// The settings of the listener or server that the line declares.
    pub slots: &'s mut Slots,
    /// The index of the option's name among the arguments of the line.
    pub at: usize,
    taken: usize,
}

impl<'d> OptionCx<'_, 'd> {
    /// The option's name as written.
    pub fn name(&self) -> Cow<'d, str> {
        self.statement.arg(self.at)
    }

    /// Takes the next word after the name (and what was taken before).
    pub fn take(&mut self) -> Result<Cow<'d, str>, Refusal> {
        self.peek().inspect(|_| self.taken += 1).ok_or_else(|| self.missing())
    }

    /// The word that `take` would take.
    pub fn peek(&self) -> Option<Cow<'d, str>> {
        let word = self.statement.rest(self.at + 1 + self.taken).first()?;
        Some(String::from_utf8_lossy(word.bytes()))
    }

    /// Takes the next word as bytes.
    pub fn take_bytes(&mut self) -> Result<&'d [u8], Refusal> {
        let word = self.statement.rest(self.at + 1 + self.taken).first().map(Word::bytes);
        word.inspect(|_| self.taken += 1).ok_or_else(|| self.missing())
    }

    /// Takes the next word as an integer of a range.
    pub fn take_integer(&mut self, range: std::ops::RangeInclusive<i64>) -> Result<i64, Refusal> {
        let text = self.take()?;
        match text.parse() {
            Ok(value) if range.contains(&value) => Ok(value),
            _ => Err(self.refuse(format!(
                "expects an integer between {} and {}, got '{text}'",
                range.start(),
                range.end()
            ))),
        }
    }

    /// Takes the next word as a duration, in milliseconds unless it has a unit.
    pub fn take_duration(&mut self) -> Result<std::time::Duration, Refusal> {
        self.take()?;
        self.statement.duration(self.at + self.taken, grammar::time::Unit::Millisecond)
    }

    /// The settings of a feature.
    pub fn slot<T: Setting>(&mut self) -> &mut T {
        self.slots.get_mut()
    }

    /// An error about the word taken last, or the option's name if there was none.
    pub fn refuse(&self, message: impl AsRef<str>) -> Refusal {
        let text = format!("'{}' : '{}' {}.", self.statement.keyword(), self.name(), message.as_ref());
        self.statement.refuse(self.at + self.taken, text)
    }

    fn missing(&self) -> Refusal {
        let text = format!("'{}' : '{}' : missing argument.", self.statement.keyword(), self.name());
        self.statement.refuse(self.at, text)
    }
}

/// Reads the options of a line from argument `from` on, all of them even when one is wrong.
pub fn parse_options<T: OptionEntry>(
    statement: &mut Statement<'_>,
    from: usize,
    slots: &mut Slots,
) -> Result<(), Refusal> {
    let mut at = from;
    while at < statement.args() {
        let name = statement.arg(at);
        let Some(entry) = find::<T>(statement.registry, &name) else {
            return Err(unknown::<T>(statement, at, &name));
        };
        let option = entry.option();
        let mut cx = OptionCx { statement: &mut *statement, slots: &mut *slots, at, taken: 0 };
        if cx.statement.args() <= at + option.args {
            return Err(cx.missing());
        }
        (option.parse)(&mut cx)?;
        at += 1 + cx.taken;
    }
    Ok(())
}

/// An option by its name; one that takes an argument in parentheses is filed as `name(*)`.
fn find<T: OptionEntry>(registry: &Registry, name: &str) -> Option<&'static T> {
    registry.find(name).or_else(|| {
        let (name, _) = name.split_once('(')?;
        registry.find(&format!("{name}(*)"))
    })
}

fn unknown<T: OptionEntry>(statement: &Statement<'_>, at: usize, name: &str) -> Refusal {
    let registry: &Registry = statement.registry;
    let like = nearest(name, registry.all::<T>().iter().map(|e| e.name()));
    let hint = like.map(|l| format!("; did you mean '{l}' maybe ?")).unwrap_or_default();
    statement.refuse(at, format!("'{}' : unknown keyword '{name}'{hint}", statement.keyword()))
}
