//! One worker thread: its listeners, its connections, and the orders that it takes from outside.

use std::rc::Rc;
use std::sync::Arc;

use config::global::Waiting;
use net::BoundListener;
use tokio::sync::mpsc;

use crate::accept::accept;
use crate::reserve::attend;
use crate::site::{ListenerFacts, Site};
use crate::worker::{self, Worker};

/// What a worker is told.
pub enum Order {
    /// Take no new connection; end when those that are there have ended.
    SoftStop,
    /// End at once.
    HardStop,
    /// Do something on the worker's thread.
    Run(Box<dyn FnOnce() + Send>),
}

/// The near end of a worker's orders.
#[derive(Clone, Debug)]
pub struct Control(mpsc::Sender<Order>);

/// Both ends of a worker's orders.
pub type Line = (Control, mpsc::Receiver<Order>);

impl Control {
    /// The two ends.
    pub fn new() -> Line {
        let (sender, receiver) = mpsc::channel(64);
        (Self(sender), receiver)
    }

    /// Gives an order; false when the worker has gone or is too far behind to take it.
    #[must_use]
    pub fn give(&self, order: Order) -> bool {
        self.0.try_send(order).is_ok()
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SoftStop => "SoftStop",
            Self::HardStop => "HardStop",
            Self::Run(_) => "Run",
        })
    }
}

/// How many tasks run before the system is asked for events again, unless told otherwise.
const RUN_DEPTH: u32 = 61;

/// Carries traffic on this thread until it is told to stop and everything has ended.
///
/// # Errors
/// When the system gives the thread no event loop.
pub fn run(
    index: usize,
    site: Arc<Site>,
    listeners: Vec<(Arc<BoundListener>, Arc<ListenerFacts>)>,
    orders: mpsc::Receiver<Order>,
) -> std::io::Result<()> {
    base::worker::enter(index);
    let turns = site.event_loop;
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().event_interval(turns.run_depth.unwrap_or(RUN_DEPTH));
    builder.on_thread_unpark(worker::note_wait);
    if let Some(events) = turns.max_events {
        builder.max_io_events_per_tick(events as usize);
    }
    let runtime = builder.build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async {
        let worker = Worker::new(site);
        if turns.waiting == Waiting::Busy {
            tokio::task::spawn_local(stay_awake(worker.clone()));
        }
        for (bound, facts) in listeners {
            let listener = bound.attach();
            tokio::task::spawn_local(accept(worker.clone(), listener, facts));
        }
        tokio::task::spawn_local(attend(worker.clone()));
        if index == 0 {
            crate::checks::watch_servers(&worker);
        }
        obey(&worker, orders).await;
    });
    Ok(())
}

/// Takes orders until one ends the thread.
async fn obey(worker: &Rc<Worker>, mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::SoftStop => {
                worker.site.counters.stopping.set(1);
                worker.stop_softly();
            }
            Order::HardStop => return,
            Order::Run(work) => work(),
        }
        if worker.is_stopping() {
            return drain(worker, orders).await;
        }
    }
}

/// Waits for the last connection of this thread, still obeying.
async fn drain(worker: &Rc<Worker>, mut orders: mpsc::Receiver<Order>) {
    while worker.connections.get() > 0 {
        let order = tokio::select! {
            order = orders.recv() => order,
            () = worker.drained.notified() => continue,
        };
        match order {
            Some(Order::Run(work)) => work(),
            Some(Order::SoftStop) => {}
            Some(Order::HardStop) | None => return,
        }
    }
}

/// Keeps the event loop from sleeping for as long as the process is the one that counts.
async fn stay_awake(worker: Rc<Worker>) {
    while !worker.is_stopping() {
        tokio::task::yield_now().await;
    }
}
