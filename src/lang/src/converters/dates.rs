//! Dates: read from headers, and written for headers and logs.

use super::strftime::Moment;
use super::{INT, STR, bytes, check_choice, plain, text, with};
use crate::arg::{Args, Signature};
use crate::expr::{Converter, unchecked};
use crate::sample::{Sample, Type};

const FORMAT: Signature = Signature::some(1, &[STR, INT]);

macro_rules! dated {
    ($name:literal, $per_second:literal, $zone:path) => {
        with($name, FORMAT, Type::Int, Type::Str, unchecked, |s, args, _| {
            let (seconds, nanoseconds) = divided(s.to_int()?, $per_second);
            let seconds = seconds.saturating_add(args.int(1).unwrap_or(0)).clamp(-LIMIT, LIMIT);
            let nanoseconds = ($per_second > 1).then_some(nanoseconds);
            Some(Sample::owned($zone(seconds, nanoseconds).format(text(args, 0)).into_bytes()))
        })
    };
}

/// Seconds whose years still fit into an integer of 32 bits.
const LIMIT: i64 = 67_767_976_233_532_799;

/// The converters of dates.
pub static CONVERTERS: &[Converter] = &[
    plain("date", Type::Str, Type::Int, |s, _, scene| {
        http::parse_http_date(&bytes(s)?, scene.now.1.seconds() as i64).map(Sample::Int)
    }),
    with("http_date", Signature::optional(&[INT, STR]), Type::Int, Type::Str, check_unit, |s, args, _| {
        let moment = s.to_int()?.saturating_add(args.int(0).unwrap_or(0));
        Some(Sample::owned(http_date(moment, args.choice(1).unwrap_or(0))))
    }),
    dated!("ltime", 1, Moment::local),
    dated!("ms_ltime", 1_000, Moment::local),
    dated!("ms_utime", 1_000, Moment::universal),
    dated!("us_ltime", 1_000_000, Moment::local),
    dated!("us_utime", 1_000_000, Moment::universal),
    dated!("utime", 1, Moment::universal),
];

/// Seconds, towards zero, and billionths of a second, of what lies before 1970, too.
fn divided(moment: i64, per_second: i64) -> (i64, u32) {
    let fraction = (moment % per_second).unsigned_abs() as u32 * (1_000_000_000 / per_second) as u32;
    (moment / per_second, fraction)
}

/// The units by the power of 1000 that a second has of them.
const UNITS: [&str; 3] = ["s", "ms", "us"];

fn check_unit(args: &mut Args) -> Result<(), String> {
    check_choice(args, 1, &UNITS, |word| format!("expects 's', 'ms' or 'us', got '{word}'"))
}

/// A date for a header; behind its seconds as many digits as the unit has.
fn http_date(moment: i64, unit: usize) -> Vec<u8> {
    let (seconds, nanoseconds) = divided(moment, [1, 1_000, 1_000_000][unit.min(2)]);
    let date = http::imf_fixdate(seconds);
    let (until_seconds, zone) = date.split_at(date.len().saturating_sub(4));
    let digits = format!("{nanoseconds:09}");
    let fraction = match unit {
        0 => String::new(),
        _ => format!(".{}", &digits[..unit * 3]),
    };
    format!("{until_seconds}{fraction}{zone}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::probe::{error, expect, expect_none};

    #[test]
    fn dates_of_headers_are_read_and_written() {
        expect(&[
            ("str(\"Sun, 06 Nov 1994 08:49:37 GMT\"),date", "784111777"),
            ("str(\"Sunday, 06-Nov-94 08:49:37 GMT\"),date", "784111777"),
            ("str(\"Sun Nov  6 08:49:37 1994\"),date", "784111777"),
            ("int(1700000000),http_date", "Tue, 14 Nov 2023 22:13:20 GMT"),
            ("int(1700000000),http_date(10)", "Tue, 14 Nov 2023 22:13:30 GMT"),
            ("int(1700000000123),http_date(0,ms)", "Tue, 14 Nov 2023 22:13:20.123 GMT"),
            ("int(1700000000123),http_date(-10000,ms)", "Tue, 14 Nov 2023 22:13:10.123 GMT"),
            ("int(1700000000123456),http_date(0,us)", "Tue, 14 Nov 2023 22:13:20.123456 GMT"),
        ]);
        expect_none(&["str(xx),date"]);
        assert!(error("int(1),http_date(0,x)").contains("expects 's', 'ms' or 'us', got 'x'"));
    }

    #[test]
    fn dates_are_written_by_a_format() {
        expect(&[
            ("int(1700000000),utime(%F,3600)", "2023-11-14"),
            ("int(1700000000123),ms_utime(\"%F %T.%N %3N\")", "2023-11-14 22:13:20.123000000 123"),
            ("int(1700000000123456),us_utime(\"%T.%6N\")", "22:13:20.123456"),
            ("int(1700000000123456),us_utime(%0N)", ""),
            ("int(-1500000),us_utime(\"%s %6N\")", "-1 500000"),
            ("int(0),utime()", ""),
        ]);
    }

    #[test]
    fn offsets_are_seconds_whatever_the_input_counts() {
        expect(&[
            ("int(1700000000),utime(%T,60)", "22:14:20"),
            ("int(1700000000123),ms_utime(%T.%3N,-123)", "22:11:17.123"),
            ("int(9223372036854775807),utime(%Y)", "2147483647"),
        ]);
    }
}
