//! Names of subjects and issuers in the one form in which they are compared: as UTF-8, in lower case, without needless
//! spaces.

use std::cmp::Ordering;

use super::der::{self, Reader, SEQUENCE};

const SET: u8 = 0x31;
const UTF8: u8 = 0x0c;

/// A name to be compared. Shorter ones come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Canonical(Box<[u8]>);

impl PartialOrd for Canonical {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Canonical {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl Canonical {
    /// Of a name in DER; one that cannot be read stands for itself.
    pub(crate) fn of(name: &[u8]) -> Self {
        Self(read(name).unwrap_or_else(|| name.to_vec()).into())
    }
}

/// Whether two names in DER are the same.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one == other || Canonical::of(one) == Canonical::of(other)
}

fn read(name: &[u8]) -> Option<Vec<u8>> {
    let mut sets = Reader::new(Reader::new(name).expect(SEQUENCE)?.content);
    let mut out = Vec::with_capacity(name.len());
    while let Some(set) = sets.next() {
        let mut parts = Reader::new(set.content);
        let mut encoded = Vec::new();
        while let Some(part) = parts.next() {
            let mut pair = Reader::new(part.content);
            let (kind, value) = (pair.next()?, pair.next()?);
            let value = match text(value.tag, value.content) {
                Some(text) => der::encode(UTF8, normal(&text).as_bytes()),
                None => value.whole.to_vec(),
            };
            encoded.push(der::encode(SEQUENCE, &[kind.whole, &value].concat()));
        }
        encoded.sort();
        out.extend(der::encode(SET, &encoded.concat()));
    }
    Some(out)
}

/// The text of a string of one of the types that names are written in.
fn text(tag: u8, content: &[u8]) -> Option<String> {
    let latin = || content.iter().map(|b| char::from(*b)).collect();
    match tag {
        UTF8 => String::from_utf8(content.to_vec()).ok(),
        // Printable, teletex, IA5 and visible strings.
        0x13 | 0x14 | 0x16 | 0x1a => Some(latin()),
        // Universal strings.
        0x1c => {
            let wide = content.chunks(4).map(|c| Some(u32::from_be_bytes(c.try_into().ok()?)));
            wide.map(|c| char::from_u32(c?)).collect()
        }
        // BMP strings.
        0x1e => {
            let wide = content.chunks(2).map(|c| Some(u16::from_be_bytes(c.try_into().ok()?)));
            String::from_utf16(&wide.collect::<Option<Vec<_>>>()?).ok()
        }
        _ => None,
    }
}

fn normal(text: &str) -> String {
    let words: Vec<_> = text.split(|c: char| c.is_ascii_whitespace()).filter(|w| !w.is_empty()).collect();
    words.join(" ").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A name with this common name.
    fn named(tag: u8, value: &[u8]) -> Vec<u8> {
        let pair = [&[0x06, 0x03, 0x55, 0x04, 0x03][..], &der::encode(tag, value)].concat();
        der::encode(SEQUENCE, &der::encode(SET, &der::encode(SEQUENCE, &pair)))
    }

    #[test]
    fn neither_case_nor_spaces_nor_types_count() {
        assert!(same(&named(UTF8, b" Some  Name"), &named(0x13, b"some name ")));
        assert!(same(&named(0x1e, b"\0S\0o"), &named(0x16, b"so")));
        assert!(same(&named(0x1c, b"\0\0\0S\0\0\0o"), &named(0x14, b"SO")));
        assert!(!same(&named(UTF8, b"somename"), &named(UTF8, b"some name")));
        // Numbers are what they are.
        assert!(!same(&named(0x02, b"A"), &named(0x02, b"a")));
    }

    #[test]
    fn short_names_come_first() {
        let canonical = |value: &[u8]| Canonical::of(&named(UTF8, value));
        assert!(canonical(b"zz") < canonical(b"aaa") && canonical(b"aaa") < canonical(b"AAB"));
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(name: Vec<u8>, value: Vec<u8>, tag: u8) {
            let _ = Canonical::of(&name);
            prop_assert!(same(&named(tag, &value), &named(tag, &value)));
        }
    }
}
