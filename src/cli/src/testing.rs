//! A site to command, and a client to command it with.

use std::future::poll_fn;
use std::sync::Arc;

use base::clock::{Clock, WallTime};
use base::registry::Registry;
use config::{Draft, Environment, Reader, Readings};
use grammar::conditional::Plain;
use keyword::command::{Level, Session, SeverityOutput};
use keyword::{Command, Tables, World};
use lang::facts::ProcessFacts;
use net::Socket;
use stream::Site;

use crate::api::Shared;
use crate::directives::Expose;
use crate::session::serve;
use report::{Program, Traffic};

const ROOMS: &[Tables] = &[
    Tables { directives: config::DIRECTIVES, checks: config::CHECKS, ..Tables::NONE },
    Tables { directives: net::DIRECTIVES, bind_options: net::BIND_OPTIONS, ..Tables::NONE },
    Tables {
        directives: backend::DIRECTIVES,
        server_options: backend::SERVER_OPTIONS,
        checks: backend::CHECKS,
        ..Tables::NONE
    },
    Tables { directives: check::DIRECTIVES, server_options: check::SERVER_OPTIONS, ..Tables::NONE },
    Tables { directives: stream::DIRECTIVES, checks: stream::CHECKS, ..Tables::NONE },
    Tables {
        directives: crate::DIRECTIVES,
        bind_options: crate::BIND_OPTIONS,
        commands: crate::COMMANDS,
        ..Tables::NONE
    },
    Tables { commands: crate::AUTHORITY_COMMANDS, ..Tables::NONE },
];

pub(crate) fn registry() -> Registry {
    keyword::registry(ROOMS)
}

/// Reads a configuration; the messages of what is wrong with it otherwise.
pub(crate) fn draft(text: &str) -> Result<Draft, Vec<String>> {
    let registry = registry();
    let mut reader =
        Reader::new(&registry, &Plain("3.5.0"), Draft::new(Environment::of_process(), Readings::default()));
    reader.read("a.cfg", text.as_bytes());
    let (draft, diagnostics) = reader.finish();
    let alerts = diagnostics.messages().iter().filter(|m| m.severity == config::Severity::Alert);
    let alerts: Vec<_> = alerts.map(|m| m.text.clone()).collect();
    if alerts.is_empty() { Ok(draft) } else { Err(alerts) }
}

/// What sessions share, over a site of this configuration.
pub(crate) fn shared(text: &str) -> Shared {
    let clock = Clock::manual(WallTime(1_700_000_000_000_000));
    let mut draft = draft(text).unwrap();
    draft.global.get_mut::<config::global::ProcessLimits>().maxconn = 1000;
    let site = Site::build(&draft, ProcessFacts { threads: 2, ..ProcessFacts::default() }, clock.clone(), 2);
    let site = site.unwrap();
    site.gate.set_limit(1000);
    let mut world = World::default();
    world.put(Arc::new(Traffic::new(site.frontends.len(), &[])));
    world.put(site.share());
    let environment = vec![("HOME".to_owned(), "/root".to_owned())];
    world.put(Arc::new(Program {
        version: "3.5.0-x".into(),
        environment,
        maxconn: 1000,
        ..Program::default()
    }));
    let mut tables = registry();
    for table in lang::fetches::TABLES {
        tables.add(table);
    }
    world.put(Arc::new(crate::commands::vars::Language::of(&tables)));
    let mut commands = registry().all::<Command>().to_vec();
    commands.sort_by_key(|c| c.name);
    Shared { commands, world, clock, max_line: 1024 }
}

/// What is answered to all of `input`, after which the client says no more.
pub(crate) fn answers(shared: &Shared, level: Level, input: &str) -> String {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(async {
        let (ours, theirs) = Socket::pair().unwrap();
        let session = Session::new(level, SeverityOutput::None, None);
        let client = async {
            poll_fn(|cx| ours.poll_send(cx, input.as_bytes(), net::More::No)).await.unwrap();
            ours.shutdown_write().unwrap();
            let (mut all, mut piece) = (Vec::new(), [0; 4096]);
            // A session that ends with unread input resets the connection behind its answer.
            while let Ok(n @ 1..) = poll_fn(|cx| ours.poll_recv_slice(cx, &mut piece)).await {
                all.extend_from_slice(&piece[..n]);
            }
            String::from_utf8(all).unwrap()
        };
        tokio::join!(client, serve(theirs, session, Expose::Nothing, shared)).0
    })
}
