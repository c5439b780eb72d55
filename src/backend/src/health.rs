//! What health checks know of a server.
//!
//! A checked server has a level between 0 and `rise + fall - 1`. From `rise` on it is up; one failure
//! takes a level away, one success gives one back, and crossing the line jumps to the far end of the
//! other side, so that it takes `fall` failures to go down and `rise` successes to come back. At the start the level
//! may contradict the server's status, until the first failure or as many successes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base::clock::Tick;

/// The outcome of one check, by the names that statistics show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckStatus {
    /// None has been made yet.
    #[default]
    Initializing,
    /// An agent has said nothing of the status.
    Checked,
    /// What traffic showed, and not a check, has changed the level (`observe`).
    Observed,
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
    /// The answer is as wanted of a server that takes nothing new.
    L7Conditional,
    /// No answer in time.
    L7Timeout,
    /// The answer is not what the protocol allows.
    L7Invalid,
    /// The answer's status says no.
    L7Status,
    /// The command of an external check failed to run, or was ended by a signal.
    ProcessError,
    /// It took too long.
    ProcessTimeout,
    /// It is content.
    ProcessOk,
}

impl CheckStatus {
    /// The short name of the statistics.
    pub fn code(self) -> &'static str {
        self.texts().0
    }

    /// The words of messages.
    pub fn describe(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Initializing => ("INI", "Initializing"),
            Self::Checked => ("CHECKED", "No status change"),
            Self::Observed => ("HANA", "Health analyze"),
            Self::SocketError => ("SOCKERR", "Socket error"),
            Self::L4Ok => ("L4OK", "Layer4 check passed"),
            Self::L4Timeout => ("L4TOUT", "Layer4 timeout"),
            Self::L4Connection => ("L4CON", "Layer4 connection problem"),
            Self::L6Ok => ("L6OK", "Layer6 check passed"),
            Self::L6Timeout => ("L6TOUT", "Layer6 timeout"),
            Self::L6Invalid => ("L6RSP", "Layer6 invalid response"),
            Self::L7Ok => ("L7OK", "Layer7 check passed"),
            Self::L7Conditional => ("L7OKC", "Layer7 check conditionally passed"),
            Self::L7Timeout => ("L7TOUT", "Layer7 timeout"),
            Self::L7Invalid => ("L7RSP", "Layer7 invalid response"),
            Self::L7Status => ("L7STS", "Layer7 wrong status"),
            Self::ProcessError => ("PROCERR", "External check error"),
            Self::ProcessTimeout => ("PROCTOUT", "External check timeout"),
            Self::ProcessOk => ("PROCOK", "External check passed"),
        }
    }

    /// Whether the server passed.
    pub fn passed(self) -> bool {
        matches!(self, Self::L4Ok | Self::L6Ok | Self::L7Ok | Self::L7Conditional | Self::ProcessOk)
    }

    /// Whether a code belongs to it.
    pub fn has_code(self) -> bool {
        matches!(
            self,
            Self::L7Ok
                | Self::L7Conditional
                | Self::L7Status
                | Self::ProcessError
                | Self::ProcessTimeout
                | Self::ProcessOk
        )
    }
}

/// One check as it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckResult {
    /// Its outcome.
    pub status: CheckStatus,
    /// The status code of the answer, where one belongs to the outcome.
    pub code: Option<u16>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// What else is to be said.
    pub info: String,
}

/// A server's health, as one kind of checks sees it.
#[derive(Debug)]
pub struct Health(Mutex<State>, AtomicBool);

#[derive(Clone, Debug)]
struct State {
    level: u32,
    rise: u32,
    fall: u32,
    last: CheckResult,
    at: Tick,
    running: Activity,
}

/// Whether a check is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// None is.
    #[default]
    Resting,
    /// One is.
    Checking,
}

/// Whether a result is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It is as the one before.
    None,
    /// Outcome or level are others.
    Some,
}

/// A level with its thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// How high it is.
    pub level: u32,
    /// From here on the server is up.
    pub rise: u32,
    /// So many failures take it down.
    pub fall: u32,
}

impl Level {
    /// Whether it stands for a server that is up.
    pub fn is_up(self) -> bool {
        self.level >= self.rise
    }
}

/// As what a checked server begins (`init-state`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitState {
    /// In use; one failure takes it down, and it has to pass `rise` times before it needs more for that.
    #[default]
    Unsettled,
    /// In use, with all its failures ahead.
    FullyUp,
    /// In use; one failure takes it down.
    Up,
    /// Not in use until it has passed once.
    Down,
    /// Not in use until it has passed `rise` times.
    FullyDown,
}

impl Default for Health {
    fn default() -> Self {
        let state = State {
            level: 1,
            rise: 1,
            fall: 1,
            last: CheckResult::default(),
            at: Tick::NEVER,
            running: Activity::Resting,
        };
        Self(Mutex::new(state), AtomicBool::new(false))
    }
}

impl Health {
    /// That of a server of which nothing is known yet.
    pub fn unsettled() -> Self {
        let health = Self::default();
        health.configure(1, 1, InitState::Unsettled);
        health
    }

    /// Sets the thresholds, and the level to begin with.
    pub fn configure(&self, rise: u32, fall: u32, init: InitState) {
        let level = match init {
            InitState::Unsettled | InitState::FullyDown => 0,
            InitState::FullyUp => rise + fall - 1,
            InitState::Up => rise,
            InitState::Down => rise - 1,
        };
        self.with(|s| (s.level, s.rise, s.fall) = (level, rise, fall));
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

    /// Notes that a check is under way, or no longer.
    pub fn set_activity(&self, activity: Activity) {
        self.with(|s| s.running = activity);
    }

    /// Whether a check is under way.
    pub fn activity(&self) -> Activity {
        self.with(|s| s.running)
    }

    /// Takes in one check's result: a success gives a level or, at the line, all of them; a failure takes one, or at the
    /// line all.
    pub fn observe(&self, result: CheckResult, now: Tick) -> News {
        self.with(|s| {
            let (top, before) = (s.rise + s.fall - 1, s.level);
            s.level = match result.status.passed() {
                true if s.level + 1 >= s.rise => top,
                true => s.level + 1,
                false if s.level > s.rise => s.level - 1,
                false => 0,
            };
            let news =
                if before != s.level || s.last.status != result.status { News::Some } else { News::None };
            s.last = result;
            s.at = now;
            s.running = Activity::Resting;
            news
        })
    }

    /// Notes a result that has nothing to do with the level.
    pub fn note(&self, result: CheckResult, now: Tick) -> News {
        self.with(|s| {
            let news = if s.last.status == result.status { News::None } else { News::Some };
            (s.last, s.at, s.running) = (result, now, Activity::Resting);
            news
        })
    }

    /// One more failure takes it down.
    pub fn weaken(&self) {
        self.with(|s| s.level = s.level.min(s.rise));
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

    /// Its level.
    pub fn level(&self) -> Level {
        self.with(|s| Level { level: s.level, rise: s.rise, fall: s.fall })
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

    fn of(init: InitState) -> Health {
        let h = Health::default();
        h.configure(2, 3, init);
        h
    }

    #[test]
    fn a_server_begins_as_it_is_told() {
        let level = |init| of(init).level().level;
        let all =
            [InitState::Unsettled, InitState::FullyDown, InitState::Down, InitState::Up, InitState::FullyUp];
        assert_eq!(all.map(level), [0, 0, 1, 2, 4]);
    }

    #[test]
    fn it_takes_fall_failures_and_rise_successes() {
        let h = of(InitState::FullyUp);
        for expected in [3, 2, 0, 0] {
            h.observe(failed(), Tick(2));
            assert_eq!(h.level().level, expected);
        }
        assert_eq!(h.trend(), Trend::Down);
        h.observe(passed(), Tick(5));
        assert_eq!((h.trend(), h.level().is_up()), (Trend::Changing, false));
        h.observe(passed(), Tick(6));
        assert_eq!((h.level().level, h.trend(), h.level().is_up()), (4, Trend::Up, true));
    }

    #[test]
    fn a_success_in_between_forgives() {
        let h = of(InitState::FullyUp);
        for r in [passed(), failed(), failed(), passed(), failed(), failed()] {
            h.observe(r, Tick(1));
            assert!(h.level().is_up());
        }
        h.weaken();
        assert_eq!(h.level().level, 2);
    }

    #[test]
    fn news_are_another_outcome_or_another_level() {
        let h = of(InitState::FullyUp);
        assert_eq!(h.observe(passed(), Tick(1)), News::Some);
        assert_eq!(h.observe(passed(), Tick(2)), News::None);
        let odd = CheckResult { status: CheckStatus::L7Conditional, ..CheckResult::default() };
        assert_eq!(h.observe(odd.clone(), Tick(3)), News::Some);
        assert_eq!(h.note(odd, Tick(4)), News::None);
        assert_eq!(h.observe(failed(), Tick(5)), News::Some);
    }
}
