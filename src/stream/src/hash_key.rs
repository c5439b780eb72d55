//! What balancing by hashes takes from a stream.

use backend::hashing::{HashKey, UriPart};
use backend::settings::Algorithm;
use http::Method;
use http::uri::Target;
use lang::facts::Scene;
use lang::{Sample, Type};

use crate::site::BackendSide;
use crate::story::Story;

/// The hash by which the balancer chooses, where it goes by one and the stream has what is hashed.
pub(crate) fn of(story: &Story<'_>, backend: &BackendSide, scene: &Scene<'_>) -> Option<u32> {
    let settings = &backend.core.settings;
    let Algorithm::Hash(key) = &settings.algorithm else { return None };
    let hash = settings.hash;
    let request = scene.request.filter(|_| backend.common.facts.http);
    match key {
        HashKey::Source => match story.source().and_then(base::addr::Addr::ip)? {
            std::net::IpAddr::V4(ip) => Some(hash.hash_address(&ip.octets())),
            std::net::IpAddr::V6(ip) => Some(hash.hash_address(&ip.octets())),
        },
        HashKey::Uri(part) => {
            let request = request?;
            Some(hash.hash(uri(&request.target, &request.method, part)))
        }
        HashKey::Parameter { name, posted } => {
            let request = request?;
            let query = Target::parse(&request.method, &request.target).query();
            let value = query.and_then(|query| parameter(query, name));
            let body = || {
                let looks = posted.is_on() && request.method == Method::Post;
                if looks { parameter(&story.body, name) } else { None }
            };
            value.or_else(body).map(|value| hash.hash(value))
        }
        HashKey::Header { name, domain } => {
            let value = request?.headers.find_values(name).next().filter(|value| !value.is_empty())?;
            Some(hash.hash(if domain.is_on() { second_level(value) } else { value }))
        }
        HashKey::Expr(expr, _) => {
            let value = expr.eval(scene).value()?;
            let text = if hash.takes_numbers() { Some(value.into_text()) } else { bytes(value) };
            Some(hash.hash(&text?))
        }
    }
}

fn bytes(value: Sample<'_>) -> Option<std::borrow::Cow<'_, [u8]>> {
    match value.cast(Type::Bin)? {
        Sample::Bin(bytes) => Some(bytes),
        _ => None,
    }
}

/// The part of a target that counts.
fn uri<'t>(target: &'t [u8], method: &Method, part: &UriPart) -> &'t [u8] {
    let text = if part.path_only.is_on() { Target::parse(method, target).path_and_query } else { target };
    let mut folders = 0;
    let end = text.iter().position(|byte| {
        folders += usize::from(*byte == b'/');
        *byte == b'?' && !part.whole.is_on() || *byte == b'/' && part.depth.is_some_and(|most| folders > most)
    });
    let text = &text[..end.unwrap_or(text.len())];
    &text[..part.len.unwrap_or(text.len()).min(text.len())]
}

/// The value of a parameter, be it empty.
fn parameter<'q>(query: &'q [u8], name: &[u8]) -> Option<&'q [u8]> {
    let mut pairs = query.split(|b| *b == b'&');
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

/// The name that stands before the top-level domain.
fn second_level(host: &[u8]) -> &[u8] {
    let host = host.split(|b| *b == b':').next().unwrap_or_default();
    let mut labels = host.rsplit(|b| *b == b'.');
    match (labels.next(), labels.next()) {
        (_, Some(second)) => second,
        (first, None) => first.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_cut() {
        let cut = |part: UriPart| uri(b"/a/b/c?d=/e", &Method::Get, &part);
        assert_eq!(cut(UriPart::default()), b"/a/b/c");
        assert_eq!(cut(UriPart { depth: Some(1), ..UriPart::default() }), b"/a");
        assert_eq!(cut(UriPart { len: Some(3), ..UriPart::default() }), b"/a/");
        assert_eq!(
            cut(UriPart { whole: config::directive::Switch::On, ..UriPart::default() }),
            b"/a/b/c?d=/e"
        );
    }

    #[test]
    fn parameters_are_found_by_their_names() {
        assert_eq!(parameter(b"ab=1&a=2&a=3", b"a"), Some(&b"2"[..]));
        assert_eq!(parameter(b"a&a=", b"a"), Some(&b""[..]));
        assert_eq!(parameter(b"a&ab=1", b"a"), None);
    }

    #[test]
    fn domains_are_the_second_level() {
        assert_eq!(second_level(b"www.example.org:80"), b"example");
        assert_eq!(second_level(b"localhost"), b"localhost");
    }
}
