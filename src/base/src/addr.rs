//! Where a connection comes from or goes to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// A resolved endpoint address of any supported family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Addr {
    /// IPv4 or IPv6 with a port (0 when there is none).
    Inet(SocketAddr),
    /// A UNIX domain socket.
    Unix(UnixName),
}

/// The name of a UNIX domain socket, unix(7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnixName {
    /// The peer did not bind.
    Unnamed,
    /// A path of the file system.
    Path(Arc<[u8]>),
    /// The abstract name space; the name is padded with zeroes to the structure's size (`abns@`).
    Abstract(Arc<[u8]>),
    /// The abstract name space; the name has just its own length (`abnsz@`).
    AbstractExact(Arc<[u8]>),
}

/// The address family, as rules and logs distinguish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// UNIX domain.
    Unix,
}

impl Addr {
    /// An IP address and a port.
    pub fn inet(ip: impl Into<IpAddr>, port: u16) -> Self {
        Self::Inet(SocketAddr::new(ip.into(), port))
    }

    /// A UNIX socket at a path.
    pub fn unix(path: &[u8]) -> Self {
        Self::Unix(UnixName::Path(path.into()))
    }

    /// The family of this address.
    pub fn family(&self) -> Family {
        match self {
            Self::Inet(SocketAddr::V4(_)) => Family::V4,
            Self::Inet(SocketAddr::V6(_)) => Family::V6,
            Self::Unix(_) => Family::Unix,
        }
    }

    /// The IP address, if there is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet(a) => Some(a.ip()),
            Self::Unix(_) => None,
        }
    }

    /// The port; `None` for a UNIX socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Inet(a) => Some(a.port()),
            Self::Unix(_) => None,
        }
    }

    /// The same host with another port; a UNIX address is returned as it is.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        match self {
            Self::Inet(a) => Self::Inet(SocketAddr::new(a.ip(), port)),
            Self::Unix(_) => self.clone(),
        }
    }

    /// The same port with another host; a UNIX address becomes an inet one with port 0.
    #[must_use]
    pub fn with_ip(&self, ip: IpAddr) -> Self {
        Self::Inet(SocketAddr::new(ip, self.port().unwrap_or(0)))
    }

    /// Whether this is `0.0.0.0` or `::`, which stands for "any" or "the original destination".
    pub fn is_unspecified(&self) -> bool {
        self.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// An IPv4-mapped IPv6 address as plain IPv4, everything else unchanged.
    #[must_use]
    pub fn unmapped(self) -> Self {
        match self {
            Self::Inet(SocketAddr::V6(a)) => match a.ip().to_ipv4_mapped() {
                Some(v4) => Self::inet(v4, a.port()),
                None => Self::Inet(SocketAddr::V6(a)),
            },
            other => other,
        }
    }

    /// The unspecified address of a family, for sockets that have no name yet.
    pub fn any(family: Family) -> Self {
        match family {
            Family::V4 => Self::inet(Ipv4Addr::UNSPECIFIED, 0),
            Family::V6 => Self::inet(Ipv6Addr::UNSPECIFIED, 0),
            Family::Unix => Self::Unix(UnixName::Unnamed),
        }
    }
}

impl From<SocketAddr> for Addr {
    fn from(a: SocketAddr) -> Self {
        Self::Inet(a)
    }
}

/// `ip:port` with IPv6 unbracketed as in the statistics and the runtime API; `unix` forms with their prefix.
impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(a) => write!(f, "{}:{}", a.ip(), a.port()),
            Self::Unix(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("unix"),
            Self::Path(p) => f.write_str(&String::from_utf8_lossy(p)),
            Self::Abstract(n) => write!(f, "abns@{}", String::from_utf8_lossy(n)),
            Self::AbstractExact(n) => write!(f, "abnsz@{}", String::from_utf8_lossy(n)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_become_ipv4() {
        let mapped = Addr::inet("::ffff:192.0.2.1".parse::<IpAddr>().unwrap(), 80);
        assert_eq!(mapped.unmapped(), Addr::inet(Ipv4Addr::new(192, 0, 2, 1), 80));
        let v6 = Addr::inet(Ipv6Addr::LOCALHOST, 80);
        assert_eq!(v6.clone().unmapped(), v6);
    }

    #[test]
    fn display_is_unbracketed() {
        assert_eq!(Addr::inet(Ipv6Addr::LOCALHOST, 80).to_string(), "::1:80");
        assert_eq!(Addr::unix(b"/run/x.sock").to_string(), "/run/x.sock");
    }

    #[test]
    fn port_and_host_are_replaced_separately() {
        let a = Addr::inet(Ipv4Addr::LOCALHOST, 80);
        assert_eq!(a.with_port(81).port(), Some(81));
        assert_eq!(a.with_ip(Ipv6Addr::LOCALHOST.into()).family(), Family::V6);
        assert_eq!(Addr::unix(b"/x").with_port(5), Addr::unix(b"/x"));
    }
}
