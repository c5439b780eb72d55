//! From what the lines say to what connections need, once the whole configuration is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::registry::Registry;
use config::directive::Switch;
use config::{Check, Diagnostics, Draft, Mode, Setting};
use lang::converters::tokens::{self, Need};
use net::BindDrafts;

use crate::acceptor;
use crate::certificate::{Beside, Certificate, Files};
use crate::connector::{self, Connector};
use crate::crt_store::Loads;
use crate::forge::{Authority, Forge, Made};
use crate::frontend_list::{self, FrontendList};
use crate::issuers::Issuers;
use crate::line::{self, Line, Meaning, Names, Standing, path_of, resolved};
use crate::passphrase::PASSPHRASES;
use crate::profile;
use crate::records::RECORDS;
use crate::session::secrets::Keeping;
use crate::settings::{
    BindSettings, CheckUse, Defaults, EarlyRoom, Named, Naming, ServerSettings, Source, Use,
};
use crate::store::{
    Bases, FileKind, Name, NewListener, Origin, Placed, Store, Trouble, TrustFiles, Wanted, list_name,
};
use crate::told::Told;
use crate::updates;
use crate::verify::{Authorities, Verify};

/// The checks of this room.
pub static CHECKS: &[Check] = &[Check { name: "certificates", run: check_binds }];

/// The store, in the draft that it is filled from.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Store>);

impl Setting for Shared {}

impl Store {
    /// The certificates of a configuration that was read.
    pub fn of(draft: &Draft) -> Arc<Self> {
        draft.global::<Shared>().0
    }
}

/// What is said of a certificate, with the list and the line that say so.
struct Saying {
    name: Name,
    told: Told,
    line: Option<(Name, usize)>,
}

/// What the sources of a line come to.
#[derive(Default)]
struct Gathered {
    load: Vec<Wanted>,
    uses: Vec<Placed>,
    lists: Vec<Name>,
    /// What is said of certificates, with the line of the list that says so.
    says: Vec<Saying>,
}

fn check_binds(draft: &mut Draft, registry: &Registry, diagnostics: &mut Diagnostics) {
    let (defaults, room): (Defaults, EarlyRoom) = (defaults_of(draft, registry), draft.global());
    PASSPHRASES.settle(&defaults.passphrase);
    let store = draft.global.get_mut::<Shared>().0.clone();
    let (certificates, authorities) = (defaults.certificates.clone(), defaults.authorities.clone());
    let bases = Bases { certificates, authorities };
    store.settle(bases, defaults.extras, defaults.updates.clone(), draft.readings.speech);
    store.keep_ticket_keys(draft.global());
    let read = |directory: &PathBuf| read_chains(directory, diagnostics);
    let mut issuers = defaults.chains.as_ref().map(read).unwrap_or_default();
    issuers.sent = defaults.sent;
    store.complete_from(issuers);
    let loads = draft.global::<Loads>().0;
    let wrong = store.load(loads.iter().map(|(_, wanted)| wanted.clone()).collect());
    for (place, wanted) in &loads {
        if let Some(e) = wrong.get(&wanted.name) {
            diagnostics.alert_at(place, format!("'load' : {e}."));
        }
    }
    RECORDS.settle(defaults.records.0, defaults.records.1);
    updates::LIMIT.settle(defaults.updates_per_second.unwrap_or(updates::USUAL));
    let mut lines = Vec::new();
    // Later, the directory may be out of reach.
    if draft.proxies.iter().any(|p| p.slots.get::<BindDrafts>().is_some_and(|b| b.0.iter().any(is_encrypted)))
    {
        store.load_system();
    }
    for (p, proxy) in draft.proxies.iter().enumerate() {
        let Some(binds) = proxy.slots.get::<BindDrafts>() else { continue };
        for (b, bind) in binds.0.iter().enumerate() {
            let Some(settings) = bind.slots.get::<BindSettings>().filter(|s| s.ssl == Use::Yes) else {
                continue;
            };
            let own = proxy.slots.get::<FrontendList>().map(|list| (&*proxy.name, list));
            match gather(settings, own, &defaults, &store) {
                Ok(gathered) => lines.push((p, b, settings.clone(), gathered)),
                Err(why) => diagnostics.alert_at(&bind.place, title(&bind.written, &why)),
            }
        }
    }
    let wanted = lines.iter_mut().flat_map(|(.., gathered)| std::mem::take(&mut gathered.load)).collect();
    let wrong = store.load(wanted);
    load_for_tokens(&store, diagnostics);
    let made = Arc::new(Made::up_to(defaults.made.unwrap_or(MADE)));
    for (p, b, mut settings, gathered) in lines {
        let proxy = &mut draft.proxies[p];
        if proxy.mode == Mode::Http {
            settings.profile.protocols.get_or_insert_with(profile::usual_protocols);
        }
        let frontend = proxy.name.clone();
        let binds = proxy.slots.get_mut::<BindDrafts>();
        let Some(bind) = binds.0.get_mut(b).and_then(Arc::get_mut) else { continue };
        let failed = gathered.uses.iter().find_map(|placed| wrong.get(&placed.name));
        let terms = match failed {
            Some(e) => Err(e.to_string()),
            None => gathered.agree(&store).and_then(|()| terms(&settings, &defaults, room, &store)),
        };
        let names: Vec<_> = gathered.uses.iter().map(|placed| placed.name.clone()).collect();
        let place = format!("{}:{}", bind.place.file, bind.place.line);
        let (Gathered { uses, lists, .. }, written) = (gathered, bind.written.clone());
        let made = terms.and_then(|terms| {
            let forge = forge(&settings, &made)?;
            store.listen(NewListener { frontend, place, written, terms, forge, uses, lists })
        });
        match made {
            Ok(acceptor) => bind.slots.get_mut::<BindSettings>().acceptor = Some(acceptor),
            Err(why) => {
                diagnostics.alert_at(&bind.place, title(&bind.written, &why));
                continue;
            }
        }
        for trouble in store.staple(names.iter().map(|name| &**name)) {
            match trouble {
                Trouble::OfLine(why) => diagnostics.warning_at(&bind.place, title(&bind.written, &why)),
                Trouble::OfResponse(why) => diagnostics.warning(format!("config : {why}")),
            }
        }
    }
}

/// What is said for all lines, and what fetches need.
fn defaults_of(draft: &Draft, registry: &Registry) -> Defaults {
    let mut defaults: Defaults = draft.global();
    if lang::Wishes(registry.wishes()).contains(lang::Wishes::TLS_SECRETS)
        && defaults.secrets == Keeping::Nothing
    {
        defaults.secrets = Keeping::Greetings;
    }
    defaults
}

fn read_chains(directory: &Path, diagnostics: &mut Diagnostics) -> Issuers {
    match Issuers::read(directory) {
        Ok((issuers, wrong)) => {
            for why in wrong {
                diagnostics.warning(format!("config : {why}"));
            }
            issuers
        }
        Err(e) => {
            diagnostics.alert(format!("'issuers-chain-path' : '{}' : {e}.", directory.display()));
            Issuers::default()
        }
    }
}

/// Lets the certificates verify tokens that expressions name, and reads those that nobody else does.
fn load_for_tokens(store: &Arc<Store>, diagnostics: &mut Diagnostics) {
    let known = Arc::downgrade(store);
    tokens::look_up_with(move |name| known.upgrade().is_some_and(|store| store.knows(name)));
    for (name, need) in tokens::mentioned() {
        match (store.knows(&name), need) {
            (true, Need::Key) => continue,
            (true, Need::Certificate) => {
                let _ = store.switch_tokens(&name, Switch::On);
                continue;
            }
            (false, Need::Key) => {
                diagnostics.alert(format!("'jwt_decrypt_cert' : unknown certificate {name}."));
                continue;
            }
            (false, Need::Certificate) => {}
        }
        let beside = Beside::Told { key: None, ocsp: None, issuer: None };
        let files = Files { crt: path_of(&name), beside };
        let wanted = Wanted {
            name: name.clone(),
            files,
            origin: Origin::default(),
            told: Told::default(),
            tokens: Switch::On,
        };
        for (_, e) in store.load(vec![wanted]) {
            diagnostics.warning(format!("'jwt_verify_cert' : no token can be verified with '{name}' : {e}."));
        }
    }
}

fn is_encrypted(bind: &Arc<net::BindDraft>) -> bool {
    bind.slots.get::<BindSettings>().is_some_and(|s| s.ssl == Use::Yes)
}

fn title(written: &str, why: &str) -> String {
    format!("'bind {written}' : {why}.")
}

/// What a line wants to be loaded, and what it presents.
fn gather(
    settings: &BindSettings,
    own: Option<(&str, &FrontendList)>,
    defaults: &Defaults,
    store: &Store,
) -> Result<Gathered, String> {
    let mut all = Gathered::default();
    for source in &settings.sources {
        // The first is for those too who ask for nothing that is here: all of a bundle, or the first line of a list.
        let (begun, mut first) = (!all.uses.is_empty(), 1);
        match source {
            Source::File(named) if named.path.is_dir() => all.add_directory(named, defaults, store)?,
            Source::File(named) => first = all.add_file(named, Standing::Ordinary, defaults, store),
            Source::Default(named) => first = all.add_file(named, Standing::Default, defaults, store),
            Source::List(list) => all.add_list(list, defaults, store)?,
        }
        if !begun {
            all.uses.iter_mut().take(first).for_each(|placed| placed.meaning.default = Standing::Default);
        }
    }
    if let Some((frontend, list)) = own {
        let begun = !all.uses.is_empty();
        let lines = list.0.iter().map(|line| (0, line.clone())).collect();
        all.add_lines(&frontend_list::name_of(frontend), lines, defaults, store)?;
        if !begun {
            all.uses.iter_mut().take(1).for_each(|placed| placed.meaning.default = Standing::Default);
        }
    }
    if all.uses.is_empty() {
        return Err("No Private Key found, a 'crt' or 'crt-list' is needed with 'ssl'".to_owned());
    }
    Ok(all)
}

impl Gathered {
    /// Notes what a line says of a certificate.
    fn say(&mut self, name: &Name, told: Told, line: Option<(Name, usize)>) {
        self.says.push(Saying { name: name.clone(), told, line });
    }

    /// Whether all that is said of certificates goes together.
    fn agree(&self, store: &Store) -> Result<(), String> {
        for Saying { name, told, line } in &self.says {
            store.agree(name, told).map_err(|why| match line {
                Some((list, n)) => format!("'crt-list' : '{name}' in crt-list '{list}' line {n}, {why}"),
                None => format!("Can't load '{name}', {why}"),
            })?;
        }
        Ok(())
    }

    /// A file, or a bundle; returns how many they are.
    fn add_file(&mut self, named: &Named, default: Standing, defaults: &Defaults, store: &Store) -> usize {
        let bundled = bundle(&named.name, store);
        let count = bundled.len();
        for name in bundled {
            self.want(&name, defaults);
            self.say(&name, Told::by_name(), None);
            let meaning = Meaning { names: Names::Own, except: Vec::new(), default };
            self.uses.push(Placed { name, meaning, options: None, from: None });
        }
        count
    }

    fn want(&mut self, name: &str, defaults: &Defaults) {
        let files = Files { crt: path_of(name), beside: Beside::Sought(defaults.extras) };
        let origin = Origin::with_all_beside(name, defaults.extras);
        let (told, tokens) = (Told::by_file(name), Switch::Off);
        self.load.push(Wanted { name: name.into(), files, origin, told, tokens });
    }

    fn add_directory(&mut self, named: &Named, defaults: &Defaults, store: &Store) -> Result<(), String> {
        let directory = list_name(&named.name);
        let cannot =
            |e: std::io::Error| format!("'crt' : unable to scan directory '{}' ({e})", named.written);
        let entries = std::fs::read_dir(&named.path).map_err(cannot)?;
        let beside = |p: &Path| {
            p.extension().is_some_and(|e| ["key", "ocsp", "issuer", "sctl"].iter().any(|x| e == *x))
        };
        let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        files.retain(|p| p.is_file() && !beside(p));
        files.sort();
        let mut lines = Vec::new();
        for file in files.iter().filter_map(|p| p.file_name()) {
            let name: Name = format!("{directory}/{}", file.display()).into();
            self.want(&name, defaults);
            lines.extend(line::parse("-", None)?.map(|line| (0, name.clone(), line.of(&name))));
        }
        self.uses.extend(store.add_list(directory, lines));
        self.lists.push(directory.into());
        Ok(())
    }

    fn add_list(&mut self, named: &Named, defaults: &Defaults, store: &Store) -> Result<(), String> {
        let list = list_name(&named.written);
        let about = |why: String| format!("'crt-list' : {why}");
        let read = line::read(Path::new(&*named.written), defaults.authorities.as_deref()).map_err(about)?;
        self.add_lines(list, read, defaults, store)
    }

    fn add_lines(
        &mut self,
        list: &str,
        read: Vec<(usize, Line)>,
        defaults: &Defaults,
        store: &Store,
    ) -> Result<(), String> {
        let about = |why: String| format!("'crt-list' : {why}");
        let mut lines = Vec::new();
        for (number, line) in read {
            for (option, which) in line.options.files() {
                loaded(option, Some(which), store).map_err(about)?;
            }
            let name = resolved(&line.certificate, defaults.certificates.as_deref());
            let bundled = bundle(&name, store);
            for name in &bundled {
                if bundled.len() > 1 {
                    self.want(name, defaults);
                    self.load.iter_mut().rev().take(1).for_each(|wanted| wanted.told = line.told());
                } else {
                    self.want_line(name, &line, defaults);
                }
                self.say(name, line.told(), Some((list.into(), number)));
                lines.push((number, name.clone(), line.of(name)));
            }
        }
        self.uses.extend(store.add_list(list, lines));
        self.lists.push(list.into());
        Ok(())
    }

    fn want_line(&mut self, name: &Name, line: &Line, defaults: &Defaults) {
        let other = |file: &Option<Box<str>>| file.as_deref().map(path_of);
        let (key, ocsp, issuer) = (other(&line.key), other(&line.ocsp), other(&line.issuer));
        let told = key.is_some() || ocsp.is_some() || issuer.is_some() || line.tokens == Switch::On;
        let beside = if told { Beside::Told { key, ocsp, issuer } } else { Beside::Sought(defaults.extras) };
        let mut origin = vec![("Crt", name.to_string())];
        let others = [("Key", &line.key), ("OCSP", &line.ocsp), ("OCSP Issuer", &line.issuer)];
        origin.extend(others.iter().filter_map(|(kind, file)| Some((*kind, file.as_ref()?.to_string()))));
        let files = Files { crt: path_of(name), beside };
        let (name, origin, told) = (name.clone(), Origin(origin), line.told());
        self.load.push(Wanted { name, files, origin, told, tokens: line.tokens });
    }
}

/// The endings under which certificates of one name and several kinds of keys are kept.
const BUNDLE: &[&str] = &["ecdsa", "rsa", "dsa"];

/// The certificates that a name stands for: the one of that name, or those of a bundle.
fn bundle(name: &Name, store: &Store) -> Vec<Name> {
    if name.starts_with('@') || store.knows(name) || path_of(name).exists() {
        return vec![name.clone()];
    }
    let all = BUNDLE.iter().map(|ending| Name::from(format!("{name}.{ending}")));
    let found: Vec<_> = all.filter(|name| path_of(name).exists()).collect();
    // A file that is not there is an error with its own words.
    if found.is_empty() { vec![name.clone()] } else { found }
}

fn terms(
    settings: &BindSettings,
    defaults: &Defaults,
    room: EarlyRoom,
    store: &Store,
) -> Result<acceptor::Terms, String> {
    Ok(acceptor::Terms {
        profile: settings.profile.or(settings.defaults.as_ref().unwrap_or(&defaults.bind)),
        verify: settings.verify.unwrap_or(Verify::None),
        clients: clients(settings, store)?,
        strictness: settings.strictness.unwrap_or(defaults.bind_strictness),
        order: settings.order.unwrap_or(defaults.bind_order),
        capture: defaults.capture,
        cache: defaults.cache.unwrap_or(CACHE),
        lifetime: defaults.lifetime.unwrap_or(LIFETIME),
        ticket_keys: settings.ticket_keys.clone(),
        early: settings.early,
        early_room: room.0,
        secrets: defaults.secrets,
    })
}

/// What the certificates of a line's clients are held against.
fn clients(settings: &BindSettings, store: &Store) -> Result<acceptor::Clients, String> {
    let files = TrustFiles {
        authorities: loaded("ca-file", settings.authorities.as_ref(), store)?,
        verify_authorities: loaded("ca-verify-file", settings.verify_authorities.as_ref(), store)?,
        revocations: loaded("crl-file", settings.revocations.as_ref(), store)?,
    };
    Ok(acceptor::Clients { files, ignored: settings.ignored, told: settings.names })
}

/// The name of a file that is there from now on.
fn loaded(option: &str, authorities: Option<&Authorities>, store: &Store) -> Result<Option<Name>, String> {
    let kind = if option == "crl-file" { FileKind::Crl } else { FileKind::Ca };
    authorities.map(|which| store.load_file(which, kind)).transpose().map_err(|e| format!("'{option}' : {e}"))
}

/// What makes a line's certificates.
fn forge(settings: &BindSettings, made: &Arc<Made>) -> Result<Option<Forge>, String> {
    if settings.generate == Use::No {
        return Ok(None);
    }
    let Some(signer) = &settings.signer else {
        let why = "cannot enable certificate generation, no CA certificate File configured";
        return Err(why.to_owned());
    };
    let authority = Authority::load(&signer.path, settings.signer_password.as_deref()).map_err(|e| {
        format!("'ca-sign-file' : Failed to read CA certificate file '{}' : {e}", signer.written)
    })?;
    Ok(Some(Forge::new(authority, made)))
}

/// How many certificates are kept that were made (`tune.ssl.ssl-ctx-cache-size`).
const MADE: usize = 1000;

/// How many sessions a listener remembers (`tune.ssl.cachesize`).
const CACHE: usize = 20_000;

/// For how many seconds sessions are taken up again (`tune.ssl.lifetime`).
const LIFETIME: u32 = 300;

/// Makes what the connections to servers need.
pub struct ConnectorMaker {
    defaults: Defaults,
    store: Arc<Store>,
}

impl ConnectorMaker {
    /// By what a configuration says for all servers.
    pub fn of(draft: &Draft, registry: &Registry) -> Self {
        Self { defaults: defaults_of(draft, registry), store: Store::of(draft) }
    }

    /// The same for connections that serve the program itself, of which no fetch tells anything.
    pub fn of_program(draft: &Draft) -> Self {
        Self { defaults: draft.global(), store: Store::of(draft) }
    }

    /// What connections need that serve the program itself, by the arguments of `verify` and `ca-file`.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub fn of_client(&self, verify: Verify, authorities: &str) -> Result<Arc<Connector>, String> {
        let which = Authorities::named(authorities, self.defaults.authorities.as_deref());
        let files = if verify == Verify::None {
            None
        } else {
            let authorities = loaded("ca-file", Some(&which), &self.store)?;
            Some(TrustFiles { authorities, verify_authorities: None, revocations: None })
        };
        let connector = Arc::new(Connector::new(connector::Terms {
            profile: self.defaults.server.clone(),
            trust: files.as_ref().map(|files| self.store.trust(files)),
            host: None,
            certificate: None,
            reuse: connector::SessionReuse::Off,
            early: Use::No,
            secrets: Keeping::Nothing,
        })?);
        if let Some(files) = files {
            self.store.believe(files, &connector);
        }
        Ok(connector)
    }

    /// Completes a server's settings, where its connections are encrypted.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub fn complete(
        &self,
        settings: &mut ServerSettings,
        http: bool,
        registry: &Registry,
    ) -> Result<(), String> {
        if settings.ssl == Use::No && settings.checks != CheckUse::Always && settings.asked == Use::No {
            return Ok(());
        }
        let (connector, files) = connector(settings, &self.defaults, &self.store)?;
        let connector = Arc::new(connector);
        if let Some(files) = files {
            self.store.believe(files, &connector);
        }
        if let Some(named) = &settings.certificate {
            self.store.connect(&named.name, &connector);
        }
        settings.connector = Some(connector);
        if http && settings.name.is_none() && settings.naming == Naming::Auto {
            let host = lang::Expr::parse(b"req.hdr(host),field(1,:)", registry);
            settings.name = host.ok().map(Arc::new);
        }
        Ok(())
    }
}

fn connector(
    settings: &ServerSettings,
    defaults: &Defaults,
    store: &Store,
) -> Result<(Connector, Option<TrustFiles>), String> {
    let verify = settings.verify.or(defaults.server_verify).unwrap_or(Verify::Required);
    let authorities = loaded("ca-file", settings.authorities.as_ref(), store)?;
    let revocations = loaded("crl-file", settings.revocations.as_ref(), store)?;
    let files = match (verify, &authorities) {
        (Verify::None, _) => None,
        (_, Some(_)) => Some(TrustFiles { authorities, verify_authorities: None, revocations }),
        (_, None) => {
            return Err("verify is enabled by default but no CA file specified: give a 'ca-file', or 'verify none' where the server is certain to be the right one, or 'ssl-server-verify none' in the global section for all of them".to_owned());
        }
    };
    let certificate = settings.certificate.as_ref().map(|named| shown(named, defaults, store));
    let terms = connector::Terms {
        profile: settings.profile.or(settings.defaults.as_ref().unwrap_or(&defaults.server)),
        trust: files.as_ref().map(|files| store.trust(files)),
        host: settings.host.clone(),
        certificate: certificate.transpose()?,
        reuse: settings.reuse,
        early: settings.early,
        secrets: defaults.secrets,
    };
    Ok((Connector::new(terms)?, files))
}

/// The certificate that a server is shown.
fn shown(named: &Named, defaults: &Defaults, store: &Store) -> Result<Arc<Certificate>, String> {
    let mut gathered = Gathered::default();
    gathered.want(&named.name, defaults);
    if let Some(e) = store.load(gathered.load).get(&named.name) {
        return Err(format!("'crt' : {e}"));
    }
    store.certificate(&named.name).ok_or_else(|| format!("'crt' : No Private Key found in '{}'", named.name))
}
