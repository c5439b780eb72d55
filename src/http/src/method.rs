//! Request methods.

use std::fmt;

use smallvec::SmallVec;

/// A request method: one of those the specification names, or the bytes the client sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// `OPTIONS`
    Options,
    /// `GET`
    #[default]
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `TRACE`
    Trace,
    /// `CONNECT`
    Connect,
    /// Any other token, such as `PATCH`.
    Other(OtherMethod),
}

/// The bytes of a method without a variant of its own; short ones live in place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherMethod(SmallVec<[u8; 16]>);

impl OtherMethod {
    /// The method as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Method {
    /// The method that these bytes name. Methods are case-sensitive.
    pub fn find(bytes: &[u8]) -> Self {
        match bytes {
            b"GET" => Self::Get,
            b"POST" => Self::Post,
            b"HEAD" => Self::Head,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            other => Self::Other(OtherMethod(SmallVec::from_slice(other))),
        }
    }

    /// The method as it is written in a start line.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Options => b"OPTIONS",
            Self::Get => b"GET",
            Self::Head => b"HEAD",
            Self::Post => b"POST",
            Self::Put => b"PUT",
            Self::Delete => b"DELETE",
            Self::Trace => b"TRACE",
            Self::Connect => b"CONNECT",
            Self::Other(other) => other.as_bytes(),
        }
    }

    /// Whether repeating the request has the effect of sending it once (RFC 9110, 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        matches!(self, Self::Options | Self::Get | Self::Head | Self::Put | Self::Delete | Self::Trace)
    }

    /// Whether the method is defined as read-only (RFC 9110, 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self, Self::Options | Self::Get | Self::Head | Self::Trace)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_methods_have_variants() {
        for name in ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"] {
            let method = Method::find(name.as_bytes());
            assert!(!matches!(method, Method::Other(_)), "{name}");
            assert_eq!(method.as_bytes(), name.as_bytes());
        }
    }

    #[test]
    fn case_matters() {
        assert!(matches!(Method::find(b"get"), Method::Other(_)));
    }

    #[test]
    fn post_and_patch_are_not_idempotent() {
        assert!(!Method::Post.is_idempotent());
        assert!(!Method::find(b"PATCH").is_idempotent());
        assert!(Method::Put.is_idempotent() && !Method::Put.is_safe());
    }

    proptest! {
        #[test]
        fn bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let method = Method::find(&bytes);
            prop_assert_eq!(method.as_bytes(), &bytes[..]);
        }
    }
}
