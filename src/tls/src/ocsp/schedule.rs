//! When responses are fetched again, and what came of it.

/// What configurations say of updates as a whole (`ocsp-update.*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whether certificates are updated whose lines do not say (`ocsp-update.mode`).
    pub(crate) mode: Mode,
    /// Whether anything is updated (`ocsp-update.disable`).
    pub(crate) all: Mode,
    /// The shortest time between two updates, in seconds.
    pub(crate) least: i64,
    /// The longest.
    pub(crate) most: i64,
}

impl Default for Terms {
    fn default() -> Self {
        Self { mode: Mode::Off, all: Mode::On, least: 300, most: 3600 }
    }
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Off,
    On,
}

impl Mode {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Off, Self::On].into_iter().find(|mode| mode.name() == name)
    }
}

/// How an update ended, by the number and the words that tools know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There was none yet.
    #[default]
    Never,
    Well,
    /// No answer came, or one that is none.
    Http,
    /// The answer is something else than a response.
    Kind,
    /// The response is not to be believed.
    Check(String),
    /// It does not help.
    Insertion(String),
}

impl Ended {
    pub(crate) fn number(&self) -> u8 {
        match self {
            Self::Never => 0,
            Self::Well => 1,
            Self::Http => 2,
            Self::Kind => 3,
            Self::Check(_) => 4,
            Self::Insertion(_) => 5,
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never => f.write_str("Unknown"),
            Self::Well => f.write_str("Update successful"),
            Self::Http => f.write_str("HTTP error"),
            Self::Kind => f.write_str("Missing \"ocsp-response\" header"),
            Self::Check(why) => write!(f, "OCSP response check failure ({why})"),
            Self::Insertion(why) => write!(f, "Error during insertion ({why})"),
        }
    }
}

/// The updates of one response. Times are in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// When the next one is due; none when nobody waits for one.
    pub(crate) next: Option<i64>,
    /// When the last good one came.
    pub(crate) last: Option<i64>,
    pub(crate) successes: u32,
    pub(crate) failures: u32,
    /// The failures since the last good one.
    in_a_row: u32,
    pub(crate) ended: Ended,
}

impl Schedule {
    /// Begins, with a response that is good until then, or without one.
    fn begin(&mut self, good_until: Option<i64>, now: i64, terms: &Terms) {
        self.next = Some(good_until.map_or(now, |until| terms.limited(until, now)));
    }

    /// Begins if it is wanted and has not begun, ends if it is not.
    pub(crate) fn want(&mut self, mode: Mode, good_until: Option<i64>, now: i64, terms: &Terms) {
        match (mode, self.next) {
            (Mode::On, None) => self.begin(good_until, now, terms),
            (Mode::Off, _) => self.next = None,
            (Mode::On, Some(_)) => {}
        }
    }

    /// Notes what came of an update: on success, until when the response is good.
    pub(crate) fn note(&mut self, came: Result<i64, Ended>, now: i64, terms: &Terms) {
        let next = match came {
            Ok(until) => {
                self.successes = self.successes.saturating_add(1);
                (self.in_a_row, self.last, self.ended) = (0, Some(now), Ended::Well);
                terms.limited(until, now)
            }
            Err(ended) => {
                self.failures = self.failures.saturating_add(1);
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.ended = ended;
                // Two minutes at first, twice as long after each other failure.
                let wait = 60i64.checked_shl(self.in_a_row.min(24)).unwrap_or(i64::MAX);
                now + wait.min(terms.most)
            }
        };
        if self.next.is_some() {
            self.next = Some(next);
        }
    }
}

impl Terms {
    /// A time between the least and the most that an update may wait.
    fn limited(&self, until: i64, now: i64) -> i64 {
        until.min(now.saturating_add(self.most)).max(now.saturating_add(self.least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_response_one_is_wanted_now() {
        let (mut schedule, terms) = (Schedule::default(), Terms::default());
        schedule.begin(None, 1000, &terms);
        assert_eq!(schedule.next, Some(1000));
        schedule.begin(Some(1010), 1000, &terms);
        assert_eq!(schedule.next, Some(1300), "not before the least time");
        schedule.begin(Some(100_000), 1000, &terms);
        assert_eq!(schedule.next, Some(4600), "not after the most");
    }

    #[test]
    fn failures_wait_longer_each_time() {
        let (mut schedule, terms) = (Schedule::default(), Terms::default());
        schedule.begin(None, 0, &terms);
        let mut waits = Vec::new();
        for _ in 0..7 {
            schedule.note(Err(Ended::Http), 0, &terms);
            waits.extend(schedule.next);
        }
        assert_eq!(waits, [120, 240, 480, 960, 1920, 3600, 3600]);
        schedule.note(Ok(1000), 0, &terms);
        schedule.note(Err(Ended::Kind), 0, &terms);
        assert_eq!((schedule.next, schedule.failures, schedule.successes), (Some(120), 8, 1));
        assert_eq!(schedule.ended.to_string(), "Missing \"ocsp-response\" header");
    }

    #[test]
    fn what_is_not_scheduled_stays_so() {
        let mut schedule = Schedule::default();
        schedule.note(Ok(5000), 10, &Terms::default());
        assert_eq!((schedule.next, schedule.last, schedule.ended.number()), (None, Some(10), 1));
    }
}
