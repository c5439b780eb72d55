//! How many threads there are, in which groups, on which processors.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use sys::cpu::{Cpu, CpuSet};

use crate::keywords::{MAX_GROUPS, MAX_PER_GROUP, MAX_THREADS};
use crate::settings::{Affinity, CpuMap, Level, PerCore, Policy, Selection, Spread, Threads};

/// What the machine offers.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The processors that are online.
    pub(crate) cpus: Vec<Cpu>,
    /// Those that the process was started on.
    pub(crate) inherited: CpuSet,
}

impl Machine {
    /// This one. Where the system tells nothing, each usable processor stands for itself.
    pub(crate) fn detect() -> Self {
        let inherited = sys::cpu::affinity().unwrap_or_else(|_| CpuSet::from([0]));
        let plain = |id| Cpu { id, node: 0, package: 0, cache: 0, cluster: 0, core: id, capacity: None };
        let cpus = sys::cpu::topology().unwrap_or_else(|_| inherited.iter().map(|&id| plain(id)).collect());
        Self { cpus, inherited }
    }

    fn is_restricted(&self) -> bool {
        self.cpus.iter().any(|cpu| !self.inherited.contains(&cpu.id))
    }
}

/// The threads to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) threads: Vec<ThreadPlan>,
    pub(crate) groups: usize,
    /// What the operator should know.
    pub(crate) warnings: Vec<String>,
    /// Processors that may be used, after the policy.
    pub(crate) kept: CpuSet,
}

/// One thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ThreadPlan {
    /// Its group, from 0.
    pub(crate) group: usize,
    /// The processors it runs on; `None` for those that the process has anyway.
    pub(crate) cpus: Option<CpuSet>,
}

impl Plan {
    /// A thread's number as configurations count.
    pub(crate) fn number(&self, thread: usize) -> net::ThreadNumber {
        let group = self.threads[thread].group;
        let within = self.threads[..=thread].iter().filter(|t| t.group == group).count();
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        net::ThreadNumber { absolute: narrow(thread + 1), group: narrow(group + 1), within: narrow(within) }
    }

    /// Decides; the error is for the operator.
    pub(crate) fn new(settings: &Threads, machine: &Machine) -> Result<Self, String> {
        let mut warnings = Vec::new();
        let available = select(settings, machine, &mut warnings);
        let free = settings.numa.is_on()
            && settings.count.is_none()
            && settings.groups.is_none()
            && settings.assigned.is_empty()
            && settings.map.is_empty();
        let mut plan = if free {
            by_policy(settings, machine, &available)
        } else {
            by_count(settings, &available, &mut warnings)?
        };
        if let Some(limit) = settings.hard_limit {
            plan.threads.truncate(limit);
            plan.groups = plan.threads.iter().map(|t| t.group + 1).max().unwrap_or(1);
        }
        apply_map(&settings.map, &mut plan.threads);
        for thread in &mut plan.threads {
            thread.cpus.take_if(|cpus| *cpus == machine.inherited);
        }
        plan.warnings = warnings;
        plan.check(settings, machine);
        Ok(plan)
    }

    /// Threads that share processors, or of which only some are tied to one, run badly.
    fn check(&mut self, settings: &Threads, machine: &Machine) {
        let bound = self.threads.iter().filter(|t| t.cpus.is_some()).count();
        if !settings.map.is_empty() && bound > 0 && bound < self.threads.len() {
            self.warnings.push(format!(
                "{bound} of {} threads are bound to CPUs by 'cpu-map' and the others are not: some will meet on \
                 the same CPU now and then, which costs much performance. Please bind all threads or none.",
                self.threads.len()
            ));
            return;
        }
        let used: BTreeSet<usize> = self
            .threads
            .iter()
            .flat_map(|t| t.cpus.as_ref().unwrap_or(&machine.inherited))
            .copied()
            .collect();
        if self.threads.len() > used.len() {
            self.warnings.push(format!(
                "this configuration puts {} threads on {} CPUs: some will compete for the same CPU, which costs \
                 much performance. Please adjust 'nbthread' or the 'cpu-map' directives.",
                self.threads.len(),
                used.len()
            ));
        }
    }
}

/// The processors that are left after `cpu-set`.
fn select<'m>(settings: &Threads, machine: &'m Machine, warnings: &mut Vec<String>) -> Vec<&'m Cpu> {
    let reset = settings.selection.contains(&Selection::Reset);
    let start: Vec<&Cpu> =
        machine.cpus.iter().filter(|cpu| reset || machine.inherited.contains(&cpu.id)).collect();
    let mut left = start.clone();
    for selection in &settings.selection {
        match selection {
            Selection::Reset => {}
            Selection::Only(level, set) => left.retain(|cpu| set.contains(&number(machine, cpu, *level))),
            Selection::Drop(level, set) => left.retain(|cpu| !set.contains(&number(machine, cpu, *level))),
        }
    }
    if left.is_empty() {
        if !settings.selection.is_empty() {
            warnings.push("'cpu-set' leaves no CPU at all; it is ignored.".to_owned());
        }
        return start;
    }
    left
}

/// The number of a processor on a level, as `cpu-set` counts.
fn number(machine: &Machine, cpu: &Cpu, level: Level) -> usize {
    let rank = |of: fn(&Cpu) -> usize| {
        let all: BTreeSet<usize> = machine.cpus.iter().map(of).collect();
        all.range(..of(cpu)).count()
    };
    match level {
        Level::Cpu => cpu.id,
        Level::Node => cpu.node,
        Level::Cluster => rank(|c| c.cluster),
        Level::Core => rank(|c| c.core),
        Level::Thread => machine.cpus.iter().filter(|c| c.core == cpu.core && c.id < cpu.id).count(),
    }
}

/// As many threads as processors, grouped as the policy says.
fn by_policy(settings: &Threads, machine: &Machine, available: &[&Cpu]) -> Plan {
    let mut cpus = available.to_vec();
    if settings.policy == Policy::FirstUsableNode && !machine.is_restricted() {
        let first = cpus.iter().map(|c| c.node).min();
        cpus.retain(|c| Some(c.node) == first);
    }
    evict(settings.policy, &mut cpus);
    if settings.per_core == PerCore::One {
        let mut seen = BTreeSet::new();
        cpus.retain(|c| seen.insert(c.core));
    }
    let kept: CpuSet = cpus.iter().map(|c| c.id).collect();
    let sets = split(groups_of(settings.policy, &cpus), settings.max_per_group);
    let mut plan = Plan { kept, ..Plan::default() };
    for (group, (members, whole)) in sets.iter().take(MAX_GROUPS).enumerate() {
        plan.groups = group + 1;
        for cpu in members {
            let cpus = bound_to(settings, machine, cpu, members, whole);
            plan.threads.push(ThreadPlan { group, cpus: Some(cpus) });
        }
    }
    plan.threads.truncate(MAX_THREADS);
    plan
}

/// Takes out the processors that a policy does without.
fn evict(policy: Policy, cpus: &mut Vec<&Cpu>) {
    let speed = |c: &&Cpu| u64::from(c.capacity.unwrap_or(1024));
    let speeds: BTreeSet<u64> = cpus.iter().map(speed).collect();
    match policy {
        Policy::Performance => {
            let mut least = speeds.last().copied().unwrap_or(0);
            for &next in speeds.iter().rev() {
                if next * 100 < least * 80 {
                    break;
                }
                least = next;
            }
            cpus.retain(|c| speed(c) >= least);
        }
        Policy::Efficiency => {
            let mut most = speeds.first().copied().unwrap_or(0);
            for &next in &speeds {
                if next * 100 > most * 125 {
                    break;
                }
                most = next;
            }
            cpus.retain(|c| speed(c) <= most);
        }
        Policy::Resource => {
            let mut total = BTreeMap::new();
            for cpu in cpus.iter() {
                *total.entry(cpu.cluster).or_insert(0) += speed(cpu);
            }
            let smallest = total.iter().min_by_key(|(_, sum)| **sum).map(|(cluster, _)| *cluster);
            cpus.retain(|c| Some(c.cluster) == smallest);
        }
        _ => {}
    }
}

fn groups_of<'c>(policy: Policy, cpus: &[&'c Cpu]) -> Vec<Vec<&'c Cpu>> {
    let by = |of: fn(&Cpu) -> usize, n: usize| {
        let mut sets: BTreeMap<usize, Vec<&'c Cpu>> = BTreeMap::new();
        for cpu in cpus {
            sets.entry(of(cpu)).or_default().push(cpu);
        }
        let sets: Vec<_> = sets.into_values().collect();
        sets.chunks(n).map(<[_]>::concat).collect()
    };
    match policy {
        Policy::None | Policy::FirstUsableNode => vec![cpus.to_vec()],
        Policy::ByCache(n) => by(|c| c.cache, n),
        Policy::Performance | Policy::Efficiency => by(|c| c.cache, 1),
        Policy::ByCluster(n) => by(|c| c.cluster, n),
        Policy::Resource => by(|c| c.cluster, 1),
    }
}

/// Divides sets that are too large into equal parts; each part comes with the set it was taken from.
fn split(sets: Vec<Vec<&Cpu>>, most: usize) -> Vec<(Vec<&Cpu>, Vec<&Cpu>)> {
    let mut parts = Vec::new();
    for set in sets.into_iter().filter(|s| !s.is_empty()) {
        let pieces = set.len().div_ceil(most);
        let (size, larger) = (set.len() / pieces, set.len() % pieces);
        let mut rest = &set[..];
        for piece in 0..pieces {
            let (part, more) = rest.split_at(size + usize::from(piece < larger));
            parts.push((part.to_vec(), set.clone()));
            rest = more;
        }
    }
    parts
}

/// The processors that the thread for one of them runs on.
fn bound_to(settings: &Threads, machine: &Machine, cpu: &Cpu, group: &[&Cpu], whole: &[&Cpu]) -> CpuSet {
    let core = || machine.cpus.iter().filter(|c| c.core == cpu.core).map(|c| c.id).collect();
    match (settings.affinity, settings.per_core) {
        (Affinity::PerThread, _) => CpuSet::from([cpu.id]),
        (Affinity::PerCore, _) | (Affinity::Auto, PerCore::One) => core(),
        (Affinity::PerCache, _) => group.iter().filter(|c| c.cache == cpu.cache).map(|c| c.id).collect(),
        (Affinity::PerGroupLoose, _) => whole.iter().map(|c| c.id).collect(),
        (Affinity::PerGroup | Affinity::Auto, _) => group.iter().map(|c| c.id).collect(),
    }
}

/// The number of threads, or their groups, is given.
fn by_count(settings: &Threads, available: &[&Cpu], warnings: &mut Vec<String>) -> Result<Plan, String> {
    let kept: CpuSet = available.iter().map(|c| c.id).collect();
    let mut count = settings.count.unwrap_or_else(|| kept.len().max(1));
    if let (Some(wanted), Some(limit)) = (settings.count, settings.hard_limit)
        && wanted > limit
    {
        warnings.push(format!(
            "nbthread forced to a higher value ({wanted}) than the configured thread-hard-limit ({limit}), \
             enforcing the limit. Please fix either value to remove this warning."
        ));
    }
    count = count.min(settings.hard_limit.unwrap_or(MAX_THREADS));
    let named = settings.assigned.iter().map(|(group, _)| *group).max().unwrap_or(1);
    let groups =
        settings.groups.unwrap_or_else(|| count.div_ceil(settings.max_per_group).max(named)).min(MAX_GROUPS);
    count = count.min(groups * MAX_PER_GROUP);
    let members = distribute(count, groups, &settings.assigned)?;
    let bind = settings.map.is_empty();
    let threads = members.into_iter().map(|group| ThreadPlan { group, cpus: bind.then(|| kept.clone()) });
    Ok(Plan { threads: threads.collect(), groups, kept, ..Plan::default() })
}

/// The group of each thread: as assigned, the rest evenly to the groups that have none.
fn distribute(
    count: usize,
    groups: usize,
    assigned: &[(usize, Vec<RangeInclusive<usize>>)],
) -> Result<Vec<usize>, String> {
    let mut of_thread: Vec<Option<usize>> = vec![None; count];
    for (group, ranges) in assigned.iter().filter(|(group, _)| *group <= groups) {
        for thread in ranges.iter().cloned().flatten().filter(|t| *t <= count) {
            of_thread[thread - 1] = Some(group - 1);
        }
    }
    let has_threads = |g: usize| assigned.iter().any(|(group, r)| *group == g + 1 && !r.is_empty());
    let open: Vec<usize> = (0..groups).filter(|&g| !has_threads(g)).collect();
    let rest = of_thread.iter().filter(|g| g.is_none()).count();
    if open.len() > rest {
        return Err(format!(
            "More unassigned thread-groups ({}) than threads ({rest}). Please reduce thread-groups",
            open.len()
        ));
    }
    if open.is_empty() && rest > 0 {
        return Err(format!("{rest} threads belong to no 'thread-group', and no group is left for them"));
    }
    let mut next = 0;
    let members = of_thread.into_iter().map(|group| {
        group.unwrap_or_else(|| {
            // Thread numbers of one group follow each other.
            let at = next * open.len() / rest;
            next += 1;
            open[at]
        })
    });
    Ok(members.collect())
}

/// Ties threads to the processors of `cpu-map`; a later line wins.
fn apply_map(map: &[CpuMap], threads: &mut [ThreadPlan]) {
    for line in map {
        let cpus: Vec<usize> = line.cpus.iter().copied().collect();
        let by_thread = cpus.len() == line.threads.len();
        let mut within = BTreeMap::new();
        for thread in threads.iter_mut() {
            let position = within.entry(thread.group).or_insert(0usize);
            *position += 1;
            let group_at = line.groups.iter().position(|g| *g == thread.group + 1);
            let thread_at = line.threads.iter().position(|t| t == position);
            let (Some(group_at), Some(thread_at)) = (group_at, thread_at) else { continue };
            thread.cpus = Some(match line.spread {
                Spread::All => line.cpus.clone(),
                Spread::OneEach if by_thread => CpuSet::from([cpus[thread_at]]),
                Spread::OneEach => CpuSet::from([cpus[group_at]]),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use config::directive::Switch;

    use super::*;

    /// Nodes of caches of cores with two hardware threads each; `speeds` by cache.
    fn machine(nodes: usize, caches: usize, cores: usize, speeds: &[u32]) -> Machine {
        let mut cpus = Vec::new();
        for node in 0..nodes {
            for cache in 0..caches {
                for core in 0..cores {
                    for _ in 0..2 {
                        let id = cpus.len();
                        let first = |per: usize| id / per * per;
                        let nth = node * caches + cache;
                        cpus.push(Cpu {
                            id,
                            node,
                            package: first(caches * cores * 2),
                            cache: first(cores * 2),
                            cluster: first(cores * 2),
                            core: first(2),
                            capacity: speeds.get(nth).copied(),
                        });
                        let _ = core;
                    }
                }
            }
        }
        Machine { inherited: cpus.iter().map(|c| c.id).collect(), cpus }
    }

    fn sizes(plan: &Plan) -> Vec<usize> {
        (0..plan.groups).map(|g| plan.threads.iter().filter(|t| t.group == g).count()).collect()
    }

    #[test]
    fn a_small_machine_gets_a_thread_for_each_processor() {
        let plan = Plan::new(&Threads::default(), &machine(1, 1, 2, &[])).unwrap();
        assert_eq!((sizes(&plan), plan.threads[0].cpus.clone()), (vec![4], None));
        assert!(plan.warnings.is_empty());
    }

    #[test]
    fn caches_make_groups() {
        let m = machine(2, 2, 4, &[]);
        let plan = Plan::new(&Threads::default(), &m).unwrap();
        assert_eq!(sizes(&plan), [8, 8, 8, 8]);
        assert_eq!(plan.threads[8].cpus, Some((8..16).collect()));
        let of = |policy| sizes(&Plan::new(&Threads { policy, ..Threads::default() }, &m).unwrap());
        assert_eq!(of(Policy::ByCache(2)), [16, 16]);
        assert_eq!(of(Policy::None), [16, 16], "a group has 16 at most");
        assert_eq!(of(Policy::FirstUsableNode), [16]);
        assert_eq!(of(Policy::Resource), [8]);
    }

    #[test]
    fn slow_or_fast_cores_are_left_out() {
        let m = machine(1, 2, 2, &[1024, 512]);
        let of = |policy| Plan::new(&Threads { policy, ..Threads::default() }, &m).unwrap().kept;
        assert_eq!(of(Policy::Performance), (0..4).collect());
        assert_eq!(of(Policy::Efficiency), (4..8).collect());
        assert_eq!(of(Policy::Resource), (4..8).collect());
        assert_eq!(of(Policy::ByCache(1)).len(), 8);
    }

    #[test]
    fn affinity_goes_from_a_group_to_one_processor() {
        let m = machine(1, 2, 2, &[]);
        let first = |affinity, per_core| {
            let threads = Threads { affinity, per_core, policy: Policy::None, ..Threads::default() };
            Plan::new(&threads, &m).unwrap().threads[0].cpus.clone()
        };
        assert_eq!(first(Affinity::PerThread, PerCore::EachThread), Some([0].into()));
        assert_eq!(first(Affinity::PerCore, PerCore::EachThread), Some([0, 1].into()));
        assert_eq!(first(Affinity::PerCache, PerCore::EachThread), Some((0..4).collect()));
        assert_eq!(first(Affinity::Auto, PerCore::EachThread), None);
        assert_eq!(first(Affinity::Auto, PerCore::One), Some([0, 1].into()));
    }

    #[test]
    fn cpu_sets_count_on_each_level() {
        let m = machine(2, 1, 2, &[]);
        let kept = |selection| {
            let threads = Threads { selection: vec![selection], ..Threads::default() };
            Plan::new(&threads, &m).unwrap().kept
        };
        assert_eq!(kept(Selection::Only(Level::Cpu, [1, 2].into())), [1, 2].into());
        assert_eq!(kept(Selection::Drop(Level::Node, [0].into())), (4..8).collect());
        assert_eq!(kept(Selection::Only(Level::Core, [1].into())), [2, 3].into());
        assert_eq!(kept(Selection::Only(Level::Thread, [0].into())), [0, 2, 4, 6].into());
        assert_eq!(kept(Selection::Drop(Level::Cluster, [1].into())), (0..4).collect());
        assert_eq!(kept(Selection::Only(Level::Node, [9].into())).len(), 8, "an empty set is ignored");
    }

    #[test]
    fn numbers_are_taken_literally() {
        let m = machine(1, 1, 2, &[]);
        let plan = |threads: Threads| Plan::new(&threads, &m);
        let of = |count, groups| Threads { count: Some(count), groups, ..Threads::default() };
        assert_eq!(sizes(&plan(of(40, None)).unwrap()), [14, 13, 13]);
        assert_eq!(sizes(&plan(of(65, Some(1))).unwrap()), [64]);
        assert!(
            plan(of(2, Some(4)))
                .unwrap_err()
                .starts_with("More unassigned thread-groups (4) than threads (2)")
        );
        assert_eq!(plan(of(5, None)).unwrap().warnings.len(), 1);
        let limited = Threads { hard_limit: Some(2), ..of(3, None) };
        let limited = plan(limited).unwrap();
        assert_eq!((limited.threads.len(), limited.warnings.len()), (2, 1));
    }

    #[test]
    fn threads_go_to_their_groups() {
        let assigned = [(1, vec![1..=3])];
        assert_eq!(distribute(4, 2, &assigned), Ok(vec![0, 0, 0, 1]));
        assert_eq!(distribute(4, 2, &[]), Ok(vec![0, 0, 1, 1]));
        assert!(distribute(4, 1, &assigned).is_err());
    }

    #[test]
    fn a_map_ties_threads() {
        let m = machine(1, 1, 2, &[]);
        let line = |threads: Vec<usize>, cpus: &[usize], spread| CpuMap {
            groups: vec![1],
            threads,
            cpus: cpus.iter().copied().collect(),
            spread,
        };
        let with = |line| {
            let threads = Threads { count: Some(2), map: vec![line], ..Threads::default() };
            Plan::new(&threads, &m).unwrap()
        };
        let all = with(line(vec![1, 2], &[0, 1], Spread::All));
        assert_eq!(all.threads[1].cpus, Some([0, 1].into()));
        let each = with(line(vec![1, 2], &[2, 3], Spread::OneEach));
        assert_eq!(each.threads[1].cpus, Some([3].into()));
        let half = with(line(vec![1], &[0], Spread::All));
        assert_eq!((half.threads[1].cpus.clone(), half.warnings.len()), (None, 1));
    }

    #[test]
    fn a_switched_off_mapping_uses_all() {
        let m = machine(2, 2, 2, &[]);
        let threads = Threads { numa: Switch::Off, ..Threads::default() };
        assert_eq!(sizes(&Plan::new(&threads, &m).unwrap()), [16]);
    }
}
