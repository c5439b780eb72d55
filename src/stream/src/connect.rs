//! From a backend to a connection: the choice of a server, its queue, an idle connection or a new one, retries.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use backend::{RetryOn, Server, Slot};
use base::clock::Tick;
use base::termination::{Cause, Phase, Termination};
use config::Mode;

use lang::facts::ServerConnection;

use crate::conn::Conn;
use crate::dial::{DialError, Traits, dial};
use crate::h1_side::H1Side;
use crate::live::Stage;
use crate::site::BackendSide;
use crate::story::{Failure, Story};

/// A connection to a server, with the server's slot.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) side: H1Side,
    pub(crate) held: Held,
    pub(crate) origin: Origin,
}

/// Where a leased connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    New,
    Reused,
}

/// A slot of a server, given back when dropped.
#[derive(Debug)]
pub(crate) struct Held(pub(crate) Arc<Server>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.counters.common.current.dec();
        self.0.slots.give_back();
    }
}

/// Which connections may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// A new one only.
    No,
    /// An idle one too.
    Yes,
}

/// The delay before another attempt at a server that just failed.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The server that failed before, and at what.
#[derive(Clone, Debug)]
pub(crate) enum Failed {
    /// There was no connection to it.
    Connecting(Arc<Server>),
    /// It did not answer.
    Answering(Arc<Server>),
}

impl Failed {
    fn server(&self) -> &Arc<Server> {
        match self {
            Self::Connecting(server) | Self::Answering(server) => server,
        }
    }

    /// Whether the next attempt goes to another server.
    fn redispatches(&self, story: &Story<'_>, backend: &BackendSide) -> bool {
        match self {
            Self::Connecting(_) => redispatches(story, backend),
            // Another attempt at an answer does not count up to an interval.
            Self::Answering(_) => backend.core.settings.redispatch != 0,
        }
    }
}

/// Gets a connection for the story's stream.
pub(crate) async fn lease(
    story: &mut Story<'_>,
    backend: &BackendSide,
    reuse: Reuse,
    mut failed: Option<Failed>,
) -> Result<Lease, (Failure, Option<Arc<Server>>)> {
    loop {
        let held = slot(story, backend, failed.as_ref())
            .await
            .map_err(|f| (f, failed.as_ref().map(|failed| failed.server().clone())))?;
        // What later attempts take is no time in a queue.
        if !story.facts.timers.queued.is_set() {
            story.facts.timers.queued = story.now();
        }
        story.live.reach(Stage::Connecting);
        story.live.assign(held.0.facts.id, story.facts.retries);
        let traits = Traits::of(story, backend, &held.0);
        if reuse == Reuse::Yes
            && let Some(side) = story.worker.take_idle(&held.0, &traits)
        {
            held.0.counters.common.events.here().reuses.inc();
            story.facts.timers.connected = story.facts.timers.queued;
            story.live.connect(side.conn.socket.number());
            story.facts.server_connection = ServerConnection::Reused;
            story.note_server(&side.conn, None);
            return Ok(Lease { side, held, origin: Origin::Reused });
        }
        match connect(story, backend, &held.0, traits).await {
            Ok(conn) => {
                story.facts.timers.connected = story.now();
                story.live.connect(conn.socket.number());
                let side = H1Side::new(conn, story.site.tuning.buffer_size, h1::Side::Response);
                return Ok(Lease { side, held, origin: Origin::New });
            }
            Err(failure) => {
                let server = held.0.clone();
                let retried = retry(story, backend, held, failure).await.map_err(|f| (f, Some(server)))?;
                failed = Some(Failed::Connecting(retried));
            }
        }
    }
}

/// A slot of a server that is chosen for the stream.
async fn slot(
    story: &mut Story<'_>,
    backend: &BackendSide,
    failed: Option<&Failed>,
) -> Result<Held, Failure> {
    let unavailable = Failure::new(503, Termination::new(Cause::ServerAbort, Phase::Connect));
    let avoid = failed.filter(|f| f.redispatches(story, backend)).map(Failed::server);
    let again = failed.map(Failed::server).filter(|s| avoid.is_none() && s.is_usable()).cloned();
    let server = again.or_else(|| backend.core.balancer.choose(avoid)).ok_or(unavailable)?;
    if let Some(left) = avoid.filter(|a| !Arc::ptr_eq(a, &server)) {
        story.facts.redispatch = lang::facts::Redispatch::Done;
        backend.core.counters.events.here().redispatches.inc();
        left.counters.common.events.here().redispatches.inc();
    }
    match server.slots.take() {
        Ok(Slot::Taken) => {}
        Ok(Slot::Waiting(receiver, ahead)) => {
            story.facts.server_queue = ahead;
            story.live.reach(Stage::Queued);
            wait_for_slot(story, backend, &server, receiver).await?;
        }
        Err(_) => return Err(Failure::new(503, Termination::new(Cause::ServerAbort, Phase::Queue))),
    }
    if failed.is_none() || matches!(failed, Some(Failed::Answering(_)) if avoid.is_some()) {
        backend.core.counters.events.here().balanced.inc();
        server.counters.common.events.here().balanced.inc();
    }
    let now = story.now().0;
    backend.core.counters.last_session.set(now);
    server.counters.common.last_session.set(now);
    let current = server.counters.common.current.inc();
    server.counters.common.current_max.raise(current);
    Ok(Held(server))
}

async fn wait_for_slot(
    story: &mut Story<'_>,
    backend: &BackendSide,
    server: &Arc<Server>,
    receiver: tokio::sync::oneshot::Receiver<()>,
) -> Result<(), Failure> {
    let now = story.now();
    story.expire(now, story.queue_timeout(backend));
    let mut waiting = Waiting::new(backend, server, receiver);
    let admitted = poll_fn(|cx| match std::pin::Pin::new(&mut waiting.receiver).poll(cx) {
        Poll::Ready(told) => Poll::Ready(told.is_ok()),
        Poll::Pending => story.deadline.poll_expired(cx).map(|()| false),
    })
    .await;
    waiting.admission = if admitted { Admission::Used } else { Admission::Wanted };
    if admitted {
        return Ok(());
    }
    Err(Failure::new(503, Termination::new(Cause::ServerTimeout, Phase::Queue)))
}

/// A place in a server's queue, left properly also by a stream that is ended there.
struct Waiting<'w> {
    backend: &'w BackendSide,
    server: &'w Server,
    receiver: tokio::sync::oneshot::Receiver<()>,
    admission: Admission,
}

/// Whether the slot that was waited for has been taken over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Admission {
    Wanted,
    Used,
}

impl<'w> Waiting<'w> {
    fn new(
        backend: &'w BackendSide,
        server: &'w Server,
        receiver: tokio::sync::oneshot::Receiver<()>,
    ) -> Self {
        let waiting = backend.core.counters.queued.inc();
        backend.core.counters.queued_max.raise(waiting);
        Self { backend, server, receiver, admission: Admission::Wanted }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.backend.core.counters.queued.dec();
        if self.admission == Admission::Used {
            return;
        }
        self.receiver.close();
        // The slot may have come just now, to nobody.
        if self.receiver.try_recv().is_ok() {
            self.server.slots.give_back();
        } else {
            self.server.slots.forget_gone();
        }
    }
}

/// `retry-on` has a meaning in HTTP only.
fn retries_connections(backend: &BackendSide) -> bool {
    backend.common.mode != Mode::Http || backend.core.settings.retry_on.contains(RetryOn::CONN_FAILURE)
}

/// Whether the next attempt goes to another server.
fn redispatches(story: &Story<'_>, backend: &BackendSide) -> bool {
    let retries = story.facts.retries as i32;
    match backend.core.settings.redispatch {
        0 => false,
        n if n < 0 => retries >= story.retries(backend) as i32 + 1 + n,
        n => retries % n == 0,
    }
}

async fn connect(
    story: &mut Story<'_>,
    backend: &BackendSide,
    server: &Arc<Server>,
    traits: Traits,
) -> Result<Conn, Failure> {
    server.counters.common.events.here().connects.inc();
    backend.core.counters.events.here().connects.inc();
    let now = story.now();
    story.expire(now, story.connect_timeout(backend));
    dial(story, backend, server, traits).await.map_err(|e| {
        let cause = match e {
            DialError::Refused => Cause::ServerAbort,
            DialError::Late => Cause::ServerTimeout,
        };
        Failure::new(503, Termination::new(cause, Phase::Connect))
    })
}

/// After a failed attempt: gives up, or says which server failed, once the time for another attempt has come.
async fn retry(
    story: &mut Story<'_>,
    backend: &BackendSide,
    held: Held,
    failure: Failure,
) -> Result<Arc<Server>, Failure> {
    let server = held.0.clone();
    drop(held);
    if story.facts.retries >= story.retries(backend) || !retries_connections(backend) {
        backend.core.counters.events.here().failed_connections.inc();
        server.counters.common.events.here().failed_connections.inc();
        return Err(failure);
    }
    story.facts.retries += 1;
    backend.core.counters.events.here().retries.inc();
    server.counters.common.events.here().retries.inc();
    // A server that refuses at once is given a moment; another one need not wait.
    let timed_out = failure.termination.cause == Cause::ServerTimeout;
    if !timed_out && !redispatches(story, backend) {
        let delay = story.connect_timeout(backend).map_or(RETRY_DELAY, |t| t.min(RETRY_DELAY));
        let due: Tick = story.now() + delay;
        story.deadline.set(due);
        poll_fn(|cx| story.deadline.poll_expired(cx)).await;
    }
    Ok(server)
}
