//! `show threads`, `show activity`: what each worker thread does and has done.

use std::fmt::Write as _;
use std::sync::Arc;

use keyword::Answer;
use keyword::command::CommandCx;
use stream::figures::LoopFigures;
use stream::{Crew, Site};

use super::find;
use report::Program;

/// What the system says of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SystemFigures {
    id: u64,
    /// Processor time, and time spent waiting for a processor, in nanoseconds.
    ran: u64,
    waited: u64,
    /// Changes of context.
    switches: u64,
}

/// What is known of a worker thread.
#[derive(Clone, Copy, Debug, Default)]
struct Thread {
    system: SystemFigures,
    /// Its own figures, if it told them in time.
    own: Option<LoopFigures>,
}

pub(super) fn show_threads(cx: &mut CommandCx<'_>) -> Answer {
    let (_, crew) = match scene(cx) {
        Ok(scene) => scene,
        Err(answer) => return answer,
    };
    Answer::Later(Box::pin(async move {
        let mut text = String::new();
        for (i, thread) in threads(&crew).await.iter().enumerate() {
            describe(i + 1, thread, &mut text);
        }
        Answer::text(text)
    }))
}

/// One thread, in three lines; a `*` marks one that has not answered in time.
fn describe(number: usize, thread: &Thread, out: &mut String) {
    let Thread { system, own } = thread;
    let (mark, stuck) = if own.is_some() { (' ', 0) } else { ('*', 1) };
    let own = own.unwrap_or_default();
    let _ = writeln!(
        out,
        "{mark} Thread {number:<2}: id={:#x} act={} glob={} wq={} rq=0 tl=0 tlsz=0 rqsz={}",
        system.id,
        u32::from(own.queued > 0),
        u32::from(own.queued > 0),
        u32::from(own.tasks > 0),
        own.queued,
    );
    let _ = writeln!(
        out,
        "      1/{number:<4} loops={} ctxsw={} stuck={stuck} prof=0 harmless=0 isolated=0 locks=0",
        own.turns, system.switches,
    );
    let _ = writeln!(out, "             cpu_ns: poll={} now={} diff=0", system.ran, system.ran);
    let _ = writeln!(out, "             tasks={} busy_us={}", own.tasks, own.busy.as_micros());
}

/// Which columns of `show activity` are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns {
    /// The total, and each thread if there are several.
    All,
    /// The total alone.
    Total,
    /// The threads alone.
    Each,
    /// One thread, from 0.
    One(usize),
}

impl Columns {
    fn parse(text: &str, threads: usize) -> Option<Self> {
        match text.parse::<i64>() {
            _ if text.is_empty() => Some(Self::All),
            Ok(-1) => Some(Self::Each),
            Ok(0) => Some(Self::Total),
            Ok(n) => usize::try_from(n).ok().filter(|n| *n <= threads).map(|n| Self::One(n - 1)),
            Err(_) => None,
        }
    }
}

pub(super) fn show_activity(cx: &mut CommandCx<'_>) -> Answer {
    let (site, crew) = match scene(cx) {
        Ok(scene) => scene,
        Err(answer) => return answer,
    };
    let started = cx.world.get::<Program>().map(|p| p.started).unwrap_or_default();
    let count = site.process.threads as usize;
    let Some(columns) = Columns::parse(&cx.arg(0), count) else {
        return Answer::error(format!("Thread number expected: -1, 0, or 1 to {count}."));
    };
    Answer::Later(Box::pin(async move {
        let threads = threads(&crew).await;
        let date = site.clock.wall();
        let up = date.0.saturating_sub(started.0);
        let mut text = format!("thread_id: {count} (1..{count})\n");
        let _ = writeln!(text, "date_now: {}.{:06}", date.0 / 1_000_000, date.0 % 1_000_000);
        let _ = writeln!(text, "uptime_now: {}.{:06}", up / 1_000_000, up % 1_000_000);
        activity(&threads, &site, up, columns, &mut text);
        Answer::text(text)
    }))
}

fn activity(threads: &[Thread], site: &Site, up: u64, columns: Columns, out: &mut String) {
    let own = |f: fn(&LoopFigures) -> u64| each(threads, |t| t.own.as_ref().map_or(0, f));
    let mut sum = |name, values: &[u64]| line(name, values, values.iter().sum(), columns, out);
    sum("ctxsw", &each(threads, |t| t.system.switches));
    sum("curr_tasks", &own(|f| f.tasks as u64));
    sum("curr_rq", &own(|f| f.queued as u64));
    sum("loops", &own(|f| f.turns));
    let of = |f: &dyn Fn(usize) -> u64| (0..threads.len()).map(f).collect::<Vec<_>>();
    sum("streams", &of(&|i| site.live.total.of(i).get()));
    sum("curr_streams", &of(&|i| site.live.current.of(i).get()));
    let connections =
        |i: usize| site.frontends.iter().map(|f| f.counters.events.of(i).connections.get()).sum();
    sum("accepted", &of(&connections));
    sum("cpust_ms_tot", &each(threads, |t| t.system.waited / 1_000_000));
    let percent = each(threads, |t| (t.system.ran / 10).checked_div(up).unwrap_or(0).min(100));
    average("avg_cpu_pct", &percent, columns, out);
    let turn = |f: &LoopFigures| (f.busy.as_micros() as u64).checked_div(f.turns).unwrap_or(0);
    average("avg_loop_us", &each(threads, |t| t.own.as_ref().map_or(0, turn)), columns, out);
    let silent = each(threads, |t| u64::from(t.own.is_none()));
    line("silent", &silent, silent.iter().sum(), columns, out);
}

fn each(threads: &[Thread], figure: impl Fn(&Thread) -> u64) -> Vec<u64> {
    threads.iter().map(figure).collect()
}

fn average(name: &str, values: &[u64], columns: Columns, out: &mut String) {
    let mean = values.iter().sum::<u64>() / values.len().max(1) as u64;
    line(name, values, mean, columns, out);
}

fn line(name: &str, values: &[u64], total: u64, columns: Columns, out: &mut String) {
    let mut list = String::new();
    for value in values {
        let _ = write!(list, " {value}");
    }
    let _ = match columns {
        Columns::All if values.len() > 1 => writeln!(out, "{name}: {total} [{list} ]"),
        Columns::All | Columns::Total => writeln!(out, "{name}: {total}"),
        Columns::Each => writeln!(out, "{name}: [{list} ]"),
        Columns::One(i) => writeln!(out, "{name}: {}", values.get(i).copied().unwrap_or_default()),
    };
}

fn scene(cx: &CommandCx<'_>) -> Result<(Arc<Site>, Arc<Crew>), Answer> {
    let site = find::site(cx)?;
    let crew = cx.world.get::<Crew>().ok_or_else(|| Answer::error("This process carries no traffic."))?;
    Ok((site, crew))
}

/// All worker threads, in order.
async fn threads(crew: &Crew) -> Vec<Thread> {
    let own = crew.ask(LoopFigures::here).await;
    let find = |number| system_figures(number).unwrap_or_default();
    own.into_iter().enumerate().map(|(i, own)| Thread { system: find(i + 1), own }).collect()
}

/// What the system says of a worker, which is known by its name.
fn system_figures(number: usize) -> Option<SystemFigures> {
    let wanted = format!("worker {number}");
    std::fs::read_dir("/proc/self/task").ok()?.flatten().find_map(|task| {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).ok();
        if read("comm")?.trim_end() != wanted {
            return None;
        }
        let id = task.file_name().to_str()?.parse().ok()?;
        Some(figures(id, &read("schedstat")?, &read("status")?))
    })
}

fn figures(id: u64, schedstat: &str, status: &str) -> SystemFigures {
    let mut times = schedstat.split_whitespace().map(|n| n.parse().unwrap_or(0));
    let (ran, waited) = (times.next().unwrap_or(0), times.next().unwrap_or(0));
    let of = |line: &str| line.split_once("ctxt_switches:").and_then(|(_, n)| n.trim().parse::<u64>().ok());
    SystemFigures { id, ran, waited, switches: status.lines().filter_map(of).sum() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_threads() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n";
        let read = figures(7, "1000 20 3\n", status);
        assert_eq!(read, SystemFigures { id: 7, ran: 1000, waited: 20, switches: 42 });
    }

    #[test]
    fn columns_are_chosen() {
        let shown = |columns| {
            let mut out = String::new();
            line("x", &[1, 2], 3, columns, &mut out);
            out
        };
        let of = |text| Columns::parse(text, 2).map(shown);
        assert_eq!(of("").as_deref(), Some("x: 3 [ 1 2 ]\n"));
        assert_eq!(of("0").as_deref(), Some("x: 3\n"));
        assert_eq!(of("-1").as_deref(), Some("x: [ 1 2 ]\n"));
        assert_eq!(of("2").as_deref(), Some("x: 2\n"));
        assert_eq!((of("3"), of("x")), (None, None));
    }

    #[test]
    fn a_thread_that_does_not_answer_is_marked() {
        let mut out = String::new();
        describe(2, &Thread::default(), &mut out);
        assert!(out.starts_with("* Thread 2 : id=0x0 ") && out.contains(" stuck=1 "), "{out}");
        let own = LoopFigures { tasks: 3, turns: 9, ..LoopFigures::default() };
        out.clear();
        describe(1, &Thread { own: Some(own), ..Thread::default() }, &mut out);
        assert!(out.contains("loops=9 ctxsw=0 stuck=0") && out.contains("tasks=3"), "{out}");
    }
}
