//! The request and the verdict of an HTTP check.

use backend::{CheckResult, CheckStatus};

use crate::settings::HttpRequest;

/// The request's bytes.
pub(crate) fn request(check: &HttpRequest) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    for (part, end) in [(&check.method, b' '), (&check.target, b' ')] {
        out.extend_from_slice(part);
        out.push(end);
    }
    out.extend_from_slice(&check.version);
    out.extend_from_slice(b"\r\n");
    if let Some(host) = &check.host {
        out.extend_from_slice(b"host: ");
        out.extend_from_slice(host);
        out.extend_from_slice(b"\r\n");
    }
    if *check.version == *b"HTTP/1.1" {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// What the bytes that have come so far say; `None` when they say nothing yet.
pub(crate) fn judge(received: &[u8]) -> Option<CheckResult> {
    let mut head = ::http::ResponseHead::default();
    let parsed = h1::parse_response(
        received,
        &mut h1::Cursor::new(),
        &h1::Options::default(),
        &h1::Asked::default(),
        &mut head,
    );
    match parsed {
        Ok(h1::Progress::Partial) => None,
        Ok(h1::Progress::Complete(_)) => {
            let status =
                if (200..400).contains(&head.status.0) { CheckStatus::L7Ok } else { CheckStatus::L7Status };
            let info = String::from_utf8_lossy(&head.reason).into_owned();
            Some(CheckResult { status, code: Some(head.status.0), info, ..CheckResult::default() })
        }
        Err(_) => Some(invalid()),
    }
}

/// An answer that is none.
pub(crate) fn invalid() -> CheckResult {
    CheckResult { status: CheckStatus::L7Invalid, ..CheckResult::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_request_is_options() {
        assert_eq!(request(&HttpRequest::default()), b"OPTIONS / HTTP/1.0\r\n\r\n");
    }

    #[test]
    fn a_newer_version_closes_and_names_its_host() {
        let check = HttpRequest {
            method: (*b"GET").into(),
            target: (*b"/h").into(),
            version: (*b"HTTP/1.1").into(),
            host: Some((*b"a").into()),
        };
        assert_eq!(request(&check), b"GET /h HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn success_is_2xx_and_3xx() {
        let status = |code: u16| judge(format!("HTTP/1.0 {code} X\r\n\r\n").as_bytes()).unwrap();
        assert!(status(200).status.passed() && status(302).status.passed());
        assert_eq!((status(500).status, status(500).code), (CheckStatus::L7Status, Some(500)));
        assert_eq!(judge(b"garbage\r\n\r\n").unwrap().status, CheckStatus::L7Invalid);
        assert_eq!(judge(b"HTTP/1."), None);
    }
}
