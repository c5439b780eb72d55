//! Opening the listeners, taking them over from an old process where there is one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::addr::{Addr, UnixName};
use config::directive::Switch;
use config::global::SocketBuffers;
use config::{Draft, ProxyDraft};
use net::bind::BindDraft;
use net::listen::{BindError, Later};
use net::{BindDrafts, BoundListener, Inherited, ListenAddr, ListenSpec, ListenerSettings, Shards};
use stream::{ListenerFacts, Site};
use sys::signal::{self, Signal};

use crate::options::{Farewell, Old};
use crate::plan::Plan;
use crate::settings::Sockets;

/// How often a port is tried that an old process still holds, and the pause in between.
const ATTEMPTS: usize = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// A listener with what its streams need to know, and the threads that accept from it.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) listener: Arc<BoundListener>,
    pub(crate) facts: Arc<ListenerFacts>,
    pub(crate) threads: Vec<usize>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    pub(crate) listeners: Vec<Bound>,
    pub(crate) warnings: Vec<String>,
}

/// A socket to be opened.
#[derive(Clone, Debug)]
struct Request {
    spec: ListenSpec,
    /// `[file:line] for frontend name: protocol tcpv4`.
    place: String,
    frontend: usize,
    settings: ListenerSettings,
    id: u32,
    /// Its figures, where they are kept (`option socket-stats`); its shards share them.
    counters: Option<Arc<stats::ListenerCounters>>,
    threads: Vec<usize>,
}

/// The processes whose sockets are wanted.
pub(crate) struct Predecessors<'a> {
    /// Those that will be told to leave.
    pub(crate) old: &'a Old,
    /// Their sockets, as far as they handed any over.
    pub(crate) inherited: Inherited,
}

impl Predecessors<'_> {
    fn tell(&self, what: Signal) {
        for &pid in &self.old.pids {
            // One that has left meanwhile holds nothing.
            let _ = signal::send(pid, what);
        }
    }

    /// Sends them away, now that this process has taken over.
    pub(crate) fn dismiss(&self) {
        self.tell(match self.old.farewell {
            Farewell::Finish => Signal::Usr1,
            Farewell::Terminate => Signal::Term,
        });
    }
}

/// Opens the listeners of all frontends; every one that fails is reported.
pub(crate) fn open_all(
    draft: &Draft,
    site: &Site,
    plan: &Plan,
    before: &mut Predecessors<'_>,
) -> Result<Opened, Vec<String>> {
    let mut problems = Vec::new();
    let requests = requests(draft, site, plan, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut opened = Opened::default();
    let refused = attempt(requests, before, &mut opened);
    let refused = insist(refused, before, &mut opened);
    if refused.is_empty() {
        return Ok(opened);
    }
    Err(refused.iter().map(|(request, e)| format!("{} {}: {e}.", e.step, request.place)).collect())
}

type Refused = Vec<(Request, BindError)>;

fn attempt(requests: Vec<Request>, before: &mut Predecessors<'_>, opened: &mut Opened) -> Refused {
    let mut refused = Vec::new();
    for mut request in requests {
        // The sockets of one address are one listener.
        let mut facts = None;
        while let Some(threads) = request.shards.pop() {
            match before.inherited.bind(&request.spec) {
                Ok(listener) => {
                    let told = listener.warnings().iter();
                    opened
                        .warnings
                        .extend(told.map(|w| format!("{} {}: {}.", w.step, request.place, w.text)));
                    let facts = facts.get_or_insert_with(|| Arc::new(request.facts(&listener))).clone();
                    opened.listeners.push(Bound { listener: Arc::new(listener), facts, threads });
                }
                Err(e) => {
                    request.shards.push(threads);
                    refused.push((request, e));
                    break;
                }
            }
        }
    }
    refused
}

impl Request {
    fn facts(&self, listener: &BoundListener) -> ListenerFacts {
        let address = listener.local_addr().unwrap_or(Addr::any(base::addr::Family::V4));
        ListenerFacts::new(self.frontend, self.id, &self.settings, address)
    }
}

/// Ports that an old process holds: it is asked to let go of them for a moment.
fn insist(mut refused: Refused, before: &mut Predecessors<'_>, opened: &mut Opened) -> Refused {
    let hopeless = |refused: &Refused| refused.iter().any(|(_, e)| e.later == Later::IsFutile);
    if refused.is_empty() || before.old.pids.is_empty() || hopeless(&refused) {
        return refused;
    }
    before.tell(Signal::Ttou);
    for _ in 0..ATTEMPTS {
        std::thread::sleep(PAUSE);
        let again = refused.into_iter().map(|(request, _)| request).collect();
        refused = attempt(again, before, opened);
        if refused.is_empty() || hopeless(&refused) {
            break;
        }
    }
    if !refused.is_empty() {
        before.tell(Signal::Ttin);
    }
    refused
}

impl Request {
    fn bound(self, listener: BoundListener) -> Bound {
        let address = listener.local_addr().unwrap_or(Addr::any(base::addr::Family::V4));
        let facts = ListenerFacts::new(self.frontend, self.id, &self.settings, address);
        let facts = ListenerFacts { counters: self.counters, ..facts };
        Bound { listener: Arc::new(listener), facts: Arc::new(facts), threads: self.threads }
    }
}

fn requests(draft: &Draft, site: &Site, plan: &Plan, problems: &mut Vec<String>) -> Vec<Request> {
    let (sockets, buffers): (Sockets, SocketBuffers) = (draft.global(), draft.global());
    let mut requests = Vec::new();
    for (frontend, side) in site.frontends.iter().enumerate() {
        let proxy = &draft.proxies[side.proxy];
        if proxy.slots.get_or_default::<config::Notes>().state == config::State::Disabled {
            continue;
        }
        let none = BindDrafts::default();
        let drafts = proxy.slots.get::<BindDrafts>().unwrap_or(&none);
        for (line, ids) in drafts.0.iter().zip(drafts.ids()) {
            let settings: ListenerSettings = line.slots.get_or_default();
            for (mut spec, id) in specs(line, problems).into_iter().zip(ids) {
                let counters = frontend.listener_counters();
                prepare(&mut spec, &sockets, &buffers, site.tuning.max_accept);
                for threads in shards(&spec, &settings, sockets.shards, plan) {
                    requests.push(Request {
                        place: place(line, proxy, &spec),
                        spec: spec.clone(),
                        frontend: index,
                        settings: settings.clone(),
                        id,
                        counters: counters.clone(),
                        threads,
                    });
                }
                let place = place(line, proxy, &spec);
                let settings = settings.clone();
                requests.push(Request { spec, place, frontend, settings, id, shards });
            }
        }
    }
    requests
}

/// The number of sockets that the listeners need.
pub(crate) fn count(draft: &Draft, plan: &Plan) -> usize {
    let sockets: Sockets = draft.global();
    let of_line = |line: &Arc<BindDraft>| {
        let (specs, settings) = (line.specs().unwrap_or_default(), line.slots.get_or_default());
        specs.iter().map(|spec| shards(spec, &settings, sockets.shards, plan).len()).sum::<usize>()
    };
    let of_proxy =
        |proxy: &ProxyDraft| proxy.slots.get::<BindDrafts>().map_or(0, |b| b.0.iter().map(of_line).sum());
    draft.proxies.iter().map(of_proxy).sum()
}

/// What a line asks for; addresses that are unknown are reported.
fn specs(line: &BindDraft, problems: &mut Vec<String>) -> Vec<ListenSpec> {
    line.specs().unwrap_or_else(|e| {
        problems.push(format!("{} : 'bind' : '{}' : {e}.", at(line), line.written));
        Vec::new()
    })
}

fn at(line: &BindDraft) -> String {
    format!("config : parsing [{}:{}]", line.place.file, line.place.line)
}

fn place(line: &BindDraft, proxy: &ProxyDraft, spec: &ListenSpec) -> String {
    format!(
        "[{}:{}] for {} {}: protocol {}",
        line.place.file,
        line.place.line,
        proxy.kind.title(),
        proxy.name,
        spec.protocol_name()
    )
}

/// Adds what `global` says of all listeners.
fn prepare(spec: &mut ListenSpec, sockets: &Sockets, buffers: &SocketBuffers) {
    if sockets.reuse_port == Switch::Off {
        spec.reuse_port = net::Switch::Off;
    }
    spec.stream.receive_buffer = spec.stream.receive_buffer.or(buffers.client.receive);
    spec.stream.send_buffer = spec.stream.send_buffer.or(buffers.client.send);
    spec.stream.notsent_lowat = spec.stream.notsent_lowat.or(buffers.client.notsent_lowat);
    if let ListenAddr::Addr(Addr::Unix(UnixName::Path(path))) = &mut spec.addr {
        if let Some(prefix) = &sockets.unix_prefix {
            *path = [prefix.as_bytes(), path].concat().into();
        }
        let unix = &mut spec.unix;
        unix.mode = unix.mode.or(sockets.unix.mode);
        unix.uid = unix.uid.or(sockets.unix.uid);
        unix.gid = unix.gid.or(sockets.unix.gid);
    }
}

/// The threads of each socket that is opened for one address.
fn shards(spec: &ListenSpec, line: &ListenerSettings, default: Shards, plan: &Plan) -> Vec<Vec<usize>> {
    let mine = threads_of(line, plan);
    let shareable =
        matches!(spec.addr, ListenAddr::Addr(Addr::Inet(_))) && spec.reuse_port == net::Switch::On;
    let wanted = match default {
        Shards::ByProcess => net::Shards::Count(1),
        Shards::ByGroup => net::Shards::ByGroup,
        Shards::ByThread => net::Shards::ByThread,
    };
    if !shareable {
        return vec![mine];
    }
    let mut split: Vec<Vec<usize>> = match line.shards.unwrap_or(wanted) {
        net::Shards::ByThread => mine.into_iter().map(|t| vec![t]).collect(),
        net::Shards::ByGroup => {
            let of = |group| mine.iter().copied().filter(|t| plan.threads[*t].group == group).collect();
            (0..plan.groups).map(of).collect()
        }
        net::Shards::Count(n) => {
            let size = mine.len().div_ceil(n.clamp(1, mine.len().max(1))).max(1);
            mine.chunks(size).map(<[usize]>::to_vec).collect()
        }
    };
    split.retain(|threads| !threads.is_empty());
    split
}

/// The threads that a line is for: all, unless it says which.
fn threads_of(line: &ListenerSettings, plan: &Plan) -> Vec<usize> {
    let number = |t: usize| {
        let group = plan.threads[t].group;
        let within = plan.threads[..=t].iter().filter(|other| other.group == group).count();
        net::ThreadNumber { absolute: t as u32 + 1, group: group as u32 + 1, within: within as u32 }
    };
    let wanted = |t: &usize| line.threads.as_ref().is_none_or(|set| set.contains(number(*t)));
    (0..plan.threads.len()).filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ThreadPlan;

    fn plan(groups: &[usize]) -> Plan {
        let threads = groups.iter().map(|&group| ThreadPlan { group, cpus: None }).collect();
        Plan { threads, groups: groups.iter().max().map_or(1, |g| g + 1), ..Plan::default() }
    }

    fn inet() -> ListenSpec {
        ListenSpec::at(Addr::inet([127, 0, 0, 1], 0))
    }

    fn spread(spec: &ListenSpec, shards: Shards, plan: &Plan) -> Vec<Vec<usize>> {
        super::shards(spec, &ListenerSettings::default(), shards, plan)
    }

    #[test]
    fn sockets_are_shared_as_told() {
        let (plan, any) = (plan(&[0, 0, 1]), ListenerSettings::default());
        assert_eq!(shards(&inet(), &any, Shards::ByProcess, &plan), [vec![0, 1, 2]]);
        assert_eq!(shards(&inet(), &any, Shards::ByGroup, &plan), [vec![0, 1], vec![2]]);
        assert_eq!(shards(&inet(), &any, Shards::ByThread, &plan), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn what_cannot_be_opened_twice_is_shared_by_all() {
        let (plan, any) = (plan(&[0, 1]), ListenerSettings::default());
        let alone = ListenSpec { reuse_port: net::Switch::Off, ..inet() };
        let unix = ListenSpec::at(Addr::unix(b"/x"));
        for spec in [alone, unix] {
            assert_eq!(shards(&spec, &any, Shards::ByThread, &plan), [vec![0, 1]]);
        }
    }

    #[test]
    fn unix_sockets_get_what_global_says() {
        let sockets = Sockets {
            unix_prefix: Some("/run".into()),
            unix: net::listen::UnixPermissions { mode: Some(0o600), uid: Some(5), gid: None },
            ..Sockets::default()
        };
        let mut spec = ListenSpec::at(Addr::unix(b"/x"));
        spec.unix.uid = Some(7);
        prepare(&mut spec, &sockets, &SocketBuffers::default());
        assert_eq!(spec.addr, ListenAddr::Addr(Addr::unix(b"/run/x")));
        assert_eq!((spec.unix.mode, spec.unix.uid), (Some(0o600), Some(7)));
    }

    #[test]
    fn a_port_in_use_is_reported_with_its_line() {
        let holder = net::listen::bind(&ListenSpec { reuse_port: net::Switch::Off, ..inet() }).unwrap();
        let request = Request {
            spec: ListenSpec::at(holder.local_addr().unwrap()),
            place: "[f:1] for frontend f: protocol tcpv4".into(),
            frontend: 0,
            settings: ListenerSettings::default(),
            id: 1,
            shards: vec![vec![0]],
        };
        let old = Old::default();
        let mut before = Predecessors { old: &old, inherited: Inherited::default() };
        let mut opened = Opened::default();
        let refused = attempt(vec![request], &mut before, &mut opened);
        let refused = insist(refused, &mut before, &mut opened);
        assert_eq!((refused.len(), refused[0].1.later), (1, Later::MayWork));
        assert!(opened.listeners.is_empty());
    }
}
