//! From a checked configuration to running workers.

use std::collections::HashSet;
use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use backend::{ServerDraft, ServerDrafts};
use base::registry::Registry;
use check::CheckSettings;
use check::settings::Enabled;
use cli::{Api, ApiSettings, Sinks};
use config::diagnostic::Message;
use config::global::{Instance, ProcessLimits};
use config::{Draft, Place, ProxyDraft, Severity};
use keyword::World;
use lang::facts::ProcessFacts;
use net::{BoundListener, Inherited};
use report::{Program, Traffic};
use stream::{Control, Crew, Line, Site};
use sys::limits::Resource;
use sys::signal::{Held, Signal};

use crate::binding::{self, Bound, Opened, Predecessors};
use crate::daemon::{self, Child, Side};
use crate::life::{Running, SIGNALS, Worker, Workers};
use crate::options::{Ground, Options, Verbosity};
use crate::plan::{Plan, ThreadPlan};
use crate::report::{Reporter, here};
use crate::resources::{self, Needs, Origin, Settled, Supply, Wanted};
use crate::settings::{Identity, Life, Resources, Sockets};
use crate::start::Prepared;
use crate::{identity, status, version};

/// The start cannot go on; these are the reasons.
type Problems = Vec<String>;

/// Carries traffic until a signal ends it.
pub(crate) fn run(
    mut prepared: Prepared,
    registry: &Registry,
    options: &Options,
    mut reporter: Reporter,
) -> ExitCode {
    let settled = settle(&mut prepared, options);
    if settled.origin == Origin::Computed {
        reporter.note(format!("Automatically setting global.maxconn to {}.", settled.connections));
    }
    let child = match background(&prepared.draft, options) {
        Ok(Side::Parent(code)) => return code,
        Ok(Side::Child(child)) => Some(child),
        Err(None) => None,
        Err(Some(problem)) => {
            reporter.alert(here(problem));
            return ExitCode::FAILURE;
        }
    };
    match put_to_work(&prepared, registry, options, settled, child, reporter) {
        Ok(running) => running.live(),
        Err((mut reporter, problems)) => {
            for problem in problems {
                reporter.alert(problem);
            }
            ExitCode::FAILURE
        }
    }
}

/// Buffers beyond the reserve that there are at least.
const LEAST_BUFFERS: usize = 3;

/// Decides on the limits, which other rooms look up in the draft from here on.
fn settle(prepared: &mut Prepared, options: &Options) -> Settled {
    let draft = &mut prepared.draft;
    let needs = Needs {
        listeners: binding::count(draft, &prepared.plan) as u64,
        checks: checks(draft),
        api: draft.global::<ApiSettings>().descriptors(),
        threads: prepared.plan.threads.len() as u64,
        buffer: draft.global::<stream::settings::Tuning>().buffer_size as u64,
    };
    let written = draft.global::<ProcessLimits>().maxconn;
    let wanted =
        Wanted { connections: options.maxconn.or((written > 0).then_some(written)), memory: options.memory };
    let unknown = sys::limits::Limit { soft: 1024, hard: 1024 };
    let system = sys::limits::limit(Resource::Files).unwrap_or(unknown);
    let settings: Resources = draft.global();
    let settled = resources::settle(&settings, needs, wanted, system);
    draft.global.get_mut::<ProcessLimits>().maxconn = settled.connections;
    let quarter = u32::try_from(settled.connections / 4).unwrap_or(u32::MAX);
    let pipes = if settings.splicing.is_on() { settings.pipes.unwrap_or(quarter) } else { 0 };
    net::pipe::configure(pipes as usize, settings.pipe_size as usize);
    if let Some(bytes) = draft.global::<Sockets>().log_buffer {
        log::size_sockets(bytes);
    }
    if settings.buffers > 0 {
        let reserve = settings.reserved_buffers * prepared.plan.threads.len();
        // A request and its answer need some beyond the reserve.
        base::ration::limit(settings.buffers.max(reserve + LEAST_BUFFERS), reserve);
    }
    settled
}

/// The servers that are checked.
fn checks(draft: &Draft) -> u64 {
    let is_checked = |server: &&ServerDraft| {
        server.slots.get::<CheckSettings>().is_some_and(|c| c.enabled == Enabled::Yes)
    };
    let of_proxy = |proxy: &ProxyDraft| {
        let servers = proxy.slots.get::<ServerDrafts>();
        servers.map_or(0, |servers| servers.list.iter().filter(is_checked).count())
    };
    draft.proxies.iter().filter(|p| p.kind.has_backend()).map(of_proxy).sum::<usize>() as u64
}

/// Goes to the background if that is wanted; `Err(None)` when not.
fn background(draft: &Draft, options: &Options) -> Result<Side, Option<String>> {
    let wanted = match options.ground {
        Ground::Background => true,
        Ground::Foreground => false,
        Ground::AsConfigured => draft.global::<Life>().daemon.is_on(),
    };
    if wanted { daemon::detach().map_err(Some) } else { Err(None) }
}

fn put_to_work(
    prepared: &Prepared,
    registry: &Registry,
    options: &Options,
    settled: Settled,
    child: Option<Child>,
    mut reporter: Reporter,
) -> Result<Running, (Reporter, Problems)> {
    match open(prepared, registry, options, settled, &mut reporter) {
        Err(problems) => Err((reporter, problems)),
        Ok(ready) => ready.release(prepared, options, child, reporter),
    }
}

/// Everything is open; nothing has been given up yet.
struct Ready<'o> {
    site: Arc<Site>,
    opened: Opened,
    api: Api,
    before: Predecessors<'o>,
}

fn open<'o>(
    prepared: &Prepared,
    registry: &Registry,
    options: &'o Options,
    settled: Settled,
    reporter: &mut Reporter,
) -> Result<Ready<'o>, Problems> {
    let (draft, plan) = (&prepared.draft, &prepared.plan);
    limit_resources(draft, options, settled, reporter)?;
    let site =
        Site::build(draft, process_facts(draft, plan, settled), prepared.clock.clone(), plan.threads.len())
            .map_err(|errors| errors.iter().map(|e| at(&e.place, &e.message)).collect::<Problems>())?;
    let inherited = match &options.inherit {
        Some(socket) => inherit(socket, reporter)?,
        None => Inherited::default(),
    };
    let mut before = Predecessors { old: &options.old, inherited };
    let opened = binding::open_all(draft, &site, plan, &mut before).map_err(failed_to_start)?;
    for text in &opened.warnings {
        reporter.warn(text);
    }
    let api = Api::bind(draft, registry, site.tuning.buffer_size, &mut before.inherited)
        .map_err(failed_to_start)?;
    // Servers may be checked, and asked about, without any traffic.
    if opened.listeners.is_empty() && api.listeners().is_empty() {
        return Err(vec![here("No enabled listener found (check for 'bind' directives) ! Exiting.")]);
    }
    // What nobody claimed is not wanted any more.
    before.inherited = Inherited::default();
    Ok(Ready { site: site.share(), opened, api, before })
}

fn failed_to_start(mut problems: Problems) -> Problems {
    problems.push("[haproxy.main()] Some protocols failed to start their listeners! Exiting.".to_owned());
    problems
}

fn limit_resources(
    draft: &Draft,
    options: &Options,
    settled: Settled,
    reporter: &mut Reporter,
) -> Result<(), Problems> {
    let settings: Resources = draft.global();
    match resources::raise(&settings, settled) {
        Supply::Enough => {}
        Supply::Short(text) => reporter.warn(format!("[haproxy.main()] {text}")),
        Supply::Lacking(text) => return Err(vec![format!("[haproxy.main()] {text}")]),
    }
    if settings.preallocate.is_on()
        && let Err(e) = sys::limits::preallocate_descriptors()
    {
        reporter.warn(format!("[haproxy.main()] {e}"));
    }
    if let Some(bytes) = options.memory {
        let limit = sys::limits::Limit { soft: bytes, hard: bytes };
        if let Err(e) = sys::limits::set_limit(Resource::Data, limit) {
            let text = format!("[haproxy.main()] Cannot fix MEM limit to {bytes} bytes: {e}");
            if settings.strict.is_on() {
                return Err(vec![text]);
            }
            reporter.warn(text);
        }
    }
    let life: Life = draft.global();
    if let Some(priority) = life.runtime_priority.or(life.startup_priority)
        && let Err(e) = sys::process::set_priority(priority)
    {
        reporter.warn(format!("[haproxy.main()] {e}"));
    }
    Ok(())
}

/// Takes the sockets of the process behind a stats socket.
fn inherit(socket: &str, reporter: &mut Reporter) -> Result<Inherited, Problems> {
    let address = grammar::address::parse(socket.as_bytes()).ok().and_then(|a| net::resolve(&a).ok());
    let taken = match address {
        Some(address) => net::handover::take_from(&address).map_err(|e| e.to_string()),
        None => Err("it is no address of a stats socket".to_owned()),
    };
    taken.map_err(|e| {
        reporter.warn(format!("Failed to connect to the old process socket '{socket}' : {e}"));
        vec!["Failed to get the sockets from the old process!".to_owned()]
    })
}

impl Ready<'_> {
    /// Gives up what is not needed any more, starts the threads and lets the old processes go.
    fn release(
        self,
        prepared: &Prepared,
        options: &Options,
        child: Option<Child>,
        mut reporter: Reporter,
    ) -> Result<Running, (Reporter, Problems)> {
        let Self { site, opened, api, before } = self;
        let draft = &prepared.draft;
        let identity: Identity = draft.global();
        match take_leave(draft, options, &identity, child.is_some(), &mut reporter) {
            Ok(()) => {}
            Err(problem) => return Err((reporter, vec![here(problem)])),
        }
        set_panic_hook(&site, reporter.verbosity());
        reporter.end_start();
        let sockets = api.listeners();
        let mut world = world(
            draft,
            &site,
            &opened.listeners,
            &sockets,
            environment(draft, &api),
            reporter.warnings() as u64,
        );
        let lines: Vec<_> = prepared.plan.threads.iter().map(|_| Control::new()).collect();
        world.put(Arc::new(Crew::new(lines.iter().map(|(control, _)| control.clone()).collect())));
        // The first request may come as soon as the first thread runs.
        site.furnish(world.clone());
        let started = Held::hold(&SIGNALS)
            .and_then(|signals| Ok((signals, spawn(&site, &opened.listeners, &prepared.plan, lines)?)))
            .and_then(|started| api.start(world, site.clock.clone()).map(|()| started));
        let (signals, workers) = match started {
            Ok(started) => started,
            Err(e) => {
                return Err((reporter, vec![here(format!("cannot start threads ({}).", sys::reason(&e)))]));
            }
        };
        before.dismiss();
        renew::keep_up(draft, &site.clock);
        if let Some(child) = child
            && let Err(problem) = child.announce()
        {
            return Err((reporter, vec![here(problem)]));
        }
        let proxies = status::proxies(draft, &site);
        let listeners = opened.listeners;
        Ok(Running {
            site,
            settings: draft.global(),
            signals,
            reporter,
            workers,
            listeners,
            api: sockets,
            proxies,
        })
    }
}

fn take_leave(
    draft: &Draft,
    options: &Options,
    identity: &Identity,
    in_background: bool,
    reporter: &mut Reporter,
) -> Result<(), String> {
    let life: Life = draft.global();
    if in_background && let Some(file) = options.pidfile.as_ref().or(life.pidfile.as_ref()) {
        daemon::write_pidfile(file)?;
    }
    for text in identity::advice(identity) {
        reporter.warn(here(text));
    }
    for text in identity::assume(identity)? {
        reporter.warn(text);
    }
    Ok(())
}

/// Where a clock starts, in microseconds.
const FIRST_TICK: u64 = 1_000_000;

/// The environment as the configuration left it, with the sockets of the runtime API.
fn environment(draft: &Draft, api: &Api) -> Vec<(String, String)> {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut environment: Vec<_> = draft.environment.sorted().into_iter().map(own).collect();
    environment.push(("HAPROXY_CLI".to_owned(), api.addresses()));
    environment.sort();
    environment
}

/// What the runtime API works on.
fn world(
    draft: &Draft,
    site: &Arc<Site>,
    listeners: &[Bound],
    sockets: &[BoundListener],
    environment: Vec<(String, String)>,
    warnings: u64,
) -> World {
    let traffic = listeners.iter().map(|bound| BoundListener::clone(&bound.listener));
    let mut world = World::default();
    world.put(Arc::clone(site));
    let bound: Vec<_> = listeners.iter().map(|bound| (bound.listener.clone(), bound.facts.clone())).collect();
    world.put(Arc::new(Traffic::new(site.frontends.len(), &bound)));
    world.put(Arc::new(Sinks(log::sinks(draft))));
    world.put(tls::Store::of(draft));
    world.put(Arc::new(client::Client::of(draft, site.clock.clone())));
    let maxconn = draft.global::<ProcessLimits>().maxconn;
    site.gate.set_limit(maxconn);
    world.put(Arc::new(Program {
        version: version::full(),
        date: version::DATE.to_owned(),
        description: draft.global::<Instance>().description.map(|text| text.to_string()),
        environment,
        sockets: sockets.len(),
        listeners: traffic.chain(sockets.iter().cloned()).collect(),
        maxconn,
        started: site.clock.wall(),
        boot_millis: site.clock.now().0.saturating_sub(FIRST_TICK) / 1000,
        warnings,
        ..Program::default()
    }));
    world
}

/// An error at a place of the configuration.
pub(crate) fn at(place: &Place, message: &str) -> String {
    format!("config : parsing [{}:{}] : {message}", place.file, place.line)
}

fn process_facts(draft: &Draft, plan: &Plan, settled: Settled) -> ProcessFacts {
    let hostname = sys::process::host_name().unwrap_or_default();
    let instance: Instance = draft.global();
    let life: Life = draft.global();
    ProcessFacts {
        node: instance.node.map_or_else(|| hostname.clone(), |node| node.to_string()),
        local_peer: life.local_peer.map_or_else(|| hostname.clone(), |name| name.to_string()),
        hostname,
        pid: std::process::id(),
        threads: plan.threads.len() as u32,
        groups: plan.threads.iter().map(|thread| thread.group).collect(),
        descriptors: settled.needed,
        environment: draft.environment.sorted().into_iter().map(|(k, v)| (k.into(), v.into())).collect(),
        ..ProcessFacts::default()
    }
}

fn spawn(site: &Arc<Site>, listeners: &[Bound], plan: &Plan, lines: Vec<Line>) -> std::io::Result<Workers> {
    let ended = Arc::new(AtomicUsize::new(0));
    let mut all = Vec::with_capacity(plan.threads.len());
    for (index, (thread, (control, orders))) in plan.threads.iter().zip(lines).enumerate() {
        let own = listeners.iter().filter(|bound| bound.threads.contains(&index));
        let own = own.map(|bound| (bound.listener.clone(), bound.facts.clone())).collect();
        let (site, place, last_word) = (site.clone(), thread.clone(), LastWord(ended.clone()));
        let thread = std::thread::Builder::new().name(format!("worker {}", index + 1)).spawn(move || {
            let _last_word = last_word;
            tie(&place);
            stream::run(index, site, own, orders)
        })?;
        all.push(Worker { control, thread });
    }
    Ok(Workers { all, ended })
}

/// Tells the thread that waits for signals when a worker has ended, however that came.
struct LastWord(Arc<AtomicUsize>);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
        // The process exists: it is this one.
        let _ = sys::signal::send(std::process::id().cast_signed(), Signal::Alarm);
    }
}

/// Ties the calling thread to its processors.
fn tie(place: &ThreadPlan) {
    if let Some(cpus) = &place.cpus {
        // A processor that has gone meanwhile leaves the thread where it is.
        let _ = sys::cpu::set_affinity(cpus);
    }
}

/// A panic ends one connection: it is counted, and said once for each place.
fn set_panic_hook(site: &Arc<Site>, verbosity: Verbosity) {
    let site = site.clone();
    let said: Mutex<HashSet<String>> = Mutex::default();
    std::panic::set_hook(Box::new(move |panic| {
        site.counters.panics.inc();
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let is_new = said.lock().unwrap_or_else(PoisonError::into_inner).insert(place);
        if is_new && verbosity != Verbosity::Quiet {
            let text = describe(panic);
            let message = Message { severity: Severity::Alert, place: None, text, excerpt: None };
            eprint!("{}", message.render(std::process::id()));
        }
    }));
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let what = panic.payload_as_str().unwrap_or("no reason given");
    format!("internal error, one connection ends: panic at {place}: {what}. Please report this.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted() {
        let facts = ProcessFacts::default();
        let site = Site::build(&Draft::default(), facts, base::clock::Clock::system(), 1);
        let site = Arc::new(site.expect("an empty configuration is valid"));
        set_panic_hook(&site, Verbosity::Quiet);
        for _ in 0..2 {
            assert!(std::thread::spawn(|| panic!("on purpose")).join().is_err());
        }
        let _ = std::panic::take_hook();
        assert_eq!(site.counters.panics.get(), 2);
    }
}
