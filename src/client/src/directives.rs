//! How requests are made: the `httpclient.*` settings of `global` (configuration manual, 3.4).

use std::sync::Arc;
use std::time::Duration;

use base::registry::Registry;
use config::directive::Arity;
use config::{Check, Diagnostics, Directive, Draft, Place, Prefix, Refusal, Section, Setting, Statement};
use grammar::time::Unit;
use tls::{Connector, ConnectorMaker, Verify};

/// How requests are made.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Attempts after the first one.
    pub(crate) retries: u32,
    pub(crate) connect: Duration,
    verify: Verify,
    /// The certificates that servers' have to lead to, where it is said, and where that is.
    authorities: Option<(Place, Box<str>)>,
    pub(crate) prefer: Prefer,
}

/// The kind of addresses that is taken where a name has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefer {
    V4,
    V6,
}

impl Setting for Settings {}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retries: 3,
            connect: Duration::from_secs(5),
            verify: Verify::Required,
            authorities: None,
            prefer: Prefer::V6,
        }
    }
}

impl Settings {
    /// What encrypts connections.
    pub(crate) fn connector(&self, maker: &ConnectorMaker) -> Result<Arc<Connector>, String> {
        let authorities = self.authorities.as_ref().map_or("@system-ca", |(_, file)| file);
        maker.of_client(self.verify, authorities)
    }
}

const fn global(name: &'static str, parse: fn(&mut Statement<'_>) -> Result<(), Refusal>) -> Directive {
    Directive {
        name,
        section: Section::Global,
        prefix: Prefix::None,
        arity: Arity::Exactly(1),
        manual: "3.4",
        parse,
    }
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    // Names are looked up as the system does, with or without it.
    global("httpclient.resolvers.disabled", |s| s.switch(0).map(drop)),
    global("httpclient.resolvers.prefer", |s| {
        s.slot::<Settings>().prefer = match s.arg(0).as_ref() {
            "ipv4" => Prefer::V4,
            "ipv6" => Prefer::V6,
            _ => return Err(s.refuse(0, format!("'{}' expects 'ipv4' or 'ipv6' as argument.", s.keyword()))),
        };
        Ok(())
    }),
    global("httpclient.retries", |s| {
        let retries = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Settings>().retries = retries as u32;
        Ok(())
    }),
    global("httpclient.ssl.ca-file", |s| {
        let named = (s.place.clone(), s.arg(0).into());
        s.slot::<Settings>().authorities = Some(named);
        Ok(())
    }),
    global("httpclient.ssl.verify", |s| {
        s.slot::<Settings>().verify = match s.arg(0).as_ref() {
            "none" => Verify::None,
            "required" => Verify::Required,
            _ => {
                return Err(
                    s.refuse(0, format!("'{}' expects 'none' or 'required' as argument.", s.keyword()))
                );
            }
        };
        Ok(())
    }),
    global("httpclient.timeout.connect", |s| {
        let time = s.duration(0, Unit::Millisecond)?;
        s.slot::<Settings>().connect = time;
        Ok(())
    }),
];

/// The checks of this room.
pub static CHECKS: &[Check] = &[Check { name: "requests of our own", run: check }];

/// What is said of certificates has to be right, even before anybody needs it.
fn check(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let settings: Settings = draft.global();
    if let Some((place, file)) = &settings.authorities
        && let Err(why) = settings.connector(&ConnectorMaker::of_program(draft))
    {
        diagnostics.alert_at(place, format!("'httpclient.ssl.ca-file {file}' : {why}."));
    }
}
