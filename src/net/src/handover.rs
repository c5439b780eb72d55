//! Handing listening sockets from the old process to the new one, so that a reload refuses nobody.
//!
//! The taker says `_getsocks` to a stats socket of the giver. The answer is the number of sockets, then
//! messages of at most 253 descriptors with, for each, the length and name of its namespace, the same
//! of its interface, and a number without meaning. The taker confirms each message with four bytes.
//! Numbers are the machine's own; this is how HAProxy does it since 1.8, and either side may be one.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use base::addr::{Addr, UnixName};
use sys::fdpass::{self, MAX_FDS};
use sys::options::{self, Switch};
use sys::socket::{self, Domain, More, Transport};

use crate::addr::{domain_of, from_sock, to_sock};
use crate::listen::{self, BindError, BoundListener, ListenAddr, ListenSpec, V6Binding};
use crate::unix::final_path;

const REQUEST: &[u8] = b"_getsocks\n";
/// How long either side waits for the other, in seconds.
const PATIENCE: u32 = 1;
/// Two names of at most 255 bytes, their lengths, and the number.
const MAX_ENTRY: usize = 2 * 256 + 4;
/// More sockets than any process opens; a giver that claims more is none.
const MAX_SOCKETS: usize = 1 << 20;

/// Why no sockets came over, by what was being done.
#[derive(Debug)]
pub struct HandoverError {
    step: &'static str,
    source: io::Error,
}

impl fmt::Display for HandoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} the old process ({})", self.step, sys::reason(&self.source))
    }
}

impl std::error::Error for HandoverError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn during(step: &'static str) -> impl FnOnce(io::Error) -> HandoverError {
    move |source| HandoverError { step, source }
}

/// Sockets that an old process has handed over and that nobody has claimed yet. The rest close when
/// this is dropped.
#[derive(Debug, Default)]
pub struct Inherited(Vec<Handed>);

/// One of them, and what tells it apart.
#[derive(Debug)]
struct Handed {
    fd: OwnedFd,
    namespace: String,
    interface: String,
    traits: Traits,
}

#[derive(Debug, PartialEq, Eq)]
struct Traits {
    addr: Addr,
    transport: Transport,
    transparent: Switch,
    v6_only: Switch,
}

/// Asks the process that listens at a UNIX address for its sockets. This blocks for as long as the
/// giver answers, so it belongs to the start of a process.
pub fn take_from(stats_socket: &Addr) -> Result<Inherited, HandoverError> {
    let invalid = || during("address")(io::ErrorKind::InvalidInput.into());
    let raw = to_sock(stats_socket).ok_or_else(invalid)?;
    let fd = socket::socket(domain_of(stats_socket), Transport::Stream).map_err(during("connect to"))?;
    socket::connect(fd.as_fd(), &raw).map_err(during("connect to"))?;
    take(fd.as_fd())
}

/// Asks for the sockets over a connection.
pub fn take(over: BorrowedFd<'_>) -> Result<Inherited, HandoverError> {
    socket::make_blocking(over, PATIENCE).map_err(during("wait for"))?;
    socket::send(over, REQUEST, More::No).map_err(during("ask"))?;
    let mut count = [0; 4];
    socket::recv_all(over, &mut count).map_err(during("get the number of sockets of"))?;
    let count = u32::from_ne_bytes(count) as usize;
    if count > MAX_SOCKETS {
        return Err(during("understand")(io::ErrorKind::InvalidData.into()));
    }
    let mut taken = Vec::new();
    while taken.len() < count {
        let already = taken.len();
        take_message(over, &mut taken).map_err(during("get the sockets of"))?;
        let confirmation = (already as u32).to_ne_bytes();
        socket::send(over, &confirmation, More::No).map_err(during("confirm the sockets of"))?;
    }
    Ok(Inherited(taken))
}

/// Receives one message: descriptors first, and the names that may follow in pieces.
fn take_message(over: BorrowedFd<'_>, taken: &mut Vec<Handed>) -> io::Result<()> {
    let mut bytes = vec![0; MAX_FDS * MAX_ENTRY];
    let (mut filled, fds) = fdpass::recv(over, &mut bytes)?;
    if filled == 0 || fds.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut at = 0;
    for fd in fds {
        let (namespace, interface) = loop {
            match decode_entry(&bytes[at..filled]) {
                Some((entry, len)) => {
                    at += len;
                    break entry;
                }
                None => match fdpass::recv(over, &mut bytes[filled..])? {
                    (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    (more, _) => filled += more,
                },
            }
        };
        let traits = traits_of(fd.as_fd())?;
        taken.push(Handed { fd, namespace, interface, traits });
    }
    Ok(())
}

fn decode_entry(bytes: &[u8]) -> Option<((String, String), usize)> {
    let text = |at: usize| {
        let len = usize::from(*bytes.get(at)?);
        let name = bytes.get(at + 1..at + 1 + len)?;
        Some((String::from_utf8_lossy(name).into_owned(), at + 1 + len))
    };
    let (namespace, at) = text(0)?;
    let (interface, at) = text(at)?;
    (bytes.len() >= at + 4).then_some(((namespace, interface), at + 4))
}

fn encode_entry(namespace: &str, interface: &str, out: &mut Vec<u8>) {
    for name in [namespace, interface] {
        let name = &name.as_bytes()[..name.len().min(255)];
        out.push(name.len() as u8);
        out.extend_from_slice(name);
    }
    out.extend_from_slice(&[0; 4]);
}

/// Gives the sockets over the connection on which `_getsocks` was read. This blocks until the taker
/// has confirmed, for a second at most each time.
pub fn give(over: BorrowedFd<'_>, sockets: &[BoundListener]) -> io::Result<()> {
    socket::make_blocking(over, PATIENCE)?;
    send_all(over, &(sockets.len() as u32).to_ne_bytes(), &[])?;
    for batch in sockets.chunks(MAX_FDS) {
        let mut bytes = Vec::new();
        for listener in batch {
            let spec = listener.spec();
            let namespace = spec.namespace.as_ref().map_or("", |namespace| namespace.name());
            encode_entry(namespace, spec.interface.as_deref().unwrap_or(""), &mut bytes);
        }
        let fds: Vec<_> = batch.iter().map(AsFd::as_fd).collect();
        send_all(over, &bytes, &fds)?;
        socket::recv_all(over, &mut [0; 4])?;
    }
    Ok(())
}

/// Sends bytes, the descriptors with the first of them.
fn send_all(over: BorrowedFd<'_>, mut bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut fds = fds;
    while !bytes.is_empty() {
        let sent = fdpass::send(over, bytes, fds)?;
        bytes = &bytes[sent..];
        fds = &[];
    }
    Ok(())
}

fn traits_of(fd: BorrowedFd<'_>) -> io::Result<Traits> {
    let addr = match from_sock(&socket::own_name(fd)?) {
        Addr::Unix(UnixName::Path(path)) => Addr::unix(final_path(&path)),
        addr => addr,
    };
    let domain = domain_of(&addr);
    let transport = if !options::is_stream(fd)? {
        Transport::Datagram
    } else if domain != Domain::Unix && options::is_mptcp(fd)? {
        Transport::Mptcp
    } else {
        Transport::Stream
    };
    let on_if = |is: bool| if is { Switch::On } else { Switch::Off };
    Ok(Traits {
        transport,
        transparent: on_if(options::is_transparent(fd, domain)),
        v6_only: on_if(domain == Domain::V6 && options::is_v6_only(fd)?),
        addr,
    })
}

impl Inherited {
    /// How many are left.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a socket that is what a `bind` line describes.
    pub fn claim(&mut self, spec: &ListenSpec) -> Option<OwnedFd> {
        let ListenAddr::Addr(addr) = &spec.addr else { return None };
        let wanted = Traits {
            addr: addr.clone(),
            transport: match addr {
                Addr::Unix(_) if spec.transport == Transport::Mptcp => Transport::Stream,
                _ => spec.transport,
            },
            transparent: spec.transparent,
            v6_only: if spec.v6 == V6Binding::Only { Switch::On } else { Switch::Off },
        };
        let namespace = spec.namespace.as_ref().map_or("", |namespace| namespace.name());
        let interface = spec.interface.as_deref().unwrap_or("");
        let at = self.0.iter().position(|handed| {
            handed.traits == wanted && handed.namespace == namespace && handed.interface == interface
        })?;
        Some(self.0.swap_remove(at).fd)
    }

    /// Uses an inherited socket for a `bind` line if there is one, else opens a new one.
    pub fn bind(&mut self, spec: &ListenSpec) -> Result<BoundListener, BindError> {
        match self.claim(spec) {
            Some(fd) => listen::bind_inherited(spec, fd),
            None => listen::bind(spec),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> ListenSpec {
        ListenSpec::at(Addr::inet([127, 0, 0, 1], 0))
    }

    /// Lets one thread give and this one take.
    fn exchange(sockets: Vec<BoundListener>) -> Inherited {
        let (ours, theirs) = socket::socket_pair().unwrap();
        let giver = std::thread::spawn(move || {
            socket::make_blocking(theirs.as_fd(), 5).unwrap();
            let mut request = [0; REQUEST.len()];
            socket::recv_all(theirs.as_fd(), &mut request).unwrap();
            assert_eq!(request, REQUEST);
            give(theirs.as_fd(), &sockets).unwrap();
        });
        let taken = take(ours.as_fd()).unwrap();
        giver.join().unwrap();
        taken
    }

    #[test]
    fn sockets_are_found_by_what_they_are() {
        let name = format!("haproxy-net-{}-handover", std::process::id());
        let abstract_name = Addr::Unix(UnixName::AbstractExact(name.as_bytes().into()));
        let plain = listen::bind(&loopback()).unwrap();
        let tied = ListenSpec { interface: Some("lo".into()), ..loopback() };
        let given = vec![
            plain.clone(),
            listen::bind(&tied).unwrap(),
            listen::bind(&ListenSpec::at(abstract_name.clone())).unwrap(),
        ];
        let tied_addr = given[1].local_addr().unwrap();
        let mut taken = exchange(given);
        assert_eq!(taken.len(), 3);
        let at = |addr: &Addr| ListenSpec::at(addr.clone());
        assert!(taken.claim(&at(&tied_addr)).is_none(), "another interface");
        let transparent = ListenSpec { transparent: Switch::On, ..at(&plain.local_addr().unwrap()) };
        assert!(taken.claim(&transparent).is_none());
        let mptcp = ListenSpec { transport: Transport::Mptcp, ..at(&plain.local_addr().unwrap()) };
        assert!(taken.claim(&mptcp).is_none());
        let bound = taken.bind(&at(&plain.local_addr().unwrap())).unwrap();
        assert_eq!(bound.local_addr().unwrap(), plain.local_addr().unwrap());
        let tied = ListenSpec { interface: Some("lo".into()), ..at(&tied_addr) };
        assert!(taken.claim(&tied).is_some());
        // An abstract name is taken, so that only the inherited socket can have it.
        assert_eq!(taken.bind(&at(&abstract_name)).unwrap().local_addr().unwrap(), abstract_name);
        assert!(taken.is_empty());
    }

    #[test]
    fn unix_sockets_are_found_by_their_final_path() {
        let path = std::env::temp_dir().join(format!("haproxy-net-{}-handover", std::process::id()));
        let spec = ListenSpec::at(Addr::unix(path.as_os_str().as_encoded_bytes()));
        let mut taken = exchange(vec![listen::bind(&spec).unwrap()]);
        assert!(taken.claim(&spec).is_some());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn many_sockets_come_in_several_messages() {
        let one = listen::bind(&loopback()).unwrap();
        assert_eq!(exchange(vec![one; 2 * MAX_FDS + 1]).len(), 2 * MAX_FDS + 1);
        assert!(exchange(Vec::new()).is_empty());
    }

    #[test]
    fn entries_are_encoded_as_the_other_side_reads_them() {
        let mut out = Vec::new();
        encode_entry("", "lo", &mut out);
        assert_eq!(out, b"\0\x02lo\0\0\0\0");
        assert_eq!(decode_entry(&out), Some(((String::new(), "lo".into()), 8)));
        for cut in 0..out.len() {
            assert_eq!(decode_entry(&out[..cut]), None);
        }
    }

    #[test]
    fn a_silent_or_absurd_giver_is_given_up() {
        let (ours, theirs) = socket::socket_pair().unwrap();
        socket::send(theirs.as_fd(), &[0xff; 4], More::No).unwrap();
        let e = take(ours.as_fd()).unwrap_err();
        assert!(e.to_string().starts_with("cannot understand the old process"), "{e}");
        drop(theirs);
        assert!(take(ours.as_fd()).is_err());
        let nobody = take_from(&Addr::unix(b"/nonexistent/stats.sock")).unwrap_err();
        assert_eq!(nobody.to_string(), "cannot connect to the old process (No such file or directory)");
    }
}
