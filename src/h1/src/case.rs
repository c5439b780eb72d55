//! The case of header names on the wire.

use std::collections::HashMap;

/// How header names are written.
#[derive(Clone, Copy, Debug, Default)]
pub enum NameCase<'a> {
    /// In lower case, as in every version of HTTP and as they are kept.
    #[default]
    Lower,
    /// In lower case, except for the names in the map: for applications that take names literally.
    Adjusted(&'a CaseMap),
}

/// The names to write in another case: `h1-case-adjust` and `h1-case-adjust-file`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseMap {
    by_lower: HashMap<Box<[u8]>, Box<[u8]>>,
}

impl CaseMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name in the case to write it in; an earlier form of it is replaced and returned.
    pub fn insert(&mut self, written: &[u8]) -> Option<Box<[u8]>> {
        self.by_lower.insert(written.to_ascii_lowercase().into(), written.into())
    }

    /// Whether nothing is adjusted.
    pub fn is_empty(&self) -> bool {
        self.by_lower.is_empty()
    }

    /// The form to write instead of this lower-case name.
    pub fn get(&self, lower: &[u8]) -> Option<&[u8]> {
        self.by_lower.get(lower).map(AsRef::as_ref)
    }
}

impl NameCase<'_> {
    /// Appends a name, which is in lower case.
    #[inline]
    pub(crate) fn push(self, name: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(name);
        let written = &mut out[start..];
        match self {
            Self::Lower => {}
            Self::Adjusted(map) => {
                if let Some(adjusted) = map.get(written) {
                    written.copy_from_slice(adjusted);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(names: NameCase<'_>, name: &str) -> String {
        let mut out = b"before ".to_vec();
        names.push(name.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn two_ways() {
        let mut map = CaseMap::new();
        assert_eq!(map.insert(b"Content-LENGTH"), None);
        assert_eq!(map.insert(b"Content-Length").as_deref(), Some(&b"Content-LENGTH"[..]));
        assert_eq!(written(NameCase::Adjusted(&map), "content-length"), "before Content-Length");
        assert_eq!(written(NameCase::Adjusted(&map), "x-other"), "before x-other");
        assert_eq!(written(NameCase::Lower, "x-other"), "before x-other");
    }
}
