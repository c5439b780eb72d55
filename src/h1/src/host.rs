//! Whom a request is for: `Host` and the authority of the target have to tell the same.

use http::uri::{Authority, Form, Target};
use http::{Method, RequestHead};

use crate::special::Place;
use crate::{ErrorKind, Strictness};

/// What came of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They agree, or one of them is missing.
    Agreed,
    /// They differ, which is tolerated.
    Tolerated,
}

/// Checks `Host` and authority, removes repeated `Host` fields, and takes default ports away from both sides.
///
/// A request that cannot have either, a path without `Host`, costs next to nothing here.
pub(crate) fn settle(
    head: &mut RequestHead,
    host: Place,
    strictness: Strictness,
) -> Result<Agreement, ErrorKind> {
    let host = settle_host(head, host)?;
    let target = Target::parse(&head.method, &head.target);
    match target.form {
        Form::Origin if head.method != Method::Connect => return Ok(Agreement::Agreed),
        Form::Asterisk if matches!(head.method, Method::Options | Method::Other(_)) => {
            return Ok(Agreement::Agreed);
        }
        Form::Absolute if head.method != Method::Connect => {}
        Form::Authority => {}
        _ => return Err(ErrorKind::Target),
    }
    let scheme_len = target.scheme.len();
    let authority = target.authority.to_vec();
    let parsed = Authority::parse(&authority);
    let scheme = head.target[..scheme_len].to_vec();
    let mut agreement = check_authority(&parsed, &head.method, strictness)?;
    let host_value = host.and_then(|at| head.headers.get(at)).map(|field| field.value.to_vec());
    let equal = host_value.as_deref().is_none_or(|host| same_authority(&parsed, host, &scheme));
    if !equal {
        match strictness {
            Strictness::Strict => return Err(ErrorKind::Authority),
            Strictness::Relaxed => agreement = Agreement::Tolerated,
        }
    }
    let default_port = parsed.port.is_some() && parsed.has_default_port(&scheme);
    if head.method != Method::Connect {
        normalize(head, &parsed, default_port.then_some(DropPort), host);
    } else if equal && default_port {
        drop_port_of_host(head, host);
    }
    Ok(agreement)
}

/// All `Host` fields have to be valid and the same; the first stays. Returns its place.
fn settle_host(head: &mut RequestHead, place: Place) -> Result<Option<usize>, ErrorKind> {
    let first = match place {
        Place::Nowhere => return Ok(None),
        Place::Once(at) => at,
        Place::More => head.headers.position(b"host").unwrap_or_default(),
    };
    let value = head.headers.get(first).map(|field| field.value).unwrap_or_default();
    if !is_valid_host(value) {
        return Err(ErrorKind::Host);
    }
    if place == Place::More {
        if head.headers.find_all(b"host").any(|other| !other.eq_ignore_ascii_case(value)) {
            return Err(ErrorKind::Host);
        }
        while let Some(later) = head.headers.position_from(b"host", first + 1) {
            head.headers.remove_at(later);
        }
    }
    Ok(Some(first))
}

/// Printable ASCII without the bytes that would end or split an authority; brackets only around an address.
fn is_valid_host(host: &[u8]) -> bool {
    let rest = match host {
        [b'[', rest @ ..] => match rest.iter().position(|&b| b == b']') {
            Some(end) if rest[..end].iter().all(|&b| is_host_byte(b)) => match &rest[end + 1..] {
                after @ ([] | [b':', ..]) => after,
                _ => return false,
            },
            _ => return false,
        },
        other => other,
    };
    rest.iter().all(|&b| is_host_byte(b))
}

const fn host_bytes() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        let splits = matches!(byte, b'#' | b',' | b'/' | b'?' | b'@' | b'[' | b'\\' | b']');
        table[byte as usize] = !splits;
        byte += 1;
    }
    table
}

static HOST_BYTES: [bool; 256] = host_bytes();

#[inline]
fn is_host_byte(byte: u8) -> bool {
    HOST_BYTES[usize::from(byte)]
}

fn check_authority(
    authority: &Authority<'_>,
    method: &Method,
    strictness: Strictness,
) -> Result<Agreement, ErrorKind> {
    let needs_port = *method == Method::Connect;
    let has_port = authority.port.is_some_and(|port| !port.is_empty());
    let host_and_port_valid = is_valid_host(authority.host);
    if host_and_port_valid && (!needs_port || has_port) {
        return Ok(Agreement::Agreed);
    }
    match strictness {
        Strictness::Strict => Err(ErrorKind::Authority),
        Strictness::Relaxed => Ok(Agreement::Tolerated),
    }
}

/// Compares without regard to case, and takes a missing port for the one the scheme implies.
fn same_authority(authority: &Authority<'_>, host: &[u8], scheme: &[u8]) -> bool {
    let host = Authority::parse(host);
    if !authority.host.eq_ignore_ascii_case(host.host) {
        return false;
    }
    let named = |port: Option<&[u8]>| port.is_some_and(|port| !port.is_empty());
    let both_named = named(authority.port) && named(host.port);
    let implied = authority.has_default_port(scheme) && host.has_default_port(scheme);
    authority.port == host.port || !both_named && implied
}

/// The port of the target goes, since the scheme implies it.
#[derive(Clone, Copy)]
struct DropPort;

/// Takes a default port off an absolute target and completes an empty path, except for `OPTIONS`, where its absence
/// means the server as a whole. `Host` follows the target when that was changed.
fn normalize(head: &mut RequestHead, authority: &Authority<'_>, drop: Option<DropPort>, host: Option<usize>) {
    let rest = head.path_and_query().len();
    let completes_path = rest == 0 && head.method != Method::Options;
    let port = authority.port.map_or(0, |port| port.len() + 1);
    let mut new_host = authority.host.to_vec();
    match (drop, authority.port) {
        (Some(DropPort), _) => {
            let end = head.target.len() - rest;
            head.target.drain(end - port..end);
        }
        (None, Some(port)) => {
            new_host.push(b':');
            new_host.extend_from_slice(port);
        }
        (None, None) => {}
    }
    if completes_path {
        head.target.push(b'/');
    }
    if let Some(at) = host.filter(|_| completes_path || drop.is_some()) {
        head.headers.replace_value(at, &new_host);
    }
}

/// `CONNECT` needs the port in its target, but `Host` does not.
fn drop_port_of_host(head: &mut RequestHead, host: Option<usize>) {
    let Some(at) = host else { return };
    let value = head.headers.get(at).map(|field| field.value.to_vec()).unwrap_or_default();
    let parsed = Authority::parse(&value);
    // A colon without a port stays.
    if parsed.port.is_some_and(|port| !port.is_empty()) {
        head.headers.replace_value(at, parsed.host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(
        start: &str,
        hosts: &[&str],
        strictness: Strictness,
    ) -> Result<(String, Option<String>), ErrorKind> {
        let (method, target) = start.split_once(' ').unwrap();
        let mut head = RequestHead { target: target.into(), ..RequestHead::default() };
        head.set_method(method.as_bytes());
        for host in hosts {
            head.headers.push(b"host", host.as_bytes());
        }
        let place = match hosts.len() {
            0 => Place::Nowhere,
            1 => Place::Once(0),
            _ => Place::More,
        };
        settle(&mut head, place, strictness)?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert!(head.headers.len() <= 1);
        Ok((text(&head.target), head.headers.find(b"host").map(text)))
    }

    fn strict(start: &str, host: &str) -> Result<(String, Option<String>), ErrorKind> {
        settled(start, &[host], Strictness::Strict)
    }

    #[expect(clippy::unnecessary_wraps, reason = "compared with a result")]
    fn left(target: &str, host: &str) -> Result<(String, Option<String>), ErrorKind> {
        Ok((target.into(), Some(host.into())))
    }

    #[test]
    fn host_bytes() {
        for host in ["", "h", "h:", "h:x", "[::1]", "[::1]:80", "h%41", "a_b", ":80", "h;x", "h:80:80"] {
            assert_eq!(strict("GET /", host), left("/", host), "{host}");
        }
        for host in
            ["a b", "a/b", "a,b", "a@b", "[::1", "h?x", "h#x", "h\\x", "[::1]x", "h[", "\u{e9}", "a\tb"]
        {
            assert_eq!(strict("GET /", host), Err(ErrorKind::Host), "{host}");
        }
    }

    #[test]
    fn hosts_have_to_be_the_same() {
        assert_eq!(settled("GET /", &["h", "H"], Strictness::Strict), left("/", "h"));
        for hosts in [["h", "g"], ["h", "h:80"], ["", "h"]] {
            assert_eq!(settled("GET /", &hosts, Strictness::Relaxed), Err(ErrorKind::Host));
        }
    }

    #[test]
    fn absolute_targets_agree_with_host() {
        for (target, host, target_left, host_left) in [
            ("http://h/p", "h", "http://h/p", "h"),
            ("http://h:80/p", "h", "http://h/p", "h"),
            ("http://h:80/p", "h:80", "http://h/p", "h"),
            ("http://h/p", "h:80", "http://h/p", "h:80"),
            ("http://u:p@h:80", "h:80", "http://u:p@h/", "h"),
            ("http://H/p", "h", "http://H/p", "h"),
            ("http://h", "H", "http://h/", "h"),
            ("http://h:81", "H:81", "http://h:81/", "h:81"),
            ("http://h:/", "h", "http://h/", "h"),
            ("http://h?x", "h", "http://h?x", "h"),
            ("https://h:443", "h:443", "https://h/", "h"),
            ("foo://h:80/", "h:80", "foo://h:80/", "h:80"),
            ("http://[::1]:80/", "[::1]", "http://[::1]/", "[::1]"),
            ("http://a@b@h/x", "h", "http://a@b@h/x", "h"),
        ] {
            assert_eq!(
                strict(&format!("GET {target}"), host),
                left(target_left, host_left),
                "{target} {host}"
            );
        }
        for (target, host) in [
            ("http://h:81/p", "h"),
            ("http://h:443/", "h"),
            ("https://h/", "h:80"),
            ("ws://h:80/", "h"),
            ("http://h/", ""),
            ("http://", "h"),
            ("http://u@/x", "h"),
            ("http://h:0080/", "h"),
        ] {
            assert_eq!(strict(&format!("GET {target}"), host), Err(ErrorKind::Authority), "{target} {host}");
        }
    }

    #[test]
    fn differences_are_tolerated_on_request() {
        let relaxed = |start: &str, host: &str| settled(start, &[host], Strictness::Relaxed);
        assert_eq!(relaxed("GET http://h:81/p", "h"), left("http://h:81/p", "h"));
        assert_eq!(relaxed("CONNECT h", "g"), left("h", "g"));
        assert_eq!(relaxed("GET https://h:443?x", ""), left("https://h?x", "h"));
        assert_eq!(relaxed("GET ws://h:80/", "h"), left("ws://h:80/", "h"));
    }

    #[test]
    fn forms_belong_to_methods() {
        for start in ["OPTIONS *", "FOO *", "OPTIONS http://h"] {
            assert!(strict(start, "h").is_ok(), "{start}");
        }
        for start in [
            "GET *",
            "HEAD *",
            "OPTIONS *a",
            "GET foo",
            "GET ?a",
            "GET h:80",
            "GET 1http://h/",
            "CONNECT /x",
            "CONNECT http://h/",
        ] {
            assert_eq!(strict(start, "h"), Err(ErrorKind::Target), "{start}");
            assert_eq!(settled(start, &["h"], Strictness::Relaxed), Err(ErrorKind::Target), "{start}");
        }
        assert!(settled("GET http:///x", &[], Strictness::Strict).is_ok());
    }

    #[test]
    fn connect_needs_a_port() {
        assert_eq!(strict("CONNECT h:443", "h:443"), left("h:443", "h"));
        assert_eq!(strict("CONNECT h:80", "h"), left("h:80", "h"));
        assert_eq!(strict("CONNECT h:80", "h:"), left("h:80", "h:"));
        assert_eq!(strict("CONNECT h:80", "h:443"), Err(ErrorKind::Authority));
        assert_eq!(strict("CONNECT h:8080", "h:8080"), left("h:8080", "h:8080"));
        assert_eq!(strict("CONNECT u@h:443", "h:443"), left("u@h:443", "h"));
        assert_eq!(strict("CONNECT [::1]:443", "[::1]"), left("[::1]:443", "[::1]"));
        for (target, host) in [("h", "h"), ("h:", "h"), ("h:x", "h:x"), ("h:8080", "h"), ("h:8080", "")] {
            assert_eq!(strict(&format!("CONNECT {target}"), host), Err(ErrorKind::Authority), "{target}");
        }
    }
}
