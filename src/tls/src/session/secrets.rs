//! The secrets of a session, for who has to read recorded traffic (`tune.ssl.keylog`), and what both sides say in the
//! clear before there are any.

use std::cell::RefCell;
use std::sync::Arc;

use lang::hello::{Bytes, HANDSHAKE, RANDOM, SERVER};
use lang::tls_facts::{Ends, Secret, Secrets};
use rustls::KeyLog;

use crate::overheard::{self, Ender, Heard};

/// Which secrets are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// None.
    #[default]
    Nothing,
    /// What no secret of TLS 1.3 is needed for.
    Greetings,
    /// All (`tune.ssl.keylog`).
    All,
}

thread_local! {
    /// The library gives secrets to nobody in particular, on the thread that drives the session.
    static LOGGED: RefCell<Vec<Logged>> = const { RefCell::new(Vec::new()) };
}

/// A secret that a session has.
struct Logged {
    which: Secret,
    client_random: Box<[u8]>,
    secret: Box<[u8]>,
}

/// Takes the secrets of sessions.
#[derive(Debug)]
pub(crate) struct Tap(pub(crate) Keeping);

/// The names that the library has for secrets.
fn named(label: &str) -> Option<Secret> {
    Some(match label {
        "CLIENT_RANDOM" => Secret::Master,
        "CLIENT_EARLY_TRAFFIC_SECRET" => Secret::ClientEarlyTraffic,
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Secret::ClientHandshakeTraffic,
        "SERVER_HANDSHAKE_TRAFFIC_SECRET" => Secret::ServerHandshakeTraffic,
        "CLIENT_TRAFFIC_SECRET_0" => Secret::ClientTraffic,
        "SERVER_TRAFFIC_SECRET_0" => Secret::ServerTraffic,
        "EXPORTER_SECRET" => Secret::Exporter,
        "EARLY_EXPORTER_SECRET" => Secret::EarlyExporter,
        _ => return None,
    })
}

impl KeyLog for Tap {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let Some(which) = named(label) else { return };
        // Whom it belongs to tells that there is one; the rest is not kept for nothing.
        let secret = if which == Secret::Master || self.0 == Keeping::All { secret } else { &[] };
        let logged = Logged { which, client_random: client_random.into(), secret: secret.into() };
        LOGGED.with_borrow_mut(|all| all.push(logged));
    }

    fn will_log(&self, label: &str) -> bool {
        self.0 != Keeping::Nothing && named(label).is_some()
    }
}

impl Keeping {
    /// What the library is told to do with secrets.
    pub(crate) fn tap(self) -> Arc<dyn KeyLog> {
        Arc::new(Tap(self))
    }
}

/// Takes what the library has said and derived since the last call.
pub(super) fn take_logged(secrets: &mut Secrets) {
    for heard in overheard::heard() {
        take_heard(secrets, heard);
    }
    for Logged { which, client_random, secret } in LOGGED.take() {
        secrets.client_random = client_random;
        if !secret.is_empty() {
            secrets.keep(which, &secret);
        }
    }
}

fn take_heard(secrets: &mut Secrets, heard: Heard) {
    let Secrets { ends, key, .. } = &mut *secrets;
    match heard {
        Heard::Exchanged => *ends = Ends::default(),
        Heard::Finished(Some(Ender::Server), end) => ends.server = Some(end),
        Heard::Finished(None, end) if ends.server.is_none() => ends.server = Some(end),
        Heard::Finished(Some(Ender::Client) | None, end) => ends.client = Some(end),
        Heard::Key(new) => key.replace(new),
        Heard::EarlyExporter(secret) => secrets.keep(Secret::EarlyExporter, &secret),
    }
}

/// Looks at records that a server sends before anything is encrypted.
pub(super) fn look_at_greeting(secrets: &mut Secrets, records: &[u8]) {
    if let Some((random, id)) = greeting(records) {
        (secrets.server_random, secrets.session_id) = (random.into(), id.into());
    }
}

/// The random bytes and the session in a server's greeting.
fn greeting(records: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut bytes = Bytes(records);
    let [HANDSHAKE, ..] = *bytes.take(5)? else { return None };
    let [SERVER, ..] = *bytes.take(4)? else { return None };
    bytes.take(2)?;
    Some((bytes.take(RANDOM)?, bytes.block(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_tells_its_random_bytes_and_its_session() {
        let mut record = vec![HANDSHAKE, 3, 3, 0, 50, SERVER, 0, 0, 46, 3, 3];
        record.extend([7; RANDOM]);
        record.extend([2, 8, 9, 0x13, 1, 0]);
        let mut secrets = Secrets::default();
        look_at_greeting(&mut secrets, &record[..40]);
        assert_eq!(secrets, Secrets::default());
        look_at_greeting(&mut secrets, &record);
        assert_eq!((&*secrets.server_random, &*secrets.session_id), (&[7; RANDOM][..], &[8, 9][..]));
        record[0] = 0x17;
        assert_eq!(greeting(&record), None);
    }

    #[test]
    fn what_was_signed_before_the_keys_does_not_end_the_handshake() {
        let mut secrets = Secrets::default();
        let signed = |n: u8| Heard::Finished(None, [n].into());
        for heard in [signed(1), Heard::Key([1].into()), Heard::Exchanged, signed(2)] {
            take_heard(&mut secrets, heard);
        }
        assert_eq!(secrets.ends, Ends { client: None, server: Some([2].into()) });
        take_heard(&mut secrets, signed(3));
        take_heard(&mut secrets, Heard::Key([2].into()));
        assert_eq!(secrets.ends.client.as_deref(), Some(&[3][..]));
        assert_eq!(secrets.key.get().as_deref(), Some(&[2][..]));
        take_heard(&mut secrets, Heard::Finished(Some(Ender::Client), [4].into()));
        assert_eq!(secrets.ends.client.as_deref(), Some(&[4][..]));
    }

    #[test]
    fn secrets_are_kept_where_that_is_wanted() {
        for (keeping, expected) in [(Keeping::All, Some("0102")), (Keeping::Greetings, None)] {
            let tap = Tap(keeping);
            assert!(tap.will_log("EXPORTER_SECRET") && !tap.will_log("OTHER"));
            tap.log("EXPORTER_SECRET", &[5; 32], &[1, 2]);
            let mut secrets = Secrets::default();
            take_logged(&mut secrets);
            assert_eq!(secrets.secret(Secret::Exporter), expected);
            assert_eq!(*secrets.client_random, [5; 32]);
        }
        assert!(!Tap(Keeping::Nothing).will_log("EXPORTER_SECRET"));
    }
}
