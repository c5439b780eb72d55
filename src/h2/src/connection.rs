//! One connection: frames in, frames out, and the streams between.

mod incoming;
mod outgoing;

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use base::buffer::Buffer;
use http::{Headers, RequestHead, ResponseHead};

use crate::hpack::{Decoder, Encoder};
use crate::message::{RequestInfo, Scratch};
use crate::settings::{CONNECTION_WINDOW, Peer, Settings};
use crate::state::Closed;
use crate::stream::{Gone, Key, Reading, Rest, Stream};
use crate::{Code, PREFACE, frame};
use incoming::Parsing;

/// Which end of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It answers requests.
    Server,
    /// It sends them.
    Client,
}

/// What has happened on a connection since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `HEADERS` frames received.
    pub headers: u64,
    /// `DATA` frames received.
    pub data: u64,
    /// `SETTINGS` frames received.
    pub settings: u64,
    /// `RST_STREAM` frames received.
    pub resets: u64,
    /// `GOAWAY` frames received.
    pub go_aways: u64,
    /// Connections given up for what the peer did.
    pub connection_errors: u64,
    /// Streams given up for what the peer did.
    pub stream_errors: u64,
    /// Requests that never became streams, for what the peer did.
    pub refused_requests: u64,
    /// `RST_STREAM` frames sent.
    pub resets_sent: u64,
    /// `GOAWAY` frames sent.
    pub go_aways_sent: u64,
    /// Things that peers do not do when all is well.
    pub glitches: u32,
}

/// What became of bytes that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intake {
    /// So many were taken.
    pub consumed: usize,
    /// Whether more could be.
    pub appetite: Appetite,
}

/// Whether more bytes can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appetite {
    /// They can.
    Hungry,
    /// Streams must end first.
    Sated,
    /// They can, after others have had their turn.
    Rest,
    /// The connection is over.
    Done,
}

/// A stream cannot be opened on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// How far a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// It carries streams.
    #[default]
    Open,
    /// It goes on with those that it has.
    Leaving,
    /// It is over, and the peer is told why.
    Failed,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    role: Role,
    settings: Settings,
    peer: Peer,
    phase: Phase,
    lost: Lost,
    /// Whether the peer has said what it wants.
    acquainted: Acquainted,
    /// The window that streams begin with as the peer knows it: its own, until it has seen the settings.
    window: u32,
    parsing: Parsing,
    decoder: Decoder,
    encoder: Encoder,
    scratch: Scratch,
    /// The numbers of the streams, by their places; 0 where a place is free.
    ids: Vec<u32>,
    streams: Vec<Stream>,
    /// The places that are taken.
    taken: usize,
    /// Streams that this side gave up not long ago: something may still come for them.
    given_up: VecDeque<u32>,
    /// The last stream that the peer has opened.
    last: u32,
    /// The next one that this side opens.
    next: u32,
    /// Streams that were opened so far.
    total: u64,
    /// Bytes that may still be received and sent, over all streams.
    receive_window: i64,
    send_window: i64,
    output: Buffer,
    /// The last frame of the output, if it is one of data: its stream, and where its flags stand from the end.
    last_data: Option<(u32, usize)>,
    /// Streams that wait for room to send.
    line: VecDeque<Key>,
    newcomers: VecDeque<Key>,
    /// New streams whose windows have not been widened yet.
    to_credit: Vec<Key>,
    ping: Ping,
    hesitated: Hesitated,
    driver: Option<Waker>,
    /// Who waits to know what the peer wants.
    curious: Option<Waker>,
    counts: Counts,
}

/// Whether there is still a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lost {
    #[default]
    No,
    Yes,
}

/// Whether the peer was asked if it is still there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ping {
    #[default]
    Answered,
    Sent,
}

/// Whether there was some time for what new streams send right away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hesitated {
    #[default]
    No,
    Yes,
}

/// Whether the first `SETTINGS` have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Acquainted {
    #[default]
    No,
    /// Their frame has begun.
    Begun,
    Yes,
}

/// A peer's streams that were given up are remembered up to this many.
const REMEMBERED: usize = 16;

impl Connection {
    /// A connection on which nothing has come or gone. What is sent first is in its output.
    pub fn new(role: Role, settings: Settings) -> Self {
        let mut output = Buffer::new();
        match role {
            Role::Server => settings.push_for_server(output.tail()),
            Role::Client => {
                output.extend(PREFACE);
                settings.push_for_client(output.tail());
            }
        }
        Self {
            role,
            settings,
            peer: Peer::default(),
            phase: Phase::default(),
            lost: Lost::default(),
            acquainted: Acquainted::default(),
            window: CONNECTION_WINDOW,
            parsing: if role == Role::Server { Parsing::Preface(0) } else { Parsing::Header },
            decoder: Decoder::new(settings.table as usize),
            encoder: Encoder::default(),
            scratch: Scratch::default(),
            ids: Vec::new(),
            streams: Vec::new(),
            taken: 0,
            given_up: VecDeque::new(),
            last: 0,
            next: 1,
            total: 0,
            receive_window: CONNECTION_WINDOW.into(),
            send_window: CONNECTION_WINDOW.into(),
            output,
            last_data: None,
            line: VecDeque::new(),
            newcomers: VecDeque::new(),
            to_credit: Vec::new(),
            ping: Ping::default(),
            hesitated: Hesitated::default(),
            driver: None,
            curious: None,
            counts: Counts::default(),
        }
    }

    /// What has happened since this was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Asks the peer whether it is still there.
    pub fn ping(&mut self) {
        self.ping = Ping::Sent;
        self.push(frame::PING, 0, 0, b"idleping");
    }

    /// Whether the peer has not answered yet.
    pub fn awaits_answer(&self) -> bool {
        self.ping == Ping::Sent
    }

    /// Streams that the connection may carry.
    pub fn limit(&self) -> u32 {
        match self.role {
            Role::Server => self.settings.max_streams,
            Role::Client if self.settings.max_streams == 0 => self.peer.max_streams,
            Role::Client => self.settings.max_streams.min(self.peer.max_streams),
        }
    }

    /// The number of streams that are there.
    pub fn streams(&self) -> usize {
        self.taken
    }

    /// The number of streams that were opened so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Whether it is over.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Failed || self.phase == Phase::Leaving && self.taken == 0
    }

    /// Whether the peer has broken the protocol beyond repair.
    pub fn is_failed(&self) -> bool {
        self.phase == Phase::Failed
    }

    /// Whether the connection to the peer was lost.
    pub fn is_lost(&self) -> bool {
        self.lost == Lost::Yes
    }

    /// Whether another stream may be opened on it by this side.
    pub fn has_room(&self) -> bool {
        self.has_room_for(self.taken)
    }

    /// Whether another stream may be opened beside so many.
    pub fn has_room_for(&self, others: usize) -> bool {
        let most = match self.settings.max_streams {
            0 => self.peer.max_streams,
            own => own.min(self.peer.max_streams),
        };
        let exhausted = self.next > 0x7fff_0000;
        self.phase == Phase::Open && !exhausted && (others as u64) < u64::from(most)
    }

    /// Whether a connection can wait for its next stream: it carries none, and nothing waits to be sent. A frame of
    /// which the rest is still to come does no harm.
    pub fn is_at_rest(&self) -> bool {
        self.phase == Phase::Open && self.taken == 0 && self.output.is_empty()
    }

    /// Whether tunnels for other protocols may be asked for (RFC 8441).
    pub fn offers_extended_connect(&self) -> bool {
        self.peer.extended_connect.is_offered()
    }

    /// The same, once the peer has said what it wants.
    pub fn poll_offers_extended_connect(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.acquainted == Acquainted::Yes || self.phase == Phase::Failed {
            return Poll::Ready(self.offers_extended_connect());
        }
        keep(&mut self.curious, cx);
        Poll::Pending
    }

    /// Waits until there is something to send.
    pub fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.output.is_empty() {
            return Poll::Ready(());
        }
        keep(&mut self.driver, cx);
        Poll::Pending
    }

    /// What is to be sent. After some of it was, say so with [`Connection::sent`].
    pub fn output(&mut self) -> &mut Buffer {
        &mut self.output
    }

    /// The driver is to be woken when there is something to send, or a stream has ended.
    pub fn call_when_needed(&mut self, cx: &mut Context<'_>) {
        keep(&mut self.driver, cx);
    }

    /// Some of the output was sent: there may be room for more.
    pub fn sent(&mut self) {
        if self.output.is_empty() {
            self.last_data = None;
        }
        if self.room() > 0 {
            self.admit();
        }
    }

    /// The next stream that the peer has opened.
    pub fn accept(&mut self) -> Option<Key> {
        self.newcomers.pop_front()
    }

    /// Moves the request of a stream into `head`, whose memory is kept for another.
    pub fn take_request(&mut self, key: Key, head: &mut RequestHead) -> Option<RequestInfo> {
        let mut request = self.stream(key)?.request.take()?;
        std::mem::swap(&mut request.0, head);
        Some(request.1)
    }

    /// Waits for the head of a response, and moves it into `head`.
    pub fn poll_response(
        &mut self,
        key: Key,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), Reading>> {
        let Some(stream) = self.stream(key) else { return Poll::Ready(Err(Reading::Aborted)) };
        if let Some(response) = stream.responses.pop_front() {
            *head = response;
            return Poll::Ready(Ok(()));
        }
        match stream.reading() {
            Reading::Open => {
                keep(&mut stream.reader, cx);
                Poll::Pending
            }
            broken => Poll::Ready(Err(broken)),
        }
    }

    /// What has come of a body and was not consumed.
    pub fn body(&self, key: Key) -> &[u8] {
        self.look(key).map_or(&[], |stream| stream.body.data())
    }

    /// How much of a body has come; what [`Connection::body`] gives is there in any case.
    pub fn reading(&self, key: Key) -> Reading {
        self.look(key).map_or(Reading::Aborted, Stream::reading)
    }

    /// The bytes that are still to come behind those that are there, where that is known.
    pub fn announced(&self, key: Key) -> Option<u64> {
        match self.look(key)?.rest {
            Rest::Unknown => None,
            Rest::Bytes(bytes) => Some(bytes),
            Rest::Nothing => Some(0),
        }
    }

    /// The fields behind a body, once it has ended.
    pub fn trailers(&self, key: Key) -> Option<&Headers> {
        self.look(key).map(|stream| &stream.trailers)
    }

    /// Waits until more of a body has come than there is, or none will.
    pub fn poll_more(&mut self, key: Key, cx: &mut Context<'_>) {
        if let Some(stream) = self.stream(key) {
            keep(&mut stream.reader, cx);
        }
    }

    /// So many bytes of a body were read: the peer may send as many more.
    pub fn consume(&mut self, key: Key, n: usize) {
        let Some(stream) = self.stream(key) else { return };
        stream.body.consume(n);
        stream.body.release_if_empty();
        self.credit(key, n);
    }

    /// Whether the stream has been given up by the peer, or with the connection.
    pub fn is_gone(&self, key: Key) -> bool {
        self.look(key).is_none_or(|stream| stream.state.is_broken())
    }

    /// Waits until the stream has been given up by the peer.
    pub fn poll_gone(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<Gone> {
        if self.is_gone(key) {
            return Poll::Ready(Gone);
        }
        self.poll_more(key, cx);
        Poll::Pending
    }

    /// Nobody serves the stream any longer; unless all of it has come and gone, it is given up.
    pub fn release(&mut self, key: Key, code: Code) {
        let Some(stream) = self.stream(key) else { return };
        if stream.state.closed().is_none() {
            // The peer need not send what nobody reads.
            let code = if stream.state.sends() { code } else { Code::NO_ERROR };
            self.reset(key, code);
        }
        let place = key.slot as usize;
        let stream = &mut self.streams[place];
        let unread = stream.body.len();
        let request = stream.request.take();
        *stream = Stream { request: None, ..Stream::default() };
        drop(request);
        self.ids[place] = 0;
        self.taken -= 1;
        debug_assert!(unread <= self.settings.buffers as usize + self.settings.max_frame as usize);
        self.stir();
    }

    /// Gives a stream up, and tells the peer.
    pub fn reset(&mut self, key: Key, code: Code) {
        let Some(stream) = self.stream(key) else { return };
        if stream.state.closed().is_some() {
            return;
        }
        stream.state = stream.state.reset(Closed::ResetHere(code));
        self.push_reset(key.id, code);
    }

    /// The connection to the peer is lost: no stream goes on.
    pub fn lose(&mut self) {
        self.phase = Phase::Failed;
        self.lost = Lost::Yes;
        self.output.clear();
        self.break_streams();
    }

    fn break_streams(&mut self) {
        if let Some(curious) = self.curious.take() {
            curious.wake();
        }
        for stream in &mut self.streams {
            stream.state = stream.state.reset(Closed::Lost);
            stream.wake_all();
        }
        self.stir();
    }

    fn place(&self, id: u32) -> Option<Key> {
        let slot = self.ids.iter().position(|known| *known == id)?;
        Some(Key { slot: slot as u32, id })
    }

    fn look(&self, key: Key) -> Option<&Stream> {
        let place = key.slot as usize;
        self.streams.get(place).filter(|_| self.ids[place] == key.id)
    }

    fn stream(&mut self, key: Key) -> Option<&mut Stream> {
        let place = key.slot as usize;
        self.streams.get_mut(place).filter(|_| self.ids[place] == key.id)
    }

    /// A place for a new stream.
    fn settle(&mut self, id: u32) -> Key {
        let place = self.ids.iter().position(|known| *known == 0).unwrap_or_else(|| {
            self.ids.push(0);
            self.streams.push(Stream::default());
            self.ids.len() - 1
        });
        self.ids[place] = id;
        let stream = &mut self.streams[place];
        stream.receive_window = self.window.into();
        stream.send_window = self.peer.window.into();
        self.taken += 1;
        self.total += 1;
        Key { slot: place as u32, id }
    }

    /// The driver is here, and need not be woken.
    pub fn calm(&mut self) {
        self.driver = None;
    }

    /// Wakes the driver: there is something for it to do.
    pub fn stir(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }
}

/// Remembers who is to be woken.
fn keep(waker: &mut Option<Waker>, cx: &Context<'_>) {
    match waker {
        Some(known) => known.clone_from(cx.waker()),
        None => *waker = Some(cx.waker().clone()),
    }
}

#[cfg(test)]
mod tests;
