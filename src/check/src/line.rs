//! A connection to the server that is checked.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use backend::dial::{HeaderSettings, PortLease};
use backend::{CheckResult, CheckStatus};
use base::addr::Addr;
use base::buffer::Buffer;
use net::connect::{ConnectError, ConnectSpec, connect};
use net::{More, Socket, Switch};
use tls::{Connector, Fault, Offer, Session};
use tokio::time::{Instant, timeout_at};
use wire::proxy::{Origin, Tlv};
use wire::{Parsed, socks4};

/// Where a check goes, and how.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) spec: ConnectSpec,
    /// The local port, when it is taken from a range: it is held as long as the connection.
    pub(crate) port: Option<PortLease>,
    /// The server, when the connection is made to a proxy before it.
    pub(crate) beyond: Option<Addr>,
    /// The server.
    pub(crate) to: Addr,
    /// What comes before everything else.
    pub(crate) header: Option<Preface>,
    /// How the rest is encrypted, if it is.
    pub(crate) tls: Option<Encrypted>,
}

/// How a check is encrypted.
#[derive(Debug)]
pub(crate) struct Encrypted {
    pub(crate) connector: Arc<Connector>,
    /// The name that the server is told.
    pub(crate) name: Option<Box<[u8]>>,
    /// The protocols that it is offered; the server's without.
    pub(crate) alpn: Option<Vec<Vec<u8>>>,
    /// What is spoken then.
    pub(crate) speech: Speech,
}

/// What a check speaks with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// Whatever was agreed on.
    Any,
    /// Anything but HTTP/2, which need not be offered.
    NotHttp2,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Cut, which spares both sides the closing.
    Reset,
    /// Closed.
    Linger,
}

/// A connection to the server.
pub(crate) struct Line {
    pub(crate) socket: Socket,
    pub(crate) tls: Option<Session>,
    _port: Option<PortLease>,
}

impl Line {
    /// Connects, through the proxy before the server if there is one, and agrees on encryption.
    pub(crate) async fn open(errand: Errand, until: Instant) -> Result<Self, CheckResult> {
        let late = |status| move |_| of(status);
        let socket = timeout_at(until, arrive(&errand)).await.map_err(late(CheckStatus::L4Timeout))??;
        let mut line = Self { socket, tls: None, _port: errand.port };
        line.set_end(End::Reset);
        if let Some(header) = &errand.header {
            let header = header.encode(line.socket.local_addr().ok(), &errand.to);
            let sent = timeout_at(until, line.send(&header)).await.map_err(late(CheckStatus::L4Timeout))?;
            sent.map_err(|e| CheckResult { info: sys_reason(&e), ..of(CheckStatus::SocketError) })?;
        }
        if let Some(how) = &errand.tls {
            let agreed = timeout_at(until, line.encrypt(how)).await.map_err(late(CheckStatus::L6Timeout))?;
            agreed.map_err(|fault| CheckResult { info: words_of(&fault), ..of(CheckStatus::L6Invalid) })?;
        }
        Ok(line)
    }

    /// Says how it ends when it is dropped.
    pub(crate) fn set_end(&self, end: End) {
        let switch = if end == End::Reset && self.tls.is_none() { Switch::On } else { Switch::Off };
        let _ = self.socket.reset_on_close(switch);
    }

    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match &mut self.tls {
            None => self.socket.poll_send(cx, bytes, More::No),
            Some(tls) => tls.poll_send(cx, &self.socket, bytes, More::No),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut sent = 0;
        while sent < bytes.len() {
            sent += poll_fn(|cx| self.poll_send(cx, &bytes[sent..])).await?;
        }
        self.flush().await
    }

    /// Sends what encryption still holds.
    pub(crate) async fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => poll_fn(|cx| tls.poll_flush(cx, &self.socket, More::No)).await,
        }
    }

    /// Receives until the buffer holds `limit` bytes at most; 0 is the end.
    pub(crate) async fn receive(&mut self, into: &mut Buffer, limit: usize) -> std::io::Result<usize> {
        poll_fn(|cx| match &mut self.tls {
            None => self.socket.poll_recv_up_to(cx, into, limit),
            Some(tls) => tls.poll_recv_up_to(cx, &self.socket, into, limit),
        })
        .await
    }

    async fn encrypt(&mut self, how: &Encrypted) -> Result<(), Fault> {
        let mut list = how.alpn.clone();
        if let Some(list) = list.as_mut().filter(|_| how.speech == Speech::NotHttp2) {
            list.retain(|p| p != b"h2");
        }
        let offer = match (&list, how.speech) {
            (Some(list), _) => Offer::These(list),
            (None, Speech::Any) => Offer::All,
            (None, Speech::NotHttp2) => Offer::Usual,
        };
        let mut session = how.connector.connect_alone(how.name.as_deref(), offer)?;
        poll_fn(|cx| session.poll_handshake(cx, &self.socket)).await?;
        self.tls = Some(session);
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close(&self.socket);
        }
    }
}

/// The header of a connection that is made for nobody.
#[derive(Debug)]
pub(crate) struct Preface {
    pub(crate) settings: HeaderSettings,
    /// Types and values.
    pub(crate) tlvs: Vec<(u8, Vec<u8>)>,
}

impl Preface {
    /// Version 1 has no way to say that nobody is behind a connection: it names the check's own two ends.
    fn encode(&self, from: Option<Addr>, to: &Addr) -> Vec<u8> {
        let origin = match from {
            Some(source) if !self.settings.v2.is_on() => Origin::Client { source, destination: to.clone() },
            _ => Origin::Local,
        };
        let mut tlvs: Vec<Tlv<'_>> = self.tlvs.iter().map(|(kind, value)| Tlv::Value(*kind, value)).collect();
        if self.settings.checksum.is_on() {
            tlvs.push(Tlv::Checksum);
        }
        self.settings.encode(&origin, &tlvs)
    }
}

/// A connection to the server, through the proxy before it if there is one.
async fn arrive(errand: &Errand) -> Result<Socket, CheckResult> {
    let socket = connect(&errand.spec).await.map_err(|e| refused(&e))?;
    let Some(beyond) = &errand.beyond else { return Ok(socket) };
    let failed = |info: &str| CheckResult { info: info.to_owned(), ..of(CheckStatus::L4Connection) };
    // The protocol knows no other addresses.
    let Addr::Inet(SocketAddr::V4(beyond)) = beyond else {
        return Err(failed("a SOCKS4 proxy takes IPv4 addresses only"));
    };
    let mut request = Vec::with_capacity(32);
    socks4::encode_request(*beyond, &mut request);
    send(&socket, &request).await.map_err(|e| failed(&sys_reason(&e)))?;
    let mut reply = Buffer::new();
    loop {
        match socks4::decode_reply(reply.data()) {
            Ok(Parsed::Complete(..)) => return Ok(socket),
            Ok(Parsed::Partial) => {}
            Err(e) => return Err(failed(&e.to_string())),
        }
        reply.ensure_capacity(socks4::REPLY_LEN);
        let room = socks4::REPLY_LEN - reply.len();
        match poll_fn(|cx| socket.poll_recv(cx, &mut reply, room)).await {
            Ok(0) => return Err(failed("the SOCKS4 proxy closed the connection")),
            Ok(_) => {}
            Err(e) => return Err(failed(&sys_reason(&e))),
        }
    }
}

async fn send(socket: &Socket, bytes: &[u8]) -> std::io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += poll_fn(|cx| socket.poll_send(cx, &bytes[sent..], More::No)).await?;
    }
    Ok(())
}

pub(crate) fn of(status: CheckStatus) -> CheckResult {
    CheckResult { status, ..CheckResult::default() }
}

/// What is said of a handshake that failed: the certificate is worth telling of, the rest is not.
fn words_of(fault: &Fault) -> String {
    if fault.is_about_certificate() {
        format!("{} ({})", fault.conn.message, fault.reason)
    } else {
        "SSL handshake failure".to_owned()
    }
}

fn refused(e: &ConnectError) -> CheckResult {
    // What there is not cannot refuse.
    let absent = e.io().raw_os_error() == Some(NO_FILE);
    let status = if absent { CheckStatus::SocketError } else { CheckStatus::L4Connection };
    CheckResult { info: sys_reason(e.io()), ..of(status) }
}

/// The system's words for an error.
pub(crate) fn sys_reason(e: &std::io::Error) -> String {
    let Some(errno) = e.raw_os_error() else { return e.to_string() };
    let text = e.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    if [NO_FILE, NO_NETWORK].contains(&errno) {
        return format!("General socket error ({text})");
    }
    format!("{} returned by OS ({text})", errno_name(errno))
}

/// What a connection meets before it has begun.
const NO_NETWORK: i32 = 101;
const NO_FILE: i32 = 2;

fn errno_name(errno: i32) -> &'static str {
    match errno {
        11 => "EAGAIN",
        13 => "EACCES",
        32 => "EPIPE",
        99 => "EADDRNOTAVAIL",
        104 => "ECONNRESET",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        113 => "EHOSTUNREACH",
        _ => "an error",
    }
}
