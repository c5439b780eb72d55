use std::future::poll_fn;
use std::path::Path;

use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

use lang::tls_facts::EarlyData;

use super::*;
use crate::acceptor::{self, Acceptor, Order};
use crate::certificate::Certificate;
use crate::certificate::{Beside, Extras, Files, LoadError, Parts};
use crate::connector::{self, Connector, SessionReuse};
use crate::directory::{Directory, Presented, Strictness};
use crate::profile::Profile;
use crate::session::secrets::Keeping;
use crate::settings::Use;
use crate::verify::Verify;

fn block_on<F: Future>(f: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    runtime.unwrap().block_on(f)
}

/// A directory that goes away with the test.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn load(file: &Path) -> Result<Certificate, LoadError> {
    let files = Files { crt: file.to_owned(), beside: Beside::Sought(Extras::default()) };
    Parts::load(&files)?.ready().map_err(|flaw| flaw.of_file(file))
}

fn certificate(scratch: &Scratch, name: &str) -> Arc<Certificate> {
    let Made { cert, signing_key } = generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let file = scratch.write(&format!("{name}.pem"), &(cert.pem() + &signing_key.serialize_pem()));
    Arc::new(load(&file).unwrap())
}

fn acceptor(profile: Profile, strictness: Strictness, certificates: &[Arc<Certificate>]) -> Acceptor {
    acceptor_of(terms(profile, strictness), certificates)
}

fn terms(profile: Profile, strictness: Strictness) -> acceptor::Terms {
    acceptor::Terms {
        profile,
        verify: Verify::None,
        clients: acceptor::Clients::default(),
        strictness,
        order: Order::Own,
        capture: 0,
        cache: 100,
        lifetime: 300,
        ticket_keys: None,
        early: Use::No,
        early_room: 15_360,
        secrets: Keeping::Nothing,
    }
}

fn acceptor_of(terms: acceptor::Terms, certificates: &[Arc<Certificate>]) -> Acceptor {
    let mut directory = Directory::default();
    for certificate in certificates {
        let name = Some("some.pem".into());
        let presented = Arc::new(Presented { certificate: certificate.clone(), name, configs: None });
        directory.add(&presented, &certificate.names, &[]);
        directory.add_default(&presented);
    }
    let acceptor = Acceptor::new(terms, crate::pki::chain::Trust::default(), None).unwrap();
    acceptor.present(directory);
    acceptor
}

fn connector(profile: Profile) -> Connector {
    connector_keeping(profile, Keeping::Nothing)
}

fn connector_keeping(profile: Profile, secrets: Keeping) -> Connector {
    let terms = connector::Terms {
        profile,
        trust: None,
        host: None,
        certificate: None,
        reuse: SessionReuse::On,
        early: Use::Yes,
        secrets,
    };
    Connector::new(terms).unwrap()
}

/// Both ends of a connection.
struct Ends {
    client: (Session, Socket),
    server: (Session, Socket),
}

async fn meet(acceptor: &Acceptor, connector: &Connector, name: &str) -> Result<Ends, Fault> {
    let (near, far) = Socket::pair().unwrap();
    let mut client = connector.connect(Some(name.as_bytes()))?;
    let (mut server, mut came, mut sent) = (None, Buffer::new(), false);
    let mut client_done = None;
    poll_fn(|cx| {
        if client_done.is_none()
            && let Poll::Ready(done) = client.poll_handshake(cx, &near)
        {
            client_done = Some(done);
        }
        while server.is_none() {
            match far.poll_recv_up_to(cx, &mut came, 16384) {
                Poll::Ready(Ok(n)) if n > 0 => server = acceptor.accept(came.data()).map(Result::unwrap),
                _ => return Poll::Pending,
            }
        }
        let session = server.as_mut().unwrap();
        if !sent {
            match session.poll_handshake(cx, &far) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => sent = true,
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
            }
        }
        match (&client_done, sent) {
            (Some(Err(fault)), _) => Poll::Ready(Err(fault.clone())),
            (Some(Ok(())), true) => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    })
    .await?;
    Ok(Ends { client: (client, near), server: (server.unwrap(), far) })
}

async fn receive(end: &mut (Session, Socket), many: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < many {
        let mut part = Buffer::new();
        let n = poll_fn(|cx| end.0.poll_recv_up_to(cx, &end.1, &mut part, 16384)).await.unwrap();
        if n == 0 {
            break;
        }
        all.extend_from_slice(part.data());
    }
    all
}

#[test]
fn both_sides_agree_and_exchange_content() {
    let scratch = Scratch::new("agree");
    block_on(async {
        let profile = || Profile { protocols: Some(vec![b"http/1.1"[..].into()]), ..Profile::default() };
        let acceptor = acceptor(profile(), Strictness::Lenient, &[certificate(&scratch, "a.example.com")]);
        let mut ends = meet(&acceptor, &connector(profile()), "a.example.com").await.unwrap();
        let (client, server) = (ends.client.0.facts(), ends.server.0.facts());
        assert_eq!((client.version, client.protocol.as_deref()), ("TLSv1.3", Some(&b"http/1.1"[..])));
        assert_eq!((server.version, server.name.as_deref()), ("TLSv1.3", Some("a.example.com")));
        assert_eq!(client.peer.first().map(|c| &**c), server.own.as_deref());
        assert_eq!((client.own_name.as_deref(), server.own_name.as_deref()), (None, Some("some.pem")));
        // More than a socket's buffers hold, so that both have to take turns.
        let content: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let (mut at, mut got) = (0, Vec::new());
        poll_fn(|cx| {
            loop {
                let (session, socket) = &mut ends.client;
                let sent = session.poll_send(cx, socket, &content[at..], More::No).map(Result::unwrap);
                if let Poll::Ready(n) = sent {
                    at += n;
                } else {
                    let _ = session.poll_flush(cx, socket, More::No);
                }
                let (session, socket) = &mut ends.server;
                let mut part = Buffer::new();
                match session.poll_recv_up_to(cx, socket, &mut part, 20_000).map(Result::unwrap) {
                    Poll::Ready(_) => got.extend_from_slice(part.data()),
                    Poll::Pending if got.len() == content.len() => return Poll::Ready(()),
                    Poll::Pending if at < content.len() && sent.is_ready() => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
        assert!(got == content);
        ends.client.0.close(&ends.client.1);
        assert!(receive(&mut ends.server, 1).await.is_empty());
    });
}

#[test]
fn the_name_chooses_the_certificate() {
    let scratch = Scratch::new("name");
    block_on(async {
        let all = [certificate(&scratch, "a.example.com"), certificate(&scratch, "*.b.example.com")];
        let lenient = acceptor(Profile::default(), Strictness::Lenient, &all);
        let strict = acceptor(Profile::default(), Strictness::Strict, &all);
        let to = connector(Profile::default());
        for (name, index) in [("A.example.com", 0), ("x.b.example.com", 1), ("other.example.com", 0)] {
            let ends = meet(&lenient, &to, name).await.unwrap();
            assert_eq!(&*ends.client.0.facts().peer[0], all[index].der(), "{name}");
        }
        assert!(meet(&strict, &to, "other.example.com").await.is_err());
        assert!(meet(&strict, &to, "x.b.example.com").await.is_ok());
    });
}

#[test]
fn sessions_are_taken_up_again() {
    let scratch = Scratch::new("again");
    block_on(async {
        for (max, tickets) in [
            (crate::Version::Tls12, config::directive::Switch::On),
            (crate::Version::Tls12, config::directive::Switch::Off),
            (crate::Version::Tls13, config::directive::Switch::On),
            (crate::Version::Tls13, config::directive::Switch::Off),
        ] {
            let profile = || Profile { max: Some(max), tickets: Some(tickets), ..Profile::default() };
            let acceptor =
                acceptor(profile(), Strictness::Lenient, &[certificate(&scratch, "a.example.com")]);
            let to = connector(profile());
            for expected in [Resumption::New, Resumption::Resumed] {
                let mut ends = meet(&acceptor, &to, "a.example.com").await.unwrap();
                assert_eq!(ends.server.0.facts().resumption, expected, "{max:?} {tickets:?}");
                // Tickets come behind the handshake.
                let (session, socket) = &mut ends.server;
                poll_fn(|cx| session.poll_send(cx, socket, b"x", More::No)).await.unwrap();
                assert_eq!(receive(&mut ends.client, 1).await, b"x");
                assert!(ends.client.0.is_quiet(&ends.client.1));
            }
        }
    });
}

/// A client's first content goes out with its first message; returns what the server gets, and when it got that.
async fn send_ahead(acceptor: &Acceptor, to: &Connector, content: &[u8]) -> (Vec<u8>, Vec<EarlyData>) {
    let (near, far) = Socket::pair().unwrap();
    let mut client = to.connect_ahead(Some(b"a.example.com")).unwrap();
    let (mut server, mut shaken, mut came) = (None::<Session>, false, Buffer::new());
    let (mut at, mut seen, mut got) = (0, Vec::new(), Vec::new());
    poll_fn(|cx| client.poll_handshake(cx, &near)).await.unwrap();
    poll_fn(|cx| {
        while at < content.len()
            && let Poll::Ready(n) = client.poll_send(cx, &near, &content[at..], More::No)
        {
            at += n.unwrap();
        }
        let _ = client.poll_recv_up_to(cx, &near, &mut Buffer::new(), 100);
        while server.is_none() {
            assert!(ready!(far.poll_recv_up_to(cx, &mut came, 16384)).unwrap() > 0);
            server = acceptor.accept(came.data()).map(Result::unwrap);
        }
        let server = server.as_mut().unwrap();
        if !shaken {
            ready!(server.poll_handshake(cx, &far)).unwrap();
            shaken = true;
        }
        while got.len() < content.len() {
            let mut part = Buffer::new();
            let n = ready!(server.poll_recv_up_to(cx, &far, &mut part, 16384)).unwrap();
            assert!(n > 0, "the content ends early");
            got.extend_from_slice(part.data());
            seen.push(server.facts().early);
        }
        ready!(server.poll_confirm(cx, &far)).unwrap();
        seen.push(server.facts().early);
        Poll::Ready(())
    })
    .await;
    (got, seen)
}

#[test]
fn content_may_come_before_the_end_of_the_handshake() {
    let scratch = Scratch::new("early");
    block_on(async {
        let profile = || Profile { protocols: Some(vec![b"http/1.1"[..].into()]), ..Profile::default() };
        let certificates = [certificate(&scratch, "a.example.com")];
        let begun = || acceptor::Terms { early: Use::Yes, ..terms(profile(), Strictness::Lenient) };
        let (here, elsewhere) = (acceptor_of(begun(), &certificates), acceptor_of(begun(), &certificates));
        let not_wanted = acceptor(profile(), Strictness::Lenient, &certificates);
        // What fits into a record, and what has to wait for the rest of the handshake.
        for size in [10, 100_000] {
            let content: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            for (second, early) in
                [(&here, EarlyData::Confirmed), (&elsewhere, EarlyData::None), (&not_wanted, EarlyData::None)]
            {
                let to = connector(profile());
                let mut ends = meet(&here, &to, "a.example.com").await.unwrap();
                assert_eq!(ends.server.0.facts().early, EarlyData::None);
                let (session, socket) = &mut ends.server;
                poll_fn(|cx| session.poll_send(cx, socket, b"x", More::No)).await.unwrap();
                assert_eq!(receive(&mut ends.client, 1).await, b"x");
                let (got, seen) = send_ahead(second, &to, &content).await;
                assert!(got == content, "{size} {early:?}");
                let first = if early == EarlyData::None { EarlyData::None } else { EarlyData::Pending };
                assert_eq!((seen.first(), seen.last()), (Some(&first), Some(&early)));
            }
        }
    });
}

#[test]
fn both_sides_derive_the_same_ends_and_keys() {
    let scratch = Scratch::new("ends");
    block_on(async {
        for version in [Version::Tls12, Version::Tls13] {
            let profile = Profile { max: Some(version), min: Some(version), ..Profile::default() };
            let terms = acceptor::Terms {
                secrets: Keeping::Greetings,
                ..terms(profile.clone(), Strictness::Lenient)
            };
            let here = acceptor_of(terms, &[certificate(&scratch, "a.example.com")]);
            let to = connector_keeping(profile, Keeping::Greetings);
            let mut keys = Vec::new();
            for resumption in [Resumption::New, Resumption::Resumed] {
                let mut ends = meet(&here, &to, "a.example.com").await.unwrap();
                let facts = [ends.client.0.facts(), ends.server.0.facts()];
                let [client, server] = facts.each_ref().map(|f| f.secrets.as_deref().unwrap());
                assert_eq!((facts[0].resumption, &client.ends), (resumption, &server.ends));
                assert!(server.ends.client.is_some() && server.ends.client != server.ends.server);
                // The tickets come with the content, and both know the last one's key then, whenever they asked.
                let (session, socket) = &mut ends.server;
                poll_fn(|cx| session.poll_send(cx, socket, b"x", More::No)).await.unwrap();
                assert_eq!(receive(&mut ends.client, 1).await, b"x");
                assert_eq!(client.key.get(), server.key.get());
                keys.push(client.key.get().unwrap());
            }
            // Up to TLS 1.2 a session keeps its key.
            assert_eq!(keys[0] == keys[1], version == Version::Tls12);
        }
    });
}

#[test]
fn who_changes_keys_too_often_is_told_goodbye() {
    let scratch = Scratch::new("updates");
    block_on(async {
        let here =
            acceptor(Profile::default(), Strictness::Lenient, &[certificate(&scratch, "a.example.com")]);
        let to = connector(Profile::default());
        let mut ends = meet(&here, &to, "a.example.com").await.unwrap();
        // Even a slow machine reads far more than the limit in a second.
        let (limit, sent) = (20, 200);
        crate::updates::LIMIT.settle(limit);
        for n in 0..sent {
            let Core::Client(core) = &mut ends.client.0.0.core else { unreachable!() };
            let UnbufferedStatus { state: Ok(ConnectionState::WriteTraffic(traffic)), .. } =
                core.process_tls_records(&mut [])
            else {
                panic!("{n}: nothing can be sent")
            };
            traffic.refresh_traffic_keys().unwrap();
            let (session, socket) = &mut ends.client;
            let sent = poll_fn(|cx| session.poll_send(cx, socket, b"x", More::No)).await;
            assert!(sent.is_ok(), "{n}");
        }
        let (session, socket) = &mut ends.server;
        let (mut into, mut came) = (Buffer::new(), 0);
        let error = loop {
            match poll_fn(|cx| session.poll_recv_up_to(cx, socket, &mut into, 100)).await {
                Ok(got) => came += got,
                Err(error) => break error,
            }
            into.clear();
        };
        assert!((limit as usize..sent).contains(&came), "{came}: {error}");
        assert!(error.to_string().contains("key updates"), "{error}");
        let (session, socket) = &mut ends.client;
        into.clear();
        let end = poll_fn(|cx| session.poll_recv_up_to(cx, socket, &mut into, 100)).await;
        assert_eq!(end.unwrap(), 0);
    });
}

#[test]
fn nothing_in_common_is_an_error_on_both_sides() {
    let scratch = Scratch::new("nothing");
    block_on(async {
        let old = Profile { max: Some(crate::Version::Tls12), ..Profile::default() };
        let new = Profile { min: Some(crate::Version::Tls13), ..Profile::default() };
        let acceptor = acceptor(new, Strictness::Lenient, &[certificate(&scratch, "a.example.com")]);
        assert!(meet(&acceptor, &connector(old), "a.example.com").await.is_err());
    });
}

#[test]
fn files_that_give_no_certificate_say_why() {
    let scratch = Scratch::new("files");
    let Made { cert, signing_key } = generate_simple_self_signed(vec!["a".to_owned()]).unwrap();
    let other = generate_simple_self_signed(vec!["b".to_owned()]).unwrap();
    let load = |path: &Path| load(path).map_err(|e| e.to_string());
    let alone = scratch.write("alone.pem", &cert.pem());
    assert!(load(&alone).unwrap_err().contains("No Private Key found"));
    scratch.write("alone.pem.key", &signing_key.serialize_pem());
    assert!(load(&alone).is_ok());
    let mixed = scratch.write("mixed.pem", &(cert.pem() + &other.signing_key.serialize_pem()));
    assert!(load(&mixed).unwrap_err().contains("inconsistencies between private key and certificate"));
    let empty = scratch.write("empty.pem", "");
    assert!(load(&empty).unwrap_err().contains("unable to load certificate"));
    assert!(load(&scratch.0.join("nowhere.pem")).unwrap_err().contains("No such file"));
}

/// Gives bytes to a session's other end, and takes what comes of it until nothing more does.
async fn feed(session: &mut Session, socket: &Socket, far: &Socket, bytes: &[u8]) {
    let _ = far.try_send(bytes, More::No);
    far.shutdown_write().unwrap();
    let mut into = Buffer::new();
    let shaken = poll_fn(|cx| session.poll_handshake(cx, socket)).await;
    while shaken.is_ok() {
        into.clear();
        match poll_fn(|cx| session.poll_recv_up_to(cx, socket, &mut into, 16384)).await {
            Ok(n) if n > 0 => {}
            _ => break,
        }
    }
    // A session that has failed is left alone, whoever asks.
    session.close(socket);
    session.is_quiet(socket);
}

/// What a client sends first.
async fn first_flight() -> Vec<u8> {
    let (near, far) = Socket::pair().unwrap();
    let mut client = connector(Profile::default()).connect(Some(b"a.example.com")).unwrap();
    let _ = client.poll_handshake(&mut Context::from_waker(Waker::noop()), &near);
    let mut came = Buffer::new();
    poll_fn(|cx| far.poll_recv_up_to(cx, &mut came, 16384)).await.unwrap();
    came.data().to_vec()
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 256, ..Default::default() })]

    #[test]
    fn a_hostile_peer_gets_an_error(
        at in 0usize..2000,
        byte: u8,
        cut in 0usize..2000,
        noise in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
        server: bool,
    ) {
        let scratch = Scratch::new("hostile");
        block_on(async {
            let mut bytes = first_flight().await;
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(cut.max(1));
            bytes.extend_from_slice(&noise);
            let (near, far) = Socket::pair().unwrap();
            if server {
                let acceptor =
                    acceptor(Profile::default(), Strictness::Lenient, &[certificate(&scratch, "a.example.com")]);
                let Some(Ok(mut session)) = acceptor.accept(&bytes) else { return };
                feed(&mut session, &near, &far, &noise).await;
            } else {
                // What a client sends is no answer to another one.
                let mut session = connector(Profile::default()).connect(None).unwrap();
                feed(&mut session, &near, &far, &bytes).await;
            }
        });
    }
}
