//! What version 2 says beside the addresses: types, lengths and values.

use bytes::Bytes;

use super::v2::{EncodeError, MAX_TLV};

/// The registered types.
pub mod kind {
    /// The protocol negotiated with the client.
    pub const ALPN: u8 = 0x01;
    /// The host name that the client asked for.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// Padding.
    pub const NOOP: u8 = 0x04;
    /// The connection's unique name.
    pub const UNIQUE_ID: u8 = 0x05;
    /// The client's TLS session.
    pub const SSL: u8 = 0x20;
    /// Within it: the TLS version.
    pub const SSL_VERSION: u8 = 0x21;
    /// Within it: the common name of the client's certificate.
    pub const SSL_CN: u8 = 0x22;
    /// Within it: the cipher.
    pub const SSL_CIPHER: u8 = 0x23;
    /// Within it: the algorithm that signed the frontend's certificate.
    pub const SSL_SIG_ALG: u8 = 0x24;
    /// Within it: the algorithm of the frontend's key.
    pub const SSL_KEY_ALG: u8 = 0x25;
    /// Within it: the key exchange group.
    pub const SSL_GROUP: u8 = 0x26;
    /// Within it: the signature scheme of the handshake.
    pub const SSL_SIG_SCHEME: u8 = 0x27;
    /// Within it: the client's certificate.
    pub const SSL_CLIENT_CERT: u8 = 0x28;
    /// The network namespace.
    pub const NETNS: u8 = 0x30;
}

/// The longest authority, that of a host name.
const MAX_AUTHORITY: usize = 255;
/// The longest unique name.
const MAX_UNIQUE_ID: usize = 128;

/// The TLVs of a header, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs(Bytes);

/// Why TLVs are not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlvError {
    /// A length goes beyond the end, or a fragment is left over.
    Malformed,
    /// A value is longer than its type allows.
    TooLong,
    /// The checksum is wrong.
    Checksum,
}

impl Tlvs {
    /// All of them in their order, padding too.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        Walk(&self.0).map_while(Result::ok)
    }

    /// The value of the first of a type; padding has none.
    pub fn get(&self, wanted: u8) -> Option<&[u8]> {
        self.iter().find(|(kind, _)| *kind == wanted && wanted != kind::NOOP).map(|(_, value)| value)
    }

    /// What is known of the client's TLS session.
    pub fn ssl(&self) -> Option<SslTlv> {
        self.get(kind::SSL).and_then(SslTlv::decode)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

struct Walk<'a>(&'a [u8]);

impl<'a> Iterator for Walk<'a> {
    type Item = Result<(u8, &'a [u8]), TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let Some((&[kind, high, low], rest)) = self.0.split_first_chunk::<3>() else {
            self.0 = &[];
            return Some(Err(TlvError::Malformed));
        };
        let Some((value, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low]))) else {
            self.0 = &[];
            return Some(Err(TlvError::Malformed));
        };
        self.0 = rest;
        Some(Ok((kind, value)))
    }
}

/// Checks the TLVs that begin at `from` in a whole header.
pub(super) fn check(header: &[u8], from: usize) -> Result<Tlvs, TlvError> {
    let region = &header[from..];
    let mut at = from;
    let mut checksum = None;
    for tlv in Walk(region) {
        let (kind, value) = tlv?;
        at += 3;
        let limit = match kind {
            kind::AUTHORITY => MAX_AUTHORITY,
            kind::UNIQUE_ID => MAX_UNIQUE_ID,
            _ => MAX_TLV,
        };
        if value.len() > limit {
            return Err(TlvError::TooLong);
        }
        if kind == kind::CRC32C {
            let sum: [u8; 4] = value.try_into().map_err(|_| TlvError::Malformed)?;
            if checksum.replace((at, sum)).is_some() {
                return Err(TlvError::Malformed);
            }
        }
        at += value.len();
    }
    if let Some((at, sum)) = checksum
        && sum_without(header, at) != u32::from_be_bytes(sum)
    {
        return Err(TlvError::Checksum);
    }
    Ok(Tlvs(Bytes::copy_from_slice(region)))
}

/// The checksum of a header whose own checksum, at `at`, counts as zeroes.
fn sum_without(header: &[u8], at: usize) -> u32 {
    let sum = crc32c::crc32c(&header[..at]);
    let sum = crc32c::crc32c_append(sum, &[0; 4]);
    crc32c::crc32c_append(sum, &header[at + 4..])
}

pub(super) fn append(kind: u8, value: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let len = u16::try_from(value.len()).map_err(|_| EncodeError::TooLong)?;
    out.push(kind);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// What is known of the client's TLS session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SslTlv {
    /// Bits of [`SslTlv::SSL`], [`SslTlv::CERT_CONN`], [`SslTlv::CERT_SESS`].
    pub client: u8,
    /// 0 when the client's certificate was verified.
    pub verify: u32,
    /// What else is told, in its order.
    pub fields: Vec<SslField>,
}

/// A TLV within that of the TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SslField {
    /// One of the `SSL_*` of [`kind`].
    pub kind: u8,
    /// Its value.
    pub value: Bytes,
}

impl SslTlv {
    /// The client connected over TLS.
    pub const SSL: u8 = 1;
    /// It gave a certificate over this connection.
    pub const CERT_CONN: u8 = 2;
    /// It gave a certificate over this TLS session.
    pub const CERT_SESS: u8 = 4;

    /// Takes the value of an `SSL` TLV apart.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let (&[client, a, b, c, d], rest) = value.split_first_chunk::<5>()?;
        let fields = Walk(rest)
            .map(|field| field.map(|(kind, value)| SslField { kind, value: Bytes::copy_from_slice(value) }))
            .collect::<Result<_, _>>()
            .ok()?;
        Some(Self { client, verify: u32::from_be_bytes([a, b, c, d]), fields })
    }

    pub(super) fn append(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut value = vec![self.client];
        value.extend_from_slice(&self.verify.to_be_bytes());
        for field in &self.fields {
            append(field.kind, &field.value, &mut value)?;
        }
        append(kind::SSL, &value, out)
    }
}
