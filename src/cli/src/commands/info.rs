//! Commands about the process.

use keyword::Answer;
use keyword::command::CommandCx;
use log::ring::Reading;
use report::{Numbers, Program, Survey, figures};
use stats::{Descriptions, Form};

pub(super) fn version(cx: &mut CommandCx<'_>) -> Answer {
    Answer::info(cx.world.get::<Program>().map(|p| p.version.clone()).unwrap_or_default())
}

pub(super) fn startup_logs(_: &mut CommandCx<'_>) -> Answer {
    let (ring, mut text) = (log::startup_logs(), Vec::new());
    let mut position = ring.oldest();
    ring.read(&mut position, |message| {
        text.extend_from_slice(message);
        if !message.ends_with(b"\n") {
            text.push(b'\n');
        }
        Reading::More
    });
    if text.is_empty() { Answer::info("\n") } else { Answer::Text(text) }
}

pub(super) fn env(cx: &mut CommandCx<'_>) -> Answer {
    let Some(program) = cx.world.get::<Program>() else { return Answer::Silence };
    let wanted = cx.arg(0);
    let mut text = String::new();
    for (name, value) in program.environment.iter().filter(|(n, _)| wanted.is_empty() || *n == wanted) {
        for piece in [name, "=", value, "\n"] {
            text.push_str(piece);
        }
    }
    if text.is_empty() && !wanted.is_empty() {
        return Answer::error("Variable not found");
    }
    Answer::text(text)
}

pub(super) fn info(cx: &mut CommandCx<'_>) -> Answer {
    let (mut form, mut descriptions, mut numbers) = (Form::Plain, Descriptions::Omitted, Numbers::Whole);
    for i in 0..cx.args.len() {
        match cx.arg(i).as_ref() {
            "typed" => form = Form::Typed,
            "json" => form = Form::Json,
            "desc" => descriptions = Descriptions::Added,
            "float" => numbers = Numbers::Fractions,
            _ => {}
        }
    }
    let Some(survey) = Survey::of(cx.world) else { return Answer::Silence };
    figures(&survey, numbers).map_or(Answer::Silence, |info| Answer::text(info.render(form, descriptions)))
}
