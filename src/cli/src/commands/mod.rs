//! The commands of this room.

mod info;
mod session;

use keyword::Command;
use keyword::command::Level::{Admin, Operator, User};

/// The commands of this room.
pub static COMMANDS: &[Command] = &[
    Command::new("echo", "echo <text>", "print text to the output", User, session::echo).everywhere(),
    Command::new("experimental-mode", "", "", Admin, session::experimental_mode).everywhere(),
    Command::new("expert-mode", "", "", Admin, session::expert_mode).everywhere(),
    Command::new(
        "operator",
        "operator",
        "lower the level of the current CLI session to operator",
        Operator,
        session::operator,
    )
    .everywhere(),
    Command::new(
        "set severity-output",
        "set severity-output [none|number|string]",
        "set presence of severity level in feedback information",
        User,
        session::severity_output,
    ),
    Command::new(
        "set timeout",
        "set timeout [cli] <delay>",
        "change a timeout setting",
        User,
        session::timeout,
    ),
    Command::new(
        "show cli level",
        "show cli level",
        "display the level of the current CLI session",
        User,
        session::level,
    )
    .everywhere(),
    Command::new("show cli sockets", "show cli sockets", "dump list of cli sockets", User, session::sockets)
        .everywhere(),
    Command::new(
        "show env",
        "show env [var]",
        "dump environment variables known to the process",
        Operator,
        info::env,
    )
    .everywhere(),
    Command::new(
        "show info",
        "show info [desc|json|typed|float]*",
        "report information about the running process",
        User,
        info::info,
    ),
    Command::new(
        "show startup-logs",
        "show startup-logs",
        "report logs emitted during HAProxy startup",
        User,
        info::startup_logs,
    )
    .everywhere(),
    Command::new("show version", "show version", "show version of the current process", User, info::version)
        .everywhere(),
    Command::new("user", "user", "lower the level of the current CLI session to user", User, session::user)
        .everywhere(),
];
