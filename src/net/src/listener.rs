//! Accepting connections on a thread.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use base::addr::{Addr, UnixName};
use sys::error::errno;
use sys::reactor::{Direction, Watched};
use sys::{fdpass, socket};
use tokio::time::{Sleep, sleep};

use crate::addr::from_sock;
use crate::listen::{BoundListener, ListenAddr, ListenSpec};
use crate::socket::DetachedSocket;

/// How long to leave the listener alone when the system can give no more connections.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The connection; its destination is asked for only when wanted.
    pub socket: DetachedSocket,
    /// Where it comes from.
    pub source: Addr,
}

/// What ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// The descriptors that this process may have.
    ProcessFds,
    /// The descriptors that the system may have.
    SystemFds,
    /// Memory.
    Memory,
}

/// Why nothing was accepted.
#[derive(Debug)]
pub enum AcceptError {
    /// Something ran out; the listener pauses for a moment by itself.
    Short(Shortage),
    /// The listener was stopped; nothing more will come.
    Stopped,
    /// The socket failed.
    Failed(io::Error),
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(Shortage::ProcessFds) => f.write_str("the process may open no more descriptors"),
            Self::Short(Shortage::SystemFds) => f.write_str("the system may open no more descriptors"),
            Self::Short(Shortage::Memory) => f.write_str("the system has no memory for more connections"),
            Self::Stopped => f.write_str("the listener was stopped"),
            Self::Failed(e) => write!(f, "cannot accept connections ({})", sys::reason(e)),
        }
    }
}

impl std::error::Error for AcceptError {}

const ACCEPTING: u8 = 0;
const PAUSED: u8 = 1;
const STOPPED: u8 = 2;

/// What all threads that share a listener look at.
#[derive(Debug, Default)]
pub(crate) struct Control {
    state: AtomicU8,
    /// Counts the pauses, since the event loop's view of the socket does not outlive one.
    pauses: AtomicU64,
    waiting: Mutex<Vec<(u64, Waker)>>,
    next: AtomicU64,
    /// How many threads accept from it.
    attached: AtomicUsize,
}

impl Control {
    pub(crate) fn pause(&self) {
        self.pauses.fetch_add(1, Ordering::AcqRel);
        let _ = self.state.compare_exchange(ACCEPTING, PAUSED, Ordering::AcqRel, Ordering::Acquire);
        self.wake();
    }

    pub(crate) fn resume(&self) {
        let _ = self.state.compare_exchange(PAUSED, ACCEPTING, Ordering::AcqRel, Ordering::Acquire);
        self.wake();
    }

    pub(crate) fn stop(&self) {
        self.state.store(STOPPED, Ordering::Release);
        self.wake();
    }

    fn state(&self) -> u8 {
        self.state.load(Ordering::Acquire)
    }

    fn wake(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().for_each(|(_, waker)| waker.wake_by_ref());
    }

    fn wait(&self, id: u64, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.iter_mut().find(|(other, _)| *other == id) {
            Some((_, known)) => known.clone_from(waker),
            None => waiting.push((id, waker.clone())),
        }
    }

    fn leave(&self, id: u64) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(other, _)| *other != id);
    }
}

/// A listener as one thread accepts from it.
#[derive(Debug)]
pub struct Listener {
    fd: Watched<Arc<OwnedFd>>,
    control: Arc<Control>,
    spec: Arc<ListenSpec>,
    id: u64,
    /// The waker that the control knows.
    known: Option<Waker>,
    /// The pauses seen.
    pauses: u64,
    /// Connections taken since the thread last waited.
    burst: u32,
    back_off: Option<Pin<Box<Sleep>>>,
}

impl Listener {
    pub(crate) fn new(bound: &BoundListener) -> Self {
        let control = Arc::clone(&bound.control);
        control.attached.fetch_add(1, Ordering::AcqRel);
        Self {
            fd: Watched::new(Arc::clone(&bound.fd)),
            id: control.next.fetch_add(1, Ordering::Relaxed),
            pauses: control.pauses.load(Ordering::Acquire),
            control,
            spec: Arc::clone(&bound.spec),
            known: None,
            burst: 0,
            back_off: None,
        }
    }

    /// What it was made from.
    pub fn spec(&self) -> &ListenSpec {
        &self.spec
    }

    /// Waits for a stop, for who waits for something else before accepting.
    pub fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.make_known(cx.waker());
        if self.control.state() == STOPPED { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes the next connection. After `max_accept` in a row the thread's other tasks have their turn.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Accepted, AcceptError>> {
        // Before the state is looked at, so that no change of it goes unnoticed.
        self.make_known(cx.waker());
        loop {
            match self.control.state() {
                ACCEPTING => {}
                PAUSED => {
                    self.fd.unwatch();
                    return Poll::Pending;
                }
                _ => return Poll::Ready(self.drain()),
            }
            if let Some(pause) = self.back_off.as_mut() {
                ready!(pause.as_mut().poll(cx));
                self.back_off = None;
            }
            if self.burst >= self.spec.max_accept.max(1) {
                self.burst = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.forget_before_pause();
            let mut ready = match self.fd.poll_ready(cx, Direction::Read) {
                Poll::Ready(ready) => ready.map_err(AcceptError::Failed)?,
                Poll::Pending => {
                    self.burst = 0;
                    return Poll::Pending;
                }
            };
            match take(&self.spec, self.fd.owner()) {
                Ok(accepted) => {
                    self.burst += 1;
                    return Poll::Ready(Ok(accepted));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && ready.is_closed() => {
                    // A socket that stopped listening stays "closed" for this registration.
                    self.fd.unwatch();
                    if self.control.state() == ACCEPTING {
                        return Poll::Ready(Err(self.give_up(e)));
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => ready.clear(),
                Err(e) if is_passing(&e) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Err(AcceptError::Stopped));
                }
                Err(_) if self.control.state() != ACCEPTING => {}
                Err(e) => return Poll::Ready(Err(self.give_up(e))),
            }
        }
    }

    /// After a stop: what still waits, then the end.
    fn drain(&mut self) -> Result<Accepted, AcceptError> {
        self.fd.unwatch();
        loop {
            match take(&self.spec, self.fd.owner()) {
                Ok(accepted) => return Ok(accepted),
                Err(e) if is_passing(&e) => {}
                Err(_) => return Err(AcceptError::Stopped),
            }
        }
    }

    fn forget_before_pause(&mut self) {
        let pauses = self.control.pauses.load(Ordering::Acquire);
        if self.pauses != pauses {
            self.pauses = pauses;
            self.fd.unwatch();
        }
    }

    fn give_up(&mut self, error: io::Error) -> AcceptError {
        // Whatever it is, trying again at once would only turn the thread in circles.
        self.back_off = Some(Box::pin(sleep(BACK_OFF)));
        let shortage = match error.raw_os_error() {
            Some(errno::EMFILE) => Shortage::ProcessFds,
            Some(errno::ENFILE) => Shortage::SystemFds,
            Some(errno::ENOBUFS | errno::ENOMEM) => Shortage::Memory,
            _ => return AcceptError::Failed(error),
        };
        AcceptError::Short(shortage)
    }

    fn make_known(&mut self, waker: &Waker) {
        if self.known.as_ref().is_none_or(|known| !known.will_wake(waker)) {
            self.control.wait(self.id, waker);
            self.known = Some(waker.clone());
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.control.leave(self.id);
        let last = self.control.attached.fetch_sub(1, Ordering::AcqRel) == 1;
        if last && self.control.state() == STOPPED {
            self.close();
        }
    }
}

impl Listener {
    /// Nobody is to be let in any more: those who come go elsewhere, rather than wait where nobody looks. The socket's
    /// other owners in this process only want to know its number.
    fn close(&mut self) {
        self.fd.unwatch();
        // Where the system has no descriptor to spare, the socket closes with its last owner.
        let _ = socket::vacate(self.fd.owner().as_fd());
        if let ListenAddr::Fd(number) = self.spec.addr {
            let _ = socket::vacate_existing(number);
        }
    }
}

/// Whether an error concerns one connection only, which is gone.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
        || matches!(error.raw_os_error(), Some(errno::EPERM | errno::EPROTO))
}

fn take(spec: &ListenSpec, fd: &Arc<OwnedFd>) -> io::Result<Accepted> {
    if let ListenAddr::SockPair(_) = spec.addr {
        return take_passed(fd);
    }
    let (new, peer) = socket::accept(fd.as_fd())?;
    Ok(Accepted { socket: DetachedSocket::fresh(new), source: from_sock(&peer) })
}

/// Takes a connection that was passed over a socket pair.
fn take_passed(fd: &Arc<OwnedFd>) -> io::Result<Accepted> {
    let (got, mut passed) = fdpass::recv(fd.as_fd(), &mut [0])?;
    match passed.pop() {
        Some(new) => {
            Ok(Accepted { socket: DetachedSocket::adopt(new)?, source: Addr::Unix(UnixName::Unnamed) })
        }
        None if got == 0 => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::connect::{ConnectSpec, start};
    use crate::listen::bind;
    use crate::socket::Socket;

    fn run<F: Future>(future: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_io().enable_time().build().unwrap().block_on(future)
    }

    fn loopback() -> Addr {
        Addr::inet([127, 0, 0, 1], 0)
    }

    fn connect(to: &BoundListener) -> Socket {
        start(&ConnectSpec::to(to.local_addr().unwrap())).unwrap().into_socket()
    }

    async fn accept(l: &mut Listener) -> Result<Accepted, AcceptError> {
        poll_fn(|cx| l.poll_accept(cx)).await
    }

    fn poll_once(l: &mut Listener) -> Poll<Result<Accepted, AcceptError>> {
        l.poll_accept(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn connections_are_accepted_with_their_source_and_options() {
        let bound = bind(&ListenSpec::at(loopback())).unwrap();
        run(async {
            let mut l = bound.attach();
            let (accepted, client) = tokio::join!(accept(&mut l), async {
                tokio::task::yield_now().await;
                connect(&bound)
            });
            let accepted = accepted.unwrap();
            assert_eq!(accepted.source, client.local_addr().unwrap());
            assert!(sys::options::is_no_delay(accepted.socket.as_fd()).unwrap());
            let server = accepted.socket.attach();
            assert_eq!(server.destination().unwrap(), bound.local_addr().unwrap());
            assert!(poll_once(&mut l).is_pending());
        });
    }

    #[test]
    fn others_have_their_turn_after_a_burst() {
        let bound = bind(&ListenSpec { max_accept: 2, ..ListenSpec::at(loopback()) }).unwrap();
        run(async {
            let clients: Vec<_> = (0..3).map(|_| connect(&bound)).collect();
            let mut l = bound.attach();
            accept(&mut l).await.unwrap();
            accept(&mut l).await.unwrap();
            assert!(poll_once(&mut l).is_pending(), "the third must wait");
            accept(&mut l).await.unwrap();
            drop(clients);
        });
    }

    #[test]
    fn a_pause_refuses_and_a_resumption_accepts_again() {
        let first = bind(&ListenSpec::at(loopback())).unwrap();
        let addr = first.local_addr().unwrap();
        drop(first);
        let bound = bind(&ListenSpec::at(addr)).unwrap();
        run(async {
            let mut l = bound.attach();
            assert!(poll_once(&mut l).is_pending());
            bound.pause().unwrap();
            assert!(poll_once(&mut l).is_pending());
            let refused = crate::connect::connect(&ConnectSpec::to(bound.local_addr().unwrap())).await;
            assert!(refused.is_err());
            assert!(poll_once(&mut l).is_pending());
            bound.resume().unwrap();
            let client = connect(&bound);
            accept(&mut l).await.unwrap();
            drop(client);
        });
    }

    #[test]
    fn a_resumption_wakes_who_waits() {
        let bound = bind(&ListenSpec::at(Addr::Unix(UnixName::AbstractExact(
            format!("haproxy-net-{}-resume", std::process::id()).into_bytes().into(),
        ))))
        .unwrap();
        bound.pause().unwrap();
        let client = connect(&bound);
        run(async {
            let mut l = bound.attach();
            let resume = async {
                tokio::task::yield_now().await;
                bound.resume().unwrap();
            };
            let (accepted, ()) = tokio::join!(accept(&mut l), resume);
            assert_eq!(accepted.unwrap().source, Addr::Unix(UnixName::Unnamed));
        });
        drop(client);
    }

    #[test]
    fn a_stop_serves_what_waits_and_then_ends() {
        let bound = bind(&ListenSpec::at(loopback())).unwrap();
        run(async {
            let mut l = bound.attach();
            let client = connect(&bound);
            bound.stop();
            accept(&mut l).await.unwrap();
            assert!(matches!(accept(&mut l).await, Err(AcceptError::Stopped)));
            drop(client);
        });
    }

    #[test]
    fn a_socket_is_closed_once_its_last_thread_has_seen_the_stop() {
        let bound = bind(&ListenSpec::at(loopback())).unwrap();
        let to = bound.local_addr().unwrap();
        run(async {
            let (mut first, second) = (bound.attach(), bound.attach());
            bound.stop();
            poll_fn(|cx| first.poll_stopped(cx)).await;
            assert!(matches!(accept(&mut first).await, Err(AcceptError::Stopped)));
            drop(first);
            drop(crate::connect::connect(&ConnectSpec::to(to.clone())).await.unwrap());
            drop(second);
            assert!(crate::connect::connect(&ConnectSpec::to(to)).await.is_err());
        });
    }

    #[test]
    fn others_may_go_on_with_a_socket_that_was_stopped_here() {
        let ours = bind(&ListenSpec::at(loopback())).unwrap();
        let copy = ours.as_fd().try_clone_to_owned().unwrap();
        let theirs = crate::listen::bind_inherited(&ListenSpec::at(loopback()), copy).unwrap();
        run(async {
            let (first, mut second) = (ours.attach(), theirs.attach());
            ours.stop();
            drop(first);
            let client = connect(&theirs);
            accept(&mut second).await.unwrap();
            drop(client);
        });
    }

    #[test]
    fn a_stop_wakes_who_waits() {
        let bound = bind(&ListenSpec::at(loopback())).unwrap();
        run(async {
            let mut l = bound.attach();
            let stop = async {
                tokio::task::yield_now().await;
                bound.stop();
            };
            let (ended, ()) = tokio::join!(accept(&mut l), stop);
            assert!(matches!(ended, Err(AcceptError::Stopped)));
        });
    }

    #[test]
    fn two_threads_share_a_listener() {
        let bound = bind(&ListenSpec::at(loopback())).unwrap();
        let clients: Vec<_> = (0..20).map(|_| connect(&bound).into_detached()).collect();
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let bound = bound.clone();
                std::thread::spawn(move || {
                    run(async {
                        let mut l = bound.attach();
                        let mut n = 0;
                        while accept(&mut l).await.is_ok() {
                            n += 1;
                        }
                        n
                    })
                })
            })
            .collect();
        bound.stop();
        let total: usize = workers.into_iter().map(|w| w.join().unwrap()).sum();
        assert_eq!(total, clients.len());
    }

    #[test]
    fn connections_come_over_a_socket_pair() {
        let (ours, theirs) = socket::socket_pair().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&theirs);
        let spec = ListenSpec { addr: ListenAddr::SockPair(number), ..ListenSpec::default() };
        let bound = bind(&spec).unwrap();
        drop(theirs);
        let (passed, kept) = socket::socket_pair().unwrap();
        fdpass::send(ours.as_fd(), b"x", &[passed.as_fd()]).unwrap();
        run(async {
            let mut l = bound.attach();
            let accepted = accept(&mut l).await.unwrap().socket.attach();
            accepted.try_send(b"y", sys::socket::More::No).unwrap();
            assert_eq!(socket::recv(kept.as_fd(), &mut [0]).unwrap(), 1);
            drop(ours);
            assert!(matches!(accept(&mut l).await, Err(AcceptError::Stopped)));
        });
    }
}
