//! Normal forms of request targets (RFC 3986, section 6.2.2, and beyond).

/// What becomes of percent signs that no two digits follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percents {
    /// They stay.
    Kept,
    /// The target is refused.
    Refused,
}

/// What becomes of `..` that would lead above the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Above {
    /// They stay at the beginning.
    Kept,
    /// They go.
    Removed,
}

/// A target with percent signs that are no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Writes `#` as `%23`.
pub fn encode_fragment(target: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(target.len() + 8);
    for byte in target {
        match byte {
            b'#' => out.extend_from_slice(b"%23"),
            other => out.push(*other),
        }
    }
    out
}

/// Cuts at the first `#`.
pub fn strip_fragment(target: &[u8]) -> &[u8] {
    match memchr::memchr(b'#', target) {
        Some(at) => &target[..at],
        None => target,
    }
}

/// Makes one slash of several in a row.
pub fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for byte in path {
        if *byte != b'/' || out.last() != Some(&b'/') {
            out.push(*byte);
        }
    }
    out
}

/// Removes segments that are a single dot.
pub fn strip_dot(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut segments = path.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        if segment == b"." {
            continue;
        }
        out.extend_from_slice(segment);
        if segments.peek().is_some() {
            out.push(b'/');
        }
    }
    out
}

/// Lets each `..` take the segment before it along.
pub fn strip_dotdot(path: &[u8], above: Above) -> Vec<u8> {
    let Some(rest) = path.strip_prefix(b"/") else { return path.to_vec() };
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut end: &[u8] = b"";
    let mut segments = rest.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match (segment, kept.last()) {
            (b"..", None | Some(&b"..")) if above == Above::Kept => kept.push(segment),
            (b"..", _) => {
                kept.pop();
            }
            (segment, _) if last => end = segment,
            (segment, _) => kept.push(segment),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    out.push(b'/');
    for segment in kept {
        out.extend_from_slice(segment);
        out.push(b'/');
    }
    out.extend_from_slice(end);
    out
}

/// Decodes what need not be encoded.
pub fn decode_unreserved(target: &[u8], percents: Percents) -> Result<Vec<u8>, Malformed> {
    map_encoded(target, percents, |byte, digits, out| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            out.push(b'%');
            out.extend_from_slice(digits);
        }
    })
}

/// Writes the digits of encoded bytes in upper case.
pub fn uppercase_percents(target: &[u8], percents: Percents) -> Result<Vec<u8>, Malformed> {
    map_encoded(target, percents, |_, digits, out| {
        out.push(b'%');
        out.extend(digits.iter().map(u8::to_ascii_uppercase));
    })
}

fn map_encoded(
    target: &[u8],
    percents: Percents,
    write: impl Fn(u8, &[u8], &mut Vec<u8>),
) -> Result<Vec<u8>, Malformed> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut out = Vec::with_capacity(target.len());
    let mut rest = target;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let byte = after.get(..2).and_then(|two| Some(digit(two[0])? << 4 | digit(two[1])?));
        match (byte, percents) {
            (Some(byte), _) => {
                write(byte, &after[..2], &mut out);
                rest = &after[2..];
            }
            (None, Percents::Kept) => out.push(b'%'),
            (None, Percents::Refused) => return Err(Malformed),
        }
    }
    Ok(out)
}

/// Sorts the parameters of a query string by their names; those of one name keep their order.
pub fn sort_query(query: &[u8]) -> Vec<u8> {
    let mut parameters: Vec<&[u8]> = query.split(|byte| *byte == b'&').collect();
    parameters.sort_by_key(|parameter| parameter.split(|byte| *byte == b'=').next());
    parameters.join(&b'&')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dots_are_resolved() {
        for (path, kept, removed) in [
            ("/foo/..", "/", "/"),
            ("/foo/../bar/", "/bar/", "/bar/"),
            ("/foo/bar/..", "/foo/", "/foo/"),
            ("/../bar/", "/../bar/", "/bar/"),
            ("/bar/../../", "/../", "/"),
            ("/..", "/../", "/"),
            ("/../../a", "/../../a", "/a"),
            ("/foo//../", "/foo/", "/foo/"),
            ("/foo/..bar", "/foo/..bar", "/foo/..bar"),
            ("*", "*", "*"),
        ] {
            assert_eq!(strip_dotdot(path.as_bytes(), Above::Kept), kept.as_bytes(), "{path}");
            assert_eq!(strip_dotdot(path.as_bytes(), Above::Removed), removed.as_bytes(), "{path}");
        }
        for (path, result) in
            [("/.", "/"), ("/./bar/", "/bar/"), ("/a/./a", "/a/a"), ("/.well", "/.well"), ("/a./b", "/a./b")]
        {
            assert_eq!(strip_dot(path.as_bytes()), result.as_bytes(), "{path}");
        }
    }

    #[test]
    fn percents_are_looked_at() {
        let decode = |text: &str| decode_unreserved(text.as_bytes(), Percents::Kept).unwrap();
        assert_eq!(decode("/%61d%3Fx%%36%36%ZZ%6"), b"/ad%3Fx%66%ZZ%6");
        assert_eq!(uppercase_percents(b"/%aa%zz", Percents::Kept).unwrap(), b"/%AA%zz");
        assert_eq!(uppercase_percents(b"/%a", Percents::Refused), Err(Malformed));
    }

    #[test]
    fn parameters_are_sorted() {
        assert_eq!(sort_query(b"a=3&b=4&a=1&b=5&a=2"), b"a=3&a=1&a=2&b=4&b=5");
        assert_eq!(sort_query(b"aaa=3&a=1&aa=2&"), b"&a=1&aa=2&aaa=3");
    }

    proptest! {
        #[test]
        fn normal_forms_stay_as_they_are(path in "/[a-c./%6]{0,12}") {
            let path = path.as_bytes();
            let dots = strip_dotdot(path, Above::Removed);
            prop_assert_eq!(&strip_dotdot(&dots, Above::Removed), &dots);
            prop_assert_eq!(strip_dot(&strip_dot(path)), strip_dot(path));
            prop_assert_eq!(merge_slashes(&merge_slashes(path)), merge_slashes(path));
            let upper = uppercase_percents(path, Percents::Kept).unwrap();
            prop_assert_eq!(uppercase_percents(&upper, Percents::Kept).unwrap(), upper);
        }
    }
}
