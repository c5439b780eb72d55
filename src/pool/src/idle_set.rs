//! Plain stacks of idle connections, for one thread.

use std::collections::HashMap;
use std::time::Duration;

use base::clock::Tick;

/// The idle connections of one thread by server.
#[derive(Debug)]
pub struct IdleSet<C> {
    by_server: HashMap<usize, Vec<Idle<C>>>,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Tick,
}

impl<C> Default for IdleSet<C> {
    fn default() -> Self {
        Self { by_server: HashMap::new() }
    }
}

impl<C> IdleSet<C> {
    /// Keeps a connection for later, unless `max` are kept already; gives it back then.
    pub fn put(&mut self, server: usize, connection: C, now: Tick, max: Option<u64>) -> Result<(), C> {
        let kept = self.by_server.entry(server).or_default();
        if max.is_some_and(|max| kept.len() as u64 >= max) {
            return Err(connection);
        }
        kept.push(Idle { connection, since: now });
        Ok(())
    }

    /// Takes the connection that was used last: the one most likely to be alive.
    pub fn take(&mut self, server: usize) -> Option<C> {
        Some(self.by_server.get_mut(&server)?.pop()?.connection)
    }

    /// Removes connections that nobody wanted for longer than their `delay`, the oldest half of them at a time.
    pub fn purge(&mut self, now: Tick, delay: impl Fn(&C) -> Duration) -> Vec<C> {
        let mut purged = Vec::new();
        for kept in self.by_server.values_mut() {
            let old = kept.iter().take_while(|c| now.since(c.since) >= delay(&c.connection)).count();
            purged.extend(kept.drain(..old.div_ceil(2)).map(|c| c.connection));
        }
        self.by_server.retain(|_, kept| !kept.is_empty());
        purged
    }

    /// Removes all connections to a server.
    pub fn drain(&mut self, server: usize) -> Vec<C> {
        let kept = self.by_server.remove(&server).unwrap_or_default();
        kept.into_iter().map(|c| c.connection).collect()
    }

    /// How many connections to a server are kept.
    pub fn len(&self, server: usize) -> usize {
        self.by_server.get(&server).map_or(0, Vec::len)
    }

    /// Whether none at all is kept.
    pub fn is_empty(&self) -> bool {
        self.by_server.values().all(Vec::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_in_is_the_first_one_out() {
        let mut set = IdleSet::default();
        for c in ["a", "b"] {
            set.put(1, c, Tick(1), None).unwrap();
        }
        assert_eq!((set.take(1), set.take(2), set.len(1)), (Some("b"), None, 1));
    }

    #[test]
    fn a_full_set_gives_the_connection_back() {
        let mut set = IdleSet::default();
        set.put(1, "a", Tick(1), Some(1)).unwrap();
        assert_eq!(set.put(1, "b", Tick(1), Some(1)), Err("b"));
        assert_eq!(set.put(2, "c", Tick(1), Some(0)), Err("c"));
    }

    #[test]
    fn half_of_the_old_ones_go_at_a_time() {
        let mut set = IdleSet::default();
        for (c, since) in [("a", 1), ("b", 2), ("c", 3), ("d", 9_000_000)] {
            set.put(1, c, Tick(since), None).unwrap();
        }
        let purged = set.purge(Tick(9_000_001), |_| Duration::from_secs(5));
        assert_eq!(purged, ["a", "b"]);
        assert_eq!(set.len(1), 2);
        assert_eq!(set.drain(1), ["c", "d"]);
        assert!(set.is_empty());
    }
}
