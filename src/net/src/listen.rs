//! What a `bind` line says of its socket, and opening it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use base::addr::{Addr, UnixName};
use sys::namespace::Namespace;
use sys::options::{self, Switch};
use sys::socket::{self, Domain, Transport};

use crate::addr::{domain_of, protocol_name, to_sock};
use crate::listener::{Control, Listener};
use crate::options::StreamOptions;
pub use crate::unix::UnixPermissions;
use crate::unix::{Failed, bind_abstract, bind_path};

/// What is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// An address.
    Addr(Addr),
    /// A socket that the parent has bound (`fd@`).
    Fd(i32),
    /// One end of a socket pair, over which connected sockets are passed (`sockpair@`).
    SockPair(i32),
}

/// Which addresses a socket on an IPv6 wildcard takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum V6Binding {
    /// What the system does by default.
    #[default]
    System,
    /// Only IPv6 (`v6only`).
    Only,
    /// IPv4 too (`v4v6`).
    Both,
}

/// The socket of a `bind` line. `None` leaves the system's choice.
#[derive(Clone, Debug)]
pub struct ListenSpec {
    /// What is listened on.
    pub addr: ListenAddr,
    /// TCP or Multipath TCP.
    pub transport: Transport,
    /// Network namespace (`namespace`).
    pub namespace: Option<Namespace>,
    /// Network interface (`interface`).
    pub interface: Option<Box<str>>,
    /// Whether the address need not be this machine's (`transparent`).
    pub transparent: Switch,
    /// `v6only`, `v4v6`.
    pub v6: V6Binding,
    /// Several sockets may share the address; off with `noreuseport`.
    pub reuse_port: Switch,
    /// Connections that wait to be accepted (`backlog`, else `maxconn`).
    pub backlog: u32,
    /// `mss`.
    pub max_segment: Option<i32>,
    /// `tcp-ut`.
    pub user_timeout: Option<Duration>,
    /// `defer-accept`.
    pub defer_accept: Switch,
    /// `tfo`.
    pub fast_open: Switch,
    /// `tcp-ss`.
    pub save_syn: Option<i32>,
    /// `tcp-md5sig`.
    pub md5_key: Option<Box<[u8]>>,
    /// `cc`.
    pub congestion: Option<Box<str>>,
    /// `mode`, `user`, `group`.
    pub unix: UnixPermissions,
    /// What accepted connections get.
    pub stream: StreamOptions,
    /// Acknowledge what comes with the answer to it (`option tcp-smart-accept`).
    pub delay_ack: Switch,
    /// Connections taken in one go before others have their turn (`tune.maxaccept`).
    pub max_accept: u32,
}

impl Default for ListenSpec {
    fn default() -> Self {
        Self {
            addr: ListenAddr::Addr(Addr::inet(Ipv4Addr::UNSPECIFIED, 0)),
            transport: Transport::Stream,
            namespace: None,
            interface: None,
            transparent: Switch::Off,
            v6: V6Binding::System,
            reuse_port: Switch::On,
            backlog: 1024,
            max_segment: None,
            user_timeout: None,
            defer_accept: Switch::Off,
            fast_open: Switch::Off,
            save_syn: None,
            md5_key: None,
            congestion: None,
            unix: UnixPermissions::default(),
            stream: StreamOptions::default(),
            delay_ack: Switch::Off,
            max_accept: 64,
        }
    }
}

impl ListenSpec {
    /// A plain socket at an address.
    pub fn at(addr: Addr) -> Self {
        Self { addr: ListenAddr::Addr(addr), ..Self::default() }
    }

    /// The protocol's name in messages.
    pub fn protocol_name(&self) -> &'static str {
        match &self.addr {
            ListenAddr::Addr(addr) => protocol_name(addr, self.transport),
            ListenAddr::Fd(_) => "fd",
            ListenAddr::SockPair(_) => "sockpair",
        }
    }
}

/// The two steps of starting, as messages name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The socket is made and named.
    Binding,
    /// It is made to listen.
    Starting,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binding => "Binding",
            Self::Starting => "Starting",
        })
    }
}

/// Something that did not work out while a listener was started, though it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindWarning {
    /// When.
    pub step: Step,
    /// What, in the words that follow `protocol tcpv4: `, with the address behind.
    pub text: String,
}

/// Whether a later attempt may bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later {
    /// The address is in use, perhaps by a process that is about to leave.
    MayWork,
    /// Nothing will change.
    IsFutile,
}

/// Why a listener could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindError {
    /// When.
    pub step: Step,
    /// What, in the words that follow `protocol tcpv4: `, with the address behind.
    pub text: String,
    /// Whether to try again once the old process has let go.
    pub later: Later,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for BindError {}

/// A socket that listens, not tied to a thread. Cloning it shares the socket.
#[derive(Clone, Debug)]
pub struct BoundListener {
    pub(crate) fd: Arc<OwnedFd>,
    pub(crate) control: Arc<Control>,
    pub(crate) spec: Arc<ListenSpec>,
    pub(crate) warnings: Vec<BindWarning>,
}

/// Opens the socket that a `bind` line describes and makes it listen.
pub fn bind(spec: &ListenSpec) -> Result<BoundListener, BindError> {
    let mut log = Messages::of(spec);
    let fd = open(spec, &mut log)?;
    start(spec, fd, log)
}

/// Makes a socket listen that another process has bound and handed over.
pub fn bind_inherited(spec: &ListenSpec, fd: OwnedFd) -> Result<BoundListener, BindError> {
    let mut log = Messages::of(spec);
    socket::adopt(fd.as_fd()).map_err(|e| log.error("cannot make socket non-blocking", &e))?;
    log.step = Step::Starting;
    start(spec, fd, log)
}

fn start(spec: &ListenSpec, fd: OwnedFd, mut log: Messages) -> Result<BoundListener, BindError> {
    log.step = Step::Starting;
    if !matches!(spec.addr, ListenAddr::SockPair(_)) {
        prepare(spec, fd.as_fd(), &mut log);
        let listening = options::is_listening(fd.as_fd()).unwrap_or(false);
        if !listening {
            socket::listen(fd.as_fd(), spec.backlog).map_err(|e| log.error("cannot listen to socket", &e))?;
        }
    }
    Ok(BoundListener {
        fd: Arc::new(fd),
        control: Arc::new(Control::default()),
        spec: Arc::new(spec.clone()),
        warnings: log.warnings,
    })
}

fn open(spec: &ListenSpec, log: &mut Messages) -> Result<OwnedFd, BindError> {
    let addr = match &spec.addr {
        ListenAddr::Fd(number) | ListenAddr::SockPair(number) => {
            // The parent keeps its own, for the next process that it starts.
            let fd = socket::existing(*number).map_err(|e| log.error("cannot use file descriptor", &e))?;
            socket::adopt(fd.as_fd()).map_err(|e| log.error("cannot make socket non-blocking", &e))?;
            return Ok(fd);
        }
        ListenAddr::Addr(addr) => addr,
    };
    let no_name = || BindError {
        step: Step::Binding,
        text: format!("address cannot be bound{}", log.suffix),
        later: Later::IsFutile,
    };
    match addr {
        Addr::Inet(inet) => open_inet(spec, *inet, log),
        Addr::Unix(UnixName::Path(path)) => {
            bind_path(path, spec.transport, spec.unix).map_err(|Failed(text)| BindError {
                step: Step::Binding,
                text: text + &log.suffix,
                later: Later::IsFutile,
            })
        }
        Addr::Unix(_) => {
            let raw = to_sock(addr).ok_or_else(no_name)?;
            bind_abstract(&raw, spec.transport).map_err(|e| log.abstract_error(&e))
        }
    }
}

fn open_inet(spec: &ListenSpec, inet: SocketAddr, log: &mut Messages) -> Result<OwnedFd, BindError> {
    let addr = Addr::Inet(inet);
    let domain = domain_of(&addr);
    let open = || socket::socket(domain, spec.transport);
    let made = match &spec.namespace {
        Some(namespace) => namespace.within(open).map_err(sys::Error::into_io).and_then(|made| made),
        None => open(),
    };
    let owned = made.map_err(|e| log.error("cannot create receiving socket", &e))?;
    let fd = owned.as_fd();
    options::reuse_addr(fd).map_err(|e| log.error("cannot set option SO_REUSEADDR", &e))?;
    if spec.reuse_port == Switch::On {
        // Kernels without it still serve one socket.
        let _ = options::reuse_port(fd);
    }
    if spec.transparent == Switch::On {
        options::transparent(fd, domain)
            .map_err(|e| log.error("cannot make receiving socket transparent", &e))?;
    }
    if let Some(interface) = &spec.interface {
        log.warn(
            &format!("cannot bind receiver to device '{interface}'"),
            options::bind_to_device(fd, interface),
        );
    }
    if domain == Domain::V6 && spec.v6 != V6Binding::System {
        let only = if spec.v6 == V6Binding::Only { Switch::On } else { Switch::Off };
        options::v6_only(fd, only).map_err(|e| log.error("cannot choose between IPv6 and IPv4", &e))?;
    }
    let raw = to_sock(&addr).expect("invariant: every IP address has a system form");
    socket::bind(fd, &raw).map_err(|e| log.error("cannot bind socket", &e))?;
    Ok(owned)
}

/// Sets what the listener and, through it, its connections get. Nothing here keeps it from listening.
fn prepare(spec: &ListenSpec, fd: BorrowedFd<'_>, log: &mut Messages) {
    let domain = socket::own_name(fd).map_or(Domain::Unix, |raw| domain_of(&crate::addr::from_sock(&raw)));
    log.warn("cannot set options of accepted connections,", spec.stream.apply(fd, domain));
    if domain == Domain::Unix {
        return;
    }
    if let Some(size) = spec.max_segment {
        log.warn(&format!("cannot set MSS to {size},"), options::max_segment(fd, size));
    }
    if let Some(algorithm) = &spec.congestion {
        log.warn("cannot set TCP congestion control algorithm,", options::congestion(fd, algorithm));
    }
    if let Some(key) = &spec.md5_key {
        let any = match domain {
            Domain::V6 => SocketAddr::from(([0u16; 8], 0)),
            _ => SocketAddr::from(([0u8; 4], 0)),
        };
        let peer = match &spec.addr {
            ListenAddr::Addr(Addr::Inet(inet)) => *inet,
            _ => any,
        };
        log.warn("cannot set MD5 signature,", options::md5_signature(fd, peer, key));
    }
    if let Some(mode) = spec.save_syn {
        log.warn("cannot save SYN,", options::save_syn(fd, mode));
    }
    if let Some(timeout) = spec.user_timeout {
        log.warn("cannot set TCP User Timeout,", options::user_timeout(fd, timeout));
    }
    if spec.defer_accept == Switch::On {
        log.warn("cannot enable DEFER_ACCEPT,", options::defer_accept(fd, Switch::On));
    }
    if spec.fast_open == Switch::On {
        log.warn("cannot enable TCP_FASTOPEN,", options::fast_open(fd, spec.backlog));
    }
    if spec.delay_ack == Switch::On {
        // An acknowledgement that waits a little travels with the response.
        let _ = options::quick_ack(fd, Switch::Off);
    }
}

/// Collects what to say, with the address behind each.
struct Messages {
    step: Step,
    suffix: String,
    warnings: Vec<BindWarning>,
}

impl Messages {
    fn of(spec: &ListenSpec) -> Self {
        let suffix = match &spec.addr {
            ListenAddr::Addr(addr @ Addr::Inet(_)) => format!(" for [{addr}]"),
            ListenAddr::Addr(addr) => format!(" [{addr}]"),
            ListenAddr::Fd(number) => format!(" for [fd@{number}]"),
            ListenAddr::SockPair(number) => format!(" for [sockpair@{number}]"),
        };
        Self { step: Step::Binding, suffix, warnings: Vec::new() }
    }

    fn text(&self, what: &str, error: &io::Error) -> String {
        format!("{what} ({}){}", sys::reason(error), self.suffix)
    }

    fn warn(&mut self, what: &str, result: io::Result<()>) {
        if let Err(e) = result {
            self.warnings.push(BindWarning { step: self.step, text: self.text(what, &e) });
        }
    }

    fn error(&self, what: &str, error: &io::Error) -> BindError {
        let later = match error.kind() {
            io::ErrorKind::AddrInUse => Later::MayWork,
            _ => Later::IsFutile,
        };
        BindError { step: self.step, text: self.text(what, error), later }
    }

    fn abstract_error(&self, error: &io::Error) -> BindError {
        if error.kind() != io::ErrorKind::AddrInUse {
            return self.error("cannot bind UNIX socket", error);
        }
        let text = format!("cannot bind UNIX socket (already in use){}", self.suffix);
        BindError { step: self.step, text, later: Later::MayWork }
    }
}

impl BoundListener {
    /// What did not work out while it was started.
    pub fn warnings(&self) -> &[BindWarning] {
        &self.warnings
    }

    /// What it was made from.
    pub fn spec(&self) -> &ListenSpec {
        &self.spec
    }

    /// The address it listens on, with the port that the system chose if it had to.
    pub fn local_addr(&self) -> io::Result<Addr> {
        socket::own_name(self.fd.as_fd()).map(|raw| crate::addr::from_sock(&raw))
    }

    /// The descriptor's number, for messages.
    pub fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Lets the current thread accept from it; the thread's event loop gets it at the first wait.
    pub fn attach(&self) -> Listener {
        Listener::new(self)
    }

    /// Stops accepting for a while. New TCP connections are refused meanwhile and another process may
    /// take the port; a UNIX socket of the file system keeps its place. An abstract name is free only
    /// once the listener is dropped, so that resuming it means binding anew.
    pub fn pause(&self) -> io::Result<()> {
        self.control.pause();
        if self.local_addr().is_ok_and(|addr| matches!(addr, Addr::Inet(_))) {
            socket::unlisten(self.fd.as_fd())?;
        }
        Ok(())
    }

    /// Accepts again after a pause.
    pub fn resume(&self) -> io::Result<()> {
        if !matches!(self.spec.addr, ListenAddr::SockPair(_)) {
            socket::listen(self.fd.as_fd(), self.spec.backlog)?;
        }
        self.control.resume();
        Ok(())
    }

    /// Ends accepting: every thread takes what still waits and is then told that it is over. The socket
    /// closes when the last of them has dropped its listener.
    pub fn stop(&self) {
        self.control.stop();
    }
}

impl AsFd for BoundListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> Addr {
        Addr::inet([127, 0, 0, 1], 0)
    }

    #[test]
    fn an_address_in_use_may_work_later() {
        let exclusive = ListenSpec { reuse_port: Switch::Off, ..ListenSpec::at(loopback()) };
        let first = bind(&exclusive).unwrap();
        let addr = first.local_addr().unwrap();
        let e = bind(&ListenSpec::at(addr.clone())).unwrap_err();
        assert_eq!(e.text, format!("cannot bind socket (Address already in use) for [{addr}]"));
        assert_eq!((e.step, e.later), (Step::Binding, Later::MayWork));
    }

    #[test]
    fn several_sockets_share_an_address() {
        let first = bind(&ListenSpec::at(loopback())).unwrap();
        let second = bind(&ListenSpec::at(first.local_addr().unwrap())).unwrap();
        assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
    }

    #[test]
    fn an_address_of_another_machine_is_refused_unless_transparent() {
        let foreign = Addr::inet([192, 0, 2, 1], 8080);
        let e = bind(&ListenSpec::at(foreign.clone())).unwrap_err();
        assert_eq!(e.text, "cannot bind socket (Cannot assign requested address) for [192.0.2.1:8080]");
        assert_eq!(e.later, Later::IsFutile);
        let spec = ListenSpec { transparent: Switch::On, ..ListenSpec::at(foreign) };
        assert!(options::is_transparent(bind(&spec).unwrap().as_fd(), Domain::V4));
    }

    #[test]
    fn lesser_failures_are_warnings() {
        let spec = ListenSpec {
            max_segment: Some(5),
            congestion: Some("nope".into()),
            interface: Some("nope0".into()),
            ..ListenSpec::at(Addr::inet([127, 0, 0, 1], 0))
        };
        let bound = bind(&spec).unwrap();
        let texts: Vec<_> = bound.warnings().iter().map(|w| (w.step, w.text.as_str())).collect();
        assert_eq!(
            texts,
            [
                (Step::Binding, "cannot bind receiver to device 'nope0' (No such device) for [127.0.0.1:0]"),
                (Step::Starting, "cannot set MSS to 5, (Invalid argument) for [127.0.0.1:0]"),
                (
                    Step::Starting,
                    "cannot set TCP congestion control algorithm, (No such file or directory) for [127.0.0.1:0]"
                ),
            ]
        );
    }

    #[test]
    fn every_option_reaches_the_socket() {
        let spec = ListenSpec {
            interface: Some("lo".into()),
            max_segment: Some(1400),
            user_timeout: Some(Duration::from_secs(5)),
            defer_accept: Switch::On,
            fast_open: Switch::On,
            save_syn: Some(1),
            congestion: Some("reno".into()),
            v6: V6Binding::Only,
            ..ListenSpec::at(Addr::Inet("[::1]:0".parse().unwrap()))
        };
        let bound = bind(&spec).unwrap();
        assert_eq!(bound.warnings(), []);
        let fd = bound.as_fd();
        assert_eq!(options::bound_device(fd).unwrap().as_deref(), Some("lo"));
        assert!(options::is_v6_only(fd).unwrap() && options::is_no_delay(fd).unwrap());
        assert_eq!(options::max_segment_of(fd).unwrap(), 1400);
        assert!(options::is_listening(fd).unwrap());
    }

    #[test]
    fn abstract_names_are_taken_once() {
        let name = format!("haproxy-net-{}-once", std::process::id());
        let addr = Addr::Unix(UnixName::Abstract(name.as_bytes().into()));
        let first = bind(&ListenSpec::at(addr.clone())).unwrap();
        let e = bind(&ListenSpec::at(addr.clone())).unwrap_err();
        assert_eq!(e.text, format!("cannot bind UNIX socket (already in use) [abns@{name}]"));
        assert_eq!(e.later, Later::MayWork);
        assert_eq!(first.local_addr().unwrap(), addr);
    }

    #[test]
    fn a_parents_socket_is_used_as_it_is() {
        let parent = bind(&ListenSpec::at(loopback())).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&parent.as_fd());
        let spec = ListenSpec { addr: ListenAddr::Fd(number), ..ListenSpec::default() };
        assert_eq!(bind(&spec).unwrap().local_addr().unwrap(), parent.local_addr().unwrap());
        let spec = ListenSpec { addr: ListenAddr::Fd(987_654), ..ListenSpec::default() };
        let e = bind(&spec).unwrap_err();
        assert_eq!(e.text, "cannot use file descriptor (Bad file descriptor) for [fd@987654]");
    }

    #[test]
    fn protocols_have_the_names_of_the_messages() {
        let name = |addr, transport| ListenSpec { transport, ..ListenSpec::at(addr) }.protocol_name();
        assert_eq!(name(loopback(), Transport::Stream), "tcpv4");
        assert_eq!(name(loopback(), Transport::Mptcp), "mptcpv4");
        assert_eq!(name(Addr::unix(b"/x"), Transport::Stream), "unix_stream");
    }
}
