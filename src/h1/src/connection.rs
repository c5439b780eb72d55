//! What a message says about the connection it came on.
//!
//! `keep-alive` and `close` concern one hop only: they leave the headers when a head is parsed and are written
//! anew for the next hop.

use base::fold::is_in_any_case;
use http::{BodyLength, Headers, Version, values};

use crate::Side;
use crate::special::{Place, Special};

/// Whether the connection serves another message after this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// It does.
    #[default]
    KeepAlive,
    /// It is closed.
    Close,
}

impl Persistence {
    /// The persistence behind a message with these headers: where the body of an old one with a coding ends is not
    /// sure enough to go on behind it.
    #[must_use]
    pub fn after_coding(self, version: Version, headers: &Headers) -> Self {
        let coded = !version.is_at_least_11() && headers.contains(b"transfer-encoding");
        if coded { Self::Close } else { self }
    }

    /// What remains of this once a message with this version and body has gone to the peer: the end of the
    /// connection is the end of some bodies, and old peers have their own ideas about chunks.
    #[must_use]
    pub fn after_body(self, version: Version, body: BodyLength) -> Self {
        match body {
            BodyLength::UntilClose | BodyLength::Tunnel => Self::Close,
            BodyLength::Chunked if !version.is_at_least_11() => Self::Close,
            BodyLength::None | BodyLength::Length(_) | BodyLength::Chunked => self,
        }
    }
}

/// The protocol that a message offers or accepts to switch to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None.
    #[default]
    None,
    /// Some protocol that the two sides agree about.
    Other,
    /// WebSocket, with the key or the proof that its handshake needs.
    WebSocket,
    /// WebSocket without a key, tolerated: one has to be added for the server.
    WebSocketWithoutKey,
}

impl Upgrade {
    /// Whether the message offers or accepts a switch.
    pub fn is_some(self) -> bool {
        self != Self::None
    }
}

/// The `Connection` field to add to a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionLine {
    /// None: the version implies what is wanted, or an upgrade is under way.
    #[default]
    Nothing,
    /// `connection: keep-alive`
    KeepAlive,
    /// `connection: close`
    Close,
}

impl ConnectionLine {
    /// The field for a request, given its version and what is wanted of the server's connection.
    pub fn for_request(version: Version, wanted: Persistence, upgrade: Upgrade) -> Self {
        Self::for_hop(version, version, wanted).unless_upgrading(upgrade)
    }

    /// The field for a response, given its version, the version of the client's request, and what will become of
    /// the client's connection.
    pub fn for_response(version: Version, request: Version, wanted: Persistence) -> Self {
        Self::for_hop(version, request, wanted)
    }

    /// Nothing where the message itself speaks of an upgrade, as [`crate::ResponseInfo::upgrade`] tells.
    #[must_use]
    pub fn unless_upgrading(self, upgrade: Upgrade) -> Self {
        if upgrade.is_some() { Self::Nothing } else { self }
    }

    fn for_hop(message: Version, peer: Version, wanted: Persistence) -> Self {
        match wanted {
            Persistence::Close if message.is_at_least_11() => Self::Close,
            Persistence::KeepAlive if !message.is_at_least_11() || !peer.is_at_least_11() => Self::KeepAlive,
            Persistence::Close | Persistence::KeepAlive => Self::Nothing,
        }
    }
}

/// The words of the `Connection` header that matter here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words {
    keep_alive: usize,
    close: usize,
    pub(crate) upgrade: usize,
}

impl Words {
    /// Reads all `Connection` fields.
    pub(crate) fn read(headers: &Headers) -> Self {
        let mut words = Self::default();
        for word in headers.find_values(b"connection") {
            match word.len() {
                5 if is_in_any_case(b"close", word) => words.close += 1,
                10 if is_in_any_case(b"keep-alive", word) => words.keep_alive += 1,
                7 if is_in_any_case(b"upgrade", word) => words.upgrade += 1,
                _ => {}
            }
        }
        words
    }

    /// What the words mean in a message of this version.
    /// Takes out what most messages say: one field, one word, and no `Upgrade` beside it. `None` when there is
    /// more to read.
    pub(crate) fn take_usual(headers: &mut Headers, special: Special) -> Option<Self> {
        let Place::Once(at) = special.connection else { return None };
        let field = headers.get(at).filter(|f| f.name == b"connection" && !special.upgrade.is_somewhere())?;
        let mut words = Self::default();
        match field.value.len() {
            5 if is_in_any_case(b"close", field.value) => words.close = 1,
            10 if is_in_any_case(b"keep-alive", field.value) => words.keep_alive = 1,
            _ => return None,
        }
        headers.remove_at(at);
        Some(words)
    }

    pub(crate) fn persistence(self, version: Version) -> Persistence {
        match (self.close, self.keep_alive) {
            (0, 0) if version.is_at_least_11() => Persistence::KeepAlive,
            (0, 1..) => Persistence::KeepAlive,
            _ => Persistence::Close,
        }
    }
}

/// What to do with the word `upgrade`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpgradeWord {
    Keep,
    Remove,
}

/// Takes the words of this hop out of the `Connection` fields. Fields without such a word stay as they are.
pub(crate) fn strip_words(headers: &mut Headers, upgrade: UpgradeWord) {
    let goes = |word: &[u8]| {
        is_in_any_case(b"close", word)
            || is_in_any_case(b"keep-alive", word)
            || (upgrade == UpgradeWord::Remove && is_in_any_case(b"upgrade", word))
    };
    filter_values(headers, b"connection", goes);
}

/// Removes list elements from all fields of this name, and the fields that are empty or become so.
fn filter_values(headers: &mut Headers, name: &[u8], goes: impl Fn(&[u8]) -> bool) {
    let mut at = 0;
    while let Some(found) = headers.position_from(name, at) {
        at = found + 1;
        let Some(field) = headers.get(found) else { return };
        if !field.value.is_empty() && !values(field.value).any(&goes) {
            continue;
        }
        let kept: Vec<&[u8]> = values(field.value).filter(|word| !word.is_empty() && !goes(word)).collect();
        if kept.is_empty() {
            headers.remove_at(found);
            at = found;
        } else {
            let joined = kept.join(&b',');
            headers.replace_value(found, &joined);
        }
    }
}

/// Settles the `Upgrade` header: it counts together with its word in `Connection` only, without which a request
/// loses it, and never offers HTTP/2, which the two ends of the proxy negotiate on their own.
pub(crate) fn settle_upgrade(headers: &mut Headers, side: Side, words: Words) -> Upgrade {
    if words.upgrade == 0 && side == Side::Request {
        headers.remove(b"upgrade");
        return Upgrade::None;
    }
    filter_values(headers, b"upgrade", |word| {
        word.eq_ignore_ascii_case(b"h2c") || word.eq_ignore_ascii_case(b"h2")
    });
    if words.upgrade == 0 {
        return Upgrade::None;
    }
    if headers.has_value(b"upgrade", b"websocket") {
        return Upgrade::WebSocket;
    }
    match side {
        Side::Request if !headers.contains(b"upgrade") => Upgrade::None,
        Side::Request | Side::Response => Upgrade::Other,
    }
}

/// Settles the `TE` header: of all it may hold, only `trailers` reaches further than this hop.
pub(crate) fn settle_te(headers: &mut Headers) {
    let mut at = 0;
    while let Some(found) = headers.position_from(b"te", at) {
        let keeps =
            headers.get(found).is_some_and(|f| values(f.value).any(|v| v.eq_ignore_ascii_case(b"trailers")));
        if keeps {
            headers.replace_value(found, b"trailers");
            at = found + 1;
        } else {
            headers.remove_at(found);
            at = found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        headers.extend(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        headers
    }

    #[test]
    fn persistence_by_version_and_words() {
        let read =
            |version, value: &str| Words::read(&headers(&[("connection", value)])).persistence(version);
        assert_eq!(read(Version::Http11, "foo"), Persistence::KeepAlive);
        assert_eq!(read(Version::Http11, "foo, Close"), Persistence::Close);
        assert_eq!(read(Version::Http11, "keep-alive, close"), Persistence::Close);
        assert_eq!(read(Version::Http10, "foo"), Persistence::Close);
        assert_eq!(read(Version::Http10, "KEEP-ALIVE , foo"), Persistence::KeepAlive);
        assert_eq!(read(Version::Http10, "keep-alive, close"), Persistence::Close);
        assert_eq!(read(Version::Http11, "\"close\", a ; close"), Persistence::KeepAlive);
    }

    #[test]
    fn words_of_the_hop_go() {
        for (before, after) in [
            ("keep-alive", None),
            ("", None),
            ("foo, close, bar", Some("foo,bar")),
            ("KEEP-ALIVE , Foo", Some("Foo")),
            ("foo,  bar", Some("foo,  bar")),
            ("Upgrade, x", Some("Upgrade, x")),
        ] {
            let mut headers = headers(&[("connection", before), ("a", "b")]);
            strip_words(&mut headers, UpgradeWord::Keep);
            assert_eq!(headers.find(b"connection"), after.map(str::as_bytes), "{before}");
            assert!(headers.contains(b"a"));
        }
        let mut headers = headers(&[("connection", "Upgrade, x"), ("connection", "upgrade")]);
        strip_words(&mut headers, UpgradeWord::Remove);
        assert_eq!(headers.find_all(b"connection").collect::<Vec<_>>(), [b"x"]);
    }

    #[test]
    fn http2_is_not_offered() {
        let settle = |upgrade: &str| {
            let mut headers = headers(&[("connection", "upgrade"), ("upgrade", upgrade)]);
            let words = Words::read(&headers);
            let result = settle_upgrade(&mut headers, Side::Request, words);
            (result, headers.find(b"upgrade").map(|value| String::from_utf8(value.to_vec()).unwrap()))
        };
        assert_eq!(settle("h2c"), (Upgrade::None, None));
        assert_eq!(settle("h2c, foo"), (Upgrade::Other, Some("foo".into())));
        assert_eq!(settle("h2c/1, H2, h2cx, foo"), (Upgrade::Other, Some("h2c/1,h2cx,foo".into())));
        assert_eq!(settle("foo, WebSocket"), (Upgrade::WebSocket, Some("foo, WebSocket".into())));
        assert_eq!(settle(""), (Upgrade::None, None));
    }

    #[test]
    fn only_trailers_stay_in_te() {
        let settle = |values: &[&str]| {
            let mut headers = headers(&values.iter().map(|value| ("te", *value)).collect::<Vec<_>>());
            settle_te(&mut headers);
            headers.find_all(b"te").map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        assert_eq!(settle(&["trailers, gzip"]), [b"trailers"]);
        assert_eq!(settle(&["gzip", "x, trailers", "TRAILERS"]), [b"trailers", b"trailers"]);
        assert!(settle(&["gzip"]).is_empty() && settle(&["trailers;q=1"]).is_empty());
    }

    #[test]
    fn some_bodies_end_the_connection() {
        let after = |version, body| Persistence::KeepAlive.after_body(version, body);
        assert_eq!(after(Version::Http11, BodyLength::Chunked), Persistence::KeepAlive);
        assert_eq!(after(Version::Http10, BodyLength::Chunked), Persistence::Close);
        assert_eq!(after(Version::Http10, BodyLength::Length(1)), Persistence::KeepAlive);
        assert_eq!(after(Version::Http11, BodyLength::UntilClose), Persistence::Close);
        let closing = Persistence::Close.after_body(Version::Http11, BodyLength::None);
        assert_eq!(closing, Persistence::Close);
    }

    #[test]
    fn lines_for_requests() {
        use ConnectionLine::{Close, KeepAlive, Nothing};
        let line = |version, wanted| ConnectionLine::for_request(version, wanted, Upgrade::None);
        assert_eq!(line(Version::Http11, Persistence::KeepAlive), Nothing);
        assert_eq!(line(Version::Http11, Persistence::Close), Close);
        assert_eq!(line(Version::Http10, Persistence::KeepAlive), KeepAlive);
        assert_eq!(line(Version::Http10, Persistence::Close), Nothing);
        let upgrading = ConnectionLine::for_request(Version::Http11, Persistence::Close, Upgrade::Other);
        assert_eq!(upgrading, Nothing);
    }

    #[test]
    fn lines_for_responses() {
        use ConnectionLine::{Close, KeepAlive, Nothing};
        use Version::{Http10, Http11};
        for (message, request, wanted, line) in [
            (Http11, Http11, Persistence::KeepAlive, Nothing),
            (Http10, Http11, Persistence::KeepAlive, KeepAlive),
            (Http11, Http10, Persistence::KeepAlive, KeepAlive),
            (Http11, Http10, Persistence::Close, Close),
            (Http10, Http10, Persistence::Close, Nothing),
        ] {
            let found = ConnectionLine::for_response(message, request, wanted);
            assert_eq!(found, line);
            assert_eq!(found.unless_upgrading(Upgrade::Other), Nothing);
        }
    }
}
