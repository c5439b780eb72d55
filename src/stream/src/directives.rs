//! The keywords of this room.

use std::sync::Arc;
use std::time::Duration;

use base::registry::Registry;
use config::directive::{Arity, Switch};
use config::{
    Check, Diagnostics, Directive, Draft, Mode, Prefix, ProxyKind, Refusal, Section, Sections, Sense,
    Statement,
};
use grammar::time::Unit;
use lang::Contexts;
use lang::logformat::LogFormat;
use pattern::{HostNames, Network};
use rule::condition_after;
use rule::set::Upgrade;

use crate::settings::{
    AbortOnClose, ConnectionMode, ForwardedFor, HttpOptions, IdleTuning, IfNone, Limits, LogOptions,
    RateLimits, Route, RouteTarget, Routes, Sharing, SmartAck, SocketOptions, StatsOptions, Strangers,
    Timeouts, Tuning,
};
use crate::settings::{SpliceOptions, UniqueId, Violations};
use crate::switching;

const FRONT: Sections = Sections::FRONT;
const BACK: Sections = Sections::BACK;
const ALL: Sections = Sections::ALL;

type Parse = fn(&mut Statement<'_>) -> Result<(), Refusal>;

const fn proxy(
    name: &'static str,
    sections: Sections,
    prefix: Prefix,
    arity: Arity,
    parse: Parse,
) -> Directive {
    Directive { name, section: Section::Proxy(sections), prefix, arity, manual: "4.2", parse }
}

const fn timeout(name: &'static str, sections: Sections, parse: Parse) -> Directive {
    proxy(name, sections, Prefix::None, Arity::Exactly(1), parse)
}

const fn switch(name: &'static str, sections: Sections, parse: Parse) -> Directive {
    proxy(name, sections, Prefix::NoDefault, Arity::None, parse)
}

const fn tune(name: &'static str, parse: Parse) -> Directive {
    Directive {
        name,
        section: Section::Global,
        prefix: Prefix::None,
        arity: Arity::Exactly(1),
        manual: "3.2",
        parse,
    }
}

const fn rate(name: &'static str, parse: Parse) -> Directive {
    Directive {
        name,
        section: Section::Global,
        prefix: Prefix::None,
        arity: Arity::Exactly(1),
        manual: "3.2",
        parse,
    }
}

macro_rules! set_timeout {
    ($($field:ident),+) => {
        |s| {
            let value = duration(s)?;
            let timeouts: &mut Timeouts = s.slot();
            $(timeouts.$field = value;)+
            Ok(())
        }
    };
}

macro_rules! set_switch {
    ($slot:ty, $field:ident) => {
        |s| {
            let on = Switch::of(s.sense);
            s.slot::<$slot>().$field = on;
            Ok(())
        }
    };
}

/// The directives of this room.
pub static DIRECTIVES: &[Directive] = &[
    proxy("backlog", FRONT, Prefix::None, Arity::Exactly(1), |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Limits>().backlog = value as u32;
        Ok(())
    }),
    proxy("clitcpka-cnt", FRONT, Prefix::None, Arity::Exactly(1), |s| {
        let count = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<SocketOptions>().client_probes.count = Some(count as u32);
        Ok(())
    }),
    timeout("clitcpka-idle", FRONT, |s| {
        let idle = s.duration(0, Unit::Second)?;
        s.slot::<SocketOptions>().client_probes.idle = Some(idle);
        Ok(())
    }),
    timeout("clitcpka-intvl", FRONT, |s| {
        let interval = s.duration(0, Unit::Second)?;
        s.slot::<SocketOptions>().client_probes.interval = Some(interval);
        Ok(())
    }),
    proxy("default_backend", FRONT, Prefix::None, Arity::Exactly(1), |s| {
        let target = (Arc::from(s.arg(0)), s.place.clone());
        s.slot::<Routes>().default = Some(target);
        Ok(())
    }),
    proxy("max-session-srv-conns", FRONT, Prefix::None, Arity::Exactly(1), |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Limits>().session_connections = value as usize;
        Ok(())
    }),
    proxy("maxconn", FRONT, Prefix::None, Arity::Exactly(1), |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Limits>().maxconn = (value > 0).then_some(value as u64);
        Ok(())
    }),
    switch("option abortonclose", ALL, |s| {
        let mode = if s.sense == Sense::No { AbortOnClose::Off } else { AbortOnClose::On };
        s.slot::<HttpOptions>().abort_on_close = mode;
        Ok(())
    }),
    switch("option accept-invalid-http-request", FRONT, |s| {
        s.warn("option 'accept-invalid-http-request' is the older name of 'accept-unsafe-violations-in-http-request'.");
        request_violations(s)
    }),
    switch("option accept-invalid-http-response", BACK, |s| {
        s.warn("option 'accept-invalid-http-response' is the older name of 'accept-unsafe-violations-in-http-response'.");
        response_violations(s)
    }),
    switch("option accept-unsafe-violations-in-http-request", FRONT, request_violations),
    switch("option accept-unsafe-violations-in-http-response", BACK, response_violations),
    switch("option clitcpka", FRONT, set_switch!(SocketOptions, client_keepalive)),
    switch("option contstats", FRONT, set_switch!(StatsOptions, continuous)),
    switch("option dontlog-normal", FRONT, set_switch!(LogOptions, dont_log_normal)),
    switch("option dontlognull", FRONT, set_switch!(LogOptions, dont_log_null)),
    proxy("option forwardfor", ALL, Prefix::None, Arity::AtLeast(0), forwardfor),
    switch("option http-buffer-request", ALL, set_switch!(HttpOptions, buffer_request)),
    switch("option http-keep-alive", ALL, |s| connection_mode(s, ConnectionMode::KeepAlive)),
    switch("option http-no-delay", ALL, set_switch!(HttpOptions, no_delay)),
    switch("option http-server-close", ALL, |s| connection_mode(s, ConnectionMode::ServerClose)),
    switch("option http-use-proxy-header", FRONT, set_switch!(HttpOptions, proxy_header)),
    switch("option httpclose", ALL, |s| connection_mode(s, ConnectionMode::Close)),
    switch("option idle-close-on-response", FRONT, set_switch!(HttpOptions, idle_close_on_response)),
    switch("option independent-streams", ALL, set_switch!(SocketOptions, independent_streams)),
    switch("option log-separate-errors", FRONT, set_switch!(LogOptions, separate_errors)),
    switch("option logasap", FRONT, set_switch!(LogOptions, as_soon_as_possible)),
    switch("option nolinger", ALL, set_switch!(SocketOptions, no_linger)),
    switch("option socket-stats", FRONT, set_switch!(StatsOptions, sockets)),
    switch("option splice-auto", ALL, set_switch!(SpliceOptions, auto)),
    switch("option splice-request", ALL, set_switch!(SpliceOptions, request)),
    switch("option splice-response", ALL, set_switch!(SpliceOptions, response)),
    switch("option srvtcpka", BACK, set_switch!(SocketOptions, server_keepalive)),
    switch("option tcp-smart-accept", FRONT, |s| {
        let smart = smart_ack(s.sense);
        s.slot::<SocketOptions>().smart_accept = smart;
        Ok(())
    }),
    switch("option tcp-smart-connect", BACK, |s| {
        let smart = smart_ack(s.sense);
        s.slot::<SocketOptions>().smart_connect = smart;
        Ok(())
    }),
    switch("option tcpka", ALL, |s| {
        let on = Switch::of(s.sense);
        let options: &mut SocketOptions = s.slot();
        (options.client_keepalive, options.server_keepalive) = (on, on);
        Ok(())
    }),
    proxy("option use-small-buffers", BACK, Prefix::NoDefault, Arity::AtLeast(0), small_buffers),
    proxy("rate-limit sessions", FRONT, Prefix::None, Arity::Exactly(1), |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Limits>().session_rate = value as u32;
        Ok(())
    }),
    proxy("srvtcpka-cnt", BACK, Prefix::None, Arity::Exactly(1), |s| {
        let count = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<SocketOptions>().server_probes.count = Some(count as u32);
        Ok(())
    }),
    timeout("srvtcpka-idle", BACK, |s| {
        let idle = s.duration(0, Unit::Second)?;
        s.slot::<SocketOptions>().server_probes.idle = Some(idle);
        Ok(())
    }),
    timeout("srvtcpka-intvl", BACK, |s| {
        let interval = s.duration(0, Unit::Second)?;
        s.slot::<SocketOptions>().server_probes.interval = Some(interval);
        Ok(())
    }),
    timeout("timeout client", FRONT, set_timeout!(client)),
    timeout("timeout client-fin", FRONT, set_timeout!(client_fin)),
    timeout("timeout client-hs", FRONT, set_timeout!(handshake)),
    timeout("timeout connect", BACK, set_timeout!(connect)),
    timeout("timeout http-keep-alive", ALL, set_timeout!(http_keep_alive)),
    timeout("timeout http-request", ALL, set_timeout!(http_request)),
    timeout("timeout queue", BACK, set_timeout!(queue)),
    timeout("timeout server", BACK, set_timeout!(server)),
    timeout("timeout server-fin", BACK, set_timeout!(server_fin)),
    timeout("timeout tarpit", ALL, set_timeout!(tarpit)),
    timeout("timeout tunnel", BACK, set_timeout!(tunnel)),
    Directive {
        arity: Arity::None,
        ..tune("h1-accept-payload-with-any-method", |s| {
            s.slot::<Tuning>().old_payload = h1::OldPayload::Accept;
            Ok(())
        })
    },
    Directive {
        arity: Arity::None,
        ..tune("h1-do-not-close-on-insecure-transfer-encoding", |s| {
            s.slot::<Tuning>().insecure_framing = h1::InsecureFraming::Keep;
            Ok(())
        })
    },
    rate("maxconnrate", |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<RateLimits>().connections = value as u32;
        Ok(())
    }),
    rate("maxsslconn", |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<RateLimits>().encrypted = value as u32;
        Ok(())
    }),
    rate("maxsslrate", |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<RateLimits>().handshakes = value as u32;
        Ok(())
    }),
    rate("maxsessrate", |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<RateLimits>().sessions = value as u32;
        Ok(())
    }),
    tune("tune.bufsize", |s| {
        let value = s.size(0)?;
        if !(1024..=i32::MAX as u64).contains(&value) {
            let text = format!(
                "'tune.bufsize' expects a size between 1024 and {} bytes, got '{}'.",
                i32::MAX,
                s.arg(0)
            );
            return Err(s.refuse(0, text));
        }
        s.slot::<Tuning>().buffer_size = value as usize;
        tell_early_room(s);
        Ok(())
    }),
    tune("tune.http.cookielen", |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Tuning>().cookie = value as usize;
        Ok(())
    }),
    tune("tune.http.logurilen", |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Tuning>().log_line = value as usize;
        Ok(())
    }),
    tune("tune.http.maxhdr", |s| {
        let value = s.integer(0, 1..=32767)?;
        s.slot::<Tuning>().max_headers = value as usize;
        Ok(())
    }),
    tune("tune.idle-pool.shared", |s| {
        let sharing = match s.arg(0).as_ref() {
            "off" => Sharing::Off,
            "on" => Sharing::Group,
            "full" => Sharing::All,
            other => {
                let text =
                    format!("'tune.idle-pool.shared' expects 'full', 'on' or 'off' but got '{other}'.");
                return Err(s.refuse(0, text));
            }
        };
        s.slot::<IdleTuning>().sharing = sharing;
        Ok(())
    }),
    tune("tune.max-rules-at-once", |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Tuning>().rules_at_once = if value == 0 { usize::MAX } else { value as usize };
        Ok(())
    }),
    tune("tune.maxaccept", |s| {
        let value = s.integer(0, -1..=i64::from(i32::MAX))?;
        s.slot::<Tuning>().max_accept = usize::try_from(value).unwrap_or(usize::MAX);
        Ok(())
    }),
    tune("tune.maxrewrite", |s| {
        let value = s.integer(0, 0..=i64::from(i32::MAX))?;
        s.slot::<Tuning>().max_rewrite = value as usize;
        tell_early_room(s);
        Ok(())
    }),
    tune("tune.pool-high-fd-ratio", |s| {
        let value = s.integer(0, 0..=100)?;
        s.slot::<IdleTuning>().high_ratio = value as u64;
        Ok(())
    }),
    tune("tune.pool-low-fd-ratio", |s| {
        let value = s.integer(0, 0..=100)?;
        s.slot::<IdleTuning>().low_ratio = value as u64;
        Ok(())
    }),
    tune("tune.takeover-other-tg-connections", takeover),
    proxy("unique-id-format", ALL, Prefix::None, Arity::Exactly(1), |s| {
        // A backend's identifies its checks.
        let within = match s.proxy().kind {
            ProxyKind::Frontend => Contexts::FRONT_REQUEST,
            _ => Contexts::FRONT_REQUEST.or(Contexts::CHECK),
        };
        let format = LogFormat::parse(s.bytes(0), s.registry, within);
        let format =
            format.map_err(|e| s.refuse_part(0, e.span, format!("'unique-id-format' : {}.", e.message)))?;
        s.slot::<UniqueId>().format = Some(Arc::new(format));
        Ok(())
    }),
    proxy("unique-id-header", FRONT, Prefix::None, Arity::Exactly(1), |s| {
        let name = s.bytes(0).into();
        s.slot::<UniqueId>().header = Some(name);
        Ok(())
    }),
    proxy("use_backend", FRONT.without(Sections::DEFAULTS), Prefix::None, Arity::AtLeast(1), use_backend),
];

/// The checks of this room.
pub static CHECKS: &[Check] = &[
    Check { name: "timeouts", run: check_timeouts },
    Check { name: "routes", run: check_routes },
    Check { name: "use-server", run: switching::check_servers },
    Check { name: "file sizes", run: check_sizes },
    Check { name: "profiles of rules", run: check_profiles },
    Check { name: "references", run: crate::references::resolve },
    Check { name: "listeners", run: crate::listeners::complete },
];

/// A timeout of 0 is none.
fn duration(s: &Statement<'_>) -> Result<Option<Duration>, Refusal> {
    let value = s.duration(0, Unit::Millisecond)?;
    Ok((!value.is_zero()).then_some(value))
}

fn smart_ack(sense: Sense) -> SmartAck {
    match sense {
        Sense::Set => SmartAck::On,
        Sense::No => SmartAck::Off,
        Sense::Default => SmartAck::Unsaid,
    }
}

/// What `tune.idle-pool.shared` says in a newer way.
fn takeover(s: &mut Statement<'_>) -> Result<(), Refusal> {
    s.warn(
        "'tune.takeover-other-tg-connections' is going to disappear: 'tune.idle-pool.shared' says the same.",
    );
    let strangers = match s.arg(0).as_ref() {
        "none" => Strangers::Left,
        "restricted" => Strangers::WhereNeeded,
        "full" => Strangers::Taken,
        other => {
            let text = format!(
                "'tune.takeover-other-tg-connections' expects 'none', 'restricted', or 'full', got '{other}'"
            );
            return Err(s.refuse(0, text));
        }
    };
    s.slot::<IdleTuning>().strangers = strangers;
    Ok(())
}

fn connection_mode(s: &mut Statement<'_>, mode: ConnectionMode) -> Result<(), Refusal> {
    let sense = s.sense;
    let options: &mut HttpOptions = s.slot();
    match sense {
        Sense::Set => options.connection = mode,
        // Taking a mode back that is not in force changes nothing.
        Sense::No | Sense::Default if options.connection == mode => {
            options.connection = ConnectionMode::default();
        }
        Sense::No | Sense::Default => {}
    }
    Ok(())
}

/// Buffers here are as large as what they hold, so that there is nothing to choose.
fn small_buffers(s: &mut Statement<'_>) -> Result<(), Refusal> {
    for at in 0..s.args() {
        let place = s.arg(at);
        if !matches!(place.as_ref(), "queue" | "l7-retries" | "check") {
            let text = format!(
                "'option use-small-buffers' expects 'queue', 'l7-retries' or 'check', got '{place}'."
            );
            return Err(s.refuse(at, text));
        }
    }
    Ok(())
}

fn violations(s: &Statement<'_>) -> Violations {
    if s.sense == Sense::Set { Violations::Tolerated } else { Violations::Refused }
}

fn request_violations(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let violations = violations(s);
    s.slot::<HttpOptions>().request_violations = violations;
    Ok(())
}

fn response_violations(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let violations = violations(s);
    s.slot::<HttpOptions>().response_violations = violations;
    Ok(())
}

fn forwardfor(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let mut option =
        ForwardedFor { header: (*b"x-forwarded-for").into(), except: None, if_none: IfNone::Add };
    let mut at = 0;
    while at < s.args() {
        match s.arg(at).as_ref() {
            "except" => {
                at += 1;
                let network = Network::parse(s.bytes(at), HostNames::Resolved);
                let refusal = || s.refuse(at, "'option forwardfor' : 'except' expects <address>[/mask].");
                option.except = Some(network.ok_or_else(refusal)?);
            }
            "header" => {
                at += 1;
                if s.bytes(at).is_empty() {
                    return Err(s.refuse(at - 1, "'option forwardfor' : 'header' expects a header name."));
                }
                option.header = s.bytes(at).into();
            }
            "if-none" => option.if_none = IfNone::Leave,
            other => {
                let text = format!(
                    "'option forwardfor' only supports optional values: 'except', 'header' and 'if-none' (got '{other}')."
                );
                return Err(s.refuse(at, text));
            }
        }
        at += 1;
    }
    s.slot::<HttpOptions>().forwarded_for = Some(option);
    Ok(())
}

fn use_backend(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let target = switching::target(s, Contexts::ROUTE)?;
    let condition = condition_after(s, 1, Contexts::ROUTE, "frontend use_backend rule")?;
    let place = s.place.clone();
    s.slot::<rule::Rules>().routed = Some(rule::set::Routed::Backend);
    s.slot::<Routes>().rules.push(Arc::new(Route { target, condition, place }));
    Ok(())
}

/// A proxy without timeouts works until the first peer that never speaks; it is said once for each.
fn check_timeouts(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for proxy in &draft.proxies {
        let t: Timeouts = proxy.slots.get_or_default();
        let front = proxy.kind.has_frontend() && t.client.is_none();
        let back = proxy.kind.has_backend() && (t.connect.is_none() || t.server.is_none());
        if proxy.kind != ProxyKind::Defaults && (front || back) {
            diagnostics.warning(format!(
                "missing timeouts for {} '{}'.\n\
                 \x20  | Clients or servers that fall silent would hold their connections for ever.\n\
                 \x20  | Please set all of these to a non-zero value: 'client', 'connect', 'server'.",
                proxy.kind.title(),
                proxy.name
            ));
        }
    }
}

fn check_routes(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for proxy in draft.proxies.iter().filter(|p| p.kind.has_frontend()) {
        let routes: Routes = proxy.slots.get_or_default();
        let named = routes.rules.iter().filter_map(|r| match &r.target {
            RouteTarget::Name(name) => Some(("use_backend", name, &r.place)),
            RouteTarget::Format(_) => None,
        });
        let default = routes.default.iter().map(|(name, place)| ("default_backend", name, place));
        for (keyword, name, place) in named.chain(default) {
            match draft.backend(name).map(|i| &draft.proxies[i]) {
                None => diagnostics.alert_at(
                    place,
                    format!("unable to find required {keyword}: '{name}'."),
                ),
                Some(backend) if backend.mode != proxy.mode && proxy.mode == Mode::Http => diagnostics.alert_at(
                    place,
                    format!(
                        "http frontend '{}' tries to use incompatible {} backend '{name}' ({}:{}) in a '{keyword}' rule (see 'mode').",
                        proxy.name, backend.mode.name(), backend.place.file, backend.place.line
                    ),
                ),
                Some(_) => {}
            }
        }
        if proxy.mode != Mode::Http {
            let chosen = routes.rules.iter().map(|route| &route.target);
            let chosen = chosen.filter_map(|target| match target {
                RouteTarget::Name(name) => Some(name),
                RouteTarget::Format(_) => None,
            });
            let chosen = chosen.chain(routes.default.iter().map(|(name, _)| name));
            let http =
                |name: &Arc<str>| draft.backend(name).is_some_and(|i| draft.proxies[i].mode == Mode::Http);
            let upgrade = proxy.slots.get::<rule::Rules>().map_or(Upgrade::Never, |rules| rules.upgrade);
            if upgrade == Upgrade::Never && !chosen.into_iter().any(http) {
                rule::ignored_rules(proxy).for_each(|warning| diagnostics.warning(warning));
            }
        }
        let bytes = |r: &&Arc<Route>| r.condition.as_ref().is_some_and(rule::Condition::looks_at_bytes);
        if let Some(route) = routes.rules.iter().find(bytes).filter(|_| proxy.mode == Mode::Http) {
            diagnostics.warning(format!(
                "Proxy '{}': L6 sample fetches ignored on HTTP proxies (declared at {}:{}).",
                proxy.name, route.place.file, route.place.line
            ));
        }
    }
}

/// Answers of the proxy itself are made in one buffer.
fn check_sizes(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    let most = draft.global::<Tuning>().buffer_size;
    for file in draft.global.take::<rule::pages::Loaded>().0 {
        if file.size > most {
            let text = format!("file '{}' exceeds the buffer size ({} > {most}).", file.name, file.size);
            diagnostics.alert_at(&file.place, text);
        }
    }
}

/// Looks for the profiles that rules name.
fn check_profiles(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for used in draft.global.take::<rule::course::ProfileUses>().0 {
        if !draft.sections.iter().any(|s| s.kind == "log-profile" && s.name == used.name) {
            let text = format!("Proxy '{}': do-log action: profile '{}' is invalid.", used.proxy, used.name);
            diagnostics.alert_at(&used.place, text);
        }
    }
}

/// What comes before the end of a handshake has to fit into a buffer.
fn tell_early_room(s: &mut Statement<'_>) {
    let tuning = s.slot::<Tuning>();
    let room = tuning.buffer_size.saturating_sub(tuning.max_rewrite);
    s.slot::<tls::EarlyRoom>().0 = u32::try_from(room).unwrap_or(u32::MAX);
}
