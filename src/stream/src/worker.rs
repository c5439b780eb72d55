//! What a worker thread keeps to itself.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use base::clock::{Clock, Tick, WallTime};
use config::global::CloseSpread;
use http::{RequestHead, ResponseHead};
use tokio::sync::Notify;

use crate::branch::Hands;
use crate::rest::Resting;
use crate::secure::Turnstile;
use crate::site::Site;
use crate::tenancy::Tenancies;

/// A worker thread's own.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) site: Arc<Site>,
    pub(crate) clock: Clock,
    stopping: Cell<Stopping>,
    /// Wakes the tasks that wait for the next request of their client, when it will not come any more.
    pub(crate) closing: Notify,
    /// Those of them that have waited for a while already.
    pub(crate) resting: Resting,
    /// How many wait and are ready to serve at once.
    alert: Cell<u32>,
    /// Where in the sequence the next decision stands that is spread over time.
    turn: Cell<u32>,
    /// Connections that this thread serves.
    pub(crate) connections: Cell<usize>,
    /// Told when the last of them has ended.
    pub(crate) drained: Notify,
    /// The time at which the task that runs now began to run, once it has asked.
    tick: Cell<Tick>,
    /// How many more tasks run at the time that was read.
    runs: Cell<u8>,
    /// The date that was read last, and when.
    date: Cell<(Tick, WallTime)>,
    /// Heads of connections that have fallen silent, for the memory that they have.
    heads: RefCell<Vec<Heads>>,
    /// Where clients' TLS handshakes pass.
    pub(crate) handshakes: Turnstile,
    /// Server connections that carry streams and may carry more.
    pub(crate) tenancies: Tenancies,
    /// Tasks that wait for streams.
    pub(crate) hands: Hands,
    this: Weak<Self>,
}

/// A request's and a response's.
pub(crate) type Heads = (RequestHead, ResponseHead);

/// How many pairs of heads a worker keeps for later.
const SPARE_HEADS: usize = 256;

/// A connection that waits for a request and keeps all that serving it takes.
pub(crate) struct Alert<'w>(&'w Cell<u32>);

impl Drop for Alert<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// How many connections of a thread may do so when they have served no more than one request, and how many when more:
/// of many that come once, few come again soon, and of those that keep coming, all do.
const MOST_ALERT: [u32; 2] = [32, 1024];

/// Whether the worker takes on new work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stopping {
    #[default]
    No,
    /// Requests that have begun are finished, nothing new begins.
    Since(Tick),
}

/// How many tasks run at one time when the thread does not wait in between. Most take some ten microseconds.
const RUNS_AT_ONE_TIME: u8 = 16;

/// How long a date that was read is counted on from: the system's clock may be set at any time.
const DATE_COUNTS: Duration = Duration::from_millis(10);

thread_local! {
    /// Whether the thread has waited since a task looked.
    static WAITED: Cell<bool> = const { Cell::new(true) };
}

/// The thread has waited for something to happen.
pub(crate) fn note_wait() {
    WAITED.set(true);
}

/// How often idle clients are looked at while they are being closed over time.
const SPREAD_STEP: Duration = Duration::from_millis(100);

impl Worker {
    pub(crate) fn new(site: Arc<Site>) -> Rc<Self> {
        let clock = site.clock.clone();
        Rc::new_cyclic(|this| Self {
            site,
            clock,
            stopping: Cell::default(),
            closing: Notify::new(),
            resting: Resting::default(),
            alert: Cell::new(0),
            turn: Cell::new(0),
            connections: Cell::new(0),
            drained: Notify::new(),
            tick: Cell::new(Tick::NEVER),
            runs: Cell::new(0),
            date: Cell::default(),
            heads: RefCell::default(),
            handshakes: Turnstile::default(),
            tenancies: Tenancies::default(),
            hands: Hands::default(),
            this: this.clone(),
        })
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> Rc<Self> {
        self.this.upgrade().expect("invariant: whoever has it keeps it alive")
    }

    /// Lets a connection that has served so many requests stay ready while it waits, unless many do already.
    pub(crate) fn stay_alert(&self, served: u32) -> Option<Alert<'_>> {
        let room = self.alert.get() < MOST_ALERT[usize::from(served > 1)];
        room.then(|| {
            self.alert.set(self.alert.get() + 1);
            Alert(&self.alert)
        })
    }

    /// Heads to be filled.
    pub(crate) fn take_heads(&self) -> Heads {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps heads that are no longer needed.
    pub(crate) fn keep_heads(&self, mut heads: Heads) {
        let mut spare = self.heads.borrow_mut();
        if spare.len() < SPARE_HEADS {
            heads.0.clear();
            heads.1.clear();
            spare.push(heads);
        }
    }

    /// A session's task begins to run: time has gone on if the thread has waited since it was read, or if many ran.
    pub(crate) fn begin_run(&self) {
        let runs = self.runs.get();
        if WAITED.replace(false) || runs == 0 {
            self.let_time_pass();
        } else {
            self.runs.set(runs - 1);
        }
    }

    /// Time has gone on: something has taken long.
    pub(crate) fn let_time_pass(&self) {
        self.tick.set(Tick::NEVER);
        self.runs.set(RUNS_AT_ONE_TIME);
    }

    /// The time for the session whose task runs. What happens in one run happens at one time, and so does what happens
    /// in a few that follow each other: a request asks for it some twenty times, and reading clocks takes a while.
    pub(crate) fn now(&self) -> Tick {
        if !self.tick.get().is_set() {
            self.tick.set(self.clock.now());
        }
        self.tick.get()
    }

    /// The date for the session whose task runs.
    pub(crate) fn date(&self) -> WallTime {
        let now = self.now();
        let (read, date) = self.date.get();
        let since = now.since(read);
        if read.is_set() && since < DATE_COUNTS {
            return WallTime(date.0 + since.as_micros() as u64);
        }
        let date = self.clock.wall();
        self.date.set((now, date));
        date
    }

    /// Whether a stop was asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.get() != Stopping::No
    }

    /// Begins to stop: idle connections end, at once or over time, the others after their response.
    pub(crate) fn stop_softly(self: &Rc<Self>) {
        self.stopping.set(Stopping::Since(self.clock.now()));
        self.forget_idle();
        match self.site.close_spread {
            CloseSpread::AtOnce => self.call_idle_clients(),
            CloseSpread::Over(time) => {
                tokio::task::spawn_local(self.clone().close_over(time));
            }
            CloseSpread::Never => {}
        }
    }

    /// Wakes all that wait for the next request of their client.
    fn call_idle_clients(&self) {
        self.closing.notify_waiters();
        self.resting.call();
    }

    async fn close_over(self: Rc<Self>, time: Duration) {
        let steps = (time.as_millis() / SPREAD_STEP.as_millis()).max(1);
        for _ in 0..steps {
            self.call_idle_clients();
            tokio::time::sleep(SPREAD_STEP.min(time)).await;
        }
        self.call_idle_clients();
    }

    /// Whether a client is told with its response that the connection ends.
    pub(crate) fn closes_client(&self) -> bool {
        let Stopping::Since(start) = self.stopping.get() else { return false };
        match self.site.close_spread {
            CloseSpread::AtOnce => true,
            CloseSpread::Never => false,
            CloseSpread::Over(time) => {
                self.falls_within(self.clock.now().since(start).as_secs_f64() / time.as_secs_f64())
            }
        }
    }

    /// Whether a client's connection ends that waits for its next request; asked at each step.
    pub(crate) fn closes_idle_client(&self) -> bool {
        let Stopping::Since(start) = self.stopping.get() else { return false };
        match self.site.close_spread {
            CloseSpread::AtOnce => true,
            CloseSpread::Never => false,
            CloseSpread::Over(time) => {
                let left = time.saturating_sub(self.clock.now().since(start));
                self.falls_within(SPREAD_STEP.as_secs_f64() / left.as_secs_f64())
            }
        }
    }

    /// True for that share of the calls. Steps of the golden ratio fill the range evenly, whoever asks.
    fn falls_within(&self, share: f64) -> bool {
        let turn = self.turn.get().wrapping_add(0x9e37_79b9);
        self.turn.set(turn);
        f64::from(turn) / 4_294_967_296.0 < share
    }

    /// A connection begins.
    pub(crate) fn enter(&self) {
        self.connections.set(self.connections.get() + 1);
    }

    /// A connection has ended.
    pub(crate) fn leave(&self) {
        self.connections.set(self.connections.get() - 1);
        if self.connections.get() == 0 {
            self.drained.notify_one();
        }
    }
}
