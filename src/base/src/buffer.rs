//! Buffers from a per-thread free list, so that an idle connection holds none.

use std::cell::{Cell, RefCell};

use crate::ration::RATION;

/// How many free buffers of each size a thread keeps.
const KEPT: usize = 256;
/// How many times larger than wanted a free buffer may be.
const SPARE: usize = 4;

thread_local! {
    static FREE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    /// The most that was asked for at a time.
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// A byte buffer with a read and a write end, given back to the thread's free list when dropped.
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

    /// Takes memory for at least `capacity` bytes in all, from the free list when it has some.
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
    let fits = |v: &Vec<u8>| v.capacity() >= capacity && v.capacity() <= SPARE * capacity;
    let found = FREE.with_borrow_mut(|free| {
        // Nearly all are of one size.
        if let Some(last) = free.pop_if(|last| fits(last)) {
            return Some(last);
        }
        let at = free.iter().rposition(fits)?;
        Some(free.swap_remove(at))
    });
    found.unwrap_or_else(|| {
        MOST.set(MOST.get().max(capacity));
        Vec::with_capacity(capacity)
    })
}

fn give(mut store: Vec<u8>) {
    if store.capacity() == 0 {
        return;
    }
    // What has grown beyond what anybody asks for would lie here for ever, in the way of those that fit.
    if MOST.try_with(Cell::get).is_ok_and(|most| store.capacity() > SPARE * most) {
        return;
    }
    store.clear();
    // During thread shutdown the list may be gone; the memory is then simply freed.
    let _ = FREE.try_with(|free| {
        if let Ok(mut free) = free.try_borrow_mut()
            && free.len() < KEPT
        {
            free.push(store);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_nobody_would_ask_for_is_not_kept() {
        let free = || FREE.with_borrow(Vec::len);
        let mut buffer = Buffer::new();
        buffer.ensure_capacity(1000);
        let before = free();
        buffer.extend(&[0; 5000]);
        buffer.clear();
        assert_eq!(free(), before);
        buffer.ensure_capacity(1000);
        buffer.clear();
        assert_eq!(free(), before + 1);
    }

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
}
