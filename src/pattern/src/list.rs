//! A list in the order of its entries, which is copied in no time and changed without copying all of it.

use std::sync::Arc;

use crate::item::Item;

/// The most entries of a chunk: what a change copies at most, beside one pointer for each chunk.
const CHUNK: usize = 128;

/// Entries with what their patterns mean, by their numbers.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(Arc<Vec<Arc<Vec<Slot<T>>>>>);

/// One entry.
#[derive(Clone, Debug)]
pub(crate) struct Slot<T> {
    pub(crate) item: Arc<Item>,
    pub(crate) test: T,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> List<T> {
    /// The entries in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot<T>> {
        self.0.iter().flat_map(|chunk| chunk.iter())
    }

    /// The first entry that a test holds for.
    #[inline]
    pub(crate) fn find(&self, holds: impl Fn(&Slot<T>) -> bool) -> Option<&Slot<T>> {
        for chunk in self.0.iter() {
            for slot in chunk.iter() {
                if holds(slot) {
                    return Some(slot);
                }
            }
        }
        None
    }

    /// The first entry with a number from this one on, and those behind it.
    pub(crate) fn from(&self, id: u64) -> impl Iterator<Item = &Slot<T>> {
        let chunk = self.chunk_of(id);
        self.0[chunk..].iter().flat_map(|c| c.iter()).skip_while(move |slot| slot.item.id < id)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|chunk| chunk.len()).sum()
    }

    /// Adds an entry, whose number is the greatest.
    pub(crate) fn push(&mut self, item: Arc<Item>, test: T) {
        let chunks = Arc::make_mut(&mut self.0);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => Arc::make_mut(chunk).push(Slot { item, test }),
            _ => {
                if chunks.is_empty() {
                    chunks.reserve_exact(1);
                }
                chunks.push(Arc::new(vec![Slot { item, test }]));
            }
        }
    }

    /// The entry with this number.
    pub(crate) fn get(&self, id: u64) -> Option<&Slot<T>> {
        let chunk = self.0.get(self.chunk_of(id))?;
        let at = chunk.binary_search_by_key(&id, |slot| slot.item.id).ok()?;
        chunk.get(at)
    }

    /// Removes the entry with this number.
    pub(crate) fn remove(&mut self, id: u64) {
        let Some((chunk, at)) = self.place(id) else { return };
        let chunks = Arc::make_mut(&mut self.0);
        let slots = Arc::make_mut(&mut chunks[chunk]);
        slots.remove(at);
        if slots.is_empty() {
            chunks.remove(chunk);
        }
    }

    /// Puts an entry in the place of the one with its number.
    pub(crate) fn replace(&mut self, item: &Arc<Item>) {
        let Some((chunk, at)) = self.place(item.id) else { return };
        let chunks = Arc::make_mut(&mut self.0);
        Arc::make_mut(&mut chunks[chunk])[at].item = item.clone();
    }

    /// The chunk that holds the number if any does.
    fn chunk_of(&self, id: u64) -> usize {
        let first_behind =
            self.0.partition_point(|chunk| chunk.first().is_some_and(|slot| slot.item.id <= id));
        first_behind.saturating_sub(1)
    }

    fn place(&self, id: u64) -> Option<(usize, usize)> {
        let chunk = self.chunk_of(id);
        let at = self.0.get(chunk)?.binary_search_by_key(&id, |slot| slot.item.id).ok()?;
        Some((chunk, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn item(id: u64) -> Arc<Item> {
        Arc::new(Item::new(id, 0, b"", None))
    }

    fn ids(list: &List<u64>) -> Vec<u64> {
        list.iter().inspect(|s| assert_eq!(s.test, s.item.id)).map(|s| s.item.id).collect()
    }

    #[test]
    fn a_copy_does_not_see_later_changes() {
        let mut list = List::default();
        (1..=300).for_each(|id| list.push(item(id), id));
        let copy = list.clone();
        list.remove(150);
        list.replace(&Arc::new(Item::new(7, 0, b"new", None)));
        assert_eq!((copy.len(), list.len()), (300, 299));
        assert_eq!(list.get(7).unwrap().item.key(), b"new");
        assert_eq!(copy.get(7).unwrap().item.key(), b"");
        assert_eq!(list.from(150).next().unwrap().test, 151);
        assert_eq!(list.from(0).count(), 299);
        assert!(list.from(301).next().is_none());
    }

    proptest! {
        #[test]
        fn it_behaves_as_an_ordered_set(steps in prop::collection::vec((any::<bool>(), 1u64..400), 0..600)) {
            let (mut list, mut model, mut next) = (List::default(), BTreeSet::new(), 1);
            for (adds, id) in steps {
                if adds {
                    list.push(item(next), next);
                    model.insert(next);
                    next += 1;
                } else {
                    list.remove(id);
                    model.remove(&id);
                }
                prop_assert_eq!(list.get(id).is_some(), model.contains(&id));
                prop_assert_eq!(list.from(id).next().map(|s| s.test), model.range(id..).next().copied());
            }
            prop_assert_eq!(ids(&list), model.into_iter().collect::<Vec<_>>());
        }
    }
}
