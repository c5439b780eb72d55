//! One side of an exchange of HTTP: a connection that speaks HTTP/1, or a stream of one that speaks HTTP/2.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use h1::{
    BodyDecoder, BodyEvent, CaseMap, ConnectionLine, Cursor, Decoded, NameCase, Options, ParseError, Side,
};
use h2::{End, Protocol};
use http::{BodyLength, Headers, RequestHead, ResponseHead, Status};
use net::{More, Socket};

use crate::captures::Fault;
use crate::carrier;
use crate::conn::{Conn, Filled, Line, Receiving};
use crate::exchange::{Piece, Sink, SinkError, Source, SourceError};

/// Bytes that are copied together with the head rather than sent beside it.
const COPY_LIMIT: usize = 2048;

/// A client's or a server's side: a connection of its own, or one stream of a connection with many.
#[derive(Debug)]
pub(crate) struct HttpSide {
    pub(crate) conn: Conn,
    pub(crate) cursor: Cursor,
    /// How much the input may hold.
    limit: usize,
    incoming: BodyDecoder,
    /// The part of the input that was decoded and not yet taken, and what is consumed with it.
    decoded: Option<(Range<usize>, usize)>,
    trailers: Headers,
    reading: Reading,
    fault: Option<ParseError>,
    outgoing: Framing,
    delivery: Delivery,
    names: Names,
    sent_trailers: Trailers,
}

/// Whether what comes can still be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Sound,
    /// A body was malformed: nothing is known of what follows.
    Lost,
}

/// How much of a body has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    Part,
    /// What came is malformed.
    Broken,
}

/// How header names are written.
#[derive(Clone, Debug, Default)]
pub(crate) enum Names {
    #[default]
    Lower,
    Adjusted(Arc<CaseMap>),
}

impl Names {
    pub(crate) fn case(&self) -> NameCase<'_> {
        match self {
            Self::Lower => NameCase::Lower,
            Self::Adjusted(map) => NameCase::Adjusted(map),
        }
    }
}

/// Whether the fields behind a body are passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Trailers {
    #[default]
    Kept,
    Dropped,
}

/// How the end of a body is marked on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By a length, or by the end of the connection: nothing is added.
    #[default]
    Plain,
    Chunked,
    /// There is no body on this side: what comes of it goes no further.
    LeftOut,
    /// What follows is another protocol's, which alone knows where it ends.
    Unending,
}

/// Whether what is sent may wait for more that makes a full packet of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    #[default]
    Packed,
    AtOnce,
}

impl HttpSide {
    pub(crate) fn new(conn: Conn, limit: usize, side: Side) -> Self {
        Self {
            conn,
            cursor: Cursor::new(),
            limit,
            incoming: BodyDecoder::new(BodyLength::None, side, Options::default()),
            decoded: None,
            trailers: Headers::new(),
            reading: Reading::Sound,
            fault: None,
            outgoing: Framing::Plain,
            delivery: Delivery::default(),
            names: Names::Lower,
            sent_trailers: Trailers::Kept,
        }
    }

    /// Receives more of a head or of a body.
    #[inline]
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<Filled>> {
        self.conn.poll_fill(cx, self.limit)
    }

    /// Whether no more can be received before some of it is consumed.
    pub(crate) fn is_full(&self) -> bool {
        self.conn.input.len() >= self.limit
    }

    /// A body of this kind follows the head that was just received.
    pub(crate) fn expect_body(&mut self, length: BodyLength, side: Side, options: Options) {
        self.incoming = BodyDecoder::new(length, side, options);
        self.decoded = None;
        self.trailers.clear();
    }

    /// A body of this kind follows the head that was just written.
    pub(crate) fn send_body(&mut self, framing: Framing) {
        // Streams mark the ends of bodies themselves.
        let marked = framing == Framing::Chunked && self.conn.carrier().is_some();
        self.outgoing = if marked { Framing::Plain } else { framing };
    }

    /// Writes the head of a response; tells how many bytes of it the client will get.
    pub(crate) fn write_response(
        &mut self,
        head: &ResponseHead,
        (body, line): (BodyLength, ConnectionLine),
        end: End,
        room: usize,
    ) -> u64 {
        let Line::Stream(carrier) = &mut self.conn.line else {
            let output = &mut self.conn.output;
            let before = output.len();
            output.ensure_capacity(room);
            h1::write_response(head, body, line, self.names.case(), output.tail());
            return (self.conn.output.len() - before) as u64;
        };
        // A stream that is gone is found out by whoever writes its body.
        let _ = carrier.respond(head, body, end);
        crate::size::of_response(head)
    }

    /// Opens a stream with a request, where that is how requests are sent. One that cannot be opened is found out by
    /// whoever waits for the response.
    pub(crate) fn open_stream(&mut self, head: &RequestHead, about: (&[u8], BodyLength, Protocol)) {
        let Line::Trunk(trunk) = &self.conn.line else { return };
        if self.conn.receiving == Receiving::Ended {
            return;
        }
        match carrier::open(trunk, head, about) {
            Some(carrier) => self.conn.line = Line::Stream(carrier),
            None => self.conn.receiving = Receiving::Ended,
        }
    }

    /// Waits until it is known whether tunnels for other protocols may be asked for on streams.
    pub(crate) fn poll_offers_extended_connect(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let Line::Trunk(trunk) = &self.conn.line else { return Poll::Ready(true) };
        carrier::lock(trunk).h2.poll_offers_extended_connect(cx)
    }

    /// No request goes over it.
    pub(crate) fn give_up(&mut self) {
        if let Line::Trunk(trunk) = &self.conn.line {
            carrier::lock(trunk).h2.skip();
        }
        self.conn.receiving = Receiving::Ended;
    }

    /// Asks a server on whose connection nothing happens whether it is still there; false when it did not answer last
    /// time.
    pub(crate) fn ask_whether_alive(&mut self) -> bool {
        let Line::Trunk(trunk) = &self.conn.line else { return true };
        let mut trunk = carrier::lock(trunk);
        if trunk.h2.awaits_answer() {
            return false;
        }
        trunk.h2.ping();
        trunk.is_quiet()
    }

    /// Whether requests are sent by opening streams.
    pub(crate) fn opens_streams(&self) -> bool {
        matches!(self.conn.line, Line::Trunk(_))
    }

    /// Lets the client send its body; tells how many bytes that took.
    pub(crate) fn send_continue(&mut self) -> u64 {
        let Line::Stream(carrier) = &mut self.conn.line else {
            self.conn.output.extend(h1::CONTINUE);
            return h1::CONTINUE.len() as u64;
        };
        let mut head = ResponseHead::default();
        head.set_status(Status(100));
        let _ = carrier.respond(&head, BodyLength::None, End::No);
        crate::size::of_response(&head)
    }

    /// The message that was written is complete, once its body has been sent.
    pub(crate) fn end_message(&mut self) {
        if let Line::Stream(carrier) = &mut self.conn.line {
            carrier.finish(&Headers::new());
        }
    }

    /// Whether the message that came is complete.
    pub(crate) fn has_all(&self) -> bool {
        match &self.conn.line {
            Line::Socket(..) | Line::Trunk(_) => self.incoming.is_done(),
            Line::Stream(carrier) => self.conn.input.is_empty() && carrier.has_ended(),
        }
    }

    /// What the trailers that came count for in logs.
    pub(crate) fn trailer_size(&self) -> u64 {
        crate::size::of_trailers(&self.trailers)
    }

    /// What is certain to be wrong with the part of a body that has arrived behind a head of this length.
    pub(crate) fn fault_of_body(&self, head: usize) -> Option<Fault> {
        self.scan_behind(head, |_| {}).err()
    }

    /// Goes through what has arrived of the body, and leaves it where it is.
    pub(crate) fn scan_body(&self, each: impl FnMut(&[u8])) -> Extent {
        self.scan_behind(0, each).unwrap_or(Extent::Broken)
    }

    fn scan_behind(&self, head: usize, mut each: impl FnMut(&[u8])) -> Result<Extent, Fault> {
        let (mut decoder, mut trailers) = (self.incoming.clone(), Headers::new());
        let (mut at, mut body) = (head, 0);
        loop {
            let rest = &self.conn.input.data()[at..];
            let Decoded { event, consumed } = decoder.decode(rest, &mut trailers).map_err(|e| Fault {
                kind: e.kind,
                position: at + e.position,
                body,
            })?;
            match event {
                BodyEvent::Data(range) => {
                    body += range.len() as u64;
                    each(&rest[range]);
                }
                BodyEvent::End => return Ok(Extent::Whole),
                BodyEvent::NeedMore if decoder.may_end_here() && self.conn.receiving == Receiving::Ended => {
                    return Ok(Extent::Whole);
                }
                BodyEvent::NeedMore => return Ok(Extent::Part),
            }
            at += consumed;
        }
    }

    /// Appends a copy of what has arrived of the body.
    pub(crate) fn copy_body(&self, to: &mut Vec<u8>) -> Extent {
        self.scan_body(|data| to.extend_from_slice(data))
    }

    /// Whether all of the body has arrived.
    pub(crate) fn has_whole_body(&self) -> bool {
        self.has_all() || self.scan_body(|_| {}) == Extent::Whole
    }

    /// Notes what is wrong with what came.
    pub(crate) fn note_fault(&mut self, error: ParseError) {
        self.fault = Some(error);
    }

    /// What is wrong with what came; told once.
    pub(crate) fn take_fault(&mut self) -> Option<ParseError> {
        self.fault.take()
    }

    /// Whether what comes can still be told apart.
    pub(crate) fn reading(&self) -> Reading {
        self.reading
    }

    /// Header names are written to this peer as it wants them.
    pub(crate) fn adjust_names(&mut self, cases: &Arc<CaseMap>) {
        self.names = Names::Adjusted(cases.clone());
    }

    /// How header names are written.
    pub(crate) fn names(&self) -> Names {
        self.names.clone()
    }

    /// How what is sent is packed.
    pub(crate) fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// Sets how what is sent is packed.
    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        self.delivery = delivery;
    }

    /// Whether what is sent may wait for what follows.
    fn more(&self, follows: More) -> More {
        if self.delivery == Delivery::AtOnce { More::No } else { follows }
    }

    /// What becomes of the trailers of what is sent.
    pub(crate) fn send_trailers(&mut self, trailers: Trailers) {
        self.sent_trailers = trailers;
    }

    /// Decodes the next piece of what has been received; `None` when more must come first.
    fn decode(&mut self) -> Result<Option<Step>, SourceError> {
        let decoded = self.incoming.decode(self.conn.input.data(), &mut self.trailers).map_err(|e| {
            self.reading = Reading::Lost;
            self.fault = Some(e);
            SourceError::Malformed
        })?;
        match decoded.event {
            BodyEvent::Data(range) => {
                self.decoded = Some((range, decoded.consumed));
                Ok(Some(Step::Data))
            }
            BodyEvent::End => {
                self.conn.input.consume(decoded.consumed);
                Ok(Some(Step::End))
            }
            BodyEvent::NeedMore => {
                self.conn.input.consume(decoded.consumed);
                Ok(None)
            }
        }
    }
}

enum Step {
    Data,
    End,
}

impl Source for HttpSide {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece<'_>, SourceError>> {
        while self.decoded.is_none() {
            match self.decode()? {
                Some(Step::Data) => {}
                Some(Step::End) => return Poll::Ready(Ok(Piece::End(&self.trailers))),
                None => match self.conn.poll_fill_on(cx, self.limit) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(Filled::Bytes(_))) => {}
                    Poll::Ready(Ok(Filled::End)) if self.incoming.may_end_here() => {
                        if let Line::Stream(carrier) = &self.conn.line {
                            carrier.trailers(&mut self.trailers);
                        }
                        return Poll::Ready(Ok(Piece::End(&self.trailers)));
                    }
                    Poll::Ready(_) => return Poll::Ready(Err(SourceError::Aborted)),
                },
            }
        }
        let more = if self.incoming.is_done() { More::No } else { More::Yes };
        let range = self.decoded.as_ref().map_or(0..0, |(r, _)| r.clone());
        Poll::Ready(Ok(Piece::Data(&self.conn.input.data()[range], more)))
    }

    fn consume(&mut self, n: usize) {
        if let Some((range, consumed)) = &mut self.decoded {
            range.start += n;
            if range.start == range.end {
                let consumed = *consumed;
                self.decoded = None;
                self.conn.input.consume(consumed);
            }
        }
    }

    fn raw(&self) -> Option<(&Socket, u64)> {
        let plain =
            self.decoded.is_none() && self.conn.input.is_empty() && self.conn.receiving == Receiving::Open;
        let socket = self.conn.plain().filter(|_| plain)?;
        Some((socket, self.incoming.contiguous()))
    }

    fn skip(&mut self, n: u64) {
        if let Some(meter) = &self.conn.meter {
            meter.spliced_in(n as usize);
        }
        self.incoming.skip(n);
    }
}

/// Sends data behind what waits there, where both cannot go to the system at once.
fn poll_behind(
    cx: &mut Context<'_>,
    conn: &mut Conn,
    data: &[u8],
    more: More,
) -> Poll<Result<usize, SinkError>> {
    // A head and the beginning of its body go into one record.
    let together =
        if conn.output.is_empty() || conn.tls().is_none() { 0 } else { data.len().min(conn.output.room()) };
    if together > 0 {
        conn.output.extend(&data[..together]);
        let _ = conn.poll_flush(cx, more).map_err(|_| SinkError)?;
        return Poll::Ready(Ok(together));
    }
    ready!(conn.poll_flush(cx, More::Yes)).map_err(|_| SinkError)?;
    conn.poll_send(cx, data, more).map_err(|_| SinkError)
}

impl Sink for HttpSide {
    fn poll_data(&mut self, cx: &mut Context<'_>, data: &[u8], more: More) -> Poll<Result<usize, SinkError>> {
        let more = self.more(more);
        let conn = &mut self.conn;
        if self.outgoing == Framing::LeftOut {
            return Poll::Ready(Ok(data.len()));
        }
        if self.outgoing == Framing::Chunked {
            if conn.output.len() >= self.limit
                && conn.poll_flush(cx, more).map_err(|_| SinkError)?.is_pending()
            {
                return Poll::Pending;
            }
            conn.output.compact_for(data.len() + 16);
            h1::chunk::push_chunk(data, conn.output.tail());
            return Poll::Ready(Ok(data.len()));
        }
        if data.len() <= COPY_LIMIT && conn.output.len() + data.len() <= self.limit && !conn.output.is_empty()
        {
            conn.output.extend(data);
            return Poll::Ready(Ok(data.len()));
        }
        loop {
            let Some(socket) = conn.plain() else { return poll_behind(cx, conn, data, more) };
            let head = conn.output.len();
            let sent = if head == 0 {
                socket.poll_send(cx, data, more)
            } else {
                let slices = [IoSlice::new(conn.output.data()), IoSlice::new(data)];
                socket.poll_send_vectored(cx, &slices, more)
            };
            if let Poll::Ready(Ok(n)) = sent {
                conn.note_sent(n);
            }
            match sent {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(SinkError)),
                Poll::Ready(Ok(n)) if n > head => {
                    conn.output.consume(head);
                    conn.output.release_if_empty();
                    return Poll::Ready(Ok(n - head));
                }
                Poll::Ready(Ok(n)) => conn.output.consume(n),
            }
        }
    }

    fn raw(&self) -> Option<&Socket> {
        self.conn.plain().filter(|_| self.outgoing != Framing::LeftOut)
    }

    fn begin_raw(&mut self, n: usize) {
        if let Some(meter) = &self.conn.meter {
            meter.spliced_out(n);
        }
        if self.outgoing == Framing::Chunked {
            self.conn.output.extend(h1::chunk::ChunkHeader::new(n as u64).as_bytes());
        }
    }

    fn end_raw(&mut self) {
        if self.outgoing == Framing::Chunked {
            self.conn.output.extend(h1::chunk::END);
        }
    }

    fn end(&mut self, trailers: &Headers) {
        let none = Headers::new();
        let trailers = if self.sent_trailers == Trailers::Dropped { &none } else { trailers };
        if let Line::Stream(carrier) = &mut self.conn.line {
            if self.outgoing != Framing::Unending {
                carrier.finish(trailers);
            }
        } else if self.outgoing == Framing::Chunked {
            h1::chunk::push_last(trailers, self.names.case(), self.conn.output.tail());
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, more: More) -> Poll<Result<(), SinkError>> {
        let more = self.more(more);
        self.conn.poll_flush(cx, more).map_err(|_| SinkError)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;

    use super::*;

    /// What has come at the other end once a part of a body was sent.
    async fn arrived(delivery: Delivery) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        far.set_nonblocking(true).unwrap();
        let near = listener.accept().unwrap().0;
        near.set_nonblocking(true).unwrap();
        near.set_nodelay(true).unwrap();
        let far = Socket::from_fd(OwnedFd::from(far));
        let mut side =
            HttpSide::new(Conn::new(Socket::from_fd(OwnedFd::from(near))), 16384, h1::Side::Response);
        side.deliver(delivery);
        assert_eq!(poll_fn(|cx| side.poll_data(cx, b"part", More::Yes)).await, Ok(4));
        far.peek(&mut [0; 8]).unwrap_or_default()
    }

    #[test]
    fn what_is_delivered_at_once_waits_for_nothing() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default());
        runtime.unwrap().block_on(async {
            assert_eq!(arrived(Delivery::AtOnce).await, 4);
        });
    }
}
