//! Starting, stopping, and what the process may use.

use std::sync::Arc;

use config::global::CloseSpread;
use config::{Refusal, Statement};
use grammar::time::Unit;

use crate::settings::{Life, Resources};

pub(super) fn close_spread_time(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let spread = match s.arg(0).as_ref() {
        "infinite" => CloseSpread::Never,
        _ => match s.duration(0, Unit::Millisecond)? {
            time if time.is_zero() => CloseSpread::AtOnce,
            time => CloseSpread::Over(time),
        },
    };
    *s.slot::<CloseSpread>() = spread;
    Ok(())
}

pub(super) fn pidfile(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let file = s.arg(0).into_owned();
    if s.slot::<Life>().pidfile.is_some() {
        s.warn("'pidfile' already specified. Continuing.");
    } else {
        s.slot::<Life>().pidfile = Some(file);
    }
    Ok(())
}

pub(super) fn local_peer(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let name = s.arg(0);
    if s.slot::<Life>().local_peer.is_some() {
        s.warn("'localpeer' : the name is already set, by '-L' or an earlier line. It is kept.");
        return Ok(());
    }
    s.slot::<Life>().local_peer = Some(Arc::from(name.as_ref()));
    s.draft.environment.set("HAPROXY_LOCALPEER", &name);
    Ok(())
}

pub(super) fn master_worker(s: &mut Statement<'_>) -> Result<(), Refusal> {
    match s.arg(0).as_ref() {
        "" => Err(Refusal::new(
            "support for 'master-worker' was removed in version 3.5. Use -W or -Ws in the startup script instead.",
        )),
        // Only a master would do something else otherwise.
        "no-exit-on-failure" => Ok(()),
        _ => Err(s.refuse(0, "'master-worker' only supports 'no-exit-on-failure' option")),
    }
}

pub(super) fn fd_hard_limit(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let limit = s.integer(0, 0..=i64::from(i32::MAX))?;
    if s.slot::<Resources>().hard_limit.is_some() {
        s.already("fd-hard-limit");
    } else if limit > 0 {
        s.slot::<Resources>().hard_limit = Some(limit as u64);
    }
    Ok(())
}

pub(super) fn ulimit_n(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let limit = s.integer(0, 0..=i64::from(i32::MAX))?;
    if s.slot::<Resources>().open_files.is_some() {
        s.already("ulimit-n");
    } else if limit > 0 {
        s.slot::<Resources>().open_files = Some(limit as u64);
    }
    Ok(())
}

/// The priority concerns the rest of the reading, so it is taken at once.
pub(super) fn renice_startup(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let wanted = s.integer(0, -20..=19)? as i32;
    let before = sys::process::priority();
    match sys::process::set_priority(wanted) {
        Ok(()) => {
            s.slot::<Life>().startup_priority.get_or_insert(before);
        }
        Err(e) => s.warn(format!("'tune.renice.startup' : {e}.")),
    }
    Ok(())
}

pub(super) fn profiling_tasks(s: &mut Statement<'_>) -> Result<(), Refusal> {
    const WORDS: [&str; 7] = ["auto", "on", "off", "lock", "no-lock", "memory", "no-memory"];
    for i in 0..s.args() {
        if !WORDS.contains(&s.arg(i).as_ref()) {
            let text = format!("'profiling.tasks' expects {}, got '{}'.", WORDS.join(", "), s.arg(i));
            return Err(s.refuse(i, text));
        }
    }
    Ok(())
}

pub(super) fn mask_events(s: &mut Statement<'_>) -> Result<(), Refusal> {
    match s.arg(0).split(',').find(|word| !["err", "hup", "rdhup"].contains(word)) {
        None => Ok(()),
        Some(word) => {
            let text = format!(
                "'tune.epoll.mask-events' expects a comma-delimited list of 'err', 'hup' and 'rdhup' but got '{word}'."
            );
            Err(s.refuse(0, text))
        }
    }
}
