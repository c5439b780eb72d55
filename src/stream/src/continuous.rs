//! Counters that follow a long transfer while it runs (`option contstats`).

use std::pin::pin;
use std::time::Duration;

use crate::finish;
use crate::live::Live;
use crate::site::{Frontend, Site};
use stats::ListenerCounters;

/// How often transfers are counted.
const PERIOD: Duration = Duration::from_secs(5);

/// Whom a stream's bytes are counted for on the client's side.
#[derive(Clone, Copy)]
pub(crate) struct Accounts<'s> {
    pub(crate) site: &'s Site,
    pub(crate) frontend: &'s Frontend,
    pub(crate) listener: Option<&'s ListenerCounters>,
}

/// Does the work of a stream, and counts from time to time what it has carried.
pub(crate) async fn counting<T>(accounts: Accounts<'_>, live: &Live, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(PERIOD, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => accounts.count(live),
        }
    }
}

impl Accounts<'_> {
    fn count(&self, live: &Live) {
        let (bytes_in, bytes_out) = live.count_now();
        if bytes_in == 0 && bytes_out == 0 {
            return;
        }
        let listener = self.listener.map(|l| l.events.here());
        for events in [Some(self.frontend.counters.events.here()), listener].into_iter().flatten() {
            events.bytes_in.add(bytes_in);
            events.bytes_out.add(bytes_out);
        }
        let backend = self.site.backends.iter().find(|b| live.backend() == Some(b.common.facts.id));
        let server = backend.and_then(|b| finish::server_among(b, live.server()));
        let counters = [backend.map(|b| &b.core.counters), server.as_ref().map(|s| &s.counters.common)];
        for events in counters.into_iter().flatten().map(|c| c.events.here()) {
            events.bytes_in.add(bytes_in);
            events.bytes_out.add(bytes_out);
        }
    }
}
