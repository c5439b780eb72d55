//! Signals: names, masks, dispositions, sending.

use std::io;
use std::time::Duration;

use nix::sys::signal::{self as raw, SigHandler, SigSet};
use nix::unistd::Pid;

/// A signal that the house deals with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Reload, or dump the servers' states.
    Hup,
    /// Stop at once.
    Int,
    /// Dump the memory's state.
    Quit,
    /// Stop softly.
    Usr1,
    /// Reload.
    Usr2,
    /// Stop at once.
    Term,
    /// Pause the listeners.
    Ttou,
    /// Resume the listeners.
    Ttin,
    /// A child has ended.
    Child,
    /// A pipe has no reader.
    Pipe,
    /// A timer has expired.
    Alarm,
    /// End without a chance to react.
    Kill,
}

impl Signal {
    fn raw(self) -> raw::Signal {
        match self {
            Self::Hup => raw::Signal::SIGHUP,
            Self::Int => raw::Signal::SIGINT,
            Self::Quit => raw::Signal::SIGQUIT,
            Self::Usr1 => raw::Signal::SIGUSR1,
            Self::Usr2 => raw::Signal::SIGUSR2,
            Self::Term => raw::Signal::SIGTERM,
            Self::Ttou => raw::Signal::SIGTTOU,
            Self::Ttin => raw::Signal::SIGTTIN,
            Self::Child => raw::Signal::SIGCHLD,
            Self::Pipe => raw::Signal::SIGPIPE,
            Self::Alarm => raw::Signal::SIGALRM,
            Self::Kill => raw::Signal::SIGKILL,
        }
    }

    /// Its number, as event loops and exit codes take it.
    pub fn number(self) -> i32 {
        self.raw() as i32
    }
}

fn set_of(signals: &[Signal]) -> SigSet {
    signals.iter().map(|signal| signal.raw()).collect()
}

/// Holds signals back from the calling thread, and from those that it starts.
pub fn block(signals: &[Signal]) -> io::Result<()> {
    Ok(set_of(signals).thread_block()?)
}

/// Lets signals through to the calling thread.
pub fn unblock(signals: &[Signal]) -> io::Result<()> {
    Ok(set_of(signals).thread_unblock()?)
}

/// Lets every signal through, as a new program expects it.
pub fn unblock_all() -> io::Result<()> {
    Ok(SigSet::empty().thread_set_mask()?)
}

/// Holds every signal back.
pub fn block_all() -> io::Result<()> {
    Ok(SigSet::all().thread_set_mask()?)
}

/// Whether the calling thread holds a signal back.
pub fn is_blocked(signal: Signal) -> io::Result<bool> {
    Ok(SigSet::thread_get_mask()?.contains(signal.raw()))
}

/// What becomes of a signal that nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// What the system does by default.
    Default,
    /// Nothing.
    Ignore,
}

/// Sets what becomes of a signal.
pub fn dispose(signal: Signal, how: Disposition) -> io::Result<()> {
    let handler = match how {
        Disposition::Default => SigHandler::SigDfl,
        Disposition::Ignore => SigHandler::SigIgn,
    };
    // SAFETY: neither disposition runs code of ours.
    unsafe { raw::signal(signal.raw(), handler) }?;
    Ok(())
}

/// Sends a signal to a process.
pub fn send(pid: i32, signal: Signal) -> io::Result<()> {
    // Zero and negative numbers are groups of processes, which nobody here means.
    if pid <= 0 {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    Ok(raw::kill(Pid::from_raw(pid), signal.raw())?)
}

/// Whether a process exists and may be sent signals.
pub fn exists(pid: i32) -> bool {
    pid > 0 && raw::kill(Pid::from_raw(pid), None).is_ok()
}

/// Signals that are held back and waited for; no thread that starts later is interrupted by them.
#[derive(Debug)]
pub struct Held {
    signals: Vec<Signal>,
    set: SigSet,
}

impl Held {
    /// Holds the signals back for this thread and those that it starts from now on.
    pub fn hold(signals: &[Signal]) -> io::Result<Self> {
        block(signals)?;
        Ok(Self { signals: signals.to_vec(), set: set_of(signals) })
    }

    /// Waits for the next one, for ever or so long; `None` when the time is over.
    pub fn wait(&self, at_most: Option<Duration>) -> io::Result<Option<Signal>> {
        let Some(time) = at_most else {
            let got = self.set.wait()?;
            return Ok(self.signals.iter().find(|signal| signal.raw() == got).copied());
        };
        let time = libc::timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        // SAFETY: the set and the time are readable, and nothing is asked of the signal's details.
        let got = unsafe { libc::sigtimedwait(self.set.as_ref(), std::ptr::null_mut(), &raw const time) };
        if got < 0 {
            return match io::Error::last_os_error() {
                e if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => Ok(None),
                e => Err(e),
            };
        }
        Ok(self.signals.iter().find(|signal| signal.number() == got).copied())
    }
}

/// Ends this process by a signal's default action, so that its parent sees by which.
pub fn end_by(signal: Signal) -> ! {
    // Whatever of this fails, the exit below still ends the process.
    let _ = dispose(signal, Disposition::Default);
    let _ = raw::raise(signal.raw());
    let _ = unblock(&[signal]);
    std::process::exit(128 + signal.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_belong_to_the_thread() {
        std::thread::spawn(|| {
            block(&[Signal::Usr1, Signal::Usr2]).unwrap();
            assert!(is_blocked(Signal::Usr1).unwrap());
            unblock(&[Signal::Usr1]).unwrap();
            assert!(!is_blocked(Signal::Usr1).unwrap() && is_blocked(Signal::Usr2).unwrap());
            block_all().unwrap();
            assert!(is_blocked(Signal::Ttou).unwrap());
            unblock_all().unwrap();
            assert!(!is_blocked(Signal::Usr2).unwrap());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn an_ignored_signal_does_nothing() {
        dispose(Signal::Ttou, Disposition::Ignore).unwrap();
        send(std::process::id() as i32, Signal::Ttou).unwrap();
        assert_eq!(Signal::Ttou.number(), libc::SIGTTOU);
    }

    #[test]
    fn held_signals_are_waited_for() {
        std::thread::spawn(|| {
            let held = Held::hold(&[Signal::Alarm]).unwrap();
            assert_eq!(held.wait(Some(Duration::ZERO)).unwrap(), None);
            raw::raise(raw::Signal::SIGALRM).unwrap();
            assert_eq!(held.wait(None).unwrap(), Some(Signal::Alarm));
            raw::raise(raw::Signal::SIGALRM).unwrap();
            assert_eq!(held.wait(Some(Duration::from_mins(1))).unwrap(), Some(Signal::Alarm));
        })
        .join()
        .unwrap();
    }

    #[test]
    fn only_single_processes_are_sent_to() {
        assert!(exists(std::process::id() as i32));
        for group in [0, -1] {
            assert!(!exists(group));
            assert!(send(group, Signal::Term).is_err());
        }
    }
}
