//! Integers: ranges and comparisons (configuration manual, section 7.1.2).

/// A range of integers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The smallest.
    pub low: i64,
    /// The largest.
    pub high: i64,
}

/// The comparison that a value must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerTest {
    /// It lies in the range.
    In(Range),
}

/// The operators that may stand before a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
}

impl Operator {
    pub(crate) fn find(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"eq" => Self::Eq,
            b"ge" => Self::Ge,
            b"gt" => Self::Gt,
            b"le" => Self::Le,
            b"lt" => Self::Lt,
            _ => return None,
        })
    }
}

impl Range {
    /// Whether a value lies in it.
    pub fn contains(self, value: i64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Reads `5`, `5:`, `:5`, `5:9`, and versions such as `3.1` as `3 * 65536 + 1`.
    pub(crate) fn parse(text: &[u8], operator: Operator) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (low, high) = match text.split_once(':') {
            None => {
                let n = number(text)?;
                (n, n)
            }
            Some(("", "")) => return None,
            Some(("", high)) => (i64::MIN, number(high)?),
            Some((low, "")) => (number(low)?, i64::MAX),
            Some((low, high)) => (number(low)?, number(high)?),
        };
        if low > high || (operator != Operator::Eq && low != high) {
            return None;
        }
        Some(match operator {
            Operator::Eq => Self { low, high },
            Operator::Ge => Self { low, high: i64::MAX },
            Operator::Gt => Self { low: low.checked_add(1)?, high: i64::MAX },
            Operator::Le => Self { low: i64::MIN, high },
            Operator::Lt => Self { low: i64::MIN, high: high.checked_sub(1)? },
        })
    }
}

/// A number, or a dotted version whose parts take sixteen bits each.
fn number(text: &str) -> Option<i64> {
    match text.split_once('.') {
        None => text.parse().ok(),
        Some((major, minor)) => {
            let minor: u16 = minor.parse().ok()?;
            Some(major.parse::<i64>().ok()? * 65536 + i64::from(minor))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_may_be_open() {
        let r = |t: &[u8]| Range::parse(t, Operator::Eq);
        assert!(r(b"5:9").unwrap().contains(9));
        assert!(!r(b":5").unwrap().contains(6));
        assert!(r(b"5:").unwrap().contains(i64::MAX));
        assert_eq!(r(b"9:5"), None);
        assert_eq!(r(b"x"), None);
    }

    #[test]
    fn operators_take_one_number() {
        assert!(Range::parse(b"5", Operator::Gt).unwrap().contains(6));
        assert!(!Range::parse(b"5", Operator::Lt).unwrap().contains(5));
        assert_eq!(Range::parse(b"5:6", Operator::Gt), None);
    }

    #[test]
    fn versions_compare_as_numbers() {
        let r = Range::parse(b"1.1:", Operator::Eq).unwrap();
        assert!(r.contains(65537) && !r.contains(65536));
    }
}
