//! What a worker thread can tell of its own work.

use std::time::Duration;

use tokio::runtime::Handle;

/// How a thread's event loop has gone so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoopFigures {
    /// Tasks that live: connections, listeners, and the thread's own.
    pub tasks: usize,
    /// Tasks that wait to be run.
    pub queued: usize,
    /// Turns of the loop: how often the thread had nothing left to do and waited.
    pub turns: u64,
    /// The time between the waits.
    pub busy: Duration,
}

impl LoopFigures {
    /// Those of the calling thread, which must be a worker.
    pub fn here() -> Self {
        let metrics = Handle::current().metrics();
        Self {
            tasks: metrics.num_alive_tasks(),
            queued: metrics.global_queue_depth(),
            turns: metrics.worker_park_count(0),
            busy: metrics.worker_total_busy_duration(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_counted() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let figures = runtime.block_on(async {
            let silent = tokio::spawn(std::future::pending::<()>());
            tokio::task::yield_now().await;
            let figures = LoopFigures::here();
            silent.abort();
            figures
        });
        assert_eq!(figures.tasks, 1);
    }
}
