//! The commands that concern the session itself: `help` and `prompt`.

use keyword::command::{Audience, Dialogue, Maturity, Session, Toggle};
use keyword::{Answer, Command};

use crate::api::Shared;
use crate::suggest;

/// What stands at the end of every list.
pub(crate) const BUILTIN: [(&str, &str); 3] = [
    ("help [<command>]", "list matching or all commands"),
    ("prompt [help | n | i | p | timed ]*", "toggle interactive mode with prompt"),
    ("quit", "disconnect"),
];

/// The commands that a session gets to see.
pub(crate) fn visible<'s>(
    shared: &'s Shared,
    session: &'s Session,
) -> impl Iterator<Item = &'static Command> + 's {
    shared.commands.iter().copied().filter(|c| {
        let mature = match c.maturity {
            Maturity::Stable => true,
            Maturity::Experimental => session.experimental == Toggle::On,
            Maturity::Expert => session.expert == Toggle::On,
        };
        mature && !c.usage.is_empty() && c.audience != Audience::Master
    })
}

/// One line of a list of commands.
pub(crate) fn list_line(text: &mut String, usage: &str, about: &str) {
    use std::fmt::Write as _;
    let _ = writeln!(text, "  {usage:<40}: {about}");
}

/// `help`: all commands, or those that are like the words.
pub(crate) fn help(words: &[Box<[u8]>], shared: &Shared, session: &Session) -> Answer {
    let mut text = "The following commands are valid at this level:\n".to_owned();
    if words.is_empty() {
        for command in visible(shared, session) {
            list_line(&mut text, command.usage, command.about);
        }
    } else {
        for command in suggest::alike(words, shared, session) {
            list_line(&mut text, command.usage, command.about);
        }
    }
    for (usage, about) in BUILTIN {
        list_line(&mut text, usage, about);
    }
    Answer::info(text)
}

const PROMPT_USAGE: &str = "Usage: prompt [help | n | i | p | timed]*
How the session goes on after a command:
  help    shows this text
  n       one line of commands, without a prompt
  i       many lines of commands, without a prompt
  p       many lines of commands, with a prompt
  timed   switches the time in the prompt on or off
Without an argument, n and i become p, and p becomes n.
";

/// `prompt`.
pub(crate) fn prompt(words: &[Box<[u8]>], session: &mut Session) -> Answer {
    if words.is_empty() {
        session.dialogue = match session.dialogue {
            Dialogue::OneLine | Dialogue::Interactive => Dialogue::Prompt,
            Dialogue::Prompt => Dialogue::OneLine,
        };
    }
    for word in words {
        match &**word {
            b"n" => session.dialogue = Dialogue::OneLine,
            b"i" => session.dialogue = Dialogue::Interactive,
            b"p" => session.dialogue = Dialogue::Prompt,
            b"timed" => {
                session.dialogue = Dialogue::Prompt;
                session.timed = match session.timed {
                    Toggle::Off => Toggle::On,
                    Toggle::On => Toggle::Off,
                };
            }
            _ => return Answer::info(PROMPT_USAGE),
        }
    }
    Answer::Silence
}
