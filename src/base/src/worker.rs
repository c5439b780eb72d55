//! Which worker thread this is.

use std::cell::Cell;

thread_local! {
    static INDEX: Cell<usize> = const { Cell::new(0) };
}

/// The number of this worker thread, from 0; 0 also for threads that are not workers.
pub fn index() -> usize {
    INDEX.get()
}

/// Gives this thread its number, at its start.
pub fn enter(index: usize) {
    INDEX.set(index);
}

/// One value for each worker thread, so that counting costs no traffic between cores.
#[derive(Debug)]
pub struct PerWorker<T> {
    shards: Box<[Padded<T>]>,
}

/// Two cache lines, since neighbouring ones are fetched together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Default> PerWorker<T> {
    /// Default values for that many threads, at least one.
    pub fn new(workers: usize) -> Self {
        Self { shards: (0..workers.max(1)).map(|_| Padded::default()).collect() }
    }
}

impl<T> PerWorker<T> {
    /// This thread's own. A thread beyond the number that was announced shares the first.
    pub fn here(&self) -> &T {
        self.of(index())
    }

    /// That of another thread.
    pub fn of(&self, worker: usize) -> &T {
        &self.shards.get(worker).unwrap_or(&self.shards[0]).0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.shards.iter().map(|s| &s.0)
    }

    /// The sum of one figure over all threads.
    pub fn sum(&self, figure: impl Fn(&T) -> u64) -> u64 {
        self.iter().map(figure).sum()
    }
}

impl<T: Default> Default for PerWorker<T> {
    fn default() -> Self {
        Self::new(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Counter;

    #[test]
    fn each_thread_counts_for_itself() {
        let counters = PerWorker::<Counter>::new(2);
        std::thread::scope(|s| {
            for i in 0..3 {
                let counters = &counters;
                s.spawn(move || {
                    enter(i);
                    counters.here().add(i as u64 + 1);
                });
            }
        });
        assert_eq!(counters.sum(Counter::get), 6);
        assert_eq!(counters.iter().map(Counter::get).collect::<Vec<_>>(), [4, 2]);
    }
}
