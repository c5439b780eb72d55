//! What HTTP/1 connections and exchanges count for their frontend or backend, as long as they exist.

use std::sync::Arc;

use stats::counters::HttpCounters;

/// Counts one connection, and what goes over it.
#[derive(Debug)]
pub(crate) struct Meter(Arc<HttpCounters>);

impl Meter {
    /// A connection begins.
    pub(crate) fn new(counters: &Arc<HttpCounters>) -> Self {
        counters.open_connections.inc();
        counters.connections.inc();
        Self(counters.clone())
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.0.bytes_in.add(bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.0.bytes_out.add(bytes as u64);
    }

    /// Bytes went into a pipe.
    pub(crate) fn spliced_in(&self, bytes: usize) {
        self.received(bytes);
        self.0.spliced_in.add(bytes as u64);
    }

    /// Bytes come out of a pipe.
    pub(crate) fn spliced_out(&self, bytes: usize) {
        self.sent(bytes);
        self.0.spliced_out.add(bytes as u64);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.0.open_connections.dec();
    }
}

/// Counts one exchange.
#[derive(Debug)]
pub(crate) struct Exchange(Arc<HttpCounters>);

impl Exchange {
    /// An exchange begins.
    pub(crate) fn new(counters: &Arc<HttpCounters>) -> Self {
        counters.open_streams.inc();
        counters.streams.inc();
        Self(counters.clone())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.open_streams.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_is_open_no_more() {
        let counters = Arc::new(HttpCounters::default());
        let (meter, exchange) = (Meter::new(&counters), Exchange::new(&counters));
        meter.received(5);
        meter.spliced_in(7);
        meter.spliced_out(9);
        assert_eq!((counters.open_connections.get(), counters.open_streams.get()), (1, 1));
        drop((meter, exchange));
        assert_eq!((counters.open_connections.get(), counters.open_streams.get()), (0, 0));
        assert_eq!((counters.connections.get(), counters.streams.get()), (1, 1));
        assert_eq!((counters.bytes_in.get(), counters.spliced_in.get()), (12, 7));
        assert_eq!((counters.bytes_out.get(), counters.spliced_out.get()), (9, 9));
    }
}
