//! Whether an authority has taken back what it issued.

use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::certificate::{self, Cert, Signature};
use super::chain::{Depth, Examination, Refused};
use super::der::Signed;
use super::error::Code;
use super::name;

/// A list that an authority issued.
struct List<'d> {
    signed: Signed<'d>,
    parsed: CertificateRevocationList<'d>,
}

/// Who issued a list in DER.
pub(super) fn issuer(der: &[u8]) -> Option<Vec<u8>> {
    Some(List::read(der)?.parsed.issuer().as_raw().to_vec())
}

impl<'d> List<'d> {
    fn read(der: &'d [u8]) -> Option<Self> {
        let signed = Signed::read(der)?;
        let (_, parsed) = CertificateRevocationList::from_der(der).ok()?;
        Some(Self { signed, parsed })
    }

    fn is_over(&self, now: i64) -> bool {
        self.parsed.next_update().is_some_and(|t| t.timestamp() < now)
    }
}

impl<'t> Examination<'t> {
    /// Looks whether any certificate of the chain was revoked. Each needs a list of its issuer's.
    pub(super) fn check_revocations(&mut self, chain: &[Cert<'_>]) -> Result<(), Refused> {
        if self.trust.revocations.is_none() {
            return Ok(());
        }
        for (depth, certificate) in chain.iter().enumerate() {
            let depth = Depth(depth);
            let Some(list) = self.list_of(certificate) else {
                self.report(depth, Code::NO_CRL)?;
                continue;
            };
            let own = Some(certificate).filter(|c| c.is_self_signed());
            let issuer = chain.get(depth.0 + 1).or(own);
            match issuer {
                Some(issuer) => self.check_list(depth, &list, issuer)?,
                None => self.report(depth, Code::NO_CRL_ISSUER)?,
            }
            let serial = certificate.parsed.raw_serial();
            if list.parsed.iter_revoked_certificates().any(|r| r.raw_serial() == serial) {
                self.report(depth, Code::REVOKED)?;
            }
        }
        Ok(())
    }

    /// The list of a certificate's issuer: one that is in force, the latest of several.
    fn list_of<'d>(&self, certificate: &Cert<'_>) -> Option<List<'d>>
    where
        't: 'd,
    {
        let lists = self.trust.revocations.iter().flat_map(|s| s.revocations()).filter_map(List::read);
        let of_issuer = lists.filter(|l| name::same(l.parsed.issuer().as_raw(), certificate.issuer()));
        of_issuer.max_by_key(|l| (!l.is_over(self.now), l.parsed.last_update().timestamp()))
    }

    fn check_list(&mut self, depth: Depth, list: &List<'_>, issuer: &Cert<'_>) -> Result<(), Refused> {
        if issuer.key_usage().is_some_and(|usage| !usage.crl_sign()) {
            self.report(depth, Code::NO_CRL_SIGN)?;
        }
        if list.parsed.last_update().timestamp() > self.now {
            self.report(depth, Code::CRL_NOT_YET_VALID)?;
        }
        if list.is_over(self.now) {
            self.report(depth, Code::CRL_EXPIRED)?;
        }
        match certificate::check_list(&list.signed, issuer, &self.algorithms) {
            Signature::Right => Ok(()),
            Signature::Wrong | Signature::Weak => self.report(depth, Code::BAD_CRL_SIGNATURE),
        }
    }
}
