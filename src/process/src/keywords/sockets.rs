//! How listening sockets are opened, and pipes.

use config::directive::Switch;
use config::{Refusal, Statement};

use net::Shards;

use crate::settings::{Resources, Sockets};

#[expect(clippy::unnecessary_wraps, reason = "the tables want one kind of function")]
pub(super) fn no_reuse_port(s: &mut Statement<'_>) -> Result<(), Refusal> {
    s.slot::<Sockets>().reuse_port = Switch::Off;
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the tables want one kind of function")]
pub(super) fn no_splice(s: &mut Statement<'_>) -> Result<(), Refusal> {
    s.slot::<Resources>().splicing = Switch::Off;
    Ok(())
}

pub(super) fn pipe_size(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let size = s.size(0)?;
    s.slot::<Resources>().pipe_size = u32::try_from(size)
        .map_err(|_| s.refuse(0, format!("'tune.pipesize' : '{}' is too large.", s.arg(0))))?;
    Ok(())
}

pub(super) fn default_shards(s: &mut Statement<'_>) -> Result<(), Refusal> {
    s.slot::<Sockets>().shards = match s.arg(0).as_ref() {
        "by-process" => Shards::Count(1),
        "by-group" => Shards::ByGroup,
        "by-thread" => Shards::ByThread,
        other => {
            let text = format!(
                "'tune.listener.default-shards' expects either 'by-process', 'by-group', or 'by-thread' but got '{other}'."
            );
            return Err(s.refuse(0, text));
        }
    };
    Ok(())
}

pub(super) fn multi_queue(s: &mut Statement<'_>) -> Result<(), Refusal> {
    match s.arg(0).as_ref() {
        "on" | "fair" | "off" => Ok(()),
        other => {
            let text = format!(
                "'tune.listener.multi-queue' expects either 'on', 'fair', or 'off' but got '{other}'."
            );
            Err(s.refuse(0, text))
        }
    }
}

pub(super) fn unix_bind(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mut at = 0;
    while at < s.args() {
        let (option, value) = (s.arg(at), s.arg(at + 1));
        if at + 1 >= s.args() {
            return Err(s.refuse(at, format!("'unix-bind' : '{option}' expects an argument.")));
        }
        let invalid = |what: &str| s.refuse(at + 1, format!("'unix-bind' : '{value}' {what}."));
        let mut unix = s.draft.global::<Sockets>();
        match option.as_ref() {
            "prefix" => unix.unix_prefix = Some(value.as_ref().into()),
            "mode" => {
                let mode = u32::from_str_radix(&value, 8).map_err(|_| invalid("is not an octal mode"))?;
                unix.unix.mode = Some(mode & 0o777);
            }
            "uid" => unix.unix.uid = Some(value.parse().map_err(|_| invalid("is not a number"))?),
            "gid" => unix.unix.gid = Some(value.parse().map_err(|_| invalid("is not a number"))?),
            "user" => unix.unix.uid = Some(sys::ids::user_id(&value).map_err(|_| invalid("unknown user"))?),
            "group" => {
                unix.unix.gid = Some(sys::ids::group_id(&value).map_err(|_| invalid("unknown group"))?);
            }
            _ => {
                let text = "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options.";
                return Err(s.refuse(at, text));
            }
        }
        *s.slot::<Sockets>() = unix;
        at += 2;
    }
    Ok(())
}
