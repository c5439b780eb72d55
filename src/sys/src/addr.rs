//! Socket addresses as the kernel reads and writes them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The size of `sockaddr_un`, the largest address that is used here.
const ROOM: usize = size_of::<libc::sockaddr_un>();
/// Bytes before the path of `sockaddr_un`.
const PATH: usize = size_of::<libc::sa_family_t>();
/// Bytes of the path of `sockaddr_un`.
pub const UNIX_PATH_MAX: usize = ROOM - PATH;

/// A socket address in the kernel's layout.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct SockAddr {
    bytes: [u8; ROOM],
    len: libc::socklen_t,
}

/// What a socket address says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SockName {
    /// IPv4 or IPv6.
    Inet(SocketAddr),
    /// A UNIX socket without a name.
    Unnamed,
    /// A UNIX socket of the file system.
    Path(Vec<u8>),
    /// A UNIX socket of the abstract name space: all bytes behind the leading zero.
    Abstract(Vec<u8>),
    /// A family that is not used here.
    Other(u16),
}

impl SockAddr {
    /// Room for an address that the kernel writes.
    pub(crate) const fn empty() -> Self {
        Self { bytes: [0; ROOM], len: ROOM as libc::socklen_t }
    }

    /// The family `AF_UNSPEC`, which dissolves an association.
    pub(crate) const fn unspecified() -> Self {
        Self { bytes: [0; ROOM], len: size_of::<libc::sockaddr>() as libc::socklen_t }
    }

    fn with_family(family: libc::c_int, len: usize) -> Self {
        let mut addr = Self { bytes: [0; ROOM], len: len as libc::socklen_t };
        addr.bytes[..PATH].copy_from_slice(&(family as libc::sa_family_t).to_ne_bytes());
        addr
    }

    /// An IPv4 or IPv6 address and port.
    pub fn inet(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(a) => {
                let mut raw = Self::with_family(libc::AF_INET, size_of::<libc::sockaddr_in>());
                raw.bytes[2..4].copy_from_slice(&a.port().to_be_bytes());
                raw.bytes[4..8].copy_from_slice(&a.ip().octets());
                raw
            }
            SocketAddr::V6(a) => {
                let mut raw = Self::with_family(libc::AF_INET6, size_of::<libc::sockaddr_in6>());
                raw.bytes[2..4].copy_from_slice(&a.port().to_be_bytes());
                raw.bytes[4..8].copy_from_slice(&a.flowinfo().to_be_bytes());
                raw.bytes[8..24].copy_from_slice(&a.ip().octets());
                raw.bytes[24..28].copy_from_slice(&a.scope_id().to_ne_bytes());
                raw
            }
        }
    }

    /// A UNIX socket of the file system; `None` when the path does not fit or holds a zero.
    pub fn unix_path(path: &[u8]) -> Option<Self> {
        if path.is_empty() || path.len() >= UNIX_PATH_MAX || path.contains(&0) {
            return None;
        }
        let mut raw = Self::with_family(libc::AF_UNIX, ROOM);
        raw.bytes[PATH..PATH + path.len()].copy_from_slice(path);
        Some(raw)
    }

    /// An abstract name padded with zeroes to the whole structure; `None` when it does not fit.
    pub fn abstract_padded(name: &[u8]) -> Option<Self> {
        Self::abstract_exact(name).map(|raw| Self { len: ROOM as libc::socklen_t, ..raw })
    }

    /// An abstract name of just its own length; `None` when it does not fit.
    pub fn abstract_exact(name: &[u8]) -> Option<Self> {
        if name.len() >= UNIX_PATH_MAX {
            return None;
        }
        let mut raw = Self::with_family(libc::AF_UNIX, PATH + 1 + name.len());
        raw.bytes[PATH + 1..PATH + 1 + name.len()].copy_from_slice(name);
        Some(raw)
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        self.bytes.as_ptr().cast()
    }

    pub(crate) fn parts_mut(&mut self) -> (*mut libc::sockaddr, &mut libc::socklen_t) {
        (self.bytes.as_mut_ptr().cast(), &mut self.len)
    }

    /// Copies the address to the front of a larger structure of the kernel.
    pub(crate) fn copy_to(&self, into: &mut [u8]) {
        let n = self.len as usize;
        into[..n].copy_from_slice(&self.bytes[..n]);
    }

    pub(crate) fn len(&self) -> libc::socklen_t {
        self.len
    }

    /// The family, as `AF_INET` and its like.
    pub fn family(&self) -> i32 {
        i32::from(u16::from_ne_bytes([self.bytes[0], self.bytes[1]]))
    }

    /// The IP address and port, if it is one; cheaper than [`SockAddr::name`].
    pub fn as_inet(&self) -> Option<SocketAddr> {
        let b = &self.bytes;
        let port = u16::from_be_bytes([b[2], b[3]]);
        match self.family() {
            libc::AF_INET => Some(SocketAddrV4::new(Ipv4Addr::new(b[4], b[5], b[6], b[7]), port).into()),
            libc::AF_INET6 => {
                let mut ip = [0; 16];
                ip.copy_from_slice(&b[8..24]);
                let flow = u32::from_be_bytes([b[4], b[5], b[6], b[7]]);
                let scope = u32::from_ne_bytes([b[24], b[25], b[26], b[27]]);
                Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, flow, scope).into())
            }
            _ => None,
        }
    }

    /// What the address says.
    pub fn name(&self) -> SockName {
        if let Some(inet) = self.as_inet() {
            return SockName::Inet(inet);
        }
        if self.family() != libc::AF_UNIX {
            return SockName::Other(self.family() as u16);
        }
        let end = (self.len as usize).min(ROOM);
        match self.bytes.get(PATH..end) {
            None | Some([]) => SockName::Unnamed,
            Some([0, name @ ..]) => SockName::Abstract(name.to_vec()),
            Some(path) => {
                let path = path.split(|&b| b == 0).next().unwrap_or_default();
                SockName::Path(path.to_vec())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inet_addresses_survive_the_kernel_layout() {
        for text in ["192.0.2.1:80", "[2001:db8::1]:65535", "[fe80::1%7]:1", "0.0.0.0:0"] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(SockAddr::inet(addr).name(), SockName::Inet(addr), "{text}");
        }
    }

    #[test]
    fn unix_names_keep_their_kind() {
        let path = SockAddr::unix_path(b"/run/x").unwrap();
        assert_eq!(path.name(), SockName::Path(b"/run/x".to_vec()));
        let exact = SockAddr::abstract_exact(b"abc").unwrap();
        assert_eq!(exact.name(), SockName::Abstract(b"abc".to_vec()));
        let SockName::Abstract(padded) = SockAddr::abstract_padded(b"abc").unwrap().name() else {
            panic!("not abstract")
        };
        assert_eq!(padded.len(), UNIX_PATH_MAX - 1);
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        assert!(SockAddr::unix_path(&[b'a'; UNIX_PATH_MAX]).is_none());
        assert!(SockAddr::unix_path(b"").is_none());
        assert!(SockAddr::unix_path(b"a\0b").is_none());
        assert!(SockAddr::abstract_exact(&[b'a'; UNIX_PATH_MAX]).is_none());
        assert!(SockAddr::abstract_exact(&[b'a'; UNIX_PATH_MAX - 1]).is_some());
    }
}
