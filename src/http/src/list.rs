//! Header values that are comma-separated lists.

use crate::token::trim;

/// The elements of a list value, trimmed. Commas inside quoted strings do not separate, a backslash inside one
/// takes the meaning from the next byte, and empty elements count: `a,,b` has three, and so an empty value one.
pub fn values(value: &[u8]) -> Values<'_> {
    Values { rest: Some(value) }
}

/// Iterator of [`values`].
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let end = element_end(rest);
        self.rest = rest.get(end + 1..);
        Some(trim(&rest[..end]))
    }
}

/// Where the elements of a list value stand, each from comma to comma with the blanks around it; they are told apart
/// as by [`values`].
pub fn element_ranges(value: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let end = start + element_end(&value[start..]);
        next = (end < value.len()).then_some(end + 1);
        Some(start..end)
    })
}

/// Where the first element ends: at a comma outside quotes or at the end.
#[inline]
fn element_end(value: &[u8]) -> usize {
    if is_plain(value) { value.len() } else { divided_element_end(value) }
}

/// Whether a value has neither commas nor quotes, as nearly all do.
#[inline]
fn is_plain(value: &[u8]) -> bool {
    fn none_in(piece: &[u8]) -> bool {
        !piece.iter().fold(false, |found, b| found | matches!(b, b',' | b'"'))
    }
    let (pieces, _) = value.as_chunks::<16>();
    match (value.last_chunk::<16>(), value.first_chunk::<8>(), value.last_chunk::<8>()) {
        (Some(end), ..) => pieces.iter().all(|piece| none_in(piece)) && none_in(end),
        (None, Some(start), Some(end)) => none_in(start) && none_in(end),
        _ => none_in(value),
    }
}

fn divided_element_end(value: &[u8]) -> usize {
    match memchr::memchr2(b',', b'"', value) {
        None => value.len(),
        Some(at) if value[at] == b',' => at,
        Some(quote) => quoted_element_end(value, quote),
    }
}

fn quoted_element_end(value: &[u8], first_quote: usize) -> usize {
    let mut quoted = false;
    let mut at = first_quote;
    while at < value.len() {
        match value[at] {
            b'"' => quoted = !quoted,
            b'\\' if quoted => at += 1,
            b',' if !quoted => return at,
            _ => {}
        }
        at += 1;
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(value: &str) -> Vec<&str> {
        values(value.as_bytes()).map(|v| std::str::from_utf8(v).unwrap()).collect()
    }

    #[test]
    fn commas_separate() {
        assert_eq!(split("a,b"), ["a", "b"]);
        assert_eq!(split(" a ,\tb c "), ["a", "b c"]);
    }

    #[test]
    fn empty_elements_count() {
        assert_eq!(split(""), [""]);
        assert_eq!(split(","), ["", ""]);
        assert_eq!(split("a,,b"), ["a", "", "b"]);
        assert_eq!(split("a, "), ["a", ""]);
    }

    #[test]
    fn quotes_protect_commas() {
        assert_eq!(split(r#""a,b" , c"#), [r#""a,b""#, "c"]);
        assert_eq!(split(r#"x="a\",b",c"#), [r#"x="a\",b""#, "c"]);
        assert_eq!(split(r#""open,c"#), [r#""open,c"#]);
        assert_eq!(split(r#""tail\"#), [r#""tail\"#]);
    }

    proptest! {
        #[test]
        fn ranges_are_those_of_the_values(value in "[a, \"\\\\]{0,12}") {
            let ranges: Vec<_> = element_ranges(value.as_bytes()).map(|r| trim(&value.as_bytes()[r])).collect();
            prop_assert_eq!(ranges, values(value.as_bytes()).collect::<Vec<_>>());
        }

        #[test]
        fn joined_elements_split_again(elements in proptest::collection::vec("[a-z=;]{0,8}", 1..6)) {
            let joined = elements.join(", ");
            prop_assert_eq!(split(&joined), elements);
        }

        #[test]
        fn elements_of_any_length_end_at_commas(value in "[a,]{0,60}") {
            prop_assert_eq!(split(&value), value.split(',').collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_end(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(values(&value).count() <= value.len() + 1);
        }
    }
}
