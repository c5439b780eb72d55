//! What an expression can look at: the scene in which it is evaluated.
//!
//! All of it is plain data that the rooms which carry traffic fill in. Nothing here knows where it
//! comes from, so that fetches, log lines and rules are tested without a socket.

use std::cell::{OnceCell, Ref, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use base::addr::Addr;
use base::clock::{Tick, WallTime};
use base::termination::Termination;
use http::{Method, RequestHead, ResponseHead};

use crate::world::World;

use crate::tls_facts::TlsFacts;

/// Everything that is known at one point of a session's story.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The date and the monotonic time of this evaluation.
    pub now: (Tick, WallTime),
    /// The process.
    pub process: &'a ProcessFacts,
    /// The proxy that accepted the connection.
    pub frontend: &'a ProxyFacts,
    /// The proxy that the request was routed to; the frontend itself before that.
    pub backend: Option<&'a ProxyFacts>,
    /// The server that was chosen.
    pub server: Option<&'a ServerFacts>,
    /// The client's connection.
    pub session: &'a SessionFacts,
    /// The stream, once there is one.
    pub stream: Option<&'a StreamFacts>,
    /// The request head, while it is there.
    pub request: Option<&'a RequestHead>,
    /// The response head, while it is there.
    pub response: Option<&'a ResponseHead>,
    /// What has arrived behind the heads, or of a session that has none.
    pub payload: Payload<'a>,
}

/// Bytes that content inspection may look at: those of a body, or of a session that carries no HTTP.
#[derive(Clone, Copy, Debug, Default)]
pub enum Payload<'a> {
    /// None can be had at this point.
    #[default]
    Unavailable,
    /// Those of the client.
    Request(Buffered<'a>),
    /// Those of the server.
    Response(Buffered<'a>),
}

/// Bytes that have arrived.
#[derive(Clone, Copy, Debug)]
pub struct Buffered<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// What waiting may bring.
    pub hope: Hope,
}

/// What waiting for more bytes may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hope {
    /// Nothing: what is there has to do.
    Nothing,
    /// More bytes.
    Bytes,
    /// More bytes, which may complete the head of an HTTP message.
    Head,
}

impl<'a> Payload<'a> {
    /// The same without any hope for more.
    #[must_use]
    pub fn settled(self) -> Self {
        let settle = |b: Buffered<'a>| Buffered { hope: Hope::Nothing, ..b };
        match self {
            Self::Unavailable => Self::Unavailable,
            Self::Request(b) => Self::Request(settle(b)),
            Self::Response(b) => Self::Response(settle(b)),
        }
    }

    /// What has come of the request.
    pub fn of_request(self) -> Option<Buffered<'a>> {
        match self {
            Self::Request(b) => Some(b),
            Self::Unavailable | Self::Response(_) => None,
        }
    }

    /// What has come of the response.
    pub fn of_response(self) -> Option<Buffered<'a>> {
        match self {
            Self::Response(b) => Some(b),
            Self::Unavailable | Self::Request(_) => None,
        }
    }

    /// What has come in the direction that is looked at.
    pub fn of_either(self) -> Option<Buffered<'a>> {
        match self {
            Self::Request(b) | Self::Response(b) => Some(b),
            Self::Unavailable => None,
        }
    }
}

/// The process.
#[derive(Debug, Default)]
pub struct ProcessFacts {
    /// The host's name, or `log-send-hostname`'s.
    pub hostname: String,
    /// `node`, else the host's name.
    pub node: String,
    /// The process id that logs show.
    pub pid: u32,
    /// `localpeer`.
    pub local_peer: String,
    /// The number of worker threads.
    pub threads: u32,
    /// The group of each thread, from 0; all are in one where nothing is said.
    pub groups: Vec<usize>,
    /// How many descriptors the process counts on having.
    pub descriptors: u64,
    /// `proc.` variables.
    pub variables: crate::vars::ProcessVariables,
    /// The environment, as the configuration has left it.
    pub environment: HashMap<Box<str>, Box<str>>,
    /// What is under way now, once traffic is carried.
    pub world: OnceLock<Weak<dyn World>>,
}

impl ProcessFacts {
    /// What is under way now.
    pub fn world(&self) -> Option<Arc<dyn World>> {
        self.world.get()?.upgrade()
    }
}

/// A frontend, backend or listen section.
#[derive(Debug, Default)]
pub struct ProxyFacts {
    /// Its name.
    pub name: Arc<str>,
    /// Its `id`.
    pub id: u32,
    /// Whether it carries HTTP.
    pub http: bool,
    /// Its timeouts and retries.
    pub limits: ProxyLimits,
    /// As what clients that talk to a proxy prove who they are (`option http-use-proxy-header`).
    pub authentication: Authentication,
    /// The name of its `default_backend`; its own in a `listen` section.
    pub default_backend: Option<Arc<str>>,
}

/// To whom a client proves who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// To a server.
    #[default]
    Server,
    /// To a proxy.
    Proxy,
}

/// A server.
#[derive(Debug, Default)]
pub struct ServerFacts {
    /// Its name.
    pub name: Arc<str>,
    /// Its `id`.
    pub id: u32,
}

/// The client's connection. What few of them have is boxed: there may be very many that wait in silence.
#[derive(Debug, Default)]
pub struct SessionFacts {
    /// A number of its own in this process.
    pub id: u64,
    /// Where it comes from, possibly as a PROXY header or a rule said.
    pub source: Option<Addr>,
    /// The connection's own source, where `source` was replaced by a PROXY header or a session rule.
    pub peer: Option<Box<Addr>>,
    /// Where it was sent to, possibly as a PROXY header or a rule said.
    pub destination: LocalAddr,
    /// The connection's own destination, where `destination` was replaced.
    pub own_destination: Option<Box<LocalAddr>>,
    /// The number of its socket, for what only the system knows.
    pub socket: Option<i32>,
    /// What it must begin with before anything else is read from it.
    pub expected: Expected,
    /// The PROXY header that it began with.
    pub introduction: Option<Box<Introduction>>,
    /// Why it failed before it could carry anything.
    pub fault: Option<Box<ConnFault>>,
    /// The listener.
    pub entrance: Option<Arc<dyn Entrance>>,
    /// The `id` of the listener.
    pub listener_id: u32,
    /// When the connection was accepted.
    pub accepted: (Tick, WallTime),
    /// Whether it is encrypted.
    pub tls: Encryption,
    /// What it carries.
    pub course: Course,
    /// How it carries several streams, if it does.
    pub multiplex: Option<Box<Multiplex>>,
    /// `sess.` variables.
    pub variables: crate::vars::SessionVariables,
}

/// What a connection carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Course {
    /// What its frontend is for.
    #[default]
    AsConfigured,
    /// Requests, that came to a frontend in TCP mode.
    Requests,
    /// A health check, which no client has asked for.
    Check,
}

/// A connection that carries several streams at a time, when the one that asks began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Multiplex {
    /// Streams that it carried then.
    pub streams: u32,
    /// Streams that it may carry.
    pub limit: u32,
    /// Small breaches of protocol until then.
    pub glitches: u32,
}

/// A listener, as its connections see it.
pub trait Entrance: std::fmt::Debug + Send + Sync {
    /// Its name (`bind ... name`), if it has one.
    fn name(&self) -> Option<&Arc<str>>;
    /// How many connections it has now.
    fn connections(&self) -> u64;
}

impl SessionFacts {
    /// What one of the streams knows of a session that has several at a time; they share its variables.
    #[must_use]
    pub fn branch(&mut self) -> Self {
        Self {
            id: self.id,
            source: self.source.clone(),
            peer: self.peer.clone(),
            destination: self.destination.clone(),
            own_destination: self.own_destination.clone(),
            socket: self.socket,
            expected: self.expected,
            introduction: self.introduction.clone(),
            fault: self.fault.clone(),
            entrance: self.entrance.clone(),
            listener_id: self.listener_id,
            accepted: self.accepted,
            tls: self.tls.clone(),
            course: self.course,
            multiplex: self.multiplex.clone(),
            variables: self.variables.share(),
        }
    }

    /// The name of the listener, if it has one.
    pub fn listener_name(&self) -> Option<&Arc<str>> {
        self.entrance.as_ref()?.name()
    }

    /// Replaces the source for all that follows, keeping the connection's own.
    pub fn replace_source(&mut self, source: Addr) {
        let before = self.source.replace(source);
        if self.peer.is_none() {
            self.peer = before.map(Box::new);
        }
    }

    /// Replaces the destination for all that follows, keeping the connection's own.
    pub fn replace_destination(&mut self, destination: Addr) {
        let before = std::mem::replace(&mut self.destination, LocalAddr::known(destination));
        if self.own_destination.is_none() {
            self.own_destination = Some(Box::new(before));
        }
    }

    /// The connection's own source.
    pub fn own_source(&self) -> Option<&Addr> {
        self.peer.as_deref().or(self.source.as_ref())
    }

    /// The connection's own destination.
    pub fn own_destination(&self) -> Option<&Addr> {
        self.own_destination.as_deref().unwrap_or(&self.destination).get()
    }
}

impl<'a> Scene<'a> {
    /// The same scene for those who do not wait.
    #[must_use]
    pub fn settled(self) -> Self {
        Self { payload: self.payload.settled(), ..self }
    }

    /// Whether the session carries HTTP.
    pub fn is_http(&self) -> bool {
        match self.session.course {
            Course::AsConfigured => self.frontend.http,
            Course::Requests => true,
            // A check may speak something else than the traffic does.
            Course::Check => self.response.is_some(),
        }
    }

    /// Where the client's traffic comes from, as the stream sees it.
    pub fn source(&self) -> Option<&'a Addr> {
        self.stream.and_then(|s| s.source.as_ref()).or(self.session.source.as_ref())
    }

    /// Where the client's traffic was sent to, as the stream sees it.
    pub fn destination(&self) -> Option<&'a Addr> {
        self.stream.and_then(|s| s.destination.as_ref()).or_else(|| self.session.destination.get())
    }
}

/// What a connection must begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// A PROXY header.
    pub proxy: bool,
    /// A client's address as NetScaler inserts it, behind a PROXY header if there is one.
    pub client_ip: bool,
}

/// What a PROXY header said beside the addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// Types and values, in their order.
    pub tlvs: Vec<(u8, Box<[u8]>)>,
}

impl Introduction {
    /// The values of a type, in their order.
    pub fn values(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        self.tlvs.iter().filter(move |(k, _)| *k == kind).map(|(_, value)| &**value)
    }
}

/// Why a connection failed before it could carry anything (`fc_err`, `fc_err_name`, `fc_err_str`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnFault {
    /// Its number.
    pub id: u8,
    /// Its name.
    pub name: &'static str,
    /// What log lines say.
    pub message: &'static str,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $const:ident = $id:literal $name:literal $message:literal;)+) => {
        impl ConnFault {
            $($(#[$doc])* pub const $const: Self = Self { id: $id, name: $name, message: $message };)+
        }
    };
}

// Log readers know these messages word for word.
faults! {
    /// The client closed before a PROXY header came.
    PROXY_EMPTY = 11 "PRX_EMPTY" "Connection closed while waiting for PROXY protocol header";
    /// The connection broke before a PROXY header came.
    PROXY_ABORT = 12 "PRX_ABORT" "Connection error while waiting for PROXY protocol header";
    /// No PROXY header came in time.
    PROXY_TIMEOUT = 13 "PRX_TIMEOUT" "Timeout while waiting for PROXY protocol header";
    /// The client closed within a PROXY header.
    PROXY_TRUNCATED = 14 "PRX_TRUNCATED" "Truncated PROXY protocol header received";
    /// Something else came.
    PROXY_NONE = 15 "PRX_NOT_HDR" "Received something which does not look like a PROXY protocol header";
    /// The PROXY header is malformed.
    PROXY_BAD = 16 "PRX_BAD_HDR" "Received an invalid PROXY protocol header";
    /// The PROXY header is of an unknown protocol.
    PROXY_PROTOCOL = 17 "PRX_BAD_PROTO" "Received an unhandled protocol in the PROXY protocol header";
    /// The client closed before its address came.
    CIP_EMPTY = 18 "CIP_EMPTY" "Connection closed while waiting for NetScaler Client IP header";
    /// The connection broke before the client's address came.
    CIP_ABORT = 19 "CIP_ABORT" "Connection error while waiting for NetScaler Client IP header";
    /// The client's address did not come in time.
    CIP_TIMEOUT = 20 "CIP_TIMEOUT" "Timeout while waiting for a NetScaler Client IP header";
    /// The client closed within its address.
    CIP_TRUNCATED = 21 "CIP_TRUNCATED" "Truncated NetScaler Client IP header received";
    /// The magic number is another one.
    CIP_MAGIC = 22 "CIP_BAD_MAGIC" "Received an invalid NetScaler Client IP magic number";
    /// This process may open no more sockets.
    PROCESS_FDS = 2 "PROC_FDLIM" "Too many sockets on the process";
    /// The system may open no more sockets.
    SYSTEM_FDS = 3 "SYS_FDLIM" "Too many sockets on the system";
    /// No port of the configured range is left.
    PORT_RANGE = 7 "PORT_RANGE" "Source port range exhausted";
    /// The source address cannot be taken.
    CANNOT_BIND = 8 "CANT_BIND" "Can't bind to source address";
    /// No source port is left.
    NO_PORTS = 9 "FREE_PORTS" "Out of local source ports on the system";
    /// The system failed in some other way.
    SOCKET = 6 "SOCK_ERR" "General socket error";
    /// A SOCKS4 proxy did not take the request.
    SOCKS4_SEND = 39 "SOCKS4_SEND" "SOCKS4 Proxy write error during handshake";
    /// A SOCKS4 proxy did not answer.
    SOCKS4_RECV = 40 "SOCKS4_RECV" "SOCKS4 Proxy read error during handshake";
    /// A SOCKS4 proxy refused.
    SOCKS4_DENY = 41 "SOCKS4_DENY" "SOCKS4 Proxy deny the request";
    /// `ECONNREFUSED`.
    REFUSED = 47 "EREFUSED" "ECONNREFUSED returned by OS";
    /// `ECONNRESET`.
    RESET = 48 "ERESET" "ECONNRESET returned by OS";
    /// `ENETUNREACH`.
    UNREACHABLE = 49 "EUNREACH" "ENETUNREACH returned by OS";
    /// `EPIPE`.
    PIPE = 57 "EPIPE" "EPIPE returned by OS";
    /// The client's address is of an unknown protocol.
    CIP_PROTOCOL = 23 "CIP_BAD_PROTO" "Received an unhandled protocol in the NetScaler Client IP header";
}

/// Whether a connection is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// It is not.
    #[default]
    Clear,
    /// By TLS.
    Tls(Arc<TlsFacts>),
}

impl Encryption {
    /// What is known of it.
    pub fn tls(&self) -> Option<&TlsFacts> {
        match self {
            Self::Clear => None,
            Self::Tls(facts) => Some(facts),
        }
    }
}

/// The local address of a connection, asked of the system only when somebody wants it.
#[derive(Clone, Debug, Default)]
pub struct LocalAddr {
    known: OnceCell<Option<Addr>>,
    socket: Option<(i32, AskAddr)>,
}

/// Asks the system for the address of the socket with this number.
pub type AskAddr = fn(i32) -> Option<Addr>;

impl LocalAddr {
    /// An address that is already known.
    pub fn known(addr: Addr) -> Self {
        Self { known: OnceCell::from(Some(addr)), socket: None }
    }

    /// The address of a socket, by a function that asks the system for it.
    pub fn of_socket(fd: i32, ask: AskAddr) -> Self {
        Self { known: OnceCell::new(), socket: Some((fd, ask)) }
    }

    /// The address, if there is one.
    pub fn get(&self) -> Option<&Addr> {
        self.known.get_or_init(|| self.socket.and_then(|(fd, ask)| ask(fd))).as_ref()
    }

    /// Replaces the address (`set-dst`, a PROXY header).
    pub fn set(&mut self, addr: Addr) {
        self.known = OnceCell::from(Some(addr));
    }
}

/// One request and its response, or one TCP session.
#[derive(Debug, Default)]
pub struct StreamFacts {
    /// A number of its own in this process (`%rt`).
    pub id: u32,
    /// When what happened.
    pub timers: Timers,
    /// The status that the client got; 0 for none.
    pub status: u16,
    /// The status that the server sent; 0 for none.
    pub server_status: u16,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// Bytes of the request that went on to a server.
    pub passed_on: u64,
    /// Bytes that the client was sent, whoever made them.
    pub sent: u64,
    /// How it ended.
    pub termination: Termination,
    /// What was seen of persistence cookies: the third and fourth letter of the log.
    pub cookies: CookieLetters,
    /// Connection attempts beyond the first.
    pub retries: u32,
    /// Whether another server than the first one was chosen after failures.
    pub redispatch: Redispatch,
    /// How many were ahead in the server's queue.
    pub server_queue: u64,
    /// How many were ahead in the backend's queue.
    pub backend_queue: u64,
    /// Connections at the time of the log.
    pub load: Load,
    /// The request line as it came, kept when a log line or a fetch will want it.
    pub request_line: Vec<u8>,
    /// Captured request headers by slot.
    pub request_captures: Captured,
    /// Captured response headers by slot.
    pub response_captures: Captured,
    /// `capture cookie`: as the client sent it.
    pub request_cookie: Option<Box<[u8]>>,
    /// `capture cookie`: as the server set it.
    pub response_cookie: Option<Box<[u8]>>,
    /// The unique id, once made.
    pub unique_id: Option<Box<[u8]>>,
    /// How many requests came before this one on the client's connection.
    pub earlier_requests: u32,
    /// Whether the connection to the server had served before.
    pub server_connection: ServerConnection,
    /// What is known of the connection to the server, if it is encrypted.
    pub server_tls: Encryption,
    /// `txn.`, `req.` and `res.` variables.
    pub variables: crate::vars::StreamVariables,
    /// `set-log-level`.
    pub log_level: LevelOverride,
    /// The source of this stream alone (`http-request set-src`).
    pub source: Option<Addr>,
    /// The destination of this stream alone (`http-request set-dst`).
    pub destination: Option<Addr>,
    /// What rules said of this stream in place of its proxies.
    pub overrides: Overrides,
    /// `early-hint`: what is to be told and has not been yet.
    pub hints: Vec<Hint>,
    /// How rewrites by rules went.
    pub rewrites: Rewrites,
    /// The packet mark of its connection to the server (`set-bc-mark`).
    pub server_mark: Option<u32>,
    /// The type of service of its connection to the server (`set-bc-tos`).
    pub server_tos: Option<u8>,
    /// The local address of the connection to the server.
    pub server_source: Option<Addr>,
    /// The address of the server that was connected to.
    pub server_addr: Option<Addr>,
    /// What became of the attempts to connect to a server.
    pub outgoing: Outgoing,
    /// The method of the request, where a rule has replaced it.
    pub first_method: Option<Box<Method>>,
    /// The place of the rule that waits for more.
    pub waiting_rule: Option<(Arc<str>, u32)>,
    /// The number of the socket to the server, as long as it is the stream's.
    pub server_socket: Option<i32>,
    /// How the connection to the server carries several streams, if it does.
    pub server_multiplex: Option<Multiplex>,
    /// The round trip time of that connection and its variance when the stream left it, in microseconds, where
    /// somebody wants to know.
    pub server_round_trip: Option<(u32, u32)>,
    /// Which service answered, if one did (`<STATS>`), instead of a server's name.
    pub service: Option<&'static str>,
    /// The version of the client's side as `major * 10 + minor`; 0 in TCP mode.
    pub http_version: u8,
    /// The name of the rule that ended the stream with its place (`last_rule_file`, `last_rule_line`).
    pub last_rule: Option<(Arc<str>, u32)>,
}

/// Texts that are kept of a message, by slot. Expressions that are evaluated may add to them.
#[derive(Debug, Default)]
pub struct Captured(RefCell<Vec<CapturedText>>);

/// A text that is kept.
#[derive(Debug, Default)]
pub struct CapturedText {
    /// How many bytes are kept.
    pub room: usize,
    /// It, once there is one.
    pub text: Option<Box<[u8]>>,
}

impl Captured {
    /// Empty slots with so much room each.
    pub fn new(rooms: impl Iterator<Item = usize>) -> Self {
        Self(RefCell::new(rooms.map(|room| CapturedText { room, text: None }).collect()))
    }

    /// Whether there are no slots.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// The slots.
    pub fn slots(&self) -> Ref<'_, [CapturedText]> {
        Ref::map(self.0.borrow(), Vec::as_slice)
    }

    /// What a slot holds.
    pub fn get(&self, slot: usize) -> Option<Vec<u8>> {
        self.0.borrow().get(slot)?.text.as_ref().map(|text| text.to_vec())
    }

    /// Keeps of a text what there is room for; tells whether there is such a slot.
    pub fn set(&self, slot: usize, text: &[u8]) -> bool {
        match self.0.borrow_mut().get_mut(slot) {
            Some(kept) => {
                kept.text = Some(text[..text.len().min(kept.room)].into());
                true
            }
            None => false,
        }
    }
}

/// What became of the attempts to connect to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outgoing {
    /// There was none.
    #[default]
    None,
    /// There is a connection, or one is being made.
    Open,
    /// The last one failed.
    Failed(ConnFault),
}

impl StreamFacts {
    /// Whether something went wrong with it: a retry that helped counts, too.
    pub fn failed(&self) -> bool {
        !self.termination.is_normal()
            || self.status >= 500
            || self.retries > 0
            || self.redispatch == Redispatch::Done
    }
}

/// What came of the rewrites that rules wanted of a stream's messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrites {
    /// What a failure means for the rules that follow.
    pub strictness: RewriteStrictness,
    /// Those of the request that failed.
    pub failed_requests: u32,
    /// Those of the response that failed.
    pub failed_responses: u32,
    /// How many bytes of the request's body share its buffer.
    pub held_request: usize,
    /// The same of the response.
    pub held_response: usize,
}

/// What becomes of a message that could not be rewritten (`strict-mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RewriteStrictness {
    /// It goes no further.
    #[default]
    Strict,
    /// It goes on as it is.
    Lenient,
}

/// What rules said of one stream in place of its proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `set-timeout client`.
    pub client: Option<Duration>,
    /// `set-timeout connect`.
    pub connect: Option<Duration>,
    /// `set-timeout queue`.
    pub queue: Option<Duration>,
    /// `set-timeout server`.
    pub server: Option<Duration>,
    /// `set-timeout tarpit`.
    pub tarpit: Option<Duration>,
    /// `set-timeout tunnel`.
    pub tunnel: Option<Duration>,
    /// `set-retries`.
    pub retries: Option<u32>,
    /// `disable-l7-retry`.
    pub replay: Replay,
    /// `force-persist`.
    pub persistence: Persistence,
    /// `set-priority-class`, `set-priority-offset`.
    pub priority: Priority,
}

/// Where a stream stands among those that wait for a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Priority {
    /// The lower, the sooner.
    pub class: i16,
    /// By how many milliseconds later than it does it seems to come.
    pub offset: i32,
}

/// Whether a hint goes with the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// It has a response of its own.
    Apart,
    /// It does, if the rule before gave one.
    Along,
}

/// A header field that the client is told ahead of the response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The place of its rule among those of its set.
    pub rule: usize,
    /// Whether it goes in one response with that of the rule before.
    pub joining: Joining,
    /// Its name.
    pub name: Box<[u8]>,
    /// Its value.
    pub value: Box<[u8]>,
}

impl Overrides {
    /// What is left of them in another backend than the proxy whose rules set them.
    #[must_use]
    pub fn elsewhere(self) -> Self {
        Self { client: self.client, tarpit: self.tarpit, replay: self.replay, ..Self::default() }
    }
}

/// Whether a server that was chosen by name is used although it is down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// As its backend says.
    #[default]
    Usual,
    /// It is, and no other.
    Forced,
    /// A client's cookie chooses none (`ignore-persist`).
    Ignored,
}

/// Whether a request that a server failed to answer may be sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replay {
    /// As its backend's `retry-on` says.
    #[default]
    Configured,
    /// It may not.
    Never,
}

/// The timeouts and retries of a proxy, for fetches; no timeout waits for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxyLimits {
    /// `timeout client`.
    pub client: Option<Duration>,
    /// `timeout connect`.
    pub connect: Option<Duration>,
    /// `timeout queue`.
    pub queue: Option<Duration>,
    /// `timeout server`.
    pub server: Option<Duration>,
    /// `timeout tarpit`.
    pub tarpit: Option<Duration>,
    /// `timeout tunnel`.
    pub tunnel: Option<Duration>,
    /// `retries`.
    pub retries: u32,
}

/// Where the connection to the server comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerConnection {
    /// It was made for this stream.
    #[default]
    New,
    /// It had been waiting for its next use.
    Reused,
}

/// `set-log-level` for one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LevelOverride {
    /// The level that the result implies.
    #[default]
    Natural,
    /// Nothing is logged.
    Silent,
    /// This syslog level.
    Level(u8),
}

/// Whether the request went to another server than the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redispatch {
    /// It did not.
    #[default]
    None,
    /// It did: `%rc` starts with a `+`.
    Done,
}

/// The third and fourth letter of the termination state (configuration manual, section 8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieLetters {
    /// What the client's persistence cookie looked like.
    pub client: u8,
    /// What was done to the server's.
    pub server: u8,
}

impl CookieLetters {
    /// The stream goes to another server than the cookie said, which cannot be reached.
    pub fn redispatch(&mut self) {
        if self.client == b'V' {
            self.client = b'D';
        }
    }
}

impl Default for CookieLetters {
    fn default() -> Self {
        Self { client: b'-', server: b'-' }
    }
}

/// Connection numbers at the time of a log line (`%ac`, `%fc`, `%bc`, `%sc`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// In the process.
    pub process: u64,
    /// On the frontend.
    pub frontend: u64,
    /// On the backend.
    pub backend: u64,
    /// On the server.
    pub server: u64,
}

/// The points in time of a stream's story; `Tick::NEVER` for what did not happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timers {
    /// The date at which the stream began: the accept, or for a later request on the same
    /// connection the end of the one before.
    pub begin_date: WallTime,
    /// The date of the first byte of the request (`%tr`).
    pub request_date: WallTime,
    /// The same moment as `begin_date`.
    pub begin: Tick,
    /// The end of handshakes (PROXY protocol, TLS).
    pub handshake: Tick,
    /// The first byte of the request.
    pub first_byte: Tick,
    /// The request head was complete.
    pub request: Tick,
    /// Left the queue: a server was there for it.
    pub queued: Tick,
    /// The connection to the server was established.
    pub connected: Tick,
    /// The response head was complete.
    pub response: Tick,
    /// The end.
    pub end: Tick,
}

impl Timers {
    /// The handshake time in milliseconds (`%Th`).
    pub fn handshake_ms(&self) -> i64 {
        span(self.begin, self.handshake).max(0)
    }

    /// The idle time before the request (`%Ti`); -1 when no byte came.
    pub fn idle_ms(&self) -> i64 {
        span(self.after_handshake(), self.first_byte)
    }

    /// The time to receive the request (`%TR`); -1 when it never was complete.
    pub fn request_ms(&self) -> i64 {
        span(self.first_byte, self.request)
    }

    /// The time until the request was complete, idle time included (`%Tq`); -1 when it never was.
    pub fn until_request_ms(&self) -> i64 {
        let parts = [self.handshake_ms(), self.idle_ms(), self.request_ms()];
        if parts.iter().any(|p| *p < 0) { -1 } else { parts.iter().sum() }
    }

    /// The time in queues (`%Tw`); -1 when none was left.
    pub fn queue_ms(&self) -> i64 {
        if self.queued.is_set() { span(self.request_or_begin(), self.queued) } else { -1 }
    }

    /// The time to connect to the server (`%Tc`); -1 when it never was.
    pub fn connect_ms(&self) -> i64 {
        span(self.queued, self.connected)
    }

    /// The time until the response head (`%Tr`); -1 when there was none.
    pub fn response_ms(&self) -> i64 {
        span(self.connected, self.response)
    }

    /// The time to transfer the response (`%Td`); -1 when there was none.
    pub fn data_ms(&self) -> i64 {
        let from = if self.response.is_set() { self.response } else { self.connected };
        span(from, self.end)
    }

    /// The total time (`%Tt`).
    pub fn total_ms(&self) -> i64 {
        span(self.begin, self.end)
    }

    /// The active time, without handshake and idle time (`%Ta`).
    pub fn active_ms(&self) -> i64 {
        let from = if self.first_byte.is_set() { self.first_byte } else { self.after_handshake() };
        span(from, self.end)
    }

    /// The time as the user feels it: from the first byte of the request to the end (`%Tu`).
    pub fn user_ms(&self) -> i64 {
        self.active_ms() + self.handshake_ms()
    }

    fn after_handshake(&self) -> Tick {
        if self.handshake.is_set() { self.handshake } else { self.begin }
    }

    fn request_or_begin(&self) -> Tick {
        if self.request.is_set() { self.request } else { self.after_handshake() }
    }
}

/// Whole milliseconds from one point to another; -1 when the later one never came.
fn span(from: Tick, to: Tick) -> i64 {
    if to.is_set() && from.is_set() { i64::try_from(to.millis_since(from)).unwrap_or(i64::MAX) } else { -1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1000;

    #[test]
    fn timers_follow_each_other() {
        let t = Timers {
            begin: Tick(1000 * MS),
            first_byte: Tick(1005 * MS),
            request: Tick(1006 * MS),
            queued: Tick(1006 * MS),
            connected: Tick(1008 * MS),
            response: Tick(1020 * MS),
            end: Tick(1030 * MS),
            ..Timers::default()
        };
        assert_eq!((t.handshake_ms(), t.idle_ms(), t.request_ms()), (0, 5, 1));
        assert_eq!((t.queue_ms(), t.connect_ms(), t.response_ms()), (0, 2, 12));
        assert_eq!((t.data_ms(), t.total_ms(), t.active_ms()), (10, 30, 25));
    }

    #[test]
    fn what_never_came_is_minus_one() {
        let t = Timers { begin: Tick(MS), end: Tick(9 * MS), ..Timers::default() };
        assert_eq!((t.idle_ms(), t.request_ms(), t.queue_ms()), (-1, -1, -1));
        assert_eq!((t.connect_ms(), t.response_ms(), t.total_ms()), (-1, -1, 8));
    }

    #[test]
    fn replaced_addresses_leave_the_connections_own() {
        let [a, b, c, d] = [1, 2, 3, 4].map(|n| Addr::inet(std::net::Ipv4Addr::new(10, 0, 0, n), 1));
        let mut session = SessionFacts {
            source: Some(a.clone()),
            destination: LocalAddr::known(b.clone()),
            ..SessionFacts::default()
        };
        assert_eq!((session.own_source(), session.own_destination()), (Some(&a), Some(&b)));
        session.replace_source(c.clone());
        session.replace_destination(c);
        session.replace_source(d.clone());
        session.replace_destination(d.clone());
        assert_eq!((session.own_source(), session.own_destination()), (Some(&a), Some(&b)));
        assert_eq!((session.source.as_ref(), session.destination.get()), (Some(&d), Some(&d)));
    }

    #[test]
    fn the_local_address_is_asked_for_once() {
        fn ask(fd: i32) -> Option<Addr> {
            Some(Addr::inet(std::net::Ipv4Addr::LOCALHOST, fd as u16))
        }
        let mut local = LocalAddr::of_socket(81, ask);
        assert_eq!(local.get().and_then(Addr::port), Some(81));
        local.set(Addr::unix(b"/x"));
        assert_eq!(local.get(), Some(&Addr::unix(b"/x")));
    }
}
