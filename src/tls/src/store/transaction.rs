//! `new`, `set`, `commit`, `abort` and `del ssl cert`.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use config::directive::Switch;

use super::staples::Trouble;
use super::{Content, Entry, Name, Origin, Refused, State, Store, Transaction, file, stem};
use crate::certificate::{self, ExtraNames, Flaw, Parts};
use crate::ocsp::now;
use crate::told::Told;

/// What else belongs to a certificate, by the ending under which it is set.
const PARTS: &[&str] = &["key", "ocsp", "issuer"];

impl Store {
    /// `new ssl cert`: a name without a certificate.
    ///
    /// # Errors
    /// When it is there.
    pub fn new_certificate(&self, name: &str) -> Result<String, Refused> {
        let mut state = self.state();
        if state.entries.contains_key(name) {
            return Err(format!("Certificate '{name}' already exists!\n"));
        }
        let (content, origin, tokens) = (Content::Empty, Origin::default(), Switch::Off);
        let entry = Entry { content, origin, told: Told::default(), tokens };
        state.entries.insert(name.into(), entry);
        Ok(format!("New empty certificate store '{name}'!\n"))
    }

    /// `set ssl cert`: what a certificate is to become, once it is committed.
    ///
    /// # Errors
    /// When it is not there, is no certificate, or another one is under way.
    pub fn set(&self, written: &str, payload: &[u8]) -> Result<String, Refused> {
        self.state().set(written, payload).map_err(|why| format!("{why}Can't update {written}!\n"))
    }

    /// `commit ssl cert`: puts it in service, everywhere at once.
    ///
    /// # Errors
    /// When nothing is to be committed, or what was set makes up no certificate; the old one stays in service.
    pub fn commit(&self, name: &str) -> Result<String, Refused> {
        let mut state = self.state();
        state.check_transaction(name, "set").map_err(|why| format!("{why}Can't commit {name}!\n"))?;
        let Some(Transaction { name, parts }) = state.transaction.take() else { return Ok(String::new()) };
        let uses = state.uses(&name);
        let content = match parts.clone().ready() {
            Ok(certificate) => Content::Ready(Arc::new(certificate)),
            Err(Flaw::NoKey) if uses == 0 => Content::Keyless(Arc::new(parts)),
            Err(Flaw::NoKey) => {
                let why = format!("unable to load SSL private key into SSL Context '{name}'.");
                return Ok(format!("Committing {name}\n{why}\nFailed!\n"));
            }
            Err(flaw) => {
                let why = match flaw {
                    Flaw::Other(why) => why,
                    _ => "inconsistencies between private key and certificate loaded".to_owned(),
                };
                let refused = format!("{why} '{name}'.\nCan't commit {name}!\n");
                state.transaction = Some(Transaction { name, parts });
                return Err(refused);
            }
        };
        state.replace(&name, content);
        let trouble = state.restaple(&name).map(|text| format!("{text}\n")).unwrap_or_default();
        Ok(format!("Committing {name}{}\n{trouble}Success!\n", ".".repeat(uses)))
    }

    /// `abort ssl cert`: forgets what was set.
    ///
    /// # Errors
    /// When nothing was, or of another certificate.
    pub fn abort(&self, name: &str) -> Result<String, Refused> {
        let mut state = self.state();
        match &state.transaction {
            None => return Err("No ongoing transaction!\n".to_owned()),
            Some(t) if *t.name != *name => {
                return Err(format!(
                    "The ongoing transaction is about '{}' but you are trying to abort a transaction for '{name}'\n",
                    t.name
                ));
            }
            Some(_) => state.transaction = None,
        }
        Ok(format!("Transaction aborted for certificate '{name}'!\n"))
    }

    /// `del ssl cert`: forgets a certificate that nobody uses.
    ///
    /// # Errors
    /// When it is not there, or somebody uses it.
    pub fn delete(&self, name: &str) -> Result<String, Refused> {
        let mut state = self.state();
        let refused = |why: String| Err(format!("Can't remove the certificate: {why}\n"));
        if state.transaction.as_ref().is_some_and(|t| *t.name == *name) {
            return refused(format!("ongoing transaction for the certificate '{name}'"));
        }
        if !state.entries.contains_key(name) {
            return refused(format!("certificate '{name}' doesn't exist!"));
        }
        if state.entries[name].tokens == Switch::On {
            return refused(format!("certificate '{name}' in use for JWT validation, can't be deleted!"));
        }
        let listed = state.lists.values().flat_map(|l| &l.lines).any(|line| *line.name == *name);
        if listed || state.uses(name) > 0 {
            return refused(format!("certificate '{name}' in use, can't be deleted!"));
        }
        state.entries.remove(name);
        state.schedule(now());
        Ok(format!("Certificate '{name}' deleted!\n"))
    }
}

impl State {
    fn set(&mut self, written: &str, payload: &[u8]) -> Result<String, Refused> {
        let (name, part) = self.named(written).ok_or_else(|| {
            "Can't replace a certificate which is not referenced by the configuration!\n".to_owned()
        })?;
        let begun = match &self.transaction {
            Some(t) if t.name != name => {
                return Err(format!(
                    "The ongoing transaction is about '{}' but you are trying to set '{name}'\n",
                    t.name
                ));
            }
            Some(t) => Some(t.parts.clone()),
            None => None,
        };
        let verb = if begun.is_some() { "updated" } else { "created" };
        let mut parts = begun.unwrap_or_else(|| self.parts(&name));
        change(&mut parts, &name, part, payload).map_err(|why| format!("{why}Can't load the payload\n"))?;
        if part.is_none() {
            self.issuers.complete(&mut parts);
        }
        let text = format!("Transaction {verb} for certificate {name}!\n");
        self.transaction = Some(Transaction { name, parts });
        Ok(text)
    }

    /// The certificate that a name is about, and the part of it.
    fn named(&self, written: &str) -> Option<(Name, Option<&'static str>)> {
        if self.entries.contains_key(written) {
            return Some((written.into(), None));
        }
        let (name, part) = stem(written, PARTS)?;
        let found = |name: String| self.entries.contains_key(name.as_str()).then(|| name.into_boxed_str());
        let name = found(name.to_owned()).or_else(|| {
            (self.extras.naming == ExtraNames::Replaced).then(|| found(format!("{name}.crt"))).flatten()
        })?;
        Some((name, Some(part)))
    }

    pub(super) fn parts(&self, name: &str) -> Parts {
        match self.entries.get(name).map(|e| &e.content) {
            Some(Content::Ready(certificate)) => certificate.parts(),
            Some(Content::Keyless(parts)) => Parts::clone(parts),
            Some(Content::Empty) | None => Parts::default(),
        }
    }

    fn check_transaction(&self, name: &str, what: &str) -> Result<(), Refused> {
        match &self.transaction {
            None => Err("No ongoing transaction! !\n".to_owned()),
            Some(t) if *t.name != *name => Err(format!(
                "The ongoing transaction is about '{}' but you are trying to {what} '{name}'\n",
                t.name
            )),
            Some(_) => Ok(()),
        }
    }

    /// Begins anew with the responses on a certificate that was replaced; tells what is wrong with the one that came
    /// with it.
    fn restaple(&mut self, name: &str) -> Option<String> {
        let trouble = if self.is_listened(name) { self.link(name, now()) } else { None };
        self.schedule(now());
        Some(match trouble? {
            Trouble::OfLine(text) | Trouble::OfResponse(text) => text,
        })
    }

    /// Puts a certificate in the place of the one of its name.
    fn replace(&mut self, name: &str, content: Content) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.content = content;
        }
        self.publish_all(&[name.into()]);
        for listener in &mut self.listeners {
            if listener.uses.iter().any(|placed| *placed.name == *name) {
                // Where several have the same name, it takes its place behind the others.
                let (new, mut uses): (Vec<_>, Vec<_>) =
                    listener.uses.drain(..).partition(|placed| *placed.name == *name);
                uses.extend(new);
                listener.uses = uses;
            }
        }
        for listener in self.listeners.iter().filter(|l| l.uses.iter().any(|p| *p.name == *name)) {
            self.present(listener);
        }
        if let Some(certificate) = self.ready(name) {
            self.shown_to(name).for_each(|connector| connector.show(certificate));
        }
    }
}

/// Takes what was sent into the parts.
fn change(parts: &mut Parts, name: &str, part: Option<&str>, payload: &[u8]) -> Result<(), String> {
    let wrong = |why: &str| format!("{why} '{name}'.\n");
    match part {
        None => {
            let new = Parts::of_pem(file(name), payload).map_err(|e| {
                let mut why = e.to_string();
                let _ = write!(why, ": no start line.");
                why + "\n"
            })?;
            (parts.chain, parts.key, parts.completed_from) = (new.chain, new.key, None);
        }
        Some("key") => {
            let key = certificate::key_of(file(name), payload)
                .map_err(|_| wrong("unable to load private key from file"))?;
            parts.key = Some(Arc::new(key));
        }
        Some("issuer") => {
            let chain = certificate::chain(file(name), payload).unwrap_or_default();
            let first = chain.into_iter().next();
            parts.issuer = Some(first.ok_or_else(|| format!("'{name}' cannot be read or parsed'.\n"))?);
        }
        Some(_) => {
            let text: Vec<u8> = payload.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            let response = base64::engine::general_purpose::STANDARD
                .decode(&text)
                .map_err(|_| "Error reading OCSP response in base64 format\n".to_owned())?;
            parts.ocsp = Some(response);
        }
    }
    Ok(())
}
