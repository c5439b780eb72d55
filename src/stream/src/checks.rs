//! The checks of servers: who is checked, and who is told of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use backend::{InitState, Server};
use check::settings::Enabled;
use check::{CheckSettings, Weight};
use config::Severity;
use lang::LogFormat;
use lang::facts::{ProcessFacts, ProxyFacts};

use crate::site::{BackendSide, Site};
use crate::worker::Worker;

/// Starts the health checks of all servers, spread over their intervals.
pub(crate) fn watch_servers(worker: &Rc<Worker>) {
    let site = &worker.site;
    let servers = |b: usize| site.backends[b].core.servers.load().iter().cloned().collect::<Vec<_>>();
    let all: Vec<(usize, Arc<Server>)> = (0..site.backends.len())
        .flat_map(|b| servers(b).into_iter().map(move |s| (b, s)))
        .filter(|(_, s)| is_checked(s))
        .collect();
    let interval = |s: &Server| s.slots_of_features.get_or_default::<CheckSettings>().interval;
    let intervals: Vec<Duration> = all.iter().map(|(_, s)| interval(s)).collect();
    let starts = site.spread.starts(&intervals);
    for (_, server) in &all {
        let settings: CheckSettings = server.slots_of_features.get_or_default();
        server.health.configure(settings.rise, settings.fall, InitState::default());
    }
    for ((index, server), delay) in all.into_iter().zip(starts) {
        let backend = &site.backends[index];
        let mut checks = check::checks_of(&backend.checks, &server.slots_of_features);
        checks.connect = backend.common.timeouts.connect;
        let subject = check::Subject {
            backend: backend.core.clone(),
            server,
            checks,
            surroundings: crate::dial::surroundings(site, backend),
            delay,
            spread: site.spread.clone(),
            limit: site.tuning.buffer_size,
            reporter: CheckReporter { site: site.clone(), backend: index },
        };
        tokio::task::spawn_local(check::watch(subject, site.clock.clone()));
    }
}

fn is_checked(server: &Server) -> bool {
    server.slots_of_features.get::<CheckSettings>().is_some_and(|c| c.enabled == Enabled::Yes)
}

/// Tells what checks find: on standard error and in the backend's logs.
struct CheckReporter {
    site: Arc<Site>,
    backend: usize,
}

impl CheckReporter {
    fn backend(&self) -> &BackendSide {
        &self.site.backends[self.backend]
    }
}

impl check::Reporter for CheckReporter {
    fn report(&self, weight: Weight, text: &str) {
        let (severity, level) = match weight {
            Weight::Notice => (Severity::Warning, log::Level::Notice),
            Weight::Warning => (Severity::Warning, log::Level::Alert),
            Weight::Alert => (Severity::Alert, log::Level::Emerg),
        };
        self.site.tell(severity, text);
        // The log has always named a backend without the quotes that the terminal shows.
        let text = if weight == Weight::Alert { text.replace('\'', "") } else { text.to_owned() };
        self.backend().log.message(level, &text);
    }

    fn log(&self, text: &str) {
        self.report(Weight::Notice, text);
    }

    fn process(&self) -> &ProcessFacts {
        &self.site.process
    }

    fn proxy(&self) -> &ProxyFacts {
        &self.backend().common.facts
    }

    fn unique_id(&self) -> Option<&LogFormat> {
        self.backend().unique_id.format.as_deref()
    }
}
