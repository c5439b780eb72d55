//! Connecting to a server.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base::addr::Addr;
use sys::namespace::Namespace;
use sys::options::{self, Switch};
use sys::socket::{self, Domain, Transport};

use crate::addr::{domain_of, to_sock};
use crate::options::StreamOptions;
use crate::socket::Socket;

/// Where to connect to, and how. `None` leaves the system's choice.
#[derive(Clone, Debug)]
pub struct ConnectSpec {
    /// The server.
    pub to: Target,
    /// TCP or Multipath TCP.
    pub transport: Transport,
    /// The source address (`source`); port 0 leaves the port to the system.
    pub source: Option<Addr>,
    /// Whether the source need not be this machine's (`usesrc`).
    pub transparent: Switch,
    /// The network interface to go out by (`interface`).
    pub interface: Option<Box<str>>,
    /// The network namespace to connect in (`namespace`).
    pub namespace: Option<Namespace>,
    /// Packet mark (`set-bc-mark`).
    pub mark: Option<u32>,
    /// Type of service (`set-bc-tos`).
    pub tos: Option<u8>,
    /// Maximum segment size to announce.
    pub max_segment: Option<i32>,
    /// How long sent data may stay unacknowledged (`tcp-ut`).
    pub user_timeout: Option<Duration>,
    /// Congestion control (`cc`).
    pub congestion: Option<Box<str>>,
    /// Key that signs the segments (`tcp-md5sig`).
    pub md5_key: Option<Box<[u8]>>,
    /// Send data within the opening segment (`tfo`).
    pub fast_open: Switch,
    /// Acknowledge the server's acceptance with the first data (`option tcp-smart-connect`).
    pub delay_ack: Switch,
    /// What any stream socket takes.
    pub stream: StreamOptions,
}

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Addr(Addr),
    /// The other end of an inherited socket pair, whose owner is passed one end of a new one (`sockpair@`).
    SockPair(i32),
}

impl ConnectSpec {
    /// A plain connection to an address.
    pub fn to(addr: Addr) -> Self {
        Self {
            to: Target::Addr(addr),
            transport: Transport::Stream,
            source: None,
            transparent: Switch::Off,
            interface: None,
            namespace: None,
            mark: None,
            tos: None,
            max_segment: None,
            user_timeout: None,
            congestion: None,
            md5_key: None,
            fast_open: Switch::Off,
            delay_ack: Switch::Off,
            stream: StreamOptions::default(),
        }
    }
}

/// What kind of failure a connection met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectErrorKind {
    /// The server refused.
    Refused,
    /// The server could not be reached, or the system forbade it.
    Unreachable,
    /// The server did not answer in time.
    Timeout,
    /// No source port, or no room in the server's backlog, was left.
    NoPorts,
    /// The source address could not be taken.
    BadSource,
    /// This process may open no more descriptors.
    NoProcessFds,
    /// The system may open no more descriptors.
    NoSystemFds,
    /// The system is out of memory.
    NoMemory,
    /// Something else, by its error number (0: the address has no form the system knows).
    Other(i32),
}

/// Who must change something before another attempt has a chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Another attempt is right.
    Right,
    /// The same would happen again.
    Futile,
}

/// Why a connection failed.
#[derive(Debug)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    /// What was being done.
    step: &'static str,
    source: io::Error,
}

impl ConnectError {
    fn new(step: &'static str, source: io::Error) -> Self {
        let kind = match source.raw_os_error() {
            Some(errno) => classify(errno),
            None => ConnectErrorKind::Other(0),
        };
        Self { kind, step, source }
    }

    fn bad_source(step: &'static str, source: io::Error) -> Self {
        Self { kind: ConnectErrorKind::BadSource, step, source }
    }

    /// The kind of failure.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        match self.kind {
            ConnectErrorKind::Refused
            | ConnectErrorKind::Unreachable
            | ConnectErrorKind::Timeout
            | ConnectErrorKind::NoPorts
            | ConnectErrorKind::BadSource => Retry::Right,
            ConnectErrorKind::NoProcessFds
            | ConnectErrorKind::NoSystemFds
            | ConnectErrorKind::NoMemory
            | ConnectErrorKind::Other(_) => Retry::Futile,
        }
    }

    /// The system's error.
    pub fn io(&self) -> &io::Error {
        &self.source
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} ({})", self.step, sys::reason(&self.source))
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn classify(errno: i32) -> ConnectErrorKind {
    use sys::error::errno as e;
    match errno {
        e::ECONNREFUSED | e::ENOENT | e::ECONNRESET => ConnectErrorKind::Refused,
        e::ENETUNREACH | e::EHOSTUNREACH | e::ENETDOWN | e::EACCES | e::EPERM => {
            ConnectErrorKind::Unreachable
        }
        e::ETIMEDOUT => ConnectErrorKind::Timeout,
        e::EAGAIN | e::EADDRINUSE | e::EADDRNOTAVAIL => ConnectErrorKind::NoPorts,
        e::EMFILE => ConnectErrorKind::NoProcessFds,
        e::ENFILE => ConnectErrorKind::NoSystemFds,
        e::ENOBUFS | e::ENOMEM => ConnectErrorKind::NoMemory,
        other => ConnectErrorKind::Other(other),
    }
}

/// A connection on its way.
#[derive(Debug)]
pub struct Connecting {
    socket: Socket,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Waiting,
    Established,
}

/// Starts a connection; needs no event loop yet.
pub fn start(spec: &ConnectSpec) -> Result<Connecting, ConnectError> {
    let addr = match &spec.to {
        Target::Addr(addr) => addr,
        Target::SockPair(number) => return start_pair(*number),
    };
    let raw = to_sock(addr)
        .ok_or_else(|| ConnectError::new("address the server", io::ErrorKind::InvalidInput.into()))?;
    let fd = create(spec, domain_of(addr))?;
    prepare(spec, fd.as_fd(), addr)?;
    let progress = match socket::connect(fd.as_fd(), &raw) {
        Ok(()) => Progress::Established,
        Err(e) if socket::is_in_progress(&e) => Progress::Waiting,
        Err(e) => return Err(ConnectError::new("connect", e)),
    };
    Ok(Connecting { socket: Socket::from_fd(fd), progress })
}

/// Connects and waits for the outcome. The caller bounds the time.
pub async fn connect(spec: &ConnectSpec) -> Result<Socket, ConnectError> {
    let mut connecting = start(spec)?;
    std::future::poll_fn(|cx| connecting.poll_established(cx)).await?;
    Ok(connecting.socket)
}

fn start_pair(number: i32) -> Result<Connecting, ConnectError> {
    let pass = || -> io::Result<OwnedFd> {
        let over = socket::existing(number)?;
        let (ours, theirs) = socket::socket_pair()?;
        sys::fdpass::send(over.as_fd(), b"\0", &[theirs.as_fd()])?;
        Ok(ours)
    };
    let fd = pass().map_err(|e| ConnectError::new("pass a socket", e))?;
    Ok(Connecting { socket: Socket::from_fd(fd), progress: Progress::Established })
}

fn create(spec: &ConnectSpec, domain: Domain) -> Result<OwnedFd, ConnectError> {
    let open = || socket::socket(domain, spec.transport);
    let made = match &spec.namespace {
        Some(namespace) if domain != Domain::Unix => {
            namespace.within(open).map_err(sys::Error::into_io).and_then(|made| made)
        }
        _ => open(),
    };
    made.map_err(|e| ConnectError::new("create a socket", e))
}

fn prepare(spec: &ConnectSpec, fd: BorrowedFd<'_>, to: &Addr) -> Result<(), ConnectError> {
    let domain = domain_of(to);
    spec.stream.apply(fd, domain).map_err(|e| ConnectError::new("set up the socket", e))?;
    let Addr::Inet(peer) = to else { return Ok(()) };
    // As in the original these go without a word where the system refuses them: a server stays
    // reachable with a lesser comfort.
    if let Some(mark) = spec.mark {
        let _ = options::mark(fd, mark);
    }
    if let Some(tos) = spec.tos {
        let _ = options::type_of_service(fd, domain, tos);
    }
    if let Some(interface) = &spec.interface {
        let _ = options::bind_to_device(fd, interface);
    }
    bind_source(spec, fd, domain)?;
    if let Some(algorithm) = &spec.congestion {
        let _ = options::congestion(fd, algorithm);
    }
    if let Some(timeout) = spec.user_timeout {
        let _ = options::user_timeout(fd, timeout);
    }
    if let Some(size) = spec.max_segment {
        let _ = options::max_segment(fd, size);
    }
    if spec.fast_open == Switch::On {
        let _ = options::fast_open_connect(fd);
    }
    if spec.delay_ack == Switch::On {
        let _ = options::quick_ack(fd, Switch::Off);
    }
    if let Some(key) = &spec.md5_key {
        // An unsigned connection would be worse than none.
        options::md5_signature(fd, *peer, key).map_err(|e| ConnectError::new("sign the segments", e))?;
    }
    Ok(())
}

fn bind_source(spec: &ConnectSpec, fd: BorrowedFd<'_>, domain: Domain) -> Result<(), ConnectError> {
    let Some(source) = &spec.source else { return Ok(()) };
    let Some(raw) = to_sock(source).filter(|_| domain_of(source) == domain) else { return Ok(()) };
    let step = match spec.transparent {
        Switch::On => "bind to the transparent source address",
        Switch::Off => "bind to the source address",
    };
    let _ = options::bind_address_no_port(fd);
    if spec.transparent == Switch::On {
        options::transparent(fd, domain).map_err(|e| ConnectError::bad_source(step, e))?;
    }
    let _ = options::reuse_addr(fd);
    socket::bind(fd, &raw).map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => ConnectError::new(step, e),
        _ => ConnectError::bad_source(step, e),
    })
}

impl Connecting {
    /// Waits for the outcome; the socket is then there by [`Connecting::into_socket`].
    pub fn poll_established(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        if self.progress == Progress::Waiting {
            ready!(self.socket.poll_connected(cx)).map_err(|e| ConnectError::new("connect", e))?;
            self.progress = Progress::Established;
        }
        Poll::Ready(Ok(()))
    }

    /// The socket, whose first write waits for the connection if it is still on its way.
    pub fn into_socket(self) -> Socket {
        self.socket
    }

    /// The socket meanwhile, as for its own address.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }
}

#[cfg(test)]
mod tests {
    use sys::addr::SockAddr;

    use super::*;

    fn run<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
    }

    fn listener() -> (OwnedFd, Addr) {
        let fd = socket::socket(Domain::V4, Transport::Stream).unwrap();
        socket::bind(fd.as_fd(), &SockAddr::inet("127.0.0.1:0".parse().unwrap())).unwrap();
        socket::listen(fd.as_fd(), 4).unwrap();
        let addr = crate::addr::from_sock(&socket::own_name(fd.as_fd()).unwrap());
        (fd, addr)
    }

    #[test]
    fn a_connection_is_made_with_its_options() {
        let (l, addr) = listener();
        let spec = ConnectSpec {
            source: Some(Addr::inet([127, 0, 0, 9], 0)),
            user_timeout: Some(Duration::from_secs(2)),
            congestion: Some("reno".into()),
            tos: Some(8),
            interface: Some("lo".into()),
            ..ConnectSpec::to(addr.clone())
        };
        let client = run(async { connect(&spec).await.unwrap().into_detached() });
        let (server, peer) = socket::accept(l.as_fd()).unwrap();
        assert_eq!(crate::addr::from_sock(&peer).ip().unwrap().to_string(), "127.0.0.9");
        assert!(options::is_no_delay(client.as_fd()).unwrap());
        let server = Socket::from_fd(server);
        assert_eq!(server.destination().unwrap(), addr);
        assert_eq!(server.peer_addr().unwrap(), client.attach().local_addr().unwrap());
        assert!(server.tcp_info().unwrap().rtt_us > 0);
    }

    #[test]
    fn a_refusal_is_told_and_may_be_retried() {
        let (l, addr) = listener();
        drop(l);
        let e = run(async { connect(&ConnectSpec::to(addr)).await.unwrap_err() });
        assert_eq!((e.kind(), e.retry()), (ConnectErrorKind::Refused, Retry::Right));
        assert_eq!(e.to_string(), "cannot connect (Connection refused)");
    }

    #[test]
    fn a_missing_unix_server_refuses() {
        let e = start(&ConnectSpec::to(Addr::unix(b"/nonexistent/server.sock"))).unwrap_err();
        assert_eq!(e.kind(), ConnectErrorKind::Refused);
    }

    #[test]
    fn a_source_that_is_not_ours_is_told() {
        let (_l, addr) = listener();
        let spec = ConnectSpec { source: Some(Addr::inet([192, 0, 2, 1], 0)), ..ConnectSpec::to(addr) };
        let e = start(&spec).unwrap_err();
        assert_eq!(e.kind(), ConnectErrorKind::BadSource);
    }

    #[test]
    fn a_socket_pair_passes_one_end() {
        let (ours, theirs) = socket::socket_pair().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&ours);
        let spec = ConnectSpec { to: Target::SockPair(number), ..ConnectSpec::to(Addr::unix(b"-")) };
        let client = start(&spec).unwrap().into_socket();
        let (_, fds) = sys::fdpass::recv(theirs.as_fd(), &mut [0]).unwrap();
        client.try_send(b"x", sys::socket::More::No).unwrap();
        assert_eq!(socket::recv(fds[0].as_fd(), &mut [0]).unwrap(), 1);
    }

    #[test]
    fn system_errors_have_their_kinds() {
        use ConnectErrorKind as K;
        use sys::error::errno as e;
        for (errno, kind, retry) in [
            (e::ETIMEDOUT, K::Timeout, Retry::Right),
            (e::EADDRNOTAVAIL, K::NoPorts, Retry::Right),
            (e::ENETUNREACH, K::Unreachable, Retry::Right),
            (e::EMFILE, K::NoProcessFds, Retry::Futile),
            (e::ENFILE, K::NoSystemFds, Retry::Futile),
            (e::ENOMEM, K::NoMemory, Retry::Futile),
            (9999, K::Other(9999), Retry::Futile),
        ] {
            let error = ConnectError::new("connect", io::Error::from_raw_os_error(errno));
            assert_eq!((error.kind(), error.retry()), (kind, retry));
        }
    }
}
