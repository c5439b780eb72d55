//! Which certificates tokens are verified and decrypted with: `show ssl jwt`, `add ssl jwt` and `del ssl jwt`.

use std::fmt::Write as _;

use config::directive::Switch;
use lang::converters::jwe;
use lang::converters::tokens::{self, Certificate as TokenCertificate};
use rustls::pki_types::PrivateKeyDer;

use super::show::NOT_FOUND;
use super::{Name, Refused, State, Store};
use crate::certificate::Parts;
use crate::pki::certificate::Cert;

impl Store {
    /// `show ssl jwt`: the names of all.
    pub fn token_certificates(&self) -> String {
        let state = self.state();
        let mut text = String::from("# filename\n");
        for (name, _) in state.entries.iter().filter(|(_, entry)| entry.tokens == Switch::On) {
            let _ = writeln!(text, "{name}");
        }
        text
    }

    /// `add ssl jwt`, `del ssl jwt`: a certificate may be used for tokens from now on, or not.
    ///
    /// # Errors
    /// When it is not there.
    pub fn switch_tokens(&self, name: &str, switch: Switch) -> Result<String, Refused> {
        let mut state = self.state();
        let entry = state.entries.get_mut(name).ok_or_else(|| NOT_FOUND.to_owned())?;
        entry.tokens = switch;
        state.publish(name);
        Ok(String::new())
    }
}

impl State {
    /// Tells those who verify tokens what they need of a certificate.
    pub(super) fn publish(&self, name: &str) {
        let used = self.entries.get(name).is_some_and(|entry| entry.tokens == Switch::On);
        match of(&self.parts(name)).filter(|_| used) {
            Some(certificate) => tokens::offer(name, certificate),
            None => tokens::withdraw(name),
        }
    }

    /// The same for all that may be used.
    pub(super) fn publish_all(&self, names: &[Name]) {
        let is_used = |name: &&Name| self.entries.get(*name).is_some_and(|entry| entry.tokens == Switch::On);
        for name in names.iter().filter(is_used) {
            self.publish(name);
        }
    }
}

fn of(parts: &Parts) -> Option<TokenCertificate> {
    let cert = Cert::read(parts.chain.first()?)?;
    let private = parts.key.as_deref().map(|key| match key {
        PrivateKeyDer::Pkcs1(der) => jwe::wrapped(der.secret_pkcs1_der()),
        other => other.secret_der().to_vec(),
    });
    Some(TokenCertificate::new(cert.key.1, private.as_deref()))
}
