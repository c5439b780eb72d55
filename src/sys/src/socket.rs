//! Sockets: making, naming, connecting, accepting, reading and writing. Always non-blocking and
//! close-on-exec.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::addr::SockAddr;
use crate::error::{check, retry};

/// The domain of a new socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// UNIX.
    Unix,
}

/// The transport of a new socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP, or a stream of the UNIX domain.
    #[default]
    Stream,
    /// Multipath TCP; a plain stream in the UNIX domain.
    Mptcp,
    /// UDP, or datagrams of the UNIX domain.
    Datagram,
}

/// Whether more bytes will follow at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum More {
    /// Send what is there.
    #[default]
    No,
    /// More is coming: the kernel may wait for it to fill a segment.
    Yes,
}

impl More {
    fn flag(self) -> libc::c_int {
        match self {
            Self::No => 0,
            Self::Yes => libc::MSG_MORE,
        }
    }
}

/// How a socket is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Nothing more will be read.
    Read,
    /// Nothing more will be written: the peer sees the end.
    Write,
    /// Both.
    Both,
}

impl Domain {
    fn raw(self) -> libc::c_int {
        match self {
            Self::V4 => libc::AF_INET,
            Self::V6 => libc::AF_INET6,
            Self::Unix => libc::AF_UNIX,
        }
    }
}

const NONBLOCK: libc::c_int = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
const QUIET: libc::c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;

/// Makes a socket.
pub fn socket(domain: Domain, transport: Transport) -> io::Result<OwnedFd> {
    let (kind, protocol) = match (transport, domain) {
        (Transport::Datagram, _) => (libc::SOCK_DGRAM, 0),
        (_, Domain::Unix) => (libc::SOCK_STREAM, 0),
        (Transport::Stream, _) => (libc::SOCK_STREAM, libc::IPPROTO_TCP),
        (Transport::Mptcp, _) => (libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
    };
    // SAFETY: plain integers go in, and the descriptor that comes out is ours alone.
    unsafe {
        let fd = check(libc::socket(domain.raw(), kind | NONBLOCK, protocol))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Makes two connected UNIX stream sockets.
pub fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut pair = [-1; 2];
    // SAFETY: the array holds the two descriptors, which are ours alone on success.
    unsafe {
        check(libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM | NONBLOCK, 0, pair.as_mut_ptr()))?;
        Ok((OwnedFd::from_raw_fd(pair[0]), OwnedFd::from_raw_fd(pair[1])))
    }
}

/// Names a socket.
pub fn bind(fd: BorrowedFd<'_>, addr: &SockAddr) -> io::Result<()> {
    // SAFETY: the address is valid for its length.
    check(unsafe { libc::bind(fd.as_raw_fd(), addr.as_ptr(), addr.len()) }).map(drop)
}

/// Makes a socket listen; a listening one gets the new backlog.
pub fn listen(fd: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    // SAFETY: plain integers.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map(drop)
}

/// Stops a TCP socket from listening while it keeps its name, so that `listen` can resume it. (A port
/// that the system chose is not kept.)
pub fn unlisten(fd: BorrowedFd<'_>) -> io::Result<()> {
    connect(fd, &SockAddr::unspecified())
}

/// Starts connecting; `EINPROGRESS` says that it goes on in the background.
pub fn connect(fd: BorrowedFd<'_>, addr: &SockAddr) -> io::Result<()> {
    // SAFETY: the address is valid for its length.
    check(unsafe { libc::connect(fd.as_raw_fd(), addr.as_ptr(), addr.len()) }).map(drop)
}

/// Whether an error of `connect` only says that the connection is being set up.
pub fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EALREADY))
}

/// Takes a connection from a listening socket.
pub fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let mut addr = SockAddr::empty();
    let (at, len) = addr.parts_mut();
    // SAFETY: address and length are writable, and the new descriptor is ours alone.
    let new = unsafe {
        let new = check(libc::accept4(fd.as_raw_fd(), at, len, NONBLOCK))?;
        OwnedFd::from_raw_fd(new)
    };
    Ok((new, addr))
}

/// The address of the peer.
pub fn peer_name(fd: BorrowedFd<'_>) -> io::Result<SockAddr> {
    let mut addr = SockAddr::empty();
    let (at, len) = addr.parts_mut();
    // SAFETY: address and length are writable.
    check(unsafe { libc::getpeername(fd.as_raw_fd(), at, len) })?;
    Ok(addr)
}

/// The socket's own address.
pub fn own_name(fd: BorrowedFd<'_>) -> io::Result<SockAddr> {
    let mut addr = SockAddr::empty();
    let (at, len) = addr.parts_mut();
    // SAFETY: address and length are writable.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), at, len) })?;
    Ok(addr)
}

/// The address a socket is bound to, by the number of its descriptor, which need not be valid.
pub fn own_name_of(number: i32) -> io::Result<SockAddr> {
    let mut addr = SockAddr::empty();
    let (at, len) = addr.parts_mut();
    // SAFETY: address and length are writable; a number that is no socket's gives an error.
    check(unsafe { libc::getsockname(number, at, len) })?;
    Ok(addr)
}

/// Where the client wanted to go before the packet filter redirected it.
pub fn original_destination(fd: BorrowedFd<'_>, domain: Domain) -> io::Result<SocketAddr> {
    let (level, option) = match domain {
        Domain::V6 => (libc::SOL_IPV6, libc::IP6T_SO_ORIGINAL_DST),
        _ => (libc::SOL_IP, libc::SO_ORIGINAL_DST),
    };
    let mut addr = SockAddr::empty();
    let (at, len) = addr.parts_mut();
    // SAFETY: address and length are writable.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, at.cast(), len) })?;
    addr.as_inet().ok_or_else(|| io::Error::from_raw_os_error(libc::EAFNOSUPPORT))
}

/// Reads into a slice; 0 is the end of the stream.
#[inline]
pub fn recv(fd: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    recv_with(fd, into.as_mut_ptr(), into.len(), libc::MSG_DONTWAIT)
}

/// Reads into a slice and leaves the bytes in the socket.
pub fn peek(fd: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    recv_with(fd, into.as_mut_ptr(), into.len(), libc::MSG_DONTWAIT | libc::MSG_PEEK)
}

/// Appends at most `max` bytes to a vector, within the memory that it has; 0 is the end of the stream.
#[inline]
pub fn recv_append(fd: BorrowedFd<'_>, into: &mut Vec<u8>, max: usize) -> io::Result<usize> {
    let spare = into.spare_capacity_mut();
    let want = spare.len().min(max);
    let got = recv_with(fd, spare.as_mut_ptr().cast(), want, libc::MSG_DONTWAIT)?;
    // SAFETY: the kernel has written `got` bytes, at most `want`, behind the vector's length.
    unsafe { into.set_len(into.len() + got) };
    Ok(got)
}

#[inline]
fn recv_with(fd: BorrowedFd<'_>, at: *mut u8, len: usize, flags: libc::c_int) -> io::Result<usize> {
    // SAFETY: every caller passes memory that is writable for `len` bytes.
    retry(|| unsafe { libc::recv(fd.as_raw_fd(), at.cast(), len, flags) })
}

/// Drops at most `max` bytes that wait in a TCP socket; 0 is the end of the stream.
pub fn discard(fd: BorrowedFd<'_>, max: usize) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: with MSG_TRUNC, TCP writes nothing to the buffer, which may then be null.
    retry(|| unsafe { libc::recv(fd.as_raw_fd(), std::ptr::null_mut(), max, flags) })
}

/// Writes; tells how many bytes went out.
#[inline]
pub fn send(fd: BorrowedFd<'_>, from: &[u8], more: More) -> io::Result<usize> {
    let flags = QUIET | more.flag();
    // SAFETY: the slice is readable for its length.
    retry(|| unsafe { libc::send(fd.as_raw_fd(), from.as_ptr().cast(), from.len(), flags) })
}

/// Writes several pieces with one call; tells how many bytes went out.
pub fn send_vectored(fd: BorrowedFd<'_>, from: &[IoSlice<'_>], more: More) -> io::Result<usize> {
    // SAFETY: an all-zero header is a valid empty one.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = from.as_ptr().cast_mut().cast();
    header.msg_iovlen = from.len().min(libc::UIO_MAXIOV as usize);
    let flags = QUIET | more.flag();
    // SAFETY: IoSlice has the layout of iovec, and each piece is readable for its length.
    retry(|| unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, flags) })
}

/// Writes a datagram to an address.
pub fn send_to(fd: BorrowedFd<'_>, from: &[u8], to: &SockAddr) -> io::Result<usize> {
    // SAFETY: slice and address are readable for their lengths.
    retry(|| unsafe {
        libc::sendto(fd.as_raw_fd(), from.as_ptr().cast(), from.len(), QUIET, to.as_ptr(), to.len())
    })
}

/// Reads a datagram and where it comes from.
pub fn recv_from(fd: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<(usize, SockAddr)> {
    let mut addr = SockAddr::empty();
    let (at, len) = addr.parts_mut();
    let got = retry(|| {
        // SAFETY: slice, address and length are writable.
        unsafe {
            let (p, flags) = (into.as_mut_ptr().cast(), libc::MSG_DONTWAIT);
            libc::recvfrom(fd.as_raw_fd(), p, into.len(), flags, at, &raw mut *len)
        }
    })?;
    Ok((got, addr))
}

/// Ends one or both directions.
pub fn shutdown(fd: BorrowedFd<'_>, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => libc::SHUT_RD,
        Shutdown::Write => libc::SHUT_WR,
        Shutdown::Both => libc::SHUT_RDWR,
    };
    // SAFETY: plain integers.
    check(unsafe { libc::shutdown(fd.as_raw_fd(), how) }).map(drop)
}

/// Borrows a descriptor by its number, after making sure that it is open.
///
/// The number comes from outside (`fd@N`, an inherited variable); nothing here closes it.
pub fn existing(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: F_DUPFD_CLOEXEC fails on a descriptor that is not open; the duplicate is ours alone.
    unsafe {
        let fd = check(libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Leaves a socket that others in this process still hold: under its number there is one from now on that has no name
/// and no peer. What other processes hold of it stays as it is.
pub fn vacate(fd: BorrowedFd<'_>) -> io::Result<()> {
    vacate_existing(fd.as_raw_fd())
}

/// The same for the number under which a parent left a socket open, which was duplicated (`existing`). Nothing else
/// gets that number, so that several who know it may do this.
pub fn vacate_existing(number: i32) -> io::Result<()> {
    let empty = socket(Domain::Unix, Transport::Stream)?;
    // SAFETY: plain integers; whoever owns the number owns an open descriptor afterwards, too.
    check(unsafe { libc::dup3(empty.as_raw_fd(), number, libc::O_CLOEXEC) }).map(drop)
}

/// Takes over a descriptor that a parent left open under this number.
///
/// # Errors
/// When it is not open. It must not belong to anything else in this process: the caller has it from
/// the configuration or the environment, and takes each number once.
pub fn inherit(number: i32) -> io::Result<OwnedFd> {
    let duplicate = existing(number)?;
    // SAFETY: the number is open, was opened by the parent, and is owned by nothing in this process.
    unsafe { libc::close(number) };
    Ok(duplicate)
}

/// Sets a descriptor to non-blocking and close-on-exec, for one that was not made here.
pub fn adopt(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: plain integers; the flags that were set stay set.
    unsafe {
        let flags = check(libc::fcntl(fd.as_raw_fd(), libc::F_GETFL))?;
        if flags & libc::O_NONBLOCK == 0 {
            check(libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK))?;
        }
        check(libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC))?;
    }
    Ok(())
}

/// Sets a descriptor to blocking and gives up on reads after `seconds`.
pub fn make_blocking(fd: BorrowedFd<'_>, seconds: u32) -> io::Result<()> {
    let limit = libc::timeval { tv_sec: i64::from(seconds), tv_usec: 0 };
    // SAFETY: plain integers, and a timeval that is readable for its size.
    unsafe {
        let flags = check(libc::fcntl(fd.as_raw_fd(), libc::F_GETFL))?;
        check(libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK))?;
        let size = size_of::<libc::timeval>() as libc::socklen_t;
        let at = (&raw const limit).cast();
        check(libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVTIMEO, at, size))?;
    }
    Ok(())
}

/// Reads exactly as many bytes as fit, waiting as long as the socket allows.
pub fn recv_all(fd: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<()> {
    match recv_with(fd, into.as_mut_ptr(), into.len(), libc::MSG_WAITALL)? {
        n if n == into.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::addr::SockName;
    use crate::options;

    fn listener(domain: Domain, addr: &str) -> (OwnedFd, SockAddr) {
        let fd = socket(domain, Transport::Stream).unwrap();
        bind(fd.as_fd(), &SockAddr::inet(addr.parse().unwrap())).unwrap();
        listen(fd.as_fd(), 8).unwrap();
        let name = own_name(fd.as_fd()).unwrap();
        (fd, name)
    }

    #[test]
    fn bytes_cross_a_tcp_connection() {
        let (l, name) = listener(Domain::V4, "127.0.0.1:0");
        let c = socket(Domain::V4, Transport::Stream).unwrap();
        let started = connect(c.as_fd(), &name);
        assert!(started.is_ok() || is_in_progress(&started.unwrap_err()));
        let (s, peer) = accept(l.as_fd()).unwrap();
        assert_eq!(peer.name(), own_name(c.as_fd()).unwrap().name());
        assert_eq!(
            send_vectored(c.as_fd(), &[IoSlice::new(b"ab"), IoSlice::new(b"c")], More::No).unwrap(),
            3
        );
        let mut got = Vec::with_capacity(8);
        let mut peeked = [0; 2];
        assert_eq!(peek(s.as_fd(), &mut peeked).unwrap(), 2);
        assert_eq!(recv_append(s.as_fd(), &mut got, 2).unwrap(), 2);
        assert_eq!(discard(s.as_fd(), 10).unwrap(), 1);
        assert_eq!((got.as_slice(), &peeked), (&b"ab"[..], b"ab"));
        assert_eq!(recv(s.as_fd(), &mut peeked).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        shutdown(c.as_fd(), Shutdown::Write).unwrap();
        assert_eq!(recv(s.as_fd(), &mut peeked).unwrap(), 0);
    }

    #[test]
    fn a_listener_stops_and_resumes_on_its_port() {
        let (free, name) = listener(Domain::V4, "127.0.0.1:0");
        drop(free);
        let l = socket(Domain::V4, Transport::Stream).unwrap();
        bind(l.as_fd(), &name).unwrap();
        listen(l.as_fd(), 8).unwrap();
        unlisten(l.as_fd()).unwrap();
        assert!(!options::is_listening(l.as_fd()).unwrap());
        listen(l.as_fd(), 8).unwrap();
        assert!(options::is_listening(l.as_fd()).unwrap());
        assert_eq!(own_name(l.as_fd()).unwrap().name(), name.name());
    }

    #[test]
    fn datagrams_name_their_sender() {
        let a = socket(Domain::V4, Transport::Datagram).unwrap();
        bind(a.as_fd(), &SockAddr::inet("127.0.0.1:0".parse().unwrap())).unwrap();
        let b = socket(Domain::V4, Transport::Datagram).unwrap();
        bind(b.as_fd(), &SockAddr::inet("127.0.0.1:0".parse().unwrap())).unwrap();
        send_to(a.as_fd(), b"x", &own_name(b.as_fd()).unwrap()).unwrap();
        let mut into = [0; 4];
        let (n, from) = recv_from(b.as_fd(), &mut into).unwrap();
        assert_eq!((n, from.name()), (1, own_name(a.as_fd()).unwrap().name()));
    }

    #[test]
    fn an_unbound_unix_peer_has_no_name() {
        let (a, b) = socket_pair().unwrap();
        assert_eq!(peer_name(a.as_fd()).unwrap().name(), SockName::Unnamed);
        make_blocking(b.as_fd(), 1).unwrap();
        send(a.as_fd(), b"abcd", More::Yes).unwrap();
        let mut four = [0; 4];
        recv_all(b.as_fd(), &mut four).unwrap();
        assert_eq!(&four, b"abcd");
        drop(a);
        assert_eq!(recv_all(b.as_fd(), &mut four).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_closed_descriptor_does_not_exist() {
        assert_eq!(existing(987_654).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
