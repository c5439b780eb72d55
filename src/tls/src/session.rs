//! One TLS session, apart from the socket that carries it.
//!
//! The session is a plain value: whoever holds it and a socket can go on with both, on any thread. It keeps no buffer
//! while nothing is under way.

use std::cell::OnceCell;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use base::buffer::Buffer;
use lang::tls_facts::{Offer, Resumption, Secrets, TlsFacts, Verification};
use net::{More, Socket};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{ClientConfig, CommonState, HandshakeKind, ServerConfig};

use crate::certificate::Stapling;
use crate::directory::Presented;
use crate::fault::Fault;
use crate::figures::Counted;
use crate::names::{self, Version};
use crate::overheard;
use crate::records::RECORDS;
use crate::updates::{LIMIT, Updates};
use crate::verify::{self, OfClients, Outcome};
use early::{Early, Side};

mod early;
pub(crate) mod secrets;

/// What is read at once at least: one record of the largest size with its header and tag.
const RECORD_ROOM: usize = 16 * 1024 + 4096;
/// What is encrypted at once at most: four full records.
const SEND_AT_ONCE: usize = 64 * 1024;
/// What a record has around its content: header, explicit nonce, type and tag.
const RECORD_OVERHEAD: usize = 64;
/// The most content of one record.
const RECORD_CONTENT: usize = 16 * 1024;

/// A TLS session.
pub struct Session(Box<Inner>);

struct Inner {
    core: Core,
    /// Records that came and are not yet read.
    incoming: Buffer,
    /// Content that was read while there was no room for it.
    plain: Buffer,
    /// Records to be sent.
    outgoing: Buffer,
    input: Input,
    /// Why it has failed.
    fault: Option<Fault>,
    /// What is known of it, once somebody asks.
    facts: OnceCell<Arc<TlsFacts>>,
    /// The name of the server that was asked for.
    name: Option<Box<str>>,
    /// What few sessions need.
    known: Option<Box<Known>>,
    /// The certificate that was presented.
    own: Option<Arc<Presented>>,
    staple: Staple,
    _counted: Counted,
}

/// What is known of few sessions.
#[derive(Default)]
struct Known {
    /// What the client offered, where that is kept.
    offer: Option<Offer>,
    /// What came of looking at the peer's certificate.
    outcome: Option<Outcome>,
    /// What looks again when a session is taken up.
    again: Option<Arc<OfClients>>,
    /// How it stands with what comes before the end of the handshake.
    early: Early,
    /// Its secrets, where they are kept.
    secrets: Option<Secrets>,
    /// How often the peer has changed its keys.
    updates: Updates,
}

enum Core {
    Server(UnbufferedServerConnection),
    Client(UnbufferedClientConnection),
}

/// Whether a client wants the issuer's word with a certificate (RFC 6066, section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Staple {
    #[default]
    Unasked,
    Asked,
}

/// Whether more can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// The peer said that nothing more comes, or closed without a word.
    Ended,
}

/// What is to be done once the session can.
enum Job<'j> {
    /// Only what came.
    Read,
    /// As far as something may be sent before the handshake is over.
    Begin,
    /// This content is to be encrypted.
    Send(&'j [u8]),
    /// The peer is to be told that nothing more comes.
    Close,
}

/// How far the session came with one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There may be more to do.
    Again,
    /// More records must come.
    Blocked,
    /// The job is done, if there was one.
    Ready,
    /// So much of what is to be sent goes before the end of the handshake.
    Early(usize),
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = match self.0.core {
            Core::Server(_) => "server",
            Core::Client(_) => "client",
        };
        write!(f, "Session({side}, {:?})", self.0.input)
    }
}

impl Session {
    /// The server's side of a session, to be begun with what the client has sent already.
    pub(crate) fn accept(
        config: Arc<ServerConfig>,
        came: &[u8],
        name: Option<Box<str>>,
        own: Option<Arc<Presented>>,
    ) -> Result<Self, Fault> {
        let core = UnbufferedServerConnection::new(config).map_err(|e| Fault::of(&e))?;
        let mut session = Self::new(Core::Server(core), name, own);
        if !came.is_empty() {
            session.0.incoming.ensure_capacity(came.len().max(RECORD_ROOM));
            session.0.incoming.extend(came);
        }
        Ok(session)
    }

    /// The client's side of a session with a server of this name.
    /// A session with a server of this name. Instead of the protocols of the configuration, it is offered these, if
    /// some are given.
    pub(crate) fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        protocols: Option<&[&[u8]]>,
    ) -> Result<Self, Fault> {
        let told = match &name {
            ServerName::DnsName(name) => Some(name.as_ref().into()),
            _ => None,
        };
        let core = match protocols {
            None => UnbufferedClientConnection::new(config, name),
            Some(names) => {
                let names = names.iter().map(|name| name.to_vec()).collect();
                UnbufferedClientConnection::new_with_alpn(config, name, names)
            }
        };
        let core = core.map_err(|e| Fault::of(&e))?;
        Ok(Self::new(Core::Client(core), told, None))
    }

    /// The client wants its certificate's issuer to say that it is good.
    pub(crate) fn staple(&mut self) {
        self.0.staple = Staple::Asked;
    }

    /// What the client was told of how good the certificate is.
    pub fn stapling(&self) -> Stapling {
        match &self.0.own {
            Some(own) if self.0.staple == Staple::Asked => own.certificate.stapling(),
            _ => Stapling::None,
        }
    }

    /// Keeps what the client offered, for fetches, and what looks at certificates again.
    pub(crate) fn keep(&mut self, offer: Option<Offer>, again: Option<&Arc<OfClients>>) {
        if offer.is_some() || again.is_some() {
            let known = self.0.known.get_or_insert_default();
            (known.offer, known.again) = (offer, again.cloned());
        }
    }

    /// Keeps the secrets, and what both sides say before there are any.
    pub(crate) fn keep_secrets(&mut self) {
        let secrets = self.0.known.get_or_insert_default().secrets.insert(Secrets::default());
        // A session that goes back to an earlier one has some from the beginning.
        secrets::take_logged(secrets);
    }

    fn new(core: Core, name: Option<Box<str>>, own: Option<Arc<Presented>>) -> Self {
        let (incoming, plain, outgoing) = (Buffer::new(), Buffer::new(), Buffer::new());
        let (facts, fault) = (OnceCell::new(), None);
        Self(Box::new(Inner {
            core,
            incoming,
            plain,
            outgoing,
            input: Input::Open,
            fault,
            facts,
            name,
            known: None,
            own,
            staple: Staple::default(),
            _counted: Counted::new(),
        }))
    }

    /// What both sides agreed on, once the handshake is over.
    pub fn facts(&self) -> Arc<TlsFacts> {
        if self.0.core.is_handshaking() {
            return Arc::new(self.0.facts());
        }
        self.0.facts.get_or_init(|| Arc::new(self.0.facts())).clone()
    }

    /// Goes on with the handshake until both sides are done with it.
    pub fn poll_handshake(&mut self, cx: &mut Context<'_>, socket: &Socket) -> Poll<Result<(), Fault>> {
        let inner = &mut *self.0;
        loop {
            match inner.step(&Job::Begin, None) {
                Ok(Step::Again) => continue,
                Ok(Step::Early(_)) => {
                    return inner
                        .poll_flush(cx, socket, More::No)
                        .map(|sent| sent.map_err(|_| Fault::aborted()));
                }
                Ok(Step::Blocked | Step::Ready) => {}
                Err(fault) => {
                    let _ = inner.poll_flush(cx, socket, More::No);
                    return Poll::Ready(Err(fault));
                }
            }
            let flushed = inner.poll_flush(cx, socket, More::No);
            if let Poll::Ready(Err(_)) = flushed {
                return Poll::Ready(Err(Fault::aborted()));
            }
            if !inner.core.is_handshaking() || inner.goes_ahead() {
                return flushed.map(|_| Ok(()));
            }
            match ready!(inner.poll_receive(cx, socket, RECORD_ROOM)) {
                Ok(0) => return Poll::Ready(Err(Fault::closed())),
                Ok(_) => {}
                Err(_) => return Poll::Ready(Err(Fault::aborted())),
            }
        }
    }

    /// Receives content until the buffer holds `limit` bytes at most. 0 is the end.
    pub fn poll_recv_up_to(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
        into: &mut Buffer,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let inner = &mut *self.0;
        let before = into.len();
        if before >= limit {
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidInput, "no room to read into")));
        }
        loop {
            let read = inner.read(into, limit).and_then(|()| inner.settle());
            // What the session has to say of itself must not wait for content to send.
            let _ = inner.poll_flush(cx, socket, More::No);
            let got = into.len() - before;
            match read {
                _ if got > 0 => return Poll::Ready(Ok(got)),
                Err(fault) => return Poll::Ready(Err(fault.into())),
                Ok(()) if !inner.plain.is_empty() => continue,
                Ok(()) if inner.input == Input::Ended => return Poll::Ready(Ok(0)),
                Ok(()) => {}
            }
            match inner.poll_receive(cx, socket, limit) {
                Poll::Pending => {
                    inner.incoming.release_if_empty();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(0)) => inner.input = Input::Ended,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
            }
        }
    }

    /// Encrypts content and sends what the socket takes now; tells how much content was taken. What the socket did
    /// not take is sent by the next call, or by `poll_flush`.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
        content: &[u8],
        more: More,
    ) -> Poll<io::Result<usize>> {
        let inner = &mut *self.0;
        ready!(inner.poll_flush(cx, socket, More::Yes))?;
        let part = &content[..content.len().min(SEND_AT_ONCE)];
        if inner.is_early()
            && let Some(taken) = ready!(inner.poll_send_early(cx, socket, part))?
        {
            let _ = inner.poll_flush(cx, socket, more);
            return Poll::Ready(Ok(taken));
        }
        inner.seal(&Job::Send(part))?;
        match inner.poll_flush(cx, socket, more) {
            Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
            _ => Poll::Ready(Ok(part.len())),
        }
    }

    /// Sends the records that wait.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>, socket: &Socket, more: More) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx, socket, more)
    }

    /// Tells the peer that nothing more comes, as far as the socket takes it now.
    pub fn close(&mut self, socket: &Socket) {
        let inner = &mut *self.0;
        if (!inner.core.is_handshaking() || inner.goes_ahead()) && inner.seal(&Job::Close).is_ok() {
            let _ = inner.poll_flush(&mut Context::from_waker(Waker::noop()), socket, More::No);
        }
    }

    /// Whether nothing has come but what the session keeps to itself, such as tickets.
    pub fn is_quiet(&mut self, socket: &Socket) -> bool {
        let inner = &mut *self.0;
        if inner.input == Input::Ended || !inner.plain.is_empty() {
            return false;
        }
        if socket.is_quiet() {
            return true;
        }
        let mut into = Buffer::new();
        let mut cx = Context::from_waker(Waker::noop());
        // What came is kept for whoever reads next.
        let quiet = self.poll_recv_up_to(&mut cx, socket, &mut into, RECORD_CONTENT).is_pending();
        if !into.is_empty() {
            self.0.plain = into;
        }
        quiet
    }

    /// Whether content waits that came with the handshake.
    pub fn holds_input(&self) -> bool {
        !self.0.plain.is_empty()
    }
}

impl Inner {
    fn facts(&self) -> TlsFacts {
        let common = self.core.common();
        let suite = common.negotiated_cipher_suite();
        let version = common.protocol_version().and_then(Version::of);
        let resumed = match common.handshake_kind() {
            Some(HandshakeKind::Resumed) => Resumption::Resumed,
            _ => Resumption::New,
        };
        TlsFacts {
            version: version.map_or("", Version::name),
            cipher: suite.map_or("(NONE)", |s| names::suite_name(s.suite())),
            key_bits: suite.map_or(0, |s| names::key_bits(s.suite())),
            group: common.negotiated_key_exchange_group().map_or("", |g| names::group_name(g.name())),
            protocol: common.alpn_protocol().map(Into::into),
            name: self.name.clone(),
            resumption: resumed,
            peer: self.peer(),
            early: self.early_data(),
            secrets: self.known.as_ref().and_then(|k| k.secrets.clone()).map(Arc::new),
            error: None,
            offer: self.known.as_ref().and_then(|k| k.offer.clone()).map(Box::new),
            verification: self.verification(resumed),
            own: self.own.as_ref().map(|own| own.certificate.der().into()),
            own_name: self.own.as_ref().and_then(|own| own.name.clone()),
        }
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.known.as_ref()?.outcome.as_ref()
    }

    /// The peer's certificate and those that came with it, even if they were refused.
    fn peer(&self) -> Arc<[Box<[u8]>]> {
        match (self.core.common().peer_certificates(), self.outcome()) {
            (Some(peer), _) => peer.iter().map(|c| Box::from(&**c)).collect(),
            (None, Some(outcome)) => outcome.shown.iter().cloned().collect(),
            (None, None) => Arc::default(),
        }
    }

    fn verification(&self, resumption: Resumption) -> Option<Box<Verification>> {
        let small = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        if let Some(Outcome { verdict, root, .. }) = self.outcome() {
            return Some(Box::new(Verification {
                result: verdict.last.0,
                leaf: verdict.leaf.0,
                authority: verdict.authority.0,
                depth: small(verdict.depth),
                root: root.clone(),
            }));
        }
        let again = self.known.as_ref()?.again.as_ref().filter(|_| resumption == Resumption::Resumed)?;
        let (leaf, others) = self.core.common().peer_certificates()?.split_first()?;
        let verdict = again.look_again(leaf, others);
        Some(Box::new(Verification { result: verdict.last.0, ..Verification::default() }))
    }

    /// Reads what has come until `into` is full or nothing is left.
    fn read(&mut self, into: &mut Buffer, limit: usize) -> Result<(), Fault> {
        if !self.plain.is_empty() {
            let n = self.plain.len().min(limit - into.len());
            into.ensure_capacity(limit);
            into.extend(&self.plain.data()[..n]);
            self.plain.consume(n);
            self.plain.release_if_empty();
        }
        while into.len() < limit && self.plain.is_empty() {
            match self.step(&Job::Read, Some((into, limit)))? {
                Step::Again => {}
                Step::Blocked | Step::Ready | Step::Early(_) => break,
            }
        }
        self.incoming.release_if_empty();
        Ok(())
    }

    /// Reads more records from the socket; 0 is the end.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        socket: &Socket,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        let room = (limit + RECORD_ROOM - RECORD_CONTENT).max(RECORD_ROOM).max(self.incoming.len() + 1);
        socket.poll_recv_up_to(cx, &mut self.incoming, room)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, socket: &Socket, more: More) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let n = ready!(socket.poll_send(cx, self.outgoing.data(), more))?;
            self.outgoing.consume(n);
        }
        self.outgoing.release_if_empty();
        Poll::Ready(Ok(()))
    }

    /// Makes records of a job.
    fn seal(&mut self, job: &Job<'_>) -> Result<(), Fault> {
        loop {
            match self.step(job, None)? {
                Step::Again => {}
                Step::Ready | Step::Early(_) => return Ok(()),
                Step::Blocked => return Err(Fault::closed()),
            }
        }
    }

    /// Does the next thing that there is to do. Content goes to `into` up to its limit, and is kept beyond it.
    fn step(&mut self, job: &Job<'_>, into: Option<(&mut Buffer, usize)>) -> Result<Step, Fault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let handshaking = self.core.is_handshaking();
        let step = self.go(job, into);
        let updates = overheard::decrypters();
        if updates > 0 && !handshaking && step.is_ok() {
            self.count_updates(updates)?;
        }
        step
    }

    /// Does the next thing, however often the peer changes its keys.
    fn go(&mut self, job: &Job<'_>, into: Option<(&mut Buffer, usize)>) -> Result<Step, Fault> {
        let handshaking = self.core.is_handshaking();
        let Self { core, incoming, plain, outgoing, input, known, .. } = self;
        let mut sink = Sink { into, plain };
        if let Some(secrets) = secrets_of(known).filter(|_| handshaking)
            && matches!(core, Core::Client(_))
        {
            secrets::look_at_greeting(secrets, incoming.data());
        }
        let sent = outgoing.len();
        let early = known.as_mut().map(|known| &mut known.early);
        let (discard, step) = match core {
            Core::Server(core) => {
                let status = core.process_tls_records(incoming.data_mut());
                advance(status, job, &mut sink, outgoing, input, early)
            }
            Core::Client(core) => {
                let status = core.process_tls_records(incoming.data_mut());
                advance(status, job, &mut sink, outgoing, input, early)
            }
        };
        incoming.consume(discard);
        if let Some(secrets) = secrets_of(known) {
            secrets::take_logged(secrets);
            if let (Core::Server(_), Some(sent)) =
                (&core, outgoing.data().get(sent..).filter(|_| handshaking))
            {
                secrets::look_at_greeting(secrets, sent);
            }
        }
        if let Some(known) = known.as_mut().filter(|_| handshaking && core.is_handshaking()) {
            let rejected = known.early.rejected(incoming.data());
            incoming.consume(rejected);
        }
        if let Some(outcome) = handshaking.then(verify::take_outcome).flatten() {
            self.known.get_or_insert_default().outcome = Some(outcome);
        }
        step.map_err(|error| {
            let fault = self.fault_of(&error);
            self.fault = Some(fault.clone());
            self.encode_alert();
            fault
        })
    }

    /// The peer has changed its keys so often: it is told goodbye when that is too often.
    fn count_updates(&mut self, updates: u32) -> Result<(), Fault> {
        let known = self.known.get_or_insert_default();
        if !LIMIT.is_passed_by(&mut known.updates, updates) {
            return Ok(());
        }
        self.incoming.clear();
        while self.go(&Job::Close, None)? == Step::Again {}
        let fault = Fault::restless();
        self.fault = Some(fault.clone());
        Err(fault)
    }

    /// What the library's error means, with what is known of the peer.
    fn fault_of(&self, error: &rustls::Error) -> Fault {
        let refusal = self.outcome().and_then(|o| o.refusal);
        let fault = match self.core {
            Core::Server(_) => Fault::of(error).of_client(refusal),
            Core::Client(_) => Fault::of(error).of_server(refusal),
        };
        let mut known = self.facts();
        // Up to TLS 1.2 nothing is encrypted before the end of the handshake.
        if known.version != Version::Tls13.name() {
            known.cipher = "(NONE)";
        }
        Fault { known: Some(Arc::new(known)), ..fault }
    }

    /// The session failed: what it tells the peer is made ready to be sent. It is asked nothing else any more.
    fn encode_alert(&mut self) {
        while self.core.common().wants_write() {
            let Self { core, incoming, plain, outgoing, input, .. } = self;
            let mut sink = Sink { into: None, plain };
            let (_, step) = match core {
                Core::Server(core) => {
                    let status = core.process_tls_records(incoming.data_mut());
                    advance(status, &Job::Read, &mut sink, outgoing, input, None)
                }
                Core::Client(core) => {
                    let status = core.process_tls_records(incoming.data_mut());
                    advance(status, &Job::Read, &mut sink, outgoing, input, None)
                }
            };
            if step != Ok(Step::Again) {
                return;
            }
        }
    }
}

impl Core {
    fn common(&self) -> &CommonState {
        match self {
            Self::Server(core) => core,
            Self::Client(core) => core,
        }
    }

    fn is_handshaking(&self) -> bool {
        self.common().is_handshaking()
    }
}

/// The secrets of a session, where they are kept.
fn secrets_of(known: &mut Option<Box<Known>>) -> Option<&mut Secrets> {
    known.as_mut()?.secrets.as_mut()
}

/// Where content goes.
struct Sink<'s> {
    into: Option<(&'s mut Buffer, usize)>,
    plain: &'s mut Buffer,
}

impl Sink<'_> {
    fn take(&mut self, mut content: &[u8]) {
        if let Some((into, limit)) = &mut self.into {
            let fits = content.len().min(limit.saturating_sub(into.len()));
            into.ensure_capacity(*limit);
            into.extend(&content[..fits]);
            content = &content[fits..];
        }
        if !content.is_empty() {
            self.plain.ensure_capacity(RECORD_CONTENT);
            self.plain.extend(content);
        }
    }
}

/// Does what the session's state asks for; tells how much of what came is used up.
fn advance<S: Side>(
    status: UnbufferedStatus<'_, '_, S>,
    job: &Job<'_>,
    sink: &mut Sink<'_>,
    outgoing: &mut Buffer,
    input: &mut Input,
    early: Option<&mut Early>,
) -> (usize, Result<Step, rustls::Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let step = match state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut outcome = Ok(Step::Again);
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        sink.take(record.payload);
                    }
                    Err(error) => outcome = Err(error),
                }
            }
            outcome
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            let before = outgoing.len();
            let step = encode(&mut data, outgoing);
            if let Some(early) = early {
                early.look_at_sent(&outgoing.data()[before..]);
            }
            step
        }
        // What was encoded waits in a buffer that is sent in its order.
        Ok(ConnectionState::TransmitTlsData(mut data)) => {
            let ahead = early.and_then(|early| {
                early.passed();
                S::send_early(&mut data, early, job, outgoing)
            });
            if ahead.is_none() {
                data.done();
            }
            Ok(ahead.unwrap_or(Step::Again))
        }
        Ok(ConnectionState::ReadEarlyData(mut data)) => {
            if let Some(early) = early {
                early.came();
            }
            discard += S::read_early(&mut data, sink);
            Ok(Step::Again)
        }
        Ok(ConnectionState::WriteTraffic(mut traffic)) => {
            early.into_iter().for_each(Early::passed);
            let sealed = match job {
                Job::Read | Job::Begin => Ok(0),
                Job::Send(content) => {
                    let mut parts = content.chunks(RECORDS.limit(content.len()));
                    parts.try_fold(0, |sealed, part| {
                        let records = part.len() / RECORD_CONTENT + 1;
                        let room = part.len() + records * RECORD_OVERHEAD;
                        Ok(sealed + seal(outgoing, room, |to| traffic.encrypt(part, to))?)
                    })
                }
                Job::Close => seal(outgoing, RECORD_OVERHEAD, |to| traffic.queue_close_notify(to)),
            };
            sealed.map(|_| Step::Ready).map_err(|e| rustls::Error::General(e.to_string()))
        }
        Ok(ConnectionState::PeerClosed) => {
            *input = Input::Ended;
            Ok(Step::Again)
        }
        Ok(ConnectionState::Closed) => {
            *input = Input::Ended;
            Ok(Step::Blocked)
        }
        Ok(_) => {
            early.into_iter().for_each(Early::passed);
            Ok(Step::Blocked)
        }
    };
    (discard, step)
}

/// Appends at most `room` bytes that a function writes.
fn seal<E>(
    outgoing: &mut Buffer,
    room: usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<usize, E> {
    let before = outgoing.len();
    outgoing.ensure_capacity(before + room);
    outgoing.compact_for(room);
    let tail = outgoing.tail();
    let start = tail.len();
    tail.resize(start + room, 0);
    let written = write(&mut tail[start..]);
    tail.truncate(start + written.as_ref().map_or(0, |n| *n));
    written
}

fn encode<S>(data: &mut EncodeTlsData<'_, S>, outgoing: &mut Buffer) -> Result<Step, rustls::Error> {
    let mut room = 4096;
    loop {
        match seal(outgoing, room, |to| data.encode(to)) {
            Ok(_) => return Ok(Step::Again),
            Err(EncodeError::InsufficientSize(wanted)) => room = wanted.required_size,
            Err(error @ EncodeError::AlreadyEncoded) => {
                return Err(rustls::Error::General(error.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
