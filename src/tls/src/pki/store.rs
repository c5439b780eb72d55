//! Certificates of authorities, and their lists of what they revoked, as files hold them.

use std::path::Path;

use rustls::DistinguishedName;
use rustls::pki_types::pem::{PemObject, SectionKind};

use super::certificate::Cert;
use super::name::Canonical;
use super::revocation;
use crate::certificate::LoadError;

/// What is trusted, in the order in which tools number it: sorted by kind and name, but for the one that came last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store(Vec<Object>);

/// A certificate of an authority, or one of its lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    /// The subject of a certificate, the issuer of a list.
    name: Canonical,
    pub(crate) der: Box<[u8]>,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Authority,
    Revocations,
}

impl Object {
    fn authority(der: &[u8]) -> Option<Self> {
        let name = Canonical::of(Cert::read(der)?.subject());
        Some(Self { kind: Kind::Authority, name, der: der.into() })
    }

    fn revocations(der: &[u8]) -> Option<Self> {
        let name = Canonical::of(&revocation::issuer(der)?);
        Some(Self { kind: Kind::Revocations, name, der: der.into() })
    }

    fn order(&self) -> (Kind, &Canonical) {
        (self.kind, &self.name)
    }
}

impl Store {
    #[cfg(test)]
    /// Reads the PEM text of a file.
    pub(crate) fn read(file: &Path, text: &[u8]) -> Result<Self, LoadError> {
        let mut store = Self::default();
        store.add(file, text)?;
        Ok(store)
    }

    /// Adds what the PEM text of a file holds.
    pub(crate) fn add(&mut self, file: &Path, text: &[u8]) -> Result<(), LoadError> {
        let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
        let cannot =
            |_| LoadError::new(file, "unable to load the certificates or revocation lists from file");
        for (kind, der) in sections.map_err(cannot)? {
            let object = match kind {
                SectionKind::Certificate => Object::authority(&der),
                SectionKind::Crl => Object::revocations(&der),
                _ => None,
            };
            // A file may hold what this program cannot read; the others serve.
            if let Some(object) = object {
                self.push(object);
            }
        }
        Ok(())
    }

    /// Adds an object that is not there yet.
    fn push(&mut self, object: Object) {
        if let Some(last) = self.0.pop() {
            let at = self.0.partition_point(|o| o.order() <= last.order());
            self.0.insert(at, last);
        }
        let start = self.0.partition_point(|o| o.order() < object.order());
        let mut namesakes = self.0[start..].iter().take_while(|o| o.order() == object.order());
        if !namesakes.any(|o| *o == object) {
            self.0.push(object);
        }
    }

    /// The same, as if all of it were added anew.
    #[must_use]
    pub(crate) fn again(&self) -> Self {
        let mut store = Self::default();
        self.0.iter().for_each(|object| store.push(object.clone()));
        store
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that there is, numbered from 1.
    pub(crate) fn objects(&self) -> &[Object] {
        &self.0
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        self.0.iter().filter(move |o| o.kind == kind)
    }

    /// The lists of what is revoked, in DER.
    pub(crate) fn revocations(&self) -> impl Iterator<Item = &[u8]> {
        self.of_kind(Kind::Revocations).map(|o| &*o.der)
    }

    /// The names of the authorities, each once.
    pub(crate) fn names(&self) -> Vec<DistinguishedName> {
        let mut names: Vec<DistinguishedName> = Vec::new();
        for certificate in self.of_kind(Kind::Authority).filter_map(|o| Cert::read(&o.der)) {
            if names.iter().all(|n| n.as_ref() != certificate.subject()) {
                names.push(DistinguishedName::from(certificate.subject().to_vec()));
            }
        }
        names
    }

    /// Those with this name.
    pub(crate) fn named<'s>(&'s self, name: &[u8]) -> impl Iterator<Item = Cert<'s>> {
        let name = Canonical::of(name);
        self.of_kind(Kind::Authority).filter(move |o| o.name == name).filter_map(|o| Cert::read(&o.der))
    }

    /// Whether it holds exactly this one.
    pub(crate) fn holds(&self, certificate: &Cert<'_>) -> bool {
        self.of_kind(Kind::Authority).any(|o| *o.der == *certificate.der)
    }
}
