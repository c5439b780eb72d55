//! Integers: ranges and comparisons (configuration manual, section 7.1.2).

use std::sync::Arc;

use crate::item::{Bucket, Item};
use crate::list::List;
use crate::tree::{Key, Tree};

/// A range of integers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The smallest.
    pub low: i64,
    /// The largest.
    pub high: i64,
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

    /// A number behind this operator as the range that means the same; what is none stays as it is.
    pub(crate) fn apply(self, word: &[u8]) -> Vec<u8> {
        let number = std::str::from_utf8(word).ok().filter(|text| split(text).is_none()).and_then(whole);
        match (self, number) {
            (Self::Ge, Some(n)) => format!("{n}:"),
            (Self::Gt, Some(n)) => format!("{}:", n.saturating_add(1)),
            (Self::Le, Some(n)) => format!(":{n}"),
            (Self::Lt, Some(n)) => format!(":{}", n.saturating_sub(1)),
            (Self::Eq, _) | (_, None) => return word.to_vec(),
        }
        .into_bytes()
    }
}

/// What is wrong with a pattern.
pub(crate) type Wrong = String;

impl Range {
    /// Whether a value lies in it.
    pub fn contains(self, value: i64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Reads `5`, `5:`, `:5` and `5:9`. A dash divides as a colon does: a number that begins with one stands alone
    /// only behind a colon or a dash.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Wrong> {
        let text = std::str::from_utf8(bytes).unwrap_or("?");
        let bad = || format!("'{}' is not a valid number range", bytes.escape_ascii());
        let Some((low, high)) = split(text) else {
            let n = whole(text).ok_or_else(|| format!("'{}' is not a number", bytes.escape_ascii()))?;
            return Ok(Self { low: n, high: n });
        };
        let end = |text: &str, open: i64| if text.is_empty() { Some(open) } else { whole(text) };
        match (end(low, i64::MIN), end(high, i64::MAX)) {
            (Some(low), Some(high)) if low <= high && text.len() > 1 => Ok(Self { low, high }),
            _ => Err(bad()),
        }
    }
}

/// The two ends of a range.
fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once([':', '-'])
}

/// Numbers with a dot in them as one number each, of which the second part is the lower sixteen bits: `3.1:3.3` as
/// `196609:196611`. What is none stays as it is.
pub fn plain_versions(word: &[u8]) -> Vec<u8> {
    let one = |text: &str| match text.split_once('.') {
        None if text.is_empty() => Some(String::new()),
        None => text.parse::<i64>().ok().map(|major| (major << 16).to_string()),
        Some((major, minor)) => {
            let (major, minor) = (major.parse::<i64>().ok()?, minor.parse::<u16>().ok()?);
            Some((major << 16 | i64::from(minor)).to_string())
        }
    };
    let read = || {
        let parts: Option<Vec<String>> =
            std::str::from_utf8(word).ok()?.splitn(2, [':', '-']).map(one).collect();
        Some(parts?.join(":").into_bytes())
    };
    read().unwrap_or_else(|| word.to_vec())
}

fn whole(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// All integers and ranges of a list: the first that fits wins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Integers {
    /// Single numbers, by their bytes.
    singles: Tree,
    ranges: List<Range>,
}

impl Integers {
    pub(crate) fn insert(&mut self, range: Range, item: Arc<Item>) {
        if range.low == range.high {
            self.singles.insert(Key::bytes(&range.low.to_be_bytes()), item);
        } else {
            self.ranges.push(item, range);
        }
    }

    pub(crate) fn remove(&mut self, range: Range, id: u64) {
        if range.low == range.high {
            self.singles.remove(Key::bytes(&range.low.to_be_bytes()), id);
        } else {
            self.ranges.remove(id);
        }
    }

    pub(crate) fn replace(&mut self, range: Range, item: &Arc<Item>) {
        if range.low == range.high {
            self.singles.replace(Key::bytes(&range.low.to_be_bytes()), item);
        } else {
            self.ranges.replace(item);
        }
    }

    pub(crate) fn find(&self, value: i64) -> Option<&Arc<Item>> {
        let single = self.singles.exact(Key::bytes(&value.to_be_bytes())).map(Bucket::first);
        let before = single.map_or(u64::MAX, |item| item.id);
        let earlier = self.ranges.iter().take_while(|slot| slot.item.id < before);
        let range = earlier.into_iter().find(|slot| slot.test.contains(value));
        range.map(|slot| &slot.item).or(single)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn integers(words: &[&str]) -> Integers {
        let mut all = Integers::default();
        for (i, word) in words.iter().enumerate() {
            all.insert(Range::parse(word.as_bytes()).unwrap(), Arc::new(Item::new(i as u64, 0, b"", None)));
        }
        all
    }

    #[test]
    fn ranges_may_be_open() {
        let r = |t: &[u8]| Range::parse(t);
        assert!(r(b"5:9").unwrap().contains(9));
        assert!(!r(b":5").unwrap().contains(6));
        assert!(r(b"5:").unwrap().contains(i64::MAX));
        assert_eq!(r(b"5-9").unwrap(), Range { low: 5, high: 9 });
        assert_eq!(r(b"-5").unwrap(), r(b":5").unwrap());
        assert_eq!(r(b":-5").unwrap(), Range { low: i64::MIN, high: -5 });
        assert_eq!(r(b"5-").unwrap(), r(b"5:").unwrap());
        assert_eq!(r(b"9:5").unwrap_err(), "'9:5' is not a valid number range");
        assert_eq!(r(b":").unwrap_err(), "':' is not a valid number range");
        assert_eq!(r(b"5:+9").unwrap_err(), "'5:+9' is not a valid number range");
        for bad in ["x", "1.5", "1x", "", "+1"] {
            assert_eq!(r(bad.as_bytes()).unwrap_err(), format!("'{bad}' is not a number"));
        }
    }

    #[test]
    fn operators_make_ranges() {
        assert_eq!(Operator::Gt.apply(b"5"), b"6:");
        assert_eq!(Operator::Ge.apply(b"5"), b"5:");
        assert_eq!(Operator::Lt.apply(b"5"), b":4");
        assert_eq!(Operator::Le.apply(b"5"), b":5");
        assert_eq!(Operator::Eq.apply(b"5"), b"5");
        assert_eq!(Operator::Gt.apply(b"1:2"), b"1:2");
        assert_eq!(Operator::Gt.apply(b"-5"), b"-5");
    }

    #[test]
    fn versions_become_numbers() {
        let plain = |t: &[u8]| String::from_utf8(plain_versions(t)).unwrap();
        assert_eq!(plain(b"3.1"), "196609");
        assert_eq!(plain(b"3:3.1"), "196608:196609");
        assert_eq!(plain(b"3.1:"), "196609:");
        assert_eq!(plain(b"gt"), "gt");
        assert_eq!(plain(b"3.x"), "3.x");
    }

    #[test]
    fn the_first_that_fits_wins() {
        let all = integers(&["1", "5:9", "7", "1:2"]);
        assert_eq!(all.find(7).unwrap().id, 1);
        assert_eq!(all.find(1).unwrap().id, 0);
        assert_eq!(all.find(2).unwrap().id, 3);
        assert!(all.find(0).is_none());
    }

    proptest! {
        #[test]
        fn a_list_agrees_with_a_search_of_all(
            ranges in prop::collection::vec((0i64..10, 0i64..4), 0..20),
            value in -1i64..15,
        ) {
            let words: Vec<String> = ranges.iter().map(|(low, n)| format!("{low}:{}", low + n)).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let expected = ranges.iter().position(|(low, n)| (*low..=low + n).contains(&value));
            prop_assert_eq!(integers(&words).find(value).map(|item| item.id), expected.map(|i| i as u64));
        }
    }
}
