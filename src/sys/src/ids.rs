//! Who the process is: users, groups, capabilities, root directory.

use std::io;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User};

use crate::error::{Error, check};

/// A capability that a process can keep when it gives up being root (`setcap`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Bind to any address, send raw packets.
    NetRaw,
    /// Administer the network: bind to any address, set marks and types of service.
    NetAdmin,
    /// Bind to ports below 1024.
    NetBindService,
    /// Enter network namespaces, among much else.
    SysAdmin,
}

impl Capability {
    /// All that can be kept, as the error message for an unknown one lists them.
    pub const ALL: [Self; 4] = [Self::NetRaw, Self::NetAdmin, Self::NetBindService, Self::SysAdmin];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::NetRaw => "cap_net_raw",
            Self::NetAdmin => "cap_net_admin",
            Self::NetBindService => "cap_net_bind_service",
            Self::SysAdmin => "cap_sys_admin",
        }
    }

    /// The capability of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cap| cap.name() == name)
    }

    /// Its number in linux/capability.h.
    fn bit(self) -> u32 {
        match self {
            Self::NetBindService => 10,
            Self::NetAdmin => 12,
            Self::NetRaw => 13,
            Self::SysAdmin => 21,
        }
    }
}

const CAP_SETUID: u32 = 7;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// The number of a user by name.
pub fn user_id(name: &str) -> Result<u32, Error> {
    let what = || format!("cannot find user id for '{name}'");
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(Error::new(what(), io::ErrorKind::NotFound.into())),
        Err(e) => Err(Error::new(what(), e.into())),
    }
}

/// The number of a group by name.
pub fn group_id(name: &str) -> Result<u32, Error> {
    let what = || format!("cannot find group id for '{name}'");
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => Err(Error::new(what(), io::ErrorKind::NotFound.into())),
        Err(e) => Err(Error::new(what(), e.into())),
    }
}

/// The effective user.
pub fn effective_user() -> u32 {
    Uid::effective().as_raw()
}

/// The effective group.
pub fn effective_group() -> u32 {
    Gid::effective().as_raw()
}

/// The number of supplementary groups.
pub fn supplementary_groups() -> usize {
    nix::unistd::getgroups().map_or(0, |groups| groups.len())
}

/// Gives up all supplementary groups.
pub fn drop_groups() -> Result<(), Error> {
    nix::unistd::setgroups(&[]).map_err(|e| Error::new("cannot drop supplementary groups", e.into()))
}

/// Changes the group.
pub fn set_group(gid: u32) -> Result<(), Error> {
    nix::unistd::setgid(Gid::from_raw(gid)).map_err(|e| Error::new(format!("cannot set gid {gid}"), e.into()))
}

/// Changes the user, keeping these capabilities. Threads that already run do not keep them, so this
/// comes before any is started.
pub fn set_user(uid: u32, keep: &[Capability]) -> Result<(), Error> {
    let what = || format!("cannot set uid {uid}");
    let change = || nix::unistd::setuid(Uid::from_raw(uid)).map_err(|e| Error::new(what(), e.into()));
    if keep.is_empty() || uid == 0 {
        return change();
    }
    let wanted = keep.iter().fold(0, |set, cap| set | 1 << cap.bit());
    prctl(libc::PR_SET_KEEPCAPS, 1).map_err(|e| Error::new("cannot preserve capabilities", e))?;
    // The change of user itself takes a capability, and clears the effective set.
    set_capabilities(wanted | 1 << CAP_SETUID)
        .map_err(|e| Error::new("cannot preset the capabilities to preserve", e))?;
    change()?;
    set_capabilities(wanted).map_err(|e| Error::new("cannot put the preserved capabilities in force", e))
}

/// Whether a capability is in force.
pub fn has_capability(cap: Capability) -> io::Result<bool> {
    let mut data = [CapabilityData::default(); 2];
    capability_call(libc::SYS_capget, &mut data)?;
    Ok(data[0].effective & 1 << cap.bit() != 0)
}

/// The layout of `struct __user_cap_header_struct`.
#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

/// The layout of `struct __user_cap_data_struct`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilityData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn set_capabilities(set: u32) -> io::Result<()> {
    let low = CapabilityData { effective: set, permitted: set, inheritable: 0 };
    capability_call(libc::SYS_capset, &mut [low, CapabilityData::default()])
}

fn capability_call(call: libc::c_long, data: &mut [CapabilityData; 2]) -> io::Result<()> {
    let mut header = CapabilityHeader { version: CAPABILITY_VERSION_3, pid: 0 };
    // SAFETY: header and data have the layout of version 3, which has two data elements, and are
    // writable; process 0 is this one.
    let result = unsafe { libc::syscall(call, &raw mut header, data.as_mut_ptr()) };
    check(result as libc::c_int).map(drop)
}

pub(crate) fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    let zero: libc::c_ulong = 0;
    // SAFETY: every option passed here takes a plain integer.
    check(unsafe { libc::prctl(option, value, zero, zero, zero) }).map(drop)
}

/// Shuts the process into a directory. Who may not do that may in a user namespace of his own, where
/// the system lets him make one.
pub fn change_root(path: &Path) -> Result<(), Error> {
    let what = || format!("cannot chroot({})", path.display());
    let enter = || std::os::unix::fs::chroot(path);
    let entered = match enter() {
        Err(e) if e.raw_os_error() == Some(libc::EPERM) && effective_user() != 0 => {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER).map_err(|_| e).and_then(|()| enter())
        }
        entered => entered,
    };
    entered.map_err(|e| Error::new(what(), e))?;
    std::env::set_current_dir("/").map_err(|e| Error::new(what(), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_found_by_name() {
        assert_eq!(user_id("root").unwrap(), 0);
        assert_eq!(group_id("root").unwrap(), 0);
        assert!(user_id("no-such-user").unwrap_err().to_string().contains("'no-such-user'"));
        assert!(group_id("no-such-group").is_err());
    }

    #[test]
    fn capabilities_have_names() {
        for cap in Capability::ALL {
            assert_eq!(Capability::by_name(cap.name()), Some(cap));
        }
        assert_eq!(Capability::by_name("cap_x"), None);
    }

    #[test]
    fn root_may_bind_anywhere_and_others_know() {
        let has = has_capability(Capability::NetBindService).unwrap();
        if effective_user() != 0 {
            assert!(!has || std::net::TcpListener::bind("127.0.0.1:1").is_ok());
        }
    }

    #[test]
    fn a_missing_root_is_named() {
        let e = change_root(Path::new("/nonexistent")).unwrap_err();
        assert!(e.to_string().starts_with("cannot chroot(/nonexistent) ("), "{e}");
    }

    /// Changes of identity are for good, so they happen in a process of their own.
    #[test]
    fn capabilities_outlive_the_change_of_user() {
        const CHILD: &str = "HAPROXY_SYS_TEST_CHILD";
        if std::env::var_os(CHILD).is_some() {
            set_group(65534).unwrap();
            drop_groups().unwrap();
            set_user(65534, &[Capability::NetBindService]).unwrap();
            assert_eq!((effective_user(), effective_group(), supplementary_groups()), (65534, 65534, 0));
            assert!(has_capability(Capability::NetBindService).unwrap());
            assert!(!has_capability(Capability::NetAdmin).unwrap());
            assert!(set_user(0, &[]).is_err(), "there must be no way back");
            return;
        }
        if effective_user() != 0 || !has_capability(Capability::NetBindService).unwrap() {
            return;
        }
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ids::tests::capabilities_outlive_the_change_of_user"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    }
}
