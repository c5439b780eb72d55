//! A client's first message, read before the session begins: it chooses the certificate and the rules of the session
//! (RFC 8446, section 4.1.2; RFC 6066, section 3; RFC 7301).

use lang::hello::{Bytes, CLIENT, HANDSHAKE, RANDOM, extension};
use lang::tls_facts::Offer;
use rustls::SignatureScheme;

/// What a client offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The name of the server that it wants, as it wrote it.
    pub server_name: Option<Box<str>>,
    /// The application protocols that it speaks, the best first.
    pub protocols: Vec<Box<[u8]>>,
    /// The numbers of its cipher suites.
    pub suites: Vec<u16>,
    /// The types of its extensions, in their order.
    pub extensions: Vec<u16>,
    /// Its groups.
    pub groups: Vec<u16>,
    /// Its point formats.
    pub formats: Vec<u8>,
    /// Its signature algorithms.
    pub signatures: Vec<u16>,
    /// The versions that it speaks, if it lists them.
    pub versions: Vec<u16>,
    /// The version in front, which old servers look at.
    pub version: u16,
    /// The session that it would resume.
    pub session_id: Vec<u8>,
}

/// The first suites of TLS 1.3, in which certificates of all kinds can be used.
const NEW_SUITES: std::ops::RangeInclusive<u16> = 0x1301..=0x1305;
/// The suites of TLS 1.2 with certificates of one kind.
const ECDSA_SUITES: [u16; 3] = [0xc02b, 0xc02c, 0xcca9];
const RSA_SUITES: [u16; 3] = [0xc02f, 0xc030, 0xcca8];

impl Hello {
    /// The signatures that the client can check in a session with one of its suites.
    pub(crate) fn schemes(&self) -> Vec<SignatureScheme> {
        let has = |some: &[u16]| self.suites.iter().any(|suite| some.contains(suite));
        let new = self.suites.iter().any(|suite| NEW_SUITES.contains(suite));
        let (ecdsa, rsa) = (new || has(&ECDSA_SUITES), new || has(&RSA_SUITES));
        let usable = |scheme: &u16| match scheme {
            0x0804..=0x0806 | 0x0809..=0x080b => rsa,
            0x0807 | 0x0808 => ecdsa,
            other if other & 0xff == 1 => rsa,
            other if other & 0xff == 3 => ecdsa,
            _ => true,
        };
        self.signatures.iter().filter(|n| usable(n)).map(|n| (*n).into()).collect()
    }

    /// What is kept of it in `room` bytes, the lists one after the other.
    pub(crate) fn offer(&self, mut room: usize) -> Offer {
        let suites = bytes(&self.suites);
        let suites_hash = xxhash_rust::xxh64::xxh64(&suites, 0);
        let mut keep = |list: Vec<u8>, width: usize| {
            let kept = list.len().min(room / width * width);
            room -= kept;
            list[..kept].into()
        };
        Offer {
            version: self.version,
            suites: keep(suites, 2),
            suites_hash,
            extensions: keep(bytes(&self.extensions), 2),
            groups: keep(bytes(&self.groups), 2),
            formats: keep(self.formats.clone(), 1),
            signatures: keep(bytes(&self.signatures), 2),
            versions: keep(bytes(&self.versions), 2),
        }
    }
}

fn bytes(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

/// What the bytes that came make up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// More must come.
    Partial,
    /// The whole message.
    Hello(Box<Hello>),
    /// Something else, or a message that is malformed.
    Other,
}

/// Longer messages are not waited for.
const MAX: usize = 16 * 1024;

impl Opening {
    /// Reads what a client sent first; the message may stretch over several records.
    pub fn read(mut came: &[u8]) -> Self {
        let mut message = Vec::new();
        loop {
            let Some((header, rest)) = came.split_first_chunk::<5>() else {
                return if came.first().is_none_or(|b| *b == HANDSHAKE) {
                    Self::Partial
                } else {
                    Self::Other
                };
            };
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            if header[0] != HANDSHAKE || header[1] != 3 || length == 0 {
                return Self::Other;
            }
            message.extend_from_slice(&rest[..rest.len().min(length)]);
            if let Some(whole) = whole(&message) {
                return whole;
            }
            match rest.get(length..) {
                Some(next) => came = next,
                None => return Self::Partial,
            }
        }
    }
}

/// The message, if it is complete or can be nothing that is expected.
fn whole(message: &[u8]) -> Option<Opening> {
    let kind = *message.first()?;
    if kind != CLIENT {
        return Some(Opening::Other);
    }
    let length = message.get(1..4)?.iter().fold(0, |n, b| n << 8 | usize::from(*b));
    if length > MAX {
        return Some(Opening::Other);
    }
    let body = message.get(4..4 + length)?;
    Some(parse(body).map_or(Opening::Other, |hello| Opening::Hello(Box::new(hello))))
}

fn parse(body: &[u8]) -> Option<Hello> {
    let mut r = Bytes(body);
    let mut hello = Hello { version: r.number(2)? as u16, ..Hello::default() };
    r.take(RANDOM)?;
    hello.session_id = r.block(1)?.to_vec();
    hello.suites = numbers(r.block(2)?);
    r.block(1)?;
    if r.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = Bytes(r.block(2)?);
    while !extensions.0.is_empty() {
        let kind = extensions.number(2)? as u16;
        let data = Bytes(extensions.block(2)?);
        hello.extensions.push(kind);
        take_extension(&mut hello, kind, data);
    }
    Some(hello)
}

/// Takes what an extension says; one that says nothing sensible counts as empty.
fn take_extension(hello: &mut Hello, kind: u16, mut data: Bytes<'_>) {
    match kind {
        extension::SERVER_NAME => hello.server_name = server_name(data),
        extension::GROUPS => hello.groups = data.block(2).map(numbers).unwrap_or_default(),
        extension::FORMATS => hello.formats = data.block(1).map(<[u8]>::to_vec).unwrap_or_default(),
        extension::SIGNATURES => hello.signatures = data.block(2).map(numbers).unwrap_or_default(),
        extension::ALPN => {
            let mut list = Bytes(data.block(2).unwrap_or_default());
            while let Some(name) = list.block(1) {
                hello.protocols.push(name.into());
            }
        }
        extension::VERSIONS => hello.versions = data.block(1).map(numbers).unwrap_or_default(),
        _ => {}
    }
}

fn server_name(mut data: Bytes<'_>) -> Option<Box<str>> {
    let mut list = Bytes(data.block(2)?);
    if list.take(1)? != [0] {
        return None;
    }
    let name = std::str::from_utf8(list.block(2)?).ok()?;
    (!name.is_empty()).then(|| name.into())
}

/// A list of numbers of two bytes each.
fn numbers(list: &[u8]) -> Vec<u16> {
    list.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector16(content: &[u8]) -> Vec<u8> {
        [&(content.len() as u16).to_be_bytes(), content].concat()
    }

    fn sample() -> Vec<u8> {
        let name = vector16(&[&[0][..], &vector16(b"Www.Example.com")].concat());
        let alpn = vector16(b"\x02h2\x08http/1.1");
        let extensions = [
            &[0, 0][..],
            &vector16(&name),
            &[0, 16],
            &vector16(&alpn),
            &[0, 43],
            &vector16(&[4, 3, 4, 3, 3]),
            &[0, 10],
            &vector16(&vector16(&[0, 29, 0, 23])),
        ]
        .concat();
        let body = [
            &[3, 3][..],
            &[7; 32],
            &[2, 9, 9],
            &vector16(&[0x13, 0x01, 0xc0, 0x2f]),
            &[1, 0],
            &vector16(&extensions),
        ]
        .concat();
        let length = (body.len() as u32).to_be_bytes();
        [&[1][..], &length[1..], &body].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &vector16(part)].concat()).collect()
    }

    #[test]
    fn a_hello_says_what_the_client_offers() {
        let Opening::Hello(hello) = Opening::read(&records(&sample(), 9999)) else { panic!("no hello") };
        assert_eq!(hello.server_name.as_deref(), Some("Www.Example.com"));
        assert_eq!(hello.protocols, [Box::from(&b"h2"[..]), Box::from(&b"http/1.1"[..])]);
        assert_eq!((hello.suites, hello.versions), (vec![0x1301, 0xc02f], vec![0x304, 0x303]));
        assert_eq!((hello.groups, hello.extensions), (vec![29, 23], vec![0, 16, 43, 10]));
        assert_eq!((hello.version, hello.session_id), (0x303, vec![9, 9]));
    }

    #[test]
    fn old_suites_leave_signatures_of_one_kind() {
        let signatures = vec![0x0403, 0x0804, 0x0601, 0x0807];
        let of = |suites: &[u16]| {
            let hello = Hello { suites: suites.to_vec(), signatures: signatures.clone(), ..Hello::default() };
            hello.schemes().into_iter().map(u16::from).collect::<Vec<_>>()
        };
        assert_eq!(of(&[0xc02f]), [0x0804, 0x0601]);
        assert_eq!(of(&[0xc02c]), [0x0403, 0x0807]);
        assert_eq!(of(&[0x1301, 0xc02f]), signatures);
    }

    #[test]
    fn something_else_is_told_at_once() {
        assert_eq!(Opening::read(b"GET / HTTP/1.1\r\n"), Opening::Other);
        assert_eq!(Opening::read(b"G"), Opening::Other);
        assert_eq!(Opening::read(b""), Opening::Partial);
        assert_eq!(Opening::read(b"\x16\x03\x01\x00\x00"), Opening::Other);
        assert_eq!(Opening::read(b"\x16\x03\x01\x00\x01\x02"), Opening::Other);
    }

    proptest! {
        #[test]
        fn every_part_of_a_hello_is_partial(cut in 0usize..150, size in 1usize..200) {
            let whole = records(&sample(), size);
            let cut = cut % whole.len();
            prop_assert_eq!(Opening::read(&whole[..cut]), Opening::Partial);
            prop_assert!(matches!(Opening::read(&whole), Opening::Hello(_)));
        }

        #[test]
        fn nothing_that_comes_breaks_it(at in 0usize..150, byte: u8, noise: Vec<u8>) {
            let mut changed = records(&sample(), 9999);
            let at = at % changed.len();
            changed[at] = byte;
            let _ = Opening::read(&changed);
            let _ = Opening::read(&noise);
        }
    }
}
