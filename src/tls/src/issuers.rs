//! Chains for certificates that come without one (`issuers-chain-path`; configuration manual, 3.1).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::certificate::{self, Parts};
use crate::pki::certificate::Cert;

/// The chains of a directory.
#[derive(Debug, Default)]
pub(crate) struct Issuers(Vec<Issuer>);

#[derive(Debug)]
struct Issuer {
    /// What the first certificate of the chain calls its key.
    key: Box<[u8]>,
    file: Arc<str>,
    /// Kept as long as the process is there, so that certificates share it.
    chain: Vec<CertificateDer<'static>>,
}

impl Issuers {
    /// Reads all files of a directory; tells which ones are no chains, and why.
    pub(crate) fn read(directory: &Path) -> std::io::Result<(Self, Vec<String>)> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|p| p.is_file());
        files.sort();
        let (mut issuers, mut wrong) = (Self::default(), Vec::new());
        for file in files {
            match Issuer::read(&file) {
                Ok(issuer) => issuers.0.push(issuer),
                Err(why) => wrong.push(format!("unable to load issuers-chain {} : {why}", file.display())),
            }
        }
        Ok((issuers, wrong))
    }

    /// Adds the chain of its issuer to a certificate without one.
    pub(crate) fn complete(&self, parts: &mut Parts) {
        let [own] = &*parts.chain else { return };
        let found = Cert::read(own).and_then(|cert| self.0.iter().find(|issuer| issuer.issued(&cert)));
        if let Some(found) = found {
            parts.chain.extend(found.chain.iter().cloned());
            parts.completed_from = Some(found.file.clone());
        }
    }
}

impl Issuer {
    fn read(file: &Path) -> Result<Self, &'static str> {
        let text = std::fs::read(file).map_err(|_| "the file cannot be read.")?;
        let chain = certificate::chain(file, &text).unwrap_or_default();
        let first = chain.first().ok_or("pem certificate not found.")?;
        let cert = Cert::read(first).ok_or("pem certificate not found.")?;
        let key = cert.key_identifier().ok_or("SubjectKeyIdentifier not found.")?.into();
        let shared = |der: &CertificateDer<'_>| CertificateDer::from(&*der.to_vec().leak());
        let chain = chain.iter().map(shared).collect();
        Ok(Self { key, file: file.to_string_lossy().into(), chain })
    }

    fn issued(&self, certificate: &Cert<'_>) -> bool {
        let issuer = self.chain.first().and_then(|der| Cert::read(der));
        certificate.authority_key_identifier() == Some(&*self.key)
            && !certificate.is_self_issued()
            && issuer.is_some_and(|issuer| certificate.names_as_issuer(&issuer))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn parts(issuer: &CertifiedIssuer<'_, KeyPair>) -> Parts {
        let mut params = CertificateParams::new(["a.example.com".to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        let signed = params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap();
        Parts::of_pem(Path::new("a.pem"), signed.pem().as_bytes()).unwrap()
    }

    #[test]
    fn certificates_get_the_chain_of_their_issuer() {
        let directory = std::env::temp_dir().join(format!("haproxy-issuers-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (one, other) = (authority("one"), authority("other"));
        std::fs::write(directory.join("a.pem"), other.pem()).unwrap();
        std::fs::write(directory.join("b.pem"), one.pem() + &other.pem()).unwrap();
        std::fs::write(directory.join("c.txt"), "nothing").unwrap();
        let (issuers, wrong) = Issuers::read(&directory).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!((issuers.0.len(), wrong.len()), (2, 1));
        assert!(wrong[0].ends_with("c.txt : pem certificate not found."));
        let mut parts = parts(&one);
        issuers.complete(&mut parts);
        assert_eq!(parts.chain[1..], [one.der().clone(), other.der().clone()]);
        assert!(parts.completed_from.is_some_and(|file| file.ends_with("/b.pem")));
    }

    #[test]
    fn others_stay_as_they_are() {
        let one = authority("one");
        let mut parts = parts(&one);
        Issuers::default().complete(&mut parts);
        assert_eq!((parts.chain.len(), parts.completed_from), (1, None));
    }
}
