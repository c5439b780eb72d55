//! The responses on the certificates of the process: what clients are given, and what is fetched again.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;

use super::{Name, Refused, State, Store};
use crate::certificate::{Certificate, Parts};
use crate::ocsp::check::{self, Flaw, Valid};
use crate::ocsp::id::{self, Id};
use crate::ocsp::response::CertId;
use crate::ocsp::schedule::{Ended, Mode, Schedule, Terms};
use crate::ocsp::{now, text};
use crate::told::Told;
use crate::x509;

/// What is said and what is known of all certificates.
#[derive(Default)]
pub(super) struct Staples {
    all: BTreeMap<Id, Staple>,
    pub(super) terms: Terms,
    /// Updates that somebody asked for.
    asked: VecDeque<Id>,
    /// Told when there may be something to fetch.
    wake: Option<Wake>,
}

/// What is done when there may be something to fetch.
type Wake = Box<dyn Fn() + Send + Sync>;

impl std::fmt::Debug for Staples {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staples").field("all", &self.all).finish_non_exhaustive()
    }
}

/// The responses on one certificate.
#[derive(Debug)]
struct Staple {
    /// The first certificate that it is for.
    path: Name,
    /// All that present it.
    certificates: BTreeSet<Name>,
    issuer: CertificateDer<'static>,
    /// Where there are newer ones.
    uri: Option<String>,
    held: Option<Valid>,
    schedule: Schedule,
}

/// What is wrong with the responses on a certificate, without which it is used anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// About a line of the configuration.
    OfLine(String),
    /// About a response.
    OfResponse(String),
}

/// Something that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    id: Id,
    path: Name,
    /// Where: the request is a part of it.
    pub url: String,
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// This is to be fetched.
    Now(Job),
    /// Something will be, in so many seconds.
    In(u64),
    /// Nothing before somebody asks.
    Nothing,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// No answer.
    Nothing,
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// What it says that its body is.
        kind: Option<Vec<u8>>,
        /// Its body.
        body: Vec<u8>,
    },
}

/// How responses are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As text.
    Text,
    /// As they are, in base 64.
    Base64,
}

impl Store {
    /// Says what is to be done whenever there may be something to fetch.
    pub fn on_due(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.state().staples.wake = Some(Box::new(wake));
    }

    /// What is to be fetched next.
    pub fn due(&self) -> Due {
        self.state().due(now())
    }

    /// Takes what came back; returns what is logged of it, where that is wanted.
    pub fn fetched(&self, job: &Job, came: Fetched) -> Option<String> {
        self.state().fetched(job, came, now())
    }

    /// `show ssl ocsp-response`: which responses there are.
    pub fn responses(&self) -> String {
        let state = self.state();
        let mut text = "# Certificate IDs\n".to_owned();
        for (id, staple) in &state.staples.all {
            let _ =
                writeln!(text, "Certificate ID key : {}\nCertificate path : {}", x509::hex(id), staple.path);
            if let Some(id) = CertId::read(id) {
                text::write_id(&mut text, &id, 1, None);
            }
        }
        text
    }

    /// `show ssl ocsp-response <id>`: one of them.
    ///
    /// # Errors
    /// When there is none by this identifier or certificate.
    pub fn response(&self, wanted: &str, form: Option<Form>) -> Result<String, Refused> {
        let state = self.state();
        let expected = "'show ssl ocsp-response' expects a valid certid or certificate path.\n";
        let Some(id) = state.id_of(wanted) else {
            return Err(match form {
                None => expected.to_owned(),
                Some(_) => "Certificate ID or path does not match any certificate.\n".to_owned(),
            });
        };
        let held = state.staples.all.get(&id).and_then(|staple| staple.held.as_ref());
        Ok(held.map_or_else(String::new, |held| shown(&held.der, form.unwrap_or(Form::Text))))
    }

    /// `set ssl ocsp-response`: takes a response.
    ///
    /// # Errors
    /// When it is none, or is not good.
    pub fn set_response(&self, encoded: &[u8]) -> Result<String, Refused> {
        let encoded: Vec<u8> = encoded.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        let der = STANDARD
            .decode(&encoded)
            .map_err(|_| "'set ssl ocsp-response' received invalid base64 encoded response.\n".to_owned())?;
        let mut state = self.state();
        let valid = Valid::check(&der, now()).map_err(|flaw| format!("{flaw}.\n"))?;
        state.hold(valid).map_err(|flaw| format!("{flaw}.\n"))?;
        Ok("OCSP Response updated!\n".to_owned())
    }

    /// `show ssl ocsp-updates`: what is fetched, and when; `date` writes times in seconds since 1970.
    pub fn updates(&self, date: impl Fn(i64) -> String) -> String {
        let state = self.state();
        let mut text = "OCSP Certid | Path | Next Update | Last Update | Successes | Failures | Last Update Status | Last Update Status (str)\n".to_owned();
        let mut lines: Vec<_> =
            state.staples.all.iter().filter_map(|(id, s)| Some((s.schedule.next?, id, s))).collect();
        lines.sort_by_key(|(next, ..)| *next);
        for (next, id, Staple { path, schedule: s, .. }) in lines {
            let last = s.last.map_or_else(|| "-".to_owned(), &date);
            let (id, next) = (x509::hex(id), date(next));
            let Schedule { successes, failures, ended, .. } = s;
            let number = ended.number();
            let _ = writeln!(
                text,
                "{id} | {path} | {next} | {last} | {successes} | {failures} | {number} | {ended}"
            );
        }
        text
    }

    /// `update ssl ocsp-response`: fetches a response now.
    ///
    /// # Errors
    /// When there is no such certificate, or no response on it.
    pub fn update_response(&self, name: &str) -> Result<(), Refused> {
        let mut state = self.state();
        let refused = |why: &str| Err(format!("{why}Can't send ocsp request for {name}!\n"));
        if !state.entries.contains_key(name) {
            return refused(
                "Unknown certificate! 'update ssl ocsp-response' expects an already known certificate file name.\n",
            );
        }
        let Some(id) = state.id_of(name) else {
            return refused(
                "'update ssl ocsp-response' only works on certificates that already have a known OCSP response.\n",
            );
        };
        if !state.staples.asked.contains(&id) {
            state.staples.asked.push_back(id);
        }
        state.staples.wake();
        Ok(())
    }

    /// Takes what a line says of a certificate.
    ///
    /// # Errors
    /// When another line says something else.
    pub(crate) fn agree(&self, name: &str, told: &Told) -> Result<(), String> {
        self.state().agree(name, told)
    }

    /// Lets clients have the responses on certificates that listeners present; tells what is wrong with them.
    pub(crate) fn staple<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Vec<Trouble> {
        let mut state = self.state();
        let troubles = names.into_iter().filter_map(|name| state.link(name, now()));
        let troubles = troubles.collect();
        state.schedule(now());
        troubles
    }
}

/// A response, with something on each of its lines.
fn shown(der: &[u8], form: Form) -> String {
    match form {
        Form::Base64 => STANDARD.encode(der),
        Form::Text => text::describe(der).unwrap_or_default().replace("\n\n", "\n \n"),
    }
}

/// What is shown of a response that may not be in use.
pub(super) fn describe(parts: &Parts) -> String {
    parts.ocsp.as_ref().map_or_else(String::new, |der| shown(der, Form::Text))
}

impl Staples {
    fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake();
        }
    }
}

impl State {
    /// Whether the responses on a certificate are updated.
    pub(super) fn updates(&self, name: &str) -> Mode {
        self.entries.get(name).map_or(Mode::Off, |e| e.told.updates(&self.staples.terms))
    }

    /// What the responses on a certificate are known by that presents them.
    pub(super) fn stapled_id(&self, name: &str) -> Option<&Id> {
        let id = self.ready(name)?.id()?;
        self.staples.all.get(id)?.certificates.contains(name).then_some(id)
    }

    /// The response that is given with a certificate, as text.
    pub(super) fn shown_response(&self, name: &str) -> String {
        let staple = self.stapled_id(name).and_then(|id| self.staples.all.get(id));
        let held = staple.and_then(|staple| staple.held.as_ref());
        held.map_or_else(String::new, |held| shown(&held.der, Form::Text))
    }

    /// Takes what another line says of a certificate, unless that is at odds with what is known.
    pub(super) fn agree(&mut self, name: &str, told: &Told) -> Result<(), String> {
        let Some(entry) = self.entries.get_mut(name) else { return Ok(()) };
        if let Some(told) = entry.told.agree(told, &self.staples.terms)? {
            entry.told = told;
        }
        Ok(())
    }

    /// By the name of a certificate, or by what its responses are known by, in hexadecimal.
    fn id_of(&self, wanted: &str) -> Option<Id> {
        if let Some(id) = self.stapled_id(wanted) {
            return Some(id.clone());
        }
        let digits: Option<Vec<u8>> = wanted.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        let digits = digits?;
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let id: Id = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        self.staples.all.contains_key(&id).then_some(id)
    }

    /// Begins to keep the responses on a certificate, if there may be any.
    pub(super) fn link(&mut self, name: &str, now: i64) -> Option<Trouble> {
        let certificate = self.ready(name)?.clone();
        let updates = self.updates(name);
        if certificate.ocsp().is_none() && updates == Mode::Off {
            return None;
        }
        let uri = id::responder(certificate.der());
        if certificate.ocsp().is_none() && uri.is_none() {
            return None;
        }
        let (Some(id), Some(issuer)) = (certificate.id().cloned(), certificate.issuer().cloned()) else {
            return Some(Trouble::OfLine(match certificate.ocsp() {
                Some(_) => format!(
                    "'{name}.ocsp' is present and activates OCSP but it is impossible to compute the OCSP certificate ID (maybe the issuer could not be found)'"
                ),
                None => format!(
                    "'{name}' has an OCSP auto-update set to 'on' but an error occurred (maybe the OCSP URI or the issuer could not be found)'"
                ),
            }));
        };
        let staple = self.staples.all.entry(id.clone()).or_insert_with(|| Staple {
            path: name.into(),
            certificates: BTreeSet::new(),
            issuer,
            uri,
            held: None,
            schedule: Schedule::default(),
        });
        staple.certificates.insert(name.into());
        let checked = certificate.ocsp().map(|der| match Valid::check(der, now) {
            Ok(valid) if valid.id != id => Err(Flaw::OfAnother),
            other => other,
        });
        let flaw = match checked {
            Some(Ok(valid)) => self.hold(valid).err(),
            Some(Err(flaw)) => Some(flaw),
            None => None,
        };
        self.present_responses(&id);
        let why = flaw?.beside_certificate();
        Some(Trouble::OfResponse(format!("Loading: {why}. Content will be ignored.")))
    }

    /// Keeps a response in place of the one before.
    fn hold(&mut self, valid: Valid) -> Result<(), Flaw> {
        let id = valid.id.clone();
        let staple = self.staples.all.get_mut(&id).ok_or(Flaw::OfAnother)?;
        staple.held = Some(valid);
        self.present_responses(&id);
        Ok(())
    }

    /// Gives the certificates that a response is about what is held.
    fn present_responses(&self, id: &Id) {
        let Some(staple) = self.staples.all.get(id) else { return };
        for certificate in staple.certificates.iter().filter_map(|name| self.ready(name)) {
            if certificate.id() == Some(id) {
                certificate.staple(staple.held.as_ref());
            }
        }
    }

    /// Forgets responses that are on no certificate, and decides which are updated.
    pub(super) fn schedule(&mut self, now: i64) {
        let mut staples = std::mem::take(&mut self.staples.all);
        let listened: HashSet<&Name> =
            self.listeners.iter().flat_map(|l| &l.uses).map(|placed| &placed.name).collect();
        for (id, staple) in &mut staples {
            let has = |name: &Name| self.ready(name).is_some_and(|c| c.id() == Some(id));
            staple.certificates.retain(has);
            let updated = |name: &Name| self.updates(name) == Mode::On && listened.contains(name);
            let wanted = staple.uri.is_some() && staple.certificates.iter().any(updated);
            let mode = if wanted { Mode::On } else { Mode::Off };
            let until = staple.held.as_ref().map(|held| held.until);
            staple.schedule.want(mode, until, now, &self.staples.terms);
        }
        staples.retain(|_, staple| !staple.certificates.is_empty());
        self.staples.all = staples;
        if self.staples.all.values().any(|staple| staple.schedule.next.is_some()) {
            self.staples.wake();
        }
    }

    pub(super) fn is_listened(&self, name: &str) -> bool {
        self.listeners.iter().flat_map(|l| &l.uses).any(|placed| *placed.name == *name)
    }

    fn due(&mut self, now: i64) -> Due {
        while let Some(id) = self.staples.asked.pop_front() {
            if let Some(job) = self.job(&id) {
                return Due::Now(job);
            }
        }
        let scheduled = self.staples.all.iter().filter_map(|(id, s)| Some((s.schedule.next?, id)));
        match scheduled.min() {
            Some((next, id)) if next <= now => {
                let id = id.clone();
                self.job(&id).map_or(Due::Nothing, Due::Now)
            }
            Some((next, _)) => Due::In(next.abs_diff(now)),
            None => Due::Nothing,
        }
    }

    fn job(&self, id: &Id) -> Option<Job> {
        let staple = self.staples.all.get(id)?;
        let request = id::request(id)?;
        let mut url = staple.uri.clone()?;
        url.push('/');
        for c in STANDARD.encode(request).chars() {
            match c {
                '+' => url.push_str("%2B"),
                '/' => url.push_str("%2F"),
                '=' => url.push_str("%3D"),
                c => url.push(c),
            }
        }
        Some(Job { id: id.clone(), path: staple.path.clone(), url })
    }

    fn fetched(&mut self, job: &Job, came: Fetched, now: i64) -> Option<String> {
        let checked = self.checked(job, came, now);
        let staple = self.staples.all.get_mut(&job.id)?;
        staple.schedule.note(checked, now, &self.staples.terms);
        let Schedule { successes, failures, ended, .. } = &staple.schedule;
        Some(format!("<OCSP-UPDATE> {} {} \"{ended}\" {failures} {successes}", staple.path, ended.number()))
    }

    /// Until when the response that came is good.
    fn checked(&mut self, job: &Job, came: Fetched, now: i64) -> Result<i64, Ended> {
        let Fetched::Answer { status: 200, kind, body } = came else { return Err(Ended::Http) };
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/ocsp-response")) {
            return Err(Ended::Kind);
        }
        let issuer = self.staples.all.get(&job.id).map(|staple| staple.issuer.clone());
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        check::verify(&body, &issuer.unwrap_or_else(|| Vec::new().into()), now, &algorithms)
            .map_err(Ended::Check)?;
        let insertion = |flaw: Flaw| Ended::Insertion(flaw.to_string());
        let valid = Valid::check(&body, now).map_err(insertion)?;
        let until = valid.until;
        if valid.id != job.id {
            return Err(insertion(Flaw::OfAnother));
        }
        self.hold(valid).map_err(insertion)?;
        Ok(until)
    }
}

impl Certificate {
    /// Lets clients have a response, or none.
    fn staple(&self, held: Option<&Valid>) {
        let stapled = held.map_or_else(|| self.without_response(), |held| self.with_response(held));
        self.stapled.store(Some(Arc::new(stapled)));
    }
}
