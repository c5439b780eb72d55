//! From a peer's certificate to an authority that is trusted.

use std::sync::Arc;

use rustls::crypto::WebPkiSupportedAlgorithms;
use x509_parser::extensions::{ExtendedKeyUsage, KeyUsage, ParsedExtension};

use super::certificate::{Cert, Signature};
use super::error::{Code, Ignored};
use super::store::Store;

/// The longest chain.
const LONGEST: usize = 100;

/// Whom a chain may lead to, and what they revoked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// Where authorities are.
    pub(crate) authorities: Vec<Arc<Store>>,
    /// Lists of revoked certificates; none for no look at them.
    pub(crate) revocations: Option<Arc<Store>>,
}

/// What a peer's certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Client,
    Server,
}

/// The place of a certificate in its chain; the peer's own is at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Depth(pub(super) usize);

/// What ended an examination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Something about the peer's own certificate.
    Leaf(Code),
    /// Something about one of its issuers.
    Authority(Code),
}

impl Refused {
    pub(crate) fn code(self) -> Code {
        match self {
            Self::Leaf(code) | Self::Authority(code) => code,
        }
    }
}

/// What was found, what was passed over included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The last error.
    pub(crate) last: Code,
    /// The first one of the peer's own certificate.
    pub(crate) leaf: Code,
    /// The first one of its issuers.
    pub(crate) authority: Code,
    /// Where that was.
    pub(crate) depth: usize,
}

/// One look at a chain.
pub(crate) struct Examination<'t> {
    pub(super) trust: &'t Trust,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    /// Seconds since 1970.
    pub(super) now: i64,
    purpose: Purpose,
    /// What is passed over: of the peer's own certificate, and of issuers.
    ignored: (Ignored, Ignored),
    pub(crate) verdict: Verdict,
    /// Where the chain led that was accepted, in DER.
    pub(crate) root: Option<Box<[u8]>>,
}

impl<'t> Examination<'t> {
    pub(crate) fn new(
        trust: &'t Trust,
        algorithms: WebPkiSupportedAlgorithms,
        now: i64,
        purpose: Purpose,
        ignored: (Ignored, Ignored),
    ) -> Self {
        Self { trust, algorithms, now, purpose, ignored, verdict: Verdict::default(), root: None }
    }

    /// Looks whether a certificate leads to an authority, perhaps through others that came with it.
    pub(crate) fn run(&mut self, leaf: &[u8], others: &[&[u8]]) -> Result<(), Refused> {
        let Some(leaf) = Cert::read(leaf) else { return self.report(Depth(0), Code::BAD_SIGNATURE) };
        let mut others: Vec<_> = others.iter().filter_map(|der| Cert::read(der)).collect();
        let chain = self.build(leaf, &mut others)?;
        self.check_extensions(&chain)?;
        self.check_revocations(&chain)?;
        self.check_signatures(&chain)?;
        self.check_names(&chain)?;
        self.root = chain.last().map(|root| root.der.into());
        Ok(())
    }

    /// Notes what is wrong; an error unless it is passed over.
    pub(super) fn report(&mut self, depth: Depth, code: Code) -> Result<(), Refused> {
        let verdict = &mut self.verdict;
        verdict.last = code;
        if depth.0 == 0 {
            if verdict.leaf == Code::OK {
                verdict.leaf = code;
            }
            return if self.ignored.0.holds(code) { Ok(()) } else { Err(Refused::Leaf(code)) };
        }
        if verdict.authority == Code::OK {
            (verdict.authority, verdict.depth) = (code, depth.0);
        }
        if self.ignored.1.holds(code) { Ok(()) } else { Err(Refused::Authority(code)) }
    }

    /// The chain from the peer's certificate up, as far as issuers are found: trusted ones first, then those that came
    /// with it.
    fn build<'d>(&mut self, leaf: Cert<'d>, others: &mut Vec<Cert<'d>>) -> Result<Vec<Cert<'d>>, Refused>
    where
        't: 'd,
    {
        let trust = self.trust;
        let mut chain = vec![leaf];
        let mut trusted = 0;
        loop {
            let last = &chain[chain.len() - 1];
            if last.is_self_signed() {
                let known = trusted > 0 || trust.authorities.iter().any(|s| s.holds(last));
                if known {
                    return Ok(chain);
                }
                break;
            }
            let Some(issuer) = self.trusted_issuer(last).inspect(|_| trusted += 1).or_else(|| {
                let at = others.iter().position(|other| last.names_as_issuer(other))?;
                (trusted == 0).then(|| others.swap_remove(at))
            }) else {
                break;
            };
            chain.push(issuer);
            if chain.len() > LONGEST {
                self.report(Depth(LONGEST), Code::TOO_LONG)?;
                return Ok(chain);
            }
        }
        let top = chain.len() - 1;
        let code = match (chain[top].is_self_signed(), top) {
            (true, 0) => Code::SELF_SIGNED,
            (true, _) => Code::SELF_SIGNED_IN_CHAIN,
            (false, _) if trusted > 0 => Code::NO_ISSUER,
            (false, _) => Code::NO_LOCAL_ISSUER,
        };
        self.report(Depth(top), code)?;
        Ok(chain)
    }

    /// An authority that may have issued a certificate: one that is in force if there is any.
    fn trusted_issuer<'d>(&self, certificate: &Cert<'d>) -> Option<Cert<'d>>
    where
        't: 'd,
    {
        let stores = self.trust.authorities.iter();
        let named = stores.flat_map(|store| store.named(certificate.issuer()));
        let mut best = None;
        for candidate in named.filter(|c| certificate.names_as_issuer(c)) {
            if self.time_fault(&candidate).is_none() {
                return Some(candidate);
            }
            best = best.or(Some(candidate));
        }
        best
    }

    fn time_fault(&self, certificate: &Cert<'_>) -> Option<Code> {
        let validity = certificate.parsed.validity();
        if validity.not_before.timestamp() > self.now {
            return Some(Code::NOT_YET_VALID);
        }
        (validity.not_after.timestamp() < self.now).then_some(Code::EXPIRED)
    }

    fn check_extensions(&mut self, chain: &[Cert<'_>]) -> Result<(), Refused> {
        // Issuers in between that are not their own.
        let mut between = 0;
        for (depth, certificate) in chain.iter().enumerate() {
            let at = Depth(depth);
            if certificate.extensions().any(|e| e.critical && is_unknown(e.parsed_extension())) {
                self.report(at, Code::CRITICAL_EXTENSION)?;
            }
            if certificate.has_malformed_extension() {
                self.report(at, Code::INVALID_EXTENSION)?;
            }
            if depth > 0 && !certificate.is_authority() {
                self.report(at, Code::INVALID_CA)?;
            }
            if !self.serves(certificate, at) {
                self.report(at, Code::PURPOSE)?;
            }
            if depth > 0 {
                if certificate.path_length().is_some_and(|most| between > most) {
                    self.report(at, Code::PATH_LENGTH)?;
                }
                between += u32::from(!certificate.is_self_issued());
            }
        }
        Ok(())
    }

    /// Whether a certificate may be used for what it is used for.
    fn serves(&self, certificate: &Cert<'_>, at: Depth) -> bool {
        let purposes = certificate.extensions().find_map(|e| match e.parsed_extension() {
            ParsedExtension::ExtendedKeyUsage(purposes) => Some(purposes),
            _ => None,
        });
        let named = |p: &ExtendedKeyUsage<'_>| match self.purpose {
            Purpose::Client => p.client_auth,
            Purpose::Server => p.server_auth,
        };
        let usage = |u: &KeyUsage| {
            u.digital_signature()
                || u.key_agreement()
                || (self.purpose == Purpose::Server && u.key_encipherment())
        };
        let used =
            if at.0 > 0 { certificate.is_authority() } else { certificate.key_usage().is_none_or(usage) };
        used && purposes.is_none_or(named)
    }

    /// Checks signatures and times, from the top down.
    fn check_signatures(&mut self, chain: &[Cert<'_>]) -> Result<(), Refused> {
        let top = chain.len() - 1;
        let mut depth = top;
        if chain[top].is_self_signed() {
            // What an authority says of itself needs no proof.
            self.check_time(Depth(top), &chain[top])?;
        } else if top == 0 {
            self.report(Depth(0), Code::UNVERIFIED_LEAF)?;
            return self.check_time(Depth(0), &chain[0]);
        }
        while depth > 0 {
            let issuer = &chain[depth];
            depth -= 1;
            match chain[depth].signature(issuer, &self.algorithms) {
                Signature::Right => {}
                Signature::Wrong => self.report(Depth(depth), Code::BAD_SIGNATURE)?,
                Signature::Weak => self.report(Depth(depth), Code::WEAK_DIGEST)?,
            }
            self.check_time(Depth(depth), &chain[depth])?;
        }
        Ok(())
    }

    fn check_time(&mut self, depth: Depth, certificate: &Cert<'_>) -> Result<(), Refused> {
        self.time_fault(certificate).map_or(Ok(()), |code| self.report(depth, code))
    }
}

/// Whether an extension says what nobody here understands. Policies count for those who ask for some.
fn is_unknown(extension: &ParsedExtension<'_>) -> bool {
    !matches!(
        extension,
        ParsedExtension::BasicConstraints(_)
            | ParsedExtension::KeyUsage(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::SubjectAlternativeName(_)
            | ParsedExtension::IssuerAlternativeName(_)
            | ParsedExtension::NameConstraints(_)
            | ParsedExtension::CertificatePolicies(_)
            | ParsedExtension::PolicyConstraints(_)
            | ParsedExtension::PolicyMappings(_)
            | ParsedExtension::InhibitAnyPolicy(_)
            | ParsedExtension::NSCertType(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::SubjectKeyIdentifier(_)
            | ParsedExtension::AuthorityKeyIdentifier(_)
    )
}
