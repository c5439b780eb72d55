//! What the server has answered so far.

use base::buffer::Buffer;
use h1::{BodyDecoder, BodyEvent, Cursor, Options, Progress};
use http::{Headers, ResponseHead};

use crate::ready::More;
use crate::ruleset::Language;
use crate::stage::Seen;

/// An answer.
pub(crate) struct Reply {
    language: Language,
    /// What has come and has not been looked at yet, or in other protocols than HTTP all that has come.
    pub(crate) input: Buffer,
    /// Whether more may come.
    pub(crate) more: More,
    asked: h1::Asked,
    cursor: Cursor,
    head: ResponseHead,
    state: State,
    /// What has come of the body.
    body: Vec<u8>,
    /// Whether an earlier answer on this connection was as wanted.
    heard: Heard,
}

/// Whether the server has said something already that was as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Something,
}

/// How far an HTTP response is understood.
enum State {
    Head,
    Body(Box<BodyDecoder>),
    /// Its body comes by itself.
    Streamed,
    Complete,
    /// It is none, or its body is broken.
    Broken(Stopped),
}

/// Where a response stops to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    InHead,
    InBody,
}

impl Reply {
    pub(crate) fn new(language: Language) -> Self {
        Self {
            language,
            input: Buffer::new(),
            more: More::Possible,
            asked: h1::Asked::default(),
            cursor: Cursor::new(),
            head: ResponseHead::default(),
            state: State::Head,
            body: Vec::new(),
            heard: Heard::Nothing,
        }
    }

    /// It is as wanted.
    pub(crate) fn accept(&mut self) {
        self.heard = Heard::Something;
    }

    /// Whether the server has said nothing before on this connection.
    pub(crate) fn is_first(&self) -> bool {
        self.heard == Heard::Nothing
    }

    /// How much is kept of what has been looked at.
    pub(crate) fn held(&self) -> usize {
        self.body.len()
    }

    /// Forgets it, for the next one: the answer to this.
    pub(crate) fn renew(&mut self, asked: h1::Asked) {
        let (language, heard) = (self.language, self.heard);
        *self = Self { asked, heard, ..Self::new(language) };
    }

    /// Whether as much has come as is kept.
    pub(crate) fn is_full(&self, limit: usize) -> bool {
        self.input.len() + self.body.len() >= limit
    }

    /// Understands what has come, as far as it is HTTP.
    pub(crate) fn digest(&mut self) {
        if self.language != Language::Http {
            return;
        }
        if matches!(self.state, State::Head) {
            let options = Options::default();
            let parsed = h1::parse_response(
                self.input.data(),
                &mut self.cursor,
                &options,
                &self.asked,
                &mut self.head,
            );
            match parsed {
                Ok(Progress::Partial) => return,
                Ok(Progress::Complete(info)) => {
                    self.input.consume(info.head_len);
                    let decoder = BodyDecoder::new(info.body, h1::Side::Response, options);
                    self.state = State::Body(Box::new(decoder));
                }
                Err(_) => return self.state = State::Broken(Stopped::InHead),
            }
        }
        self.decode();
    }

    fn decode(&mut self) {
        let State::Body(decoder) = &mut self.state else { return };
        if decoder.is_done() {
            return self.state = State::Complete;
        }
        let mut trailers = Headers::default();
        loop {
            match decoder.decode(self.input.data(), &mut trailers) {
                Ok(step) => {
                    if let BodyEvent::Data(range) = &step.event {
                        self.body.extend_from_slice(&self.input.data()[range.clone()]);
                    }
                    self.input.consume(step.consumed);
                    match step.event {
                        BodyEvent::Data(_) if !self.input.is_empty() => {}
                        BodyEvent::Data(_) | BodyEvent::NeedMore => {
                            if decoder.is_done() {
                                self.state = State::Complete;
                            }
                            return;
                        }
                        BodyEvent::End => return self.state = State::Complete,
                    }
                }
                Err(_) => return self.state = State::Broken(Stopped::InBody),
            }
        }
    }

    /// The head has come otherwise than in bytes of HTTP/1; its body will, too.
    pub(crate) fn begin(&mut self, head: ResponseHead) {
        (self.head, self.state) = (head, State::Streamed);
    }

    /// More of such a body.
    pub(crate) fn add(&mut self, data: &[u8]) {
        self.body.extend_from_slice(data);
    }

    /// All of it has come.
    pub(crate) fn complete(&mut self) {
        self.state = State::Complete;
    }

    /// What comes is no response.
    pub(crate) fn break_off(&mut self, at: Stopped) {
        self.state = State::Broken(at);
    }

    /// Where it stopped to be HTTP.
    pub(crate) fn broken(&self) -> Option<Stopped> {
        match self.state {
            State::Broken(stopped) => Some(stopped),
            State::Head | State::Body(_) | State::Streamed | State::Complete => None,
        }
    }

    /// The head of a response, once it is there.
    pub(crate) fn head(&self) -> Option<&ResponseHead> {
        match self.state {
            State::Head | State::Broken(Stopped::InHead) => None,
            State::Body(_) | State::Streamed | State::Complete | State::Broken(Stopped::InBody) => {
                Some(&self.head)
            }
        }
    }

    /// Whether more of what is looked at may come.
    pub(crate) fn may_grow(&self) -> bool {
        self.more == More::Possible && !matches!(self.state, State::Complete | State::Broken(_))
    }

    /// What expressions may look at.
    pub(crate) fn seen(&self) -> Seen<'_> {
        match self.language {
            Language::Http => Seen { head: self.head(), data: &self.body },
            Language::Plain | Language::Steps => Seen { head: None, data: self.input.data() },
        }
    }
}
