//! Messages on standard error: the two introductory notices, then what is to be said as it comes.

use std::io::Write as _;
use std::path::PathBuf;

use config::Severity;
use config::diagnostic::Message;
use config::draft::Advice;

use crate::options::Verbosity;
use crate::version;

/// Prints messages and remembers them for `show startup-logs`.
#[derive(Debug)]
pub(crate) struct Reporter {
    verbosity: Verbosity,
    advice: Advice,
    introduced: bool,
    warnings: usize,
    alerts: usize,
    phase: Phase,
}

/// What the process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Start,
    Life,
}

impl Default for Reporter {
    fn default() -> Self {
        Self::new(Verbosity::Normal, Advice::Quiet)
    }
}

impl Reporter {
    /// A reporter that says what the command line lets it say.
    pub(crate) fn new(verbosity: Verbosity, advice: Advice) -> Self {
        Self { verbosity, advice, introduced: false, warnings: 0, alerts: 0, phase: Phase::Start }
    }

    /// Prints a message, and whose message it is before the first that matters.
    pub(crate) fn print(&mut self, message: &Message) {
        match message.severity {
            Severity::Warning => self.warnings += 1,
            Severity::Alert => self.alerts += 1,
            Severity::Notice => {}
            Severity::Diag if self.advice == Advice::Given => {}
            Severity::Diag => return,
        }
        let pid = std::process::id();
        let mut text = String::new();
        if message.severity >= Severity::Warning
            && self.phase == Phase::Start
            && !std::mem::replace(&mut self.introduced, true)
        {
            for line in [
                format!("haproxy version is {}", version::full()),
                format!("path to executable is {}", executable().display()),
            ] {
                text.push_str(&plain(Severity::Notice, line).render(pid));
            }
        }
        text.push_str(&message.render(pid));
        if self.phase == Phase::Start {
            log::startup_logs().push(text.as_bytes());
        }
        if self.verbosity != Verbosity::Quiet {
            // With standard error gone there is nobody to tell.
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }

    /// Prints an error.
    pub(crate) fn alert(&mut self, text: impl Into<String>) {
        self.print(&plain(Severity::Alert, text));
    }

    /// Prints a warning.
    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.print(&plain(Severity::Warning, text));
    }

    /// Prints a remark.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.print(&plain(Severity::Notice, text));
    }

    /// Prints advice, if it is asked for.
    pub(crate) fn advise(&mut self, text: impl Into<String>) {
        self.print(&plain(Severity::Diag, text));
    }

    /// From now on says only as much.
    pub(crate) fn hush(&mut self, verbosity: Verbosity) {
        self.verbosity = verbosity;
    }

    /// How much is said.
    pub(crate) fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// The number of warnings so far.
    pub(crate) fn warnings(&self) -> usize {
        self.warnings
    }

    /// The number of errors so far.
    pub(crate) fn alerts(&self) -> usize {
        self.alerts
    }

    /// From now on nothing belongs to what `show startup-logs` shows.
    pub(crate) fn end_start(&mut self) {
        self.phase = Phase::Life;
    }
}

fn plain(severity: Severity, text: impl Into<String>) -> Message {
    Message { severity, place: None, text: text.into(), excerpt: None }
}

/// The program's own file.
pub(crate) fn executable() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("haproxy"))
}

/// What messages about the start as a whole begin with: the program as it was called.
pub(crate) fn here(text: impl std::fmt::Display) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "haproxy".to_owned());
    format!("[{program}.main()] {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> String {
        let (ring, mut text) = (log::startup_logs(), Vec::new());
        let mut position = ring.oldest();
        ring.read(&mut position, |message| {
            text.extend_from_slice(message);
            log::ring::Reading::More
        });
        String::from_utf8(text).unwrap()
    }

    /// One test, since what a start says is remembered for the whole process.
    #[test]
    fn what_the_start_says_is_remembered() {
        let mut reporter = Reporter::new(Verbosity::Quiet, Advice::Quiet);
        reporter.advise("advice that nobody wants");
        reporter.note("n");
        assert!(!said().contains("version is") && !said().contains("advice"));
        reporter.warn("w");
        reporter.alert("a");
        assert_eq!((reporter.warnings(), reporter.alerts()), (1, 1));
        assert_eq!(said().matches("haproxy version is").count(), 1);
        assert!(said().ends_with(" : a\n"));
        reporter.end_start();
        reporter.warn("later");
        assert!(said().ends_with(" : a\n"));
        Reporter::new(Verbosity::Quiet, Advice::Given).advise("advice");
        assert!(said().contains("[DIAG]"));
    }
}
