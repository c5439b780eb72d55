//! What the `global` section says of the process itself.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use config::Setting;
use config::directive::Switch;
use net::Shards;
use net::listen::UnixPermissions;
use sys::cpu::CpuSet;
use sys::ids::Capability;

/// Who the process is once its sockets are open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `user`, `uid`.
    pub(crate) user: Option<u32>,
    /// `group`, `gid`.
    pub(crate) group: Option<u32>,
    /// `chroot`.
    pub(crate) jail: Option<Jail>,
    /// `setcap`.
    pub(crate) capabilities: Vec<Capability>,
    /// `set-dumpable`.
    pub(crate) core_dumps: Switch,
    /// `insecure-setuid-wanted`.
    pub(crate) setuid_programs: Permission,
}

/// The directory that the process is shut into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Jail {
    /// This one.
    Directory(PathBuf),
    /// An empty one without a name.
    Nameless,
}

/// Whether something insecure is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Permission {
    #[default]
    Refused,
    Given,
}

/// How the process starts and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    /// `daemon`.
    pub(crate) daemon: Switch,
    /// `pidfile`.
    pub(crate) pidfile: Option<String>,
    /// `quiet`.
    pub(crate) quiet: Switch,
    /// `zero-warning`.
    pub(crate) zero_warning: Switch,
    /// `grace`.
    pub(crate) grace: Duration,
    /// `hard-stop-after`.
    pub(crate) hard_stop_after: Option<Duration>,
    /// The priority before `tune.renice.startup`.
    pub(crate) startup_priority: Option<i32>,
    /// `tune.renice.runtime`.
    pub(crate) runtime_priority: Option<i32>,
    /// `localpeer`.
    pub(crate) local_peer: Option<Arc<str>>,
}

/// Descriptors and pipes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    /// `ulimit-n`.
    pub(crate) open_files: Option<u64>,
    /// `fd-hard-limit`.
    pub(crate) hard_limit: Option<u64>,
    /// `strict-limits`.
    pub(crate) strict: Switch,
    /// `prealloc-fd`.
    pub(crate) preallocate: Switch,
    /// `maxpipes`.
    pub(crate) pipes: Option<u32>,
    /// `tune.buffers.limit`; 0 for none.
    pub(crate) buffers: usize,
    /// `tune.buffers.reserve`, for each thread.
    pub(crate) reserved_buffers: usize,
    /// `tune.pipesize`.
    pub(crate) pipe_size: u32,
    /// Off with `nosplice` and what includes it.
    pub(crate) splicing: Switch,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            open_files: None,
            hard_limit: None,
            strict: Switch::On,
            preallocate: Switch::Off,
            pipes: None,
            buffers: 0,
            reserved_buffers: 4,
            pipe_size: 0,
            splicing: Switch::On,
        }
    }
}

/// How listening sockets are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sockets {
    /// Off with `noreuseport`.
    pub(crate) reuse_port: Switch,
    /// `tune.listener.default-shards`.
    pub(crate) shards: Shards,
    /// The directory of `unix-bind`.
    pub(crate) unix_prefix: Option<Box<str>>,
    /// `tune.sndbuf.backend`.
    pub(crate) log_buffer: Option<u32>,
    /// The rest of `unix-bind`.
    pub(crate) unix: UnixPermissions,
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            reuse_port: Switch::On,
            shards: Shards::ByGroup,
            unix_prefix: None,
            log_buffer: None,
            unix: UnixPermissions::default(),
        }
    }
}

/// Threads and processors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Threads {
    /// `nbthread`.
    pub(crate) count: Option<usize>,
    /// `thread-groups`.
    pub(crate) groups: Option<usize>,
    /// `thread-group`: thread numbers from 1, by group number from 1.
    pub(crate) assigned: Vec<(usize, Vec<RangeInclusive<usize>>)>,
    /// `max-threads-per-group`.
    pub(crate) max_per_group: usize,
    /// `thread-hard-limit`.
    pub(crate) hard_limit: Option<usize>,
    /// `cpu-map`, in order.
    pub(crate) map: Vec<CpuMap>,
    /// `cpu-set`, in order.
    pub(crate) selection: Vec<Selection>,
    /// `cpu-policy`.
    pub(crate) policy: Policy,
    /// `threads-per-core 1` of it.
    pub(crate) per_core: PerCore,
    /// `cpu-affinity`.
    pub(crate) affinity: Affinity,
    /// `numa-cpu-mapping`.
    pub(crate) numa: Switch,
}

impl Default for Threads {
    fn default() -> Self {
        Self {
            count: None,
            groups: None,
            assigned: Vec::new(),
            max_per_group: 16,
            hard_limit: None,
            map: Vec::new(),
            selection: Vec::new(),
            policy: Policy::default(),
            per_core: PerCore::default(),
            affinity: Affinity::default(),
            numa: Switch::On,
        }
    }
}

/// A `cpu-map` line: these threads of these groups run on these processors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CpuMap {
    /// Groups by number from 1.
    pub(crate) groups: Vec<usize>,
    /// Threads of each group by number from 1.
    pub(crate) threads: Vec<usize>,
    /// The processors.
    pub(crate) cpus: CpuSet,
    /// Whether each thread gets all of them, or its own.
    pub(crate) spread: Spread,
}

/// How a line's processors are given to its threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// All to each.
    All,
    /// One to each, in order (`auto:`).
    OneEach,
}

/// A `cpu-set` directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Forget what the process inherited.
    Reset,
    /// Only what lies in these numbers.
    Only(Level, CpuSet),
    /// Nothing of these numbers.
    Drop(Level, CpuSet),
}

/// What a `cpu-set` directive counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Cpu,
    Node,
    Cluster,
    Core,
    Thread,
}

/// `cpu-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Policy {
    /// All processors, in one group.
    None,
    /// Those of the first memory node.
    FirstUsableNode,
    /// Groups of that many caches.
    ByCache(usize),
    /// Groups of that many clusters.
    ByCluster(usize),
    /// By cache, without the slow cores.
    #[default]
    Performance,
    /// By cache, without the fast cores.
    Efficiency,
    /// The smallest and slowest cluster alone.
    Resource,
}

/// How many threads a core gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PerCore {
    /// One for each hardware thread.
    #[default]
    EachThread,
    /// One.
    One,
}

/// `cpu-affinity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Affinity {
    /// By group, or by core where each core has one thread.
    #[default]
    Auto,
    /// To the hardware threads of one core.
    PerCore,
    /// To the processors of the group.
    PerGroup,
    /// To those of the policy's set, though several groups share it.
    PerGroupLoose,
    /// To one hardware thread.
    PerThread,
    /// To those around one cache.
    PerCache,
}

impl Setting for Identity {}
impl Setting for Life {}
impl Setting for Resources {}
impl Setting for Sockets {}
impl Setting for Threads {}
