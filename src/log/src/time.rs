//! Dates of log lines, kept for as long as their second lasts.

use std::cell::RefCell;
use std::io::Write as _;

use base::clock::{Clock, WallTime};

/// The texts of one second.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    second: u64,
    local: [u8; 20],
    utc: [u8; 20],
    offset: [u8; 5],
    rfc3164: [u8; 15],
    iso: [u8; 19],
}

impl Stamp {
    const NEVER: Self = Self {
        second: u64::MAX,
        local: [0; 20],
        utc: [0; 20],
        offset: [0; 5],
        rfc3164: [0; 15],
        iso: [0; 19],
    };

    fn of(second: u64, offset: i32) -> Self {
        let mut stamp = Self { second, ..Self::NEVER };
        let local = Civil::of(second as i64 + i64::from(offset));
        local.write_common(&mut stamp.local);
        Civil::of(second as i64).write_common(&mut stamp.utc);
        let Civil { year, month, day, hour, minute, second } = local;
        let name = MONTHS[month as usize];
        put(&mut stamp.rfc3164, format_args!("{name} {day:2} {hour:02}:{minute:02}:{second:02}"));
        let month = month + 1;
        put(&mut stamp.iso, format_args!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"));
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
        put(&mut stamp.offset, format_args!("{sign}{:02}{:02}", minutes / 60, minutes % 60));
        stamp
    }

    /// `22/Nov/2026:13:05:03` in local time.
    pub(crate) fn local(&self) -> &[u8] {
        &self.local
    }

    /// The same in UTC.
    pub(crate) fn utc(&self) -> &[u8] {
        &self.utc
    }

    /// How far local time is ahead of UTC: `+0530`.
    pub(crate) fn offset(&self) -> &[u8] {
        &self.offset
    }

    /// `Nov 22 13:05:03`, local.
    pub(crate) fn rfc3164(&self) -> &[u8] {
        &self.rfc3164
    }

    /// Appends `2026-11-22T13:05:03.123456+05:30`.
    pub(crate) fn push_iso(&self, micros: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.iso);
        let mut fraction = [b'.'; 7];
        put(&mut fraction[1..], format_args!("{micros:06}"));
        out.extend_from_slice(&fraction);
        out.extend_from_slice(&self.offset[..3]);
        out.push(b':');
        out.extend_from_slice(&self.offset[3..]);
    }
}

struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Civil {
    /// The date of a number of seconds since 1970, in the proleptic Gregorian calendar.
    fn of(seconds: i64) -> Self {
        // Years are counted from March, so that the leap day is the last of its year.
        let shifted = seconds.div_euclid(86_400) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = ((from_march + 2) % 12) as u32;
        let of_day = seconds.rem_euclid(86_400) as u32;
        Self {
            year: year_of_era + era * 400 + i64::from(month < 2),
            month,
            day: (day_of_year - (153 * from_march + 2) / 5 + 1) as u32,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    fn write_common(&self, into: &mut [u8; 20]) {
        let Self { year, month, day, hour, minute, second } = self;
        let name = MONTHS[*month as usize];
        put(into, format_args!("{day:02}/{name}/{year:04}:{hour:02}:{minute:02}:{second:02}"));
    }
}

/// Prints into an array of the right size; years beyond 9999 are cut.
fn put(mut into: &mut [u8], text: std::fmt::Arguments<'_>) {
    let _ = into.write_fmt(text);
}

/// A line names the second in which it is written and that in which its stream began, seldom more.
const KEPT: usize = 4;

thread_local! {
    static STAMPS: RefCell<[Stamp; KEPT]> = const { RefCell::new([Stamp::NEVER; KEPT]) };
}

/// The texts of a date.
pub(crate) fn stamp(date: WallTime) -> Stamp {
    let second = date.seconds();
    STAMPS.with_borrow_mut(|stamps| {
        let kept = &mut stamps[(second % KEPT as u64) as usize];
        if kept.second != second {
            *kept = Stamp::of(second, sys::time::local_offset(second as i64));
        }
        *kept
    })
}

/// A date in local time with its milliseconds, as log lines show it: `22/Nov/2026:13:05:03.123`.
pub fn local_date(date: WallTime) -> String {
    let stamp = stamp(date);
    format!("{}.{:03}", String::from_utf8_lossy(stamp.local()), date.subsec_millis())
}

/// A date in local time with what that is ahead of universal time: `22/Nov/2026:13:05:03 +0100`.
pub fn zoned_date(date: WallTime) -> String {
    let stamp = stamp(date);
    format!("{} {}", String::from_utf8_lossy(stamp.local()), String::from_utf8_lossy(&stamp.offset))
}

/// The date now, for messages that belong to no scene.
pub(crate) fn now() -> WallTime {
    thread_local! {
        static CLOCK: Clock = Clock::system();
    }
    CLOCK.with(Clock::wall)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_second_is_written_in_every_form() {
        let stamp = Stamp::of(1_795_352_703, 19_800);
        assert_eq!(text(stamp.utc()), "22/Nov/2026:13:05:03");
        assert_eq!(text(stamp.local()), "22/Nov/2026:18:35:03");
        assert_eq!(text(stamp.offset()), "+0530");
        assert_eq!(text(stamp.rfc3164()), "Nov 22 18:35:03");
        let mut out = Vec::new();
        stamp.push_iso(824, &mut out);
        assert_eq!(text(&out), "2026-11-22T18:35:03.000824+05:30");
    }

    #[test]
    fn leap_days_and_west_of_greenwich() {
        let stamp = Stamp::of(1_709_164_800, -9_000);
        assert_eq!(text(stamp.utc()), "29/Feb/2024:00:00:00");
        assert_eq!(text(stamp.local()), "28/Feb/2024:21:30:00");
        assert_eq!(text(stamp.offset()), "-0230");
        assert_eq!(text(Stamp::of(0, 0).rfc3164()), "Jan  1 00:00:00");
    }

    #[test]
    fn a_kept_second_is_the_one_that_was_asked_for() {
        for second in [5, 1_000_000_005, 6, 5, 9, 5] {
            assert_eq!(stamp(WallTime(second * 1_000_000)).utc(), Stamp::of(second, 0).utc());
        }
    }
}
