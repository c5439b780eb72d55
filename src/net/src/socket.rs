//! The stream socket.

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use base::addr::{Addr, Family};
use base::buffer::Buffer;
use sys::options::{self, Switch, TcpInfo};
use sys::reactor::{Direction, Watched};
use sys::socket::{self, More, Shutdown};
use sys::splice::Pipe;

use crate::addr::{domain_of, from_sock};

/// A connected stream socket: TCP, Multipath TCP or UNIX.
///
/// It is tried first and watched only once it has to be waited for, by the event loop of the thread
/// that waits. Its methods take `&self`, so that both directions can be driven at once; each direction
/// has one waiter. Dropping it closes it.
#[derive(Debug)]
pub struct Socket {
    fd: Watched,
    /// How often to read without being watched; none once nothing is left as far as is known.
    untested_reads: Cell<u8>,
    /// How often to write without being watched; none once the kernel's buffer is full.
    untested_writes: Cell<u8>,
}

/// A socket that no event loop knows, to be handed to another thread.
#[derive(Debug)]
pub struct DetachedSocket {
    fd: OwnedFd,
    untested_reads: u8,
}

/// What became of an attempt to move bytes from a socket into a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spliced {
    /// So many bytes are in the pipe now.
    Moved(usize),
    /// The stream has ended.
    End,
    /// The pipe must be drained first.
    PipeFull,
}

/// Attempts that a new socket has before it must be watched: enough for a request and its response,
/// and few enough that a fast peer cannot keep the thread to itself.
const UNTESTED_READS: u8 = 4;
const UNTESTED_WRITES: u8 = 16;

/// Set once the packet filter has said that it keeps no original destinations.
static NO_REDIRECTION: AtomicBool = AtomicBool::new(false);

impl Socket {
    /// Takes over a connected socket, which must be non-blocking.
    pub fn from_fd(fd: OwnedFd) -> Self {
        DetachedSocket { fd, untested_reads: UNTESTED_READS }.attach()
    }

    /// Two sockets connected with each other.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = socket::socket_pair()?;
        Ok((Self::from_fd(a), Self::from_fd(b)))
    }

    /// Takes the socket out of this thread's event loop, for another thread to take over.
    pub fn into_detached(self) -> DetachedSocket {
        // Whoever takes it over waits for what arrives: a first attempt to read would be in vain.
        DetachedSocket { fd: self.fd.into_owner(), untested_reads: 0 }
    }

    /// Leaves the event loop that watches it, so that the thread that polls it next takes it into its own.
    pub fn move_here(&mut self) {
        self.fd.unwatch();
    }

    /// Reads at most `max` bytes behind what the buffer holds, within its memory. 0 is the end.
    pub fn poll_recv(&self, cx: &mut Context<'_>, into: &mut Buffer, max: usize) -> Poll<io::Result<usize>> {
        make_room(into, max);
        self.poll_recv_append(cx, into.tail(), max)
    }

    /// Reads until the buffer holds `limit` bytes at most, which takes memory for so many only when there may be
    /// something to read. 0 is the end.
    pub fn poll_recv_up_to(
        &self,
        cx: &mut Context<'_>,
        into: &mut Buffer,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let want = limit.saturating_sub(into.len());
        if want == 0 {
            return Poll::Ready(Err(no_room()));
        }
        self.poll_read_with(cx, |fd| {
            into.ensure_capacity(limit);
            make_room(into, want);
            let tail = into.tail();
            let room = (tail.capacity() - tail.len()).min(want);
            socket::recv_append(fd, tail, room).map(|n| (n, room))
        })
    }

    /// Reads at most `max` bytes behind the vector's, within its memory. 0 is the end.
    pub fn poll_recv_append(
        &self,
        cx: &mut Context<'_>,
        into: &mut Vec<u8>,
        max: usize,
    ) -> Poll<io::Result<usize>> {
        let want = (into.capacity() - into.len()).min(max);
        if want == 0 {
            return Poll::Ready(Err(no_room()));
        }
        self.poll_read_with(cx, |fd| socket::recv_append(fd, into, want).map(|n| (n, want)))
    }

    /// Reads into a slice. 0 is the end.
    pub fn poll_recv_slice(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        if into.is_empty() {
            return Poll::Ready(Err(no_room()));
        }
        let want = into.len();
        self.poll_read_with(cx, |fd| socket::recv(fd, into).map(|n| (n, want)))
    }

    /// Writes; tells how many bytes went out.
    pub fn poll_send(&self, cx: &mut Context<'_>, from: &[u8], more: More) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, from.len(), |fd| socket::send(fd, from, more))
    }

    /// Writes several pieces with one call; tells how many bytes went out.
    pub fn poll_send_vectored(
        &self,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
        more: More,
    ) -> Poll<io::Result<usize>> {
        let want = from.iter().map(|piece| piece.len()).sum();
        self.poll_write_with(cx, want, |fd| socket::send_vectored(fd, from, more))
    }

    /// Whether nothing has come, not even the end, as far as is known or can be found out.
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let peeked = self.fd.try_io(Direction::Read, || socket::peek(self.fd.as_fd(), &mut byte));
        peeked.is_err_and(|e| e.kind() == ErrorKind::WouldBlock)
    }

    /// Writes what the kernel takes now; `WouldBlock` when it takes nothing.
    pub fn try_send(&self, from: &[u8], more: More) -> io::Result<usize> {
        self.fd.try_io(Direction::Write, || socket::send(self.fd.as_fd(), from, more))
    }

    /// Looks at what is there now without taking it; `WouldBlock` when nothing is, 0 at the end.
    pub fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        socket::peek(self.fd.as_fd(), into)
    }

    /// Drops what has arrived on a TCP socket, at most `max` bytes, so that closing does not reset.
    pub fn discard(&self, max: usize) -> io::Result<usize> {
        socket::discard(self.fd.as_fd(), max)
    }

    /// Waits until there is something to read, or the end.
    ///
    /// A reader that finds nothing then must go through a `poll_recv` method, which waits anew.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fd.poll_ready(cx, Direction::Read).map_ok(drop)
    }

    /// Waits until the kernel takes bytes to write.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fd.poll_ready(cx, Direction::Write).map_ok(drop)
    }

    /// Waits for the outcome of a connection that is being set up.
    pub(crate) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ready = ready!(self.fd.poll_ready(cx, Direction::Write))?;
        // A plain "writable" needs no call to tell that all is well.
        if ready.is_closed()
            && let Some(error) = options::take_error(self.fd.as_fd())?
        {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(()))
    }

    /// Moves at most `max` bytes into a pipe without copying them.
    pub fn poll_splice_in(
        &self,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
        max: usize,
    ) -> Poll<io::Result<Spliced>> {
        loop {
            let mut ready = ready!(self.fd.poll_ready(cx, Direction::Read))?;
            match pipe.fill(self.fd.as_fd(), max) {
                Ok(0) => return Poll::Ready(Ok(Spliced::End)),
                // Pages limit the pipe, not bytes: a short move does not mean an empty socket.
                Ok(n) => return Poll::Ready(Ok(Spliced::Moved(n))),
                Err(e) if e.kind() != ErrorKind::WouldBlock => return Poll::Ready(Err(e)),
                Err(_) if pipe.held() > 0 => return Poll::Ready(Ok(Spliced::PipeFull)),
                Err(_) => ready.clear(),
            }
        }
    }

    /// Moves what a pipe holds to the socket; tells how many bytes went out.
    pub fn poll_splice_out(
        &self,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
        more: More,
    ) -> Poll<io::Result<usize>> {
        let held = pipe.held();
        self.poll_write_with(cx, held, |fd| pipe.drain(fd, more))
    }

    /// Tells the peer that nothing more will come.
    pub fn shutdown_write(&self) -> io::Result<()> {
        socket::shutdown(self.fd.as_fd(), Shutdown::Write)
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> io::Result<Addr> {
        socket::peer_name(self.fd.as_fd()).map(|raw| from_sock(&raw))
    }

    /// The socket's own address.
    pub fn local_addr(&self) -> io::Result<Addr> {
        socket::own_name(self.fd.as_fd()).map(|raw| from_sock(&raw))
    }

    /// Where the client wanted to go: the address before the packet filter redirected it, or else the
    /// socket's own.
    pub fn destination(&self) -> io::Result<Addr> {
        let local = self.local_addr()?;
        if local.family() == Family::Unix || NO_REDIRECTION.load(Ordering::Relaxed) {
            return Ok(local);
        }
        match self.original_destination(&local) {
            Ok(original) => Ok(original.into()),
            Err(e) => {
                if e.kind() != ErrorKind::NotFound {
                    NO_REDIRECTION.store(true, Ordering::Relaxed);
                }
                Ok(local)
            }
        }
    }

    fn original_destination(&self, local: &Addr) -> io::Result<SocketAddr> {
        socket::original_destination(self.fd.as_fd(), domain_of(local))
    }

    /// Makes closing reset the connection rather than end it in order, or no longer so.
    pub fn reset_on_close(&self, switch: Switch) -> io::Result<()> {
        options::reset_on_close(self.fd.as_fd(), switch)
    }

    /// Marks the packets for routing and filtering (`set-fc-mark`, `set-bc-mark`).
    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        options::mark(self.fd.as_fd(), mark)
    }

    /// Sets the type of service (`set-fc-tos`, `set-bc-tos`); UNIX sockets have none.
    pub fn set_tos(&self, tos: u8) -> io::Result<()> {
        let local = self.local_addr()?;
        options::type_of_service(self.fd.as_fd(), domain_of(&local), tos)
    }

    /// Acknowledges received segments at once, or no longer so.
    pub fn set_quick_ack(&self, switch: Switch) -> io::Result<()> {
        options::quick_ack(self.fd.as_fd(), switch)
    }

    /// The kernel's figures of a TCP connection.
    pub fn tcp_info(&self) -> io::Result<TcpInfo> {
        options::tcp_info(self.fd.as_fd())
    }

    /// The opening segment that `tcp-ss` kept; it can be taken once.
    pub fn saved_syn(&self) -> io::Result<Vec<u8>> {
        options::saved_syn(self.fd.as_fd())
    }

    /// The descriptor's number, as `fc_fd` and `show sess` tell it.
    pub fn number(&self) -> i32 {
        self.fd.as_fd().as_raw_fd()
    }

    /// Reads by a function that tells how much it got and how much there was room for.
    fn poll_read_with(
        &self,
        cx: &mut Context<'_>,
        mut read: impl FnMut(BorrowedFd<'_>) -> io::Result<(usize, usize)>,
    ) -> Poll<io::Result<usize>> {
        let untested = self.untested_reads.get();
        if untested > 0 && !self.fd.is_watched() {
            match read(self.fd.as_fd()) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                done => {
                    let short = done.as_ref().is_ok_and(|&(n, room)| is_short(n, room));
                    self.untested_reads.set(if short { 0 } else { untested - 1 });
                    return Poll::Ready(done.map(|(n, _)| n));
                }
            }
        }
        loop {
            let mut ready = ready!(self.fd.poll_ready(cx, Direction::Read))?;
            match read(self.fd.as_fd()) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => ready.clear(),
                done => {
                    // Less than there was room for means that nothing is left: no call needs to find out.
                    if done.as_ref().is_ok_and(|&(n, room)| is_short(n, room)) {
                        ready.clear();
                    }
                    return Poll::Ready(done.map(|(n, _)| n));
                }
            }
        }
    }

    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        want: usize,
        mut write: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if want == 0 {
            return Poll::Ready(Ok(0));
        }
        let untested = self.untested_writes.get();
        if untested > 0 && !self.fd.is_watched() {
            match write(self.fd.as_fd()) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                done => {
                    let short = done.as_ref().is_ok_and(|&n| is_short(n, want));
                    self.untested_writes.set(if short { 0 } else { untested - 1 });
                    return Poll::Ready(done);
                }
            }
        }
        loop {
            let mut ready = ready!(self.fd.poll_ready(cx, Direction::Write))?;
            match write(self.fd.as_fd()) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => ready.clear(),
                done => {
                    if done.as_ref().is_ok_and(|&n| is_short(n, want)) {
                        ready.clear();
                    }
                    return Poll::Ready(done);
                }
            }
        }
    }
}

impl DetachedSocket {
    /// Takes over a connected socket from elsewhere and makes it non-blocking.
    pub fn adopt(fd: OwnedFd) -> io::Result<Self> {
        socket::adopt(fd.as_fd())?;
        Ok(Self { fd, untested_reads: UNTESTED_READS })
    }

    pub(crate) fn fresh(fd: OwnedFd) -> Self {
        Self { fd, untested_reads: UNTESTED_READS }
    }

    /// Makes it a socket of the thread that polls it.
    pub fn attach(self) -> Socket {
        Socket {
            fd: Watched::new(self.fd),
            untested_reads: Cell::new(self.untested_reads),
            untested_writes: Cell::new(UNTESTED_WRITES),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsFd for DetachedSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn is_short(done: usize, want: usize) -> bool {
    0 < done && done < want
}

/// Moves the buffer's bytes to its front when most of what is asked for would not fit behind them.
fn make_room(into: &mut Buffer, max: usize) {
    let want = into.room().min(max);
    into.compact_for(want - want / 2);
}

fn no_room() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "no room to read into")
}

/// Marks the packets of a socket for those who know only its number.
pub fn set_mark_of(number: i32, mark: u32) -> io::Result<()> {
    options::mark(socket::existing(number)?.as_fd(), mark)
}

/// Sets the type of service of a socket's packets for those who know only its number.
pub fn set_tos_of(number: i32, tos: u8) -> io::Result<()> {
    let fd = socket::existing(number)?;
    let domain = domain_of(&from_sock(&socket::own_name(fd.as_fd())?));
    options::type_of_service(fd.as_fd(), domain, tos)
}

/// Makes a socket's connection disappear when it is closed, for those who know only its number: without a packet if
/// the system allows that and no `hops` are given, else by a reset that goes no further than so many routers.
pub fn vanish(number: i32, hops: Option<u8>) -> io::Result<()> {
    let fd = socket::existing(number)?;
    if hops.is_none() && options::forget_on_close(fd.as_fd()).is_ok() {
        return Ok(());
    }
    let domain = domain_of(&from_sock(&socket::own_name(fd.as_fd())?));
    options::time_to_live(fd.as_fd(), domain, hops.unwrap_or(1))?;
    options::reset_on_close(fd.as_fd(), Switch::On)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
    }

    fn buffer() -> Buffer {
        let mut b = Buffer::new();
        b.ensure_capacity(1024);
        b
    }

    async fn recv(s: &Socket, b: &mut Buffer) -> io::Result<usize> {
        poll_fn(|cx| s.poll_recv(cx, b, usize::MAX)).await
    }

    async fn send(s: &Socket, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| s.poll_send(cx, bytes, More::No)).await
    }

    #[test]
    fn what_is_there_is_read_without_an_event_loop() {
        let (a, b) = Socket::pair().unwrap();
        a.try_send(b"hello", More::No).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut got = buffer();
        let Poll::Ready(Ok(5)) = b.poll_recv(&mut cx, &mut got, 100) else { panic!("not read") };
        assert_eq!(got.data(), b"hello");
        assert!(!b.fd.is_watched());
        assert!(b.is_quiet());
    }

    #[test]
    fn a_reader_waits_for_the_writer_and_sees_the_end() {
        run(async {
            let (a, b) = Socket::pair().unwrap();
            let mut got = buffer();
            let reader = async {
                for expected in [3, 2, 0] {
                    assert_eq!(recv(&b, &mut got).await.unwrap(), expected);
                }
            };
            let writer = async {
                for piece in [&b"abc"[..], b"de"] {
                    tokio::task::yield_now().await;
                    send(&a, piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
                a.shutdown_write().unwrap();
            };
            tokio::join!(reader, writer);
            assert_eq!(got.data(), b"abcde");
        });
    }

    #[test]
    fn a_writer_waits_for_room_and_nothing_is_lost() {
        run(async {
            let (a, b) = Socket::pair().unwrap();
            let total = 3 << 20;
            let writer = async {
                let piece = vec![b'x'; 100_000];
                let mut left = total;
                while left > 0 {
                    let slices = [IoSlice::new(&piece[..left.min(70_000)]), IoSlice::new(b"")];
                    left -= poll_fn(|cx| a.poll_send_vectored(cx, &slices, More::Yes)).await.unwrap();
                }
                drop(a);
            };
            let reader = async {
                let mut seen = 0;
                let mut got = buffer();
                loop {
                    match recv(&b, &mut got).await.unwrap() {
                        0 => return seen,
                        n => seen += n,
                    }
                    got.consume(got.len());
                }
            };
            assert_eq!(tokio::join!(writer, reader).1, total);
        });
    }

    #[test]
    fn another_thread_takes_over() {
        let (a, b) = Socket::pair().unwrap();
        let b = run(async {
            let mut first = buffer();
            send(&a, b"1").await.unwrap();
            recv(&b, &mut first).await.unwrap();
            let mut cx = Context::from_waker(Waker::noop());
            assert!(b.poll_recv(&mut cx, &mut first, 9).is_pending());
            assert!(b.fd.is_watched());
            b.into_detached()
        });
        let a = a.into_detached();
        let other = std::thread::spawn(move || {
            run(async {
                let b = b.attach();
                let mut got = buffer();
                recv(&b, &mut got).await.unwrap();
                got.data().to_vec()
            })
        });
        run(async { send(&a.attach(), b"2").await.unwrap() });
        assert_eq!(other.join().unwrap(), b"2");
    }

    #[test]
    fn bytes_are_spliced_from_socket_to_socket() {
        run(async {
            let (client, a) = Socket::pair().unwrap();
            let (b, server) = Socket::pair().unwrap();
            let mut pipe = Pipe::new().unwrap();
            let feed = async {
                tokio::task::yield_now().await;
                send(&client, b"through the pipe").await.unwrap();
                client.shutdown_write().unwrap();
            };
            let relay = async {
                loop {
                    match poll_fn(|cx| a.poll_splice_in(cx, &mut pipe, 5)).await.unwrap() {
                        Spliced::End => break,
                        Spliced::Moved(n) => assert!(n <= 5),
                        Spliced::PipeFull => {}
                    }
                    poll_fn(|cx| b.poll_splice_out(cx, &mut pipe, More::No)).await.unwrap();
                }
            };
            tokio::join!(feed, relay);
            let mut got = buffer();
            recv(&server, &mut got).await.unwrap();
            assert_eq!(got.data(), b"through the pipe");
        });
    }

    #[test]
    fn a_fast_peer_does_not_keep_the_thread() {
        run(async {
            let (a, b) = Socket::pair().unwrap();
            a.try_send(&[b'x'; 100], More::No).unwrap();
            let mut cx = Context::from_waker(Waker::noop());
            let mut got = buffer();
            for _ in 0..UNTESTED_READS {
                assert!(b.poll_recv(&mut cx, &mut got, 1).is_ready());
            }
            assert!(b.poll_recv(&mut cx, &mut got, 1).is_pending());
            assert!(b.fd.is_watched());
            assert_eq!(recv(&b, &mut got).await.unwrap(), 100 - usize::from(UNTESTED_READS));
        });
    }

    #[test]
    fn a_full_buffer_is_an_error_rather_than_an_end() {
        let (a, b) = Socket::pair().unwrap();
        a.try_send(b"x", More::No).unwrap();
        let mut full = Buffer::new();
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Err(e)) = b.poll_recv(&mut cx, &mut full, 10) else { panic!("no error") };
        assert_eq!(e.kind(), ErrorKind::InvalidInput);
        let mut byte = [0];
        assert_eq!(b.peek(&mut byte).unwrap(), 1);
    }
}
