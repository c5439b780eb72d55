//! UNIX sockets of the file system: the new one is made under a temporary name and takes the place of
//! the old one at once, so that clients find one of the two at any time.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use sys::addr::{SockAddr, UNIX_PATH_MAX};
use sys::socket::{self, Domain, Transport};

/// Who may use a UNIX socket (`mode`, `user`, `group` of `bind`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnixPermissions {
    /// Access bits; the umask's when `None`.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// A step that failed, in the words of the original.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

/// The three names that a replacement goes through.
struct Names {
    place: PathBuf,
    temporary: PathBuf,
    backup: PathBuf,
}

impl Names {
    fn new(path: &[u8]) -> Self {
        let pid = std::process::id();
        let with = |suffix: &str| {
            let mut name = path.to_vec();
            name.extend_from_slice(format!(".{pid}.{suffix}").as_bytes());
            PathBuf::from(OsStr::from_bytes(&name))
        };
        Self { place: PathBuf::from(OsStr::from_bytes(path)), temporary: with("tmp"), backup: with("bak") }
    }
}

/// Opens a socket at a path in place of what is there. It does not listen yet.
pub(crate) fn bind_path(path: &[u8], transport: Transport, who: UnixPermissions) -> Result<OwnedFd, Failed> {
    let names = Names::new(path);
    let raw = SockAddr::unix_path(names.temporary.as_os_str().as_bytes())
        .ok_or_else(|| Failed(format!("name too long for UNIX socket (limit {})", UNIX_PATH_MAX - 1)))?;
    remove(&names.temporary).map_err(|e| failed("error when trying to unlink previous UNIX socket", &e))?;
    remove(&names.backup).map_err(|e| failed("error when trying to unlink previous UNIX socket", &e))?;
    match fs::hard_link(&names.place, &names.backup) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(failed("error when trying to preserve previous UNIX socket", &e));
        }
        _ => {}
    }
    let made = make(&names, &raw, transport, who);
    if made.is_err() {
        let _ = fs::remove_file(&names.temporary);
    }
    let _ = fs::remove_file(&names.backup);
    made
}

fn make(
    names: &Names,
    raw: &SockAddr,
    transport: Transport,
    who: UnixPermissions,
) -> Result<OwnedFd, Failed> {
    let fd =
        socket::socket(Domain::Unix, transport).map_err(|e| failed("cannot create receiving socket", &e))?;
    socket::bind(fd.as_fd(), raw).map_err(|e| failed("cannot bind UNIX socket", &e))?;
    permit(&names.temporary, who).map_err(|e| failed("cannot change UNIX socket ownership", &e))?;
    fs::rename(&names.temporary, &names.place)
        .map_err(|e| failed("cannot switch final and temporary UNIX sockets", &e))?;
    Ok(fd)
}

fn permit(path: &Path, who: UnixPermissions) -> io::Result<()> {
    if who.uid.is_some() || who.gid.is_some() {
        chown(path, who.uid, who.gid)?;
    }
    match who.mode {
        Some(mode) => fs::set_permissions(path, Permissions::from_mode(mode)),
        None => Ok(()),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Opens a socket of the abstract name space.
pub(crate) fn bind_abstract(raw: &SockAddr, transport: Transport) -> io::Result<OwnedFd> {
    let fd = socket::socket(Domain::Unix, transport)?;
    socket::bind(fd.as_fd(), raw)?;
    Ok(fd)
}

fn failed(what: &str, error: &io::Error) -> Failed {
    Failed(format!("{what} ({})", sys::reason(error)))
}

/// The path that a bound socket will be found at: the temporary name that the kernel remembers, without
/// its suffix.
pub(crate) fn final_path(bound: &[u8]) -> &[u8] {
    let Some(rest) = bound.strip_suffix(b".tmp") else { return bound };
    let digits = rest.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    match rest[..rest.len() - digits].split_last() {
        Some((b'.', path)) if digits > 0 => path,
        _ => bound,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::BorrowedFd;

    use super::*;

    fn is_at(fd: BorrowedFd<'_>, path: &[u8]) -> bool {
        match socket::own_name(fd).map(|raw| raw.name()) {
            Ok(sys::SockName::Path(bound)) => final_path(&bound) == path,
            _ => false,
        }
    }

    fn directory(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("haproxy-net-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn bytes(path: &Path) -> &[u8] {
        path.as_os_str().as_bytes()
    }

    #[test]
    fn a_new_socket_takes_the_place_of_the_old() {
        let dir = directory("replace");
        let path = dir.join("s");
        let who = UnixPermissions { mode: Some(0o640), ..Default::default() };
        let old = bind_path(bytes(&path), Transport::Stream, who).unwrap();
        let new = bind_path(bytes(&path), Transport::Stream, who).unwrap();
        socket::listen(new.as_fd(), 1).unwrap();
        let client = socket::socket(Domain::Unix, Transport::Stream).unwrap();
        socket::connect(client.as_fd(), &SockAddr::unix_path(bytes(&path)).unwrap()).unwrap();
        assert!(socket::accept(new.as_fd()).is_ok());
        assert!(is_at(old.as_fd(), bytes(&path)) && is_at(new.as_fd(), bytes(&path)));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "temporary names are left behind");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn failures_leave_no_trace_and_name_the_step() {
        let dir = directory("fail");
        let missing = dir.join("none/s");
        let e = bind_path(bytes(&missing), Transport::Stream, UnixPermissions::default()).unwrap_err();
        assert_eq!(e.0, "cannot bind UNIX socket (No such file or directory)");
        let long = dir.join("x".repeat(120));
        let e = bind_path(bytes(&long), Transport::Stream, UnixPermissions::default()).unwrap_err();
        assert!(e.0.starts_with("name too long"), "{}", e.0);
        let taken = dir.join("d");
        fs::create_dir(&taken).unwrap();
        assert!(bind_path(bytes(&taken), Transport::Stream, UnixPermissions::default()).is_err());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn temporary_names_lead_to_the_final_one() {
        assert_eq!(final_path(b"/run/a.sock.123.tmp"), b"/run/a.sock");
        for kept in [&b"/run/a.sock"[..], b"/run/a.tmp", b"/run/a.x.tmp", b"12.tmp", b".tmp"] {
            assert_eq!(final_path(kept), kept);
        }
    }
}
