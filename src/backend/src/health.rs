//! What health checks know of a server.
//!
//! A checked server has a level between 0 and `rise + fall - 1`. From `rise` on it is up; one failure
//! takes a level away, one success gives one back, and crossing the line jumps to the far end of the
//! other side, so that it takes `fall` failures to go down and `rise` successes to come back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base::clock::Tick;

/// The outcome of one check, by the names that statistics show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckStatus {
    /// None has been made yet.
    #[default]
    Initializing,
    /// The check itself failed to run.
    SocketError,
    /// Connected, and nothing else was asked for.
    L4Ok,
    /// No connection in time.
    L4Timeout,
    /// The connection was refused or could not be made.
    L4Connection,
    /// The connection is encrypted, and nothing else was asked for.
    L6Ok,
    /// No agreement on encryption in time.
    L6Timeout,
    /// No agreement on encryption.
    L6Invalid,
    /// The answer is as wanted.
    L7Ok,
    /// No answer in time.
    L7Timeout,
    /// The answer is not what the protocol allows.
    L7Invalid,
    /// The answer's status says no.
    L7Status,
}

impl CheckStatus {
    /// The short name of the statistics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Initializing => "INI",
            Self::SocketError => "SOCKERR",
            Self::L4Ok => "L4OK",
            Self::L4Timeout => "L4TOUT",
            Self::L4Connection => "L4CON",
            Self::L6Ok => "L6OK",
            Self::L6Timeout => "L6TOUT",
            Self::L6Invalid => "L6RSP",
            Self::L7Ok => "L7OK",
            Self::L7Timeout => "L7TOUT",
            Self::L7Invalid => "L7RSP",
            Self::L7Status => "L7STS",
        }
    }

    /// The words of messages.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Initializing => "Initializing",
            Self::SocketError => "Socket error",
            Self::L4Ok => "Layer4 check passed",
            Self::L4Timeout => "Layer4 timeout",
            Self::L4Connection => "Layer4 connection problem",
            Self::L6Ok => "Layer6 check passed",
            Self::L6Timeout => "Layer6 timeout",
            Self::L6Invalid => "Layer6 invalid response",
            Self::L7Ok => "Layer7 check passed",
            Self::L7Timeout => "Layer7 timeout",
            Self::L7Invalid => "Layer7 invalid response",
            Self::L7Status => "Layer7 wrong status",
        }
    }

    /// Whether the server passed.
    pub fn passed(self) -> bool {
        matches!(self, Self::L4Ok | Self::L6Ok | Self::L7Ok)
    }
}

/// One check as it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckResult {
    /// Its outcome.
    pub status: CheckStatus,
    /// The status code of the answer, if one was read.
    pub code: Option<u16>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// What else is to be said.
    pub info: String,
}

/// A server's health.
#[derive(Debug)]
pub struct Health(Mutex<State>, AtomicBool);

#[derive(Clone, Debug)]
struct State {
    level: u32,
    rise: u32,
    fall: u32,
    last: CheckResult,
    at: Tick,
}

/// What a check changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Nothing that concerns balancing.
    None,
    /// The server is up now.
    Up,
    /// The server is down now.
    Down,
}

impl Default for Health {
    fn default() -> Self {
        let state = State { level: 1, rise: 1, fall: 1, last: CheckResult::default(), at: Tick::NEVER };
        Self(Mutex::new(state), AtomicBool::new(false))
    }
}

impl Health {
    /// Sets the thresholds, before the first check. The server counts as just about up.
    pub fn configure(&self, rise: u32, fall: u32) {
        self.with(|s| (s.level, s.rise, s.fall) = (rise, rise, fall));
    }

    /// Makes no more checks (`disable health`); the last result stays.
    pub fn suspend(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    /// Makes checks again (`enable health`).
    pub fn resume(&self) {
        self.1.store(false, Ordering::Relaxed);
    }

    /// Whether no checks are made for the time being.
    pub fn is_suspended(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }

    /// Takes in one check's result.
    pub fn observe(&self, result: CheckResult, now: Tick) -> Transition {
        self.with(|s| {
            let top = s.rise + s.fall - 1;
            let was_up = s.level >= s.rise;
            s.level = match (result.status.passed(), was_up) {
                (true, true) => top,
                (true, false) if s.level + 1 >= s.rise => top,
                (true, false) => s.level + 1,
                (false, true) if s.level > s.rise => s.level - 1,
                (false, _) => 0,
            };
            s.last = result;
            s.at = now;
            match (was_up, s.level >= s.rise) {
                (false, true) => Transition::Up,
                (true, false) => Transition::Down,
                _ => Transition::None,
            }
        })
    }

    /// Lets the next checks start from fully up, or from fully down, as an operator says.
    pub fn force(&self, trend: Trend) {
        self.with(|s| match trend {
            Trend::Up => s.level = s.rise + s.fall - 1,
            Trend::Down => s.level = 0,
            Trend::Changing => {}
        });
    }

    /// The last result, and when it came.
    pub fn last(&self) -> (CheckResult, Tick) {
        self.with(|s| (s.last.clone(), s.at))
    }

    /// Level, `rise` and `fall`.
    pub fn level(&self) -> (u32, u32, u32) {
        self.with(|s| (s.level, s.rise, s.fall))
    }

    /// How the next check's interval is chosen.
    pub fn trend(&self) -> Trend {
        self.with(|s| match s.level {
            0 => Trend::Down,
            l if l == s.rise + s.fall - 1 => Trend::Up,
            _ => Trend::Changing,
        })
    }

    /// Whole values only are ever stored, so that a panic elsewhere leaves a good one.
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where a server's level stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// Fully up: `inter`.
    Up,
    /// Fully down: `downinter`.
    Down,
    /// In between: `fastinter`.
    Changing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed() -> CheckResult {
        CheckResult { status: CheckStatus::L4Ok, ..CheckResult::default() }
    }

    fn failed() -> CheckResult {
        CheckResult { status: CheckStatus::L4Connection, ..CheckResult::default() }
    }

    #[test]
    fn the_first_failure_after_the_start_takes_a_server_down() {
        let h = Health::default();
        h.configure(2, 3);
        assert_eq!(h.observe(failed(), Tick(1)), Transition::Down);
        assert_eq!(h.trend(), Trend::Down);
    }

    #[test]
    fn it_takes_fall_failures_and_rise_successes() {
        let h = Health::default();
        h.configure(2, 3);
        assert_eq!(h.observe(passed(), Tick(1)), Transition::None);
        assert_eq!(h.level().0, 4);
        assert_eq!(h.observe(failed(), Tick(2)), Transition::None);
        assert_eq!(h.observe(failed(), Tick(3)), Transition::None);
        assert_eq!(h.observe(failed(), Tick(4)), Transition::Down);
        assert_eq!(h.observe(passed(), Tick(5)), Transition::None);
        assert_eq!(h.trend(), Trend::Changing);
        assert_eq!(h.observe(passed(), Tick(6)), Transition::Up);
        assert_eq!((h.level().0, h.trend()), (4, Trend::Up));
    }

    #[test]
    fn a_success_in_between_forgives() {
        let h = Health::default();
        h.configure(2, 3);
        for r in [passed(), failed(), failed(), passed(), failed(), failed()] {
            assert_eq!(h.observe(r, Tick(1)), Transition::None);
        }
    }
}
