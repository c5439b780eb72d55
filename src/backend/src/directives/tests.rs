use std::time::Duration;

use config::{Environment, Reader, Readings};
use grammar::conditional::Plain;

use super::*;
use crate::dial_options::DIAL_OPTIONS;

/// Settings of a backend made of these lines, its servers, and what was said.
fn read(lines: &str) -> (BackendSettings, Vec<ServerDraft>, Vec<String>) {
    let mut registry = Registry::default();
    registry.add(DIRECTIVES);
    registry.add(SERVER_OPTIONS);
    registry.add(DIAL_OPTIONS);
    registry.add(crate::HASH_DIRECTIVES);
    registry.add(crate::COOKIE_DIRECTIVES);
    registry.add(crate::COOKIE_OPTIONS);
    registry.add(lang::fetches::FETCHES);
    registry.add(lang::converters::texts::CONVERTERS);
    let draft = Draft::new(Environment::default(), Readings::default());
    let mut reader = Reader::new(&registry, &Plain("3.5"), draft);
    let text = lines.lines().fold("backend b\n".to_owned(), |text, line| text + " " + line + "\n");
    reader.read("t.cfg", text.as_bytes());
    let (mut draft, diagnostics) = reader.finish();
    let said = diagnostics.messages().iter().map(|m| m.text.clone()).collect();
    let slots = draft.proxies.first_mut().map(|p| &mut p.slots);
    let Some(slots) = slots else { return (BackendSettings::default(), Vec::new(), said) };
    (slots.get_or_default(), slots.take::<ServerDrafts>().list, said)
}

fn server(options: &str) -> ServerDraft {
    let (_, mut servers, said) = read(&format!("server s 10.0.0.1:80 {options}"));
    assert_eq!(said, [""; 0], "{options}");
    servers.remove(0)
}

#[test]
fn reuse_modes() {
    for (word, mode) in [
        ("never", Reuse::Never),
        ("safe", Reuse::Safe),
        ("aggressive", Reuse::Aggressive),
        ("always", Reuse::Always),
    ] {
        let (settings, _, said) = read(&format!("http-reuse {word}"));
        assert_eq!((settings.reuse, said), (mode, Vec::new()));
    }
    assert_eq!(BackendSettings::default().reuse, Reuse::Safe);
    for line in ["http-reuse", "http-reuse sometimes", "http-reuse safe always"] {
        assert_eq!(read(line).2.len(), 1, "{line}");
    }
}

#[test]
fn the_preferred_server() {
    assert_eq!(read("option prefer-last-server").0.preferred, Preferred::Last);
    assert_eq!(
        read("option prefer-last-server\nno option prefer-last-server").0.preferred,
        Preferred::Balanced
    );
}

#[test]
fn what_a_server_says_of_its_idle_connections() {
    let drafted = server(
        "pool-max-conn 7 pool-low-conn 3 pool-purge-delay 20ms max-reuse 5 strict-maxconn maxconn 9 \
         idle-ping 4s pool-conn-name str(x)",
    );
    let settings: ServerSettings = drafted.slots.get_or_default();
    let pool = pool::Settings { max: Some(7), low: 3, purge_delay: Duration::from_millis(20) };
    assert_eq!(settings.pool, pool);
    assert_eq!((settings.max_reuse, settings.limited, settings.maxconn), (Some(5), Limited::Connections, 9));
    assert_eq!(settings.idle_ping, Some(Duration::from_secs(4)));
    assert!(drafted.slots.get_or_default::<DialSettings>().name.is_some());

    let settings: ServerSettings = server("pool-max-conn -1 max-reuse -1 idle-ping 0").slots.get_or_default();
    assert_eq!((settings.pool.max, settings.max_reuse, settings.idle_ping), (None, None, None));
}

#[test]
fn what_no_server_can_say() {
    for options in [
        "pool-max-conn -2",
        "pool-max-conn",
        "pool-low-conn -1",
        "pool-low-conn many",
        "pool-purge-delay soon",
        "max-reuse -2",
        "max-reuse once",
        "idle-ping x",
        "pool-conn-name",
        "pool-conn-name nothing.such",
    ] {
        assert_eq!(read(&format!("server s 10.0.0.1:80 {options}")).2.len(), 1, "{options}");
    }
}

#[test]
fn algorithms_of_balancing() {
    use crate::hashing::HashKey;
    use crate::settings::Algorithm;
    let of = |line: &str| {
        let (settings, _, said) = read(line);
        assert_eq!(said, [""; 0], "{line}");
        settings.algorithm
    };
    assert!(matches!(of(""), Algorithm::Random(2)));
    assert!(matches!(of("balance"), Algorithm::RoundRobin));
    assert!(matches!(of("balance random(3)"), Algorithm::Random(3)));
    assert!(matches!(of("balance uri len 3 depth 2 whole"), Algorithm::Hash(HashKey::Uri(_))));
    assert!(matches!(of("balance hdr(Host) use_domain_only"), Algorithm::Hash(HashKey::Header { .. })));
    assert!(matches!(of("balance url_param x check_post 64"), Algorithm::Hash(HashKey::Parameter { .. })));
    assert!(matches!(of("balance source"), Algorithm::Hash(HashKey::Source)));
    for line in [
        "balance none",
        "balance hdr",
        "balance hdr()",
        "balance random(0)",
        "balance random(x)",
        "balance uri len",
        "balance uri what",
        "balance url_param",
        "balance hash",
        "balance hash none",
        "balance hash none y",
        "hash-type none",
        "hash-type consistent md5",
        "hash-type consistent sdbm none",
        "hash-balance-factor 100",
        "hash-preserve-affinity never",
    ] {
        assert_eq!(read(line).2.len(), 1, "{line}");
    }
}

#[test]
fn what_is_said_of_cookies() {
    let lines = "cookie c insert httponly secure domain .a.b domain c.d attr x=y maxidle 1m maxlife 2h\n\
                 server s 10.0.0.1:80 cookie v";
    let (settings, servers, said) = read(lines);
    assert_eq!(said, [""; 0]);
    let cookie = settings.cookies.cookie.unwrap();
    assert_eq!(&*cookie.attributes, b"; path=/; domain=.a.b; domain=c.d; HttpOnly; Secure; x=y");
    assert_eq!((cookie.max_idle, cookie.max_life, cookie.is_logged()), (Some(60), Some(7200), true));
    let server: ServerSettings = servers[0].slots.get_or_default();
    assert_eq!(server.cookie.as_deref(), Some(&b"v"[..]));
    assert!(!read("cookie c nocache").0.cookies.cookie.unwrap().is_logged());
    for line in [
        "cookie",
        "cookie c what",
        "cookie c insert prefix",
        "cookie c rewrite indirect",
        "cookie c rewrite preserve",
        "cookie c insert domain",
        "cookie c insert attr \"a;b\"",
        "cookie c insert maxidle x",
        "cookie c insert maxlife 100000000d",
        "dynamic-cookie-key",
    ] {
        assert_eq!(read(line).2.len(), 1, "{line}");
    }
}
