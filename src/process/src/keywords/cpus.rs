//! Threads and processors.

use std::ops::RangeInclusive;

use config::{Refusal, Statement};
use sys::cpu::CpuSet;

use crate::settings::{Affinity, CpuMap, Level, PerCore, Policy, Selection, Spread, Threads};

/// The most threads there can be.
pub(crate) const MAX_THREADS: usize = 1024;
/// The most thread groups.
pub(crate) const MAX_GROUPS: usize = 32;
/// The most threads of a group.
pub(crate) const MAX_PER_GROUP: usize = 64;
/// The highest number of a processor.
const MAX_CPU: usize = 1023;

/// How many threads there are is settled before any section needs to know.
fn before_sections(s: &Statement<'_>) -> Result<(), Refusal> {
    if s.draft.proxies.is_empty() && s.draft.sections.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(format!(
        "'{}' not allowed if a non-global section was previously defined. This parameter must be declared in the first global section",
        s.keyword()
    )))
}

fn count(s: &Statement<'_>, most: usize) -> Result<usize, Refusal> {
    let (name, text) = (s.keyword(), s.arg(0));
    let value: i64 = text.parse().map_err(|_| {
        s.refuse(0, format!("'{name}' passed a missing or unparsable integer value in '{text}'"))
    })?;
    match usize::try_from(value) {
        Ok(value) if (1..=most).contains(&value) => Ok(value),
        _ => Err(s.refuse(0, format!("'{name}' value must be between 1 and {most} (was {value})"))),
    }
}

pub(super) fn nbthread(s: &mut Statement<'_>) -> Result<(), Refusal> {
    before_sections(s)?;
    s.slot::<Threads>().count = Some(count(s, MAX_THREADS)?);
    Ok(())
}

pub(super) fn thread_groups(s: &mut Statement<'_>) -> Result<(), Refusal> {
    before_sections(s)?;
    s.slot::<Threads>().groups = Some(count(s, MAX_GROUPS)?);
    Ok(())
}

pub(super) fn thread_hard_limit(s: &mut Statement<'_>) -> Result<(), Refusal> {
    s.slot::<Threads>().hard_limit = Some(count(s, usize::MAX)?);
    Ok(())
}

pub(super) fn thread_group(s: &mut Statement<'_>) -> Result<(), Refusal> {
    before_sections(s)?;
    let group = count(s, MAX_GROUPS)?;
    let mut ranges = Vec::new();
    for i in 1..s.args() {
        let text = s.arg(i);
        let (low, high) = text.split_once('-').unwrap_or((&text, &text));
        let number = |t: &str| t.parse().ok().filter(|n| (1..=MAX_THREADS).contains(n));
        let (Some(low), Some(high)) = (number(low), number(high)) else {
            let text = format!(
                "'thread-group {group}' passed an unparsable or invalid thread number '{text}' (valid range is 1 to {MAX_THREADS})"
            );
            return Err(s.refuse(i, text));
        };
        ranges.push(low.min(high)..=low.max(high));
    }
    let assigned = &mut s.slot::<Threads>().assigned;
    assigned.retain(|(other, _)| *other != group);
    assigned.push((group, ranges));
    Ok(())
}

/// Numbers of groups or threads: `all`, `odd`, `even`, a number or a range whose ends may be missing.
pub(super) fn numbers(text: &str, most: usize) -> Result<RangeOf, String> {
    let all = 1..=most;
    let picked = match text {
        "all" => RangeOf { range: all, step: 1 },
        "odd" => RangeOf { range: all, step: 2 },
        "even" => RangeOf { range: 2..=most, step: 2 },
        _ => RangeOf { range: bounds(text, 1, most)?, step: 1 },
    };
    let limits = 1..=most;
    if limits.contains(picked.range.start()) && limits.contains(picked.range.end()) {
        Ok(picked)
    } else {
        Err(format!("'{text}' is not a valid number/range. It supports numbers from 1 to {most}."))
    }
}

/// A range with a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RangeOf {
    range: RangeInclusive<usize>,
    step: usize,
}

impl RangeOf {
    /// The numbers themselves.
    pub(super) fn list(self) -> Vec<usize> {
        self.range.step_by(self.step).collect()
    }
}

fn bounds(text: &str, low: usize, high: usize) -> Result<RangeInclusive<usize>, String> {
    let invalid = || format!("'{text}' is not a valid number/range.");
    let number = |t: &str, or: usize| if t.is_empty() { Ok(or) } else { t.parse().map_err(|_| invalid()) };
    let (first, last) = match text.split_once('-') {
        None => {
            let n = text.parse().map_err(|_| invalid())?;
            (n, n)
        }
        Some((first, last)) => (number(first, low)?, number(last, high)?),
    };
    Ok(first.min(last)..=first.max(last))
}

/// The processors of the arguments from `from` on.
fn processors(s: &Statement<'_>, from: usize) -> Result<CpuSet, Refusal> {
    let mut set = CpuSet::new();
    for i in from..s.args() {
        for part in s.arg(i).split(',') {
            // An open range ends where the largest group would.
            let range = bounds(part, 0, MAX_PER_GROUP - 1)
                .map_err(|_| s.refuse(i, format!("'{}' : '{part}' is not a CPU range.", s.keyword())))?;
            if *range.end() > MAX_CPU {
                let text = format!("'{}' : supports CPU numbers from 0 to {MAX_CPU}.", s.keyword());
                return Err(s.refuse(i, text));
            }
            set.extend(range);
        }
    }
    Ok(set)
}

pub(super) fn map(s: &mut Statement<'_>) -> Result<(), Refusal> {
    if s.args() < 2 {
        return Err(Refusal::new(format!(
            "'cpu-map' expects a thread group number ('all', 'odd', 'even', a number from 1 to {MAX_PER_GROUP} or a range), \
             followed by a list of CPU ranges with numbers from 0 to {}.",
            MAX_PER_GROUP - 1
        )));
    }
    let first = s.arg(0);
    let (spread, text) = match first.strip_prefix("auto:") {
        Some(rest) => (Spread::OneEach, rest),
        None => (Spread::All, first.as_ref()),
    };
    let (groups, threads) = text.split_once('/').unwrap_or((text, "all"));
    let read = |part| numbers(part, MAX_PER_GROUP).map_err(|e| s.refuse(0, format!("'cpu-map' : {e}")));
    let (groups, threads) = (read(groups)?.list(), read(threads)?.list());
    let cpus = processors(s, 1)?;
    if spread == Spread::OneEach {
        let by_thread = cpus.len() == threads.len();
        let by_group = threads.len() == MAX_PER_GROUP && cpus.len() == groups.len();
        if !by_thread && !by_group {
            let text =
                "'cpu-map' : thread range and CPU sets must have the same size to be automatically bound.";
            return Err(s.refuse(1, text));
        }
    }
    s.slot::<Threads>().map.push(CpuMap { groups, threads, cpus, spread });
    Ok(())
}

const SET_WORDS: [(&str, Option<(Keep, Level)>); 11] = [
    ("reset", None),
    ("only-cpu", Some((Keep::Only, Level::Cpu))),
    ("drop-cpu", Some((Keep::Not, Level::Cpu))),
    ("only-node", Some((Keep::Only, Level::Node))),
    ("drop-node", Some((Keep::Not, Level::Node))),
    ("only-cluster", Some((Keep::Only, Level::Cluster))),
    ("drop-cluster", Some((Keep::Not, Level::Cluster))),
    ("only-core", Some((Keep::Only, Level::Core))),
    ("drop-core", Some((Keep::Not, Level::Core))),
    ("only-thread", Some((Keep::Only, Level::Thread))),
    ("drop-thread", Some((Keep::Not, Level::Thread))),
];

#[derive(Clone, Copy)]
enum Keep {
    Only,
    Not,
}

pub(super) fn set(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mut at = 0;
    loop {
        let word = s.arg(at);
        let Some((_, meaning)) = SET_WORDS.iter().find(|(name, _)| *name == word) else {
            let known: Vec<_> = SET_WORDS.iter().map(|(name, _)| format!("'{name}'")).collect();
            let text =
                format!("'cpu-set' : unknown directive '{word}' (only {} supported).", known.join(", "));
            return Err(s.refuse(at, text));
        };
        let selection = match meaning {
            None => Selection::Reset,
            Some((keep, level)) => {
                at += 1;
                let text = s.arg(at);
                let missing = || s.refuse(at - 1, format!("'cpu-set {word}' : missing set of numbers."));
                if text.is_empty() {
                    return Err(missing());
                }
                let numbers = listed(s, at)?;
                match keep {
                    Keep::Only => Selection::Only(*level, numbers),
                    Keep::Not => Selection::Drop(*level, numbers),
                }
            }
        };
        s.slot::<Threads>().selection.push(selection);
        at += 1;
        if at >= s.args() {
            return Ok(());
        }
    }
}

fn listed(s: &Statement<'_>, at: usize) -> Result<CpuSet, Refusal> {
    let mut set = CpuSet::new();
    for part in s.arg(at).split(',') {
        let range = bounds(part, 0, MAX_CPU)
            .map_err(|_| s.refuse(at, format!("'cpu-set' : '{part}' is not a CPU range.")))?;
        set.extend(*range.start()..=(*range.end()).min(MAX_CPU));
    }
    Ok(set)
}

const POLICIES: [(&str, Policy); 13] = [
    ("none", Policy::None),
    ("performance", Policy::Performance),
    ("group-by-ccx", Policy::ByCache(1)),
    ("group-by-2-ccx", Policy::ByCache(2)),
    ("group-by-3-ccx", Policy::ByCache(3)),
    ("group-by-4-ccx", Policy::ByCache(4)),
    ("group-by-cluster", Policy::ByCluster(1)),
    ("group-by-2-clusters", Policy::ByCluster(2)),
    ("group-by-3-clusters", Policy::ByCluster(3)),
    ("group-by-4-clusters", Policy::ByCluster(4)),
    ("efficiency", Policy::Efficiency),
    ("resource", Policy::Resource),
    ("first-usable-node", Policy::FirstUsableNode),
];

pub(super) fn policy(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let word = s.arg(0);
    let Some((_, policy)) = POLICIES.iter().find(|(name, _)| *name == word) else {
        let known: Vec<_> = POLICIES.iter().map(|(name, _)| *name).collect();
        let text =
            format!("'cpu-policy' : unknown CPU policy '{word}', known ones are: {}.", known.join(", "));
        return Err(s.refuse(0, text));
    };
    let per_core = match (s.arg(1).as_ref(), s.arg(2).as_ref()) {
        ("", _) | ("threads-per-core", "auto") => PerCore::EachThread,
        ("threads-per-core", "1") => PerCore::One,
        ("threads-per-core", other) => {
            let text = format!("'cpu-policy' : 'threads-per-core' expects '1' or 'auto', got '{other}'.");
            return Err(s.refuse(2, text));
        }
        (other, _) => {
            let text =
                format!("'cpu-policy' : unknown keyword '{other}', the only one is 'threads-per-core'.");
            return Err(s.refuse(1, text));
        }
    };
    let threads: &mut Threads = s.slot();
    (threads.policy, threads.per_core) = (*policy, per_core);
    Ok(())
}

pub(super) fn affinity(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let affinity = match (s.arg(0).as_ref(), s.arg(1).as_ref()) {
        ("auto", _) => Affinity::Auto,
        ("per-core", _) => Affinity::PerCore,
        ("per-group", "" | "auto") => Affinity::PerGroup,
        ("per-group", "loose") => Affinity::PerGroupLoose,
        ("per-group", other) => {
            let text =
                format!("'cpu-affinity per-group' : unknown argument '{other}', known ones are: loose auto.");
            return Err(s.refuse(1, text));
        }
        ("per-thread", _) => Affinity::PerThread,
        ("per-ccx", _) => Affinity::PerCache,
        (other, _) => {
            let text = format!(
                "'cpu-affinity' : unknown directive '{other}', known ones are: per-core per-group per-thread per-ccx auto."
            );
            return Err(s.refuse(0, text));
        }
    };
    s.slot::<Threads>().affinity = affinity;
    Ok(())
}
