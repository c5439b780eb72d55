//! Responses of authorities on certificates, as they are encoded (RFC 6960, 4.2).

use crate::pki::der::{self, Reader, SEQUENCE};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const TIME: u8 = 0x18;
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_1: u8 = 0xa1;
const CONTEXT_2: u8 = 0xa2;
const GOOD: u8 = 0x80;
const REVOKED: u8 = 0xa1;
const UNKNOWN: u8 = 0x82;

/// The content of the identifier of basic responses.
const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response<'d> {
    /// Whether there is an answer, by its number.
    pub(crate) status: u8,
    pub(crate) content: Content<'d>,
}

/// What a response holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content<'d> {
    /// Nothing but its status.
    None,
    Basic(Box<Basic<'d>>),
    /// Something that is not known, or that cannot be read.
    Other,
}

/// What everybody can read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Basic<'d> {
    /// What is signed.
    pub(crate) body: &'d [u8],
    /// The content of the identifier of the signature's algorithm.
    pub(crate) algorithm: &'d [u8],
    pub(crate) signature: &'d [u8],
    pub(crate) version: u8,
    pub(crate) responder: Responder<'d>,
    /// When it was made, as it is written.
    pub(crate) produced: &'d [u8],
    pub(crate) singles: Vec<Single<'d>>,
    /// The list of its extensions.
    pub(crate) extensions: Option<&'d [u8]>,
    /// Certificates that may help.
    pub(crate) certificates: Vec<&'d [u8]>,
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Responder<'d> {
    /// Its name, in DER.
    Name(&'d [u8]),
    /// The hash of its key.
    Key(&'d [u8]),
}

/// The answer on one certificate. Times are as they are written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Single<'d> {
    pub(crate) id: CertId<'d>,
    pub(crate) status: Status<'d>,
    pub(crate) this_update: &'d [u8],
    pub(crate) next_update: Option<&'d [u8]>,
    pub(crate) extensions: Option<&'d [u8]>,
}

/// Which certificate an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CertId<'d> {
    pub(crate) whole: &'d [u8],
    /// The content of the identifier of the algorithm of both hashes.
    pub(crate) algorithm: &'d [u8],
    pub(crate) name_hash: &'d [u8],
    pub(crate) key_hash: &'d [u8],
    pub(crate) serial: &'d [u8],
}

/// What is said of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status<'d> {
    Good,
    /// Since when, and the number of the reason.
    Revoked(&'d [u8], Option<u8>),
    Unknown,
}

impl<'d> Response<'d> {
    /// Reads a response; none when it is malformed.
    pub(crate) fn read(der: &'d [u8]) -> Option<Self> {
        let mut outside = Reader::new(der);
        let mut parts = Reader::new(outside.expect(SEQUENCE)?.content);
        let &[status] = parts.expect(ENUMERATED)?.content else { return None };
        let content = match parts.optional(CONTEXT_0) {
            None => Content::None,
            Some(bytes) => {
                let mut bytes = Reader::new(Reader::new(bytes.content).expect(SEQUENCE)?.content);
                let kind = bytes.expect(OID)?.content;
                let inner = bytes.expect(OCTETS)?.content;
                let basic = (kind == BASIC).then(|| Basic::read(inner)).flatten();
                basic.map_or(Content::Other, |basic| Content::Basic(Box::new(basic)))
            }
        };
        (outside.is_empty() && parts.is_empty()).then_some(Self { status, content })
    }

    /// What it holds, if that can be read.
    pub(crate) fn basic(&self) -> Option<&Basic<'d>> {
        match &self.content {
            Content::Basic(basic) => Some(basic),
            Content::None | Content::Other => None,
        }
    }
}

impl<'d> Basic<'d> {
    fn read(der: &'d [u8]) -> Option<Self> {
        let mut outside = Reader::new(Reader::new(der).expect(SEQUENCE)?.content);
        let body = outside.expect(SEQUENCE)?;
        let algorithm = outside.expect(SEQUENCE)?.content;
        let signature = der::bits(outside.expect(der::BIT_STRING)?)?;
        let certificates = match outside.optional(CONTEXT_0) {
            Some(list) => all(Reader::new(list.content).expect(SEQUENCE)?.content, |e| Some(e.whole))?,
            None => Vec::new(),
        };
        let mut parts = Reader::new(body.content);
        let version = match parts.optional(CONTEXT_0) {
            Some(version) => number(Reader::new(version.content).expect(INTEGER)?.content)?,
            None => 0,
        };
        let responder = match parts.next()? {
            e if e.tag == CONTEXT_1 => Responder::Name(Reader::new(e.content).expect(SEQUENCE)?.whole),
            e if e.tag == CONTEXT_2 => Responder::Key(Reader::new(e.content).expect(OCTETS)?.content),
            _ => return None,
        };
        let produced = parts.expect(TIME)?.content;
        let singles = all(parts.expect(SEQUENCE)?.content, |e| Single::read(e.whole))?;
        let extensions = match parts.optional(CONTEXT_1) {
            Some(list) => Some(extensions(list)?),
            None => None,
        };
        Some(Self {
            body: body.whole,
            algorithm,
            signature,
            version,
            responder,
            produced,
            singles,
            extensions,
            certificates,
        })
    }
}

/// The content of a list of extensions.
fn extensions(element: der::Element<'_>) -> Option<&[u8]> {
    Reader::new(element.content).expect(SEQUENCE).map(|list| list.content)
}

/// What is made of each of the elements of a list.
fn all<'d, T>(list: &'d [u8], read: impl Fn(der::Element<'d>) -> Option<T>) -> Option<Vec<T>> {
    let (mut reader, mut all) = (Reader::new(list), Vec::new());
    while !reader.is_empty() {
        all.push(read(reader.next()?)?);
    }
    Some(all)
}

fn number(content: &[u8]) -> Option<u8> {
    match content {
        &[n] => Some(n),
        _ => None,
    }
}

impl<'d> Single<'d> {
    fn read(der: &'d [u8]) -> Option<Self> {
        let mut parts = Reader::new(Reader::new(der).expect(SEQUENCE)?.content);
        let id = CertId::read(parts.expect(SEQUENCE)?.whole)?;
        let status = match parts.next()? {
            e if e.tag == GOOD => Status::Good,
            e if e.tag == UNKNOWN => Status::Unknown,
            e if e.tag == REVOKED => {
                let mut info = Reader::new(e.content);
                let since = info.expect(TIME)?.content;
                let reason = match info.optional(CONTEXT_0) {
                    Some(reason) => Some(number(Reader::new(reason.content).expect(ENUMERATED)?.content)?),
                    None => None,
                };
                Status::Revoked(since, reason)
            }
            _ => return None,
        };
        let this_update = parts.expect(TIME)?.content;
        let next_update = match parts.optional(CONTEXT_0) {
            Some(next) => Some(Reader::new(next.content).expect(TIME)?.content),
            None => None,
        };
        let extensions = match parts.optional(CONTEXT_1) {
            Some(list) => Some(extensions(list)?),
            None => None,
        };
        Some(Self { id, status, this_update, next_update, extensions })
    }
}

impl<'d> CertId<'d> {
    pub(crate) fn read(der: &'d [u8]) -> Option<Self> {
        let whole = Reader::new(der).expect(SEQUENCE)?;
        let mut parts = Reader::new(whole.content);
        let algorithm = parts.expect(SEQUENCE)?.content;
        let name_hash = parts.expect(OCTETS)?.content;
        let key_hash = parts.expect(OCTETS)?.content;
        let serial = parts.expect(INTEGER)?.content;
        Some(Self { whole: whole.whole, algorithm, name_hash, key_hash, serial })
    }

    /// The identifier of the hashes' algorithm.
    pub(crate) fn hash(&self) -> Option<&'d [u8]> {
        Reader::new(self.algorithm).expect(OID).map(|oid| oid.content)
    }
}

/// A time as it is written, in seconds since 1970; none when it is malformed.
pub(crate) fn seconds(written: &[u8]) -> Option<i64> {
    let date = Date::read(written)?;
    // Days since 1970, with years that begin in March so that leap days end them.
    let (year, month) = (i64::from(date.year), i64::from(date.month));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + i64::from(date.day) - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    Some(days * 86_400 + i64::from(date.hour) * 3600 + i64::from(date.minute) * 60 + i64::from(date.second))
}

/// A date in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: u32,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
}

impl Date {
    /// Reads the form that responses use: all digits, to the second, in universal time.
    pub(crate) fn read(written: &[u8]) -> Option<Self> {
        let digits = written.strip_suffix(b"Z").filter(|d| d.len() == 14)?;
        let part = |from: usize, to: usize| {
            digits[from..to].iter().try_fold(0, |n, d| {
                let digit = char::from(*d).to_digit(10)?;
                Some(n * 10 + digit)
            })
        };
        let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
        let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let longest = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => return None,
        };
        let valid = (1..=longest).contains(&day) && hour < 24 && minute < 60 && second < 60;
        valid.then_some(Self { year, month, day, hour, minute, second })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_counted_from_1970() {
        assert_eq!(seconds(b"19700101000000Z"), Some(0));
        assert_eq!(seconds(b"20000229120000Z"), Some(951_825_600));
        assert_eq!(seconds(b"20261122214023Z"), Some(1_795_383_623));
        assert_eq!(seconds(b"20990101000000Z"), Some(4_070_908_800));
        for wrong in [&b"20260229000000Z"[..], b"20261301000000Z", b"2026112221402Z", b"20261122214023", b"x"]
        {
            assert_eq!(seconds(wrong), None);
        }
    }

    #[test]
    fn a_status_alone_is_a_response() {
        let refusal = Response::read(&[0x30, 0x03, 0x0a, 0x01, 0x06]);
        assert_eq!(refusal, Some(Response { status: 6, content: Content::None }));
        assert_eq!(Response::read(&[0x30, 0x03, 0x0a, 0x01, 0x06, 0x00]), None, "something follows");
        assert_eq!(Response::read(b""), None);
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_breaks_it(bytes: Vec<u8>) {
            let _ = Response::read(&bytes);
        }

        #[test]
        fn times_grow_with_what_is_written(a in 0u32..1_000_000, b in 0u32..1_000_000) {
            let written = |n: u32| format!("20{:02}06{:02}{:02}{:02}00Z", n / 100_000 % 100, 1 + n / 1000 % 28, n / 60 % 24, n % 60);
            let (a, b) = (written(a), written(b));
            let (x, y) = (seconds(a.as_bytes()), seconds(b.as_bytes()));
            prop_assert!(x.is_some() && y.is_some());
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
        }
    }
}
