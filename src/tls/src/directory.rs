//! Which certificate a client gets: by the name that it asks for and by what it can check.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;

use crate::acceptor::Configs;
use crate::certificate::{Certificate, KeyKind};

/// What happens to a client that asks for a name which nobody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It gets the default certificate.
    #[default]
    Lenient,
    /// It is refused (`strict-sni`).
    Strict,
}

/// A certificate, and the terms of the sessions that it is presented in.
#[derive(Debug)]
pub(crate) struct Presented {
    pub(crate) certificate: Arc<Certificate>,
    /// The name that it is known by; none where it was made for a client.
    pub(crate) name: Option<Arc<str>>,
    /// Those of its line; the listener's when there are none.
    pub(crate) configs: Option<Arc<Configs>>,
}

/// The certificates of one listener, by name.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    exact: HashMap<Box<str>, Choice>,
    /// By what stands behind the `*`.
    wild: HashMap<Box<str>, Vec<Wild>>,
    /// For everybody else.
    default: Choice,
}

/// A certificate for all names that end alike, but for some.
#[derive(Clone, Debug)]
struct Wild {
    presented: Arc<Presented>,
    except: Box<[Box<str>]>,
}

/// Certificates for the same name, one of each kind.
#[derive(Clone, Debug, Default)]
struct Choice([Option<Arc<Presented>>; 3]);

impl Choice {
    /// The first of a kind stays.
    fn add(&mut self, presented: &Arc<Presented>) {
        // In the order in which they are preferred.
        let at = match presented.certificate.kind {
            KeyKind::Ecdsa => 0,
            KeyKind::Ed25519 => 1,
            KeyKind::Rsa => 2,
        };
        self.0[at].get_or_insert_with(|| presented.clone());
    }

    /// The one that a client which takes these signatures can check; any when it can check none.
    fn pick(&self, schemes: &[SignatureScheme]) -> Option<&Arc<Presented>> {
        let all = || self.0.iter().flatten();
        all().find(|p| p.certificate.suits(schemes)).or_else(|| all().next())
    }
}

impl Directory {
    /// Files a certificate under these names.
    pub(crate) fn add(&mut self, presented: &Arc<Presented>, names: &[Box<str>], except: &[Box<str>]) {
        for name in names {
            match name.strip_prefix('*') {
                Some("") => self.default.add(presented),
                Some(rest) => {
                    let wild = Wild { presented: presented.clone(), except: except.into() };
                    self.wild.entry(rest.into()).or_default().push(wild);
                }
                None => self.exact.entry(name.clone()).or_default().add(presented),
            }
        }
    }

    /// Makes a certificate the one of those that ask for nothing that is here.
    pub(crate) fn add_default(&mut self, presented: &Arc<Presented>) {
        self.default.add(presented);
    }

    /// The certificate for a client.
    pub(crate) fn find(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
        strictness: Strictness,
    ) -> Option<Arc<Presented>> {
        match strictness {
            Strictness::Lenient => self.named(name, schemes).or_else(|| self.for_others(schemes)),
            Strictness::Strict => self.named(name, schemes),
        }
    }

    /// The certificate for a client that asks for a name which is here.
    pub(crate) fn named(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<Presented>> {
        let name = name?.to_ascii_lowercase();
        let mut choice = self.exact.get(name.as_str()).cloned().unwrap_or_default();
        // A wildcard serves for the kinds of keys that the name itself does not have.
        self.add_wild(&name, &mut choice);
        choice.pick(schemes).cloned()
    }

    /// The certificate for all others.
    pub(crate) fn for_others(&self, schemes: &[SignatureScheme]) -> Option<Arc<Presented>> {
        self.default.pick(schemes).cloned()
    }

    /// Adds the certificates with a wildcard for a name.
    fn add_wild(&self, name: &str, choice: &mut Choice) {
        let Some(all) = name.find('.').and_then(|dot| self.wild.get(&name[dot..])) else { return };
        for wild in all.iter().filter(|w| !w.except.iter().any(|e| **e == *name)) {
            choice.add(&wild.presented);
        }
    }
}
