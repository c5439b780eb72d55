//! Processors: which there are, how they are arranged, which ones a thread may use.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sched::{CpuSet as RawSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::error::Error;

/// Numbers of processors.
pub type CpuSet = BTreeSet<usize>;

/// A processor and its place in the machine.
///
/// Groups are named by the lowest number among their processors; what the system does not tell is
/// taken for a group of its own (a core) or for one of all (the rest).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Its number.
    pub id: usize,
    /// The memory node.
    pub node: usize,
    /// The package.
    pub package: usize,
    /// The processors that share the last level of cache.
    pub cache: usize,
    /// The cluster of cores.
    pub cluster: usize,
    /// The core, which several hardware threads may share.
    pub core: usize,
    /// Its relative speed, where cores differ.
    pub capacity: Option<u32>,
}

/// The processors that are online, in order of their numbers.
pub fn topology() -> io::Result<Vec<Cpu>> {
    topology_under(Path::new("/sys/devices/system"))
}

fn topology_under(root: &Path) -> io::Result<Vec<Cpu>> {
    let online = parse_list(&fs::read_to_string(root.join("cpu/online"))?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable list of processors"))?;
    let first = online.first().copied().unwrap_or(0);
    let nodes = nodes_under(root);
    Ok(online
        .into_iter()
        .map(|id| {
            let dir = root.join(format!("cpu/cpu{id}"));
            let group = |file: &str| lowest(&dir.join(file));
            Cpu {
                id,
                node: nodes.iter().find(|(_, cpus)| cpus.contains(&id)).map_or(0, |(node, _)| *node),
                package: group("topology/package_cpus_list").unwrap_or(first),
                cache: last_cache(&dir).unwrap_or(first),
                cluster: group("topology/cluster_cpus_list").unwrap_or(first),
                core: group("topology/thread_siblings_list").unwrap_or(id),
                capacity: number(&dir.join("cpu_capacity")),
            }
        })
        .collect())
}

/// The memory nodes and their processors.
fn nodes_under(root: &Path) -> Vec<(usize, CpuSet)> {
    let Ok(entries) = fs::read_dir(root.join("node")) else { return Vec::new() };
    let mut nodes: Vec<_> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let node = entry.file_name().to_str()?.strip_prefix("node")?.parse().ok()?;
            let cpus = parse_list(&fs::read_to_string(entry.path().join("cpulist")).ok()?)?;
            Some((node, cpus))
        })
        .collect();
    nodes.sort_by_key(|(node, _)| *node);
    nodes
}

/// The group that shares the cache of the highest level that holds data.
fn last_cache(cpu: &Path) -> Option<usize> {
    (0..16)
        .map(|i| cpu.join(format!("cache/index{i}")))
        .take_while(|dir| dir.exists())
        .filter(|dir| fs::read_to_string(dir.join("type")).is_ok_and(|kind| kind.trim() != "Instruction"))
        .filter_map(|dir| Some((number(&dir.join("level"))?, lowest(&dir.join("shared_cpu_list"))?)))
        .max_by_key(|(level, _)| *level)
        .map(|(_, group)| group)
}

fn lowest(file: &PathBuf) -> Option<usize> {
    parse_list(&fs::read_to_string(file).ok()?)?.first().copied()
}

fn number(file: &PathBuf) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Reads a list such as `0-3,8,10-11`.
pub fn parse_list(text: &str) -> Option<CpuSet> {
    let mut set = CpuSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high): (usize, usize) = (low.parse().ok()?, high.parse().ok()?);
        // The kernel numbers far fewer; a larger number is a mistake that must not fill the memory.
        if low > high || high >= 1 << 16 {
            return None;
        }
        set.extend(low..=high);
    }
    Some(set)
}

/// The processors that the calling thread may use.
pub fn affinity() -> io::Result<CpuSet> {
    let raw = sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..RawSet::count()).filter(|&cpu| raw.is_set(cpu).unwrap_or(false)).collect())
}

/// Ties the calling thread to processors.
pub fn set_affinity(cpus: &CpuSet) -> Result<(), Error> {
    let what = || format!("cannot bind the thread to processors {cpus:?}");
    let mut raw = RawSet::new();
    for &cpu in cpus {
        raw.set(cpu).map_err(|e| Error::new(what(), e.into()))?;
    }
    sched_setaffinity(Pid::from_raw(0), &raw).map_err(|e| Error::new(what(), e.into()))
}

/// How many processors the process may use.
pub fn usable() -> usize {
    affinity().map_or(1, |cpus| cpus.len().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        assert_eq!(parse_list("0-2,8\n"), Some(CpuSet::from([0, 1, 2, 8])));
        assert_eq!(parse_list(""), Some(CpuSet::new()));
        for bad in ["3-1", "a", "1-", "0-99999999999"] {
            assert_eq!(parse_list(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_machine_of_two_nodes_is_understood() {
        let root = std::env::temp_dir().join(format!("haproxy-sys-cpu-{}", std::process::id()));
        let put = |file: String, text: &str| {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("cpu/online".into(), "0-3\n");
        for cpu in 0..4 {
            let pair = if cpu < 2 { "0-1" } else { "2-3" };
            put(format!("cpu/cpu{cpu}/topology/thread_siblings_list"), pair);
            put(format!("cpu/cpu{cpu}/topology/package_cpus_list"), pair);
            put(format!("cpu/cpu{cpu}/cache/index0/type"), "Instruction");
            put(format!("cpu/cpu{cpu}/cache/index0/level"), "9");
            put(format!("cpu/cpu{cpu}/cache/index0/shared_cpu_list"), "0-3");
            put(format!("cpu/cpu{cpu}/cache/index1/type"), "Unified");
            put(format!("cpu/cpu{cpu}/cache/index1/level"), "3");
            put(format!("cpu/cpu{cpu}/cache/index1/shared_cpu_list"), pair);
            put(format!("cpu/cpu{cpu}/cpu_capacity"), "1024");
        }
        put("node/node0/cpulist".into(), "0-1");
        put("node/node1/cpulist".into(), "2-3");
        let cpus = topology_under(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        let last = Cpu { id: 3, node: 1, package: 2, cache: 2, cluster: 0, core: 2, capacity: Some(1024) };
        assert_eq!((cpus.len(), cpus[3]), (4, last));
    }

    #[test]
    fn a_thread_can_be_tied_to_a_processor() {
        std::thread::spawn(|| {
            let all = affinity().unwrap();
            assert_eq!(usable(), all.len());
            let one = CpuSet::from([*all.last().unwrap()]);
            set_affinity(&one).unwrap();
            assert_eq!(affinity().unwrap(), one);
        })
        .join()
        .unwrap();
        assert!(set_affinity(&CpuSet::new()).is_err());
    }
}
