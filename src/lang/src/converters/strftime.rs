//! Dates written by a format of strftime(3), in the "C" locale, with `%N` for fractions of a second.

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What a moment is called.
pub(super) struct Moment {
    /// Seconds since 1970.
    seconds: i64,
    /// Billionths of a second; `None` where `%N` means nothing.
    nanoseconds: Option<u32>,
    year: i64,
    month: u32,
    day: u32,
    second_of_day: u32,
    /// From 0 for Sunday.
    weekday: u32,
    /// From 0.
    day_of_year: u32,
    /// Seconds ahead of UTC.
    offset: i32,
    zone: String,
}

/// How a number is filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fill {
    Zeros,
    Blanks,
    Nothing,
}

/// What stands between the percent sign and the letter.
#[derive(Clone, Copy, Default)]
struct Flags {
    fill: Option<Fill>,
    letters: Letters,
    width: Option<usize>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Letters {
    #[default]
    AsTheyAre,
    Upper,
    Swapped,
}

impl Moment {
    /// A moment in UTC.
    pub(super) fn universal(seconds: i64, nanoseconds: Option<u32>) -> Self {
        Self::at(seconds, nanoseconds, 0, "GMT".to_owned())
    }

    /// A moment in local time.
    pub(super) fn local(seconds: i64, nanoseconds: Option<u32>) -> Self {
        let (offset, zone) = (sys::time::local_offset(seconds), sys::time::local_zone(seconds));
        Self::at(seconds, nanoseconds, offset, zone)
    }

    fn at(seconds: i64, nanoseconds: Option<u32>, offset: i32, zone: String) -> Self {
        let shifted = seconds.saturating_add(i64::from(offset));
        let days = shifted.div_euclid(86_400);
        let (year, month, day) = http::civil_from_days(days);
        Self {
            seconds,
            nanoseconds,
            year,
            month,
            day,
            second_of_day: shifted.rem_euclid(86_400) as u32,
            weekday: (days + 4).rem_euclid(7) as u32,
            day_of_year: (days - http::days_from_civil(year, 1, 1)) as u32,
            offset,
            zone,
        }
    }

    /// The moment in this format.
    pub(super) fn format(&self, format: &str) -> String {
        let mut out = String::with_capacity(format.len() * 2);
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            let spec = &rest[at..];
            let (flags, letter, len) = specification(spec);
            if letter.is_none_or(|letter| self.item(letter, flags, &mut out).is_none()) {
                // What is no specification stands for itself.
                out.push_str(&spec[..len]);
            }
            rest = &spec[len..];
        }
        out.push_str(rest);
        out
    }

    /// Writes what a letter stands for; `None` if it stands for nothing.
    fn item(&self, letter: char, flags: Flags, out: &mut String) -> Option<()> {
        let hour = self.second_of_day / 3600;
        let zeros = |value: i64, digits| number(value, digits, Fill::Zeros, flags);
        let blanks = |value: i64, digits| number(value, digits, Fill::Blanks, flags);
        let text = match letter {
            'N' => self.fraction(flags)?,
            'd' => zeros(self.day.into(), 2),
            'e' => blanks(self.day.into(), 2),
            'H' => zeros(hour.into(), 2),
            'k' => blanks(hour.into(), 2),
            'I' => zeros(half(hour).into(), 2),
            'l' => blanks(half(hour).into(), 2),
            'M' => zeros((self.second_of_day / 60 % 60).into(), 2),
            'S' => zeros((self.second_of_day % 60).into(), 2),
            'm' => zeros(self.month.into(), 2),
            'j' => zeros((self.day_of_year + 1).into(), 3),
            'y' => zeros(self.year.rem_euclid(100), 2),
            'C' => zeros(self.year.div_euclid(100), 2),
            'Y' => number(self.year, 1, Fill::Zeros, flags),
            'G' => number(self.week_by_iso().0, 1, Fill::Zeros, flags),
            'g' => zeros(self.week_by_iso().0.rem_euclid(100), 2),
            'V' => zeros(self.week_by_iso().1, 2),
            'U' => zeros(((self.day_of_year + 7 - self.weekday) / 7).into(), 2),
            'W' => zeros(((self.day_of_year + 7 - (self.weekday + 6) % 7) / 7).into(), 2),
            'w' => number(self.weekday.into(), 1, Fill::Zeros, flags),
            'u' => number(((self.weekday + 6) % 7 + 1).into(), 1, Fill::Zeros, flags),
            's' => number(self.seconds, 1, Fill::Zeros, flags),
            'z' => number(i64::from(self.offset / 3600 * 100 + self.offset / 60 % 60), 4, Fill::Zeros, flags),
            _ => padded(&self.words(letter, flags)?, flags),
        };
        if letter == 'z' && self.offset >= 0 {
            out.push('+');
        }
        out.push_str(&text);
        Some(())
    }

    /// Names, and the items that are made of others.
    fn words(&self, letter: char, flags: Flags) -> Option<String> {
        let (day, month) = (DAYS[self.weekday as usize], MONTHS[self.month as usize - 1]);
        let half = if self.second_of_day < 43_200 { "AM" } else { "PM" };
        Some(match letter {
            'a' => flags.cased(&day[..3]),
            'A' => flags.cased(day),
            'b' | 'h' => flags.cased(&month[..3]),
            'B' => flags.cased(month),
            'p' if flags.letters == Letters::Swapped => half.to_lowercase(),
            'p' => half.to_owned(),
            'P' => half.to_lowercase(),
            'Z' if flags.letters == Letters::Swapped => self.zone.to_lowercase(),
            'Z' => self.zone.clone(),
            'c' => flags.cased(&self.format("%a %b %e %H:%M:%S %Y")),
            'D' | 'x' => self.format("%m/%d/%y"),
            'F' => self.format("%Y-%m-%d"),
            'R' => self.format("%H:%M"),
            'r' => self.format("%I:%M:%S %p"),
            'T' | 'X' => self.format("%H:%M:%S"),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }

    /// As many digits of the fraction as the width asks for, nine at most.
    fn fraction(&self, flags: Flags) -> Option<String> {
        let mut digits = format!("{:09}", self.nanoseconds?);
        let all = if flags.fill == Some(Fill::Zeros) { 0 } else { 9 };
        digits.truncate(flags.width.unwrap_or(all));
        Some(digits)
    }

    /// The year and number of the week by ISO 8601: the one with the year's first Thursday is the first.
    fn week_by_iso(&self) -> (i64, i64) {
        let since_monday = i64::from((self.weekday + 6) % 7);
        let week = (i64::from(self.day_of_year) - since_monday + 10) / 7;
        if week < 1 {
            return (self.year - 1, weeks_of(self.year - 1));
        }
        if week > weeks_of(self.year) { (self.year + 1, 1) } else { (self.year, week) }
    }
}

/// How many weeks a year has: 53 if it begins or ends with a Thursday.
fn weeks_of(year: i64) -> i64 {
    let weekday = |month, day| (http::days_from_civil(year, month, day) + 4).rem_euclid(7);
    if weekday(1, 1) == 4 || weekday(12, 31) == 4 { 53 } else { 52 }
}

fn half(hour: u32) -> u32 {
    (hour + 11) % 12 + 1
}

impl Flags {
    fn cased(self, text: &str) -> String {
        if self.letters == Letters::AsTheyAre { text.to_owned() } else { text.to_uppercase() }
    }
}

/// What a percent sign begins: flags, the letter if there is one, and its length.
fn specification(spec: &str) -> (Flags, Option<char>, usize) {
    let mut flags = Flags::default();
    let mut chars = spec.char_indices().skip(1).peekable();
    while let Some((_, flag)) = chars.next_if(|(_, c)| matches!(c, '_' | '-' | '0' | '^' | '#')) {
        match flag {
            '_' => flags.fill = Some(Fill::Blanks),
            '-' => flags.fill = Some(Fill::Nothing),
            '0' => flags.fill = Some(Fill::Zeros),
            '^' => flags.letters = Letters::Upper,
            _ => flags.letters = Letters::Swapped,
        }
    }
    while let Some((_, digit)) = chars.next_if(|(_, c)| c.is_ascii_digit()) {
        let digit = digit.to_digit(10).unwrap_or(0) as usize;
        // More than this no line has room for.
        flags.width = Some((flags.width.unwrap_or(0) * 10 + digit).min(1024));
    }
    // Other forms of numbers and eras are the usual ones in the "C" locale.
    chars.next_if(|(_, c)| matches!(c, 'E' | 'O'));
    match chars.next() {
        Some((at, letter)) => (flags, Some(letter), at + letter.len_utf8()),
        None => (flags, None, spec.len()),
    }
}

fn number(value: i64, digits: usize, fill: Fill, flags: Flags) -> String {
    let width = flags.width.unwrap_or(digits);
    match flags.fill.unwrap_or(fill) {
        Fill::Zeros => format!("{:0width$}", value, width = width + usize::from(value < 0)),
        Fill::Blanks => format!("{value:width$}"),
        Fill::Nothing => value.to_string(),
    }
}

fn padded(text: &str, flags: Flags) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.len());
    let mut out = String::new();
    if missing > 0 {
        let filler = if flags.fill == Some(Fill::Zeros) { '0' } else { ' ' };
        out.extend(std::iter::repeat_n(filler, missing));
    }
    out.push_str(text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(seconds: i64, format: &str) -> String {
        Moment::universal(seconds, Some(123_000_000)).format(format)
    }

    #[test]
    fn every_item_is_written() {
        let all = "%a %A %b %B %c %C %d %D %e %F %g %G %h %H %I %j %k %l %m %M %n %p %P %r %R %s %S %t %T %u %U \
                   %V %w %W %x %X %y %Y %z %Z %%";
        let expected = "Tue Tuesday Nov November Tue Nov 14 22:13:20 2023 20 14 11/14/23 14 2023-11-14 23 2023 \
                        Nov 22 10 318 22 10 11 13 \n PM pm 10:13:20 PM 22:13 1700000000 20 \t 22:13:20 2 46 46 2 \
                        46 11/14/23 22:13:20 23 2023 +0000 GMT %";
        assert_eq!(written(1_700_000_000, all), expected);
    }

    #[test]
    fn flags_and_what_is_no_item() {
        let expected = "%Q 23 14 14 14 TUE gmt 14 02023 %+ %";
        assert_eq!(written(1_700_000_000, "%Q %Ey %Od %_d %-d %^a %#Z %0e %5Y %+ %"), expected);
        assert_eq!(written(1_700_000_000, "%-m|%_5d|%05d|%é"), "11|   14|00014|%é");
    }

    #[test]
    fn fractions_have_up_to_nine_digits() {
        assert_eq!(written(0, "%N %3N %6N %9N %1N %12N"), "123000000 123 123000 123000000 1 123000000");
        assert_eq!(written(0, "%N%%N|%%3N"), "123000000%N|%3N");
        assert_eq!(Moment::universal(0, None).format("%N"), "%N");
    }

    #[test]
    fn weeks_turn_with_the_year() {
        // 1 January 2021 is a Friday, 31 December 2024 a Tuesday, 3 January 2027 a Sunday.
        assert_eq!(written(1_609_459_200, "%G-%V %U %W"), "2020-53 00 00");
        assert_eq!(written(1_735_603_200, "%G-%V %U %W"), "2025-01 52 53");
        assert_eq!(written(1_798_934_400, "%F %G-%V %U %W"), "2027-01-03 2026-53 01 00");
    }

    #[test]
    fn dates_before_1970_and_zones_west() {
        assert_eq!(written(-1, "%F %T"), "1969-12-31 23:59:59");
        let west = Moment::at(0, None, -(3 * 3600 + 1800), "X".to_owned());
        assert_eq!(west.format("%F %T %z %Z"), "1969-12-31 20:30:00 -0330 X");
    }

    proptest! {
        #[test]
        fn no_format_makes_it_fail(format in ".{0,20}", seconds: i32) {
            written(i64::from(seconds), &format);
            written(i64::from(seconds), &format!("%{format}"));
        }
    }
}
