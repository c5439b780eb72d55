//! The checks of servers: who is checked, and who is told of it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use backend::Server;
use check::settings::Enabled;
use check::{AgentSettings, CheckSettings, Reporter, Weight};
use config::Severity;
use lang::LogFormat;
use lang::facts::{ProcessFacts, ProxyFacts};

use crate::site::{BackendSide, Site};
use crate::worker::Worker;

/// What is asked about a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    Server,
    Agent,
}

/// Starts the checks of all servers and their agents, spread over their intervals.
pub(crate) fn watch_servers(worker: &Rc<Worker>) {
    let site = &worker.site;
    let mut all: Vec<(usize, Arc<Server>, Whom, Duration)> = Vec::new();
    for (index, backend) in site.backends.iter().enumerate() {
        for server in backend.core.servers.load().iter() {
            let settings: CheckSettings = server.slots_of_features.get_or_default();
            if settings.enabled == Enabled::No {
                server.health.configure(settings.rise, settings.fall, settings.init);
            }
            if settings.enabled == Enabled::Yes {
                check::begin(&backend.core, server, &settings, settings.init, site.clock.now());
                all.push((index, server.clone(), Whom::Server, settings.interval));
            }
            let agent: AgentSettings = server.slots_of_features.get_or_default();
            if agent.enabled == Enabled::Yes {
                all.push((index, server.clone(), Whom::Agent, agent.interval));
            }
        }
    }
    let starts = site.spread.starts(&all.iter().map(|(.., interval)| *interval).collect::<Vec<_>>());
    for ((index, server, whom, _), delay) in all.into_iter().zip(starts) {
        watch(site, index, server, whom, delay);
    }
}

fn watch(site: &Arc<Site>, index: usize, server: Arc<Server>, whom: Whom, delay: Duration) {
    let backend = &site.backends[index];
    let mut checks = check::checks_of(&backend.checks, &server.slots_of_features);
    checks.connect = backend.common.timeouts.connect;
    let (core, clock, spread) = (backend.core.clone(), site.clock.clone(), site.spread.clone());
    let (limit, surroundings) = (site.tuning.buffer_size, crate::dial::surroundings(site, backend));
    let reporter = CheckReporter { site: site.clone(), backend: index };
    if whom == Whom::Agent {
        let subject = check::AgentSubject {
            backend: core,
            server,
            checks,
            surroundings,
            delay,
            spread,
            limit,
            reporter,
        };
        tokio::task::spawn_local(check::watch_agent(subject, clock));
    } else {
        let subject =
            check::Subject { backend: core, server, checks, surroundings, delay, spread, limit, reporter };
        tokio::task::spawn_local(check::watch(subject, clock));
    }
}

/// Tells what happens to servers: on standard error and in the backend's logs.
pub struct Herald<'s> {
    /// The site.
    pub site: &'s Site,
    /// The backend of the servers.
    pub backend: &'s BackendSide,
}

impl Reporter for Herald<'_> {
    fn report(&self, weight: Weight, text: &str) {
        let (severity, level) = match weight {
            Weight::Notice => (Severity::Warning, log::Level::Notice),
            Weight::Warning => (Severity::Warning, log::Level::Alert),
            Weight::Alert => (Severity::Alert, log::Level::Emerg),
        };
        self.site.tell(severity, text);
        // The log has always named a backend without the quotes that the terminal shows.
        let text = if weight == Weight::Alert { text.replace('\'', "") } else { text.to_owned() };
        self.backend.log.message(level, &text);
    }

    fn log(&self, text: &str) {
        self.report(Weight::Notice, text);
    }

    fn process(&self) -> &ProcessFacts {
        &self.site.process
    }

    fn proxy(&self) -> &ProxyFacts {
        &self.backend.common.facts
    }

    fn key_agreed(&self) {
        let counters = &self.site.counters.tls;
        let hits = counters.server_keys.hit(self.site.clock.now());
        counters.server_keys_max.raise(u64::from(hits));
    }

    fn unique_id(&self) -> Option<&LogFormat> {
        self.backend.unique_id.format.as_deref()
    }
}

/// The same, for as long as a check goes on.
struct CheckReporter {
    site: Arc<Site>,
    backend: usize,
}

impl CheckReporter {
    fn herald(&self) -> Herald<'_> {
        Herald { site: &self.site, backend: self.backend() }
    }

    fn backend(&self) -> &BackendSide {
        &self.site.backends[self.backend]
    }
}

impl Reporter for CheckReporter {
    fn report(&self, weight: Weight, text: &str) {
        self.herald().report(weight, text);
    }

    fn log(&self, text: &str) {
        self.herald().log(text);
    }

    fn process(&self) -> &ProcessFacts {
        &self.site.process
    }

    fn proxy(&self) -> &ProxyFacts {
        &self.backend().common.facts
    }

    fn key_agreed(&self) {
        self.herald().key_agreed();
    }

    fn unique_id(&self) -> Option<&LogFormat> {
        self.backend().unique_id.format.as_deref()
    }
}
