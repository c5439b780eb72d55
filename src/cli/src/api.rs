//! The sockets of the runtime API and the thread that serves them.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use crate::commands::vars::Language;
use base::clock::Clock;
use base::registry::Registry;
use config::Draft;
use keyword::command::Session;
use keyword::{Command, World};
use net::{AcceptError, Accepted, BoundListener, Inherited};
use pattern::References;
use report::Program;
use tokio::sync::Semaphore;

use crate::directives::{ApiSettings, Expose, SocketSettings};
use crate::session;

/// Bound sockets that nobody serves yet.
#[derive(Debug)]
pub struct Api {
    sockets: Vec<ApiSocket>,
    settings: ApiSettings,
    commands: Vec<&'static Command>,
    lists: Arc<References>,
    max_line: usize,
    language: Arc<Language>,
}

#[derive(Clone, Debug)]
struct ApiSocket {
    listener: BoundListener,
    settings: SocketSettings,
}

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) commands: Vec<&'static Command>,
    pub(crate) world: World,
    pub(crate) clock: Clock,
    /// The longest line with its payload.
    pub(crate) max_line: usize,
}

/// One `stats socket` address, as `show cli sockets` lists it.
#[derive(Clone, Debug)]
pub(crate) struct SocketFacts {
    pub(crate) address: String,
    pub(crate) level: keyword::command::Level,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sockets(pub(crate) Vec<SocketFacts>);

impl Api {
    /// Opens the sockets that `global` asks for, or takes those of an old process; every one that fails is reported.
    pub fn bind(
        draft: &Draft,
        registry: &Registry,
        max_line: usize,
        inherited: &mut Inherited,
    ) -> Result<Self, Vec<String>> {
        let settings: ApiSettings = draft.global();
        let (mut sockets, mut problems) = (Vec::new(), Vec::new());
        for line in &settings.sockets {
            let place = format!("[{}:{}]", line.place.file, line.place.line);
            let specs = line.specs().unwrap_or_else(|e| {
                problems
                    .push(format!("config : parsing {place} : 'stats socket' : '{}' : {e}.", line.written));
                Vec::new()
            });
            for spec in specs {
                match inherited.bind(&spec) {
                    Ok(listener) => {
                        sockets.push(ApiSocket { listener, settings: line.slots.get_or_default() });
                    }
                    Err(e) => problems.push(format!("Binding {place} for frontend GLOBAL: {e}")),
                }
            }
        }
        let mut commands = registry.all::<Command>().to_vec();
        commands.sort_by_key(|c| c.name);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            sockets,
            settings,
            commands,
            lists: registry.layer(),
            language: Arc::new(Language::of(registry)),
            max_line,
        })
    }

    /// The sockets, for whoever hands them over or stops them.
    pub fn listeners(&self) -> Vec<BoundListener> {
        self.sockets.iter().map(|s| s.listener.clone()).collect()
    }

    /// The addresses with a `;` after each but the last, as the environment shows them.
    pub fn addresses(&self) -> String {
        let all: Vec<_> = self.sockets.iter().map(|s| name_of(&s.listener)).collect();
        all.join(";")
    }

    /// Serves the sockets on a thread of their own for as long as the process lives.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self, mut world: World, clock: Clock) -> io::Result<()> {
        if self.sockets.is_empty() {
            return Ok(());
        }
        let sockets = self.sockets.iter();
        let facts = sockets.map(|s| SocketFacts { address: name_of(&s.listener), level: s.settings.level });
        world.put(Arc::new(Sockets(facts.collect())));
        world.put(self.language.clone());
        world.put(self.lists.clone());
        std::thread::Builder::new().name("api".to_owned()).spawn(move || self.run(world, clock))?;
        Ok(())
    }

    fn run(self, world: World, clock: Clock) {
        let built = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default());
        let Ok(runtime) = built else { return };
        let Self { sockets, settings, commands, max_line, .. } = self;
        let shared = Rc::new(Shared { commands, world, clock, max_line });
        let places = Arc::new(Semaphore::new(settings.maxconn as usize));
        runtime.block_on(async move {
            let mut accepting = Vec::new();
            for socket in sockets {
                let server = Server { socket, settings: settings.clone(), places: places.clone() };
                accepting.push(tokio::task::spawn_local(server.run(shared.clone())));
            }
            for task in accepting {
                // A panic there has ended that socket only.
                let _ = task.await;
            }
            // Sessions that still go on do so until the process ends.
            std::future::pending::<()>().await;
        });
    }
}

/// One socket being served.
struct Server {
    socket: ApiSocket,
    settings: ApiSettings,
    places: Arc<Semaphore>,
}

impl Server {
    async fn run(self, shared: Rc<Shared>) {
        let mut listener = self.socket.listener.attach();
        loop {
            // Whoever comes while all places are taken waits in the system's queue.
            let place = tokio::select! {
                place = self.places.clone().acquire_owned() => place,
                () = poll_fn(|cx| listener.poll_stopped(cx)) => return,
            };
            let Ok(place) = place else { return };
            match next(&mut listener).await {
                Some(Ok(accepted)) => {
                    let settings = self.socket.settings;
                    let session =
                        Session::new(settings.level, settings.severity, Some(self.settings.timeout));
                    let shared = shared.clone();
                    tokio::task::spawn_local(async move {
                        session::serve(accepted.socket.attach(), session, settings.expose, &shared).await;
                        drop(place);
                    });
                }
                Some(Err(_)) => {}
                None => return,
            }
        }
    }
}

async fn next(listener: &mut net::Listener) -> Option<Result<Accepted, AcceptError>> {
    poll_fn(|cx| match listener.poll_accept(cx) {
        Poll::Ready(Err(AcceptError::Stopped)) => Poll::Ready(None),
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// An address as `show cli sockets` writes it.
fn name_of(listener: &BoundListener) -> String {
    use base::addr::{Addr, UnixName};
    match listener.local_addr() {
        Ok(Addr::Inet(inet)) if inet.is_ipv4() => format!("ipv4@{inet}"),
        Ok(Addr::Inet(inet)) => format!("ipv6@[{}]:{}", inet.ip(), inet.port()),
        Ok(Addr::Unix(UnixName::Path(path))) => format!("unix@{}", String::from_utf8_lossy(&path)),
        Ok(Addr::Unix(UnixName::Abstract(name))) => format!("abns@{}", String::from_utf8_lossy(&name)),
        Ok(Addr::Unix(UnixName::AbstractExact(name))) => format!("abnsz@{}", String::from_utf8_lossy(&name)),
        Ok(Addr::Unix(UnixName::Unnamed)) => "sockpair".to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}

impl Expose {
    /// The sockets that may be given away.
    pub(crate) fn listeners(self, world: &World) -> Option<Vec<BoundListener>> {
        match self {
            Self::Nothing => None,
            Self::Listeners => world.get::<Program>().map(|p| p.listeners.clone()),
        }
    }
}
