//! Where messages go. Nothing here ever waits: what cannot be sent at once is dropped and counted.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use grammar::address::{self, Address, Family, Host, Port, Transport};
use sys::addr::SockAddr;
use sys::socket::{self, Domain};

use crate::ring::Ring;

/// The port of syslog.
const SYSLOG: u16 = 514;

/// A target as written.
#[derive(Clone, Debug)]
pub(crate) enum TargetDraft {
    /// Datagrams to an address.
    Datagram(Datagram),
    /// An open descriptor.
    Descriptor(i32),
    /// The ring with this name.
    Ring(Arc<str>),
}

/// Where datagrams go.
#[derive(Clone, Copy)]
pub(crate) struct Datagram {
    domain: Domain,
    to: SockAddr,
}

impl std::fmt::Debug for Datagram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.to.name())
    }
}

impl TargetDraft {
    /// Reads a target.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "stdout" => return Ok(Self::Descriptor(1)),
            "stderr" => return Ok(Self::Descriptor(2)),
            _ => {}
        }
        if let Some(name) = text.strip_prefix("ring@") {
            return Ok(Self::Ring(name.into()));
        }
        if text.starts_with("backend@") {
            return Err(format!("log backends are not supported ('{text}')"));
        }
        let address = address::parse(text.as_bytes()).map_err(|e| format!("{e} in '{text}'"))?;
        match address.port {
            Port::Range(..) => return Err(format!("port range not permitted here in '{text}'")),
            Port::Offset(_) => return Err(format!("port offset not permitted here in '{text}'")),
            Port::None | Port::Fixed(_) => {}
        }
        match address.transport {
            None | Some(Transport::Datagram) => {}
            Some(Transport::Stream) => {
                return Err(format!("targets that take streams are not supported ('{text}')"));
            }
            Some(Transport::Quic) => return Err(format!("logs are not sent over QUIC ('{text}')")),
        }
        Self::of_address(&address, text)
    }

    fn of_address(address: &Address, text: &str) -> Result<Self, String> {
        let unfit = || format!("socket path '{text}' is too long");
        let datagram = |domain, to| Ok(Self::Datagram(Datagram { domain, to }));
        match (&address.host, address.family) {
            (Host::Descriptor(_), Family::SocketPair) | (Host::Server(_), _) => {
                Err(format!("logs cannot be sent to '{text}'"))
            }
            (Host::Descriptor(number), _) => match i32::try_from(*number) {
                Ok(number) => Ok(Self::Descriptor(number)),
                Err(_) => Err(format!("file descriptor '{number}' is not a valid integer in '{text}'")),
            },
            (Host::Path(path), family) => {
                let to = match family {
                    Family::Abstract => SockAddr::abstract_padded(path),
                    Family::AbstractTerminated => SockAddr::abstract_exact(path),
                    _ => SockAddr::unix_path(path),
                };
                datagram(Domain::Unix, to.ok_or_else(unfit)?)
            }
            (host, family) => {
                let port = match address.port {
                    Port::Fixed(port) => port,
                    _ => SYSLOG,
                };
                let to = resolve(host, family, port)
                    .ok_or_else(|| format!("invalid address: '{host}' in '{text}'"))?;
                let domain = if to.is_ipv4() { Domain::V4 } else { Domain::V6 };
                datagram(domain, SockAddr::inet(to))
            }
        }
    }
}

fn resolve(host: &Host, family: Family, port: u16) -> Option<SocketAddr> {
    let fits = |a: &SocketAddr| match family {
        Family::Ipv4 => a.is_ipv4(),
        Family::Ipv6 => a.is_ipv6(),
        _ => true,
    };
    match host {
        Host::Any if family == Family::Ipv6 => Some((std::net::Ipv6Addr::UNSPECIFIED, port).into()),
        Host::Any => Some((std::net::Ipv4Addr::UNSPECIFIED, port).into()),
        Host::V4(ip) => Some((*ip, port).into()).filter(fits),
        Host::V6(ip) => Some((*ip, port).into()).filter(fits),
        Host::Name(name) => (name.to_string(), port).to_socket_addrs().ok()?.find(fits),
        Host::Path(_) | Host::Descriptor(_) | Host::Server(_) => None,
    }
}

/// A target that messages can be sent to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Datagram(Datagram),
    Descriptor(Arc<Descriptor>),
    Ring(Arc<Ring>),
}

/// A descriptor that somebody else opened; it is looked at when the first message goes there.
#[derive(Debug)]
pub(crate) struct Descriptor {
    number: i32,
    file: OnceLock<Option<File>>,
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// How many messages could not be sent, as `DroppedLogs` of `show info` tells.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

static SEND_BUFFER: AtomicU32 = AtomicU32::new(0);

/// Sets the kernel's send buffer of the sockets that datagrams go through, in bytes (`tune.sndbuf.backend`).
pub fn size_sockets(bytes: u32) {
    SEND_BUFFER.store(bytes, Ordering::Relaxed);
}

/// Gives a new socket its buffer.
fn size(socket: Option<&OwnedFd>) {
    let bytes = SEND_BUFFER.load(Ordering::Relaxed);
    if let Some(socket) = socket.filter(|_| bytes > 0) {
        // The system's own buffer does, too.
        let _ = sys::options::send_buffer(socket.as_fd(), bytes);
    }
}

thread_local! {
    /// One unbound socket for each domain, shared by all targets of a thread.
    static SOCKETS: RefCell<[Option<OwnedFd>; 3]> = const { RefCell::new([None, None, None]) };
}

impl Target {
    pub(crate) fn descriptor(number: i32) -> Self {
        Self::Descriptor(Arc::new(Descriptor { number, file: OnceLock::new() }))
    }

    /// Sends a message that ends with a line feed.
    pub(crate) fn send(&self, line: &[u8]) {
        let sent = match self {
            Self::Datagram(datagram) => datagram.send(line),
            Self::Descriptor(descriptor) => descriptor.write(line),
            Self::Ring(ring) => {
                ring.push(line.strip_suffix(b"\n").unwrap_or(line));
                Some(line.len())
            }
        };
        if sent != Some(line.len()) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Datagram {
    fn send(&self, line: &[u8]) -> Option<usize> {
        SOCKETS.with_borrow_mut(|sockets| {
            let slot = &mut sockets[self.domain as usize];
            if slot.is_none() {
                *slot = socket::socket(self.domain, socket::Transport::Datagram).ok();
                size(slot.as_ref());
            }
            socket::send_to(slot.as_ref()?.as_fd(), line, &self.to).ok()
        })
    }
}

impl Descriptor {
    fn write(&self, line: &[u8]) -> Option<usize> {
        let file = self.file.get_or_init(|| {
            let fd = socket::existing(self.number).ok()?;
            socket::adopt(fd.as_fd()).ok()?;
            Some(File::from(fd))
        });
        // One call for each message, so that they do not mix with those of other processes.
        file.as_ref()?.write(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::addr::SockName;

    fn shape(text: &str) -> String {
        match TargetDraft::parse(text) {
            Ok(TargetDraft::Datagram(d)) => match d.to.name() {
                SockName::Inet(a) => a.to_string(),
                SockName::Path(p) => format!("path {}", String::from_utf8_lossy(&p)),
                other => format!("{other:?}").chars().take(8).collect(),
            },
            Ok(TargetDraft::Descriptor(n)) => format!("fd {n}"),
            Ok(TargetDraft::Ring(name)) => format!("ring {name}"),
            Err(e) => format!("error: {e}"),
        }
    }

    #[test]
    fn targets_of_every_kind() {
        for (text, expected) in [
            ("127.0.0.1", "127.0.0.1:514"),
            ("127.0.0.1:5140", "127.0.0.1:5140"),
            ("127.0.0.1:", "127.0.0.1:514"),
            ("udp@192.0.2.1:9", "192.0.2.1:9"),
            ("udp6@[::1]:9", "[::1]:9"),
            (":9", "0.0.0.0:9"),
            ("/dev/log", "path /dev/log"),
            ("unix@/dev/log", "path /dev/log"),
            ("uxdg@/tmp/x", "path /tmp/x"),
            ("abns@x", "Abstract"),
            ("fd@7", "fd 7"),
            ("stdout", "fd 1"),
            ("stderr", "fd 2"),
            ("ring@r", "ring r"),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_target_is_refused_by_name() {
        for (text, expected) in [
            ("backend@x", "log backends are not supported"),
            ("tcp@127.0.0.1:9", "targets that take streams are not supported"),
            ("uxst@/tmp/x", "targets that take streams are not supported"),
            ("127.0.0.1:5-6", "port range not permitted here"),
            ("127.0.0.1:+5", "port offset not permitted here"),
            ("fd@abc", "file descriptor 'abc' is not a valid integer"),
            ("quic4@127.0.0.1:4", "logs are not sent over QUIC"),
            ("sockpair@3", "logs cannot be sent to"),
        ] {
            let shape = shape(text);
            assert!(shape.starts_with("error: ") && shape.contains(expected), "{text}: {shape}");
        }
    }

    #[test]
    fn datagrams_arrive_and_failures_are_counted() {
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = SockAddr::inet(receiver.local_addr().unwrap());
        Target::Datagram(Datagram { domain: Domain::V4, to }).send(b"hello\n");
        let mut into = [0; 16];
        let len = receiver.recv(&mut into).unwrap();
        assert_eq!(&into[..len], b"hello\n");
        let before = dropped();
        let nowhere = SockAddr::unix_path(b"/nonexistent/socket").unwrap();
        Target::Datagram(Datagram { domain: Domain::Unix, to: nowhere }).send(b"x\n");
        Target::descriptor(987_654).send(b"x\n");
        assert_eq!(dropped() - before, 2);
    }
}
