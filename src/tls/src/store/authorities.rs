//! The files of authorities and of what they revoked, by name, and the commands on them: `new`, `set`, `add`, `commit`,
//! `abort`, `del` and `show` of `ssl ca-file` and `ssl crl-file`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::show::describe;
use super::{Listener, Name, Refused, State, Store, file};
use crate::acceptor::{Configs, Terms};
use crate::certificate::LoadError;
use crate::connector::Connector;
use crate::line::Options;
use crate::pki::chain::Trust;
use crate::pki::store::{Kind, Store as Content};
use crate::verify::{Authorities, Verify};
use crate::x509::{self, Read};

/// What a file was loaded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Certificates of authorities (`ca-file`, `ca-verify-file`).
    Ca,
    /// Lists of what was revoked (`crl-file`).
    Crl,
}

/// The files that certificates are held against.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustFiles {
    pub(crate) authorities: Option<Name>,
    pub(crate) verify_authorities: Option<Name>,
    pub(crate) revocations: Option<Name>,
}

impl TrustFiles {
    fn name(&self, name: &str) -> bool {
        [&self.authorities, &self.verify_authorities, &self.revocations]
            .into_iter()
            .flatten()
            .any(|n| **n == *name)
    }
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    files: BTreeMap<Name, File>,
    /// What files are to become: one of each kind at a time.
    transactions: [Option<Change>; 2],
    system: System,
}

/// A file; without content as long as it was only named.
#[derive(Debug)]
struct File {
    kind: FileKind,
    content: Option<Arc<Content>>,
}

#[derive(Debug)]
struct Change {
    name: Name,
    content: Content,
}

/// Whether those that the system trusts were looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum System {
    #[default]
    Unread,
    Read,
}

/// What a file, or what it is to become, is shown as.
struct Shown<'s> {
    name: &'s str,
    status: &'static str,
    content: Option<&'s Content>,
}

/// What a change of a file brings, ready to be put in place.
struct Renewed {
    listeners: Vec<Option<Configs>>,
    lines: Vec<(usize, Arc<Options>, Configs)>,
    servers: Vec<(Arc<Connector>, Trust)>,
}

impl FileKind {
    /// The word for it in messages.
    fn word(self) -> &'static str {
        match self {
            Self::Ca => "CA",
            Self::Crl => "CRL",
        }
    }
}

impl Shelf {
    /// Whether there is something in a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.content(name).is_some()
    }

    fn content(&self, name: &str) -> Option<&Arc<Content>> {
        self.files.get(name)?.content.as_ref()
    }

    /// Whom files make believable.
    pub(super) fn trust(&self, files: &TrustFiles) -> Trust {
        let content = |name: &Option<Name>| self.content(name.as_ref()?).cloned();
        let authorities = [&files.authorities, &files.verify_authorities].into_iter().filter_map(content);
        Trust { authorities: authorities.collect(), revocations: content(&files.revocations) }
    }

    fn load(&mut self, which: &Authorities, kind: FileKind) -> Result<(), LoadError> {
        if !self.has(&which.name) {
            let content = Some(which.load()?);
            self.files.insert(which.name.clone(), File { kind, content });
        }
        Ok(())
    }

    fn load_system(&mut self) {
        if self.system == System::Unread {
            self.system = System::Read;
            // Not every system has some.
            let _ = self.load(&Authorities::system(), FileKind::Ca);
        }
    }

    fn change(&mut self, kind: FileKind) -> &mut Option<Change> {
        &mut self.transactions[kind as usize]
    }

    fn check_change(&self, kind: FileKind, name: &str, what: &str) -> Result<(), Refused> {
        match &self.transactions[kind as usize] {
            Some(change) if *change.name != *name => Err(format!(
                "The ongoing transaction is about '{}' but you are trying to {what} '{name}'\n",
                change.name
            )),
            _ => Ok(()),
        }
    }

    fn set(&mut self, kind: FileKind, name: &str, payload: &[u8], begin: Begin) -> Result<String, Refused> {
        if !self.files.contains_key(name) {
            let word = kind.word();
            return Err(format!(
                "Can't replace a {word} file which is not referenced by the configuration!\n"
            ));
        }
        self.check_change(kind, name, "set")?;
        let old = match (begin, self.change(kind)) {
            (Begin::Empty, _) => Content::default(),
            (Begin::AsItIs, Some(change)) => change.content.again(),
            (Begin::AsItIs, None) => self.content(name).map(|c| c.again()).unwrap_or_default(),
        };
        let mut content = old;
        let mut new = Content::default();
        if new.add(file(name), payload).is_err() || new.is_empty() {
            return Err("Invalid payload\n".to_owned());
        }
        content.add(file(name), payload).map_err(|e| format!("{e}\n"))?;
        let change = Change { name: name.into(), content };
        let verb = if self.change(kind).replace(change).is_some() { "updated" } else { "created" };
        Ok(format!("transaction {verb} for {} {name}!\n", kind.word()))
    }

    /// A file, or what it is to become where a `*` stands in front of the name.
    fn chosen<'s>(&'s self, kind: FileKind, written: &'s str) -> Option<Shown<'s>> {
        if let Some(name) = written.strip_prefix('*') {
            let change = self.transactions[kind as usize].as_ref().filter(|c| *c.name == *name)?;
            return Some(Shown { name: written, status: "Uncommitted", content: Some(&change.content) });
        }
        let name = if written.starts_with("\\*") { &written[1..] } else { written };
        let file = self.files.get(name).filter(|file| file.kind == kind)?;
        Some(Shown { name, status: "", content: file.content.as_deref() })
    }
}

/// What a change begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    /// Nothing.
    Empty,
    /// What there is.
    AsItIs,
}

impl Store {
    /// Reads a file that is not there yet, and returns its name.
    pub(crate) fn load_file(&self, which: &Authorities, kind: FileKind) -> Result<Name, LoadError> {
        self.state().files.load(which, kind)?;
        Ok(which.name.clone())
    }

    /// Reads what the system trusts.
    pub(crate) fn load_system(&self) {
        self.state().files.load_system();
    }

    /// Whom files make believable.
    pub(crate) fn trust(&self, files: &TrustFiles) -> Trust {
        self.state().files.trust(files)
    }

    /// `show ssl ca-file`, `show ssl crl-file`: the names of all.
    pub fn files(&self, kind: FileKind) -> String {
        let mut state = self.state();
        state.files.load_system();
        let line = |star: &str, name: &str, content: Option<&Content>| match kind {
            FileKind::Crl => format!("{star}{name}\n"),
            FileKind::Ca => {
                let count = content.map_or(0, |c| c.objects().len());
                format!("{star}{name} - {count} certificate(s)\n")
            }
        };
        let mut text = String::new();
        if let Some(change) = &state.files.transactions[kind as usize] {
            text.push_str("# transaction\n");
            text.push_str(&line("*", &change.name, Some(&change.content)));
        }
        text.push_str("# filename\n");
        for (name, file) in state.files.files.iter().filter(|(_, file)| file.kind == kind) {
            text.push_str(&line("", name, file.content.as_deref()));
        }
        text
    }

    /// `show ssl ca-file <name>`, `show ssl crl-file <name>`: what is in one, or one thing of it with its number behind
    /// a colon; what it is to become with a `*` in front.
    ///
    /// # Errors
    /// When it is not there, or the number is none.
    pub fn show_file(&self, kind: FileKind, written: &str) -> Result<String, Refused> {
        let mut state = self.state();
        state.files.load_system();
        let word = kind.word();
        let (name, number) = match written.rsplit_once(':') {
            Some((name, number)) => match number.parse::<usize>() {
                Ok(number) if number > 0 => (name, Some(number)),
                _ => return Err(format!("wrong {word} index after colons in '{written}'!\n")),
            },
            None => (written, None),
        };
        let shown = state.files.chosen(kind, name);
        let shown = shown.ok_or_else(|| format!("Can't display the {word} file : Not found!\n"))?;
        let status = match (shown.status, shown.content) {
            ("", None) => "Empty",
            ("", Some(_)) if state.uses_of(shown.name) > 0 => "Used",
            ("", Some(_)) => "Unused",
            (status, _) => status,
        };
        let objects = shown.content.map(Content::objects).unwrap_or_default();
        let wanted = objects.iter().zip(1..).filter(|(_, n)| number.is_none_or(|number| number == *n));
        let mut text = String::new();
        for (object, n) in wanted {
            match (kind, object.kind) {
                (FileKind::Ca, Kind::Authority) => {
                    let _ = writeln!(text, " \nCertificate #{n}:");
                    if let Some(read) = Read::new(&object.der) {
                        describe(&mut text, &read);
                    }
                }
                (FileKind::Crl, Kind::Revocations) => {
                    let _ = writeln!(text, " \nCertificate Revocation List #{n}:");
                    text.push_str(&x509::describe_list(&object.der).unwrap_or_default());
                }
                _ => {}
            }
        }
        if kind == FileKind::Ca && text.is_empty() {
            return Ok(text);
        }
        Ok(format!("Filename: {}\nStatus: {status}\n{text}", shown.name))
    }

    /// `new ssl ca-file`, `new ssl crl-file`: a name without content.
    ///
    /// # Errors
    /// When it is there.
    pub fn new_file(&self, kind: FileKind, name: &str) -> Result<String, Refused> {
        let (mut state, word) = (self.state(), kind.word());
        if state.files.files.contains_key(name) {
            return Err(format!("{word} file '{name}' already exists!\n"));
        }
        state.files.files.insert(name.into(), File { kind, content: None });
        Ok(format!("New {word} file created '{name}'!\n"))
    }

    /// `set ssl ca-file`, `set ssl crl-file`: what a file is to become, once it is committed.
    ///
    /// # Errors
    /// When it is not there, nothing is in the payload, or another one is under way.
    pub fn set_file(&self, kind: FileKind, name: &str, payload: &[u8]) -> Result<String, Refused> {
        let set = self.state().files.set(kind, name, payload, Begin::Empty);
        set.map_err(|why| format!("{why}Can't update {name}!\n"))
    }

    /// `add ssl ca-file`: what is to be added to a file.
    ///
    /// # Errors
    /// As with `set_file`.
    pub fn add_to_file(&self, name: &str, payload: &[u8]) -> Result<String, Refused> {
        let set = self.state().files.set(FileKind::Ca, name, payload, Begin::AsItIs);
        set.map_err(|why| format!("{why}Can't update {name}!\n"))
    }

    /// `commit ssl ca-file`, `commit ssl crl-file`: puts it in service, everywhere at once.
    ///
    /// # Errors
    /// When nothing is to be committed.
    pub fn commit_file(&self, kind: FileKind, name: &str) -> Result<String, Refused> {
        let mut state = self.state();
        let refused = |why: &str| format!("{why}Can't commit {name}!\n");
        state.files.check_change(kind, name, "set").map_err(|why| refused(&why))?;
        let Some(change) = state.files.change(kind).take() else {
            return Err(refused("No ongoing transaction! !\n"));
        };
        let new = Some(Arc::new(change.content));
        let Some(file) = state.files.files.get_mut(name) else { return Err(refused("")) };
        let old = std::mem::replace(&mut file.content, new);
        let uses = state.uses_of(name);
        match state.renewed(name) {
            Ok(renewed) => state.put(renewed),
            Err(why) => {
                if let Some(file) = state.files.files.get_mut(name) {
                    file.content = old;
                }
                return Ok(format!("Committing {name}\n{why}.\nFailed!\n"));
            }
        }
        Ok(format!("Committing {name}{}\nSuccess!\n", ".".repeat(uses)))
    }

    /// `abort ssl ca-file`, `abort ssl crl-file`: forgets what was set.
    ///
    /// # Errors
    /// When nothing was, or of another file.
    pub fn abort_file(&self, kind: FileKind, name: &str) -> Result<String, Refused> {
        let mut state = self.state();
        state.files.check_change(kind, name, "abort a transaction for")?;
        match state.files.change(kind).take() {
            None => Err("No ongoing transaction!\n".to_owned()),
            Some(_) => Ok(format!("Transaction aborted for certificate '{name}'!\n")),
        }
    }

    /// `del ssl ca-file`, `del ssl crl-file`: forgets a file that nobody uses.
    ///
    /// # Errors
    /// When it is not there, or somebody uses it.
    pub fn delete_file(&self, kind: FileKind, name: &str) -> Result<String, Refused> {
        let (mut state, word) = (self.state(), kind.word());
        let refused = |why: String| Err(format!("Can't remove the {word} file: {why}\n"));
        if state.files.change(kind).as_ref().is_some_and(|change| *change.name == *name) {
            return refused(format!("ongoing transaction for the {word} file '{name}'"));
        }
        let Some(file) = state.files.files.get(name) else {
            return refused(format!("{word} file '{name}' doesn't exist!"));
        };
        if kind == FileKind::Crl && file.kind == FileKind::Ca {
            return refused("'del ssl crl-file' does not work on CA files!".to_owned());
        }
        if state.uses_of(name) > 0 {
            return refused(format!("{word} file '{name}' in use, can't be deleted!"));
        }
        state.files.files.remove(name);
        Ok(format!("{word} file '{name}' deleted!\n"))
    }
}

/// Whether sessions on these terms look into a file.
fn look_into(terms: &Terms, name: &str) -> bool {
    terms.verify != Verify::None && terms.clients.files.name(name)
}

impl Listener {
    fn terms_of(&self, options: Option<&Options>) -> Terms {
        options.map_or_else(|| self.acceptor.terms().clone(), |options| self.terms_with(options))
    }
}

impl State {
    /// How often a file is used.
    fn uses_of(&self, name: &str) -> usize {
        let listed = |l: &Listener| {
            let own = look_into(l.acceptor.terms(), name);
            let used = l.uses.iter().filter(|p| match p.options.as_deref() {
                None => own,
                Some(options) => look_into(&l.terms_of(Some(options)), name),
            });
            used.count()
        };
        self.listeners.iter().map(listed).sum::<usize>() + self.believers_of(name).count()
    }

    fn believers_of(&self, name: &str) -> impl Iterator<Item = (&TrustFiles, Arc<Connector>)> {
        let of_file = self.believers.iter().filter(move |(files, _)| files.name(name));
        of_file.filter_map(|(files, connector)| Some((files, connector.upgrade()?)))
    }

    /// What all that look into a file need now.
    fn renewed(&self, name: &str) -> Result<Renewed, String> {
        let (mut listeners, mut lines) = (Vec::new(), Vec::new());
        let configs = |listener: &Listener, terms: &Terms| {
            let trust = self.files.trust(&terms.clients.files);
            look_into(terms, name).then(|| listener.acceptor.on(terms, trust)).transpose()
        };
        for (i, listener) in self.listeners.iter().enumerate() {
            listeners.push(configs(listener, listener.acceptor.terms())?);
            for (options, _) in &listener.terms {
                let new = configs(listener, &listener.terms_with(options))?;
                lines.extend(new.map(|configs| (i, options.clone(), configs)));
            }
        }
        let servers = self.believers_of(name).map(|(files, server)| (server, self.files.trust(files)));
        Ok(Renewed { listeners, lines, servers: servers.collect() })
    }

    fn put(&mut self, renewed: Renewed) {
        for (listener, configs) in self.listeners.iter().zip(renewed.listeners) {
            if let Some(configs) = configs {
                listener.acceptor.adopt(configs);
            }
        }
        for (i, options, configs) in renewed.lines {
            self.listeners[i].terms.retain(|(o, _)| *o != options);
            self.listeners[i].terms.push((options, Arc::new(configs)));
            self.present(&self.listeners[i]);
        }
        for (server, trust) in renewed.servers {
            server.believe(trust);
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

    use super::*;

    /// An authority of this name.
    fn authority(name: &str) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn subjects(store: &Store, name: &str) -> Vec<String> {
        let text = store.show_file(FileKind::Ca, name).unwrap();
        text.lines().filter_map(|l| Some(l.strip_prefix("Subject: /CN=")?.to_owned())).collect()
    }

    #[test]
    fn a_new_file_is_filled_by_a_transaction() {
        let store = Store::default();
        let ca = FileKind::Ca;
        assert_eq!(store.new_file(ca, "a"), Ok("New CA file created 'a'!\n".to_owned()));
        assert!(store.new_file(FileKind::Crl, "a").unwrap_err().contains("already exists"));
        assert_eq!(store.show_file(ca, "a"), Ok(String::new()));
        let set = store.set_file(ca, "a", authority("one").as_bytes());
        assert_eq!(set, Ok("transaction created for CA a!\n".to_owned()));
        let added = store.add_to_file("a", authority("two").as_bytes());
        assert_eq!(added, Ok("transaction updated for CA a!\n".to_owned()));
        assert!(store.files(ca).starts_with("# transaction\n*a - 2 certificate(s)\n# filename\n"));
        assert!(store.delete_file(ca, "a").unwrap_err().contains("ongoing transaction"));
        assert_eq!(store.commit_file(ca, "a"), Ok("Committing a\nSuccess!\n".to_owned()));
        assert_eq!(subjects(&store, "a"), ["one", "two"]);
        assert_eq!(subjects(&store, "a:2"), ["two"]);
        assert!(
            store
                .show_file(ca, "a")
                .unwrap()
                .starts_with("Filename: a\nStatus: Unused\n \nCertificate #1:\n")
        );
        assert_eq!(store.delete_file(ca, "a"), Ok("CA file 'a' deleted!\n".to_owned()));
    }

    #[test]
    fn transactions_are_about_one_file() {
        let store = Store::default();
        let ca = FileKind::Ca;
        store.new_file(ca, "a").unwrap();
        store.new_file(ca, "b").unwrap();
        let pem = authority("one");
        assert!(store.set_file(ca, "c", pem.as_bytes()).unwrap_err().contains("not referenced"));
        assert_eq!(store.set_file(ca, "a", b"what").unwrap_err(), "Invalid payload\nCan't update a!\n");
        store.set_file(ca, "a", pem.as_bytes()).unwrap();
        for refused in
            [store.set_file(ca, "b", pem.as_bytes()), store.commit_file(ca, "b"), store.abort_file(ca, "b")]
        {
            assert!(refused.unwrap_err().starts_with("The ongoing transaction is about 'a'"));
        }
        store.abort_file(ca, "a").unwrap();
        assert_eq!(store.abort_file(ca, "a").unwrap_err(), "No ongoing transaction!\n");
    }

    #[test]
    fn short_names_come_first_but_for_the_last() {
        let store = Store::default();
        store.new_file(FileKind::Ca, "a").unwrap();
        let all = ["ccc", "bb", "Aa", "a"].map(authority).concat();
        store.set_file(FileKind::Ca, "a", all.as_bytes()).unwrap();
        assert_eq!(subjects(&store, "*a"), ["Aa", "bb", "ccc", "a"]);
        // What is there already is not added.
        store.add_to_file("a", all.as_bytes()).unwrap();
        assert_eq!(subjects(&store, "*a"), ["a", "Aa", "bb", "ccc"]);
    }
}
