//! One worker thread: its listeners, its connections, and the orders that it takes from outside.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use net::BoundListener;
use tokio::sync::mpsc;

use crate::accept::accept;
use crate::site::{ListenerFacts, Site};
use crate::worker::{Stopping, Worker};

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
#[derive(Clone)]
pub struct Control(mpsc::Sender<Order>);

impl Control {
    /// The two ends.
    pub fn new() -> (Self, mpsc::Receiver<Order>) {
        let (sender, receiver) = mpsc::channel(64);
        (Self(sender), receiver)
    }

    /// Gives an order; false when the worker has gone or is too far behind to take it.
    #[must_use]
    pub fn give(&self, order: Order) -> bool {
        self.0.try_send(order).is_ok()
    }
}

/// How often idle server connections are looked at.
const PURGE_INTERVAL: Duration = Duration::from_secs(1);

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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(61)
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async {
        let worker = Worker::new(site);
        for (bound, facts) in listeners.into_iter().filter(|(_, facts)| facts.is_for(index)) {
            let listener = bound.attach();
            tokio::task::spawn_local(accept(worker.clone(), listener, facts));
        }
        tokio::task::spawn_local(purge(worker.clone()));
        obey(&worker, orders).await;
    });
    Ok(())
}

/// Takes orders until one ends the thread.
async fn obey(worker: &Rc<Worker>, mut orders: mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::SoftStop => {
                worker.stopping.set(Stopping::Soft);
                worker.forget_idle();
            }
            Order::HardStop => return,
            Order::Run(work) => work(),
        }
        if worker.stopping.get() == Stopping::Soft {
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

async fn purge(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(PURGE_INTERVAL);
    loop {
        interval.tick().await;
        worker.purge_idle();
    }
}
