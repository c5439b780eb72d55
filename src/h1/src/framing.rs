//! Where a body ends, as the two headers say that compete about it.

use http::{Headers, token, values};

use crate::special::{Place, Special};
use crate::{ErrorKind, Side, Strictness};

/// The two headers, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Neither header is there.
    Absent,
    /// A length.
    Length(u64),
    /// Chunks.
    Chunked,
    /// Chunks, in spite of a length, which has been removed.
    ChunkedDespiteLength,
}

/// Reads both headers, leaves one of them in its shortest form, or says which is wrong.
pub(crate) fn settle(
    headers: &mut Headers,
    special: Special,
    side: Side,
    strictness: Strictness,
) -> Result<Framing, ErrorKind> {
    let length = settle_length(headers, special.length)?;
    let coding = match special.coding {
        Place::Nowhere => Coding::Absent,
        Place::Once(_) | Place::More => settle_coding(headers, side, strictness)?,
    };
    match (coding, length) {
        (Coding::Chunked, None) => Ok(Framing::Chunked),
        (Coding::Chunked, Some(_)) => {
            headers.remove(b"content-length");
            Ok(Framing::ChunkedDespiteLength)
        }
        (Coding::Absent, Some(length)) => Ok(Framing::Length(length)),
        (Coding::Absent, None) => Ok(Framing::Absent),
    }
}

/// Removes both headers.
pub(crate) fn remove(headers: &mut Headers) {
    headers.remove(b"content-length");
    headers.remove(b"transfer-encoding");
}

/// All lengths that are given, in one field or several, have to be the same number.
fn settle_length(headers: &mut Headers, place: Place) -> Result<Option<u64>, ErrorKind> {
    let usual = match place {
        Place::Nowhere => return Ok(None),
        Place::Once(at) => headers.get(at).and_then(|field| usual_length(field.value)),
        Place::More => None,
    };
    if usual.is_some() {
        return Ok(usual);
    }
    let mut length = None;
    let mut repeated = false;
    for value in headers.find_values(b"content-length") {
        let number = token::decimal(value).ok_or(ErrorKind::ContentLength)?;
        // Leading zeros are read and not passed on.
        repeated |= length.is_some() || (value.len() > 1 && value[0] == b'0');
        if length.is_some_and(|first| first != number) {
            return Err(ErrorKind::ContentLength);
        }
        length = Some(number);
    }
    if let Some(number) = length.filter(|_| repeated) {
        keep_one(headers, b"content-length", number.to_string().as_bytes());
    }
    Ok(length)
}

/// A number in its shortest form.
fn usual_length(value: &[u8]) -> Option<u64> {
    match value {
        [b'0', _, ..] => None,
        _ => token::decimal(value),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Absent,
    Chunked,
}

fn settle_coding(headers: &mut Headers, side: Side, strictness: Strictness) -> Result<Coding, ErrorKind> {
    let Some(first) = headers.find(b"transfer-encoding") else { return Ok(Coding::Absent) };
    if first == b"chunked" && headers.find_all(b"transfer-encoding").count() == 1 {
        return Ok(Coding::Chunked);
    }
    let tolerant = side == Side::Response && strictness == Strictness::Relaxed;
    let (mut chunked, mut foreign) = (false, false);
    for coding in headers.find_all(b"transfer-encoding").flat_map(values) {
        match coding {
            b"" if tolerant => {}
            _ if tolerant && chunked && coding.eq_ignore_ascii_case(b"chunked") => {}
            b"" => return Err(ErrorKind::TransferEncoding),
            _ if chunked => return Err(ErrorKind::TransferEncoding),
            _ if coding.eq_ignore_ascii_case(b"chunked") => chunked = true,
            _ => foreign = true,
        }
    }
    match (chunked, foreign) {
        (true, true) => Err(ErrorKind::TransferCoding),
        (true, false) => {
            keep_one(headers, b"transfer-encoding", b"chunked");
            Ok(Coding::Chunked)
        }
        (false, true) => Err(ErrorKind::TransferEncoding),
        (false, false) => {
            headers.remove(b"transfer-encoding");
            Ok(Coding::Absent)
        }
    }
}

/// Gives the first field of this name this value and removes the others.
fn keep_one(headers: &mut Headers, name: &[u8], value: &[u8]) {
    let Some(first) = headers.position(name) else { return };
    while let Some(later) = headers.position_from(name, first + 1) {
        headers.remove_at(later);
    }
    headers.replace_value(first, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(
        fields: &[(&str, &str)],
        side: Side,
        strictness: Strictness,
    ) -> Result<(Framing, String), ErrorKind> {
        let mut headers = Headers::new();
        headers.extend(fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let mut special = Special::default();
        headers.iter().for_each(|field| special.note(&field.name.to_ascii_lowercase()));
        let framing = settle(&mut headers, special, side, strictness)?;
        Ok((framing, format!("{headers:?}")))
    }

    fn request(fields: &[(&str, &str)]) -> Result<Framing, ErrorKind> {
        settled(fields, Side::Request, Strictness::Strict).map(|(framing, _)| framing)
    }

    fn length(value: &str) -> Result<Framing, ErrorKind> {
        request(&[("content-length", value)])
    }

    fn coding(value: &str) -> Result<Framing, ErrorKind> {
        request(&[("transfer-encoding", value)])
    }

    #[test]
    fn lengths() {
        for (value, number) in [("3", 3), ("3, 3", 3), ("003", 3), ("18446744073709551615", u64::MAX)] {
            assert_eq!(length(value), Ok(Framing::Length(number)), "{value}");
        }
        for value in
            ["", "+3", "-3", "0x3", "3 3", "3a", "3,", ",3", "3, 4", "\"3\"", "3;a", "18446744073709551616"]
        {
            assert_eq!(length(value), Err(ErrorKind::ContentLength), "{value}");
        }
    }

    #[test]
    fn equal_lengths_become_one() {
        let fields = [("content-length", "03"), ("a", "b"), ("Content-Length", "3")];
        let (framing, left) = settled(&fields, Side::Request, Strictness::Strict).unwrap();
        assert_eq!((framing, left.as_str()), (Framing::Length(3), r#"["content-length: 3", "a: b"]"#));
        let differing = [("content-length", "3"), ("content-length", "4")];
        assert_eq!(request(&differing), Err(ErrorKind::ContentLength));
    }

    #[test]
    fn codings_of_requests() {
        for value in ["chunked", "Chunked"] {
            assert_eq!(coding(value), Ok(Framing::Chunked), "{value}");
        }
        for value in ["gzip, chunked", "identity, chunked"] {
            assert_eq!(coding(value), Err(ErrorKind::TransferCoding), "{value}");
        }
        for value in [
            "",
            ",chunked",
            "chunked,",
            "chunked, chunked",
            "chunked, gzip",
            "gzip",
            "xchunked",
            "chunked;a=b",
        ] {
            assert_eq!(coding(value), Err(ErrorKind::TransferEncoding), "{value}");
        }
    }

    #[test]
    fn chunks_win_over_a_length() {
        let fields = [("content-length", "3"), ("transfer-encoding", "CHUNKED")];
        let (framing, left) = settled(&fields, Side::Request, Strictness::Strict).unwrap();
        assert_eq!(framing, Framing::ChunkedDespiteLength);
        assert_eq!(left, r#"["transfer-encoding: chunked"]"#);
    }

    #[test]
    fn relaxed_responses_may_repeat_and_be_empty() {
        let relaxed = |value| {
            let fields = [("transfer-encoding", value)];
            settled(&fields, Side::Response, Strictness::Relaxed).map(|(framing, _)| framing)
        };
        assert_eq!(relaxed("chunked, chunked"), Ok(Framing::Chunked));
        assert_eq!(relaxed(",chunked"), Ok(Framing::Chunked));
        assert_eq!(relaxed(""), Ok(Framing::Absent));
        assert_eq!(relaxed("chunked, gzip"), Err(ErrorKind::TransferEncoding));
        let strict = settled(&[("transfer-encoding", "")], Side::Response, Strictness::Strict);
        assert_eq!(strict, Err(ErrorKind::TransferEncoding));
        let request = settled(&[("transfer-encoding", "")], Side::Request, Strictness::Relaxed);
        assert_eq!(request, Err(ErrorKind::TransferEncoding));
    }
}
