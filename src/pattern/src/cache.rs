//! What was found lately in long lists that are searched entry by entry (`tune.pattern.cache-size`).
//!
//! Each thread has its own cache. An answer belongs to the snapshot of the list that it was found in, so that a change
//! of the list makes all of them worthless at once.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Method;
use crate::item::Item;

/// Lists with fewer entries are searched as fast as the cache.
pub(crate) const WORTH_IT: usize = 16;

/// Longer texts are not kept.
const LONGEST: usize = 256;

/// The answers of a thread, by default.
const SIZE: usize = 10_000;

static LIMIT: AtomicUsize = AtomicUsize::new(SIZE);

/// Sets how many answers each thread keeps; 0 for none. It holds for threads that have not looked anything up yet.
pub fn set_cache_size(answers: usize) {
    LIMIT.store(answers, Ordering::Relaxed);
}

thread_local! {
    static CACHE: RefCell<Cache> = RefCell::new(Cache::new(LIMIT.load(Ordering::Relaxed)));
}

/// One answer in each place; a newer one replaces it.
struct Cache {
    places: Vec<Option<Answer>>,
    hasher: RandomState,
}

struct Answer {
    snapshot: u64,
    method: Method,
    text: Box<[u8]>,
    item: Option<Arc<Item>>,
}

impl Cache {
    fn new(size: usize) -> Self {
        let places = std::iter::repeat_with(|| None).take(size).collect();
        Self { places, hasher: RandomState::new() }
    }

    fn through(
        &mut self,
        snapshot: u64,
        method: Method,
        text: &[u8],
        search: impl FnOnce() -> Option<Arc<Item>>,
    ) -> Option<Arc<Item>> {
        if self.places.is_empty() || text.len() > LONGEST {
            return search();
        }
        let place = self.hasher.hash_one((snapshot, method, text)) as usize % self.places.len();
        let place = &mut self.places[place];
        if let Some(known) = place
            && (known.snapshot, known.method, &*known.text) == (snapshot, method, text)
        {
            return known.item.clone();
        }
        let item = search();
        *place = Some(Answer { snapshot, method, text: text.into(), item: item.clone() });
        item
    }
}

/// What was found for a text in this snapshot of a list by this method, or what a search finds now.
pub(crate) fn through(
    snapshot: u64,
    method: Method,
    text: &[u8],
    search: impl FnOnce() -> Option<Arc<Item>>,
) -> Option<Arc<Item>> {
    CACHE.with_borrow_mut(|cache| cache.through(snapshot, method, text, search))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Option<Arc<Item>> {
        Some(Arc::new(Item::new(1, 0, b"k", None)))
    }

    #[test]
    fn an_answer_is_searched_for_once() {
        let mut cache = Cache::new(64);
        assert!(cache.through(1, Method::Sub, b"a", item).is_some());
        assert!(cache.through(1, Method::Sub, b"a", || panic!("it is known")).is_some());
        assert!(cache.through(1, Method::End, b"a", || None).is_none());
        assert!(cache.through(2, Method::Sub, b"a", || None).is_none());
        assert!(cache.through(1, Method::Sub, b"b", || None).is_none());
    }

    #[test]
    fn there_may_be_no_cache_and_long_texts_are_not_kept() {
        let mut none = Cache::new(0);
        assert!(none.through(1, Method::Sub, b"a", item).is_some());
        assert!(none.through(1, Method::Sub, b"a", || None).is_none());
        let mut cache = Cache::new(1);
        let long = [b'x'; LONGEST + 1];
        assert!(cache.through(1, Method::Sub, &long, item).is_some());
        assert!(cache.through(1, Method::Sub, &long, || None).is_none());
    }
}
