//! What options do to requests and responses besides the rules.

use backend::Server;
use base::addr::Addr;
use config::Severity;
use http::{Headers, Method, RequestHead, ResponseHead};
use rule::{Ending, Message, Truth};

use super::request::Stop;
use crate::message_options::NamePolicy;
use crate::site::{BackendSide, Common};
use crate::story::{Stage, Story};

/// Whether a request is one of monitoring (`monitor-uri`), and the status that answers it.
pub(super) fn monitored(story: &Story<'_>) -> Option<u16> {
    let options = &story.frontend.common.messages;
    let uri = options.monitor_uri.as_deref()?;
    let asked =
        if uri.first() == Some(&b'/') { story.request.path_and_query() } else { &story.request.target };
    if asked != uri {
        return None;
    }
    let scene = story.scene(Stage::Request, None);
    let fails = options.monitor_fail.iter().any(|condition| condition.holds(&scene) == Truth::True);
    Some(if fails { 503 } else { 200 })
}

/// Acts on header names that a proxy does not want.
pub(super) fn restrict_names(request: &mut RequestHead, proxy: &Common) -> Result<(), Stop> {
    restrict(request, proxy.messages.request_names)
}

fn restrict(request: &mut RequestHead, policy: NamePolicy) -> Result<(), Stop> {
    match policy {
        NamePolicy::Preserve => Ok(()),
        NamePolicy::Delete => {
            request.headers.retain(|field| NamePolicy::is_plain(field.name));
            Ok(())
        }
        NamePolicy::Reject if request.headers.iter().all(|field| NamePolicy::is_plain(field.name)) => Ok(()),
        NamePolicy::Reject => Err(Stop::Rule(Ending::Deny(Message::Page(403)))),
    }
}

/// Says in a header where the request was sent to.
pub(super) fn add_original_to(story: &mut Story<'_>, backend: &BackendSide) {
    let sides = [&backend.common.messages.original_to, &story.frontend.common.messages.original_to];
    let mut options = sides.into_iter().flatten();
    let Some(first) = options.clone().next() else { return };
    let Some(ip) = story.destination().and_then(Addr::ip) else { return };
    if options.any(|option| option.except.is_some_and(|network| network.contains(ip))) {
        return;
    }
    story.request.headers.push(&first.header, ip.to_string().as_bytes());
}

/// Says in a header of the standard where the request came from.
pub(super) fn add_forwarded(story: &mut Story<'_>, backend: &BackendSide) {
    let Some(forwarded) = &backend.common.forwarded.0 else { return };
    let value = forwarded.value(&story.scene(Stage::Request, None));
    let headers = &mut story.request.headers;
    let last = (0..headers.len()).rev().find(|at| headers.get(*at).is_some_and(|f| f.name == b"forwarded"));
    match last.and_then(|at| Some((at, headers.get(at)?.value.to_vec()))) {
        // The proxies on the way stand in one list.
        Some((at, before)) => headers.replace_value(at, &[&before[..], b",", &value].concat()),
        None if value.is_empty() => {}
        None => headers.push(b"forwarded", &value),
    }
}

/// Whether a response may be kept by a cache although it sets a cookie (`option checkcache`).
pub(super) fn leaks_cookie(method: &Method, response: &ResponseHead) -> bool {
    let sets = response.headers.contains(b"set-cookie") || response.headers.contains(b"set-cookie2");
    sets && caching(method, response) == Caching::Allowed
}

/// Whether a response may be kept by a cache, with or without its cookies.
pub(super) fn is_cacheable(method: &Method, response: &ResponseHead) -> bool {
    caching(method, response) != Caching::Forbidden
}

fn caching(method: &Method, response: &ResponseHead) -> Caching {
    let cacheable =
        matches!(response.status.0, 200 | 203 | 204 | 206 | 300 | 301 | 404 | 405 | 410 | 414 | 501)
            && method.is_safe();
    if !is_lasting(&response.headers) {
        return Caching::Forbidden;
    }
    let said = cache_control(&response.headers);
    said.unwrap_or(if cacheable { Caching::Allowed } else { Caching::Forbidden })
}

/// What caches may do with a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caching {
    Allowed,
    /// They may keep it without its cookies.
    WithoutCookies,
    Forbidden,
}

/// Tells the operator of a response that was kept back for its cookie.
pub(super) fn report_cookie(story: &Story<'_>, backend: &BackendSide, server: &Server) {
    let text = format!(
        "Blocking cacheable cookie in response from instance {}, server {}.",
        backend.common.facts.name, server.facts.name
    );
    story.site.tell(Severity::Alert, &text);
    backend.log.message(log::Level::Alert, &text);
}

/// Whether headers say how long a response is good for, or how to ask whether it still is. Caches keep no other.
fn is_lasting(headers: &Headers) -> bool {
    let fresh = |value: &[u8]| {
        let value = value.to_ascii_lowercase();
        value.starts_with(b"max-age=") || value.starts_with(b"s-maxage=")
    };
    let marked = [&b"expires"[..], b"etag", b"last-modified"].into_iter().any(|name| headers.contains(name));
    marked || headers.find_values(b"cache-control").any(fresh)
}

/// Whether headers say that a cache may keep the response; nothing when they do not say.
fn cache_control(headers: &Headers) -> Option<Caching> {
    if headers.has_value(b"pragma", b"no-cache") {
        return Some(Caching::Forbidden);
    }
    let mut said = None;
    for value in headers.find_values(b"cache-control") {
        let value = value.to_ascii_lowercase();
        match &*value {
            b"private" | b"no-cache" | b"no-store" | b"max-age=0" | b"s-maxage=0" => {
                return Some(Caching::Forbidden);
            }
            b"public" => said = Some(said.unwrap_or(Caching::Allowed)),
            // Other fields may follow.
            v if v.starts_with(b"no-cache=\"set-cookie\"") || v.starts_with(b"no-cache=\"set-cookie,") => {
                said = Some(Caching::WithoutCookies);
            }
            _ => {}
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Status;

    fn leaks(method: &Method, status: u16, headers: &[(&str, &str)]) -> bool {
        let mut response = ResponseHead::default();
        response.set_status(Status(status));
        for (name, value) in headers {
            response.headers.push(name.as_bytes(), value.as_bytes());
        }
        leaks_cookie(method, &response)
    }

    #[test]
    fn cookies_pass_where_nobody_keeps_them() {
        let (cookie, tag) = (("set-cookie", "a=b"), ("etag", "\"x\""));
        assert!(leaks(&Method::Get, 200, &[cookie, tag]));
        assert!(!leaks(&Method::Get, 200, &[cookie]));
        assert!(!leaks(&Method::Get, 200, &[("x-cookie", "a=b"), tag]));
        assert!(!leaks(&Method::Post, 200, &[cookie, tag]));
        assert!(!leaks(&Method::Get, 302, &[cookie, tag]));
        assert!(leaks(&Method::Post, 302, &[cookie, tag, ("cache-control", "public")]));
        assert!(!leaks(&Method::Get, 200, &[cookie, tag, ("pragma", "no-cache")]));
        for said in ["private", "no-store", "max-age=0", "s-maxage=0", "No-Cache", "no-cache=\"set-cookie\""]
        {
            assert!(!leaks(&Method::Get, 200, &[cookie, tag, ("cache-control", said)]), "{said}");
        }
        assert!(leaks(&Method::Get, 200, &[cookie, ("cache-control", "max-age=10")]));
        assert!(leaks(&Method::Get, 200, &[cookie, ("expires", "Thu, 01 Jan 2037 00:00:00 GMT")]));
        assert!(!leaks(&Method::Get, 200, &[cookie, tag, ("cache-control", "public, private")]));
    }

    #[test]
    fn names_are_restricted_as_the_proxy_says() {
        let with = |policy| {
            let mut request = RequestHead::default();
            request.headers.push(b"x_a", b"1");
            request.headers.push(b"x-b", b"2");
            let ok = restrict(&mut request, policy).is_ok();
            (ok, request.headers.len())
        };
        assert_eq!(with(NamePolicy::Preserve), (true, 2));
        assert_eq!(with(NamePolicy::Delete), (true, 1));
        assert_eq!(with(NamePolicy::Reject), (false, 2));
    }
}
