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
    tls: Option<Arc<tls::Acceptor>>,
    id: u32,
    /// Its figures, where they are kept (`option socket-stats`).
    counters: Option<Arc<stats::ListenerCounters>>,
    /// The threads of each socket that is still to be opened.
    shards: Vec<Vec<usize>>,
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
        let counters = self.counters.clone();
        ListenerFacts {
            counters,
            tls: self.tls.clone(),
            ..ListenerFacts::new(self.frontend, self.id, &self.settings, (listener.number(), address))
        }
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
                prepare(&mut spec, &sockets, &buffers);
                let shards = shards(&spec, &settings, sockets.shards, plan);
                if shards.is_empty() {
                    let text = "'thread' : none of these threads exists";
                    problems.push(format!("{} : {text}.", at(line)));
                }
                let place = place(line, proxy, &spec);
                let settings = settings.clone();
                let counters = side.listener_counters();
                let tls = line.slots.get::<tls::BindSettings>().and_then(|s| s.acceptor.clone());
                requests.push(Request { spec, place, frontend, settings, tls, id, counters, shards });
            }
        }
    }
    requests
}

/// The number of sockets that the listeners need.
pub(crate) fn count(draft: &Draft, plan: &Plan) -> usize {
    let sockets: Sockets = draft.global();
    let of_line = |line: &Arc<BindDraft>| {
        let settings: ListenerSettings = line.slots.get_or_default();
        let specs = line.specs().unwrap_or_default();
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

/// The threads of each socket that is opened for one address; none when no thread may accept from it.
fn shards(spec: &ListenSpec, settings: &ListenerSettings, usual: Shards, plan: &Plan) -> Vec<Vec<usize>> {
    let allowed: Vec<usize> = (0..plan.threads.len())
        .filter(|thread| settings.threads.as_ref().is_none_or(|set| set.contains(plan.number(*thread))))
        .collect();
    let mut by_group: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &thread in &allowed {
        by_group.entry(plan.threads[thread].group).or_default().push(thread);
    }
    let shareable =
        matches!(spec.addr, ListenAddr::Addr(Addr::Inet(_))) && spec.reuse_port == net::Switch::On;
    let wanted = if shareable { settings.shards.unwrap_or(usual) } else { Shards::Count(1) };
    match (wanted, wanted.sockets(allowed.len(), by_group.len())) {
        _ if allowed.is_empty() => Vec::new(),
        (Shards::ByGroup, _) => by_group.into_values().collect(),
        (_, sockets) => {
            let (size, larger) = (allowed.len() / sockets, allowed.len() % sockets);
            let mut rest = &allowed[..];
            let take = |socket| {
                let (own, more) = rest.split_at(size + usize::from(socket < larger));
                rest = more;
                own.to_vec()
            };
            (0..sockets).map(take).collect()
        }
    }
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
        let plan = plan(&[0, 0, 1]);
        assert_eq!(spread(&inet(), Shards::Count(1), &plan), [vec![0, 1, 2]]);
        assert_eq!(spread(&inet(), Shards::Count(2), &plan), [vec![0, 1], vec![2]]);
        assert_eq!(spread(&inet(), Shards::Count(9), &plan).len(), 3, "a socket has a thread");
        assert_eq!(spread(&inet(), Shards::ByGroup, &plan), [vec![0, 1], vec![2]]);
        assert_eq!(spread(&inet(), Shards::ByThread, &plan), [vec![0], vec![1], vec![2]]);
    }

    #[test]
    fn a_line_has_its_own_threads_and_sockets() {
        let plan = plan(&[0, 0, 1]);
        let threads = |text| Some(net::ThreadSet::parse(text).unwrap());
        let second = ListenerSettings { threads: threads("2/1"), ..ListenerSettings::default() };
        assert_eq!(shards(&inet(), &second, Shards::ByGroup, &plan), [vec![2]]);
        let own = ListenerSettings { shards: Some(Shards::ByThread), ..ListenerSettings::default() };
        assert_eq!(shards(&inet(), &own, Shards::Count(1), &plan).len(), 3);
        let nobody = ListenerSettings { threads: threads("5"), ..ListenerSettings::default() };
        assert!(shards(&inet(), &nobody, Shards::ByGroup, &plan).is_empty());
    }

    #[test]
    fn what_cannot_be_opened_twice_is_shared_by_all() {
        let plan = plan(&[0, 1]);
        let alone = ListenSpec { reuse_port: net::Switch::Off, ..inet() };
        let unix = ListenSpec::at(Addr::unix(b"/x"));
        for spec in [alone, unix] {
            assert_eq!(spread(&spec, Shards::ByThread, &plan), [vec![0, 1]]);
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
            tls: None,
            id: 1,
            counters: None,
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
