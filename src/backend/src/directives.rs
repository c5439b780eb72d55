//! The keywords of servers and balancing.

use std::collections::HashSet;
use std::sync::Arc;

use base::registry::Registry;
use config::directive::{Arity, Switch};
use config::options::{LineOption, ServerOption, parse_options};
use config::{
    Check, Diagnostics, Directive, Draft, OptionCx, Prefix, Refusal, Section, Sections, Sense, Slots,
    Statement,
};
use grammar::address;
use pool::Reuse;

use crate::dial::DialSettings;
use crate::dial_options;
use crate::retry;
use crate::settings::{
    BackendSettings, Limited, Preferred, RingKey, Role, ServerDraft, ServerDrafts, ServerSettings, Start,
};

const BACK: Sections = Sections::BACK;
const OWN: Sections = Sections::BACK.without(Sections::DEFAULTS);

const fn directive(
    name: &'static str,
    sections: Sections,
    prefix: Prefix,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Proxy(sections), prefix, arity, manual: "4.2", parse }
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    directive("default-server", BACK, Prefix::None, Arity::AtLeast(1), default_server),
    directive("dispatch", OWN, Prefix::None, Arity::Exactly(1), dispatch),
    directive("fullconn", BACK, Prefix::None, Arity::Exactly(1), |s| {
        let value = s.integer(0, 1..=i64::from(i32::MAX))?;
        s.slot::<BackendSettings>().fullconn = value as u64;
        Ok(())
    }),
    directive("http-reuse", BACK, Prefix::None, Arity::Exactly(1), http_reuse),
    directive("max-keep-alive-queue", BACK, Prefix::None, Arity::Exactly(1), |s| {
        let most = s.integer(0, -1..=i64::from(i32::MAX))?;
        s.slot::<BackendSettings>().keep_alive_queue = u64::try_from(most).ok();
        Ok(())
    }),
    directive("option allbackups", BACK, Prefix::NoDefault, Arity::None, |s| {
        let on = Switch::of(s.sense).is_on();
        s.slot::<BackendSettings>().all_backups = on;
        Ok(())
    }),
    directive("option transparent", OWN, Prefix::NoDefault, Arity::None, transparent),
    directive("option prefer-last-server", BACK, Prefix::NoDefault, Arity::None, |s| {
        let preferred = if Switch::of(s.sense).is_on() { Preferred::Last } else { Preferred::Balanced };
        s.slot::<BackendSettings>().preferred = preferred;
        Ok(())
    }),
    directive("option redispatch", BACK, Prefix::NoDefault, Arity::Between(0, 1), redispatch),
    directive("redispatch", BACK, Prefix::No, Arity::None, redispatch),
    directive("retries", BACK, Prefix::None, Arity::Exactly(1), |s| {
        let value = s.integer(0, 0..=100)?;
        s.slot::<BackendSettings>().retries = value as u32;
        Ok(())
    }),
    directive("retry-on", BACK, Prefix::None, retry::ARITY, |s| {
        let retry_on = retry::parse(s)?;
        s.slot::<BackendSettings>().retry_on = retry_on;
        Ok(())
    }),
    directive("server", OWN, Prefix::None, Arity::AtLeast(2), server),
    directive("source", BACK, Prefix::None, Arity::AtLeast(1), dial_options::source),
];

/// The checks of this room.
pub static CHECKS: &[Check] = &[Check { name: "servers", run: check_servers }];

const fn option(
    name: &'static str,
    args: usize,
    parse: fn(&mut OptionCx<'_, '_>) -> Result<(), Refusal>,
) -> ServerOption {
    ServerOption(LineOption { name, group: "", args, manual: "5.2", parse })
}

macro_rules! set {
    ($field:ident = $value:expr) => {
        |cx| {
            cx.slot::<ServerSettings>().$field = $value;
            Ok(())
        }
    };
}

/// The server options of this room.
pub static SERVER_OPTIONS: &[ServerOption] = &[
    option("backup", 0, set!(role = Role::Backup)),
    option("disabled", 0, set!(start = Start::Disabled)),
    option("enabled", 0, set!(start = Start::Enabled)),
    option("hash-key", 1, |cx| {
        let key = match cx.take()?.as_ref() {
            "id" => RingKey::Id,
            "addr" => RingKey::Address,
            "addr-port" => RingKey::AddressAndPort,
            "guid" | "id32" => return Err(cx.refuse("does not take this key in this version")),
            _ => return Err(cx.refuse("has to be 'id', 'addr', or 'addr-port'")),
        };
        cx.slot::<ServerSettings>().ring_key = key;
        Ok(())
    }),
    option("id", 1, |cx| {
        let id = cx.take_integer(1..=i64::from(i32::MAX))?;
        cx.slot::<ServerSettings>().id = Some(id as u32);
        Ok(())
    }),
    option("idle-ping", 1, |cx| {
        let delay = cx.take_duration()?;
        cx.slot::<ServerSettings>().idle_ping = (!delay.is_zero()).then_some(delay);
        Ok(())
    }),
    option("max-reuse", 1, |cx| {
        let max = cx.take_integer(-1..=i64::from(i32::MAX))?;
        cx.slot::<ServerSettings>().max_reuse = u32::try_from(max).ok();
        Ok(())
    }),
    option("maxconn", 1, |cx| number(cx, |s| &mut s.maxconn)),
    option("maxqueue", 1, |cx| number(cx, |s| &mut s.maxqueue)),
    option("minconn", 1, |cx| number(cx, |s| &mut s.minconn)),
    option("no-backup", 0, set!(role = Role::Active)),
    option("pool-low-conn", 1, |cx| number(cx, |s| &mut s.pool.low)),
    option("pool-max-conn", 1, |cx| {
        let max = cx.take_integer(-1..=i64::from(i32::MAX))?;
        cx.slot::<ServerSettings>().pool.max = u64::try_from(max).ok();
        Ok(())
    }),
    option("pool-purge-delay", 1, |cx| {
        let delay = cx.take_duration()?;
        cx.slot::<ServerSettings>().pool.purge_delay = delay;
        Ok(())
    }),
    option("strict-maxconn", 0, set!(limited = Limited::Connections)),
    option("weight", 1, |cx| {
        let weight = cx.take_integer(0..=256)?;
        cx.slot::<ServerSettings>().weight = weight as u32;
        Ok(())
    }),
];

fn number(cx: &mut OptionCx<'_, '_>, field: fn(&mut ServerSettings) -> &mut u64) -> Result<(), Refusal> {
    let value = cx.take_integer(0..=i64::from(i32::MAX))?;
    *field(cx.slot()) = value as u64;
    Ok(())
}

fn http_reuse(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mode = match s.arg(0).as_ref() {
        "never" => Reuse::Never,
        "safe" => Reuse::Safe,
        "aggressive" => Reuse::Aggressive,
        "always" => Reuse::Always,
        _ => {
            let text = "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'.";
            return Err(s.refuse(0, text));
        }
    };
    s.slot::<BackendSettings>().reuse = mode;
    Ok(())
}

fn redispatch(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let interval = match s.sense {
        Sense::Set if s.args() == 1 => s.integer(0, i64::from(i32::MIN)..=i64::from(i32::MAX))? as i32,
        Sense::Set => -1,
        Sense::No | Sense::Default => 0,
    };
    s.slot::<BackendSettings>().redispatch = interval;
    Ok(())
}

fn default_server(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mut slots = std::mem::take(&mut s.slot::<ServerDrafts>().defaults);
    let outcome = parse_options::<ServerOption>(s, 0, &mut slots);
    s.slot::<ServerDrafts>().defaults = slots;
    outcome.map_err(|refusal| name_what_is_missing(s, refusal))
}

/// Options that belong to a feature which is not there, in the words of the manual.
const NEEDS_TLS: &[&str] = &["allow-0rtt", "check-alpn", "client-sigalgs", "ktls", "renegotiate", "sigalgs"];

/// A keyword that belongs to a feature which this version has not is told from a misspelt one.
fn name_what_is_missing(s: &Statement<'_>, refusal: Refusal) -> Refusal {
    let word = refusal.word.and_then(|w| w.checked_sub(s.keyword_words)).map(|at| s.arg(at));
    match word.filter(|word| NEEDS_TLS.contains(&word.as_ref())) {
        Some(word) if refusal.message.contains("unknown keyword") => Refusal {
            message: format!(
                "'{}' : '{word}' needs a part of TLS that this version does not support.",
                s.keyword()
            ),
            ..refusal
        },
        _ => refusal,
    }
}

fn server(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let name = s.arg(0).into_owned();
    if let Some(bad) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_.:".contains(*c)) {
        return Err(s.refuse(0, format!("character '{bad}' is not permitted in server name '{name}'.")));
    }
    let written = s.arg(1).into_owned();
    let address = address::parse(&s.address(1)).map_err(|e| {
        s.refuse_part(1, e.span, format!("'server {name}' : invalid address '{written}' : {}.", e.message))
    })?;
    let mut slots: Slots = s.slot::<ServerDrafts>().defaults.inherited();
    dial_options::note_address(&address, slots.get_mut::<DialSettings>())
        .map_err(|why| s.refuse(1, format!("'server {name}' : {why} in '{written}'.")))?;
    parse_options::<ServerOption>(s, 2, &mut slots).map_err(|refusal| name_what_is_missing(s, refusal))?;
    let place = s.place.clone();
    let draft = ServerDraft { name: Arc::from(name), address: Some(address), written, place, slots };
    s.slot::<ServerDrafts>().list.push(draft);
    Ok(())
}

/// The older word for a backend without servers that goes where its clients wanted to go.
fn transparent(s: &mut Statement<'_>) -> Result<(), Refusal> {
    const NAME: &str = "transparent";
    let drafts: &mut ServerDrafts = s.slot();
    drafts.list.retain(|server| &*server.name != NAME);
    if s.sense != Sense::Set {
        return Ok(());
    }
    s.warn("'option transparent' is read as 'server transparent 0.0.0.0 backup', which should be written instead.");
    let address = address::parse(b"0.0.0.0").map_err(|e| Refusal::new(e.message))?;
    let mut slots = Slots::default();
    slots.get_mut::<ServerSettings>().role = Role::Backup;
    let place = s.place.clone();
    let (name, written) = (Arc::from(NAME), "0.0.0.0".to_owned());
    let draft = ServerDraft { name, address: Some(address), written, place, slots };
    s.slot::<ServerDrafts>().list.push(draft);
    Ok(())
}

/// The server of last resort of older files; today's word for it is a backup server.
fn dispatch(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let written = s.arg(0).into_owned();
    let address = address::parse(&s.address(0)).map_err(|e| {
        s.refuse_part(0, e.span, format!("'dispatch' : invalid address '{written}' : {}.", e.message))
    })?;
    s.warn(format!(
        "'dispatch' is read as 'server dispatch {written} backup', which should be written instead."
    ));
    let mut slots = Slots::default();
    slots.get_mut::<ServerSettings>().role = Role::Backup;
    let place = s.place.clone();
    let draft = ServerDraft { name: Arc::from("dispatch"), address: Some(address), written, place, slots };
    s.slot::<ServerDrafts>().list.push(draft);
    Ok(())
}

/// Names are unique within a proxy; ids are given to those without.
fn check_servers(draft: &mut Draft, registry: &Registry, diagnostics: &mut Diagnostics) {
    let maker = tls::ConnectorMaker::of(draft, registry);
    for proxy in &mut draft.proxies {
        let (title, proxy_name) = (proxy.kind.title(), proxy.name.clone());
        let http = proxy.mode == config::Mode::Http;
        let servers = &mut proxy.slots.get_mut::<ServerDrafts>().list;
        let mut names: HashSet<Arc<str>> = HashSet::with_capacity(servers.len());
        let mut ids: HashSet<u32> =
            servers.iter().filter_map(|s| s.slots.get::<ServerSettings>()?.id).collect();
        let mut next = 1;
        for server in servers {
            if !names.insert(server.name.clone()) {
                let text = format!(
                    "{title} '{proxy_name}', another server named '{}' was already defined, please use distinct names.",
                    server.name
                );
                diagnostics.alert_at(&server.place, text);
            }
            let secure = server.slots.get_mut::<tls::ServerSettings>();
            if let Err(why) = maker.complete(secure, http, registry) {
                diagnostics.alert_at(&server.place, format!("'server {}' : {why}.", server.name));
            }
            let settings = server.slots.get_mut::<ServerSettings>();
            // The lower limit alone, or one above the upper, is the only one.
            settings.maxconn = settings.maxconn.max(settings.minconn);
            if settings.id.is_none() {
                while !ids.insert(next) {
                    next += 1;
                }
                settings.id = Some(next);
            }
        }
    }
}

#[cfg(test)]
mod tests;
