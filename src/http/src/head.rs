//! The heads of requests and responses.

use crate::uri::{Authority, Form, Target};
use crate::{Headers, Method, Status, Version};

/// Where the target of a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetSource {
    /// A start line: it is forwarded in the form it came in.
    #[default]
    StartLine,
    /// The pseudo-headers of HTTP/2 or HTTP/3, put together: HTTP/1 servers get path and query only.
    PseudoHeaders,
}

/// The head of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The request target, in the bytes it came in.
    pub target: Vec<u8>,
    /// Where the target comes from.
    pub target_source: TargetSource,
    /// The version of the message.
    pub version: Version,
    /// The header fields.
    pub headers: Headers,
}

/// The head of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The version of the message.
    pub version: Version,
    /// The status code.
    pub status: Status,
    /// How many digits it is written with, where a server used fewer than three; else 0.
    pub status_digits: u8,
    /// The phrase after it, possibly empty.
    pub reason: Vec<u8>,
    /// The header fields.
    pub headers: Headers,
}

impl RequestHead {
    /// Makes it a `GET` without target and headers, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.method = Method::Get;
        self.target.clear();
        self.target_source = TargetSource::StartLine;
        self.version = Version::Http11;
        self.headers.clear();
    }

    /// The target taken apart.
    #[inline]
    pub fn parts(&self) -> Target<'_> {
        Target::parse(&self.method, &self.target)
    }

    /// The path, up to the question mark; empty where the target has none.
    #[inline]
    pub fn path(&self) -> &[u8] {
        self.parts().path()
    }

    /// What follows the question mark, where there is one.
    #[inline]
    pub fn query(&self) -> Option<&[u8]> {
        self.parts().query()
    }

    /// Path and query string; empty where the target has none.
    #[inline]
    pub fn path_and_query(&self) -> &[u8] {
        self.parts().path_and_query
    }

    /// The authority of the target; empty where the target has none.
    #[inline]
    pub fn authority(&self) -> &[u8] {
        self.parts().authority
    }

    /// Whom the request is for: the `Host` header, or else host and port of the target.
    pub fn host(&self) -> Option<&[u8]> {
        if let Some(host) = self.headers.find(b"host") {
            return Some(host);
        }
        let authority = self.authority();
        let userinfo = Authority::parse(authority).userinfo.map_or(0, |info| info.len() + 1);
        (!authority.is_empty()).then(|| &authority[userinfo..])
    }

    /// Replaces the method.
    pub fn set_method(&mut self, method: &[u8]) {
        self.method = Method::find(method);
    }

    /// Replaces the whole target.
    pub fn set_target(&mut self, target: &[u8]) {
        self.target.clear();
        self.target.extend_from_slice(target);
        self.target_source = TargetSource::StartLine;
    }

    /// Replaces the path; scheme, authority and query string stay. A target without a path is replaced whole.
    pub fn set_path(&mut self, path: &[u8]) {
        let query = self.query().map_or(0, |query| query.len() + 1);
        let range = self.path_start()..self.target.len() - query;
        self.target.splice(range, path.iter().copied());
    }

    /// Replaces path and query string; scheme and authority stay. A target without a path is replaced whole.
    pub fn set_path_and_query(&mut self, path_and_query: &[u8]) {
        self.target.truncate(self.path_start());
        self.target.extend_from_slice(path_and_query);
    }

    /// Replaces the query string. A question mark is added where there was none, unless the new query string is
    /// empty; one that was there stays.
    pub fn set_query(&mut self, query: &[u8]) {
        match self.query().map(<[u8]>::len) {
            Some(old) => self.target.truncate(self.target.len() - old),
            None if query.is_empty() => return,
            None => self.target.push(b'?'),
        }
        self.target.extend_from_slice(query);
    }

    /// Where path and query string start; they reach to the end of the target.
    fn path_start(&self) -> usize {
        let parts = self.parts();
        match parts.form {
            Form::Origin | Form::Absolute => self.target.len() - parts.path_and_query.len(),
            Form::Authority | Form::Asterisk | Form::Other => 0,
        }
    }
}

impl ResponseHead {
    /// Makes it a `200` without phrase and headers, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.version = Version::Http11;
        self.status = Status::default();
        self.status_digits = 0;
        self.reason.clear();
        self.headers.clear();
    }

    /// Sets the status and the phrase that belongs to it.
    pub fn set_status(&mut self, status: Status) {
        self.set_status_and_reason(status, status.reason().as_bytes());
    }

    /// Sets the status and the phrase.
    pub fn set_status_and_reason(&mut self, status: Status, reason: &[u8]) {
        self.status = status;
        self.status_digits = 0;
        self.reason.clear();
        self.reason.extend_from_slice(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> RequestHead {
        RequestHead { target: target.into(), ..RequestHead::default() }
    }

    fn after(target: &str, change: impl Fn(&mut RequestHead)) -> String {
        let mut head = request(target);
        change(&mut head);
        String::from_utf8(head.target).unwrap()
    }

    #[test]
    fn paths_are_replaced() {
        let set = |target: &str| after(target, |head| head.set_path(b"/new"));
        assert_eq!(set("/a/b?q"), "/new?q");
        assert_eq!(set("http://h:1/a"), "http://h:1/new");
        assert_eq!(set("http://h?q"), "http://h/new?q");
        assert_eq!(set("http://h"), "http://h/new");
        assert_eq!(set("*"), "/new");
    }

    #[test]
    fn paths_with_query_are_replaced() {
        let set = |target: &str| after(target, |head| head.set_path_and_query(b"/new?x"));
        assert_eq!(set("/a/b?q"), "/new?x");
        assert_eq!(set("http://h:1/a?q"), "http://h:1/new?x");
        assert_eq!(set("*"), "/new?x");
    }

    #[test]
    fn queries_are_replaced() {
        let set = |target: &str, query: &str| after(target, |head| head.set_query(query.as_bytes()));
        assert_eq!(set("/a?q?r", "n"), "/a?n");
        assert_eq!(set("/a", "n"), "/a?n");
        assert_eq!(set("/a", ""), "/a");
        assert_eq!(set("/a?q", ""), "/a?");
    }

    #[test]
    fn the_host_comes_from_header_or_target() {
        let mut head = request("http://u@h:1/a");
        assert_eq!(head.host(), Some(&b"h:1"[..]));
        head.headers.push(b"Host", b"other");
        assert_eq!(head.host(), Some(&b"other"[..]));
        assert_eq!(request("/a").host(), None);
    }

    #[test]
    fn cleared_heads_are_like_new() {
        let mut head = request("/a");
        head.set_method(b"PATCH");
        head.target_source = TargetSource::PseudoHeaders;
        head.version = Version::Http10;
        head.headers.push(b"a", b"b");
        head.clear();
        assert_eq!(head, RequestHead::default());
        let mut head = ResponseHead { version: Version::Http10, ..ResponseHead::default() };
        head.set_status(Status(404));
        assert_eq!(head.reason, b"Not Found");
        head.clear();
        assert_eq!(head, ResponseHead::default());
    }
}
