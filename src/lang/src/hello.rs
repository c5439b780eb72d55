//! Greetings of TLS as they stand in the first record of a connection (RFC 8446, section 4.1.2, and its ancestors).
//!
//! Only lengths that lie within the record are believed, and nothing is decrypted or verified.

/// Why a greeting cannot be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// What has come may be the beginning of one.
    TooShort,
    /// It is none.
    NotTls,
}

/// A type of the handshake protocol.
pub const CLIENT: u8 = 1;
/// The same of the server.
pub const SERVER: u8 = 2;

/// The type of records that carry the handshake protocol.
pub const HANDSHAKE: u8 = 0x16;
/// The length of the random bytes in a greeting.
pub const RANDOM: usize = 32;

/// The extensions that are asked for.
pub mod extension {
    /// `server_name`.
    pub const SERVER_NAME: u16 = 0;
    /// `supported_groups`.
    pub const GROUPS: u16 = 10;
    /// `ec_point_formats`.
    pub const FORMATS: u16 = 11;
    /// `signature_algorithms`.
    pub const SIGNATURES: u16 = 13;
    /// `application_layer_protocol_negotiation`.
    pub const ALPN: u16 = 16;
    /// `session_ticket`.
    pub const TICKET: u16 = 35;
    /// `supported_versions`.
    pub const VERSIONS: u16 = 43;
    /// `key_share`.
    pub const KEY_SHARE: u16 = 51;
}

/// Bytes that are taken from the front.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// So many bytes; none when there are fewer.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes.
    pub fn number(&mut self, width: usize) -> Option<usize> {
        Some(self.take(width)?.iter().fold(0, |n, b| n << 8 | usize::from(*b)))
    }

    /// A block behind its length, which has so many bytes.
    pub fn block(&mut self, width: usize) -> Option<&'a [u8]> {
        let len = self.number(width)?;
        self.take(len)
    }
}

/// The type of the greeting that data begin with, and its body; all of it has come.
fn greeting(data: &[u8]) -> Result<(u8, &[u8]), Obstacle> {
    let mut bytes = Bytes(data);
    if data.first().is_some_and(|kind| *kind != HANDSHAKE) || data.get(1).is_some_and(|major| *major < 3) {
        return Err(Obstacle::NotTls);
    }
    let head = bytes.take(5).ok_or(Obstacle::TooShort)?;
    let record = usize::from(head[3]) << 8 | usize::from(head[4]);
    // A message that goes on in another record is not put together.
    let message = bytes.number(1).zip(bytes.number(3));
    let (kind, len) = message.ok_or(if record < 4 { Obstacle::NotTls } else { Obstacle::TooShort })?;
    if len + 4 > record {
        return Err(Obstacle::NotTls);
    }
    let body = bytes.take(len).ok_or(Obstacle::TooShort)?;
    Ok((kind as u8, body))
}

/// The type of the greeting that data begin with.
pub fn kind(data: &[u8]) -> Result<u8, Obstacle> {
    greeting(data).map(|(kind, _)| kind)
}

/// What a client greets with.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    /// The cipher suites, two bytes each.
    pub ciphers: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Reads the greeting that data begin with.
    pub fn parse(data: &'a [u8]) -> Result<Self, Obstacle> {
        match greeting(data)? {
            (CLIENT, body) => Self::of_body(body).ok_or(Obstacle::NotTls),
            _ => Err(Obstacle::NotTls),
        }
    }

    fn of_body(body: &'a [u8]) -> Option<Self> {
        let mut bytes = Bytes(body);
        bytes.take(2 + RANDOM)?;
        bytes.block(1)?;
        let ciphers = bytes.block(2)?;
        bytes.block(1)?;
        // The oldest clients send no extensions.
        let extensions = if bytes.0.is_empty() { &[] } else { bytes.block(2)? };
        Some(Self { ciphers, extensions })
    }

    /// The content of an extension.
    pub fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut bytes = Bytes(self.extensions);
        loop {
            let (kind, content) = (bytes.number(2)?, bytes.block(2)?);
            if kind == usize::from(wanted) {
                return Some(content);
            }
        }
    }

    /// The name of the server that is wanted.
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut names = Bytes(Bytes(self.extension(extension::SERVER_NAME)?).block(2)?);
        loop {
            let (kind, name) = (names.number(1)?, names.block(2)?);
            if kind == 0 {
                return Some(name);
            }
        }
    }

    /// The first protocol that is offered.
    pub fn protocol(&self) -> Option<&'a [u8]> {
        Bytes(Bytes(self.extension(extension::ALPN)?).block(2)?).block(1)
    }

    /// A list that is all of an extension.
    pub fn list(&self, wanted: u16) -> Option<&'a [u8]> {
        Bytes(self.extension(wanted)?).block(2)
    }

    /// The groups for which keys are sent, two bytes each.
    pub fn key_groups(&self) -> Option<Vec<u8>> {
        let mut shares = Bytes(self.list(extension::KEY_SHARE)?);
        let mut groups = Vec::new();
        while !shares.0.is_empty() {
            groups.extend_from_slice(shares.take(2)?);
            shares.block(2)?;
        }
        Some(groups)
    }
}

/// The version that the first greeting announces, or that a greeting of `SSLv2` does: the major number in the upper 16
/// bits.
pub fn version(data: &[u8]) -> Result<i64, Obstacle> {
    let first = *data.first().ok_or(Obstacle::TooShort)?;
    if first == HANDSHAKE {
        let (_, body) = greeting(data)?;
        let announced = body.first().zip(body.get(1)).ok_or(Obstacle::NotTls)?;
        return Ok(i64::from(*announced.0) << 16 | i64::from(*announced.1));
    }
    old_version(data)
}

/// A greeting of `SSLv2`, with which clients of later versions used to begin, too.
fn old_version(data: &[u8]) -> Result<i64, Obstacle> {
    let mut bytes = Bytes(data);
    let length = bytes.number(2).ok_or(Obstacle::TooShort)?;
    if length & 0x8000 == 0 {
        return Err(Obstacle::NotTls);
    }
    let fields = bytes.take(9).ok_or(Obstacle::TooShort)?;
    let at = |i: usize| usize::from(fields[i]) << 8 | usize::from(fields[i + 1]);
    let (kind, major, minor) = (fields[0], i64::from(fields[1]), i64::from(fields[2]));
    let (ciphers, session, challenge) = (at(3), at(5), at(7));
    let sound =
        kind == CLIENT && ciphers % 3 == 0 && (16..=32).contains(&challenge) && matches!(session, 0 | 16);
    if !sound || 9 + ciphers + session + challenge != length & 0x7fff || !(2..=3).contains(&major) {
        return Err(Obstacle::NotTls);
    }
    if bytes.0.len() < ciphers + session + challenge {
        return Err(Obstacle::TooShort);
    }
    Ok(major << 16 | minor)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(width: usize, content: &[u8]) -> Vec<u8> {
        let mut out = content.len().to_be_bytes()[8 - width..].to_vec();
        out.extend_from_slice(content);
        out
    }

    fn extension_of(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &block(2, content)].concat()
    }

    /// A greeting with most extensions.
    pub(crate) fn hello(name: &[u8]) -> Vec<u8> {
        let extensions = [
            extension_of(0, &block(2, &[&[0][..], &block(2, name)].concat())),
            extension_of(10, &block(2, b"\x00\x1d\x00\x17")),
            extension_of(13, &block(2, b"\x04\x03")),
            extension_of(16, &block(2, &[block(1, b"h2"), block(1, b"http/1.1")].concat())),
            extension_of(35, b""),
            extension_of(51, &block(2, &[&b"\x00\x1d"[..], &block(2, b"key")].concat())),
        ]
        .concat();
        let body = [
            &b"\x03\x03"[..],
            &[7; RANDOM],
            &block(1, b"session"),
            &block(2, b"\x13\x01\x13\x02"),
            &block(1, b"\0"),
            &block(2, &extensions),
        ]
        .concat();
        let message = [&[CLIENT][..], &block(3, &body)].concat();
        [&b"\x16\x03\x01"[..], &block(2, &message)].concat()
    }

    #[test]
    fn a_client_says_what_it_wants() {
        let data = hello(b"a.example");
        let hello = ClientHello::parse(&data).unwrap();
        assert_eq!(hello.server_name(), Some(&b"a.example"[..]));
        assert_eq!(hello.protocol(), Some(&b"h2"[..]));
        assert_eq!(hello.ciphers, b"\x13\x01\x13\x02");
        assert_eq!(hello.list(extension::GROUPS), Some(&b"\x00\x1d\x00\x17"[..]));
        assert_eq!(hello.list(extension::SIGNATURES), Some(&b"\x04\x03"[..]));
        assert_eq!(hello.key_groups().as_deref(), Some(&b"\x00\x1d"[..]));
        assert_eq!(hello.extension(extension::TICKET), Some(&b""[..]));
        assert_eq!(hello.extension(99), None);
        assert_eq!(version(&data), Ok(0x3_0003));
    }

    #[test]
    fn every_beginning_of_a_greeting_is_waited_for() {
        let data = hello(b"a.example");
        for end in 0..data.len() {
            assert_eq!(kind(&data[..end]), Err(Obstacle::TooShort), "{end}");
            assert_eq!(ClientHello::parse(&data[..end]).err(), Some(Obstacle::TooShort), "{end}");
            assert_eq!(version(&data[..end]), Err(Obstacle::TooShort), "{end}");
        }
        assert_eq!(kind(&data), Ok(CLIENT));
    }

    #[test]
    fn something_else_is_known_at_once() {
        for data in
            [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x02", b"\x16\x03\x01\x00\x03\x01\x00\x00\x00", b"\x17"]
        {
            assert_eq!(kind(data), Err(Obstacle::NotTls), "{data:?}");
        }
        assert_eq!(version(b"GET"), Err(Obstacle::NotTls));
    }

    #[test]
    fn old_greetings_have_versions() {
        let mut data = vec![0x80, 9 + 3 + 16, 1, 3, 1, 0, 3, 0, 0, 0, 16];
        data.extend([0; 3 + 16]);
        assert_eq!(version(&data), Ok(0x3_0001));
        assert_eq!(version(&data[..20]), Err(Obstacle::TooShort));
        data[1] += 1;
        assert_eq!(version(&data), Err(Obstacle::NotTls));
    }

    proptest! {
        #[test]
        fn damage_is_never_fatal(at in 0_usize..200, byte in any::<u8>(), cut in 0_usize..220) {
            let mut data = hello(b"a.example");
            let len = data.len();
            data[at % len] = byte;
            data.truncate(cut);
            let _ = (kind(&data), version(&data));
            if let Ok(hello) = ClientHello::parse(&data) {
                let _ = (hello.server_name(), hello.protocol(), hello.key_groups());
                for wanted in 0..60 {
                    let _ = hello.list(wanted);
                }
            }
        }

        #[test]
        fn nor_is_anything_else(data in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (kind(&data), version(&data), ClientHello::parse(&data).map(|h| h.server_name().map(<[u8]>::len)));
        }
    }
}
