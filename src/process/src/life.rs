//! The life of the process between its start and its end: signals, the soft stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base::clock::Tick;
use net::BoundListener;
use stream::{Control, Order, Site};
use sys::signal::{Held, Signal};

use crate::binding::Bound;
use crate::report::Reporter;
use crate::settings::Life;
use crate::status::{self, Proxy};

/// A worker thread.
pub(crate) struct Worker {
    pub(crate) control: Control,
    pub(crate) thread: JoinHandle<std::io::Result<()>>,
}

/// The worker threads.
pub(crate) struct Workers {
    pub(crate) all: Vec<Worker>,
    /// How many have done their work. Each counts itself before it raises the alarm, so that whoever is
    /// woken by it sees the count.
    pub(crate) ended: Arc<AtomicUsize>,
}

/// The signals that are waited for. A worker that ends raises the alarm.
pub(crate) const SIGNALS: [Signal; 9] = [
    Signal::Hup,
    Signal::Int,
    Signal::Quit,
    Signal::Usr1,
    Signal::Usr2,
    Signal::Term,
    Signal::Ttou,
    Signal::Ttin,
    Signal::Alarm,
];

/// How long workers may take to end after a hard stop.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// The running process.
pub(crate) struct Running {
    pub(crate) site: Arc<Site>,
    pub(crate) settings: Life,
    pub(crate) signals: Held,
    pub(crate) reporter: Reporter,
    pub(crate) workers: Workers,
    pub(crate) listeners: Vec<Bound>,
    /// The sockets of the runtime API.
    pub(crate) api: Vec<BoundListener>,
    pub(crate) proxies: Vec<Proxy>,
}

/// How far the stop has gone.
///
/// ```text
/// Serving -> Grace -> Draining -> HardStopped
///        \-------------^
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// New connections are still taken, until then.
    Grace(Tick),
    /// The last connections are waited for, until then if it is set.
    Draining(Option<Tick>),
    /// They are not waited for any more; the threads are, until then.
    HardStopped(Tick),
}

impl Running {
    /// Obeys signals until the process ends.
    pub(crate) fn live(mut self) -> ExitCode {
        let mut stage = Stage::Serving;
        loop {
            if matches!(stage, Stage::Draining(_) | Stage::HardStopped(_)) && self.have_ended() {
                return self.workers.join();
            }
            let left = stage.deadline().map(|at| at.since(self.now()));
            match self.signals.wait(left) {
                Ok(Some(signal)) => stage = self.obey(signal, stage),
                Ok(None) if stage.deadline().is_some_and(|at| at <= self.now()) => match self.expire(stage) {
                    Some(next) => stage = next,
                    None => return ExitCode::SUCCESS,
                },
                Ok(None) => {}
                Err(_) => return ExitCode::FAILURE,
            }
        }
    }

    fn obey(&mut self, signal: Signal, stage: Stage) -> Stage {
        match signal {
            Signal::Term | Signal::Int => sys::signal::end_by(signal),
            Signal::Usr1 if stage == Stage::Serving => return self.begin_stop(),
            Signal::Hup => status::dump(&self.proxies, &self.site, &mut self.reporter),
            Signal::Ttou if stage == Stage::Serving => self.pause(),
            Signal::Ttin if stage == Stage::Serving => self.resume(),
            // Reloading is a master's work; what QUIT showed belongs to another allocator.
            _ => {}
        }
        stage
    }

    fn begin_stop(&mut self) -> Stage {
        let grace = self.settings.grace;
        if grace.is_zero() {
            return self.stop_softly();
        }
        self.reporter.note(format!("Scheduling a soft-stop in {} ms.", grace.as_millis()));
        Stage::Grace(self.now() + grace)
    }

    /// The time of a stage is over; without a next one, so is the process.
    fn expire(&mut self, stage: Stage) -> Option<Stage> {
        match stage {
            Stage::Serving => Some(stage),
            Stage::Grace(_) => {
                self.reporter.note("Grace period expired, proceeding with soft-stop now.");
                Some(self.stop_softly())
            }
            Stage::Draining(_) => Some(self.stop_hard()),
            Stage::HardStopped(_) => {
                self.say("Some tasks resisted to hard-stop, exiting now.".to_owned());
                None
            }
        }
    }

    fn stop_softly(&mut self) -> Stage {
        self.listeners.iter().for_each(|bound| bound.listener.stop());
        self.api.iter().for_each(BoundListener::stop);
        for worker in &self.workers.all {
            // A worker that is too far behind to take the order has ended its listeners with the others'.
            let _ = worker.control.give(Order::SoftStop);
        }
        for (index, text) in status::stopped(&self.proxies, &self.site) {
            self.say_of(index, text);
        }
        Stage::Draining(self.settings.hard_stop_after.map(|time| self.now() + time))
    }

    fn stop_hard(&mut self) -> Stage {
        self.say("soft-stop running for too long, performing a hard-stop.".to_owned());
        for (index, text) in status::hard_stopped(&self.proxies, &self.site) {
            self.say_of(index, text);
        }
        for worker in &self.workers.all {
            // Who cannot take even this order is not waited for in the end.
            let _ = worker.control.give(Order::HardStop);
        }
        Stage::HardStopped(self.now() + LAST_CHANCE)
    }

    fn now(&self) -> Tick {
        self.site.clock.now()
    }

    fn have_ended(&self) -> bool {
        self.workers.ended.load(Ordering::Acquire) == self.workers.all.len()
    }

    /// Lets another process have the ports for a while.
    fn pause(&mut self) {
        self.each_frontend("Paused", "pause", BoundListener::pause);
    }

    fn resume(&mut self) {
        self.each_frontend("Resumed", "resume", BoundListener::resume);
    }

    fn each_frontend(&mut self, done: &str, what: &str, act: impl Fn(&BoundListener) -> std::io::Result<()>) {
        for index in 0..self.proxies.len() {
            let Some(frontend) = self.proxies[index].frontend else { continue };
            let own = self.listeners.iter().filter(|bound| bound.facts.frontend == frontend);
            let failed = own.filter_map(|bound| act(&bound.listener).err()).last();
            let name = self.proxies[index].label();
            let text = match failed {
                None => format!("{done} {name}."),
                Some(e) => format!("Failed to {what} {name} ({}).", sys::reason(&e)),
            };
            self.say_of(index, text);
        }
    }

    /// Says something on standard error and in the logs of a proxy.
    fn say_of(&mut self, proxy: usize, text: String) {
        status::log(&self.proxies[proxy], &self.site, &text);
        self.reporter.warn(text);
    }

    fn say(&mut self, text: String) {
        self.reporter.warn(text);
    }
}

impl Workers {
    fn join(self) -> ExitCode {
        let ends = self.all.into_iter().map(|worker| worker.thread.join());
        let failed = ends.filter(|end| !matches!(end, Ok(Ok(())))).count();
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Stage {
    fn deadline(self) -> Option<Tick> {
        match self {
            Self::Serving => None,
            Self::Grace(at) | Self::HardStopped(at) => Some(at),
            Self::Draining(at) => at,
        }
    }
}
