//! What a scrape asks for.

use std::collections::HashMap;

use http::uri::{Plus, url_decode};

/// The kinds of objects, in the order of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Global,
    Frontend,
    Listener,
    Backend,
    Server,
    StickTable,
    Resolver,
}

impl Scope {
    const NAMES: [(&'static [u8], Self); 7] = [
        (b"global", Self::Global),
        (b"frontend", Self::Frontend),
        (b"listener", Self::Listener),
        (b"backend", Self::Backend),
        (b"server", Self::Server),
        (b"sticktable", Self::StickTable),
        (b"resolver", Self::Resolver),
    ];

    const ALL: u8 = 0x7f;

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Which metrics are wanted, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    /// What was said of each name last.
    said: HashMap<Box<[u8]>, Wanted>,
    /// What is done with the others.
    others: Others,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Others {
    #[default]
    Shown,
    /// Some name was asked for.
    LeftOut,
}

impl Names {
    fn add(&mut self, list: &[u8]) {
        for name in list.split(|b| *b == b',').filter(|name| !name.is_empty()) {
            if let Some(name) = name.strip_prefix(b"-") {
                self.said.insert(name.into(), Wanted::No);
            } else {
                self.others = Others::LeftOut;
                self.said.insert(name.into(), Wanted::Yes);
            }
        }
    }
}

/// Whether something is shown beside the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shown {
    #[default]
    No,
    Yes,
}

/// What a scrape asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    scopes: u8,
    names: Names,
    /// `extra-counters`: figures of single protocols.
    pub(super) extra: Shown,
    /// `desc-labels`: descriptions as labels.
    pub(super) descriptions: Shown,
    /// Servers in maintenance, unless `no-maint` is there.
    pub(super) maintenance: Shown,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            scopes: Scope::ALL,
            names: Names::default(),
            extra: Shown::No,
            descriptions: Shown::No,
            maintenance: Shown::Yes,
        }
    }
}

/// A query that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

impl Query {
    /// Reads the query string of a request. What it does not know it passes over.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Invalid> {
        let mut query = Self::default();
        // The first scope that is named takes the place of all.
        let mut scopes = None;
        for parameter in text.split(|b| *b == b'&') {
            let mut words = parameter.splitn(2, |b| *b == b'=');
            let name = decode(words.next().unwrap_or_default())?;
            let value = words.next().map(decode).transpose()?;
            match (&*name, value) {
                (b"scope", value) => {
                    let value = value.ok_or(Invalid)?;
                    scopes = Some(match &*value {
                        b"" => 0,
                        b"*" => Scope::ALL,
                        name => scopes.unwrap_or(0) | scope(name).ok_or(Invalid)?.bit(),
                    });
                }
                (b"metrics", value) => query.names.add(&value.ok_or(Invalid)?),
                (b"extra-counters", _) => query.extra = Shown::Yes,
                (b"desc-labels", _) => query.descriptions = Shown::Yes,
                (b"no-maint", _) => query.maintenance = Shown::No,
                _ => {}
            }
        }
        query.scopes = scopes.unwrap_or(Scope::ALL);
        Ok(query)
    }

    /// Whether metrics of these objects are wanted.
    pub(super) fn includes(&self, scope: Scope) -> bool {
        self.scopes & scope.bit() != 0
    }

    /// Whether a metric is wanted.
    pub(super) fn wants(&self, name: &str) -> bool {
        match self.names.said.get(name.as_bytes()) {
            Some(said) => *said == Wanted::Yes,
            None => self.names.others == Others::Shown,
        }
    }
}

fn decode(text: &[u8]) -> Result<Vec<u8>, Invalid> {
    let mut out = Vec::with_capacity(text.len());
    url_decode(text, Plus::Everywhere, &mut out).ok_or(Invalid)?;
    Ok(out)
}

fn scope(name: &[u8]) -> Option<Scope> {
    Scope::NAMES.iter().find(|(known, _)| *known == name).map(|(_, scope)| *scope)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes(text: &str) -> Option<u8> {
        Query::parse(text.as_bytes()).ok().map(|q| q.scopes)
    }

    #[test]
    fn scopes_add_up_and_an_empty_one_starts_anew() {
        for (text, wanted) in [
            ("", Some(Scope::ALL)),
            ("foo&bar=1&&=", Some(Scope::ALL)),
            ("scope=server", Some(16)),
            ("scope=frontend&scope=backend", Some(2 | 8)),
            ("scope=*&scope=", Some(0)),
            ("scope=&scope=%67lobal", Some(1)),
            ("sco%70e=sticktable", Some(32)),
            ("scope=global&scope=*", Some(Scope::ALL)),
            ("scope", None),
            ("scope=GLOBAL", None),
            ("scope=server=", None),
            ("scope=server;scope=global", None),
            ("metrics", None),
            ("%zz", None),
        ] {
            assert_eq!(scopes(text), wanted, "{text}");
        }
    }

    #[test]
    fn names_are_included_or_excluded_and_the_last_word_counts() {
        let wants = |text: &str, name: &str| Query::parse(text.as_bytes()).unwrap().wants(name);
        assert!(wants("metrics=", "a") && wants("metrics=,-b,-", "a") && !wants("metrics=-b", "b"));
        assert!(wants("metrics=a,b", "b") && !wants("metrics=a,b", "c") && !wants("metrics=a,-a", "a"));
        assert!(wants("metrics=-a&metrics=a", "a") && !wants("metrics=-a&metrics=a", "b"));
        assert!(wants("metrics=%61%2Cb", "b"));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "[ -~]{0,80}", noise in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(query) = Query::parse(text.as_bytes()) {
                prop_assert!(query.scopes <= Scope::ALL);
            }
            let _ = Query::parse(&noise);
        }

        #[test]
        fn what_is_asked_for_alone_is_all_there_is(name in "[a-z_]{1,20}", other in "[a-z_]{1,20}") {
            let query = Query::parse(format!("metrics={name}").as_bytes()).unwrap();
            prop_assert!(query.wants(&name));
            prop_assert_eq!(query.wants(&other), name == other);
        }
    }

    #[test]
    fn switches_need_no_value() {
        let query = Query::parse(b"no-maint=&desc-labels&extra-counters=x").unwrap();
        assert_eq!(query.maintenance, Shown::No);
        assert_eq!((query.descriptions, query.extra), (Shown::Yes, Shown::Yes));
    }
}
