//! Chains for certificates that come without one (`issuers-chain-path`; configuration manual, 3.1).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::certificate::{self, Parts};
use crate::pki::certificate::Cert;

/// The chains of a directory, and how much of a chain clients are sent.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    all: Vec<Issuer>,
    pub(crate) sent: Sent,
}

/// How much of a certificate's chain clients are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sent {
    /// What stands in its file, as it stands there.
    #[default]
    All,
    /// One after the other that issued the one before, up to who issued itself (`ssl-skip-self-issued-ca`).
    UpToRoot,
}

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
                Ok(issuer) => issuers.all.push(issuer),
                Err(why) => wrong.push(format!("unable to load issuers-chain {} : {why}", file.display())),
            }
        }
        Ok((issuers, wrong))
    }

    /// Adds the chain of its issuer to a certificate without one, and says how much of it is sent.
    pub(crate) fn complete(&self, parts: &mut Parts) {
        parts.sent = self.sent;
        let [own] = &*parts.chain else { return };
        let found = Cert::read(own).and_then(|cert| self.all.iter().find(|issuer| issuer.issued(&cert)));
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

impl Sent {
    /// What is sent of a chain, where that is not all.
    pub(crate) fn of(self, chain: &[CertificateDer<'static>]) -> Option<Vec<CertificateDer<'static>>> {
        if self == Self::All {
            return None;
        }
        let (own, mut others) =
            chain.split_first().map(|(own, others)| (own, others.iter().collect::<Vec<_>>()))?;
        let mut sent = vec![own.clone()];
        while let Some(last) =
            sent.last().and_then(|der| Cert::read(der)).filter(|last| !last.is_self_issued())
        {
            let is_next =
                |der: &&CertificateDer<'_>| Cert::read(der).is_some_and(|c| last.names_as_issuer(&c));
            let Some(at) = others.iter().position(is_next) else { break };
            let next = others.swap_remove(at);
            if Cert::read(next).is_some_and(|next| next.is_self_issued()) {
                break;
            }
            sent.push(next.clone());
        }
        (sent != chain).then_some(sent)
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
        assert_eq!((issuers.all.len(), wrong.len()), (2, 1));
        assert!(wrong[0].ends_with("c.txt : pem certificate not found."));
        let mut parts = parts(&one);
        issuers.complete(&mut parts);
        assert_eq!(parts.chain[1..], [one.der().clone(), other.der().clone()]);
        assert!(parts.completed_from.is_some_and(|file| file.ends_with("/b.pem")));
    }

    #[test]
    fn clients_are_sent_the_chain_up_to_who_issued_itself() {
        let (root, other) = (authority("root"), authority("other"));
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "between");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.use_authority_key_identifier_extension = true;
        let between = CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &root).unwrap();
        let [root, other] = [&root, &other].map(|a| a.der().clone());
        let leaf = parts(&between).chain.remove(0);
        let between = between.der().clone();
        let sent = |chain: &[&CertificateDer<'static>]| {
            let chain = chain.iter().copied().cloned().collect::<Vec<_>>();
            assert_eq!(Sent::All.of(&chain), None);
            Sent::UpToRoot.of(&chain).unwrap_or(chain)
        };
        let up = [leaf.clone(), between.clone()];
        assert_eq!(sent(&[&leaf, &between, &root]), up);
        assert_eq!(sent(&[&leaf, &root, &other, &between]), up);
        assert_eq!(sent(&[&leaf, &between]), up);
        assert_eq!(sent(&[&leaf, &root]), up[..1]);
        let alone = std::slice::from_ref(&root);
        assert_eq!(sent(&[&root]), alone);
        assert_eq!(sent(&[&root, &other]), alone);
        assert_eq!(Sent::UpToRoot.of(&up), None);
    }

    #[test]
    fn others_stay_as_they_are() {
        let one = authority("one");
        let mut parts = parts(&one);
        Issuers::default().complete(&mut parts);
        assert_eq!((parts.chain.len(), parts.completed_from), (1, None));
    }
}
