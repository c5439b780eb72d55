//! Times: an integer and a unit.

use std::fmt;

use crate::number;
use crate::parser::Rule;
use crate::span::Span;

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// `us`
    Microsecond,
    /// `ms`
    Millisecond,
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
}

impl Unit {
    /// How many microseconds it has.
    pub const fn micros(self) -> u64 {
        match self {
            Self::Microsecond => 1,
            Self::Millisecond => 1_000,
            Self::Second => 1_000_000,
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "us" => Self::Microsecond,
            "ms" => Self::Millisecond,
            "s" => Self::Second,
            "m" => Self::Minute,
            "h" => Self::Hour,
            "d" => Self::Day,
            _ => return None,
        })
    }
}

/// A time as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// How long it is; the largest value for anything longer.
    pub micros: u64,
    /// The unit it was written with, if any.
    pub unit: Option<Unit>,
    /// What follows a complete time and should not. Directives warn about it and take the time all the same.
    pub excess: Option<Span>,
}

/// What makes a text no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeError {
    /// A character that is neither a digit nor the start of a unit, or the end where a digit was due.
    Unexpected(Span),
    /// More than the caller can hold.
    Overflow,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected(span) => write!(f, "unexpected character at position {}", span.start + 1),
            Self::Overflow => f.write_str("timer overflow"),
        }
    }
}

impl std::error::Error for TimeError {}

impl Time {
    /// The time in whole units, rounded up so that no time becomes none; at most `max`.
    pub fn in_unit(self, unit: Unit, max: u64) -> Result<u64, TimeError> {
        let value = self.micros.div_ceil(unit.micros());
        if value > max || self.micros == u64::MAX { Err(TimeError::Overflow) } else { Ok(value) }
    }

    /// The time in milliseconds as timers count them, up to some 24.8 days.
    pub fn timer_millis(self) -> Result<u32, TimeError> {
        self.in_unit(Unit::Millisecond, i32::MAX as u64).map(|value| value as u32)
    }
}

/// Parses a time, in units of `default` when it names none.
pub fn parse(text: &[u8], default: Unit) -> Result<Time, TimeError> {
    let number = number::parse(Rule::time, text).map_err(TimeError::Unexpected)?;
    let unit = Unit::named(&number.unit);
    let micros = number.value.saturating_mul(unit.unwrap_or(default).micros());
    Ok(Time { micros, unit, excess: number.excess })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn millis(text: &str) -> Result<u32, TimeError> {
        parse(text.as_bytes(), Unit::Millisecond)?.timer_millis()
    }

    #[test]
    fn units_scale() {
        for (text, expected) in [
            ("0", 0),
            ("5000", 5000),
            ("00005", 5),
            ("1us", 1),
            ("1500us", 2),
            ("1ms", 1),
            ("1s", 1000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("2147483647", 2_147_483_647),
            ("4294967296us", 4_294_968),
        ] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
        assert_eq!(parse(b"3", Unit::Second).map(|time| time.micros), Ok(3_000_000));
        assert_eq!(parse(b"3ms", Unit::Second).map(|time| time.unit), Ok(Some(Unit::Millisecond)));
    }

    #[test]
    fn what_is_too_long_overflows() {
        for text in ["2147483648", "25d", "597h", "99999999999999999999", "99999999999999999999d"] {
            assert_eq!(millis(text), Err(TimeError::Overflow), "{text}");
        }
        assert_eq!(parse(b"70000", Unit::Millisecond).unwrap().in_unit(Unit::Millisecond, 65535).ok(), None);
    }

    #[test]
    fn other_characters_are_pointed_at() {
        for (text, at) in
            [("1x", 1), ("1S", 1), ("1.5s", 1), ("-1", 0), (" 1", 0), ("1u", 1), ("ms", 0), ("", 0)]
        {
            let Err(TimeError::Unexpected(span)) = parse(text.as_bytes(), Unit::Millisecond) else {
                panic!("{text} is no time");
            };
            assert_eq!(span.start, at, "{text}");
        }
        assert_eq!(parse(b"1", Unit::Second).unwrap().excess, None);
        assert_eq!(parse(b"1mss", Unit::Second).unwrap().excess, Some(Span::new(3, 4)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(text in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = parse(&text, Unit::Millisecond);
        }

        #[test]
        fn seconds_are_a_thousand_milliseconds(value in 0u64..1_000_000) {
            prop_assert_eq!(millis(&format!("{value}s")), millis(&format!("{}", value * 1000)));
        }
    }
}
