//! Buffers from free lists of the thread, so that an idle connection holds none.

use std::cell::RefCell;

use crate::ration::RATION;

/// How many bytes of free buffers of each size a thread keeps.
const KEPT: usize = 8 << 20;

/// How many sizes a thread keeps free buffers of. Nearly all are of the two or three that the configuration sets.
const SIZES: usize = 8;

thread_local! {
    static FREE: RefCell<Shelves> = const { RefCell::new(Shelves(Vec::new())) };
}

/// Free buffers by their size.
struct Shelves(Vec<Shelf>);

/// Free buffers of one size.
struct Shelf {
    size: usize,
    /// How often it was asked for lately.
    asked: u32,
    /// How many of them are kept.
    most: usize,
    free: Vec<Vec<u8>>,
}

impl Shelves {
    #[inline]
    fn take(&mut self, size: usize) -> Option<Vec<u8>> {
        for place in &mut self.0 {
            if place.size == size {
                place.asked = place.asked.saturating_add(1);
                return place.free.pop();
            }
        }
        self.add(size);
        None
    }

    /// One more size, in the place of the one that was asked for least.
    #[cold]
    #[inline(never)]
    fn add(&mut self, size: usize) {
        if self.0.len() >= SIZES
            && let Some(least) = (0..SIZES).min_by_key(|at| self.0[*at].asked)
        {
            self.0.remove(least);
            for place in &mut self.0 {
                place.asked /= 2;
            }
        }
        self.0.push(Shelf { size, asked: 1, most: KEPT / size.max(1), free: Vec::new() });
    }

    /// Keeps a buffer of a size that is asked for; others have grown to some size by themselves.
    #[inline]
    fn give(&mut self, buffer: Vec<u8>) {
        for place in &mut self.0 {
            if place.size == buffer.capacity() {
                return place.keep(buffer);
            }
        }
    }
}

impl Shelf {
    #[inline]
    fn keep(&mut self, buffer: Vec<u8>) {
        if self.free.len() < self.most {
            self.free.push(buffer);
        }
    }
}

/// A byte buffer with a read and a write end, given back to the thread's free lists when dropped.
///
/// Bytes are appended behind and consumed in front; space is reclaimed by moving what is left to
/// the front when the room behind runs out.
#[derive(Debug, Default)]
pub struct Buffer {
    store: Vec<u8>,
    head: usize,
    /// Whether it counts for the limit on buffers.
    rationed: Rationed,
}

/// Whether a buffer counts for the limit: memory that grew on demand does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Rationed {
    #[default]
    No,
    Yes,
}

impl Buffer {
    /// No memory yet; `reserve` takes it.
    pub const fn new() -> Self {
        Self { store: Vec::new(), head: 0, rationed: Rationed::No }
    }

    /// Takes memory for at least `capacity` bytes in all, from the free lists when they have some.
    #[inline]
    pub fn ensure_capacity(&mut self, capacity: usize) {
        if self.store.capacity() >= capacity {
            return;
        }
        if self.rationed == Rationed::No {
            self.rationed = if RATION.take() { Rationed::Yes } else { Rationed::No };
        }
        let mut bigger = take(capacity);
        if self.store.capacity() > 0 {
            bigger.extend_from_slice(&self.store[self.head..]);
            self.head = 0;
            give(std::mem::take(&mut self.store));
        }
        self.store = bigger;
    }

    /// The unread bytes.
    pub fn data(&self) -> &[u8] {
        &self.store[self.head..]
    }

    /// The unread bytes, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.store[self.head..]
    }

    /// The number of unread bytes.
    pub fn len(&self) -> usize {
        self.store.len() - self.head
    }

    /// Whether nothing is unread.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that fit in all.
    pub fn capacity(&self) -> usize {
        self.store.capacity()
    }

    /// The room left when everything unread moves to the front.
    pub fn room(&self) -> usize {
        self.store.capacity() - self.len()
    }

    /// Marks `n` bytes as read.
    ///
    /// # Panics
    /// When fewer are there.
    pub fn consume(&mut self, n: usize) {
        assert!(n <= self.len(), "consumed more than the buffer holds");
        self.head += n;
        if self.head == self.store.len() {
            self.store.clear();
            self.head = 0;
        }
    }

    /// Appends bytes, growing if they do not fit.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.compact_for(bytes.len());
        self.store.extend_from_slice(bytes);
    }

    /// The store to append to directly; what lies before `head` is already read.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.store
    }

    /// Moves the unread bytes to the front unless `n` more fit behind them.
    pub fn compact_for(&mut self, n: usize) {
        if self.head > 0 && self.store.capacity() - self.store.len() < n {
            self.store.drain(..self.head);
            self.head = 0;
        }
    }

    /// Gives the memory back when nothing is unread.
    pub fn release_if_empty(&mut self) {
        if self.is_empty() && self.store.capacity() > 0 {
            self.head = 0;
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        give(std::mem::take(&mut self.store));
        if std::mem::take(&mut self.rationed) == Rationed::Yes {
            RATION.give();
        }
    }

    /// Forgets what is unread and gives the memory back.
    pub fn clear(&mut self) {
        self.store.clear();
        self.head = 0;
        self.release_if_empty();
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.store.capacity() > 0 {
            self.give_back();
        }
    }
}

fn take(capacity: usize) -> Vec<u8> {
    FREE.with_borrow_mut(|free| free.take(capacity)).unwrap_or_else(|| fresh(capacity))
}

#[cold]
#[inline(never)]
fn fresh(capacity: usize) -> Vec<u8> {
    Vec::with_capacity(capacity)
}

fn give(mut store: Vec<u8>) {
    if store.capacity() == 0 {
        return;
    }
    store.clear();
    // During thread shutdown the lists may be gone; the memory is then simply freed.
    let _ = FREE.try_with(|free| {
        if let Ok(mut free) = free.try_borrow_mut() {
            free.give(store);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_was_partly_read_can_be_cleared() {
        let mut buffer = Buffer::new();
        buffer.ensure_capacity(16);
        buffer.extend(b"read unread");
        buffer.consume(5);
        buffer.clear();
        assert_eq!((buffer.data(), buffer.capacity()), (&b""[..], 0));
    }

    #[test]
    fn consuming_everything_rewinds() {
        let mut b = Buffer::new();
        b.ensure_capacity(16);
        b.extend(b"hello");
        b.consume(2);
        assert_eq!(b.data(), b"llo");
        b.consume(3);
        assert!(b.is_empty());
        assert_eq!(b.room(), b.capacity());
    }

    #[test]
    fn space_in_front_is_reclaimed() {
        let mut b = Buffer::new();
        b.ensure_capacity(8);
        let cap = b.capacity();
        b.extend(&vec![b'a'; cap]);
        b.consume(cap - 1);
        b.extend(b"bc");
        assert_eq!(b.data(), b"abc");
        assert_eq!(b.capacity(), cap);
    }

    #[test]
    fn memory_is_reused_by_the_thread() {
        let mut b = Buffer::new();
        b.ensure_capacity(1 << 12);
        let at = b.tail().as_ptr();
        drop(b);
        let mut c = Buffer::new();
        c.ensure_capacity(1 << 12);
        assert_eq!(c.tail().as_ptr(), at);
    }

    #[test]
    fn what_grew_by_itself_takes_no_place() {
        let mut shelves = Shelves(Vec::new());
        assert!(shelves.take(64).is_none());
        for size in [64, 65, 8] {
            shelves.give(Vec::with_capacity(size));
        }
        assert_eq!(shelves.0.len(), 1);
        assert_eq!(shelves.take(64).map(|store| store.capacity()), Some(64));
        assert!(shelves.take(64).is_none());
    }

    #[test]
    fn sizes_that_are_asked_for_often_stay() {
        let mut shelves = Shelves(Vec::new());
        for once in 1000..1000 + 3 * SIZES {
            for often in [64, 128] {
                let store = shelves.take(often).unwrap_or_else(|| Vec::with_capacity(often));
                shelves.give(store);
            }
            shelves.take(once);
            assert!(shelves.0.len() <= SIZES);
        }
        let kept = |size| shelves.0.iter().any(|place| place.size == size && place.free.len() == 1);
        assert!(kept(64) && kept(128));
        shelves.take(1 << 20);
        for _ in 0..100 {
            shelves.give(Vec::with_capacity(1 << 20));
        }
        assert!(shelves.0.iter().any(|place| place.size == 1 << 20 && place.free.len() == 8));
    }
}
