//! Connections and descriptors: how many there may be, and getting the limits for them.

use config::directive::Switch;
use sys::limits::{Limit, Resource, UNLIMITED};

use crate::settings::Resources;

/// Descriptors of the process itself.
const OWN: u64 = 10;
/// Descriptors of the event loop of a thread.
const PER_THREAD: u64 = 3;
/// No computed limit is lower.
const LEAST_CONNECTIONS: u64 = 100;
/// How far `fd-hard-limit` lets the descriptors grow when it is not given.
const USUAL_HARD_LIMIT: u64 = 1 << 20;
/// What a connection takes besides its two buffers.
const PER_CONNECTION: u64 = 3732;

/// What the configuration needs whatever the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Listening sockets.
    pub(crate) listeners: u64,
    /// Checked servers: each check may have a connection of its own.
    pub(crate) checks: u64,
    /// The runtime API.
    pub(crate) api: u64,
    /// Worker threads.
    pub(crate) threads: u64,
    /// The size of a buffer.
    pub(crate) buffer: u64,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// `-n` or `maxconn`.
    pub(crate) connections: Option<u64>,
    /// `-m`, in bytes.
    pub(crate) memory: Option<u64>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The connections that the process takes.
    pub(crate) connections: u64,
    /// Whether they were computed.
    pub(crate) origin: Origin,
    /// The descriptors needed for them.
    pub(crate) needed: u64,
    /// The limit to ask for.
    pub(crate) files: u64,
    /// How far it may be raised.
    pub(crate) ceiling: u64,
}

/// Where a number of connections comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Given,
    Computed,
}

/// Decides on the number of connections from what the system allows.
pub(crate) fn settle(settings: &Resources, needs: Needs, wanted: Wanted, system: Limit) -> Settled {
    let ceiling = system.hard.min(settings.hard_limit.unwrap_or(USUAL_HARD_LIMIT));
    let pipes = if settings.splicing == Switch::On { settings.pipes.unwrap_or(0) } else { 0 };
    let fixed =
        OWN + needs.threads * PER_THREAD + needs.listeners + needs.checks + needs.api + 2 * u64::from(pipes);
    let by_files = (ceiling.saturating_sub(fixed) / 2).max(LEAST_CONNECTIONS);
    let by_memory =
        wanted.memory.map_or(u64::MAX, |bytes| rounded(bytes / (2 * needs.buffer + PER_CONNECTION)));
    let (connections, origin) = match wanted.connections {
        Some(n) => (n, Origin::Given),
        None => (by_files.min(by_memory.max(1)), Origin::Computed),
    };
    let needed = fixed + 2 * connections;
    let files = settings.open_files.unwrap_or(needed).max(system.soft.min(ceiling));
    Settled { connections, origin, needed, files, ceiling }
}

/// An estimate has no more than two figures.
fn rounded(n: u64) -> u64 {
    let unit = 10u64.pow(n.checked_ilog10().unwrap_or(0).saturating_sub(1));
    n / unit * unit
}

/// Whether descriptors suffice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    Enough,
    /// The process starts all the same.
    Short(String),
    /// It does not.
    Lacking(String),
}

/// Sets the limit of descriptors.
pub(crate) fn raise(settings: &Resources, settled: Settled) -> Supply {
    let Ok(system) = sys::limits::limit(Resource::Files) else { return Supply::Enough };
    let wanted = settled.files.min(settled.ceiling);
    let failed = if wanted == system.soft {
        false
    } else {
        let hard = system.hard.max(wanted);
        sys::limits::set_limit(Resource::Files, Limit { soft: wanted, hard }).is_err()
    };
    let now = sys::limits::limit(Resource::Files).map_or(system.soft, |l| l.soft);
    if !failed && now >= settled.needed.min(settings.open_files.unwrap_or(u64::MAX)) {
        return Supply::Enough;
    }
    let text = format!(
        "Cannot raise FD limit to {}, current limit is {now} and hard limit is {}. Without 'maxconn' and \
         'ulimit-n' in the global section the limits adjust to each other; otherwise 'maxconn' should be at most \
         about {} here.",
        settled.needed,
        if system.hard == UNLIMITED { "unlimited".to_owned() } else { system.hard.to_string() },
        (settled.ceiling * 97 / 200).max(1)
    );
    if settings.strict.is_on() { Supply::Lacking(text) } else { Supply::Short(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs = Needs { listeners: 2, checks: 0, api: 0, threads: 2, buffer: 16384 };
    const FREE: Wanted = Wanted { connections: None, memory: None };
    const SYSTEM: Limit = Limit { soft: 1024, hard: 20000 };

    #[test]
    fn connections_follow_from_descriptors() {
        let settled = settle(&Resources::default(), NEEDS, FREE, SYSTEM);
        assert_eq!((settled.connections, settled.needed), (9991, 20000));
        assert_eq!((settled.origin, settled.files), (Origin::Computed, 20000));
        let checked = settle(&Resources::default(), Needs { checks: 100, ..NEEDS }, FREE, SYSTEM);
        assert_eq!(checked.connections, 9941);
        let given = settle(&Resources::default(), NEEDS, Wanted { connections: Some(100), ..FREE }, SYSTEM);
        assert_eq!((given.connections, given.needed, given.files), (100, 218, 1024));
    }

    #[test]
    fn descriptors_have_a_ceiling() {
        let low = Resources { hard_limit: Some(200), ..Resources::default() };
        let settled = settle(&low, NEEDS, FREE, SYSTEM);
        assert_eq!((settled.connections, settled.needed, settled.ceiling), (100, 218, 200));
        let endless = Limit { soft: 1024, hard: UNLIMITED };
        assert_eq!(settle(&Resources::default(), NEEDS, FREE, endless).ceiling, 1 << 20);
    }

    #[test]
    fn memory_limits_connections() {
        let with = |megabytes: u64| {
            let wanted = Wanted { memory: Some(megabytes << 20), ..FREE };
            let system = Limit { soft: 1024, hard: 1 << 20 };
            settle(&Resources::default(), NEEDS, wanted, system).connections
        };
        assert_eq!((with(1024), with(384), with(256), with(0)), (29000, 11000, 7300, 1));
    }

    #[test]
    fn pipes_take_two_descriptors_each() {
        let piped = Resources { pipes: Some(10), ..Resources::default() };
        assert_eq!(settle(&piped, NEEDS, FREE, SYSTEM).connections, 9981);
        let unused = Resources { splicing: Switch::Off, ..piped };
        assert_eq!(settle(&unused, NEEDS, FREE, SYSTEM).connections, 9991);
    }

    #[test]
    fn too_few_descriptors_are_reported() {
        let settled = Settled {
            connections: u64::MAX / 4,
            origin: Origin::Given,
            needed: u64::MAX / 2,
            files: 0,
            ceiling: 1,
        };
        let now = sys::limits::limit(Resource::Files).unwrap();
        let settled = Settled { files: now.soft, ceiling: now.soft, ..settled };
        assert!(
            matches!(raise(&Resources::default(), settled), Supply::Lacking(t) if t.starts_with("Cannot raise"))
        );
        let lenient = Resources { strict: Switch::Off, ..Resources::default() };
        assert!(matches!(raise(&lenient, settled), Supply::Short(_)));
    }
}
