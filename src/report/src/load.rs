//! How busy the process was since somebody last asked.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::clock::Tick;
use stream::Site;

/// Shorter spans than this say nothing; the last figures are given again.
const SHORTEST: Duration = Duration::from_millis(500);

/// The system's ticks a second, for processor times; the same on all machines.
const TICKS: u64 = 100;

/// The figures of the last span.
#[derive(Debug)]
pub struct Load(Mutex<Span>);

#[derive(Debug)]
struct Span {
    since: Tick,
    processor: u64,
    bytes: u64,
    idle: u64,
    rate: u64,
}

impl Default for Load {
    fn default() -> Self {
        let since = Tick(1_000_000);
        Self(Mutex::new(Span { since, processor: 0, bytes: 0, idle: 100, rate: 0 }))
    }
}

impl Load {
    /// The share of the time without work in percent, and the bytes sent a second.
    pub(crate) fn since_last(&self, site: &Site) -> (u64, u64) {
        let mut span = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = site.clock.now();
        let elapsed = now.since(span.since);
        if elapsed >= SHORTEST {
            let (processor, bytes) = (processor_time().unwrap_or(span.processor), bytes_out(site));
            let millis = elapsed.as_millis() as u64;
            let worked = processor.saturating_sub(span.processor) * 1000 / TICKS;
            let busy = worked * 100 / (millis * u64::from(site.process.threads.max(1)));
            span.idle = 100 - busy.min(100);
            span.rate = bytes.saturating_sub(span.bytes) * 1000 / millis;
            (span.since, span.processor, span.bytes) = (now, processor, bytes);
        }
        (span.idle, span.rate)
    }
}

/// The bytes sent to clients since the counters were cleared.
pub(crate) fn bytes_out(site: &Site) -> u64 {
    site.frontends.iter().map(|f| f.counters.events.sum(|e| e.responses_out.get())).sum()
}

/// The processor time of all threads, in the system's ticks.
fn processor_time() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    processor_ticks(&stat)
}

/// The sum of the user's and the system's time; the program's name before them may hold anything.
fn processor_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_times_stand_behind_the_name() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 55 7 0 0";
        assert_eq!(processor_ticks(stat), Some(62));
        assert_eq!(processor_ticks("12 (x) S 1"), None);
    }
}
