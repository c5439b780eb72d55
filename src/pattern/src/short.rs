//! A short list that nobody has changed, laid out in one piece: so most ACLs are looked at with each request.
//!
//! The trees and lists that hold more, and that can be changed while others read them, are scattered in memory, and
//! with some dozens of rules that is what takes the time.

use std::net::IpAddr;
use std::sync::Arc;

use base::fold::is_in_any_case;
use lang::Sample;

use crate::Method;
use crate::address::{Network, embedded_ipv4, is_prefix};
use crate::index::{Shape, Subject};
use crate::item::Item;
use crate::text::{Case, find_in_any_case, fits, fits_in_any_case};

/// The entries of a short list, in the order in which they count: the first that fits is the one.
#[derive(Debug)]
pub(crate) struct Short {
    tests: Tests,
    items: Box<[Arc<Item>]>,
}

#[derive(Debug)]
enum Tests {
    /// One behind the other, each behind its length.
    Texts(Box<[u8]>),
    /// The same, in place.
    Few([u8; FEW], u8),
    /// Addresses and masks.
    V4(Box<[(u32, u32)]>),
}

/// As many bytes as there is room for beside what else a look at the list needs.
const FEW: usize = 30;

impl Tests {
    fn of_texts(texts: &[u8]) -> Self {
        let mut few = [0; FEW];
        match few.get_mut(..texts.len()) {
            None => Self::Texts(texts.into()),
            Some(place) => {
                place.copy_from_slice(texts);
                Self::Few(few, texts.len() as u8)
            }
        }
    }

    #[inline]
    fn get(&self) -> Patterns<'_> {
        match self {
            Self::Texts(texts) => Patterns::Texts(texts),
            Self::Few(few, len) => Patterns::Texts(&few[..usize::from(*len)]),
            Self::V4(networks) => Patterns::V4(networks),
        }
    }
}

enum Patterns<'a> {
    Texts(&'a [u8]),
    V4(&'a [(u32, u32)]),
}

/// The longest pattern: its length stands in one byte.
const LONGEST: usize = 255;

impl Short {
    /// Lays the entries out, if they are of a kind that can be.
    pub(crate) fn of(shape: Shape, case: Case, items: &[Arc<Item>]) -> Option<Self> {
        let mut items = items.to_vec();
        let tests = match shape {
            Shape::Wholes | Shape::Beginnings | Shape::Parts => {
                if items.iter().any(|item| item.key().len() > LONGEST) {
                    return None;
                }
                if shape == Shape::Beginnings && case == Case::Sensitive {
                    // The longest counts.
                    items.sort_by_key(|item| usize::MAX - item.key().len());
                }
                let texts: Vec<u8> = items.iter().flat_map(|item| text(item.key(), case)).collect();
                Tests::of_texts(&texts)
            }
            Shape::Networks => {
                let network = |item: &Arc<Item>| match Network::parse(item.key(), crate::HostNames::Refused)?
                {
                    Network::V4 { address, mask } if is_prefix(mask) => Some((address, mask)),
                    _ => None,
                };
                let all: Option<Vec<_>> = items.iter().map(network).collect();
                let mut all: Vec<_> = all?.into_iter().zip(items).collect();
                all.sort_by_key(|((_, mask), _)| u32::MAX - mask);
                let tests: Vec<_> = all.iter().map(|(test, _)| *test).collect();
                items = all.into_iter().map(|(_, item)| item).collect();
                Tests::V4(tests.into())
            }
            Shape::Unread | Shape::Integers | Shape::Binaries | Shape::Regexes | Shape::Groups => {
                return None;
            }
        };
        Some(Self { tests, items: items.into() })
    }

    /// The entry that fits.
    pub(crate) fn find(&self, method: Method, case: Case, subject: &Subject<'_>) -> Option<&Arc<Item>> {
        let place = match (self.tests.get(), subject) {
            (Patterns::Texts(patterns), Subject::Text(text, _)) => {
                place_of_text(patterns, method, case, text)
            }
            (Patterns::V4(networks), Subject::Ip(ip)) => place_of_address(networks, *ip),
            _ => None,
        };
        self.items.get(place?)
    }

    /// Whether an entry fits, for a sample that need not be read in another way before.
    #[inline]
    pub(crate) fn tells(&self, method: Method, case: Case, sample: &Sample<'_>) -> Option<bool> {
        let place = match (self.tests.get(), sample) {
            (Patterns::Texts(patterns), Sample::Str(text) | Sample::Method(text)) => {
                place_of_text(patterns, method, case, text)
            }
            (Patterns::V4(networks), Sample::Ipv4(ip)) => place_of_address(networks, (*ip).into()),
            _ => return None,
        };
        Some(place.is_some())
    }
}

#[inline]
fn place_of_text(patterns: &[u8], method: Method, case: Case, text: &[u8]) -> Option<usize> {
    match (method, case) {
        (Method::Str, Case::Sensitive) => place(patterns, |p| p == text),
        (Method::Str, Case::Insensitive) => place(patterns, |p| is_in_any_case(p, text)),
        (Method::Beg, Case::Sensitive) => place(patterns, |p| text.starts_with(p)),
        (Method::Beg, Case::Insensitive) => {
            place(patterns, |p| text.get(..p.len()).is_some_and(|start| is_in_any_case(p, start)))
        }
        (Method::Sub, Case::Insensitive) => place(patterns, |p| find_in_any_case(text, p).is_some()),
        (method, Case::Sensitive) => place(patterns, |p| fits(method, p, text)),
        (method, Case::Insensitive) => place(patterns, |p| fits_in_any_case(method, p, text)),
    }
}

#[inline]
fn place_of_address(networks: &[(u32, u32)], ip: IpAddr) -> Option<usize> {
    let ip = match ip {
        IpAddr::V4(ip) => u32::from(ip),
        IpAddr::V6(ip) => embedded_ipv4(ip.into())?,
    };
    networks.iter().position(|(address, mask)| ip & mask == *address)
}

/// A pattern as it is laid out.
fn text(key: &[u8], case: Case) -> Vec<u8> {
    let mut text = vec![key.len() as u8];
    text.extend_from_slice(key);
    if case == Case::Insensitive {
        text[1..].make_ascii_lowercase();
    }
    text
}

/// The place of the first pattern that a test holds for.
#[inline]
fn place(mut patterns: &[u8], fits: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let mut place = 0;
    while let [len, rest @ ..] = patterns {
        let (pattern, rest) = rest.split_at_checked(usize::from(*len))?;
        if fits(pattern) {
            return Some(place);
        }
        (patterns, place) = (rest, place + 1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::HostNames;
    use crate::index::Index;
    use proptest::prelude::*;

    fn items(keys: &[String]) -> Vec<Arc<Item>> {
        keys.iter()
            .enumerate()
            .map(|(i, key)| Arc::new(Item::new(i as u64, 0, key.as_bytes(), None)))
            .collect()
    }

    fn index(shape: Shape, case: Case, items: &[Arc<Item>]) -> Index {
        let mut index = Index::new(shape, case);
        for item in items {
            index.insert(item, case, HostNames::Refused).unwrap();
        }
        index
    }

    proptest! {
        #[test]
        fn texts_are_found_as_in_an_index(
            keys in prop::collection::vec("[aAb/.]{0,9}", 0..12),
            text in "[aAb/.]{0,12}",
            method in prop::sample::select(vec![Method::Str, Method::Beg, Method::End, Method::Sub, Method::Dir, Method::Dom]),
            case in prop::sample::select(vec![Case::Sensitive, Case::Insensitive]),
        ) {
            let (items, shape) = (items(&keys), Shape::of(method));
            let short = Short::of(shape, case, &items).unwrap();
            let index = index(shape, case, &items);
            let subject = Subject::written(method, text.as_bytes()).unwrap();
            let expected = index.find(method, case, &subject).map(|(item, _)| item.id);
            prop_assert_eq!(short.find(method, case, &subject).map(|item| item.id), expected);
        }

        #[test]
        fn networks_are_found_as_in_an_index(
            keys in prop::collection::vec((0_u32..4, 0_u32..16, 24_u32..33), 0..12),
            ip in (0_u32..4, 0_u32..16),
            mapped in any::<bool>(),
        ) {
            let address = |a: u32, b: u32| std::net::Ipv4Addr::from(0x0a00_0000 | a << 8 | b);
            let keys: Vec<String> = keys.into_iter().map(|(a, b, bits)| format!("{}/{bits}", address(a, b))).collect();
            let items = items(&keys);
            let short = Short::of(Shape::Networks, Case::Sensitive, &items).unwrap();
            let index = index(Shape::Networks, Case::Sensitive, &items);
            let ip = address(ip.0, ip.1);
            let ip = if mapped { ip.to_ipv6_mapped().into() } else { IpAddr::from(ip) };
            let expected = index.find(Method::Ip, Case::Sensitive, &Subject::Ip(ip)).map(|(item, _)| item.id);
            prop_assert_eq!(short.find(Method::Ip, Case::Sensitive, &Subject::Ip(ip)).map(|item| item.id), expected);
        }
    }

    #[test]
    fn what_does_not_fit_in_is_left_to_an_index() {
        let long = "a".repeat(256);
        for (shape, key) in [
            (Shape::Wholes, &*long),
            (Shape::Networks, "::1"),
            (Shape::Networks, "10.0.0.1/255.0.0.255"),
            (Shape::Regexes, "a"),
        ] {
            assert!(Short::of(shape, Case::Sensitive, &items(&[key.to_owned()])).is_none(), "{key}");
        }
        assert!(Short::of(Shape::Wholes, Case::Sensitive, &items(&[long[1..].to_owned()])).is_some());
    }
}
