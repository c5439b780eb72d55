//! Which certificate a client gets: by the name that it asks for and by what it can check.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;

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
    certificate: Arc<Certificate>,
    except: Box<[Box<str>]>,
}

/// Certificates for the same name, one of each kind.
#[derive(Clone, Debug, Default)]
struct Choice([Option<Arc<Certificate>>; 3]);

impl Choice {
    /// The first of a kind stays.
    fn add(&mut self, certificate: &Arc<Certificate>) {
        // In the order in which they are preferred.
        let at = match certificate.kind {
            KeyKind::Ecdsa => 0,
            KeyKind::Ed25519 => 1,
            KeyKind::Rsa => 2,
        };
        self.0[at].get_or_insert_with(|| certificate.clone());
    }

    /// The one that a client which takes these signatures can check; any when it can check none.
    fn pick(&self, schemes: &[SignatureScheme]) -> Option<&Arc<Certificate>> {
        let all = || self.0.iter().flatten();
        all().find(|c| c.suits(schemes)).or_else(|| all().next())
    }
}

impl Directory {
    /// Files a certificate under these names, and as default if there is none of its kind.
    pub(crate) fn add(&mut self, certificate: &Arc<Certificate>, names: &[Box<str>], except: &[Box<str>]) {
        for name in names {
            match name.strip_prefix('*') {
                Some("") => self.default.add(certificate),
                Some(rest) => {
                    let wild = Wild { certificate: certificate.clone(), except: except.into() };
                    self.wild.entry(rest.into()).or_default().push(wild);
                }
                None => self.exact.entry(name.clone()).or_default().add(certificate),
            }
        }
    }

    /// Makes a certificate the one of those that ask for nothing that is here.
    pub(crate) fn add_default(&mut self, certificate: &Arc<Certificate>) {
        self.default.add(certificate);
    }

    /// The certificate for a client.
    pub(crate) fn find(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
        strictness: Strictness,
    ) -> Option<Arc<Certificate>> {
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            self.exact.get(name.as_str()).cloned().or_else(|| self.wild_for(&name))
        });
        match (named, strictness) {
            (Some(choice), _) => choice.pick(schemes).cloned(),
            (None, Strictness::Lenient) => self.default.pick(schemes).cloned(),
            (None, Strictness::Strict) => None,
        }
    }

    /// The certificates with a wildcard for a name.
    fn wild_for(&self, name: &str) -> Option<Choice> {
        let all = self.wild.get(&name[name.find('.')?..])?;
        let mut choice = Choice::default();
        for wild in all.iter().filter(|w| !w.except.iter().any(|e| **e == *name)) {
            choice.add(&wild.certificate);
        }
        choice.0.iter().any(Option::is_some).then_some(choice)
    }
}
