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
    /// What `show startup-logs` shows, while the process starts.
    log: Option<String>,
}

impl Default for Reporter {
    fn default() -> Self {
        Self::new(Verbosity::Normal, Advice::Quiet)
    }
}

impl Reporter {
    /// A reporter that says what the command line lets it say.
    pub(crate) fn new(verbosity: Verbosity, advice: Advice) -> Self {
        Self { verbosity, advice, introduced: false, warnings: 0, alerts: 0, log: Some(String::new()) }
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
        if message.severity >= Severity::Warning && !std::mem::replace(&mut self.introduced, true) {
            for line in [
                format!("haproxy version is {}", version::full()),
                format!("path to executable is {}", executable().display()),
            ] {
                text.push_str(&plain(Severity::Notice, line).render(pid));
            }
        }
        text.push_str(&message.render(pid));
        if let Some(log) = &mut self.log {
            log.push_str(&text);
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

    /// Ends the start: gives away everything that was said, or would have been.
    pub(crate) fn take_log(&mut self) -> String {
        self.log.take().unwrap_or_default()
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

    #[test]
    fn the_introduction_comes_before_the_first_warning_only() {
        let mut reporter = Reporter::new(Verbosity::Quiet, Advice::Quiet);
        reporter.note("n");
        assert!(!reporter.log.as_deref().unwrap().contains("version is"));
        reporter.warn("w");
        reporter.alert("a");
        assert_eq!((reporter.warnings(), reporter.alerts()), (1, 1));
        let log = reporter.take_log();
        assert_eq!(log.matches("haproxy version is").count(), 1);
        assert!(log.ends_with(" : a\n"));
        reporter.warn("later");
        assert_eq!(reporter.take_log(), "", "only the start is remembered");
    }

    #[test]
    fn advice_is_given_only_when_wanted() {
        let mut reporter = Reporter::new(Verbosity::Quiet, Advice::Quiet);
        reporter.advise("d");
        assert_eq!(reporter.take_log(), "");
        let mut reporter = Reporter::new(Verbosity::Quiet, Advice::Given);
        reporter.advise("d");
        assert!(reporter.take_log().starts_with("[DIAG]"));
    }
}
