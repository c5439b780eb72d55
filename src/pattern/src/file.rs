//! Files of patterns (configuration manual, sections 2.7, 7.1 and the `map` converters of 7.3.1).

use memchr::memchr;

use crate::item::{Columns, Item};

/// The entries of a file: one a line, without blank lines and comments.
pub fn parse(content: &[u8], columns: Columns) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut rest, mut line) = (content, 0);
    while !rest.is_empty() {
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        line += 1;
        if let Some((key, value)) = entry(&rest[..end], columns) {
            items.push(Item::new(items.len() as u64 + 1, line, key, value));
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    items
}

fn entry(line: &[u8], columns: Columns) -> Option<(&[u8], Option<&[u8]>)> {
    if line.first() == Some(&b'#') {
        return None;
    }
    let line = &line[..memchr(b'\r', line).unwrap_or(line.len())];
    let start = line.iter().position(|b| !is_blank(*b))?;
    let line = &line[start..];
    match columns {
        Columns::Key => Some((line, None)),
        Columns::KeyAndValue => {
            let end = line.iter().rposition(|b| !is_blank(*b))? + 1;
            let (key, value) = split(&line[..end]);
            Some((key, Some(value)))
        }
    }
}

/// The first word, and what follows the blanks behind it.
pub fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let (key, rest) = line.split_at(line.iter().position(|b| is_blank(*b)).unwrap_or(line.len()));
    let value = rest.iter().position(|b| !is_blank(*b)).map_or(&b""[..], |start| &rest[start..]);
    (key, value)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(content: &str, columns: Columns) -> Vec<String> {
        parse(content.as_bytes(), columns).iter().map(|i| format!("{}: {i:?}", i.line)).collect()
    }

    #[test]
    fn patterns_are_whole_lines() {
        let file = "foo\n bar \n#comment\n #hash\n\n \t\nBaz qux\r\nlast";
        let expected = ["1: #1 foo", "2: #2 bar ", "4: #3 #hash", "7: #4 Baz qux", "8: #5 last"];
        assert_eq!(entries(file, Columns::Key), expected);
    }

    #[test]
    fn maps_have_two_columns() {
        let file = "# c\n a.com\tone  two \n # e f\nonly\nk v\r\n";
        let expected = ["2: #1 a.com one  two", "3: #2 # e f", "4: #3 only ", "5: #4 k v"];
        assert_eq!(entries(file, Columns::KeyAndValue), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(pairs in prop::collection::vec(("[a-z]{1,4}", "[a-z]([a-z ]{0,4}[a-z])?"), 0..20)) {
            let lines: Vec<String> = pairs.iter().map(|(k, v)| format!("  {k}\t {v} \n\n")).collect();
            let text = lines.concat();
            let read: Vec<_> = parse(text.as_bytes(), Columns::KeyAndValue).into_iter().map(|i| {
                let lossy = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
                (lossy(i.key()), lossy(i.value().unwrap()))
            }).collect();
            prop_assert_eq!(read, pairs);
        }

        #[test]
        fn any_bytes_are_read(content: Vec<u8>) {
            for columns in [Columns::Key, Columns::KeyAndValue] {
                let items = parse(&content, columns);
                prop_assert!(items.iter().all(|i| !i.key().is_empty()));
            }
        }
    }
}
