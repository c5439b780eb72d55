//! A corpus of whole connections: what a client or a server sends, and what is made of it.
//!
//! Each line of a file has a verdict, a tab, and the bytes with escapes. Every case is read as one write, as single
//! bytes and in random cuts; the verdict must be the same, since a peer that cuts its bytes otherwise must not
//! mean anything else by them. `UPDATE_CORPUS=1` writes the verdicts anew, for a review of the difference.

use proptest::prelude::*;

use super::*;
use crate::{BodyDecoder, BodyEvent, Persistence, Side};
use http::{BodyLength, Headers};

const REQUESTS: &str = "src/tests/corpus/requests.txt";
const RESPONSES: &str = "src/tests/corpus/responses.txt";

/// The verdict on the bytes of one side: a word for each message, and how the rest was left.
struct Reader {
    side: Side,
    options: Options,
    buffer: Vec<u8>,
    cursor: Cursor,
    request: RequestHead,
    response: ResponseHead,
    body: Option<(BodyDecoder, Vec<u8>, Persistence)>,
    trailers: Headers,
    said: Vec<String>,
    open: bool,
}

impl Reader {
    fn new(side: Side) -> Self {
        Self {
            side,
            options: Options::default(),
            buffer: Vec::new(),
            cursor: Cursor::new(),
            request: RequestHead::default(),
            response: ResponseHead::default(),
            body: None,
            trailers: Headers::new(),
            said: Vec::new(),
            open: true,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while self.open && self.step() {}
    }

    /// Reads one piece; false when more must come.
    fn step(&mut self) -> bool {
        match self.body.take() {
            None => self.head(),
            Some((decoder, got, persistence)) => self.piece(decoder, got, persistence),
        }
    }

    fn head(&mut self) -> bool {
        let parsed = match self.side {
            Side::Request => {
                let head = &mut self.request;
                let parsed = parse_request(&self.buffer, &mut self.cursor, &self.options, head);
                parsed.map(|progress| match progress {
                    Progress::Partial => None,
                    Progress::Complete(i) => Some((
                        format!("{} {}", head.method, head.target.escape_ascii()),
                        i.head_len,
                        i.body,
                        i.persistence,
                    )),
                })
            }
            Side::Response => {
                let head = &mut self.response;
                let asked = Asked::default();
                let parsed = parse_response(&self.buffer, &mut self.cursor, &self.options, &asked, head);
                parsed.map(|progress| match progress {
                    Progress::Partial => None,
                    Progress::Complete(i) => {
                        Some((head.status.0.to_string(), i.head_len, i.body, i.persistence))
                    }
                })
            }
        };
        match parsed {
            Ok(None) => false,
            Ok(Some((text, len, body, persistence))) => {
                self.buffer.drain(..len);
                self.said.push(text);
                self.body = Some((BodyDecoder::new(body, self.side, self.options), Vec::new(), persistence));
                if body == BodyLength::Tunnel {
                    self.said.push("tunnel".into());
                    self.open = false;
                }
                true
            }
            Err(e) => self.refuse(&e),
        }
    }

    fn piece(&mut self, mut reader: BodyDecoder, mut got: Vec<u8>, persistence: Persistence) -> bool {
        match reader.decode(&self.buffer, &mut self.trailers) {
            Err(e) => self.refuse(&e),
            Ok(decoded) => {
                let more = match decoded.event {
                    BodyEvent::Data(range) => {
                        got.extend_from_slice(&self.buffer[range]);
                        true
                    }
                    BodyEvent::NeedMore => false,
                    BodyEvent::End => {
                        self.buffer.drain(..decoded.consumed);
                        self.end(&got, persistence);
                        return true;
                    }
                };
                self.buffer.drain(..decoded.consumed);
                self.body = Some((reader, got, persistence));
                more
            }
        }
    }

    fn end(&mut self, body: &[u8], persistence: Persistence) {
        if !body.is_empty() {
            self.said.push(format!("[{}]", body.escape_ascii()));
        }
        for field in &std::mem::take(&mut self.trailers) {
            self.said.push(format!("+{}", field.name.escape_ascii()));
        }
        let interim = self.side == Side::Response && self.said.last().is_some_and(|s| s.starts_with('1'));
        if persistence == Persistence::Close && !interim {
            self.said.push("close".into());
            self.open = false;
        }
    }

    fn refuse(&mut self, error: &ParseError) -> bool {
        self.said.push(format!("refused {}", error.status().0));
        self.open = false;
        false
    }

    /// The peer has ended.
    fn verdict(mut self) -> String {
        match self.body.take() {
            Some((decoder, got, _)) if self.open && decoder.may_end_here() => {
                self.end(&got, Persistence::Close);
            }
            Some(_) if self.open => self.said.push("cut".into()),
            None if self.open && !self.buffer.is_empty() => self.said.push("unfinished".into()),
            _ => {}
        }
        self.said.join(" ")
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        let escape = if byte == b'\\' { bytes.next() } else { None };
        out.push(match escape {
            None => byte,
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'x') => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            Some(other) => other,
        });
    }
    out
}

fn read(side: Side, pieces: impl Iterator<Item = Vec<u8>>) -> String {
    let mut reader = Reader::new(side);
    pieces.for_each(|piece| reader.feed(&piece));
    reader.verdict()
}

fn cases(file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap();
    let case = |line: &str| line.split_once('\t').map(|(v, b)| (v.to_owned(), b.to_owned()));
    text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).filter_map(case).collect()
}

fn check(side: Side, file: &str) {
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        return update(side, file);
    }
    let cases = cases(file);
    assert!(cases.len() > 100, "{file} has hardly any cases");
    for (expected, text) in cases {
        let bytes = unescape(&text);
        assert_eq!(read(side, [bytes.clone()].into_iter()), expected, "{text}");
        assert_eq!(read(side, bytes.iter().map(|b| vec![*b])), expected, "byte by byte: {text}");
    }
}

fn update(side: Side, file: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let line = |line: &str| match line.split_once('\t') {
        Some((_, bytes)) => format!("{}\t{bytes}\n", read(side, [unescape(bytes)].into_iter())),
        None => format!("{line}\n"),
    };
    std::fs::write(file, text.lines().map(line).collect::<String>()).unwrap();
}

#[test]
fn requests_mean_what_the_corpus_says() {
    check(Side::Request, REQUESTS);
}

#[test]
fn responses_mean_what_the_corpus_says() {
    check(Side::Response, RESPONSES);
}

proptest! {
    /// Wherever a message is cut, it stays the same message.
    #[test]
    fn cuts_change_nothing(pick in any::<prop::sample::Index>(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        for (side, file) in [(Side::Request, REQUESTS), (Side::Response, RESPONSES)] {
            let cases = cases(file);
            let (expected, text) = &cases[pick.index(cases.len())];
            let bytes = unescape(text);
            let mut at: Vec<_> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces = at.windows(2).map(|w| bytes[w[0]..w[1]].to_vec());
            prop_assert_eq!(&read(side, pieces), expected, "{} at {:?}", text, at);
        }
    }
}
