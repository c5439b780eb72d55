//! Dates in messages.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FULL_DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// Year, month (1 to 12) and day of a number of days since 1970, in the proleptic Gregorian calendar.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    // Years are counted from March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The number of days since 1970 of a year, month (1 to 12) and day.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a number of seconds since 1970 in the form of the `Date` header:
/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn imf_fixdate(unix_seconds: i64) -> String {
    let mut out = Vec::with_capacity(29);
    push_imf_fixdate(unix_seconds, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends what [`imf_fixdate`] returns.
pub fn push_imf_fixdate(unix_seconds: i64, out: &mut Vec<u8>) {
    let days = unix_seconds.div_euclid(86_400);
    let second_of_day = unix_seconds.rem_euclid(86_400) as u32;
    let (year, month, day) = civil_from_days(days);
    out.extend_from_slice(DAYS[days.rem_euclid(7) as usize].as_bytes());
    out.extend_from_slice(b", ");
    push_two(day, out);
    out.push(b' ');
    out.extend_from_slice(MONTHS[month as usize - 1].as_bytes());
    out.push(b' ');
    let year = year.clamp(0, 9_999) as u32;
    push_two(year / 100, out);
    push_two(year % 100, out);
    for (separator, number) in
        [(b' ', second_of_day / 3_600), (b':', second_of_day / 60 % 60), (b':', second_of_day % 60)]
    {
        out.push(separator);
        push_two(number, out);
    }
    out.extend_from_slice(b" GMT");
}

fn push_two(number: u32, out: &mut Vec<u8>) {
    out.push(b'0' + (number / 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

/// Reads a date in any of the three forms of RFC 9110, 5.6.7, as seconds since 1970. `now` places the years of
/// the form that has two digits only.
pub fn parse_http_date(text: &[u8], now: i64) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    match text.split_once(", ") {
        Some((day, rest)) if DAYS.contains(&day) => imf(rest),
        Some((day, rest)) if FULL_DAYS.contains(&day) => rfc850(rest, now),
        Some(_) => None,
        None => asctime(text),
    }
}

fn imf(rest: &str) -> Option<i64> {
    let mut words = rest.split(' ');
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let time = words.next()?;
    (words.next()? == "GMT" && words.next().is_none()).then_some(())?;
    assemble(digits(year, 4)?, month, digits(day, 2)?, time)
}

fn rfc850(rest: &str, now: i64) -> Option<i64> {
    let mut words = rest.split(' ');
    let mut date = words.next()?.split('-');
    let time = words.next()?;
    (words.next()? == "GMT" && words.next().is_none()).then_some(())?;
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    date.next().is_none().then_some(())?;
    let (this_year, ..) = civil_from_days(now.div_euclid(86_400));
    let mut full = this_year as u32 / 100 * 100 + digits(year, 2)?;
    if i64::from(full) > this_year + 50 {
        full -= 100;
    }
    assemble(full, month, digits(day, 2)?, time)
}

fn asctime(text: &str) -> Option<i64> {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    DAYS.contains(&words.next()?).then_some(())?;
    let (month, day, time, year) = (words.next()?, words.next()?, words.next()?, words.next()?);
    words.next().is_none().then_some(())?;
    assemble(digits(year, 4)?, month, digits(day, day.len().clamp(1, 2))?, time)
}

fn assemble(year: u32, month: &str, day: u32, time: &str) -> Option<i64> {
    let month = MONTHS.iter().position(|&name| name == month)? as u32 + 1;
    let mut numbers = time.split(':').map(|part| digits(part, 2));
    let (hour, minute, second) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let valid =
        numbers.next().is_none() && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    valid.then(|| {
        let days = days_from_civil(i64::from(year), month, day);
        days * 86_400 + i64::from(hour * 3_600 + minute * 60 + second)
    })
}

fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates() {
        assert_eq!(imf_fixdate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(imf_fixdate(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(imf_fixdate(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(imf_fixdate(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
    }

    #[test]
    fn three_forms_are_read() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse_http_date(text.as_bytes(), 1_700_000_000), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn a_two_digit_year_is_at_most_fifty_years_ahead() {
        let now = 1_700_000_000; // 2023
        let read = parse_http_date(b"Tuesday, 01-Jan-74 00:00:00 GMT", now).unwrap();
        assert_eq!(imf_fixdate(read), "Tue, 01 Jan 1974 00:00:00 GMT");
        let read = parse_http_date(b"Sunday, 01-Jan-73 00:00:00 GMT", now).unwrap();
        assert!(imf_fixdate(read).contains("2073"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
        ] {
            assert_eq!(parse_http_date(text.as_bytes(), 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_dates_are_read_back(seconds in 0_i64..253_402_300_799) {
            prop_assert_eq!(parse_http_date(imf_fixdate(seconds).as_bytes(), 0), Some(seconds));
        }

        #[test]
        fn any_text_ends(text in ".{0,40}") {
            let _ = parse_http_date(text.as_bytes(), 0);
        }
    }
}
