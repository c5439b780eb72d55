//! Listeners are bound, threads started, signals obeyed.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::JoinHandle;

use base::clock::Clock;
use base::registry::Registry;
use cli::{Api, Program};
use config::Draft;
use keyword::World;
use lang::facts::ProcessFacts;
use net::{BindDraft, BindDrafts, BoundListener, ListenSpec, ListenerSettings};
use stream::{Control, ListenerFacts, Order, Site};
use sys::signals::{Signal, Signals};

use crate::options::Options;
use crate::version;

/// What went wrong, in the operator's words.
type Problems = Vec<String>;

/// A bound listener with what its streams need to know.
type Bound = (Arc<BoundListener>, Arc<ListenerFacts>);

/// Carries traffic until a signal ends it.
pub(crate) fn run(
    draft: &Draft,
    registry: &Registry,
    options: &Options,
    clock: &Clock,
) -> Result<ExitCode, Problems> {
    let threads = thread_count(draft);
    let site = Site::build(draft, process_facts(draft, options, threads), clock.clone(), threads)
        .map_err(|errors| errors.into_iter().map(|e| at(&e.place, &e.message)).collect::<Problems>())?;
    let listeners = bind_all(draft, &site)?;
    let api = Api::bind(draft, registry, site.tuning.buffer_size)?;
    if listeners.is_empty() {
        return Err(vec!["config : no listener was configured: there is nothing to do.".to_owned()]);
    }
    let signals = Signals::hold().map_err(|e| vec![e.to_string()])?;
    if let Some(file) = &options.pidfile {
        std::fs::write(file, format!("{}\n", std::process::id()))
            .map_err(|e| vec![format!("Cannot create pidfile {file} : {e}")])?;
    }
    let site = Arc::new(site);
    let no_thread = |e| vec![format!("cannot start threads : {e}")];
    let workers = spawn(&site, &listeners, threads).map_err(no_thread)?;
    let sockets = api.listeners();
    api.start(world(draft, &site, &listeners, &sockets), clock.clone()).map_err(no_thread)?;
    Ok(obey(&signals, workers, &listeners, &sockets))
}

/// What the runtime API works on.
fn world(draft: &Draft, site: &Arc<Site>, listeners: &[Bound], sockets: &[BoundListener]) -> World {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let traffic = listeners.iter().map(|(listener, _)| BoundListener::clone(listener));
    let mut world = World::default();
    world.put(Arc::clone(site));
    world.put(Arc::new(Program {
        version: version::full(),
        date: version::DATE.to_owned(),
        environment: draft.environment.sorted().into_iter().map(own).collect(),
        listeners: traffic.chain(sockets.iter().cloned()).collect(),
        started: site.clock.wall(),
        ..Program::default()
    }));
    world
}

fn at(place: &config::Place, message: &str) -> String {
    format!("config : parsing [{}:{}] : {message}", place.file, place.line)
}

fn thread_count(_: &Draft) -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn process_facts(_: &Draft, options: &Options, threads: usize) -> ProcessFacts {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    ProcessFacts {
        node: hostname.clone(),
        local_peer: options.local_peer.clone().unwrap_or_else(|| hostname.clone()),
        hostname,
        pid: std::process::id(),
        threads: threads as u32,
        ..ProcessFacts::default()
    }
}

/// Binds the listeners of all frontends; every one that fails is reported.
fn bind_all(draft: &Draft, site: &Site) -> Result<Vec<Bound>, Problems> {
    let (mut bound, mut problems) = (Vec::new(), Vec::new());
    for (index, frontend) in site.frontends.iter().enumerate() {
        let proxy = &draft.proxies[frontend.proxy];
        let none = BindDrafts::default();
        let drafts = proxy.slots.get::<BindDrafts>().unwrap_or(&none);
        let mut id = 0;
        for line in &drafts.0 {
            for spec in specs(line, &mut problems) {
                id += 1;
                match net::listen::bind(&spec) {
                    Ok(listener) => {
                        let facts = listener_facts(index, id, line, &listener);
                        bound.push((Arc::new(listener), Arc::new(facts)));
                    }
                    Err(e) => problems.push(format!(
                        "Binding [{}:{}] for {} {}: {}",
                        line.place.file,
                        line.place.line,
                        proxy.kind.title(),
                        proxy.name,
                        e
                    )),
                }
            }
        }
    }
    if problems.is_empty() { Ok(bound) } else { Err(problems) }
}

fn listener_facts(frontend: usize, id: u32, line: &BindDraft, listener: &BoundListener) -> ListenerFacts {
    let settings: ListenerSettings = line.slots.get_or_default();
    let address = listener.local_addr().unwrap_or(base::addr::Addr::any(base::addr::Family::V4));
    ListenerFacts { frontend, name: settings.name, id: settings.id.unwrap_or(id), address }
}

/// What a line asks for; addresses that are unknown are reported.
fn specs(line: &BindDraft, problems: &mut Problems) -> Vec<ListenSpec> {
    line.specs().unwrap_or_else(|e| {
        problems.push(at(&line.place, &format!("'bind' : '{}' : {e}.", line.written)));
        Vec::new()
    })
}

/// A worker thread.
struct Handle {
    control: Control,
    thread: JoinHandle<std::io::Result<()>>,
}

fn spawn(site: &Arc<Site>, listeners: &[Bound], threads: usize) -> std::io::Result<Vec<Handle>> {
    let mut handles = Vec::with_capacity(threads);
    for index in 0..threads {
        let (control, orders) = Control::new();
        let (site, listeners) = (site.clone(), listeners.to_vec());
        let thread = std::thread::Builder::new()
            .name(format!("worker {}", index + 1))
            .spawn(move || stream::run(index, site, listeners, orders))?;
        handles.push(Handle { control, thread });
    }
    Ok(handles)
}

/// Waits for signals until the workers have ended.
fn obey(signals: &Signals, workers: Vec<Handle>, listeners: &[Bound], api: &[BoundListener]) -> ExitCode {
    loop {
        match signals.wait() {
            Ok(Signal::User1) => {
                for (listener, _) in listeners {
                    listener.stop();
                }
                api.iter().for_each(BoundListener::stop);
                for worker in &workers {
                    // A worker that is too busy to take the order has long ended its listeners with the others'.
                    let _ = worker.control.give(Order::SoftStop);
                }
                for worker in workers {
                    let _ = worker.thread.join();
                }
                return ExitCode::SUCCESS;
            }
            Ok(signal @ (Signal::Terminate | Signal::Interrupt)) => sys::signals::end_by(signal),
            Ok(_) => {}
            Err(_) => return ExitCode::FAILURE,
        }
    }
}
