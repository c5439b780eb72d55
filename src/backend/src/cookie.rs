//! Persistence by cookies: what proxies and servers say of it, and the values that stand for servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwapOption;

use base::addr::Addr;
use config::directive::{Arity, Switch};
use config::options::{LineOption, ServerOption};
use config::{Directive, Prefix, Refusal, Section, Sections, Statement};
use grammar::time::{self, Unit};

use crate::settings::{BackendSettings, ServerSettings};

/// `cookie`: how the cookie of a proxy's servers is kept.
#[derive(Clone, Debug)]
pub struct CookieSettings {
    /// Its name.
    pub name: Box<[u8]>,
    /// Who sets it.
    pub mode: CookieMode,
    /// `indirect`: it is a matter between the client and us.
    pub indirect: Switch,
    /// `nocache`: responses that set it are not to be kept.
    pub uncached: Switch,
    /// `postonly`: it is only set in answers to `POST`.
    pub post_only: Switch,
    /// `preserve`: what a server sets goes before what we would set.
    pub preserve: Switch,
    /// `dynamic`: servers without a value of their own have one that is computed.
    pub dynamic: Switch,
    /// `maxidle`, in seconds.
    pub max_idle: Option<u32>,
    /// `maxlife`, in seconds.
    pub max_life: Option<u32>,
    /// What follows the value where we set it: path, domains and other attributes.
    pub attributes: Box<[u8]>,
}

/// Who sets a persistence cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieMode {
    /// The server alone.
    #[default]
    Passive,
    /// The server; its value is replaced.
    Rewrite,
    /// We do.
    Insert,
    /// The server, for a use of its own; our value goes in front of its.
    Prefix,
}

impl CookieSettings {
    /// Whether logs tell what becomes of it: not if it only chooses servers.
    pub fn is_logged(&self) -> bool {
        self.mode != CookieMode::Passive || self.indirect.is_on()
    }

    /// Whether what we set has dates.
    pub fn is_dated(&self) -> bool {
        self.max_idle.is_some() || self.max_life.is_some()
    }
}

/// The cookie of a proxy, if it has one, and the key of computed values.
#[derive(Clone, Debug, Default)]
pub struct Stickiness {
    /// `cookie`.
    pub cookie: Option<Arc<CookieSettings>>,
    /// `dynamic-cookie-key`.
    pub key: Option<Arc<[u8]>>,
}

/// The computed values of a backend's servers.
#[derive(Debug, Default)]
pub struct DynamicCookies {
    on: AtomicBool,
    key: ArcSwapOption<Box<[u8]>>,
}

impl DynamicCookies {
    pub(crate) fn new(settings: &Stickiness) -> Self {
        let on = settings.cookie.as_ref().is_some_and(|cookie| cookie.dynamic.is_on());
        let key = settings.key.as_ref().map(|key| Arc::new(Box::from(&**key)));
        Self { on: AtomicBool::new(on), key: ArcSwapOption::new(key) }
    }

    pub(crate) fn set_key(&self, key: &[u8]) {
        self.key.store(Some(Arc::new(key.into())));
    }

    pub(crate) fn turn(&self, switch: Switch) {
        self.on.store(switch.is_on(), Ordering::Relaxed);
    }

    /// The value of a server at this address, if it is computed. Only IP addresses have one.
    pub(crate) fn value(&self, address: &Addr) -> Option<Box<[u8]>> {
        let key = self.key.load_full().filter(|_| self.on.load(Ordering::Relaxed))?;
        let mut text = key.to_vec();
        match address.ip()? {
            std::net::IpAddr::V4(ip) => text.extend(ip.octets()),
            std::net::IpAddr::V6(ip) => text.extend(ip.octets()),
        }
        text.extend(u32::from(address.port()?).to_be_bytes());
        Some(format!("{:016x}", xxhash_rust::xxh64::xxh64(&text, 0)).into_bytes().into())
    }
}

const fn directive(name: &'static str, parse: fn(&mut Statement<'_>) -> Result<(), Refusal>) -> Directive {
    let section = Section::Proxy(Sections::BACK);
    Directive { name, section, prefix: Prefix::None, arity: Arity::AtLeast(1), manual: "4.2", parse }
}

/// The directives of this file.
pub static COOKIE_DIRECTIVES: &[Directive] = &[
    directive("cookie", |s| {
        let cookie = Arc::new(cookie(s)?);
        s.slot::<BackendSettings>().cookies.cookie = Some(cookie);
        Ok(())
    }),
    directive("dynamic-cookie-key", |s| {
        let key = s.bytes(0).into();
        s.slot::<BackendSettings>().cookies.key = Some(key);
        Ok(())
    }),
];

/// The server options of this file.
pub static COOKIE_OPTIONS: &[ServerOption] = &[ServerOption(LineOption {
    name: "cookie",
    group: "",
    args: 1,
    manual: "5.2",
    parse: |cx| {
        let value = cx.take_bytes()?.into();
        cx.slot::<ServerSettings>().cookie = Some(value);
        Ok(())
    },
})];

/// What is read of a `cookie` line.
struct Reading {
    cookie: CookieSettings,
    modes: Vec<CookieMode>,
    domains: Vec<u8>,
    http_only: Switch,
    secure: Switch,
    extra: Vec<u8>,
}

fn cookie(s: &mut Statement<'_>) -> Result<CookieSettings, Refusal> {
    let cookie = CookieSettings {
        name: s.bytes(0).into(),
        mode: CookieMode::Passive,
        indirect: Switch::Off,
        uncached: Switch::Off,
        post_only: Switch::Off,
        preserve: Switch::Off,
        dynamic: Switch::Off,
        max_idle: None,
        max_life: None,
        attributes: Box::default(),
    };
    let mut reading = Reading {
        cookie,
        modes: Vec::new(),
        domains: Vec::new(),
        http_only: Switch::Off,
        secure: Switch::Off,
        extra: Vec::new(),
    };
    let mut at = 1;
    while at < s.args() {
        at += word(s, at, &mut reading)?;
    }
    settle(s, reading)
}

/// Reads an option; tells how many words it took.
fn word(s: &mut Statement<'_>, at: usize, reading: &mut Reading) -> Result<usize, Refusal> {
    let cookie = &mut reading.cookie;
    let mode = |reading: &mut Reading, mode| reading.modes.push(mode);
    match s.arg(at).as_ref() {
        "rewrite" => mode(reading, CookieMode::Rewrite),
        "insert" => mode(reading, CookieMode::Insert),
        "prefix" => mode(reading, CookieMode::Prefix),
        "indirect" => cookie.indirect = Switch::On,
        "nocache" => cookie.uncached = Switch::On,
        "postonly" => cookie.post_only = Switch::On,
        "preserve" => cookie.preserve = Switch::On,
        "dynamic" => cookie.dynamic = Switch::On,
        "httponly" => reading.http_only = Switch::On,
        "secure" => reading.secure = Switch::On,
        "maxidle" => {
            cookie.max_idle = seconds(s, at)?;
            return Ok(2);
        }
        "maxlife" => {
            cookie.max_life = seconds(s, at)?;
            return Ok(2);
        }
        "domain" => {
            let domain = domain(s, at)?;
            reading.domains.extend_from_slice(b"; domain=");
            reading.domains.extend_from_slice(domain);
            return Ok(2);
        }
        "attr" => {
            let value = attribute(s, at)?;
            reading.extra.extend_from_slice(b"; ");
            reading.extra.extend_from_slice(value);
            return Ok(2);
        }
        _ => {
            let text = "'cookie' supports 'rewrite', 'insert', 'prefix', 'indirect', 'nocache', 'postonly', \
                        'preserve', 'httponly', 'secure', 'domain', 'maxidle', 'maxlife', 'dynamic' and 'attr'.";
            return Err(s.refuse(at, text));
        }
    }
    Ok(1)
}

fn given<'s>(s: &Statement<'s>, at: usize, what: &str) -> Result<&'s [u8], Refusal> {
    if s.args() <= at + 1 {
        return Err(s.refuse(at, format!("'{}' expects {what} as argument.", s.arg(at))));
    }
    Ok(s.bytes(at + 1))
}

/// A time; none at all is no limit.
fn seconds(s: &Statement<'_>, at: usize) -> Result<Option<u32>, Refusal> {
    let text = given(s, at, "a time in seconds")?;
    let time = time::parse(text, Unit::Second).and_then(|t| t.in_unit(Unit::Second, i32::MAX as u64));
    match time {
        Ok(time) => Ok(Some(time as u32).filter(|t| *t > 0)),
        Err(e) => Err(s.refuse(at + 1, format!("'{}' : invalid time '{}': {e}.", s.arg(at), s.arg(at + 1)))),
    }
}

fn domain<'s>(s: &mut Statement<'s>, at: usize) -> Result<&'s [u8], Refusal> {
    let domain = given(s, at, "<domain>")?;
    if let Some(bad) = domain.iter().find(|b| !b.is_ascii_alphanumeric() && !b"-_.:".contains(b)) {
        let text =
            format!("character '{}' is not permitted in domain name '{}'.", char::from(*bad), s.arg(at + 1));
        return Err(s.refuse(at + 1, text));
    }
    if !domain.iter().skip(1).any(|b| *b == b'.') {
        s.warn(format!(
            "domain '{}' has no dot inside: clients may refuse cookies for it (RFC 6265, section 5.2.3).",
            s.arg(at + 1)
        ));
    }
    Ok(domain)
}

fn attribute<'s>(s: &Statement<'s>, at: usize) -> Result<&'s [u8], Refusal> {
    let value = given(s, at, "<value>")?;
    match value.iter().find(|b| b.is_ascii_control() || **b == b';') {
        Some(bad) => {
            let text = format!("character '%x{bad:02X}' is not permitted in attribute value.");
            Err(s.refuse(at + 1, text))
        }
        None => Ok(value),
    }
}

/// What options mean together.
fn settle(s: &Statement<'_>, reading: Reading) -> Result<CookieSettings, Refusal> {
    let Reading { mut cookie, modes, domains, http_only, secure, extra } = reading;
    cookie.mode = modes.first().copied().unwrap_or_default();
    if modes.iter().any(|mode| *mode != cookie.mode) {
        return Err(s.refuse(0, "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible."));
    }
    if cookie.mode == CookieMode::Rewrite && cookie.indirect.is_on() {
        return Err(s.refuse(0, "cookie 'rewrite' and 'indirect' modes are incompatible."));
    }
    if cookie.preserve.is_on() && cookie.mode != CookieMode::Insert && !cookie.indirect.is_on() {
        return Err(s.refuse(0, "cookie 'preserve' requires at least 'insert' or 'indirect'."));
    }
    let marks: [&[u8]; 2] =
        [if http_only.is_on() { b"; HttpOnly" } else { b"" }, if secure.is_on() { b"; Secure" } else { b"" }];
    cookie.attributes = [b"; path=/", &domains[..], marks[0], marks[1], &extra].concat().into();
    Ok(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_values_depend_on_key_and_address() {
        let key = Some(Arc::from(&b"hello"[..]));
        let cookies = DynamicCookies::new(&Stickiness { cookie: None, key });
        let local = |port| Addr::inet([127, 0, 0, 1], port);
        assert_eq!(cookies.value(&local(17101)), None);
        cookies.turn(Switch::On);
        assert_eq!(cookies.value(&local(17101)).as_deref(), Some(&b"914060153ca3b0e2"[..]));
        assert_eq!(cookies.value(&local(17102)).as_deref(), Some(&b"32367a4cecbfb7cf"[..]));
        cookies.set_key(b"other");
        assert_ne!(cookies.value(&local(17101)).as_deref(), Some(&b"914060153ca3b0e2"[..]));
    }
}
