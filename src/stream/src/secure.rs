//! Encrypted connections: the handshakes with clients and with servers.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker, ready};

use base::termination::{Cause, Phase, Termination};
use lang::facts::Encryption;
use lang::tls_facts::{EarlyData, Resumption, TlsFacts};
use net::{Deadline, Socket};
use stats::counters::HandshakeCounters;
use tls::{Acceptor, Connector, Fault, Session, Stapling};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::carrier::lock;
use crate::conn::{Conn, Filled, Line};
use crate::story::{Failure, Story};

/// Where handshakes pass one by one, and connections that are set up already go first: a signature takes as long as
/// many requests.
#[derive(Debug)]
pub(crate) struct Turnstile {
    open: Semaphore,
    /// Handshakes that have begun.
    under_way: Cell<usize>,
}

impl Default for Turnstile {
    fn default() -> Self {
        Self { open: Semaphore::new(1), under_way: Cell::new(0) }
    }
}

/// Counts a handshake as long as it goes on.
struct UnderWay<'w>(&'w Cell<usize>);

impl<'w> UnderWay<'w> {
    fn new(count: &'w Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Turnstile {
    /// Waits for a turn. While there are other handshakes, the thread asks the system for events before each turn, and
    /// looks after everything else that they wake: a turn is kept meanwhile, so that there is one each time.
    async fn turn(&self, deadline: &mut Deadline) -> Result<SemaphorePermit<'_>, Fault> {
        let mut turn = pin!(self.open.acquire());
        let turn = poll_fn(|cx| match turn.as_mut().poll(cx) {
            Poll::Ready(permit) => Poll::Ready(permit.map_err(|_| Fault::aborted())),
            Poll::Pending => late(cx, deadline),
        })
        .await?;
        if self.under_way.get() > 1 {
            tokio::task::yield_now().await;
        }
        Ok(turn)
    }

    /// Brings a handshake to its end. The first step, which has the signature in it, is done in a turn.
    async fn shake(
        &self,
        session: &mut Session,
        socket: &Socket,
        deadline: &mut Deadline,
    ) -> Result<(), Fault> {
        let _under_way = UnderWay::new(&self.under_way);
        let turn = self.turn(deadline).await?;
        let step = poll_fn(|cx| Poll::Ready(session.poll_handshake(cx, socket))).await;
        drop(turn);
        if let Poll::Ready(done) = step {
            return done;
        }
        poll_fn(|cx| match session.poll_handshake(cx, socket) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => late(cx, deadline),
        })
        .await
    }
}

/// Counts what a handshake came to.
fn count(counters: &HandshakeCounters, shaken: &Result<Resumption, Fault>) {
    match shaken {
        Ok(Resumption::New) => counters.sessions.inc(),
        Ok(Resumption::Resumed) => counters.resumed.inc(),
        Err(fault) if fault.is_late() => {}
        Err(_) => counters.failed.inc(),
    }
}

/// Agrees with a client on how the connection is encrypted, and counts it.
pub(crate) async fn with_client(
    story: &mut Story<'_>,
    conn: &mut Conn,
    acceptor: &Acceptor,
) -> Result<(), Fault> {
    let shaken = shake_client(story, conn, acceptor).await;
    let all = [Some(&story.frontend.counters.tls), story.listener.map(|listener| &listener.tls)];
    for counters in all.into_iter().flatten() {
        count(counters, &shaken);
        if shaken == Ok(Resumption::New) {
            match conn.tls().map(tls::Session::stapling) {
                Some(Stapling::Given) => counters.stapled.inc(),
                Some(Stapling::Missed) => counters.stale.inc(),
                Some(Stapling::None) | None => {}
            }
        }
    }
    shaken.map(drop)
}

/// Agrees with a client on how the connection is encrypted.
async fn shake_client(
    story: &mut Story<'_>,
    conn: &mut Conn,
    acceptor: &Acceptor,
) -> Result<Resumption, Fault> {
    let counters = &story.site.counters.tls;
    counters.rate_max.raise(u64::from(counters.rate.hit(story.now())));
    let timeouts = &story.frontend.common.timeouts;
    let (since, limit) = (timeouts.handshake.or(timeouts.client), story.site.tuning.buffer_size);
    story.expire(story.session.accepted.0, since);
    let mut session = poll_fn(|cx| poll_opening(cx, conn, acceptor, story.deadline, limit)).await?;
    conn.input.clear();
    // It is counted itself from here on.
    if story.site.rates.is_crowded_by(tls::figures().current().saturating_sub(1)) {
        return Err(Fault::crowded());
    }
    let socket = conn.socket().ok_or_else(Fault::aborted)?;
    story.worker.handshakes.shake(&mut session, socket, story.deadline).await?;
    story.worker.let_time_pass();
    let facts = session.facts();
    if facts.resumption == Resumption::New {
        counters.client_keys_max.raise(u64::from(counters.client_keys.hit(story.now())));
    }
    let resumption = facts.resumption;
    story.session.tls = Encryption::Tls(facts);
    conn.encrypt(session);
    story.handshake = story.now();
    Ok(resumption)
}

/// Receives until the client's first message is complete.
fn poll_opening(
    cx: &mut Context<'_>,
    conn: &mut Conn,
    acceptor: &Acceptor,
    deadline: &mut Deadline,
    limit: usize,
) -> Poll<Result<Session, Fault>> {
    loop {
        if let Some(begun) = acceptor.accept(conn.input.data()) {
            return Poll::Ready(begun);
        }
        match conn.poll_fill(cx, limit) {
            Poll::Ready(Ok(Filled::End)) => return Poll::Ready(Err(Fault::closed())),
            Poll::Ready(Ok(Filled::Bytes(_))) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Err(Fault::aborted())),
            Poll::Pending => {
                conn.input.release_if_empty();
                return late(cx, deadline);
            }
        }
    }
}

fn late<T>(cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Result<T, Fault>> {
    ready!(deadline.poll_expired(cx));
    Poll::Ready(Err(Fault::late()))
}

/// When something may be sent to a server first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// After the handshake.
    No,
    /// Before its end, if the server takes that.
    Yes,
    /// After it, and nothing but HTTP/1.
    Http1,
}

/// Agrees with a server on how the connection is encrypted; the server is told the name that is wanted.
pub(crate) async fn with_server(
    conn: &mut Conn,
    connector: &Connector,
    name: Option<&[u8]>,
    ahead: Ahead,
    deadline: &mut Deadline,
) -> Result<(), Fault> {
    let mut session = match ahead {
        Ahead::No => connector.connect(name),
        Ahead::Yes => connector.connect_ahead(name),
        Ahead::Http1 => connector.connect_for_http1(name),
    }?;
    let socket = conn.socket().ok_or_else(Fault::aborted)?;
    poll_fn(|cx| match session.poll_handshake(cx, socket) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => late(cx, deadline),
    })
    .await?;
    conn.encrypt(session);
    Ok(())
}

/// What is known of how a connection to a server is encrypted.
pub(crate) fn facts(conn: &Conn) -> Encryption {
    match &conn.line {
        Line::Stream(carrier) => carrier.encryption(),
        Line::Trunk(trunk) => facts(&lock(trunk).conn),
        Line::Socket(_, None) => Encryption::Clear,
        Line::Socket(_, Some(session)) => Encryption::Tls(session.facts()),
    }
}

/// Counts a handshake with a server.
pub(crate) fn count_server(
    story: &Story<'_>,
    conn: &Conn,
    objects: [&HandshakeCounters; 2],
    shaken: &Result<(), Fault>,
) {
    let counters = &story.site.counters.tls;
    // A session in which something was sent ahead goes back to another one.
    let is_new = |t: &TlsFacts| t.resumption == Resumption::New && t.early == EarlyData::None;
    let is_new = facts(conn).tls().is_some_and(is_new);
    let resumption = if is_new { Resumption::New } else { Resumption::Resumed };
    for counters in objects {
        count(counters, &shaken.clone().map(|()| resumption));
    }
    if is_new && shaken.is_ok() {
        counters.server_keys_max.raise(u64::from(counters.server_keys.hit(story.now())));
    }
}

/// Whether a peer is still to show that what came early came from it.
pub(crate) fn is_unconfirmed(encryption: &Encryption) -> bool {
    encryption.tls().is_some_and(|t| t.early == EarlyData::Pending)
}

/// Takes note of a handshake that has come to its end since somebody looked.
pub(crate) fn look_again(encryption: &mut Encryption, conn: &Conn) {
    if let Some(session) = conn.tls().filter(|_| is_unconfirmed(encryption))
        && !session.is_unconfirmed()
    {
        *encryption = Encryption::Tls(session.facts());
    }
}

/// The same, after reading what there is of it.
pub(crate) fn catch_up(encryption: &mut Encryption, conn: &mut Conn) {
    if let Some((session, socket)) = conn.tls_mut().filter(|_| is_unconfirmed(encryption)) {
        // Whoever uses the connection next sees what is wrong with it.
        let _ = session.poll_confirm(&mut Context::from_waker(Waker::noop()), socket);
        look_again(encryption, conn);
    }
}

fn poll_confirm(cx: &mut Context<'_>, conn: &mut Conn) -> Poll<io::Result<()>> {
    match &mut conn.line {
        Line::Socket(_, None) | Line::Trunk(_) => Poll::Ready(Ok(())),
        Line::Socket(socket, Some(session)) => session.poll_confirm(cx, socket),
        Line::Stream(carrier) => carrier.poll_confirm(cx),
    }
}

/// Waits until a handshake is over in which something came early.
pub(crate) async fn confirmed(story: &mut Story<'_>, conn: &mut Conn) -> Result<(), Failure> {
    let (now, limit) = (story.now(), story.client_timeout());
    story.expire(now, limit);
    if !is_unconfirmed(&story.session.tls) {
        return Ok(());
    }
    let failure = poll_fn(|cx| match poll_confirm(cx, conn) {
        Poll::Ready(Ok(())) => Poll::Ready(None),
        Poll::Ready(Err(_)) => {
            Poll::Ready(Some(Failure::silent(Termination::new(Cause::ClientAbort, Phase::Request))))
        }
        Poll::Pending => {
            let late = Failure::new(408, Termination::new(Cause::ClientTimeout, Phase::Request));
            story.deadline.poll_expired(cx).map(|()| Some(late))
        }
    });
    match failure.await {
        None => story.session.tls = facts(conn),
        Some(failure) => return Err(failure),
    }
    story.facts.timers.request = story.now();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::clock::Clock;
    use std::cell::RefCell;
    use std::rc::Rc;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    #[test]
    fn what_a_turn_makes_ready_goes_before_the_next_one() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build_local(tokio::runtime::LocalOptions::default()).unwrap();
        let (turnstile, order) = (Rc::new(Turnstile::default()), Rc::new(RefCell::new(Vec::new())));
        runtime.block_on(async {
            let (near, mut far) = UnixStream::pair().unwrap();
            let near = Rc::new(near);
            let _others = UnderWay::new(&turnstile.under_way);
            let _more = UnderWay::new(&turnstile.under_way);
            let served = order.clone();
            let mut tasks = vec![tokio::task::spawn_local(async move {
                far.read_u8().await.unwrap();
                served.borrow_mut().push("served");
            })];
            for name in ["first", "second", "third"] {
                let (turnstile, order, near) = (turnstile.clone(), order.clone(), near.clone());
                tasks.push(tokio::task::spawn_local(async move {
                    let turn = turnstile.turn(&mut Deadline::new(Clock::system())).await.unwrap();
                    order.borrow_mut().push(name);
                    // The reader has gone after the first byte.
                    let _ = near.try_write(b"x");
                    drop(turn);
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(*order.borrow(), ["first", "served", "second", "third"]);
    }
}
