//! The certificates of the process by name, and who presents them: what the runtime API works on.
//!
//! No connection ever looks here: listeners and servers have snapshots of their own, which are swapped when a
//! certificate is replaced.

mod authorities;
mod lists;
mod loading;
mod show;
mod staples;
mod tickets;
mod tokens;
mod transaction;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use config::directive::Switch;
use config::draft::Speech;

use crate::acceptor::{Acceptor, Configs, Terms};
use crate::certificate::{Beside, Certificate, Extras, Files, LoadError, Parts};
use crate::connector::Connector;
use crate::directory::{Directory, Presented};
use crate::forge::Forge;
use crate::issuers::Issuers;
use crate::line::{Line, Meaning, Names, Options, Standing};
use crate::ocsp::schedule::Terms as UpdateTerms;
use crate::settings::Use;
use crate::tickets::TicketFiles;
use crate::told::Told;
use crate::verify::Authorities;

pub use authorities::FileKind;
use authorities::Shelf;
pub(crate) use authorities::TrustFiles;
pub use show::{Expired, Numbers, SniWanted};
pub(crate) use staples::Trouble;
pub use staples::{Due, Fetched, Form, Job};

/// The certificates of the process.
#[derive(Debug, Default)]
pub struct Store(Mutex<State>);

/// Why a command has no effect, in the words that programs know.
pub type Refused = String;

/// A certificate's name: its file's, or an alias.
pub(crate) type Name = Box<str>;

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Name, Entry>,
    transaction: Option<Transaction>,
    lists: BTreeMap<Name, List>,
    listeners: Vec<Listener>,
    /// Servers that certificates are shown to.
    servers: Vec<(Name, Weak<Connector>)>,
    /// Servers whose certificates are held against files.
    believers: Vec<(TrustFiles, Weak<Connector>)>,
    files: Shelf,
    /// Where relative names are looked for.
    bases: Bases,
    extras: Extras,
    staples: staples::Staples,
    issuers: Arc<Issuers>,
    /// Whether progress is told.
    speech: Speech,
    tickets: TicketFiles,
}

/// Where relative names are looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bases {
    /// `crt-base`.
    pub(crate) certificates: Option<PathBuf>,
    /// `ca-base`.
    pub(crate) authorities: Option<PathBuf>,
}

/// A certificate.
#[derive(Debug)]
struct Entry {
    content: Content,
    origin: Origin,
    told: Told,
    /// Whether it may be used for tokens (`jwt`).
    tokens: Switch,
}

/// What is known of a certificate.
#[derive(Clone, Debug)]
enum Content {
    /// Nothing yet.
    Empty,
    /// It cannot be presented, as it has no key.
    Keyless(Arc<Parts>),
    Ready(Arc<Certificate>),
}

/// The files that a certificate came from, as they are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin(pub(crate) Vec<(&'static str, String)>);

/// What a certificate is about to become.
#[derive(Debug)]
struct Transaction {
    name: Name,
    parts: Parts,
}

/// A `crt-list`, or a directory.
#[derive(Debug, Default)]
struct List {
    lines: Vec<Numbered>,
    last: usize,
}

#[derive(Debug)]
struct Numbered {
    number: usize,
    /// What tells lines of the same number apart.
    id: usize,
    name: Name,
    line: Line,
}

/// A `bind` line.
#[derive(Debug)]
struct Listener {
    acceptor: Arc<Acceptor>,
    frontend: Arc<str>,
    /// `file:line`.
    place: String,
    /// The address as it is written.
    written: String,
    uses: Vec<Placed>,
    /// The lists whose lines it uses.
    lists: Vec<Name>,
    /// The terms that lines have, with what was made of them.
    terms: Vec<(Arc<Options>, Arc<Configs>)>,
}

/// A certificate in a listener.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) name: Name,
    pub(crate) meaning: Meaning,
    pub(crate) options: Option<Arc<Options>>,
    /// The list and the line that it comes from.
    pub(crate) from: Option<(Name, usize)>,
}

/// What a listener begins with.
pub(crate) struct NewListener {
    pub(crate) frontend: Arc<str>,
    pub(crate) place: String,
    pub(crate) written: String,
    pub(crate) terms: Terms,
    /// What makes certificates for names that nobody has.
    pub(crate) forge: Option<Forge>,
    pub(crate) uses: Vec<Placed>,
    pub(crate) lists: Vec<Name>,
}

/// A certificate that is to be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) name: Name,
    pub(crate) files: Files,
    pub(crate) origin: Origin,
    pub(crate) told: Told,
    /// Whether it may be used for tokens (`jwt`).
    pub(crate) tokens: Switch,
}

impl Entry {
    /// Whether it was read for tokens only, and is wanted with its key now.
    fn is_without_key_of(&self, wanted: &Wanted) -> bool {
        let for_tokens = self.origin.0.is_empty() && matches!(self.content, Content::Keyless(_));
        for_tokens && matches!(wanted.files.beside, Beside::Sought(_))
    }
}

impl Origin {
    /// A file that is looked for with all that may stand beside it.
    pub(crate) fn with_all_beside(name: &str, extras: Extras) -> Self {
        let mut files = vec![("Crt", name.to_owned()), ("Key", name.to_owned())];
        if extras.ocsp {
            files.push(("OCSP", format!("{name}.ocsp")));
        }
        files.push(("SCTL", format!("{name}.sctl")));
        Self(files)
    }

    /// Notes that the issuer is looked for beside, which only happens when there is a response.
    fn note_issuer(&mut self, name: &str, content: &Content) {
        let beside = matches!(content, Content::Ready(c) if c.ocsp().is_some());
        let at = self.0.iter().position(|(kind, _)| *kind == "SCTL");
        if let Some(at) = at.filter(|_| beside) {
            self.0.insert(at, ("OCSP Issuer", format!("{name}.issuer")));
        }
    }
}

impl Store {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where files are looked for from now on.
    pub(crate) fn settle(&self, bases: Bases, extras: Extras, updates: UpdateTerms, speech: Speech) {
        let mut state = self.state();
        (state.bases, state.extras, state.staples.terms, state.speech) = (bases, extras, updates, speech);
    }

    /// Says where chains are from now on.
    pub(crate) fn complete_from(&self, issuers: Issuers) {
        self.state().issuers = Arc::new(issuers);
    }

    /// Reads certificates that are not there yet, on all processors when there are many; tells what is wrong with
    /// which.
    pub(crate) fn load(&self, wanted: Vec<Wanted>) -> BTreeMap<Name, LoadError> {
        let mut state = self.state();
        let mut new: BTreeMap<Name, Wanted> = BTreeMap::new();
        for mut one in wanted {
            let known = state.entries.get(&one.name);
            if let Some(known) = known.filter(|known| known.is_without_key_of(&one)) {
                one.tokens = known.tokens;
                new.entry(one.name.clone()).or_insert(one);
            } else if known.is_none() {
                new.entry(one.name.clone()).or_insert(one);
            }
        }
        let (mut wrong, mut names) = (BTreeMap::new(), Vec::new());
        for (wanted, read) in
            loading::read_all(&new.into_values().collect::<Vec<_>>(), &state.issuers, state.speech)
        {
            match read {
                Ok(content) => {
                    let Wanted { name, mut origin, told, tokens, .. } = wanted;
                    origin.note_issuer(&name, &content);
                    names.push(name.clone());
                    state.entries.insert(name, Entry { content, origin, told, tokens });
                }
                Err(e) => {
                    wrong.insert(wanted.name, e);
                }
            }
        }
        state.publish_all(&names);
        wrong
    }

    /// Whether there is a certificate of this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.state().entries.contains_key(name)
    }

    /// A certificate that can be presented.
    pub(crate) fn certificate(&self, name: &str) -> Option<Arc<Certificate>> {
        self.state().ready(name).cloned()
    }

    /// Adds the lines of a list, if it is not there yet; returns which certificates its listeners use.
    pub(crate) fn add_list(&self, name: &str, lines: Vec<(usize, Name, Line)>) -> Vec<Placed> {
        let mut state = self.state();
        if !state.lists.contains_key(name) {
            let mut list = List::default();
            for (number, certificate, line) in lines {
                list.push(number, certificate, line);
            }
            state.lists.insert(name.into(), list);
        }
        state.lists[name].lines.iter().map(|line| line.placed(name)).collect()
    }

    /// Makes what a listener needs.
    pub(crate) fn listen(&self, new: NewListener) -> Result<Arc<Acceptor>, String> {
        let mut state = self.state();
        let trust = state.files.trust(&new.terms.clients.files);
        let acceptor = Arc::new(Acceptor::new(new.terms, trust, new.forge)?);
        let mut listener = Listener {
            acceptor: acceptor.clone(),
            frontend: new.frontend,
            place: new.place,
            written: new.written,
            uses: new.uses,
            lists: new.lists,
            terms: Vec::new(),
        };
        for placed in &listener.uses.clone() {
            if let Some(options) = &placed.options {
                listener.prepare(options, &state.files)?;
            }
        }
        state.present(&listener);
        state.listeners.push(listener);
        Ok(acceptor)
    }

    /// Remembers which certificate is shown to a server.
    pub(crate) fn connect(&self, name: &str, connector: &Arc<Connector>) {
        self.state().servers.push((name.into(), Arc::downgrade(connector)));
    }

    /// Remembers which files the certificate of a server is held against.
    pub(crate) fn believe(&self, files: TrustFiles, connector: &Arc<Connector>) {
        self.state().believers.push((files, Arc::downgrade(connector)));
    }
}

impl State {
    fn ready(&self, name: &str) -> Option<&Arc<Certificate>> {
        match &self.entries.get(name)?.content {
            Content::Ready(certificate) => Some(certificate),
            Content::Empty | Content::Keyless(_) => None,
        }
    }

    /// Gives a listener the certificates that it uses.
    fn present(&self, listener: &Listener) {
        let mut directory = Directory::default();
        for placed in &listener.uses {
            let Some(certificate) = self.ready(&placed.name) else { continue };
            let configs = placed.options.as_ref().and_then(|options| listener.configs(options));
            let name = Some((*placed.name).into());
            let presented = Arc::new(Presented { certificate: certificate.clone(), name, configs });
            directory.add(&presented, placed.names(certificate), &placed.meaning.except);
            if placed.meaning.default == Standing::Default {
                directory.add_default(&presented);
            }
        }
        listener.acceptor.present(directory);
    }

    /// How often a certificate is used.
    fn uses(&self, name: &str) -> usize {
        let placed = self.listeners.iter().flat_map(|l| &l.uses).filter(|p| *p.name == *name).count();
        placed + self.shown_to(name).count()
    }
}

impl State {
    /// The servers that a certificate is shown to.
    fn shown_to(&self, name: &str) -> impl Iterator<Item = Arc<Connector>> {
        self.servers.iter().filter(move |(n, _)| **n == *name).filter_map(|(_, server)| server.upgrade())
    }
}

impl Placed {
    fn names<'p>(&'p self, certificate: &'p Certificate) -> &'p [Box<str>] {
        match &self.meaning.names {
            Names::Own => &certificate.names,
            Names::Given(names) => names,
        }
    }
}

impl Listener {
    fn configs(&self, options: &Arc<Options>) -> Option<Arc<Configs>> {
        self.terms.iter().find(|(o, _)| o == options).map(|(_, configs)| configs.clone())
    }

    /// The terms of sessions with these options.
    fn terms_with(&self, options: &Options) -> Terms {
        let mut terms = self.acceptor.terms().clone();
        terms.profile = options.profile.or(&terms.profile);
        terms.verify = options.verify.unwrap_or(terms.verify);
        if options.early == Use::Yes {
            terms.early = Use::Yes;
        }
        terms.clients.told = options.names.unwrap_or(terms.clients.told);
        let files = &mut terms.clients.files;
        let name = |which: &Option<Authorities>| which.as_ref().map(|which| which.name.clone());
        files.authorities = name(&options.authorities).or_else(|| files.authorities.take());
        files.verify_authorities =
            name(&options.verify_authorities).or_else(|| files.verify_authorities.take());
        files.revocations = name(&options.revocations).or_else(|| files.revocations.take());
        terms
    }

    /// Makes what sessions with these options need, unless others have the same.
    fn prepare(&mut self, options: &Arc<Options>, files: &Shelf) -> Result<(), String> {
        if self.configs(options).is_some() {
            return Ok(());
        }
        let terms = self.terms_with(options);
        let configs = Arc::new(self.acceptor.on(&terms, files.trust(&terms.clients.files))?);
        self.terms.push((options.clone(), configs));
        Ok(())
    }
}

impl List {
    fn push(&mut self, number: usize, name: Name, line: Line) -> usize {
        self.last += 1;
        self.lines.push(Numbered { number, id: self.last, name, line });
        self.last
    }
}

impl Numbered {
    fn placed(&self, list: &str) -> Placed {
        let options = (self.line.options != Arc::default()).then(|| self.line.options.clone());
        let from = Some((list.into(), self.id));
        Placed { name: self.name.clone(), meaning: self.line.meaning(), options, from }
    }
}

/// A name without the slashes at its end, by which lists are known.
pub(crate) fn list_name(written: &str) -> &str {
    let name = written.trim_end_matches('/');
    if name.is_empty() { written } else { name }
}

/// The path of a file that may be named with one of these endings in place of its own.
fn stem<'n>(name: &'n str, endings: &[&'static str]) -> Option<(&'n str, &'static str)> {
    endings.iter().find_map(|e| Some((name.strip_suffix(e)?.strip_suffix('.')?, *e)))
}

/// A file as messages name it.
fn file(name: &str) -> &Path {
    Path::new(name)
}
