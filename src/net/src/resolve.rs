//! From addresses as written to addresses of the system, at start-up only: names are asked of the system's resolver.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use base::addr::{Addr, UnixName};
use grammar::address::{Address, Family, Host, Port};

/// Why an address as written leads nowhere.
#[derive(Debug)]
pub enum ResolveError {
    /// The system's resolver found nothing.
    Name(io::Error),
    /// The name has no address of the family that was asked for.
    NoAddress,
    /// It does not name an endpoint of its own (a descriptor, a range, a reversed server).
    NotAnEndpoint,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(e) => e.fmt(f),
            Self::NoAddress => f.write_str("no address of the wanted family"),
            Self::NotAnEndpoint => f.write_str("not an address that can be connected to"),
        }
    }
}

impl std::error::Error for ResolveError {}

/// The one endpoint that an address means; its port is 0 where none, or only an offset, is written.
pub fn resolve(address: &Address) -> Result<Addr, ResolveError> {
    let port = match address.port {
        Port::Fixed(port) => port,
        Port::None | Port::Offset(_) => 0,
        Port::Range(low, high) if low == high => low,
        Port::Range(..) => return Err(ResolveError::NotAnEndpoint),
    };
    resolve_with_port(address, port)
}

/// The endpoint at one port of an address.
pub fn resolve_with_port(address: &Address, port: u16) -> Result<Addr, ResolveError> {
    let wants_v6 = address.family == Family::Ipv6;
    match &address.host {
        Host::Any if wants_v6 => Ok(Addr::inet(Ipv6Addr::UNSPECIFIED, port)),
        Host::Any => Ok(Addr::inet(Ipv4Addr::UNSPECIFIED, port)),
        Host::V4(ip) => Ok(Addr::inet(*ip, port)),
        Host::V6(ip) => Ok(Addr::inet(*ip, port)),
        Host::Path(name) => Ok(Addr::Unix(match address.family {
            Family::Abstract => UnixName::Abstract(name[..].into()),
            Family::AbstractTerminated => UnixName::AbstractExact(name[..].into()),
            _ => UnixName::Path(name[..].into()),
        })),
        Host::Name(name) => look_up(&name.lossy(), address.family, port),
        Host::Descriptor(_) | Host::Server(_) => Err(ResolveError::NotAnEndpoint),
    }
}

fn look_up(name: &str, family: Family, port: u16) -> Result<Addr, ResolveError> {
    let fits = |ip: &IpAddr| match family {
        Family::Ipv4 => ip.is_ipv4(),
        Family::Ipv6 => ip.is_ipv6(),
        _ => true,
    };
    let found: Vec<IpAddr> =
        (name, port).to_socket_addrs().map_err(ResolveError::Name)?.map(|a| a.ip()).filter(fits).collect();
    // IPv4 is what a name without a family has always meant first.
    let best = found.iter().find(|ip| ip.is_ipv4()).or(found.first()).ok_or(ResolveError::NoAddress)?;
    Ok(Addr::Inet(SocketAddr::new(*best, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<String, String> {
        let address = grammar::address::parse(text.as_bytes()).unwrap();
        resolve(&address).map(|a| a.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn each_form_becomes_an_endpoint() {
        assert_eq!(resolved("127.0.0.1:80").unwrap(), "127.0.0.1:80");
        assert_eq!(resolved(":80").unwrap(), "0.0.0.0:80");
        assert_eq!(resolved("ipv6@:80").unwrap(), ":::80");
        assert_eq!(resolved("[::1]:80").unwrap(), "::1:80");
        assert_eq!(resolved("unix@/run/a").unwrap(), "/run/a");
        assert_eq!(resolved("abns@a").unwrap(), "abns@a");
        assert_eq!(resolved("127.0.0.1:+5").unwrap(), "127.0.0.1:0");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in ["fd@3", "127.0.0.1:80-90"] {
            assert!(resolved(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_asked_of_the_system() {
        assert_eq!(resolved("localhost:80").unwrap(), "127.0.0.1:80");
    }
}
