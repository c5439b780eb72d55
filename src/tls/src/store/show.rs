//! `show ssl cert`, `dump ssl cert`, `show ssl crt-list` and `show ssl sni`, in the forms that programs read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use config::directive::Switch;
use lang::converters::jwe::wrapped;

use super::{Content, Listener, Placed, Refused, State, Store, list_name, staples};
use crate::certificate::{Certificate, KeyKind, Parts};
use crate::line::Standing;
use crate::x509::{self, Read, Whose, write_pem};

/// Which lines `show ssl sni` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SniWanted {
    /// Those of one frontend.
    pub frontend: Option<String>,
    /// Those of certificates that are good no longer.
    pub expired: Expired,
}

/// Which certificates are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expired {
    /// All.
    #[default]
    OrNot,
    /// Those that are not good after this time, in seconds since 1970.
    By(i64),
}

pub(super) const NOT_FOUND: &str =
    "Can't display the certificate: Not found or the certificate is a bundle!\n";

impl Store {
    /// `show ssl cert`: the names of all.
    pub fn names(&self) -> String {
        let state = self.state();
        let mut text = String::new();
        if let Some(transaction) = &state.transaction {
            let _ = writeln!(text, "# transaction\n*{}", transaction.name);
        }
        text.push_str("# filename\n");
        for name in state.entries.keys() {
            let _ = writeln!(text, "{name}");
        }
        text
    }

    /// `show ssl cert <name>`: what is known of one; of what it is to become with a `*` in front.
    ///
    /// # Errors
    /// When it is not there.
    pub fn show(&self, written: &str) -> Result<String, Refused> {
        let state = self.state();
        let Some((name, status, parts)) = state.chosen(written) else {
            return state.response_of(written).ok_or_else(|| NOT_FOUND.to_owned());
        };
        let used = state.entries.get(name).is_some_and(|entry| entry.tokens == Switch::On);
        let tokens = if used { "on" } else { "off" };
        let star = if written.starts_with('*') { "*" } else { "" };
        let mut text = format!("Filename: {star}{name}\n");
        for (kind, file) in state.entries.get(name).iter().flat_map(|e| &e.origin.0) {
            let _ = writeln!(text, "{kind} filename: {file}");
        }
        let updates = state.updates(name).name();
        let _ = writeln!(text, "Option: ocsp-update {updates}\nOption: jwt {tokens}\nStatus: {status}");
        if let Some(file) = &parts.completed_from {
            let _ = writeln!(text, "Chain Filename: {file}");
        }
        if let Some(read) = parts.chain.first().and_then(|der| Read::new(der)) {
            describe(&mut text, &read);
            describe_chain(&mut text, &parts);
        }
        let key = state.stapled_id(name).map(|id| x509::hex(id)).unwrap_or_default();
        let _ = writeln!(text, "OCSP Response Key: {key}");
        Ok(text)
    }

    /// `dump ssl cert`: the key, the certificate and its chain.
    ///
    /// # Errors
    /// When it is not there.
    pub fn dump(&self, written: &str) -> Result<String, Refused> {
        let state = self.state();
        let (.., parts) = state.chosen(written).ok_or_else(|| NOT_FOUND.to_owned())?;
        let mut text = String::new();
        if let Some(key) = &parts.key {
            use rustls::pki_types::PrivateKeyDer as Key;
            match &**key {
                Key::Pkcs1(der) => write_pem(&mut text, "PRIVATE KEY", &wrapped(der.secret_pkcs1_der())),
                Key::Sec1(der) => write_pem(&mut text, "EC PRIVATE KEY", der.secret_sec1_der()),
                other => write_pem(&mut text, "PRIVATE KEY", other.secret_der()),
            }
        }
        for certificate in &parts.chain {
            write_pem(&mut text, "CERTIFICATE", certificate);
        }
        Ok(text)
    }

    /// `show ssl crt-list`: the names of all.
    pub fn lists(&self) -> String {
        self.state().lists.keys().fold(String::new(), |text, name| text + name + "\n")
    }

    /// `show ssl crt-list <name>`: the lines of one.
    ///
    /// # Errors
    /// When it is not there.
    pub fn list(&self, written: &str, numbers: Numbers) -> Result<String, Refused> {
        let state = self.state();
        let name = list_name(written);
        let Some(list) = state.lists.get(name) else {
            return Err("didn't find the specified filename\n".to_owned());
        };
        let mut text = format!("# {name}\n");
        for line in &list.lines {
            let _ = match numbers {
                Numbers::Hidden => writeln!(text, "{}{}", line.name, line.line.rest()),
                Numbers::Shown => writeln!(text, "{}:{}{}", line.name, line.number, line.line.rest()),
            };
        }
        Ok(text)
    }

    /// `show ssl sni`: which names are served where, with what.
    pub fn sni(&self, wanted: &SniWanted) -> String {
        let state = self.state();
        let mut text =
            "# Frontend/Bind\tSNI\tNegative Filter\tType\tFilename\tNotAfter\tNotBefore\n".to_owned();
        let all = state.listeners.iter();
        for listener in all.filter(|l| wanted.frontend.as_ref().is_none_or(|f| **f == *l.frontend)) {
            state.sni_of(listener, wanted.expired, &mut text);
        }
        text
    }
}

/// Whether the numbers of lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// They are not.
    Hidden,
    /// They are.
    Shown,
}

/// A name in the order in which names are shown: those without a wildcard first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Shown<'s> {
    wild: bool,
    name: &'s str,
}

impl State {
    /// A certificate and its status, or what it is to become.
    fn chosen<'s>(&'s self, written: &'s str) -> Option<(&'s str, &'static str, Parts)> {
        if let Some(name) = written.strip_prefix('*') {
            let transaction = self.transaction.as_ref().filter(|t| *t.name == *name)?;
            return Some((name, "Uncommitted", transaction.parts.clone()));
        }
        let name = if written.starts_with("\\*") { &written[1..] } else { written };
        let entry = self.entries.get(name)?;
        let status = match &entry.content {
            Content::Empty => "Empty",
            _ if entry.tokens == Switch::On => "Used for JWT verification",
            _ if self.uses(name) > 0 => "Used",
            _ => "Unused",
        };
        Some((name, status, self.parts(name)))
    }

    /// The response on a certificate, or on what it is to become, by the certificate's name with an ending.
    fn response_of(&self, written: &str) -> Option<String> {
        let (name, _, parts) = self.chosen(written.strip_suffix(".ocsp")?)?;
        Some(if written.starts_with('*') { staples::describe(&parts) } else { self.shown_response(name) })
    }

    fn sni_of(&self, listener: &Listener, expired: Expired, text: &mut String) {
        let mut lines: BTreeMap<Shown<'_>, Vec<(&Placed, &Certificate)>> = BTreeMap::new();
        for placed in &listener.uses {
            let Some(certificate) = self.ready(&placed.name) else { continue };
            let mut names: Vec<&str> = placed.names(certificate).iter().map(|n| &**n).collect();
            names.sort_unstable();
            names.dedup();
            if placed.meaning.default == Standing::Default {
                names.push("*");
            }
            for name in names {
                let shown = Shown { wild: name.starts_with('*'), name };
                let all = lines.entry(shown).or_default();
                let same = |(p, _): &(&Placed, _)| p.name == placed.name && p.options == placed.options;
                if name == "*" || !all.iter().any(same) {
                    all.push((placed, certificate));
                }
            }
        }
        for (shown, all) in &lines {
            for (placed, certificate) in all {
                let line = sni_line(listener, shown, placed, certificate, expired);
                text.push_str(&line.unwrap_or_default());
            }
        }
    }
}

fn sni_line(
    listener: &Listener,
    shown: &Shown<'_>,
    placed: &Placed,
    certificate: &Certificate,
    expired: Expired,
) -> Option<String> {
    let read = Read::new(certificate.der())?;
    if let Expired::By(time) = expired
        && read.not_after_seconds() >= time
    {
        return None;
    }
    let except = placed.meaning.except.iter().fold(String::new(), |text, name| text + "!" + name + " ");
    let except = if shown.wild && !except.is_empty() { except } else { "-".to_owned() };
    let kind = match certificate.kind {
        KeyKind::Rsa => "rsa",
        KeyKind::Ecdsa => "ecdsa",
        KeyKind::Ed25519 => "ed25519",
    };
    let (place, frontend, name) = (&listener.place, &listener.frontend, shown.name);
    let (after, before) = (read.not_after_long(), read.not_before_long());
    Some(format!("{frontend}/{place}\t{name}\t{except}\t{kind}\t{}\t{after}\t{before}\n", placed.name))
}

/// What is said of certificates of all kinds.
pub(super) fn describe(text: &mut String, read: &Read<'_>) {
    let hex = |bytes: &[u8]| x509::hex(bytes).to_ascii_uppercase();
    let _ = writeln!(text, "Serial: {}", hex(read.serial()));
    let _ = writeln!(text, "notBefore: {}\nnotAfter: {}", read.not_before_long(), read.not_after_long());
    let names = read.alternative_names().unwrap_or_default();
    let _ = writeln!(text, "Subject Alternative Name: {names}\nAlgorithm: {}", read.key_kind());
    let _ = writeln!(text, "SHA1 FingerPrint: {}", hex(&read.sha1()));
    let (subject, issuer) = (read.one_line(Whose::Subject), read.one_line(Whose::Issuer));
    let _ = writeln!(text, "Subject: {subject}\nIssuer: {issuer}");
}

fn describe_chain(text: &mut String, parts: &Parts) {
    for read in parts.chain.iter().skip(1).filter_map(|der| Read::new(der)) {
        let (subject, issuer) = (read.one_line(Whose::Subject), read.one_line(Whose::Issuer));
        let _ = writeln!(text, "Chain Subject: {subject}\nChain Issuer: {issuer}");
    }
}
