//! Balancing by hashes: what is hashed, how, and what becomes of the hash.

use std::sync::Arc;

use base::registry::Registry;
use config::directive::{Arity, Switch};
use config::{Check, Diagnostics, Directive, Draft, Mode, Prefix, Refusal, Section, Sections, Statement};
use lang::converters::hashes::{avalanche, crc32, djb2, sdbm, wt6};
use lang::{Contexts, Expr};

use crate::settings::{Algorithm, BackendSettings, ServerDraft, ServerDrafts, ServerSettings};

/// What is hashed.
#[derive(Clone, Debug)]
pub enum HashKey {
    /// `source`: the client's address.
    Source,
    /// `uri`: the target of the request.
    Uri(UriPart),
    /// `url_param`: a parameter of the query.
    Parameter {
        /// Its name.
        name: Box<[u8]>,
        /// `check_post`: whether it may be in the body of a `POST`.
        posted: Switch,
    },
    /// `hdr`: a header.
    Header {
        /// Its name.
        name: Box<[u8]>,
        /// `use_domain_only`: only the second-level domain counts.
        domain: Switch,
    },
    /// `hash`, `rdp-cookie`: what an expression gives.
    Expr(Arc<Expr>, &'static str),
}

impl HashKey {
    /// Whether what is hashed may be in the body of a request.
    pub fn looks_at_bodies(&self) -> bool {
        matches!(self, Self::Parameter { posted: Switch::On, .. })
    }

    /// Whether it is a part of a request.
    fn needs_http(&self) -> bool {
        matches!(self, Self::Uri(_) | Self::Parameter { .. } | Self::Header { .. })
    }

    /// The name that statistics show.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Uri(_) => "uri",
            Self::Parameter { .. } => "url_param",
            Self::Header { .. } => "hdr",
            Self::Expr(_, name) => name,
        }
    }
}

/// What of a request's target is hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UriPart {
    /// `len`: that many bytes.
    pub len: Option<usize>,
    /// `depth`: that many folders.
    pub depth: Option<usize>,
    /// `whole`: with the query.
    pub whole: Switch,
    /// `path-only`: without scheme and authority.
    pub path_only: Switch,
}

/// `hash-type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HashType {
    /// How a hash finds its server.
    pub method: HashMethod,
    function: HashFunction,
    spread: Switch,
}

/// How a hash finds its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashMethod {
    /// `map-based`: by its place in a table.
    #[default]
    Map,
    /// `consistent`: as the nearest on a ring.
    Ring,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum HashFunction {
    #[default]
    Sdbm,
    Djb2,
    Wt6,
    Crc32,
    None,
}

/// `hash-preserve-affinity`: when the server of a hash is left for another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Affinity {
    /// Never.
    #[default]
    Always,
    /// When it serves as many as it may.
    WhileItServes,
    /// When as many wait for it as may.
    WhileItQueues,
}

impl HashType {
    /// The hash of some bytes.
    pub fn hash(self, bytes: &[u8]) -> u32 {
        self.finish(match self.function {
            HashFunction::Sdbm => sdbm(bytes),
            HashFunction::Djb2 => djb2(bytes),
            HashFunction::Wt6 => wt6(bytes),
            HashFunction::Crc32 => crc32(bytes),
            HashFunction::None => number(bytes),
        })
    }

    /// Whether keys are numbers, written as text.
    pub fn takes_numbers(self) -> bool {
        self.function == HashFunction::None
    }

    /// The hash of an address: its words, one over the other.
    pub fn hash_address(self, bytes: &[u8]) -> u32 {
        let (words, _) = bytes.as_chunks::<4>();
        self.finish(words.iter().fold(0, |sum, word| sum ^ u32::from_be_bytes(*word)))
    }

    fn finish(self, hash: u32) -> u32 {
        if self.spread.is_on() { avalanche(hash) } else { hash }
    }
}

/// The number that a text begins with.
fn number(text: &[u8]) -> u32 {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let value = digits
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .fold(0i64, |sum, b| sum.wrapping_mul(10).wrapping_add(i64::from(b - b'0')));
    (if negative { value.wrapping_neg() } else { value }) as u32
}

const fn directive(
    name: &'static str,
    sections: Sections,
    arity: Arity,
    parse: fn(&mut Statement<'_>) -> Result<(), Refusal>,
) -> Directive {
    Directive { name, section: Section::Proxy(sections), prefix: Prefix::None, arity, manual: "4.2", parse }
}

/// The checks of this file.
pub static HASH_CHECKS: &[Check] = &[Check { name: "hashes and cookies", run: check_modes }];

/// The directives of this file.
pub static HASH_DIRECTIVES: &[Directive] = &[
    directive("balance", Sections::BACK, Arity::AtLeast(0), balance),
    directive("hash-balance-factor", Sections::BACK, Arity::Exactly(1), |s| {
        let factor = s.integer(0, 0..=i64::from(u16::MAX))?;
        if (1..=100).contains(&factor) {
            return Err(s.refuse(0, "'hash-balance-factor' must be 0 or greater than 100."));
        }
        s.slot::<BackendSettings>().balance_factor = factor as u64;
        Ok(())
    }),
    directive("hash-preserve-affinity", Sections::BACK, Arity::Exactly(1), |s| {
        let affinity = match s.arg(0).as_ref() {
            "always" => Affinity::Always,
            "maxconn" => Affinity::WhileItServes,
            "maxqueue" => Affinity::WhileItQueues,
            other => {
                return Err(s.refuse(0, format!("'hash-preserve-affinity': unknown keyword '{other}'.")));
            }
        };
        s.slot::<BackendSettings>().affinity = affinity;
        Ok(())
    }),
    directive("hash-type", Sections::BACK, Arity::Between(1, 3), hash_type),
];

fn hash_type(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let method = match s.arg(0).as_ref() {
        "map-based" => HashMethod::Map,
        "consistent" => HashMethod::Ring,
        _ => return Err(s.refuse(0, "'hash-type' only supports 'consistent' and 'map-based'.")),
    };
    // A ring spreads what it is not told how to hash.
    let default = if method == HashMethod::Ring { Switch::On } else { Switch::Off };
    let mut hash = HashType { method, function: HashFunction::Sdbm, spread: default };
    if s.args() > 1 {
        hash.spread = Switch::Off;
        hash.function = match s.arg(1).as_ref() {
            "sdbm" => HashFunction::Sdbm,
            "djb2" => HashFunction::Djb2,
            "wt6" => HashFunction::Wt6,
            "crc32" => HashFunction::Crc32,
            "none" => HashFunction::None,
            _ => {
                let text =
                    "'hash-type' only supports 'sdbm', 'djb2', 'crc32', 'wt6' or 'none' as hash functions.";
                return Err(s.refuse(1, text));
            }
        };
    }
    if s.args() > 2 {
        if s.arg(2) != "avalanche" {
            let text = "'hash-type' only supports 'avalanche' as a modifier for hash functions.";
            return Err(s.refuse(2, text));
        }
        hash.spread = Switch::On;
    }
    s.slot::<BackendSettings>().hash = hash;
    Ok(())
}

/// Takes back what proxies say that looks at HTTP where there is none.
fn check_modes(draft: &mut Draft, _: &Registry, diagnostics: &mut Diagnostics) {
    for proxy in draft.proxies.iter_mut().filter(|p| p.kind.has_backend() && p.mode != Mode::Http) {
        let name = proxy.name.clone();
        let values = |line: &ServerDraft| {
            line.slots.get::<ServerSettings>().is_some_and(|s| s.cookie.is_some()).then(|| line.name.clone())
        };
        let drafts = proxy.slots.get::<ServerDrafts>();
        let named: Vec<_> = drafts.into_iter().flat_map(|d| d.list.iter().filter_map(values)).collect();
        let Some(settings) = proxy.slots.get::<BackendSettings>() else { continue };
        if settings.cookies.cookie.is_some() {
            diagnostics.warning(format!("'cookie' does nothing in proxy '{name}' without 'mode http'."));
        }
        for server in named {
            diagnostics.warning(format!(
                "proxy '{name}' : the cookie of server '{server}' does nothing without 'mode http'."
            ));
        }
        if matches!(&settings.algorithm, Algorithm::Hash(key) if key.needs_http()) {
            diagnostics.warning(format!(
                "proxy '{name}' has no requests to hash without 'mode http': servers have turns (round robin)."
            ));
            proxy.slots.get_mut::<BackendSettings>().algorithm = Algorithm::RoundRobin;
        }
    }
}

const EXPECTED: &str = "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'uri', \
                        'url_param', 'hash', 'hdr(name)', 'random(draws)', 'rdp-cookie(name)' and 'sticky'.";

fn balance(s: &mut Statement<'_>) -> Result<(), Refusal> {
    let word = s.arg(0).into_owned();
    let (name, argument) = match word.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').unwrap_or(""))),
        None => (word.as_str(), None),
    };
    let algorithm = match (name, argument) {
        ("" | "roundrobin", None) => Algorithm::RoundRobin,
        ("static-rr", None) => Algorithm::Static,
        ("first", None) => Algorithm::First,
        ("leastconn", None) => Algorithm::LeastConn,
        ("sticky", None) => Algorithm::Sticky,
        ("random", argument) => Algorithm::Random(draws(s, argument.unwrap_or(""))?),
        ("source", None) => Algorithm::Hash(HashKey::Source),
        ("uri", None) => Algorithm::Hash(HashKey::Uri(uri(s)?)),
        ("url_param", None) => Algorithm::Hash(parameter(s)?),
        ("hdr", Some(header)) => Algorithm::Hash(header_key(s, header)?),
        ("rdp-cookie", argument) => Algorithm::Hash(rdp_cookie(s, argument)?),
        ("hash", None) => Algorithm::Hash(expression(s)?),
        _ => return Err(s.refuse(0, EXPECTED)),
    };
    s.slot::<BackendSettings>().algorithm = algorithm;
    Ok(())
}

fn draws(s: &Statement<'_>, text: &str) -> Result<u32, Refusal> {
    if text.is_empty() {
        return Ok(2);
    }
    match text.parse() {
        Ok(0) => Err(s.refuse(0, "balance random : number of draws must be at least 1.")),
        Ok(draws) => Ok(draws),
        Err(_) => Err(s.refuse(0, format!("balance random : '{text}' is not a number of draws."))),
    }
}

fn uri(s: &Statement<'_>) -> Result<UriPart, Refusal> {
    let mut part = UriPart::default();
    let mut at = 1;
    while at < s.args() {
        let count = || match s.arg(at + 1).parse::<u32>() {
            Ok(n) if n > 0 => Ok(n as usize),
            _ => {
                let text = format!(
                    "balance uri : '{}' expects a positive integer (got '{}').",
                    s.arg(at),
                    s.arg(at + 1)
                );
                Err(s.refuse(at, text))
            }
        };
        match s.arg(at).as_ref() {
            "len" => (part.len, at) = (Some(count()?), at + 1),
            "depth" => (part.depth, at) = (Some(count()?), at + 1),
            "whole" => part.whole = Switch::On,
            "path-only" => part.path_only = Switch::On,
            other => {
                let text = format!(
                    "balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '{other}')."
                );
                return Err(s.refuse(at, text));
            }
        }
        at += 1;
    }
    Ok(part)
}

fn parameter(s: &Statement<'_>) -> Result<HashKey, Refusal> {
    if s.args() < 2 {
        return Err(s.refuse(0, "balance url_param requires an URL parameter name."));
    }
    let posted = match s.arg(2).as_ref() {
        "" => Switch::Off,
        "check_post" => Switch::On,
        other => {
            let text = format!("balance url_param only accepts 'check_post' modifier (got '{other}').");
            return Err(s.refuse(2, text));
        }
    };
    Ok(HashKey::Parameter { name: s.bytes(1).into(), posted })
}

fn header_key(s: &Statement<'_>, header: &str) -> Result<HashKey, Refusal> {
    if header.is_empty() {
        return Err(s.refuse(0, "balance hdr requires an http header field name."));
    }
    let domain = match s.arg(1).as_ref() {
        "" => Switch::Off,
        "use_domain_only" => Switch::On,
        other => {
            let text =
                format!("balance hdr({header}) only accepts 'use_domain_only' modifier (got '{other}').");
            return Err(s.refuse(1, text));
        }
    };
    Ok(HashKey::Header { name: header.to_ascii_lowercase().into_bytes().into(), domain })
}

fn rdp_cookie(s: &Statement<'_>, argument: Option<&str>) -> Result<HashKey, Refusal> {
    let name = argument.unwrap_or("mstshash");
    if name.is_empty() {
        return Err(s.refuse(0, "balance rdp-cookie : missing cookie name."));
    }
    let text = format!("req.rdp_cookie({name})");
    let expr = Expr::parse(text.as_bytes(), s.registry)
        .map_err(|e| s.refuse(0, format!("balance rdp-cookie : {}.", e.message)))?;
    Ok(HashKey::Expr(Arc::new(expr), "rdp-cookie"))
}

fn expression(s: &Statement<'_>) -> Result<HashKey, Refusal> {
    if s.args() < 2 {
        return Err(s.refuse(0, "balance hash requires a sample expression."));
    }
    if s.args() > 2 {
        let text = format!("balance hash takes no other argument (got '{}').", s.arg(2));
        return Err(s.refuse(2, text));
    }
    let expr = Expr::parse(s.bytes(1), s.registry)
        .map_err(|e| s.refuse_part(1, e.span, format!("balance hash : {}.", e.message)))?;
    if !expr.contexts().meets(Contexts::BALANCE) {
        return Err(
            s.refuse(1, "balance hash : the expression needs what is not known when a server is chosen.")
        );
    }
    Ok(HashKey::Expr(Arc::new(expr), "hash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_begin_with_numbers() {
        for (text, value) in [("12ab", 12), ("", 0), ("x", 0), ("-5", u32::MAX - 4), ("4294967297", 1)] {
            assert_eq!(number(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn addresses_are_folded() {
        let plain = HashType::default();
        assert_eq!(plain.hash_address(&[127, 0, 0, 1]), 0x7f00_0001);
        assert_eq!(plain.hash_address(&[0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), 2);
    }
}
