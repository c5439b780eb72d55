//! Commands about the session itself.

use keyword::Answer;
use keyword::command::{CommandCx, Level, SeverityOutput, Toggle};

use super::find;
use crate::api::Sockets;

pub(super) fn echo(cx: &mut CommandCx<'_>) -> Answer {
    let mut text = cx.args.join(&b' ');
    text.push(b'\n');
    Answer::Text(text)
}

fn toggle(cx: &CommandCx<'_>, name: &str, now: &mut Toggle) -> Answer {
    match (cx.arg(0).as_ref(), *now) {
        ("", Toggle::Off) => Answer::info(format!("{name} is OFF")),
        ("", Toggle::On) => Answer::info(format!("{name} is ON")),
        ("on", _) => {
            *now = Toggle::On;
            Answer::Silence
        }
        _ => {
            *now = Toggle::Off;
            Answer::Silence
        }
    }
}

pub(super) fn expert_mode(cx: &mut CommandCx<'_>) -> Answer {
    let mut now = cx.session.expert;
    let answer = toggle(cx, "expert-mode", &mut now);
    cx.session.expert = now;
    answer
}

pub(super) fn experimental_mode(cx: &mut CommandCx<'_>) -> Answer {
    let mut now = cx.session.experimental;
    let answer = toggle(cx, "experimental-mode", &mut now);
    cx.session.experimental = now;
    answer
}

pub(super) fn operator(cx: &mut CommandCx<'_>) -> Answer {
    cx.session.level = Level::Operator;
    Answer::Silence
}

pub(super) fn user(cx: &mut CommandCx<'_>) -> Answer {
    cx.session.level = Level::User;
    Answer::Silence
}

pub(super) fn level(cx: &mut CommandCx<'_>) -> Answer {
    Answer::info(cx.session.level.name())
}

pub(super) fn severity_output(cx: &mut CommandCx<'_>) -> Answer {
    match SeverityOutput::by_name(&cx.arg(0)) {
        Some(form) => {
            cx.session.severity = form;
            Answer::Silence
        }
        None => Answer::error("one of 'none', 'number', 'string' is a required argument"),
    }
}

pub(super) fn timeout(cx: &mut CommandCx<'_>) -> Answer {
    if cx.arg(0) != "cli" {
        return Answer::error("'set timeout' only supports 'cli'.");
    }
    if !cx.has(1) {
        return Answer::error("Expects an integer value.");
    }
    let unit = grammar::time::Unit::Second;
    let parsed = grammar::time::parse(cx.bytes(1), unit)
        .and_then(|t| t.in_unit(grammar::time::Unit::Millisecond, i32::MAX as u64));
    match parsed {
        Ok(millis) if millis > 0 => {
            cx.session.timeout = Some(std::time::Duration::from_millis(millis));
            Answer::Silence
        }
        _ => Answer::error("Invalid timeout value."),
    }
}

pub(super) fn sockets(cx: &mut CommandCx<'_>) -> Answer {
    let mut text = "# socket lvl processes\n".to_owned();
    for socket in cx.world.get::<Sockets>().map(|s| s.0.clone()).unwrap_or_default() {
        for piece in [&socket.address, " ", socket.level.name(), " all\n"] {
            text.push_str(piece);
        }
    }
    Answer::text(text)
}

const WAIT_USAGE: &str = "Usage: wait {-h|<duration>} [condition [args...]]
  -h                       shows this text
  <duration>               how long to wait at most, in milliseconds unless a unit
                           among us, ms, s, m, h, d follows
  srv-removable <px>/<sv>  ends as soon as the server could be removed
";

pub(super) fn wait(cx: &mut CommandCx<'_>) -> Answer {
    if cx.arg(0) == "-h" {
        return Answer::info(WAIT_USAGE);
    }
    let parsed = grammar::time::parse(cx.bytes(0), grammar::time::Unit::Millisecond)
        .and_then(|t| t.in_unit(grammar::time::Unit::Microsecond, i32::MAX as u64 * 1000));
    let Ok(micros) = parsed else { return Answer::error("Expects a duration in milliseconds.") };
    let delay = std::time::Duration::from_micros(micros);
    match cx.arg(1).as_ref() {
        "" => Answer::Later(Box::pin(async move {
            tokio::time::sleep(delay).await;
            Answer::info("Done.")
        })),
        "srv-removable" => removable(cx, delay),
        _ => Answer::error(WAIT_USAGE),
    }
}

/// How often a condition is looked at.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

fn removable(cx: &CommandCx<'_>, delay: std::time::Duration) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let server = match find::server(&site, &cx.arg(2)) {
        Ok((_, server)) => server,
        Err(Answer::Message(_, text)) => return Answer::error(format!("Failed. {text}")),
        Err(answer) => return answer,
    };
    if server.admin() != backend::server::Admin::Maintenance {
        return Answer::error("Failed. Only servers in maintenance mode can be deleted.");
    }
    let deadline = site.clock.now() + delay;
    Answer::Later(Box::pin(async move {
        while server.slots.served() > 0 || server.slots.waiting() > 0 {
            if site.clock.now() >= deadline {
                return Answer::error("Wait delay expired.");
            }
            tokio::time::sleep(LOOK).await;
        }
        Answer::info("Done.")
    }))
}
