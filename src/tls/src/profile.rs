//! What a `bind` or `server` line allows of the protocol: versions, suites, groups, application protocols.

use std::sync::Arc;

use config::directive::Switch;
use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

use crate::names::{self, Version};
use crate::sigalgs::Schemes;

/// What a line allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// `ssl-min-ver`.
    pub min: Option<Version>,
    /// `ssl-max-ver`.
    pub max: Option<Version>,
    /// `no-tlsv12` and the like.
    pub banned: Vec<Version>,
    /// `ciphers`.
    pub ciphers: Option<Box<str>>,
    /// `ciphersuites`.
    pub suites: Option<Box<str>>,
    /// `curves`.
    pub curves: Option<Box<str>>,
    /// `alpn`; empty for none at all.
    pub protocols: Option<Vec<Box<[u8]>>>,
    /// `sigalgs`.
    pub(crate) signatures: Option<Schemes>,
    /// `client-sigalgs`.
    pub(crate) client_signatures: Option<Schemes>,
    /// `tls-tickets`, `no-tls-tickets`.
    pub tickets: Option<Switch>,
}

impl Profile {
    /// The same, with what `other` says where this says nothing.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            min: self.min.or(other.min),
            max: self.max.or(other.max),
            banned: if self.banned.is_empty() { other.banned.clone() } else { self.banned.clone() },
            ciphers: self.ciphers.clone().or_else(|| other.ciphers.clone()),
            suites: self.suites.clone().or_else(|| other.suites.clone()),
            curves: self.curves.clone().or_else(|| other.curves.clone()),
            protocols: self.protocols.clone().or_else(|| other.protocols.clone()),
            signatures: self.signatures.clone().or_else(|| other.signatures.clone()),
            client_signatures: self.client_signatures.clone().or_else(|| other.client_signatures.clone()),
            tickets: self.tickets.or(other.tickets),
        }
    }

    pub(crate) fn allows(&self, version: Version) -> bool {
        let (min, max) = (self.min.unwrap_or(Version::Tls12), self.max.unwrap_or(Version::Tls13));
        (min..=max).contains(&version) && !self.banned.contains(&version)
    }

    /// The versions that are spoken.
    pub(crate) fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
        let known = [(Version::Tls12, &rustls::version::TLS12), (Version::Tls13, &rustls::version::TLS13)];
        let versions: Vec<_> = known.into_iter().filter(|(v, _)| self.allows(*v)).map(|(_, v)| v).collect();
        if versions.is_empty() {
            return Err(
                "no version of the protocol is left; this program speaks TLSv1.2 and TLSv1.3".to_owned()
            );
        }
        Ok(versions)
    }

    /// The suites and groups that are used.
    pub(crate) fn provider(&self) -> Result<Arc<CryptoProvider>, String> {
        let mut provider = aws_lc_rs::default_provider();
        let new = self.suites.as_deref().map_or_else(names::default_suites_13, names::suites_13);
        let old = self.ciphers.as_deref().map_or_else(names::default_suites_12, names::suites_12);
        let left = |version, list: &[_], option: &str, written: Option<&str>| match written {
            Some(written) if list.is_empty() && self.allows(version) => {
                Err(format!("'{option}' : none of '{written}' exists here"))
            }
            _ => Ok(()),
        };
        left(Version::Tls13, &new, "ciphersuites", self.suites.as_deref())?;
        left(Version::Tls12, &old, "ciphers", self.ciphers.as_deref())?;
        // What is offered of a version that is not spoken misleads the other side when it chooses a certificate.
        let spoken = |version, suites: Vec<_>| if self.allows(version) { suites } else { Vec::new() };
        provider.cipher_suites =
            spoken(Version::Tls13, new).into_iter().chain(spoken(Version::Tls12, old)).collect();
        if let Some(curves) = &self.curves {
            provider.kx_groups = names::groups(curves);
            if provider.kx_groups.is_empty() {
                return Err(format!("'curves' : none of '{curves}' exists here"));
            }
        }
        Ok(Arc::new(provider))
    }

    /// What clients sign with.
    pub(crate) fn signatures_of_clients(&self) -> Option<&Schemes> {
        self.client_signatures.as_ref().or(self.signatures.as_ref())
    }

    /// The application protocols in the library's form.
    pub(crate) fn protocol_list(&self) -> Vec<Vec<u8>> {
        self.protocols.iter().flatten().map(|p| p.to_vec()).collect()
    }
}

/// A list of names between commas.
pub(crate) fn protocols(list: &str) -> Result<Vec<Box<[u8]>>, String> {
    if list.split(',').any(|name| name.is_empty() || name.len() > 255) {
        return Err("expects names of 1 to 255 characters between commas".to_owned());
    }
    Ok(list.split(',').map(|n| n.as_bytes().into()).collect())
}

/// What HTTP is called, for lines that do not say.
pub(crate) fn usual_protocols() -> Vec<Box<[u8]>> {
    vec![b"h2".as_slice().into(), b"http/1.1".as_slice().into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_between_the_limits() {
        let count = |p: Profile| p.versions().map(|v| v.len());
        assert_eq!(count(Profile::default()), Ok(2));
        assert_eq!(count(Profile { min: Some(Version::Tls10), ..Profile::default() }), Ok(2));
        assert_eq!(count(Profile { max: Some(Version::Tls12), ..Profile::default() }), Ok(1));
        assert_eq!(count(Profile { banned: vec![Version::Tls13], ..Profile::default() }), Ok(1));
        assert!(count(Profile { max: Some(Version::Tls11), ..Profile::default() }).is_err());
    }

    #[test]
    fn a_list_with_nothing_left_is_an_error() {
        let old = Profile { ciphers: Some("AES256-SHA".into()), ..Profile::default() };
        assert!(old.provider().unwrap_err().contains("AES256-SHA"));
        let unused = Profile { min: Some(Version::Tls13), ..old };
        assert!(unused.provider().is_ok());
        assert!(Profile { curves: Some("P-521".into()), ..Profile::default() }.provider().is_err());
    }

    #[test]
    fn what_a_line_does_not_say_is_said_by_the_defaults() {
        let line = Profile { min: Some(Version::Tls13), ..Profile::default() };
        let global =
            Profile { min: Some(Version::Tls12), ciphers: Some("HIGH".into()), ..Profile::default() };
        let both = line.or(&global);
        assert_eq!((both.min, both.ciphers.as_deref()), (Some(Version::Tls13), Some("HIGH")));
    }
}
