//! One check of one server.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use backend::dial::{HeaderSettings, PortLease};
use backend::{CheckResult, CheckStatus};
use base::addr::Addr;
use base::buffer::Buffer;
use base::clock::Clock;
use net::connect::{ConnectError, ConnectSpec, connect};
use net::{More, Socket};
use tls::{Connector, Fault, Session};
use tokio::time::timeout;
use wire::proxy::{Origin, Tlv};
use wire::{Parsed, socks4};

use crate::http;
use crate::settings::CheckKind;

/// The times that a check may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) answer: Duration,
}

/// The largest answer that is looked at.
const MAX_ANSWER: usize = 16384;

/// Where a check goes, and how.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) spec: ConnectSpec,
    /// The local port, when it is taken from a range: it is held until the check is over.
    pub(crate) _port: Option<PortLease>,
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
}

/// A connection to the server.
struct Line {
    socket: Socket,
    tls: Option<Session>,
}

impl Line {
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match &mut self.tls {
            None => self.socket.poll_send(cx, bytes, More::No),
            Some(tls) => tls.poll_send(cx, &self.socket, bytes, More::No),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut sent = 0;
        while sent < bytes.len() {
            sent += poll_fn(|cx| self.poll_send(cx, &bytes[sent..])).await?;
        }
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => poll_fn(|cx| tls.poll_flush(cx, &self.socket, More::No)).await,
        }
    }

    /// Receives until the buffer holds `limit` bytes at most; 0 is the end.
    async fn receive(&mut self, into: &mut Buffer, limit: usize) -> std::io::Result<usize> {
        poll_fn(|cx| match &mut self.tls {
            None => self.socket.poll_recv_up_to(cx, into, limit),
            Some(tls) => tls.poll_recv_up_to(cx, &self.socket, into, limit),
        })
        .await
    }

    /// Agrees on encryption.
    async fn encrypt(&mut self, how: &Encrypted) -> Result<(), Fault> {
        let mut session = how.connector.connect(how.name.as_deref())?;
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

/// Makes one check.
pub(crate) async fn probe(
    errand: &Errand,
    kind: &CheckKind,
    patience: Patience,
    clock: &Clock,
) -> CheckResult {
    let begin = clock.now();
    let mut result = match timeout(patience.connect, arrive(errand)).await {
        Err(_) => of(CheckStatus::L4Timeout),
        Ok(Err(result)) => result,
        Ok(Ok(socket)) => {
            let mut line = Line { socket, tls: None };
            let early = if errand.tls.is_some() { CheckStatus::L6Timeout } else { CheckStatus::L7Timeout };
            match timeout(patience.answer, greet(&mut line, errand)).await {
                Err(_) => of(early),
                Ok(Err(result)) => result,
                Ok(Ok(())) => timeout(patience.answer, talk(&mut line, errand, kind))
                    .await
                    .unwrap_or_else(|_| of(CheckStatus::L7Timeout)),
            }
        }
    };
    result.millis = clock.now().millis_since(begin);
    result
}

/// The result when there is no local port left for a check.
pub(crate) fn no_port() -> CheckResult {
    CheckResult { info: "no port is left".to_owned(), ..of(CheckStatus::SocketError) }
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

/// Says what comes before the check itself.
async fn greet(line: &mut Line, errand: &Errand) -> Result<(), CheckResult> {
    if let Some(header) = &errand.header {
        let header = header.encode(line.socket.local_addr().ok(), &errand.to);
        line.send(&header).await.map_err(|_| of(CheckStatus::SocketError))?;
    }
    if let Some(how) = &errand.tls {
        let failed = |fault: Fault| CheckResult {
            info: format!("{} ({})", fault.conn.message, fault.reason),
            ..of(CheckStatus::L6Invalid)
        };
        line.encrypt(how).await.map_err(failed)?;
    }
    Ok(())
}

/// Says and hears what the check is about.
async fn talk(line: &mut Line, errand: &Errand, kind: &CheckKind) -> CheckResult {
    match kind {
        CheckKind::Connect if errand.tls.is_some() => of(CheckStatus::L6Ok),
        CheckKind::Connect => {
            if errand.header.is_none() {
                // A reset spares both sides the closing of a connection that carried nothing.
                let _ = line.socket.reset_on_close(net::Switch::On);
            }
            of(CheckStatus::L4Ok)
        }
        CheckKind::Http(request) => match line.send(&http::request(request)).await {
            Ok(()) => answer(line).await,
            Err(_) => of(CheckStatus::SocketError),
        },
    }
}

async fn send(socket: &Socket, bytes: &[u8]) -> std::io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += poll_fn(|cx| socket.poll_send(cx, &bytes[sent..], More::No)).await?;
    }
    Ok(())
}

fn of(status: CheckStatus) -> CheckResult {
    CheckResult { status, ..CheckResult::default() }
}

fn refused(e: &ConnectError) -> CheckResult {
    let reason = sys_reason(e.io());
    CheckResult { info: reason, ..of(CheckStatus::L4Connection) }
}

/// The system's words for an error.
fn sys_reason(e: &std::io::Error) -> String {
    let name = match e.raw_os_error() {
        Some(errno) => errno_name(errno),
        None => return e.to_string(),
    };
    let text = e.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("{name} returned by OS ({text})")
}

fn errno_name(errno: i32) -> &'static str {
    match errno {
        101 => "ENETUNREACH",
        104 => "ECONNRESET",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        113 => "EHOSTUNREACH",
        2 => "ENOENT",
        13 => "EACCES",
        _ => "an error",
    }
}

/// What the server answers.
async fn answer(line: &mut Line) -> CheckResult {
    let mut answer = Buffer::new();
    loop {
        match line.receive(&mut answer, MAX_ANSWER).await {
            Ok(0) if answer.is_empty() => return of(CheckStatus::SocketError),
            Ok(0) => return http::invalid(),
            Err(_) => return of(CheckStatus::SocketError),
            Ok(_) => {}
        }
        if let Some(result) = http::judge(answer.data()) {
            return result;
        }
        if answer.len() >= MAX_ANSWER {
            return http::invalid();
        }
    }
}
