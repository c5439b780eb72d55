//! Certificates of authorities, and their lists of what they revoked, as files hold them.

use std::path::Path;

use rustls::DistinguishedName;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use super::certificate::Cert;
use crate::certificate::LoadError;

/// What is trusted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    /// Their names, in order to be found, and they themselves in DER.
    authorities: Vec<(Box<[u8]>, CertificateDer<'static>)>,
    /// Lists of what is revoked.
    pub(crate) revocations: Vec<CertificateRevocationListDer<'static>>,
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
        for der in crate::certificate::chain(file, text)? {
            // A file may hold what this program cannot read; the others serve.
            if let Some(subject) = Cert::read(&der).map(|c| c.subject().into()) {
                self.authorities.push((subject, der));
            }
        }
        let lists = CertificateRevocationListDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
        let cannot = |_| LoadError::new(file, "unable to load the revocation list from file");
        self.revocations.extend(lists.map_err(cannot)?);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.authorities.is_empty() && self.revocations.is_empty()
    }

    /// The names of the authorities, each once.
    pub(crate) fn names(&self) -> Vec<DistinguishedName> {
        let mut names: Vec<DistinguishedName> = Vec::new();
        for (name, _) in &self.authorities {
            let name = DistinguishedName::from(name.to_vec());
            if names.iter().all(|n| n.as_ref() != name.as_ref()) {
                names.push(name);
            }
        }
        names
    }

    /// Those with this name.
    pub(crate) fn named<'s>(&'s self, name: &[u8]) -> impl Iterator<Item = Cert<'s>> {
        self.authorities.iter().filter(move |(n, _)| **n == *name).filter_map(|(_, der)| Cert::read(der))
    }

    /// Whether it holds exactly this one.
    pub(crate) fn holds(&self, certificate: &Cert<'_>) -> bool {
        self.authorities.iter().any(|(_, der)| **der == *certificate.der)
    }
}
