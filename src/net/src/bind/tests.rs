use base::addr::Addr;
use base::registry::Registry;
use config::{Draft, Environment, Reader, Readings};
use grammar::conditional::Plain;
use sys::options::Switch;

use super::*;
use crate::bind_options::{AcceptProxy, BIND_OPTIONS, Protocol as Spoken};
use crate::listen::V6Binding;
use crate::threads::{Shards, ThreadNumber};

/// The lines of a frontend, and what was said of them.
fn read(lines: &str) -> (BindDrafts, Vec<String>) {
    let mut registry = Registry::default();
    registry.add(DIRECTIVES);
    registry.add(BIND_OPTIONS);
    let draft = Draft::new(Environment::default(), Readings::default());
    let mut reader = Reader::new(&registry, &Plain("3.5.0"), draft);
    let text = lines.lines().fold("frontend f\n".to_owned(), |text, line| text + " bind " + line + "\n");
    reader.read("t.cfg", text.as_bytes());
    let (mut draft, diagnostics) = reader.finish();
    let messages = diagnostics.messages().iter().map(|m| m.text.clone()).collect();
    let drafts = draft.proxies.first_mut().map(|p| p.slots.take::<BindDrafts>());
    (drafts.unwrap_or_default(), messages)
}

fn one(line: &str) -> Arc<BindDraft> {
    let (drafts, messages) = read(line);
    assert_eq!(messages, [""; 0], "{line}");
    drafts.0[0].clone()
}

#[test]
fn each_address_and_each_port_is_a_socket() {
    let line = one("127.0.0.1:80-82,mptcp@[::1]:81,unix@/run/x,abns@y");
    let specs = line.specs().unwrap();
    assert_eq!((line.sockets(), specs.len()), (6, 6));
    assert_eq!(specs[2].addr, ListenAddr::Addr(Addr::inet([127, 0, 0, 1], 82)));
    assert_eq!((specs[0].transport, specs[3].transport), (Transport::Stream, Transport::Mptcp));
    assert_eq!(specs[4].addr, ListenAddr::Addr(Addr::unix(b"/run/x")));
}

#[test]
fn options_reach_the_socket_and_its_listener() {
    let line = one(
        "127.0.0.1:80 accept-proxy accept-netscaler-cip 5 backlog 7 maxconn 8 mss -40 tcp-ut 5s tcp-ss 1 \
         cc reno interface lo tfo defer-accept transparent v4v6 v6only tcp-md5sig key name n label l id 9 \
         nice -5 proto h1 shards by-thread thread 1-2 thread 4",
    );
    let spec: ListenSpec = line.slots.get_or_default();
    assert_eq!((spec.max_segment, spec.save_syn), (Some(-40), Some(1)));
    assert_eq!(spec.user_timeout.map(|t| t.as_secs()), Some(5));
    assert_eq!((spec.congestion.as_deref(), spec.interface.as_deref()), (Some("reno"), Some("lo")));
    assert_eq!((spec.fast_open, spec.defer_accept, spec.transparent), (Switch::On, Switch::On, Switch::On));
    assert_eq!((spec.v6, spec.md5_key.as_deref()), (V6Binding::Only, Some(&b"key"[..])));
    let settings: ListenerSettings = line.slots.get_or_default();
    assert_eq!((settings.accept_proxy, settings.client_ip_magic), (AcceptProxy::Yes, Some(5)));
    assert_eq!((settings.backlog, settings.maxconn, settings.id), (7, 8, Some(9)));
    assert_eq!((settings.name.as_deref(), settings.label.as_deref()), (Some("n"), Some("l")));
    assert_eq!((settings.protocol, settings.shards), (Some(Spoken::Http1), Some(Shards::ByThread)));
    let threads = settings.threads.unwrap();
    let on = |n| threads.contains(ThreadNumber { absolute: n, group: 1, within: n });
    assert_eq!([1, 2, 3, 4].map(on), [true, true, false, true]);
}

#[test]
fn sockets_have_ids_of_their_own() {
    let (drafts, _) = read("127.0.0.1:1,127.0.0.1:2\n127.0.0.1:3 id 2\n127.0.0.1:4-5");
    assert_eq!(drafts.ids(), [vec![1, 3], vec![2], vec![4, 5]]);
}

#[test]
fn what_cannot_be_listened_on_is_refused() {
    for (line, part) in [
        ("*", "missing port specification"),
        ("1.2.3.4", "missing port specification"),
        (":0", "invalid port '0'"),
        (":+5", "port offset not permitted here"),
        ("udp@:80", "dgram-type address"),
        ("quic4@:80", "QUIC"),
        ("rhttp@be/s", "reverse HTTP"),
        ("fd@999", "cannot use file descriptor '999'"),
        ("fd@x", "not a valid integer"),
        ("nowhere.invalid:80", "invalid address: 'nowhere.invalid'"),
    ] {
        let (drafts, messages) = read(line);
        assert!(drafts.0.is_empty() && messages.iter().any(|m| m.contains(part)), "{line}: {messages:?}");
    }
}

#[test]
fn bad_options_are_named() {
    for (options, part) in [
        ("backlog", "missing argument"),
        ("backlog -1", "'backlog'"),
        ("maxconn x", "'maxconn'"),
        ("id 0", "'id'"),
        ("mss 0", "absolute value between 1 and 65535"),
        ("mss 70000", "'mss'"),
        ("nice 5000", "between -1024 and 1024"),
        ("proto foo", "unknown MUX protocol 'foo'"),
        ("proto qmux", "not supported by this version"),
        ("tcp-ss 5", "between 0 and 2"),
        ("tcp-md5sig", "missing argument"),
        ("tcp-ut x", "invalid time 'x'"),
        ("shards 0", "'by-thread'"),
        ("shards by-foo", "'by-thread'"),
        ("thread x", "invalid first thread number 'x'"),
        ("thread 1/65", "permitted range is 1..64"),
        ("namespace nowhere", "cannot open namespace 'nowhere'"),
        ("accept-netscaler-cip x", "'accept-netscaler-cip'"),
        ("accept-netscaler-cip 0", "'accept-netscaler-cip'"),
        ("process 1", "use 'thread' instead"),
        ("ktls on", "'ktls' needs a part of TLS"),
        ("crl-file x.pem", "'crl-file' needs a part of TLS"),
        ("nbconn 3", "'nbconn' needs reverse HTTP"),
        ("nam x", "did you mean 'name' maybe ?"),
    ] {
        let (drafts, messages) = read(&format!("127.0.0.1:80 {options}"));
        assert!(drafts.0.is_empty() && messages.iter().any(|m| m.contains(part)), "{options}: {messages:?}");
    }
}

#[test]
fn an_id_belongs_to_one_socket() {
    let (_, messages) = read("127.0.0.1:1 id 7\n127.0.0.1:2 id 7");
    assert_eq!(messages, ["'bind 127.0.0.1:2' : custom id 7 already used at t.cfg:2 ('bind 127.0.0.1:1')."]);
    let (_, messages) = read("127.0.0.1:1-2 id 7");
    assert_eq!(messages, ["'bind' : 'id' can only be used with a single socket."]);
}
