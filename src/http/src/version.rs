//! Protocol versions.

use std::fmt;

/// The version of a message, as its start line gave it or as its protocol implies it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// No version at all: a bare `GET /` line.
    Http09,
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    #[default]
    Http11,
    /// `HTTP/2.0`
    Http2,
    /// `HTTP/3.0`
    Http3,
    /// Anything else that has the shape of a version, for example `HTTP/1.2`, or `RTSP/1.0` where violations
    /// are accepted.
    Other(OtherVersion),
}

/// The text of a version without a variant of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OtherVersion {
    text: [u8; OtherVersion::MAX],
    len: u8,
}

impl OtherVersion {
    /// The longest text kept: a protocol name and two numbers.
    pub const MAX: usize = 23;

    /// The whole text, for example `RTSP/1.0`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.len)]
    }
}

impl Version {
    /// The version that this text names; `None` when it is longer than any version can be.
    pub fn find(text: &[u8]) -> Option<Self> {
        match text {
            b"HTTP/1.1" => Some(Self::Http11),
            b"HTTP/1.0" => Some(Self::Http10),
            b"HTTP/2.0" => Some(Self::Http2),
            b"HTTP/3.0" => Some(Self::Http3),
            b"" => Some(Self::Http09),
            other if other.len() <= OtherVersion::MAX => {
                let mut text = [0; OtherVersion::MAX];
                text[..other.len()].copy_from_slice(other);
                Some(Self::Other(OtherVersion { text, len: other.len() as u8 }))
            }
            _ => None,
        }
    }

    /// The version as it stands in a start line; empty for HTTP/0.9.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Http09 => b"",
            Self::Http10 => b"HTTP/1.0",
            Self::Http11 => b"HTTP/1.1",
            Self::Http2 => b"HTTP/2.0",
            Self::Http3 => b"HTTP/3.0",
            Self::Other(other) => other.as_bytes(),
        }
    }

    /// The part after the slash, for example `1.1`.
    pub fn number(&self) -> &[u8] {
        let text = self.as_bytes();
        match text.iter().position(|&b| b == b'/') {
            Some(slash) => &text[slash + 1..],
            None => text,
        }
    }

    /// Whether connections stay open, bodies may be chunked and 1xx responses may be sent: HTTP/1.1 or later.
    pub fn is_at_least_11(&self) -> bool {
        match self {
            Self::Http09 | Self::Http10 => false,
            Self::Http11 | Self::Http2 | Self::Http3 => true,
            Self::Other(other) => match other.as_bytes() {
                [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] => {
                    *major > b'1' || (*major == b'1' && *minor >= b'1')
                }
                // Another protocol, or one spelled in another way: nothing is known about it.
                _ => false,
            },
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_survive() {
        for text in ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0", "HTTP/1.2", "RTSP/1.0", ""] {
            assert_eq!(Version::find(text.as_bytes()).unwrap().as_bytes(), text.as_bytes());
        }
        assert_eq!(Version::find(&[b'1'; OtherVersion::MAX + 1]), None);
    }

    #[test]
    fn only_plain_versions_are_compared() {
        let at_least_11 = |text: &[u8]| Version::find(text).unwrap().is_at_least_11();
        assert!(at_least_11(b"HTTP/1.1") && at_least_11(b"HTTP/1.2") && at_least_11(b"HTTP/4.0"));
        assert!(!at_least_11(b"HTTP/1.0") && !at_least_11(b"HTTP/0.9") && !at_least_11(b"RTSP/1.1"));
        assert!(!at_least_11(b"") && !at_least_11(b"HTTP/1.10") && !at_least_11(b"HTTP/01.1"));
    }

    #[test]
    fn the_number_follows_the_slash() {
        assert_eq!(Version::Http11.number(), b"1.1");
        assert_eq!(Version::Http09.number(), b"");
    }
}
