//! Entries: a key as it was written, and for maps a value.

use std::fmt;
use std::sync::Arc;

/// How many columns a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Patterns only.
    Key,
    /// Patterns with a value each.
    KeyAndValue,
}

/// One entry. It never changes: a new value makes a new entry with the old one's number.
#[derive(Clone, PartialEq, Eq)]
pub struct Item {
    /// The number within its list; entries are ordered by it.
    pub(crate) id: u64,
    /// The line of the file that it was read from; 0 when it came otherwise.
    pub(crate) line: u32,
    key_len: u32,
    columns: Columns,
    /// The key with the value behind it: one allocation instead of two.
    text: Box<[u8]>,
}

impl Item {
    /// An entry with this number.
    pub(crate) fn new(id: u64, line: u32, key: &[u8], value: Option<&[u8]>) -> Self {
        let columns = if value.is_some() { Columns::KeyAndValue } else { Columns::Key };
        let text = [key, value.unwrap_or_default()].concat().into();
        Self { id, line, key_len: key.len() as u32, columns, text }
    }

    /// The same entry with another value.
    pub(crate) fn with_value(&self, value: &[u8]) -> Self {
        Self::new(self.id, self.line, self.key(), Some(value))
    }

    /// The number by which the runtime API names it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The pattern.
    pub fn key(&self) -> &[u8] {
        &self.text[..self.key_len as usize]
    }

    /// The value, if its list has any.
    pub fn value(&self) -> Option<&[u8]> {
        (self.columns == Columns::KeyAndValue).then(|| &self.text[self.key_len as usize..])
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}", self.id, String::from_utf8_lossy(self.key()))?;
        self.value().map_or(Ok(()), |v| write!(f, " {}", String::from_utf8_lossy(v)))
    }
}

/// Entries whose patterns mean the same, in their order; the first one counts.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    first: Arc<Item>,
    /// Few patterns are written twice.
    #[expect(
        clippy::box_collection,
        reason = "buckets are many, and nearly all of them have no more than one entry"
    )]
    rest: Option<Box<Vec<Arc<Item>>>>,
}

/// Whether a bucket holds anything still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Something,
    Nothing,
}

impl Bucket {
    pub(crate) fn new(item: Arc<Item>) -> Self {
        Self { first: item, rest: None }
    }

    pub(crate) fn first(&self) -> &Arc<Item> {
        &self.first
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Item>> {
        std::iter::once(&self.first).chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }

    pub(crate) fn push(&mut self, item: Arc<Item>) {
        self.rest.get_or_insert_default().push(item);
    }

    pub(crate) fn remove(&mut self, id: u64) -> Left {
        let Some(rest) = self.rest.as_deref_mut() else {
            return if self.first.id == id { Left::Nothing } else { Left::Something };
        };
        if self.first.id == id {
            self.first = rest.remove(0);
        } else {
            rest.retain(|item| item.id != id);
        }
        if rest.is_empty() {
            self.rest = None;
        }
        Left::Something
    }

    pub(crate) fn replace(&mut self, item: &Arc<Item>) {
        let all =
            std::iter::once(&mut self.first).chain(self.rest.iter_mut().flat_map(|rest| rest.iter_mut()));
        for old in all.filter(|old| old.id == item.id) {
            *old = item.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: u64) -> Arc<Item> {
        Arc::new(Item::new(id, 0, b"k", Some(b"v")))
    }

    fn ids(bucket: &Bucket) -> Vec<u64> {
        bucket.iter().map(|i| i.id).collect()
    }

    #[test]
    fn keys_and_values_are_told_apart() {
        let item = Item::new(1, 2, b"key", Some(b""));
        assert_eq!((item.key(), item.value()), (&b"key"[..], Some(&b""[..])));
        assert_eq!(item.with_value(b"x").value(), Some(&b"x"[..]));
        assert_eq!(Item::new(1, 2, b"key", None).value(), None);
    }

    #[test]
    fn a_bucket_keeps_its_order() {
        let mut bucket = Bucket::new(item(1));
        bucket.push(item(2));
        bucket.push(item(3));
        assert_eq!(bucket.remove(1), Left::Something);
        assert_eq!((ids(&bucket), bucket.first().id), (vec![2, 3], 2));
        bucket.replace(&Arc::new(item(3).with_value(b"new")));
        assert_eq!(bucket.iter().nth(1).unwrap().value(), Some(&b"new"[..]));
        assert_eq!(bucket.remove(3), Left::Something);
        assert_eq!(bucket.remove(9), Left::Something);
        assert_eq!(bucket.remove(2), Left::Nothing);
    }
}
