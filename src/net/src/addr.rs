//! Between the house's addresses and the system's.

use base::addr::{Addr, Family, UnixName};
use sys::addr::{SockAddr, SockName, UNIX_PATH_MAX};
use sys::socket::{Domain, Transport};

/// The system's form of an address; `None` when it has none (an unnamed or overlong UNIX name).
pub fn to_sock(addr: &Addr) -> Option<SockAddr> {
    match addr {
        Addr::Inet(inet) => Some(SockAddr::inet(*inet)),
        Addr::Unix(UnixName::Unnamed) => None,
        Addr::Unix(UnixName::Path(path)) => SockAddr::unix_path(path),
        Addr::Unix(UnixName::Abstract(name)) => SockAddr::abstract_padded(name),
        Addr::Unix(UnixName::AbstractExact(name)) => SockAddr::abstract_exact(name),
    }
}

/// The house's form of an address; what has no meaning here is an unnamed UNIX socket.
pub fn from_sock(sock: &SockAddr) -> Addr {
    if let Some(inet) = sock.as_inet() {
        return Addr::Inet(inet);
    }
    Addr::Unix(match sock.name() {
        SockName::Path(path) => UnixName::Path(path.into()),
        SockName::Abstract(name) if name.len() == UNIX_PATH_MAX - 1 => {
            let len = name.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            UnixName::Abstract(name[..len].into())
        }
        SockName::Abstract(name) => UnixName::AbstractExact(name.into()),
        SockName::Inet(_) | SockName::Unnamed | SockName::Other(_) => UnixName::Unnamed,
    })
}

/// The domain of the sockets that can use an address.
pub fn domain_of(addr: &Addr) -> Domain {
    match addr.family() {
        Family::V4 => Domain::V4,
        Family::V6 => Domain::V6,
        Family::Unix => Domain::Unix,
    }
}

/// The name of the protocol that an address stands for, as messages and `show` commands tell it.
pub fn protocol_name(addr: &Addr, transport: Transport) -> &'static str {
    match (addr, transport) {
        (Addr::Inet(a), Transport::Mptcp) if a.is_ipv4() => "mptcpv4",
        (Addr::Inet(_), Transport::Mptcp) => "mptcpv6",
        (Addr::Inet(a), Transport::Stream) if a.is_ipv4() => "tcpv4",
        (Addr::Inet(_), Transport::Stream) => "tcpv6",
        (Addr::Inet(a), Transport::Datagram) if a.is_ipv4() => "udpv4",
        (Addr::Inet(_), Transport::Datagram) => "udpv6",
        (Addr::Unix(UnixName::Abstract(_)), _) => "abns_stream",
        (Addr::Unix(UnixName::AbstractExact(_)), _) => "abnsz_stream",
        (Addr::Unix(_), Transport::Datagram) => "unix_dgram",
        (Addr::Unix(_), _) => "unix_stream",
    }
}

/// Where the connection on a descriptor was sent to, for those who keep only its number.
pub fn destination_of(number: i32) -> Option<Addr> {
    sys::socket::own_name_of(number).ok().map(|raw| from_sock(&raw).unmapped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_name_survives() {
        let names = [
            UnixName::Path((*b"/run/x").into()),
            UnixName::Abstract((*b"padded").into()),
            UnixName::AbstractExact((*b"exact").into()),
        ];
        for name in names {
            let addr = Addr::Unix(name);
            assert_eq!(from_sock(&to_sock(&addr).unwrap()), addr);
        }
        let inet = Addr::Inet("[2001:db8::1]:443".parse().unwrap());
        assert_eq!(from_sock(&to_sock(&inet).unwrap()), inet);
        assert!(to_sock(&Addr::Unix(UnixName::Unnamed)).is_none());
    }
}
