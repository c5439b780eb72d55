//! Signals, waited for by one thread instead of interrupting any.

use nix::sys::signal::{SigSet, Signal as NixSignal};

use crate::error::Error;

/// A signal that the program reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGHUP`
    Hangup,
    /// `SIGINT`
    Interrupt,
    /// `SIGQUIT`
    Quit,
    /// `SIGTERM`
    Terminate,
    /// `SIGUSR1`
    User1,
    /// `SIGUSR2`
    User2,
    /// `SIGTTOU`
    TtyOutput,
    /// `SIGTTIN`
    TtyInput,
}

const ALL: [(Signal, NixSignal); 8] = [
    (Signal::Hangup, NixSignal::SIGHUP),
    (Signal::Interrupt, NixSignal::SIGINT),
    (Signal::Quit, NixSignal::SIGQUIT),
    (Signal::Terminate, NixSignal::SIGTERM),
    (Signal::User1, NixSignal::SIGUSR1),
    (Signal::User2, NixSignal::SIGUSR2),
    (Signal::TtyOutput, NixSignal::SIGTTOU),
    (Signal::TtyInput, NixSignal::SIGTTIN),
];

/// The signals that are waited for; no thread that is started later is interrupted by them.
#[derive(Debug)]
pub struct Signals(SigSet);

impl Signals {
    /// Holds the signals back for this thread and those that it starts from now on.
    pub fn hold() -> Result<Self, Error> {
        let set: SigSet = ALL.iter().map(|(_, n)| *n).collect();
        set.thread_block().map_err(|e| Error::new("holding signals back", e.into()))?;
        Ok(Self(set))
    }

    /// Waits for the next one.
    pub fn wait(&self) -> Result<Signal, Error> {
        loop {
            let got = self.0.wait().map_err(|e| Error::new("waiting for a signal", e.into()))?;
            if let Some((signal, _)) = ALL.iter().find(|(_, n)| *n == got) {
                return Ok(*signal);
            }
        }
    }
}

/// Ends this process by a signal's default action, so that its parent sees by which.
pub fn end_by(signal: Signal) -> ! {
    if let Some((_, nix)) = ALL.iter().find(|(s, _)| *s == signal) {
        let set: SigSet = [*nix].into_iter().collect();
        // Failing here, the exit below still ends the process.
        let _ = nix::sys::signal::raise(*nix);
        let _ = set.thread_unblock();
    }
    std::process::exit(1)
}
