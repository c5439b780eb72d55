//! The process: forking, detaching, priority, traits.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use crate::error::{Error, check};
use crate::ids::prctl;
use crate::options::Switch;

/// On which side of a fork the caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// In the new process.
    Child,
    /// In the old one; this is the new one's number.
    Parent(i32),
}

/// Splits the process in two.
///
/// # Errors
/// When the system refuses, or when other threads run: the child would have only this one, and
/// whatever the others were holding would stay held.
pub fn fork() -> Result<Fork, Error> {
    let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads != 1 {
        let why = io::Error::other(format!("{threads} threads are running"));
        return Err(Error::new("cannot fork", why));
    }
    // SAFETY: this is the only thread, so the child is a complete copy of the process.
    match unsafe { nix::unistd::fork() } {
        Ok(ForkResult::Child) => Ok(Fork::Child),
        Ok(ForkResult::Parent { child }) => Ok(Fork::Parent(child.as_raw())),
        Err(e) => Err(Error::new("cannot fork", e.into())),
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

impl Ended {
    /// The code that a shell would show: a signal counts from 128.
    pub fn code(self) -> i32 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => 128 + signal,
        }
    }
}

/// Whether to wait for a child that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Wait for the next that ends.
    Wait,
    /// Only look.
    Look,
}

/// Takes note of a child that has ended: its number and how. `None` when none has, or there are none.
pub fn reap(patience: Patience) -> io::Result<Option<(i32, Ended)>> {
    let flag = match patience {
        Patience::Wait => None,
        Patience::Look => Some(WaitPidFlag::WNOHANG),
    };
    loop {
        match waitpid(None, flag) {
            Ok(WaitStatus::Exited(pid, code)) => return Ok(Some((pid.as_raw(), Ended::Exited(code)))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                return Ok(Some((pid.as_raw(), Ended::Killed(signal as i32))));
            }
            Ok(WaitStatus::StillAlive) | Err(nix::errno::Errno::ECHILD) => return Ok(None),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Leaves the terminal and its group of processes.
pub fn new_session() -> Result<(), Error> {
    nix::unistd::setsid().map(drop).map_err(|e| Error::new("cannot start a session", e.into()))
}

/// The device that swallows everything, opened while the file system still has it.
#[derive(Debug)]
pub struct Nothing(std::fs::File);

impl Nothing {
    /// Opens it.
    pub fn open() -> Result<Self, Error> {
        let opened = OpenOptions::new().read(true).write(true).open("/dev/null");
        opened.map(Self).map_err(|e| Error::new("cannot open /dev/null", e))
    }

    /// Connects the standard streams with it.
    pub fn replace_stdio(&self) -> Result<(), Error> {
        for number in 0..=2 {
            // SAFETY: plain integers; the standard streams are nobody's property.
            check(unsafe { libc::dup2(self.0.as_raw_fd(), number) })
                .map_err(|e| Error::new("cannot redirect the standard streams", e))?;
        }
        Ok(())
    }
}

/// Whether a descriptor outlives the start of another program in this process.
pub fn keep_on_exec(fd: BorrowedFd<'_>, keep: Switch) -> io::Result<()> {
    let flags = match keep {
        Switch::On => 0,
        Switch::Off => libc::FD_CLOEXEC,
    };
    // SAFETY: plain integers.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, flags) }).map(drop)
}

/// The machine's name.
pub fn host_name() -> io::Result<String> {
    Ok(nix::unistd::gethostname()?.to_string_lossy().into_owned())
}

/// The parent's number.
pub fn parent() -> i32 {
    nix::unistd::getppid().as_raw()
}

/// The process group's number.
pub fn group() -> i32 {
    nix::unistd::getpgrp().as_raw()
}

/// Makes the process the leader of a group of its own.
pub fn new_group() -> io::Result<()> {
    Ok(nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?)
}

/// Sets the scheduling priority, from -20 (favoured) to 19.
pub fn set_priority(priority: i32) -> Result<(), Error> {
    // SAFETY: plain integers; 0 is this process.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, priority) })
        .map(drop)
        .map_err(|e| Error::new(format!("cannot set priority to {priority}"), e))
}

/// The scheduling priority.
pub fn priority() -> i32 {
    // SAFETY: plain integers; 0 is this process.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

/// Lets the process leave core dumps though it has changed its user.
pub fn set_dumpable() -> Result<(), Error> {
    prctl(libc::PR_SET_DUMPABLE, 1).map_err(|e| Error::new("cannot allow core dumps", e))
}

/// Whether the process may leave core dumps.
pub fn is_dumpable() -> bool {
    // SAFETY: the option takes no argument.
    unsafe { libc::prctl(libc::PR_GET_DUMPABLE) == 1 }
}

/// Forbids the process and its children ever to gain privileges, as through setuid programs.
pub fn forbid_new_privileges() -> Result<(), Error> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1).map_err(|e| Error::new("cannot forbid new privileges", e))
}

/// The processor time of the calling thread, in nanoseconds.
pub fn thread_cpu_time() -> io::Result<u64> {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// The processor time of all threads, in nanoseconds.
pub fn cpu_time() -> io::Result<u64> {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn read_clock(clock: libc::clockid_t) -> io::Result<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is writable.
    check(unsafe { libc::clock_gettime(clock, &raw mut time) })?;
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_beside_other_threads_is_refused() {
        // The test runner's own thread is such another.
        let e = fork().unwrap_err();
        assert!(e.to_string().starts_with("cannot fork ("), "{e}");
    }

    #[test]
    fn children_are_reaped_with_their_code() {
        assert_eq!(reap(Patience::Look).unwrap(), None);
        #[expect(clippy::zombie_processes, reason = "reaping is what is tested")]
        let child = std::process::Command::new("false").spawn().unwrap();
        assert_eq!(reap(Patience::Wait).unwrap(), Some((child.id() as i32, Ended::Exited(1))));
        assert_eq!(Ended::Killed(15).code(), 143);
    }

    #[test]
    fn the_process_knows_itself() {
        assert!(!host_name().unwrap().is_empty());
        assert!(parent() > 0 && group() > 0);
        set_dumpable().unwrap();
        assert!(is_dumpable());
        set_priority(priority()).unwrap();
        assert!(set_priority(priority().saturating_add(1)).is_ok());
        assert!(thread_cpu_time().unwrap() > 0);
    }

    #[test]
    fn a_descriptor_can_be_kept_for_another_program() {
        let (reader, _writer) = io::pipe().unwrap();
        let fd = std::os::fd::AsFd::as_fd(&reader);
        keep_on_exec(fd, Switch::On).unwrap();
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let seen = std::process::Command::new("test").args(["-e", &path]).status().unwrap();
        assert!(seen.success());
        keep_on_exec(fd, Switch::Off).unwrap();
        let seen = std::process::Command::new("test").args(["-e", &path]).status().unwrap();
        assert!(!seen.success());
    }
}
