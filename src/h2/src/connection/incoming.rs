//! What comes from the peer.

use http::{BodyLength, Method, RequestHead, ResponseHead, Status};

use super::{Acquainted, Appetite, Connection, Hesitated, Intake, Phase, Ping, Role};
use crate::frame::{self, Header};
use crate::hpack::Corrupt;
use crate::message::{self, Limits, Malformed, Protocol};
use crate::settings::{LARGEST_WINDOW, Settings};
use crate::state::Closed;
use crate::stream::{HeadState, Key, Rest, Soundness};
use crate::{Code, PREFACE};

/// What is expected next.
#[derive(Debug)]
pub(super) enum Parsing {
    /// The rest of the preface: so much of it has come.
    Preface(usize),
    /// The header of a frame.
    Header,
    /// The rest of a frame, of which this has come.
    Frame(Header, Vec<u8>),
    /// The length of a frame's padding.
    Padding(Header),
    /// The content of a frame of data.
    Data(Data),
    /// More of a header block.
    Block(Block),
    /// A frame that goes on with a header block, of which this has come.
    More(Block, Header, Vec<u8>),
}

/// A frame of data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    /// Whose it is; none, where nobody wants it.
    key: Option<Key>,
    content: usize,
    padding: usize,
    end: bool,
}

/// A header block that has begun.
#[derive(Debug)]
pub(super) struct Block {
    stream: u32,
    end: bool,
    bytes: Vec<u8>,
    frames: usize,
}

/// What a frame did that it may not.
enum Fault {
    /// The connection cannot go on.
    Connection(Code),
    /// The stream cannot.
    Stream(u32, Code),
}

type Checked = Result<(), Fault>;

fn connection(code: Code) -> Fault {
    Fault::Connection(code)
}

/// A header block may take so many frames.
const MOST_FRAMES: usize = 32;

impl Connection {
    /// Takes bytes that came.
    pub fn receive(&mut self, input: &[u8]) -> Intake {
        let mut rest = input;
        let Settings { frames_at_once, resets_at_once, .. } = self.settings;
        let (mut frames, resets) = (0, self.counts.resets);
        while self.phase != Phase::Failed {
            let many_resets = resets_at_once != 0 && self.counts.resets - resets >= resets_at_once.into();
            if !rest.is_empty() && (frames_at_once != 0 && frames >= frames_at_once || many_resets) {
                return Intake { consumed: input.len() - rest.len(), appetite: Appetite::Rest };
            }
            frames += u32::from(matches!(self.parsing, Parsing::Header));
            let before = rest.len();
            match self.step(&mut rest) {
                Ok(Appetite::Hungry) if rest.len() < before => {}
                Ok(appetite) => return Intake { consumed: input.len() - rest.len(), appetite },
                Err(Fault::Connection(code)) => self.fail(code),
                Err(Fault::Stream(id, code)) => self.fail_stream(id, code),
            }
        }
        Intake { consumed: input.len(), appetite: Appetite::Done }
    }

    /// All that came at once was taken: streams that go on may get more at a time than they begin with.
    ///
    /// What they send may be on its way together with their heads: they are told only when it has not come by the second
    /// time; false says that there is a second time to come.
    pub fn welcome(&mut self) -> bool {
        if self.to_credit.is_empty() {
            return true;
        }
        if self.hesitated == Hesitated::No {
            self.hesitated = Hesitated::Yes;
            return false;
        }
        self.hesitated = Hesitated::No;
        while let Some(key) = self.to_credit.pop() {
            self.credit(key, 0);
        }
        true
    }

    /// The peer has broken the protocol: it is told, and nothing goes on.
    pub fn fail(&mut self, code: Code) {
        self.counts.connection_errors += 1;
        self.counts.glitches += 1;
        self.push_go_away(self.last, code);
        self.phase = Phase::Failed;
        self.break_streams();
    }

    /// A stream cannot go on.
    fn fail_stream(&mut self, id: u32, code: Code) {
        self.counts.stream_errors += 1;
        self.counts.glitches += 1;
        if let Some(key) = self.place(id)
            && let Some(stream) = self.stream(key)
        {
            if stream.state.closed().is_none() {
                stream.soundness = Soundness::Malformed;
            }
            stream.state = stream.state.reset(Closed::ResetHere(code));
            stream.wake_all();
        }
        self.push_reset(id, code);
    }

    /// Takes what comes next, if enough of it is there.
    fn step(&mut self, rest: &mut &[u8]) -> Result<Appetite, Fault> {
        match std::mem::replace(&mut self.parsing, Parsing::Header) {
            Parsing::Preface(had) => self.preface(had, rest)?,
            Parsing::Header => {
                let Some((bytes, behind)) = rest.split_first_chunk() else { return Ok(Appetite::Hungry) };
                let header = Header::read(bytes);
                self.check(header)?;
                if self.is_sated(header) {
                    return Ok(Appetite::Sated);
                }
                *rest = behind;
                match header.kind {
                    frame::DATA if header.has(frame::PADDED) => self.parsing = Parsing::Padding(header),
                    frame::DATA => {
                        let data = self.begin_data(header, 0)?;
                        self.data(data, rest);
                    }
                    _ => self.whole(header, rest)?,
                }
            }
            Parsing::Frame(header, mut had) => {
                if gather(header, &mut had, rest) {
                    self.frame(header, &had)?;
                } else {
                    self.parsing = Parsing::Frame(header, had);
                }
            }
            Parsing::Padding(header) => match rest.split_first() {
                Some((length, behind)) => {
                    *rest = behind;
                    let data = self.begin_data(header, 1 + usize::from(*length))?;
                    self.data(data, rest);
                }
                None => self.parsing = Parsing::Padding(header),
            },
            Parsing::Data(data) => self.data(data, rest),
            Parsing::Block(block) => match rest.split_first_chunk() {
                Some((bytes, behind)) => {
                    *rest = behind;
                    let header = Header::read(bytes);
                    let follows = header.kind == frame::CONTINUATION && header.stream == block.stream;
                    if !follows {
                        return Err(connection(Code::PROTOCOL_ERROR));
                    }
                    self.check_length(header)?;
                    self.continued(block, header, Vec::new(), rest)?;
                }
                None => self.parsing = Parsing::Block(block),
            },
            Parsing::More(block, header, had) => self.continued(block, header, had, rest)?,
        }
        Ok(Appetite::Hungry)
    }

    fn preface(&mut self, had: usize, rest: &mut &[u8]) -> Checked {
        let expected = &PREFACE[had..];
        let come = expected.len().min(rest.len());
        if rest[..come] != expected[..come] {
            return Err(connection(Code::PROTOCOL_ERROR));
        }
        *rest = &rest[come..];
        if had + come < PREFACE.len() {
            self.parsing = Parsing::Preface(had + come);
        }
        Ok(())
    }

    /// Takes a frame of which all may be there already.
    fn whole(&mut self, header: Header, rest: &mut &[u8]) -> Checked {
        if let Some((payload, behind)) = rest.split_at_checked(header.length) {
            *rest = behind;
            return self.frame(header, payload);
        }
        self.parsing = Parsing::Frame(header, rest.to_vec());
        *rest = &[];
        Ok(())
    }

    fn check_length(&self, header: Header) -> Checked {
        if header.length > self.settings.max_frame as usize {
            return Err(connection(Code::FRAME_SIZE_ERROR));
        }
        Ok(())
    }

    /// Checks what can be said of a frame by its header.
    fn check(&mut self, header: Header) -> Checked {
        if self.acquainted == Acquainted::No {
            if header.kind != frame::SETTINGS || header.has(frame::ACK) || header.stream != 0 {
                return Err(connection(Code::PROTOCOL_ERROR));
            }
            self.acquainted = Acquainted::Begun;
        }
        self.check_length(header)?;
        let Header { kind, stream, length, .. } = header;
        let of_stream = !matches!(kind, frame::SETTINGS | frame::PING | frame::GOAWAY | frame::WINDOW_UPDATE);
        if kind <= frame::CONTINUATION && of_stream != (stream != 0) && kind != frame::WINDOW_UPDATE {
            return Err(connection(Code::PROTOCOL_ERROR));
        }
        let idle = stream != 0 && self.is_idle(stream);
        if idle && !matches!(kind, frame::HEADERS | frame::PRIORITY) {
            return Err(connection(Code::PROTOCOL_ERROR));
        }
        let right = match kind {
            frame::PRIORITY => length == 5,
            frame::RST_STREAM | frame::WINDOW_UPDATE => length == 4,
            frame::PING => length == 8,
            frame::GOAWAY => length >= 8,
            frame::SETTINGS if header.has(frame::ACK) => length == 0,
            frame::SETTINGS => length.is_multiple_of(6),
            frame::PUSH_PROMISE | frame::CONTINUATION => return Err(connection(Code::PROTOCOL_ERROR)),
            _ => true,
        };
        if right { Ok(()) } else { Err(connection(Code::FRAME_SIZE_ERROR)) }
    }

    /// Whether a stream has not begun.
    fn is_idle(&self, id: u32) -> bool {
        let by_client = id % 2 == 1;
        match self.role {
            Role::Server => !by_client || id > self.last,
            Role::Client => !by_client || id >= self.next,
        }
    }

    /// Whether a frame has to wait until streams that were given up are really over: opening many and giving them up
    /// at once must not make more of them than there may be.
    fn is_sated(&self, header: Header) -> bool {
        let most = self.settings.max_streams as usize;
        header.kind == frame::HEADERS
            && self.role == Role::Server
            && header.stream > self.last
            && most != 0
            && self.taken >= most
            && self.open_streams() < most
    }

    fn open_streams(&self) -> usize {
        let streams = self.streams.iter().zip(&self.ids);
        streams.filter(|(stream, id)| **id != 0 && stream.state.closed().is_none()).count()
    }

    fn frame(&mut self, header: Header, payload: &[u8]) -> Checked {
        match header.kind {
            frame::HEADERS => self.headers(header, payload),
            frame::PRIORITY if frame::number(payload) == header.stream => {
                Err(connection(Code::PROTOCOL_ERROR))
            }
            frame::RST_STREAM => {
                self.reset_received(header.stream, payload);
                Ok(())
            }
            frame::SETTINGS if header.has(frame::ACK) => {
                self.counts.settings += 1;
                self.settings_seen();
                Ok(())
            }
            frame::SETTINGS => self.settings_received(payload),
            frame::PING if header.has(frame::ACK) => {
                self.ping = Ping::Answered;
                Ok(())
            }
            frame::PING => {
                self.push(frame::PING, frame::ACK, 0, payload);
                Ok(())
            }
            frame::GOAWAY => {
                self.go_away_received(payload);
                Ok(())
            }
            frame::WINDOW_UPDATE => self.window_update(header.stream, frame::number(payload)),
            _ => Ok(()),
        }
    }

    /// The peer knows the settings: what it sends from here on goes by them (section 6.9.2).
    fn settings_seen(&mut self) {
        let change = i64::from(self.settings.window) - i64::from(self.window);
        self.window = self.settings.window;
        for stream in &mut self.streams {
            stream.receive_window += change;
        }
    }

    fn settings_received(&mut self, payload: &[u8]) -> Checked {
        self.counts.settings += 1;
        self.acquainted = Acquainted::Yes;
        let (window, table) = (self.peer.window, self.peer.table);
        self.peer.update(payload).map_err(connection)?;
        if self.peer.table < table {
            self.encoder.shrink();
        }
        let change = i64::from(self.peer.window) - i64::from(window);
        if change != 0 {
            for stream in &mut self.streams {
                stream.send_window += change;
                if stream.send_window > i64::from(LARGEST_WINDOW) {
                    return Err(connection(Code::FLOW_CONTROL_ERROR));
                }
                if change > 0
                    && let Some(waker) = stream.writer.take()
                {
                    waker.wake();
                }
            }
        }
        if let Some(curious) = self.curious.take() {
            curious.wake();
        }
        self.push(frame::SETTINGS, frame::ACK, 0, &[]);
        Ok(())
    }

    fn reset_received(&mut self, id: u32, payload: &[u8]) {
        self.counts.resets += 1;
        if let Some(key) = self.place(id)
            && let Some(stream) = self.stream(key)
        {
            let code = Code(u32::from_be_bytes(payload.first_chunk().copied().unwrap_or_default()));
            stream.state = stream.state.reset(Closed::ResetThere(code));
            stream.wake_all();
        }
    }

    fn go_away_received(&mut self, payload: &[u8]) {
        self.counts.go_aways += 1;
        if self.phase == Phase::Open {
            self.phase = Phase::Leaving;
        }
        if self.role == Role::Server {
            // It need not open more; what it opens all the same is served.
            return;
        }
        let last = frame::number(payload);
        for (stream, id) in self.streams.iter_mut().zip(&self.ids) {
            // What it has not seen can be sent again elsewhere.
            if *id > last {
                stream.state = stream.state.reset(Closed::ResetThere(Code::REFUSED_STREAM));
                stream.wake_all();
            }
        }
        self.stir();
    }

    fn window_update(&mut self, id: u32, increment: u32) -> Checked {
        if id == 0 {
            if increment == 0 {
                return Err(connection(Code::PROTOCOL_ERROR));
            }
            self.send_window += i64::from(increment);
            if self.send_window > i64::from(LARGEST_WINDOW) {
                return Err(connection(Code::FLOW_CONTROL_ERROR));
            }
            self.admit();
            return Ok(());
        }
        let Some(key) = self.place(id) else { return Ok(()) };
        let Some(stream) = self.stream(key) else { return Ok(()) };
        if increment == 0 {
            return Err(Fault::Stream(id, Code::PROTOCOL_ERROR));
        }
        stream.send_window += i64::from(increment);
        if stream.send_window > i64::from(LARGEST_WINDOW) {
            return Err(Fault::Stream(id, Code::FLOW_CONTROL_ERROR));
        }
        if let Some(waker) = stream.writer.take() {
            waker.wake();
        }
        Ok(())
    }

    /// A frame of data begins; its padding counts with the byte that tells its length.
    fn begin_data(&mut self, header: Header, padding: usize) -> Result<Data, Fault> {
        self.counts.data += 1;
        let content = header.length.checked_sub(padding).ok_or(connection(Code::PROTOCOL_ERROR))?;
        let padding = padding.saturating_sub(1);
        self.receive_window -= header.length as i64;
        if self.receive_window < 0 {
            return Err(connection(Code::FLOW_CONTROL_ERROR));
        }
        self.credit_connection();
        let mut data =
            Data { key: self.place(header.stream), content, padding, end: header.has(frame::END_STREAM) };
        let Some(stream) = data.key.and_then(|key| self.stream(key)) else {
            self.unwanted(header.stream);
            return Ok(Data { key: None, ..data });
        };
        if !stream.state.receives() {
            // The peer has ended it already, unless it was given up meanwhile.
            if !stream.state.is_broken() {
                self.fail_stream(header.stream, Code::STREAM_CLOSED);
            }
            return Ok(Data { key: None, ..data });
        }
        if stream.head == HeadState::Awaited {
            return Err(connection(Code::PROTOCOL_ERROR));
        }
        stream.receive_window -= header.length as i64;
        if stream.receive_window < 0 {
            return Err(connection(Code::FLOW_CONTROL_ERROR));
        }
        let fits = match &mut stream.rest {
            Rest::Unknown | Rest::Nothing => true,
            Rest::Bytes(left) => left.checked_sub(content as u64).map(|rest| *left = rest).is_some(),
        };
        let short = data.end && matches!(stream.rest, Rest::Bytes(1..));
        if !fits || short {
            self.fail_stream(header.stream, Code::PROTOCOL_ERROR);
            data.key = None;
        }
        Ok(data)
    }

    /// Data for a stream that is not there any longer.
    fn unwanted(&mut self, id: u32) {
        if !self.given_up.contains(&id) {
            self.fail_stream(id, Code::STREAM_CLOSED);
        }
    }

    /// Takes the content of a frame of data, and its padding.
    fn data(&mut self, mut data: Data, rest: &mut &[u8]) {
        let come = data.content.min(rest.len());
        let (content, behind) = rest.split_at(come);
        *rest = behind;
        data.content -= come;
        if let Some(stream) = data.key.and_then(|key| self.stream(key))
            && stream.state.receives()
        {
            stream.body.extend(content);
            if come > 0 {
                stream.wake_reader();
            }
        }
        let skipped = if data.content == 0 { data.padding.min(rest.len()) } else { 0 };
        *rest = &rest[skipped..];
        data.padding -= skipped;
        if data.content > 0 || data.padding > 0 {
            self.parsing = Parsing::Data(data);
        } else if data.end
            && let Some(key) = data.key
        {
            self.end_received(key);
        }
    }

    /// The peer has sent all of a stream.
    fn end_received(&mut self, key: Key) {
        if let Some(stream) = self.stream(key) {
            stream.rest = Rest::Nothing;
            stream.state = stream.state.end_received();
            stream.wake_reader();
        }
    }

    /// A header block begins.
    fn headers(&mut self, header: Header, payload: &[u8]) -> Checked {
        self.counts.headers += 1;
        let Header { stream, .. } = header;
        let mut block = payload;
        if header.has(frame::PADDED) {
            let (length, rest) = block.split_first().ok_or(connection(Code::FRAME_SIZE_ERROR))?;
            let end = rest.len().checked_sub((*length).into()).ok_or(connection(Code::PROTOCOL_ERROR))?;
            block = &rest[..end];
        }
        self.check_stream(stream)?;
        if header.has(frame::PRIORITIZED) {
            let (priority, rest) = block.split_at_checked(5).ok_or(connection(Code::FRAME_SIZE_ERROR))?;
            if frame::number(priority) == stream {
                return Err(connection(Code::PROTOCOL_ERROR));
            }
            block = rest;
        }
        let end = header.has(frame::END_STREAM);
        if header.has(frame::END_HEADERS) {
            return self.block(stream, end, block);
        }
        self.parsing = Parsing::Block(Block { stream, end, bytes: block.to_vec(), frames: 1 });
        Ok(())
    }

    /// Whether a header block may come for a stream.
    fn check_stream(&mut self, id: u32) -> Checked {
        if self.role == Role::Client {
            return if self.is_idle(id) { Err(connection(Code::PROTOCOL_ERROR)) } else { Ok(()) };
        }
        if id.is_multiple_of(2) {
            return Err(connection(Code::PROTOCOL_ERROR));
        }
        if id > self.last {
            self.last = id;
            return Ok(());
        }
        match self.place(id).and_then(|key| self.look(key)) {
            Some(stream) if stream.state.receives() || stream.state.is_broken() => Ok(()),
            Some(_) => Err(connection(Code::PROTOCOL_ERROR)),
            None if self.given_up.contains(&id) => Ok(()),
            None => Err(connection(Code::STREAM_CLOSED)),
        }
    }

    /// A header block goes on.
    fn continued(&mut self, mut block: Block, header: Header, mut had: Vec<u8>, rest: &mut &[u8]) -> Checked {
        if !gather(header, &mut had, rest) {
            self.parsing = Parsing::More(block, header, had);
            return Ok(());
        }
        block.frames += 1;
        block.bytes.append(&mut had);
        if block.bytes.len() > 2 * self.settings.max_head || block.frames > MOST_FRAMES {
            return Err(connection(Code::ENHANCE_YOUR_CALM));
        }
        if header.has(frame::END_HEADERS) {
            return self.block(block.stream, block.end, &block.bytes);
        }
        self.parsing = Parsing::Block(block);
        Ok(())
    }

    fn limits(&self) -> Limits {
        Limits { fields: self.settings.max_fields, bytes: self.settings.max_head }
    }

    /// A header block is complete.
    fn block(&mut self, id: u32, end: bool, block: &[u8]) -> Checked {
        let known = self.place(id);
        let head = known.and_then(|key| self.look(key)).map(|stream| stream.head);
        let result = match (head, known) {
            (Some(HeadState::Complete), Some(key)) => self.trailers_received(key, end, block),
            (Some(HeadState::Awaited), Some(key)) => self.response_received(key, end, block),
            _ if self.role == Role::Server && !self.given_up.contains(&id) => {
                self.request_received(id, end, block)
            }
            // It was given up; what compression knows of it must be kept all the same.
            _ => self.decoder.decode(block, |_, _| {}).map(Ok),
        };
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(code)) => {
                self.counts.refused_requests += u64::from(known.is_none());
                Err(Fault::Stream(id, code))
            }
            Err(Corrupt) => Err(connection(Code::COMPRESSION_ERROR)),
        }
    }

    fn request_received(&mut self, id: u32, end: bool, block: &[u8]) -> Result<Result<(), Code>, Corrupt> {
        let mut head = Box::<(RequestHead, _)>::default();
        let (limits, strictness) = (self.limits(), self.settings.strictness);
        let Self { decoder, scratch, .. } = self;
        let read = message::read_request(&mut head.0, scratch, limits, strictness, |each| {
            decoder.decode(block, each)
        })?;
        let most = self.settings.max_streams;
        if most != 0 && self.open_streams() >= most as usize {
            return Ok(Err(Code::REFUSED_STREAM));
        }
        let Ok((info, length)) = read else { return Ok(Err(Code::PROTOCOL_ERROR)) };
        if end && length.is_some_and(|length| length > 0) {
            return Ok(Err(Code::PROTOCOL_ERROR));
        }
        head.1 = info;
        let tunnel = head.0.method == Method::Connect || info.protocol != Protocol::None;
        head.1.body = match (end, length) {
            _ if tunnel => BodyLength::None,
            (true, _) if length.is_none() => BodyLength::None,
            (_, Some(length)) => BodyLength::Length(length),
            _ => BodyLength::Chunked,
        };
        let key = self.settle(id);
        let stream = &mut self.streams[key.slot as usize];
        stream.request = Some(head);
        stream.head = HeadState::Complete;
        stream.rest = length.map_or(Rest::Unknown, Rest::Bytes);
        if end {
            self.end_received(key);
        } else {
            self.to_credit.push(key);
        }
        self.newcomers.push_back(key);
        let total = self.settings.total_streams;
        if total != 0 && self.total >= total.into() && self.phase == Phase::Open {
            self.leave();
        }
        Ok(Ok(()))
    }

    fn response_received(&mut self, key: Key, end: bool, block: &[u8]) -> Result<Result<(), Code>, Corrupt> {
        let mut head = ResponseHead::default();
        let limits = self.limits();
        let decoder = &mut self.decoder;
        let read = message::read_response(&mut head, limits, |each| decoder.decode(block, each))?;
        let Some(stream) = self.stream(key) else { return Ok(Ok(())) };
        if !stream.state.receives() {
            return Ok(if stream.state.is_broken() { Ok(()) } else { Err(Code::STREAM_CLOSED) });
        }
        let Ok(length) = read else { return Ok(Err(Code::PROTOCOL_ERROR)) };
        let interim = head.status.is_interim();
        if interim && end {
            return Ok(Err(Code::PROTOCOL_ERROR));
        }
        if !interim {
            stream.head = HeadState::Complete;
            let bodyless = end || head.status == Status(304);
            stream.rest = length.filter(|_| !bodyless).map_or(Rest::Unknown, Rest::Bytes);
        }
        stream.responses.push_back(head);
        stream.wake_reader();
        if end {
            self.end_received(key);
        }
        Ok(Ok(()))
    }

    fn trailers_received(&mut self, key: Key, end: bool, block: &[u8]) -> Result<Result<(), Code>, Corrupt> {
        let mut trailers = std::mem::take(&mut self.streams[key.slot as usize].trailers);
        let limits = self.limits();
        let decoder = &mut self.decoder;
        let read = message::read_trailers(&mut trailers, limits, |each| decoder.decode(block, each))?;
        let stream = &mut self.streams[key.slot as usize];
        stream.trailers = trailers;
        if !stream.state.receives() {
            return Ok(Ok(()));
        }
        let short = matches!(stream.rest, Rest::Bytes(1..));
        if read == Err(Malformed) || !end || short {
            return Ok(Err(Code::PROTOCOL_ERROR));
        }
        self.end_received(key);
        Ok(Ok(()))
    }
}

/// Takes what is there of a frame; tells whether it is complete.
fn gather(header: Header, had: &mut Vec<u8>, rest: &mut &[u8]) -> bool {
    let come = (header.length - had.len()).min(rest.len());
    had.extend_from_slice(&rest[..come]);
    *rest = &rest[come..];
    had.len() == header.length
}
