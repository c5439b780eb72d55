//! One session: lines in, answers out.

use std::os::fd::AsFd;

use base::clock::{Clock, Tick};
use grammar::command::{self, Request};
use keyword::command::{Audience, Dialogue, Maturity, Progress, Session, Severity, SeverityOutput, Toggle};
use keyword::{Answer, Command, CommandCx};
use net::Socket;

use crate::api::Shared;
use crate::builtin;
use crate::directives::Expose;
use crate::line::{End, Speaks, Wire};
use crate::suggest;

/// Longer answers are sent in pieces of about this size.
const PIECE: usize = 16384;

/// How often something that may come is looked for.
const LOOK: std::time::Duration = std::time::Duration::from_millis(50);

const TOO_LONG: &str = "The command line is too big for the buffer size. \
Please change 'tune.bufsize' in the configuration to use a bigger command.\n";

/// Serves a session until one side has had enough.
pub(crate) async fn serve(socket: Socket, session: Session, expose: Expose, shared: &Shared) {
    let mut talk = Talk { wire: Wire::new(socket, shared.max_line), session, expose, shared };
    loop {
        match talk.turn().await {
            Ok(Next::Line) => {}
            Ok(Next::Close) | Err(End::Closed | End::Broken) => return,
            Ok(Next::HandOver) => return hand_over(talk).await,
            Err(End::TooLong) => {
                let _ = talk.wire.write(TOO_LONG.as_bytes(), talk.session.timeout).await;
                return;
            }
        }
    }
}

/// What follows a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Line,
    Close,
    HandOver,
}

struct Talk<'s> {
    wire: Wire,
    session: Session,
    expose: Expose,
    shared: &'s Shared,
}

impl Talk<'_> {
    /// One line with all its commands.
    async fn turn(&mut self) -> Result<Next, End> {
        let line = self.wire.line(self.session.timeout).await?;
        let Request { commands, payload } = command::parse(&line);
        let payload = match payload {
            Some(terminator) => {
                let hint: &[u8] = if self.session.dialogue == Dialogue::Prompt { b"+ " } else { b"" };
                Some(self.wire.payload(&terminator, hint, self.session.timeout).await?)
            }
            None => None,
        };
        let last = commands.len().saturating_sub(1);
        for (i, command) in commands.into_iter().enumerate() {
            let answer = match command {
                Ok(command) => {
                    let words: Vec<Box<[u8]>> = command.words.iter().map(|w| (*w.text).into()).collect();
                    let payload = payload.as_deref().filter(|_| i == last);
                    match self.dispatch(&words, payload) {
                        Reply::Answer(answer) => answer,
                        Reply::Close => return Ok(Next::Close),
                        Reply::HandOver => return Ok(Next::HandOver),
                    }
                }
                Err(e) => Answer::error(e.message),
            };
            self.give(answer).await?;
        }
        match self.session.dialogue {
            Dialogue::OneLine => Ok(Next::Close),
            Dialogue::Interactive => Ok(Next::Line),
            Dialogue::Prompt => {
                let prompt = prompt(self.session.timed, &self.shared.clock);
                self.wire.write(prompt.as_bytes(), self.session.timeout).await?;
                Ok(Next::Line)
            }
        }
    }

    fn dispatch(&mut self, words: &[Box<[u8]>], payload: Option<&[u8]>) -> Reply {
        let Some(first) = words.first() else { return Reply::Answer(Answer::Silence) };
        match &**first {
            b"quit" => return Reply::Close,
            b"help" => return builtin::help(&words[1..], self.shared, &self.session).into(),
            b"prompt" => return builtin::prompt(&words[1..], &mut self.session).into(),
            b"_getsocks" if self.session.level == keyword::command::Level::Admin => return Reply::HandOver,
            _ => {}
        }
        let Some((entry, taken)) = find(&self.shared.commands, words) else {
            return suggest::unknown(words, self.shared, &self.session).into();
        };
        if let Some(refusal) = refusal(entry, &self.session) {
            return refusal.into();
        }
        let mut cx = CommandCx {
            args: &words[taken..],
            payload,
            session: &mut self.session,
            world: &self.shared.world,
        };
        (entry.run)(&mut cx).into()
    }

    /// Sends one answer and the blank line behind it.
    async fn give(&mut self, mut answer: Answer) -> Result<(), End> {
        let patience = self.session.timeout;
        loop {
            answer = match answer {
                Answer::Later(later) => later.await,
                other => break self.give_now(other, patience).await,
            }
        }
    }

    async fn give_now(&mut self, answer: Answer, patience: Option<std::time::Duration>) -> Result<(), End> {
        let mut out = Vec::new();
        match answer {
            Answer::Silence | Answer::Later(_) => {}
            Answer::Text(text) => out = text,
            Answer::Message(severity, text) => message(&mut out, self.session.severity, severity, &text),
            Answer::Dump(mut dump) => loop {
                let progress = dump.write(&mut out);
                if progress == Progress::Done {
                    break;
                }
                if progress == Progress::Waiting {
                    self.wire.write(&out, patience).await?;
                    out.clear();
                    if self.wire.speaks_within(LOOK).await? == Speaks::Yes {
                        break;
                    }
                } else if out.len() >= PIECE {
                    self.wire.write(&out, patience).await?;
                    out.clear();
                    // A reader that is always ready must not keep the other sessions waiting.
                    tokio::task::yield_now().await;
                }
            },
        }
        out.push(b'\n');
        self.wire.write(&out, patience).await
    }
}

/// What a line's command leads to.
enum Reply {
    Answer(Answer),
    Close,
    HandOver,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// The command whose words come first, the longest if several do, and how many words it takes.
pub(crate) fn find(commands: &[&'static Command], words: &[Box<[u8]>]) -> Option<(&'static Command, usize)> {
    let taken = |c: &Command| {
        let mut n = 0;
        for word in c.name.split(' ') {
            if words.get(n).is_none_or(|w| **w != *word.as_bytes()) {
                return None;
            }
            n += 1;
        }
        Some(n)
    };
    commands
        .iter()
        .filter(|c| c.audience != Audience::Master)
        .filter_map(|&c| taken(c).map(|n| (c, n)))
        .max_by_key(|(_, n)| *n)
}

fn refusal(entry: &Command, session: &Session) -> Option<Answer> {
    if entry.level > session.level {
        return Some(Answer::error("Permission denied"));
    }
    match entry.maturity {
        Maturity::Expert if session.expert == Toggle::Off => {
            Some(Answer::error("This command is restricted to expert mode only."))
        }
        Maturity::Experimental if session.experimental == Toggle::Off => {
            Some(Answer::error("This command is restricted to experimental mode only."))
        }
        _ => None,
    }
}

/// Writes a message with its mark.
fn message(out: &mut Vec<u8>, form: SeverityOutput, severity: Severity, text: &str) {
    let (number, name) = severity.marks();
    match form {
        SeverityOutput::None => {}
        SeverityOutput::Number => out.extend_from_slice(format!("[{number}]: ").as_bytes()),
        SeverityOutput::Text => out.extend_from_slice(format!("[{name}]: ").as_bytes()),
    }
    out.extend_from_slice(text.as_bytes());
    if !text.ends_with('\n') {
        out.push(b'\n');
    }
}

fn prompt(timed: Toggle, clock: &Clock) -> String {
    if timed == Toggle::Off {
        return "> ".to_owned();
    }
    // Ticks count from one second on.
    let up = clock.now().since(Tick(1_000_000)).as_secs();
    format!("[{}:{:02}:{:02}:{:02}]> ", up / 86400, up / 3600 % 24, up / 60 % 60, up % 60)
}

/// Gives the listening sockets to the process that asks, which then hangs up.
async fn hand_over(talk: Talk<'_>) {
    let Some(listeners) = talk.expose.listeners(&talk.shared.world) else { return };
    let socket = talk.wire.socket.into_detached();
    // The taker sees for itself when something is missing.
    let _ = tokio::task::spawn_blocking(move || net::handover::give(socket.as_fd(), &listeners)).await;
}

#[cfg(test)]
mod tests;
