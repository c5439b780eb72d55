//! The keywords of health checks in proxies and in `global`.

use std::sync::Arc;
use std::time::Duration;

use config::directive::{Arity, Switch};
use config::{Directive, Naming, Prefix, Refusal, Section, SectionKind, Sections, Statement};
use grammar::time::Unit;
use lang::{Contexts, LogFormat};

use crate::external::{Environment, ExternalChecks};
use crate::mysql::Dialect;
use crate::ready::{Ready, Wrong};
use crate::rules::{Content, Request, Wish};
use crate::settings::{Method, ProxyChecks, plain_request};
use crate::spread::Spread;
use crate::words::{self, Protocol, Words};

const fn proxy(name: &'static str, prefix: Prefix, arity: Arity, parse: Parse) -> Directive {
    Directive { name, section: Section::Proxy(Sections::BACK), prefix, arity, manual: "4.2", parse }
}

const fn global(name: &'static str, parse: Parse) -> Directive {
    Directive {
        name,
        section: Section::Global,
        prefix: Prefix::None,
        arity: Arity::Exactly(1),
        manual: "3.2",
        parse,
    }
}

type Parse = fn(&mut Statement<'_>) -> Result<(), Refusal>;

/// An option that chooses what checks do.
macro_rules! method {
    ($name:literal, $arity:expr, $read:expr) => {
        proxy($name, Prefix::None, $arity, |s| choose(s, $read))
    };
}

/// The directives of proxies and of `global`.
pub static DIRECTIVES: &[Directive] = &[
    Directive {
        arity: Arity::Between(0, 1),
        ..global("external-check", |s| {
            let environment = match s.arg(0).as_ref() {
                "" => Environment::Clean,
                "preserve-env" => Environment::Kept,
                _ => return Err(s.refuse(0, "'external-check' : 'preserve-env' is known.")),
            };
            let settings = s.slot::<ExternalChecks>();
            (settings.allowed, settings.environment) = (Switch::On, environment);
            Ok(())
        })
    },
    proxy("external-check command", Prefix::None, Arity::Exactly(1), |s| {
        let command = s.bytes(0).into();
        s.slot::<ProxyChecks>().program.command = Some(command);
        Ok(())
    }),
    proxy("external-check path", Prefix::None, Arity::Exactly(1), |s| {
        let path = s.bytes(0).into();
        s.slot::<ProxyChecks>().program.path = Some(path);
        Ok(())
    }),
    method!("option external-check", Arity::None, |s| {
        let place = s.place.clone();
        s.slot::<ProxyChecks>().program.place = Some(place);
        Ok(Method::External)
    }),
    global("max-spread-checks", |s| {
        let longest = s.duration(0, Unit::Millisecond)?;
        if longest < Duration::from_secs(1) && !longest.is_zero() {
            let text = "'max-spread-checks' : a limit below one second makes all checks come together, is it meant to be in seconds?";
            s.warn(text);
        }
        s.slot::<Spread>().longest = Some(longest).filter(|l| !l.is_zero());
        Ok(())
    }),
    method!("option httpchk", Arity::Between(0, 4), httpchk),
    method!("option ldap-check", Arity::None, |s| ready(s, Ready::ldap(s.registry))),
    proxy("option log-health-checks", Prefix::NoDefault, Arity::None, |s| {
        s.slot::<ProxyChecks>().log = Switch::of(s.sense);
        Ok(())
    }),
    method!("option mysql-check", Arity::Between(0, 3), mysql),
    method!("option pgsql-check", Arity::Between(0, 2), pgsql),
    method!("option redis-check", Arity::None, |s| ready(s, Ready::redis(s.registry))),
    method!("option smtpchk", Arity::Between(0, 2), smtp),
    method!("option spop-check", Arity::None, |_| Ok(Method::Ready(Arc::new(Ready::spop())))),
    method!("option ssl-hello-chk", Arity::None, |s| ready(s, Ready::ssl_hello(s.registry))),
    method!("option tcp-check", Arity::None, |_| Ok(Method::Tcp)),
    global("spread-checks", |s| {
        s.slot::<Spread>().percent = s.integer(0, 0..=50)? as u32;
        Ok(())
    }),
    proxy("timeout check", Prefix::None, Arity::Exactly(1), |s| {
        let value = s.duration(0, Unit::Millisecond)?;
        s.slot::<ProxyChecks>().timeout = (!value.is_zero()).then_some(value);
        Ok(())
    }),
];

macro_rules! rules {
    ($(#[$doc:meta])* $table:ident, $section:expr, $manual:literal) => {
        $(#[$doc])*
        pub static $table: &[Directive] = &[
            rule($section, $manual, "http-check comment", Arity::Exactly(1), |s| words::comment(s, words::http)),
            rule($section, $manual, "http-check connect", Arity::AtLeast(0), |s| words::connect(s, words::http)),
            rule($section, $manual, "http-check disable-on-404", Arity::None, |s| {
                s.slot::<ProxyChecks>().absent = Wish::Yes;
                Ok(())
            }),
            rule($section, $manual, "http-check expect", Arity::AtLeast(1), |s| words::expect(s, Protocol::Http)),
            rule($section, $manual, "http-check send", Arity::AtLeast(0), words::http_send),
            rule($section, $manual, "http-check send-state", Arity::None, |s| {
                s.slot::<ProxyChecks>().state = Wish::Yes;
                Ok(())
            }),
            rule($section, $manual, "http-check set-var(*)", Arity::Exactly(1), |s| {
                words::set_var(s, words::http, words::expression)
            }),
            rule($section, $manual, "http-check set-var-fmt(*)", Arity::Exactly(1), |s| {
                words::set_var(s, words::http, words::value_format)
            }),
            rule($section, $manual, "http-check unset-var(*)", Arity::None, |s| words::unset_var(s, words::http)),
            rule($section, $manual, "tcp-check comment", Arity::Exactly(1), |s| words::comment(s, words::tcp)),
            rule($section, $manual, "tcp-check connect", Arity::AtLeast(0), |s| words::connect(s, words::tcp)),
            rule($section, $manual, "tcp-check expect", Arity::AtLeast(1), |s| words::expect(s, Protocol::Tcp)),
            rule($section, $manual, "tcp-check send", Arity::AtLeast(1), |s| words::send(s, words::bytes)),
            rule($section, $manual, "tcp-check send-binary", Arity::AtLeast(1), |s| words::send(s, words::binary)),
            rule($section, $manual, "tcp-check send-binary-lf", Arity::AtLeast(1), |s| {
                words::send(s, words::binary_text)
            }),
            rule($section, $manual, "tcp-check send-lf", Arity::AtLeast(1), |s| words::send(s, words::text)),
            rule($section, $manual, "tcp-check set-var(*)", Arity::Exactly(1), |s| {
                words::set_var(s, words::tcp, words::expression)
            }),
            rule($section, $manual, "tcp-check set-var-fmt(*)", Arity::Exactly(1), |s| {
                words::set_var(s, words::tcp, words::value_format)
            }),
            rule($section, $manual, "tcp-check unset-var(*)", Arity::None, |s| words::unset_var(s, words::tcp)),
        ];
    };
}

rules! {
    /// The rules of checks in proxies.
    RULE_DIRECTIVES, Section::Proxy(Sections::BACK), "4.2"
}

rules! {
    /// Those in sections of their own.
    SECTION_RULES, Section::Other(SECTION), "12.9"
}

const fn rule(
    section: Section,
    manual: &'static str,
    name: &'static str,
    arity: Arity,
    parse: Parse,
) -> Directive {
    Directive { name, section, prefix: Prefix::None, arity, manual, parse }
}

type Read = fn(&mut Statement<'_>) -> Result<Method, Refusal>;

/// An option that says anew what checks do begins with no rules: those of the defaults are for the option that is there.
fn choose(s: &mut Statement<'_>, read: Read) -> Result<(), Refusal> {
    let method = read(s)?;
    let checks = s.slot::<ProxyChecks>();
    match method {
        Method::Tcp => drop(checks.tcp.own()),
        Method::Http(_) => drop(checks.http.own()),
        Method::Connect | Method::Ready(_) | Method::External => {}
    }
    checks.method = method;
    Ok(())
}

/// The types of `healthcheck` sections, with the options that take the same words.
const TYPES: &[(&str, Arity, Read)] = &[
    ("tcp-check", Arity::None, |_| Ok(Method::Tcp)),
    ("httpchk", Arity::Between(0, 4), httpchk),
    ("ssl-hello-chk", Arity::None, |s| ready(s, Ready::ssl_hello(s.registry))),
    ("smtpchk", Arity::Between(0, 2), smtp),
    ("pgsql-check", Arity::Between(0, 2), pgsql),
    ("redis-check", Arity::None, |s| ready(s, Ready::redis(s.registry))),
    ("mysql-check", Arity::Between(0, 3), mysql),
    ("ldap-check", Arity::None, |s| ready(s, Ready::ldap(s.registry))),
    ("spop-check", Arity::None, |_| Ok(Method::Ready(Arc::new(Ready::spop())))),
];

/// `type <type> [<words of its option>]`
fn section_type(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let name = s.arg(0).into_owned();
    let Some((_, arity, read)) = TYPES.iter().find(|(known, ..)| *known == name) else {
        return Err(s.refuse(0, format!("'type' : unknown type '{name}' of checks.")));
    };
    s.keyword_words += 1;
    let most = if let Arity::Between(_, most) = arity { *most } else { 0 };
    if s.args() > most {
        return Err(
            s.refuse(most, format!("'type {name}' cannot handle unexpected argument '{}'.", s.arg(most)))
        );
    }
    choose(s, *read)
}

const SECTION: &str = "healthcheck";

/// The sections of this room.
pub static SECTIONS: &[SectionKind] =
    &[SectionKind { name: SECTION, named: Naming::Required, manual: "12.9" }];

/// What stands in them beside rules.
pub static SECTION_DIRECTIVES: &[Directive] =
    &[rule(Section::Other(SECTION), "12.9", "type", Arity::AtLeast(1), section_type)];

fn ready(s: &Statement<'_>, ready: Result<Ready, Wrong>) -> Result<Method, Refusal> {
    let failed = |Wrong(why): Wrong| Refusal::new(format!("'{}' : {why}.", s.keyword()));
    Ok(Method::Ready(Arc::new(ready.map_err(failed)?)))
}

/// `option httpchk [<uri> | <method> <uri> [<version> [<host>]]]`
fn httpchk(s: &mut Statement<'_>) -> Result<Method, Refusal> {
    let mut request = plain_request();
    match s.args() {
        0 => {}
        1 => request.target = Some(Content::Fixed(s.bytes(0).into())),
        n => {
            request.method = Some(s.bytes(0).into());
            request.target = Some(Content::Fixed(s.bytes(1).into()));
            if n > 2 {
                request.version = Some(version(s)?);
            }
            if n > 3 {
                host(s, &mut request)?;
            }
        }
    }
    Ok(Method::Http(Arc::new(request)))
}

fn host(s: &Statement<'_>, request: &mut Request) -> Result<(), Refusal> {
    let host = LogFormat::parse(s.bytes(3), s.registry, Contexts::CHECK)
        .map_err(|e| s.refuse_part(3, e.span, format!("'option httpchk' : {}.", e.message)))?;
    request.headers.push(((*b"host").into(), host));
    Ok(())
}

/// Older files write headers behind the version, with escaped line ends.
fn version(s: &Statement<'_>) -> Result<Box<[u8]>, Refusal> {
    let written = s.arg(2);
    if written.contains(['\r', '\n']) {
        let text = "'option httpchk' : headers behind the version are not taken any more; use 'http-check send' instead.";
        return Err(s.refuse(2, text));
    }
    words::version(&written).map_err(|why| s.refuse(2, format!("'option httpchk' : {why}.")))
}

/// `option smtpchk [<hello> <domain>]`
fn smtp(s: &mut Statement<'_>) -> Result<Method, Refusal> {
    let (word, domain) = (s.arg(0), s.arg(1));
    let hello = match word.as_ref() {
        "HELO" | "EHLO" if !domain.is_empty() => format!("{word} {domain}"),
        _ => "HELO localhost".to_owned(),
    };
    ready(s, Ready::smtp(&hello, s.registry))
}

/// `option pgsql-check user <user>`
fn pgsql(s: &mut Statement<'_>) -> Result<Method, Refusal> {
    if s.arg(0) != "user" || s.args() < 2 {
        return Err(Refusal::new("'option pgsql-check' expects 'user' and the name of a user."));
    }
    ready(s, Ready::pgsql(s.bytes(1), s.registry))
}

/// `option mysql-check [user <user> [{ post-41 | pre-41 }]]`
fn mysql(s: &mut Statement<'_>) -> Result<Method, Refusal> {
    let mut words = Words::of(s);
    let login = match words.next().as_deref() {
        None => None,
        Some("user") => {
            let user = words.text("'user' : a name")?.as_bytes().to_vec();
            let dialect = match words.next().as_deref() {
                None | Some("post-41") => Dialect::New,
                Some("pre-41") => Dialect::Old,
                Some(_) => return Err(words.refuse("'post-41' and 'pre-41' are known")),
            };
            Some((user, dialect))
        }
        Some(_) => return Err(words.refuse("'user' and a name are expected")),
    };
    let ready = Ready::mysql(login.as_ref().map(|(user, dialect)| (&user[..], *dialect)));
    Ok(Method::Ready(Arc::new(ready)))
}
