//! The request of an HTTP check.

use std::fmt::Write as _;

use backend::{Backend, Server, Status};
use base::addr::Addr;
use http::{BodyLength, RequestHead};

use crate::rules::{Request, Wish};
use crate::ruleset::Ruleset;
use crate::stage::{Seen, Stage};

/// A request that is ready to be sent.
pub(crate) struct Prepared<'a> {
    method: Vec<u8>,
    target: Vec<u8>,
    version: Vec<u8>,
    headers: Vec<(&'a [u8], Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// Puts a request together.
pub(crate) fn prepare<'a>(
    request: &'a Request,
    stage: &Stage<'_>,
    seen: Seen<'_>,
    told: Option<String>,
) -> Prepared<'a> {
    let part = |part: &Option<Box<[u8]>>, usual: &[u8]| part.as_deref().unwrap_or(usual).to_vec();
    let (method, version) = (part(&request.method, b"OPTIONS"), part(&request.version, b"HTTP/1.0"));
    let target = request.target.as_ref().map(|t| stage.content(t, seen)).filter(|t| !t.is_empty());
    let body = request.body.as_ref().map(|b| stage.content(b, seen)).unwrap_or_default();
    let mut headers: Vec<(&[u8], Vec<u8>)> =
        request.headers.iter().map(|(name, value)| (&**name, stage.render(value, seen))).collect();
    headers.retain(|(_, value)| !value.is_empty() && !value.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
    let host = headers.iter().find(|(name, _)| *name == b"host").map(|(_, value)| value.clone());
    let target = addressed(target.unwrap_or_else(|| b"/".to_vec()), host.as_deref());
    if let Some(told) = told {
        headers.push((b"x-haproxy-server-state", told.into_bytes()));
    }
    Prepared { method, target, version, headers, body }
}

impl Prepared<'_> {
    /// Its bytes in HTTP/1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(&[&self.method[..], b" ", &self.target, b" ", &self.version, b"\r\n"].concat());
        let persistence = persistence(&self.version, &self.headers);
        for (name, value) in &self.headers {
            if *name != b"connection" || !is_about_closing(value) {
                field(&mut out, name, value);
            }
        }
        if let BodyLength::Length(length) = self.length() {
            field(&mut out, b"content-length", length.to_string().as_bytes());
        }
        if let Some(word) = persistence {
            field(&mut out, b"connection", word);
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    /// What it asks for.
    pub(crate) fn asked(&self) -> h1::Asked {
        // A server may switch to what it was asked for.
        let switches = |(name, _): &(&[u8], Vec<u8>)| *name == b"upgrade";
        let upgrade = if self.headers.iter().any(switches) { h1::Upgrade::Other } else { h1::Upgrade::None };
        h1::Asked { method: http::Method::find(&self.method), upgrade }
    }

    /// Its head, for protocols that write it in their own way.
    pub(crate) fn head(&self) -> RequestHead {
        let mut head = RequestHead {
            method: http::Method::find(&self.method),
            target: self.target.clone(),
            ..RequestHead::default()
        };
        for (name, value) in &self.headers {
            head.headers.push(&name.to_ascii_lowercase(), value);
        }
        head
    }

    /// Methods that mostly have a body say when they have none.
    pub(crate) fn length(&self) -> BodyLength {
        let bodiless = matches!(&self.method[..], b"GET" | b"HEAD" | b"OPTIONS" | b"DELETE");
        match self.body.len() {
            0 if bodiless => BodyLength::None,
            length => BodyLength::Length(length as u64),
        }
    }
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// A target that names a host names the one of the `Host` header.
fn addressed(target: Vec<u8>, host: Option<&[u8]>) -> Vec<u8> {
    let Some(host) = host.filter(|_| target != b"*" && !target.starts_with(b"/")) else { return target };
    let scheme = target.windows(3).position(|w| w == b"://").map_or(0, |at| at + 3);
    let path = target[scheme..].iter().position(|b| *b == b'/').map_or(target.len(), |at| scheme + at);
    [&target[..scheme], host, &target[path..]].concat()
}

fn is_about_closing(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"close") || value.eq_ignore_ascii_case(b"keep-alive")
}

/// What is said of the connection's end: that it comes, unless something else is written.
fn persistence(version: &[u8], headers: &[(&[u8], Vec<u8>)]) -> Option<&'static [u8]> {
    let newer = version == b"HTTP/1.1";
    match headers.iter().find(|(name, _)| *name == b"connection") {
        Some((_, value)) if value.eq_ignore_ascii_case(b"keep-alive") => (!newer).then_some(b"keep-alive"),
        Some((_, value)) if !value.eq_ignore_ascii_case(b"close") => None,
        Some(_) | None => newer.then_some(b"close"),
    }
}

/// How the server is seen, for the server (`http-check send-state`).
pub(crate) fn state(
    ruleset: &Ruleset,
    stage: &Stage<'_>,
    backend: &Backend,
    server: &Server,
) -> Option<String> {
    if ruleset.state == Wish::No {
        return None;
    }
    let mut text = seen_as(server);
    match &**server.address.load() {
        Addr::Inet(to) => {
            let _ = write!(text, "; address={}; port={}", to.ip(), to.port());
        }
        Addr::Unix(_) => text.push_str("; address=unix; port=unix"),
    }
    let servers = backend.servers.load();
    let sessions: u64 = servers.iter().map(|s| s.counters.common.current.get()).sum();
    let _ = write!(
        text,
        "; name={}/{}; node={}; weight={}/{}; scur={}/{sessions}; qcur={}",
        backend.facts.name,
        server.facts.name,
        stage.reporter.process().node,
        server.weight(),
        backend.usable_weight(),
        server.counters.common.current.get(),
        server.slots.waiting(),
    );
    Some(text)
}

/// Its status, and how far it is on its way to another one.
fn seen_as(server: &Server) -> String {
    let level = server.health.level();
    let (up, on_its_way) = match server.status() {
        Status::Up => ("UP", level.level + 1 < level.rise + level.fall),
        Status::Stopping => ("NOLB", level.level + 1 < level.rise + level.fall),
        Status::Down => ("DOWN", level.level > 0),
    };
    match server.status() {
        _ if !on_its_way => up.to_owned(),
        Status::Down => format!("{up} {}/{}", level.level, level.rise),
        Status::Up | Status::Stopping => {
            format!("{up} {}/{}", i64::from(level.level) - i64::from(level.rise) + 1, level.fall)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_targets_too() {
        let of = |target: &str| String::from_utf8(addressed(target.into(), Some(b"h"))).unwrap();
        assert_eq!(
            [of("/a"), of("*"), of("http://x/a"), of("x")],
            ["/a", "*", "http://h/a", "h"].map(str::to_owned)
        );
        assert_eq!(addressed(b"http://x/a".to_vec(), None), b"http://x/a");
    }

    #[test]
    fn newer_requests_close_unless_they_say_something_else() {
        let with = |version: &[u8], value: &[u8]| persistence(version, &[(b"connection", value.to_vec())]);
        assert_eq!(persistence(b"HTTP/1.1", &[]), Some(&b"close"[..]));
        assert_eq!(persistence(b"HTTP/1.0", &[]), None);
        assert_eq!(with(b"HTTP/1.0", b"Keep-Alive"), Some(&b"keep-alive"[..]));
        assert_eq!((with(b"HTTP/1.1", b"keep-alive"), with(b"HTTP/1.1", b"upgrade")), (None, None));
    }
}
