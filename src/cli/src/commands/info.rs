//! Commands about the process.

use keyword::Answer;
use keyword::command::CommandCx;
use stream::Site;

use crate::api::Program;

pub(super) fn version(cx: &mut CommandCx<'_>) -> Answer {
    Answer::info(cx.world.get::<Program>().map(|p| p.version.clone()).unwrap_or_default())
}

pub(super) fn startup_logs(cx: &mut CommandCx<'_>) -> Answer {
    match cx.world.get::<Program>().map(|p| p.startup_logs.clone()) {
        Some(logs) if !logs.is_empty() => Answer::text(logs),
        _ => Answer::info("\n"),
    }
}

pub(super) fn env(cx: &mut CommandCx<'_>) -> Answer {
    let Some(program) = cx.world.get::<Program>() else { return Answer::Silence };
    let wanted = cx.arg(0);
    let mut text = String::new();
    for (name, value) in program.environment.iter().filter(|(n, _)| wanted.is_empty() || *n == wanted) {
        text += &format!("{name}={value}\n");
    }
    if text.is_empty() && !wanted.is_empty() {
        return Answer::error("Variable not found");
    }
    Answer::text(text)
}

pub(super) fn info(cx: &mut CommandCx<'_>) -> Answer {
    let (Some(site), Some(program)) = (cx.world.get::<Site>(), cx.world.get::<Program>()) else {
        return Answer::Silence;
    };
    let c = &site.counters;
    let now = site.clock.now();
    let up = now.since(base::clock::Tick(1_000_000)).as_secs();
    let text = format!(
        "Name: HAProxy\nVersion: {}\nRelease_date: {}\nNbthread: {}\nNbproc: 1\nProcess_num: 1\nPid: {}\nUptime: {}d {}h{:02}m{:02}s\nUptime_sec: {up}\nCurrConns: {}\nCumConns: {}\nCumReq: {}\n",
        program.version,
        program.date,
        site.process.threads,
        site.process.pid,
        up / 86400,
        up / 3600 % 24,
        up / 60 % 60,
        up % 60,
        c.connections.get(),
        c.connections_total.get(),
        c.requests_total.get(),
    );
    Answer::text(text)
}
