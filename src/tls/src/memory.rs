//! The sessions that a listener remembers for those who come back.

use std::sync::Arc;

use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

use crate::figures::figures;

/// Counts who is looked for.
#[derive(Debug)]
pub(crate) struct Memory(Arc<ServerSessionMemoryCache>);

impl Memory {
    pub(crate) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self(ServerSessionMemoryCache::new(size)))
    }
}

impl StoresServerSessions for Memory {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.0.put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.0.get(key);
        figures().looked_up(found.as_ref());
        found
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let found = self.0.take(key);
        figures().looked_up(found.as_ref());
        found
    }

    fn can_cache(&self) -> bool {
        self.0.can_cache()
    }
}
