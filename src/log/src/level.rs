//! Severities and facilities of syslog.

use std::str::FromStr;

/// How grave a logged event is. The gravest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// The system is unusable.
    Emerg,
    /// Something must be done at once.
    Alert,
    /// A critical condition.
    Crit,
    /// An error.
    Err,
    /// A warning.
    Warning,
    /// Normal but significant.
    Notice,
    /// Information.
    Info,
    /// Details for debugging.
    Debug,
}

impl Level {
    /// All of them, the gravest first.
    pub const ALL: [Self; 8] = [
        Self::Emerg,
        Self::Alert,
        Self::Crit,
        Self::Err,
        Self::Warning,
        Self::Notice,
        Self::Info,
        Self::Debug,
    ];

    /// The number that syslog gives it; what is beyond the last is the last.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The level with this number; numbers beyond the last mean the last.
    pub const fn from_number(number: u8) -> Self {
        Self::ALL[if number < 8 { number as usize } else { 7 }]
    }

    /// The name by which configurations know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emerg => "emerg",
            Self::Alert => "alert",
            Self::Crit => "crit",
            Self::Err => "err",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|l| l.name() == name).ok_or(())
    }
}

/// The part of the system that a message comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facility(u8);

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2", "ftp", "ntp",
    "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

impl Facility {
    /// The number that syslog gives it.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The name by which configurations know it.
    pub fn name(self) -> &'static str {
        FACILITIES[usize::from(self.0)]
    }

    /// The value between the angle brackets of a message.
    pub const fn priority(self, level: Level) -> u8 {
        self.0 * 8 + level.number()
    }
}

impl FromStr for Facility {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        FACILITIES.iter().position(|f| *f == name).map(|i| Self(i as u8)).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_by_gravity_and_named() {
        assert!(Level::Emerg < Level::Debug);
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(Level::from_number(level.number()), level);
        }
        assert_eq!(Level::from_number(200), Level::Debug);
        assert_eq!("loud".parse::<Level>(), Err(()));
    }

    #[test]
    fn priorities_combine_facility_and_level() {
        let facility = |name: &str| name.parse::<Facility>().unwrap();
        assert_eq!(facility("local0").priority(Level::Info), 134);
        assert_eq!(facility("kern").priority(Level::Emerg), 0);
        assert_eq!(facility("local7").priority(Level::Debug), 191);
        assert_eq!(facility("cron2").name(), "cron2");
        assert!("local8".parse::<Facility>().is_err());
    }
}
