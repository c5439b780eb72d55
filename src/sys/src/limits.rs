//! What the process may use.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::sys::resource::{Resource as Raw, getrlimit, setrlimit};

use crate::error::Error;

/// A limited resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Open descriptors.
    Files,
    /// Bytes of address space.
    AddressSpace,
    /// Bytes of data.
    Data,
    /// Bytes of a core dump.
    Core,
    /// Bytes of a written file.
    FileSize,
    /// Processes and threads of the user.
    Processes,
}

/// A limit; `u64::MAX` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is in force.
    pub soft: u64,
    /// How far it may be raised.
    pub hard: u64,
}

/// No limit.
pub const UNLIMITED: u64 = libc::RLIM_INFINITY;

impl Resource {
    fn raw(self) -> Raw {
        match self {
            Self::Files => Raw::RLIMIT_NOFILE,
            Self::AddressSpace => Raw::RLIMIT_AS,
            Self::Data => Raw::RLIMIT_DATA,
            Self::Core => Raw::RLIMIT_CORE,
            Self::FileSize => Raw::RLIMIT_FSIZE,
            Self::Processes => Raw::RLIMIT_NPROC,
        }
    }
}

/// The limit of a resource.
pub fn limit(of: Resource) -> io::Result<Limit> {
    let (soft, hard) = getrlimit(of.raw())?;
    Ok(Limit { soft, hard })
}

/// Sets the limit of a resource.
pub fn set_limit(of: Resource, limit: Limit) -> Result<(), Error> {
    setrlimit(of.raw(), limit.soft, limit.hard)
        .map_err(|e| Error::new(format!("cannot set limit {:?} to {}", of.raw(), limit.soft), e.into()))
}

/// Makes the system's table of descriptors as large as it may become, so that it never grows while
/// threads wait for it.
pub fn preallocate_descriptors() -> Result<(), Error> {
    let what = || "cannot open the highest descriptor";
    let most = limit(Resource::Files).map_err(|e| Error::new(what(), e))?.soft;
    let highest = libc::c_int::try_from(most.saturating_sub(1)).unwrap_or(libc::c_int::MAX);
    let some = std::fs::File::open("/dev/null").map_err(|e| Error::new(what(), e))?;
    // SAFETY: plain integers; the new descriptor is owned from here on.
    let fd = unsafe { libc::fcntl(some.as_raw_fd(), libc::F_DUPFD_CLOEXEC, highest) };
    let fd = crate::error::check(fd).map_err(|e| Error::new(what(), e))?;
    // SAFETY: just made, and nobody else knows it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_descriptor_can_be_had() {
        preallocate_descriptors().unwrap();
    }

    #[test]
    fn limits_can_be_lowered_and_raised_again() {
        let before = limit(Resource::Core).unwrap();
        set_limit(Resource::Core, Limit { soft: 0, ..before }).unwrap();
        assert_eq!(limit(Resource::Core).unwrap(), Limit { soft: 0, ..before });
        set_limit(Resource::Core, before).unwrap();
        assert_eq!(limit(Resource::Core).unwrap(), before);
    }

    #[test]
    fn a_limit_above_its_hard_one_is_refused() {
        let now = limit(Resource::Files).unwrap();
        let e = set_limit(Resource::Files, Limit { soft: now.hard.saturating_add(1), hard: now.hard });
        assert_eq!(e.is_err(), now.hard != UNLIMITED);
    }
}
