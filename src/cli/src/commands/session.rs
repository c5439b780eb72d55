//! Commands about the session itself.

use keyword::Answer;
use keyword::command::{CommandCx, Level, SeverityOutput, Toggle};

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
        text += &format!("{} {} all\n", socket.address, socket.level.name());
    }
    Answer::text(text)
}
