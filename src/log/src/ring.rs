//! Rings: bounded memory for messages, which the oldest ones leave when new ones come.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use base::counter::Counter;

use crate::header::HeaderFormat;

/// A ring that any thread may write to and that any number of readers follow, each at its own pace.
#[derive(Debug)]
pub struct Ring {
    name: Arc<str>,
    description: String,
    /// The form of messages, unless each logger has its own.
    pub(crate) format: Option<HeaderFormat>,
    /// The longest message; longer ones are cut.
    max_len: usize,
    size: usize,
    dropped: Counter,
    events: Mutex<Events>,
}

/// Messages one after the other, each behind its length.
#[derive(Debug, Default)]
struct Events {
    bytes: VecDeque<u8>,
    /// The position of the oldest byte among all that were ever written.
    start: u64,
}

/// Where a reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position(u64);

/// Bytes before each message.
const PREFIX: usize = 4;

impl Ring {
    /// A ring of so many bytes.
    pub fn new(name: impl Into<Arc<str>>, size: usize) -> Self {
        let name = name.into();
        Self {
            description: name.to_string(),
            name,
            format: None,
            max_len: 1024,
            size: size.max(PREFIX + 1),
            dropped: Counter::default(),
            events: Mutex::default(),
        }
    }

    pub(crate) fn described(mut self, description: &str) -> Self {
        description.clone_into(&mut self.description);
        self
    }

    pub(crate) fn limited(mut self, max_len: usize) -> Self {
        self.max_len = max_len;
        self
    }

    pub(crate) fn formatted(mut self, format: Option<HeaderFormat>) -> Self {
        self.format = format;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What listings say about it.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The longest message.
    pub fn max_len(&self) -> usize {
        self.max_len.min(self.size - PREFIX)
    }

    /// How many messages could not be stored.
    pub fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Appends a message, of which what is too long is cut off. Old ones make room for it.
    pub fn push(&self, message: &[u8]) {
        let message = &message[..message.len().min(self.max_len())];
        let mut events = self.lock();
        while events.bytes.len() + PREFIX + message.len() > self.size {
            events.forget_oldest();
        }
        events.bytes.extend((message.len() as u32).to_le_bytes());
        events.bytes.extend(message);
    }

    /// The position of the oldest message.
    pub fn oldest(&self) -> Position {
        Position(self.lock().start)
    }

    /// The position behind the newest message, where new ones will be. It moves when there is one.
    pub fn newest(&self) -> Position {
        let events = self.lock();
        Position(events.start + events.bytes.len() as u64)
    }

    /// Reads the messages from a position on and moves it behind them, until `take` says that it is enough.
    /// A reader that was too slow goes on with the oldest message.
    pub fn read(&self, position: &mut Position, mut take: impl FnMut(&[u8]) -> Reading) {
        let mut message = Vec::new();
        while self.next(position, &mut message) {
            if take(&message) == Reading::Enough {
                return;
            }
        }
    }

    /// Copies the message at a position, so that no lock is held while it is used.
    fn next(&self, position: &mut Position, message: &mut Vec<u8>) -> bool {
        let events = self.lock();
        position.0 = position.0.max(events.start);
        let at = (position.0 - events.start) as usize;
        if at >= events.bytes.len() {
            return false;
        }
        let len = events.length_at(at);
        message.clear();
        message.extend(events.bytes.range(at + PREFIX..at + PREFIX + len));
        position.0 += (PREFIX + len) as u64;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        // A panic between two pushes leaves whole messages behind.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a reader wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It does.
    More,
    /// It does not for now; the message that it was just given counts as read.
    Enough,
}

impl Events {
    fn length_at(&self, at: usize) -> usize {
        let mut prefix = [0; PREFIX];
        for (to, from) in prefix.iter_mut().zip(self.bytes.range(at..at + PREFIX)) {
            *to = *from;
        }
        u32::from_le_bytes(prefix) as usize
    }

    fn forget_oldest(&mut self) {
        let gone = PREFIX + self.length_at(0);
        self.bytes.drain(..gone);
        self.start += gone as u64;
    }
}

static BUF0: LazyLock<Arc<Ring>> =
    LazyLock::new(|| Arc::new(Ring::new("buf0", 1 << 20).described("in-memory ring buffer")));

static STARTUP: LazyLock<Ring> = LazyLock::new(|| Ring::new("startup-logs", 1 << 17).limited(1 << 16));

/// The ring that is always there.
pub fn buf0() -> &'static Arc<Ring> {
    &BUF0
}

/// What was said while the process started.
pub fn startup_logs() -> &'static Ring {
    &STARTUP
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(ring: &Ring, position: &mut Position) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        ring.read(position, |m| {
            all.push(m.to_vec());
            Reading::More
        });
        all
    }

    #[test]
    fn readers_keep_their_own_pace() {
        let ring = Ring::new("r", 100);
        ring.push(b"a");
        let (mut first, mut second) = (ring.oldest(), ring.newest());
        ring.push(b"b");
        assert_eq!(drain(&ring, &mut first), [b"a", b"b"]);
        assert_eq!(drain(&ring, &mut second), [b"b"]);
        assert_eq!(first, ring.newest());
        assert!(drain(&ring, &mut first).is_empty());
    }

    #[test]
    fn a_reader_may_stop_in_between() {
        let ring = Ring::new("r", 100);
        ring.push(b"a");
        ring.push(b"b");
        let mut position = Position::default();
        ring.read(&mut position, |_| Reading::Enough);
        assert_eq!(drain(&ring, &mut position), [b"b"]);
    }

    #[test]
    fn the_oldest_leave_and_the_longest_are_cut() {
        let ring = Ring::new("r", 20).limited(8);
        for message in [b"12345678901".as_slice(), b"abcd", b"x"] {
            ring.push(message);
        }
        assert_eq!(drain(&ring, &mut Position::default()), [b"abcd".as_slice(), b"x"]);
        ring.push(b"0123456789");
        assert_eq!(drain(&ring, &mut Position::default()), [b"x".as_slice(), b"01234567"]);
    }

    #[test]
    fn writers_of_many_threads_lose_nothing_that_fits() {
        let ring = Ring::new("r", 1 << 16);
        std::thread::scope(|s| {
            for writer in 0..4u8 {
                let ring = &ring;
                s.spawn(move || (0..100u8).for_each(|i| ring.push(&[writer, i])));
            }
        });
        let all = drain(&ring, &mut Position::default());
        for writer in 0..4u8 {
            let own: Vec<u8> = all.iter().filter(|m| m[0] == writer).map(|m| m[1]).collect();
            assert_eq!(own, (0..100).collect::<Vec<u8>>());
        }
    }

    proptest! {
        /// Whatever is pushed, a reader that starts at any time sees a suffix of it, in order.
        #[test]
        fn readers_see_the_newest_in_order(
            messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..40),
            size in 1usize..200,
            at in 0usize..40,
        ) {
            let ring = Ring::new("r", size);
            let mut early = Position::default();
            let mut seen = Vec::new();
            for (i, message) in messages.iter().enumerate() {
                if i == at {
                    seen = drain(&ring, &mut early);
                }
                ring.push(message);
            }
            let cut: Vec<Vec<u8>> =
                messages.iter().map(|m| m[..m.len().min(ring.max_len())].to_vec()).collect();
            let all = drain(&ring, &mut Position::default());
            prop_assert!(cut.ends_with(&all));
            prop_assert!(messages.is_empty() || !all.is_empty());
            let later = drain(&ring, &mut early);
            prop_assert!(all.ends_with(&later) && (at >= messages.len() || cut[..at].ends_with(&seen)));
        }
    }
}
