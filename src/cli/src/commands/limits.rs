//! Commands that change limits while traffic flows.

use keyword::Answer;
use keyword::command::CommandCx;
use stream::Site;

use super::find;
use report::Program;

/// A number as these commands have always read it: the digits that it begins with, 0 without any.
fn value(text: &str) -> Result<u64, Answer> {
    const RANGE: &str = "Value out of range.";
    if text.starts_with('-') {
        return Err(Answer::error(RANGE));
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    match &text[..end] {
        "" => Ok(0),
        digits => match digits.parse::<i32>() {
            Ok(n) => Ok(n.unsigned_abs().into()),
            Err(_) => Err(Answer::error(RANGE)),
        },
    }
}

/// Does something with the site and a value; `missing` is said when there is none.
fn with(
    cx: &CommandCx<'_>,
    text: &str,
    missing: &'static str,
    change: impl FnOnce(&Site, u64) -> Answer,
) -> Answer {
    let site = match find::site(cx) {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    if text.is_empty() {
        return Answer::error(missing);
    }
    match value(text) {
        Ok(value) => change(&site, value),
        Err(answer) => answer,
    }
}

pub(super) fn maxconn_frontend(cx: &mut CommandCx<'_>) -> Answer {
    let (name, text) = (cx.arg(0), cx.arg(1));
    if name.is_empty() {
        return Answer::error("A frontend name is expected.");
    }
    match find::site(cx) {
        Ok(site) if find::frontend(&site, &name).is_none() => return Answer::error("No such frontend."),
        Ok(_) => {}
        Err(answer) => return answer,
    }
    with(cx, &text, "Integer value expected.", |site, value| {
        if let Some((_, frontend)) = find::frontend(site, &name) {
            frontend.gate.set_limit(value);
        }
        Answer::Silence
    })
}

pub(super) fn maxconn_global(cx: &mut CommandCx<'_>) -> Answer {
    let most = cx.world.get::<Program>().map_or(0, |p| p.maxconn);
    with(cx, &cx.arg(0), "Expects an integer value.", |site, value| {
        if most > 0 && value > most {
            return Answer::error("Value out of range.");
        }
        site.gate.set_limit(if value == 0 { most } else { value });
        Answer::Silence
    })
}

const RATES: &str = "'set rate-limit' only supports :
   - 'connections global' to limit the connections of the process a second
   - 'sessions global' to limit its sessions a second
   - 'ssl-sessions global' to limit its encrypted connections a second
";

pub(super) fn rate(cx: &mut CommandCx<'_>) -> Answer {
    let (what, scope) = (cx.arg(0), cx.arg(1));
    if scope != "global" || !matches!(what.as_ref(), "connections" | "sessions" | "ssl-sessions") {
        return Answer::error(RATES);
    }
    with(cx, &cx.arg(2), "Expects an integer value.", |site, value| {
        let rate = u32::try_from(value).unwrap_or(u32::MAX);
        match what.as_ref() {
            "connections" => site.rates.limit_connections(rate),
            "sessions" => site.rates.limit_sessions(rate),
            _ => site.rates.limit_handshakes(rate),
        }
        Answer::Silence
    })
}
