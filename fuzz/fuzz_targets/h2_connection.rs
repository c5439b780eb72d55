//! Whatever arrives on an HTTP/2 connection, taking it ends, nothing is taken twice, and what is kept stays within what
//! the peer was allowed to send.
#![no_main]

use h2::{Code, Connection, Role, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (client, cut, data) = input;
    let role = if client { Role::Client } else { Role::Server };
    let settings = Settings { max_streams: 8, ..Settings::default() };
    let mut connection = Connection::new(role, settings);
    let mut begun = if client { Vec::new() } else { h2::PREFACE.to_vec() };
    begun.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    assert_eq!(connection.receive(&begun).consumed, begun.len());
    let (mut waiting, mut keys) = (Vec::new(), Vec::new());
    for some in data.chunks(usize::from(cut) + 1) {
        waiting.extend_from_slice(some);
        let taken = connection.receive(&waiting).consumed;
        waiting.drain(..taken);
        keys.extend(std::iter::from_fn(|| connection.accept()));
        if keys.len() > 4 {
            connection.release(keys.remove(0), Code::CANCEL);
        }
        if let Some(key) = keys.first() {
            let come = connection.body(*key).len();
            connection.consume(*key, come / 2);
        }
        connection.output().clear();
        connection.sent();
        assert!(connection.streams() <= 8);
    }
});
