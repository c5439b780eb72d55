//! A new connection to a server: where it goes, where it comes from, and what is said on it first.

use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use backend::connection::{Particulars, Surroundings, source, spec};
use backend::dial::{HeaderSettings, ServerNamespace, ServerPort, Shown, Websockets};
use backend::{RetryOn, Server};
use base::addr::{Addr, Family};
use base::ration::Claim;
use h1::Upgrade;
use lang::facts::{ConnFault, Encryption};
use lang::tls_facts::EarlyData;
use net::Namespace;
use net::connect::{ConnectError, ConnectErrorKind, Connecting, start};
use net::{Deadline, More, Switch};
use tls::Fault;
use wire::proxy::{self, Origin, SslTlv, Tlv};
use wire::{Parsed, socks4};

use crate::conn::{Closing, Conn, Filled};
use crate::secure::{self, Ahead};
use crate::settings::SmartAck;
use crate::site::{BackendSide, Site};
use crate::story::{Stage, Story};
use crate::told;

/// What sets a connection apart from others to the same server: it serves only streams that would have
/// made the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Traits {
    /// Where it goes to, when the server's address does not say.
    to: Option<Addr>,
    /// The source that the server sees, when it is the client's.
    shown: Option<Addr>,
    /// What is sent on it first.
    header: Vec<u8>,
    mark: Option<u32>,
    tos: Option<u8>,
    /// `pool-conn-name`.
    name: Option<Box<[u8]>>,
    /// The client's network namespace, when it is the server's, too.
    namespace: Option<Vec<u8>>,
    /// Whether it is for HTTP/1 where others may not be.
    only_http1: OnlyHttp1,
}

/// Whether a connection is for HTTP/1 only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum OnlyHttp1 {
    #[default]
    No,
    Yes,
}

impl OnlyHttp1 {
    /// What `ws` means for a stream.
    fn of(story: &Story<'_>, server: &Server) -> Self {
        if !matches!(story.upgrade, Upgrade::WebSocket | Upgrade::WebSocketWithoutKey) {
            return Self::No;
        }
        let agreed = || {
            let connector = server.tls.as_ref().map(|tls| &tls.connector);
            server.dial.protocol.is_none()
                && connector.is_some_and(|c| c.offers(b"http/1.1") && c.offers(b"h2"))
        };
        match server.dial.websockets {
            Websockets::Http1 => Self::Yes,
            Websockets::Auto if agreed() => Self::Yes,
            Websockets::Auto | Websockets::Http2 => Self::No,
        }
    }
}

impl Traits {
    /// Whether it is for HTTP/1 only.
    pub(crate) fn is_for_http1(&self) -> bool {
        self.only_http1 == OnlyHttp1::Yes
    }

    /// The traits of the connection that the stream would make.
    pub(crate) fn of(story: &Story<'_>, backend: &BackendSide, server: &Server) -> Self {
        let mut traits = Self {
            mark: story.facts.server_mark,
            tos: story.facts.server_tos,
            only_http1: OnlyHttp1::of(story, server),
            ..Self::default()
        };
        if server.dial.port != ServerPort::Own || server.has_open_address() {
            traits.to = Some(target(story, &server.address.load(), server.dial.port));
        }
        if let Some(shown) = source(&backend.core, server).and_then(|s| s.shown.as_ref()) {
            traits.shown = shown_source(story, shown);
        }
        if server.dial.header.is_sent() {
            traits.header = header(story, server);
        }
        if let Some(name) = &server.dial.name {
            traits.name = text(story, server, name);
        } else if let Some(name) = told_name(story, server) {
            traits.name = Some(name);
        }
        if matches!(server.dial.namespace, ServerNamespace::Clients) {
            traits.namespace = namespace(story).map(<[u8]>::to_vec);
        }
        traits
    }

    fn particulars(&self) -> Particulars {
        Particulars {
            shown: self.shown.clone(),
            mark: self.mark,
            tos: self.tos,
            namespace: self.namespace.as_deref().and_then(Namespace::known),
        }
    }

    /// Whether nothing sets such connections apart.
    pub(crate) fn is_plain(&self) -> bool {
        let Self { to, shown, header, mark, tos, name, namespace, only_http1 } = self;
        let places = to.is_none() && shown.is_none() && name.is_none() && namespace.is_none();
        let marks = mark.is_none() && tos.is_none() && *only_http1 == OnlyHttp1::No;
        places && marks && header.is_empty()
    }

    /// A number for the place where such connections are kept.
    pub(crate) fn key(&self) -> u64 {
        if self.is_plain() {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// The value of an expression.
fn text(story: &Story<'_>, server: &Server, expr: &lang::Expr) -> Option<Box<[u8]>> {
    let scene = story.scene(Stage::Request, Some(server));
    expr.eval(&scene).value().map(|value| value.into_text().into())
}

/// The name that the server is told, if connections to it are encrypted.
fn told_name(story: &Story<'_>, server: &Server) -> Option<Box<[u8]>> {
    text(story, server, server.tls.as_ref()?.name.as_deref()?)
}

/// The namespace that the client's PROXY header names, if the configuration does, too.
fn namespace<'s>(story: &'s Story<'_>) -> Option<&'s [u8]> {
    let name = story.session.introduction.as_deref()?.values(proxy::kind::NETNS).next()?;
    Namespace::known(name).map(|_| name)
}

/// The address to connect to: what the server's address leaves open is the client's destination.
fn target(story: &Story<'_>, address: &Addr, port: ServerPort) -> Addr {
    let wanted = story.destination();
    let mut to = address.clone();
    if to.is_unspecified()
        && let Some(ip) = wanted.and_then(Addr::ip)
    {
        to = to.with_ip(ip);
    }
    match port {
        ServerPort::Own => to,
        ServerPort::Clients(offset) => {
            let port = i32::from(wanted.and_then(Addr::port).unwrap_or(0)) + offset;
            to.with_port(port as u16)
        }
    }
}

/// The source that the server is to see; none when the client has none that it could.
fn shown_source(story: &Story<'_>, shown: &Shown) -> Option<Addr> {
    let inet = |addr: &&Addr| addr.family() != Family::Unix;
    match shown {
        Shown::Addr(addr) => Some(addr.clone()),
        Shown::Client => story.source().filter(inet).cloned(),
        Shown::ClientIp => story.source().filter(inet).map(|addr| addr.with_port(0)),
        Shown::Header { name, occurrence } => {
            let value = story.request.headers.nth_value(name, *occurrence)?;
            let ip: IpAddr = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
            Some(Addr::inet(ip, 0))
        }
    }
}

/// The PROXY header for the stream's client.
fn header(story: &Story<'_>, server: &Server) -> Vec<u8> {
    let settings = &server.dial.header;
    let origin = match (story.source(), story.destination()) {
        (Some(source), Some(destination)) => {
            Origin::Client { source: source.clone(), destination: destination.clone() }
        }
        _ => Origin::Unknown,
    };
    let values = if settings.v2.is_on() { tlv_values(story, server, settings) } else { Vec::new() };
    let session = settings.tells_of_tls().then(|| told::session(story.session.tls.tls(), settings));
    settings.encode(&origin, &tlvs(story, settings, &values, session.as_ref()))
}

fn tlv_values(story: &Story<'_>, server: &Server, settings: &HeaderSettings) -> Vec<(u8, Vec<u8>)> {
    let http = story.backend.is_some_and(|backend| backend.common.facts.http);
    let stage = if http { Stage::Request } else { Stage::Connection };
    let scene = story.scene(stage, Some(server));
    let render = |format: &Option<Arc<lang::LogFormat>>| {
        let mut value = Vec::new();
        if let Some(format) = format {
            format.render(&scene, &mut value);
        }
        value
    };
    settings.tlvs.iter().map(|(kind, format)| (*kind, render(format))).collect()
}

fn tlvs<'a>(
    story: &'a Story<'_>,
    settings: &HeaderSettings,
    values: &'a [(u8, Vec<u8>)],
    session: Option<&'a SslTlv>,
) -> Vec<Tlv<'a>> {
    let mut tlvs: Vec<Tlv<'a>> = values.iter().map(|(kind, value)| Tlv::Value(*kind, value)).collect();
    if settings.checksum.is_on() {
        tlvs.push(Tlv::Checksum);
    }
    let client = story.session.tls.tls();
    let protocol = client.and_then(|t| t.protocol.as_deref());
    tlvs.extend(protocol.map(|p| Tlv::Value(proxy::kind::ALPN, p)));
    if settings.authority.is_on() {
        let received = story.session.introduction.as_deref();
        let received = received.and_then(|i| i.values(proxy::kind::AUTHORITY).next());
        let authority = client.and_then(|t| t.name.as_deref()).map(str::as_bytes).or(received);
        tlvs.extend(authority.map(|value| Tlv::Value(proxy::kind::AUTHORITY, value)));
    }
    if settings.unique_id.is_on() {
        let id = story.facts.unique_id.as_deref().unwrap_or_default();
        tlvs.push(Tlv::Value(proxy::kind::UNIQUE_ID, id));
    }
    tlvs.extend(session.map(Tlv::Ssl));
    tlvs.extend(namespace(story).map(|n| Tlv::Value(proxy::kind::NETNS, n)));
    tlvs
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DialError {
    /// The server, or the proxy before it, did not let us in.
    Refused(ConnFault),
    /// It took too long.
    Late,
}

/// Connects to a server, and says first what has to be said. The story's deadline bounds it all.
pub(crate) async fn dial(
    story: &mut Story<'_>,
    backend: &BackendSide,
    server: &Server,
    traits: Traits,
) -> Result<Conn, DialError> {
    let moves = server.moves();
    let to = traits.to.clone().unwrap_or_else(|| Addr::clone(&server.address.load()));
    story.note_target(&to);
    let first = server.dial.socks4.as_ref().unwrap_or(&to);
    let around = surroundings(story.site, backend);
    let (spec, lease) = spec(&backend.core, server, first, &around, &traits.particulars())
        .map_err(|_| DialError::Refused(ConnFault::PORT_RANGE))?;
    let mut connecting = start(&spec).map_err(|e| DialError::Refused(fault(&e)))?;
    established(&mut connecting, story.deadline).await?;
    let mut conn = Conn::new(connecting.into_socket());
    conn.claim = Claim::Reserved;
    conn.moves = moves;
    conn.closing = if backend.common.sockets.no_linger.is_on() { Closing::Reset } else { Closing::Freed };
    conn.port = lease;
    if server.dial.socks4.is_some() {
        ask_for(&mut conn, &to, story.deadline).await?;
    }
    if !traits.header.is_empty() {
        send(&mut conn, &traits.header, story.deadline).await?;
    }
    if let Some(tls) = &server.tls {
        let name = told_name(story, server);
        if story.site.rates.is_crowded_by(tls::figures().current()) {
            let fault = Fault::crowded();
            story.facts.server_tls = Encryption::Tls(Arc::new(fault.facts()));
            return Err(DialError::Refused(fault.conn));
        }
        let ahead = match traits.only_http1 {
            OnlyHttp1::Yes => Ahead::Http1,
            OnlyHttp1::No => ahead(story, backend, &tls.connector),
        };
        let secured =
            Box::pin(secure::with_server(&mut conn, &tls.connector, name.as_deref(), ahead, story.deadline));
        let shaken = secured.await;
        let objects = [&server.counters.common.tls, &backend.core.counters.tls];
        secure::count_server(story, &conn, objects, &shaken);
        if let Err(fault) = shaken {
            story.facts.server_tls = Encryption::Tls(Arc::new(fault.facts()));
            return Err(if fault.is_late() { DialError::Late } else { DialError::Refused(fault.conn) });
        }
    }
    story.note_server(&conn, Some(to));
    if !traits.is_plain() {
        conn.traits = Some(Box::new(traits));
    }
    Ok(conn)
}

/// Whether what is sent first may go before the end of the handshake: the client did so too, or the request is sent
/// again if the server does not want it so early.
fn ahead(story: &Story<'_>, backend: &BackendSide, connector: &tls::Connector) -> Ahead {
    let client = story.session.tls.tls().is_some_and(|t| t.early != EarlyData::None);
    let again = || {
        let retries = backend.core.settings.retry_on.contains(RetryOn::EARLY_DATA_REJECTED);
        backend.common.facts.http && retries && story.facts.retries == 0
    };
    if connector.goes_ahead() && (client || again()) { Ahead::Yes } else { Ahead::No }
}

/// What the proxy says of the sockets of connections to its servers.
pub(crate) fn surroundings(site: &Site, backend: &BackendSide) -> Surroundings {
    let sockets = &backend.common.sockets;
    Surroundings {
        keep_alive: sockets.server_keepalive.is_on().then_some(sockets.server_probes),
        delay_ack: if sockets.smart_connect == SmartAck::On { Switch::On } else { Switch::Off },
        buffers: site.buffers.server,
    }
}

async fn established(connecting: &mut Connecting, deadline: &mut Deadline) -> Result<(), DialError> {
    poll_fn(|cx| match connecting.poll_established(cx) {
        Poll::Ready(done) => Poll::Ready(done.map_err(|e| DialError::Refused(fault(&e)))),
        Poll::Pending => late(cx, deadline),
    })
    .await
}

/// Why the system says that there is no connection.
fn fault(e: &ConnectError) -> ConnFault {
    match e.kind() {
        ConnectErrorKind::Refused => ConnFault::REFUSED,
        ConnectErrorKind::Unreachable => ConnFault::UNREACHABLE,
        ConnectErrorKind::NoPorts => ConnFault::NO_PORTS,
        ConnectErrorKind::BadSource => ConnFault::CANNOT_BIND,
        ConnectErrorKind::NoProcessFds => ConnFault::PROCESS_FDS,
        ConnectErrorKind::NoSystemFds => ConnFault::SYSTEM_FDS,
        _ => ConnFault::SOCKET,
    }
}

/// Why nothing can be said to a server.
fn broken(e: &io::Error) -> ConnFault {
    match e.kind() {
        ErrorKind::ConnectionRefused => ConnFault::REFUSED,
        ErrorKind::ConnectionReset => ConnFault::RESET,
        ErrorKind::BrokenPipe => ConnFault::PIPE,
        _ => ConnFault::SOCKET,
    }
}

/// Sends what comes before everything else.
async fn send(conn: &mut Conn, bytes: &[u8], deadline: &mut Deadline) -> Result<(), DialError> {
    conn.output.ensure_capacity(bytes.len());
    conn.output.extend(bytes);
    poll_fn(|cx| match conn.poll_flush(cx, More::No) {
        Poll::Ready(done) => Poll::Ready(done.map_err(|e| DialError::Refused(broken(&e)))),
        Poll::Pending => late(cx, deadline),
    })
    .await
}

/// Asks a SOCKS4 proxy for a connection.
async fn ask_for(conn: &mut Conn, to: &Addr, deadline: &mut Deadline) -> Result<(), DialError> {
    // The protocol knows no other addresses.
    let Addr::Inet(SocketAddr::V4(to)) = to else { return Err(DialError::Refused(ConnFault::SOCKS4_SEND)) };
    let mut request = Vec::with_capacity(32);
    socks4::encode_request(*to, &mut request);
    send(conn, &request, deadline).await?;
    poll_fn(|cx| poll_reply(cx, conn, deadline)).await
}

fn poll_reply(cx: &mut Context<'_>, conn: &mut Conn, deadline: &mut Deadline) -> Poll<Result<(), DialError>> {
    loop {
        match socks4::decode_reply(conn.input.data()) {
            Ok(Parsed::Complete((), len)) => {
                conn.input.consume(len);
                return Poll::Ready(Ok(()));
            }
            Ok(Parsed::Partial) => {}
            Err(_) => return Poll::Ready(Err(DialError::Refused(ConnFault::SOCKS4_DENY))),
        }
        match conn.poll_fill(cx, socks4::REPLY_LEN) {
            Poll::Ready(Ok(Filled::Bytes(_))) => {}
            Poll::Ready(_) => return Poll::Ready(Err(DialError::Refused(ConnFault::SOCKS4_RECV))),
            Poll::Pending => return late(cx, deadline),
        }
    }
}

fn late(cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Result<(), DialError>> {
    ready!(deadline.poll_expired(cx));
    Poll::Ready(Err(DialError::Late))
}
