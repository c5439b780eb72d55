//! What a connection may have to begin with: a PROXY header, or a client's address from NetScaler.

use std::future::poll_fn;
use std::task::{Context, Poll};

use lang::facts::{ConnFault, Expected, Introduction};
use net::Deadline;
use wire::proxy::{self, Origin};
use wire::{Parsed, cip};

use crate::conn::{Conn, Filled};
use crate::story::Story;

/// Reads what the connection has to begin with, and takes the client's addresses from it.
pub(crate) async fn read(story: &mut Story<'_>, conn: &mut Conn, magic: u32) -> Result<(), ConnFault> {
    let Expected { proxy, client_ip } = story.session.expected;
    if !proxy && !client_ip {
        return Ok(());
    }
    let timeouts = &story.frontend.common.timeouts;
    let (since, limit) = (timeouts.handshake.or(timeouts.client), story.site.tuning.buffer_size);
    story.expire(story.session.accepted.0, since);
    if proxy {
        let header = receive(conn, story.deadline, limit, &PROXY_FAULTS, |bytes| {
            proxy::decode(bytes).map_err(proxy_fault)
        });
        let header = header.await?;
        take_header(story, header);
    }
    if client_ip {
        let client = receive(conn, story.deadline, limit, &CIP_FAULTS, |bytes| {
            cip::decode(bytes, magic).map_err(cip_fault)
        });
        let cip::Client { source, destination } = client.await?;
        story.session.replace_source(source);
        story.session.replace_destination(destination);
    }
    story.handshake = story.now();
    Ok(())
}

fn take_header(story: &mut Story<'_>, header: proxy::Header) {
    let tlvs = header.tlvs.iter().map(|(kind, value)| (kind, value.into())).collect();
    story.session.introduction = Some(Box::new(Introduction { tlvs }));
    if let Origin::Client { source, destination } = header.origin {
        story.session.replace_source(source);
        story.session.replace_destination(destination);
    }
}

/// What may go wrong before a header is complete.
struct Faults {
    empty: ConnFault,
    broken: ConnFault,
    late: ConnFault,
    truncated: ConnFault,
}

const PROXY_FAULTS: Faults = Faults {
    empty: ConnFault::PROXY_EMPTY,
    broken: ConnFault::PROXY_ABORT,
    late: ConnFault::PROXY_TIMEOUT,
    truncated: ConnFault::PROXY_TRUNCATED,
};

const CIP_FAULTS: Faults = Faults {
    empty: ConnFault::CIP_EMPTY,
    broken: ConnFault::CIP_ABORT,
    late: ConnFault::CIP_TIMEOUT,
    truncated: ConnFault::CIP_TRUNCATED,
};

fn proxy_fault(error: proxy::Error) -> ConnFault {
    match error {
        proxy::Error::NotProxy => ConnFault::PROXY_NONE,
        proxy::Error::Invalid => ConnFault::PROXY_BAD,
        proxy::Error::Unhandled => ConnFault::PROXY_PROTOCOL,
    }
}

fn cip_fault(error: cip::Error) -> ConnFault {
    match error {
        cip::Error::BadMagic => ConnFault::CIP_MAGIC,
        cip::Error::Unhandled => ConnFault::CIP_PROTOCOL,
        cip::Error::BadLength => ConnFault::CIP_TRUNCATED,
    }
}

/// Whether nothing at all came, which `option dontlognull` leaves out of the logs.
pub(crate) fn is_silence(fault: ConnFault) -> bool {
    let silences = [
        ConnFault::PROXY_EMPTY,
        ConnFault::PROXY_ABORT,
        ConnFault::PROXY_TIMEOUT,
        ConnFault::CIP_EMPTY,
        ConnFault::CIP_ABORT,
        ConnFault::CIP_TIMEOUT,
    ];
    silences.contains(&fault) || tls::Fault::is_silence(fault)
}

/// Receives until a header is complete; what follows it stays in the connection's input.
async fn receive<T>(
    conn: &mut Conn,
    deadline: &mut Deadline,
    limit: usize,
    faults: &Faults,
    decode: impl Fn(&[u8]) -> Result<Parsed<T>, ConnFault>,
) -> Result<T, ConnFault> {
    poll_fn(|cx| poll(cx, conn, deadline, limit, faults, &decode)).await
}

fn poll<T>(
    cx: &mut Context<'_>,
    conn: &mut Conn,
    deadline: &mut Deadline,
    limit: usize,
    faults: &Faults,
    decode: &impl Fn(&[u8]) -> Result<Parsed<T>, ConnFault>,
) -> Poll<Result<T, ConnFault>> {
    loop {
        if !conn.input.is_empty() {
            match decode(conn.input.data()) {
                Err(fault) => return Poll::Ready(Err(fault)),
                Ok(Parsed::Complete(header, len)) => {
                    conn.input.consume(len);
                    return Poll::Ready(Ok(header));
                }
                Ok(Parsed::Partial) if conn.input.len() >= limit => {
                    return Poll::Ready(Err(faults.truncated));
                }
                Ok(Parsed::Partial) => {}
            }
        }
        let begun = !conn.input.is_empty();
        let or_truncated = |fault| if begun { faults.truncated } else { fault };
        match conn.poll_fill(cx, limit) {
            Poll::Ready(Ok(Filled::Bytes(_))) => {}
            Poll::Ready(Ok(Filled::End)) => return Poll::Ready(Err(or_truncated(faults.empty))),
            Poll::Ready(Err(_)) => return Poll::Ready(Err(or_truncated(faults.broken))),
            Poll::Pending => return deadline.poll_expired(cx).map(|()| Err(or_truncated(faults.late))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::clock::Clock;
    use net::{More, Socket};

    use super::*;

    const LINE: &[u8] = b"PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n";

    /// What comes of a client that sends these pieces, then closes or waits.
    fn outcome(pieces: &[&[u8]], close: bool) -> (Result<proxy::Header, ConnFault>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default());
        runtime.unwrap().block_on(async {
            let (client, near) = Socket::pair().unwrap();
            let mut conn = Conn::new(near);
            let clock = Clock::system();
            let mut deadline = Deadline::new(clock.clone());
            deadline.set(clock.now() + Duration::from_millis(50));
            let reading = receive(&mut conn, &mut deadline, 1024, &PROXY_FAULTS, |bytes| {
                proxy::decode(bytes).map_err(proxy_fault)
            });
            let writing = async {
                for piece in pieces {
                    client.try_send(piece, More::No).unwrap();
                    tokio::task::yield_now().await;
                }
                if close {
                    client.shutdown_write().unwrap();
                }
            };
            let (read, ()) = tokio::join!(reading, writing);
            (read, conn.input.data().to_vec())
        })
    }

    #[test]
    fn a_header_is_taken_and_what_follows_stays() {
        let whole = [LINE, b"GET /"].concat();
        for pieces in [
            &[&whole[..]][..],
            &[&whole[..9], &whole[9..]],
            &[&whole[..LINE.len() - 1], &whole[LINE.len() - 1..]],
        ] {
            let (header, rest) = outcome(pieces, false);
            assert!(matches!(header.unwrap().origin, Origin::Client { .. }));
            assert_eq!(rest, b"GET /");
        }
    }

    #[test]
    fn every_failure_has_its_own_name() {
        let long = [b"PROXY ".as_slice(), &[b'x'; 200]].concat();
        let block = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x20\x00".as_slice(), &[0; 1100]].concat();
        for (pieces, close, fault) in [
            (&[][..], true, ConnFault::PROXY_EMPTY),
            (&[], false, ConnFault::PROXY_TIMEOUT),
            (&[&LINE[..8]], true, ConnFault::PROXY_TRUNCATED),
            (&[&LINE[..8]], false, ConnFault::PROXY_TRUNCATED),
            (&[b"GET / HTTP/1.1\r\n"], false, ConnFault::PROXY_NONE),
            (&[&long], false, ConnFault::PROXY_BAD),
            (&[&block], false, ConnFault::PROXY_TRUNCATED),
        ] {
            assert_eq!(outcome(pieces, close).0.unwrap_err(), fault);
        }
    }
}
