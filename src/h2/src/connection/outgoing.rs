//! What goes to the peer.

use std::task::{Context, Poll};

use http::{BodyLength, Headers, RequestHead, ResponseHead};

use super::{Connection, Phase, REMEMBERED, Refused, keep};
use crate::Code;
use crate::frame::{self, HEADER, Header};
use crate::message::{self, Protocol};
use crate::settings::{CONNECTION_WINDOW, LARGEST_WINDOW};
use crate::stream::{End, Gone, Key, LinedUp, Rest};

/// The output takes no more bodies beyond so many bytes.
const HIGH_WATER: usize = 64 * 1024;

impl Connection {
    /// The room that the output has for bodies.
    pub(super) fn room(&self) -> usize {
        HIGH_WATER.saturating_sub(self.output.len())
    }

    /// Lets those send that wait for room.
    pub(super) fn admit(&mut self) {
        while let Some(key) = self.line.pop_front() {
            if let Some(stream) = self.stream(key) {
                stream.lined_up = LinedUp::No;
                if let Some(waker) = stream.writer.take() {
                    waker.wake();
                }
            }
        }
    }

    /// Appends a frame that is about no body.
    pub(super) fn push(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.output.compact_for(HEADER + payload.len());
        frame::push(kind, flags, stream, payload, self.output.tail());
        self.last_data = None;
        self.stir();
    }

    pub(super) fn push_reset(&mut self, id: u32, code: Code) {
        self.counts.resets_sent += 1;
        if self.given_up.len() >= REMEMBERED {
            self.given_up.pop_front();
        }
        self.given_up.push_back(id);
        self.push(frame::RST_STREAM, 0, id, &code.0.to_be_bytes());
    }

    pub(super) fn push_go_away(&mut self, last: u32, code: Code) {
        self.counts.go_aways_sent += 1;
        let mut payload = [0; 8];
        payload[..4].copy_from_slice(&last.to_be_bytes());
        payload[4..].copy_from_slice(&code.0.to_be_bytes());
        self.push(frame::GOAWAY, 0, 0, &payload);
    }

    /// The peer shall open no more streams; those that it has opened go on.
    pub fn leave(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Leaving;
            self.push_go_away(self.last, Code::NO_ERROR);
        }
    }

    /// Lets the peer send more on a stream: as much as was read, and more while few streams receive.
    pub(super) fn credit(&mut self, key: Key, read: usize) {
        let window = i64::from(self.settings.window);
        let receiving = self.streams.iter().zip(&self.ids);
        let receiving = receiving.filter(|(s, id)| **id != 0 && s.state.receives()).count().max(1);
        // An eighth is kept for streams that begin.
        let share = i64::from(self.settings.buffers) / 8 * 7 / receiving as i64;
        let share = share.max(window);
        let Some(stream) = self.stream(key) else { return };
        if !stream.state.receives() {
            // Nothing more comes; some peers wait for the credit all the same, if they have got none.
            if stream.state.closed().is_none() && read > 0 && !std::mem::replace(&mut stream.credited, true) {
                self.push(frame::WINDOW_UPDATE, 0, key.id, &(read as u32).to_be_bytes());
            }
            return;
        }
        let wanted = match stream.rest {
            // All that is still to come may come already, or will when this much is added.
            Rest::Bytes(left) if left <= stream.receive_window.max(0) as u64 + read as u64 => read as i64,
            _ => share - stream.body.len() as i64 - stream.receive_window,
        };
        if wanted <= 0 {
            return;
        }
        stream.receive_window += wanted;
        stream.credited = true;
        self.push(frame::WINDOW_UPDATE, 0, key.id, &(wanted as u32).to_be_bytes());
    }

    /// What a connection may receive is limited by what its streams may: its own window is kept wide open.
    pub(super) fn credit_connection(&mut self) {
        let missing = i64::from(LARGEST_WINDOW) - self.receive_window;
        if self.receive_window <= i64::from(CONNECTION_WINDOW) || missing > i64::from(LARGEST_WINDOW / 2) {
            self.receive_window += missing;
            self.push(frame::WINDOW_UPDATE, 0, 0, &(missing as u32).to_be_bytes());
        }
    }

    /// Opens a stream with a request.
    pub fn open(
        &mut self,
        head: &RequestHead,
        (scheme, body, protocol): (&[u8], BodyLength, Protocol),
    ) -> Result<Key, Refused> {
        if !self.has_room() {
            return Err(Refused);
        }
        let id = self.next;
        self.next += 2;
        let key = self.settle(id);
        let ends = body.is_empty() && protocol == Protocol::None && head.method != http::Method::Connect;
        let end = if ends { End::Yes } else { End::No };
        self.push_head(key, end, |out| message::push_request(head, (scheme, body, protocol), out));
        Ok(key)
    }

    /// What was to be a stream cannot be one. On a connection without others the server hears of it, as it does from
    /// the original; it may take offence, and so nothing else goes over this connection.
    pub fn skip(&mut self) {
        if self.taken == 0 && self.has_room() {
            let id = self.next;
            self.next += 2;
            self.push_reset(id, Code::CANCEL);
            self.phase = Phase::Leaving;
        }
    }

    /// Sends the head of a response.
    pub fn respond(&mut self, key: Key, head: &ResponseHead, body: BodyLength, end: End) -> Result<(), Gone> {
        self.may_send(key)?;
        self.push_head(key, end, |out| message::push_response(head, body, out));
        Ok(())
    }

    fn may_send(&self, key: Key) -> Result<(), Gone> {
        let sends = self.phase != Phase::Failed && self.look(key).is_some_and(|s| s.state.sends());
        if sends { Ok(()) } else { Err(Gone) }
    }

    fn push_head(&mut self, key: Key, end: End, fields: impl FnOnce(&mut Vec<u8>)) {
        let most = self.peer.max_frame as usize;
        self.output.compact_for(HEADER + 256);
        let out = self.output.tail();
        let start = out.len();
        out.extend_from_slice(&[0; HEADER]);
        self.encoder.begin(out);
        fields(out);
        let length = out.len() - start - HEADER;
        let ends = if end == End::Yes { frame::END_STREAM } else { 0 };
        let header = |length, kind, flags| Header { length, kind, flags, stream: key.id }.bytes();
        if length <= most {
            let flags = frame::END_HEADERS | ends;
            out[start..start + HEADER].copy_from_slice(&header(length, frame::HEADERS, flags));
        } else {
            let block = out.split_off(start + HEADER);
            out.truncate(start);
            let (mut kind, mut flags) = (frame::HEADERS, ends);
            let mut pieces = block.chunks(most).peekable();
            while let Some(piece) = pieces.next() {
                flags |= if pieces.peek().is_none() { frame::END_HEADERS } else { 0 };
                out.extend_from_slice(&header(piece.len(), kind, flags));
                out.extend_from_slice(piece);
                (kind, flags) = (frame::CONTINUATION, 0);
            }
        }
        self.last_data = None;
        if end == End::Yes {
            self.end_sent(key);
        }
        self.stir();
    }

    fn end_sent(&mut self, key: Key) {
        if let Some(stream) = self.stream(key) {
            stream.state = stream.state.end_sent();
        }
    }

    /// Takes bytes of a body as far as there is room; tells how many.
    pub fn poll_send(&mut self, key: Key, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Gone>> {
        if self.may_send(key).is_err() {
            return Poll::Ready(Err(Gone));
        }
        let most = self.peer.max_frame as usize;
        // Whoever waits has waited longer.
        let turn = if self.line.is_empty() { usize::MAX } else { most };
        let room = self.room().min(turn);
        let window = self.send_window;
        let Some(stream) = self.stream(key) else { return Poll::Ready(Err(Gone)) };
        let allowed = usize::try_from(stream.send_window.min(window).max(0)).unwrap_or(usize::MAX);
        let n = data.len().min(allowed).min(room);
        if n == 0 {
            keep(&mut stream.writer, cx);
            // A stream whose own window is closed is woken when it opens.
            let own = stream.send_window <= 0;
            if !own && std::mem::replace(&mut stream.lined_up, LinedUp::Yes) == LinedUp::No {
                self.line.push_back(key);
            }
            return Poll::Pending;
        }
        stream.send_window -= n as i64;
        self.send_window -= n as i64;
        self.output.compact_for(n + HEADER * n.div_ceil(most));
        let out = self.output.tail();
        let mut last = 0;
        for piece in data[..n].chunks(most) {
            frame::push(frame::DATA, 0, key.id, piece, out);
            last = piece.len() + HEADER;
        }
        self.last_data = Some((key.id, last));
        self.stir();
        Poll::Ready(Ok(n))
    }

    /// Ends what is sent on a stream, with the fields that follow it.
    pub fn finish(&mut self, key: Key, trailers: &Headers) {
        if self.may_send(key).is_err() {
            return;
        }
        if !trailers.is_empty() {
            self.push_head(key, End::Yes, |out| message::push_trailers(trailers, out));
            return;
        }
        match self.last_data {
            // The frame is still here: it can be the last one.
            Some((id, length)) if id == key.id && self.output.len() >= length => {
                let out = self.output.data_mut();
                let flags = out.len() - length + 4;
                out[flags] |= frame::END_STREAM;
                self.last_data = None;
            }
            _ => self.push(frame::DATA, frame::END_STREAM, key.id, &[]),
        }
        self.end_sent(key);
    }
}
