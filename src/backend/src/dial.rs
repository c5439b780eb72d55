//! How connections to a server are made: what its line says of their sockets, and of what is said on
//! them before anything else.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::addr::Addr;
use config::Setting;
use lang::{Expr, LogFormat};
use net::{Protocol, Transport};
use sys::namespace::Namespace;
use sys::options::Switch;

/// What a server line says of its connections.
#[derive(Clone, Debug, Default)]
pub struct DialSettings {
    /// TCP or Multipath TCP.
    pub transport: ServerTransport,
    /// Where the port comes from.
    pub port: ServerPort,
    /// `source`.
    pub source: Option<Source>,
    /// `namespace`.
    pub namespace: ServerNamespace,
    /// `tcp-ut`.
    pub user_timeout: Option<Duration>,
    /// `tcp-md5sig`.
    pub md5_key: Option<Box<[u8]>>,
    /// `cc`.
    pub congestion: Option<Box<str>>,
    /// `tfo`.
    pub fast_open: FastOpen,
    /// `socks4`: the proxy before the server.
    pub socks4: Option<Addr>,
    /// `send-proxy` and its like.
    pub header: HeaderSettings,
    /// `proto`: what is spoken on connections, whatever was agreed on.
    pub protocol: Option<Protocol>,
    /// `ws`.
    pub websockets: Websockets,
    /// `pool-conn-name`: connections with different names do not stand in for each other.
    pub name: Option<Arc<Expr>>,
}

impl Setting for DialSettings {}

/// What `WebSocket` streams go over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Websockets {
    /// What other streams go over; HTTP/1 where both sides are to agree and that is offered.
    #[default]
    Auto,
    /// HTTP/1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// The network namespace of a server's connections.
#[derive(Clone, Debug, Default)]
pub enum ServerNamespace {
    /// The process's.
    #[default]
    Own,
    /// This one.
    Named(Namespace),
    /// The one that the client's PROXY header names, if it is one that the configuration knows.
    Clients,
}

/// The transport of a server's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerTransport {
    /// TCP, or a UNIX socket.
    #[default]
    Stream,
    /// Multipath TCP.
    Mptcp,
}

impl From<ServerTransport> for Transport {
    fn from(t: ServerTransport) -> Self {
        match t {
            ServerTransport::Stream => Self::Stream,
            ServerTransport::Mptcp => Self::Mptcp,
        }
    }
}

/// Where the port of a connection comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerPort {
    /// The server's address has it.
    #[default]
    Own,
    /// It is the one that the client connected to, moved by so many.
    Clients(i32),
}

/// Whether data go out with the opening segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FastOpen {
    /// They wait for the connection.
    #[default]
    Off,
    /// They do.
    On,
}

impl From<FastOpen> for Switch {
    fn from(f: FastOpen) -> Self {
        if f == FastOpen::On { Self::On } else { Self::Off }
    }
}

/// What is said of the client before anything else.
#[derive(Clone, Debug, Default)]
pub struct HeaderSettings {
    /// `send-proxy`.
    pub v1: Sending,
    /// `send-proxy-v2`, which goes before version 1.
    pub v2: Sending,
    /// `proxy-v2-options crc32c`.
    pub checksum: Sending,
    /// `proxy-v2-options authority`.
    pub authority: Sending,
    /// `send-proxy-v2-ssl`, `proxy-v2-options ssl`.
    pub tls: Sending,
    /// `send-proxy-v2-ssl-cn`, `proxy-v2-options cert-cn`.
    pub common_name: Sending,
    /// `proxy-v2-options cert-key`.
    pub key: Sending,
    /// `proxy-v2-options cert-sig`.
    pub signature: Sending,
    /// `proxy-v2-options ssl-cipher`.
    pub cipher: Sending,
    /// `proxy-v2-options unique-id`.
    pub unique_id: Sending,
    /// `set-proxy-v2-tlv-fmt`: types and values.
    pub tlvs: Vec<(u8, Option<Arc<LogFormat>>)>,
}

/// Whether something is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sending {
    /// It is not.
    #[default]
    No,
    /// It is.
    Yes,
}

impl Sending {
    /// Whether it is.
    pub fn is_on(self) -> bool {
        self == Self::Yes
    }
}

impl HeaderSettings {
    /// Whether it tells of the client's TLS session.
    pub fn tells_of_tls(&self) -> bool {
        [self.tls, self.common_name, self.key, self.signature, self.cipher].iter().any(|s| s.is_on())
    }

    /// Whether a header of any version is sent.
    pub fn is_sent(&self) -> bool {
        self.v1.is_on() || self.v2.is_on()
    }
}

/// Where connections come from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The address; unspecified for any.
    pub addr: Addr,
    /// The ports to take in turn, instead of the address's.
    pub ports: Option<Arc<PortPool>>,
    /// `usesrc`: the address that the server sees, instead.
    pub shown: Option<Shown>,
    /// `interface`.
    pub interface: Option<Box<str>>,
}

/// The source address that a server sees, when it need not be one of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// This one.
    Addr(Addr),
    /// The client's, with its port.
    Client,
    /// The client's, with any port.
    ClientIp,
    /// The one that a header of the request holds.
    Header {
        /// The header's name.
        name: Box<[u8]>,
        /// Which of its values; negative ones count from the last.
        occurrence: i32,
    },
}

impl DialSettings {
    /// Whether all connections to the server are alike, whoever they are for.
    pub fn is_same_for_all(&self) -> bool {
        let by_client = |s: &Source| !matches!(s.shown, None | Some(Shown::Addr(_)));
        let by_namespace = matches!(self.namespace, ServerNamespace::Clients);
        self.port == ServerPort::Own
            && !by_namespace
            && !self.header.is_sent()
            && !self.source.as_ref().is_some_and(by_client)
    }
}

/// The free ports of a range.
#[derive(Debug)]
pub struct PortPool(Mutex<VecDeque<u16>>);

impl PortPool {
    /// The ports from the first to the last.
    pub fn new(low: u16, high: u16) -> Self {
        Self(Mutex::new((low..=high).collect()))
    }

    /// Takes the port that was free for longest.
    pub fn lease(self: &Arc<Self>) -> Option<PortLease> {
        let port = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()?;
        Some(PortLease { pool: Arc::clone(self), port })
    }
}

/// A port that nobody else takes while this is held.
#[derive(Debug)]
pub struct PortLease {
    pool: Arc<PortPool>,
    port: u16,
}

impl PortLease {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_in_turn_and_come_back() {
        let pool = Arc::new(PortPool::new(5, 6));
        let (five, six) = (pool.lease().unwrap(), pool.lease().unwrap());
        assert_eq!((five.port(), six.port()), (5, 6));
        assert!(pool.lease().is_none());
        drop(six);
        drop(five);
        assert_eq!(pool.lease().map(|lease| lease.port()), Some(6));
    }

    #[test]
    fn only_the_clients_own_traits_set_connections_apart() {
        let mut dial = DialSettings::default();
        let source =
            |shown| Source { addr: Addr::inet([127, 0, 0, 1], 0), ports: None, shown, interface: None };
        dial.source = Some(source(Some(Shown::Addr(Addr::inet([10, 0, 0, 1], 0)))));
        assert!(dial.is_same_for_all());
        dial.source = Some(source(Some(Shown::ClientIp)));
        assert!(!dial.is_same_for_all());
        let headed = HeaderSettings { v1: Sending::Yes, ..HeaderSettings::default() };
        assert!(!DialSettings { header: headed, ..DialSettings::default() }.is_same_for_all());
    }
}
