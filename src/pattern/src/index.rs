//! The patterns of a list made ready for one way of matching.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use lang::{Sample, Type};
use pcre2::bytes::Regex;
use smallvec::SmallVec;

use crate::Method;
use crate::address::{Found, HostNames, Network, Networks};
use crate::integer::{Integers, Range};
use crate::item::Item;
use crate::list::List;
use crate::rewrite;
use crate::text::{Case, fits, fits_in_any_case};
use crate::tree::{Key, Tree};

/// How patterns are kept: methods with the same shape share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Not at all: the method looks at none.
    Unread,
    Integers,
    Networks,
    Binaries,
    Wholes,
    Beginnings,
    Parts,
    Regexes,
    /// Regular expressions whose groups are asked for.
    Groups,
}

impl Shape {
    #[inline]
    pub(crate) fn of(method: Method) -> Self {
        match method {
            Method::Found | Method::Bool => Self::Unread,
            Method::Int | Method::Len => Self::Integers,
            Method::Ip => Self::Networks,
            Method::Bin => Self::Binaries,
            Method::Str => Self::Wholes,
            Method::Beg => Self::Beginnings,
            Method::Sub | Method::End | Method::Dir | Method::Dom => Self::Parts,
            Method::Reg => Self::Regexes,
            Method::Regm => Self::Groups,
        }
    }
}

/// Patterns that are ready to be looked up. A copy shares everything with the original.
#[derive(Clone, Debug)]
pub(crate) enum Index {
    Unread,
    Integers(Integers),
    Networks(Networks),
    Binaries(Tree),
    Wholes(Tree),
    Beginnings(Tree),
    /// In their order, each with its lower-case form where case is ignored.
    Parts(List<Option<Box<[u8]>>>),
    Regexes(List<Arc<Regex>>),
}

/// What patterns are compared with.
pub(crate) enum Subject<'s> {
    /// A text; the lower-case form is made when it is asked for.
    Text(Cow<'s, [u8]>, OnceCell<SmallVec<[u8; 64]>>),
    Int(i64),
    Ip(IpAddr),
}

impl<'s> Subject<'s> {
    /// What a method compares of a sample; `None` when the sample has no such reading.
    #[inline]
    pub(crate) fn of(method: Method, sample: Sample<'s>) -> Option<Self> {
        Some(match Shape::of(method) {
            Shape::Integers if method == Method::Len => Self::Int(sample.into_text().len() as i64),
            Shape::Integers => Self::Int(sample.to_int()?),
            Shape::Networks => Self::Ip(sample.to_addr()?),
            Shape::Binaries => match sample.cast(Type::Bin)? {
                Sample::Bin(bytes) => Self::text(bytes),
                _ => return None,
            },
            _ => Self::text(sample.into_text()),
        })
    }

    /// What a method compares when the runtime API asks for this text.
    pub(crate) fn written(method: Method, text: &'s [u8]) -> Option<Self> {
        let utf8 = || std::str::from_utf8(text).ok();
        Some(match Shape::of(method) {
            Shape::Integers if method == Method::Len => Self::Int(text.len() as i64),
            Shape::Integers => Self::Int(utf8()?.parse().ok()?),
            Shape::Networks => Self::Ip(utf8()?.parse().ok()?),
            _ => Self::text(Cow::Borrowed(text)),
        })
    }

    #[inline]
    fn text(text: Cow<'s, [u8]>) -> Self {
        Self::Text(text, OnceCell::new())
    }

    /// The text in the case in which patterns are kept.
    #[inline]
    pub(crate) fn bytes(&self, case: Case) -> Option<&[u8]> {
        match (self, case) {
            (Self::Text(text, _), Case::Sensitive) => Some(text),
            (Self::Text(text, folded), Case::Insensitive) => Some(folded.get_or_init(|| {
                let mut lower = SmallVec::from_slice(text);
                lower.make_ascii_lowercase();
                lower
            })),
            _ => None,
        }
    }
}

impl Index {
    pub(crate) fn new(shape: Shape, case: Case) -> Self {
        match shape {
            Shape::Unread => Self::Unread,
            Shape::Integers => Self::Integers(Integers::default()),
            Shape::Networks => Self::Networks(Networks::default()),
            Shape::Binaries => Self::Binaries(Tree::default()),
            Shape::Wholes => Self::Wholes(Tree::default()),
            Shape::Beginnings if case == Case::Sensitive => Self::Beginnings(Tree::default()),
            Shape::Beginnings | Shape::Parts => Self::Parts(List::default()),
            Shape::Regexes | Shape::Groups => Self::Regexes(List::default()),
        }
    }

    /// Adds an entry behind all others; the error says what is wrong with its pattern.
    pub(crate) fn insert(&mut self, item: &Arc<Item>, case: Case, names: HostNames) -> Result<(), String> {
        let key = item.key();
        match self {
            Self::Unread => {}
            Self::Integers(all) => all.insert(Range::parse(key)?, item.clone()),
            Self::Networks(all) => all.add(item, names).ok_or_else(|| no_network(key))?,
            Self::Binaries(tree) => tree.insert(Key::bytes(&unhex(key)?), item.clone()),
            Self::Wholes(tree) => tree.insert(Key::bytes(&folded(key, case)), item.clone()),
            Self::Beginnings(tree) => tree.insert(Key::bytes(key), item.clone()),
            Self::Parts(list) => {
                let lower = (case == Case::Insensitive).then(|| key.to_ascii_lowercase().into());
                list.push(item.clone(), lower);
            }
            Self::Regexes(list) => list.push(item.clone(), Arc::new(rewrite::compile(key, case)?)),
        }
        Ok(())
    }

    /// Whether an entry could be inserted.
    pub(crate) fn check(&self, key: &[u8], case: Case, names: HostNames) -> Result<(), String> {
        match self {
            Self::Integers(_) => Range::parse(key).map(|_| ()),
            Self::Networks(_) => Network::parse(key, names).map(|_| ()).ok_or_else(|| no_network(key)),
            Self::Binaries(_) => unhex(key).map(|_| ()),
            Self::Regexes(_) => rewrite::compile(key, case).map(|_| ()),
            Self::Unread | Self::Wholes(_) | Self::Beginnings(_) | Self::Parts(_) => Ok(()),
        }
    }

    /// Removes an entry that was inserted.
    pub(crate) fn remove(&mut self, item: &Item, case: Case) {
        let key = item.key();
        match self {
            Self::Unread => {}
            Self::Integers(all) => drop(Range::parse(key).map(|range| all.remove(range, item.id))),
            Self::Networks(all) => {
                all.network_of(item).into_iter().for_each(|network| all.remove(network, item.id));
            }
            Self::Binaries(tree) => drop(unhex(key).map(|key| tree.remove(Key::bytes(&key), item.id))),
            Self::Wholes(tree) => tree.remove(Key::bytes(&folded(key, case)), item.id),
            Self::Beginnings(tree) => tree.remove(Key::bytes(key), item.id),
            Self::Parts(list) => list.remove(item.id),
            Self::Regexes(list) => list.remove(item.id),
        }
    }

    /// Puts an entry with another value in the place of the one with its number.
    pub(crate) fn replace(&mut self, item: &Arc<Item>, case: Case) {
        let key = item.key();
        match self {
            Self::Unread => {}
            Self::Integers(all) => drop(Range::parse(key).map(|range| all.replace(range, item))),
            Self::Networks(all) => {
                all.network_of(item).into_iter().for_each(|network| all.replace(network, item));
            }
            Self::Binaries(tree) => drop(unhex(key).map(|key| tree.replace(Key::bytes(&key), item))),
            Self::Wholes(tree) => tree.replace(Key::bytes(&folded(key, case)), item),
            Self::Beginnings(tree) => tree.replace(Key::bytes(key), item),
            Self::Parts(list) => list.replace(item),
            Self::Regexes(list) => list.replace(item),
        }
    }

    /// How many entries a look-up may have to compare with.
    pub(crate) fn compared_one_by_one(&self) -> usize {
        match self {
            Self::Parts(list) => list.len(),
            Self::Regexes(list) => list.len(),
            _ => 0,
        }
    }

    /// The entry that fits, by a method of this shape.
    #[inline]
    pub(crate) fn find(
        &self,
        method: Method,
        case: Case,
        subject: &Subject<'_>,
    ) -> Option<(&Arc<Item>, Found)> {
        let in_tree = |item| (item, if case == Case::Sensitive { Found::InTree } else { Found::InList });
        match (self, subject) {
            (Self::Integers(all), Subject::Int(n)) => all.find(*n).map(|item| (item, Found::InList)),
            (Self::Networks(all), Subject::Ip(ip)) => all.find(*ip),
            (Self::Binaries(tree), Subject::Text(text, _)) => {
                tree.exact(Key::bytes(text)).map(|bucket| (bucket.first(), Found::InList))
            }
            (Self::Wholes(tree), subject) => {
                tree.exact(Key::bytes(subject.bytes(case)?)).map(|bucket| in_tree(bucket.first()))
            }
            (Self::Beginnings(tree), Subject::Text(text, _)) => {
                tree.longest(text).map(|bucket| in_tree(bucket.first()))
            }
            (Self::Parts(list), Subject::Text(text, _))
                if case == Case::Insensitive && matches!(method, Method::Beg | Method::End) =>
            {
                let fit =
                    list.find(|s| fits_in_any_case(method, s.test.as_deref().unwrap_or(s.item.key()), text))?;
                Some((&fit.item, Found::InList))
            }
            (Self::Parts(list), subject) => {
                let text = subject.bytes(case)?;
                let fit = list.find(|s| fits(method, s.test.as_deref().unwrap_or(s.item.key()), text))?;
                Some((&fit.item, Found::InList))
            }
            (Self::Regexes(list), Subject::Text(text, _)) => {
                let (item, _) = matching(list, text)?;
                Some((item, Found::InList))
            }
            _ => None,
        }
    }

    /// Appends the value of the entry whose regular expression fits, with its groups filled in.
    pub(crate) fn expand(&self, subject: &Subject<'_>, out: &mut Vec<u8>) -> Option<()> {
        let (Self::Regexes(list), Subject::Text(text, _)) = (self, subject) else { return None };
        let (item, regex) = matching(list, text)?;
        rewrite::rewrite(regex, text, item.value()?, out)
    }
}

fn matching<'l>(list: &'l List<Arc<Regex>>, text: &[u8]) -> Option<(&'l Arc<Item>, &'l Regex)> {
    // A pattern that runs into PCRE's limits does not match.
    let slot = list.iter().find(|slot| slot.test.is_match(text).unwrap_or(false))?;
    Some((&slot.item, &slot.test))
}

fn folded(key: &[u8], case: Case) -> Cow<'_, [u8]> {
    match case {
        Case::Sensitive => Cow::Borrowed(key),
        Case::Insensitive => Cow::Owned(key.to_ascii_lowercase()),
    }
}

fn no_network(key: &[u8]) -> String {
    format!("'{}' is not a valid IPv4 or IPv6 address", key.escape_ascii())
}

fn unhex(key: &[u8]) -> Result<Vec<u8>, String> {
    if !key.len().is_multiple_of(2) {
        return Err("hexadecimal digits come in pairs".into());
    }
    let digit = |b: &u8| {
        let found = char::from(*b).to_digit(16).map(|d| d as u8);
        found.ok_or_else(|| format!("'{}' is no hexadecimal digit", b.escape_ascii()))
    };
    key.chunks_exact(2).map(|p| Ok(digit(&p[0])? << 4 | digit(&p[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index(method: Method, case: Case, keys: &[&str]) -> Index {
        let mut index = Index::new(Shape::of(method), case);
        for (i, key) in keys.iter().enumerate() {
            let item = Arc::new(Item::new(i as u64, 0, key.as_bytes(), None));
            index.insert(&item, case, HostNames::Refused).unwrap();
        }
        index
    }

    fn find(index: &Index, method: Method, case: Case, text: &str) -> Option<u64> {
        let subject = Subject::written(method, text.as_bytes())?;
        index.find(method, case, &subject).map(|(item, _)| item.id)
    }

    #[test]
    fn methods_of_one_shape_share_their_patterns() {
        let parts = index(Method::Sub, Case::Sensitive, &["b/c", "c"]);
        assert_eq!(find(&parts, Method::Sub, Case::Sensitive, "ab/cd"), Some(0));
        assert_eq!(find(&parts, Method::End, Case::Sensitive, "xc"), Some(1));
        assert_eq!(find(&parts, Method::Dir, Case::Sensitive, "ab/c"), Some(1));
    }

    #[test]
    fn the_first_of_a_list_wins_and_the_longest_of_a_tree() {
        let lists = index(Method::Beg, Case::Insensitive, &["/A", "/ab"]);
        assert_eq!(find(&lists, Method::Beg, Case::Insensitive, "/AB"), Some(0));
        let trees = index(Method::Beg, Case::Sensitive, &["/a", "/ab"]);
        assert_eq!(find(&trees, Method::Beg, Case::Sensitive, "/abc"), Some(1));
    }

    #[test]
    fn bytes_are_written_in_hexadecimal() {
        let index = index(Method::Bin, Case::Sensitive, &["0aFF"]);
        let subject = |bytes| Subject::of(Method::Bin, Sample::text(bytes)).unwrap();
        assert!(index.find(Method::Bin, Case::Sensitive, &subject(b"\x0a\xff")).is_some());
        assert!(index.find(Method::Bin, Case::Sensitive, &subject(b"0aFF")).is_none());
        let check = |key| index.check(key, Case::Sensitive, HostNames::Refused).unwrap_err();
        assert_eq!(check(b"0"), "hexadecimal digits come in pairs");
        assert_eq!(check(b"0g"), "'g' is no hexadecimal digit");
    }

    #[test]
    fn groups_are_filled_in() {
        let mut index = Index::new(Shape::Groups, Case::Sensitive);
        let item = Arc::new(Item::new(1, 0, br"^(.*)\.org$", Some(br"\1_AND_\2")));
        index.insert(&item, Case::Sensitive, HostNames::Refused).unwrap();
        let mut out = Vec::new();
        let subject = Subject::of(Method::Regm, Sample::text(b"example.org")).unwrap();
        assert!(index.expand(&subject, &mut out).is_some());
        assert_eq!(out, b"example_AND_");
        let error = index.check(b"(", Case::Sensitive, HostNames::Refused).unwrap_err();
        assert_eq!(error, "regex '(' is invalid (error=missing closing parenthesis, erroffset=1)");
    }

    proptest! {
        #[test]
        fn an_index_agrees_with_a_search_of_all(
            keys in prop::collection::vec("[aAb/.]{0,3}", 0..12),
            text in "[aAb/.]{0,5}",
            method in prop::sample::select(vec![Method::Str, Method::End, Method::Sub, Method::Dir, Method::Dom]),
            case in prop::sample::select(vec![Case::Sensitive, Case::Insensitive]),
        ) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let fold = |t: &str| if case == Case::Insensitive { t.to_ascii_lowercase() } else { t.to_owned() };
            let expected = keys.iter().position(|k| fits(method, fold(k).as_bytes(), fold(&text).as_bytes()));
            let index = index(method, case, &keys);
            prop_assert_eq!(find(&index, method, case, &text), expected.map(|i| i as u64));
        }

        #[test]
        fn what_is_removed_is_not_found(
            keys in prop::collection::vec("[ab]{0,3}", 1..12),
            gone in any::<prop::sample::Index>(),
            method in prop::sample::select(vec![Method::Str, Method::Beg, Method::Sub]),
        ) {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let gone = gone.index(keys.len());
            let mut index = index(method, Case::Sensitive, &keys);
            index.remove(&Item::new(gone as u64, 0, keys[gone].as_bytes(), None), Case::Sensitive);
            prop_assert_ne!(find(&index, method, Case::Sensitive, keys[gone]), Some(gone as u64));
        }
    }
}
