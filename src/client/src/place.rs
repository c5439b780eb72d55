//! Where a request goes: the server of a URL, and its address.

use std::net::{IpAddr, ToSocketAddrs};

use base::addr::Addr;
use hyper::Uri;

use crate::directives::{Prefer, Settings};
use crate::request::{Failure, Request};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) scheme: Scheme,
    /// The server's name or address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The server as its own header names it.
    pub(crate) authority: String,
    /// What is asked for.
    pub(crate) target: Uri,
}

/// By what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Place {
    /// Where a request goes by its URL.
    pub(crate) fn of(request: &Request) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Request(format!("'{}' {why}", request.url));
        let whole: Uri = request.url.parse().map_err(|_| wrong("is no URL"))?;
        let scheme = match whole.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(wrong("begins neither with http:// nor with https://")),
        };
        let authority = whole.authority().ok_or_else(|| wrong("names no server"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("names no server"));
        }
        let port = match (authority.port_u16(), scheme) {
            (Some(port), _) => port,
            (None, Scheme::Http) => 80,
            (None, Scheme::Https) => 443,
        };
        let named = authority.as_str().rsplit('@').next().unwrap_or_default().to_owned();
        // A proxy has to be told the whole.
        let target = if request.proxy.is_some() {
            whole
        } else {
            let path = whole.path_and_query().map_or("/", |p| p.as_str());
            path.parse().map_err(|_| wrong("has no path that can be asked for"))?
        };
        Ok(Self { scheme, host, port, authority: named, target })
    }

    /// Its address; another one at each attempt, if it has several. Names are looked up without holding anybody up.
    pub(crate) async fn address(&self, settings: &Settings, attempt: u32) -> Result<Addr, Failure> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(Addr::inet(ip, self.port));
        }
        let wanted = (self.host.clone(), self.port);
        let looked_up =
            tokio::task::spawn_blocking(move || wanted.to_socket_addrs().map(Vec::from_iter)).await;
        let all = looked_up
            .map_err(|e| Failure::Name(e.to_string()))?
            .map_err(|e| Failure::Name(format!("{}: {e}", self.host)))?;
        let preferred = |ip: &IpAddr| match settings.prefer {
            Prefer::V4 => ip.is_ipv4(),
            Prefer::V6 => ip.is_ipv6(),
        };
        let mut ips: Vec<_> = all.iter().map(std::net::SocketAddr::ip).collect();
        ips.sort_by_key(|ip| !preferred(ip));
        ips.dedup();
        let turn = (attempt as usize).checked_rem(ips.len());
        let turn = turn.ok_or_else(|| Failure::Name(format!("{}: no address", self.host)))?;
        Ok(Addr::inet(ips[turn], self.port))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(url: &str) -> Result<Place, Failure> {
        Place::of(&Request::get(url))
    }

    #[test]
    fn a_url_says_where_to_go() {
        let one = place("http://user:word@ocsp.example.com/a/b?c").unwrap();
        assert_eq!((one.scheme, &*one.host, one.port), (Scheme::Http, "ocsp.example.com", 80));
        assert_eq!((&*one.authority, one.target.to_string()), ("ocsp.example.com", "/a/b?c".to_owned()));
        let two = place("https://[::1]:8443").unwrap();
        assert_eq!((two.scheme, &*two.host, two.port), (Scheme::Https, "::1", 8443));
        assert_eq!((&*two.authority, two.target.to_string()), ("[::1]:8443", "/".to_owned()));
        assert_eq!(place("http://a//x").unwrap().target.to_string(), "//x");
    }

    #[test]
    fn a_proxy_is_told_the_whole() {
        let request = Request { proxy: Some(Addr::inet([127, 0, 0, 1], 3128)), ..Request::get("http://a/x") };
        assert_eq!(Place::of(&request).unwrap().target.to_string(), "http://a/x");
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["", "/x", "ftp://a/", "http://", "http://a b/", "ocsp.example.com", "http://:80/"] {
            assert!(place(url).is_err(), "{url}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_breaks_it(url: String) {
            let _ = place(&url);
        }
    }
}
