//! The keywords of the `global` section that concern the process (configuration manual, sections 3.1 to 3.3).

mod cpus;
mod identity;
mod life;
mod sockets;

use config::directive::{Arity, Switch};
use config::global::{EventLoop, Exposure, Waiting};
use config::{Directive, Prefix, Refusal, Section, Sense, Statement};

use crate::settings::{Identity, Life, Permission, Resources, Sockets, Threads};

pub(crate) use cpus::{MAX_GROUPS, MAX_PER_GROUP, MAX_THREADS};

type Parse = fn(&mut Statement<'_>) -> Result<(), Refusal>;

const fn entry(
    name: &'static str,
    prefix: Prefix,
    arity: Arity,
    manual: &'static str,
    parse: Parse,
) -> Directive {
    Directive { name, section: Section::Global, prefix, arity, manual, parse }
}

/// A keyword that takes one argument.
const fn one(name: &'static str, parse: Parse) -> Directive {
    entry(name, Prefix::None, Arity::Exactly(1), "3.1", parse)
}

/// A keyword whose parser looks after its arguments.
const fn many(name: &'static str, parse: Parse) -> Directive {
    entry(name, Prefix::None, Arity::AtLeast(0), "3.1", parse)
}

/// A keyword alone on its line.
const fn word(name: &'static str, parse: Parse) -> Directive {
    entry(name, Prefix::None, Arity::None, "3.1", parse)
}

/// The same, which `no` turns off again.
const fn switch(name: &'static str, parse: Parse) -> Directive {
    entry(name, Prefix::No, Arity::None, "3.1", parse)
}

/// A number of the performance section.
const fn tune(name: &'static str, parse: Parse) -> Directive {
    entry(name, Prefix::None, Arity::Exactly(1), "3.2", parse)
}

/// A word that tunes what this program does not have. `doc/compatibility.md` gives the reason for each.
const fn moot(name: &'static str, arity: Arity) -> Directive {
    entry(name, Prefix::None, arity, "3.2", |_| Ok(()))
}

/// The same with a number, which is checked.
const fn moot_number(name: &'static str) -> Directive {
    tune(name, |s| s.integer(0, 0..=i64::from(i32::MAX)).map(drop))
}

/// The same with a size.
const fn moot_size(name: &'static str) -> Directive {
    tune(name, |s| s.size(0).map(drop))
}

/// The same with a size that is not 0.
const fn moot_positive_size(name: &'static str) -> Directive {
    tune(name, |s| positive_size(s).map(drop))
}

fn positive_size(s: &Statement<'_>) -> Result<u64, Refusal> {
    match s.size(0)? {
        0 => Err(s.refuse(0, format!("'{}' expects a strictly positive integer argument.", s.keyword()))),
        size => Ok(size),
    }
}

/// The same with `on` or `off`.
const fn moot_switch(name: &'static str) -> Directive {
    tune(name, |s| s.switch(0).map(drop))
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    switch("busy-polling", |s| {
        let on = s.sense == Sense::Set;
        s.slot::<EventLoop>().waiting = if on { Waiting::Busy } else { Waiting::Asleep };
        Ok(())
    }),
    one("chroot", identity::chroot),
    one("close-spread-time", life::close_spread_time),
    many("cpu-affinity", cpus::affinity),
    many("cpu-map", cpus::map),
    many("cpu-policy", cpus::policy),
    many("cpu-set", cpus::set),
    word("daemon", |s| {
        s.slot::<Life>().daemon = Switch::On;
        Ok(())
    }),
    one("fd-hard-limit", life::fd_hard_limit),
    one("gid", identity::gid),
    one("grace", |s| {
        let time = s.duration(0, grammar::time::Unit::Millisecond)?;
        s.slot::<Life>().grace = time;
        Ok(())
    }),
    one("group", identity::group),
    one("hard-stop-after", |s| {
        let time = s.duration(0, grammar::time::Unit::Millisecond)?;
        s.slot::<Life>().hard_stop_after = Some(time);
        Ok(())
    }),
    // Checks alone start programs; helper threads are started when they are needed.
    switch("insecure-fork-wanted", |s| {
        let wanted = config::directive::Switch::of(s.sense);
        s.slot::<check::ExternalChecks>().forks = wanted;
        Ok(())
    }),
    switch("insecure-setuid-wanted", |s| {
        let given = s.sense == Sense::Set;
        s.slot::<Identity>().setuid_programs = if given { Permission::Given } else { Permission::Refused };
        Ok(())
    }),
    one("localpeer", life::local_peer),
    many("master-worker", life::master_worker),
    one("max-threads-per-group", |s| {
        let most = s.integer(0, 0..=64)?;
        s.slot::<Threads>().max_per_group = (most as usize).max(1);
        Ok(())
    }),
    tune("maxpipes", |s| {
        let pipes = s.integer(0, -1..=i64::from(i32::MAX))?;
        s.slot::<Resources>().pipes = u32::try_from(pipes).ok();
        Ok(())
    }),
    moot_number("mworker-max-reloads"),
    many("nbproc", |_| {
        Err(Refusal::new("'nbproc' is not supported any more since version 2.5; threads are used instead."))
    }),
    one("nbthread", cpus::nbthread),
    moot("no-memory-trimming", Arity::None),
    moot("noepoll", Arity::None),
    moot("noevports", Arity::None),
    moot("nogetaddrinfo", Arity::None),
    moot("nokqueue", Arity::None),
    moot("noktls", Arity::None),
    moot("nopoll", Arity::None),
    word("noreuseport", sockets::no_reuse_port),
    word("nosplice", sockets::no_splice),
    switch("numa-cpu-mapping", |s| {
        s.slot::<Threads>().numa = Switch::of(s.sense);
        Ok(())
    }),
    one("pidfile", life::pidfile),
    word("prealloc-fd", |s| {
        s.slot::<Resources>().preallocate = Switch::On;
        Ok(())
    }),
    entry("profiling.tasks", Prefix::None, Arity::AtLeast(1), "3.3", life::profiling_tasks),
    word("quiet", |s| {
        s.slot::<Life>().quiet = Switch::On;
        Ok(())
    }),
    entry("set-dumpable", Prefix::No, Arity::Between(0, 1), "3.1", identity::set_dumpable),
    many("setcap", identity::setcap),
    tune("stress-level", |s| s.integer(0, 0..=9).map(drop)),
    switch("strict-limits", |s| {
        s.slot::<Resources>().strict = Switch::of(s.sense);
        Ok(())
    }),
    many("thread-group", cpus::thread_group),
    one("thread-groups", cpus::thread_groups),
    one("thread-hard-limit", cpus::thread_hard_limit),
    tune("tune.buffers.limit", |s| {
        let buffers = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Resources>().buffers = buffers as usize;
        Ok(())
    }),
    tune("tune.buffers.reserve", |s| {
        let buffers = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Resources>().reserved_buffers = buffers as usize;
        Ok(())
    }),
    moot_positive_size("tune.bufsize.large"),
    moot_positive_size("tune.bufsize.small"),
    many("tune.chksize", |_| {
        Err(Refusal::new("'tune.chksize' is not supported any more; 'tune.bufsize' is used instead."))
    }),
    word("tune.disable-fast-forward", sockets::no_splice),
    word("tune.disable-zero-copy-forwarding", sockets::no_splice),
    tune("tune.epoll.mask-events", life::mask_events),
    tune("tune.events.max-events-at-once", |s| s.integer(0, 1..=10000).map(drop)),
    tune("tune.fail-alloc", |s| s.integer(0, 0..=100).map(drop)),
    tune("tune.fd.edge-triggered", |s| {
        Exposure::experimental(s)?;
        s.switch(0).map(drop)
    }),
    tune("tune.idletimer", |s| match s.duration(0, grammar::time::Unit::Millisecond)?.as_millis() {
        0..=65535 => Ok(()),
        _ => Err(s.refuse(0, "'tune.idletimer' expects a timer value between 0 and 65535 ms.")),
    }),
    tune("tune.listener.default-shards", sockets::default_shards),
    tune("tune.listener.multi-queue", sockets::multi_queue),
    tune("tune.maxpollevents", |s| {
        let events = s.integer(0, -1..=1_000_000)?;
        s.slot::<EventLoop>().max_events = (events > 0).then_some(events as u32);
        Ok(())
    }),
    tune("tune.memory.hot-size", |s| match s.size(0)? {
        0 => Err(s.refuse(0, "'tune.memory.hot-size' expects a strictly positive value.")),
        _ => Ok(()),
    }),
    tune("tune.pipesize", sockets::pipe_size),
    tune("tune.pt.zero-copy-forwarding", |s| {
        if s.switch(0)? == Switch::Off {
            s.slot::<Resources>().splicing = Switch::Off;
        }
        Ok(())
    }),
    moot_positive_size("tune.rcvbuf.backend"),
    moot_positive_size("tune.rcvbuf.frontend"),
    moot_size("tune.recv_enough"),
    tune("tune.renice.runtime", |s| {
        let priority = s.integer(0, -20..=19)?;
        s.slot::<Life>().runtime_priority = Some(priority as i32);
        Ok(())
    }),
    tune("tune.renice.startup", life::renice_startup),
    tune("tune.runqueue-depth", |s| {
        let depth = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<EventLoop>().run_depth = (depth > 0).then_some(depth as u32);
        Ok(())
    }),
    moot_switch("tune.sched.low-latency"),
    tune("tune.sndbuf.backend", |s| {
        let size = positive_size(s)?;
        s.slot::<Sockets>().log_buffer = u32::try_from(size).ok();
        Ok(())
    }),
    moot_positive_size("tune.sndbuf.frontend"),
    one("uid", identity::uid),
    one("ulimit-n", life::ulimit_n),
    many("unix-bind", sockets::unix_bind),
    one("user", identity::user),
    word("zero-warning", |s| {
        s.slot::<Life>().zero_warning = Switch::On;
        Ok(())
    }),
];

#[cfg(test)]
mod tests;
