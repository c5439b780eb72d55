//! The sessions that a listener remembers for those who come back.

use std::sync::Arc;

use rustls::pki_types::UnixTime;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

use crate::figures::figures;

/// Counts who is looked for, and forgets them in time.
#[derive(Debug)]
pub(crate) struct Memory {
    sessions: Arc<ServerSessionMemoryCache>,
    /// In seconds.
    lifetime: u32,
}

impl Memory {
    pub(crate) fn new(size: usize, lifetime: u32) -> Arc<Self> {
        Arc::new(Self { sessions: ServerSessionMemoryCache::new(size), lifetime })
    }

    /// What was found, unless it is too old.
    fn found(&self, found: Option<Vec<u8>>, now: u64) -> Option<Vec<u8>> {
        let found = found.and_then(|mut value| {
            let put = u64::from_be_bytes(*value.last_chunk()?);
            let fresh = now.checked_sub(put).is_some_and(|age| age <= u64::from(self.lifetime));
            value.truncate(value.len() - size_of::<u64>());
            fresh.then_some(value)
        });
        figures().looked_up(found.as_ref());
        found
    }

    fn put_at(&self, key: Vec<u8>, mut value: Vec<u8>, now: u64) -> bool {
        value.extend_from_slice(&now.to_be_bytes());
        self.sessions.put(key, value)
    }
}

impl StoresServerSessions for Memory {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.put_at(key, value, UnixTime::now().as_secs())
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.found(self.sessions.get(key), UnixTime::now().as_secs())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.found(self.sessions.take(key), UnixTime::now().as_secs())
    }

    fn can_cache(&self) -> bool {
        self.sessions.can_cache()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_forgotten_in_time() {
        let memory = Memory::new(10, 300);
        assert!(memory.put_at(vec![1], vec![2, 3], 1000));
        assert_eq!(memory.found(memory.sessions.get(&[1]), 1300), Some(vec![2, 3]));
        assert_eq!(memory.found(memory.sessions.get(&[1]), 1301), None);
        assert_eq!(memory.found(None, 1000), None);
    }
}
