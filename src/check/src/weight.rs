//! Weights as operators and agents write them.

/// A weight as it is given: absolute, or in percent of the configured one.
pub fn new_weight(text: &str, initial: u32) -> Result<u32, &'static str> {
    const RANGE: &str = "Absolute weight can only be between 0 and 256 inclusive.";
    if text.is_empty() {
        return Err("Require <weight> or <weight%>.");
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if end == 0 {
        return Err("Empty weight string empty or preceded by garbage");
    }
    let value: i64 = digits[..end].parse().map_err(|_| RANGE)?;
    let value = if digits.len() == text.len() { value } else { -value };
    match &digits[end..] {
        "" => u32::try_from(value).ok().filter(|w| *w <= 256).ok_or(RANGE),
        "%" => {
            let percent = value.clamp(0, 25_600) as u64;
            Ok((u64::from(initial) * percent / 100).min(256) as u32)
        }
        _ => Err("Trailing garbage in weight string"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_absolute_or_relative() {
        for (text, weight) in [("0", 0), ("256", 256), ("50%", 5), ("300%", 30), ("99999%", 256)] {
            assert_eq!(new_weight(text, 10), Ok(weight), "{text}");
        }
        for text in ["257", "-1", "x", "5x", "", "%", "99999999999999999999"] {
            assert!(new_weight(text, 10).is_err(), "{text}");
        }
    }
}
