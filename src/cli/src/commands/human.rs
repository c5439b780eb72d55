//! Times for people.

use std::fmt::Write as _;
use std::time::Duration;

/// A span in its two largest units: `1d2h`, `3m5s`, `7s`.
pub(super) fn span(span: Duration) -> String {
    let s = span.as_secs();
    let parts = [(s / 86400, "d"), (s / 3600 % 24, "h"), (s / 60 % 60, "m"), (s % 60, "s")];
    match parts.iter().position(|(n, _)| *n > 0) {
        None => "0s".to_owned(),
        Some(first) => {
            let mut text = String::new();
            for (n, unit) in parts[first..].iter().take(2).filter(|(n, _)| *n > 0) {
                let _ = write!(text, "{n}{unit}");
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_are_enough() {
        for (seconds, text) in
            [(0, "0s"), (9, "9s"), (60, "1m"), (65, "1m5s"), (3605, "1h"), (7321, "2h2m"), (90_000, "1d1h")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
