//! Fetching the responses of authorities.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::clock::Clock;
use client::{Answer, Client, Request};
use config::Draft;
use log::{Level, ProcessLog};
use tls::{Due, Fetched, Job, Store};
use tokio::sync::Notify;

use crate::directives::Proxy;
use crate::report;

/// Fetches what a configuration's certificates need, from now on for as long as the process lives.
pub fn keep_up(draft: &Draft, clock: &Clock) {
    let store = Store::of(draft);
    let fetcher = Fetcher {
        store: store.clone(),
        client: Client::of(draft, clock.clone()),
        log: ProcessLog::build(draft),
        proxy: draft.global::<Proxy>(),
        clock: clock.clone(),
    };
    let bell = Arc::new(Bell { sleeper: Mutex::new(Some(fetcher)), rung: Arc::default() });
    let ringing = bell.clone();
    store.on_due(move || ringing.ring());
    if store.due() != Due::Nothing {
        bell.ring();
    }
}

/// Wakes the thread that fetches; begins it the first time.
struct Bell {
    sleeper: Mutex<Option<Fetcher>>,
    rung: Arc<Notify>,
}

impl Bell {
    fn ring(&self) {
        self.rung.notify_one();
        let Some(fetcher) = self.sleeper.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let rung = self.rung.clone();
        let log = fetcher.log.clone();
        let begun = std::thread::Builder::new().name("renew".to_owned()).spawn(move || fetcher.live(&rung));
        if let Err(e) = begun {
            log.message(Level::Err, &format!("<OCSP-UPDATE> cannot start a thread ({e})"));
        }
    }
}

struct Fetcher {
    store: Arc<Store>,
    client: Client,
    log: ProcessLog,
    proxy: Proxy,
    clock: Clock,
}

impl Fetcher {
    fn live(self, rung: &Notify) {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match built {
            Ok(runtime) => runtime.block_on(self.serve(rung)),
            Err(e) => self.log.message(Level::Err, &format!("<OCSP-UPDATE> cannot begin ({e})")),
        }
    }

    async fn serve(self, rung: &Notify) {
        loop {
            match self.store.due() {
                Due::Now(job) => self.fetch(&job).await,
                Due::In(seconds) => {
                    // Whichever comes first, there may be something to do.
                    let _ = tokio::time::timeout(Duration::from_secs(seconds), rung.notified()).await;
                }
                Due::Nothing => rung.notified().await,
            }
        }
    }

    async fn fetch(&self, job: &Job) {
        let request = Request { proxy: self.proxy.0.clone(), ..Request::get(&*job.url) };
        let begun = self.clock.wall();
        let outcome = self.client.fetch(&request).await;
        let line = report::line(&request, &outcome, begun);
        let came = outcome.result.map_or(Fetched::Nothing, fetched);
        if let Some(text) = self.store.fetched(job, came) {
            self.log.message(Level::Notice, &text);
        }
        if let Some(text) = line {
            self.log.message(Level::Info, &text);
        }
    }
}

fn fetched(answer: Answer) -> Fetched {
    let kind = answer.header("content-type").map(<[u8]>::to_vec);
    Fetched::Answer { status: answer.status, kind, body: answer.body }
}
