//! What follows a head.

use bytes::Bytes;

use crate::Headers;

/// How the end of a message's body is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body, and there could not be one.
    #[default]
    None,
    /// Exactly this many bytes.
    Length(u64),
    /// The sender marks the end itself: chunks in HTTP/1, the end of the stream elsewhere.
    Chunked,
    /// The body ends with the connection.
    UntilClose,
    /// After the head the connection belongs to another protocol, in both directions.
    Tunnel,
}

impl BodyLength {
    /// Whether nothing at all follows the head.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }

    /// The number of bytes, where the head announced it.
    pub fn announced(self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Length(length) => Some(length),
            Self::Chunked | Self::UntilClose | Self::Tunnel => None,
        }
    }
}

/// One step of a body on its way from a peer to the other.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Some bytes of the body.
    Data(Bytes),
    /// The header fields after the body. `End` follows.
    Trailers(Headers),
    /// The message is complete.
    End,
}

impl Piece {
    /// How many bytes of body the piece carries.
    pub fn len(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Trailers(_) | Self::End => 0,
        }
    }

    /// Whether the piece carries no bytes of body.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_none_and_zero_are_empty() {
        assert!(BodyLength::None.is_empty() && BodyLength::Length(0).is_empty());
        for length in [BodyLength::Length(1), BodyLength::Chunked, BodyLength::UntilClose, BodyLength::Tunnel]
        {
            assert!(!length.is_empty());
        }
    }

    #[test]
    fn announced_lengths() {
        assert_eq!(BodyLength::Length(7).announced(), Some(7));
        assert_eq!(BodyLength::None.announced(), Some(0));
        assert_eq!(BodyLength::Chunked.announced(), None);
    }

    #[test]
    fn only_data_has_a_length() {
        assert_eq!(Piece::Data(Bytes::from_static(b"abc")).len(), 3);
        assert!(Piece::End.is_empty() && Piece::Trailers(Headers::default()).is_empty());
    }
}
