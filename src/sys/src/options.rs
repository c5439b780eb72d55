//! Socket options, one function each, named after what they do.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use crate::addr::SockAddr;
use crate::error::check;
use crate::socket::Domain;

/// Whether an option is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Not in force.
    Off,
    /// In force.
    On,
}

impl From<Switch> for libc::c_int {
    fn from(s: Switch) -> Self {
        match s {
            Switch::Off => 0,
            Switch::On => 1,
        }
    }
}

/// The probes of an idle connection; what is `None` stays as the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepAlive {
    /// Unanswered probes before the connection is given up.
    pub count: Option<u32>,
    /// Idle time before the first probe.
    pub idle: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
}

fn set<T: Copy>(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let size = size_of::<T>() as libc::socklen_t;
    let at: *const T = value;
    // SAFETY: the value is readable for its size.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, at.cast(), size) }).map(drop)
}

fn set_int(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    set(fd, level, name, &value)
}

fn set_bytes(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &[u8]) -> io::Result<()> {
    let size = value.len() as libc::socklen_t;
    // SAFETY: the slice is readable for its length.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), size) }).map(drop)
}

fn get_int(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    let at = (&raw mut value).cast();
    // SAFETY: value and size are writable, and the size is the value's.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, at, &raw mut size) })?;
    Ok(value)
}

fn get_bytes(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; max];
    let mut size = max as libc::socklen_t;
    // SAFETY: the vector is writable for the size given, and the size is writable.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), level, name, bytes.as_mut_ptr().cast(), &raw mut size)
    })?;
    bytes.truncate(size as usize);
    Ok(bytes)
}

/// Lets a socket take a name that closed connections still use.
pub fn reuse_addr(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)
}

/// Lets several sockets have the same name, connections being spread among them.
pub fn reuse_port(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)
}

/// Whether an IPv6 socket leaves IPv4 alone (`v6only`) or takes it too (`v4v6`).
pub fn v6_only(fd: BorrowedFd<'_>, switch: Switch) -> io::Result<()> {
    set_int(fd, libc::SOL_IPV6, libc::IPV6_V6ONLY, switch.into())
}

/// Whether an IPv6 socket leaves IPv4 alone.
pub fn is_v6_only(fd: BorrowedFd<'_>) -> io::Result<bool> {
    get_int(fd, libc::SOL_IPV6, libc::IPV6_V6ONLY).map(|v| v != 0)
}

/// Ties a socket to a network interface.
pub fn bind_to_device(fd: BorrowedFd<'_>, interface: &str) -> io::Result<()> {
    let mut name = interface.as_bytes().to_vec();
    name.push(0);
    set_bytes(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, &name)
}

/// The network interface that a socket is tied to.
pub fn bound_device(fd: BorrowedFd<'_>) -> io::Result<Option<String>> {
    let name = get_bytes(fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, libc::IF_NAMESIZE)?;
    let name = name.split(|&b| b == 0).next().unwrap_or_default();
    Ok(if name.is_empty() { None } else { Some(String::from_utf8_lossy(name).into_owned()) })
}

/// Lets a socket use addresses that are not this machine's. The privileged option is tried first,
/// then the one that only allows binding.
pub fn transparent(fd: BorrowedFd<'_>, domain: Domain) -> io::Result<()> {
    let (level, option) = match domain {
        Domain::V6 => (libc::SOL_IPV6, libc::IPV6_TRANSPARENT),
        _ => (libc::SOL_IP, libc::IP_TRANSPARENT),
    };
    set_int(fd, level, option, 1).or_else(|_| set_int(fd, libc::SOL_IP, libc::IP_FREEBIND, 1))
}

/// Whether a socket may use addresses that are not this machine's.
pub fn is_transparent(fd: BorrowedFd<'_>, domain: Domain) -> bool {
    let transparent = match domain {
        Domain::V4 => get_int(fd, libc::SOL_IP, libc::IP_TRANSPARENT),
        Domain::V6 => get_int(fd, libc::SOL_IPV6, libc::IPV6_TRANSPARENT),
        Domain::Unix => return false,
    };
    transparent.unwrap_or(0) != 0 || get_int(fd, libc::SOL_IP, libc::IP_FREEBIND).unwrap_or(0) != 0
}

/// Leaves the choice of the source port to `connect`, which then has all ports for each destination.
pub fn bind_address_no_port(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// Sends small segments at once.
pub fn no_delay(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::SOL_TCP, libc::TCP_NODELAY, 1)
}

/// Whether small segments are sent at once.
pub fn is_no_delay(fd: BorrowedFd<'_>) -> io::Result<bool> {
    get_int(fd, libc::SOL_TCP, libc::TCP_NODELAY).map(|v| v != 0)
}

/// Whether received segments are acknowledged at once.
pub fn quick_ack(fd: BorrowedFd<'_>, switch: Switch) -> io::Result<()> {
    set_int(fd, libc::SOL_TCP, libc::TCP_QUICKACK, switch.into())
}

/// Announces this maximum segment size.
pub fn max_segment(fd: BorrowedFd<'_>, size: i32) -> io::Result<()> {
    set_int(fd, libc::SOL_TCP, libc::TCP_MAXSEG, size)
}

/// The maximum segment size in force.
pub fn max_segment_of(fd: BorrowedFd<'_>) -> io::Result<i32> {
    get_int(fd, libc::SOL_TCP, libc::TCP_MAXSEG)
}

/// How long sent data may stay unacknowledged.
pub fn user_timeout(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<()> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    set_int(fd, libc::SOL_TCP, libc::TCP_USER_TIMEOUT, millis)
}

/// Accepts connections only once they carry data.
pub fn defer_accept(fd: BorrowedFd<'_>, switch: Switch) -> io::Result<()> {
    set_int(fd, libc::SOL_TCP, libc::TCP_DEFER_ACCEPT, switch.into())
}

/// Accepts data within the opening segment, for at most `queue` such connections.
pub fn fast_open(fd: BorrowedFd<'_>, queue: u32) -> io::Result<()> {
    set_int(fd, libc::SOL_TCP, libc::TCP_FASTOPEN, i32::try_from(queue).unwrap_or(i32::MAX))
}

/// Lets `connect` wait for the first write, whose data then goes into the opening segment.
pub fn fast_open_connect(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::SOL_TCP, libc::TCP_FASTOPEN_CONNECT, 1)
}

/// Keeps the opening segment of accepted connections (1), or its network header too (2); 0 is neither.
pub fn save_syn(fd: BorrowedFd<'_>, mode: i32) -> io::Result<()> {
    set_int(fd, libc::SOL_TCP, libc::TCP_SAVE_SYN, mode)
}

/// Takes the opening segment that was kept; it can be taken once.
pub fn saved_syn(fd: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
    get_bytes(fd, libc::SOL_TCP, libc::TCP_SAVED_SYN, 512)
}

/// Chooses the congestion control algorithm.
pub fn congestion(fd: BorrowedFd<'_>, algorithm: &str) -> io::Result<()> {
    set_bytes(fd, libc::SOL_TCP, libc::TCP_CONGESTION, algorithm.as_bytes())
}

/// Limits the bytes that wait unsent in the kernel.
pub fn notsent_lowat(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    set(fd, libc::SOL_TCP, libc::TCP_NOTSENT_LOWAT, &bytes)
}

/// The layout of `struct tcp_md5sig` of linux/tcp.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Md5Sig {
    addr: [u8; 128],
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    ifindex: u32,
    key: [u8; MD5_KEY_MAX],
}

/// The longest key of an MD5 signature, RFC 2385.
pub const MD5_KEY_MAX: usize = 80;

/// Signs the segments exchanged with a peer, RFC 2385.
pub fn md5_signature(fd: BorrowedFd<'_>, peer: std::net::SocketAddr, key: &[u8]) -> io::Result<()> {
    if key.len() > MD5_KEY_MAX {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    let raw = SockAddr::inet(peer);
    let mut sig = Md5Sig {
        addr: [0; 128],
        flags: 0,
        prefix_len: 0,
        key_len: key.len() as u16,
        ifindex: 0,
        key: [0; MD5_KEY_MAX],
    };
    raw.copy_to(&mut sig.addr);
    sig.key[..key.len()].copy_from_slice(key);
    set(fd, libc::SOL_TCP, libc::TCP_MD5SIG, &sig)
}

/// Probes idle connections.
pub fn keep_alive(fd: BorrowedFd<'_>, how: KeepAlive) -> io::Result<()> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    if let Some(n) = how.count {
        set_int(fd, libc::SOL_TCP, libc::TCP_KEEPCNT, n as i32)?;
    }
    if let Some(t) = how.idle {
        set_int(fd, libc::SOL_TCP, libc::TCP_KEEPIDLE, t.as_secs() as i32)?;
    }
    if let Some(t) = how.interval {
        set_int(fd, libc::SOL_TCP, libc::TCP_KEEPINTVL, t.as_secs() as i32)?;
    }
    Ok(())
}

/// Whether idle connections are probed.
pub fn is_keep_alive(fd: BorrowedFd<'_>) -> io::Result<bool> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE).map(|v| v != 0)
}

/// Whether closing resets the connection instead of ending it in order.
pub fn reset_on_close(fd: BorrowedFd<'_>, switch: Switch) -> io::Result<()> {
    let linger = libc::linger { l_onoff: switch.into(), l_linger: 0 };
    set(fd, libc::SOL_SOCKET, libc::SO_LINGER, &linger)
}

/// Marks the packets for routing and filtering.
pub fn mark(fd: BorrowedFd<'_>, mark: u32) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, libc::SO_MARK, &mark)
}

/// Sets the type of service of the packets (the traffic class in IPv6).
pub fn type_of_service(fd: BorrowedFd<'_>, domain: Domain, tos: u8) -> io::Result<()> {
    match domain {
        Domain::V4 => set_int(fd, libc::SOL_IP, libc::IP_TOS, tos.into()),
        Domain::V6 => set_int(fd, libc::SOL_IPV6, libc::IPV6_TCLASS, tos.into()),
        Domain::Unix => Ok(()),
    }
}

/// How many routers the packets pass at most.
pub fn time_to_live(fd: BorrowedFd<'_>, domain: Domain, hops: u8) -> io::Result<()> {
    match domain {
        Domain::V4 => set_int(fd, libc::SOL_IP, libc::IP_TTL, hops.into()),
        Domain::V6 => set_int(fd, libc::SOL_IPV6, libc::IPV6_UNICAST_HOPS, hops.into()),
        Domain::Unix => Ok(()),
    }
}

/// Lets the connection end without a packet, which needs a privilege.
pub fn forget_on_close(fd: BorrowedFd<'_>) -> io::Result<()> {
    set_int(fd, libc::SOL_TCP, libc::TCP_REPAIR, 1)
}

/// Asks for a receive buffer of this size.
pub fn receive_buffer(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// Asks for a send buffer of this size.
pub fn send_buffer(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// Whether the socket listens.
pub fn is_listening(fd: BorrowedFd<'_>) -> io::Result<bool> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN).map(|v| v != 0)
}

/// Whether the socket carries a stream rather than datagrams.
pub fn is_stream(fd: BorrowedFd<'_>) -> io::Result<bool> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_TYPE).map(|v| v == libc::SOCK_STREAM)
}

/// Whether the socket speaks Multipath TCP.
pub fn is_mptcp(fd: BorrowedFd<'_>) -> io::Result<bool> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL).map(|v| v == libc::IPPROTO_MPTCP)
}

/// Takes the error that waits on the socket, as after a failed connection.
pub fn take_error(fd: BorrowedFd<'_>) -> io::Result<Option<io::Error>> {
    let errno = get_int(fd, libc::SOL_SOCKET, libc::SO_ERROR)?;
    Ok(if errno == 0 { None } else { Some(io::Error::from_raw_os_error(errno)) })
}

/// The kernel's figures of a TCP connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Smoothed round trip time, microseconds.
    pub rtt_us: u32,
    /// Its mean deviation, microseconds.
    pub rttvar_us: u32,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Segments acknowledged selectively.
    pub sacked: u32,
    /// Segments thought lost.
    pub lost: u32,
    /// Segments retransmitted and not acknowledged.
    pub retrans: u32,
    /// Segments acknowledged forward.
    pub fackets: u32,
    /// The reordering that is allowed for.
    pub reordering: u32,
}

/// Reads the kernel's figures of a TCP connection.
pub fn tcp_info(fd: BorrowedFd<'_>) -> io::Result<TcpInfo> {
    // SAFETY: the structure holds integers only, for which zeroes are valid.
    let mut raw: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
    let at = (&raw mut raw).cast();
    // SAFETY: structure and size are writable; the kernel writes at most the size given.
    check(unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_TCP, libc::TCP_INFO, at, &raw mut size) })?;
    Ok(TcpInfo {
        rtt_us: raw.tcpi_rtt,
        rttvar_us: raw.tcpi_rttvar,
        unacked: raw.tcpi_unacked,
        sacked: raw.tcpi_sacked,
        lost: raw.tcpi_lost,
        retrans: raw.tcpi_retrans,
        fackets: raw.tcpi_fackets,
        reordering: raw.tcpi_reordering,
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, OwnedFd};

    use super::*;
    use crate::socket::{Transport, accept, bind, connect, listen, own_name, socket};

    fn tcp() -> OwnedFd {
        socket(Domain::V4, Transport::Stream).unwrap()
    }

    #[test]
    fn options_take_effect() {
        let s = tcp();
        let fd = s.as_fd();
        reuse_addr(fd).unwrap();
        reuse_port(fd).unwrap();
        no_delay(fd).unwrap();
        assert!(is_no_delay(fd).unwrap());
        quick_ack(fd, Switch::Off).unwrap();
        max_segment(fd, 1400).unwrap();
        user_timeout(fd, Duration::from_secs(3)).unwrap();
        assert_eq!(get_int(fd, libc::SOL_TCP, libc::TCP_USER_TIMEOUT).unwrap(), 3000);
        let probes = KeepAlive { count: Some(4), idle: Some(Duration::from_secs(9)), interval: None };
        keep_alive(fd, probes).unwrap();
        assert!(is_keep_alive(fd).unwrap());
        assert_eq!(get_int(fd, libc::SOL_TCP, libc::TCP_KEEPIDLE).unwrap(), 9);
        congestion(fd, "reno").unwrap();
        notsent_lowat(fd, 4096).unwrap();
        type_of_service(fd, Domain::V4, 8).unwrap();
        assert_eq!(get_int(fd, libc::SOL_IP, libc::IP_TOS).unwrap(), 8);
        receive_buffer(fd, 65536).unwrap();
        send_buffer(fd, 65536).unwrap();
        bind_address_no_port(fd).unwrap();
        fast_open_connect(fd).unwrap();
        assert!(is_stream(fd).unwrap() && !is_listening(fd).unwrap());
        assert_eq!(bound_device(fd).unwrap(), None);
    }

    #[test]
    fn bad_values_name_the_systems_reason() {
        let s = tcp();
        assert_eq!(max_segment(s.as_fd(), 5).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(congestion(s.as_fd(), "nope").unwrap_err().raw_os_error(), Some(libc::ENOENT));
        let device = bind_to_device(s.as_fd(), "nope0").unwrap_err();
        assert_eq!(device.raw_os_error(), Some(libc::ENODEV));
        let peer = "127.0.0.1:0".parse().unwrap();
        assert!(md5_signature(s.as_fd(), peer, &[b'k'; MD5_KEY_MAX + 1]).is_err());
    }

    #[test]
    fn v6_sockets_choose_their_families() {
        let s = socket(Domain::V6, Transport::Stream).unwrap();
        v6_only(s.as_fd(), Switch::On).unwrap();
        assert!(is_v6_only(s.as_fd()).unwrap());
        v6_only(s.as_fd(), Switch::Off).unwrap();
        assert!(!is_v6_only(s.as_fd()).unwrap());
    }

    #[test]
    fn accepted_connections_inherit_and_report() {
        let l = tcp();
        no_delay(l.as_fd()).unwrap();
        save_syn(l.as_fd(), 1).unwrap();
        bind(l.as_fd(), &SockAddr::inet("127.0.0.1:0".parse().unwrap())).unwrap();
        listen(l.as_fd(), 4).unwrap();
        let c = tcp();
        let _ = connect(c.as_fd(), &own_name(l.as_fd()).unwrap());
        let (s, _) = accept(l.as_fd()).unwrap();
        assert!(is_no_delay(s.as_fd()).unwrap());
        assert!(saved_syn(s.as_fd()).unwrap().len() > 40);
        assert!(tcp_info(s.as_fd()).unwrap().rtt_us > 0);
        reset_on_close(s.as_fd(), Switch::On).unwrap();
        drop(s);
        let mut b = [0];
        let reset = crate::socket::recv(c.as_fd(), &mut b).unwrap_err();
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        assert!(take_error(c.as_fd()).unwrap().is_none());
    }
}
